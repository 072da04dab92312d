//! Sign-in with a code or a link.

use crate::accountlinking::not_linked;
use crate::body::{Body, unknown};
use crate::emailpassword::take_from_request;
use crate::record::Record;
use crate::session::session_of;
use portcullis::email::{Email, EmailDelivery, EmailSubject};
use portcullis::recipes::passwordless::{
    Apis, Attempt, Change, Changed, Code, CodeFault, CodeProof, CodeRequest, ConsumeCodeOutcome, Contact,
    ContactMethod, FlowType, LoginCode, Passwordless, SignInUp,
};
use portcullis::sms::{Sms, SmsDelivery, SmsSubject};
use portcullis::{Cx, Error, Result, async_trait};
use serde_json::{Value, json};
use std::sync::Arc;

/// The recipe as the suite describes it.
pub(crate) fn recipe(config: &Body, record: &Arc<Record>) -> Passwordless {
    let method = match config.text("contactMethod") {
        "EMAIL" => ContactMethod::Email,
        "PHONE" => ContactMethod::Phone,
        _ => ContactMethod::EmailOrPhone,
    };
    let flow = match config.text("flowType") {
        "USER_INPUT_CODE" => FlowType::UserInputCode,
        "MAGIC_LINK" => FlowType::MagicLink,
        _ => FlowType::UserInputCodeAndMagicLink,
    };
    let recipe = Passwordless::new(method, flow)
        .email_delivery(Mailbox(Arc::clone(record)))
        .sms_delivery(Mailbox(Arc::clone(record)));
    if config.inner("override").has("apis") { recipe.override_apis(Replaced) } else { recipe }
}

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let (recipe, tenant) = (cx.sdk().passwordless()?, body.tenant());
    Ok(match function {
        "signinup" => signed_in(recipe.sign_in_up(cx, &request(cx, body).await?).await?)?,
        "createcode" => code(&recipe.create_code(cx, &request(cx, body).await?).await?),
        "consumecode" => {
            let link_code = body.optional("linkCode").map(str::to_owned);
            let entered = || CodeProof::Entered {
                device_id: body.text("deviceId").to_owned(),
                user_input_code: body.text("userInputCode").to_owned(),
            };
            let proof = link_code.map_or_else(entered, |link_code| CodeProof::Link { link_code });
            let mut attempt = Attempt::new(tenant, body.text("preAuthSessionId"), proof);
            attempt.session = session_of(cx, body).await?;
            attempt.link_to_session_user = Some(attempt.session.is_some());
            signed_in(recipe.consume_code(cx, &attempt).await?)?
        }
        "updateuser" => changed(&recipe.update_user(cx, &change(body)).await?)?,
        _ => return Err(unknown(function)),
    })
}

async fn request(cx: &Cx, body: &Body) -> Result<CodeRequest> {
    let mut request = CodeRequest::new(body.tenant(), contact(body));
    request.user_input_code = body.optional("userInputCode").map(str::to_owned);
    request.session = session_of(cx, body).await?;
    request.link_to_session_user = Some(request.session.is_some());
    Ok(request)
}

fn contact(body: &Body) -> Contact {
    match body.optional("email") {
        Some(email) => Contact::Email(email.to_owned()),
        None => Contact::PhoneNumber(body.text("phoneNumber").to_owned()),
    }
}

fn code(code: &Code) -> Value {
    json!({
        "status": "OK",
        "codeId": code.code_id,
        "deviceId": code.device_id,
        "preAuthSessionId": code.pre_auth_session_id,
        "userInputCode": code.user_input_code,
        "linkCode": code.link_code,
        "timeCreated": code.time_created,
        "codeLifetime": code.code_lifetime,
    })
}

