//! What the recipe decides: verify what was answered, write, answer.

use super::ceremony::{self, Answer};
use super::model::{Credential, NewCredential, Options, RecoveryToken, Refusal};
use super::store;
use crate::crypto::digest::sha256_hex;
use crate::crypto::random;
use crate::ground::activity;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::guessing::service::{self as guessing, Secret as Guessed};
use crate::ground::users::model::{InfoKind, LoginMethod, User, WEBAUTHN};
use crate::ground::users::service::{self as users, AccountInfo, Found, InfoChange, Wanted};
use crate::{Cx, Error, Result};
use portcullis_db::Tx;
use portcullis_wire::{Cdi, Object};

type Verdict<T> = std::result::Result<T, Refusal>;

/// The length of challenges and of recovery tokens, in bytes.
const SECRET_LENGTH: usize = 32;

/// What options are made from, once it was checked.
#[derive(Debug)]
pub(super) struct NewOptions {
    pub(super) email: Option<String>,
    pub(super) relying_party_id: String,
    pub(super) relying_party_name: String,
    pub(super) origin: String,
    pub(super) timeout: i64,
    pub(super) user_verification: String,
    pub(super) user_presence: bool,
}

/// Makes options and keeps them.
pub(super) async fn create_options(cx: &Cx, new: NewOptions) -> Result<Options> {
    let options = Options {
        id: random::uuid(),
        tenant_id: cx.tenant_id().to_owned(),
        challenge: random::url_safe_token(SECRET_LENGTH),
        email: new.email,
        relying_party_id: new.relying_party_id,
        relying_party_name: new.relying_party_name,
        origin: new.origin,
        created_at: cx.now,
        expires_at: cx.now.saturating_add(new.timeout),
        user_verification: new.user_verification,
        user_presence: new.user_presence,
    };
    let mut tx = cx.db().write_one().await?;
    store::insert_options(&mut tx, cx.app_id(), &options).await?;
    // no event: options change nothing until they are answered
    tx.commit().await?;
    Ok(options)
}

/// The id of the oldest user with an address in the call's tenant, which authenticators are told.
pub(super) async fn find_known_user(cx: &Cx, email: &str) -> Result<Option<String>> {
    let wanted = Wanted { email: Some(email.to_owned()), ..Wanted::default() };
    let users = users::list_by_account_info(cx, &wanted, true).await?;
    Ok(users.into_iter().next().map(|user| user.id))
}

/// Options of the call's tenant.
pub(super) async fn find_options(cx: &Cx, id: &str) -> Result<Option<Options>> {
    let options = store::find_options(&mut cx.db().look_up().await?, cx.app_id(), id).await?;
    Ok(options.filter(|options| options.tenant_id == cx.tenant_id()))
}

/// Deletes options; false if there are none.
pub(super) async fn remove_options(cx: &Cx, id: &str) -> Result<bool> {
    let mut tx = cx.db().write_one().await?;
    let was_there = store::delete_options(&mut tx, &cx.scope, id).await?;
    // no event: options that were not answered have changed nothing
    tx.commit().await?;
    Ok(was_there)
}

fn check_not_expired(cx: &Cx, options: &Options) -> Verdict<()> {
    if options.expires_at < cx.now {
        return Err(Refusal::Options("Options expired".to_owned()));
    }
    Ok(())
}

/// A new passkey, and for which address it was made.
fn register(cx: &Cx, options: &Options, credential: &Object) -> Verdict<(String, NewCredential)> {
    let answer = Answer::read(credential)?;
    check_not_expired(cx, options)?;
    let email = options.email.clone();
    let email = email.ok_or_else(|| Refusal::Options("Options were made to sign in".to_owned()))?;
    Ok((email, ceremony::register(options, &answer)?))
}

/// The outcome of a sign-up.
#[derive(Debug)]
pub(super) enum SignUp {
    Done { found: Found, credential_id: String, options: Options },
    OptionsNotFound,
    Refused(Refusal),
    EmailTaken,
}

