//! Preparing a database and taking it over.

use super::databases::Database;
use super::model::{Catalog, Constraint, Index, Memberships, Table};
use super::names::{Current, Names, OTHERS};
use super::passes::Pass;
use super::report;
use super::service::{Look, current, decide, is_single, look, look_first};
use super::store::{progress, structure, target};
use crate::{Error, Result, migrations};
use portcullis_db::{Db, Error as DbError, Tx};
use std::collections::BTreeSet;
use std::time::Duration;

/// How often a change is tried while others keep locked what it needs, and the pause between two attempts.
const ATTEMPTS: usize = 60;
const PAUSE: Duration = Duration::from_millis(500);
/// The tables that are filled.
pub(super) const FILLED: [&str; 3] =
    ["recipe_user_account_infos", "recipe_user_tenants", "primary_user_tenants"];

/// How far it has come.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// What is begun now.
    Begun(&'a str),
    /// Of so many users so many are through.
    Users(u64, u64),
}

/// Who is told.
pub type Tell<'a> = dyn FnMut(Step<'_>) + Send + 'a;

/// A database that is being adopted.
pub(super) struct Work<'a> {
    pub(super) db: &'a Db,
    database: &'a Database,
    target: Catalog,
    memberships: Memberships,
    /// Whether a core that runs beside this writes the newer tables too.
    pub(super) is_shared: bool,
    /// Keeps others from adopting it too.
    _lock: Tx,
}

/// Does again and again what waits for no lock, while others keep locked what it needs.
pub(super) async fn patiently<T>(mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(Error::Db(DbError::Busy)) => tokio::time::sleep(PAUSE).await,
            outcome => return outcome,
        }
    }
    attempt().await
}

/// Adds what can be added while SuperTokens' core runs. It may be broken off at any time and begun again.
pub async fn prepare(db: &Db, database: &Database, tell: &mut Tell<'_>) -> Result<()> {
    let work = Work::begin(db, database).await?;
    work.add(true, tell).await
}

/// Does all the rest, once SuperTokens' core is stopped; `now` in milliseconds. It may be broken off and begun again.
pub async fn take_over(db: &Db, database: &Database, now: i64, tell: &mut Tell<'_>) -> Result<()> {
    let work = Work::begin(db, database).await?;
    work.add(false, tell).await?;
    tell(Step::Begun("taking over"));
    patiently(async || work.take(now).await).await
}

impl<'a> Work<'a> {
    async fn begin(db: &'a Db, database: &'a Database) -> Result<Self> {
        let mut lock = db.read().await?;
        // One that was broken off may be at work in the server still.
        match patiently(async || progress::lock(&mut lock).await).await {
            Err(Error::Db(DbError::Busy)) => {
                return Err(Error::bad_input("this database is being adopted already"));
            }
            outcome => outcome?,
        }
        let (target, look) = look_first(db, &database.names).await?;
        let mut tx = db.write().await?;
        let decided = decide(&mut tx, database, &look).await?;
        let Some(memberships) = decided.memberships.filter(|_| decided.faults.is_empty()) else {
            return Err(Error::bad_input(decided.faults.join("; ")));
        };
        progress::create(&mut tx).await?;
        progress::note(&mut tx, "version", &decided.version).await?;
        let noted = if memberships == Memberships::InNewerTables { "newer" } else { "older" };
        progress::note(&mut tx, "memberships", noted).await?;
        tx.commit().await?;
        let is_shared = look.actual.has("recipe_user_tenants");
        Ok(Self { db, database, target, memberships, is_shared, _lock: lock })
    }

    pub(super) async fn look(&self) -> Result<Look> {
        look(&mut self.db.read().await?, &self.database.names, &self.target).await
    }

