//! Making, verifying, changing and ending sessions.

use super::access_token::{AccessToken, PROTECTED, is_protected, version_for};
use super::lineage::{Lineage, Moment, Shown};
use super::model::{Stored, new_handle, same_payload, tenant_of};
use super::store::{self, Key, Of, Part};
use crate::crypto::digest::secrets_equal;
use crate::crypto::refresh_token::{self, RefreshTokenPayload};
use crate::crypto::{jws, random};
use crate::ground::activity;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::keys::service::{self as keys, Signature};
use crate::ground::tenancy::service as tenancy;
use crate::{Cx, Error, Result, Unknown};
use portcullis_db::Db;
use portcullis_wire::session as wire;
use portcullis_wire::{Cdi, Object};

/// Refusal for a session that is gone or expired.
pub(super) const NO_SESSION: &str = "Session does not exist.";

/// A token with its times, in milliseconds.
pub(super) type Token = wire::TokenInfo;

/// A session with all its tokens.
#[derive(Debug)]
pub(super) struct Issued {
    pub(super) session: AccessToken,
    pub(super) access_token: Token,
    pub(super) refresh_token: Token,
    pub(super) anti_csrf: Option<String>,
}

pub(super) fn key<'a>(cx: &'a Cx, handle: &'a str) -> Key<'a> {
    Key { app_id: cx.app_id(), tenant_id: cx.tenant_id(), handle }
}

/// 400 unless the lifetime is one that the configuration allows; in milliseconds.
pub(super) fn check_validity(cx: &Cx, asked: Option<i64>) -> Result<()> {
    let most = cx.config().access_token_validity_ms;
    match asked {
        Some(asked) if asked <= 0 || asked > most => Err(Error::bad_input(format!(
            "accessTokenValidity must be greater than 0 and at most the configured access_token_validity ({most} ms)"
        ))),
        _ => Ok(()),
    }
}

/// How long a new access token lives: a little less than configured, by chance, so that a crowd that
/// signed in together does not refresh together.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "lifetimes are far below 2^52"
)]
pub(super) fn lifetime(cx: &Cx, asked: Option<i64>) -> i64 {
    let full = cx.config().access_token_validity_ms;
    let jitter = random::unit_interval() * cx.config().access_token_validity_jitter;
    asked.unwrap_or((full as f64 * (1.0 - jitter)) as i64)
}

/// Signs an access token; from version 3 on its times are cut to seconds first.
pub(super) async fn sign(cx: &Cx, token: &mut AccessToken, is_static: bool) -> Result<Token> {
    token.cut_times();
    let key = keys::signer(cx, is_static).await?;
    Ok(Token { token: token.sign(&key)?, expiry: token.expires_at, created_time: token.created_at })
}

/// A new refresh token. Its text is what the stored hashes are made of.
pub(super) async fn seal(
    cx: &Cx,
    handle: &str,
    user_id: &str,
    parent_hash1: Option<String>,
    anti_csrf: Option<&String>,
) -> Result<Token> {
    let payload = RefreshTokenPayload {
        session_handle: handle.to_owned(),
        user_id: user_id.to_owned(),
        parent_refresh_token_hash1: parent_hash1,
        nonce: refresh_token::new_nonce(),
        anti_csrf_token: anti_csrf.cloned(),
        tenant_id: (!cx.scope.is_public_tenant()).then(|| cx.tenant_id().to_owned()),
    };
    let set = keys::current(cx).await?;
    let token = refresh_token::seal(set.refresh_token_key.reveal(), &payload)?;
    Ok(Token { token, expiry: cx.now + cx.config().refresh_token_validity_ms, created_time: cx.now })
}

