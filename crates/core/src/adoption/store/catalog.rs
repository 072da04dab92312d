//! What is in a schema.

use crate::Result;
use crate::adoption::model::{Catalog, Column, Constraint, Facts, Index, Rule, Table};
use crate::adoption::names::Current;
use portcullis_db::{Tx, args};
use std::collections::{BTreeMap, BTreeSet};

/// The names of all tables.
pub(in crate::adoption) async fn list_tables(tx: &mut Tx) -> Result<BTreeSet<String>> {
    let sql = "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind in ('r', 'p')";
    let rows: Vec<(String,)> = tx.fetch_all(sql, &[]).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

/// Whether there is a table that ends in one of these ways, and none that is called otherwise.
pub(in crate::adoption) async fn has_table_but_not(
    tx: &mut Tx,
    [one, or]: [&str; 2],
    other: &str,
) -> portcullis_db::Result<bool> {
    let sql = "select count(*) filter (where right(c.relname, length($1::text)) = $1
                or right(c.relname, length($2::text)) = $2) > 0
            and count(*) filter (where c.relname = $3) = 0
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind in ('r', 'p')";
    let found: Option<(bool,)> = tx.fetch_optional(sql, args![one, or, other]).await?;
    Ok(found.is_some_and(|(found,)| found))
}

/// Everything about the tables, by the names that they should have.
pub(in crate::adoption) async fn read(tx: &mut Tx, current: &Current) -> Result<Catalog> {
    let sql = "select c.relname, c.relkind = 'p'
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind in ('r', 'p')";
    let rows: Vec<(String, bool)> = tx.fetch_all(sql, &[]).await?;
    let named = |(name, is_parted): (String, bool)| {
        (current.standard(&name).to_owned(), Table { is_parted, ..Table::default() })
    };
    let mut tables: BTreeMap<String, Table> = rows.into_iter().map(named).collect();
    for (name, column, of) in read_columns(tx).await? {
        if let Some(table) = tables.get_mut(current.standard(&name)) {
            table.columns.insert(column, of);
        }
    }
    for (name, constraint) in read_constraints(tx, current).await? {
        if let Some(table) = tables.get_mut(current.standard(&name)) {
            table.constraints.push(constraint);
        }
    }
    for (name, index) in read_indexes(tx).await? {
        if let Some(table) = tables.get_mut(current.standard(&name)) {
            table.indexes.push(index);
        }
    }
    Ok(Catalog { tables })
}

async fn read_columns(tx: &mut Tx) -> Result<Vec<(String, String, Column)>> {
    let sql = "select c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
            pg_get_expr(d.adbin, d.adrelid)
        from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid
        left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
        where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relispartition
            and a.attnum > 0 and not a.attisdropped";
    let rows: Vec<(String, String, String, bool, Option<String>)> = tx.fetch_all(sql, &[]).await?;
    let read = rows.into_iter().map(|(table, column, kind, is_required, default)| {
        (table, column, Column { kind, is_required, default })
    });
    Ok(read.collect())
}

type ConstraintRow = (String, String, String, String, Option<String>, Option<String>, String, String, bool);

async fn read_constraints(tx: &mut Tx, current: &Current) -> Result<Vec<(String, Constraint)>> {
    let sql = "select c.relname, k.conname, k.contype::text,
            (select string_agg(a.attname::text, ', ' order by p.place)
                from unnest(k.conkey) with ordinality p(number, place)
                join pg_attribute a on a.attrelid = k.conrelid and a.attnum = p.number),
            r.relname,
            (select string_agg(a.attname::text, ', ' order by p.place)
                from unnest(k.confkey) with ordinality p(number, place)
                join pg_attribute a on a.attrelid = k.confrelid and a.attnum = p.number),
            k.confdeltype::text, k.confupdtype::text, k.convalidated
        from pg_constraint k join pg_class c on c.oid = k.conrelid
        join pg_namespace n on n.oid = c.relnamespace
        left join pg_class r on r.oid = k.confrelid
        where n.nspname = current_schema() and k.contype in ('p', 'u', 'f') and not c.relispartition
        order by k.conname";
    let rows: Vec<ConstraintRow> = tx.fetch_all(sql, &[]).await?;
    let read = rows.into_iter().map(|row| {
        let (table, name, kind, columns, other, others, on_delete, on_update, is_proven) = row;
        let rule = match (kind.as_str(), other, others) {
            ("p", ..) => Rule::Primary,
            (_, Some(other), Some(columns)) => {
                Rule::Foreign { table: current.standard(&other).to_owned(), columns, on_delete, on_update }
            }
            _ => Rule::Unique,
        };
        (table, Constraint { name, columns, rule, is_proven })
    });
    Ok(read.collect())
}

