//! The endpoints about tenants.

use crate::http::Routes;
use crate::{Cx, Result};
use portcullis_wire::multitenancy as wire;

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new().at::<wire::GetTenant>(get_tenant)
}

async fn get_tenant(cx: Cx, (): ()) -> Result<wire::TenantResponse> {
    let stored = &cx.tenant.stored;
    Ok(wire::TenantResponse {
        status: "OK",
        tenant_id: cx.scope.tenant_id.clone(),
        third_party: wire::Providers::default(),
        first_factors: stored.first_factors.clone(),
        required_secondary_factors: stored.required_secondary_factors.clone(),
        core_config: stored.core_config.clone(),
    })
}
