//! Where in what a provider tells the user's id and address are.

use super::provider_config::{UserInfoFields, UserInfoMap};
use super::types::{ProviderEmail, RawUserInfo};
use portcullis_wire::Object;
use serde_json::Value;

/// Fills in the usual places.
pub(super) fn complete(map: &mut UserInfoMap) {
    for fields in [&mut map.from_id_token_payload, &mut map.from_user_info_api] {
        let usual = |field: &mut Option<String>, name: &str| {
            field.get_or_insert_with(|| name.to_owned());
        };
        usual(&mut fields.user_id, "sub");
        usual(&mut fields.email, "email");
        usual(&mut fields.email_verified, "email_verified");
    }
}

/// The user's id and address by a map. The id token has precedence. An address counts as verified if it is
/// so where it was found; an id token that says nothing about it is completed by the other answer, if that
/// tells the same address.
pub(super) fn read(map: &UserInfoMap, raw: &RawUserInfo) -> (Option<String>, Option<ProviderEmail>) {
    let signed = Found::in_object(&raw.from_id_token_payload, &map.from_id_token_payload);
    let answered = raw.from_user_info_api.as_object();
    let answered =
        answered.map(|fields| Found::in_object(fields, &map.from_user_info_api)).unwrap_or_default();
    let email = match signed.email {
        Some(id) => {
            let is_same = answered.email.as_ref() == Some(&id);
            let is_verified = signed.is_verified.or(answered.is_verified.filter(|_| is_same));
            Some((id, is_verified))
        }
        None => answered.email.map(|id| (id, answered.is_verified)),
    };
    let email =
        email.map(|(id, is_verified)| ProviderEmail { id, is_verified: is_verified.unwrap_or(false) });
    (signed.user_id.or(answered.user_id), email)
}

#[derive(Default)]
struct Found {
    user_id: Option<String>,
    email: Option<String>,
    is_verified: Option<bool>,
}

impl Found {
    fn in_object(fields: &Object, map: &UserInfoFields) -> Self {
        let at = |path: &Option<String>| path.as_deref().and_then(|path| field(fields, path));
        Self {
            user_id: at(&map.user_id).and_then(id),
            email: at(&map.email).and_then(text),
            is_verified: at(&map.email_verified).map(is_true),
        }
    }
}

/// The value at a path whose steps are separated by dots.
fn field<'v>(fields: &'v Object, path: &str) -> Option<&'v Value> {
    let mut steps = path.split('.');
    let first = fields.get(steps.next()?)?;
    steps.try_fold(first, |value, step| value.get(step)).filter(|value| !value.is_null())
}

/// An id: text, or an integer, as some providers count their users.
pub(super) fn id(value: &Value) -> Option<String> {
    match value {
        Value::Number(number) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        other => text(other),
    }
}

/// Text that is not empty.
pub(super) fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Some say `true` in quotes.
pub(super) fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read_usual(id_token: &Value, answer: &Value) -> (Option<String>, Option<(String, bool)>) {
        let mut map = UserInfoMap::default();
        complete(&mut map);
        let raw = RawUserInfo {
            from_id_token_payload: id_token.as_object().cloned().unwrap(),
            from_user_info_api: answer.clone(),
        };
        let (id, email) = read(&map, &raw);
        (id, email.map(|email| (email.id, email.is_verified)))
    }

    #[test]
    fn an_address_is_verified_only_where_it_was_found() {
        let (ann, eve) = ("ann@example.com", "eve@example.com");
        for (id_token, answer, expected) in [
            (json!({"email": ann, "email_verified": true}), json!({}), Some((ann, true))),
            (json!({"email": ann, "email_verified": "true"}), json!({}), Some((ann, true))),
            (json!({"email": ann, "email_verified": 1}), json!({}), Some((ann, false))),
            (json!({"email": ann}), json!({}), Some((ann, false))),
            (json!({}), json!({"email": ann, "email_verified": "TRUE"}), Some((ann, true))),
            (json!({}), json!({"email": ann}), Some((ann, false))),
            // Of two, the signed one.
            (json!({"email": ann}), json!({"email": eve, "email_verified": true}), Some((ann, false))),
            (json!({"email": ann}), json!({"email": ann, "email_verified": true}), Some((ann, true))),
            (
                json!({"email": ann, "email_verified": false}),
                json!({"email": ann, "email_verified": true}),
                Some((ann, false)),
            ),
            // A flag without an address is about no other one.
            (json!({"email_verified": true}), json!({"email": eve}), Some((eve, false))),
            // What is no address is none.
            (json!({"email": null}), json!({"email": ""}), None),
            (json!({"email": 7}), json!({"email": ["ann@example.com"]}), None),
        ] {
            let expected = expected.map(|(id, is_verified)| (id.to_owned(), is_verified));
            assert_eq!(read_usual(&id_token, &answer).1, expected, "{id_token} {answer}");
        }
    }

    #[test]
    fn ids_are_texts_or_integers() {
        for (id_token, answer, expected) in [
            (json!({"sub": "a"}), json!({"sub": "b"}), Some("a")),
            (json!({}), json!({"sub": "b"}), Some("b")),
            (json!({"sub": ""}), json!({"sub": 12}), Some("12")),
            (json!({}), json!({"sub": 1.5}), None),
            (json!({}), json!({"sub": {"id": "b"}}), None),
            (json!({}), json!("b"), None),
        ] {
            assert_eq!(read_usual(&id_token, &answer).0.as_deref(), expected, "{id_token} {answer}");
        }
    }

    #[test]
    fn dots_lead_into_objects() {
        let fields = json!({"data": {"id": "7", "list": ["x"]}, "a.b": 1});
        let fields = fields.as_object().unwrap();
        assert_eq!(field(fields, "data.id"), Some(&json!("7")));
        for path in ["data.id.more", "data.none", "none", "", "data.list.0", "a.b"] {
            assert_eq!(field(fields, path), None, "{path}");
        }
    }
}
