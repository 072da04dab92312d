//! What the two targets about passkeys share: the options, and how browsers write what was answered.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::recipes::fuzzing::webauthn::Offer;
use portcullis_wire::Object;
use serde_json::{Value, json};

pub(crate) const CHALLENGE: &str = "AMMPt4UxxGTStncdq417YDwBFi8vpIa-pw8oOuVW4TA";
pub(crate) const ORIGIN: &str = "https://example.org";
pub(crate) const RELYING_PARTY: &str = "example.org";
/// Authenticator data: a hash of 32 bytes, flags, a counter of 4 bytes.
pub(crate) const FLAGS: usize = 32;
pub(crate) const COUNTER: usize = 33;

pub(crate) fn offer(user_verification: &'static str) -> Offer<'static> {
    Offer { challenge: CHALLENGE, origin: ORIGIN, relying_party_id: RELYING_PARTY, user_verification }
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn client_data(kind: &str) -> Vec<u8> {
    json!({"type": kind, "challenge": CHALLENGE, "origin": ORIGIN, "crossOrigin": false})
        .to_string()
        .into_bytes()
}

/// Whether a browser answered these very options, on their site and in no other site's frame.
pub(crate) fn is_answer(client_data: &[u8], kind: &str) -> bool {
    let read: Value = serde_json::from_slice(client_data).expect("what is taken was read");
    read["type"] == kind
        && read["challenge"] == CHALLENGE
        && read["origin"] == ORIGIN
        && read["crossOrigin"] != true
}

pub(crate) fn credential(id: &[u8], response: &Value) -> Object {
    let id = base64(id);
    let credential = json!({"id": id, "rawId": id, "type": "public-key", "response": response});
    credential.as_object().cloned().unwrap_or_default()
}

/// The counter in authenticator data.
pub(crate) fn counter(data: &[u8]) -> i64 {
    data[COUNTER..COUNTER + 4].iter().fold(0, |counter, byte| counter << 8 | i64::from(*byte))
}
