//! What units of work do to groups of linked users. Whoever changes a group, or a user's part in it, has
//! locked all its rows in `app_id_to_user_id`; what a group has in its tenants is reserved in
//! `primary_user_tenants`, where a unique key decides between two groups.

use super::model::{InfoKind, LoginMethod, User};
use super::service::{find_in, find_row, lock_row};
use super::store;
use crate::ground::audit::{self, Event, Kind};
use crate::{Cx, Result, Scope};
use portcullis_db::Tx;

pub use super::store::Conflict;

/// A user that is locked until the unit of work ends, and by which of its internal ids it was found.
#[derive(Debug)]
pub struct Locked {
    /// The user with all login methods.
    pub user: User,
    /// The login method's id; or the group's, which can outlive the login method that it is named after.
    pub user_id: String,
}

impl Locked {
    /// The login method that was asked for, unless only its name is left.
    pub fn own(&self) -> Option<&LoginMethod> {
        self.user.method(&self.user_id)
    }
}

/// The users with these internal or external ids, all locked; `None` if one is unknown.
///
/// There is one order for all who change users, whether they link, unlink, delete or change what somebody signs in
/// with: first the rows that the users are named after, in the order of their ids; then, of users that have several,
/// those of all their login methods, in the order of their ids. All that is kept about a user alone comes after these
/// rows, and so nobody has it who waits for them. What different users may want comes last: memberships, then
/// reservations. Whoever locks the row of a single login method, as a password reset does, locks no other one after it.
/// A row that a user is not named after any more is let go at once.
pub async fn lock<const N: usize>(tx: &mut Tx, app_id: &str, ids: [&str; N]) -> Result<Option<[Locked; N]>> {
    let mut rows = Vec::with_capacity(N);
    for id in ids {
        let Some(row) = find_row(tx, app_id, id).await? else { return Ok(None) };
        rows.push(row);
    }
    // Linked, unlinked or deleted before the lock: the whole call is tried again.
    let changed = || portcullis_db::Error::Busy;
    let mut first: Vec<&str> = rows.iter().map(|row| &*row.primary_id).collect();
    first.sort_unstable();
    first.dedup();
    let mut linked = Vec::new();
    for id in first {
        let (primary_id, is_linked) = lock_row(tx, app_id, id).await?.ok_or_else(changed)?;
        if primary_id != id {
            return Err(changed().into());
        }
        linked.extend(is_linked.then_some(primary_id));
    }
    for primary_id in linked {
        store::lock_members(tx, app_id, &primary_id).await?;
    }
    let mut users = Vec::with_capacity(N);
    for row in rows {
        let Some(user) = find_in(tx, app_id, &row.user_id).await? else { return Ok(None) };
        if user.id != row.primary_id {
            return Err(changed().into());
        }
        users.push(Locked { user, user_id: row.user_id });
    }
    Ok(users.try_into().ok())
}

/// Something that a user has, or that two have whom somebody wants to link, which is reserved for another one.
pub async fn find_conflict(tx: &mut Tx, app_id: &str, users: (&User, &User)) -> Result<Option<Conflict>> {
    store::find_conflict(tx, app_id, (&users.0.id, &users.1.id)).await
}

/// Makes a user, who is locked, a primary user; what is reserved for another one already is told, and then the
/// unit of work must not be committed.
pub async fn make_primary(tx: &mut Tx, app_id: &str, user: &User) -> Result<Option<Conflict>> {
    store::set_group(tx, app_id, &user.id, (&user.id, true)).await?;
    store::reserve(tx, app_id, &user.id, None).await
}

/// Puts a login method that is nobody's but its own into a primary user's group, as [`make_primary`].
pub async fn link(tx: &mut Tx, app_id: &str, own: &LoginMethod, primary: &User) -> Result<Option<Conflict>> {
    store::set_group(tx, app_id, &own.user_id, (&primary.id, true)).await?;
    store::update_time_joined(tx, app_id, &primary.id).await?;
    store::reserve(tx, app_id, &primary.id, None).await
}

/// Takes a login method out of its group, which goes on without it; a primary user that is alone is none any
/// more.
pub async fn unlink(cx: &Cx, tx: &mut Tx, own: &LoginMethod, user: &User) -> Result<()> {
    let app_id = cx.app_id();
    store::set_group(tx, app_id, &own.user_id, (&own.user_id, false)).await?;
    if own.user_id == user.id {
        return store::delete_reservations(tx, app_id, &user.id).await;
    }
    store::update_time_joined(tx, app_id, &own.user_id).await?;
    if user.login_methods.len() == 1 {
        // Only the name of the group was left beside it.
        return delete_group(cx, tx, user).await;
    }
    store::update_time_joined(tx, app_id, &user.id).await?;
    store::release(tx, app_id, &user.id).await
}

