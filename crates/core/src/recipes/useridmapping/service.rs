//! What the recipe decides. The user's row is locked first, so that a mapping of a user who is deleted meanwhile
//! is never made, and one that is made goes with the user.

use super::model::{IdKind, Mapping};
use super::store;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::users::linking;
use crate::ground::users::service as users;
use crate::{Cx, Error, InUse, Result};
use portcullis_db::{Db, Tx};

/// The outcome of making a mapping.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Creation {
    Created,
    UnknownUser,
    /// The user has one (`internal`), or somebody is known by the external id.
    Exists {
        internal: bool,
        external: bool,
    },
}

/// Makes a user known by an external id. Unless it is forced, the id may not be a user's internal one, and no
/// recipe may keep anything about the user; if `follows`, but for what it can take along.
pub(super) async fn create(cx: &Cx, new: &Mapping, force: bool, follows: bool) -> Result<Creation> {
    let app_id = cx.app_id();
    let is_internal_elsewhere = !force && is_internal_elsewhere(cx, &new.external_id).await?;
    let mut tx = cx.db().write().await?;
    if let Some(taken) = store::find_by_external(&mut tx, app_id, &new.external_id).await? {
        return Ok(Creation::Exists { internal: taken.user_id == new.user_id, external: true });
    }
    if !lock(&mut tx, app_id, &new.user_id).await? {
        return Ok(Creation::UnknownUser);
    }
    if !force {
        if is_internal_elsewhere || is_internal(&mut tx, app_id, &new.external_id).await? {
            let text = "Cannot create a userId mapping where the externalId is also a SuperTokens userID";
            return Err(Error::bad_input(text));
        }
        let in_use = list_in_use(cx, &mut tx, &new.user_id).await?;
        if !follows || in_use.iter().any(|recipe| recipe.rename.is_none()) {
            refuse(&in_use)?;
        }
        for rename in in_use.iter().filter_map(|recipe| recipe.rename) {
            rename(&mut tx, app_id, &new.user_id, &new.external_id).await?;
        }
    }
    let event = about(&mut tx, app_id, Kind::UserIdMappingCreated, new).await?;
    if store::insert(&mut tx, app_id, new).await? {
        audit::commit(cx, tx, vec![event]).await?;
        return Ok(Creation::Created);
    }
    // By another call since, or the user's own.
    let taken = store::find_by_external(&mut tx, app_id, &new.external_id).await?;
    Ok(taken.map_or(Creation::Exists { internal: true, external: false }, |taken| Creation::Exists {
        internal: taken.user_id == new.user_id,
        external: true,
    }))
}

/// Both ids are told: under which one other events of the user are found depends on when they were written.
async fn about(tx: &mut Tx, app_id: &str, kind: Kind, mapping: &Mapping) -> Result<Event> {
    let (own_id, user_id) = users::public_ids(tx, app_id, &mapping.user_id).await?;
    // A user who is named after the login method is known by the same id.
    let user_id = if own_id == user_id { mapping.external_id.clone() } else { user_id };
    let event = Event::new(kind).of(&mapping.external_id, user_id);
    Ok(event.detail("internalId", mapping.user_id.as_str()))
}

