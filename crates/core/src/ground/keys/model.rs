//! Which key signs and which keys verify, by age.

use crate::Scope;
use crate::config::CoreConfig;
use crate::crypto::digest::Secret;
use crate::crypto::signing_key::{KeyForge, SigningKey};
use crate::cx::same_domain;
use crate::reading::{Due, Reading};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use papaya::{Equivalent, HashMap};
use std::sync::{Arc, OnceLock};

/// The keys of every app that this process has served.
#[derive(Debug)]
pub struct Keyring {
    pub(super) forge: &'static KeyForge,
    apps: HashMap<AppName, Arc<AppKeys>>,
}

impl Keyring {
    /// Knows no key yet; `forge` makes new ones.
    pub fn new(forge: &'static KeyForge) -> Self {
        Self { forge, apps: HashMap::new() }
    }

    /// Forgets an app's keys: when the app is deleted.
    pub fn forget(&self, domain: &str, app_id: &str) {
        self.apps.pin().remove(&AppRef { domain, app_id });
    }

    /// Forgets the keys of all apps of a domain: when the domain is deleted or has another database.
    pub fn forget_domain(&self, domain: &str) {
        self.apps.pin().retain(|app, _| app.domain != domain);
    }

    pub(super) fn of_app(&self, scope: &Scope) -> Arc<AppKeys> {
        let apps = self.apps.pin();
        let app = AppRef { domain: &scope.domain, app_id: &scope.app_id };
        if let Some(keys) = apps.get(&app) {
            return Arc::clone(keys);
        }
        let app = AppName { domain: scope.domain.clone(), app_id: scope.app_id.clone() };
        Arc::clone(apps.get_or_insert_with(app, Arc::default))
    }
}

/// Domains may have apps of the same id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AppName {
    domain: String,
    app_id: String,
}

/// As [`AppName`], to look one up: the hashes are the same.
#[derive(Hash)]
struct AppRef<'a> {
    domain: &'a str,
    app_id: &'a str,
}

impl Equivalent<AppName> for AppRef<'_> {
    fn equivalent(&self, app: &AppName) -> bool {
        self.app_id == app.app_id && same_domain(self.domain, &app.domain)
    }
}

/// What is known of one app's keys.
#[derive(Debug, Default)]
pub struct AppKeys {
    pub(super) current: ArcSwapOption<KeySet>,
    /// Held while reading, so that calls that wait find what the first one read.
    pub(super) reading: tokio::sync::Mutex<()>,
}

/// One reading of an app's keys, each list newest first.
#[derive(Debug)]
pub struct KeySet {
    /// Rotated keys, `d-<created at>`.
    pub dynamic: Vec<Arc<SigningKey>>,
    /// Keys that stay, `s-<uuid>`.
    pub fixed: Vec<Arc<SigningKey>>,
    /// Seals and opens refresh tokens.
    pub refresh_token_key: Secret,
    /// When it was read. Another core may make a key, or delete the app and make it again.
    pub(super) reading: Reading,
    /// The public list of keys, ready to be sent, with the number of dynamic keys on it. They are listed
    /// newest first, so the number says which they are.
    pub(super) page: OnceLock<(usize, Bytes)>,
}

/// The times that govern dynamic keys, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    interval: i64,
    overlap: i64,
    lifetime: i64,
}

impl Rotation {
    /// A key signs for one interval and verifies until the last token it signed has died.
    pub fn of(config: &CoreConfig) -> Self {
        let interval = config.signing_key_update_interval_ms;
        let lifetime = interval.saturating_add(config.access_token_validity_ms.saturating_mul(2));
        Self { interval, overlap: config.signing_key_overlap_ms, lifetime }
    }

    /// Keys made before this time verify no more.
    pub fn oldest(self, now: i64) -> i64 {
        now.saturating_sub(self.lifetime)
    }

    /// Whether a key of this age still makes a successor unnecessary.
    pub fn is_young(self, created_at: i64, now: i64) -> bool {
        created_at >= now.saturating_sub(self.interval).saturating_add(self.overlap)
    }

    /// When a key of this age stops signing.
    pub fn retires_at(self, created_at: i64) -> i64 {
        created_at.saturating_add(self.interval)
    }

    /// When a key of this age stops verifying.
    pub fn expires_at(self, created_at: i64) -> i64 {
        created_at.saturating_add(self.lifetime)
    }

    /// Seconds for which the list of keys may be kept by others.
    pub fn max_age_secs(self, created_at: i64, now: i64) -> i64 {
        (self.retires_at(created_at).saturating_sub(self.overlap).saturating_sub(now) / 1000).max(1)
    }

    /// The key that signs: the newest, but not before others had the overlap to learn of it.
    pub fn signer(self, newest_first: &[Arc<SigningKey>], now: i64) -> Option<&Arc<SigningKey>> {
        let (newest, second) = (newest_first.first()?, newest_first.get(1));
        let unknown_yet = now < newest.created_at().saturating_add(self.overlap);
        let still_signs = |key: &&Arc<SigningKey>| now < self.retires_at(key.created_at());
        second.filter(|key| unknown_yet && still_signs(key)).or(Some(newest))
    }
}

impl KeySet {
    /// Whether one of the keys may sign now, so that the set can be used while it is read again.
    pub(super) fn signs(&self, rotation: Rotation, now: i64) -> bool {
        self.dynamic.first().is_some_and(|key| now < rotation.retires_at(key.created_at()))
    }

    /// Whether it is time to read the keys again, or to make a new one.
    pub(super) fn due(&self, rotation: Rotation, now: i64) -> Option<Due> {
        let young = self.dynamic.first().is_some_and(|key| rotation.is_young(key.created_at(), now));
        self.reading.due(now).or_else(|| (!young).then(|| self.reading.due_now(now)))
    }

    /// How many dynamic keys verify.
    pub(super) fn alive(&self, rotation: Rotation, now: i64) -> usize {
        self.dynamic.iter().filter(|key| key.created_at() >= rotation.oldest(now)).count()
    }

    /// The keys that verify, dynamic ones first.
    pub fn verifying(&self, rotation: Rotation, now: i64) -> impl Iterator<Item = &Arc<SigningKey>> {
        let alive = move |key: &&Arc<SigningKey>| key.created_at() >= rotation.oldest(now);
        self.dynamic.iter().filter(alive).chain(&self.fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;
    const TIMES: Rotation = Rotation { interval: HOUR, overlap: 60_000, lifetime: 3 * HOUR };

    #[test]
    fn a_successor_is_made_one_overlap_before_it_is_needed() {
        assert!(TIMES.is_young(0, HOUR - 60_000));
        assert!(!TIMES.is_young(0, HOUR - 59_999));
    }

    #[test]
    fn the_list_may_be_kept_until_the_successor_appears_and_never_for_nothing() {
        assert_eq!(TIMES.max_age_secs(0, 0), 3540);
        assert_eq!(TIMES.max_age_secs(0, 2 * HOUR), 1);
    }
}