/// Notes whose a login method is at everything that it has, once it has more.
pub(super) async fn adopt(tx: &mut Tx, app_id: &str, own: &LoginMethod, user: &User) -> Result<()> {
    store::set_group(tx, app_id, &own.user_id, (&user.id, true)).await
}

/// Reserves what a group has and gives up what it has no more, once its members have changed; tells what is
/// reserved for another one, and then the unit of work must not be committed.
pub(super) async fn settle(tx: &mut Tx, app_id: &str, primary_id: &str) -> Result<Option<Conflict>> {
    store::release(tx, app_id, primary_id).await?;
    store::reserve(tx, app_id, primary_id, None).await
}

/// Deletes login methods of a user, who is locked, and what recipes keep about them. A group outlives the
/// login method that it is named after, and then keeps what is kept about it.
pub async fn delete_methods(cx: &Cx, tx: &mut Tx, user: &User, gone: &[&LoginMethod]) -> Result<()> {
    let app_id = cx.app_id();
    let is_whole = gone.len() == user.login_methods.len();
    for method in gone {
        // Recipes may look up by what the user was known.
        for forget in cx.app.recipes.iter().filter_map(|recipe| recipe.forget_method) {
            forget(tx, app_id, &method.user_id).await?;
        }
        store::delete_method(tx, app_id, method).await?;
    }
    let ended = ended(user, gone);
    forget(cx, tx, &ended).await?;
    for (user_id, _) in &ended {
        store::delete_row(tx, app_id, user_id).await?;
    }
    if is_whole {
        return store::delete_reservations(tx, app_id, &user.id).await;
    }
    store::update_time_joined(tx, app_id, &user.id).await?;
    store::release(tx, app_id, &user.id).await
}

/// The internal and external ids by which nobody is known any more once login methods of a user are deleted.
fn ended<'u>(user: &'u User, gone: &[&'u LoginMethod]) -> Vec<(&'u str, Option<&'u str>)> {
    let others = gone.iter().filter(|method| method.user_id != user.id);
    let mut ended: Vec<_> =
        others.map(|method| (method.user_id.as_str(), method.external_user_id.as_deref())).collect();
    if gone.len() == user.login_methods.len() {
        ended.push((&user.id, user.external_id.as_deref()));
    }
    ended
}

/// Deletes what recipes keep in the app's other databases about login methods that are about to be deleted: sessions and
/// roles in tenants there, and activity.
pub async fn forget_elsewhere(cx: &Cx, user: &User, gone: &[&LoginMethod]) -> Result<()> {
    let mut others = cx.others().await?;
    if others.is_empty() || gone.is_empty() {
        return Ok(());
    }
    others.push(cx.app_db().clone());
    for db in others.iter().filter(|db| db.place() != cx.db().place()) {
        let mut tx = db.write().await?;
        forget(cx, &mut tx, &ended(user, gone)).await?;
        // no event: it is where the user was
        tx.commit().await?;
    }
    Ok(())
}

/// Deletes a group's name, which no login method has any more, and what is kept about it.
async fn delete_group(cx: &Cx, tx: &mut Tx, user: &User) -> Result<()> {
    forget(cx, tx, &[(&user.id, user.external_id.as_deref())]).await?;
    store::delete_reservations(tx, cx.app_id(), &user.id).await?;
    store::delete_row(tx, cx.app_id(), &user.id).await
}

/// Every recipe forgets users who are deleted together, by their internal and external ids: under all by which
/// nobody else is known.
async fn forget(cx: &Cx, tx: &mut Tx, users: &[(&str, Option<&str>)]) -> Result<()> {
    let user_ids: Vec<&str> = users.iter().map(|(user_id, _)| *user_id).collect();
    let external_ids = users.iter().filter_map(|(_, external_id)| *external_id);
    for id in user_ids.iter().copied().chain(external_ids) {
        if store::is_id_of_another(tx, cx.app_id(), id, &user_ids).await? {
            continue;
        }
        for data in cx.app.recipes.iter().filter_map(|recipe| recipe.user_data) {
            (data.forget)(tx, cx.app_id(), id).await?;
        }
    }
    Ok(())
}

/// What came of making a user a member of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Join {
    /// It is a member now.
    Joined,
    /// It was one before.
    WasMember,
    /// There is no such login method.
    UnknownUser,
    /// Another user of the recipe has this there.
    Taken(InfoKind),
    /// What the user's group has is reserved there for another one.
    NotAllowed(Conflict),
}

