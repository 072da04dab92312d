//! Exchanging a refresh token: the state machine of both regimes, in one unit of work under the row's lock.

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
use crate::ground::keys::service as keys;
use crate::{Cx, PUBLIC, Result};
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
    let handle = &shown.payload.session_handle;
    let anti_csrf = shown.asked.enable_anti_csrf.then(random::uuid);
    let parent = Some(shown.hash1.clone());
    let child = seal(cx, handle, &shown.payload.user_id, parent, anti_csrf.as_ref()).await?;

    let mut tx = cx.db().write().await?;
    let Some((mut row, user)) = store::find_with_user_for_update(&mut tx, key(cx, handle)).await? else {
        return Ok(Refreshed::Unauthorised(GONE, None));
    };
    let presented =
        Shown { hash1: &shown.hash1, parent_hash1: shown.payload.parent_refresh_token_hash1.as_deref() };
    let child_hash2 = refresh_token::hash2(&child.token);
    let moved = match row.lineage.exchange(presented, child_hash2, moment(cx), regime(cx)) {
        Exchange::Granted { moved } => moved,
        Exchange::Expired => return Ok(Refreshed::Unauthorised(GONE, None)),
        Exchange::Reused(subtype) => {
            if subtype.is_some() {
                store::delete(&mut tx, key(cx, handle)).await?;
            }
            tx.commit().await?;
            return Ok(refusal(cx, handle, user, subtype));
        }
    };
    // Asked before anything is written: a payload that cannot be minted must not cost the session.
    if cx.cdi >= Cdi::V2_21 && is_protected(version_for(cx.cdi), &row.payload) {
        return Ok(Refreshed::Unauthorised(PROTECTED, None));
    }
    let was_static = row.use_static_key;
    row.use_static_key = wants_static(cx, shown.asked.use_dynamic_signing_key, was_static);
    if moved || row.use_static_key != was_static {
        store::commit_lineage(tx, key(cx, handle), &row).await?;
    } else {
        tx.commit().await?;
    }

    activity::touch(cx, &user.primary_internal).await;
    issue(cx, shown, Refresh { row, user, child, anti_csrf }).await
}

/// What the unit of work settled.
struct Refresh {
    row: Stored,
    user: UserIds,
    child: Token,
    anti_csrf: Option<String>,
}

async fn issue(cx: &Cx, shown: Opened, settled: Refresh) -> Result<Refreshed> {
    let Refresh { row, user, child, anti_csrf } = settled;
    let asked = shown.asked.access_token_validity.filter(|_| cx.cdi >= Cdi::V5_6);
    let mut session = AccessToken {
        version: version_for(cx.cdi),
        handle: shown.payload.session_handle,
        user_id: user.primary,
        recipe_user_id: user.recipe,
        tenant_id: cx.tenant_id().to_owned(),
        refresh_token_hash1: hash1(&child.token),
        parent_refresh_token_hash1: (cx.cdi < Cdi::V5_6).then_some(shown.hash1),
        anti_csrf: anti_csrf.clone(),
        expires_at: cx.now + lifetime(cx, asked),
        created_at: cx.now,
        payload: row.payload,
    };
    let access_token = sign(cx, &mut session, row.use_static_key).await?;
    Ok(Refreshed::Ok(Box::new(Issued { session, access_token, refresh_token: child, anti_csrf })))
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
