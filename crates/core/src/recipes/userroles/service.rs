//! What the recipe decides. A change that needs the role locks it, so that a role that is deleted at
//! the same time leaves no assignment behind.

use super::store;
use crate::ground::audit::{self, Event, Kind};
use crate::{Cx, Result, Scope};
use portcullis_db::Tx;

/// Makes a role, or gives it more permissions; whether it is new.
pub(super) async fn create_role(cx: &Cx, role: &str, permissions: &[String]) -> Result<bool> {
    let mut tx = cx.app_db().write().await?;
    let is_new = store::insert_role(&mut tx, cx.app_id(), role).await?;
    store::lock_role(&mut tx, cx.app_id(), role).await?;
    let mut added = Vec::new();
    for permission in permissions {
        if store::insert_permission(&mut tx, cx.app_id(), role, permission).await? {
            added.push(permission.as_str());
        }
    }
    let kind = if is_new { Kind::RoleCreated } else { Kind::RoleUpdated };
    let changes = is_new || !added.is_empty();
    let event = changes.then(|| Event::new(kind).about(role).detail("added", added));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    Ok(is_new)
}

/// The permissions of a role; `None` if there is no such role.
pub(super) async fn list_permissions(cx: &Cx, role: &str) -> Result<Option<Vec<String>>> {
    let mut tx = cx.app_db().read().await?;
    if !store::has_role(&mut tx, cx.app_id(), role).await? {
        return Ok(None);
    }
    store::list_permissions(&mut tx, cx.app_id(), role).await.map(Some)
}

/// Takes permissions, or all of them, from a role; false if there is no such role.
pub(super) async fn remove_permissions(cx: &Cx, role: &str, permissions: Option<&[String]>) -> Result<bool> {
    let mut tx = cx.app_db().write().await?;
    if !store::lock_role(&mut tx, cx.app_id(), role).await? {
        return Ok(false);
    }
    let mut removed = Vec::new();
    match permissions {
        None => removed = store::delete_permissions(&mut tx, cx.app_id(), role).await?,
        Some(permissions) => {
            for permission in permissions {
                if store::delete_permission(&mut tx, cx.app_id(), role, permission).await? {
                    removed.push(permission.clone());
                }
            }
        }
    }
    let changes = !removed.is_empty();
    let event = changes.then(|| Event::new(Kind::RoleUpdated).about(role).detail("removed", removed));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    Ok(true)
}

/// The roles that have a permission.
pub(super) async fn list_roles_of_permission(cx: &Cx, permission: &str) -> Result<Vec<String>> {
    store::list_roles_of_permission(&mut cx.app_db().read().await?, cx.app_id(), permission).await
}

/// Deletes a role and takes it from everybody; whether there was anything to delete.
pub(super) async fn remove_role(cx: &Cx, role: &str) -> Result<bool> {
    let others = cx.others().await?;
    let mut tx = cx.app_db().write().await?;
    store::lock_role(&mut tx, cx.app_id(), role).await?;
    let mut was_assigned = store::delete_assignments(&mut tx, cx.app_id(), role).await?;
    for db in others {
        let mut tx = db.write_one().await?;
        was_assigned |= store::delete_assignments(&mut tx, cx.app_id(), role).await?;
        // no event: it is where the role is
        tx.commit().await?;
    }
    let was_there = store::delete_role(&mut tx, cx.app_id(), role).await?;
    let changes = was_assigned || was_there;
    let event = changes.then(|| Event::new(Kind::RoleDeleted).about(role));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    Ok(changes)
}

/// Every role.
pub(in crate::recipes) async fn list_roles(cx: &Cx) -> Result<Vec<String>> {
    store::list_roles(&mut cx.app_db().read().await?, cx.app_id()).await
}

/// Gives a user a role; whether it is new to the user. `None` if there is no such role.
pub(in crate::recipes) async fn add_user_role(cx: &Cx, user_id: &str, role: &str) -> Result<Option<bool>> {
    let mut tx = cx.db().write().await?;
    let Some(_held) = hold_role(cx, &mut tx, role).await? else { return Ok(None) };
    let is_new = Some(store::insert_user_role(&mut tx, &cx.scope, user_id, role).await?);
    let event = (is_new == Some(true)).then(|| Event::new(Kind::RoleAssigned).of_user(user_id).about(role));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    Ok(is_new)
}

/// As [`add_user_role`], inside a unit of work of the call's database. Where roles are in another one, nothing keeps
/// the role from being deleted meanwhile.
pub(in crate::recipes) async fn add_user_role_in(
    cx: &Cx,
    tx: &mut Tx,
    scope: &Scope,
    user_id: &str,
    role: &str,
) -> Result<Option<bool>> {
    let is_role = if cx.is_apart() {
        store::has_role(&mut cx.app_db().look_up().await?, cx.app_id(), role).await?
    } else {
        store::lock_role(tx, cx.app_id(), role).await?
    };
    if !is_role {
        return Ok(None);
    }
    store::insert_user_role(tx, scope, user_id, role).await.map(Some)
}

/// A unit of work that keeps a role from being deleted, if the one at hand cannot.
struct Held(#[expect(dead_code, reason = "it holds the role until it is gone")] Option<Tx>);

/// Holds a role until the unit of work has ended, and what is answered is gone; `None` if there is no such role. Roles
/// are where what belongs to the app is, which may be another database than the unit of work's.
async fn hold_role(cx: &Cx, tx: &mut Tx, role: &str) -> Result<Option<Held>> {
    let mut apart = if cx.is_apart() { Some(cx.app_db().write().await?) } else { None };
    let is_there = store::lock_role(apart.as_mut().unwrap_or(tx), cx.app_id(), role).await?;
    Ok(is_there.then_some(Held(apart)))
}

/// Takes a role from a user; whether the user had it. `None` if there is no such role.
pub(super) async fn remove_user_role(cx: &Cx, user_id: &str, role: &str) -> Result<Option<bool>> {
    let mut tx = cx.db().write().await?;
    let Some(_held) = hold_role(cx, &mut tx, role).await? else { return Ok(None) };
    let had = store::delete_user_role(&mut tx, &cx.scope, user_id, role).await?;
    let event = had.then(|| Event::new(Kind::RoleUnassigned).of_user(user_id).about(role));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    Ok(Some(had))
}

/// A user's roles.
pub(super) async fn list_user_roles(cx: &Cx, user_id: &str) -> Result<Vec<String>> {
    store::list_user_roles(&mut cx.db().read().await?, &cx.scope, user_id).await
}

/// Who has a role; `None` if there is no such role.
pub(super) async fn list_role_users(cx: &Cx, role: &str) -> Result<Option<Vec<String>>> {
    let mut tx = cx.app_db().read().await?;
    if !store::has_role(&mut tx, cx.app_id(), role).await? {
        return Ok(None);
    }
    if cx.is_apart() {
        tx = cx.db().read().await?;
    }
    store::list_role_users(&mut tx, &cx.scope, role).await.map(Some)
}
