//! What the recipe decides: prepare (hash), write, answer.

use super::model::{self, DashboardSession, DashboardUser, SESSION_MS, Whom};
use super::store;
use crate::config::{self, Key, Owner};
use crate::crypto::digest::Secret;
use crate::crypto::{password_hash, random};
use crate::ground::audit::{self, Event, Kind};
use crate::ground::guessing::service::{self as guessing, Secret as Guessed};
use crate::{Cx, Error, Result};
use serde_json::Value;

/// Why a password may not be chosen, in words for its owner.
pub(super) fn fault_of_password(cx: &Cx, password: &str) -> Option<String> {
    let known = || cx.app.known_passwords.fault(password, cx.config().refuse_common_passwords);
    model::fault_of_password(password).or_else(known).map(str::to_owned)
}

/// Makes a user with a normalised address; `None` if another one has it.
pub(super) async fn create_user(cx: &Cx, email: String, password: Secret) -> Result<Option<DashboardUser>> {
    let whom = Whom::Email(email.clone());
    if store::find_user(&mut cx.app_db().look_up().await?, cx.app_id(), &whom).await?.is_some() {
        return Ok(None);
    }
    let password_hash = cx.app.passwords.hash(password, cx.config().hashing).await?;
    let user = DashboardUser { user_id: random::uuid(), email, password_hash, time_joined: cx.now };
    let entry = audit::entry(cx, about(Kind::DashboardUserCreated, &user));
    let is_new = store::insert_user(cx.app_db().write_one().await?, cx.app_id(), &user, entry).await?;
    Ok(is_new.then_some(user))
}

/// The dashboard's users are no users of the app: no event names them as such.
fn about(kind: Kind, user: &DashboardUser) -> Event {
    Event::new(kind).with("email", user.email.as_str()).detail("dashboardUser", user.user_id.as_str())
}

/// The outcome of a change.
#[derive(Debug)]
pub(super) enum Updated {
    Done(DashboardUser),
    UnknownUser,
    EmailTaken,
}

/// Changes address and password together or not at all, and ends the user's sessions.
pub(super) async fn update_user(
    cx: &Cx,
    whom: &Whom,
    email: Option<String>,
    password: Option<Secret>,
) -> Result<Updated> {
    let hash = match password {
        Some(password) => Some(cx.app.passwords.hash(password, cx.config().hashing).await?),
        None => None,
    };
    let mut tx = cx.app_db().write().await?;
    let Some(mut user) = store::lock_user(&mut tx, cx.app_id(), whom).await? else {
        return Ok(Updated::UnknownUser);
    };
    let (new_email, new_password) = (email.is_some(), hash.is_some());
    user.email = email.unwrap_or(user.email);
    user.password_hash = hash.unwrap_or(user.password_hash);
    match store::update_user(&mut tx, cx.app_id(), &user).await {
        Err(Error::Db(portcullis_db::Error::Duplicate(_))) => return Ok(Updated::EmailTaken),
        outcome => outcome?,
    }
    store::delete_sessions(&mut tx, cx.app_id(), &user.user_id).await?;
    let event = about(Kind::DashboardUserUpdated, &user).detail("email", new_email);
    audit::commit(cx, tx, vec![event.detail("password", new_password)]).await?;
    Ok(Updated::Done(user))
}

/// Deletes a user with the user's sessions; whether there was one.
pub(super) async fn delete_user(cx: &Cx, whom: &Whom) -> Result<bool> {
    let event = Event::new(Kind::DashboardUserDeleted);
    let event = match whom {
        Whom::Email(email) => event.with("email", email.as_str()),
        Whom::Id(user_id) => event.detail("dashboardUser", user_id.as_str()),
    };
    let entry = audit::entry(cx, event);
    store::delete_user(cx.app_db().write_one().await?, cx.app_id(), whom, entry).await
}

/// All users, oldest first.
pub(super) async fn list_users(cx: &Cx) -> Result<Vec<DashboardUser>> {
    store::list_users(&mut cx.app_db().read().await?, cx.app_id()).await
}

