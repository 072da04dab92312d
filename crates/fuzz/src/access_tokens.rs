//! Access tokens: the first byte says whether a whole token follows, or the header and the payload of one, or
//! the payload of an old one.

use crate::input::{choice, lines};
use portcullis::recipes::session::AccessToken;
use portcullis_core::crypto::jws::{self, TokenVersion};
use portcullis_core::crypto::signing_key::{KeyPair, SigningKey};
use portcullis_core::recipes::fuzzing::session::sign_again;
use serde_json::{Map, Value};
use std::sync::LazyLock;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
    let stored = KeyPair::generate().unwrap().to_stored();
    SigningKey::parse("d-1", 1, &stored).unwrap()
});

/// Nobody's token verifies, ours does, and both the core and the SDK read it.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    let Some([first, second]) = lines(rest) else { return };
    let token = match form % 4 {
        0 => {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            assert!(!jws::parse(text).is_ok_and(|token| token.verify(&KEY)));
            text.to_owned()
        }
        1 => checked(jws::encode(&KEY, first, second), second),
        2 => checked(jws::encode_v1(&KEY, first), first),
        _ => checked(jws::encode_v2(&KEY, first), first),
    };
    if let Some(parsed) = AccessToken::parse(&token) {
        assert_eq!(parsed.as_str(), token);
    }
    let Some(ours) = sign_again(&token, &KEY) else { return };
    let parsed = jws::parse(&ours).expect("what the core signs, it reads");
    assert!(parsed.verify(&KEY));
    // Such a claim marks tokens of another kind, and the app may not set it.
    if parsed.version == TokenVersion::V5 && !parsed.payload.contains_key("stt") {
        assert!(AccessToken::parse(&ours).is_some(), "the SDK reads what the core signs: {ours}");
    }
    assert_eq!(sign_again(&ours, &KEY), Some(ours));
}

/// A token that was just signed says what was signed, if the core reads it.
fn checked(token: String, payload: &str) -> String {
    if let Ok(parsed) = jws::parse(&token) {
        assert!(parsed.verify(&KEY));
        let claims: Map<String, Value> = serde_json::from_str(payload).expect("claims are a JSON object");
        assert_eq!(parsed.payload, claims);
    }
    token
}
