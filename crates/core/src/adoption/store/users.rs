//! How users are moved: some hundred at a time, in the order of their ids. Each statement does what is missing or wrong
//! and nothing else, so that it can be run again and again beside a core that changes the same users.

use crate::Result;
use crate::adoption::names::Current;
use portcullis_db::{Tx, Value, args};

/// What is known about the database beside its users.
#[derive(Clone, Copy, Debug)]
pub(in crate::adoption) struct Form<'a> {
    pub(in crate::adoption) current: &'a Current,
    /// Whether it is from before there were apps and tenants.
    pub(in crate::adoption) is_single: bool,
    /// Whether it knows linked users.
    pub(in crate::adoption) is_linking: bool,
    /// The recipes that there are tables of.
    pub(in crate::adoption) recipes: &'a [&'static str],
}

/// Users of an app whose ids come after one, up to another one or to the end.
#[derive(Clone, Copy, Debug)]
pub(in crate::adoption) struct Range<'a> {
    pub(in crate::adoption) app_id: &'a str,
    pub(in crate::adoption) after: &'a str,
    pub(in crate::adoption) last: Option<&'a str>,
}

impl<'a> Range<'a> {
    /// `$1`, `$2`, and `$3` if there is an end.
    fn args(&self) -> Vec<Value<'a>> {
        let mut args = args![self.app_id, self.after].to_vec();
        args.extend(self.last.map(Value::from));
        args
    }

    /// A statement, in which `<column>` stands for a condition on that column.
    fn fill(&self, current: &Current, statement: &str) -> String {
        let mut parts = statement.split('<');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            // `<` is also the sign of comparison.
            let Some((column, rest)) = part.split_once('>').filter(|(column, _)| is_column(column)) else {
                filled.push('<');
                filled.push_str(part);
                continue;
            };
            filled.push_str(&format!("{column} > $2"));
            if self.last.is_some() {
                filled.push_str(&format!(" and {column} <= $3"));
            }
            filled.push_str(rest);
        }
        current.fill(&filled)
    }
}

fn is_column(text: &str) -> bool {
    text.contains('.') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
}

pub(in crate::adoption) async fn list_apps(tx: &mut Tx, current: &Current) -> Result<Vec<String>> {
    let rows: Vec<(String,)> =
        tx.fetch_all(current.fill("select app_id from {apps} order by app_id"), &[]).await?;
    Ok(rows.into_iter().map(|(app_id,)| app_id).collect())
}

/// The statements of a batch find rows by their keys, whatever PostgreSQL thinks of tables that were empty just now.
pub(in crate::adoption) async fn go_by_keys(tx: &mut Tx) -> Result<()> {
    tx.execute("set local enable_seqscan = off", &[]).await?;
    tx.execute("set local plan_cache_mode = force_custom_plan", &[]).await?;
    Ok(())
}

/// The last id of the next so many users; `None` if there are fewer.
pub(in crate::adoption) async fn find_last(
    tx: &mut Tx,
    form: Form<'_>,
    (app_id, after): (&str, &str),
    size: i64,
) -> Result<Option<String>> {
    let table = if form.is_single { "{all_auth_recipe_users}" } else { "{app_id_to_user_id}" };
    let sql = form.current.fill(&format!(
        "select user_id from {table} where app_id = $1 and user_id > $2 order by user_id offset $3 limit 1"
    ));
    let found: Option<(String,)> = tx.fetch_optional(sql, args![app_id, after, size - 1]).await?;
    Ok(found.map(|(user_id,)| user_id))
}

/// Keeps the users of a range from being changed by a core that writes the newer tables too.
pub(in crate::adoption) async fn lock(tx: &mut Tx, form: Form<'_>, range: Range<'_>) -> Result<()> {
    let sql = range.fill(
        form.current,
        "select u.user_id from {app_id_to_user_id} u where u.app_id = $1 and <u.user_id>
         order by u.user_id for no key update",
    );
    tx.fetch_all::<(String,)>(sql, &range.args()).await?;
    Ok(())
}

/// Moves the users of a range: who they are, what they have, and where they are members.
pub(in crate::adoption) async fn move_users(tx: &mut Tx, form: Form<'_>, range: Range<'_>) -> Result<()> {
    // Of each table the rows of the range are read at once, and then joined.
    tx.execute("set local enable_nestloop = off", &[]).await?;
    for statement in moving(form) {
        tx.execute(range.fill(form.current, &statement), &range.args()).await?;
    }
    Ok(())
}