/// Locks a user by internal id; false if there is none.
async fn lock(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<bool> {
    let locked = linking::lock(tx, app_id, [user_id]).await?;
    Ok(locked.is_some_and(|[locked]| locked.user_id == user_id))
}

async fn is_internal(tx: &mut Tx, app_id: &str, id: &str) -> Result<bool> {
    Ok(users::find_row(tx, app_id, id).await?.is_some_and(|row| row.user_id == id))
}

/// As [`is_internal`], in the app's other databases: else whoever is mapped would pass for the user there.
async fn is_internal_elsewhere(cx: &Cx, id: &str) -> Result<bool> {
    for db in elsewhere(cx).await? {
        if is_internal(&mut db.look_up().await?, cx.app_id(), id).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The app's databases but that in which the call is at work.
async fn elsewhere(cx: &Cx) -> Result<Vec<Db>> {
    let mut others = cx.others().await?;
    if !others.is_empty() {
        others.push(cx.app_db().clone());
        others.retain(|db| db.place() != cx.db().place());
    }
    Ok(others)
}

/// The recipes that keep something under an id.
async fn list_in_use(cx: &Cx, tx: &mut Tx, id: &str) -> Result<Vec<InUse>> {
    let mut in_use = Vec::new();
    for recipe in cx.app.recipes.iter().filter_map(|recipe| recipe.user_data?.in_use) {
        if (recipe.has)(tx, cx.app_id(), id, cx.now).await? {
            in_use.push(recipe);
        }
    }
    Ok(in_use)
}

/// 400 if a recipe keeps something.
fn refuse(in_use: &[InUse]) -> Result<()> {
    let text = |recipe: &InUse| format!("UserId is already in use in {} recipe", recipe.name);
    in_use.first().map_or(Ok(()), |recipe| Err(Error::BadInput(text(recipe))))
}

/// Who is known by an external id in any of the app's databases, if it has several. No lock reaches across them: of two
/// calls at the same time both may succeed, as in the reference.
pub(super) async fn find_elsewhere(cx: &Cx, new: &Mapping) -> Result<Option<Mapping>> {
    Ok(find_external(cx, &new.external_id).await?.map(|(_, mapping)| mapping))
}

/// Whether somebody is known by an external id, as [`find_elsewhere`], but not where the call is at work.
pub(in crate::recipes) async fn is_taken_elsewhere(cx: &Cx, external_id: &str) -> Result<bool> {
    for db in elsewhere(cx).await? {
        if store::find_by_external(&mut db.look_up().await?, cx.app_id(), external_id).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn find_external(cx: &Cx, external_id: &str) -> Result<Option<(Db, Mapping)>> {
    let mut all = cx.others().await?;
    if all.is_empty() {
        return Ok(None);
    }
    all.insert(0, cx.app_db().clone());
    for db in all {
        let found = store::find_by_external(&mut db.look_up().await?, cx.app_id(), external_id).await?;
        if let Some(mapping) = found {
            return Ok(Some((db, mapping)));
        }
    }
    Ok(None)
}

/// The call, at work where the user with an id is.
pub(super) async fn of_id(cx: Cx, id: &str, kind: IdKind) -> Result<Cx> {
    if kind == IdKind::External
        && let Some((db, _)) = find_external(&cx, id).await?
    {
        return Ok(cx.at(&db));
    }
    cx.of_user(id).await
}

/// The mapping with an id.
pub(super) async fn find(cx: &Cx, id: &str, kind: IdKind) -> Result<Option<Mapping>> {
    find_in(&mut cx.db().look_up().await?, cx.app_id(), id, kind).await
}

async fn find_in(tx: &mut Tx, app_id: &str, id: &str, kind: IdKind) -> Result<Option<Mapping>> {
    if kind != IdKind::External {
        let found = store::find_by_internal(tx, app_id, id).await?;
        if found.is_some() || kind == IdKind::Internal {
            return Ok(found);
        }
    }
    store::find_by_external(tx, app_id, id).await
}

/// Removes a mapping; whether it was there. Unless it is forced, no recipe may keep anything under the external
/// id, but for what belongs to another user whose internal id it is.
pub(super) async fn remove(cx: &Cx, id: &str, kind: IdKind, force: bool) -> Result<bool> {
    let app_id = cx.app_id();
    let mut tx = cx.db().write().await?;
    // An internal id without a mapping stands for the one of another user who is known by it.
    let kind = match kind {
        IdKind::Internal if is_internal(&mut tx, app_id, id).await? => IdKind::Any,
        kind => kind,
    };
    let Some(mapping) = find_in(&mut tx, app_id, id, kind).await? else { return Ok(false) };
    if !force && !is_internal(&mut tx, app_id, &mapping.external_id).await? {
        refuse(&list_in_use(cx, &mut tx, &mapping.external_id).await?)?;
    }
    let event = about(&mut tx, app_id, Kind::UserIdMappingDeleted, &mapping).await?;
    let was_there = store::delete(&mut tx, app_id, &mapping).await?;
    audit::commit(cx, tx, was_there.then_some(event).into_iter().collect()).await?;
    Ok(was_there)
}

/// Remembers something about an external id, or nothing; false if there is no such mapping.
pub(super) async fn update_info(cx: &Cx, id: &str, kind: IdKind, info: Option<&str>) -> Result<bool> {
    let mut tx = cx.db().write().await?;
    let Some(mapping) = find_in(&mut tx, cx.app_id(), id, kind).await? else { return Ok(false) };
    let event = about(&mut tx, cx.app_id(), Kind::UserIdMappingUpdated, &mapping).await?;
    let was_there = store::update_info(&mut tx, cx.app_id(), &mapping, info).await?;
    audit::commit(cx, tx, was_there.then_some(event).into_iter().collect()).await?;
    Ok(was_there)
}

/// Makes a user who has just been made known by an external id; false if somebody is known by it.
pub(in crate::recipes) async fn insert_in(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    external_id: &str,
) -> Result<bool> {
    if is_internal(tx, app_id, external_id).await? {
        return Ok(false);
    }
    let new = Mapping { user_id: user_id.to_owned(), external_id: external_id.to_owned(), info: None };
    store::insert(tx, app_id, &new).await
}
