//! Exchanging a refresh token: the state machine of both regimes, each step one write that
//! depends on what was read.

use super::access_token::{AccessToken, PROTECTED, is_protected, version_for};
use super::lineage::{Exchange, Regime, Shown};
use super::model::{Stored, UserIds};
use super::service::{Issued, Token, check_validity, key, lifetime, moment, seal, sign};
use super::store;
use crate::config::ReuseBehaviour;
use crate::crypto::digest::secrets_equal;
use crate::crypto::random;
use crate::crypto::refresh_token::{self, RefreshTokenPayload, hash1};
use crate::ground::activity;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::keys::service as keys;
use crate::{Cx, Error, PUBLIC, Result};
use portcullis_db::Tx;
use portcullis_wire::Cdi;
use portcullis_wire::session::{RefreshSessionRequest, ReuseSubtype};

const GONE: &str = "Session missing in db or has expired";

/// What became of a refresh token.
#[derive(Debug)]
pub(super) enum Refreshed {
    Ok(Box<Issued>),
    Unauthorised(&'static str, Option<ReuseSubtype>),
    Theft { handle: String, user: UserIds, subtype: Option<ReuseSubtype> },
}

/// A refresh token that was opened, and what it was shown with.
struct Opened {
    payload: RefreshTokenPayload,
    hash1: String,
    asked: RefreshSessionRequest,
}

/// Exchanges a refresh token.
pub(super) async fn refresh(cx: &Cx, asked: RefreshSessionRequest) -> Result<Refreshed> {
    let set = keys::current(cx).await?;
    let Some(payload) = refresh_token::open(set.refresh_token_key.reveal(), &asked.refresh_token) else {
        return Ok(Refreshed::Unauthorised(undecodable(&asked.refresh_token), None));
    };
    let expected = payload.anti_csrf_token.as_deref().filter(|_| asked.enable_anti_csrf);
    let shown = asked.anti_csrf_token.as_deref().unwrap_or_default();
    if expected.is_some_and(|expected| !secrets_equal(expected, shown)) {
        return Ok(Refreshed::Unauthorised("Anti CSRF token missing, or not matching", None));
    }
    let cx = &cx.for_tenant(payload.tenant_id.as_deref().unwrap_or(PUBLIC)).await?;
    if cx.cdi >= Cdi::V5_6 {
        check_validity(cx, asked.access_token_validity)?;
    }
    exchange(cx, Opened { hash1: hash1(&asked.refresh_token), payload, asked }).await
}

fn undecodable(token: &str) -> &'static str {
    let kind = token.rsplit('.').next().unwrap_or_default().to_ascii_uppercase();
    if ["V0", "V1", "V2"].contains(&kind.as_str()) {
        "Refresh token could not be decoded"
    } else {
        "Error while decoding refresh token: version of refresh token not recognised"
    }
}

async fn exchange(cx: &Cx, shown: Opened) -> Result<Refreshed> {
    let key = key(cx, &shown.payload.session_handle);
    let anti_csrf = shown.asked.enable_anti_csrf.then(random::uuid);
    let parent = Some(shown.hash1.clone());
    let child = seal(cx, key.handle, &shown.payload.user_id, parent, anti_csrf.as_ref()).await?;
    let child = Child { hash2: refresh_token::hash2(&child.token), token: child, anti_csrf };

    // Nearly always nobody else is at this session: it is read without a lock, and written if it is still
    // what was read.
    let found = store::find_with_user(&mut cx.db().look_up().await?, key).await?;
    let settled = match judge(cx, &shown, &child, found) {
        Judgement::Refused(reason) => return Ok(Refreshed::Unauthorised(reason, None)),
        Judgement::Granted(granted) if granted.was_current.is_none() => Some(*granted),
        Judgement::Granted(granted) => granted.write(cx, cx.db().write_one().await?, key).await?,
        Judgement::Reused(..) => None,
    };
    let granted = match settled {
        Some(granted) => granted,
        None => match exchange_locked(cx, &shown, &child).await? {
            Ok(granted) => granted,
            Err(refused) => return Ok(refused),
        },
    };
    activity::touch(cx, &granted.user.primary_internal).await;
    issue(cx, shown, granted, child).await
}

/// Under the lock of the session's row. Here alone a session is ended.
async fn exchange_locked(
    cx: &Cx,
    shown: &Opened,
    child: &Child,
) -> Result<std::result::Result<Granted, Refreshed>> {
    let key = key(cx, &shown.payload.session_handle);
    let mut tx = cx.db().write().await?;
    let found = store::find_with_user_for_update(&mut tx, key).await?;
    match judge(cx, shown, child, found) {
        Judgement::Refused(reason) => Ok(Err(Refreshed::Unauthorised(reason, None))),
        Judgement::Granted(granted) => {
            let written = granted.write(cx, tx, key).await?;
            written.map(Ok).ok_or_else(|| Error::internal("a session changed under its lock"))
        }
        Judgement::Reused(user, subtype) => {
            if subtype.is_some() {
                store::delete(&mut tx, key).await?;
            }
            let event = about(Kind::SessionTheftDetected, &user, key.handle);
            // In the older regime the backend ends it.
            audit::commit(cx, tx, vec![event.detail("ended", subtype.is_some())]).await?;
            Ok(Err(refusal(cx, key.handle, user, subtype)))
        }
    }
}

