//! Id tokens of providers: the first byte says whether a whole token follows; or the header, the payload and a
//! verifier, each in a line, of a token that the provider signs; or a token and, in the next line, keys. In the
//! payload `{nonce}` stands for the nonce of the verifier `kept`.

use crate::input::{choice, lines};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis::recipes::thirdparty::fuzzing::{is_for, is_of_frontend, is_of_verifier, nonce, signed_by};
use portcullis_wire::Object;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// In seconds since 1970.
const NOW: i64 = 1_700_000_000;
const CLIENT: &str = "app";
/// As much as is looked at.
const LENGTH_MAX: usize = 64 << 10;

struct Provider {
    key: EcdsaKeyPair,
    keys: Value,
}

static PROVIDER: LazyLock<Provider> = LazyLock::new(|| {
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (x, y) = key.public_key().as_ref()[1..].split_at(32);
    let [x, y] = [x, y].map(|half| URL_SAFE_NO_PAD.encode(half));
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": "1", "use": "sig"});
    Provider { key, keys: json!({"keys": [jwk]}) }
});

/// Nobody's token is believed but the provider's, and that only for the app, in time, and in the browser that
/// asked for it.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    match form % 3 {
        0 => {
            let Ok(text) = std::str::from_utf8(rest) else { return };
            assert!(signed_by(text, &PROVIDER.keys).is_none(), "a token that the provider has not signed");
        }
        1 => {
            let Some([header, payload, verifier]) = lines(rest) else { return };
            signed(header, &payload.replace("{nonce}", &nonce("kept")), verifier);
        }
        _ => {
            let Some([token, keys]) = lines(rest) else { return };
            let Ok(keys) = serde_json::from_str(keys) else { return };
            if let Some(payload) = signed_by(token, &keys) {
                is_for(&payload, CLIENT, NOW * 1000);
            }
        }
    }
}

fn signed(header: &str, payload: &str, verifier: &str) {
    let signed = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    let signature = PROVIDER.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()));
    if token.len() > LENGTH_MAX {
        return;
    }
    let object = |text: &str| serde_json::from_str::<Object>(text).ok();
    let is_usual = |header: &Object| {
        let is_named = header.get("kid").and_then(Value::as_str).is_none_or(|kid| kid == "1");
        header.get("alg") == Some(&json!("ES256")) && !header.contains_key("crit") && is_named
    };
    let expected = object(header).filter(is_usual).and_then(|_| object(payload));
    let told = signed_by(&token, &PROVIDER.keys);
    assert_eq!(told, expected);
    let Some(told) = told else { return };
    if is_for(&told, CLIENT, NOW * 1000) {
        let audience = &told["aud"];
        let is_named = |audience: &Value| *audience == CLIENT;
        assert!(is_named(audience) || audience.as_array().is_some_and(|all| all.iter().any(is_named)));
        #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a float")]
        let earliest = (NOW - 60) as f64;
        assert!(told["exp"].as_f64().is_some_and(|expires| expires > earliest));
    }
    let made_here = told.get("nonce").and_then(Value::as_str).filter(|nonce| nonce.starts_with("pkce."));
    if let Some(made_here) = made_here {
        assert!(!is_of_frontend(&told, None) && !is_of_frontend(&told, Some(made_here)));
        assert!(!is_of_verifier(&told, None));
        assert_eq!(is_of_verifier(&told, Some(verifier)), made_here == nonce(verifier));
    } else if !verifier.is_empty() && is_of_frontend(&told, Some(verifier)) {
        // What the frontend has kept, or its hash.
        assert!(told["nonce"].as_str().is_some_and(|nonce| nonce == verifier || nonce.len() == 64));
    }
}
