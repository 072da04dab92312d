//! What the recipe decides: prepare (hash), write, answer.

use super::model::{RECIPE_ID, ResetToken};
use super::store;
use crate::crypto::digest::{Secret, sha256_hex};
use crate::crypto::password_hash::{self, Kind as HashKind};
use crate::crypto::password_pool::PoolError;
use crate::crypto::random;
use crate::ground::activity;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::guessing::service::{self as guessing, Secret as Guessed};
use crate::ground::users::model::{InfoKind, LoginMethod, User, is_fake_email};
use crate::ground::users::service::{self as users, AccountInfo, Found, InfoChange};
use crate::{Cx, Result};
use portcullis_db::Tx;

/// Creates a user with a normalised address; `None` if the tenant has one with it.
pub(super) async fn sign_up(cx: &Cx, email: &str, password: Secret) -> Result<Option<Found>> {
    let hash = cx.app.passwords.hash(password, cx.config().hashing).await?;
    let user_id = random::ordered_uuid(cx.now);
    let verified = is_fake_email(email);
    let entry = audit::entry(cx, Event::new(Kind::EmailPasswordSignUp).with("email", email));
    let mut own = vec![store::row(email, &hash, cx.now), entry.row()];
    own.extend(activity::first_touch(cx, &user_id));
    own.extend(verified.then(|| users::verified_email_row(email)));
    let mut tx = cx.db().write_one().await?;
    if !users::insert_user(&mut tx, &cx.scope, new_user(cx, &user_id, email), &own).await? {
        return Ok(None);
    }
    audit::commit_logged(cx, tx).await?;
    activity::touch_new(cx, &user_id).await;
    Ok(Some(Found::alone(LoginMethod {
        tenant_ids: vec![cx.tenant_id().to_owned()],
        email: Some(email.to_owned()),
        verified,
        ..LoginMethod::new(RECIPE_ID, &user_id, cx.now)
    })))
}

fn new_user<'a>(cx: &Cx, user_id: &'a str, email: &'a str) -> users::NewUser<'a> {
    users::NewUser {
        user_id,
        recipe_id: RECIPE_ID,
        identity: AccountInfo::unique(InfoKind::Email, email),
        further: None,
        time_joined: cx.now,
    }
}

/// Why a password may not be chosen, in words for its owner.
pub(super) fn fault_of_password(cx: &Cx, password: &str) -> Option<String> {
    cx.app.known_passwords.fault(password, cx.config().refuse_common_passwords).map(str::to_owned)
}

/// Checks address and password; `None` if they do not fit. A hash made by older settings is renewed.
pub(super) async fn sign_in(cx: &Cx, email: &str, password: Secret) -> Result<Option<Found>> {
    let attempt = guessing::attempt(cx, Guessed::Password, Some(email)).await?;
    let claimant =
        users::find_claimant(&mut cx.db().look_up().await?, &cx.scope, store::PASSWORD_HASH, email).await?;
    let Some(claimant) = claimant else {
        // An unknown address costs as much as a known one, so that the time does not tell them apart.
        cx.app.passwords.hash(password, cx.config().hashing).await?;
        return Ok(None);
    };
    let stored = claimant.own.as_str();
    let firebase_key = cx.config().firebase_signer_key.clone();
    if !cx.app.passwords.verify(password.clone(), stored.to_owned(), firebase_key).await? {
        return Ok(None);
    }
    attempt.ended(cx, true).await;
    if password_hash::needs_rehash(stored, &cx.config().hashing) {
        rehash(cx, &claimant.user_id, stored, password).await?;
    }
    let event = Event::new(Kind::EmailPasswordSignIn).with("email", email);
    let found = claimant.sign_in(cx, event).await?;
    activity::touch(cx, &found.user.id).await;
    Ok(Some(found))
}

async fn rehash(cx: &Cx, user_id: &str, old: &str, password: Secret) -> Result<()> {
    let new = cx.app.passwords.hash(password, cx.config().hashing).await?;
    let mut tx = cx.db().write_one().await?;
    store::replace_hash(&mut tx, cx.app_id(), user_id, old, &new).await?;
    // no event: the password is what it was
    tx.commit().await?;
    Ok(())
}

/// The internal id of a user of any recipe.
pub(super) async fn find_user_id(cx: &Cx, id: &str) -> Result<Option<String>> {
    let row = users::find_row(&mut cx.db().look_up().await?, cx.app_id(), id).await?;
    Ok(row.map(|row| row.user_id))
}

