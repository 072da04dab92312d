//! Finding tenants, their effective configuration and their database, making and changing them.

use super::databases::Named;
use super::directory::Domains;
use super::places::{self, Places};
use super::store::{self, Which};
use super::{Tenant, TenantConfig};
use crate::config::{self, ConfigError, CoreConfig, Holder, Protected};
use crate::ground::audit::{self, Event, Kind};
use crate::reading::Due;
use crate::{App, Cx, Error, PUBLIC, Result, Scope, Unknown};
use portcullis_db::{Db, Tx};
use portcullis_wire::Object;
use std::collections::HashMap;
use std::sync::Arc;

/// Makes sure that the default app and tenant exist.
pub async fn create_base(app: &App) -> Result<()> {
    let (base, now) = (Scope::base(), app.clock.now());
    let mut tx = app.db.write().await?;
    store::insert_app(&mut tx, &base.app_id, now).await?;
    store::insert_tenant(&mut tx, &base, now).await?;
    store::insert_config(&mut tx, &base).await?;
    // no event: they are there from the start
    tx.commit().await?;
    Ok(())
}

/// The tenant, or `None` if there is no such tenant.
pub async fn find(app: &Arc<App>, scope: &Scope) -> Result<Option<Arc<Tenant>>> {
    match app.tenants.tenant(scope, app.clock.now()) {
        Some((tenant, None)) => Ok(Some(tenant)),
        // In boxes: this happens twice a minute.
        Some((_, Some(due))) => Box::pin(find_renewed(app, scope, due)).await,
        None => Box::pin(read(app, scope)).await,
    }
}

/// A tenant whose settings are being read again.
async fn find_renewed(app: &Arc<App>, scope: &Scope, due: Due) -> Result<Option<Arc<Tenant>>> {
    let again = || {
        let (app, scope) = (Arc::clone(app), scope.clone());
        async move { read(&app, &scope).await.map(drop).map_err(|error| error.of(scope.in_log())) }
    };
    due.renew(&app.tasks, again).await;
    match app.tenants.tenant(scope, app.clock.now()) {
        Some((tenant, _)) => Ok(Some(tenant)),
        None => read(app, scope).await,
    }
}

async fn read(app: &App, scope: &Scope) -> Result<Option<Arc<Tenant>>> {
    let (edition, now) = (app.tenants.edition(), app.clock.now());
    let mut tx = app.db.read().await?;
    let Some(stored) = store::find_config(&mut tx, scope).await? else {
        app.tenants.forget(scope);
        return Ok(None);
    };
    let inherited = inherited_values(app, &mut tx, scope).await?;
    drop(tx);
    let values = config::merge(&inherited, &stored.core_config);
    let fault = |error| Error::internal(format!("configuration of tenant {scope}: {error}"));
    let config = CoreConfig::from_values(&values, app.test_mode).map_err(fault)?;
    let named = places::named(app, &scope.domain, &values).map_err(fault)?;
    let db = database(app, &scope.domain, named.as_ref()).await?;
    let app_db = if scope.is_public_tenant() || !places::decides(&stored.core_config) {
        db.clone()
    } else {
        let named = places::named(app, &scope.domain, &inherited).map_err(fault)?;
        database(app, &scope.domain, named.as_ref()).await?
    };
    let scope = scope.clone();
    let tenant = Arc::new(Tenant { scope, stored, values, config: Arc::new(config), db, app_db });
    app.tenants.remember(Arc::clone(&tenant), edition, now);
    Ok(Some(tenant))
}

/// The tenant; 400 if there is no such tenant, or no such app.
pub async fn require(app: &Arc<App>, scope: &Scope) -> Result<Arc<Tenant>> {
    if let Some(tenant) = find(app, scope).await? {
        return Ok(tenant);
    }
    Err(Error::UnknownTenant(scope.clone(), Unknown::Tenant))
}

