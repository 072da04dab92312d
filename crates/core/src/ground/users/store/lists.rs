//! The statements that list and count users.

use crate::ground::users::model::{Cursor, Search};
use crate::{Result, Scope};
use portcullis_db::{Engine, Tx, Value, args};

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
    pub recipe_ids: Vec<&'static str>,
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
    let (sql, args) = count_statement(tx.engine(), scope, filter, joined);
    let row: Vec<(i64,)> = tx.fetch_all_planned(sql, &args).await?;
    Ok(row.first().map_or(0, |(count,)| *count))
}

fn count_statement<'a>(
    engine: Engine,
    scope: &'a Scope,
    filter: &'a UserFilter,
    joined: Joined,
) -> (String, Vec<Value<'a>>) {
    let bound = match joined {
        Joined::Ever => None,
        Joined::Until(time) => Some(("<=", time)),
        Joined::After(time) => Some((">", time)),
    };
    // Who joined lately is at an end of the list.
    let way = if matches!(joined, Joined::After(_)) { Way::List } else { Way::Members };
    let (condition, mut args) = conditions(engine, scope, filter, way);
    let mut sql = format!("select count(distinct a.primary_or_recipe_user_id) from {condition}");
    if let Some((compared, time)) = bound {
        args.push(time.into());
        sql.push_str(&format!(" and a.primary_or_recipe_user_time_joined {compared} ${}", args.len()));
    }
    (sql, args)
}

/// A page of groups; the cursor names its first entry. Where the engine does not find its way by itself, up to
/// `gathered_max` members of the tenant are gathered and sorted; of a tenant with more of them a page is soon full by
/// going through the list of all users.
pub(crate) async fn list_groups(
    tx: &mut Tx,
    scope: &Scope,
    filter: &UserFilter,
    page: Page<'_>,
    gathered_max: i64,
) -> Result<Vec<Cursor>> {
    let few = tx.engine() == Engine::Sqlite && has_few(tx, scope, filter, gathered_max).await?;
    let way = if few { Way::Members } else { Way::List };
    let (sql, args) = page_statement(tx.engine(), scope, filter, page, way);
    let rows: Vec<(String, i64)> = tx.fetch_all_planned(sql, &args).await?;
    Ok(rows.into_iter().map(|(user_id, time_joined)| Cursor { user_id, time_joined }).collect())
}

/// Whether the tenant has so many members at most; never for all tenants.
async fn has_few(tx: &mut Tx, scope: &Scope, filter: &UserFilter, most: i64) -> Result<bool> {
    if filter.all_tenants {
        return Ok(false);
    }
    let args = args![&scope.app_id, &scope.tenant_id];
    let counted: Option<(i64,)> = tx.fetch_optional(few_statement(filter, most), args).await?;
    Ok(counted.is_some_and(|(count,)| count <= most))
}

/// How many members there are, as far as it matters.
fn few_statement(filter: &UserFilter, most: i64) -> String {
    let recipes = if filter.recipe_ids.is_empty() {
        String::new()
    } else {
        format!(" and t.recipe_id in {}", recipe_list(filter))
    };
    format!(
        "select count(*) from (select 1 from recipe_user_tenants t
         where t.app_id = $1 and t.tenant_id = $2{recipes} limit {}) counted",
        most + 1
    )
}

fn page_statement<'a>(
    engine: Engine,
    scope: &'a Scope,
    filter: &'a UserFilter,
    page: Page<'a>,
    way: Way,
) -> (String, Vec<Value<'a>>) {
    let (condition, mut args) = conditions(engine, scope, filter, way);
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

/// How SQLite finds the members of a tenant; PostgreSQL chooses for itself, by what it knows of the tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Through the list of all users, in its order.
    List,
    /// Through all members.
    Members,
}

fn conditions<'a>(
    engine: Engine,
    scope: &'a Scope,
    filter: &'a UserFilter,
    way: Way,
) -> (String, Vec<Value<'a>>) {
    let mut args = vec![Value::from(&scope.app_id)];
    let (users, members) = ("app_id_to_user_id a", "recipe_user_tenants t");
    let mut text = if filter.all_tenants {
        format!("{users} where a.app_id = $1")
    } else {
        args.push(Value::from(&scope.tenant_id));
        // SQLite keeps the order of a cross join.
        let tables = match (engine, way) {
            (Engine::Sqlite, Way::Members) => format!("{} cross join {users}", indexed(members, filter)),
            _ => format!("{users} cross join {members}"),
        };
        format!(
            "{tables} where t.app_id = $1 and t.recipe_user_id = a.user_id and a.app_id = $1 and t.tenant_id = $2"
        )
    };
    if !filter.recipe_ids.is_empty() {
        // In the text, so that each list has a plan of its own: of one recipe there are few, of another very many.
        let list = recipe_list(filter);
        text.push_str(&format!(" and a.recipe_id in {list}"));
        if !filter.all_tenants {
            text.push_str(&format!(" and t.recipe_id in {list}"));
        }
    }
    (text, args)
}

