//! From the frontend's requests to the APIs, and back.

use super::Passkeys;
use super::apis::{
    Api, RecoverAccountInput, RecoverAccountOutcome, RecoverTokenOutcome, RegisterCredentialInput,
    RegisterCredentialOutcome, RemoveCredentialOutcome, SignInOutcome, SignUpOutcome,
};
use super::types::{Applicant, Attempt, CredentialFault, RegisterOptionsOutcome, SignInOptionsOutcome};
use crate::fdi;
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, json_body, ok, text_of};
use crate::recipes::factors::WEBAUTHN;
use crate::recipes::flow;
use crate::recipes::session::Session;
use crate::{Cx, Error, Result};
use bytes::Bytes;
use http::Response;
use portcullis_wire::Object;
use serde_json::{Value, json};

fn status(word: &str) -> Result<Response<Bytes>> {
    ok(&json!({"status": word}))
}

fn refused(word: &str, reason: &str) -> Result<Response<Bytes>> {
    ok(&json!({"status": word, "reason": reason}))
}

/// What an authenticator answered, and to which options.
fn answer(body: &Object) -> Result<(String, Object)> {
    let id = text_of(body, "webauthnGeneratedOptionsId", "webauthnGeneratedOptionsId is required")?;
    let credential = body.get("credential").ok_or_else(|| Error::bad_input("credential is required"))?;
    let credential = credential.as_object();
    let credential = credential.ok_or_else(|| Error::bad_input("credential must be an object"))?;
    Ok((id, credential.clone()))
}

/// The status word of a fault, which frontends get without the core's reason but for one.
fn fault(fault: &CredentialFault) -> Result<Response<Bytes>> {
    match fault {
        CredentialFault::OptionsNotFound => status("OPTIONS_NOT_FOUND_ERROR"),
        CredentialFault::InvalidOptions { .. } => status("INVALID_OPTIONS_ERROR"),
        CredentialFault::InvalidCredentials { .. } => status("INVALID_CREDENTIALS_ERROR"),
        CredentialFault::InvalidAuthenticator { reason } => refused("INVALID_AUTHENTICATOR_ERROR", reason),
    }
}

async fn register_options(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let recipe = cx.sdk().webauthn()?;
    let body = json_body(cx)?;
    let of = |name: &str| body.get(name).and_then(Value::as_str);
    let applicant = match (of("email"), of("recoverAccountToken")) {
        (Some(email), _) => {
            let email = email.trim().to_owned();
            if let Some(fault) = recipe.settings.email_fault(cx, tenant, &email).await? {
                return ok(&json!({"status": "INVALID_EMAIL_ERROR", "err": fault}));
            }
            Applicant::Email { email, display_name: of("displayName").map(str::to_owned) }
        }
        (None, Some(token)) => Applicant::RecoverAccountToken(token.to_owned()),
        (None, None) => {
            return Err(Error::bad_input("Please provide the email or the recover account token"));
        }
    };
    match recipe.apis.register_options(cx, tenant, applicant).await? {
        RegisterOptionsOutcome::Ok(options) => ok(&json!({
            "status": "OK",
            "webauthnGeneratedOptionsId": options.webauthn_generated_options_id,
            "createdAt": options.created_at,
            "expiresAt": options.expires_at,
            "challenge": options.challenge,
            "timeout": options.timeout,
            "attestation": options.attestation,
            "pubKeyCredParams": options.pub_key_cred_params,
            "excludeCredentials": options.exclude_credentials,
            "rp": options.rp,
            "user": options.user,
            "authenticatorSelection": options.authenticator_selection,
        })),
        RegisterOptionsOutcome::InvalidEmail { fault } => {
            ok(&json!({"status": "INVALID_EMAIL_ERROR", "err": fault}))
        }
        RegisterOptionsOutcome::InvalidRecoverAccountToken => status("RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"),
        RegisterOptionsOutcome::InvalidOptions { reason } => refused("INVALID_OPTIONS_ERROR", &reason),
    }
}

async fn sign_in_options(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    match cx.sdk().webauthn()?.apis.sign_in_options(cx, tenant).await? {
        SignInOptionsOutcome::Ok(options) => ok(&json!({
            "status": "OK",
            "webauthnGeneratedOptionsId": options.webauthn_generated_options_id,
            "rpId": options.relying_party_id,
            "createdAt": options.created_at,
            "expiresAt": options.expires_at,
            "challenge": options.challenge,
            "timeout": options.timeout,
            "userVerification": options.user_verification,
        })),
        SignInOptionsOutcome::InvalidOptions { reason } => refused("INVALID_OPTIONS_ERROR", &reason),
    }
}

/// Who signs up or in. A session decides about the tenant, if the request is to build on it.
async fn attempt(cx: &Cx, tenant: &str) -> Result<Attempt> {
    let body = json_body(cx)?;
    let (options_id, credential) = answer(&body)?;
    let link_to_session_user = fdi::linking_flag(cx, &body);
    let session = flow::session_to_link(cx, link_to_session_user).await?;
    let tenant = session.as_ref().map_or(tenant, Session::tenant_id).to_owned();
    Ok(Attempt { tenant, options_id, credential, session, link_to_session_user })
}

async fn sign_up(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    match cx.sdk().webauthn()?.apis.sign_up(cx, attempt(cx, tenant).await?).await? {
        SignUpOutcome::Ok { user, session } => fdi::signed_in(cx, &user, &session),
        SignUpOutcome::EmailAlreadyExists => fdi::turned_away(cx, status("EMAIL_ALREADY_EXISTS_ERROR")),
        SignUpOutcome::Refused(wrong) => fdi::turned_away(cx, fault(&wrong)),
        SignUpOutcome::NotAllowed { reason } => fdi::turned_away(cx, refused("SIGN_UP_NOT_ALLOWED", &reason)),
    }
}

