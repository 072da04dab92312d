//! The refresh token: what it carries, how it is sealed with the app's key, and its hashes.
//! Form: `base64(iv || ciphertext || tag) "." nonce ".V2"`, AES-256-GCM, the key derived from
//! the app key with the iv as salt.

use std::num::NonZeroU32;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::pbkdf2;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::digest::{hex, secrets_equal, sha256_hex};
use super::{CryptoError, random};

const TYPE_ISSUED: &str = "V2";
const TYPES_READ: [&str; 3] = ["V0", "V1", "V2"];
const TOKEN_KEY_ROUNDS: NonZeroU32 = NonZeroU32::new(100).unwrap();
const APP_KEY_ROUNDS: NonZeroU32 = NonZeroU32::new(1000).unwrap();

/// What a refresh token carries inside; absent fields are left out of the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefreshTokenPayload {
    /// The session this token belongs to.
    pub session_handle: String,
    /// The recipe user id as stored.
    pub user_id: String,
    /// `hash1` of the token this one was made from; `None` for a session's first token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_refresh_token_hash1: Option<String>,
    /// Also stands in the clear in the token; both must be equal.
    pub nonce: String,
    /// The session's anti-CSRF value, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_csrf_token: Option<String>,
    /// The session's tenant; `None` for the public one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
}

/// Makes the key an app seals its refresh tokens with: `1000:<salt hex>:<derived hex>`, 262
/// characters, opaque to every reader.
pub fn new_app_key() -> String {
    let salt: [u8; 64] = random::bytes();
    let password = hex(&random::bytes::<64>());
    let mut derived = [0; 64];
    derive(APP_KEY_ROUNDS, &salt, &password, &mut derived);
    format!("1000:{}:{}", hex(&salt), hex(&derived))
}

/// A fresh nonce: lower-case hex SHA-256 of a random UUID.
pub fn new_nonce() -> String {
    sha256_hex(&random::uuid())
}

/// Hash of the token text as it stands in access tokens (`refreshTokenHash1`).
pub fn hash1(token: &str) -> String {
    sha256_hex(token)
}

/// Hash of the token as stored: SHA-256 over the 64 hex characters of `hash1`.
pub fn hash2(token: &str) -> String {
    sha256_hex(&hash1(token))
}

/// Seals the payload into a token. Fails only if the cryptographic library does.
pub fn seal(app_key: &str, payload: &RefreshTokenPayload) -> Result<String, CryptoError> {
    seal_with_iv(app_key, payload, random::bytes())
}

fn seal_with_iv(
    app_key: &str,
    payload: &RefreshTokenPayload,
    iv: [u8; NONCE_LEN],
) -> Result<String, CryptoError> {
    let mut text =
        serde_json::to_vec(payload).map_err(|_| CryptoError::Failed("refresh token payload encoding"))?;
    token_key(app_key, &iv)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(iv), Aad::empty(), &mut text)
        .map_err(|_| CryptoError::Failed("refresh token sealing"))?;
    let sealed = STANDARD.encode([iv.as_slice(), &text].concat());
    Ok(format!("{sealed}.{}.{TYPE_ISSUED}", payload.nonce))
}

/// Opens a token that was sealed with this app's key; `None` for anything else.
pub fn open(app_key: &str, token: &str) -> Option<RefreshTokenPayload> {
    let (sealed, nonce) = split(token)?;
    let mut raw = STANDARD.decode(sealed).ok()?;
    let (iv, text) = raw.split_first_chunk_mut::<NONCE_LEN>()?;
    let plain = token_key(app_key, iv)
        .ok()?
        .open_in_place(Nonce::assume_unique_for_key(*iv), Aad::empty(), text)
        .ok()?;
    let payload: RefreshTokenPayload = serde_json::from_slice(plain).ok()?;
    secrets_equal(&payload.nonce, nonce).then_some(payload)
}