/// The connection URI domain that a call's host names; empty, the default one, for any other host. 400 for one
/// that this core does not serve. Where there is none but the default one, the host is not asked for.
pub async fn domain_of_host(app: &Arc<App>, now: i64, host: impl FnOnce() -> String) -> Result<String> {
    if app.tenants.has_no_domain(now) {
        return Ok(String::new());
    }
    let host = host();
    let is_domain = match app.tenants.is_domain(&host, now) {
        Some((is_domain, None)) => is_domain,
        seen => Box::pin(look_up(app, &host, seen.and_then(|(_, due)| due))).await?,
    };
    let domain = if is_domain { host } else { String::new() };
    if serves(app, &domain) {
        Ok(domain)
    } else {
        Err(Error::bad_input("Connection URI domain is disallowed"))
    }
}

/// Whether this core has anything to do with a domain: the operator may have given it one alone.
fn serves(app: &App, domain: &str) -> bool {
    domain.is_empty() || app.base_config.only_domain.as_ref().is_none_or(|only| only == domain)
}

/// As [`super::Directory::is_domain`], of domains that are being read again, or must be read first.
async fn look_up(app: &Arc<App>, host: &str, due: Option<Due>) -> Result<bool> {
    if let Some(due) = due {
        let again = || {
            let (app, host) = (Arc::clone(app), host.to_owned());
            async move { read_domains(&app, &host).await.map(drop) }
        };
        due.renew(&app.tasks, again).await;
        if let Some((is_domain, _)) = app.tenants.is_domain(host, app.clock.now()) {
            return Ok(is_domain);
        }
    }
    read_domains(app, host).await
}

/// Reads the domains; tells whether the host is one of them.
async fn read_domains(app: &App, host: &str) -> Result<bool> {
    read_places(app, |domains| domains.names.contains(host)).await
}

/// Reads who has a database of his own, and lets all others go.
async fn read_places<T>(app: &App, told: impl Fn(&Domains) -> T) -> Result<T> {
    let (edition, now) = (app.tenants.edition(), app.clock.now());
    let places = Places::read(app, &mut app.db.read().await?).await?;
    let domains = Domains { names: places.domains(), apart: places.apart() };
    let told = told(&domains);
    app.databases.keep(&places.all());
    app.tenants.remember_domains(domains, edition, now);
    Ok(told)
}

/// Whether an app has several databases.
pub async fn has_apart(app: &App, scope: &Scope) -> Result<bool> {
    Ok(!apart(app, scope).await?.is_empty())
}

async fn apart(app: &App, scope: &Scope) -> Result<Vec<String>> {
    match app.tenants.apart(scope) {
        Some(ids) => Ok(ids),
        None => Box::pin(read_places(app, |domains| domains.apart(scope))).await,
    }
}

/// For each database that an app has beside that of its public tenant, a tenant that lives there. Nearly always there
/// is none, and that is found without asking anybody.
pub async fn list_apart(app: &Arc<App>, scope: &Scope) -> Result<Vec<Arc<Tenant>>> {
    let (tenants, failure) = list_reachable(app, scope).await?;
    failure.map_or(Ok(tenants), Err)
}

/// As [`list_apart`], without those whose databases cannot be opened, and why the first of them cannot.
pub async fn list_reachable(app: &Arc<App>, scope: &Scope) -> Result<(Vec<Arc<Tenant>>, Option<Error>)> {
    let ids = apart(app, scope).await?;
    let mut tenants: Vec<Arc<Tenant>> = Vec::new();
    let mut failure = None;
    for id in ids {
        let tenant = match Box::pin(find(app, &scope.with_tenant(&id))).await {
            Ok(Some(tenant)) => tenant,
            // One that was removed since has gone with all that it kept.
            Ok(None) => continue,
            Err(error) => {
                failure.get_or_insert(error);
                continue;
            }
        };
        if tenant.is_apart() && tenants.iter().all(|other| other.db.place() != tenant.db.place()) {
            tenants.push(tenant);
        }
    }
    Ok((tenants, failure))
}

/// The apps whose public tenants' settings a tenant inherits, farthest first.
fn ancestors(scope: &Scope) -> Vec<&str> {
    let mut all = vec![PUBLIC, &scope.app_id];
    all.dedup();
    all.retain(|app_id| !scope.is_public_tenant() || *app_id != scope.app_id);
    all
}

