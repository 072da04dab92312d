//! Reading keys once, making them when they are due, finding the one that signs or verifies.

use super::model::{KeySet, Rotation};
use super::store;
use crate::crypto::digest::Secret;
use crate::crypto::jws::ParsedToken;
use crate::crypto::signing_key::SigningKey;
use crate::crypto::{random, refresh_token};
use crate::ground::audit::{self, Event, Kind};
use crate::ground::tenancy::service as tenancy;
use crate::reading::{Due, Reading};
use crate::{App, Cx, Error, PUBLIC, Result, Scope, Unknown};
use bytes::Bytes;
use portcullis_db::{Db, Tx};
use std::sync::{Arc, OnceLock};

/// The app's keys, with one that may sign now.
pub async fn current(cx: &Cx) -> Result<Arc<KeySet>> {
    let known = cx.app.keys.of_app(&cx.scope).current.load_full();
    match known {
        Some(set) if set.signs(rotation(cx), cx.now) => match set.due(rotation(cx), cx.now) {
            None => Ok(set),
            // In a box, as what follows: this happens twice a minute.
            Some(due) => Ok(Box::pin(renewed(cx, set, due)).await),
        },
        unusable => Box::pin(reread(cx, unusable.as_ref())).await,
    }
}

/// Keys that are being read again.
async fn renewed(cx: &Cx, seen: Arc<KeySet>, due: Due) -> Arc<KeySet> {
    let again = || {
        let (cx, seen) = (cx.clone(), Arc::clone(&seen));
        async move { reread(&cx, Some(&seen)).await.map(drop).map_err(|error| error.of(cx.scope.in_log())) }
    };
    due.renew(&cx.app.tasks, again).await;
    cx.app.keys.of_app(&cx.scope).current.load_full().unwrap_or(seen)
}

/// Reads the keys again, unless that was done since `seen` was read.
async fn reread(cx: &Cx, seen: Option<&Arc<KeySet>>) -> Result<Arc<KeySet>> {
    let keys = cx.app.keys.of_app(&cx.scope);
    let _reading = keys.reading.lock().await;
    let is_new = |set: &Arc<KeySet>| seen.is_none_or(|seen| !Arc::ptr_eq(set, seen));
    if let Some(set) = keys.current.load_full().filter(is_new) {
        return Ok(set);
    }
    let set = Arc::new(load(cx, seen.map(|set| &**set)).await?);
    keys.current.store(Some(Arc::clone(&set)));
    Ok(set)
}

/// Unknown keys make the keys be read again, but no more often than this, in milliseconds. Whoever read
/// them a moment ago found, or made, the key that every core signs with now.
const REREAD_PAUSE_MS: i64 = 1000;

/// The key that signs now.
pub async fn signer(cx: &Cx, is_static: bool) -> Result<Arc<SigningKey>> {
    let set = current(cx).await?;
    let key = if is_static { set.fixed.first() } else { rotation(cx).signer(&set.dynamic, cx.now) };
    key.cloned().ok_or_else(|| Error::internal("the app has no signing key"))
}

/// What a signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signature {
    /// One of the app's keys made it.
    Good,
    /// The key that it names did not make it.
    Bad,
    /// No key of the app is named so.
    UnknownKey,
}

/// Checks a token's signature. An unknown key makes the keys be read once more: another core may have
/// made it a moment ago.
pub async fn verify(cx: &Cx, token: &ParsedToken) -> Result<Signature> {
    let set = current(cx).await?;
    match check(cx, &set, token) {
        Signature::UnknownKey if set.reading.age(cx.now) >= REREAD_PAUSE_MS => {
            let set = reread(cx, Some(&set)).await?;
            Ok(check(cx, &set, token))
        }
        settled => Ok(settled),
    }
}

