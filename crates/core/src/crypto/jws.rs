//! Signed tokens in compact form: making them, taking them apart and checking signatures.
//! Old tokens (V1, V2) use standard base64 with padding and a constant header without a kid;
//! all others use base64url and name their key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use base64_simd::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::signing_key::SigningKey;

/// The whole encoded header of a V1 token: `{"alg":"RS256","typ":"JWT","version":"1"}`.
pub const V1_HEADER: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsInZlcnNpb24iOiIxIn0=";
/// The whole encoded header of a V2 token: `{"alg":"RS256","typ":"JWT","version":"2"}`.
pub const V2_HEADER: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsInZlcnNpb24iOiIyIn0=";

/// The form of an access token; each CDI version issues its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenVersion {
    /// Read only; as V2.
    V1,
    /// CDI < 2.21.
    V2,
    /// CDI 2.21.
    V3,
    /// CDI 3.0 and 3.1.
    V4,
    /// CDI >= 4.0, and every token whose header has no version.
    V5,
}

/// Why a text is not a token; says nothing about its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// Not three parts.
    #[error("Invalid JWT")]
    NotThreeParts,
    /// The header is not that of a token this core issues.
    #[error("JWT header mismatch")]
    Header,
    /// The payload is not an encoded JSON object.
    #[error("JWT payload is not an object")]
    Payload,
    /// The signature is not decodable.
    #[error("JWT signature is not base64")]
    Signature,
}

/// A token taken apart. Nothing in it may be trusted before `verify` said yes.
#[derive(Debug, Clone)]
pub struct ParsedToken {
    /// The form named by the header.
    pub version: TokenVersion,
    /// The key the token names; `None` for V1 and V2, where every key must be tried.
    pub kid: Option<String>,
    /// The claims, in the order received.
    pub payload: Map<String, Value>,
    /// Header and payload exactly as received: what the signature covers.
    signed: String,
    signature: Vec<u8>,
}

impl ParsedToken {
    /// Whether the signature over the received text is this key's. The caller picks the key.
    pub fn verify(&self, key: &SigningKey) -> bool {
        key.verify(self.signed.as_bytes(), &self.signature)
    }
}

