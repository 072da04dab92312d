//! Removing domains, apps and tenants: what is kept there first, then what is stored about them, so that a
//! call that broke off between the two can be made again.

use super::places::Places;
use super::service;
use super::store::{self, Which};
use crate::ground::audit::{self, Event, Kind};
use crate::{Cx, Error, PUBLIC, Result, Scope};
use portcullis_db::{Db, Tx};

/// Removes a tenant and all that is kept there; whether it existed.
pub(super) async fn remove_tenant(cx: &Cx, tenant_id: &str) -> Result<bool> {
    if tenant_id == PUBLIC {
        return Err(Error::forbidden("Cannot delete public tenant, use remove app API instead"));
    }
    if !cx.scope.is_public_tenant() {
        return Err(Error::forbidden("Only the public tenantId is allowed to delete a tenant"));
    }
    let scope = cx.scope.with_tenant(tenant_id);
    let db = database(cx, &scope).await?;
    delete(cx, &scope, &[db], &[&scope]).await
}

/// Removes an app and all that is kept there; whether it existed.
pub(super) async fn remove_app(cx: &Cx, app_id: &str) -> Result<bool> {
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
    check_no_tenant_is_left(&mut cx.app.db.read().await?, &scope).await?;
    let db = database(cx, &scope).await?;
    let did_exist = delete(cx, &scope, &[db], &[&scope]).await?;
    cx.app.keys.forget(&scope.domain, app_id);
    Ok(did_exist)
}

/// 403 while an app has other tenants than its public one.
async fn check_no_tenant_is_left(tx: &mut Tx, app: &Scope) -> Result<()> {
    let all = store::list_configs(tx, Which::App(app)).await?;
    if all.iter().all(|(scope, _)| scope.is_public_tenant()) {
        return Ok(());
    }
    Err(Error::forbidden(
        "Please delete all tenants except the public tenant for this app before calling the delete API",
    ))
}

/// Removes a connection URI domain and all that its public app keeps; whether it existed.
pub(super) async fn remove_domain(cx: &Cx, domain: &str) -> Result<bool> {
    if domain.is_empty() {
        return Err(Error::forbidden("Cannot delete the default connection uri domain"));
    }
    if !cx.scope.is_base() {
        return Err(Error::forbidden(
            "Only the public tenantId, public appId and default connectionUriDomain is allowed to delete a connectionUriDomain",
        ));
    }
    let tenants = service::list(cx, Which::Domain(domain)).await?;
    if tenants.iter().any(|(scope, _)| !scope.is_public_app()) {
        return Err(Error::forbidden(
            "Please delete all apps except the public appID for this connectionUriDomain before calling the delete API.",
        ));
    }
    let mut dbs: Vec<Db> = Vec::new();
    for db in databases(cx, tenants.iter().map(|(scope, _)| scope)).await? {
        if dbs.iter().all(|other| other.place() != db.place()) {
            dbs.push(db);
        }
    }
    let scopes: Vec<&Scope> = tenants.iter().map(|(scope, _)| scope).collect();
    let did_exist = delete(cx, &Scope::new(domain, PUBLIC, PUBLIC), &dbs, &scopes).await?;
    cx.app.keys.forget_domain(domain);
    cx.app.databases.close(domain).await;
    Ok(did_exist)
}

/// The database of a tenant that is to go: where its settings say, or else where its domain's other tenants live.
async fn database(cx: &Cx, scope: &Scope) -> Result<Db> {
    let places = Places::read(&cx.app, &mut cx.app.db.read().await?).await?;
    match places.named(scope) {
        Ok(named) => service::database(&cx.app, &scope.domain, named.as_ref()).await,
        Err(_) => Ok(cx.app_db().clone()),
    }
}

/// The databases of a domain's tenants, who are to go, if they have any.
async fn databases(cx: &Cx, scopes: impl Iterator<Item = &Scope>) -> Result<Vec<Db>> {
    let places = Places::read(&cx.app, &mut cx.app.db.read().await?).await?;
    let mut dbs = Vec::new();
    for scope in scopes {
        let fault = |error| Error::internal(format!("configuration of {}: {error}", scope.domain));
        let named = places.named(scope).map_err(fault)?;
        // The default domain's data must stay, whatever the stored settings have come to mean.
        if let Some(named) = named.filter(|named| !cx.app.databases.is_base(&named.place)) {
            dbs.push(service::database(&cx.app, &scope.domain, Some(&named)).await?);
        }
    }
    Ok(dbs)
}

/// Deletes what is kept in a tenant's database, or in the whole app's, then what is stored about tenants;
/// in one unit of work where both are in one database. Answers whether anything was stored.
async fn delete(cx: &Cx, gone: &Scope, dbs: &[Db], stored: &[&Scope]) -> Result<bool> {
    let is_base = |db: &&Db| db.number() == cx.app.db.number();
    for db in dbs.iter().filter(|db| !is_base(db)) {
        let mut tx = db.write().await?;
        delete_kept(&mut tx, gone).await?;
        // no event: it is where the tenant is described
        tx.commit().await?;
    }
    let mut tx = cx.app.db.write().await?;
    if dbs.iter().any(|db| is_base(&db)) {
        delete_kept(&mut tx, gone).await?;
        if gone.is_public_tenant() {
            // The app's row is locked now: a tenant that was made meanwhile is seen, and no other can come.
            check_no_tenant_is_left(&mut tx, gone).await?;
        }
    }
    let mut events = Vec::new();
    for scope in stored {
        if store::delete_config(&mut tx, scope).await? {
            let event = Event::new(Kind::TenantDeleted).in_tenant(scope.tenant_id.as_str());
            events.push(service::of_domain(event.about(scope.tenant_id.as_str()), scope));
        }
    }
    let did_exist = !events.is_empty();
    audit::commit(&service::concerning(cx, gone), tx, events).await?;
    cx.app.tenants.clear();
    cx.app.counts.forget(gone);
    if gone.is_public_tenant() {
        cx.app.stats.forget(gone);
    }
    Ok(did_exist)
}

async fn delete_kept(tx: &mut Tx, gone: &Scope) -> Result<()> {
    if gone.is_public_tenant() {
        store::delete_app(tx, &gone.app_id).await
    } else {
        store::delete_tenant(tx, gone).await
    }
}
