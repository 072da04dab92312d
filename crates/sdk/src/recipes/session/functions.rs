//! What can be done with sessions. Each function can be replaced.

use super::access_token::AccessToken;
use super::config::AntiCsrf;
use super::jwks::Signature;
use super::types::{NewSession, SessionInformation, ValidatedClaims, VerifyOptions};
use super::{Claim, ClaimSubject, ClaimValidator, PROTECTED_CLAIMS, Session, Sessions, same_site};
use crate::{Cx, Error, Result, SessionError};
use async_trait::async_trait;
use portcullis_wire::Object;
use portcullis_wire::session as wire;

/// The functions of the session recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// Whether these are the functions below themselves, which may be called straight.
    #[doc(hidden)]
    fn is_original(&self) -> bool {
        false
    }

    /// Makes a session.
    async fn create_session(&self, cx: &Cx, new: NewSession) -> Result<Session> {
        self.original().create_session(cx, new).await
    }

    /// The session of an access token; `None` only if `options` make it optional.
    async fn verify_session(
        &self,
        cx: &Cx,
        access_token: Option<&AccessToken>,
        anti_csrf_token: Option<&str>,
        options: &VerifyOptions,
    ) -> Result<Option<Session>> {
        self.original().verify_session(cx, access_token, anti_csrf_token, options).await
    }

    /// Exchanges a refresh token for new tokens.
    async fn refresh_session(
        &self,
        cx: &Cx,
        refresh_token: &str,
        anti_csrf_token: Option<&str>,
        disable_anti_csrf: bool,
    ) -> Result<Session> {
        self.original().refresh_session(cx, refresh_token, anti_csrf_token, disable_anti_csrf).await
    }

    /// The validators that every verification asks for; `subject` tells whose session it is.
    async fn global_claim_validators(
        &self,
        cx: &Cx,
        subject: &ClaimSubject,
        of_recipes: Vec<ClaimValidator>,
    ) -> Result<Vec<ClaimValidator>> {
        self.original().global_claim_validators(cx, subject, of_recipes).await
    }

    /// Fetches what is stale, then validates.
    async fn validate_claims(
        &self,
        cx: &Cx,
        subject: &ClaimSubject,
        payload: &Object,
        validators: &[ClaimValidator],
    ) -> Result<ValidatedClaims> {
        self.original().validate_claims(cx, subject, payload, validators).await
    }

    /// What is stored about a session.
    async fn session_information(&self, cx: &Cx, handle: &str) -> Result<Option<SessionInformation>> {
        self.original().session_information(cx, handle).await
    }

    /// Gives a session's access token another payload; `None` if the session is over. The token is
    /// missing if the old one had expired.
    async fn regenerate_access_token(
        &self,
        cx: &Cx,
        access_token: &str,
        payload: Object,
    ) -> Result<Option<(Object, Option<String>)>> {
        self.original().regenerate_access_token(cx, access_token, payload).await
    }

    /// Ends a session; false if it was over.
    async fn revoke_session(&self, cx: &Cx, handle: &str) -> Result<bool> {
        self.original().revoke_session(cx, handle).await
    }

    /// Ends several sessions.
    async fn revoke_sessions(&self, cx: &Cx, handles: &[String]) -> Result<Vec<String>> {
        self.original().revoke_sessions(cx, handles).await
    }

    /// Ends a user's sessions, in one tenant or in all.
    async fn revoke_sessions_of_user(
        &self,
        cx: &Cx,
        user_id: &str,
        of_linked_accounts: bool,
        tenant: Option<&str>,
    ) -> Result<Vec<String>> {
        self.original().revoke_sessions_of_user(cx, user_id, of_linked_accounts, tenant).await
    }

    /// The handles of a user's sessions, in one tenant or in all.
    async fn session_handles_of_user(
        &self,
        cx: &Cx,
        user_id: &str,
        of_linked_accounts: bool,
        tenant: Option<&str>,
    ) -> Result<Vec<String>> {
        self.original().session_handles_of_user(cx, user_id, of_linked_accounts, tenant).await
    }

    /// Replaces the data that stay in the database; false if the session is over.
    async fn update_session_data(&self, cx: &Cx, handle: &str, data: Object) -> Result<bool> {
        self.original().update_session_data(cx, handle, data).await
    }

    /// Lays claims over those of the next access tokens; false if the session is over.
    async fn merge_into_access_token_payload(&self, cx: &Cx, handle: &str, update: Object) -> Result<bool> {
        self.original().merge_into_access_token_payload(cx, handle, update).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    fn is_original(&self) -> bool {
        true
    }

    async fn create_session(&self, cx: &Cx, new: NewSession) -> Result<Session> {
        let config = &cx.session()?.config;
        let enable_anti_csrf =
            !new.disable_anti_csrf && same_site::anti_csrf(cx, config) == AntiCsrf::ViaToken;
        let request = wire::CreateSessionRequest {
            user_id: new.recipe_user_id,
            enable_anti_csrf,
            user_data_in_jwt: new.payload,
            user_data_in_database: new.session_data,
            access_token_validity: None,
            use_dynamic_signing_key: Some(config.use_dynamic_signing_key),
        };
        let core = cx.sdk().core();
        let wire::CreateSessionResponse::Ok(made) =
            core.call::<wire::CreateSession>(cx, Some(&new.tenant), &request).await?;
        Session::from_tokens(*made)
    }

    async fn verify_session(
        &self,
        cx: &Cx,
        access_token: Option<&AccessToken>,
        anti_csrf_token: Option<&str>,
        options: &VerifyOptions,
    ) -> Result<Option<Session>> {
        verify_if_shown(cx, access_token, anti_csrf_token, options).await
    }

    async fn refresh_session(
        &self,
        cx: &Cx,
        refresh_token: &str,
        anti_csrf_token: Option<&str>,
        disable_anti_csrf: bool,
    ) -> Result<Session> {
        let config = &cx.session()?.config;
        let anti_csrf = if disable_anti_csrf { AntiCsrf::None } else { same_site::anti_csrf(cx, config) };
        if anti_csrf == AntiCsrf::ViaCustomHeader {
            return Err(no_header("disable_anti_csrf"));
        }
        let enable_anti_csrf = anti_csrf == AntiCsrf::ViaToken;
        let request = wire::RefreshSessionRequest {
            refresh_token: refresh_token.to_owned(),
            anti_csrf_token: anti_csrf_token.map(str::to_owned),
            enable_anti_csrf,
            use_dynamic_signing_key: Some(config.use_dynamic_signing_key),
            access_token_validity: None,
        };
        match cx.sdk().core().call::<wire::RefreshSession>(cx, None, &request).await? {
            wire::RefreshSessionResponse::Ok(made) => Session::from_tokens(*made),
            wire::RefreshSessionResponse::Unauthorised { message, .. } => {
                Err(SessionError::over(message).into())
            }
            wire::RefreshSessionResponse::TokenTheftDetected { session, .. } => {
                Err(SessionError::TokenTheftDetected {
                    session_handle: session.handle,
                    user_id: session.user_id,
                    recipe_user_id: session.recipe_user_id,
                }
                .into())
            }
        }
    }

    async fn global_claim_validators(
        &self,
        _: &Cx,
        _: &ClaimSubject,
        of_recipes: Vec<ClaimValidator>,
    ) -> Result<Vec<ClaimValidator>> {
        Ok(of_recipes)
    }

    async fn validate_claims(
        &self,
        cx: &Cx,
        subject: &ClaimSubject,
        payload: &Object,
        validators: &[ClaimValidator],
    ) -> Result<ValidatedClaims> {
        let mut update = None;
        for claim in validators.iter().filter_map(|validator| validator.stale_claim(cx, payload)) {
            // Apart, as most calls have no use for the room that it takes.
            Box::pin(fetch_into(cx, claim, subject, update.get_or_insert_with(|| payload.clone()))).await?;
        }
        let current = update.as_ref().unwrap_or(payload);
        let failures = validators.iter().filter_map(|validator| validator.validate(cx, current)).collect();
        Ok(ValidatedClaims { update: update.filter(|update| update != payload), failures })
    }

    async fn session_information(&self, cx: &Cx, handle: &str) -> Result<Option<SessionInformation>> {
        let request = wire::SessionHandleRequest { session_handle: handle.to_owned() };
        match cx.sdk().core().call::<wire::FindSession>(cx, None, &request).await? {
            wire::FindSessionResponse::Ok(found) => Ok(Some(SessionInformation {
                handle: found.session_handle,
                recipe_user_id: found.recipe_user_id.unwrap_or_else(|| found.user_id.clone()),
                user_id: found.user_id,
                tenant_id: found.tenant_id.unwrap_or_else(|| crate::PUBLIC_TENANT.to_owned()),
                session_data: found.user_data_in_database,
                payload: found.user_data_in_jwt,
                expires_at: found.expiry,
                created_at: found.time_created,
            })),
            wire::FindSessionResponse::Unauthorised { .. } => Ok(None),
        }
    }

    async fn regenerate_access_token(
        &self,
        cx: &Cx,
        access_token: &str,
        payload: Object,
    ) -> Result<Option<(Object, Option<String>)>> {
        let request = wire::RegenerateSessionRequest {
            access_token: access_token.to_owned(),
            user_data_in_jwt: Some(payload),
        };
        match cx.sdk().core().call::<wire::RegenerateSession>(cx, None, &request).await? {
            wire::RegenerateSessionResponse::Ok { session, access_token } => {
                Ok(Some((session.user_data_in_jwt, access_token.map(|token| token.token))))
            }
            wire::RegenerateSessionResponse::Unauthorised { .. } => Ok(None),
        }
    }

    async fn revoke_session(&self, cx: &Cx, handle: &str) -> Result<bool> {
        let revoked = revoke(cx, None, |request| request.session_handles = Some(vec![handle.to_owned()]));
        Ok(!revoked.await?.is_empty())
    }

    async fn revoke_sessions(&self, cx: &Cx, handles: &[String]) -> Result<Vec<String>> {
        revoke(cx, None, |request| request.session_handles = Some(handles.to_vec())).await
    }

    async fn revoke_sessions_of_user(
        &self,
        cx: &Cx,
        user_id: &str,
        of_linked_accounts: bool,
        tenant: Option<&str>,
    ) -> Result<Vec<String>> {
        let fill = |request: &mut wire::RemoveSessionsRequest| {
            request.user_id = Some(user_id.to_owned());
            request.revoke_sessions_for_linked_accounts = Some(of_linked_accounts);
            request.revoke_across_all_tenants = Some(tenant.is_none());
        };
        revoke(cx, tenant, fill).await
    }

    async fn session_handles_of_user(
        &self,
        cx: &Cx,
        user_id: &str,
        of_linked_accounts: bool,
        tenant: Option<&str>,
    ) -> Result<Vec<String>> {
        let request = wire::ListSessionsRequest {
            user_id: user_id.to_owned(),
            fetch_across_all_tenants: Some(tenant.is_none()),
            fetch_sessions_for_all_linked_accounts: Some(of_linked_accounts),
        };
        let wire::ListSessionsResponse::Ok { session_handles } =
            cx.sdk().core().call::<wire::ListSessions>(cx, tenant, &request).await?;
        Ok(session_handles)
    }

    async fn update_session_data(&self, cx: &Cx, handle: &str, data: Object) -> Result<bool> {
        let session_handle = handle.to_owned();
        let request = wire::UpdateSessionDataRequest { session_handle, user_data_in_database: data };
        let outcome = cx.sdk().core().call::<wire::UpdateSessionData>(cx, None, &request).await?;
        Ok(matches!(outcome, wire::UpdateResponse::Ok))
    }

    async fn merge_into_access_token_payload(&self, cx: &Cx, handle: &str, update: Object) -> Result<bool> {
        let Some(found) = cx.session()?.functions.session_information(cx, handle).await? else {
            return Ok(false);
        };
        let payload = merged(&found.payload, update);
        let session_handle = handle.to_owned();
        let request = wire::UpdateJwtDataRequest { session_handle, user_data_in_jwt: payload };
        let outcome = cx.sdk().core().call::<wire::UpdateJwtData>(cx, None, &request).await?;
        Ok(matches!(outcome, wire::UpdateResponse::Ok))
    }
}