/// Signs header and payload into a base64url token.
pub fn encode(key: &SigningKey, header_json: &str, payload_json: &str) -> String {
    let header = URL_SAFE_NO_PAD.encode_to_string(header_json);
    let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode_to_string(payload_json));
    let signature = URL_SAFE_NO_PAD.encode_to_string(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Signs a payload into a V2 token: constant header, standard base64 with padding.
pub fn encode_v2(key: &SigningKey, payload_json: &str) -> String {
    encode_padded(key, V2_HEADER, payload_json)
}

/// As `encode_v2` with version 1: regenerating a V1 token keeps its version.
pub fn encode_v1(key: &SigningKey, payload_json: &str) -> String {
    encode_padded(key, V1_HEADER, payload_json)
}

fn encode_padded(key: &SigningKey, header: &str, payload_json: &str) -> String {
    let signed = format!("{header}.{}", STANDARD.encode(payload_json));
    let signature = STANDARD.encode(key.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Takes a token apart; anything undecodable is an error, never a panic.
pub fn parse(token: &str) -> Result<ParsedToken, JwsError> {
    let (signed, signature) = token.rsplit_once('.').ok_or(JwsError::NotThreeParts)?;
    let (header, payload) = signed.split_once('.').ok_or(JwsError::NotThreeParts)?;
    if payload.contains('.') {
        return Err(JwsError::NotThreeParts);
    }
    let (version, kid) = read_header(header)?;
    let payload = decode(version, payload).ok_or(JwsError::Payload)?;
    Ok(ParsedToken {
        version,
        kid,
        payload: serde_json::from_slice(&payload).map_err(|_| JwsError::Payload)?,
        signed: signed.to_owned(),
        signature: decode(version, signature).ok_or(JwsError::Signature)?,
    })
}

fn decode(version: TokenVersion, part: &str) -> Option<Vec<u8>> {
    match version {
        TokenVersion::V1 | TokenVersion::V2 => STANDARD.decode(part).ok(),
        _ => URL_SAFE_NO_PAD.decode_to_vec(part).ok(),
    }
}

fn read_header(header: &str) -> Result<(TokenVersion, Option<String>), JwsError> {
    match header {
        V1_HEADER => Ok((TokenVersion::V1, None)),
        V2_HEADER => Ok((TokenVersion::V2, None)),
        _ => read_keyed_header(header).ok_or(JwsError::Header),
    }
}

fn read_keyed_header(header: &str) -> Option<(TokenVersion, Option<String>)> {
    let text = URL_SAFE_NO_PAD.decode_to_vec(header).ok()?;
    let fields: Map<String, Value> = serde_json::from_slice(&text).ok()?;
    let is = |name: &str, value: &str| fields.get(name).and_then(Value::as_str) == Some(value);
    let kid = fields.get("kid")?.as_str()?.to_owned();
    let version = keyed_version(fields.get("version"))?;
    (is("typ", "JWT") && is("alg", "RS256")).then_some((version, Some(kid)))
}

/// The version is a JSON string; 1 and 2 exist with their constant headers only.
fn keyed_version(field: Option<&Value>) -> Option<TokenVersion> {
    match field.map(Value::as_str) {
        None | Some(Some("5")) => Some(TokenVersion::V5),
        Some(Some("3")) => Some(TokenVersion::V3),
        Some(Some("4")) => Some(TokenVersion::V4),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;
    use crate::crypto::signing_key::KeyPair;

    static KEY: LazyLock<SigningKey> = LazyLock::new(|| {
        let stored = KeyPair::generate().unwrap().to_stored();
        SigningKey::parse("d-1", 1, &stored).unwrap()
    });
    static TOKEN: LazyLock<String> = LazyLock::new(|| encode(&KEY, V5, CLAIMS));
    static OLD_TOKEN: LazyLock<String> = LazyLock::new(|| encode_v2(&KEY, CLAIMS));

    const V5: &str = r#"{"alg":"RS256","typ":"JWT","kid":"d-1","version":"5"}"#;
    const CLAIMS: &str = r#"{"sub":"u","exp":1,"antiCsrfToken":null}"#;

    fn header(text: &str) -> Result<TokenVersion, JwsError> {
        parse(&encode(&KEY, text, CLAIMS)).map(|t| t.version)
    }

    fn verifies(token: &str) -> bool {
        parse(token).is_ok_and(|t| t.verify(&KEY))
    }

    #[test]
    fn what_was_signed_is_read_and_verifies() {
        let token = parse(&TOKEN).unwrap();
        assert_eq!(token.version, TokenVersion::V5);
        assert_eq!(token.kid.as_deref(), Some("d-1"));
        assert_eq!(serde_json::to_string(&token.payload).unwrap(), CLAIMS);
        assert!(token.verify(&KEY));
        let other = KeyPair::generate().unwrap().to_stored();
        assert!(!token.verify(&SigningKey::parse("d-1", 1, &other).unwrap()));
    }

    #[test]
    fn old_tokens_have_their_constant_header_and_no_kid() {
        assert!(OLD_TOKEN.starts_with(V2_HEADER));
        let token = parse(&OLD_TOKEN).unwrap();
        assert_eq!((token.version, token.kid.clone()), (TokenVersion::V2, None));
        assert!(token.verify(&KEY));
        let oldest = parse(&encode_v1(&KEY, CLAIMS)).unwrap();
        assert_eq!(oldest.version, TokenVersion::V1);
        assert!(oldest.verify(&KEY));
        let text = |h| String::from_utf8(STANDARD.decode(h).unwrap()).unwrap();
        assert_eq!(text(V1_HEADER), r#"{"alg":"RS256","typ":"JWT","version":"1"}"#);
        assert_eq!(text(V2_HEADER), r#"{"alg":"RS256","typ":"JWT","version":"2"}"#);
    }

    #[test]
    fn header_rules() {
        assert_eq!(header(r#"{"alg":"RS256","typ":"JWT","kid":"k"}"#), Ok(TokenVersion::V5));
        assert_eq!(header(&V5.replace(r#""5""#, r#""3""#)), Ok(TokenVersion::V3));
        assert_eq!(header(r#"{"kid":"k","typ":"JWT","alg":"RS256","version":"4"}"#), Ok(TokenVersion::V4));
        for refused in [
            "",
            "[]",
            r#"{"alg":"RS256","typ":"JWT"}"#,
            r#"{"alg":"RS256","typ":"JWT","kid":1}"#,
            r#"{"alg":"none","typ":"JWT","kid":"k"}"#,
            r#"{"alg":"RS256","kid":"k"}"#,
            r#"{"alg":"RS256","typ":"JWT","kid":"k","version":"2"}"#,
            r#"{"alg":"RS256","typ":"JWT","kid":"k","version":5}"#,
            r#"{"alg":"RS256","typ":"JWT","kid":"k","version":null}"#,
            r#"{"alg":"RS256","typ":"JWT","version":"2"}"#,
        ] {
            assert_eq!(header(refused), Err(JwsError::Header), "{refused}");
        }
    }

    #[test]
    fn each_undecodable_part_has_its_error() {
        let (signed, _) = TOKEN.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        let error = |text: &str| parse(text).unwrap_err();
        assert_eq!(error("a.b"), JwsError::NotThreeParts);
        assert_eq!(error(&format!("{}.x", *TOKEN)), JwsError::NotThreeParts);
        assert_eq!(error(&format!("{signed}.!")), JwsError::Signature);
        assert_eq!(error(&format!("{header}.!.AA")), JwsError::Payload);
        assert_eq!(error(&format!("{header}.W10.AA")), JwsError::Payload);
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(text in ".*", dots in r"[A-Za-z0-9_=-]{0,9}\.[A-Za-z0-9_=-]{0,9}\.[A-Za-z0-9_=-]{0,9}") {
            prop_assert!(!verifies(&text));
            prop_assert!(!verifies(&dots));
        }

        #[test]
        fn changed_tokens_never_verify(place in any::<prop::sample::Index>(), with in "[A-Za-z0-9+/=._-]") {
            for original in [&*TOKEN, &*OLD_TOKEN] {
                let at = place.index(original.len());
                let mut token = original.clone();
                token.replace_range(at..=at, &with);
                prop_assert!(token == *original || !verifies(&token));
            }
        }

        #[test]
        fn truncated_and_extended_tokens_never_verify(place in any::<prop::sample::Index>(), more in "[A-Za-z0-9=._-]{1,4}") {
            for original in [&*TOKEN, &*OLD_TOKEN] {
                prop_assert!(!verifies(&original[..place.index(original.len())]));
                let extended = format!("{original}{more}");
                prop_assert!(!verifies(&extended));
            }
        }
    }
}
