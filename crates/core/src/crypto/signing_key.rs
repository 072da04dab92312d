//! RSA keys that sign access tokens and JWTs: making them, their stored form
//! `base64(SPKI) "|" base64(PKCS#8)`, and their public face as a JWK.

use std::fmt;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;

use super::CryptoError;

/// A new RSA-2048 pair on its way into the database.
#[derive(Clone)]
pub struct KeyPair(String);

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyPair([secret])")
    }
}

impl KeyPair {
    /// Makes a pair. Takes a good part of a second: never on an async thread.
    pub fn generate() -> Result<Self, CryptoError> {
        let pair =
            RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| CryptoError::Failed("RSA key generation"))?;
        let public: PublicKeyX509Der<'_> =
            pair.public_key().as_der().map_err(|_| CryptoError::Failed("RSA public key encoding"))?;
        let private: Pkcs8V1Der<'_> =
            pair.as_der().map_err(|_| CryptoError::Failed("RSA private key encoding"))?;
        let public = STANDARD.encode(public.as_ref());
        let private = STANDARD.encode(private.as_ref());
        Ok(Self(format!("{public}|{private}")))
    }

    /// The text that is stored: holds the private key in the clear.
    pub fn to_stored(&self) -> String {
        self.0.clone()
    }
}

/// One entry of the JWKS, in the order SDKs have always seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Always `RSA`.
    pub kty: &'static str,
    /// The key's id; `d-` and `s-` prefixes are part of the wire contract.
    pub kid: String,
    /// Modulus, base64url.
    pub n: String,
    /// Exponent, base64url.
    pub e: String,
    /// Always `RS256`.
    pub alg: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
}

/// A stored key, parsed once and ready to sign and verify.
pub struct SigningKey {
    kid: String,
    created_at: i64,
    public_key_base64: String,
    private: RsaKeyPair,
    public: ParsedPublicKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads a stored key; the halves may be parted by `|` or `;`. Fails if either half is not
    /// an RSA key or if they do not belong together.
    pub fn parse(kid: impl Into<String>, created_at_ms: i64, stored: &str) -> Result<Self, CryptoError> {
        let (public, private) =
            stored.split_once(['|', ';']).ok_or(CryptoError::MalformedKey("no separator"))?;
        let key = Self {
            kid: kid.into(),
            created_at: created_at_ms,
            public_key_base64: public.to_owned(),
            private: parse_private(private)?,
            public: parse_public(public)?,
        };
        key.check_halves()?;
        Ok(key)
    }

    /// A trial signature: a key that passes cannot later issue tokens nobody can verify.
    fn check_halves(&self) -> Result<(), CryptoError> {
        const TRIAL: &[u8] = b"trial";
        let fits = self.verify(TRIAL, &self.sign(TRIAL));
        fits.then_some(()).ok_or(CryptoError::MalformedKey("the halves do not fit"))
    }

    /// The key's id.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// When the key was made, in ms since 1970.
    pub fn created_at(&self) -> i64 {
        self.created_at
    }

    /// SHA256withRSA (PKCS#1 v1.5) over the message. Should the library fail, the result is
    /// empty and verifies nowhere.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.private.public_modulus_len()];
        let random = SystemRandom::new();
        let signed = self.private.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature);
        if signed.is_err() {
            tracing::error!(kid = self.kid, "RSA signing failed");
            signature.clear();
        }
        signature
    }

    /// Whether the signature over the message is this key's.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }

    /// The key's public face.
    pub fn jwk(&self) -> Jwk {
        let public = self.private.public_key();
        let number = |value: &[u8]| URL_SAFE_NO_PAD.encode(value);
        Jwk {
            kty: "RSA",
            kid: self.kid.clone(),
            n: number(public.modulus().big_endian_without_leading_zero()),
            e: number(public.exponent().big_endian_without_leading_zero()),
            alg: "RS256",
            usage: "sig",
        }
    }

    /// The public half as stored (base64 SPKI), for CDI < 2.21 answers.
    pub fn public_key_base64(&self) -> &str {
        &self.public_key_base64
    }
}

fn parse_private(text: &str) -> Result<RsaKeyPair, CryptoError> {
    let der = STANDARD.decode(text).map_err(|_| CryptoError::MalformedKey("private half is not base64"))?;
    RsaKeyPair::from_pkcs8(&der).map_err(|_| CryptoError::MalformedKey("private half is not an RSA key"))
}