/// A payload without what only the core may write, with an update laid over it.
pub(super) fn merged(payload: &Object, update: Object) -> Object {
    let mut merged = payload.clone();
    merged.retain(|name, _| !PROTECTED_CLAIMS.contains(&name.as_str()));
    for (name, value) in update {
        if value.is_null() {
            merged.remove(&name);
        } else {
            merged.insert(name, value);
        }
    }
    merged
}

async fn fetch_into(cx: &Cx, claim: &Claim, subject: &ClaimSubject, payload: &mut Object) -> Result<()> {
    if let Some(value) = claim.fetch(cx, subject, payload).await? {
        claim.add_to(payload, &value, cx.now());
    }
    Ok(())
}

async fn revoke(
    cx: &Cx,
    tenant: Option<&str>,
    fill: impl FnOnce(&mut wire::RemoveSessionsRequest),
) -> Result<Vec<String>> {
    let mut request = wire::RemoveSessionsRequest {
        user_id: None,
        session_handles: None,
        revoke_across_all_tenants: None,
        revoke_sessions_for_linked_accounts: None,
    };
    fill(&mut request);
    let outcome = cx.sdk().core().call::<wire::RemoveSessions>(cx, tenant, &request).await;
    let verified = &cx.session()?.verified;
    match &outcome {
        Ok(wire::RemoveSessionsResponse::Ok { session_handles_revoked: revoked }) => {
            let asked = request.session_handles.iter().flatten();
            asked.chain(revoked).for_each(|handle| verified.forget_session(handle));
        }
        // The core may have done it before its answer was lost.
        Err(_) => verified.forget_all(),
    }
    let wire::RemoveSessionsResponse::Ok { session_handles_revoked } = outcome?;
    Ok(session_handles_revoked)
}

