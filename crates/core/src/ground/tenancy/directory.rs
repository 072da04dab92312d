//! What this process has read about tenants. Unknown tenants are not remembered, so that one made by
//! another core is found at once.

use super::Tenant;
use crate::Scope;
use papaya::HashMap;
use std::sync::Arc;

/// The tenants that have been read, with the time of reading.
#[derive(Debug, Default)]
pub struct Directory {
    known: HashMap<Scope, (i64, Arc<Tenant>)>,
}

/// How long another core's change may stay unseen, in milliseconds.
const STALE_AFTER_MS: i64 = 60_000;

impl Directory {
    /// The tenant, if it was read less than a minute ago.
    pub fn fresh(&self, scope: &Scope, now: i64) -> Option<Arc<Tenant>> {
        let known = self.known.pin();
        let (read_at, tenant) = known.get(scope)?;
        ((now - read_at).abs() < STALE_AFTER_MS).then(|| Arc::clone(tenant))
    }

    /// Remembers what was read.
    pub fn remember(&self, tenant: Arc<Tenant>, now: i64) {
        self.known.pin().insert(tenant.scope.clone(), (now, tenant));
    }

    /// Forgets everything: after a change, since settings are inherited.
    pub fn clear(&self) {
        self.known.pin().clear();
    }
}
