//! The keys that verify access tokens, as the core shows them.

use super::access_token::AccessToken;
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
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// Another one for each list with other keys, whichever SDK of the process read it.
    id: u64,
    as_shown: Vec<Value>,
    keys: HashMap<String, ParsedPublicKey>,
    read_at: Instant,
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

impl std::fmt::Debug for KeyList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyList").field("keys", &self.keys.len()).finish_non_exhaustive()
    }
}

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// The key that the token names made it; with the list that the key is in.
    Good(u64),
    /// It did not.
    Bad,
    /// The core has no such key.
    UnknownKey,
}

impl Keys {
    pub(super) fn new(refresh_interval: Duration) -> Self {
        Self { refresh_interval, current: ArcSwapOption::empty(), reading: Mutex::new(()) }
    }

    /// The list that is in use, unless it must be read again.
    pub(super) fn list_in_use(&self) -> Option<u64> {
        let list = self.current.load();
        list.as_ref().filter(|list| list.read_at.elapsed() < self.refresh_interval).map(|list| list.id)
    }

    /// Checks the signature of a token.
    pub(super) async fn verify(&self, core: &Core, token: &AccessToken) -> Result<Signature> {
        let known = self.current.load_full();
        if let Some(list) = known.as_ref().filter(|list| list.read_at.elapsed() < self.refresh_interval)
            && let Some(verdict) = list.verify(token)
        {
            return Ok(verdict);
        }
        // Apart, as most calls have no use for the room that it takes.
        let list = Box::pin(self.read_again(core, known)).await?;
        Ok(list.verify(token).unwrap_or(Signature::UnknownKey))
    }

    async fn read_again(&self, core: &Core, seen: Option<Arc<KeyList>>) -> Result<Arc<KeyList>> {
        let _reading = self.reading.lock().await;
        let current = self.current.load_full();
        let is_new = |list: &Arc<KeyList>| seen.as_ref().is_none_or(|seen| !Arc::ptr_eq(seen, list));
        if let Some(list) = current.filter(|list| is_new(list) || list.read_at.elapsed() < PAUSE) {
            return Ok(list);
        }
        let as_shown = core.jwks().await?.0.keys;
        let same = seen.filter(|seen| seen.as_shown == as_shown);
        let list = Arc::new(KeyList {
            id: same.map_or_else(|| NEXT_ID.fetch_add(1, Ordering::Relaxed), |seen| seen.id),
            keys: as_shown.iter().filter_map(parse).collect(),
            as_shown,
            read_at: Instant::now(),
        });
        self.current.store(Some(Arc::clone(&list)));
        Ok(list)
    }
}

impl KeyList {
    /// `None` if the key is not in the list. Tokens that name none may have been signed by any.
    fn verify(&self, token: &AccessToken) -> Option<Signature> {
        let fits = |key: &ParsedPublicKey| key.verify_sig(token.signed(), token.signature()).is_ok();
        let Some(kid) = token.kid() else {
            return self.keys.values().any(fits).then_some(Signature::Good(self.id));
        };
        Some(if fits(self.keys.get(kid)?) { Signature::Good(self.id) } else { Signature::Bad })
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