/// Makes a session.
pub(super) async fn create(cx: &Cx, new: wire::CreateSessionRequest) -> Result<Issued> {
    let asked = new.access_token_validity.filter(|_| cx.cdi >= Cdi::V5_6);
    check_validity(cx, asked)?;
    check_payload(cx, &new.user_data_in_jwt)?;
    let use_static_key = starts_static(cx, new.use_dynamic_signing_key);
    let user = store::resolve_user(&mut cx.db().look_up().await?, cx.app_id(), &new.user_id).await?;
    let handle = new_handle(cx.tenant_id());
    let anti_csrf = new.enable_anti_csrf.then(random::uuid);
    let refresh_token = seal(cx, &handle, &user.recipe, None, anti_csrf.as_ref()).await?;
    let mut session = AccessToken {
        version: version_for(cx.cdi),
        handle: handle.clone(),
        user_id: user.primary,
        recipe_user_id: user.recipe.clone(),
        tenant_id: cx.tenant_id().to_owned(),
        refresh_token_hash1: refresh_token::hash1(&refresh_token.token),
        parent_refresh_token_hash1: None,
        anti_csrf: anti_csrf.clone(),
        expires_at: cx.now + lifetime(cx, asked),
        created_at: cx.now,
        payload: new.user_data_in_jwt,
    };
    let access_token = sign(cx, &mut session, use_static_key).await?;
    let row = Stored {
        user_id: user.recipe,
        lineage: Lineage::new(&session.refresh_token_hash1, refresh_token.expiry),
        data: new.user_data_in_database,
        created_at: cx.now,
        payload: session.payload.clone(),
        use_static_key,
    };

    let event = Event::new(Kind::SessionCreated).of(&session.recipe_user_id, &session.user_id);
    insert(cx, &handle, &row, event.about(&handle)).await?;

    activity::touch(cx, &user.primary_internal).await;
    Ok(Issued { session, access_token, refresh_token, anti_csrf })
}

async fn insert(cx: &Cx, handle: &str, row: &Stored, event: Event) -> Result<()> {
    let tx = cx.db().write_one().await?;
    match store::insert(tx, key(cx, handle), row, audit::entry(cx, event)).await {
        // The tenant was deleted after the call came in.
        Err(Error::Db(portcullis_db::Error::MissingParent)) => {
            Err(Error::UnknownTenant(cx.scope.clone(), Unknown::Tenant))
        }
        outcome => outcome,
    }
}

/// 400 if the payload uses a name that access tokens keep for themselves, from CDI 2.21 on.
fn check_payload(cx: &Cx, payload: &Object) -> Result<()> {
    let refused = cx.cdi >= Cdi::V2_21 && is_protected(version_for(cx.cdi), payload);
    if refused { Err(Error::bad_input(PROTECTED)) } else { Ok(()) }
}

/// Before CDI 2.21 the configuration says which kind of key signs.
fn starts_static(cx: &Cx, use_dynamic: Option<bool>) -> bool {
    if cx.cdi >= Cdi::V2_21 {
        use_dynamic == Some(false)
    } else {
        !cx.config().access_token_signing_key_dynamic
    }
}

/// The outcome of a verification.
#[derive(Debug)]
pub(super) enum Verified {
    Ok { session: Box<AccessToken>, access_token: Option<Token>, payload_update_available: Option<bool> },
    Unauthorised(&'static str),
    TryRefresh(String),
}

/// Whether an access token holds. Up to CDI 5.5 this is also where a new refresh token takes over.
pub(super) async fn verify(cx: &Cx, asked: wire::VerifySessionRequest) -> Result<Verified> {
    let token = match read_verified(cx, &asked.access_token).await? {
        Ok(token) => token,
        Err(message) => return Ok(Verified::TryRefresh(message)),
    };
    let anti_csrf = asked.enable_anti_csrf && asked.do_anti_csrf_check;
    if let Some(message) =
        anti_csrf.then(|| refuse_anti_csrf(&token, asked.anti_csrf_token.as_deref())).flatten()
    {
        return Ok(Verified::TryRefresh(message.to_owned()));
    }
    let cx = &cx.for_tenant(&token.tenant_id).await?;
    let mut row = None;
    if asked.check_database.unwrap_or(cx.config().access_token_blacklisting) {
        row = store::find(&mut cx.db().look_up().await?, key(cx, &token.handle)).await?;
        if row.is_none() {
            return Ok(Verified::Unauthorised("Either the session has ended or has been blacklisted"));
        }
    }
    if cx.cdi >= Cdi::V5_6 { Ok(verify_lineage(token, row.as_ref())) } else { promote(cx, token, row).await }
}

/// The token if its signature, its claims and its age are right, else the refusal.
async fn read_verified(cx: &Cx, text: &str) -> Result<std::result::Result<AccessToken, String>> {
    let parsed = match jws::parse(text) {
        Ok(parsed) => parsed,
        Err(error) => return Ok(Err(error.to_string())),
    };
    match keys::verify(cx, &parsed).await? {
        Signature::Good => {}
        Signature::Bad => return Ok(Err("JWT verification failed".to_owned())),
        Signature::UnknownKey => return Ok(Err("Key not found".to_owned())),
    }
    let fresh = |token: AccessToken| {
        if token.expires_at < cx.now { Err("Access token expired".to_owned()) } else { Ok(token) }
    };
    Ok(AccessToken::read(parsed).and_then(fresh))
}

fn refuse_anti_csrf(token: &AccessToken, shown: Option<&str>) -> Option<&'static str> {
    let Some(expected) = &token.anti_csrf else {
        return Some(
            "Access token does not contain all the information. Maybe the structure has changed? antiCsrfToken",
        );
    };
    let fits = shown.is_some_and(|shown| secrets_equal(shown, expected));
    (!fits).then_some("anti-csrf check failed")
}

