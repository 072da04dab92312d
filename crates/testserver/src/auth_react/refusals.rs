//! Frontend APIs that refuse with a text of the application's own where the request asks for it.

use portcullis::recipes::session::Session;
use portcullis::recipes::{emailpassword, emailverification, passwordless, session, thirdparty};
use portcullis::{Cx, Error, Result, async_trait};
use serde_json::Value;
use std::sync::Arc;

/// Refuses a request with `generalError`, in its body or query.
fn refuse(cx: &Cx, text: &str) -> Result<()> {
    let Some(exchange) = cx.exchange() else { return Ok(()) };
    let is_asked_for =
        body(cx)["generalError"] == true || exchange.query("generalError").as_deref() == Some("true");
    if is_asked_for { Err(Error::General(format!("general error from {text}"))) } else { Ok(()) }
}

fn body(cx: &Cx) -> Value {
    let body = cx.exchange().map(|exchange| exchange.body().as_ref()).unwrap_or_default();
    serde_json::from_slice(body).unwrap_or_default()
}

pub(crate) struct EmailPassword(pub(crate) Arc<dyn emailpassword::Apis>);

#[async_trait]
impl emailpassword::Apis for EmailPassword {
    fn original(&self) -> &dyn emailpassword::Apis {
        &*self.0
    }

    async fn sign_up(
        &self,
        cx: &Cx,
        input: emailpassword::FormInput,
    ) -> Result<emailpassword::SignUpOutcome> {
        refuse(cx, "API sign up")?;
        self.original().sign_up(cx, input).await
    }

    async fn sign_in(
        &self,
        cx: &Cx,
        input: emailpassword::FormInput,
    ) -> Result<emailpassword::SignInOutcome> {
        refuse(cx, "API sign in").map_err(|error| match body(cx)["generalErrorMessage"].as_str() {
            Some(text) => Error::General(text.to_owned()),
            None => error,
        })?;
        self.original().sign_in(cx, input).await
    }

    async fn email_exists(&self, cx: &Cx, tenant: &str, email: &str) -> Result<bool> {
        refuse(cx, "API email exists")?;
        self.original().email_exists(cx, tenant, email).await
    }

    async fn generate_password_reset_token(
        &self,
        cx: &Cx,
        tenant: &str,
        values: &emailpassword::FormValues,
    ) -> Result<emailpassword::ResetTokenOutcome> {
        refuse(cx, "API reset password")?;
        self.original().generate_password_reset_token(cx, tenant, values).await
    }

    async fn password_reset(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        values: &emailpassword::FormValues,
    ) -> Result<emailpassword::PasswordResetOutcome> {
        refuse(cx, "API reset password consume")?;
        self.original().password_reset(cx, tenant, token, values).await
    }
}

pub(crate) struct EmailVerification(pub(crate) Arc<dyn emailverification::Apis>);

#[async_trait]
impl emailverification::Apis for EmailVerification {
    fn original(&self) -> &dyn emailverification::Apis {
        &*self.0
    }

    async fn generate_email_verify_token(
        &self,
        cx: &Cx,
        session: &Session,
    ) -> Result<emailverification::GenerateTokenOutcome> {
        refuse(cx, "API email verification code")?;
        self.original().generate_email_verify_token(cx, session).await
    }

    async fn verify_email(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        session: Option<&Session>,
    ) -> Result<emailverification::VerifyOutcome> {
        refuse(cx, "API email verify")?;
        self.original().verify_email(cx, tenant, token, session).await
    }
}

pub(crate) struct ThirdParty(pub(crate) Arc<dyn thirdparty::Apis>);

#[async_trait]
impl thirdparty::Apis for ThirdParty {
    fn original(&self) -> &dyn thirdparty::Apis {
        &*self.0
    }

    async fn authorisation_url(
        &self,
        cx: &Cx,
        tenant: &str,
        provider: &thirdparty::Provider,
        redirect_uri: &str,
    ) -> Result<thirdparty::AuthorisationUrl> {
        refuse(cx, "API authorisation url get")?;
        self.original().authorisation_url(cx, tenant, provider, redirect_uri).await
    }

    async fn sign_in_up(
        &self,
        cx: &Cx,
        request: thirdparty::SignInUpRequest,
    ) -> Result<thirdparty::SignInUpOutcome> {
        refuse(cx, "API sign in up")?;
        self.original().sign_in_up(cx, request).await
    }
}

pub(crate) struct Passwordless(pub(crate) Arc<dyn passwordless::Apis>);

#[async_trait]
impl passwordless::Apis for Passwordless {
    fn original(&self) -> &dyn passwordless::Apis {
        &*self.0
    }

    async fn create_code(
        &self,
        cx: &Cx,
        request: passwordless::CodeRequest,
    ) -> Result<passwordless::CreateCodeOutcome> {
        refuse(cx, "API create code")?;
        self.original().create_code(cx, request).await
    }

    async fn resend_code(
        &self,
        cx: &Cx,
        input: passwordless::ResendCodeInput,
    ) -> Result<passwordless::ResendCodeOutcome> {
        refuse(cx, "API resend code")?;
        self.original().resend_code(cx, input).await
    }

    async fn consume_code(
        &self,
        cx: &Cx,
        attempt: passwordless::Attempt,
    ) -> Result<passwordless::ConsumeCodeOutcome> {
        refuse(cx, "API consume code")?;
        self.original().consume_code(cx, attempt).await
    }
}

pub(crate) struct Sessions(pub(crate) Arc<dyn session::Apis>);

#[async_trait]
impl session::Apis for Sessions {
    fn original(&self) -> &dyn session::Apis {
        &*self.0
    }

    async fn sign_out(&self, cx: &Cx, session: &Session) -> Result<()> {
        refuse(cx, "signout API")?;
        self.original().sign_out(cx, session).await
    }
}
