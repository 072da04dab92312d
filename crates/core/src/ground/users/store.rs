//! The statements on users of every recipe.

use super::model::{Cursor, LoginMethod, Search, ThirdParty};
use crate::{Result, Scope};
use portcullis_db::{Tx, Value, args, placeholders};
use std::collections::{HashMap, HashSet};

/// A user's place in `app_id_to_user_id`.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// The internal id.
    pub user_id: String,
    /// The group's id; the same if the user is alone.
    pub primary_id: String,
    /// Whether the user is primary, or linked to one who is.
    pub is_linked: bool,
    /// The recipe.
    pub recipe_id: String,
    time_joined: i64,
    external_id: Option<String>,
}

impl UserRow {
    /// The id that callers know, if it is another one.
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }
}

type RowColumns = (String, String, bool, String, i64, Option<String>);

impl From<RowColumns> for UserRow {
    fn from((user_id, primary_id, is_linked, recipe_id, time_joined, external_id): RowColumns) -> Self {
        Self { user_id, primary_id, is_linked, recipe_id, time_joined, external_id }
    }
}

/// A new user of one recipe.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// The internal id.
    pub user_id: &'a str,
    /// The recipe.
    pub recipe_id: &'a str,
    /// What identifies it: `email`, `phone` or `tparty`.
    pub info_type: &'a str,
    /// The address, the number, or `<provider>::<user>`.
    pub info_value: &'a str,
    /// Milliseconds since 1970.
    pub time_joined: i64,
}

/// Creates a user in a tenant; false if what identifies it is taken there.
pub async fn insert_user(tx: &mut Tx, scope: &Scope, new: NewUser<'_>) -> Result<bool> {
    if !insert_membership(tx, scope, &scope.tenant_id, new).await? {
        return Ok(false);
    }
    let sql = "insert into app_id_to_user_id (app_id, user_id, recipe_id, primary_or_recipe_user_id,
        is_linked_or_is_a_primary_user, time_joined, primary_or_recipe_user_time_joined)
        values ($1, $2, $3, $2, false, $4, $4)";
    tx.execute(sql, args![&scope.app_id, new.user_id, new.recipe_id, new.time_joined]).await?;
    let sql = "insert into recipe_user_account_infos (app_id, recipe_user_id, recipe_id, account_info_type,
        account_info_value, third_party_id, third_party_user_id) values ($1, $2, $3, $4, $5, '', '')";
    tx.execute(sql, args![&scope.app_id, new.user_id, new.recipe_id, new.info_type, new.info_value]).await?;
    Ok(true)
}

async fn insert_membership(tx: &mut Tx, scope: &Scope, tenant_id: &str, new: NewUser<'_>) -> Result<bool> {
    let sql =
        "insert into recipe_user_tenants (app_id, recipe_user_id, tenant_id, recipe_id, account_info_type,
        account_info_value, third_party_id, third_party_user_id) values ($1, $2, $3, $4, $5, $6, '', '')
        on conflict do nothing";
    let args = args![&scope.app_id, new.user_id, tenant_id, new.recipe_id, new.info_type, new.info_value];
    Ok(tx.execute(sql, args).await? > 0)
}

/// The user with an internal or external id; an internal one wins.
pub async fn find_row(tx: &mut Tx, app_id: &str, id: &str) -> Result<Option<UserRow>> {
    let sql = "select a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user, a.recipe_id,
        a.time_joined, m.external_user_id
        from app_id_to_user_id a
        left join userid_mapping m on m.app_id = a.app_id and m.supertokens_user_id = a.user_id
        where a.app_id = $1 and a.user_id = $2";
    // PostgreSQL passes over blanks at the end of a `char(36)`: such an id is another one.
    let known = tx.fetch_optional::<RowColumns>(sql, args![app_id, id]).await?.map(UserRow::from);
    if let Some(row) = known.filter(|row| row.user_id == id) {
        return Ok(Some(row));
    }
    let sql = "select a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user, a.recipe_id,
        a.time_joined, m.external_user_id
        from userid_mapping m
        join app_id_to_user_id a on a.app_id = m.app_id and a.user_id = m.supertokens_user_id
        where m.app_id = $1 and m.external_user_id = $2";
    Ok(tx.fetch_optional::<RowColumns>(sql, args![app_id, id]).await?.map(Into::into))
}

