//! What the recipe decides.

use super::store;
use crate::crypto::digest::sha256_hex;
use crate::crypto::random;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::guessing::service::{self as guessing, Secret as Guessed};
use crate::ground::users::service as users;
use crate::{Cx, Result};
use portcullis_db::Tx;

/// Makes a token for an address; `None` if it is verified already.
pub(super) async fn create_token(cx: &Cx, user_id: &str, email: &str) -> Result<Option<String>> {
    if store::is_verified(&mut cx.db().look_up().await?, cx.app_id(), user_id, email).await? {
        return Ok(None);
    }
    let token = random::verification_token();
    let expires_at = cx.now + cx.config().email_verification_token_lifetime_ms;
    let mut tx = cx.db().write_one().await?;
    store::insert_token(&mut tx, &cx.scope, (user_id, email), &sha256_hex(&token), expires_at).await?;
    // no event: a token changes nothing until it is used
    tx.commit().await?;
    Ok(Some(token))
}

/// Uses a token up; answers the user and the address that are verified now. An expired token takes the
/// others of its address with it.
pub(super) async fn verify(cx: &Cx, token: &str) -> Result<Option<(String, String)>> {
    let attempt = guessing::attempt(cx, Guessed::VerificationToken, None).await?;
    let verified = take(cx, token).await?;
    attempt.ended(cx, verified.is_some()).await;
    Ok(verified)
}

async fn take(cx: &Cx, token: &str) -> Result<Option<(String, String)>> {
    let hash = sha256_hex(token);
    let found = store::find_token(&mut cx.db().look_up().await?, &cx.scope, &hash).await?;
    let Some((user_id, email)) = found else { return Ok(None) };
    let mut tx = cx.db().write().await?;
    let taken = store::delete_tokens(&mut tx, &cx.scope, &user_id, &email).await?;
    let Some((_, expires_at)) = taken.into_iter().find(|(own, _)| *own == hash) else {
        // Used by another call since; or kept under another id since, and then the whole call is tried again.
        let found = store::find_token(&mut tx, &cx.scope, &hash).await?;
        return found.map_or(Ok(None), |_| Err(portcullis_db::Error::Busy.into()));
    };
    let mut events = Vec::new();
    if expires_at >= cx.now {
        users::insert_verified_email(&mut tx, cx.app_id(), &user_id, &email).await?;
        events.push(about(cx, &mut tx, Kind::EmailVerified, (&user_id, &email)).await?);
    }
    let in_time = !events.is_empty();
    audit::commit(cx, tx, events).await?;
    Ok(in_time.then_some((user_id, email)))
}

/// Whether an address, exactly as written, is verified.
pub(super) async fn is_verified(cx: &Cx, user_id: &str, email: &str) -> Result<bool> {
    store::is_verified(&mut cx.db().look_up().await?, cx.app_id(), user_id, email).await
}

/// Ends every token of an address.
pub(super) async fn remove_tokens(cx: &Cx, user_id: &str, email: &str) -> Result<()> {
    let mut tx = cx.db().write_one().await?;
    store::delete_tokens(&mut tx, &cx.scope, user_id, email).await?;
    // no event: tokens that were not used have changed nothing
    Ok(tx.commit().await?)
}

/// Forgets that an address was verified.
pub(super) async fn unverify(cx: &Cx, user_id: &str, email: &str) -> Result<()> {
    let event = about(cx, &mut cx.db().look_up().await?, Kind::EmailUnverified, (user_id, email)).await?;
    let entry = audit::entry(cx, event);
    store::delete_verified(cx.db().write_one().await?, cx.app_id(), (user_id, email), entry).await
}

/// Nobody checks whose address it is, or whether there is such a user.
async fn about(cx: &Cx, tx: &mut Tx, kind: Kind, (user_id, email): (&str, &str)) -> Result<Event> {
    let (own_id, user_id) = users::public_ids(tx, cx.app_id(), user_id).await?;
    Ok(Event::new(kind).of(own_id, user_id).with("email", email))
}
