//! Finding tenants and their effective configuration.

use super::{Tenant, TenantConfig, store};
use crate::config::{self, CoreConfig};
use crate::{App, Error, Result, Scope, Unknown};
use std::sync::Arc;

/// Makes sure that the default app and tenant exist.
pub async fn create_base(app: &App) -> Result<()> {
    let (base, now) = (Scope::base(), app.clock.now());
    let mut tx = app.db.write().await?;
    store::insert_app(&mut tx, &base.app_id, now).await?;
    store::insert_tenant(&mut tx, &base, now).await?;
    tx.commit().await?;
    Ok(())
}

/// The tenant, or `None` if there is no such tenant.
pub async fn find(app: &App, scope: &Scope) -> Result<Option<Arc<Tenant>>> {
    let now = app.clock.now();
    if let Some(tenant) = app.tenants.fresh(scope, now) {
        return Ok(Some(tenant));
    }
    let Some(stored) = read_config(app, scope).await? else { return Ok(None) };
    let mut values = app.base_values.clone();
    for ancestor in ancestors(scope) {
        if let Some(above) = read_config(app, &ancestor).await? {
            values = config::merge(&values, &above.core_config);
        }
    }
    values = config::merge(&values, &stored.core_config);
    let config = CoreConfig::from_values(&values, app.test_mode)
        .map_err(|error| Error::internal(format!("configuration of tenant {scope}: {error}")))?;
    let tenant = Arc::new(Tenant { scope: scope.clone(), stored, values, config: Arc::new(config) });
    app.tenants.remember(Arc::clone(&tenant), now);
    Ok(Some(tenant))
}

/// The tenant; 400 if there is no such tenant, or no such app.
pub async fn require(app: &App, scope: &Scope) -> Result<Arc<Tenant>> {
    if let Some(tenant) = find(app, scope).await? {
        return Ok(tenant);
    }
    Err(Error::UnknownTenant(scope.clone(), Unknown::Tenant))
}

/// The app's public tenant; 400 if there is no such app.
pub async fn require_app(app: &App, scope: &Scope) -> Result<Arc<Tenant>> {
    let public = scope.public_tenant();
    find(app, &public).await?.ok_or(Error::UnknownTenant(public, Unknown::App))
}

/// The scopes whose settings a tenant inherits, farthest first.
fn ancestors(scope: &Scope) -> Vec<Scope> {
    let domain = Scope::new(&scope.domain, crate::PUBLIC, crate::PUBLIC);
    let app = scope.public_tenant();
    let mut all = vec![domain, app];
    all.dedup();
    all.retain(|ancestor| ancestor != scope);
    all
}

async fn read_config(app: &App, scope: &Scope) -> Result<Option<TenantConfig>> {
    let mut tx = app.db.read().await?;
    if let Some(stored) = store::find_config(&mut tx, scope).await? {
        return Ok(Some(stored));
    }
    // A default domain's tenant may exist without a row of its own, as the base tenant does.
    let exists = scope.domain.is_empty() && store::has_tenant(&mut tx, scope).await?;
    Ok(exists.then(TenantConfig::default))
}
