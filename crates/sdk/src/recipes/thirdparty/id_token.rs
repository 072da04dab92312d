//! Whether an id token is what it should be: signed with a key of the provider, for this app, in time, and for
//! the browser that asked for it.

use super::pkce;
use super::remote::Remote;
use super::types::{OAuthTokens, TokenSource, refused};
use crate::Result;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA384, RSA_PSS_2048_8192_SHA512, RsaParameters, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_wire::Object;
use serde_json::Value;

/// Longer tokens are not looked at.
const LENGTH_MAX: usize = 64 << 10;
/// How far clocks may be apart, in seconds.
const LEEWAY: i64 = 60;

/// What a key is used with. HMACs and `none` are not among them: anybody could make those.
enum Algorithm {
    Rsa(&'static RsaParameters),
    /// With the curve.
    Ec(&'static str, &'static dyn VerificationAlgorithm),
    Ed25519,
}

impl Algorithm {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa(&RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa(&RSA_PSS_2048_8192_SHA512),
            "ES256" => Self::Ec("P-256", &ECDSA_P256_SHA256_FIXED),
            "ES384" => Self::Ec("P-384", &ECDSA_P384_SHA384_FIXED),
            "EdDSA" | "Ed25519" => Self::Ed25519,
            _ => return None,
        })
    }

    /// Whether a key made a signature.
    fn verifies(&self, jwk: &Value, signed: &[u8], signature: &[u8]) -> bool {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let bytes = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?.trim_end_matches('=')).ok();
        let verified = match self {
            Self::Rsa(parameters) if text("kty") == Some("RSA") => {
                let components = bytes("n").zip(bytes("e")).map(|(n, e)| PublicKeyComponents { n, e });
                components.map(|key| key.verify(parameters, signed, signature).is_ok())
            }
            Self::Ec(curve, algorithm) if text("kty") == Some("EC") && text("crv") == Some(curve) => {
                let point = bytes("x").zip(bytes("y")).map(|(x, y)| [vec![4], x, y].concat());
                point.map(|point| UnparsedPublicKey::new(*algorithm, point).verify(signed, signature).is_ok())
            }
            Self::Ed25519 if text("kty") == Some("OKP") && text("crv") == Some("Ed25519") => {
                bytes("x").map(|x| UnparsedPublicKey::new(&ED25519, x).verify(signed, signature).is_ok())
            }
            _ => None,
        };
        verified.unwrap_or(false)
    }
}

/// A token, taken apart. Nothing in it is to be believed yet.
struct Token<'t> {
    header: Object,
    payload: Object,
    signed: &'t [u8],
    signature: Vec<u8>,
}

