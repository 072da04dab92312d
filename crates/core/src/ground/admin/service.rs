//! What the core keeps about the applications that use it, and what they use.

use super::model::{DAYS, TenantUsage, Usage, active};
use super::store;
use crate::ground::tenancy::service as tenancy;
use crate::{Cx, Result};
use portcullis_wire::admin::ApiVersionRequest;

/// Keeps where the application lives. Best effort: a failure is logged, the call goes on.
pub(super) async fn note_domains(cx: &Cx, told: &ApiVersionRequest) {
    if let Err(error) = write(cx, told).await {
        tracing::warn!(tenant = %cx.scope.in_log(), %error, "the application's domains could not be noted");
    }
}

async fn write(cx: &Cx, told: &ApiVersionRequest) -> Result<()> {
    for (name, domain) in [("websiteDomain", &told.website_domain), ("apiDomain", &told.api_domain)] {
        let Some(domain) = domain else { continue };
        let mut tx = cx.app_db().write_one().await?;
        store::upsert_domain(&mut tx, cx.app_id(), name, domain, cx.now).await?;
        // no event: where the application lives is noted at each of its starts, and nothing depends on it
        tx.commit().await?;
    }
    Ok(())
}

/// What the call's app uses.
pub(super) async fn usage(cx: &Cx) -> Result<Usage> {
    let listed = tenancy::list_of_app(cx).await?;
    let (app_id, mut tx) = (cx.app_id(), cx.app_db().read().await?);
    let mut users = store::count_users_by_tenant(&mut tx, app_id).await?;
    let mut with_sessions = store::list_tenants_with_sessions(&mut tx, app_id).await?;
    let mut has_primary_users = store::has_primary_users(&mut tx, app_id).await?;
    for db in cx.others().await? {
        let mut tx = db.read().await?;
        users.extend(store::count_users_by_tenant(&mut tx, app_id).await?);
        with_sessions.extend(store::list_tenants_with_sessions(&mut tx, app_id).await?);
        has_primary_users = has_primary_users || store::has_primary_users(&mut tx, app_id).await?;
    }
    let mut pools = tenancy::list_pools(cx).await?;
    let days = i64::try_from(DAYS).unwrap_or_default();
    let tenants = listed.into_iter().map(|(scope, config)| TenantUsage {
        users: users.remove(&scope.tenant_id).unwrap_or_default(),
        has_sessions: with_sessions.contains(&scope.tenant_id),
        pool: pools.remove(&scope.tenant_id),
        tenant_id: scope.tenant_id,
        config,
    });
    Ok(Usage {
        tenants: tenants.collect(),
        active: active(&store::count_active_by_day(&mut tx, app_id, cx.now, days).await?),
        dashboard_users: store::count_dashboard_users(&mut tx, app_id).await?,
        has_primary_users,
    })
}
