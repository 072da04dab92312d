//! The HTTP face of sessions: what each protocol version sees of them.

use super::access_token::AccessToken;
use super::refresh::{self, Refreshed};
use super::service::{self, Issued, NO_SESSION, Owner, Verified};
use crate::crypto::random;
use crate::ground::keys::service as keys;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::session as wire;
use portcullis_wire::{Cdi, InputError};

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CreateSession>(create)
        .at::<wire::FindSession>(find)
        .at::<wire::VerifySession>(verify)
        .at::<wire::RefreshSession>(refresh)
        .at::<wire::RegenerateSession>(regenerate)
        .at::<wire::RemoveSessions>(remove)
        .at::<wire::ListSessions>(list)
        .at::<wire::UpdateSessionData>(update_data)
        .at::<wire::FindSessionData>(find_data)
        .at::<wire::UpdateJwtData>(update_jwt_data)
        .at::<wire::FindJwtData>(find_jwt_data)
        .at::<wire::Handshake>(handshake)
}

async fn create(cx: Cx, asked: wire::CreateSessionRequest) -> Result<wire::CreateSessionResponse> {
    let issued = service::create(&cx, asked).await?;
    let keys = legacy_keys(&cx).await?;
    Ok(wire::CreateSessionResponse::Ok(Box::new(to_tokens(&cx, issued, keys))))
}

async fn find(cx: Cx, asked: wire::SessionHandleRequest) -> Result<wire::FindSessionResponse> {
    let Some((row, primary, tenant_id)) = service::find(&cx, &asked.session_handle).await? else {
        return Ok(wire::FindSessionResponse::Unauthorised { message: NO_SESSION.to_owned() });
    };
    Ok(wire::FindSessionResponse::Ok(Box::new(wire::StoredSession {
        session_handle: asked.session_handle,
        user_id: primary,
        recipe_user_id: (cx.cdi >= Cdi::V4_0).then_some(row.user_id),
        user_data_in_database: row.data,
        user_data_in_jwt: row.payload,
        expiry: row.lineage.expires_at,
        time_created: row.created_at,
        tenant_id: (cx.cdi >= Cdi::V3_0).then_some(tenant_id),
    })))
}

async fn verify(cx: Cx, asked: wire::VerifySessionRequest) -> Result<wire::VerifySessionResponse> {
    if cx.cdi >= Cdi::V5_6 {
        cx.require_public_tenant()?;
    }
    Ok(match service::verify(&cx, asked).await? {
        Verified::Ok { session, access_token, payload_update_available } => {
            wire::VerifySessionResponse::Ok(Box::new(wire::VerifiedSession {
                session: to_session(&cx, *session),
                access_token,
                payload_update_available,
                keys: legacy_keys(&cx).await?,
            }))
        }
        Verified::Unauthorised(message) => {
            wire::VerifySessionResponse::Unauthorised { message: message.to_owned() }
        }
        Verified::TryRefresh(message) => {
            wire::VerifySessionResponse::TryRefreshToken { message, keys: legacy_keys(&cx).await? }
        }
    })
}

async fn refresh(cx: Cx, asked: wire::RefreshSessionRequest) -> Result<wire::RefreshSessionResponse> {
    if cx.cdi >= Cdi::V5_0 && asked.use_dynamic_signing_key.is_none() {
        return Err(InputError::InvalidField("useDynamicSigningKey").into());
    }
    Ok(match refresh::refresh(&cx, asked).await? {
        Refreshed::Ok(issued) => wire::RefreshSessionResponse::Ok(Box::new(to_tokens(&cx, *issued, None))),
        Refreshed::Unauthorised(message, recent_token_reuse_subtype) => {
            let message = message.to_owned();
            wire::RefreshSessionResponse::Unauthorised { message, recent_token_reuse_subtype }
        }
        Refreshed::Theft { handle, user, subtype } => wire::RefreshSessionResponse::TokenTheftDetected {
            session: wire::StolenSession { handle, user_id: user.primary, recipe_user_id: user.recipe },
            recent_token_reuse_subtype: subtype,
        },
    })
}