/// SQLite, which knows of no tenant how many members it has, would rather go through the members of all tenants, of
/// whom an index has all that is asked.
fn indexed(members: &str, filter: &UserFilter) -> String {
    // The key finds the members of a recipe.
    if filter.recipe_ids.is_empty() {
        format!("{members} indexed by idx_recipe_user_tenants_account_info")
    } else {
        members.to_owned()
    }
}

fn recipe_list(filter: &UserFilter) -> String {
    format!("('{}')", filter.recipe_ids.join("', '"))
}

/// Groups found by a search at most, as in the reference.
const SEARCH_MAX: i64 = 1000;

/// The groups of the tenant with a login method that fits. Any order of terms finds the same. Up to `gathered_max`
/// members are gathered by what they have; whoever fits a term that even more fit is soon met by going through all
/// users in the list's order.
pub(crate) async fn search_groups(
    tx: &mut Tx,
    scope: &Scope,
    search: &Search,
    ascending: bool,
    gathered_max: i64,
) -> Result<Vec<String>> {
    let (tags, args) = tags(tx.engine(), scope, search);
    let args: Vec<Value<'_>> = args.iter().map(Value::from).collect();
    let counts: Vec<(i64, i64)> = tx.fetch_all(counts_statement(&tags, gathered_max), &args).await?;
    let rarest = counts.into_iter().min_by_key(|(_, count)| *count);
    let gathered = rarest.filter(|(_, count)| *count <= gathered_max);
    let gathered = gathered.and_then(|(at, _)| usize::try_from(at).ok());
    let sql = search_statement(tx.engine(), &tags, gathered, ascending);
    let rows: Vec<(String, i64)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(id, _)| id).collect())
}

/// What a search says of one kind of info. Each term is a range of an index: comparing bytes, everything that
/// begins with it lies between it and the same with the last of all characters.
struct Tag {
    kind: &'static str,
    /// Conditions of which one must hold.
    ranges: Vec<String>,
}

/// The tags of a search, and the arguments of all its statements.
fn tags(engine: Engine, scope: &Scope, search: &Search) -> (Vec<Tag>, Vec<String>) {
    let (position, from, to) = match engine {
        Engine::Postgres => ("strpos", "~>=~", "~<~"),
        Engine::Sqlite => ("instr", ">=", "<"),
    };
    let value = "m.account_info_value".to_owned();
    let lower = format!("lower({value})");
    let domain = format!("substr({value}, {position}({value}, '@') + 1)");
    let kinds = [
        ("email", vec![&value, &domain], &search.emails),
        ("phone", vec![&value], &search.phones),
        ("tparty", vec![&lower], &search.providers),
    ];
    let mut args = vec![scope.app_id.clone(), scope.tenant_id.clone()];
    let mut tags = Vec::new();
    for (kind, columns, terms) in kinds.into_iter().filter(|(_, _, terms)| !terms.is_empty()) {
        let mut ranges = Vec::new();
        for term in terms {
            args.extend([term.clone(), format!("{term}{}", char::MAX)]);
            let (first, last) = (args.len() - 1, args.len());
            ranges.extend(
                columns.iter().map(|column| format!("{column} {from} ${first} and {column} {to} ${last}")),
            );
        }
        tags.push(Tag { kind, ranges });
    }
    (tags, args)
}

impl Tag {
    /// Who fits, each range by its index.
    fn gather(&self, columns: &str) -> String {
        let of_range = |range: &String| {
            format!(
                "select {columns} from recipe_user_tenants m where m.app_id = $1 and m.tenant_id = $2
                 and m.account_info_type = '{}' and {range}",
                self.kind
            )
        };
        self.ranges.iter().map(of_range).collect::<Vec<_>>().join(" union all ")
    }

    /// Whether the user `a` fits.
    fn probe(&self) -> String {
        format!(
            "select 1 from recipe_user_tenants m where m.app_id = $1 and m.tenant_id = $2
             and m.recipe_user_id = a.user_id and m.account_info_type = '{}' and ({})",
            self.kind,
            self.ranges.join(" or ")
        )
    }
}

/// How many fit each tag, by its place, as far as it matters.
fn counts_statement(tags: &[Tag], gathered_max: i64) -> String {
    let of_tag = |(at, tag): (usize, &Tag)| {
        let all = tag.gather("1 as one");
        let limit = gathered_max + 1;
        format!(
            "select cast({at} as bigint), count(*) from (select one from ({all}) fits limit {limit}) counted"
        )
    };
    tags.iter().enumerate().map(of_tag).collect::<Vec<_>>().join(" union all ")
}