fn signed_in(outcome: SignInUp) -> Result<Value> {
    Ok(match outcome {
        SignInUp::Ok { user, recipe_user_id, is_new, device } => {
            json!({"status": "OK", "createdNewRecipeUser": is_new, "user": user,
                "recipeUserId": recipe_user_id, "consumedDevice": device})
        }
        SignInUp::Refused(CodeFault::RestartFlow) => json!({"status": "RESTART_FLOW_ERROR"}),
        SignInUp::Refused(CodeFault::Incorrect { failed_attempts, max_attempts }) => {
            json!({"status": "INCORRECT_USER_INPUT_CODE_ERROR",
                "failedCodeInputAttemptCount": failed_attempts, "maximumCodeInputAttempts": max_attempts})
        }
        SignInUp::Refused(CodeFault::Expired { failed_attempts, max_attempts }) => {
            json!({"status": "EXPIRED_USER_INPUT_CODE_ERROR",
                "failedCodeInputAttemptCount": failed_attempts, "maximumCodeInputAttempts": max_attempts})
        }
        SignInUp::LinkingFailed(failure) => not_linked(failure),
        other => return Err(Error::Internal(format!("{other:?}"))),
    })
}

fn change(body: &Body) -> Change {
    let mut change = Change::of(body.recipe_user_id());
    if body.has("email") {
        change = match body.optional("email") {
            Some(email) => change.email(email),
            None => change.without_email(),
        };
    }
    if body.has("phoneNumber") {
        change = match body.optional("phoneNumber") {
            Some(number) => change.phone_number(number),
            None => change.without_phone_number(),
        };
    }
    change
}

fn changed(outcome: &Changed) -> Result<Value> {
    Ok(match outcome {
        Changed::Ok => json!({"status": "OK"}),
        Changed::UnknownUser => json!({"status": "UNKNOWN_USER_ID_ERROR"}),
        Changed::EmailAlreadyExists => json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}),
        Changed::PhoneNumberAlreadyExists => json!({"status": "PHONE_NUMBER_ALREADY_EXISTS_ERROR"}),
        Changed::EmailChangeNotAllowed { reason } => {
            json!({"status": "EMAIL_CHANGE_NOT_ALLOWED_ERROR", "reason": reason})
        }
        Changed::PhoneNumberChangeNotAllowed { reason } => {
            json!({"status": "PHONE_NUMBER_CHANGE_NOT_ALLOWED_ERROR", "reason": reason})
        }
        other => return Err(Error::Internal(format!("{other:?}"))),
    })
}

/// Sends nothing, and keeps what it was to send.
struct Mailbox(Arc<Record>);

impl Mailbox {
    fn keep(&self, list: &str, (name, to): (&str, &str), tenant: &str, code: &LoginCode) {
        let mut input = json!({
            "type": "PASSWORDLESS_LOGIN",
            "codeLifetime": code.code_lifetime,
            "preAuthSessionId": code.pre_auth_session_id,
            "tenantId": tenant,
            "isFirstFactor": code.is_first_factor,
        });
        input[name] = to.into();
        // What is not sent is not there: the suite tells a missing field from an empty one.
        for (name, sent) in [("userInputCode", &code.user_input_code), ("urlWithLinkCode", &code.link)] {
            if let Some(sent) = sent {
                input[name] = sent.as_str().into();
            }
        }
        self.0.append(list, input);
    }
}

#[async_trait]
impl EmailDelivery for Mailbox {
    async fn send(&self, _: &Cx, email: &Email) -> Result<()> {
        if let EmailSubject::PasswordlessLogin(code) = &email.subject {
            self.keep("sendEmailInputs", ("email", &email.to), &email.tenant, code);
            let sent = self.0.params()["sendEmailInputs"].clone();
            self.0.keep("store", json!({"emailInputs": sent}));
        }
        Ok(())
    }
}

#[async_trait]
impl SmsDelivery for Mailbox {
    async fn send(&self, _: &Cx, sms: &Sms) -> Result<()> {
        let SmsSubject::PasswordlessLogin(code) = &sms.subject else { return Ok(()) };
        self.keep("sendSmsInputs", ("phoneNumber", &sms.to), &sms.tenant, code);
        Ok(())
    }
}

/// What the suite replaces.
struct Replaced(Arc<dyn Apis>);

#[async_trait]
impl Apis for Replaced {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn consume_code(&self, cx: &Cx, attempt: Attempt) -> Result<ConsumeCodeOutcome> {
        take_from_request(cx, "DO_LINK");
        self.original().consume_code(cx, attempt).await
    }
}
