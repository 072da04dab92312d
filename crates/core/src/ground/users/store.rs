//! The statements on users of every recipe.

use super::model::{Cursor, InfoKind, LoginMethod, Search, ThirdParty};
use crate::{Error, Result, Scope};
use portcullis_db::{Engine, FromRow, Row, Tx, Value, args, placeholders};

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

pub(super) type RowColumns = (String, String, bool, String, i64, Option<String>);

impl From<RowColumns> for UserRow {
    fn from((user_id, primary_id, is_linked, recipe_id, time_joined, external_id): RowColumns) -> Self {
        Self { user_id, primary_id, is_linked, recipe_id, time_joined, external_id }
    }
}

/// Something by which a login method is found.
#[derive(Clone, Copy, Debug)]
pub struct AccountInfo<'a> {
    /// What it is.
    pub kind: InfoKind,
    /// The address, the number, or `<provider>::<user>`.
    pub value: &'a str,
    /// The provider and the user there, for every info of such a login method: an address that a provider
    /// tells is not unique in a tenant. Empty for others.
    pub third_party: (&'a str, &'a str),
}

impl<'a> AccountInfo<'a> {
    /// An address or a number that is unique among the recipe's users of a tenant.
    pub fn unique(kind: InfoKind, value: &'a str) -> Self {
        Self { kind, value, third_party: ("", "") }
    }

    /// Kind, value, provider, user there.
    fn columns(self) -> [Value<'a>; 4] {
        let (provider, user) = self.third_party;
        [self.kind.name().into(), self.value.into(), provider.into(), user.into()]
    }
}

/// A new user of one recipe.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// The internal id.
    pub user_id: &'a str,
    /// The recipe.
    pub recipe_id: &'a str,
    /// What nobody else of the recipe may have in the tenant.
    pub identity: AccountInfo<'a>,
    /// What is known besides.
    pub further: Option<AccountInfo<'a>>,
    /// Milliseconds since 1970.
    pub time_joined: i64,
}

/// A row about a new user in a table that is not the users' own: it is added together with the user.
#[derive(Clone, Debug)]
pub struct OwnRow<'a> {
    /// The table; it has the columns `app_id` and `user_id`.
    pub table: &'static str,
    /// Its other columns.
    pub columns: &'static [&'static str],
    /// Their values.
    pub values: Vec<Value<'a>>,
}

/// Creates a user in a tenant, with rows in other tables; false if what identifies it is taken there. On
/// PostgreSQL this is one statement.
pub async fn insert_user(tx: &mut Tx, scope: &Scope, new: NewUser<'_>, own: &[OwnRow<'_>]) -> Result<bool> {
    let NewUser { user_id, recipe_id, identity, further, time_joined } = new;
    let mut args = args![&scope.app_id, user_id, &scope.tenant_id, recipe_id, time_joined].to_vec();
    let mut rows = vec![("app_id_to_user_id", USER_COLUMNS.to_owned(), USER_VALUES.to_owned())];
    for (at, info) in std::iter::once(identity).chain(further).enumerate() {
        let values = format!("{INFO_VALUES}, {}", placeholders(args.len() + 1, 4));
        args.extend(info.columns());
        if at > 0 {
            rows.push(("recipe_user_tenants", format!("{INFO_COLUMNS}, tenant_id"), format!("{values}, $3")));
        }
        rows.push(("recipe_user_account_infos", INFO_COLUMNS.to_owned(), values));
    }
    for row in own {
        let columns = format!("app_id, user_id, {}", row.columns.join(", "));
        let values = format!("$1, cast($2 as text), {}", placeholders(args.len() + 1, row.values.len()));
        rows.push((row.table, columns, values));
        args.extend(&row.values);
    }
    // Whoever identifies the user in the tenant first has made it.
    let first = format!(
        "insert into recipe_user_tenants ({INFO_COLUMNS}, tenant_id) values ({INFO_VALUES}, $6, $7, $8, $9, $3)
         on conflict do nothing"
    );
    if tx.engine() == Engine::Sqlite {
        let is_new = tx.execute(first, &args).await? > 0;
        for (table, columns, values) in rows.iter().filter(|_| is_new) {
            tx.execute(format!("insert into {table} ({columns}) values ({values})"), &args).await?;
        }
        return Ok(is_new);
    }
    let mut sql = format!("with new as ({first} returning tenant_id)");
    for (at, (table, columns, values)) in rows.iter().enumerate() {
        sql.push_str(&format!(", row_{at} as (insert into {table} ({columns}) select {values} from new)"));
    }
    sql.push_str(" select tenant_id from new");
    Ok(tx.fetch_optional::<(String,)>(sql, &args).await?.is_some())
}