impl<'t> Token<'t> {
    fn parse(text: &'t str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let object = |part: &str| -> Option<Object> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        Some(Self {
            header: object(header)?,
            payload: object(payload)?,
            signed: signed.as_bytes(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    /// Whether one of these keys made the signature. `None` if it may be one that is not among them. The keys
    /// and addresses that a header may hold are not looked at: anybody could have written them.
    fn is_signed_by(&self, keys: &Value) -> Option<bool> {
        let text = |name: &str| self.header.get(name).and_then(Value::as_str);
        let Some(algorithm) = text("alg").and_then(Algorithm::of) else { return Some(false) };
        if self.header.contains_key("crit") {
            return Some(false);
        }
        let fits = |jwk: &&Value| {
            let is = |name: &str, expected: Option<&str>| {
                let told = jwk.get(name).and_then(Value::as_str);
                told.is_none() || told == expected
            };
            let is_named = match text("kid") {
                Some(kid) => jwk.get("kid").and_then(Value::as_str) == Some(kid),
                None => true,
            };
            is_named && is("use", Some("sig")) && is("alg", text("alg"))
        };
        let keys = keys.get("keys").and_then(Value::as_array);
        let mut fitting = keys.into_iter().flatten().filter(fits).peekable();
        fitting.peek()?;
        let verified = fitting.any(|jwk| algorithm.verifies(jwk, self.signed, &self.signature));
        // Without a name it may be a key that is not in the list yet.
        if verified || text("kid").is_some() { Some(verified) } else { None }
    }
}

/// What a token says whose signature was made with a key of the list at an address.
pub(super) async fn verify(remote: &Remote, jwks_uri: &str, token: &str) -> Result<Object> {
    let token = Token::parse(token).ok_or_else(|| refused("the id token is none"))?;
    let keys = remote.document(jwks_uri).await?;
    let verified = match token.is_signed_by(&keys) {
        Some(verified) => verified,
        None => token.is_signed_by(&*remote.document_again(jwks_uri).await?).unwrap_or(false),
    };
    if verified { Ok(token.payload) } else { Err(refused("the id token's signature is not the provider's")) }
}

/// What a token says, if one of these keys made its signature.
#[cfg(feature = "fuzzing")]
pub(super) fn signed_by(token: &str, keys: &Value) -> Option<Object> {
    let token = Token::parse(token)?;
    (token.is_signed_by(keys) == Some(true)).then_some(token.payload)
}

/// Whether a token is meant for a client, and in time.
pub(super) fn check_claims(payload: &Object, client_id: &str, now: i64) -> Result<()> {
    let is_for = |audience: &Value| audience.as_str() == Some(client_id);
    let is_for_client = match payload.get("aud") {
        Some(Value::Array(all)) => all.iter().any(is_for),
        Some(one) => is_for(one),
        None => false,
    };
    if !is_for_client {
        return Err(refused("the id token is for another app"));
    }
    let now = now / 1000;
    let time = |name: &str| payload.get(name).and_then(Value::as_f64);
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in a float")]
    let (earliest, latest) = ((now - LEEWAY) as f64, (now + LEEWAY) as f64);
    if !time("exp").is_some_and(|expires| expires > earliest) {
        return Err(refused("the id token has expired"));
    }
    if time("nbf").is_some_and(|begins| begins > latest) {
        return Err(refused("the id token is not valid yet"));
    }
    Ok(())
}

/// Whether a token's nonce is that of whoever shows it. One that was made for a code must come with that code
/// and its verifier; a frontend that asked for a token itself may tell the nonce that it has kept.
pub(super) fn check_nonce(payload: &Object, tokens: &OAuthTokens) -> Result<()> {
    let nonce = payload.get("nonce").and_then(Value::as_str);
    let fits = match &tokens.source {
        TokenSource::Provider { pkce_code_verifier } => {
            let expected = pkce_code_verifier.as_deref().map(pkce::nonce);
            nonce.is_none_or(|nonce| !pkce::is_made_here(nonce) || expected.as_deref() == Some(nonce))
        }
        TokenSource::Frontend if nonce.is_some_and(pkce::is_made_here) => false,
        TokenSource::Frontend => match tokens.values.get("nonce") {
            None | Some(Value::Null) => true,
            // Apple's native libraries send the hash, others what was hashed.
            Some(kept) => kept.as_str().is_some_and(|kept| nonce == Some(kept) || nonce == Some(&hash(kept))),
        },
    };
    if fits { Ok(()) } else { Err(refused("the id token's nonce is another one")) }
}

fn hash(kept: &str) -> String {
    let mut text = String::new();
    for byte in digest(&SHA256, kept.as_bytes()).as_ref() {
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
    };
    use proptest::prelude::*;
    use serde_json::json;

    fn encoded(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn token(header: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
        let payload = json!({"sub": "ann"});
        let signed =
            format!("{}.{}", encoded(header.to_string().as_bytes()), encoded(payload.to_string().as_bytes()));
        let signature = sign(signed.as_bytes());
        format!("{signed}.{}", encoded(&signature))
    }

    fn ec(
        algorithm: &'static aws_lc_rs::signature::EcdsaSigningAlgorithm,
        curve: &str,
    ) -> (Value, EcdsaKeyPair) {
        let key = EcdsaKeyPair::generate(algorithm).unwrap();
        let point = key.public_key().as_ref();
        let (x, y) = point[1..].split_at(point.len() / 2);
        (json!({"kty": "EC", "crv": curve, "x": encoded(x), "y": encoded(y)}), key)
    }

    fn rsa() -> (Value, RsaKeyPair) {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
        let jwk = json!({"kty": "RSA", "n": encoded(n.big_endian_without_leading_zero()),
            "e": encoded(e.big_endian_without_leading_zero())});
        (jwk, key)
    }

    fn sign_rsa(key: &RsaKeyPair, with: &'static dyn RsaEncoding, signed: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(with, &SystemRandom::new(), signed, &mut signature).unwrap();
        signature
    }

    fn verdict<const N: usize>(token: &str, keys: [&Value; N]) -> Option<bool> {
        Token::parse(token).unwrap().is_signed_by(&json!({"keys": keys.to_vec()}))
    }

    #[test]
    fn each_algorithm_verifies_with_its_own_kind_of_key_and_no_other() {
        let random = SystemRandom::new();
        let (rsa_jwk, rsa) = rsa();
        let (p256_jwk, p256) = ec(&ECDSA_P256_SHA256_FIXED_SIGNING, "P-256");
        let (p384_jwk, p384) = ec(&ECDSA_P384_SHA384_FIXED_SIGNING, "P-384");
        let ed = Ed25519KeyPair::generate().unwrap();
        let ed_jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(ed.public_key().as_ref())});
        let sign = |alg: &str, signed: &[u8]| match alg {
            "RS256" => sign_rsa(&rsa, &RSA_PKCS1_SHA256, signed),
            "PS256" => sign_rsa(&rsa, &RSA_PSS_SHA256, signed),
            "ES256" => p256.sign(&random, signed).unwrap().as_ref().to_vec(),
            "ES384" => p384.sign(&random, signed).unwrap().as_ref().to_vec(),
            _ => ed.sign(signed).as_ref().to_vec(),
        };
        let made = [
            ("RS256", "RSA"),
            ("PS256", "RSA"),
            ("ES256", "P-256"),
            ("ES384", "P-384"),
            ("EdDSA", "Ed25519"),
        ];
        for (told, kind) in made {
            for (by, _) in made {
                let token = token(&json!({"alg": told}), |signed| sign(by, signed));
                for jwk in [&rsa_jwk, &p256_jwk, &p384_jwk, &ed_jwk] {
                    let is_good = told == by && (jwk["kty"] == kind || jwk["crv"] == kind);
                    assert_eq!(verdict(&token, [jwk]) == Some(true), is_good, "{told} {by} {jwk}");
                }
            }
        }
    }

    #[test]
    fn what_anybody_can_make_is_refused() {
        let (mut jwk, key) = rsa();
        jwk["kid"] = json!("1");
        let sign = |signed: &[u8]| sign_rsa(&key, &RSA_PKCS1_SHA256, signed);
        let good = json!({"alg": "RS256", "kid": "1"});
        assert_eq!(verdict(&token(&good, sign), [&jwk]), Some(true));
        // A public key as the secret of an HMAC, no signature at all, and conditions that nobody checks.
        let modulus = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
        let hmac = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &modulus);
        let by_hmac = |signed: &[u8]| aws_lc_rs::hmac::sign(&hmac, signed).as_ref().to_vec();
        for header in [json!({"alg": "HS256", "kid": "1"}), json!({"alg": "RS256", "kid": "1"})] {
            assert_eq!(verdict(&token(&header, by_hmac), [&jwk]), Some(false));
        }
        for alg in ["none", "None", "", "RS1", "RSA-OAEP"] {
            let header = json!({"alg": alg, "kid": "1"});
            assert_eq!(verdict(&token(&header, |_| Vec::new()), [&jwk]), Some(false), "{alg}");
            assert_eq!(verdict(&token(&header, sign), [&jwk]), Some(false), "{alg}");
        }
        let critical = json!({"alg": "RS256", "kid": "1", "crit": ["b64"], "b64": true});
        assert_eq!(verdict(&token(&critical, sign), [&jwk]), Some(false));
        // A key that comes with the token is not one of the provider's.
        let (own, own_key) = rsa();
        let brought = json!({"alg": "RS256", "kid": "1", "jwk": own, "jku": "https://evil.example/keys"});
        let by_own = |signed: &[u8]| sign_rsa(&own_key, &RSA_PKCS1_SHA256, signed);
        assert_eq!(verdict(&token(&brought, by_own), [&jwk]), Some(false));

        // Keys for other purposes, and other names.
        for (name, value) in [("use", "enc"), ("alg", "RS512"), ("kid", "2"), ("kty", "EC")] {
            let mut other = jwk.clone();
            other[name] = json!(value);
            assert_ne!(verdict(&token(&good, sign), [&other]), Some(true), "{name}");
        }
        assert_eq!(verdict(&token(&json!({"alg": "RS256", "kid": "2"}), sign), [&jwk]), None);
        // Without a name every key that fits is tried.
        let nameless = token(&json!({"alg": "RS256"}), sign);
        assert_eq!(verdict(&nameless, [&own, &json!({}), &json!("x"), &jwk]), Some(true));
    }