    /// Statements in one unit of work, which waits for no lock and is tried again instead.
    pub(super) async fn run(&self, statements: &[String]) -> Result<()> {
        patiently(async || {
            let mut tx = self.db.write().await?;
            structure::be_impatient(&mut tx).await?;
            for statement in statements {
                tx.execute(statement.clone(), &[]).await?;
            }
            Ok(tx.commit().await?)
        })
        .await
    }

    /// Outside of any unit of work, as PostgreSQL wants it for what locks nobody out.
    async fn run_alone(&self, statement: String) -> Result<()> {
        self.db.write_one().await?.execute(statement, &[]).await?;
        Ok(())
    }

    /// Everything that only adds. Users are gone through from where that was broken off, or from the beginning.
    async fn add(&self, is_gone_on: bool, tell: &mut Tell<'_>) -> Result<()> {
        self.add_tables(tell).await?;
        self.add_indexes(|table| FILLED.contains(&table), tell).await?;
        if self.memberships == Memberships::InOlderTables {
            self.go_through(Pass::Move, is_gone_on, tell).await?;
            self.go_through(Pass::Reserve, is_gone_on, tell).await?;
            let mut tx = self.db.write().await?;
            progress::forget(&mut tx, Pass::Move.name()).await?;
            progress::forget(&mut tx, Pass::Reserve.name()).await?;
            tx.commit().await?;
        }
        self.add_indexes(|_| true, tell).await?;
        self.add_references(tell).await
    }

    async fn add_tables(&self, tell: &mut Tell<'_>) -> Result<()> {
        let Look { current, actual, missing } = self.look().await?;
        let first: BTreeSet<String> =
            missing.tables.iter().filter(|table| report::is_first(table)).cloned().collect();
        if !first.is_empty() {
            tell(Step::Begun("creating tables"));
            self.run(&structure::making(&current, &first)).await?;
        }
        for (table, (name, column)) in &missing.columns {
            tell(Step::Begun(&format!("adding column {table}.{name}")));
            self.run(&[structure::adding(&current, table, (name, column))]).await?;
        }
        for (table, (column, kind)) in &missing.narrow {
            tell(Step::Begun(&format!("widening {table}.{column}")));
            self.run(&[structure::widening(&current, table, (column, kind))]).await?;
        }
        if is_single(&actual) {
            self.run(&structure::filling_base(&current)).await?;
        }
        Ok(())
    }

    /// Indexes, and those by which keys are made once SuperTokens' core is stopped. Where one was broken off, the server
    /// may be at it still, and break off one of the two.
    async fn add_indexes(&self, is_due: impl Fn(&str) -> bool, tell: &mut Tell<'_>) -> Result<()> {
        patiently(async || self.try_add_indexes(&is_due, tell).await).await
    }

    async fn try_add_indexes(&self, is_due: impl Fn(&str) -> bool, tell: &mut Tell<'_>) -> Result<()> {
        let Look { current, actual, missing } = self.look().await?;
        for name in &missing.broken {
            self.run_alone(structure::dropping_index(name, true)).await?;
        }
        let due =
            |table: &str| is_due(table) && actual.tables.get(table).is_some_and(|table| !table.is_parted);
        for (table, index) in missing.indexes.iter().filter(|(table, _)| due(table)) {
            tell(Step::Begun(&format!("creating index {}", index.name)));
            let name = free_name(&actual, &index.name, &missing.broken);
            self.run_alone(structure::indexing(&current, table, index, (&name, true))).await?;
        }
        let keys = missing.constraints.iter().filter(|(table, key)| !key.is_foreign() && due(table));
        for (table, key) in keys {
            let index = key_index(key);
            if !has_whole_index(&actual, table, &index.name) {
                tell(Step::Begun(&format!("creating index {}", index.name)));
                self.run_alone(structure::indexing(&current, table, &index, (&index.name, true))).await?;
            }
        }
        Ok(())
    }