/// Creates a user with a passkey.
pub(super) async fn sign_up(cx: &Cx, options_id: &str, credential: &Object) -> Result<SignUp> {
    let Some(options) = find_options(cx, options_id).await? else { return Ok(SignUp::OptionsNotFound) };
    let (email, new) = match register(cx, &options, credential) {
        Ok(registered) => registered,
        Err(refusal) => return Ok(SignUp::Refused(refusal)),
    };
    let user_id = random::ordered_uuid(cx.now);
    let entry = audit::entry(cx, Event::new(Kind::WebauthnSignUp).with("email", email.as_str()));
    let mut own = vec![store::row(&options, &email, cx.now), store::credential_row(&options, &new, cx.now)];
    own.push(entry.row());
    own.extend(activity::first_touch(cx, &user_id));
    let user = users::NewUser {
        user_id: &user_id,
        recipe_id: WEBAUTHN,
        identity: AccountInfo::unique(InfoKind::Email, &email),
        further: None,
        time_joined: cx.now,
    };
    let mut tx = cx.db().write_one().await?;
    match users::insert_user(&mut tx, &cx.scope, user, &own).await {
        Ok(true) => {}
        Ok(false) => return Ok(SignUp::EmailTaken),
        Err(Error::Db(portcullis_db::Error::Duplicate(_))) => {
            let text = "The credential is registered already";
            return Ok(SignUp::Refused(Refusal::Credentials(text.to_owned())));
        }
        Err(error) => return Err(error),
    }
    audit::commit_logged(cx, tx).await?;
    activity::touch_new(cx, &user_id).await;
    let found = users::find_certain(&mut cx.db().look_up().await?, cx.app_id(), &user_id).await?;
    Ok(SignUp::Done { found, credential_id: new.id, options })
}

/// The outcome of a sign-in.
#[derive(Debug)]
pub(super) enum SignIn {
    Done(Found),
    OptionsNotFound,
    CredentialNotFound,
    Refused(Refusal),
}

/// Checks a passkey. From CDI 5.5 on the options are used up by the sign-in that succeeds; before, callers
/// need them afterwards, and some ask about the same answer twice.
pub(super) async fn sign_in(cx: &Cx, options_id: &str, credential: &Object) -> Result<SignIn> {
    let Some(options) = find_options(cx, options_id).await? else { return Ok(SignIn::OptionsNotFound) };
    let answer = match Answer::read(credential) {
        Ok(answer) => answer,
        Err(refusal) => return Ok(SignIn::Refused(refusal)),
    };
    let attempt = guessing::attempt(cx, Guessed::Passkey, None).await?;
    let outcome = check(cx, &options, &answer).await?;
    match &outcome {
        // Who was too slow has tried nothing.
        SignIn::Refused(Refusal::Options(_)) => attempt.is_void(cx).await,
        outcome => attempt.ended(cx, matches!(outcome, SignIn::Done(_))).await,
    }
    if let SignIn::Done(found) = &outcome {
        activity::touch(cx, &found.user.id).await;
    }
    Ok(outcome)
}

async fn check(cx: &Cx, options: &Options, answer: &Answer<'_>) -> Result<SignIn> {
    let mut tx = cx.db().look_up().await?;
    let stored = store::find_credential(&mut tx, cx.app_id(), &options.relying_party_id, answer.id).await?;
    let Some(stored) = stored else { return Ok(SignIn::CredentialNotFound) };
    let found = users::find_certain(&mut tx, cx.app_id(), &stored.user_id).await?;
    if !is_member(cx, &found, &stored) {
        return Ok(SignIn::CredentialNotFound);
    }
    let uses_up = cx.cdi >= Cdi::V5_5;
    let earlier = if uses_up { None } else { store::find_assertion(&mut tx, &cx.scope, &options.id).await? };
    drop(tx);
    let verified = match verify(cx, (options, &stored), answer, earlier.as_deref()) {
        Ok(verified) => verified,
        Err(refusal) => return Ok(SignIn::Refused(refusal)),
    };
    let mut tx = cx.db().write().await?;
    if uses_up && !store::delete_options(&mut tx, &cx.scope, &options.id).await? {
        return Ok(SignIn::OptionsNotFound);
    }
    if let Err(refusal) = note(cx, &mut tx, (options, &stored), &verified).await? {
        return Ok(SignIn::Refused(refusal));
    }
    let event = Event::new(Kind::WebauthnSignIn).of(&found.recipe_user_id, found.user.public_id());
    audit::commit(cx, tx, vec![event.with("credential", stored.id.as_str())]).await?;
    Ok(SignIn::Done(found))
}

/// What a sign-in proved.
struct Verified {
    counter: i64,
    /// Whether the very same answer came before, and may come a second time.
    is_second: bool,
    fingerprint: String,
}

fn verify(
    cx: &Cx,
    (options, stored): (&Options, &Credential),
    answer: &Answer<'_>,
    earlier: Option<&str>,
) -> Verdict<Verified> {
    check_not_expired(cx, options)?;
    let fingerprint = answer.fingerprint()?;
    let is_second = earlier == Some(fingerprint.as_str());
    let counter = ceremony::authenticate(options, stored, answer, is_second)?;
    Ok(Verified { counter, is_second, fingerprint })
}

