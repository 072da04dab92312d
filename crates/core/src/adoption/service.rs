//! Looking at a database, and saying what would be done to it.

use super::databases::Database;
use super::model::{Catalog, Differences, Memberships, Mode, believe};
use super::names::{Current, Names, OTHERS, USERS};
use super::report::{self, Report, State};
use super::store::{catalog, progress, structure};
use crate::Result;
use portcullis_db::{Db, Engine, Tx};
use std::collections::{BTreeMap, BTreeSet};

/// How Java's driver for PostgreSQL names its connections.
const JAVA: &str = "PostgreSQL JDBC Driver";

/// Of these each database of SuperTokens' has one at least: before 6.0 only the first, and once everybody is moved
/// operators may drop it.
const THEIRS: [&str; 2] = [USERS, "app_id_to_user_id"];

/// Whether a database is SuperTokens' and was not taken over.
pub async fn is_unadopted(db: &Db) -> portcullis_db::Result<bool> {
    if db.engine() == Engine::Sqlite {
        return Ok(false);
    }
    catalog::has_table_but_not(&mut db.read().await?, THEIRS, "portcullis_migrations").await
}

/// Connections to the database of programs in Java, as SuperTokens' core is one.
pub async fn count_other_programs(db: &Db) -> Result<i64> {
    catalog::count_connections(&mut db.read().await?, JAVA).await
}

/// Which tables go by other names.
pub(super) async fn current(tx: &mut Tx, names: &Names, target: &Catalog) -> Result<Current> {
    let there = catalog::list_tables(tx).await?;
    let mut known: BTreeSet<String> = target.tables.keys().cloned().collect();
    known.extend(OTHERS.map(str::to_owned));
    // Known before there is a target, and by way of the parts' own names.
    known.extend(THEIRS.into_iter().chain(["tenant_configs"]).map(str::to_owned));
    known.extend(there.iter().filter_map(|name| Some(name[name.find("activity_log_p")?..].to_owned())));
    Ok(names.among(&known, &there))
}

/// A schema beside our target.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) current: Current,
    pub(super) actual: Catalog,
    pub(super) missing: Differences,
}

pub(super) async fn look(tx: &mut Tx, names: &Names, target: &Catalog) -> Result<Look> {
    let current = current(tx, names, target).await?;
    let actual = catalog::read(tx, &current).await?;
    let missing = Differences::between(target, &actual);
    Ok(Look { current, actual, missing })
}

/// What our migrations make, and the database beside it. Nothing of the former is kept.
pub(super) async fn look_first(db: &Db, names: &Names) -> Result<(Catalog, Look)> {
    // A table that our migrations make goes by another name only if the names say so: to know whether the database is
    // from before there were tenants, those of the reference are enough.
    let mut tx = db.read().await?;
    let early = look(&mut tx, names, &Catalog::default()).await?;
    drop(tx);
    let mut tx = db.write().await?;
    structure::create_target(&mut tx, is_single(&early.actual)).await?;
    let target = catalog::read(&mut tx, &Current::default()).await?;
    drop(tx);
    let look = look(&mut db.read().await?, names, &target).await?;
    Ok((target, look))
}

/// Whether it is from before there were apps and tenants.
pub(super) fn is_single(actual: &Catalog) -> bool {
    actual.primary_key(USERS) == Some("user_id")
}

async fn state(db: &Db, names: &Names) -> Result<State> {
    let mut tx = db.read().await?;
    let there = catalog::list_tables(&mut tx).await?;
    let current = current(&mut tx, names, &Catalog::default()).await?;
    Ok(if there.contains("portcullis_migrations") {
        State::Adopted
    } else if THEIRS.iter().any(|table| there.contains(current.get(table))) {
        State::Theirs
    } else {
        State::Empty
    })
}