/// Whom an id names, for callers who know nothing of linked login methods.
#[derive(Debug)]
pub(super) enum Alone {
    /// A user of this recipe.
    User { user_id: String, email: Option<String> },
    /// Nobody, or a user of another recipe.
    Unknown,
    /// A user with several login methods.
    Linked,
}

/// Finds a user of this recipe who has no other login method.
pub(super) async fn find_alone(cx: &Cx, id: &str) -> Result<Alone> {
    let user = users::find_in(&mut cx.db().look_up().await?, cx.app_id(), id).await?;
    Ok(match user.map(|user| user.login_methods).unwrap_or_default().as_slice() {
        [own] if own.recipe_id == RECIPE_ID => {
            Alone::User { user_id: own.user_id.clone(), email: own.email.clone() }
        }
        [] | [_] => Alone::Unknown,
        _ => Alone::Linked,
    })
}

/// Makes a reset token.
pub(super) async fn create_reset_token(cx: &Cx, user_id: String, email: Option<String>) -> Result<String> {
    let token = random::verification_token();
    let expires_at = cx.now + cx.config().password_reset_token_lifetime_ms;
    let row = ResetToken { user_id, email, expires_at };
    let mut tx = cx.db().write_one().await?;
    store::insert_token(&mut tx, cx.app_id(), &sha256_hex(&token), &row).await?;
    // no event: a token changes nothing until it is used
    tx.commit().await?;
    Ok(token)
}

/// Uses a token up; answers the user's public id and the address it was made for. `None` if it is
/// unknown, used or expired; an expired one takes the user's other tokens with it.
pub(super) async fn consume_reset_token(cx: &Cx, token: &str) -> Result<Option<(String, String)>> {
    let attempt = guessing::attempt(cx, Guessed::ResetToken, None).await?;
    let mut tx = cx.db().write().await?;
    let taken = take_token(cx, &mut tx, token).await?;
    let event = taken.as_ref().map(|taken| taken.event(Kind::PasswordResetTokenUsed));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    let used = taken.and_then(|taken| Some((taken.email()?, taken.found.recipe_user_id)));
    attempt.ended(cx, used.is_some()).await;
    Ok(used.map(|(email, user_id)| (user_id, email)))
}

/// A token that was good, and is gone.
struct Taken {
    /// The internal id of the login method that it was made for.
    user_id: String,
    found: Found,
    email: Option<String>,
}

impl Taken {
    /// The login method that it was made for, if it has a password.
    fn own(&self) -> Option<&LoginMethod> {
        self.found.user.method(&self.user_id).filter(|method| method.recipe_id == RECIPE_ID)
    }

    /// The address that it was made for. Old rows have none: they were made for users with one login method.
    fn email(&self) -> Option<String> {
        let alone = self.own().filter(|_| self.found.user.login_methods.len() == 1);
        self.email.clone().or_else(|| alone?.email.clone())
    }

    fn event(&self, kind: Kind) -> Event {
        Event::new(kind).of(&self.found.recipe_user_id, self.found.user.public_id())
    }
}

async fn take_token(cx: &Cx, tx: &mut Tx, token: &str) -> Result<Option<Taken>> {
    let hash = sha256_hex(token);
    let Some(row) = store::find_token(tx, cx.app_id(), &hash).await? else { return Ok(None) };
    users::lock_row(tx, cx.app_id(), &row.user_id).await?;
    let was_there = store::delete_tokens(tx, cx.app_id(), &row.user_id, &hash).await?;
    if !was_there || row.expires_at < cx.now {
        return Ok(None);
    }
    let found = users::find_certain(tx, cx.app_id(), &row.user_id).await?;
    Ok(Some(Taken { user_id: row.user_id, found, email: row.email }))
}

/// Uses a token up and changes the password in one unit of work; answers the user's public id.
pub(super) async fn reset_password(cx: &Cx, token: &str, password: Secret) -> Result<Option<String>> {
    let attempt = guessing::attempt(cx, Guessed::ResetToken, None).await?;
    let hash = cx.app.passwords.hash(password, cx.config().hashing).await?;
    let mut tx = cx.db().write().await?;
    let taken = take_token(cx, &mut tx, token).await?;
    let mut events = Vec::new();
    if let Some(taken) = &taken {
        events.push(taken.event(Kind::PasswordResetTokenUsed));
        if let Some(own) = taken.own() {
            store::update_hash(&mut tx, cx.app_id(), &own.user_id, &hash).await?;
            events.push(taken.event(Kind::PasswordChanged));
        }
    }
    audit::commit(cx, tx, events).await?;
    attempt.ended(cx, taken.is_some()).await;
    Ok(taken.map(|taken| taken.found.recipe_user_id))
}

