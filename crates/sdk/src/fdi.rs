//! The version of the frontend driver interface that a request speaks, and the shapes that depend on it.

use crate::recipes::session::Session;
use crate::{Cx, Result, User, handle};
use bytes::Bytes;
use http::Response;
use portcullis_wire::Object;
use serde_json::{Value, json};

/// A version; `None` for the newest, which callers mean who name none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fdi(Option<(u32, u32)>);

impl Fdi {
    /// The version of the call's request: the greatest of its list.
    pub(crate) fn of(cx: &Cx) -> Self {
        let list = cx.exchange().and_then(|exchange| exchange.header("fdi-version"));
        Self(list.and_then(|list| list.split(',').filter_map(version).max()))
    }

    fn is_at_least(self, major: u32, minor: u32) -> bool {
        self.0.is_none_or(|version| version >= (major, minor))
    }

    /// Whether users may have several login methods: version 2.0 was made beside 1.18 and knows nothing of
    /// them.
    fn knows_linked_accounts(self) -> bool {
        (self.is_at_least(1, 18) && !self.is_at_least(2, 0)) || self.is_at_least(3, 0)
    }
}

fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What a body says about linking to the session's user. `None`: nothing, and a session decides.
pub(crate) fn linking_flag(cx: &Cx, body: &Object) -> Option<bool> {
    if !Fdi::of(cx).is_at_least(3, 1) {
        return None;
    }
    match body.get("shouldTryLinkingWithSessionUser") {
        None | Some(Value::Null) => Some(false),
        Some(flag) => flag.as_bool(),
    }
}

/// The answer to a user who is signed in now.
pub(crate) fn signed_in(cx: &Cx, user: &User, session: &Session) -> Result<Response<Bytes>> {
    handle::ok(&signed_in_body(cx, user, session))
}

/// The same for a way of signing in that makes users; it says whether it made this one.
pub(crate) fn signed_in_or_up(
    cx: &Cx,
    user: &User,
    session: &Session,
    created_new_recipe_user: bool,
) -> Result<Response<Bytes>> {
    let mut body = signed_in_body(cx, user, session);
    let name = if Fdi::of(cx).knows_linked_accounts() { "createdNewRecipeUser" } else { "createdNewUser" };
    body[name] = created_new_recipe_user.into();
    handle::ok(&body)
}

/// The answer to somebody who does not get in: also without a session if one was made before the app, which may have
/// replaced the API, decided so.
pub(crate) fn turned_away(cx: &Cx, answer: Result<Response<Bytes>>) -> Result<Response<Bytes>> {
    cx.session()?.take_back_new(cx);
    answer
}

fn signed_in_body(cx: &Cx, user: &User, session: &Session) -> Value {
    if Fdi::of(cx).knows_linked_accounts() {
        return json!({"status": "OK", "user": user});
    }
    let own = user.login_methods.iter().find(|method| method.recipe_user_id == session.recipe_user_id());
    let oldest = || user.login_methods.iter().min_by_key(|method| method.time_joined);
    let mut flat = json!({"id": user.id});
    if let Some(method) = own.or_else(oldest) {
        flat["timeJoined"] = method.time_joined.into();
        if let Some(third_party) = &method.third_party {
            flat["thirdParty"] = json!(third_party);
        }
        if let Some(email) = &method.email {
            flat["email"] = json!(email);
        }
        if let Some(phone_number) = &method.phone_number {
            flat["phoneNumber"] = json!(phone_number);
        }
    }
    json!({"status": "OK", "user": flat})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_number() {
        let fdi = |list: &str| Fdi(list.split(',').filter_map(version).max());
        assert!(fdi("1.17,1.18").knows_linked_accounts());
        assert!(fdi("1.9, 3.0").knows_linked_accounts());
        assert!(!fdi("1.18,2.0").knows_linked_accounts());
        assert!(!fdi("1.17").knows_linked_accounts());
        assert!(fdi("").is_at_least(9, 9), "who names no version means the newest");
        assert!(fdi("4.10").is_at_least(4, 2));
    }
}