/// From CDI 5.6 on: nothing is written; a branch that was rotated out is refused.
fn verify_lineage(token: AccessToken, row: Option<&Stored>) -> Verified {
    let mut payload_update_available = None;
    if let Some(row) = row {
        if !row.lineage.knows(shown(&token)) {
            return Verified::Unauthorised("rotated-out token branch; refresh required");
        }
        payload_update_available = Some(!same_payload(&row.payload, &token.payload));
    }
    Verified::Ok { session: Box::new(token), access_token: None, payload_update_available }
}

/// Up to CDI 5.5: the first use of a refreshed access token makes its refresh token the current one.
async fn promote(cx: &Cx, mut token: AccessToken, row: Option<Stored>) -> Result<Verified> {
    let outdated = row.is_some_and(|row| !same_payload(&row.payload, &token.payload));
    if token.parent_refresh_token_hash1.is_none() && !outdated {
        return Ok(unchanged(token));
    }
    let mut tx = cx.db().write().await?;
    let Some(mut row) = store::find_for_update(&mut tx, key(cx, &token.handle)).await? else {
        return Ok(Verified::Unauthorised("Session missing in db"));
    };
    let is_current = row.lineage.ends_in(shown(&token));
    let was_current = row.lineage.current.clone();
    let promotes = row.lineage.promote(shown(&token), moment(cx));
    // Ended before signing, which may have to read keys.
    if promotes {
        let written = store::commit_lineage(tx, key(cx, &token.handle), &was_current, &row, None).await?;
        written.then_some(()).ok_or_else(|| Error::internal("a session changed under its lock"))?;
    } else {
        // no event: the session is what it was
        tx.commit().await?;
    }
    if !promotes && !is_current && !outdated {
        return Ok(unchanged(token));
    }
    token.payload = row.payload;
    token.parent_refresh_token_hash1 = None;
    token.created_at = cx.now;
    token.expires_at = cx.now + cx.config().access_token_validity_ms;
    let access_token = Some(sign(cx, &mut token, row.use_static_key).await?);
    Ok(Verified::Ok { session: Box::new(token), access_token, payload_update_available: None })
}

fn unchanged(token: AccessToken) -> Verified {
    Verified::Ok { session: Box::new(token), access_token: None, payload_update_available: None }
}

/// The refresh token that an access token was given out with.
fn shown(token: &AccessToken) -> Shown<'_> {
    let parent_hash1 = token.parent_refresh_token_hash1.as_deref();
    Shown { hash1: &token.refresh_token_hash1, parent_hash1 }
}

/// The time of the call, and how long its tenant's sessions live.
pub(super) fn moment(cx: &Cx) -> Moment {
    Moment { now: cx.now, validity: cx.config().refresh_token_validity_ms }
}

/// The outcome of a regeneration; `None` for a session that is over.
pub(super) type Regenerated = Option<(AccessToken, Option<Token>)>;