/// As [`Functions::verify_session`], which needs a box for its future.
pub(super) async fn verify_if_shown(
    cx: &Cx,
    access_token: Option<&AccessToken>,
    anti_csrf_token: Option<&str>,
    options: &VerifyOptions,
) -> Result<Option<Session>> {
    match access_token {
        Some(token) => verify(cx, token, anti_csrf_token, options).await.map(Some),
        None if options.is_optional() => Ok(None),
        None => Err(SessionError::missing(
            "Session does not exist. Are you sending the session tokens in the request with the appropriate token transfer method?",
        )
        .into()),
    }
}

/// Believes a token by its signature; asks the core only if it must.
async fn verify(
    cx: &Cx,
    token: &AccessToken,
    anti_csrf_token: Option<&str>,
    options: &VerifyOptions,
) -> Result<Session> {
    let (sessions, claims) = (cx.session()?, token.claims());
    let dynamic = token.kid().map(|kid| kid.starts_with("d-"));
    if dynamic.is_some_and(|dynamic| dynamic != sessions.config.use_dynamic_signing_key) {
        let text = "The access token doesn't match the use_dynamic_signing_key setting";
        return Err(SessionError::try_refresh(text).into());
    }
    if !sessions.verified.believes(token, sessions.keys.list_in_use()) {
        check_signature(cx, sessions, token).await?;
    }
    if claims.expires_at <= cx.now() {
        return Err(SessionError::try_refresh("Access token expired").into());
    }
    let checks_anti_csrf = options.wants_anti_csrf_check() != Some(false);
    if checks_anti_csrf {
        match same_site::anti_csrf(cx, &sessions.config) {
            AntiCsrf::ViaToken => check_anti_csrf(token, anti_csrf_token)?,
            AntiCsrf::ViaCustomHeader => return Err(no_header("anti_csrf_check(false)")),
            AntiCsrf::None => {}
        }
    }
    if !options.asks_database() && !claims.is_unconfirmed {
        return Ok(Session::from_access_token(token.clone()));
    }
    // Apart, as most calls have no use for the room that it takes.
    Box::pin(ask_core(cx, token, anti_csrf_token, options)).await
}