async fn read_indexes(tx: &mut Tx) -> Result<Vec<(String, Index)>> {
    let sql = "select c.relname, i.relname, pg_get_indexdef(x.indexrelid), x.indisunique, x.indisvalid
        from pg_index x join pg_class c on c.oid = x.indrelid join pg_class i on i.oid = x.indexrelid
        join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind in ('r', 'p') and not c.relispartition
            and not exists (select 1 from pg_constraint k where k.conindid = x.indexrelid and k.contype in ('p', 'u'))";
    let rows: Vec<(String, String, String, bool, bool)> = tx.fetch_all(sql, &[]).await?;
    let read = rows.into_iter().map(|(table, name, definition, is_unique, is_whole)| {
        let definition =
            definition.split_once(" USING ").map_or(definition.as_str(), |(_, rest)| rest).to_owned();
        (table, Index { name, definition, is_unique, is_whole })
    });
    Ok(read.collect())
}

/// How many rows a table has.
pub(in crate::adoption) async fn count_rows(tx: &mut Tx, current: &Current, table: &str) -> Result<i64> {
    let sql = current.fill(&format!("select count(*) from {{{table}}}"));
    let found: Option<(i64,)> = tx.fetch_optional(sql, &[]).await?;
    Ok(found.map_or(0, |(count,)| count))
}

/// What the older and the newer tables say about memberships, where both are there.
pub(in crate::adoption) async fn compare(tx: &mut Tx, current: &Current) -> Result<Facts> {
    let users = count_rows(tx, current, "app_id_to_user_id").await?;
    let newer = count_rows(tx, current, "recipe_user_tenants").await?;
    let sql = current.fill(
        "select count(*), count(*) filter (where u.time_joined <> 0),
            count(distinct (m.app_id, m.user_id)) filter (where u.time_joined = 0)
        from {all_auth_recipe_users} m
        join {app_id_to_user_id} u on u.app_id = m.app_id and u.user_id = m.user_id
        where not exists (select 1 from {recipe_user_tenants} t
            where t.app_id = m.app_id and t.tenant_id = m.tenant_id and t.recipe_user_id = m.user_id)",
    );
    let older: Option<(i64, i64, i64)> = tx.fetch_optional(sql, &[]).await?;
    let (only_older, only_older_moved, waiting) = older.unwrap_or_default();
    let sql = current.fill(
        "select count(distinct (t.app_id, t.tenant_id, t.recipe_user_id))
        from {recipe_user_tenants} t
        join {app_id_to_user_id} u on u.app_id = t.app_id and u.user_id = t.recipe_user_id
        where not exists (select 1 from {all_auth_recipe_users} m
            where m.app_id = t.app_id and m.tenant_id = t.tenant_id and m.user_id = t.recipe_user_id)",
    );
    let only_newer: Option<(i64,)> = tx.fetch_optional(sql, &[]).await?;
    let only_newer = only_newer.map_or(0, |(count,)| count);
    Ok(Facts { users, newer, only_older, only_older_moved, only_newer, waiting })
}

/// Phone numbers that are not in the form in which they are looked up.
pub(in crate::adoption) async fn count_odd_numbers(tx: &mut Tx, current: &Current) -> Result<i64> {
    let sql = current.fill(
        "select count(*) from {passwordless_users} where phone_number is not null and phone_number !~ '^[+][1-9][0-9]*$'",
    );
    let found: Option<(i64,)> = tx.fetch_optional(sql, &[]).await?;
    Ok(found.map_or(0, |(count,)| count))
}

/// A tenant's settings: domain, app, tenant, and the JSON text.
pub(in crate::adoption) type TenantSettings = (String, String, String, Option<String>);

/// The settings of all tenants, in the order of their ids.
pub(in crate::adoption) async fn list_settings(
    tx: &mut Tx,
    current: &Current,
) -> Result<Vec<TenantSettings>> {
    let sql = current.fill(
        "select connection_uri_domain, app_id, tenant_id, core_config from {tenant_configs} order by 1, 2, 3",
    );
    Ok(tx.fetch_all(sql, &[]).await?)
}

/// How many of these tenants have no row; they are told as a JSON array of `[app, tenant]`.
pub(in crate::adoption) async fn count_absent(tx: &mut Tx, current: &Current, tenants: &str) -> Result<i64> {
    let sql = current.fill(
        "select count(*) from json_array_elements($1::text::json) r where not exists (
            select 1 from {tenants} t where t.app_id = r ->> 0 and t.tenant_id = r ->> 1)",
    );
    let found: Option<(i64,)> = tx.fetch_optional(sql, args![tenants]).await?;
    Ok(found.map_or(0, |(count,)| count))
}

/// Connections to this database by a driver that names itself so.
pub(in crate::adoption) async fn count_connections(tx: &mut Tx, name: &str) -> Result<i64> {
    let sql = "select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and application_name = $1";
    let found: Option<(i64,)> = tx.fetch_optional(sql, args![name]).await?;
    Ok(found.map_or(0, |(count,)| count))
}
