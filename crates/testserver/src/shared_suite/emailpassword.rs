//! Sign-up and sign-in with an e-mail address and a password.

use crate::accountlinking::not_linked;
use crate::body::{Body, unknown};
use crate::record::{Event, Record, Side};
use crate::session::session_of;
use portcullis::email::{Email, EmailDelivery, EmailSubject};
use portcullis::recipes::emailpassword::{
    Apis, Attempt, Change, Changed, EmailPassword, FormInput, FormValues, PasswordResetOutcome, SignIn,
    SignUp, SignUpOutcome,
};
use portcullis::{Cx, Error, Result, async_trait};
use serde_json::{Value, json};
use std::sync::Arc;

/// The recipe as the suite describes it.
pub(crate) fn recipe(config: &Body, record: &Arc<Record>) -> EmailPassword {
    let (replaced, delivery) = (config.inner("override"), config.inner("emailDelivery"));
    let keeps = delivery.has("override");
    let recipe = EmailPassword::new()
        .email_delivery(Mailbox { record: Arc::clone(record), keeps })
        .override_apis(|original| Logged { original, record: Arc::clone(record) });
    match replaced.optional("apis") {
        Some(text) => {
            let does_not_link = text.contains("DO_NOT_LINK");
            recipe.override_apis(|original| Replaced { original, record: Arc::clone(record), does_not_link })
        }
        None => recipe,
    }
}

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let (recipe, tenant, email) = (cx.sdk().email_password()?, body.tenant(), body.text("email"));
    Ok(match function {
        "signup" => match recipe.sign_up_as(cx, &attempt(cx, body).await?).await? {
            SignUp::Ok { user, recipe_user_id } => {
                json!({"status": "OK", "user": user, "recipeUserId": recipe_user_id})
            }
            SignUp::EmailAlreadyExists => json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}),
            SignUp::LinkingFailed(failure) => not_linked(failure),
            other => return Err(Error::Internal(format!("{other:?}"))),
        },
        "signin" => match recipe.sign_in_as(cx, &attempt(cx, body).await?).await? {
            SignIn::Ok { user, recipe_user_id } => {
                json!({"status": "OK", "user": user, "recipeUserId": recipe_user_id})
            }
            SignIn::WrongCredentials => json!({"status": "WRONG_CREDENTIALS_ERROR"}),
            SignIn::LinkingFailed(failure) => not_linked(failure),
            other => return Err(Error::Internal(format!("{other:?}"))),
        },
        "createresetpasswordlink" => {
            match recipe.create_reset_password_link(cx, tenant, body.text("userId"), email).await? {
                Some(link) => json!({"status": "OK", "link": link}),
                None => json!({"status": "UNKNOWN_USER_ID_ERROR"}),
            }
        }
        "updateemailorpassword" => changed(&recipe.update_email_or_password(cx, &change(body)).await?)?,
        _ => return Err(unknown(function)),
    })
}

async fn attempt(cx: &Cx, body: &Body) -> Result<Attempt> {
    let attempt = Attempt::new(body.tenant(), body.text("email"), body.text("password"));
    Ok(match session_of(cx, body).await? {
        Some(session) => attempt.linking_to(session),
        None => attempt,
    })
}

fn change(body: &Body) -> Change {
    let mut change = Change::of(body.recipe_user_id());
    if let Some(email) = body.optional("email") {
        change = change.email(email);
    }
    if let Some(password) = body.optional("password") {
        change = change.password(password);
    }
    if let Some(tenant) = body.optional("tenantIdForPasswordPolicy") {
        change = change.policy_of_tenant(tenant);
    }
    if body.flag("applyPasswordPolicy") == Some(false) {
        change = change.without_password_policy();
    }
    change
}

fn changed(outcome: &Changed) -> Result<Value> {
    Ok(match outcome {
        Changed::Ok => json!({"status": "OK"}),
        Changed::UnknownUser => json!({"status": "UNKNOWN_USER_ID_ERROR"}),
        Changed::EmailAlreadyExists => json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}),
        Changed::EmailChangeNotAllowed { reason } => {
            json!({"status": "EMAIL_CHANGE_NOT_ALLOWED_ERROR", "reason": reason})
        }
        Changed::PolicyViolated { reason } => {
            json!({"status": "PASSWORD_POLICY_VIOLATED_ERROR", "failureReason": reason})
        }
        other => return Err(Error::Internal(format!("{other:?}"))),
    })
}