/// Checks address and password, and makes a session; `None` if they do not fit. A hash made by older settings is
/// renewed.
pub(super) async fn sign_in(cx: &Cx, email: String, password: Secret) -> Result<Option<String>> {
    let attempt = guessing::attempt(cx, Guessed::DashboardPassword, Some(&email)).await?;
    let known = store::find_user(&mut cx.app_db().look_up().await?, cx.app_id(), &Whom::Email(email)).await?;
    let Some(known) = known else {
        // An unknown address costs as much as a known one, so that the time does not tell them apart.
        cx.app.passwords.hash(password, cx.config().hashing).await?;
        return Ok(None);
    };
    let stored = known.password_hash;
    let firebase_key = cx.config().firebase_signer_key.clone();
    if !cx.app.passwords.verify(password.clone(), stored.clone(), firebase_key).await? {
        return Ok(None);
    }
    let renewed = if password_hash::needs_rehash(&stored, &cx.config().hashing) {
        Some(cx.app.passwords.hash(password, cx.config().hashing).await?)
    } else {
        None
    };
    let session_id = begin_session(cx, Whom::Id(known.user_id), &stored, renewed).await?;
    attempt.ended(cx, session_id.is_some()).await;
    Ok(session_id)
}

/// Makes a session; `None` if the password has another hash by now, since who has changed it has ended all
/// sessions of the old one.
async fn begin_session(
    cx: &Cx,
    whom: Whom,
    verified: &str,
    renewed: Option<String>,
) -> Result<Option<String>> {
    let mut tx = cx.app_db().write().await?;
    let user = store::lock_user(&mut tx, cx.app_id(), &whom).await?;
    let Some(mut user) = user.filter(|user| user.password_hash == verified) else { return Ok(None) };
    if let Some(hash) = renewed {
        user.password_hash = hash;
        store::update_user(&mut tx, cx.app_id(), &user).await?;
    }
    let event = about(Kind::DashboardSignIn, &user);
    let session = DashboardSession {
        session_id: random::uuid(),
        user_id: user.user_id,
        created_at: cx.now,
        expires_at: cx.now + SESSION_MS,
    };
    store::insert_session(&mut tx, cx.app_id(), &session).await?;
    audit::commit(cx, tx, vec![event]).await?;
    Ok(Some(session.session_id))
}

/// The address of a living session's user; `None` if there is no such session.
pub(super) async fn verify_session(cx: &Cx, session_id: &str) -> Result<Option<String>> {
    store::find_email(&mut cx.app_db().look_up().await?, cx.app_id(), session_id, cx.now).await
}

/// A user's living sessions, oldest first.
pub(super) async fn list_sessions(cx: &Cx, user_id: &str) -> Result<Vec<DashboardSession>> {
    store::list_sessions(&mut cx.app_db().read().await?, cx.app_id(), user_id, cx.now).await
}

/// Ends a session.
pub(super) async fn revoke_session(cx: &Cx, session_id: &str) -> Result<()> {
    // Whoever knows the id is signed in, so the event does not tell it.
    let entry = audit::entry(cx, Event::new(Kind::DashboardSignOut));
    store::delete_session(cx.app_db().write_one().await?, cx.app_id(), session_id, entry).await
}

/// What is shown instead of a secret.
const MASK: &str = "********";

/// The settings that the dashboard shows of the call's tenant, with their values: those of the core, then those of
/// PostgreSQL, if it runs on that.
pub(super) fn list_settings(cx: &Cx) -> Vec<(&'static Key, Value)> {
    let is_visible = |key: &&Key| {
        let has_effect_here = key.owner == Owner::Core || cx.db().place().is_some();
        key.is_shown() && has_effect_here && (cx.is_operator || key.protected.is_none())
    };
    let with_value = |key: &'static Key| {
        let value = config::effective(&cx.tenant.values, key);
        (key, if key.secret && !value.is_null() { MASK.into() } else { value })
    };
    config::keys().filter(is_visible).map(with_value).collect()
}
