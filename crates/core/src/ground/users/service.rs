//! Finding, listing and deleting users of every recipe.

use super::model::{Cursor, Search, User};
use super::store::{self, Member, Page};
use crate::{Cx, Result};
use portcullis_db::Tx;
use std::collections::HashMap;

/// What recipes' own units of work do to users: a recipe reaches the tables of users by this way only.
pub use super::store::{
    NewUser, OwnRow, UserFilter, find_row, insert_user, insert_verified_email, lock_row, release_email,
    reserve_email, update_email, verified_email_row,
};

/// The user with an internal or external id of the group, or of one of its login methods.
pub async fn find(cx: &Cx, id: &str) -> Result<Option<User>> {
    let mut tx = cx.db().look_up().await?;
    find_in(&mut tx, cx.app_id(), id).await
}

/// As [`find`], inside a unit of work.
pub async fn find_in(tx: &mut Tx, app_id: &str, id: &str) -> Result<Option<User>> {
    let members = store::find_members(tx, app_id, id).await?;
    let primary_id = members.first().map(|member| member.row.primary_id.clone());
    Ok(primary_id.and_then(|id| to_user(id, members)))
}

/// The users with these group ids, in this order; ids without a login method are left out.
pub async fn load(tx: &mut Tx, app_id: &str, primary_ids: &[String]) -> Result<Vec<User>> {
    if primary_ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut groups: HashMap<String, Vec<Member>> = HashMap::new();
    for member in store::list_members(tx, app_id, primary_ids).await? {
        groups.entry(member.row.primary_id.clone()).or_default().push(member);
    }
    let in_order = primary_ids.iter().filter_map(|id| groups.remove_entry(id));
    Ok(in_order.filter_map(|(id, members)| to_user(id, members)).collect())
}

/// The user that the members of a group are together.
fn to_user(id: String, members: Vec<Member>) -> Option<User> {
    let own = members.iter().find(|member| member.row.user_id == id)?;
    let (external_id, is_primary) = (own.row.external_id().map(str::to_owned), own.row.is_linked);
    let login_methods: Vec<_> = members.into_iter().filter_map(|member| member.method).collect();
    (!login_methods.is_empty()).then_some(User { id, external_id, is_primary, login_methods })
}

/// What to look for, in [`list_by_account_info`].
#[derive(Clone, Debug, Default)]
pub struct AccountInfo {
    /// A normalised address.
    pub email: Option<String>,
    /// A normalised number.
    pub phone_number: Option<String>,
    /// A provider and the user there.
    pub third_party: Option<(String, String)>,
}

/// The users who have, on the call's tenant, one of the given infos (`any`) or all of them.
pub async fn list_by_account_info(cx: &Cx, info: &AccountInfo, any: bool) -> Result<Vec<User>> {
    let third_party = info.third_party.as_ref().map(|(id, user_id)| format!("{id}::{user_id}"));
    let wanted = [("email", &info.email), ("phone", &info.phone_number), ("tparty", &third_party)];
    let mut tx = cx.db().read().await?;
    let mut ids: Vec<String> = Vec::new();
    for (kind, value) in wanted.iter().filter_map(|(kind, value)| Some((kind, value.as_ref()?))) {
        ids.extend(store::list_groups_by_info(&mut tx, &cx.scope, kind, value).await?);
    }
    ids.sort();
    ids.dedup();
    let mut users = load(&mut tx, cx.app_id(), &ids).await?;
    users.retain(|user| any || has_all(user, info));
    users.sort_by_key(User::time_joined);
    Ok(users)
}

/// Different login methods may match.
fn has_all(user: &User, info: &AccountInfo) -> bool {
    let methods = &user.login_methods;
    let email =
        info.email.as_ref().is_none_or(|email| methods.iter().any(|m| m.email.as_ref() == Some(email)));
    let phone =
        info.phone_number.as_ref().is_none_or(|p| methods.iter().any(|m| m.phone_number.as_ref() == Some(p)));
    let third_party = info.third_party.as_ref().is_none_or(|(id, user_id)| {
        methods.iter().any(|m| m.third_party.as_ref().is_some_and(|t| &t.id == id && &t.user_id == user_id))
    });
    email && phone && third_party
}

/// A page of users, and where the next one begins.
pub async fn list(
    cx: &Cx,
    filter: &UserFilter,
    limit: i64,
    ascending: bool,
    from: Option<&Cursor>,
) -> Result<(Vec<User>, Option<Cursor>)> {
    let mut tx = cx.db().read().await?;
    let page = Page { limit: limit + 1, ascending, from };
    let mut entries = store::list_groups(&mut tx, &cx.scope, filter, page).await?;
    let more = i64::try_from(entries.len()).is_ok_and(|count| count > limit);
    let next = if more { entries.pop() } else { None };
    let ids: Vec<String> = entries.into_iter().map(|entry| entry.user_id).collect();
    Ok((load(&mut tx, cx.app_id(), &ids).await?, next))
}

/// The users of the call's tenant who fit a search, at most 1000.
pub async fn search(cx: &Cx, search: &Search, ascending: bool) -> Result<Vec<User>> {
    let mut tx = cx.db().read().await?;
    let ids = store::search_groups(&mut tx, &cx.scope, search, ascending).await?;
    load(&mut tx, cx.app_id(), &ids).await
}

/// How many users there are.
pub async fn count(cx: &Cx, filter: &UserFilter) -> Result<i64> {
    store::count_groups(&mut cx.db().read().await?, &cx.scope, filter).await
}

/// Deletes a user with all login methods, or only the one with the given id. An unknown id is no error.
/// A group outlives the login method that it is named after.
pub async fn remove(cx: &Cx, id: &str, all: bool) -> Result<()> {
    let app_id = cx.app_id();
    let mut tx = cx.db().write().await?;
    let Some(row) = store::find_row(&mut tx, app_id, id).await? else { return Ok(()) };
    store::lock_row(&mut tx, app_id, &row.primary_id).await?;
    let members = store::list_members(&mut tx, app_id, std::slice::from_ref(&row.primary_id)).await?;
    let methods = members.iter().filter_map(|member| member.method.as_ref());
    let (gone, stay): (Vec<_>, Vec<_>) = methods.partition(|m| all || m.user_id == row.user_id);
    for method in &gone {
        store::delete_method(&mut tx, app_id, method).await?;
        forget(cx, &mut tx, &method.user_id, method.external_user_id.as_deref()).await?;
        if method.user_id != row.primary_id {
            store::delete_row(&mut tx, app_id, &method.user_id).await?;
        }
    }
    if stay.is_empty() {
        store::delete_reservations(&mut tx, app_id, &row.primary_id).await?;
        store::delete_row(&mut tx, app_id, &row.primary_id).await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Every recipe forgets the user, under both ids.
async fn forget(cx: &Cx, tx: &mut Tx, user_id: &str, external_id: Option<&str>) -> Result<()> {
    for forget_user in cx.app.recipes.iter().filter_map(|recipe| recipe.forget_user) {
        for id in std::iter::once(user_id).chain(external_id) {
            forget_user(tx, cx.app_id(), id).await?;
        }
    }
    Ok(())
}
