//! What is said about a database before anything is done to it.

use super::model::{Catalog, Differences, Memberships};
use super::names::{Current, USERS};
use super::service::is_single;
use std::collections::BTreeMap;

/// Whose database it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There are no tables of either.
    Empty,
    /// Ours.
    Adopted,
    /// That of SuperTokens' own core.
    Theirs,
}

/// What there is, and what would be done.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whose database it is; all the rest is about one of SuperTokens'.
    pub state: State,
    /// Which versions have tables of this form.
    pub version: String,
    /// Login methods, each of which is one user to SuperTokens.
    pub users: i64,
    /// Which tables say who is in which tenant.
    pub memberships: &'static str,
    /// What is done while SuperTokens' core runs.
    pub beside: Vec<String>,
    /// What is done once it is stopped.
    pub stopped: Vec<String>,
    /// What an operator should know, and that keeps nobody from going on.
    pub notes: Vec<String>,
    /// Why it cannot be done.
    pub faults: Vec<String>,
    /// About how long the first part takes, in seconds.
    pub beside_secs: i64,
    /// About how long the second part takes, in seconds.
    pub stopped_secs: i64,
}

impl Report {
    /// There is nothing to do.
    pub(super) fn of(state: State) -> Self {
        Self {
            state,
            version: String::new(),
            users: 0,
            memberships: "",
            beside: Vec::new(),
            stopped: Vec::new(),
            notes: Vec::new(),
            faults: Vec::new(),
            beside_secs: 0,
            stopped_secs: 0,
        }
    }
}

/// What a version has that those before it have not, the newest first.
type Mark = (&'static str, fn(&Catalog) -> bool);

const MARKS: [Mark; 18] = [
    ("12.1.1", |found| {
        has_index(found, "recipe_user_tenants", "idx_recipe_user_tenants_account_info_pattern")
    }),
    ("12.1", |found| found.column("session_info", "prev_refresh_token_hash_2").is_some()),
    ("12.0.10", |found| {
        has_index(found, "recipe_user_account_infos", "idx_recipe_user_account_infos_app_primary_user")
    }),
    ("12.0.9", |found| has_index(found, "recipe_user_tenants", "idx_recipe_user_tenants_tenant_recipe_user")),
    ("12.0.3", |found| found.has("activity_log")),
    ("12.0", |found| found.has("recipe_user_tenants")),
    ("11.3", |found| found.has("saml_clients")),
    ("10.1.2", |found| has_index(found, "user_roles", "user_roles_app_id_user_id_index")),
    ("10.1", |found| found.has("webauthn_users")),
    ("10.0", |found| found.has("bulk_import_users")),
    ("9.3", |found| found.has("oauth_clients")),
    ("9.2.2", |found| has_index(found, "user_last_active", "user_last_active_last_active_time_index")),
    ("9.1", |found| found.column("tenant_configs", "is_first_factors_null").is_some()),
    ("9.0", |found| found.has("tenant_first_factors")),
    ("8.0", |found| found.column(USERS, "primary_or_recipe_user_id").is_some() && !is_role_kept(found)),
    ("7.0", |found| found.column(USERS, "primary_or_recipe_user_id").is_some()),
    ("6.0", |found| found.has("app_id_to_user_id")),
    ("5.0", |found| found.column("session_info", "use_static_key").is_some()),
];

fn has_index(found: &Catalog, table: &str, name: &str) -> bool {
    found.tables.get(table).is_some_and(|table| table.indexes.iter().any(|index| index.name == name))
}

/// Whether a role that users have must be one that there is.
fn is_role_kept(found: &Catalog) -> bool {
    let constraints = found.tables.get("user_roles").map(|table| table.constraints.as_slice());
    constraints.unwrap_or_default().iter().any(|held| held.is_foreign() && held.columns.contains("role"))
}

/// Which versions of SuperTokens' core have tables of this form; `None` for those before 5.0.
pub(super) fn version(found: &Catalog) -> Option<String> {
    let at = MARKS.iter().position(|(_, is_there)| is_there(found))?;
    let (from, before) = (MARKS[at].0, at.checked_sub(1).map(|later| MARKS[later].0));
    Some(
        before
            .map_or_else(|| format!("{from} or later"), |before| format!("{from} or later, before {before}")),
    )
}

/// What is said of the tables that say who is in which tenant.
pub(super) fn describe(memberships: Memberships) -> &'static str {
    match memberships {
        Memberships::InOlderTables => "in the older tables (LEGACY or one of the DUAL_WRITE modes)",
        Memberships::InNewerTables => "in the newer tables (MIGRATED)",
    }
}

