//! SHA-256, HMAC, comparison of secrets, and the type that keeps a secret out of logs.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use subtle::ConstantTimeEq as _;

/// Lower-case hex SHA-256 of the text's UTF-8 bytes.
pub fn sha256_hex(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

/// SHA-256 of the bytes.
pub fn sha256(bytes: &[u8]) -> impl AsRef<[u8]> {
    digest::digest(&digest::SHA256, bytes)
}

/// HMAC-SHA-256 of the bytes.
pub fn hmac_sha256(key: &[u8], bytes: &[u8]) -> impl AsRef<[u8]> + use<> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), bytes)
}

/// Whether two secrets are equal, in a time that depends on their lengths only.
pub fn secrets_equal(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// Lower-case hex of the bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out
}

/// A text that must never be printed; its `Debug` form is `[secret]`.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// Tells one secret from others that are as long as secrets should be, and nothing else of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 4]);

impl Fingerprint {
    /// The first bytes of the secret's SHA-256.
    pub fn of(secret: &str) -> Self {
        let mut first = [0; 4];
        first.copy_from_slice(&sha256(secret.as_bytes()).as_ref()[..4]);
        Self(first)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A key that callers show.
#[derive(Clone, Debug)]
pub struct ApiKey {
    text: Secret,
    fingerprint: Fingerprint,
}

impl ApiKey {
    /// Wraps the key.
    pub fn new(text: impl Into<String>) -> Self {
        let text = Secret::new(text);
        Self { fingerprint: Fingerprint::of(text.reveal()), text }
    }

    /// Whether this is what is shown, in a time that depends on the lengths only.
    pub fn equals(&self, shown: &str) -> bool {
        secrets_equal(self.text.reveal(), shown)
    }

    /// What the audit trail calls it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sha256_of_a_known_text() {
        assert_eq!(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn equality_of_secrets() {
        assert!(secrets_equal("key", "key"));
        assert!(!secrets_equal("key", "kez"));
        assert!(!secrets_equal("key", "key2"));
        assert!(!secrets_equal("", "k"));
    }

    #[test]
    fn a_key_is_told_by_its_fingerprint() {
        let key = ApiKey::new("abc");
        assert!(key.equals("abc") && !key.equals("abd"));
        assert_eq!(key.fingerprint().to_string(), "ba7816bf");
        assert!(!format!("{key:?}").contains("abc"));
    }

    #[test]
    fn debug_hides_the_text() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "[secret]");
        assert_eq!(secret.reveal(), "hunter2");
    }
}
