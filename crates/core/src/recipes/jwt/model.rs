//! The claims of a token.

use portcullis_wire::Object;
use serde_json::json;

/// The claims; what the caller gives overrides what the core sets. Times in seconds.
pub(super) fn claims(issuer: &str, now: i64, validity: i64, payload: Object) -> Object {
    let mut claims = Object::new();
    claims.insert("iss".to_owned(), json!(issuer));
    claims.insert("exp".to_owned(), json!(now.saturating_add(validity)));
    claims.insert("iat".to_owned(), json!(now));
    claims.extend(payload);
    claims
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_payload_overrides_and_keeps_its_nulls() {
        let payload = json!({"iss": "other", "sub": null}).as_object().cloned().unwrap_or_default();
        let claims = claims("me", 10, 5, payload);
        assert_eq!(json!(claims), json!({"iss": "other", "exp": 15, "iat": 10, "sub": null}));
    }
}