    /// References: rows that come are looked at from the beginning, those that are there afterwards. Before there were
    /// apps, SuperTokens' core does not write what they refer to.
    async fn add_references(&self, tell: &mut Tell<'_>) -> Result<()> {
        let Look { current, actual, missing } = self.look().await?;
        if is_single(&actual) {
            return Ok(());
        }
        for (table, reference) in
            missing.constraints.iter().filter(|(table, held)| held.is_foreign() && actual.has(table))
        {
            tell(Step::Begun(&format!("adding constraint {}", reference.name)));
            let name = free_constraint(&actual, table, &reference.name);
            self.run(&[structure::constraining(&current, table, reference, (&name, None))]).await?;
        }
        let Look { missing, .. } = self.look().await?;
        for (table, name) in &missing.unproven {
            self.run(&[structure::proving(&current, table, name)]).await?;
        }
        Ok(())
    }

    /// What SuperTokens' core and we cannot share, and the note that it is done. Refused if anything would be left.
    async fn take(&self, now: i64) -> Result<()> {
        let mut unit = self.db.write().await?;
        let tx = &mut unit;
        structure::be_impatient(tx).await?;
        let renamed = current(tx, &self.database.names, &self.target).await?;
        for (standard, name) in renamed.iter() {
            tx.execute(structure::renaming(name, standard), &[]).await?;
        }
        self.rename_constraints_of_others(tx, &renamed).await?;
        let none = Current::default();
        self.replace_keys(tx, &none).await?;
        let found = look(tx, &Names::default(), &self.target).await?;
        for statement in structure::making(&none, &found.missing.tables.iter().cloned().collect()) {
            tx.execute(statement, &[]).await?;
        }
        self.complete(tx, &none).await?;
        structure::set_migrated(tx).await?;
        structure::fill_tenants(tx, &self.database.tenants(), now).await?;
        progress::drop_table(tx).await?;
        tx.record_migrations(&migrations::all(), now).await?;
        let left = look(tx, &Names::default(), &self.target).await?.missing;
        if !left.are_none() {
            return Err(Error::internal(format!("not everything could be done: {left:?}")));
        }
        Ok(unit.commit().await?)
    }

    /// What allows less than ours goes, and our keys come, by the indexes that were made for them.
    async fn replace_keys(&self, tx: &mut Tx, none: &Current) -> Result<()> {
        let Look { actual, missing, .. } = look(tx, &Names::default(), &self.target).await?;
        // What refers to a key goes before the key.
        let (references, keys): (Vec<_>, Vec<_>) =
            missing.excess.iter().partition(|(_, held)| held.is_foreign());
        for (table, held) in references.into_iter().chain(keys) {
            tx.execute(structure::dropping_constraint(none, table, &held.name), &[]).await?;
        }
        for (table, key) in
            missing.constraints.iter().filter(|(table, held)| !held.is_foreign() && actual.has(table))
        {
            let index = key_index(key);
            let by = has_whole_index(&actual, table, &index.name).then_some(index.name.as_str());
            tx.execute(structure::constraining(none, table, key, (&key.name, by)), &[]).await?;
        }
        for (table, column) in &missing.nullable {
            tx.execute(structure::requiring(none, table, column), &[]).await?;
        }
        for (table, wanted) in &self.target.tables {
            for column in wanted.columns.keys() {
                if structure::meanwhile(table, column).is_some() && actual.column(table, column).is_some() {
                    tx.execute(structure::dropping_default(none, table, column), &[]).await?;
                }
            }
        }
        Ok(())
    }

