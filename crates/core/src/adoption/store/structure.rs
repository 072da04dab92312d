//! How tables are changed. Nothing waits long for a lock: whoever waits for one keeps all later callers waiting too.

use super::target;
use crate::Result;
use crate::adoption::model::{Column, Constraint, Index, Rule};
use crate::adoption::names::{Current, USERS};
use crate::config::{Pool, keys};
use crate::crypto::random;
use portcullis_db::{Tx, args, quoted};
use std::collections::BTreeSet;

/// A schema that is there within the unit of work alone, with what our migrations make in it, and in the form in which
/// SuperTokens' newest core needs it the table that it refers to from tables which it makes.
pub(in crate::adoption) async fn create_target(tx: &mut Tx, is_with_users: bool) -> Result<()> {
    let schema = format!("portcullis_adoption_{}", random::uuid().replace('-', ""));
    tx.execute(format!("create schema {schema}"), &[]).await?;
    tx.execute(format!("set local search_path to {schema}"), &[]).await?;
    for statement in target::statements() {
        tx.execute(statement, &[]).await?;
    }
    if is_with_users {
        let sql = format!(
            "create table {USERS} (
                app_id varchar(64) not null default 'public',
                tenant_id varchar(64) not null default 'public',
                user_id char(36) not null,
                primary key (app_id, tenant_id, user_id),
                foreign key (app_id, tenant_id) references tenants (app_id, tenant_id) on delete cascade,
                foreign key (app_id, user_id) references app_id_to_user_id (app_id, user_id) on delete cascade on update cascade)"
        );
        tx.execute(sql, &[]).await?;
    }
    Ok(())
}

/// What follows in the unit of work rather fails as busy than waits for a lock.
pub(in crate::adoption) async fn be_impatient(tx: &mut Tx) -> Result<()> {
    tx.execute("set local lock_timeout = '1s'", &[]).await?;
    Ok(())
}

/// What makes tables, and fills them with what is in them from the start.
pub(in crate::adoption) fn making(current: &Current, tables: &BTreeSet<String>) -> Vec<String> {
    target::making(tables).iter().map(|statement| target::referring(statement, current)).collect()
}

/// What adds a column. One that must not be null and has no value of its own must be filled first.
pub(in crate::adoption) fn adding(current: &Current, table: &str, (name, column): (&str, &Column)) -> String {
    let default = column.default.as_deref().or_else(|| meanwhile(table, name));
    let default = default.map(|default| format!(" default {default}")).unwrap_or_default();
    let required = if column.is_required && !default.is_empty() { " not null" } else { "" };
    let table = quoted(current.get(table));
    format!("alter table {table} add column if not exists {name} {}{required}{default}", column.kind)
}

/// What rows hold in a column that a core of SuperTokens does not know yet which still runs.
pub(in crate::adoption) fn meanwhile(table: &str, column: &str) -> Option<&'static str> {
    match (table, column) {
        // Without it, a tenant that has named no first factors would have none.
        ("tenant_configs", "is_first_factors_null") => Some("true"),
        ("totp_user_devices", "created_at") => Some("0"),
        _ => None,
    }
}

pub(in crate::adoption) fn widening(current: &Current, table: &str, (column, kind): (&str, &str)) -> String {
    format!("alter table {} alter column {column} type {kind}", quoted(current.get(table)))
}

pub(in crate::adoption) fn requiring(current: &Current, table: &str, column: &str) -> String {
    format!("alter table {} alter column {column} set not null", quoted(current.get(table)))
}

pub(in crate::adoption) fn dropping_default(current: &Current, table: &str, column: &str) -> String {
    format!("alter table {} alter column {column} drop default", quoted(current.get(table)))
}

/// What makes an index, without keeping writers out if it may.
pub(in crate::adoption) fn indexing(
    current: &Current,
    table: &str,
    index: &Index,
    (name, is_beside): (&str, bool),
) -> String {
    let unique = if index.is_unique { "unique " } else { "" };
    let beside = if is_beside { "concurrently " } else { "" };
    let (name, table) = (quoted(name), quoted(current.get(table)));
    format!("create {unique}index {beside}if not exists {name} on {table} using {}", index.definition)
}

pub(in crate::adoption) fn dropping_index(name: &str, is_beside: bool) -> String {
    let beside = if is_beside { "concurrently " } else { "" };
    format!("drop index {beside}if exists {}", quoted(name))
}

