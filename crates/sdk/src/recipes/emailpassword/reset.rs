//! The two halves of a password reset: a link is sent, and a new password comes back.

use super::{Change, Changed, ConsumedToken, PasswordResetOutcome, ResetTokenOutcome, SignUp};
use crate::email::{Email, EmailSubject, link};
use crate::users::{has_password_for, has_same_email};
use crate::{Cx, Error, LoginMethod, Result, User};

/// The address of the page that asks for a new password.
pub(super) fn reset_link(cx: &Cx, token: &str, tenant: &str) -> String {
    link(cx, "/reset-password", token, tenant)
}

/// Sends a link to a user who has a password for this address. Who asks does not learn whether there is
/// one.
pub(super) async fn send_link(cx: &Cx, tenant: &str, email: &str) -> Result<ResetTokenOutcome> {
    let users = cx.sdk().users_by_email(cx, tenant, email).await?;
    let primary = users.iter().find(|user| user.is_primary_user);
    if primary.is_some_and(|user| is_takeover_risk(user, email)) {
        return Ok(ResetTokenOutcome::NotAllowed {
            reason: "Reset password link was not created because of account take over risk. Please contact support. (ERR_CODE_001)".to_owned(),
        });
    }
    let account = users.iter().find_map(|user| Some((user, has_password_for(user, email)?)));
    let Some((user, LoginMethod { recipe_user_id, email: Some(own_email), .. })) = account else {
        tracing::debug!("no password is kept for the address: no link is sent");
        return Ok(ResetTokenOutcome::Ok);
    };
    deliver(
        cx.clone(),
        Addressee {
            // Not what was typed: an address that is the same in lower case may be someone else's mailbox
            // (the Kelvin sign in `mi\u{212A}e@example.com` becomes a `k`).
            email: own_email.clone(),
            tenant: tenant.to_owned(),
            user_id: user.id.clone(),
            recipe_user_id: recipe_user_id.clone(),
        },
    );
    Ok(ResetTokenOutcome::Ok)
}

/// Whom a link goes to.
struct Addressee {
    email: String,
    tenant: String,
    user_id: String,
    recipe_user_id: String,
}

/// Makes a link and sends it while the answer is already on its way: neither the time that this takes nor a
/// failure tells a stranger who is known.
#[expect(
    clippy::disallowed_methods,
    reason = "an SDK lives as long as its app, which knows no end to wait for"
)]
fn deliver(cx: Cx, to: Addressee) {
    tokio::spawn(async move {
        if let Err(error) = make_and_send(&cx, to).await {
            tracing::error!(%error, "a link to reset a password could not be sent");
        }
    });
}

async fn make_and_send(cx: &Cx, to: Addressee) -> Result<()> {
    let Addressee { email, tenant, user_id, recipe_user_id } = to;
    let recipe = cx.sdk().email_password()?;
    let token = recipe.functions.create_reset_password_token(cx, &tenant, &recipe_user_id, &email).await?;
    // The user may have been deleted meanwhile.
    let Some(token) = token else { return Ok(()) };
    let subject = EmailSubject::PasswordReset { link: reset_link(cx, &token, &tenant) };
    recipe.delivery.send(cx, &Email { to: email, subject, tenant, user_id, recipe_user_id }).await
}

/// Whether a stranger could have set a trap: an account with an unproven address of someone else, who,
/// once their password is in it, shares the account with its maker's other addresses.
fn is_takeover_risk(user: &User, email: &str) -> bool {
    let methods = || user.login_methods.iter();
    let is_proven = methods().any(|method| has_same_email(method, email) && method.verified);
    let is_other = |method: &LoginMethod| method.email.is_some() && !has_same_email(method, email);
    !is_proven && methods().any(|method| method.phone_number.is_some() || is_other(method))
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
    if !methods.any(is_own) {
        return create(cx, tenant, &email, password).await;
    }
    if user.is_primary_user && is_takeover_risk(&user, &email) {
        return Ok(PasswordResetOutcome::InvalidToken);
    }
    let change = Change::of(&user_id).password(password).policy_of_tenant(tenant);
    match functions.update_email_or_password(cx, &change).await? {
        Changed::Ok => proven(cx, tenant, &user_id, email).await,
        Changed::UnknownUser => Ok(PasswordResetOutcome::InvalidToken),
        Changed::PolicyViolated { reason } => Ok(PasswordResetOutcome::PolicyViolated { reason }),
        Changed::EmailAlreadyExists | Changed::EmailChangeNotAllowed { .. } => {
            Err(Error::Internal("the address was not to be changed".to_owned()))
        }
    }
}

/// The token's user has no password yet: a login method with one is made.
async fn create(cx: &Cx, tenant: &str, email: &str, password: &str) -> Result<PasswordResetOutcome> {
    let functions = &cx.sdk().email_password()?.functions;
    match functions.create_new_recipe_user(cx, tenant, email, password).await? {
        SignUp::Ok { recipe_user_id, .. } => proven(cx, tenant, &recipe_user_id, email.to_owned()).await,
        SignUp::EmailAlreadyExists => Ok(PasswordResetOutcome::InvalidToken),
        SignUp::PolicyViolated { reason } => Ok(PasswordResetOutcome::PolicyViolated { reason }),
    }
}

/// Who had the token reads the address's mail, which proves that it is theirs. Only after the password was
/// changed: before, it may be one that a stranger chose.
async fn proven(cx: &Cx, tenant: &str, recipe_user_id: &str, email: String) -> Result<PasswordResetOutcome> {
    if let Ok(recipe) = cx.sdk().email_verification() {
        let functions = &recipe.functions;
        let token = functions.create_email_verification_token(cx, tenant, recipe_user_id, &email).await?;
        if let Some(token) = token {
            functions.verify_email_using_token(cx, tenant, &token).await?;
        }
    }
    let user = cx.sdk().find_user(cx, recipe_user_id).await?;
    let user = user.ok_or_else(|| Error::Internal("the user was deleted meanwhile".to_owned()))?;
    Ok(PasswordResetOutcome::Ok { user, email })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn user(methods: &[(Option<&str>, Option<&str>, bool)]) -> User {
        let method = |(email, phone_number, verified): &(Option<&str>, Option<&str>, bool)| {
            json!({"tenantIds": [], "recipeUserId": "", "verified": verified, "timeJoined": 0,
                "recipeId": "", "email": email, "phoneNumber": phone_number})
        };
        let methods: Vec<_> = methods.iter().map(method).collect();
        serde_json::from_value(json!({"id": "", "isPrimaryUser": true, "tenantIds": [], "timeJoined": 0,
            "emails": [], "phoneNumbers": [], "thirdParty": [], "loginMethods": methods}))
        .unwrap()
    }

    #[test]
    fn who_shares_an_account_must_have_proven_the_address() {
        let (ann, trap, phone) = (Some("ann@example.com"), Some("trap@example.com"), Some("+4912345"));
        for (methods, is_risk) in [
            (vec![(ann, None, false)], false),
            (vec![(ann, None, false), (ann, None, false)], false),
            (vec![(ann, None, false), (trap, None, true)], true),
            (vec![(ann, None, false), (None, phone, true)], true),
            (vec![(ann, None, false), (ann, None, true), (trap, None, false)], false),
            (vec![(ann, None, true), (None, phone, false)], false),
        ] {
            assert_eq!(is_takeover_risk(&user(&methods), "Ann@Example.com"), is_risk, "{methods:?}");
        }
    }
}
