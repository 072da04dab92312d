//! Tenants: what an SDK asks about the tenant that a call belongs to.

use crate::Object;
use crate::endpoint::endpoint;
use serde::Serialize;

/// The providers of a tenant.
#[derive(Debug, Default, Serialize)]
pub struct Providers {
    /// None until the thirdparty recipe is there.
    pub providers: Vec<Object>,
}

/// A tenant, from the second version of the tenant endpoints on.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantResponse {
    /// Always `OK`.
    pub status: &'static str,
    /// The tenant.
    pub tenant_id: String,
    /// Its providers.
    pub third_party: Providers,
    /// The first factors allowed; left out if the SDK decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_factors: Option<Vec<String>>,
    /// The second factors of which one is required; left out for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_secondary_factors: Option<Vec<String>>,
    /// The tenant's own settings.
    pub core_config: Object,
}

endpoint! {
    /// The tenant that the path names.
    GetTenant: Get "/recipe/multitenancy/tenant/v2" Tenant, () => TenantResponse;
}