/// Moves the counter on, and keeps that the options were answered, unless another call has done so since.
async fn note(
    cx: &Cx,
    tx: &mut Tx,
    (options, stored): (&Options, &Credential),
    verified: &Verified,
) -> Result<Verdict<()>> {
    let fingerprint = &verified.fingerprint;
    let is_new = if verified.is_second {
        store::spend_assertion(tx, &cx.scope, &options.id, fingerprint).await?
    } else if !store::update_counter(tx, cx.app_id(), stored, verified.counter, cx.now).await? {
        return Ok(Err(ceremony::stale_counter()));
    } else if cx.cdi >= Cdi::V5_5 {
        true
    } else if verified.counter > 0 {
        store::upsert_assertion(tx, &cx.scope, &options.id, fingerprint).await?;
        true
    } else {
        // Without a counter, nothing tells a newer answer from one that was overheard.
        store::insert_assertion(tx, &cx.scope, &options.id, fingerprint).await?
    };
    Ok(if is_new { Ok(()) } else { Err(ceremony::repeated()) })
}

/// Whether the passkey's login method is there and works in the call's tenant.
fn is_member(cx: &Cx, found: &Found, stored: &Credential) -> bool {
    let method = found.user.method(&stored.user_id).filter(|method| method.recipe_id == WEBAUTHN);
    method.is_some_and(|method| method.tenant_ids.iter().any(|id| id == cx.tenant_id()))
}

/// The outcome of adding a passkey.
#[derive(Debug)]
pub(super) enum Registration {
    Done { credential_id: String, email: String, options: Options },
    OptionsNotFound,
    Refused(Refusal),
    CredentialTaken,
    UnknownUser,
}

/// Adds a passkey to a user. Callers name no tenant here, so the options may be of any tenant of the app.
pub(super) async fn register_credential(
    cx: &Cx,
    id: &str,
    options_id: &str,
    credential: &Object,
) -> Result<Registration> {
    let options = store::find_options(&mut cx.db().look_up().await?, cx.app_id(), options_id).await?;
    let Some(options) = options else { return Ok(Registration::OptionsNotFound) };
    let (email, new) = match register(cx, &options, credential) {
        Ok(registered) => registered,
        Err(refusal) => return Ok(Registration::Refused(refusal)),
    };
    let mut tx = cx.db().write().await?;
    let Some((user, own)) = users::find_locked(&mut tx, cx.app_id(), (id, WEBAUTHN)).await? else {
        return Ok(Registration::UnknownUser);
    };
    let added = (own.user_id.as_str(), &options, &new);
    if !store::insert_credential(&mut tx, cx.app_id(), added, cx.now).await? {
        return Ok(Registration::CredentialTaken);
    }
    let event = Event::new(Kind::WebauthnCredentialCreated).of(own.public_id(), user.public_id());
    audit::commit(cx, tx, vec![event.about(new.id.as_str())]).await?;
    Ok(Registration::Done { credential_id: new.id, email, options })
}

/// The passkeys of a user, by any id; none of an unknown one.
pub(super) async fn list_credentials(cx: &Cx, id: &str) -> Result<Vec<Credential>> {
    let mut tx = cx.db().look_up().await?;
    let Some(row) = users::find_row(&mut tx, cx.app_id(), id).await? else { return Ok(Vec::new()) };
    store::list_credentials(&mut tx, cx.app_id(), &row.user_id).await
}

/// A passkey of a user.
pub(super) async fn find_credential(cx: &Cx, id: &str, credential_id: &str) -> Result<Option<Credential>> {
    let credentials = list_credentials(cx, id).await?;
    Ok(credentials.into_iter().find(|credential| credential.id == credential_id))
}

/// Takes a passkey from a user; false if the user has no such one. It may be the last.
pub(super) async fn remove_credential(cx: &Cx, id: &str, credential_id: &str) -> Result<bool> {
    let mut tx = cx.db().write().await?;
    let Some(row) = users::find_row(&mut tx, cx.app_id(), id).await? else { return Ok(false) };
    let was_there = store::delete_credential(&mut tx, cx.app_id(), &row.user_id, credential_id).await?;
    let (own_id, user_id) = users::public_ids(&mut tx, cx.app_id(), id).await?;
    let event = Event::new(Kind::WebauthnCredentialDeleted).of(own_id, user_id).about(credential_id);
    audit::commit(cx, tx, was_there.then_some(event).into_iter().collect()).await?;
    Ok(was_there)
}

