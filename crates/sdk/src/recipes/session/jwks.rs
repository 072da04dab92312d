//! The keys that verify access tokens, as the core shows them.

use crate::Result;
use crate::core_client::Core;
use arc_swap::ArcSwapOption;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// An unknown key makes the list be read again, but not more often than this.
const PAUSE: Duration = Duration::from_millis(500);

/// The keys, kept until they are old or one is missing.
#[derive(Debug)]
pub(crate) struct Keys {
    refresh_interval: Duration,
    current: ArcSwapOption<KeyList>,
    /// Held while reading, so that calls that wait find what the first one read.
    reading: Mutex<()>,
}

struct KeyList {
    keys: HashMap<String, ParsedPublicKey>,
    read_at: Instant,
}

impl std::fmt::Debug for KeyList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyList").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// The key that the token names made it.
    Good,
    /// It did not.
    Bad,
    /// The core has no such key.
    UnknownKey,
}

impl Keys {
    pub(super) fn new(refresh_interval: Duration) -> Self {
        Self { refresh_interval, current: ArcSwapOption::empty(), reading: Mutex::new(()) }
    }

    /// Checks a signature with the key of a name.
    pub(super) async fn verify(
        &self,
        core: &Core,
        kid: &str,
        signed: &[u8],
        signature: &[u8],
    ) -> Result<Signature> {
        let known = self.current.load_full();
        if let Some(list) = known.as_ref().filter(|list| list.read_at.elapsed() < self.refresh_interval)
            && let Some(verdict) = list.verify(kid, signed, signature)
        {
            return Ok(verdict);
        }
        let list = self.read_again(core, known).await?;
        Ok(list.verify(kid, signed, signature).unwrap_or(Signature::UnknownKey))
    }

    async fn read_again(&self, core: &Core, seen: Option<Arc<KeyList>>) -> Result<Arc<KeyList>> {
        let _reading = self.reading.lock().await;
        let current = self.current.load_full();
        let is_new = |list: &Arc<KeyList>| seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, list));
        if let Some(list) = current.filter(|list| is_new(list) || list.read_at.elapsed() < PAUSE) {
            return Ok(list);
        }
        let keys = core.jwks().await?.0.keys.iter().filter_map(parse).collect();
        let list = Arc::new(KeyList { keys, read_at: Instant::now() });
        self.current.store(Some(Arc::clone(&list)));
        Ok(list)
    }
}

impl KeyList {
    fn verify(&self, kid: &str, signed: &[u8], signature: &[u8]) -> Option<Signature> {
        let key = self.keys.get(kid)?;
        Some(if key.verify_sig(signed, signature).is_ok() { Signature::Good } else { Signature::Bad })
    }
}

/// A key of the list with its name; those of other kinds are left out.
fn parse(jwk: &Value) -> Option<(String, ParsedPublicKey)> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if text("kty") != Some("RSA") {
        return None;
    }
    let number = |name: &str| URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let components = PublicKeyComponents { n: number("n")?, e: number("e")? };
    let key = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
    Some((text("kid")?.to_owned(), key))
}