fn about(kind: Kind, user: &UserIds, handle: &str) -> Event {
    Event::new(kind).of(&user.recipe, &user.primary).about(handle)
}

/// The refresh token that is given for the one shown.
struct Child {
    token: Token,
    hash2: String,
    anti_csrf: Option<String>,
}

/// What is to become of a refresh token, as the session was read.
enum Judgement {
    Refused(&'static str),
    Granted(Box<Granted>),
    Reused(UserIds, Option<ReuseSubtype>),
}

/// A session whose refresh token is exchanged.
struct Granted {
    row: Stored,
    user: UserIds,
    /// The hash of the current refresh token, as read, if the row is to be written.
    was_current: Option<String>,
}

impl Granted {
    /// Writes what changes, and ends the unit of work; `None` if somebody else wrote first.
    async fn write(self: Box<Self>, cx: &Cx, tx: Tx, key: store::Key<'_>) -> Result<Option<Self>> {
        let Some(was_current) = &self.was_current else {
            // no event: the session is what it was
            tx.commit().await?;
            return Ok(Some(*self));
        };
        let is_told = cx.app.base_config.audit.session_refreshes;
        let event = is_told.then(|| about(Kind::SessionRefreshed, &self.user, key.handle));
        let entry = event.map(|event| audit::entry(cx, event));
        Ok(store::commit_lineage(tx, key, was_current, &self.row, entry).await?.then_some(*self))
    }
}

fn judge(cx: &Cx, shown: &Opened, child: &Child, found: Option<(Stored, UserIds)>) -> Judgement {
    let Some((mut row, user)) = found else { return Judgement::Refused(GONE) };
    let presented =
        Shown { hash1: &shown.hash1, parent_hash1: shown.payload.parent_refresh_token_hash1.as_deref() };
    let (was_current, was_static) = (row.lineage.current.clone(), row.use_static_key);
    let moved = match row.lineage.exchange(presented, child.hash2.clone(), moment(cx), regime(cx)) {
        Exchange::Granted { moved } => moved,
        Exchange::Expired => return Judgement::Refused(GONE),
        Exchange::Reused(subtype) => return Judgement::Reused(user, subtype),
    };
    // Asked before anything is written: a payload that cannot be minted must not cost the session.
    if cx.cdi >= Cdi::V2_21 && is_protected(version_for(cx.cdi), &row.payload) {
        return Judgement::Refused(PROTECTED);
    }
    row.use_static_key = wants_static(cx, shown.asked.use_dynamic_signing_key, was_static);
    let is_written = moved || row.use_static_key != was_static;
    Judgement::Granted(Box::new(Granted { row, user, was_current: is_written.then_some(was_current) }))
}

async fn issue(cx: &Cx, shown: Opened, granted: Granted, child: Child) -> Result<Refreshed> {
    let Granted { row, user, .. } = granted;
    let Child { token: refresh_token, anti_csrf, .. } = child;
    let asked = shown.asked.access_token_validity.filter(|_| cx.cdi >= Cdi::V5_6);
    let mut session = AccessToken {
        version: version_for(cx.cdi),
        handle: shown.payload.session_handle,
        user_id: user.primary,
        recipe_user_id: user.recipe,
        tenant_id: cx.tenant_id().to_owned(),
        refresh_token_hash1: hash1(&refresh_token.token),
        parent_refresh_token_hash1: (cx.cdi < Cdi::V5_6).then_some(shown.hash1),
        anti_csrf: anti_csrf.clone(),
        expires_at: cx.now + lifetime(cx, asked),
        created_at: cx.now,
        payload: row.payload,
    };
    let access_token = sign(cx, &mut session, row.use_static_key).await?;
    Ok(Refreshed::Ok(Box::new(Issued { session, access_token, refresh_token, anti_csrf })))
}

fn regime(cx: &Cx) -> Regime {
    if cx.cdi >= Cdi::V5_6 {
        Regime::WhenMade { grace: cx.config().refresh_token_rotation_grace_ms }
    } else {
        Regime::AtFirstUse
    }
}

/// What is said of a token that was replaced.
fn refusal(cx: &Cx, handle: &str, user: UserIds, subtype: Option<ReuseSubtype>) -> Refreshed {
    let lenient = cx.app.base_config.recent_token_reuse == ReuseBehaviour::Unauthorised;
    match subtype {
        Some(ReuseSubtype::RecentPrev | ReuseSubtype::OrphanedBranch) if lenient => {
            Refreshed::Unauthorised("refresh token reuse detected", subtype)
        }
        _ => Refreshed::Theft { handle: handle.to_owned(), user, subtype },
    }
}

fn wants_static(cx: &Cx, use_dynamic: Option<bool>, was_static: bool) -> bool {
    use_dynamic.filter(|_| cx.cdi >= Cdi::V3_0).map_or(was_static, |dynamic| !dynamic)
}
