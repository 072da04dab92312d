//! The addresses and numbers that a user may choose among when a factor is set up or gone through.

use super::requirements::distinct;
use crate::recipes::factors;
use crate::recipes::flow::is_fake_email;
use crate::{LoginMethod, User};
use std::collections::BTreeMap;

/// Those of each factor that needs one, the best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    pub(super) emails: BTreeMap<String, Vec<String>>,
    pub(super) phone_numbers: BTreeMap<String, Vec<String>>,
}

/// What a user may choose among in a session of one of the user's login methods; `None` if it is the user's no
/// more.
pub(super) fn of_user(user: &User, recipe_user_id: &str, offered: &[&str]) -> Option<Addresses> {
    let of_session = user.login_methods.iter().find(|method| method.recipe_user_id == recipe_user_id)?;
    let mut methods: Vec<&LoginMethod> = user.login_methods.iter().collect();
    methods.sort_by_key(|method| method.time_joined);
    let mut addresses = Addresses::default();
    for factor in offered {
        let (kind, id) = (*factor, (*factor).to_owned());
        match kind {
            factors::EMAIL_PASSWORD | factors::WEBAUTHN => {
                addresses.emails.insert(id, of_secret(kind, &methods, of_session));
            }
            factors::OTP_EMAIL | factors::LINK_EMAIL => {
                let email = |method: &LoginMethod| method.email.clone().filter(|email| !is_fake_email(email));
                addresses.emails.insert(id, of_code(kind, &methods, of_session, email));
            }
            factors::OTP_PHONE | factors::LINK_PHONE => {
                let number = |method: &LoginMethod| method.phone_number.clone();
                addresses.phone_numbers.insert(id, of_code(kind, &methods, of_session, number));
            }
            _ => {}
        }
    }
    Some(addresses)
}

/// The addresses of a user's passwords or passkeys. Who has none yet may choose any of the user's addresses. A
/// password needs one: without any it is one that stands for the login method.
fn of_secret(factor: &str, methods: &[&LoginMethod], of_session: &LoginMethod) -> Vec<String> {
    let own = methods.iter().filter(|method| factors::is_of(factor, method));
    let own: Vec<_> = own.filter_map(|method| Some((method.email.as_ref()?, method.verified))).collect();
    let listed = if own.is_empty() {
        let all: Vec<_> = methods.iter().filter_map(|method| method.email.as_ref()).collect();
        let has_real = all.iter().any(|email| !is_fake_email(email));
        distinct(all.into_iter().filter(|email| !has_real || !is_fake_email(email)))
    } else {
        let rank = |(email, verified): &(&String, bool)| (is_fake_email(email), !verified);
        let mut own = own;
        own.sort_by_key(rank);
        distinct(own.into_iter().map(|(email, _)| email))
    };
    if listed.is_empty() && factor == factors::EMAIL_PASSWORD {
        return vec![format!("{}@stfakeemail.supertokens.com", of_session.recipe_user_id)];
    }
    with_first(listed, of_session.email.as_ref())
}

/// Where codes or links go. Who gets none yet may choose any of the user's addresses or numbers.
fn of_code(
    factor: &str,
    methods: &[&LoginMethod],
    of_session: &LoginMethod,
    address: impl Fn(&LoginMethod) -> Option<String>,
) -> Vec<String> {
    let own = methods.iter().filter(|method| factors::is_of(factor, method));
    let own: Vec<String> = own.filter_map(|method| address(method)).collect();
    let all = || methods.iter().filter_map(|method| address(method)).collect();
    let listed: Vec<String> = if own.is_empty() { all() } else { own };
    with_first(distinct(listed.iter()), address(of_session).as_ref())
}