async fn sign_in(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    match cx.sdk().webauthn()?.apis.sign_in(cx, attempt(cx, tenant).await?).await? {
        SignInOutcome::Ok { user, session } => fdi::signed_in(cx, &user, &session),
        SignInOutcome::InvalidCredentials => fdi::turned_away(cx, status("INVALID_CREDENTIALS_ERROR")),
        SignInOutcome::NotAllowed { reason } => fdi::turned_away(cx, refused("SIGN_IN_NOT_ALLOWED", &reason)),
    }
}

async fn email_exists(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let email = cx.exchange().and_then(|exchange| exchange.query("email"));
    let email = email.ok_or_else(|| Error::bad_input("Please provide the email as a GET param"))?;
    let exists = cx.sdk().webauthn()?.apis.email_exists(cx, tenant, &email).await?;
    ok(&json!({"status": "OK", "exists": exists}))
}

async fn generate_recover_account_token(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let email = body.get("email").and_then(Value::as_str);
    let email = email.ok_or_else(|| Error::bad_input("Please provide the email"))?;
    match cx.sdk().webauthn()?.apis.generate_recover_account_token(cx, tenant, email).await? {
        RecoverTokenOutcome::Ok => status("OK"),
        RecoverTokenOutcome::NotAllowed { reason } => refused("RECOVER_ACCOUNT_NOT_ALLOWED", &reason),
    }
}

async fn recover_account(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    let (options_id, credential) = answer(&body)?;
    let token = body.get("token");
    let token = token.ok_or_else(|| Error::bad_input("Please provide the recover account token"))?;
    let token = token.as_str();
    let token = token.ok_or_else(|| Error::bad_input("The recover account token must be a string"))?;
    let (tenant, token) = (tenant.to_owned(), token.to_owned());
    let input = RecoverAccountInput { tenant, token, options_id, credential };
    match cx.sdk().webauthn()?.apis.recover_account(cx, input).await? {
        RecoverAccountOutcome::Ok { .. } => status("OK"),
        RecoverAccountOutcome::InvalidToken => status("RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"),
        RecoverAccountOutcome::Refused(wrong) => fault(&wrong),
    }
}

async fn list_credentials(cx: &Cx) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let credentials = cx.sdk().webauthn()?.apis.list_credentials(cx, &session).await?;
    ok(&json!({"status": "OK", "credentials": credentials}))
}

async fn register_credential(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let body = json_body(cx)?;
    let (options_id, credential) = answer(&body)?;
    let recipe_user_id = text_of(&body, "recipeUserId", "Please provide the recipeUserId")?;
    let tenant = tenant.to_owned();
    let input = RegisterCredentialInput { tenant, session, recipe_user_id, options_id, credential };
    match cx.sdk().webauthn()?.apis.register_credential(cx, input).await? {
        RegisterCredentialOutcome::Ok => status("OK"),
        RegisterCredentialOutcome::OptionsNotFound => status("OPTIONS_NOT_FOUND_ERROR"),
        RegisterCredentialOutcome::InvalidOptions => status("INVALID_OPTIONS_ERROR"),
        RegisterCredentialOutcome::NotAllowed { reason } => {
            refused("REGISTER_CREDENTIAL_NOT_ALLOWED", &reason)
        }
    }
}

async fn remove_credential(cx: &Cx) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let id = text_of(&json_body(cx)?, "webauthnCredentialId", "A valid webauthnCredentialId is required")?;
    match cx.sdk().webauthn()?.apis.remove_credential(cx, &session, &id).await? {
        RemoveCredentialOutcome::Ok => status("OK"),
        RemoveCredentialOutcome::NotFound => status("CREDENTIAL_NOT_FOUND_ERROR"),
    }
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Passkeys) -> Vec<Route> {
    use ApiMethod::{Get, Post};
    let all: [ApiRoute<Api>; 10] = [
        (Api::RegisterOptions, Post, "/webauthn/options/register", |cx, tenant| {
            Box::pin(register_options(cx, tenant))
        }),
        (Api::SignInOptions, Post, "/webauthn/options/signin", |cx, tenant| {
            Box::pin(sign_in_options(cx, tenant))
        }),
        (Api::SignUp, Post, "/webauthn/signup", |cx, tenant| Box::pin(sign_up(cx, tenant))),
        (Api::SignIn, Post, "/webauthn/signin", |cx, tenant| Box::pin(sign_in(cx, tenant))),
        (Api::GenerateRecoverAccountToken, Post, "/user/webauthn/reset/token", |cx, tenant| {
            Box::pin(generate_recover_account_token(cx, tenant))
        }),
        (Api::RecoverAccount, Post, "/user/webauthn/reset", |cx, tenant| {
            Box::pin(recover_account(cx, tenant))
        }),
        (Api::EmailExists, Get, "/webauthn/email/exists", |cx, tenant| Box::pin(email_exists(cx, tenant))),
        (Api::ListCredentials, Get, "/webauthn/credential/list", |cx, _| Box::pin(list_credentials(cx))),
        (Api::RegisterCredential, Post, "/webauthn/credential", |cx, tenant| {
            Box::pin(register_credential(cx, tenant))
        }),
        (Api::RemoveCredential, Post, "/webauthn/credential/remove", |cx, _| Box::pin(remove_credential(cx))),
    ];
    enabled_routes(&recipe.disabled, WEBAUTHN, all)
}
