//! What the frontend may ask. Each API can be replaced or taken away.

use super::{UserEmail, Verifications, VerifiedEmail, claim, verification_link};
use crate::email::{Email, EmailSubject};
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, json_body, ok};
use crate::recipes::session::{NewSession, Session, VerifyOptions};
use crate::{Cx, Error, Result, SessionError};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /user/email/verify/token`
    GenerateEmailVerifyToken,
    /// `POST /user/email/verify`
    VerifyEmail,
    /// `GET /user/email/verify`
    IsEmailVerified,
}

/// What `POST /user/email/verify/token` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GenerateTokenOutcome {
    /// A link is on its way.
    Ok,
    /// None is needed.
    EmailAlreadyVerified,
}

/// What `POST /user/email/verify` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyOutcome {
    /// The address is proven. The frontend is not told whose.
    Ok(VerifiedEmail),
    /// The token is unknown, used or expired.
    InvalidToken,
}

/// The frontend APIs of the emailverification recipe. A replacement implements [`Apis::original`] and what
/// it changes. Any of them may answer [`Error::General`], whose text the frontend shows.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// Sends the session's user a link.
    async fn generate_email_verify_token(&self, cx: &Cx, session: &Session) -> Result<GenerateTokenOutcome> {
        self.original().generate_email_verify_token(cx, session).await
    }

    /// Uses a token up. The session, if there is one, learns of it.
    async fn verify_email(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        session: Option<&Session>,
    ) -> Result<VerifyOutcome> {
        self.original().verify_email(cx, tenant, token, session).await
    }

    /// Whether the address of the session's login method is proven, which the session learns as well.
    async fn is_email_verified(&self, cx: &Cx, session: &Session) -> Result<bool> {
        self.original().is_email_verified(cx, session).await
    }
}

/// What the APIs do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseApis;

#[async_trait]
impl Apis for BaseApis {
    fn original(&self) -> &dyn Apis {
        self
    }

    async fn generate_email_verify_token(&self, cx: &Cx, session: &Session) -> Result<GenerateTokenOutcome> {
        let recipe = cx.sdk().email_verification()?;
        let (tenant, recipe_user_id) = (session.tenant_id(), session.recipe_user_id());
        let Some(to) = email_of_session(cx, session).await? else {
            update_session(cx, session, recipe_user_id).await?;
            return Ok(GenerateTokenOutcome::EmailAlreadyVerified);
        };
        let token = recipe.functions.create_email_verification_token(cx, tenant, recipe_user_id, &to).await?;
        let Some(token) = token else {
            update_session(cx, session, recipe_user_id).await?;
            return Ok(GenerateTokenOutcome::EmailAlreadyVerified);
        };
        if session.claim_value(&claim()) != Some(Value::Bool(false)) {
            // The proof was taken back after the session had learned of it.
            session.fetch_and_set_claim(cx, &claim()).await?;
        }
        let subject = EmailSubject::EmailVerification { link: verification_link(cx, &token, tenant) };
        let email = Email::new(to, subject, tenant).of_user(session.user_id(), Some(recipe_user_id));
        recipe.send_email(cx, &email).await?;
        Ok(GenerateTokenOutcome::Ok)
    }

    async fn verify_email(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        session: Option<&Session>,
    ) -> Result<VerifyOutcome> {
        let functions = &cx.sdk().email_verification()?.functions;
        let Some(verified) = functions.verify_email_using_token(cx, tenant, token, true).await? else {
            return Ok(VerifyOutcome::InvalidToken);
        };
        if let Some(session) = session {
            update_session(cx, session, &verified.recipe_user_id).await?;
        }
        Ok(VerifyOutcome::Ok(verified))
    }

    async fn is_email_verified(&self, cx: &Cx, session: &Session) -> Result<bool> {
        let recipe_user_id = session.recipe_user_id();
        let Some(email) = email_of_session(cx, session).await? else { return Ok(true) };
        let functions = &cx.sdk().email_verification()?.functions;
        let is_verified = functions.is_email_verified(cx, recipe_user_id, &email).await?;
        if is_verified {
            // The link may have been opened in another browser.
            update_session(cx, session, recipe_user_id).await?;
        } else {
            session.set_claim_value(cx, &claim(), false).await?;
        }
        Ok(is_verified)
    }
}

/// The address of the session's login method, if it has one. Who is not known any more is signed out.
async fn email_of_session(cx: &Cx, session: &Session) -> Result<Option<String>> {
    match cx.sdk().email_verification()?.email_of(cx, session.recipe_user_id()).await? {
        UserEmail::Known(email) => Ok(Some(email)),
        UserEmail::Missing => Ok(None),
        UserEmail::UnknownUser => Err(SessionError::over("Unknown User ID provided").into()),
    }
}

/// Lets a session know that an address of a login method is proven. If that made the login method part of
/// another user, the session goes on as that user's.
async fn update_session(cx: &Cx, session: &Session, recipe_user_id: &str) -> Result<()> {
    if session.recipe_user_id() != recipe_user_id {
        return Ok(());
    }
    let user = cx.sdk().find_user(cx, recipe_user_id).await?;
    let user_id = user.as_ref().map_or(recipe_user_id, |user| user.id.as_str());
    if session.user_id() == user_id {
        return session.fetch_and_set_claim(cx, &claim()).await;
    }
    let sessions = cx.session()?;
    sessions.revoke_all_of_user(cx, recipe_user_id, false, None).await?;
    let new = NewSession::of(recipe_user_id).tenant(session.tenant_id());
    sessions.create(cx, new).await.map(drop)
}

/// The session of the call's request, whatever its claims: an unproven address is why it comes.
async fn needed_session(cx: &Cx) -> Result<Session> {
    let session = cx.session()?.verify(cx, &VerifyOptions::new().without_claims()).await?;
    session.ok_or_else(|| SessionError::missing("no session").into())
}

async fn generate_token(cx: &Cx) -> Result<Response<Bytes>> {
    let session = needed_session(cx).await?;
    let apis = &cx.sdk().email_verification()?.apis;
    match apis.generate_email_verify_token(cx, &session).await? {
        GenerateTokenOutcome::Ok => ok(&json!({"status": "OK"})),
        GenerateTokenOutcome::EmailAlreadyVerified => ok(&json!({"status": "EMAIL_ALREADY_VERIFIED_ERROR"})),
    }
}

async fn verify_email(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let token = body.get("token").filter(|token| !token.is_null());
    let token = token.ok_or_else(|| Error::bad_input("Please provide the email verification token"))?;
    let token = token.as_str();
    let token = token.ok_or_else(|| Error::bad_input("The email verification token must be a string"))?;
    let session = cx.session()?.verify(cx, &VerifyOptions::new().optional().without_claims()).await?;
    let apis = &cx.sdk().email_verification()?.apis;
    match apis.verify_email(cx, tenant, token, session.as_ref()).await? {
        VerifyOutcome::Ok(_) => ok(&json!({"status": "OK"})),
        VerifyOutcome::InvalidToken => ok(&json!({"status": "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"})),
    }
}

async fn is_email_verified(cx: &Cx) -> Result<Response<Bytes>> {
    let session = needed_session(cx).await?;
    let is_verified = cx.sdk().email_verification()?.apis.is_email_verified(cx, &session).await?;
    ok(&json!({"status": "OK", "isVerified": is_verified}))
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Verifications) -> Vec<Route> {
    use ApiMethod::{Get, Post};
    let all: [ApiRoute<Api>; 3] = [
        (Api::GenerateEmailVerifyToken, Post, "/user/email/verify/token", |cx, _| {
            Box::pin(generate_token(cx))
        }),
        (Api::VerifyEmail, Post, "/user/email/verify", |cx, tenant| Box::pin(verify_email(cx, tenant))),
        (Api::IsEmailVerified, Get, "/user/email/verify", |cx, _| Box::pin(is_email_verified(cx))),
    ];
    enabled_routes(&recipe.disabled, "emailverification", all)
}
