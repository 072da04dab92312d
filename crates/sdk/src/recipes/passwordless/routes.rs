//! From the frontend's requests to the APIs, and back.

use super::Codes;
use super::apis::{Api, ConsumeCodeOutcome, CreateCodeOutcome, ResendCodeInput, ResendCodeOutcome};
use super::config::ContactMethod;
use super::types::{Attempt, CodeFault, CodeProof, CodeRequest, Contact};
use crate::fdi;
use crate::handle::{ApiMethod, ApiRoute, Handler, Route, enabled_routes, json_body, ok, text_of};
use crate::recipes::flow;
use crate::recipes::session::Session;
use crate::{Cx, Error, Result};
use bytes::Bytes;
use http::Response;
use portcullis_wire::Object;
use serde_json::{Value, json};

/// Where a code is wanted.
fn contact(body: &Object, method: ContactMethod) -> Result<Contact> {
    let no_text =
        |name| Error::General(format!("Development bug: Please make sure the {name} field is a string"));
    match (body.get("email"), body.get("phoneNumber")) {
        (Some(_), None) if method == ContactMethod::Phone => Err(Error::bad_input(
            "Please provide a phoneNumber since you have set the contactMethod to \"PHONE\"",
        )),
        (None, Some(_)) if method == ContactMethod::Email => {
            Err(Error::bad_input("Please provide an email since you have set the contactMethod to \"EMAIL\""))
        }
        (Some(email), None) => {
            let email = email.as_str().ok_or_else(|| no_text("email"))?;
            Ok(Contact::Email(email.trim().to_owned()))
        }
        (None, Some(number)) => {
            let number = number.as_str().ok_or_else(|| no_text("phoneNumber"))?;
            Ok(Contact::PhoneNumber(number.to_owned()))
        }
        _ => Err(Error::bad_input("Please provide exactly one of email or phoneNumber")),
    }
}

async fn create_code(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let recipe = cx.sdk().passwordless()?;
    let body = json_body(cx)?;
    let contact = contact(&body, recipe.settings.contact_method)?;
    if let Some(fault) = recipe.settings.fault(cx, tenant, &contact).await? {
        return Err(Error::General(fault));
    }
    let link_to_session_user = fdi::linking_flag(cx, &body);
    let session = flow::session_to_link(cx, link_to_session_user).await?;
    let tenant = session.as_ref().map_or(tenant, Session::tenant_id);
    let request = CodeRequest {
        session: session.clone(),
        link_to_session_user,
        ..CodeRequest::new(tenant, contact.normalised())
    };
    match recipe.apis.create_code(cx, request).await? {
        CreateCodeOutcome::Ok { device_id, pre_auth_session_id, flow_type } => ok(&json!({
            "status": "OK",
            "deviceId": device_id,
            "flowType": flow_type.name(),
            "preAuthSessionId": pre_auth_session_id,
        })),
        CreateCodeOutcome::NotAllowed { reason } => not_allowed(&reason),
    }
}

fn not_allowed(reason: &str) -> Result<Response<Bytes>> {
    ok(&json!({"status": "SIGN_IN_UP_NOT_ALLOWED", "reason": reason}))
}

async fn resend_code(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let recipe = cx.sdk().passwordless()?;
    let body = json_body(cx)?;
    let pre_auth_session_id = text_of(&body, "preAuthSessionId", "Please provide preAuthSessionId")?;
    let device_id = text_of(&body, "deviceId", "Please provide a deviceId")?;
    let link_to_session_user = fdi::linking_flag(cx, &body);
    let session = flow::session_to_link(cx, link_to_session_user).await?;
    let tenant = tenant.to_owned();
    let input = ResendCodeInput { tenant, device_id, pre_auth_session_id, session, link_to_session_user };
    ok(&json!({"status": match recipe.apis.resend_code(cx, input).await? {
        ResendCodeOutcome::Ok => "OK",
        ResendCodeOutcome::RestartFlow => "RESTART_FLOW_ERROR",
    }}))
}

