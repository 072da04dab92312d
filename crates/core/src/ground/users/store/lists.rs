//! The statements that list and count users.

use crate::ground::users::model::{Cursor, Search};
use crate::{Result, Scope};
use portcullis_db::{Engine, Tx, Value, args, placeholders};

/// The groups that have a member in the tenant with this account info, of one recipe or of any.
pub(crate) async fn list_groups_by_info(
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

/// The groups that have a member in the tenant with this passkey: one for each relying party at most.
pub(crate) async fn list_groups_by_passkey(tx: &mut Tx, scope: &Scope, id: &str) -> Result<Vec<String>> {
    let sql = "select distinct a.primary_or_recipe_user_id from webauthn_credentials c
        join recipe_user_tenants t on t.app_id = c.app_id and t.recipe_user_id = c.user_id
        join app_id_to_user_id a on a.app_id = c.app_id and a.user_id = c.user_id
        where c.app_id = $1 and t.tenant_id = $2 and c.id = $3";
    let rows: Vec<(String,)> = tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, id]).await?;
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

/// When the groups joined that are counted, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Joined {
    /// At any time.
    Ever,
    /// Then or before.
    Until(i64),
    /// After that.
    After(i64),
}

/// How many groups have a member that fits.
pub(crate) async fn count_groups(
    tx: &mut Tx,
    scope: &Scope,
    filter: &UserFilter,
    joined: Joined,
) -> Result<i64> {
    let (sql, args) = count_statement(scope, filter, joined);
    let row: Option<(i64,)> = tx.fetch_optional(sql, &args).await?;
    Ok(row.map_or(0, |(count,)| count))
}

fn count_statement<'a>(scope: &'a Scope, filter: &'a UserFilter, joined: Joined) -> (String, Vec<Value<'a>>) {
    let (condition, mut args) = conditions(scope, filter);
    let mut sql = format!("select count(distinct a.primary_or_recipe_user_id) from {condition}");
    let bound = match joined {
        Joined::Ever => None,
        Joined::Until(time) => Some(("<=", time)),
        Joined::After(time) => Some((">", time)),
    };
    if let Some((compared, time)) = bound {
        args.push(time.into());
        sql.push_str(&format!(" and a.primary_or_recipe_user_time_joined {compared} ${}", args.len()));
    }
    (sql, args)
}

/// A page of groups; the cursor names its first entry.
pub(crate) async fn list_groups(
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
pub(crate) struct Page<'a> {
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
pub(crate) async fn search_groups(
    tx: &mut Tx,
    scope: &Scope,
    search: &Search,
    ascending: bool,
) -> Result<Vec<String>> {
    let (sql, args) = search_statement(tx.engine(), scope, search, ascending);
    let args: Vec<Value<'_>> = args.iter().map(Value::from).collect();
    let rows: Vec<(String, i64)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(id, _)| id).collect())
}

/// The statement and its arguments. Each term is a range of an index: comparing bytes, everything that begins with
/// it lies between it and the same with the last of all characters.
fn search_statement(
    engine: Engine,
    scope: &Scope,
    search: &Search,
    ascending: bool,
) -> (String, Vec<String>) {
    let (position, from, to) = match engine {
        Engine::Postgres => ("strpos", "~>=~", "~<~"),
        Engine::Sqlite => ("instr", ">=", "<"),
    };
    let value = "account_info_value".to_owned();
    let lower = "lower(account_info_value)".to_owned();
    let domain = format!("substr(account_info_value, {position}(account_info_value, '@') + 1)");
    let kinds = [
        ("email", vec![&value, &domain], &search.emails),
        ("phone", vec![&value], &search.phones),
        ("tparty", vec![&lower], &search.providers),
    ];
    let mut args = vec![scope.app_id.clone(), scope.tenant_id.clone()];
    let mut conditions = String::new();
    for (kind, columns, terms) in kinds.into_iter().filter(|(_, _, terms)| !terms.is_empty()) {
        let mut ranges = Vec::new();
        for term in terms {
            args.extend([term.clone(), format!("{term}{}", char::MAX)]);
            let (first, last) = (args.len() - 1, args.len());
            ranges.extend(columns.iter().map(|column| {
                format!(
                    "select recipe_user_id from recipe_user_tenants where app_id = $1 and tenant_id = $2
                     and account_info_type = '{kind}' and {column} {from} ${first} and {column} {to} ${last}"
                )
            }));
        }
        conditions.push_str(&format!(" and a.user_id in ({})", ranges.join(" union all ")));
    }
    let order = if ascending { "asc" } else { "desc" };
    let sql = format!(
        "select distinct a.primary_or_recipe_user_id, a.primary_or_recipe_user_time_joined
         from app_id_to_user_id a where a.app_id = $1{conditions}
         order by a.primary_or_recipe_user_time_joined {order}, a.primary_or_recipe_user_id desc
         limit {SEARCH_MAX}"
    );
    (sql, args)
}

#[cfg(test)]
mod tests {
    use super::super::members::members_statement;
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
        let filter = UserFilter::default();
        let (sql, args) = count_statement(&scope, &filter, Joined::After(1));
        let newer = plan(&mut tx, &sql, &args).await;
        assert!(newer.iter().any(|step| step.contains("primary_or_recipe_user_time_joined>?")), "{newer:?}");
        plans.push(newer);
        let terms = || vec!["a".to_owned()];
        let search = Search { emails: terms(), phones: terms(), providers: terms() };
        let (sql, args) = search_statement(Engine::Sqlite, &scope, &search, true);
        let args: Vec<Value<'_>> = args.iter().map(Value::from).collect();
        plans.push(plan(&mut tx, &sql, &args).await);
        for plan in plans {
            assert!(!plan.is_empty());
            for step in plan.iter().filter(|step| step.contains("SCAN ") || step.contains("SEARCH ")) {
                // In the order of the list, as far as the page goes; or a range of an index.
                let is_list = step.contains("pagination_index");
                let is_range = ["account_info_value>?", "<expr>>?"].iter().any(|range| step.contains(range));
                assert!(is_list || is_range || step.contains("user_id=?"), "{step}");
            }
        }
    }
}
