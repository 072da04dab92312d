//! Finding, listing and deleting users of every recipe.

use super::linking::{self, Locked, delete_methods, lock, settle};
use super::model::{Cursor, InfoKind, LoginMethod, Search, User};
use super::store::{self, Joined, Member};
use crate::ground::audit::{self, Event, Kind};
use crate::{Cx, Result, Scope};
use portcullis_db::Tx;
use std::collections::HashMap;

/// What recipes' own units of work do to users: a recipe reaches the tables of users by this way only.
pub(crate) use super::store::Page;
pub use super::store::{
    AccountInfo, NewUser, OwnColumn, OwnRow, UserFilter, UserRow, find_row, insert_user,
    insert_verified_email, list_known, lock_row, verified_email_row,
};

/// The user with an internal or external id of the group, or of one of its login methods.
pub async fn find(cx: &Cx, id: &str) -> Result<Option<User>> {
    let mut tx = cx.db().look_up().await?;
    find_in(&mut tx, cx.app_id(), id).await
}

/// A user, and which of its login methods a call was about.
#[derive(Debug)]
pub struct Found {
    /// The user with all login methods.
    pub user: User,
    /// The login method's id, as callers know it.
    pub recipe_user_id: String,
}

impl Found {
    /// A new user, whose only login method this is.
    pub fn alone(method: LoginMethod) -> Self {
        let id = method.user_id.clone();
        let user = User { id: id.clone(), external_id: None, is_primary: false, login_methods: vec![method] };
        Self { user, recipe_user_id: id }
    }
}

/// The user with a login method that was there a moment ago, by its internal id. If the user was deleted
/// since, the whole call is tried again.
pub async fn find_certain(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<Found> {
    to_found(find_in(tx, app_id, user_id).await?, user_id)
}

fn to_found(user: Option<User>, user_id: &str) -> Result<Found> {
    let user = user.ok_or(portcullis_db::Error::Busy)?;
    let recipe_user_id = user.method(user_id).map_or(user_id, LoginMethod::public_id).to_owned();
    Ok(Found { user, recipe_user_id })
}

/// Somebody who wants to sign in, before anything was checked.
#[derive(Debug)]
pub struct Claimant {
    found: Found,
    /// The login method's internal id.
    pub user_id: String,
    /// What is asked of the recipe's own table.
    pub own: String,
}

/// The owner of an address in a tenant, with what a recipe checks: in one statement.
pub async fn find_claimant(
    tx: &mut Tx,
    scope: &Scope,
    own: OwnColumn,
    email: &str,
) -> Result<Option<Claimant>> {
    let found = store::find_members_by_email(tx, scope, own, email).await?;
    let Some((members, user_id, own)) = found else { return Ok(None) };
    let found = to_found(to_group(members), &user_id)?;
    Ok(Some(Claimant { found, user_id, own }))
}

impl Claimant {
    /// The user, who has signed in, which the event tells. If the user was deleted or linked since, the whole call is
    /// tried again.
    pub async fn sign_in(self, cx: &Cx, event: Event) -> Result<Found> {
        let Self { found, user_id, .. } = self;
        let event = event.of(found.recipe_user_id.as_str(), found.user.public_id());
        if !audit::log(cx, event, (&user_id, &found.user.id)).await? {
            return Err(portcullis_db::Error::Busy.into());
        }
        Ok(found)
    }
}

/// As [`find`], with the login method alone that has this id, if it is of the recipe.
pub async fn find_method(cx: &Cx, id: &str, recipe_id: &str) -> Result<Option<User>> {
    let mut tx = cx.db().look_up().await?;
    let Some(row) = find_row(&mut tx, cx.app_id(), id).await? else { return Ok(None) };
    let Some(mut user) = find_in(&mut tx, cx.app_id(), &row.user_id).await? else { return Ok(None) };
    user.login_methods.retain(|method| method.user_id == row.user_id && method.recipe_id == recipe_id);
    let Some(own) = user.login_methods.first() else { return Ok(None) };
    (user.id, user.external_id) = (own.user_id.clone(), own.external_user_id.clone());
    Ok(Some(user))
}

/// A user with one of its login methods, both locked until the unit of work ends, by any id of the method;
/// `None` if it is not of the recipe.
pub async fn find_locked(
    tx: &mut Tx,
    app_id: &str,
    (id, recipe_id): (&str, &str),
) -> Result<Option<(User, LoginMethod)>> {
    let Some([Locked { user, user_id }]) = lock(tx, app_id, [id]).await? else { return Ok(None) };
    let own = user.method(&user_id).filter(|method| method.recipe_id == recipe_id).cloned();
    Ok(own.map(|own| (user, own)))
}

/// What came of changing an address or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InfoChange {
    /// It is as wanted.
    Done,
    /// Somebody else of the recipe has it.
    Taken,
    /// It is reserved for another primary user.
    NotAllowed,
}

