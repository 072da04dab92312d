//! What this process has read about tenants. Unknown tenants are not remembered, so that one made by
//! another core is found at once.

use super::Tenant;
use crate::Scope;
use arc_swap::ArcSwapOption;
use papaya::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

/// The tenants that have been read, with the time of reading, and the connection URI domains.
#[derive(Debug, Default)]
pub struct Directory {
    known: HashMap<Scope, (i64, Arc<Tenant>)>,
    domains: ArcSwapOption<(i64, HashSet<String>)>,
}

/// How long another core's change may stay unseen, in milliseconds.
const STALE_AFTER_MS: i64 = 60_000;

impl Directory {
    /// The tenant, if it was read less than a minute ago.
    pub fn fresh(&self, scope: &Scope, now: i64) -> Option<Arc<Tenant>> {
        let known = self.known.pin();
        let (read_at, tenant) = known.get(scope)?;
        is_fresh(*read_at, now).then(|| Arc::clone(tenant))
    }

    /// Remembers what was read.
    pub fn remember(&self, tenant: Arc<Tenant>, now: i64) {
        self.known.pin().insert(tenant.scope.clone(), (now, tenant));
    }

    /// Whether a host is a connection URI domain, if the domains were read less than a minute ago.
    pub fn is_domain(&self, host: &str, now: i64) -> Option<bool> {
        let domains = self.domains.load();
        let (read_at, domains) = domains.as_deref()?;
        is_fresh(*read_at, now).then(|| domains.contains(host))
    }

    /// Remembers the domains, and forgets the tenants of all others.
    pub fn remember_domains(&self, domains: HashSet<String>, now: i64) {
        let exists = |domain: &String| domain.is_empty() || domains.contains(domain);
        self.known.pin().retain(|scope, _| exists(&scope.domain));
        self.domains.store(Some(Arc::new((now, domains))));
    }

    /// Forgets everything: after a change, since settings are inherited.
    pub fn clear(&self) {
        self.known.pin().clear();
        self.domains.store(None);
    }
}

fn is_fresh(read_at: i64, now: i64) -> bool {
    (now - read_at).abs() < STALE_AFTER_MS
}