/// Splits a token into its sealed part and its clear nonce.
fn split(token: &str) -> Option<(&str, &str)> {
    let mut parts = token.split('.');
    let (sealed, nonce, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let known = TYPES_READ.iter().any(|t| t.eq_ignore_ascii_case(kind));
    (known && parts.next().is_none()).then_some((sealed, nonce))
}

fn token_key(app_key: &str, iv: &[u8; NONCE_LEN]) -> Result<LessSafeKey, CryptoError> {
    let mut key = [0; 32];
    derive(TOKEN_KEY_ROUNDS, iv, app_key, &mut key);
    UnboundKey::new(&AES_256_GCM, &key)
        .map(LessSafeKey::new)
        .map_err(|_| CryptoError::Failed("refresh token key"))
}

fn derive(rounds: NonZeroU32, salt: &[u8], password: &str, out: &mut [u8]) {
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA512, rounds, salt, password.as_bytes(), out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VECTOR: &str = "AAECAwQFBgcICQoLgo91u09MhIET3N6fILDLGRhHZ2HpaPxVHK91MQb53HP5NUl3+Ona4Hk3vYOL5XlNfQsWmpk5xg+EeF4nnlSVvtYx+R0ogHGeoeBHWL7Nl2M867iMLROgnyMNP9iXnQVuWzZIeeCkUFv8sfP0hmfZbS9doL2za3XNh14BVow=.db8055e0e0307d5a016bec4dc338d69875eb0fb7e614a8b125b08fb082095d98.V2";

    fn vector_key() -> String {
        format!("1000:{}:{}", "ab".repeat(64), "cd".repeat(64))
    }

    fn vector_payload() -> RefreshTokenPayload {
        RefreshTokenPayload {
            session_handle: "h".into(),
            user_id: "u".into(),
            parent_refresh_token_hash1: None,
            nonce: "db8055e0e0307d5a016bec4dc338d69875eb0fb7e614a8b125b08fb082095d98".into(),
            anti_csrf_token: None,
            tenant_id: None,
        }
    }

    #[test]
    fn the_published_vector_is_sealed_and_opened() {
        let iv = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let token = seal_with_iv(&vector_key(), &vector_payload(), iv).unwrap();
        assert_eq!(token, VECTOR);
        assert_eq!(open(&vector_key(), VECTOR), Some(vector_payload()));
        assert_eq!(hash1(VECTOR), "fd676090c817c0a2070a0d4da5b816415bda093868ea6df6efb7e0bd4cc77d59");
        assert_eq!(hash2(VECTOR), "66a5d34f530d60d6ad39da01a1bf4f19dc202b99d57efe77b1ea81492357c1d2");
    }

    #[test]
    fn every_field_survives_and_keys_stand_in_the_published_order() {
        let payload = RefreshTokenPayload {
            parent_refresh_token_hash1: Some("p".into()),
            anti_csrf_token: Some("c".into()),
            tenant_id: Some("t".into()),
            nonce: "n".into(),
            ..vector_payload()
        };
        assert_eq!(
            serde_json::to_string(&payload).unwrap(),
            r#"{"sessionHandle":"h","userId":"u","parentRefreshTokenHash1":"p","nonce":"n","antiCsrfToken":"c","tenantId":"t"}"#
        );
        let key = new_app_key();
        let token = seal(&key, &payload).unwrap();
        assert_eq!(open(&key, &token), Some(payload));
        assert_eq!(open(&new_app_key(), &token), None);
    }

    #[test]
    fn app_keys_have_the_stored_form() {
        let key = new_app_key();
        assert_eq!(key.len(), 262);
        assert!(key.starts_with("1000:"));
        assert_ne!(key, new_app_key());
    }

    #[test]
    fn the_type_is_read_without_regard_to_case_and_must_be_known() {
        let stem = VECTOR.strip_suffix("V2").unwrap();
        assert!(open(&vector_key(), &format!("{stem}v0")).is_some());
        assert!(open(&vector_key(), &format!("{stem}V3")).is_none());
        assert!(open(&vector_key(), &format!("{VECTOR}.x")).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_refused_without_a_panic(text in ".*") {
            prop_assert_eq!(open(&vector_key(), &text), None);
        }

        #[test]
        fn any_sealed_bytes_are_refused(raw in prop::collection::vec(any::<u8>(), 0..80)) {
            let token = format!("{}.n.V2", STANDARD.encode(raw));
            prop_assert_eq!(open(&vector_key(), &token), None);
        }

        #[test]
        fn a_changed_token_never_opens(at in 0..VECTOR.len() - 3, with in "[A-Za-z0-9+/=.]") {
            let mut token = VECTOR.to_owned();
            token.replace_range(at..=at, &with);
            prop_assume!(token != VECTOR);
            prop_assert_eq!(open(&vector_key(), &token), None);
        }

        #[test]
        fn a_truncated_token_never_opens(len in 0..VECTOR.len()) {
            prop_assert_eq!(open(&vector_key(), &VECTOR[..len]), None);
        }
    }
}