/// Lets the core verify a token, whose signature is right.
async fn ask_core(
    cx: &Cx,
    token: &AccessToken,
    anti_csrf_token: Option<&str>,
    options: &VerifyOptions,
) -> Result<Session> {
    let sessions = cx.session()?;
    let enable_anti_csrf = same_site::anti_csrf(cx, &sessions.config) == AntiCsrf::ViaToken;
    let request = wire::VerifySessionRequest {
        access_token: token.as_str().to_owned(),
        anti_csrf_token: anti_csrf_token.map(str::to_owned),
        do_anti_csrf_check: options.wants_anti_csrf_check() != Some(false) && enable_anti_csrf,
        enable_anti_csrf,
        check_database: Some(options.asks_database()),
    };
    match cx.sdk().core().call::<wire::VerifySession>(cx, None, &request).await? {
        wire::VerifySessionResponse::Ok(verified) => match verified.access_token {
            Some(new) => Session::from_new_access_token(&new.token),
            None => Ok(Session::from_access_token(token.clone())),
        },
        wire::VerifySessionResponse::Unauthorised { message } => Err(SessionError::over(message).into()),
        wire::VerifySessionResponse::TryRefreshToken { message, .. } => {
            Err(SessionError::try_refresh(message).into())
        }
    }
}

/// Who has looked for the header switches the check off, as the calls do that belong to a request; here it
/// cannot be seen.
fn no_header(switch: &str) -> Error {
    Error::Internal(format!(
        "a token alone does not show whether it came with a header, by which anti-CSRF goes; use AntiCsrf::ViaToken or {switch}"
    ))
}

async fn check_signature(cx: &Cx, sessions: &Sessions, token: &AccessToken) -> Result<()> {
    let ended = sessions.verified.ended(token);
    match sessions.keys.verify(cx.sdk().core(), token).await? {
        Signature::Good(list) => {
            sessions.verified.insert(token, list, ended);
            Ok(())
        }
        Signature::Bad | Signature::UnknownKey => {
            Err(SessionError::try_refresh("the signature of the access token does not fit").into())
        }
    }
}

fn check_anti_csrf(token: &AccessToken, shown: Option<&str>) -> Result<()> {
    let text = match shown {
        None => {
            "Provided antiCsrfToken is undefined. If you do not want anti-csrf check for this API, please set doAntiCsrfCheck to false for this API"
        }
        Some(shown) if token.claims().anti_csrf_token.as_deref() != Some(shown) => "anti-csrf check failed",
        Some(_) => return Ok(()),
    };
    Err(SessionError::try_refresh(text).into())
}
