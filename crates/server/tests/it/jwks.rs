//! A backend's own look at access tokens: the core's published keys, kept as long as their
//! `Cache-Control` allows and fetched again when a token names an unknown one.

use crate::caller::Caller;
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::time::{Duration, Instant};

/// The keys of one core.
#[derive(Default)]
pub(crate) struct Jwks {
    keys: Vec<Value>,
    good_until: Option<Instant>,
}

impl Jwks {
    /// Whether one of the core's keys made the token's signature.
    pub(crate) fn verify(&mut self, core: &Caller, token: &str) -> bool {
        let kid = kid(token);
        let is_fresh = self.good_until.is_some_and(|until| Instant::now() < until);
        if !is_fresh || self.find(&kid).is_none() {
            self.fetch(core);
        }
        let Some(key) = self.find(&kid) else { return false };
        let (n, e) = (decode(key["n"].as_str()), decode(key["e"].as_str()));
        let (message, signature) = token.rsplit_once('.').expect("three parts");
        let key = RsaPublicKeyComponents { n, e };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &decode(Some(signature))).is_ok()
    }

    fn find(&self, kid: &str) -> Option<&Value> {
        self.keys.iter().find(|key| key["kid"] == kid)
    }

    fn fetch(&mut self, core: &Caller) {
        let asked = Instant::now();
        let reply = core.get("/.well-known/jwks.json").expect("answers");
        let cached = reply.cache_control.expect("says how long it may be kept");
        let seconds = cached.strip_prefix("max-age=").and_then(|rest| rest.split(',').next());
        let seconds = seconds.and_then(|number| number.parse().ok()).expect("max-age comes first");
        let body: Value = serde_json::from_str(&reply.text).expect("JSON");
        self.keys.clone_from(body["keys"].as_array().expect("a list"));
        self.good_until = Some(asked + Duration::from_secs(seconds));
    }
}

/// The key that a token names.
pub(crate) fn kid(token: &str) -> String {
    let header: Value = serde_json::from_slice(&decode(token.split('.').next())).expect("JSON");
    header["kid"].as_str().expect("a kid").to_owned()
}

fn decode(text: Option<&str>) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.expect("text")).expect("base64url")
}