    #[test]
    fn a_token_must_be_for_the_client_and_in_time() {
        const NOW: i64 = 1_700_000_000;
        let check = |payload: &Value| {
            let checked = check_claims(payload.as_object().unwrap(), "app", NOW * 1000);
            checked.err().map(|error| error.to_string().split(": ").nth(1).unwrap().to_owned())
        };
        let (other, expired) = ("the id token is for another app", "the id token has expired");
        for (payload, expected) in [
            (json!({"aud": "app", "exp": NOW + 1}), None),
            (json!({"aud": ["other", "app"], "exp": NOW + 1}), None),
            (json!({"aud": "app", "exp": 1_700_000_000.5}), None),
            (json!({"aud": "app", "exp": NOW - LEEWAY + 1}), None),
            (json!({"aud": "app", "exp": NOW - LEEWAY}), Some(expired)),
            (json!({"aud": "app"}), Some(expired)),
            (json!({"aud": "app", "exp": "9999999999"}), Some(expired)),
            (json!({"aud": "app", "exp": NOW + 1, "nbf": NOW + LEEWAY}), None),
            (
                json!({"aud": "app", "exp": NOW + 99, "nbf": NOW + LEEWAY + 1}),
                Some("the id token is not valid yet"),
            ),
            (json!({"exp": NOW + 1}), Some(other)),
            (json!({"aud": "", "exp": NOW + 1}), Some(other)),
            (json!({"aud": "app2", "azp": "app", "exp": NOW + 1}), Some(other)),
            (json!({"aud": [], "exp": NOW + 1}), Some(other)),
            (json!({"aud": [["app"]], "exp": NOW + 1}), Some(other)),
            (json!({"aud": {"app": 1}, "exp": NOW + 1}), Some(other)),
        ] {
            assert_eq!(check(&payload).as_deref(), expected, "{payload}");
        }
    }

