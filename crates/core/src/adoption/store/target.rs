//! What our migrations say, statement by statement.

use crate::adoption::names::Current;
use crate::migrations;
use portcullis_db::quoted;
use std::collections::BTreeSet;

/// The statements of all migrations, in order, without their comments.
pub(in crate::adoption) fn statements() -> Vec<String> {
    let mut all = Vec::new();
    for migration in migrations::all() {
        let lines = migration.sql.postgres().lines().filter(|line| !line.trim_start().starts_with("--"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let statements = text.split(';').map(str::trim).filter(|statement| !statement.is_empty());
        all.extend(statements.map(str::to_owned));
    }
    all
}

/// The statements that make tables and fill them, in the order of the migrations.
pub(in crate::adoption) fn making(tables: &BTreeSet<String>) -> Vec<String> {
    let is_of = |statement: &String| made_or_filled(statement).is_some_and(|table| tables.contains(table));
    statements().into_iter().filter(is_of).collect()
}

/// A statement that makes a table, where the tables that it refers to go by other names.
pub(in crate::adoption) fn referring(statement: &str, current: &Current) -> String {
    current.iter().fold(statement.to_owned(), |statement, (standard, name)| {
        let reference = format!(" references {} (", quoted(name));
        statement.replace(&format!(" references {standard} ("), &reference)
    })
}

/// The indexes that a migration drops: one that is still there in the end was made anew.
pub(in crate::adoption) fn dropped_indexes() -> BTreeSet<String> {
    let statements = statements();
    let dropped = statements.iter().filter_map(|statement| statement.strip_prefix("drop index "));
    dropped.map(|rest| first_word(rest.strip_prefix("if exists ").unwrap_or(rest)).to_owned()).collect()
}

fn made_or_filled(statement: &str) -> Option<&str> {
    let made = statement.strip_prefix("create table ");
    let made = made.map(|rest| rest.strip_prefix("if not exists ").unwrap_or(rest));
    made.or_else(|| statement.strip_prefix("insert into ")).map(first_word)
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_statement_is_one_that_is_understood() {
        for statement in statements() {
            // What is updated are rows of Portcullis' own, as an older version of it wrote them.
            let known = ["create table ", "create index ", "drop index ", "insert into ", "update "];
            assert!(known.iter().any(|start| statement.starts_with(start)), "{statement}");
        }
    }

    #[test]
    fn a_table_is_made_with_what_is_in_it_from_the_start() {
        let making = |table: &str| making(&BTreeSet::from([table.to_owned()]));
        assert_eq!(making("portcullis_audit_head").len(), 2);
        assert!(making("apps")[0].starts_with("create table if not exists apps ("));
        assert!(making("activity_log_default")[0].contains("partition of activity_log"));
        assert!(dropped_indexes().contains("tenants_app_id_index"));
    }
}