/// Versions 1 and 2 name no key, so every key is tried.
fn check(cx: &Cx, set: &KeySet, token: &ParsedToken) -> Signature {
    let mut keys = set.verifying(rotation(cx), cx.now);
    let Some(kid) = &token.kid else {
        let fits = keys.any(|key| token.verify(key));
        return if fits { Signature::Good } else { Signature::UnknownKey };
    };
    match keys.find(|key| key.kid() == kid) {
        Some(key) if token.verify(key) => Signature::Good,
        Some(_) => Signature::Bad,
        None => Signature::UnknownKey,
    }
}

/// The app's rotation times.
pub fn rotation(cx: &Cx) -> Rotation {
    Rotation::of(cx.config())
}

/// The keys to show to verifiers, dynamic ones first.
pub async fn list_jwks(cx: &Cx) -> Result<Vec<serde_json::Value>> {
    to_jwks(cx, &*current(cx).await?)
}

fn to_jwks(cx: &Cx, set: &KeySet) -> Result<Vec<serde_json::Value>> {
    let keys = set.verifying(rotation(cx), cx.now).map(|key| serde_json::to_value(key.jwk()));
    keys.collect::<std::result::Result<_, _>>().map_err(Error::internal)
}

/// [`list_jwks`] as it is sent, written by `write` once for each reading of the keys; and for how many seconds
/// it may be kept by others.
pub async fn jwks_page(
    cx: &Cx,
    write: impl FnOnce(Vec<serde_json::Value>) -> Result<Bytes>,
) -> Result<(Bytes, i64)> {
    let set = current(cx).await?;
    let rotation = rotation(cx);
    let newest = set.dynamic.first().map_or(cx.now, |key| key.created_at());
    let max_age = rotation.max_age_secs(newest, cx.now);
    let alive = set.alive(rotation, cx.now);
    if let Some((_, page)) = set.page.get().filter(|(listed, _)| *listed == alive) {
        return Ok((page.clone(), max_age));
    }
    let page = write(to_jwks(cx, &set)?)?;
    // A key may have died since the page was written; then it is written each time until the next reading.
    let _ = set.page.set((alive, page.clone()));
    Ok((page, max_age))
}

/// Deletes the dynamic keys that verify no more. Most go when their successor is made; those of an app
/// that nobody calls go here.
pub async fn delete_expired(app: &Arc<App>, domain: &str, db: &Db, now: i64) -> Result<()> {
    let listed = store::list_apps(&mut db.read().await?).await?;
    for app_id in listed {
        let scope = Scope::new(domain, &app_id, PUBLIC);
        let Some(tenant) = tenancy::find(app, &scope).await? else { continue };
        let mut tx = db.write_one().await?;
        store::delete_dynamic_before(&mut tx, &app_id, Rotation::of(&tenant.config).oldest(now)).await?;
        // no event: what has expired verifies nothing any more
        tx.commit().await?;
    }
    Ok(())
}

/// Looks at every app's keys without changing them, and says what is wrong with those that cannot be used.
pub async fn find_faults(db: &Db) -> Result<Vec<String>> {
    let keys = match store::list_all(&mut db.read().await?).await {
        // Before the first start there are none.
        Err(Error::Db(portcullis_db::Error::MissingTable(_))) => return Ok(Vec::new()),
        read => read?,
    };
    let fault = |(app_id, kid, text): (String, String, String)| {
        let error = SigningKey::parse(kid.clone(), 0, &text).err().filter(|_| is_pair(&text))?;
        Some(format!("signing key {kid} of app {app_id}: {error}"))
    };
    Ok(keys.into_iter().filter_map(fault).collect())
}

/// Rows without a separator are symmetric keys of an old release; they sign nothing here.
fn is_pair(text: &str) -> bool {
    text.contains(['|', ';'])
}

/// What the tables hold.
struct Stored {
    dynamic: Vec<(i64, String)>,
    fixed: Vec<(String, i64, String)>,
    refresh_token_key: Option<String>,
}

impl Stored {
    fn signs(&self, cx: &Cx) -> bool {
        let rotation = rotation(cx);
        self.dynamic.first().is_some_and(|(created_at, _)| rotation.is_young(*created_at, cx.now))
    }