/// The list with one of its entries at its head.
fn with_first(mut list: Vec<String>, first: Option<&String>) -> Vec<String> {
    if let Some(at) = list.iter().position(|entry| Some(entry) == first) {
        list[..=at].rotate_right(1);
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn user(methods: &[Value]) -> User {
        let methods: Vec<Value> = methods
            .iter()
            .enumerate()
            .map(|(at, given)| {
                let mut method = json!({"tenantIds": [], "recipeUserId": format!("r{at}"), "verified": false,
                    "timeJoined": at, "recipeId": "thirdparty"});
                let fields = given.as_object().cloned().unwrap();
                method.as_object_mut().unwrap().extend(fields);
                method
            })
            .collect();
        serde_json::from_value(json!({"id": "u", "isPrimaryUser": true, "tenantIds": [], "timeJoined": 0,
            "emails": [], "phoneNumbers": [], "thirdParty": [], "loginMethods": methods}))
        .unwrap()
    }

    fn emails(methods: &[Value], session: &str, factor: &str) -> Vec<String> {
        let addresses = of_user(&user(methods), session, &[factor]).unwrap();
        addresses.emails.get(factor).cloned().unwrap()
    }

    #[test]
    fn a_new_password_may_be_for_any_real_address() {
        let fake = json!({"email": "x@stfakeemail.supertokens.com"});
        let (a, b) = (json!({"email": "a@example.com"}), json!({"email": "b@example.com"}));
        let password = factors::EMAIL_PASSWORD;
        let list = [fake.clone(), a.clone(), b, a];
        assert_eq!(emails(&list, "r0", password), ["a@example.com", "b@example.com"]);
        assert_eq!(emails(&list, "r2", password), ["b@example.com", "a@example.com"]);
        assert_eq!(emails(&[fake], "r0", password), ["x@stfakeemail.supertokens.com"]);
        let nothing = json!({"phoneNumber": "+4912345"});
        assert_eq!(emails(&[nothing], "r0", password), ["r0@stfakeemail.supertokens.com"]);
    }

    #[test]
    fn who_has_a_password_is_asked_for_that_one() {
        let password = |email: &str, verified: bool| json!({"recipeId": "emailpassword", "email": email, "verified": verified});
        let list = [
            password("x@stfakeemail.supertokens.com", true),
            password("a@example.com", false),
            password("b@example.com", true),
            json!({"email": "other@example.com"}),
        ];
        let sorted = ["b@example.com", "a@example.com", "x@stfakeemail.supertokens.com"];
        assert_eq!(emails(&list, "r3", factors::EMAIL_PASSWORD), sorted);
        let sorted = ["a@example.com", "b@example.com", "x@stfakeemail.supertokens.com"];
        assert_eq!(emails(&list, "r1", factors::EMAIL_PASSWORD), sorted);
        assert_eq!(
            emails(&list, "r3", factors::WEBAUTHN)[0],
            "other@example.com",
            "no passkey yet: any real address, the session's first"
        );
    }

    #[test]
    fn codes_go_where_they_went_before() {
        let code = |email: &str| json!({"recipeId": "passwordless", "email": email});
        let list = [json!({"email": "a@example.com"}), code("b@example.com"), code("c@example.com")];
        assert_eq!(emails(&list, "r0", factors::OTP_EMAIL), ["b@example.com", "c@example.com"]);
        assert_eq!(emails(&list, "r2", factors::OTP_EMAIL), ["c@example.com", "b@example.com"]);
        let list = [json!({"email": "a@example.com"}), json!({"email": "b@example.com"})];
        assert_eq!(emails(&list, "r1", factors::LINK_EMAIL), ["b@example.com", "a@example.com"]);
        assert!(emails(&[code("x@stfakeemail.supertokens.com")], "r0", factors::OTP_EMAIL).is_empty());
        let phone = |number: &str, recipe: &str| json!({"recipeId": recipe, "phoneNumber": number});
        let list = [phone("+1", "custom"), phone("+2", "passwordless")];
        let addresses = of_user(&user(&list), "r0", &[factors::OTP_PHONE]).unwrap();
        assert_eq!(addresses.phone_numbers[factors::OTP_PHONE], ["+2"]);
    }

    #[test]
    fn a_session_of_a_login_method_that_is_gone_has_nothing_to_choose() {
        let user = user(&[json!({"email": "a@example.com"})]);
        assert_eq!(of_user(&user, "r1", &[factors::EMAIL_PASSWORD]), None);
    }
}
