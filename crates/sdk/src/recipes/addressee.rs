//! Whom a link goes to that gives an account back, with a new password or a new passkey.

use super::accountlinking::{AutomaticLinking, LinkingQuestion, LoginInfo};
use crate::users::{has_same_email, method_of};
use crate::{Cx, LoginMethod, Result, User};

/// Whether the user who would get the new login method may be a trap.
pub(crate) async fn is_risky(
    cx: &Cx,
    recipe: &str,
    tenant: &str,
    email: &str,
    users: &[User],
) -> Result<bool> {
    if let Some(primary) = users.iter().find(|user| user.is_primary_user) {
        return Ok(is_takeover_risk(primary, email));
    }
    match oldest(users) {
        Some(oldest) if !is_alone(users, recipe, email) && is_takeover_risk(oldest, email) => {
            cx.sdk().account_linking().should_become_primary(cx, tenant, oldest, None).await
        }
        _ => Ok(false),
    }
}

/// Whether nobody has the address but one user who is linked to nothing and has a login method of the recipe.
fn is_alone(users: &[User], recipe: &str, email: &str) -> bool {
    matches!(users, [user] if !user.is_primary_user && method_of(user, recipe, email).is_some())
}

fn oldest(users: &[User]) -> Option<&User> {
    users.iter().min_by_key(|user| user.time_joined)
}

/// Whom a link goes to.
pub(crate) struct Addressee {
    pub(crate) email: String,
    pub(crate) user_id: String,
    /// The login method; without one the token is the user's, who gets one.
    pub(crate) recipe_user_id: Option<String>,
}

/// Whom a link for an address goes to. It never goes to what was typed: an address that is the same in lower case
/// may be someone else's mailbox (the Kelvin sign in `mi\u{212A}e@example.com` becomes a `k`).
pub(crate) async fn addressee(
    cx: &Cx,
    recipe: &str,
    tenant: &str,
    email: &str,
    users: &[User],
) -> Result<Option<Addressee>> {
    let accounts = cx.sdk().account_linking();
    let own = users.iter().find_map(|user| Some((user, method_of(user, recipe, email)?)));
    let of_own = |user_id: &str| {
        let (_, method) = own?;
        let (user_id, email) = (user_id.to_owned(), method.email.clone()?);
        Some(Addressee { email, user_id, recipe_user_id: Some(method.recipe_user_id.clone()) })
    };
    let target = match (users.iter().find(|user| user.is_primary_user), oldest(users)) {
        (Some(primary), _) => Some(primary),
        (None, Some(oldest)) if !is_alone(users, recipe, email) => {
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
        None => LoginInfo::new(recipe).email(email),
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

/// Whether a stranger could have set a trap: an account with an unproven address of someone else, who,
/// once their password is in it, shares the account with its maker's other addresses.
pub(crate) fn is_takeover_risk(user: &User, email: &str) -> bool {
    let methods = || user.login_methods.iter();
    let is_proven = methods().any(|method| has_same_email(method, email) && method.verified);
    let is_other = |method: &LoginMethod| method.email.is_some() && !has_same_email(method, email);
    !is_proven && methods().any(|method| method.phone_number.is_some() || is_other(method))
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
