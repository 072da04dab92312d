//! What the recipe decides: an import is one unit of work, in which the queue's entry goes too.

use super::model::{State, Verdict};
use super::reading::Known;
use super::store::{self, Entry};
use crate::crypto::digest::Secret;
use crate::ground::audit::{self, By, Event, Kind, Origin};
use crate::ground::tenancy::service as tenancy;
use crate::ground::users::linking::{self, Locked};
use crate::ground::users::model::{Cursor, InfoKind, ThirdParty, User};
use crate::ground::users::service::{self as users, AccountInfo, NewUser, OwnRow};
use crate::recipes::{emailpassword, passwordless, thirdparty, totp, useridmapping, usermetadata, userroles};
use crate::{App, Cx, Error, PUBLIC, Result, Scope};
use futures_util::future::try_join_all;
use portcullis_db::{Db, Error as DbError, Tx};
use portcullis_wire::Cdi;
use portcullis_wire::bulkimport::{ImportMethod, ImportUser};
use std::sync::Arc;

/// Entries that are imported in one unit of work, so that they share the wait for the disk.
const BATCH: i64 = 20;
/// How long a worker that has claimed an entry is taken to be at it, in milliseconds: much longer than it takes to hash
/// a user's passwords.
const CLAIM_MS: i64 = 60_000;

/// What descriptions of users may refer to.
pub(super) async fn known(cx: &Cx) -> Result<Known> {
    let roles = userroles::list_roles(cx).await?;
    let tenants = tenancy::list_of_app(cx).await?;
    Ok(Known {
        roles: roles.into_iter().collect(),
        tenants: tenants.into_iter().map(|(scope, _)| scope.tenant_id).collect(),
        apart: tenancy::list_apart_with_pools(cx).await?,
        firebase_key: cx.config().firebase_signer_key.is_some(),
        now: cx.now,
    })
}

/// Adds users to the queue. An entry goes by the internal id of its user: the reference, which takes the id from the
/// user again, would else not find the entries to delete, and import them again and again.
pub(super) async fn add(cx: &Cx, users: &[ImportUser]) -> Result<()> {
    let mut tx = cx.app_db().write().await?;
    for user in users {
        let text = serde_json::to_string(user).map_err(Error::internal)?;
        let id = user.named_after().map(|method| method.user_id.as_str()).unwrap_or_default();
        store::insert(&mut tx, cx.app_id(), id, &text, cx.now).await?;
    }
    let event = Event::new(Kind::ImportQueued).detail("users", users.len());
    audit::commit(cx, tx, vec![event]).await
}

/// A page of the queue, and where the next one begins.
pub(super) async fn list(
    cx: &Cx,
    state: Option<State>,
    limit: i64,
    from: Option<&Cursor>,
) -> Result<(Vec<Entry>, Option<Cursor>)> {
    let mut tx = cx.app_db().read().await?;
    let mut entries = store::list(&mut tx, cx.app_id(), state, limit + 1, from).await?;
    let more = i64::try_from(entries.len()).is_ok_and(|count| count > limit);
    let next = if more { entries.pop() } else { None };
    Ok((entries, next.map(|entry| Cursor { user_id: entry.id, time_joined: entry.created_at })))
}

/// How many entries there are.
pub(super) async fn count(cx: &Cx, state: Option<State>) -> Result<i64> {
    store::count(&mut cx.app_db().read().await?, cx.app_id(), state).await
}

/// Takes entries out of the queue; those that were there.
pub(super) async fn remove(cx: &Cx, ids: &[String]) -> Result<Vec<String>> {
    let mut tx = cx.app_db().write().await?;
    let gone = store::delete(&mut tx, cx.app_id(), ids).await?;
    let event = Event::new(Kind::ImportDequeued).detail("entries", gone.as_slice());
    audit::commit(cx, tx, if gone.is_empty() { Vec::new() } else { vec![event] }).await?;
    Ok(gone)
}

