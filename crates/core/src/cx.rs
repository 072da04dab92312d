//! What every service function is told about its call: made once per call, passed first.

use crate::App;
use crate::config::CoreConfig;
use crate::ground::audit::Origin;
use crate::ground::guessing::service::Counted;
use crate::ground::tenancy::Tenant;
use portcullis_db::Db;
use portcullis_wire::Cdi;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The id of the default app and of the default tenant.
pub const PUBLIC: &str = "public";

/// Which tenant of which app a call addresses.
#[expect(clippy::derived_hash_with_manual_eq, reason = "equal scopes have equal parts, and so equal hashes")]
#[derive(Clone, Debug, Eq, Hash)]
pub struct Scope {
    /// The connection URI domain; empty for the default one.
    pub domain: String,
    /// The app.
    pub app_id: String,
    /// The tenant.
    pub tenant_id: String,
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.tenant_id == other.tenant_id
            && self.app_id == other.app_id
            && same_domain(&self.domain, &other.domain)
    }
}

/// Whether two connection URI domains are the same one. Most are the default one, and comparing nothing with
/// nothing is slow: with AVX-512 the C library's `memcmp` reads no byte at an address that is not there, and the
/// processor takes a tenth of a microsecond to forgive that. Every call makes such comparisons.
pub(crate) fn same_domain(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

impl Scope {
    /// The default tenant of the default app of the default domain.
    pub fn base() -> Self {
        Self::new("", PUBLIC, PUBLIC)
    }

    /// A scope from its three parts.
    pub fn new(domain: &str, app_id: &str, tenant_id: &str) -> Self {
        Self { domain: domain.to_owned(), app_id: app_id.to_owned(), tenant_id: tenant_id.to_owned() }
    }

    /// The same app, another tenant.
    #[must_use]
    pub fn with_tenant(&self, tenant_id: &str) -> Self {
        Self::new(&self.domain, &self.app_id, tenant_id)
    }

    /// The app's default tenant.
    #[must_use]
    pub fn public_tenant(&self) -> Self {
        self.with_tenant(PUBLIC)
    }

    /// Whether this is the app's default tenant.
    pub fn is_public_tenant(&self) -> bool {
        self.tenant_id == PUBLIC
    }

    /// Whether both are of one app.
    pub fn is_of_app(&self, other: &Self) -> bool {
        self.app_id == other.app_id && same_domain(&self.domain, &other.domain)
    }

    /// Whether this is the default app (of its domain).
    pub fn is_public_app(&self) -> bool {
        self.app_id == PUBLIC
    }

    /// As lines of the log name it, here and in the reference: `Tenant(domain, app, tenant)`.
    pub(crate) fn in_log(&self) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| write!(f, "Tenant{self}"))
    }

    /// Whether this is the tenant that the configuration file describes.
    pub fn is_base(&self) -> bool {
        self.domain.is_empty() && self.is_public_app() && self.is_public_tenant()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {}, {})", self.domain, self.app_id, self.tenant_id)
    }
}

/// One call: the running core, the tenant addressed, the protocol version and the time.
#[derive(Clone, Debug)]
pub struct Cx {
    /// The running core.
    pub app: Arc<App>,
    /// The tenant addressed.
    pub scope: Scope,
    /// What is stored about the tenant, and its effective configuration. For a call that concerns the
    /// whole app and came by way of an unknown tenant (allowed before CDI 5.0), the app's public tenant;
    /// for a call that asks whether its tenant exists, the base tenant if it does not.
    pub tenant: Arc<Tenant>,
    /// Where the call works, if not where the tenant lives: users of one app may be in several databases.
    pub home: Option<Db>,
    /// Whether the caller may see and change the operator's settings: everybody may, unless
    /// `supertokens_saas_secret` is set and the caller did not show it.
    pub is_operator: bool,
    /// The address of whoever asks the backend that asks the core, if the backend says so (`caller-address`).
    pub caller: Option<IpAddr>,
    /// Where the call comes from, for the audit trail.
    pub origin: Origin,
    /// What was counted for the call's attempt at a secret, until it is known how that ended.
    pub counted: Arc<Counted>,
    /// The protocol version of the call.
    pub cdi: Cdi,
    /// Milliseconds since 1970, the same during the whole call.
    pub now: i64,
}

impl Cx {
    /// The database of the tenant, or of the user whom a call about the whole app concerns.
    pub fn db(&self) -> &Db {
        self.home.as_ref().unwrap_or(&self.tenant.db)
    }

    /// The database of the app's public tenant, with what belongs to the app as a whole.
    pub fn app_db(&self) -> &Db {
        &self.tenant.app_db
    }

    /// Whether the call works in another database than that of the app's public tenant.
    pub fn is_apart(&self) -> bool {
        self.db().number() != self.app_db().number() && self.db().place() != self.app_db().place()
    }

    /// The same call, at work in another database of the app.
    #[must_use]
    pub fn at(&self, db: &Db) -> Self {
        Self { home: Some(db.clone()), ..self.clone() }
    }

    /// The effective configuration of the tenant.
    pub fn config(&self) -> &CoreConfig {
        &self.tenant.config
    }

    /// The app's id.
    pub fn app_id(&self) -> &str {
        &self.scope.app_id
    }

    /// The tenant's id.
    pub fn tenant_id(&self) -> &str {
        &self.scope.tenant_id
    }

    /// 403 if a call that concerns the whole app came by way of another tenant than the public one; before
    /// CDI 5.0 it might.
    pub fn require_public_tenant(&self) -> crate::Result<()> {
        if self.cdi < Cdi::V5_0 || self.scope.is_public_tenant() {
            return Ok(());
        }
        Err(crate::Error::forbidden("Only public tenantId can call this app specific API"))
    }

    /// The same call for another tenant of the app. 400 if there is no such tenant.
    pub async fn for_tenant(&self, tenant_id: &str) -> crate::Result<Self> {
        if tenant_id == self.scope.tenant_id {
            return Ok(self.clone());
        }
        let scope = self.scope.with_tenant(tenant_id);
        let tenant = crate::ground::tenancy::service::require(&self.app, &scope).await?;
        Ok(Self { scope, tenant, home: None, ..self.clone() })
    }
}