/// Sends nothing, and writes down what it was to send.
struct Mailbox {
    record: Arc<Record>,
    /// Whether the suite asks for what an override saw.
    keeps: bool,
}

#[async_trait]
impl EmailDelivery for Mailbox {
    async fn send(&self, _: &Cx, email: &Email) -> Result<()> {
        let EmailSubject::PasswordReset { link } = &email.subject else { return Ok(()) };
        let record = &self.record;
        let mut user = json!({"id": email.user_id, "email": email.to});
        if let Some(id) = &email.recipe_user_id {
            user["recipeUserId"] = id.as_str().into();
        }
        let input = json!({"type": "PASSWORD_RESET", "user": user, "passwordResetLink": link,
            "tenantId": email.tenant});
        record.log(Side::Call, "EmailPassword.emailDelivery.override.sendEmail", &json!([input]));
        if self.keeps {
            record.keep("sendEmailCallbackCalled", true);
            record.keep("sendEmailToUserId", json!(email.user_id));
            record.keep("sendEmailToUserEmail", email.to.as_str());
            if let Some(id) = &email.recipe_user_id {
                record.keep("sendEmailToRecipeUserId", json!({"recipeUserId": id}));
            }
            record.keep("token", token_of(link));
        }
        record.happen(Event::ResetLinkDone);
        Ok(())
    }
}

/// The token in a link, in which it comes first.
pub(crate) fn token_of(link: &str) -> &str {
    let token = link.split_once("token=").map_or("", |(_, rest)| rest);
    token.split('&').next().unwrap_or_default()
}

/// Writes down what the suite looks for, below its own replacements.
struct Logged {
    original: Arc<dyn Apis>,
    record: Arc<Record>,
}

#[async_trait]
impl Apis for Logged {
    fn original(&self) -> &dyn Apis {
        &*self.original
    }

    async fn password_reset(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        values: &FormValues,
    ) -> Result<PasswordResetOutcome> {
        let name = "EmailPassword.override.apis.passwordResetPOST";
        self.record.log(Side::Call, name, &json!([{"tenantId": tenant, "token": token}]));
        let outcome = self.original().password_reset(cx, tenant, token, values).await;
        self.record.log_outcome(name, &outcome, |outcome| match outcome {
            PasswordResetOutcome::Ok { user, email } => json!({"status": "OK", "user": user, "email": email}),
            _ => json!({"status": "RESET_PASSWORD_INVALID_TOKEN_ERROR"}),
        });
        outcome
    }
}

/// What the suite replaces.
struct Replaced {
    original: Arc<dyn Apis>,
    record: Arc<Record>,
    does_not_link: bool,
}

#[async_trait]
impl Apis for Replaced {
    fn original(&self) -> &dyn Apis {
        &*self.original
    }

    async fn password_reset(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        values: &FormValues,
    ) -> Result<PasswordResetOutcome> {
        if self.does_not_link {
            cx.user_context().set("DO_NOT_LINK", true);
        }
        let outcome = self.original().password_reset(cx, tenant, token, values).await?;
        if let PasswordResetOutcome::Ok { user, email } = &outcome {
            self.record.keep("emailPostPasswordReset", email.as_str());
            self.record.keep("userPostPasswordReset", json!(user));
        }
        Ok(outcome)
    }

    async fn sign_up(&self, cx: &Cx, input: FormInput) -> Result<SignUpOutcome> {
        take_from_request(cx, "DO_LINK");
        self.original().sign_up(cx, input).await
    }
}

/// Passes on what the request's body passes along under a name.
pub(crate) fn take_from_request(cx: &Cx, name: &str) {
    let Some(exchange) = cx.exchange() else { return };
    let passed = Body::read(exchange.body()).inner("userContext");
    if let Some(value) = passed.get(name) {
        cx.user_context().set(name, value.clone());
    }
}