    fn is_complete(&self, cx: &Cx) -> bool {
        self.signs(cx) && !self.fixed.is_empty() && self.refresh_token_key.is_some()
    }
}

async fn load(cx: &Cx, known: Option<&KeySet>) -> Result<KeySet> {
    let mut tx = cx.app_db().read().await?;
    let mut stored = read(cx, &mut tx).await?;
    drop(tx);
    if !stored.is_complete(cx) {
        stored = complete(cx, &stored).await?;
    }
    parse(cx, stored, known)
}

async fn read(cx: &Cx, tx: &mut Tx) -> Result<Stored> {
    let app_id = cx.app_id();
    Ok(Stored {
        dynamic: store::list_dynamic(tx, app_id, rotation(cx).oldest(cx.now)).await?,
        fixed: store::list_static(tx, app_id).await?,
        refresh_token_key: store::find_refresh_token_key(tx, app_id).await?,
    })
}

/// Makes what is missing. Keys are forged before the lock is taken; what another core made meanwhile wins.
async fn complete(cx: &Cx, seen: &Stored) -> Result<Stored> {
    let dynamic = if seen.signs(cx) { None } else { Some(forge(cx).await?) };
    let fixed = if seen.fixed.is_empty() { Some(forge(cx).await?) } else { None };

    let mut tx = cx.app_db().write().await?;
    let app_id = cx.app_id();
    if !store::lock_app(&mut tx, app_id).await? {
        return Err(Error::UnknownTenant(cx.scope.public_tenant(), Unknown::App));
    }
    let stored = read(cx, &mut tx).await?;
    let mut events = Vec::new();
    let made = |key: &str| Event::new(Kind::SigningKeyCreated).in_tenant(PUBLIC).about(key);
    if let Some(key) = dynamic.filter(|_| !stored.signs(cx)) {
        store::insert_dynamic(&mut tx, app_id, cx.now, &key).await?;
        store::delete_dynamic_before(&mut tx, app_id, rotation(cx).oldest(cx.now)).await?;
        events.push(made(&format!("d-{}", cx.now)));
    }
    if let Some(key) = fixed.filter(|_| stored.fixed.is_empty()) {
        let key_id = format!("s-{}", random::uuid());
        store::insert_static(&mut tx, app_id, &key_id, cx.now, &key).await?;
        events.push(made(&key_id));
    }
    if stored.refresh_token_key.is_none() {
        store::insert_refresh_token_key(&mut tx, app_id, &refresh_token::new_app_key(), cx.now).await?;
        events.push(made("refresh_token_key"));
    }
    let stored = read(cx, &mut tx).await?;
    audit::commit(cx, tx, events).await?;
    Ok(stored)
}

async fn forge(cx: &Cx) -> Result<String> {
    let pair = cx.app.keys.forge.take().await?;
    Ok(pair.to_stored())
}

/// Parses what is new; keys that were parsed before are kept.
fn parse(cx: &Cx, stored: Stored, known: Option<&KeySet>) -> Result<KeySet> {
    let parse = |kid: String, created_at: i64, text: &str| {
        let same = |key: &&Arc<SigningKey>| key.kid() == kid && text.starts_with(key.public_key_base64());
        let known = known.and_then(|set| set.dynamic.iter().chain(&set.fixed).find(same));
        match known {
            Some(key) => Ok(Arc::clone(key)),
            None => Ok(Arc::new(SigningKey::parse(kid, created_at, text)?)),
        }
    };
    let dynamic = stored.dynamic.iter().map(|(at, text)| parse(format!("d-{at}"), *at, text));
    let pairs = stored.fixed.into_iter().filter(|(_, _, text)| is_pair(text));
    let fixed = pairs.map(|(kid, at, text)| parse(kid, at, &text));
    Ok(KeySet {
        dynamic: dynamic.collect::<Result<_>>()?,
        fixed: fixed.collect::<Result<_>>()?,
        refresh_token_key: Secret::new(stored.refresh_token_key.unwrap_or_default()),
        reading: Reading::new(cx.now),
        page: OnceLock::new(),
    })
}