/// Stores a new payload and puts it into a token that dies when the old one does. The SDK has verified
/// the token, so its signature is not checked again; the session must be there.
pub(super) async fn regenerate(cx: &Cx, text: &str, payload: Option<Object>) -> Result<Regenerated> {
    let parsed = jws::parse(text).ok().and_then(|parsed| AccessToken::read(parsed).ok());
    let Some(mut token) = parsed else { return Ok(None) };
    let cx = &cx.for_tenant(&token.tenant_id).await?;
    if payload.as_ref().is_some_and(|payload| cx.cdi >= Cdi::V2_21 && is_protected(token.version, payload)) {
        return Err(Error::bad_input(PROTECTED));
    }
    let mut tx = cx.db().write().await?;
    let row = store::find_for_update(&mut tx, key(cx, &token.handle)).await?;
    let Some(row) = row.filter(|row| row.lineage.expires_at > cx.now) else { return Ok(None) };
    match &payload {
        Some(payload) => {
            let entry = audit::entry(cx, Event::new(Kind::SessionClaimsUpdated));
            store::update(&mut tx, key(cx, &token.handle), (Part::Payload, payload), cx.now, &entry).await?;
            audit::commit_logged(cx, tx).await?;
        }
        None => drop(tx),
    }
    token.payload = payload.unwrap_or(row.payload);
    if token.expires_at < cx.now {
        return Ok(Some((token, None)));
    }
    token.created_at = cx.now;
    let signed = sign(cx, &mut token, row.use_static_key).await?;
    Ok(Some((token, Some(signed))))
}

/// A living session with its primary user, and the tenant that its handle tells.
pub(super) async fn find(cx: &Cx, handle: &str) -> Result<Option<(Stored, String, String)>> {
    let cx = &cx.for_tenant(tenant_of(handle)).await?;
    let mut tx = cx.db().look_up().await?;
    let row = store::find(&mut tx, key(cx, handle)).await?;
    let Some(row) = row.filter(|row| row.lineage.expires_at > cx.now) else { return Ok(None) };
    let primary = store::find_primary(&mut tx, cx.app_id(), &row.user_id).await?;
    Ok(Some((row, primary, cx.tenant_id().to_owned())))
}

/// Replaces the data kept in the database; whether a living session was there.
pub(super) async fn update_data(cx: &Cx, handle: &str, data: &Object) -> Result<bool> {
    let cx = &cx.for_tenant(tenant_of(handle)).await?;
    update(cx, handle, (Part::Data, data), Kind::SessionDataUpdated).await
}

/// Replaces the payload of new access tokens; whether a living session was there.
pub(super) async fn update_payload(cx: &Cx, handle: &str, payload: &Object) -> Result<bool> {
    check_payload(cx, payload)?;
    let cx = &cx.for_tenant(tenant_of(handle)).await?;
    update(cx, handle, (Part::Payload, payload), Kind::SessionClaimsUpdated).await
}

async fn update(cx: &Cx, handle: &str, change: (Part, &Object), kind: Kind) -> Result<bool> {
    let entry = audit::entry(cx, Event::new(kind));
    let mut tx = cx.db().write_one().await?;
    let found = store::update(&mut tx, key(cx, handle), change, cx.now, &entry).await?;
    audit::commit_logged(cx, tx).await?;
    Ok(found)
}

/// Sessions that one statement ends at most.
const HANDLES_AT_ONCE: usize = 500;

/// Ends sessions by handle, each in the tenant that it tells; answers those that were there.
pub(super) async fn remove_handles(cx: &Cx, mut handles: Vec<String>) -> Result<Vec<String>> {
    // One order for all callers, so that two of them seldom wait for each other's rows.
    handles.sort_unstable_by(|left, right| (tenant_of(left), left).cmp(&(tenant_of(right), right)));
    let mut dbs: Vec<(Db, Vec<&[String]>)> = Vec::new();
    for of_tenant in handles.chunk_by(|left, right| tenant_of(left) == tenant_of(right)) {
        let tenant_id = of_tenant.first().map_or(crate::PUBLIC, |handle| tenant_of(handle));
        let there = cx.for_tenant(tenant_id).await?;
        match dbs.iter_mut().find(|(db, _)| db.number() == there.db().number()) {
            Some((_, tenants)) => tenants.push(of_tenant),
            None => dbs.push((there.db().clone(), vec![of_tenant])),
        }
    }
    let entry = audit::entry(cx, Event::new(Kind::SessionRevoked));
    let mut gone = Vec::new();
    for (db, tenants) in dbs {
        let mut tx = db.write().await?;
        for of_tenant in tenants {
            let tenant_id = of_tenant.first().map_or(crate::PUBLIC, |handle| tenant_of(handle));
            for some in of_tenant.chunks(HANDLES_AT_ONCE) {
                gone.extend(store::delete_several(&mut tx, cx.app_id(), (tenant_id, some), &entry).await?);
            }
        }
        audit::commit_logged(cx, tx).await?;
    }
    Ok(gone)
}

