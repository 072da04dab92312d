//! Bringing the tables up to date: each migration once, in order, even when several cores start at once.

use crate::{Db, Error, Result, Sql, Tx, args, sql};
use aws_lc_rs::digest;
use std::collections::HashMap;
use std::fmt::Write as _;

/// One change of the tables.
#[derive(Clone, Debug)]
pub struct Migration {
    /// Its number and what it does: `0001_base`.
    pub name: &'static str,
    /// Its statements, separated by `;`.
    pub sql: Sql,
}

/// What [`Db::migrate`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MigrationReport {
    /// The migrations that were applied now.
    pub applied: Vec<String>,
    /// Migrations in the database that this binary does not know: it is older than the database.
    pub unknown: Vec<String>,
}

const CREATE: &str = "create table if not exists portcullis_migrations (
    name varchar(128) not null primary key, checksum varchar(64) not null, applied_at bigint not null)";

/// One transaction for everything: either all of it is there or nothing.
pub(crate) async fn run(db: &Db, migrations: &[Migration], now: i64) -> Result<MigrationReport> {
    let mut tx = db.write().await?;
    lock(&mut tx).await?;
    tx.execute(CREATE, &[]).await?;
    let rows: Vec<(String, String)> =
        tx.fetch_all("select name, checksum from portcullis_migrations order by name", &[]).await?;
    let done: HashMap<&str, &str> = rows.iter().map(|(name, sum)| (name.as_str(), sum.as_str())).collect();
    let mut report = MigrationReport::default();
    for migration in migrations {
        let sum = checksum(&migration.sql);
        match done.get(migration.name) {
            Some(applied) if **applied == sum => {}
            Some(_) => return Err(fault(migration, "was changed after it had been applied")),
            None => {
                apply(&mut tx, migration, &sum, now).await?;
                report.applied.push(migration.name.to_owned());
            }
        }
    }
    let known = |name: &String| migrations.iter().any(|migration| migration.name == name);
    report.unknown = rows.iter().map(|(name, _)| name).filter(|name| !known(name)).cloned().collect();
    tx.commit().await?;
    Ok(report)
}

/// The number is arbitrary; every core takes the same.
async fn lock(tx: &mut Tx) -> Result<()> {
    let lock = sql!(postgres: "select true from pg_advisory_xact_lock(7368615)", sqlite: "select true");
    tx.fetch_all::<(bool,)>(lock, &[]).await.map(drop)
}

async fn apply(tx: &mut Tx, migration: &Migration, sum: &str, now: i64) -> Result<()> {
    tx.execute_script(&migration.sql).await.map_err(|error| fault(migration, &error.to_string()))?;
    note(tx, migration, sum, now).await
}

async fn note(tx: &mut Tx, migration: &Migration, sum: &str, now: i64) -> Result<()> {
    let sql = "insert into portcullis_migrations (name, checksum, applied_at) values ($1, $2, $3)";
    tx.execute(sql, args![migration.name, sum, now]).await.map(drop)
}

/// Notes migrations whose effect is there by other means.
pub(crate) async fn record(tx: &mut Tx, migrations: &[Migration], now: i64) -> Result<()> {
    tx.execute(CREATE, &[]).await?;
    for migration in migrations {
        note(tx, migration, &checksum(&migration.sql), now).await?;
    }
    Ok(())
}

fn fault(migration: &Migration, reason: &str) -> Error {
    Error::Migration { name: migration.name.to_owned(), reason: reason.to_owned() }
}

/// Of the PostgreSQL text, so that a file has one checksum whichever engine runs it.
fn checksum(sql: &Sql) -> String {
    let digest = digest::digest(&digest::SHA256, sql.postgres().as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
