//! A software authenticator with its browser: what it answers to options, and everything that it can be made
//! to get wrong.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};
use aws_lc_rs::{digest, rsa};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, Ordering};

/// Somebody touched it.
pub const USER_PRESENT: u8 = 0x01;
/// It knows who.
pub const USER_VERIFIED: u8 = 0x04;
/// The passkey can be synchronised.
pub const BACKUP_ELIGIBLE: u8 = 0x08;
/// The passkey is synchronised.
pub const BACKED_UP: u8 = 0x10;
const HAS_CREDENTIAL: u8 = 0x40;
const HAS_EXTENSIONS: u8 = 0x80;

/// What a passkey signs with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    Ed25519,
    /// RSA with PKCS #1 v1.5.
    Rs256,
}

#[derive(Debug)]
enum Key {
    Es256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rs256(rsa::KeyPair),
}

/// One passkey.
#[derive(Debug)]
pub struct Authenticator {
    /// The credential's id.
    pub id: Vec<u8>,
    key: Key,
    /// The next answer's.
    pub counter: u32,
    /// By how much it grows with each answer: passkeys that are synchronised do not count.
    pub step: u32,
    /// Bytes in the key that mean nothing.
    pub ballast: usize,
}

/// What the browser and the authenticator take an answer to be for.
#[derive(Clone, Debug)]
pub struct Ceremony {
    /// `webauthn.create` or `webauthn.get`.
    pub kind: &'static str,
    /// The options' challenge.
    pub challenge: String,
    /// Where the browser is.
    pub origin: String,
    /// The domain.
    pub relying_party_id: String,
    /// What the authenticator says of itself.
    pub flags: u8,
    /// Whether it is in a frame of another site.
    pub cross_origin: bool,
}

impl Ceremony {
    /// What the options of either kind ask for, at an origin.
    pub fn of(options: &Value, origin: &str) -> Self {
        let (kind, id) = match options.get("rp") {
            Some(rp) => ("webauthn.create", rp.get("id")),
            // As the core calls it, and as frontends do.
            None => ("webauthn.get", options.get("relyingPartyId").or_else(|| options.get("rpId"))),
        };
        Self {
            kind,
            challenge: options["challenge"].as_str().expect("a challenge").to_owned(),
            origin: origin.to_owned(),
            relying_party_id: id.and_then(Value::as_str).expect("a relying party").to_owned(),
            flags: USER_PRESENT,
            cross_origin: false,
        }
    }

    fn client_data(&self) -> Vec<u8> {
        let fields = json!({
            "type": self.kind,
            "challenge": self.challenge,
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        });
        fields.to_string().into_bytes()
    }
}

impl Authenticator {
    /// A new passkey.
    pub fn new(algorithm: Algorithm) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let key = match algorithm {
            Algorithm::Es256 => Key::Es256(
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("made by the test itself"),
            ),
            Algorithm::Ed25519 => Key::Ed25519(Ed25519KeyPair::generate().expect("made by the test itself")),
            Algorithm::Rs256 => {
                Key::Rs256(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("made by the test itself"))
            }
        };
        Self { id: vec![NEXT.fetch_add(1, Ordering::Relaxed); 20], key, counter: 1, step: 1, ballast: 0 }
    }

    /// The id as it is told.
    pub fn id(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.id)
    }

    /// Makes a passkey: the credential that the browser hands over.
    pub fn create(&mut self, ceremony: &Ceremony) -> Value {
        let mut data = self.data(ceremony, HAS_CREDENTIAL | HAS_EXTENSIONS);
        data.extend([7; 16]);
        data.extend(u16::try_from(self.id.len()).expect("made by the test itself").to_be_bytes());
        data.extend(&self.id);
        data.extend(cbor(&self.public_key()));
        // Extensions that nobody asked for follow the key.
        data.extend(cbor(&Cbor::Map(BTreeMap::from([(text("hmac-secret"), Cbor::Bool(true))]))));
        let object = BTreeMap::from([
            (text("fmt"), text("none")),
            (text("attStmt"), Cbor::Map(BTreeMap::new())),
            (text("authData"), Cbor::Bytes(data)),
        ]);
        self.credential(&json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(ceremony.client_data()),
            "attestationObject": URL_SAFE_NO_PAD.encode(cbor(&Cbor::Map(object))),
            "transports": ["internal", "hybrid"],
        }))
    }

    /// Signs in: the credential that the browser hands over.
    pub fn get(&mut self, ceremony: &Ceremony) -> Value {
        let data = self.data(ceremony, 0);
        let client_data = ceremony.client_data();
        let mut signed = data.clone();
        signed.extend(digest::digest(&digest::SHA256, &client_data).as_ref());
        self.credential(&json!({
            "clientDataJSON": URL_SAFE_NO_PAD.encode(client_data),
            "authenticatorData": URL_SAFE_NO_PAD.encode(data),
            "signature": URL_SAFE_NO_PAD.encode(self.sign(&signed)),
            "userHandle": URL_SAFE_NO_PAD.encode("whoever"),
        }))
    }

    fn credential(&self, response: &Value) -> Value {
        json!({
            "id": self.id(),
            "rawId": self.id(),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "clientExtensionResults": {"credProps": {"rk": true}},
            "response": response,
        })
    }

    fn data(&mut self, ceremony: &Ceremony, flags: u8) -> Vec<u8> {
        let mut data =
            digest::digest(&digest::SHA256, ceremony.relying_party_id.as_bytes()).as_ref().to_vec();
        data.push(ceremony.flags | flags);
        data.extend(self.counter.to_be_bytes());
        self.counter += self.step;
        data
    }

    fn public_key(&self) -> Cbor {
        let (kind, algorithm, curve, parts) = match &self.key {
            Key::Es256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                (2, -7, Some(1), vec![x.to_vec(), y.to_vec()])
            }
            Key::Ed25519(pair) => (1, -8, Some(6), vec![pair.public_key().as_ref().to_vec()]),
            Key::Rs256(pair) => {
                let key = pair.public_key();
                let modulus = key.modulus().big_endian_without_leading_zero().to_vec();
                (3, -257, None, vec![modulus, key.exponent().big_endian_without_leading_zero().to_vec()])
            }
        };
        let mut fields = BTreeMap::from([(1, Cbor::Integer(kind)), (3, Cbor::Integer(algorithm))]);
        let first = if let Some(curve) = curve {
            fields.insert(-1, Cbor::Integer(curve));
            -2
        } else {
            -1
        };
        if self.ballast > 0 {
            fields.insert(-100, Cbor::Bytes(vec![0; self.ballast]));
        }
        fields.extend((0..).zip(parts).map(|(at, part)| (first - at, Cbor::Bytes(part))));
        Cbor::Map(fields.into_iter().map(|(name, value)| (Cbor::Integer(name), value)).collect())
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Es256(pair) => {
                pair.sign(&SystemRandom::new(), message).expect("made by the test itself").as_ref().to_vec()
            }
            Key::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Key::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
                    .expect("made by the test itself");
                signature
            }
        }
    }
}

fn text(text: &str) -> Cbor {
    Cbor::Text(text.to_owned())
}

fn cbor(value: &Cbor) -> Vec<u8> {
    serde_cbor_2::to_vec(value).expect("made by the test itself")
}