    #[test]
    fn a_nonce_ties_a_token_to_whoever_asked_for_it() {
        let check = |nonce: Option<&str>, source: &TokenSource, kept: Value| {
            let payload = json!({"nonce": nonce});
            let values = json!({"nonce": kept}).as_object().cloned().unwrap();
            check_nonce(payload.as_object().unwrap(), &OAuthTokens { values, source: source.clone() }).is_ok()
        };
        let provider = |verifier: Option<&str>| TokenSource::Provider {
            pkce_code_verifier: verifier.map(str::to_owned),
        };
        let made = pkce::nonce("verifier");
        let made = Some(made.as_str());
        assert!(check(made, &provider(Some("verifier")), Value::Null));
        for verifier in [Some("another"), Some(""), None] {
            assert!(!check(made, &provider(verifier), Value::Null), "{verifier:?}");
        }
        // A native app's own.
        assert!(check(Some("own"), &provider(Some("verifier")), Value::Null));
        assert!(check(None, &provider(Some("verifier")), Value::Null));

        let frontend = TokenSource::Frontend;
        assert!(!check(made, &frontend, Value::Null) && !check(made, &frontend, json!(made)));
        for nonce in
            [Some("raw"), Some("0b1e93a3d7de5e3f6ed3ed6d4b1f8ab38b01ab55e06f96f4c09b0e08b9ae2d2d"), None]
        {
            assert!(check(nonce, &frontend, Value::Null), "{nonce:?}");
        }
        assert!(check(Some("raw"), &frontend, json!("raw")));
        assert!(check(Some(&hash("raw")), &frontend, json!("raw")));
        for (nonce, kept) in
            [(Some("raw"), json!("other")), (None, json!("raw")), (Some("7"), json!(7)), (None, json!(""))]
        {
            assert!(!check(nonce, &frontend, kept), "{nonce:?}");
        }
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    proptest! {
        #[test]
        fn no_text_is_a_token_that_is_believed(text in "[a-zA-Z0-9_.-]{0,80}|.{0,40}") {
            let verified = Token::parse(&text).and_then(|token| token.is_signed_by(&json!({"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]})));
            prop_assert_ne!(verified, Some(true));
        }
    }
}
