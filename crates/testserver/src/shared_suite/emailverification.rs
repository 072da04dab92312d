//! Proofs that an address is the user's.

use crate::body::{Body, unknown};
use crate::emailpassword::token_of;
use crate::record::{Record, Side};
use crate::session::session_of;
use portcullis::email::{Email, EmailDelivery, EmailSubject};
use portcullis::recipes::emailverification::{self, EmailVerification, Functions, UserEmail};
use portcullis::{Cx, Result, async_trait};
use serde_json::{Value, json};
use std::sync::Arc;

/// The recipe as the suite describes it.
pub(crate) fn recipe(config: &Body, record: &Arc<Record>) -> EmailVerification {
    let required = config.optional("mode") == Some("REQUIRED");
    let recipe = if required { EmailVerification::required() } else { EmailVerification::optional() };
    let (replaced, delivery) = (config.inner("override"), config.inner("emailDelivery"));
    let keeps_calls = replaced.has("functions");
    let recipe = recipe
        .email_delivery(Mailbox { record: Arc::clone(record), keeps: delivery.has("override") })
        .override_functions(|original| Logged { original, record: Arc::clone(record), keeps: keeps_calls });
    match config.optional("getEmailForRecipeUserId") {
        Some(text) => {
            let knows_everybody = text.contains("random@example.com");
            recipe.find_email(move |_, recipe_user_id| {
                std::future::ready(Ok(find_email(knows_everybody, &recipe_user_id)))
            })
        }
        None => recipe,
    }
}

/// The suite's own way to find addresses: it has three, of which one knows everybody by one address, one knows one
/// user, who is no user to the others, and one knows nobody.
fn find_email(knows_everybody: bool, recipe_user_id: &str) -> UserEmail {
    if knows_everybody {
        UserEmail::Known("random@example.com".to_owned())
    } else if recipe_user_id == "random" {
        UserEmail::Known("test@example.com".to_owned())
    } else {
        UserEmail::UnknownUser
    }
}

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let (recipe, tenant) = (cx.sdk().email_verification()?, body.tenant());
    let (recipe_user_id, email) = (body.recipe_user_id(), body.optional("email"));
    Ok(match function {
        "isemailverified" => recipe.is_email_verified(cx, recipe_user_id, email).await?.into(),
        "createemailverificationtoken" => {
            match recipe.create_email_verification_token(cx, tenant, recipe_user_id, email).await? {
                Some(token) => json!({"status": "OK", "token": token}),
                None => json!({"status": "EMAIL_ALREADY_VERIFIED_ERROR"}),
            }
        }
        "verifyemailusingtoken" => {
            let token = body.text("token");
            let verified = if body.flag("attemptAccountLinking") == Some(false) {
                recipe.verify_email_without_linking(cx, tenant, token).await?
            } else {
                recipe.verify_email_using_token(cx, tenant, token).await?
            };
            match verified {
                Some(verified) => {
                    let recipe_user_id = json!({"recipeUserId": verified.recipe_user_id});
                    json!({"status": "OK", "user": {"recipeUserId": recipe_user_id, "email": verified.email}})
                }
                None => json!({"status": "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"}),
            }
        }
        "unverifyemail" => {
            recipe.unverify_email(cx, recipe_user_id, email).await?;
            json!({"status": "OK"})
        }
        "updatesessionifrequiredpostemailverification" => {
            let proven = body.inner("recipeUserIdWhoseEmailGotVerified");
            if let Some(session) = session_of(cx, body).await?
                && session.recipe_user_id() == proven.recipe_user_id()
            {
                session.fetch_and_set_claim(cx, &emailverification::claim()).await?;
            }
            Value::Null
        }
        _ => return Err(unknown(function)),
    })
}

/// Sends nothing, and writes down what it was to send.
struct Mailbox {
    record: Arc<Record>,
    keeps: bool,
}

#[async_trait]
impl EmailDelivery for Mailbox {
    async fn send(&self, _: &Cx, email: &Email) -> Result<()> {
        let EmailSubject::EmailVerification { link } = &email.subject else { return Ok(()) };
        if self.keeps {
            let recipe_user_id = json!({"recipeUserId": email.recipe_user_id});
            let user = json!({"id": email.user_id, "email": email.to, "recipeUserId": recipe_user_id});
            self.record.keep("userInCallback", user);
            self.record.keep("token", token_of(link));
        }
        Ok(())
    }
}

/// Writes down what the suite looks for.
struct Logged {
    original: Arc<dyn Functions>,
    record: Arc<Record>,
    /// Whether the suite asks for what an override saw.
    keeps: bool,
}

#[async_trait]
impl Functions for Logged {
    fn original(&self) -> &dyn Functions {
        &*self.original
    }

    async fn is_email_verified(&self, cx: &Cx, recipe_user_id: &str, email: &str) -> Result<bool> {
        let name = "EmailVerification.override.functions.isEmailVerified";
        if self.keeps {
            self.record.keep("email", email);
        }
        self.record.log(Side::Call, name, &json!([{"recipeUserId": recipe_user_id, "email": email}]));
        let outcome = self.original().is_email_verified(cx, recipe_user_id, email).await;
        self.record.log_outcome(name, &outcome, |is_verified| (*is_verified).into());
        outcome
    }
}