/// Who fits all tags: those who fit one of them are gathered, or all users are gone through in the list's order.
/// PostgreSQL cannot tell how many that are, so it is told the way: `limit` keeps it from any other.
fn search_statement(engine: Engine, tags: &[Tag], gathered: Option<usize>, ascending: bool) -> String {
    const USER: &str = "a.primary_or_recipe_user_id, a.primary_or_recipe_user_time_joined";
    let is_postgres = engine == Engine::Postgres;
    let mut sql = format!("select distinct {USER} from ");
    let mut conditions = vec!["a.app_id = $1".to_owned()];
    match gathered {
        Some(at) => {
            let gather = tags[at].gather("m.recipe_user_id");
            let user = "app_id_to_user_id a where a.app_id = $1 and a.user_id = g.recipe_user_id";
            sql.push_str(&format!("({gather}) g cross join "));
            if is_postgres {
                sql.push_str(&format!("lateral (select a.app_id, a.user_id, {USER} from {user} limit 1) a"));
            } else {
                sql.push_str("app_id_to_user_id a");
                conditions.push("a.user_id = g.recipe_user_id".to_owned());
            }
        }
        None => sql.push_str("app_id_to_user_id a"),
    }
    for (at, tag) in tags.iter().enumerate().filter(|(at, _)| gathered != Some(*at)) {
        if is_postgres {
            sql.push_str(&format!(" cross join lateral ({} limit 1) has_{at}", tag.probe()));
        } else {
            conditions.push(format!("exists ({})", tag.probe()));
        }
    }
    let order = if ascending { "asc" } else { "desc" };
    sql.push_str(&format!(
        " where {} order by a.primary_or_recipe_user_time_joined {order}, a.primary_or_recipe_user_id desc
         limit {SEARCH_MAX}",
        conditions.join(" and ")
    ));
    sql
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
        for (all_tenants, ascending) in [(false, false), (false, true), (true, false), (true, true)] {
            let filter = UserFilter { all_tenants, ..UserFilter::default() };
            let part = Page { limit: 10, ascending, from: Some(&from) };
            let (sql, args) = page_statement(Engine::Sqlite, &scope, &filter, part, Way::List);
            let page = plan(&mut tx, &sql, &args).await;
            // At most those who joined in the same millisecond are sorted, and never all who come after.
            assert!(!page.iter().any(|step| step.ends_with("FOR ORDER BY")), "{page:?}");
            plans.push(page);
        }
        for recipe_ids in [vec![], vec!["emailpassword"], vec!["emailpassword", "thirdparty"]] {
            let filter = UserFilter { recipe_ids, ..UserFilter::default() };
            let (sql, args) = count_statement(Engine::Sqlite, &scope, &filter, Joined::After(1));
            let newer = plan(&mut tx, &sql, &args).await;
            assert!(newer.iter().any(|step| step.contains("user_time_joined>?")), "{newer:?}");
            plans.push(newer);
            // A tenant of few costs what these few do, however many users the app has.
            let part = Page { limit: 10, ascending: false, from: Some(&from) };
            let page = page_statement(Engine::Sqlite, &scope, &filter, part, Way::Members);
            let all = count_statement(Engine::Sqlite, &scope, &filter, Joined::Ever);
            let few = (few_statement(&filter, 9), all.1.clone());
            for (sql, args) in [page, all, few] {
                let members = plan(&mut tx, &sql, &args).await;
                assert!(members.iter().any(|step| step.contains("(app_id=? AND tenant_id=?")), "{members:?}");
                plans.push(members);
            }
        }
        let terms = || vec!["a".to_owned()];
        let search = Search { emails: terms(), phones: terms(), providers: terms() };
        let (tags, args) = tags(Engine::Sqlite, &scope, &search);
        let args: Vec<Value<'_>> = args.iter().map(Value::from).collect();
        plans.push(plan(&mut tx, &counts_statement(&tags, 9), &args).await);
        for gathered in [None, Some(0), Some(2)] {
            for ascending in [true, false] {
                let sql = search_statement(Engine::Sqlite, &tags, gathered, ascending);
                plans.push(plan(&mut tx, &sql, &args).await);
            }
        }
        for plan in plans {
            assert!(!plan.is_empty());
            for step in plan.iter().filter(|step| step.contains("SCAN ") || step.contains("SEARCH ")) {
                // In the order of the list, as far as the page goes; or a range of an index.
                let is_list = step.contains("pagination_index");
                let is_range = ["account_info_value>?", "<expr>>?"].iter().any(|range| step.contains(range));
                // What was gathered by ranges.
                let is_gathered = ["SCAN counted", "SCAN fits", "SCAN g", "SCAN (subquery"];
                let is_gathered = is_gathered.iter().any(|gathered| step.starts_with(gathered));
                let is_member = step.contains("tenant_id=?") || step.contains("user_id=?");
                assert!(is_list || is_range || is_gathered || is_member, "{step}");
            }
        }
    }
}
