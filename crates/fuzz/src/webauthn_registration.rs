//! New passkeys: the first byte says what follows, which is the authenticator data, the attestation object,
//! the client's data, or the whole credential as JSON.

use crate::authenticator::{
    FLAGS, RELYING_PARTY, base64, client_data, counter, credential, is_answer, offer,
};
use crate::input::choice;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::recipes::fuzzing::webauthn::{Passkey, authenticate, register};
use portcullis_wire::Object;
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const VECTORS: &str = include_str!("../../core/testdata/webauthn_vectors.json");
const CREATE: &str = "webauthn.create";
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const HAS_CREDENTIAL: u8 = 0x40;

/// What is taken is what was attested, for these options.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    let user_verification = if form & 4 == 0 { "preferred" } else { "required" };
    match form % 4 {
        0 => check(rest, &attestation_object(rest), &client_data(CREATE), user_verification),
        1 => {
            let Some(authenticator) = authenticator_data(rest) else { return };
            check(&authenticator, rest, &client_data(CREATE), user_verification);
        }
        2 => {
            let authenticator = sound();
            check(&authenticator, &attestation_object(&authenticator), rest, user_verification);
        }
        _ => {
            let Ok(credential) = serde_json::from_slice::<Object>(rest) else { return };
            if let Some(passkey) = register(&offer(user_verification), &credential) {
                use_it(&passkey);
            }
        }
    }
}

fn check(authenticator: &[u8], attestation_object: &[u8], client: &[u8], user_verification: &'static str) {
    let id = credential_id(authenticator).unwrap_or(b"-");
    let response = json!({"clientDataJSON": base64(client), "attestationObject": base64(attestation_object)});
    let Some(passkey) = register(&offer(user_verification), &credential(id, &response)) else { return };
    assert!(is_answer(client, CREATE));
    assert_eq!(authenticator[..FLAGS], *digest(&SHA256, RELYING_PARTY.as_bytes()).as_ref());
    let flags = authenticator[FLAGS];
    assert!(flags & USER_PRESENT != 0 && flags & HAS_CREDENTIAL != 0, "{flags:x}");
    assert!(flags & USER_VERIFIED != 0 || user_verification != "required");
    assert_eq!(passkey.2, counter(authenticator));
    assert_eq!((passkey.0.as_str(), passkey.1.get(18..18 + id.len())), (base64(id).as_str(), Some(id)));
    use_it(&passkey);
}

/// Whatever key was taken: a signature that nobody made is refused.
fn use_it(passkey: &Passkey) {
    let mut authenticator = digest(&SHA256, RELYING_PARTY.as_bytes()).as_ref().to_vec();
    authenticator.extend([USER_PRESENT, 0xff, 0xff, 0xff, 0xff]);
    let response = json!({
        "clientDataJSON": base64(&client_data("webauthn.get")),
        "authenticatorData": base64(&authenticator),
        "signature": base64(&[0x30, 6, 2, 1, 1, 2, 1, 1]),
    });
    let credential = credential(credential_id_of(&passkey.1), &response);
    assert_eq!(authenticate(&offer("preferred"), passkey, &credential), None);
}

/// The id in attested credential data: after an AAGUID of 16 bytes and the length.
fn credential_id_of(attested: &[u8]) -> &[u8] {
    let length = attested.get(16..18).map_or(0, |two| usize::from(u16::from_be_bytes([two[0], two[1]])));
    attested.get(18..18 + length).unwrap_or_default()
}

fn credential_id(authenticator: &[u8]) -> Option<&[u8]> {
    authenticator.get(37..).map(credential_id_of)
}

fn attestation_object(authenticator: &[u8]) -> Vec<u8> {
    let text = |text: &str| Cbor::Text(text.to_owned());
    let fields = BTreeMap::from([
        (text("fmt"), text("none")),
        (text("attStmt"), Cbor::Map(BTreeMap::new())),
        (text("authData"), Cbor::Bytes(authenticator.to_vec())),
    ]);
    serde_cbor_2::to_vec(&Cbor::Map(fields)).unwrap()
}

fn authenticator_data(attestation_object: &[u8]) -> Option<Vec<u8>> {
    let Ok(Cbor::Map(mut fields)) = serde_cbor_2::from_slice(attestation_object) else { return None };
    match fields.remove(&Cbor::Text("authData".to_owned())) {
        Some(Cbor::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// That of the first test vector of the standard.
fn sound() -> Vec<u8> {
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let object = vectors[0]["registration"]["attestationObject"].as_str().unwrap_or_default();
    authenticator_data(&URL_SAFE_NO_PAD.decode(object).unwrap()).unwrap()
}