/// The tenants of the call's app who live elsewhere than its public tenant, each with a name of its database.
pub async fn list_apart_with_pools(cx: &Cx) -> Result<HashMap<String, String>> {
    if !has_apart(&cx.app, &cx.scope).await? {
        return Ok(HashMap::new());
    }
    let places = Places::read(&cx.app, &mut cx.app.db.read().await?).await?;
    let of_app = places.place(&cx.scope.public_tenant());
    let listed = list_of_app(cx).await?.into_iter();
    let apart = listed.filter_map(|(scope, _)| {
        let place = places.place(&scope);
        let pool = place.as_ref().map(ToString::to_string).unwrap_or_default();
        (place != of_app).then_some((scope.tenant_id, pool))
    });
    Ok(apart.collect())
}

/// The databases of the app's tenants who live elsewhere than its domain's public tenant, by these tenants, as the
/// reference calls user pools.
pub async fn list_pools(cx: &Cx) -> Result<HashMap<String, String>> {
    let domain = Scope::new(&cx.scope.domain, PUBLIC, PUBLIC);
    let is_base = cx.scope.domain.is_empty() && cx.app_db().number() == cx.app.db.number();
    if (is_base || cx.scope.is_public_app()) && !has_apart(&cx.app, &cx.scope).await? {
        return Ok(HashMap::new());
    }
    let places = Places::read(&cx.app, &mut cx.app.db.read().await?).await?;
    let of_domain = places.place(&domain);
    let listed = list_of_app(cx).await?.into_iter();
    let pools = listed.filter_map(|(scope, _)| {
        let place = places.place(&scope).filter(|place| Some(place) != of_domain.as_ref())?;
        Some((scope.tenant_id, place.to_string()))
    });
    Ok(pools.collect())
}

/// The settings that lie below a tenant's own.
async fn inherited_values(app: &App, tx: &mut Tx, scope: &Scope) -> Result<Object> {
    let mut inherited = app.base_values.clone();
    let ancestors = ancestors(scope);
    if ancestors.is_empty() {
        return Ok(inherited);
    }
    let settings = store::list_app_settings(tx, &scope.domain, &ancestors).await?;
    for above in ancestors.into_iter().filter_map(|ancestor| settings.get(ancestor)) {
        inherited = config::merge(&inherited, above);
    }
    Ok(inherited)
}

/// A database of a domain, open; that of the default domain, if none is named.
pub(super) async fn database(app: &App, domain: &str, named: Option<&Named>) -> Result<Db> {
    match named {
        Some(named) => app.databases.open(domain, named, app.clock.now()).await,
        None if domain.is_empty() => Ok(app.db.clone()),
        None => Err(Error::internal(format!("the connection URI domain {domain} names no database"))),
    }
}

/// Makes or changes a tenant: `new` is what it begins as, `change` what the call says of it. Answers
/// whether it is new.
pub async fn put(
    cx: &Cx,
    target: &Scope,
    new: TenantConfig,
    change: impl Fn(&mut TenantConfig) -> Result<()>,
) -> Result<bool> {
    if !serves(&cx.app, &target.domain) {
        return Err(Error::bad_input("Creation of connection uri domain or app or tenant is disallowed"));
    }
    let changed = |before: Option<TenantConfig>| {
        let mut tenant = before.unwrap_or_else(|| new.clone());
        change(&mut tenant)?;
        Ok(tenant)
    };
    let mut open = None;
    loop {
        match put_once(cx, target, &changed, open.as_ref()).await {
            Ok(Put::Done { created }) => return Ok(created),
            // A database that does not answer leaves nothing behind, and keeps no other call from writing.
            Ok(Put::Needs(named)) => {
                cx.app.databases.claim(&target.domain, &named, cx.now).await?;
                open = Some(named);
            }
            Err(error) => {
                if open.is_some() {
                    // Somebody else may have been given it meanwhile.
                    read_places(&cx.app, |_| ()).await?;
                }
                return Err(error);
            }
        }
    }
}