/// Locks a user until the unit of work ends; false if there is no such user.
pub async fn lock_row(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<bool> {
    let sql = "select user_id from app_id_to_user_id where app_id = $1 and user_id = $2";
    Ok(tx.fetch_optional_for_update::<(String,)>(sql, args![app_id, user_id]).await?.is_some())
}

/// The members of the groups with these ids.
pub(super) async fn list_rows(tx: &mut Tx, app_id: &str, primary_ids: &[String]) -> Result<Vec<UserRow>> {
    let sql = format!(
        "select a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user, a.recipe_id,
         a.time_joined, m.external_user_id
         from app_id_to_user_id a
         left join userid_mapping m on m.app_id = a.app_id and m.supertokens_user_id = a.user_id
         where a.app_id = $1 and a.primary_or_recipe_user_id in ({})
         order by a.time_joined, a.user_id",
        placeholders(2, primary_ids.len())
    );
    let rows: Vec<RowColumns> = tx.fetch_all(sql, &app_and(app_id, primary_ids)).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

fn app_and<'a>(app_id: &'a str, ids: &'a [String]) -> Vec<Value<'a>> {
    std::iter::once(app_id).chain(ids.iter().map(String::as_str)).map(Value::from).collect()
}

/// The login methods of these users. A group's id whose own login method was deleted has none.
pub(super) async fn list_methods(tx: &mut Tx, app_id: &str, rows: &[UserRow]) -> Result<Vec<LoginMethod>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<String> = rows.iter().map(|row| row.user_id.clone()).collect();
    let (list, arguments) = (placeholders(2, ids.len()), app_and(app_id, &ids));
    let sql = format!(
        "select recipe_user_id, account_info_type, account_info_value, third_party_id, third_party_user_id
         from recipe_user_account_infos where app_id = $1 and recipe_user_id in ({list})"
    );
    let infos: Vec<(String, String, String, String, String)> = tx.fetch_all(sql, &arguments).await?;
    let sql = format!(
        "select distinct recipe_user_id, tenant_id from recipe_user_tenants
         where app_id = $1 and recipe_user_id in ({list}) order by tenant_id"
    );
    let tenants: Vec<(String, String)> = tx.fetch_all(sql, &arguments).await?;
    let verified = verified_emails(tx, app_id, rows).await?;
    let mut methods: HashMap<&str, LoginMethod> = HashMap::new();
    for (id, kind, value, third_party_id, third_party_user_id) in infos {
        let Some(row) = rows.iter().find(|row| row.user_id == id) else { continue };
        let method = methods.entry(&row.user_id).or_insert_with(|| empty_method(row));
        match kind.as_str() {
            "email" => method.email = Some(value),
            "phone" => method.phone_number = Some(value),
            _ => method.third_party = Some(ThirdParty { id: third_party_id, user_id: third_party_user_id }),
        }
    }
    for (id, tenant_id) in tenants {
        if let Some(method) = methods.get_mut(id.as_str()) {
            method.tenant_ids.push(tenant_id);
        }
    }
    let mut methods: Vec<LoginMethod> =
        rows.iter().filter_map(|row| methods.remove(row.user_id.as_str())).collect();
    for method in &mut methods {
        method.verified = match &method.email {
            Some(email) => verified.contains(&(method.public_id().to_owned(), email.clone())),
            None => method.recipe_id == "passwordless",
        };
    }
    Ok(methods)
}

fn empty_method(row: &UserRow) -> LoginMethod {
    LoginMethod {
        recipe_id: row.recipe_id.clone(),
        user_id: row.user_id.clone(),
        external_user_id: row.external_id.clone(),
        time_joined: row.time_joined,
        tenant_ids: Vec::new(),
        email: None,
        phone_number: None,
        third_party: None,
        verified: false,
    }
}

/// Verified addresses are kept under the id that callers know.
async fn verified_emails(tx: &mut Tx, app_id: &str, rows: &[UserRow]) -> Result<HashSet<(String, String)>> {
    let ids: Vec<String> =
        rows.iter().map(|row| row.external_id.clone().unwrap_or_else(|| row.user_id.clone())).collect();
    let sql = format!(
        "select user_id, email from emailverification_verified_emails where app_id = $1 and user_id in ({})",
        placeholders(2, ids.len())
    );
    let pairs: Vec<(String, String)> = tx.fetch_all(sql, &app_and(app_id, &ids)).await?;
    Ok(pairs.into_iter().collect())
}

/// The groups that have a member in the tenant with this account info, of one recipe or of any.
pub(super) async fn list_groups_by_info(
    tx: &mut Tx,
    scope: &Scope,
    info_type: &str,
    info_value: &str,
) -> Result<Vec<String>> {
    let sql = "select distinct a.primary_or_recipe_user_id from recipe_user_tenants t
        join app_id_to_user_id a on a.app_id = t.app_id and a.user_id = t.recipe_user_id
        where t.app_id = $1 and t.tenant_id = $2 and t.account_info_type = $3 and t.account_info_value = $4";
    let args = args![&scope.app_id, &scope.tenant_id, info_type, info_value];
    let rows: Vec<(String,)> = tx.fetch_all(sql, args).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Which users a list or a count is about.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Only users with a login method of one of these recipes; all if empty.
    pub recipe_ids: Vec<String>,
    /// Every tenant of the app.
    pub all_tenants: bool,
}

/// How many groups have a member that fits.
pub(super) async fn count_groups(tx: &mut Tx, scope: &Scope, filter: &UserFilter) -> Result<i64> {
    let (condition, args) = conditions(scope, filter);
    let sql = format!("select count(distinct a.primary_or_recipe_user_id) from {condition}");
    let row: Option<(i64,)> = tx.fetch_optional(sql, &args).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// A page of groups; the cursor names its first entry.
pub(super) async fn list_groups(
    tx: &mut Tx,
    scope: &Scope,
    filter: &UserFilter,
    page: Page<'_>,
) -> Result<Vec<Cursor>> {
    let (condition, mut args) = conditions(scope, filter);
    let (order, beyond) = if page.ascending { ("asc", ">") } else { ("desc", "<") };
    let mut sql = format!(
        "select distinct a.primary_or_recipe_user_id, a.primary_or_recipe_user_time_joined from {condition}"
    );
    if let Some(from) = page.from {
        let (time, id) = (args.len() + 1, args.len() + 2);
        let column = "a.primary_or_recipe_user_time_joined";
        sql.push_str(&format!(
            " and ({column} {beyond} ${time} or ({column} = ${time} and a.primary_or_recipe_user_id <= ${id}))"
        ));
        args.extend([Value::from(from.time_joined), Value::from(&from.user_id)]);
    }
    // Ties are broken by falling ids in both orders.
    sql.push_str(&format!(
        " order by a.primary_or_recipe_user_time_joined {order}, a.primary_or_recipe_user_id desc limit {}",
        page.limit
    ));
    let rows: Vec<(String, i64)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(user_id, time_joined)| Cursor { user_id, time_joined }).collect())
}