async fn regenerate(
    cx: Cx,
    asked: wire::RegenerateSessionRequest,
) -> Result<wire::RegenerateSessionResponse> {
    Ok(match service::regenerate(&cx, &asked.access_token, asked.user_data_in_jwt).await? {
        Some((session, access_token)) => {
            wire::RegenerateSessionResponse::Ok { session: to_session(&cx, session), access_token }
        }
        None => wire::RegenerateSessionResponse::Unauthorised { message: NO_SESSION.to_owned() },
    })
}

async fn remove(cx: Cx, asked: wire::RemoveSessionsRequest) -> Result<wire::RemoveSessionsResponse> {
    let (across, linked) = (asked.revoke_across_all_tenants, asked.revoke_sessions_for_linked_accounts);
    let revoked = match (asked.user_id, asked.session_handles) {
        (Some(user_id), None) => {
            let owner = owner(&cx, user_id, across, linked)?;
            service::remove_of_user(&of_owner(cx, &owner).await?, &owner).await?
        }
        (None, Some(handles)) => {
            only_with_user("revokeAcrossAllTenants", across)?;
            only_with_user("revokeSessionsForLinkedAccounts", linked)?;
            service::remove_handles(&cx, handles).await?
        }
        _ => {
            let text = "Invalid JSON input - use one of userId or sessionHandles array";
            return Err(Error::bad_input(text));
        }
    };
    Ok(wire::RemoveSessionsResponse::Ok { session_handles_revoked: revoked })
}

fn only_with_user(name: &str, given: Option<bool>) -> Result<()> {
    let text = || format!("Invalid JSON input - {name} can only be set if userId is set");
    given.map_or(Ok(()), |_| Err(Error::BadInput(text())))
}

async fn list(cx: Cx, asked: wire::ListSessionsRequest) -> Result<wire::ListSessionsResponse> {
    let linked = asked.fetch_sessions_for_all_linked_accounts;
    let owner = owner(&cx, asked.user_id, asked.fetch_across_all_tenants, linked)?;
    let cx = of_owner(cx, &owner).await?;
    Ok(wire::ListSessionsResponse::Ok { session_handles: service::list(&cx, &owner).await? })
}

/// 403 if another tenant than the public one reaches across tenants, from CDI 5.0 on.
fn owner(cx: &Cx, user_id: String, across: Option<bool>, linked: Option<bool>) -> Result<Owner> {
    let all_tenants = across.unwrap_or(true);
    if all_tenants {
        cx.require_public_tenant()?;
    }
    Ok(Owner { user_id, all_tenants, linked: linked.unwrap_or(true) })
}

/// The call, at work where the owner is, if it is about all tenants.
async fn of_owner(cx: Cx, owner: &Owner) -> Result<Cx> {
    if owner.all_tenants { cx.of_user(&owner.user_id).await } else { Ok(cx) }
}

async fn update_data(cx: Cx, asked: wire::UpdateSessionDataRequest) -> Result<wire::UpdateResponse> {
    let found = service::update_data(&cx, &asked.session_handle, &asked.user_data_in_database).await?;
    Ok(to_update(found))
}

async fn update_jwt_data(cx: Cx, asked: wire::UpdateJwtDataRequest) -> Result<wire::UpdateResponse> {
    let found = service::update_payload(&cx, &asked.session_handle, &asked.user_data_in_jwt).await?;
    Ok(to_update(found))
}

fn to_update(found: bool) -> wire::UpdateResponse {
    if found {
        wire::UpdateResponse::Ok
    } else {
        wire::UpdateResponse::Unauthorised { message: NO_SESSION.to_owned() }
    }
}