enum Put {
    Done {
        created: bool,
    },
    /// Nothing was done: a database is to be opened first.
    Needs(Named),
}

async fn put_once(
    cx: &Cx,
    target: &Scope,
    changed: impl Fn(Option<TenantConfig>) -> Result<TenantConfig>,
    open: Option<&Named>,
) -> Result<Put> {
    let mut tx = cx.app.db.write().await?;
    let created = store::insert_config(&mut tx, target).await?;
    // Two calls may change one tenant at once: each sees what the other did.
    store::lock_config(&mut tx, target).await?;
    let before = if created { None } else { store::find_config(&mut tx, target).await? };
    let settled = settle(cx, &mut tx, target, before.clone(), changed).await?;
    if let Some(named) = settled.named.as_ref().filter(|named| Some(*named) != open) {
        return Ok(Put::Needs(named.clone()));
    }
    let event = written(target, before.as_ref(), &settled.tenant);
    store::update_config(&mut tx, target, &settled.tenant).await?;
    if settled.named.is_none() {
        if target.is_public_tenant() {
            store::insert_app(&mut tx, &target.app_id, cx.now).await?;
        }
        // Of an app that was removed meanwhile, no tenant may bring back a part.
        store::insert_tenant(&mut tx, target, cx.now).await?;
    }
    audit::commit(&concerning(cx, target), tx, event.into_iter().collect()).await?;
    cx.app.tenants.clear();
    if settled.named.is_some() || settled.moved {
        fill_in(cx, target).await?;
    }
    Ok(Put::Done { created })
}

/// The call, as one that addresses another domain, app or tenant: for events about that.
pub(super) fn concerning(cx: &Cx, target: &Scope) -> Cx {
    Cx { scope: target.clone(), ..cx.clone() }
}

/// What is told of a tenant that was made or changed, if it was: the names of its settings, but no value, which may be
/// a secret.
fn written(target: &Scope, before: Option<&TenantConfig>, after: &TenantConfig) -> Option<Event> {
    let kind = if before.is_some() { Kind::TenantUpdated } else { Kind::TenantCreated };
    let new = TenantConfig::default();
    let old = before.unwrap_or(&new);
    let names = old.core_config.keys().chain(after.core_config.keys());
    let mut changed: Vec<&str> = names
        .filter(|name| old.core_config.get(*name) != after.core_config.get(*name))
        .map(String::as_str)
        .collect();
    let others = [
        ("emailPasswordEnabled", old.email_password_enabled != after.email_password_enabled),
        ("thirdPartyEnabled", old.third_party_enabled != after.third_party_enabled),
        ("passwordlessEnabled", old.passwordless_enabled != after.passwordless_enabled),
        ("firstFactors", old.first_factors != after.first_factors),
        ("requiredSecondaryFactors", old.required_secondary_factors != after.required_secondary_factors),
    ];
    changed.extend(others.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name));
    changed.sort_unstable();
    changed.dedup();
    if before.is_some() && changed.is_empty() {
        return None;
    }
    let event = Event::new(kind).about(target.tenant_id.as_str());
    Some(of_domain(event, target).detail("changed", changed))
}

/// The columns have no room for a domain.
pub(super) fn of_domain(event: Event, scope: &Scope) -> Event {
    if scope.domain.is_empty() { event } else { event.detail("connectionUriDomain", scope.domain.as_str()) }
}

/// Puts a tenant into the database in which it lives. A domain or an app that has another database takes its tenants
/// along, without what they keep; those with databases of their own stay there.
async fn fill_in(cx: &Cx, target: &Scope) -> Result<()> {
    let listed = if is_domain(target) {
        cx.app.keys.forget_domain(&target.domain);
        list(cx, Which::Domain(&target.domain)).await?
    } else if target.is_public_tenant() {
        cx.app.keys.forget(&target.domain, &target.app_id);
        list(cx, Which::App(target)).await?
    } else {
        Vec::new()
    };
    let places = Places::read(&cx.app, &mut cx.app.db.read().await?).await?;
    cx.app.databases.keep(&places.all());
    insert_rows(cx, &places, target).await?;
    for (scope, _) in listed.iter().filter(|(scope, _)| scope != target) {
        if let Err(error) = insert_rows(cx, &places, scope).await {
            // It may have been in the way before, and is told to whoever calls this tenant.
            tracing::warn!(tenant = %scope.in_log(), %error, "a tenant's database could not be prepared");
        }
    }
    Ok(())
}