/// Which part of a list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page<'a> {
    /// Entries at most.
    pub limit: i64,
    /// Oldest first.
    pub ascending: bool,
    /// The first entry.
    pub from: Option<&'a Cursor>,
}

fn conditions<'a>(scope: &'a Scope, filter: &'a UserFilter) -> (String, Vec<Value<'a>>) {
    let mut args = vec![Value::from(&scope.app_id)];
    let mut text = "app_id_to_user_id a".to_owned();
    if filter.all_tenants {
        text.push_str(" where a.app_id = $1");
    } else {
        text.push_str(
            " join recipe_user_tenants t on t.app_id = a.app_id and t.recipe_user_id = a.user_id
             where a.app_id = $1 and t.tenant_id = $2",
        );
        args.push(Value::from(&scope.tenant_id));
    }
    if !filter.recipe_ids.is_empty() {
        let list = placeholders(args.len() + 1, filter.recipe_ids.len());
        text.push_str(&format!(" and a.recipe_id in ({list})"));
        args.extend(filter.recipe_ids.iter().map(Value::from));
    }
    (text, args)
}

/// Groups found by a search at most, as in the reference.
const SEARCH_MAX: i64 = 1000;

/// The groups of the tenant with a login method that fits. Any order of terms finds the same.
pub(super) async fn search_groups(
    tx: &mut Tx,
    scope: &Scope,
    search: &Search,
    ascending: bool,
) -> Result<Vec<String>> {
    let beginnings = |terms: &[String]| terms.iter().map(|term| format!("{}%", escaped(term))).collect();
    let mut emails: Vec<String> = beginnings(&search.emails);
    emails.extend(search.emails.iter().map(|term| format!("%@{}%", escaped(term))));
    let kinds =
        [("email", emails), ("phone", beginnings(&search.phones)), ("tparty", beginnings(&search.providers))];
    let mut args = vec![Value::from(&scope.app_id), Value::from(&scope.tenant_id)];
    let mut conditions = String::new();
    for (kind, patterns) in kinds.iter().filter(|(_, patterns)| !patterns.is_empty()) {
        let likes = (args.len() + 1..=args.len() + patterns.len())
            .map(|number| format!("lower(t.account_info_value) like ${number} escape '!'"));
        let likes = likes.collect::<Vec<_>>().join(" or ");
        conditions.push_str(&format!(
            " and exists (select 1 from recipe_user_tenants t where t.app_id = a.app_id and t.tenant_id = $2
              and t.recipe_user_id = a.user_id and t.account_info_type = '{kind}' and ({likes}))"
        ));
        args.extend(patterns.iter().map(Value::from));
    }
    let order = if ascending { "asc" } else { "desc" };
    let sql = format!(
        "select distinct a.primary_or_recipe_user_id, a.primary_or_recipe_user_time_joined
         from app_id_to_user_id a where a.app_id = $1{conditions}
         order by a.primary_or_recipe_user_time_joined {order}, a.primary_or_recipe_user_id desc
         limit {SEARCH_MAX}"
    );
    let rows: Vec<(String, i64)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(id, _)| id).collect())
}