pub(in crate::adoption) fn renaming_index(name: &str, to: &str) -> String {
    format!("alter index {} rename to {}", quoted(name), quoted(to))
}

pub(in crate::adoption) fn renaming_constraint(
    current: &Current,
    table: &str,
    (name, to): (&str, &str),
) -> String {
    format!("alter table {} rename constraint {} to {}", quoted(current.get(table)), quoted(name), quoted(to))
}

/// What adds a constraint: a key by an index that is there already, a reference without looking at the rows that are.
pub(in crate::adoption) fn constraining(
    current: &Current,
    table: &str,
    constraint: &Constraint,
    (name, index): (&str, Option<&str>),
) -> String {
    let columns = &constraint.columns;
    let by = index.map_or_else(|| format!("({columns})"), |index| format!("using index {}", quoted(index)));
    let rule = match &constraint.rule {
        Rule::Primary => format!("primary key {by}"),
        Rule::Unique => format!("unique {by}"),
        Rule::Foreign { table, columns: others, on_delete, on_update } => format!(
            "foreign key ({columns}) references {} ({others}) on delete {} on update {} not valid",
            quoted(current.get(table)),
            action(on_delete),
            action(on_update)
        ),
    };
    format!("alter table {} add constraint {} {rule}", quoted(current.get(table)), quoted(name))
}

/// PostgreSQL's letters for what is done to rows that refer to another one.
fn action(letter: &str) -> &'static str {
    match letter {
        "c" => "cascade",
        "n" => "set null",
        "d" => "set default",
        "r" => "restrict",
        _ => "no action",
    }
}

pub(in crate::adoption) fn proving(current: &Current, table: &str, name: &str) -> String {
    format!("alter table {} validate constraint {}", quoted(current.get(table)), quoted(name))
}

pub(in crate::adoption) fn dropping_constraint(current: &Current, table: &str, name: &str) -> String {
    format!("alter table {} drop constraint if exists {}", quoted(current.get(table)), quoted(name))
}

pub(in crate::adoption) fn renaming(current: &str, standard: &str) -> String {
    format!("alter table {} rename to {}", quoted(current), quoted(standard))
}

/// What PostgreSQL plans by.
pub(in crate::adoption) fn analyzing(current: &Current, table: &str) -> String {
    format!("analyze {}", quoted(current.get(table)))
}

/// The app and the tenant of a database from before there were several.
pub(in crate::adoption) fn filling_base(current: &Current) -> Vec<String> {
    [
        "insert into {apps} (app_id, created_at_time) values ('public', 0) on conflict do nothing",
        "insert into {tenants} (app_id, tenant_id, created_at_time) values ('public', 'public', 0) on conflict do nothing",
    ]
    .map(|statement| current.fill(statement))
    .to_vec()
}

/// Whoever lives here has a row, as SuperTokens' core sees to it at each start: one that could not be reached when its
/// tenant was made may have none yet.
pub(in crate::adoption) async fn fill_tenants(tx: &mut Tx, tenants: &str, now: i64) -> Result<()> {
    let sql = "insert into apps (app_id, created_at_time)
        select distinct r ->> 0, $2::bigint from json_array_elements($1::text::json) r on conflict do nothing";
    tx.execute(sql, args![tenants, now]).await?;
    let sql = "insert into tenants (app_id, tenant_id, created_at_time)
        select r ->> 0, r ->> 1, $2::bigint from json_array_elements($1::text::json) r on conflict do nothing";
    tx.execute(sql, args![tenants, now]).await?;
    Ok(())
}

/// A core of SuperTokens that is started later shall go on with the tables that are written, by their own names.
pub(in crate::adoption) async fn set_migrated(tx: &mut Tx) -> Result<()> {
    let sql = "update tenant_configs
        set core_config = (core_config::jsonb || jsonb_build_object('migration_mode', 'MIGRATED'))::text
        where core_config::jsonb -> 'migration_mode' is not null";
    tx.execute(sql, &[]).await?;
    for key in keys().filter(|key| key.pool == Some(Pool::Common)) {
        let sql = "update tenant_configs set core_config = (core_config::jsonb - $1::text)::text
            where core_config::jsonb -> $1::text is not null";
        tx.execute(sql, args![key.name]).await?;
    }
    Ok(())
}