/// Imports a user without the queue.
pub(super) async fn import_now(cx: &Cx, mut user: ImportUser) -> Result<std::result::Result<User, Verdict>> {
    hash_passwords(cx, &mut user).await?;
    let there = at_home(cx, &user).await?;
    let cx = there.as_ref().unwrap_or(cx);
    let mut tx = cx.db().write().await?;
    if let Err(verdict) = import(cx, &mut tx, &user).await? {
        return Ok(Err(verdict));
    }
    let id = user.named_after().map(|method| method.user_id.as_str()).unwrap_or_default();
    let found = users::find_certain(&mut tx, cx.app_id(), id).await?;
    audit::commit(cx, tx, imported(&user).into_iter().collect()).await?;
    Ok(Ok(found.user))
}

/// What is told of a user who was imported; of the entry of the queue that told of the user, nothing is left.
pub(super) fn imported(user: &ImportUser) -> Option<Event> {
    let id = user.named_after()?.user_id.as_str();
    let public_id = user.external_user_id.as_deref().unwrap_or(id);
    let recipes: Vec<&str> = user.login_methods.iter().map(|method| method.recipe_id.as_str()).collect();
    Some(Event::new(Kind::UserImported).of(public_id, public_id).detail("recipes", recipes))
}

pub(super) async fn hash_passwords(cx: &Cx, user: &mut ImportUser) -> Result<()> {
    for method in &mut user.login_methods {
        if let Some(password) = method.plain_text_password.take() {
            let hash = cx.app.passwords.hash(Secret::new(password), cx.config().hashing).await?;
            method.password_hash = Some(hash);
        }
    }
    Ok(())
}

/// The call, at work where the tenants of a user are, if that is elsewhere than what belongs to the app.
pub(super) async fn at_home(cx: &Cx, user: &ImportUser) -> Result<Option<Cx>> {
    let mut tenants = user.login_methods.iter().flat_map(|method| &method.tenant_ids);
    let Some(first) = tenants.next().filter(|id| *id != PUBLIC) else { return Ok(None) };
    if cx.others().await?.is_empty() {
        return Ok(None);
    }
    // One that was removed since the user was added to the queue is told later.
    let Some(tenant) = tenancy::find(&cx.app, &cx.scope.with_tenant(first)).await? else { return Ok(None) };
    Ok(tenant.is_apart().then(|| cx.at(&tenant.db)))
}

