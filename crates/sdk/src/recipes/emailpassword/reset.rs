//! The two halves of a password reset: a link is sent, and a new password comes back.

use super::{Change, Changed, ConsumedToken, PasswordResetOutcome, ResetTokenOutcome, SignUp};
use crate::email::{Email, EmailSubject, link};
use crate::recipes::accountlinking::{AutomaticLinking, LinkingQuestion, LoginInfo};
use crate::recipes::factors::EMAIL_PASSWORD;
use crate::users::{has_password_for, has_same_email};
use crate::{Cx, Error, LoginMethod, Result, User};

/// The address of the page that asks for a new password.
pub(super) fn reset_link(cx: &Cx, token: &str, tenant: &str) -> String {
    link(cx, "/reset-password", token, tenant)
}

/// Sends a link to whoever may have a password for this address: a user who has one, or a primary user who
/// would get one. Who asks does not learn whether there is such a user.
pub(super) async fn send_link(cx: &Cx, tenant: &str, email: &str) -> Result<ResetTokenOutcome> {
    let users = cx.sdk().users_by_email(cx, tenant, email).await?;
    if is_risky(cx, tenant, email, &users).await? {
        return Ok(ResetTokenOutcome::NotAllowed {
            reason: "Reset password link was not created because of account take over risk. Please contact support. (ERR_CODE_001)".to_owned(),
        });
    }
    deliver(cx.clone(), tenant.to_owned(), email.to_owned(), users);
    Ok(ResetTokenOutcome::Ok)
}

/// Whether the user who would get the new password may be a trap.
async fn is_risky(cx: &Cx, tenant: &str, email: &str, users: &[User]) -> Result<bool> {
    if let Some(primary) = users.iter().find(|user| user.is_primary_user) {
        return Ok(is_takeover_risk(primary, email));
    }
    match oldest(users) {
        Some(oldest) if !is_alone(users, email) && is_takeover_risk(oldest, email) => {
            cx.sdk().account_linking().should_become_primary(cx, tenant, oldest, None).await
        }
        _ => Ok(false),
    }
}

/// Whether nobody has the address but one user who is linked to nothing and has a password.
fn is_alone(users: &[User], email: &str) -> bool {
    matches!(users, [user] if !user.is_primary_user && has_password_for(user, email).is_some())
}

fn oldest(users: &[User]) -> Option<&User> {
    users.iter().min_by_key(|user| user.time_joined)
}

/// Whom a link goes to.
struct Addressee {
    email: String,
    user_id: String,
    /// The login method that gets the password; without one the token is the user's, who gets one.
    recipe_user_id: Option<String>,
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
    let Some(to) = addressee(cx, &tenant, email, users).await? else {
        tracing::debug!("nobody may have a password for the address: no link is sent");
        return Ok(());
    };
    make_and_send(cx, tenant, to).await?;
    tracing::debug!("whoever has the address has a link to reset a password");
    Ok(())
}

/// Whom a link for an address goes to. It never goes to what was typed: an address that is the same in lower case
/// may be someone else's mailbox (the Kelvin sign in `mi\u{212A}e@example.com` becomes a `k`).
async fn addressee(cx: &Cx, tenant: &str, email: &str, users: &[User]) -> Result<Option<Addressee>> {
    let accounts = cx.sdk().account_linking();
    let own = users.iter().find_map(|user| Some((user, has_password_for(user, email)?)));
    let of_own = |user_id: &str| {
        let (_, method) = own?;
        let (user_id, email) = (user_id.to_owned(), method.email.clone()?);
        Some(Addressee { email, user_id, recipe_user_id: Some(method.recipe_user_id.clone()) })
    };
    let target = match (users.iter().find(|user| user.is_primary_user), oldest(users)) {
        (Some(primary), _) => Some(primary),
        (None, Some(oldest)) if !is_alone(users, email) => {
            let becomes_primary = accounts.should_become_primary(cx, tenant, oldest, None).await?;
            becomes_primary.then_some(oldest)
        }
        (None, _) => None,
    };
    let Some(target) = target else { return Ok(own.and_then(|(user, _)| of_own(&user.id))) };
    if let Some((user, _)) = own.filter(|(user, _)| user.id == target.id) {
        return Ok(of_own(&user.id));
    }
    let login = match own {
        Some((_, method)) => LoginInfo::from(method),
        None => LoginInfo::new(EMAIL_PASSWORD).email(email),
    };
    let question = LinkingQuestion {
        // Whoever uses the token up has proven the address.
        login: LoginInfo { verified: true, ..login },
        user: Some(target.clone()),
        session: None,
        tenant: tenant.to_owned(),
    };
    let is_linked = accounts.ask(cx, question.clone()).await? != AutomaticLinking::No;
    if let Some((user, _)) = own {
        return Ok(of_own(if is_linked { &target.id } else { &user.id }));
    }
    // A login method would be made and linked to the user, if that may be.
    if !is_linked || !accounts.is_sign_up_allowed(cx, tenant, &question.login, None).await? {
        return Ok(None);
    }
    let method = target.login_methods.iter().find(|method| has_same_email(method, email));
    let email = method.and_then(|method| method.email.clone());
    let user_id = target.id.clone();
    Ok(email.map(|email| Addressee { email, user_id, recipe_user_id: None }))
}

async fn make_and_send(cx: &Cx, tenant: String, to: Addressee) -> Result<()> {
    let Addressee { email, user_id, recipe_user_id } = to;
    let recipe = cx.sdk().email_password()?;
    let recipe_user_id = recipe_user_id.unwrap_or_else(|| user_id.clone());
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
        let functions = &recipe.functions;
        let token = functions.create_email_verification_token(cx, tenant, recipe_user_id, &email).await?;
        if let Some(token) = token {
            functions.verify_email_using_token(cx, tenant, &token, false).await?;
        }
    }
    let user = cx.sdk().find_user(cx, recipe_user_id).await?;
    let user = user.ok_or_else(|| Error::Internal("the user was deleted meanwhile".to_owned()))?;
    let user = cx.sdk().account_linking().link_by_account_info(cx, tenant, user, None).await?;
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
