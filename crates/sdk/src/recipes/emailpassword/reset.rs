//! The two halves of a password reset: a link is sent, and a new password comes back.

use super::{Change, Changed, ConsumedToken, PasswordResetOutcome, ResetTokenOutcome, SignUp};
use crate::email::{Email, EmailSubject, link};
use crate::recipes::addressee::{Addressee, addressee, is_risky, is_takeover_risk};
use crate::recipes::factors::EMAIL_PASSWORD;
use crate::{Cx, Error, LoginMethod, Result, User};

/// The address of the page that asks for a new password.
pub(super) fn reset_link(cx: &Cx, token: &str, tenant: &str) -> String {
    link(cx, "/reset-password", token, tenant)
}

/// Sends a link to whoever may have a password for this address: a user who has one, or a primary user who
/// would get one. Who asks does not learn whether there is such a user.
pub(super) async fn send_link(cx: &Cx, tenant: &str, email: &str) -> Result<ResetTokenOutcome> {
    let users = cx.sdk().users_by_email(cx, tenant, email).await?;
    if is_risky(cx, EMAIL_PASSWORD, tenant, email, &users).await? {
        return Ok(ResetTokenOutcome::NotAllowed {
            reason: "Reset password link was not created because of account take over risk. Please contact support. (ERR_CODE_001)".to_owned(),
        });
    }
    deliver(cx.clone(), tenant.to_owned(), email.to_owned(), users);
    Ok(ResetTokenOutcome::Ok)
}

/// Makes a link and sends it while the answer is already on its way: neither the time that this takes nor a
/// failure tells a stranger who is known.
#[expect(
    clippy::disallowed_methods,
    reason = "an SDK lives as long as its app, which knows no end to wait for"
)]
fn deliver(cx: Cx, tenant: String, email: String, users: Vec<User>) {
    tokio::spawn(async move {
        if let Err(error) = find_and_send(&cx, tenant, &email, &users).await {
            tracing::error!(%error, "a link to reset a password could not be sent");
        }
    });
}

async fn find_and_send(cx: &Cx, tenant: String, email: &str, users: &[User]) -> Result<()> {
    let Some(to) = addressee(cx, EMAIL_PASSWORD, &tenant, email, users).await? else {
        tracing::debug!("nobody may have a password for the address: no link is sent");
        return Ok(());
    };
    make_and_send(cx, tenant, to).await?;
    tracing::debug!("whoever has the address has a link to reset a password");
    Ok(())
}

async fn make_and_send(cx: &Cx, tenant: String, to: Addressee) -> Result<()> {
    let Addressee { email, user_id, recipe_user_id } = to;
    let recipe = cx.sdk().email_password()?;
    let whose = recipe_user_id.as_ref().unwrap_or(&user_id);
    let token = recipe.functions.create_reset_password_token(cx, &tenant, whose, &email).await?;
    // The user may have been deleted meanwhile.
    let Some(token) = token else { return Ok(()) };
    let subject = EmailSubject::PasswordReset { link: reset_link(cx, &token, &tenant) };
    let email = Email::new(email, subject, tenant).of_user(user_id, recipe_user_id.as_deref());
    recipe.send_email(cx, &email).await
}

/// Uses a token up, and gives its user the new password.
pub(super) async fn reset(
    cx: &Cx,
    tenant: &str,
    token: &str,
    password: &str,
) -> Result<PasswordResetOutcome> {
    let functions = &cx.sdk().email_password()?.functions;
    let consumed = functions.consume_password_reset_token(cx, tenant, token).await?;
    let ConsumedToken::Ok { user_id, email } = consumed else {
        return Ok(PasswordResetOutcome::InvalidToken);
    };
    // The user may have been deleted since the token was made.
    let Some(user) = cx.sdk().find_user(cx, &user_id).await? else {
        return Ok(PasswordResetOutcome::InvalidToken);
    };
    let mut methods = user.login_methods.iter();
    let is_own =
        |method: &LoginMethod| method.recipe_user_id == user_id && method.recipe_id == "emailpassword";
    let Some(own) = methods.find(|method| is_own(method)) else {
        return create(cx, tenant, &email, password).await;
    };
    if user.is_primary_user && is_takeover_risk(&user, &email) {
        return Ok(PasswordResetOutcome::InvalidToken);
    }
    let change = Change::of(&user_id).password(password).policy_of_tenant(tenant);
    match functions.update_email_or_password(cx, &change).await? {
        Changed::Ok => {
            if !own.verified {
                // Its sessions may be a stranger's, who signed up with the address before its owner came.
                cx.session()?.functions.revoke_sessions_of_user(cx, &user_id, false, None).await?;
            }
            proven(cx, tenant, &user_id, email).await
        }
        Changed::UnknownUser => Ok(PasswordResetOutcome::InvalidToken),
        Changed::PolicyViolated { reason } => Ok(PasswordResetOutcome::PolicyViolated { reason }),
        Changed::EmailAlreadyExists | Changed::EmailChangeNotAllowed { .. } => {
            Err(Error::Internal("the address was not to be changed".to_owned()))
        }
    }
}

/// The token's user has no password yet: a login method with one is made, to be linked to the user.
async fn create(cx: &Cx, tenant: &str, email: &str, password: &str) -> Result<PasswordResetOutcome> {
    let functions = &cx.sdk().email_password()?.functions;
    match functions.create_new_recipe_user(cx, tenant, email, password).await? {
        SignUp::Ok { recipe_user_id, .. } => proven(cx, tenant, &recipe_user_id, email.to_owned()).await,
        // It was made after the token, which is for a user without a password.
        SignUp::EmailAlreadyExists => Ok(PasswordResetOutcome::InvalidToken),
        SignUp::PolicyViolated { reason } => Ok(PasswordResetOutcome::PolicyViolated { reason }),
        SignUp::LinkingFailed(_) => {
            Err(Error::Internal("a login method by itself was not to be linked".to_owned()))
        }
    }
}

/// Who had the token reads the address's mail, which proves that it is theirs, and so may link the login method
/// to others. Only after the password was changed: before, it may be one that a stranger chose.
async fn proven(cx: &Cx, tenant: &str, recipe_user_id: &str, email: String) -> Result<PasswordResetOutcome> {
    if let Ok(recipe) = cx.sdk().email_verification() {
        recipe.prove(cx, tenant, recipe_user_id, &email).await?;
    }
    let user = cx.sdk().find_user(cx, recipe_user_id).await?;
    let user = user.ok_or_else(|| Error::Internal("the user was deleted meanwhile".to_owned()))?;
    let user = cx.sdk().account_linking().link_by_account_info(cx, tenant, user, None).await?;
    Ok(PasswordResetOutcome::Ok { user, email })
}