/// Whether anybody is to be imported elsewhere than where what belongs to the app is.
pub(super) async fn are_apart(cx: &Cx, users: impl Iterator<Item = &ImportUser>) -> Result<bool> {
    for user in users {
        if at_home(cx, user).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Imports a user, whose passwords are hashed. Of a user who cannot be imported the unit of work must not be
/// committed.
pub(super) async fn import(
    cx: &Cx,
    tx: &mut Tx,
    user: &ImportUser,
) -> Result<std::result::Result<(), Verdict>> {
    for method in &user.login_methods {
        if let Err(verdict) = import_method(cx, tx, method).await? {
            return Ok(Err(verdict));
        }
    }
    let Some(named_after) = user.named_after() else { return Ok(Ok(())) };
    if named_after.is_primary && !link(cx, tx, user, named_after).await? {
        return Ok(Err(Verdict::InfoTaken(named_after.user_id.clone())));
    }
    let app_id = cx.app_id();
    for id in user
        .login_methods
        .iter()
        .filter_map(|method| method.external_user_id.as_ref())
        .chain(&user.external_user_id)
    {
        if useridmapping::is_taken_elsewhere(cx, id).await.map_err(of_another_database)? {
            return Ok(Err(Verdict::ExternalIdTaken(id.clone())));
        }
    }
    if let Some(id) = user.external_user_id.as_ref().filter(|id| **id != named_after.user_id)
        && !useridmapping::insert_in(tx, app_id, &named_after.user_id, id).await?
    {
        return Ok(Err(Verdict::ExternalIdTaken(id.clone())));
    }
    let public_id = user.external_user_id.as_deref().unwrap_or(&named_after.user_id);
    for method in user.login_methods.iter().filter(|method| method.user_id != named_after.user_id) {
        if let Some(id) = &method.external_user_id
            && !useridmapping::insert_in(tx, app_id, &method.user_id, id).await?
        {
            return Ok(Err(Verdict::ExternalIdTaken(id.clone())));
        }
    }
    for method in user.login_methods.iter().filter(|method| method.is_verified) {
        let own_id = method.external_user_id.as_deref().unwrap_or(&method.user_id);
        let id = if method.user_id == named_after.user_id { public_id } else { own_id };
        if let Some(email) = &method.email {
            users::insert_verified_email(tx, app_id, id, email).await?;
        }
    }
    if let Some(metadata) = user.user_metadata.clone() {
        usermetadata::update_in(tx, app_id, public_id, metadata).await?;
    }
    // Everybody may have roles in the public tenant, whose database may be another one.
    let is_here = |tenant_id: &str| !cx.is_apart() || tenant_id != PUBLIC;
    for role in user.user_roles.iter().flatten() {
        for tenant_id in role.tenant_ids.iter().filter(|id| is_here(id)) {
            let scope = cx.scope.with_tenant(tenant_id);
            if userroles::add_user_role_in(cx, tx, &scope, public_id, &role.role).await?.is_none() {
                return Ok(Err(Verdict::UnknownRole));
            }
        }
    }
    for device in user.totp_devices.iter().flatten() {
        let new = totp::NewDevice {
            user_id: public_id.to_owned(),
            name: device.device_name.clone(),
            skew: device.skew,
            period: device.period,
        };
        if totp::add_device_in(cx, tx, new, device.secret_key.clone(), true).await?.is_none() {
            return Ok(Err(Verdict::DeviceExists(device.device_name.clone().unwrap_or_default())));
        }
    }
    // At the end, as nothing but the commit can undo them.
    for role in user.user_roles.iter().flatten() {
        if role.tenant_ids.iter().all(|id| is_here(id)) {
            continue;
        }
        if userroles::add_user_role(&cx.at(cx.app_db()), public_id, &role.role).await?.is_none() {
            return Ok(Err(Verdict::UnknownRole));
        }
    }
    Ok(Ok(()))
}

/// What another database cannot do is not the user's fault.
fn of_another_database(error: Error) -> Error {
    match error {
        Error::Db(error) => Error::Db(DbError::Unavailable(error.to_string())),
        error => error,
    }
}

async fn import_method(
    cx: &Cx,
    tx: &mut Tx,
    method: &ImportMethod,
) -> Result<std::result::Result<(), Verdict>> {
    for tenant_id in &method.tenant_ids {
        // A tenant that was removed since the user was added to the queue.
        if tenancy::find(&cx.app, &cx.scope.with_tenant(tenant_id)).await?.is_none() {
            return Ok(Err(Verdict::UnknownTenant(tenant_id.clone())));
        }
    }
    let email = method.email.as_deref().unwrap_or_default();
    let number = method.phone_number.as_deref();
    let third_party = ThirdParty {
        id: method.third_party_id.clone().unwrap_or_default(),
        user_id: method.third_party_user_id.clone().unwrap_or_default(),
    };
    let (whole, text) = ((third_party.id.as_str(), third_party.user_id.as_str()), third_party.to_text());
    let (identity, further, own): (_, _, OwnRow<'_>) = match method.recipe_id.as_str() {
        "emailpassword" => {
            let hash = method.password_hash.as_deref().unwrap_or_default();
            let row = emailpassword::row(email, hash, method.time_joined);
            (AccountInfo::unique(InfoKind::Email, email), None, row)
        }
        "thirdparty" => {
            let told = AccountInfo { kind: InfoKind::Email, value: email, third_party: whole };
            let row = thirdparty::row(&third_party, email, method.time_joined);
            (AccountInfo::unique(InfoKind::ThirdParty, &text), Some(told), row)
        }
        _ => {
            let row = passwordless::imported_row(method.email.as_deref(), number, method.time_joined);
            match (method.email.as_deref(), number) {
                (Some(email), number) => {
                    let number = number.map(|number| AccountInfo::unique(InfoKind::Phone, number));
                    (AccountInfo::unique(InfoKind::Email, email), number, row)
                }
                (None, number) => {
                    (AccountInfo::unique(InfoKind::Phone, number.unwrap_or_default()), None, row)
                }
            }
        }
    };
    let new = NewUser {
        user_id: &method.user_id,
        recipe_id: &method.recipe_id,
        identity,
        further,
        time_joined: method.time_joined,
    };
    let mut tenants = method.tenant_ids.iter().map(|id| cx.scope.with_tenant(id));
    let Some(first) = tenants.next() else { return Ok(Ok(())) };
    match users::insert_user(tx, &first, new, &[own]).await {
        Ok(true) => {}
        Ok(false) => return Ok(Err(taken(method, identity.kind))),
        // What identifies it is free, but not what is known besides.
        Err(Error::Db(DbError::Duplicate(_))) => {
            return Ok(Err(taken(method, further.map_or(identity.kind, |info| info.kind))));
        }
        Err(error) => return Err(error),
    }
    for scope in tenants {
        if let Some(kind) = linking::join_in(tx, &scope, &method.user_id, method_kinds(method)).await? {
            return Ok(Err(taken(method, kind)));
        }
    }
    Ok(Ok(()))
}

fn method_kinds(method: &ImportMethod) -> Vec<InfoKind> {
    let kinds = [
        (InfoKind::ThirdParty, method.third_party_id.is_some()),
        (InfoKind::Email, method.email.is_some()),
        (InfoKind::Phone, method.phone_number.is_some()),
    ];
    kinds.into_iter().filter(|(_, is_there)| *is_there).map(|(kind, _)| kind).collect()
}

fn taken(method: &ImportMethod, kind: InfoKind) -> Verdict {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    match (method.recipe_id.as_str(), kind) {
        ("emailpassword", _) => Verdict::EmailExists(text(&method.email)),
        ("thirdparty", _) => {
            Verdict::ThirdPartyUserExists(text(&method.third_party_id), text(&method.third_party_user_id))
        }
        (_, InfoKind::Phone) => Verdict::PhoneNumberExists(text(&method.phone_number)),
        _ => Verdict::CodeEmailExists(text(&method.email)),
    }
}

/// Makes the primary login method a primary user, and links the others to it; false if something that they have
/// is another primary user's.
async fn link(cx: &Cx, tx: &mut Tx, user: &ImportUser, primary: &ImportMethod) -> Result<bool> {
    let app_id = cx.app_id();
    let gone = || Error::internal("an imported login method is gone");
    let Some([Locked { user: made, .. }]) = linking::lock(tx, app_id, [&primary.user_id]).await? else {
        return Err(gone());
    };
    if linking::make_primary(tx, app_id, &made).await?.is_some() {
        return Ok(false);
    }
    for method in user.login_methods.iter().filter(|method| method.user_id != primary.user_id) {
        let locked = linking::lock(tx, app_id, [&method.user_id]).await?.ok_or_else(gone)?;
        let [locked] = locked;
        let own = locked.own().ok_or_else(gone)?;
        if linking::link(tx, app_id, own, &made).await?.is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Works the queues of all apps off, with several workers each.
pub(super) async fn work_off(app: &Arc<App>, domain: &str, db: &Db, now: i64) -> Result<()> {
    let apps = store::list_apps(&mut db.read().await?).await?;
    let mut outcome = Ok(());
    for app_id in apps {
        // One app that fails does not keep the others from their turn.
        outcome = outcome.and(work_off_app(app, Scope::new(domain, &app_id, PUBLIC), db, now).await);
    }
    outcome
}

async fn work_off_app(app: &Arc<App>, scope: Scope, db: &Db, now: i64) -> Result<()> {
    let Some(cx) = context(app, scope, By::Job, now).await? else { return Ok(()) };
    let mut tx = db.write_one().await?;
    store::reset(&mut tx, cx.app_id(), now - CLAIM_MS).await?;
    // no event: the entries wait as before
    tx.commit().await?;
    let workers = cx.config().bulk_migration_parallelism;
    try_join_all((0..workers).map(|_| work(&cx))).await.map(drop)
}

/// What is told to work that no call asks for; `None` if there is no such tenant.
pub(super) async fn context(app: &Arc<App>, scope: Scope, by: By, now: i64) -> Result<Option<Cx>> {
    let tenant = tenancy::find(app, &scope).await?;
    Ok(tenant.map(|tenant| Cx {
        app: Arc::clone(app),
        scope,
        tenant,
        home: None,
        is_operator: false,
        caller: None,
        origin: Origin { by, ..Origin::default() },
        counted: Arc::default(),
        cdi: Cdi::LATEST,
        now,
    }))
}

/// One worker: batch after batch, until there is nothing that nobody else is at.
async fn work(cx: &Cx) -> Result<()> {
    while !cx.app.tasks.stopping().is_cancelled() {
        // Where there are several databases each user is looked at apart: another one is not waited for in a unit of work.
        let is_spread = tenancy::has_apart(&cx.app, &cx.scope).await?;
        let mut tx = cx.db().write().await?;
        let entries = store::take(&mut tx, cx.app_id(), BATCH).await?;
        if entries.is_empty() {
            return Ok(());
        }
        let users: Vec<(String, Option<ImportUser>)> =
            entries.iter().map(|entry| (entry.id.clone(), serde_json::from_str(&entry.user).ok())).collect();
        let ready: Option<Vec<&ImportUser>> =
            users.iter().map(|(_, user)| user.as_ref().filter(|user| !needs_hash(user))).collect();
        if let Some(ready) = ready
            && !is_spread
            && import_all(cx, &mut tx, &ready).await?
        {
            let events = ready.into_iter().filter_map(imported).collect();
            let ids: Vec<String> = users.into_iter().map(|(id, _)| id).collect();
            store::delete(&mut tx, cx.app_id(), &ids).await?;
            audit::commit(cx, tx, events).await?;
            continue;
        }
        drop(tx);
        // One by one, so that one that cannot be imported keeps no other from it.
        for (id, user) in users {
            import_entry(cx, &id, user).await?;
        }
    }
    Ok(())
}

fn needs_hash(user: &ImportUser) -> bool {
    user.login_methods.iter().any(|method| method.plain_text_password.is_some())
}

/// Whether all can be imported together; what fails is looked at again by itself.
pub(super) async fn import_all(cx: &Cx, tx: &mut Tx, users: &[&ImportUser]) -> Result<bool> {
    for user in users {
        match import(cx, tx, user).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(Error::Db(DbError::Busy)) => return Ok(false),
            Err(Error::Db(error)) if is_its_own_fault(&error) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Imports one entry, if it is still there. A password takes longer to hash than a lock should be held, so the entry is
/// claimed for that time: other workers pass it over.
async fn import_entry(cx: &Cx, id: &str, user: Option<ImportUser>) -> Result<()> {
    let app_id = cx.app_id();
    let Some(mut user) = user else {
        return fail(cx, id, "the entry is not what the queue keeps").await;
    };
    if (needs_hash(&user) || tenancy::has_apart(&cx.app, &cx.scope).await?) && !claim(cx, id).await? {
        return Ok(());
    }
    let there = match at_home(cx, &user).await {
        Err(Error::Db(error)) => {
            note_wait(&error);
            return Ok(());
        }
        there => there?,
    };
    hash_passwords(cx, &mut user).await?;
    if let Some(there) = there {
        return match import_apart(cx, &there, (id, &user)).await {
            Err(Error::Db(error)) => {
                note_wait(&error);
                Ok(())
            }
            outcome => outcome,
        };
    }
    let mut tx = cx.db().write().await?;
    if store::take_one(&mut tx, app_id, id).await?.is_none() {
        return Ok(());
    }
    match import(cx, &mut tx, &user).await {
        Ok(Ok(())) => {
            store::delete(&mut tx, app_id, &[id.to_owned()]).await?;
            audit::commit(cx, tx, imported(&user).into_iter().collect()).await
        }
        Ok(Err(verdict)) => {
            drop(tx);
            fail(cx, id, &verdict.to_string()).await
        }
        // Two that got into each other's way: it stays in the queue, claimed or not.
        Err(Error::Db(DbError::Busy)) => Ok(()),
        // It would be refused the next time too, and keep all behind it from their turn. A database that cannot do
        // its work cannot note this either, and then it stays in the queue.
        Err(Error::Db(error)) if is_its_own_fault(&error) => {
            drop(tx);
            fail(cx, id, &Verdict::Impossible(error.to_string()).to_string()).await
        }
        Err(error) => Err(error),
    }
}

/// An entry whose database is away keeps no other from its turn: it is claimed, and has its own again when that ends.
fn note_wait(error: &DbError) {
    tracing::warn!(%error, "a user waits to be imported, as a tenant's database does not answer: {error}");
}

/// Imports an entry that was claimed into another database than the queue's. It leaves the queue once the user is there:
/// who is there was imported by a worker that did not get that far.
async fn import_apart(cx: &Cx, there: &Cx, (id, user): (&str, &ImportUser)) -> Result<()> {
    let app_id = cx.app_id();
    let own: Vec<&str> = user.named_after().map(|method| method.user_id.as_str()).into_iter().collect();
    let mut tx = there.db().write().await?;
    if users::list_known(&mut tx, app_id, &own).await?.is_empty() {
        match import(there, &mut tx, user).await {
            Ok(Ok(())) => audit::commit(there, tx, imported(user).into_iter().collect()).await?,
            Ok(Err(verdict)) => {
                drop(tx);
                return fail(cx, id, &verdict.to_string()).await;
            }
            Err(Error::Db(DbError::Busy)) => return Ok(()),
            Err(Error::Db(error)) if is_its_own_fault(&error) => {
                drop(tx);
                return fail(cx, id, &Verdict::Impossible(error.to_string()).to_string()).await;
            }
            Err(error) => return Err(error),
        }
    }
    let mut tx = cx.db().write_one().await?;
    store::delete(&mut tx, app_id, &[id.to_owned()]).await?;
    // no event: it is where the user is
    Ok(tx.commit().await?)
}

/// Claims an entry; whether nobody else has it.
async fn claim(cx: &Cx, id: &str) -> Result<bool> {
    let mut tx = cx.db().write_one().await?;
    // The job may have begun long ago.
    let is_claimed = store::claim(&mut tx, cx.app_id(), id, cx.app.clock.now()).await?;
    // no event: the entry waits as before
    tx.commit().await?;
    Ok(is_claimed)
}

/// Whether the database refused what it was given, rather than being unable to do its work.
pub(super) fn is_its_own_fault(error: &DbError) -> bool {
    matches!(error, DbError::Engine(_) | DbError::Duplicate(_) | DbError::MissingParent)
}

async fn fail(cx: &Cx, id: &str, reason: &str) -> Result<()> {
    let mut tx = cx.db().write().await?;
    if store::take_one(&mut tx, cx.app_id(), id).await?.is_none() {
        return Ok(());
    }
    store::fail(&mut tx, cx.app_id(), id, reason, cx.now).await?;
    // The reason may hold an address; its code tells enough.
    let code = reason.split_once(':').map_or("", |(code, _)| code);
    audit::commit(cx, tx, vec![Event::new(Kind::ImportFailed).about(id).detail("reason", code)]).await
}