fn parse_public(text: &str) -> Result<ParsedPublicKey, CryptoError> {
    let der = STANDARD.decode(text).map_err(|_| CryptoError::MalformedKey("public half is not base64"))?;
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der)
        .map_err(|_| CryptoError::MalformedKey("public half is not an RSA key"))
}

/// Keeps a few pairs ready, since making one is slow. Work is done at start and after a pair
/// was taken, never on a timer.
#[derive(Debug)]
pub struct KeyForge {
    ready: Option<Mutex<Receiver<KeyPair>>>,
}

impl KeyForge {
    /// The process's own, with two spares: cores in one process need not each make pairs that nobody takes.
    pub fn of_process() -> &'static Self {
        static FORGE: OnceLock<KeyForge> = OnceLock::new();
        FORGE.get_or_init(|| Self::new(2))
    }

    /// Starts the background thread that keeps `spares` pairs ready; with 0 every pair is made
    /// when asked for.
    pub fn new(spares: usize) -> Self {
        // The thread holds one more pair in its hands while the channel is full.
        let ready = spares.checked_sub(1).and_then(start_forging);
        Self { ready }
    }

    /// A new pair: a spare if one is ready, else made on a blocking thread.
    pub async fn take(&self) -> Result<KeyPair, CryptoError> {
        if let Some(pair) = self.spare() {
            return Ok(pair);
        }
        tokio::task::spawn_blocking(KeyPair::generate)
            .await
            .map_err(|_| CryptoError::Failed("RSA key generation"))?
    }

    fn spare(&self) -> Option<KeyPair> {
        let ready = self.ready.as_ref()?;
        let ready = ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.try_recv().ok()
    }
}

/// `None` if the thread cannot be started: pairs are then made when asked for.
fn start_forging(channel_size: usize) -> Option<Mutex<Receiver<KeyPair>>> {
    // A rendezvous channel never hands over to `try_recv` unless the sender already waits, which
    // it does; so a size of 0 still keeps one pair ready.
    let (sender, receiver) = sync_channel(channel_size);
    let work = move || {
        while let Ok(pair) = KeyPair::generate() {
            if sender.send(pair).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("key-forge".into()).spawn(work).ok().map(|_| Mutex::new(receiver))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_pair_signs_and_verifies() {
        let stored = KeyPair::generate().unwrap().to_stored();
        let key = SigningKey::parse("d-1", 1, &stored).unwrap();
        let signature = key.sign(b"message");
        assert_eq!(signature.len(), 256);
        assert!(key.verify(b"message", &signature));
        assert!(!key.verify(b"massage", &signature));
        assert!(!key.verify(b"message", &signature[1..]));
        let old_form = stored.replace('|', ";");
        let again = SigningKey::parse("d-1", 1, &old_form).unwrap();
        assert!(again.verify(b"message", &signature));
        assert_eq!((key.kid(), key.created_at()), ("d-1", 1));
        assert_eq!(key.public_key_base64(), stored.split('|').next().unwrap());
    }

    #[test]
    fn the_jwk_has_the_wire_form() {
        let stored = KeyPair::generate().unwrap().to_stored();
        let jwk = SigningKey::parse("s-1", 1, &stored).unwrap().jwk();
        assert_eq!(jwk.e, "AQAB");
        assert_eq!(URL_SAFE_NO_PAD.decode(&jwk.n).unwrap().len(), 256);
        let text = serde_json::to_string(&jwk).unwrap();
        let expected =
            format!(r#"{{"kty":"RSA","kid":"s-1","n":"{}","e":"AQAB","alg":"RS256","use":"sig"}}"#, jwk.n);
        assert_eq!(text, expected);
    }

    #[test]
    fn malformed_keys_are_refused() {
        let first = KeyPair::generate().unwrap().to_stored();
        let second = KeyPair::generate().unwrap().to_stored();
        let mixed = format!("{}|{}", first.split('|').next().unwrap(), second.split('|').nth(1).unwrap());
        for stored in ["", "|", "a|b", "!|!", &first[..first.len() - 8], &mixed] {
            assert!(SigningKey::parse("k", 1, stored).is_err(), "{stored}");
        }
    }

    #[tokio::test]
    async fn the_forge_gives_a_new_pair_each_time() {
        for spares in [0, 1] {
            let forge = KeyForge::new(spares);
            let first = forge.take().await.unwrap().to_stored();
            let second = forge.take().await.unwrap().to_stored();
            assert_ne!(first, second);
            assert!(SigningKey::parse("k", 1, &first).is_ok());
        }
    }
}