/// Makes a token to get an account back with, for a user of any recipe; `None` if there is no such user.
pub(super) async fn create_recovery_token(cx: &Cx, id: &str, email: String) -> Result<Option<String>> {
    let row = users::find_row(&mut cx.db().look_up().await?, cx.app_id(), id).await?;
    let Some(user_id) = row.map(|row| row.user_id) else { return Ok(None) };
    let token = random::url_safe_token(SECRET_LENGTH);
    let expires_at = cx.now + cx.config().webauthn_recover_account_token_lifetime_ms;
    let mut tx = cx.db().write_one().await?;
    let row = RecoveryToken { user_id, email, expires_at };
    store::insert_token(&mut tx, &cx.scope, &sha256_hex(&token), &row).await?;
    // no event: a token changes nothing until it is used
    tx.commit().await?;
    Ok(Some(token))
}

/// Uses a token up, and with it all others of its address; answers the user's public id and the address.
/// `None` if it is unknown, used or expired.
pub(super) async fn consume_recovery_token(cx: &Cx, token: &str) -> Result<Option<(String, String)>> {
    let attempt = guessing::attempt(cx, Guessed::RecoveryToken, None).await?;
    let taken = take_recovery_token(cx, token).await?;
    attempt.ended(cx, taken.is_some()).await;
    Ok(taken)
}

async fn take_recovery_token(cx: &Cx, token: &str) -> Result<Option<(String, String)>> {
    let hash = sha256_hex(token);
    let mut tx = cx.db().write().await?;
    let row = store::find_token(&mut tx, &cx.scope, &hash).await?;
    let Some(row) = row.filter(|row| row.expires_at >= cx.now) else { return Ok(None) };
    if !store::delete_tokens(&mut tx, &cx.scope, &row.email, &hash).await? {
        return Ok(None);
    }
    let found = users::find_certain(&mut tx, cx.app_id(), &row.user_id).await?;
    let event = Event::new(Kind::WebauthnRecoveryTokenUsed).of(&found.recipe_user_id, found.user.public_id());
    audit::commit(cx, tx, vec![event.with("email", row.email.as_str())]).await?;
    Ok(Some((found.recipe_user_id, row.email)))
}

/// Whose token it is, and that user's login method of the recipe in the call's tenant, by its public id.
pub(super) async fn find_recovering_user(cx: &Cx, token: &str) -> Result<Option<(User, Option<String>)>> {
    let attempt = guessing::attempt(cx, Guessed::RecoveryToken, None).await?;
    let found = find_by_token(cx, token).await?;
    attempt.ended(cx, found.is_some()).await;
    Ok(found)
}

async fn find_by_token(cx: &Cx, token: &str) -> Result<Option<(User, Option<String>)>> {
    let mut tx = cx.db().look_up().await?;
    let row = store::find_token(&mut tx, &cx.scope, &sha256_hex(token)).await?;
    let Some(row) = row.filter(|row| row.expires_at >= cx.now) else { return Ok(None) };
    let Some(user) = users::find_in(&mut tx, cx.app_id(), &row.user_id).await? else { return Ok(None) };
    let is_here = |method: &&LoginMethod| {
        method.recipe_id == WEBAUTHN && method.tenant_ids.iter().any(|id| id == cx.tenant_id())
    };
    let methods = || user.login_methods.iter().filter(is_here);
    let of_address = methods().find(|method| method.email.as_ref() == Some(&row.email));
    let own = of_address.or_else(|| methods().next_back()).map(|method| method.public_id().to_owned());
    Ok(Some((user, own)))
}

/// The outcome of a change of address.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EmailUpdate {
    Updated,
    UnknownUser,
    Taken,
    NotAllowed,
}

/// Changes a user's address in every tenant.
pub(super) async fn update_email(cx: &Cx, id: &str, email: &str) -> Result<EmailUpdate> {
    let mut tx = cx.db().write().await?;
    let Some((user, own)) = users::find_locked(&mut tx, cx.app_id(), (id, WEBAUTHN)).await? else {
        return Ok(EmailUpdate::UnknownUser);
    };
    let change = users::change_info(&mut tx, cx.app_id(), (&user, &own), InfoKind::Email, Some(email));
    match change.await? {
        InfoChange::Done => {}
        InfoChange::Taken => return Ok(EmailUpdate::Taken),
        InfoChange::NotAllowed => return Ok(EmailUpdate::NotAllowed),
    }
    store::update_email(&mut tx, cx.app_id(), &own.user_id, email).await?;
    // Links that were sent to the address before.
    store::delete_tokens_of(&mut tx, cx.app_id(), &own.user_id).await?;
    let event = users::info_changed(&user, &own, InfoKind::Email, Some(email));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    Ok(EmailUpdate::Updated)
}