const USER_COLUMNS: &str = "app_id, user_id, recipe_id, primary_or_recipe_user_id,
    is_linked_or_is_a_primary_user, time_joined, primary_or_recipe_user_time_joined";
/// Ids are cast because their columns are not all of one type, and an argument has but one.
const USER_VALUES: &str = "$1, cast($2 as text), $4, cast($2 as text), false, $5, $5";

/// What `recipe_user_tenants` and `recipe_user_account_infos` have in common.
const INFO_COLUMNS: &str = "app_id, recipe_user_id, recipe_id, account_info_type, account_info_value,
    third_party_id, third_party_user_id";
/// The first of [`INFO_COLUMNS`]; those of [`AccountInfo::columns`] follow.
const INFO_VALUES: &str = "$1, cast($2 as text), $4";

/// A member of a group, and how it signs in; nothing if that was deleted and only the group's name stayed.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) row: UserRow,
    pub(super) method: Option<LoginMethod>,
}

/// Everything about members of groups: a row for each pair of account info and membership. Verified
/// addresses are kept under the id that callers know.
const MEMBERS: &str = "select a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user,
    a.recipe_id, a.time_joined, m.external_user_id, i.account_info_type, i.account_info_value,
    i.third_party_id, i.third_party_user_id, t.tenant_id, v.email
    from app_id_to_user_id a
    left join userid_mapping m on m.app_id = a.app_id and m.supertokens_user_id = a.user_id
    left join recipe_user_account_infos i on i.app_id = a.app_id and i.recipe_user_id = a.user_id
    left join recipe_user_tenants t on t.app_id = a.app_id and t.recipe_user_id = a.user_id
    left join emailverification_verified_emails v on v.app_id = a.app_id
        and v.user_id = coalesce(m.external_user_id, cast(a.user_id as text))
        and v.email = i.account_info_value and i.account_info_type = 'email'";

/// The members, oldest first, of the group of the user with an internal or external id; an internal one wins.
pub(super) async fn find_members(tx: &mut Tx, app_id: &str, id: &str) -> Result<Vec<Member>> {
    // The id comes twice because PostgreSQL passes over blanks at the end of a `char(36)`.
    let sql = format!(
        "{MEMBERS} where a.app_id = $1 and a.primary_or_recipe_user_id = (
            select g.primary_or_recipe_user_id from app_id_to_user_id g
            where g.app_id = $1 and g.user_id = coalesce(
                (select k.user_id from app_id_to_user_id k
                    where k.app_id = $1 and k.user_id = $2 and cast(k.user_id as text) = $3),
                (select x.supertokens_user_id from userid_mapping x
                    where x.app_id = $1 and x.external_user_id = $3)))"
    );
    let rows = tx.fetch_all(sql, args![app_id, id, id]).await?;
    super::passkeys::add(tx, app_id, to_members(rows)).await
}

/// The members, oldest first, of the groups with these ids.
pub(super) async fn list_members(tx: &mut Tx, app_id: &str, primary_ids: &[String]) -> Result<Vec<Member>> {
    let sql = members_statement(primary_ids.len());
    let ids = primary_ids.iter().map(String::as_str);
    let args: Vec<Value<'_>> = std::iter::once(app_id).chain(ids).map(Value::from).collect();
    let rows = tx.fetch_all(sql, &args).await?;
    super::passkeys::add(tx, app_id, to_members(rows)).await
}

fn members_statement(groups: usize) -> String {
    let list = placeholders(2, groups);
    format!("{MEMBERS} where a.app_id = $1 and a.primary_or_recipe_user_id in ({list})")
}

/// What there is about a login method beside [`UserRow`]: account info, membership, verified address.
struct Detail {
    info: Option<(String, String, String, String)>,
    tenant_id: Option<String>,
    verified_email: Option<String>,
}

struct MemberRow(UserRow, Detail);

impl FromRow for MemberRow {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let kind: Option<String> = row.get(6)?;
        let info = match kind {
            Some(kind) => Some((kind, row.get(7)?, row.get(8)?, row.get(9)?)),
            None => None,
        };
        let detail = Detail { info, tenant_id: row.get(10)?, verified_email: row.get(11)? };
        Ok(Self(RowColumns::from_row(row)?.into(), detail))
    }
}