/// Changes a login method's address or number, adds or takes it away. For a primary user it is reserved in
/// every tenant; what no other linked method has is given up.
pub async fn change_info(
    tx: &mut Tx,
    app_id: &str,
    (user, own): (&User, &LoginMethod),
    kind: InfoKind,
    value: Option<&str>,
) -> Result<InfoChange> {
    let old = own.info(kind);
    let old = old.as_deref();
    if old == value {
        return Ok(InfoChange::Done);
    }
    if !store::update_info(tx, app_id, own, kind, value).await? {
        return Ok(if user.is_primary { InfoChange::NotAllowed } else { InfoChange::Taken });
    }
    if user.is_primary && old.is_none() {
        linking::adopt(tx, app_id, own, user).await?;
    }
    let conflict = if user.is_primary { settle(tx, app_id, &user.id).await? } else { None };
    Ok(if conflict.is_some() { InfoChange::NotAllowed } else { InfoChange::Done })
}

/// The ids by which callers know a login method and the user whose it is, by any id of the login method; both are that
/// id if nobody has it.
pub async fn public_ids(tx: &mut Tx, app_id: &str, id: &str) -> Result<(String, String)> {
    let Some(own) = find_row(tx, app_id, id).await? else { return Ok((id.to_owned(), id.to_owned())) };
    let is_own = own.primary_id == own.user_id;
    let user = if is_own { None } else { find_row(tx, app_id, &own.primary_id).await? };
    let user_id = user.as_ref().unwrap_or(&own).public_id().to_owned();
    Ok((own.public_id().to_owned(), user_id))
}

/// What is told of a change of an address or a number, if it is one.
pub fn info_changed(user: &User, own: &LoginMethod, kind: InfoKind, value: Option<&str>) -> Option<Event> {
    let old = own.info(kind);
    if old.as_deref() == value {
        return None;
    }
    let (kind, principal) = match kind {
        InfoKind::Phone => (Kind::PhoneNumberChanged, "phone_number"),
        InfoKind::Email | InfoKind::ThirdParty => (Kind::EmailChanged, "email"),
    };
    let event = Event::new(kind).of(own.public_id(), user.public_id());
    let event = event.with(principal, value.unwrap_or_default());
    Some(event.detail("recipe", own.recipe_id.as_str()).detail("from", old.as_deref()))
}

/// As [`find`], inside a unit of work.
pub async fn find_in(tx: &mut Tx, app_id: &str, id: &str) -> Result<Option<User>> {
    Ok(to_group(store::find_members(tx, app_id, id).await?))
}

