//! Refresh tokens: the first byte says whether a token follows, or the JSON of what one carries.

use crate::input::choice;
use portcullis_core::crypto::refresh_token::{RefreshTokenPayload, hash1, open, seal};
use std::sync::LazyLock;

/// The key that the first seed was sealed with.
static KEY: LazyLock<String> = LazyLock::new(|| format!("1000:{}:{}", "ab".repeat(64), "cd".repeat(64)));

/// Only what was sealed opens, and it carries what was put into it.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let payload = if form % 2 == 0 {
        let Some(payload) = open(&KEY, text) else { return };
        assert_eq!(text.split('.').nth(1), Some(payload.nonce.as_str()));
        payload
    } else {
        let Ok(payload) = serde_json::from_str::<RefreshTokenPayload>(text) else { return };
        RefreshTokenPayload { nonce: hash1(text), ..payload }
    };
    let token = seal(&KEY, &payload).unwrap();
    assert_eq!(open(&KEY, &token), Some(payload));
    assert_eq!(open("another", &token), None);
    // Every bit counts, but for the letter case of the last part.
    let at = rest.iter().fold(0, |sum: usize, byte| sum * 31 % 8191 + usize::from(*byte)) % (token.len() - 2);
    let mut bytes = token.into_bytes();
    bytes[at] ^= 1;
    let changed = String::from_utf8(bytes).unwrap();
    assert_eq!(open(&KEY, &changed), None, "{changed}");
}