/// Whose sessions are meant.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) user_id: String,
    pub(super) all_tenants: bool,
    pub(super) linked: bool,
}

/// Ends a user's living sessions; answers their handles. For all tenants the call is at work where the user is.
pub(super) async fn remove_of_user(cx: &Cx, owner: &Owner) -> Result<Vec<String>> {
    let user_ids = ids_of(cx, owner).await?;
    let user = store::resolve_user(&mut cx.db().look_up().await?, cx.app_id(), &owner.user_id).await?;
    let entry = audit::entry(cx, Event::new(Kind::SessionRevoked));
    let mut tx = cx.db().write_one().await?;
    let mut gone = store::delete_of_users(&mut tx, of(cx, owner, &user_ids), cx.now, &entry).await?;
    audit::commit_logged(cx, tx).await?;
    // A database that does not answer keeps no session elsewhere alive; that something is left is told in the end.
    let (others, mut failure) = elsewhere(cx, owner).await?;
    for db in others {
        match remove_there(cx, &db, of(cx, owner, &user_ids), &entry).await {
            Ok(there) => gone.extend(there),
            Err(error) => {
                failure.get_or_insert(error);
            }
        }
    }
    activity::touch(cx, &user.primary_internal).await;
    failure.map_or(Ok(gone), Err)
}

async fn remove_there(cx: &Cx, db: &Db, of: Of<'_>, entry: &audit::Entry<'_>) -> Result<Vec<String>> {
    let mut tx = db.write_one().await?;
    let gone = store::delete_of_users(&mut tx, of, cx.now, entry).await?;
    audit::commit_logged(cx, tx).await?;
    Ok(gone)
}

/// The handles of a user's living sessions.
pub(super) async fn list(cx: &Cx, owner: &Owner) -> Result<Vec<String>> {
    let user_ids = ids_of(cx, owner).await?;
    let mut handles =
        store::list_handles(&mut cx.db().read().await?, of(cx, owner, &user_ids), cx.now).await?;
    let (others, failure) = elsewhere(cx, owner).await?;
    if let Some(failure) = failure {
        return Err(failure);
    }
    for db in others {
        let mut tx = db.read().await?;
        handles.extend(store::list_handles(&mut tx, of(cx, owner, &user_ids), cx.now).await?);
    }
    Ok(handles)
}

/// Where else the owner may have sessions than where the call works, and why that is not all, if it is not.
async fn elsewhere(cx: &Cx, owner: &Owner) -> Result<(Vec<Db>, Option<Error>)> {
    if !owner.all_tenants {
        return Ok((Vec::new(), None));
    }
    let (tenants, failure) = tenancy::list_reachable(&cx.app, &cx.scope).await?;
    let mut others: Vec<Db> = tenants.into_iter().map(|tenant| tenant.db.clone()).collect();
    if !others.is_empty() || failure.is_some() {
        others.push(cx.app_db().clone());
        others.retain(|db| db.place() != cx.db().place());
    }
    Ok((others, failure))
}

async fn ids_of(cx: &Cx, owner: &Owner) -> Result<Vec<String>> {
    let mut ids = vec![owner.user_id.clone()];
    if owner.linked {
        ids.extend(store::list_linked(&mut cx.db().read().await?, cx.app_id(), &owner.user_id).await?);
    }
    Ok(ids)
}

fn of<'a>(cx: &'a Cx, owner: &Owner, user_ids: &'a [String]) -> Of<'a> {
    let tenant_id = (!owner.all_tenants).then(|| cx.tenant_id());
    Of { app_id: cx.app_id(), tenant_id, user_ids }
}