/// The user that the members of one group are together.
fn to_group(members: Vec<Member>) -> Option<User> {
    let primary_id = members.first().map(|member| member.row.primary_id.clone());
    primary_id.and_then(|id| to_user(id, members))
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
pub struct Wanted {
    /// A normalised address.
    pub email: Option<String>,
    /// A normalised number.
    pub phone_number: Option<String>,
    /// A provider and the user there.
    pub third_party: Option<(String, String)>,
    /// A passkey.
    pub credential_id: Option<String>,
}

/// The users who have, on the call's tenant, one of the given infos (`any`) or all of them.
pub async fn list_by_account_info(cx: &Cx, info: &Wanted, any: bool) -> Result<Vec<User>> {
    let third_party = info.third_party.as_ref().map(|(id, user_id)| format!("{id}::{user_id}"));
    let wanted = [("email", &info.email), ("phone", &info.phone_number), ("tparty", &third_party)];
    let mut tx = cx.db().read().await?;
    let mut ids: Vec<String> = Vec::new();
    for (kind, value) in wanted.iter().filter_map(|(kind, value)| Some((kind, value.as_ref()?))) {
        ids.extend(store::list_groups_by_info(&mut tx, &cx.scope, kind, value).await?);
    }
    if let Some(id) = &info.credential_id {
        ids.extend(store::list_groups_by_passkey(&mut tx, &cx.scope, id).await?);
    }
    ids.sort();
    ids.dedup();
    let mut users = load(&mut tx, cx.app_id(), &ids).await?;
    users.retain(|user| any || has_all(user, info));
    users.sort_by_key(User::time_joined);
    Ok(users)
}

/// Different login methods may match.
fn has_all(user: &User, info: &Wanted) -> bool {
    let methods = &user.login_methods;
    let email =
        info.email.as_ref().is_none_or(|email| methods.iter().any(|m| m.email.as_ref() == Some(email)));
    let phone =
        info.phone_number.as_ref().is_none_or(|p| methods.iter().any(|m| m.phone_number.as_ref() == Some(p)));
    let third_party = info.third_party.as_ref().is_none_or(|(id, user_id)| {
        methods.iter().any(|m| m.third_party.as_ref().is_some_and(|t| &t.id == id && &t.user_id == user_id))
    });
    let passkey =
        info.credential_id.as_ref().is_none_or(|id| methods.iter().any(|m| m.credential_ids.contains(id)));
    email && phone && third_party && passkey
}

/// A page of users, and where the next one begins.
pub async fn list(
    cx: &Cx,
    filter: &UserFilter,
    limit: i64,
    ascending: bool,
    from: Option<&Cursor>,
) -> Result<(Vec<User>, Option<Cursor>)> {
    let page = Page { limit, ascending, from };
    list_in(&mut cx.db().read().await?, cx, filter, page).await
}

/// As [`list`], in the course of a reading.
pub(crate) async fn list_in(
    tx: &mut Tx,
    cx: &Cx,
    filter: &UserFilter,
    page: Page<'_>,
) -> Result<(Vec<User>, Option<Cursor>)> {
    let limit = page.limit;
    let page = Page { limit: limit + 1, ..page };
    let mut entries = store::list_groups(tx, &cx.scope, filter, page, gathered_max(cx, LISTED_MAX)).await?;
    let more = i64::try_from(entries.len()).is_ok_and(|count| count > limit);
    let next = if more { entries.pop() } else { None };
    let ids: Vec<String> = entries.into_iter().map(|entry| entry.user_id).collect();
    Ok((load(tx, cx.app_id(), &ids).await?, next))
}

/// How many members a search gathers by what they have, before it goes through all users instead.
const SEARCHED_MAX: i64 = 30_000;
/// How many members of a tenant a page gathers, where it does so.
const LISTED_MAX: i64 = 3000;

/// Tests have few users, and go both ways.
fn gathered_max(cx: &Cx, most: i64) -> i64 {
    if cx.app.test_mode { 2 } else { most }
}

/// The users of the call's tenant who fit a search, at most 1000.
pub async fn search(cx: &Cx, search: &Search, ascending: bool) -> Result<Vec<User>> {
    let mut tx = cx.db().read().await?;
    let most = gathered_max(cx, SEARCHED_MAX);
    let ids = store::search_groups(&mut tx, &cx.scope, search, ascending, most).await?;
    load(&mut tx, cx.app_id(), &ids).await
}

/// How many users there are: of all tenants together, wherever they are.
pub async fn count(cx: &Cx, filter: &UserFilter) -> Result<i64> {
    let own = if filter.all_tenants { cx.app_db() } else { cx.db() };
    let mut count = store::count_groups(&mut own.read().await?, &cx.scope, filter, Joined::Ever).await?;
    if filter.all_tenants {
        for db in cx.others().await? {
            count += store::count_groups(&mut db.read().await?, &cx.scope, filter, Joined::Ever).await?;
        }
    }
    Ok(count)
}

/// Deletes a user with all login methods, or only the one with the given id. An unknown id is no error.
/// A group outlives the login method that it is named after.
pub async fn remove(cx: &Cx, id: &str, all: bool) -> Result<()> {
    let mut tx = cx.db().write().await?;
    let Some([Locked { user, user_id }]) = lock(&mut tx, cx.app_id(), [id]).await? else { return Ok(()) };
    let gone: Vec<_> = user.login_methods.iter().filter(|method| all || method.user_id == user_id).collect();
    // First, so that nobody is gone whose sessions could not be ended.
    linking::forget_elsewhere(cx, &user, &gone).await?;
    delete_methods(cx, &mut tx, &user, &gone).await?;
    audit::commit(cx, tx, deletion(&user, &user_id, &gone)).await
}

/// What is told of login methods that are gone: of all of them, or of one of several. A name without login methods
/// of its own has nothing to delete.
fn deletion(user: &User, user_id: &str, gone: &[&LoginMethod]) -> Vec<Event> {
    if gone.is_empty() {
        return Vec::new();
    }
    let is_whole = gone.len() == user.login_methods.len();
    let kind = if is_whole { Kind::UserDeleted } else { Kind::LoginMethodDeleted };
    let own = user.method(user_id).map_or_else(|| user.public_id(), LoginMethod::public_id);
    let methods: Vec<&str> = gone.iter().map(|method| method.public_id()).collect();
    let recipes: Vec<&str> = gone.iter().map(|method| method.recipe_id.as_str()).collect();
    let event = Event::new(kind).of(own, user.public_id());
    vec![event.detail("loginMethods", methods).detail("recipes", recipes)]
}