async fn find_data(cx: Cx, asked: wire::SessionHandleRequest) -> Result<wire::SessionDataResponse> {
    Ok(match service::find(&cx, &asked.session_handle).await? {
        Some((row, ..)) => wire::SessionDataResponse::Ok { user_data_in_database: row.data },
        None => wire::SessionDataResponse::Unauthorised { message: NO_SESSION.to_owned() },
    })
}

async fn find_jwt_data(cx: Cx, asked: wire::SessionHandleRequest) -> Result<wire::JwtDataResponse> {
    Ok(match service::find(&cx, &asked.session_handle).await? {
        Some((row, ..)) => wire::JwtDataResponse::Ok { user_data_in_jwt: row.payload },
        None => wire::JwtDataResponse::Unauthorised { message: NO_SESSION.to_owned() },
    })
}

async fn handshake(cx: Cx, (): ()) -> Result<wire::HandshakeResponse> {
    let keys = legacy_keys(&cx).await?.ok_or(Error::NotFound)?;
    Ok(wire::HandshakeResponse::Ok {
        keys,
        access_token_blacklisting_enabled: cx.config().access_token_blacklisting,
        access_token_validity: cx.config().access_token_validity_ms,
        refresh_token_validity: cx.config().refresh_token_validity_ms,
    })
}

/// The signing keys that calls before CDI 2.21 are told with each reply.
async fn legacy_keys(cx: &Cx) -> Result<Option<wire::LegacyKeys>> {
    if cx.cdi >= Cdi::V2_21 {
        return Ok(None);
    }
    let (set, rotation) = (keys::current(cx).await?, keys::rotation(cx));
    let dynamic = cx.config().access_token_signing_key_dynamic;
    let shown = if dynamic { &set.dynamic[..] } else { set.fixed.get(..1).unwrap_or_default() };
    let newest = shown.first().ok_or_else(|| Error::internal("the app has no signing key"))?;
    let expiry = |created_at: i64| {
        if dynamic { rotation.expires_at(created_at) } else { created_at + STATIC_KEY_VALIDITY_MS }
    };
    let list = shown.iter().map(|key| wire::LegacyKey {
        public_key: key.public_key_base64().to_owned(),
        expiry_time: expiry(key.created_at()),
        created_at: key.created_at(),
    });
    let retires_at = rotation.retires_at(newest.created_at());
    Ok(Some(wire::LegacyKeys {
        jwt_signing_public_key: newest.public_key_base64().to_owned(),
        // Without a creation time: an old slip of the protocol that clients know.
        jwt_signing_public_key_expiry_time: if dynamic { retires_at } else { STATIC_KEY_VALIDITY_MS },
        jwt_signing_public_key_list: (cx.cdi >= Cdi::V2_9).then(|| list.collect()),
    }))
}

/// Ten years: how long static keys are said to live before CDI 2.21.
const STATIC_KEY_VALIDITY_MS: i64 = 10 * 365 * 24 * 3600 * 1000;

fn to_session(cx: &Cx, token: AccessToken) -> wire::Session {
    wire::Session {
        handle: token.handle,
        user_id: token.user_id,
        recipe_user_id: (cx.cdi >= Cdi::V4_0).then_some(token.recipe_user_id),
        user_data_in_jwt: token.payload,
        tenant_id: (cx.cdi >= Cdi::V3_0).then_some(token.tenant_id),
    }
}

fn to_tokens(cx: &Cx, issued: Issued, keys: Option<wire::LegacyKeys>) -> wire::SessionTokens {
    let Issued { session, access_token, refresh_token, anti_csrf } = issued;
    let marker = || wire::TokenInfo { token: random::uuid(), ..refresh_token.clone() };
    wire::SessionTokens {
        session: to_session(cx, session),
        access_token,
        id_refresh_token: (cx.cdi < Cdi::V2_21).then(marker),
        refresh_token,
        anti_csrf_token: anti_csrf,
        keys,
    }
}
