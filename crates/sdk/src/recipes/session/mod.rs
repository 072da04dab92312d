//! Sessions: made at sign-in, verified at every request, refreshed by the frontend, revoked at sign-out.

mod access_token;
mod apis;
mod claim;
mod config;
mod container;
mod errors;
mod functions;
mod jwks;
mod same_site;
mod tokens;
mod types;
mod verified;

pub use access_token::AccessToken;
pub use apis::{Api, Apis};
pub use claim::{Claim, ClaimSubject, ClaimValidator};
pub use config::{AntiCsrf, ErrorHandlers, SessionRecipe, TokenType, TransferMethod};
pub use container::Session;
pub use functions::Functions;

pub use types::{NewSession, NewTokens, SessionInformation, SessionTokens, ValidatedClaims};
pub use types::{SessionPolicy, SignedIn, VerifyOptions};

pub(crate) use apis::routes;

use crate::{ClaimFailure, Cx, Result, SessionError};
use config::Config;
use portcullis_wire::Object;
use std::collections::HashSet;
use std::sync::Arc;

/// The session recipe at work.
#[derive(Debug)]
pub struct Sessions {
    pub(crate) config: Config,
    pub(crate) functions: Arc<dyn Functions>,
    /// Whether the app replaced any of the functions.
    is_replaced: bool,
    pub(crate) apis: Arc<dyn Apis>,
    pub(crate) disabled: HashSet<Api>,
    pub(crate) keys: jwks::Keys,
    pub(crate) verified: verified::VerifiedTokens,
    /// Claims that other recipes put into every new session.
    pub(crate) claims: Vec<Claim>,
    /// Validators that other recipes ask for at every verification.
    pub(crate) validators: Vec<ClaimValidator>,
}

impl Sessions {
    /// Makes a session and gives its tokens to the response that `cx` belongs to. Claims of other recipes
    /// are added to its payload.
    pub async fn create(&self, cx: &Cx, new: NewSession) -> Result<Session> {
        tokens::create_in_exchange(cx, new).await
    }

    /// Makes a session whose tokens the caller takes care of.
    pub async fn create_without_request(&self, cx: &Cx, mut new: NewSession) -> Result<Session> {
        new.payload = tokens::new_payload(cx, &new).await?;
        self.functions.create_session(cx, new).await
    }

    /// The session of the request that `cx` belongs to. `None` only if `options` make it optional.
    pub async fn verify(&self, cx: &Cx, options: &VerifyOptions) -> Result<Option<Session>> {
        tokens::verify_in_exchange(cx, options).await
    }

    /// The session of an access token. The request that `cx` may belong to is not looked at: where anti-CSRF
    /// goes by a custom header, it is an error not to switch its check off.
    pub async fn verify_without_request(
        &self,
        cx: &Cx,
        access_token: &str,
        anti_csrf_token: Option<&str>,
        options: &VerifyOptions,
    ) -> Result<Option<Session>> {
        let token = self.parse(access_token);
        let session = self.verify_token(cx, token.as_ref(), anti_csrf_token, options).await?;
        if let Some(session) = &session {
            let validators = self.required_validators(cx, session, options).await?;
            session.assert_claims(cx, &validators).await?;
        }
        Ok(session)
    }

    /// The session of the request, whatever its claims: for APIs that unfinished sign-ins come to.
    pub(crate) async fn verify_unfinished(&self, cx: &Cx) -> Result<Session> {
        let session = self.verify(cx, &VerifyOptions::new().without_claims()).await?;
        session.ok_or_else(|| SessionError::missing("no session").into())
    }

    /// Whether the request that `cx` belongs to may get a new session, as far as can be told before anything is
    /// made for it.
    pub(crate) fn check_request(&self, cx: &Cx) -> Result<()> {
        cx.exchange().map_or(Ok(()), |exchange| tokens::refuse_strangers(cx, &self.config, exchange))
    }

    /// Exchanges the refresh token of the request that `cx` belongs to.
    pub async fn refresh(&self, cx: &Cx) -> Result<Session> {
        tokens::refresh_in_exchange(cx).await
    }

    /// Exchanges a refresh token for new tokens that the caller takes care of. The request that `cx` may
    /// belong to is not looked at: where anti-CSRF goes by a custom header, it is an error not to disable it.
    pub async fn refresh_without_request(
        &self,
        cx: &Cx,
        refresh_token: &str,
        anti_csrf_token: Option<&str>,
        disable_anti_csrf: bool,
    ) -> Result<Session> {
        self.functions.refresh_session(cx, refresh_token, anti_csrf_token, disable_anti_csrf).await
    }

    /// What is stored about a session; `None` if it is over.
    pub async fn information(&self, cx: &Cx, handle: &str) -> Result<Option<SessionInformation>> {
        self.functions.session_information(cx, handle).await
    }

    /// Ends a session; false if it was over already.
    pub async fn revoke(&self, cx: &Cx, handle: &str) -> Result<bool> {
        self.functions.revoke_session(cx, handle).await
    }

    /// Ends several sessions; answers those that were there.
    pub async fn revoke_several(&self, cx: &Cx, handles: &[String]) -> Result<Vec<String>> {
        self.functions.revoke_sessions(cx, handles).await
    }

