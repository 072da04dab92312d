//! Giving the plan up after the first part, by the statements that the run-book has for it.

use super::{SETTINGS, add_crowd, adopt, execute, form, moved, rows};
use crate::place::{Place, is_postgres};
use portcullis_db::args;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

const RUN_BOOK: &str = include_str!("../../../../../docs/moving-from-supertokens.md");

/// A version's number, as it is compared.
fn number(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().expect("a number"));
    (parts.next().expect("one"), parts.next().unwrap_or_default())
}

/// Whether a comment such as `from 6.0 on, before 7.0` speaks of a version.
fn speaks_of(comment: &str, version: &str) -> bool {
    comment.split(", ").all(|condition| match condition.split(' ').collect::<Vec<_>>()[..] {
        ["before", end] => number(version) < number(end),
        ["from", begin, "on"] => number(version) >= number(begin),
        _ => unreachable!("{condition}"),
    })
}

/// What the run-book has an operator run who gives up.
fn statements(form: &str) -> Vec<String> {
    let (version, mode) = form.split_once(' ').unwrap_or((form, ""));
    let mut blocks = RUN_BOOK.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let (before_12, since_12) = (blocks.next().expect("a block"), blocks.next().expect("a block"));
    assert_eq!(blocks.next(), None);
    let before = RUN_BOOK.split(before_12).next().expect("a text");
    assert!(before.trim_end().ends_with("\nBefore 12.0:\n\n```sql"), "what they are for");
    let between = RUN_BOOK.split(before_12).nth(1).and_then(|rest| rest.split(since_12).next());
    let between = between.expect("a text");
    assert!(between.contains("From 12.0 on, in the mode `LEGACY`") && between.contains("only the last line"));
    let block = if number(version) < (12, 0) { before_12 } else { since_12 };
    let (mut statements, mut is_meant) = (Vec::new(), true);
    for line in block.lines() {
        if let Some(comment) = line.strip_prefix("-- ") {
            is_meant = speaks_of(comment.trim_end_matches(':'), version);
        } else if is_meant {
            statements.push(line.trim_end_matches(';').to_owned());
        }
    }
    if mode == "DUAL" { statements.split_off(statements.len() - 1) } else { statements }
}

#[test]
fn the_run_book_says_for_each_version_what_it_is() {
    let count = |form: &str| statements(form).len();
    assert_eq!(["5.0", "6.0", "7.0", "11.3", "12.1 LEGACY", "12.1 DUAL"].map(count), [4, 5, 3, 3, 5, 1]);
}

/// The tables, each with its columns and its rows.
type Tables = BTreeMap<String, (BTreeSet<String>, Vec<String>)>;

async fn tables(place: &Place) -> Tables {
    let db = place.open_database().await;
    let sql = "select c.relname, a.attname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        join pg_attribute a on a.attrelid = c.oid
        where n.nspname = current_schema() and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped";
    let mut tx = db.read().await.expect("the database answers");
    let columns: Vec<(String, String)> = tx.fetch_all(sql, args![]).await.expect("columns");
    drop(tx);
    let mut tables = Tables::new();
    for (table, column) in columns {
        tables.entry(table).or_default().0.insert(column);
    }
    for (table, (_, of)) in &mut tables {
        *of = rows(&db, table).await;
    }
    db.close().await;
    tables
}

/// Rows, of which only some columns are looked at.
fn only(rows: &[String], columns: &BTreeSet<String>) -> Vec<String> {
    let cut = |row: &String| {
        let mut row: Map<String, Value> = serde_json::from_str(row).expect("JSON");
        row.retain(|column, _| columns.contains(column));
        Value::Object(row).to_string()
    };
    let mut cut: Vec<String> = rows.iter().map(cut).collect();
    cut.sort();
    cut
}

/// After the first part and the run-book's statements, SuperTokens' core finds what it had, with nothing else but `left`:
/// what its change log adds with `if not exists`, or what nothing is added beside. Then it may be adopted after all.
async fn is_given_up(name: &str, form: &str, left: &[&str]) {
    if !is_postgres() {
        return;
    }
    let place = Place::new(name, &SETTINGS);
    add_crowd(&place).await;
    let ours = moved(&place).await;
    execute(&place, &form::statements(form)).await;
    let before = tables(&place).await;
    adopt(&place, &["--apply"]);
    assert_ne!(tables(&place).await, before);
    execute(&place, &statements(form)).await;
    let after = tables(&place).await;
    let mut more = BTreeSet::new();
    for (table, (columns, rows)) in &after {
        let Some((columns_before, rows_before)) = before.get(table) else {
            more.insert(table.clone());
            continue;
        };
        more.extend(columns.difference(columns_before).map(|column| format!("{table}.{column}")));
        let known = columns.intersection(columns_before).cloned().collect();
        assert!(only(rows, &known) == only(rows_before, &known), "{table}");
    }
    assert!(before.iter().all(|(table, (columns, _))| columns.is_subset(&after[table].0)));
    // `*.app_id` stands for a column of that name in any table.
    let of_any = |name: String| {
        let any = name.split_once('.').map(|(_, column)| format!("*.{column}"));
        any.filter(|any| left.contains(&any.as_str())).unwrap_or(name)
    };
    let more: BTreeSet<String> = more.into_iter().map(of_any).collect();
    assert_eq!(more.iter().map(String::as_str).collect::<Vec<_>>(), left);
    adopt(&place, &["--finish"]);
    assert!(moved(&place).await == ours);
}

const LATER: [&str; 2] = ["tenant_configs.is_first_factors_null", "totp_user_devices.created_at"];

#[tokio::test]
async fn version_5_is_given_up() {
    is_given_up(
        "given_up_5",
        "5.0",
        &["*.app_id", "*.tenant_id", "apps", "tenants", "totp_user_devices.created_at"],
    )
    .await;
}

#[tokio::test]
async fn version_6_is_given_up() {
    is_given_up("given_up_6", "6.0", &LATER).await;
}

#[tokio::test]
async fn version_7_is_given_up() {
    is_given_up("given_up_7", "7.0", &LATER).await;
}

#[tokio::test]
async fn version_11_is_given_up() {
    is_given_up("given_up_11", "11.3", &[]).await;
}

#[tokio::test]
async fn version_12_is_given_up_before_its_users_are_moved() {
    is_given_up("given_up_12_legacy", "12.1 LEGACY", &[]).await;
}

#[tokio::test]
async fn version_12_is_given_up_while_it_writes_both_tables() {
    is_given_up("given_up_12_dual", "12.1 DUAL", &[]).await;
}