fn moving(form: Form<'_>) -> Vec<String> {
    let mut statements = Vec::new();
    if form.is_single {
        statements.extend(ENTRIES.map(str::to_owned));
    }
    if !form.is_linking {
        statements.push(BY_THEMSELVES.to_owned());
    }
    statements.extend([times(form), times_without_tenant(form)]);
    let with = format!("with e as materialized ({}), a as materialized ({OF_RANGE})", infos(form));
    statements.push(format!(
        "{with} delete from {{recipe_user_account_infos}} d where d.app_id = $1 and <d.recipe_user_id>
        and not exists (select 1 from e where e.user_id = d.recipe_user_id and e.recipe_id = d.recipe_id
            and e.kind = d.account_info_type and e.provider = d.third_party_id
            and e.provider_user = d.third_party_user_id)"
    ));
    statements.push(format!(
        "{with} insert into {{recipe_user_account_infos}} (app_id, recipe_user_id, recipe_id, account_info_type,
            account_info_value, third_party_id, third_party_user_id, primary_user_id)
        select cast($1 as varchar(64)), e.user_id, e.recipe_id, e.kind, e.value, e.provider, e.provider_user,
            e.primary_id
        from e
        where not exists (select 1 from a where a.recipe_user_id = e.user_id and a.recipe_id = e.recipe_id
            and a.account_info_type = e.kind and a.third_party_id = e.provider
            and a.third_party_user_id = e.provider_user and a.account_info_value = e.value
            and a.primary_user_id is not distinct from e.primary_id)
        on conflict (app_id, recipe_id, recipe_user_id, account_info_type, third_party_id, third_party_user_id)
        do update set account_info_value = excluded.account_info_value, primary_user_id = excluded.primary_user_id"
    ));
    statements.extend(memberships());
    statements
}

/// Before users could be linked, each was one by itself.
const BY_THEMSELVES: &str = "update {app_id_to_user_id} u set primary_or_recipe_user_id = u.user_id
    where u.app_id = $1 and <u.user_id> and u.primary_or_recipe_user_id is null";

/// What the users of a range have already. It is looked up before anything is compared with it: PostgreSQL takes a table
/// that was made just now to be empty, and would go through all of it again for each user.
const OF_RANGE: &str =
    "select * from {recipe_user_account_infos} o where o.app_id = $1 and <o.recipe_user_id>";

/// What users have, in each of their tenants. What one has given up may have been taken by another one since.
fn memberships() -> [String; 2] {
    let wanted = format!(
        "with a as materialized ({OF_RANGE}),
            m as materialized (select m.tenant_id, m.user_id from {{all_auth_recipe_users}} m
                where m.app_id = $1 and <m.user_id>),
            t as materialized (select * from {{recipe_user_tenants}} t where t.app_id = $1 and <t.recipe_user_id>),
            w as materialized (select m.tenant_id, a.* from m join a on a.recipe_user_id = m.user_id)"
    );
    let is_same = |one: &str, other: &str| {
        let columns = [
            "tenant_id",
            "recipe_user_id",
            "recipe_id",
            "account_info_type",
            "account_info_value",
            "third_party_id",
            "third_party_user_id",
        ];
        columns.map(|column| format!("{one}.{column} = {other}.{column}")).join(" and ")
    };
    [
        format!(
            "{wanted} delete from {{recipe_user_tenants}} d where d.app_id = $1 and <d.recipe_user_id>
            and not exists (select 1 from w where {})",
            is_same("w", "d")
        ),
        format!(
            "{wanted} insert into {{recipe_user_tenants}} (app_id, recipe_user_id, tenant_id, recipe_id, account_info_type,
                account_info_value, third_party_id, third_party_user_id)
            select w.app_id, w.recipe_user_id, w.tenant_id, w.recipe_id, w.account_info_type, w.account_info_value,
                w.third_party_id, w.third_party_user_id
            from w where not exists (select 1 from t where {})
            on conflict (app_id, tenant_id, recipe_id, account_info_type, third_party_id, third_party_user_id,
                account_info_value) do update set recipe_user_id = excluded.recipe_user_id",
            is_same("t", "w")
        ),
    ]
}

/// Before there were apps, a user was its entry in the table of all users.
const ENTRIES: [&str; 2] = [
    "delete from {app_id_to_user_id} u where u.app_id = $1 and <u.user_id>
        and not exists (select 1 from {all_auth_recipe_users} m where <m.user_id> and m.user_id = u.user_id)",
    "insert into {app_id_to_user_id} (app_id, user_id, recipe_id, primary_or_recipe_user_id)
        select m.app_id, m.user_id, m.recipe_id, m.user_id from {all_auth_recipe_users} m
        where m.app_id = $1 and <m.user_id> on conflict do nothing",
];

/// When users joined, by their memberships.
fn times(form: Form<'_>) -> String {
    let group = if form.is_linking { "m.primary_or_recipe_user_time_joined" } else { "m.time_joined" };
    format!(
        "with j as materialized (select m.user_id, min(m.time_joined) as own, min({group}) as of_group
            from {{all_auth_recipe_users}} m where m.app_id = $1 and <m.user_id> group by m.user_id)
        update {{app_id_to_user_id}} u set time_joined = j.own, primary_or_recipe_user_time_joined = j.of_group
        from j where u.app_id = $1 and <u.user_id> and u.user_id = j.user_id
        and (u.time_joined, u.primary_or_recipe_user_time_joined) is distinct from (j.own, j.of_group)"
    )
}

