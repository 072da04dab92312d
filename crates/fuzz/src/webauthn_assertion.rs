//! Sign-ins with a passkey: the first byte chooses the key and says what follows, which is the authenticator
//! data or the client's data, signed, or a signature, or the whole credential as JSON.

use crate::authenticator::{
    COUNTER, FLAGS, RELYING_PARTY, base64, client_data, counter, credential, is_answer, offer,
};
use crate::input::choice;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use portcullis_core::recipes::fuzzing::webauthn::{Passkey, authenticate};
use portcullis_wire::Object;
use serde_cbor_2::Value as Cbor;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const GET: &str = "webauthn.get";
const ID: &[u8] = b"credential id 1";
/// The counter that is kept.
const KEPT: i64 = 7;
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;

static ES256: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap());
static ED25519: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().unwrap());

#[derive(Clone, Copy)]
enum Algorithm {
    Es256,
    Ed25519,
}

/// Only a signature of the key over an answer to these options is taken.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    let algorithm = if form & 8 == 0 { Algorithm::Es256 } else { Algorithm::Ed25519 };
    let user_verification = if form & 4 == 0 { "preferred" } else { "required" };
    match form % 4 {
        0 => check(algorithm, rest, &client_data(GET), user_verification),
        1 => check(algorithm, &sound(), rest, user_verification),
        2 => {
            let response = response(&sound(), &client_data(GET), rest);
            assert_eq!(signed_in(algorithm, &response, user_verification), None, "nobody forges a signature");
        }
        _ => {
            let Ok(credential) = serde_json::from_slice::<Object>(rest) else { return };
            let outcome = authenticate(&offer(user_verification), &passkey(algorithm), &credential);
            assert_eq!(outcome, None, "nobody forges a signature");
        }
    }
}

fn check(algorithm: Algorithm, authenticator: &[u8], client: &[u8], user_verification: &'static str) {
    let signed = [authenticator, digest(&SHA256, client).as_ref()].concat();
    let response = response(authenticator, client, &algorithm.sign(&signed));
    let Some(new) = signed_in(algorithm, &response, user_verification) else { return };
    assert!(is_answer(client, GET));
    assert_eq!(authenticator[..FLAGS], *digest(&SHA256, RELYING_PARTY.as_bytes()).as_ref());
    let flags = authenticator[FLAGS];
    assert!(flags & USER_PRESENT != 0, "{flags:x}");
    assert!(flags & USER_VERIFIED != 0 || user_verification != "required");
    assert!(new == counter(authenticator) && new > KEPT, "{new}");
}

fn signed_in(
    algorithm: Algorithm,
    response: &serde_json::Value,
    user_verification: &'static str,
) -> Option<i64> {
    authenticate(&offer(user_verification), &passkey(algorithm), &credential(ID, response))
}

fn response(authenticator: &[u8], client: &[u8], signature: &[u8]) -> serde_json::Value {
    json!({
        "clientDataJSON": base64(client),
        "authenticatorData": base64(authenticator),
        "signature": base64(signature),
    })
}

fn sound() -> Vec<u8> {
    let mut data = digest(&SHA256, RELYING_PARTY.as_bytes()).as_ref().to_vec();
    data.resize(COUNTER + 4, 0xff);
    data[FLAGS] = USER_PRESENT | USER_VERIFIED;
    data
}

fn passkey(algorithm: Algorithm) -> Passkey {
    let mut attested = vec![0; 16];
    attested.extend(u16::try_from(ID.len()).unwrap().to_be_bytes());
    attested.extend(ID);
    attested.extend(serde_cbor_2::to_vec(&Cbor::Map(algorithm.public_key())).unwrap());
    (base64(ID), attested, KEPT)
}

impl Algorithm {
    fn sign(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256 => ES256.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Ed25519 => ED25519.sign(message).as_ref().to_vec(),
        }
    }

    /// In COSE.
    fn public_key(self) -> BTreeMap<Cbor, Cbor> {
        let number = |(name, value)| (Cbor::Integer(name), Cbor::Integer(value));
        let bytes = |(name, value): (i128, &[u8])| (Cbor::Integer(name), Cbor::Bytes(value.to_vec()));
        match self {
            Self::Es256 => {
                let point = ES256.public_key().as_ref();
                let numbers = [(1, 2), (3, -7), (-1, 1)].map(number);
                let coordinates = [(-2, &point[1..33]), (-3, &point[33..])].map(bytes);
                numbers.into_iter().chain(coordinates).collect()
            }
            Self::Ed25519 => {
                let numbers = [(1, 1), (3, -8), (-1, 6)].map(number);
                numbers.into_iter().chain([bytes((-2, ED25519.public_key().as_ref()))]).collect()
            }
        }
    }
}