    /// References and indexes that are missing still, each by its own name.
    async fn complete(&self, tx: &mut Tx, none: &Current) -> Result<()> {
        let Look { actual, missing, .. } = look(tx, &Names::default(), &self.target).await?;
        for (table, reference) in &missing.constraints {
            tx.execute(structure::constraining(none, table, reference, (&reference.name, None)), &[]).await?;
        }
        for (table, index) in &missing.indexes {
            let name = free_name(&actual, &index.name, &[]);
            tx.execute(structure::indexing(none, table, index, (&name, false)), &[]).await?;
        }
        let Look { actual, missing, .. } = look(tx, &Names::default(), &self.target).await?;
        for (table, name) in &missing.unproven {
            tx.execute(structure::proving(none, table, name), &[]).await?;
        }
        let dropped = target::dropped_indexes();
        for (table, wanted) in &self.target.tables {
            let Some(there) = actual.tables.get(table) else { continue };
            for index in &there.indexes {
                let replaced = wanted.indexes.iter().find(|wanted| new_name(&wanted.name) == index.name);
                if let Some(replaced) = replaced {
                    tx.execute(structure::dropping_index(&replaced.name, false), &[]).await?;
                    tx.execute(structure::renaming_index(&index.name, &replaced.name), &[]).await?;
                } else if dropped.contains(&index.name)
                    && !wanted.indexes.iter().any(|kept| kept.name == index.name)
                {
                    tx.execute(structure::dropping_index(&index.name, false), &[]).await?;
                }
            }
            for (name, to) in misnamed(wanted, there) {
                tx.execute(structure::renaming_constraint(none, table, (name, to)), &[]).await?;
            }
        }
        Ok(())
    }

    /// The reference's tables that are none of ours: their constraints are named after them.
    async fn rename_constraints_of_others(&self, tx: &mut Tx, renamed: &Current) -> Result<()> {
        let none = Current::default();
        let Look { actual, .. } = look(tx, &Names::default(), &self.target).await?;
        for (standard, name) in renamed.iter().filter(|(standard, _)| OTHERS.contains(standard)) {
            let held =
                actual.tables.get(standard).map(|table| table.constraints.as_slice()).unwrap_or_default();
            for held in held {
                if let Some(rest) = held.name.strip_prefix(name) {
                    let names = (held.name.as_str(), &*format!("{standard}{rest}"));
                    tx.execute(structure::renaming_constraint(&none, standard, names), &[]).await?;
                }
            }
        }
        Ok(())
    }
}

/// What something is called as long as its name is taken.
fn new_name(name: &str) -> String {
    format!("{name}_new")
}

fn free_name(actual: &Catalog, name: &str, gone: &[String]) -> String {
    let is_taken = actual.tables.values().flat_map(|table| &table.indexes).any(|index| index.name == name)
        && !gone.iter().any(|gone| gone == name);
    if is_taken { new_name(name) } else { name.to_owned() }
}

fn free_constraint(actual: &Catalog, table: &str, name: &str) -> String {
    let held = actual.tables.get(table).map(|table| table.constraints.as_slice()).unwrap_or_default();
    if held.iter().any(|held| held.name == name) { new_name(name) } else { name.to_owned() }
}

/// The constraints that go by another name than ours, each with ours. SuperTokens' core knows by the name what it was that
/// PostgreSQL refused.
fn misnamed<'a>(wanted: &'a Table, there: &'a Table) -> Vec<(&'a str, &'a str)> {
    let mut found = Vec::new();
    for wanted in &wanted.constraints {
        let is_named = there.constraints.iter().any(|held| held.name == wanted.name);
        let alike = there.constraints.iter().find(|held| held.is_like(wanted));
        if let Some(alike) = alike.filter(|_| !is_named) {
            found.push((alike.name.as_str(), wanted.name.as_str()));
        }
    }
    found
}

/// The index that a key is made by.
fn key_index(key: &Constraint) -> Index {
    Index {
        name: new_name(&key.name),
        definition: format!("btree ({})", key.columns),
        is_unique: true,
        is_whole: true,
    }
}

fn has_whole_index(actual: &Catalog, table: &str, name: &str) -> bool {
    let indexes = actual.tables.get(table).map(|table| table.indexes.as_slice()).unwrap_or_default();
    indexes.iter().any(|index| index.name == name && index.is_whole)
}