fn to_members(mut rows: Vec<MemberRow>) -> Vec<Member> {
    rows.sort_by(|MemberRow(left, _), MemberRow(right, _)| {
        (left.time_joined, &left.user_id).cmp(&(right.time_joined, &right.user_id))
    });
    let mut members: Vec<Member> = Vec::new();
    for MemberRow(row, detail) in rows {
        let is_known = members.last().is_some_and(|last| last.row.user_id == row.user_id);
        if !is_known {
            members.push(Member { row, method: None });
        }
        if let Some(member) = members.last_mut() {
            member.add(detail);
        }
    }
    for method in members.iter_mut().filter_map(|member| member.method.as_mut()) {
        method.tenant_ids.sort_unstable();
        method.verified |= method.email.is_none() && method.recipe_id == "passwordless";
    }
    members
}

impl Member {
    fn add(&mut self, detail: Detail) {
        let Some((kind, value, third_party_id, third_party_user_id)) = detail.info else { return };
        let method = self.method.get_or_insert_with(|| empty_method(&self.row));
        match kind.as_str() {
            "email" => {
                method.email = Some(value);
                method.verified = detail.verified_email.is_some();
            }
            "phone" => method.phone_number = Some(value),
            _ => method.third_party = Some(ThirdParty { id: third_party_id, user_id: third_party_user_id }),
        }
        method.tenant_ids.extend(detail.tenant_id.filter(|id| !method.tenant_ids.contains(id)));
    }
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
        credential_ids: Vec::new(),
        verified: false,
    }
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
    let (sql, args) = page_statement(scope, filter, page);
    let rows: Vec<(String, i64)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(user_id, time_joined)| Cursor { user_id, time_joined }).collect())
}