/// Users that are moved in a second, rows that an index is made of in a second, and users that are looked through once
/// more: what `bench/adopt/run` saw on two cores of a virtual AMD EPYC, rounded down; of indexes a third, as there only
/// narrow ones are made.
const MOVED: i64 = 4000;
const INDEXED: i64 = 300_000;
const LOOKED_THROUGH: i64 = 14_000;

/// What is to be done, with the rows that it is done to.
pub(super) fn plan(
    report: &mut Report,
    missing: &Differences,
    (current, actual): (&Current, &Catalog),
    rows: &BTreeMap<String, i64>,
) {
    let count = |table: &str| rows.get(table).copied().unwrap_or_default();
    let is_moving = report.memberships == describe(Memberships::InOlderTables);
    for table in &missing.tables {
        let (place, text) = (is_first(table), format!("create table {table}"));
        if place { &mut report.beside } else { &mut report.stopped }.push(text);
    }
    for (table, (column, _)) in &missing.columns {
        report.beside.push(format!("add column {table}.{column} ({} rows, none is rewritten)", count(table)));
    }
    for (table, (column, kind)) in &missing.narrow {
        report.beside.push(format!("let {table}.{column} be {kind}"));
    }
    if is_moving {
        report.beside.push(format!("move {} users into the newer tables, 1000 at a time", report.users));
        report.beside_secs += report.users / MOVED;
    }
    for (table, index) in &missing.indexes {
        let text = format!("create index {} on {table} ({} rows)", index.name, count(table));
        // Of a table in parts, PostgreSQL makes none concurrently.
        let is_parted = actual.tables.get(table).is_some_and(|table| table.is_parted);
        let (steps, seconds) = if is_parted {
            (&mut report.stopped, &mut report.stopped_secs)
        } else {
            (&mut report.beside, &mut report.beside_secs)
        };
        steps.push(text);
        *seconds += count(table) / INDEXED;
    }
    for (table, constraint) in &missing.constraints {
        let text = format!("add constraint {} to {table} ({} rows)", constraint.name, count(table));
        if is_single(actual) { &mut report.stopped } else { &mut report.beside }.push(text);
    }
    if is_moving {
        report.stopped.push(format!("look through {} users for what has changed since", report.users));
        report.stopped_secs += report.users / LOOKED_THROUGH;
    }
    for (standard, name) in current.iter() {
        report.stopped.push(format!("rename table {name} to {standard}"));
    }
    for (table, constraint) in &missing.excess {
        report.stopped.push(format!("drop constraint {} of {table}", constraint.name));
    }
    report.stopped.push("note that the database is Portcullis'".to_owned());
    report.beside_secs += 1;
    report.stopped_secs += 1;
}

/// Whether a table is needed for moving users.
pub(super) fn is_first(table: &str) -> bool {
    [
        "apps",
        "tenants",
        "app_id_to_user_id",
        "recipe_user_account_infos",
        "recipe_user_tenants",
        "primary_user_tenants",
    ]
    .contains(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adoption::model::{Column, Table};

    fn add(catalog: &mut Catalog, table: &str, columns: &[&str]) {
        let column = Column { kind: "text".to_owned(), is_required: false, default: None };
        let columns = columns.iter().map(|name| ((*name).to_owned(), column.clone())).collect();
        catalog.tables.insert(table.to_owned(), Table { columns, ..Table::default() });
    }

    #[test]
    fn a_version_is_known_by_what_it_added() {
        let mut catalog = Catalog::default();
        assert_eq!(version(&catalog), None);
        add(&mut catalog, "session_info", &["use_static_key"]);
        assert_eq!(version(&catalog).as_deref(), Some("5.0 or later, before 6.0"));
        add(&mut catalog, "app_id_to_user_id", &[]);
        assert_eq!(version(&catalog).as_deref(), Some("6.0 or later, before 7.0"));
        add(&mut catalog, USERS, &["primary_or_recipe_user_id"]);
        assert_eq!(version(&catalog).as_deref(), Some("8.0 or later, before 9.0"));
        add(&mut catalog, "saml_clients", &[]);
        assert_eq!(version(&catalog).as_deref(), Some("11.3 or later, before 12.0"));
        add(&mut catalog, "session_info", &["use_static_key", "prev_refresh_token_hash_2"]);
        assert_eq!(version(&catalog).as_deref(), Some("12.1 or later, before 12.1.1"));
    }
}