/// The outcome of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UpdateOutcome {
    Updated,
    UnknownUser,
    EmailTaken,
    EmailChangeNotAllowed,
}

/// Changes address and password together or not at all.
pub(super) async fn update_user(
    cx: &Cx,
    id: &str,
    email: Option<&str>,
    password: Option<Secret>,
) -> Result<UpdateOutcome> {
    let hash = match password {
        Some(password) => Some(cx.app.passwords.hash(password, cx.config().hashing).await?),
        None => None,
    };
    let mut tx = cx.db().write().await?;
    let Some((user, own)) = users::find_locked(&mut tx, cx.app_id(), (id, RECIPE_ID)).await? else {
        return Ok(UpdateOutcome::UnknownUser);
    };
    let mut events = Vec::new();
    if let Some(email) = email.filter(|email| own.email.as_deref() != Some(email)) {
        let changed = users::change_info(&mut tx, cx.app_id(), (&user, &own), InfoKind::Email, Some(email));
        match changed.await? {
            InfoChange::Done => store::update_email(&mut tx, cx.app_id(), &own.user_id, email).await?,
            InfoChange::Taken => return Ok(UpdateOutcome::EmailTaken),
            InfoChange::NotAllowed => return Ok(UpdateOutcome::EmailChangeNotAllowed),
        }
        events.extend(users::info_changed(&user, &own, InfoKind::Email, Some(email)));
    }
    if let Some(hash) = hash {
        store::update_hash(&mut tx, cx.app_id(), &own.user_id, &hash).await?;
        events.push(Event::new(Kind::PasswordChanged).of(own.public_id(), user.public_id()));
    }
    if !events.is_empty() {
        // Links that were sent to the address before, or before somebody was shut out by a new password.
        store::delete_tokens_of(&mut tx, cx.app_id(), &own.user_id).await?;
    }
    audit::commit(cx, tx, events).await?;
    Ok(UpdateOutcome::Updated)
}

/// The user with an address in the call's tenant.
pub(super) async fn find_by_email(cx: &Cx, email: &str) -> Result<Option<User>> {
    let mut tx = cx.db().read().await?;
    let Some(user_id) = store::find_id(&mut tx, &cx.scope, email).await? else { return Ok(None) };
    users::find_in(&mut tx, cx.app_id(), &user_id).await
}

/// The user with an id, with its emailpassword login method only.
pub(super) async fn find_by_id(cx: &Cx, id: &str) -> Result<Option<User>> {
    users::find_method(cx, id, RECIPE_ID).await
}

/// Creates a user with a hash, or gives the hash to the one who is there; true if there was one.
pub(super) async fn import_user(
    cx: &Cx,
    email: &str,
    (hash, kind): (&str, HashKind),
) -> Result<(User, bool)> {
    if kind == HashKind::FirebaseScrypt && cx.config().firebase_signer_key.is_none() {
        // Nobody could sign in with it.
        return Err(PoolError::MissingFirebaseKey.into());
    }
    let mut tx = cx.db().write().await?;
    let known = store::find_id(&mut tx, &cx.scope, email).await?;
    let (user_id, was_there) = if let Some(user_id) = known {
        store::update_hash(&mut tx, cx.app_id(), &user_id, hash).await?;
        (user_id, true)
    } else {
        let user_id = random::ordered_uuid(cx.now);
        let new = new_user(cx, &user_id, email);
        if !users::insert_user(&mut tx, &cx.scope, new, &[store::row(email, hash, cx.now)]).await? {
            // Another call made the user since: the whole call is tried again.
            return Err(portcullis_db::Error::Busy.into());
        }
        (user_id, false)
    };
    let found = users::find_certain(&mut tx, cx.app_id(), &user_id).await?;
    let kind = if was_there { Kind::PasswordChanged } else { Kind::UserImported };
    let event = Event::new(kind).of(&found.recipe_user_id, found.user.public_id()).with("email", email);
    audit::commit(cx, tx, vec![event]).await?;
    Ok((found.user, was_there))
}