async fn insert_rows(cx: &Cx, places: &Places<'_>, scope: &Scope) -> Result<()> {
    let named = places.named(scope).map_err(fault)?;
    let mut tx = database(&cx.app, &scope.domain, named.as_ref()).await?.write().await?;
    store::insert_app(&mut tx, &scope.app_id, cx.now).await?;
    store::insert_tenant(&mut tx, scope, cx.now).await?;
    // no event: it is where the tenant is described
    Ok(tx.commit().await?)
}

/// Whether this is the tenant that stands for a domain other than the default one.
fn is_domain(scope: &Scope) -> bool {
    !scope.domain.is_empty() && scope.is_public_app() && scope.is_public_tenant()
}

/// What a tenant is to be, checked, and where it then lives.
struct Settled {
    tenant: TenantConfig,
    /// `None` for the default domain's database.
    named: Option<Named>,
    /// Whether it lived elsewhere before.
    moved: bool,
}

async fn settle(
    cx: &Cx,
    tx: &mut Tx,
    target: &Scope,
    before: Option<TenantConfig>,
    changed: impl Fn(Option<TenantConfig>) -> Result<TenantConfig>,
) -> Result<Settled> {
    let old_config = before.as_ref().map(|tenant| tenant.core_config.clone());
    let tenant = changed(before)?;
    check_source(&cx.scope, target)?;
    let (named, moved) = check_config(cx, tx, target, &tenant, old_config.as_ref()).await?;
    Ok(Settled { tenant, named, moved })
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

/// Checks the settings that a tenant is to have; answers the database in which it then lives, and whether that is
/// another one than before.
async fn check_config(
    cx: &Cx,
    tx: &mut Tx,
    target: &Scope,
    tenant: &TenantConfig,
    old_config: Option<&Object>,
) -> Result<(Option<Named>, bool)> {
    let none = Object::new();
    let was_there = old_config.is_some();
    let old_config = old_config.unwrap_or(&none);
    if target.is_base() && !tenant.core_config.is_empty() {
        return Err(Error::bad_input("Cannot modify base config"));
    }
    if let Some(name) = tenant.core_config.keys().find(|name| config::find_key(name).is_none()) {
        return Err(fault(ConfigError(format!("Invalid config key: {name}"))));
    }
    if !cx.is_operator {
        check_protected(&tenant.core_config, old_config)?;
    }
    let inherited = inherited_values(&cx.app, tx, target).await?;
    let values = config::merge(&inherited, &tenant.core_config);
    CoreConfig::from_values(&values, cx.app.test_mode).map_err(fault)?;
    config::check_tenant_values(&tenant.core_config, holder(target), &inherited).map_err(fault)?;
    if target.is_public_tenant() {
        check_below(tx, target, &values).await?;
    }
    let named = |values| places::named(&cx.app, &target.domain, values);
    let own = named(&values).map_err(fault)?;
    if is_domain(target) || places::decides(&tenant.core_config) || places::decides(old_config) {
        check_place(cx, tx, target, &tenant.core_config).await?;
    }
    let place = |named: Option<&Named>| named.map(|named| named.place.clone());
    // What could not be used was nowhere.
    let old = named(&config::merge(&inherited, old_config)).ok().flatten();
    let moved = was_there && place(old.as_ref()) != place(own.as_ref());
    Ok((own, moved))
}

fn fault(error: ConfigError) -> Error {
    let ConfigError(text) = error;
    Error::BadInput(format!("Invalid core config: {text}"))
}

fn holder(scope: &Scope) -> Holder {
    match scope {
        scope if is_domain(scope) => Holder::Domain,
        scope if scope.is_public_tenant() => Holder::App,
        _ => Holder::Tenant,
    }
}

/// A tenant that was given the app's value, or its domain's, must not be left behind with it.
async fn check_below(tx: &mut Tx, target: &Scope, values: &Object) -> Result<()> {
    let which = if is_domain(target) { Which::Domain(&target.domain) } else { Which::App(target) };
    let listed = store::list_configs(tx, which).await?;
    let of_apps: HashMap<&str, Object> = listed
        .iter()
        .filter(|(scope, _)| scope.is_public_tenant() && scope != target)
        .map(|(scope, app)| (scope.app_id.as_str(), config::merge(values, &app.core_config)))
        .collect();
    for (scope, below) in listed.iter().filter(|(scope, _)| scope != target) {
        let of_app = of_apps.get(scope.app_id.as_str()).filter(|_| !scope.is_public_tenant());
        let inherited = of_app.unwrap_or(values);
        config::check_tenant_values(&below.core_config, holder(scope), inherited).map_err(fault)?;
    }
    Ok(())
}

/// No two domains may share a database.
async fn check_place(cx: &Cx, tx: &mut Tx, target: &Scope, own: &Object) -> Result<()> {
    // Two domains may be given one database at once.
    store::lock_config(tx, &Scope::base()).await?;
    let shared = Places::read(&cx.app, tx).await?.find_shared(target, own);
    let Some(other) = shared else { return Ok(()) };
    let domain = &target.domain;
    let text = format!("ConnectionUriDomain: {other} cannot be mapped to the same user pool as {domain}");
    Err(fault(ConfigError(text)))
}

/// 403 if somebody else than the operator changes what only the operator may, or takes it away.
fn check_protected(new: &Object, old: &Object) -> Result<()> {
    let changed = new.keys().chain(old.keys()).filter(|name| old.get(*name) != new.get(*name));
    let refusals: Vec<Protected> = changed.filter_map(|name| config::protected(name)).collect();
    // Where the data lie counts for more, whatever comes first.
    let refusal = refusals.iter().find(|why| **why == Protected::Database).or(refusals.first());
    refusal.map_or(Ok(()), |why| Err(Error::forbidden(why.to_string())))
}

/// As [`list`], for a caller: those above may look at what is below them.
pub(super) async fn list_for_caller(cx: &Cx, which: Which<'_>) -> Result<Vec<(Scope, TenantConfig)>> {
    let source = &cx.scope;
    let (allowed, text) = match which {
        Which::Tenant(_) => (true, ""),
        Which::App(_) => (
            source.is_public_tenant(),
            "Only the public tenantId is allowed to list all tenants associated with this app",
        ),
        Which::Domain(_) => (
            source.is_public_tenant() && source.is_public_app(),
            "Only the public tenantId and public appId is allowed to list all apps associated with this connection uri domain",
        ),
        Which::All => (
            source.is_base(),
            "Only the public tenantId, public appId and default connectionUriDomain is allowed to list all connectionUriDomains and appIds associated with this core",
        ),
    };
    if !allowed {
        return Err(Error::forbidden(text));
    }
    let mut listed = list(cx, which).await?;
    listed.retain(|(scope, _)| serves(&cx.app, &scope.domain));
    Ok(listed)
}

/// Every connection URI domain that this core serves, the default one first.
pub async fn list_domains(cx: &Cx) -> Result<Vec<String>> {
    let mut domains = store::list_domains(&mut cx.app.db.read().await?).await?;
    domains.push(String::new());
    domains.retain(|domain| serves(&cx.app, domain));
    domains.sort_unstable();
    Ok(domains)
}

/// What is stored about the tenants of the call's app.
pub async fn list_of_app(cx: &Cx) -> Result<Vec<(Scope, TenantConfig)>> {
    list(cx, Which::App(&cx.scope)).await
}

/// What is stored about the tenants of an app, of a domain, or of all.
pub async fn list(cx: &Cx, which: Which<'_>) -> Result<Vec<(Scope, TenantConfig)>> {
    store::list_configs(&mut cx.app.db.read().await?, which).await
}