/// A search term stands for itself, not for a pattern.
fn escaped(term: &str) -> String {
    term.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

/// Deletes a login method: what identifies it, and its verified addresses.
pub(super) async fn delete_method(tx: &mut Tx, app_id: &str, method: &LoginMethod) -> Result<()> {
    for table in ["recipe_user_tenants", "recipe_user_account_infos"] {
        let sql = format!("delete from {table} where app_id = $1 and recipe_user_id = $2");
        tx.execute(sql, args![app_id, &method.user_id]).await?;
    }
    Ok(())
}

/// Deletes a user's row, and with it everything that belongs to it.
pub(super) async fn delete_row(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<()> {
    let sql = "delete from app_id_to_user_id where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await?;
    Ok(())
}

/// Gives up everything that is reserved for a primary user.
pub(super) async fn delete_reservations(tx: &mut Tx, app_id: &str, primary_id: &str) -> Result<()> {
    let sql = "delete from primary_user_tenants where app_id = $1 and primary_user_id = $2";
    tx.execute(sql, args![app_id, primary_id]).await?;
    Ok(())
}

/// Changes a login method's address in every tenant; false if one of them has it already.
pub async fn update_email(tx: &mut Tx, app_id: &str, method: &LoginMethod, email: &str) -> Result<bool> {
    for tenant_id in &method.tenant_ids {
        let sql = "select recipe_user_id from recipe_user_tenants where app_id = $1 and tenant_id = $2
            and recipe_id = $3 and account_info_type = 'email' and account_info_value = $4
            and third_party_id = '' and third_party_user_id = ''";
        let args = args![app_id, tenant_id, &method.recipe_id, email];
        if tx.fetch_optional::<(String,)>(sql, args).await?.is_some() {
            return Ok(false);
        }
    }
    for table in ["recipe_user_tenants", "recipe_user_account_infos"] {
        let sql = format!(
            "update {table} set account_info_value = $3
             where app_id = $1 and recipe_user_id = $2 and account_info_type = 'email'"
        );
        match tx.execute(sql, args![app_id, &method.user_id, email]).await {
            // Taken between the look and the change.
            Err(portcullis_db::Error::Duplicate(_)) => return Ok(false),
            outcome => outcome.map(drop)?,
        }
    }
    Ok(true)
}

/// Reserves an address for a primary user in one tenant; false if it is reserved for another one.
pub async fn reserve_email(
    tx: &mut Tx,
    app_id: &str,
    tenant_id: &str,
    email: &str,
    primary_id: &str,
) -> Result<bool> {
    let sql = "insert into primary_user_tenants (app_id, tenant_id, account_info_type, account_info_value,
        primary_user_id) values ($1, $2, 'email', $3, $4) on conflict do nothing";
    if tx.execute(sql, args![app_id, tenant_id, email, primary_id]).await? > 0 {
        return Ok(true);
    }
    let sql = "select primary_user_id from primary_user_tenants where app_id = $1 and tenant_id = $2
        and account_info_type = 'email' and account_info_value = $3";
    let owner: Option<(String,)> = tx.fetch_optional(sql, args![app_id, tenant_id, email]).await?;
    Ok(owner.is_some_and(|(owner,)| owner == primary_id))
}

/// Gives up an address that is reserved for a primary user.
pub async fn release_email(tx: &mut Tx, app_id: &str, email: &str, primary_id: &str) -> Result<()> {
    let sql = "delete from primary_user_tenants where app_id = $1 and account_info_type = 'email'
        and account_info_value = $2 and primary_user_id = $3";
    tx.execute(sql, args![app_id, email, primary_id]).await?;
    Ok(())
}

/// Marks an address as verified, under the id that callers know.
pub async fn insert_verified_email(tx: &mut Tx, app_id: &str, user_id: &str, email: &str) -> Result<()> {
    let sql = "insert into emailverification_verified_emails (app_id, user_id, email) values ($1, $2, $3)
        on conflict do nothing";
    tx.execute(sql, args![app_id, user_id, email]).await?;
    Ok(())
}