/// Says what there is and what would be done, and changes nothing.
pub async fn examine(db: &Db, database: &Database) -> Result<Report> {
    let state = state(db, &database.names).await?;
    if state != State::Theirs {
        return Ok(Report::of(state));
    }
    let (_, look) = look_first(db, &database.names).await?;
    let mut tx = db.read().await?;
    let mut report = Report::of(state);
    let decided = decide(&mut tx, database, &look).await?;
    report.version = decided.version;
    report.faults = decided.faults;
    report.notes = decided.notes;
    let counted = if look.actual.has("app_id_to_user_id") && !is_single(&look.actual) {
        "app_id_to_user_id"
    } else {
        USERS
    };
    report.users = catalog::count_rows(&mut tx, &look.current, counted).await?;
    if let Some(memberships) = decided.memberships {
        report.memberships = report::describe(memberships);
        let mut rows = BTreeMap::new();
        let missing = &look.missing;
        let touched = missing.columns.iter().map(|(table, _)| table);
        let touched = touched.chain(missing.indexes.iter().map(|(table, _)| table));
        for table in touched.chain(missing.constraints.iter().map(|(table, _)| table)) {
            if !rows.contains_key(table) && look.actual.has(table) {
                rows.insert(table.clone(), catalog::count_rows(&mut tx, &look.current, table).await?);
            }
        }
        report::plan(&mut report, missing, (&look.current, &look.actual), &rows);
        if look.actual.has("tenants") {
            let absent = catalog::count_absent(&mut tx, &look.current, &database.tenants()).await?;
            if absent > 0 {
                report.stopped.push(format!("add {absent} tenants that are described and not there yet"));
            }
        }
    }
    Ok(report)
}

/// What is known of a database before its users are looked at.
pub(super) struct Decided {
    pub(super) version: String,
    pub(super) memberships: Option<Memberships>,
    notes: Vec<String>,
    pub(super) faults: Vec<String>,
}

pub(super) async fn decide(tx: &mut Tx, database: &Database, look: &Look) -> Result<Decided> {
    let actual = &look.actual;
    let mut decided = Decided {
        version: report::version(actual).unwrap_or_default(),
        memberships: None,
        notes: Vec::new(),
        faults: database.faults.clone(),
    };
    let is_begun = actual.has(progress::TABLE);
    if is_begun && let Some(version) = progress::find(tx, "version").await? {
        decided.version = version;
        decided.notes.push("it was begun before, and is gone on with".to_owned());
    }
    if decided.version.is_empty() {
        decided
            .faults
            .push("the tables are from before SuperTokens 5.0: bring its core to 5.0 first".to_owned());
        return Ok(decided);
    }
    let strange = look
        .missing
        .strange
        .iter()
        .map(|(table, column)| format!("{table}.{column} is of another type than it should be"));
    decided.faults.extend(strange);
    let there = catalog::list_tables(tx).await?;
    for (standard, name) in look.current.iter().filter(|(standard, _)| there.contains(*standard)) {
        decided.faults.push(format!("{name} cannot be renamed: there is another table {standard}"));
    }
    let noted = if is_begun { progress::find(tx, "memberships").await? } else { None };
    let believed = match noted.as_deref() {
        Some("newer") => Ok(Memberships::InNewerTables),
        None if !actual.has(USERS) && actual.has("recipe_user_tenants") => {
            decided.notes.push(format!("{USERS} is not there any more: all users are taken to be moved"));
            Ok(Memberships::InNewerTables)
        }
        _ if !actual.has(USERS) => Err(format!("there is no table {USERS}")),
        None if actual.has("recipe_user_tenants") && !is_single(actual) => {
            let facts = catalog::compare(tx, &look.current).await?;
            let believed = believe(&database.modes, facts);
            if believed == Ok(Memberships::InOlderTables) && facts.only_newer > 0 {
                decided.notes.push(format!(
                    "{} memberships are in the newer tables alone, which are not read in the mode LEGACY: they are taken away",
                    facts.only_newer
                ));
            }
            believed
        }
        None if database.modes.contains(&Mode::Migrated) => {
            Err("migration_mode is MIGRATED in the settings, but the tables of that mode are not there"
                .to_owned())
        }
        Some(_) | None => Ok(Memberships::InOlderTables),
    };
    match believed {
        Ok(memberships) => decided.memberships = Some(memberships),
        Err(fault) => decided.faults.push(fault),
    }
    if actual.has("passwordless_users") {
        let odd = catalog::count_odd_numbers(tx, &look.current).await?;
        if odd > 0 {
            decided.notes.push(format!(
                "{odd} phone numbers are not in the form E.164: whoever has one cannot sign in by it, as with SuperTokens since 7.0.12, whose change log has a script for this"
            ));
        }
    }
    Ok(decided)
}
