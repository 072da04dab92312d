//! What is stored about a tenant, and the tenant as calls see it.

use crate::Scope;
use crate::config::CoreConfig;
use portcullis_wire::Object;
use std::sync::Arc;

/// What is stored about a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantConfig {
    /// The tenant's own settings; those of its app and domain lie below them.
    pub core_config: Object,
    /// Whether the emailpassword recipe is on (only asked before CDI 5.1).
    pub email_password_enabled: bool,
    /// Whether the thirdparty recipe is on (only asked before CDI 5.1).
    pub third_party_enabled: bool,
    /// Whether the passwordless recipe is on (only asked before CDI 5.1).
    pub passwordless_enabled: bool,
    /// The first factors allowed; `None` leaves it to the SDK.
    pub first_factors: Option<Vec<String>>,
    /// The second factors of which one is required; `None` for none.
    pub required_secondary_factors: Option<Vec<String>>,
}

impl Default for TenantConfig {
    fn default() -> Self {
        Self {
            core_config: Object::new(),
            email_password_enabled: true,
            third_party_enabled: true,
            passwordless_enabled: true,
            first_factors: None,
            required_secondary_factors: None,
        }
    }
}

/// A tenant as calls see it.
#[derive(Debug)]
pub struct Tenant {
    /// Which one it is.
    pub scope: Scope,
    /// What is stored about it.
    pub stored: TenantConfig,
    /// All settings that hold for it, as given.
    pub values: Object,
    /// All settings that hold for it, checked.
    pub config: Arc<CoreConfig>,
}