fn page_statement<'a>(scope: &'a Scope, filter: &'a UserFilter, page: Page<'a>) -> (String, Vec<Value<'a>>) {
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
    (sql, args)
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
        // SQLite keeps the order of a cross join: it shall go through the users in the list's own order,
        // and not through all members of the tenant.
        text.push_str(
            " cross join recipe_user_tenants t where t.app_id = a.app_id and t.recipe_user_id = a.user_id
             and a.app_id = $1 and t.tenant_id = $2",
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

/// Changes a login method's address or number in every tenant, adds it if there was none, or takes it away;
/// false if somebody else of the recipe has it in one of them. A provider's address is nobody's alone.
pub(super) async fn update_info(
    tx: &mut Tx,
    app_id: &str,
    method: &LoginMethod,
    kind: InfoKind,
    value: Option<&str>,
) -> Result<bool> {
    let third_party = method.third_party.as_ref().map_or(("", ""), |user| (&user.id, &user.user_id));
    let Some(value) = value else {
        for table in ["recipe_user_tenants", "recipe_user_account_infos"] {
            let sql = format!(
                "delete from {table} where app_id = $1 and recipe_user_id = $2 and account_info_type = $3"
            );
            tx.execute(sql, args![app_id, &method.user_id, kind.name()]).await?;
        }
        return Ok(true);
    };
    for tenant_id in &method.tenant_ids {
        let sql = "select recipe_user_id from recipe_user_tenants where app_id = $1 and tenant_id = $2
            and recipe_id = $3 and account_info_type = $4 and account_info_value = $5
            and third_party_id = $6 and third_party_user_id = $7";
        let args =
            args![app_id, tenant_id, &method.recipe_id, kind.name(), value, third_party.0, third_party.1];
        if tx.fetch_optional::<(String,)>(sql, args).await?.is_some() {
            return Ok(false);
        }
    }
    let info = AccountInfo { kind, value, third_party };
    match write_info(tx, app_id, method, info).await {
        // Taken between the look and the change.
        Err(Error::Db(portcullis_db::Error::Duplicate(_))) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

async fn write_info(tx: &mut Tx, app_id: &str, method: &LoginMethod, info: AccountInfo<'_>) -> Result<()> {
    let mut is_there = false;
    for table in ["recipe_user_tenants", "recipe_user_account_infos"] {
        let sql = format!(
            "update {table} set account_info_value = $4
             where app_id = $1 and recipe_user_id = $2 and account_info_type = $3"
        );
        let args = args![app_id, &method.user_id, info.kind.name(), info.value];
        is_there |= tx.execute(sql, args).await? > 0;
    }
    if is_there {
        return Ok(());
    }
    let [kind, value, provider, user] = info.columns();
    let (user_id, recipe_id) = (&method.user_id, &method.recipe_id);
    let sql =
        format!("insert into recipe_user_account_infos ({INFO_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)");
    tx.execute(sql, args![app_id, user_id, recipe_id, kind, value, provider, user]).await?;
    for tenant_id in &method.tenant_ids {
        let sql = format!(
            "insert into recipe_user_tenants ({INFO_COLUMNS}, tenant_id) values ($1, $2, $3, $4, $5, $6, $7, $8)"
        );
        tx.execute(sql, args![app_id, user_id, recipe_id, kind, value, provider, user, tenant_id]).await?;
    }
    Ok(())
}

/// Reserves an address, a number or a provider's user for a primary user in one tenant; false if it is
/// reserved for another one.
pub(super) async fn reserve_info(
    tx: &mut Tx,
    scope: (&str, &str),
    (kind, value): (InfoKind, &str),
    primary_id: &str,
) -> Result<bool> {
    let (app_id, tenant_id) = scope;
    let sql = "insert into primary_user_tenants (app_id, tenant_id, account_info_type, account_info_value,
        primary_user_id) values ($1, $2, $3, $4, $5) on conflict do nothing";
    if tx.execute(sql, args![app_id, tenant_id, kind.name(), value, primary_id]).await? > 0 {
        return Ok(true);
    }
    let sql = "select primary_user_id from primary_user_tenants where app_id = $1 and tenant_id = $2
        and account_info_type = $3 and account_info_value = $4";
    let owner: Option<(String,)> =
        tx.fetch_optional(sql, args![app_id, tenant_id, kind.name(), value]).await?;
    Ok(owner.is_some_and(|(owner,)| owner == primary_id))
}

/// Gives up what is reserved for a primary user in every tenant.
pub(super) async fn release_info(
    tx: &mut Tx,
    app_id: &str,
    (kind, value): (InfoKind, &str),
    primary_id: &str,
) -> Result<()> {
    let sql = "delete from primary_user_tenants where app_id = $1 and account_info_type = $2
        and account_info_value = $3 and primary_user_id = $4";
    tx.execute(sql, args![app_id, kind.name(), value, primary_id]).await?;
    Ok(())
}

/// The row of a new user whose address counts as verified.
pub fn verified_email_row(email: &str) -> OwnRow<'_> {
    OwnRow { table: "emailverification_verified_emails", columns: &["email"], values: vec![email.into()] }
}

/// Marks an address as verified, under the id that callers know.
pub async fn insert_verified_email(tx: &mut Tx, app_id: &str, user_id: &str, email: &str) -> Result<()> {
    let sql = "insert into emailverification_verified_emails (app_id, user_id, email) values ($1, $2, $3)
        on conflict do nothing";
    tx.execute(sql, args![app_id, user_id, email]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_db::{Db, Settings};

    /// How SQLite goes about a statement: the columns by which it looks into each table.
    async fn plan(tx: &mut Tx, sql: &str, args: &[Value<'_>]) -> Vec<String> {
        let rows: Vec<(i64, i64, i64, String)> =
            tx.fetch_all(format!("explain query plan {sql}"), args).await.unwrap();
        rows.into_iter().map(|(.., step)| step).collect()
    }

    #[tokio::test]
    async fn no_statement_on_users_goes_through_all_of_them() {
        let db = Db::open("sqlite::memory:", &Settings::default()).await.unwrap();
        db.migrate(&crate::migrations::all(), 0).await.unwrap();
        let mut tx = db.read().await.unwrap();
        let scope = Scope::base();
        let from = Cursor { user_id: "u".to_owned(), time_joined: 1 };
        let ids = ["a", "u", "v"].map(Value::from);
        let mut plans = vec![plan(&mut tx, &members_statement(2), &ids).await];
        for all_tenants in [false, true] {
            let filter = UserFilter { all_tenants, ..UserFilter::default() };
            let (sql, args) =
                page_statement(&scope, &filter, Page { limit: 10, ascending: false, from: Some(&from) });
            plans.push(plan(&mut tx, &sql, &args).await);
        }
        for plan in plans {
            assert!(!plan.is_empty());
            for step in plan {
                // In the order of the list, as far as the page goes.
                let is_list = step.contains("pagination_index");
                assert!(is_list || step.contains("user_id=?"), "{step}");
            }
        }
    }
}
