//! Finding tenants and their effective configuration, making, changing and removing them.

use super::store::{self, Which};
use super::{Tenant, TenantConfig};
use crate::config::{self, ConfigError, CoreConfig, Protected};
use crate::{App, Cx, Error, PUBLIC, Result, Scope, Unknown};
use portcullis_db::Tx;
use portcullis_wire::Object;
use std::collections::HashSet;
use std::sync::Arc;

/// Makes sure that the default app and tenant exist.
pub async fn create_base(app: &App) -> Result<()> {
    let (base, now) = (Scope::base(), app.clock.now());
    let mut tx = app.db.write().await?;
    store::insert_app(&mut tx, &base.app_id, now).await?;
    store::insert_tenant(&mut tx, &base, now).await?;
    store::insert_config(&mut tx, &base).await?;
    tx.commit().await?;
    Ok(())
}

/// The tenant, or `None` if there is no such tenant.
pub async fn find(app: &App, scope: &Scope) -> Result<Option<Arc<Tenant>>> {
    let now = app.clock.now();
    if let Some(tenant) = app.tenants.fresh(scope, now) {
        return Ok(Some(tenant));
    }
    let mut tx = app.db.read().await?;
    let Some(stored) = store::find_config(&mut tx, scope).await? else { return Ok(None) };
    let inherited = inherited_values(app, &mut tx, scope).await?;
    drop(tx);
    let values = config::merge(&inherited, &stored.core_config);
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

/// The connection URI domain that a call's host names; empty, the default one, for any other host.
pub async fn domain_of_host(app: &App, host: &str) -> Result<String> {
    let now = app.clock.now();
    let is_domain = if let Some(known) = app.tenants.is_domain(host, now) {
        known
    } else {
        let domains: HashSet<String> =
            store::list_domains(&mut app.db.read().await?).await?.into_iter().collect();
        let is_domain = domains.contains(host);
        app.tenants.remember_domains(domains, now);
        is_domain
    };
    Ok(if is_domain { host.to_owned() } else { String::new() })
}

/// The scopes whose settings a tenant inherits, farthest first.
fn ancestors(scope: &Scope) -> Vec<Scope> {
    let domain = Scope::new(&scope.domain, PUBLIC, PUBLIC);
    let app = scope.public_tenant();
    let mut all = vec![domain, app];
    all.dedup();
    all.retain(|ancestor| ancestor != scope);
    all
}

async fn inherited_values(app: &App, tx: &mut Tx, scope: &Scope) -> Result<Object> {
    let mut values = app.base_values.clone();
    for ancestor in ancestors(scope) {
        if let Some(above) = store::find_config(tx, &ancestor).await? {
            values = config::merge(&values, &above.core_config);
        }
    }
    Ok(values)
}

/// Makes or changes a tenant: `new` is what it begins as, `change` what the call says of it. Answers
/// whether it is new.
pub async fn put(
    cx: &Cx,
    target: &Scope,
    new: TenantConfig,
    change: impl FnOnce(&mut TenantConfig) -> Result<()>,
) -> Result<bool> {
    let mut tx = cx.app.db.write().await?;
    let created = store::insert_config(&mut tx, target).await?;
    // Two calls may change one tenant at once: each sees what the other did.
    store::lock_config(&mut tx, target).await?;
    let before = if created { None } else { store::find_config(&mut tx, target).await? };
    let old_config = before.as_ref().map(|tenant| tenant.core_config.clone()).unwrap_or_default();
    let mut tenant = before.unwrap_or(new);
    change(&mut tenant)?;
    check_source(&cx.scope, target)?;
    check_config(cx, &mut tx, target, &tenant, &old_config).await?;
    store::update_config(&mut tx, target, &tenant).await?;
    if target.is_public_tenant() {
        store::insert_app(&mut tx, &target.app_id, cx.now).await?;
    }
    store::insert_tenant(&mut tx, target, cx.now).await?;
    tx.commit().await?;
    cx.app.tenants.clear();
    Ok(created)
}

/// Parents and the tenant itself may change a tenant.
fn check_source(source: &Scope, target: &Scope) -> Result<()> {
    let refuse = |text: &str| Err(Error::forbidden(text));
    if !target.is_public_tenant() {
        if !source.is_public_tenant() && source.tenant_id != target.tenant_id {
            return refuse("You must use the public or same tenant to add/update a tenant");
        }
        if (&source.domain, &source.app_id) != (&target.domain, &target.app_id) {
            return refuse("You must use the same app to create/update a tenant");
        }
    } else if !target.is_public_app() {
        let same_app = source.is_public_app() || source.app_id == target.app_id;
        if !source.is_public_tenant() || !same_app {
            return refuse("You must use the public or same app to add/update an app");
        }
        if source.domain != target.domain {
            return refuse("You must use the same connection URI domain to create/update an app");
        }
    } else if !target.domain.is_empty() && !source.is_base() && source.domain != target.domain {
        return refuse(
            "You must use the default or same connectionUriDomain to create/update a connectionUriDomain",
        );
    }
    Ok(())
}

async fn check_config(
    cx: &Cx,
    tx: &mut Tx,
    target: &Scope,
    tenant: &TenantConfig,
    old_config: &Object,
) -> Result<()> {
    if target.is_base() && !tenant.core_config.is_empty() {
        return Err(Error::bad_input("Cannot modify base config"));
    }
    let fault = |error: ConfigError| Error::BadInput(format!("Invalid core config: {error}"));
    if let Some(name) = tenant.core_config.keys().find(|name| config::find_key(name).is_none()) {
        return Err(fault(ConfigError(format!("Invalid config key: {name}"))));
    }
    if !cx.is_operator {
        check_protected(&tenant.core_config, old_config)?;
    }
    let inherited = inherited_values(&cx.app, tx, target).await?;
    let values = config::merge(&inherited, &tenant.core_config);
    CoreConfig::from_values(&values, cx.app.test_mode).map_err(fault)?;
    config::check_tenant_values(&tenant.core_config, target.is_public_tenant(), &inherited).map_err(fault)?;
    if target.is_public_tenant() {
        let others = store::list_configs(tx, Which::App(target)).await?;
        for (_, other) in others.iter().filter(|(scope, _)| !scope.is_public_tenant()) {
            // A tenant that was given the app's value must not be left behind with it.
            config::check_tenant_values(&other.core_config, false, &values).map_err(fault)?;
        }
    }
    if !target.domain.is_empty() {
        // Apps and tenants carry no domain in the tables: two domains must not share a database.
        let text =
            format!("ConnectionUriDomain:  cannot be mapped to the same user pool as {}", target.domain);
        return Err(fault(ConfigError(text)));
    }
    Ok(())
}

/// 403 if somebody else than the operator changes what only the operator may.
fn check_protected(new: &Object, old: &Object) -> Result<()> {
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let refusals: Vec<Protected> = changed.filter_map(|(name, _)| config::protected(name)).collect();
    // Where the data lie counts for more, whatever comes first.
    let refusal = refusals.iter().find(|why| **why == Protected::Database).or(refusals.first());
    refusal.map_or(Ok(()), |why| Err(Error::forbidden(why.to_string())))
}

/// What is stored about the tenants of an app, of a domain, or of all.
pub async fn list(cx: &Cx, which: Which<'_>) -> Result<Vec<(Scope, TenantConfig)>> {
    store::list_configs(&mut cx.app.db.read().await?, which).await
}

/// Removes a tenant and all that is kept there; whether it existed.
pub async fn remove_tenant(cx: &Cx, tenant_id: &str) -> Result<bool> {
    if tenant_id == PUBLIC {
        return Err(Error::forbidden("Cannot delete public tenant, use remove app API instead"));
    }
    if !cx.scope.is_public_tenant() {
        return Err(Error::forbidden("Only the public tenantId is allowed to delete a tenant"));
    }
    let scope = cx.scope.with_tenant(tenant_id);
    let mut tx = cx.app.db.write().await?;
    store::delete_tenant(&mut tx, &scope).await?;
    let did_exist = store::delete_config(&mut tx, &scope).await?;
    tx.commit().await?;
    cx.app.tenants.clear();
    Ok(did_exist)
}

/// Removes an app and all that is kept there; whether it existed.
pub async fn remove_app(cx: &Cx, app_id: &str) -> Result<bool> {
    if app_id == PUBLIC {
        let text = "Cannot delete the public app, use remove connection uri domain API instead";
        return Err(Error::forbidden(text));
    }
    if !cx.scope.is_public_tenant() || !cx.scope.is_public_app() {
        return Err(Error::forbidden(
            "Only the public tenantId and public appId is allowed to delete an app",
        ));
    }
    let scope = Scope::new(&cx.scope.domain, app_id, PUBLIC);
    let mut tx = cx.app.db.write().await?;
    let did_exist = store::lock_config(&mut tx, &scope).await?;
    let others = store::list_configs(&mut tx, Which::App(&scope)).await?;
    if others.iter().any(|(other, _)| !other.is_public_tenant()) {
        let text =
            "Please delete all tenants except the public tenant for this app before calling the delete API";
        return Err(Error::forbidden(text));
    }
    store::delete_app(&mut tx, app_id).await?;
    store::delete_config(&mut tx, &scope).await?;
    tx.commit().await?;
    cx.app.tenants.clear();
    cx.app.keys.forget(app_id);
    Ok(did_exist)
}

/// Removes a connection URI domain; whether it existed. What is kept in its database stays there.
pub async fn remove_domain(cx: &Cx, domain: &str) -> Result<bool> {
    if domain.is_empty() {
        return Err(Error::forbidden("Cannot delete the default connection uri domain"));
    }
    if !cx.scope.is_base() {
        return Err(Error::forbidden(
            "Only the public tenantId, public appId and default connectionUriDomain is allowed to delete a connectionUriDomain",
        ));
    }
    let mut tx = cx.app.db.write().await?;
    let tenants = store::list_configs(&mut tx, Which::Domain(domain)).await?;
    if tenants.iter().any(|(scope, _)| !scope.is_public_app()) {
        return Err(Error::forbidden(
            "Please delete all apps except the public appID for this connectionUriDomain before calling the delete API.",
        ));
    }
    for (scope, _) in &tenants {
        store::delete_config(&mut tx, scope).await?;
    }
    tx.commit().await?;
    cx.app.tenants.clear();
    Ok(!tenants.is_empty())
}