/// When users without a tenant joined, and ids of groups that outlived their users.
fn times_without_tenant(form: Form<'_>) -> String {
    let own = form.recipes.iter().map(|recipe| {
        format!("(select r.time_joined from {{{recipe}_users}} r where r.app_id = u.app_id and r.user_id = u.user_id)")
    });
    let own: Vec<String> = own.collect();
    let group = if form.is_linking {
        "(select min(m.primary_or_recipe_user_time_joined) from {all_auth_recipe_users} m
            where m.app_id = u.app_id and m.primary_or_recipe_user_id = u.primary_or_recipe_user_id)"
    } else {
        "null"
    };
    let own = own.join(", ");
    format!(
        "update {{app_id_to_user_id}} u set time_joined = coalesce({own}, {group}, 0),
            primary_or_recipe_user_time_joined = coalesce({group}, {own}, 0)
        where u.app_id = $1 and <u.user_id> and u.time_joined = 0"
    )
}

/// What the recipes' own tables know about users: the address, the number, the provider's user.
fn infos(form: Form<'_>) -> String {
    let primary = if form.is_linking {
        "case when u.is_linked_or_is_a_primary_user then u.primary_or_recipe_user_id end"
    } else {
        "cast(null as char(36))"
    };
    let of = |recipe: &str, kind: &str, value: &str, by: (&str, &str), condition: &str| {
        format!(
            "select u.user_id, {primary} as primary_id, cast('{recipe}' as text) as recipe_id,
                cast('{kind}' as text) as kind, cast({value} as text) as value, cast({} as text) as provider,
                cast({} as text) as provider_user
            from {{app_id_to_user_id}} u join {{{recipe}_users}} r on r.app_id = u.app_id and r.user_id = u.user_id
            where u.app_id = $1 and <u.user_id> and r.app_id = $1 and <r.user_id>{condition}",
            by.0, by.1
        )
    };
    let none = ("''", "''");
    let mut parts = Vec::new();
    for recipe in form.recipes {
        match *recipe {
            "passwordless" => {
                parts.push(of(recipe, "email", "r.email", none, " and r.email is not null"));
                parts.push(of(recipe, "phone", "r.phone_number", none, " and r.phone_number is not null"));
            }
            "thirdparty" => {
                parts.push(of(recipe, "email", "r.email", ("r.third_party_id", "r.third_party_user_id"), ""));
                let value = "r.third_party_id || '::' || r.third_party_user_id";
                parts.push(of(recipe, "tparty", value, none, ""));
            }
            _ => parts.push(of(recipe, "email", "r.email", none, "")),
        }
    }
    parts.join(" union all ")
}

/// Reserves for the groups that are named after users of a range what their members have, in all tenants of the group.
/// Where two groups have the same from before that was ruled out, a member's own tenant comes first.
pub(in crate::adoption) async fn reserve(tx: &mut Tx, form: Form<'_>, range: Range<'_>) -> Result<()> {
    let members = "with members as materialized (
            select u.primary_or_recipe_user_id as primary_id, u.user_id from {app_id_to_user_id} u
            where u.app_id = $1 and <u.primary_or_recipe_user_id> and u.is_linked_or_is_a_primary_user),
        own as materialized (
            select distinct m.primary_id, a.account_info_type as kind, a.account_info_value as value
            from members m join {recipe_user_account_infos} a on a.app_id = $1 and a.recipe_user_id = m.user_id),
        theirs as materialized (
            select distinct m.primary_id, t.tenant_id
            from members m join {recipe_user_tenants} t on t.app_id = $1 and t.recipe_user_id = m.user_id)";
    let columns = "(app_id, tenant_id, account_info_type, account_info_value, primary_user_id)";
    for statement in [
        "delete from {primary_user_tenants} p where p.app_id = $1 and <p.primary_user_id> and not exists (
            select 1 from own o join theirs t on t.primary_id = o.primary_id
            where o.primary_id = p.primary_user_id and t.tenant_id = p.tenant_id and o.kind = p.account_info_type
            and o.value = p.account_info_value)"
            .to_owned(),
        format!(
            "insert into {{primary_user_tenants}} {columns}
            select distinct cast($1 as varchar(64)), t.tenant_id, t.account_info_type, t.account_info_value, m.primary_id
            from members m join {{recipe_user_tenants}} t on t.app_id = $1 and t.recipe_user_id = m.user_id
            where not exists (select 1 from {{primary_user_tenants}} p where p.app_id = $1
                and p.tenant_id = t.tenant_id and p.account_info_type = t.account_info_type
                and p.account_info_value = t.account_info_value and p.primary_user_id = m.primary_id)
            on conflict (app_id, tenant_id, account_info_type, account_info_value)
            do update set primary_user_id = excluded.primary_user_id"
        ),
        format!(
            "insert into {{primary_user_tenants}} {columns}
            select cast($1 as varchar(64)), t.tenant_id, o.kind, o.value, o.primary_id
            from own o join theirs t on t.primary_id = o.primary_id
            where not exists (select 1 from {{primary_user_tenants}} p where p.app_id = $1
                and p.tenant_id = t.tenant_id and p.account_info_type = o.kind and p.account_info_value = o.value)
            on conflict do nothing"
        ),
    ] {
        let statement = range.fill(form.current, &format!("{members} {statement}"));
        tx.execute(statement, &range.args()).await?;
    }
    Ok(())
}