/// Makes a login method a member of the call's tenant. If it is linked, all that its group has is reserved
/// there.
pub async fn join_tenant(cx: &Cx, id: &str) -> Result<Join> {
    let (app_id, tenant_id) = (cx.app_id(), cx.tenant_id());
    let mut tx = cx.db().write().await?;
    let Some([locked]) = lock(&mut tx, app_id, [id]).await? else { return Ok(Join::UnknownUser) };
    let Some(own) = locked.own() else { return Ok(Join::UnknownUser) };
    if own.tenant_ids.iter().any(|id| id == tenant_id) {
        return Ok(Join::WasMember);
    }
    let kinds = InfoKind::ALL.into_iter().filter(|kind| own.info(*kind).is_some()).collect();
    let taken = join_in(&mut tx, &cx.scope, &own.user_id, kinds).await?;
    if locked.user.is_primary {
        let conflict = store::reserve(&mut tx, app_id, &locked.user.id, Some(tenant_id)).await?;
        if let Some(conflict) = conflict {
            return Ok(Join::NotAllowed(conflict));
        }
    }
    if let Some(taken) = taken {
        return Ok(Join::Taken(taken));
    }
    let joined = Event::new(Kind::UserAddedToTenant).of(own.public_id(), locked.user.public_id());
    audit::commit(cx, tx, vec![joined]).await?;
    Ok(Join::Joined)
}

/// Makes a login method with infos of these kinds a member of a tenant; what another one of the recipe has there
/// is told, and then the unit of work must not be committed.
pub async fn join_in(
    tx: &mut Tx,
    scope: &Scope,
    user_id: &str,
    kinds: Vec<InfoKind>,
) -> Result<Option<InfoKind>> {
    let free = store::insert_memberships(tx, scope, user_id).await?;
    let taken = kinds.iter().find(|kind| !free.contains(kind)).copied();
    // A provider's address is nobody's alone: it is only taken together with the provider's user.
    let is_provider = kinds.contains(&InfoKind::ThirdParty);
    Ok(taken.map(|taken| if is_provider { InfoKind::ThirdParty } else { taken }))
}

/// Takes a login method out of the call's tenant, with what recipes keep there about it; whether there was
/// anything. `None` if nobody has the id and no recipe keeps anything under it.
pub async fn leave_tenant(cx: &Cx, id: &str) -> Result<Option<bool>> {
    let app_id = cx.app_id();
    let mut tx = cx.db().write().await?;
    let Some([locked]) = lock(&mut tx, app_id, [id]).await? else {
        if !is_in_use(cx, &mut tx, id).await? {
            return Ok(None);
        }
        let had = forget_in_tenant(cx, &mut tx, &cx.scope, id).await?;
        let left = had.then(|| Event::new(Kind::UserRemovedFromTenant).of(id, id));
        audit::commit(cx, tx, left.into_iter().collect()).await?;
        return Ok(Some(had));
    };
    let public_id = locked.own().map_or_else(|| locked.user.public_id(), LoginMethod::public_id);
    let mut had = forget_in_tenant(cx, &mut tx, &cx.scope, public_id).await?;
    had |= store::delete_memberships(&mut tx, &cx.scope, &locked.user_id).await?;
    if locked.user.is_primary {
        store::release(&mut tx, app_id, &locked.user.id).await?;
    }
    let left = had.then(|| Event::new(Kind::UserRemovedFromTenant).of(public_id, locked.user.public_id()));
    audit::commit(cx, tx, left.into_iter().collect()).await?;
    Ok(Some(had))
}

async fn forget_in_tenant(cx: &Cx, tx: &mut Tx, scope: &Scope, id: &str) -> Result<bool> {
    let mut had = false;
    let all = cx.app.recipes.iter().filter_map(|recipe| recipe.user_data);
    for leave in all.filter_map(|data| data.leave_tenant) {
        had |= leave(tx, scope, id).await?;
    }
    Ok(had)
}

/// Whether a recipe keeps anything under an id.
pub(super) async fn is_in_use(cx: &Cx, tx: &mut Tx, id: &str) -> Result<bool> {
    let all = cx.app.recipes.iter().filter_map(|recipe| recipe.user_data);
    for in_use in all.filter_map(|data| data.in_use) {
        if (in_use.has)(tx, cx.app_id(), id, cx.now).await? {
            return Ok(true);
        }
    }
    Ok(false)
}