/// What shows that a code or a link was received.
fn proof(body: &Object) -> Result<CodeProof> {
    let one_of = "Please provide one of (linkCode) or (deviceId+userInputCode) and not both";
    match ["linkCode", "deviceId", "userInputCode"].map(|name| body.contains_key(name)) {
        [true, false, false] => Ok(CodeProof::Link { link_code: text_of(body, "linkCode", one_of)? }),
        [false, true, true] => Ok(CodeProof::Entered {
            device_id: text_of(body, "deviceId", one_of)?,
            user_input_code: text_of(body, "userInputCode", one_of)?,
        }),
        [false, true, false] | [false, false, true] => {
            Err(Error::bad_input("Please provide both deviceId and userInputCode"))
        }
        _ => Err(Error::bad_input(one_of)),
    }
}

async fn consume_code(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let recipe = cx.sdk().passwordless()?;
    let body = json_body(cx)?;
    let pre_auth_session_id = text_of(&body, "preAuthSessionId", "Please provide preAuthSessionId")?;
    let proof = proof(&body)?;
    // To somebody whom a login method is to be linked to, codes are sent and no links. A link may be a stranger's,
    // who would sign in as whoever opens it; older frontends do not say that they want that.
    let is_link = matches!(proof, CodeProof::Link { .. });
    let link_to_session_user = fdi::linking_flag(cx, &body).or(is_link.then_some(false));
    let session = flow::session_to_link(cx, link_to_session_user).await?;
    let tenant = session.as_ref().map_or(tenant, Session::tenant_id).to_owned();
    let attempt = Attempt { tenant, pre_auth_session_id, proof, session, link_to_session_user };
    match recipe.apis.consume_code(cx, attempt).await? {
        ConsumeCodeOutcome::Ok { user, session, is_new } => fdi::signed_in_or_up(cx, &user, &session, is_new),
        ConsumeCodeOutcome::Refused(fault) => fdi::turned_away(cx, ok(&refusal(fault))),
        ConsumeCodeOutcome::NotAllowed { reason } => fdi::turned_away(cx, not_allowed(&reason)),
    }
}

fn refusal(fault: CodeFault) -> Value {
    match fault {
        CodeFault::Incorrect { failed_attempts, max_attempts } => json!({
            "status": "INCORRECT_USER_INPUT_CODE_ERROR",
            "failedCodeInputAttemptCount": failed_attempts,
            "maximumCodeInputAttempts": max_attempts,
        }),
        CodeFault::Expired { failed_attempts, max_attempts } => json!({
            "status": "EXPIRED_USER_INPUT_CODE_ERROR",
            "failedCodeInputAttemptCount": failed_attempts,
            "maximumCodeInputAttempts": max_attempts,
        }),
        CodeFault::RestartFlow => json!({"status": "RESTART_FLOW_ERROR"}),
    }
}

fn query(cx: &Cx, name: &str) -> Result<String> {
    let value = cx.exchange().and_then(|exchange| exchange.query(name));
    value.ok_or_else(|| Error::bad_input(format!("Please provide the {name} as a GET param")))
}

async fn email_exists(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let email = query(cx, "email")?;
    let exists = cx.sdk().passwordless()?.apis.email_exists(cx, tenant, &email).await?;
    ok(&json!({"status": "OK", "exists": exists}))
}

async fn phone_number_exists(cx: &Cx, tenant: &str) -> Result<Response<Bytes>> {
    let number = query(cx, "phoneNumber")?;
    let exists = cx.sdk().passwordless()?.apis.phone_number_exists(cx, tenant, &number).await?;
    ok(&json!({"status": "OK", "exists": exists}))
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Codes) -> Vec<Route> {
    use ApiMethod::{Get, Post};
    let email: Handler = |cx, tenant| Box::pin(email_exists(cx, tenant));
    let number: Handler = |cx, tenant| Box::pin(phone_number_exists(cx, tenant));
    let all: [ApiRoute<Api>; 7] = [
        (Api::ConsumeCode, Post, "/signinup/code/consume", |cx, tenant| Box::pin(consume_code(cx, tenant))),
        (Api::CreateCode, Post, "/signinup/code", |cx, tenant| Box::pin(create_code(cx, tenant))),
        (Api::EmailExists, Get, "/passwordless/email/exists", email),
        (Api::EmailExists, Get, "/signup/email/exists", email),
        (Api::PhoneNumberExists, Get, "/passwordless/phonenumber/exists", number),
        (Api::PhoneNumberExists, Get, "/signup/phonenumber/exists", number),
        (Api::ResendCode, Post, "/signinup/code/resend", |cx, tenant| Box::pin(resend_code(cx, tenant))),
    ];
    enabled_routes(&recipe.disabled, "passwordless", all)
}
