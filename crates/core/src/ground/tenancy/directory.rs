//! What this process has read about tenants. Unknown tenants are not remembered, so that one made by
//! another core is found at once.

use super::Tenant;
use super::places::Apart;
use crate::Scope;
use crate::reading::{Due, Reading};
use arc_swap::ArcSwapOption;
use papaya::HashMap;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The tenants that have been read, and the connection URI domains.
#[derive(Debug, Default)]
pub struct Directory {
    known: HashMap<Scope, Known<Arc<Tenant>>>,
    domains: ArcSwapOption<Known<Domains>>,
    edition: AtomicU64,
}

#[derive(Debug)]
struct Known<T> {
    value: T,
    reading: Reading,
    edition: Edition,
}

/// Who has a database of his own.
#[derive(Debug)]
pub(super) struct Domains {
    /// The connection URI domains, without the default one.
    pub(super) names: HashSet<String>,
    /// The apps that have several databases.
    pub(super) apart: Apart,
}

impl Domains {
    /// For each further database of an app, a tenant that lives there. Nearly always there is none.
    pub(super) fn apart(&self, scope: &Scope) -> Vec<String> {
        if self.apart.is_empty() {
            return Vec::new();
        }
        self.apart.get(&(scope.domain.clone(), scope.app_id.clone())).cloned().unwrap_or_default()
    }
}

/// What is remembered from one change to the next: what was read before a change that this core made is of
/// no use after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edition(u64);

impl Directory {
    /// To be asked for before something is read that shall be remembered.
    pub(super) fn edition(&self) -> Edition {
        Edition(self.edition.load(Ordering::SeqCst))
    }

    /// The tenant, if it is remembered, and whether it is time to read it again.
    pub(super) fn tenant(&self, scope: &Scope, now: i64) -> Option<(Arc<Tenant>, Option<Due>)> {
        let known = self.known.pin();
        let known = known.get(scope).filter(|known| known.edition == self.edition())?;
        Some((Arc::clone(&known.value), known.reading.due(now)))
    }

    /// Remembers what was read.
    pub(super) fn remember(&self, tenant: Arc<Tenant>, edition: Edition, now: i64) {
        let scope = tenant.scope.clone();
        self.known.pin().insert(scope, Known { value: tenant, reading: Reading::new(now), edition });
    }

    /// Forgets a tenant that is no longer there.
    pub(super) fn forget(&self, scope: &Scope) {
        self.known.pin().remove(scope);
    }

    /// Whether a host is a connection URI domain, if the domains are remembered, and whether it is time to
    /// read them again.
    pub(super) fn is_domain(&self, host: &str, now: i64) -> Option<(bool, Option<Due>)> {
        let domains = self.domains.load();
        let known = domains.as_deref().filter(|known| known.edition == self.edition())?;
        Some((known.value.names.contains(host), known.reading.due(now)))
    }

    /// As [`Domains::apart`], if that is remembered.
    pub(super) fn apart(&self, scope: &Scope) -> Option<Vec<String>> {
        let domains = self.domains.load();
        let known = domains.as_deref().filter(|known| known.edition == self.edition())?;
        Some(known.value.apart(scope))
    }

    /// Whether it is known, and not due to be read again, that there is no domain but the default one.
    pub(super) fn has_no_domain(&self, now: i64) -> bool {
        let domains = self.domains.load();
        domains.as_deref().is_some_and(|known| {
            known.value.names.is_empty()
                && known.edition == self.edition()
                && known.reading.due(now).is_none()
        })
    }

    /// Remembers the domains, and forgets the tenants of all others.
    pub(super) fn remember_domains(&self, domains: Domains, edition: Edition, now: i64) {
        let exists = |domain: &String| domain.is_empty() || domains.names.contains(domain);
        self.known.pin().retain(|scope, _| exists(&scope.domain));
        self.domains.store(Some(Arc::new(Known { value: domains, reading: Reading::new(now), edition })));
    }

    /// Forgets everything: after a change, since settings are inherited.
    pub(crate) fn clear(&self) {
        self.edition.fetch_add(1, Ordering::SeqCst);
        self.known.pin().clear();
        self.domains.store(None);
    }
}