    /// Ends the sessions of a user, of all linked login methods unless told otherwise; in one tenant, or
    /// in all of them.
    pub async fn revoke_all_of_user(
        &self,
        cx: &Cx,
        user_id: &str,
        of_linked_accounts: bool,
        tenant: Option<&str>,
    ) -> Result<Vec<String>> {
        self.functions.revoke_sessions_of_user(cx, user_id, of_linked_accounts, tenant).await
    }

    /// The sessions of a user, as handles.
    pub async fn all_handles_of_user(
        &self,
        cx: &Cx,
        user_id: &str,
        of_linked_accounts: bool,
        tenant: Option<&str>,
    ) -> Result<Vec<String>> {
        self.functions.session_handles_of_user(cx, user_id, of_linked_accounts, tenant).await
    }

    /// Replaces the data that stay in the database; false if the session is over.
    pub async fn update_session_data(&self, cx: &Cx, handle: &str, data: Object) -> Result<bool> {
        self.functions.update_session_data(cx, handle, data).await
    }

    /// Lays claims over those that the session's next access tokens carry; a `null` takes one away.
    /// False if the session is over.
    pub async fn merge_into_access_token_payload(
        &self,
        cx: &Cx,
        handle: &str,
        update: Object,
    ) -> Result<bool> {
        self.functions.merge_into_access_token_payload(cx, handle, update).await
    }

    /// Fetches a claim's value and stores it for the session's next access tokens.
    pub async fn fetch_and_set_claim(&self, cx: &Cx, handle: &str, claim: &Claim) -> Result<bool> {
        let Some(information) = self.information(cx, handle).await? else { return Ok(false) };
        let subject =
            ClaimSubject::new(information.user_id, information.recipe_user_id, information.tenant_id);
        // As in an access token, which is where claims look for it.
        let mut payload = information.payload;
        payload.insert("sessionHandle".to_owned(), handle.into());
        let update = claim.build(cx, &subject, &payload).await?;
        self.merge_into_access_token_payload(cx, handle, update).await
    }

    /// Stores a claim's value for the session's next access tokens.
    pub async fn set_claim_value(
        &self,
        cx: &Cx,
        handle: &str,
        claim: &Claim,
        value: impl Into<serde_json::Value> + Send,
    ) -> Result<bool> {
        let mut update = Object::new();
        claim.add_to(&mut update, &value.into(), cx.now());
        self.merge_into_access_token_payload(cx, handle, update).await
    }

    /// Takes a claim away from the session's next access tokens.
    pub async fn remove_claim(&self, cx: &Cx, handle: &str, claim: &Claim) -> Result<bool> {
        let mut update = Object::new();
        update.insert(claim.key().to_owned(), serde_json::Value::Null);
        self.merge_into_access_token_payload(cx, handle, update).await
    }

    /// What a session lacks of the claims that `options` ask for, by what is stored about it. What is stale is
    /// fetched first, and stored for the session's next access tokens. `None` if the session is over.
    pub async fn validate_claims_for_session_handle(
        &self,
        cx: &Cx,
        handle: &str,
        options: &VerifyOptions,
    ) -> Result<Option<Vec<ClaimFailure>>> {
        let Some(found) = self.information(cx, handle).await? else { return Ok(None) };
        let subject = ClaimSubject::new(found.user_id, found.recipe_user_id, found.tenant_id);
        let validators = self.validators_for(cx, &subject, options).await?;
        let outcome = self.functions.validate_claims(cx, &subject, &found.payload, &validators).await?;
        if let Some(update) = outcome.update
            && !self.merge_into_access_token_payload(cx, handle, update).await?
        {
            return Ok(None);
        }
        Ok(Some(outcome.failures))
    }

    /// The session of a token, straight unless the app replaced something: every request takes this way.
    async fn verify_token(
        &self,
        cx: &Cx,
        token: Option<&AccessToken>,
        anti_csrf_token: Option<&str>,
        options: &VerifyOptions,
    ) -> Result<Option<Session>> {
        if self.is_replaced {
            self.functions.verify_session(cx, token, anti_csrf_token, options).await
        } else {
            functions::verify_if_shown(cx, token, anti_csrf_token, options).await
        }
    }

    /// Takes an access token apart, unless that was done when it was verified before.
    pub(crate) fn parse(&self, access_token: &str) -> Option<AccessToken> {
        self.verified.find(access_token).or_else(|| AccessToken::parse(access_token))
    }

    /// The validators that a verification asks for.
    pub(crate) async fn required_validators(
        &self,
        cx: &Cx,
        session: &Session,
        options: &VerifyOptions,
    ) -> Result<Vec<ClaimValidator>> {
        if self.is_replaced {
            return self.validators_for(cx, &session.subject(), options).await;
        }
        Ok(options.validators(self.validators.clone()))
    }

    async fn validators_for(
        &self,
        cx: &Cx,
        subject: &ClaimSubject,
        options: &VerifyOptions,
    ) -> Result<Vec<ClaimValidator>> {
        let global = self.functions.global_claim_validators(cx, subject, self.validators.clone()).await?;
        Ok(options.validators(global))
    }
}

/// What the app's own claims in a new session may not be called.
pub(crate) const PROTECTED_CLAIMS: [&str; 10] = [
    "sub",
    "iat",
    "exp",
    "sessionHandle",
    "parentRefreshTokenHash1",
    "refreshTokenHash1",
    "antiCsrfToken",
    "rsub",
    "tId",
    "stt",
];
