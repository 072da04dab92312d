//! One unit of work over two engines, SQLite and PostgreSQL. The only crate that names a database driver.
//!
//! A unit of work is a guard: what is not committed is undone. Statements are written once, with `$1`
//! for the first argument, and run on both engines.

/// Here a test may break the work off.
macro_rules! fail_point {
    () => {
        #[cfg(feature = "fail-points")]
        fail_points::pass().await;
    };
}

mod error;
#[cfg(feature = "fail-points")]
mod fail_points;
mod migrate;
mod moving;
mod postgres;
mod row;
mod sql;
mod sqlite;
mod turns;
mod value;

pub use error::{Error, Result};
#[cfg(feature = "fail-points")]
pub use fail_points::crash_at;
pub use migrate::{Migration, MigrationReport};
pub use moving::{Move, MoveState, MoveStep, Moved};
pub use postgres::{Place, quoted};
pub use row::{FromColumn, FromRow, Row};
pub use sql::{Sql, placeholders};
pub use value::Value;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Which engine a database runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in this process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// How a database is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// PostgreSQL: connections at most. SQLite: readers at most.
    pub pool_size: usize,
    /// How long a call may wait for a connection, or for SQLite's writer. On PostgreSQL a call that would
    /// have to wait half as long is refused at once.
    pub acquire_timeout: Duration,
    /// PostgreSQL: the schema to work in, made if it is not there.
    pub schema: Option<String>,
    /// PostgreSQL: a schema that is not there is refused instead.
    pub is_there: bool,
    /// SQLite: refuse a file that another process has opened so. Several writers would keep one another
    /// waiting, and each would not see what the other one caches.
    pub exclusive: bool,
    /// SQLite: foreign keys are not looked at, as rows of a copy come in any order.
    pub is_copy: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pool_size: 10,
            acquire_timeout: Duration::from_secs(5),
            schema: None,
            is_there: false,
            exclusive: false,
            is_copy: false,
        }
    }
}

/// How busy a database's connections are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// At work.
    pub in_use: usize,
    /// Open, with nothing to do.
    pub idle: usize,
    /// Calls that wait for one.
    pub awaited: usize,
    /// At most.
    pub max: usize,
}

/// How many databases this process has opened.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// An open database; clones share it.
#[derive(Clone, Debug)]
pub struct Db {
    store: Store,
    number: u64,
}

#[derive(Clone, Debug)]
enum Store {
    Sqlite(sqlite::Store),
    Postgres(postgres::Store),
}

impl Db {
    /// Opens `sqlite:<file>`, `sqlite::memory:` or `postgres://…`, and makes sure that it answers.
    pub async fn open(url: &str, settings: &Settings) -> Result<Self> {
        let store = match url.strip_prefix("sqlite:") {
            Some(path) => Store::Sqlite(sqlite::Store::open(path, settings)?),
            None => Store::Postgres(postgres::Store::open(url, settings).await?),
        };
        Ok(Self { store, number: OPENED.fetch_add(1, Ordering::Relaxed) })
    }

    /// A number that no other database has that this process opened.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Whether what several callers write at the same time is committed together anyway.
    pub fn groups_commits(&self) -> bool {
        self.engine() == Engine::Sqlite
    }

    /// The engine.
    pub fn engine(&self) -> Engine {
        match self.store {
            Store::Sqlite(_) => Engine::Sqlite,
            Store::Postgres(_) => Engine::Postgres,
        }
    }

    /// Where it is; `None` on SQLite, which is in this process and needs no connection.
    pub fn place(&self) -> Option<&Place> {
        match &self.store {
            Store::Sqlite(_) => None,
            Store::Postgres(store) => Some(store.place()),
        }
    }

    /// For reading only; each statement sees what was committed before it.
    pub async fn read(&self) -> Result<Tx> {
        Ok(Tx(match &self.store {
            Store::Sqlite(store) => Work::Sqlite(store.read().await?),
            Store::Postgres(store) => Work::Postgres(store.begin(postgres::Mode::Autocommit).await?),
        }))
    }

    /// As [`Db::read`], for finding a few rows by their keys: on PostgreSQL several such readers share a
    /// connection, so a statement that takes its time would keep the others waiting.
    pub async fn look_up(&self) -> Result<Tx> {
        Ok(Tx(match &self.store {
            Store::Sqlite(store) => Work::Sqlite(store.read().await?),
            Store::Postgres(store) => Work::Postgres(store.look_up().await?),
        }))
    }

    /// A unit of work: undone unless it is committed.
    pub async fn write(&self) -> Result<Tx> {
        self.begin(postgres::Mode::Lazy).await
    }

    /// A unit of work of exactly one statement, which spares PostgreSQL two round trips. A second
    /// statement is refused.
    pub async fn write_one(&self) -> Result<Tx> {
        self.begin(postgres::Mode::One).await
    }

    async fn begin(&self, mode: postgres::Mode) -> Result<Tx> {
        Ok(Tx(match &self.store {
            Store::Sqlite(store) => Work::Sqlite(store.write().await?),
            Store::Postgres(store) => Work::Postgres(store.begin(mode).await?),
        }))
    }

    /// Brings the tables up to date; `now` in milliseconds. Several processes may do so at once.
    pub async fn migrate(&self, migrations: &[Migration], now: i64) -> Result<MigrationReport> {
        migrate::run(self, migrations, now).await
    }

    /// Whether the database is being moved, or was.
    pub async fn move_state(&self) -> Result<Option<MoveState>> {
        moving::state(self).await
    }

    /// Asks the database for one trivial row.
    pub async fn ping(&self) -> Result<()> {
        self.read()
            .await?
            .fetch_optional::<(i64,)>(sql!(postgres: "select 1::bigint", sqlite: "select 1"), &[])
            .await
            .map(drop)
    }

    /// How busy its connections are now.
    pub fn load(&self) -> Load {
        match &self.store {
            Store::Sqlite(store) => store.load(),
            Store::Postgres(store) => store.load(),
        }
    }

    /// Closes the database; calls that come later fail.
    pub async fn close(&self) {
        match &self.store {
            Store::Sqlite(store) => store.close().await,
            Store::Postgres(store) => store.close(),
        }
    }
}

/// A unit of work, or a reader. Dropped without [`Tx::commit`], it leaves no trace.
#[derive(Debug)]
pub struct Tx(Work);

#[derive(Debug)]
enum Work {
    Sqlite(sqlite::Work),
    Postgres(postgres::Work),
}

impl Tx {
    /// The engine, for what one of them can say in one statement and the other one cannot.
    pub fn engine(&self) -> Engine {
        match self.0 {
            Work::Sqlite(_) => Engine::Sqlite,
            Work::Postgres(_) => Engine::Postgres,
        }
    }

    /// Runs a statement and tells how many rows it changed.
    pub async fn execute(&mut self, sql: impl Into<Sql>, args: &[Value<'_>]) -> Result<u64> {
        let sql = sql.into();
        fail_point!();
        let outcome = match &mut self.0 {
            Work::Sqlite(work) => work.execute(sql.sqlite(), args),
            Work::Postgres(work) => work.execute(sql.postgres(), args).await,
        };
        fail_point!();
        outcome
    }

    /// Runs a statement and reads all its rows.
    pub async fn fetch_all<R: FromRow>(&mut self, sql: impl Into<Sql>, args: &[Value<'_>]) -> Result<Vec<R>> {
        let sql = sql.into();
        fail_point!();
        let outcome = match &mut self.0 {
            Work::Sqlite(work) => work.fetch_all(sql.sqlite(), args),
            Work::Postgres(work) => work.fetch_all(sql.postgres(), args).await,
        };
        fail_point!();
        outcome
    }

    /// As [`Tx::fetch_all`], for a statement that is best gone about in one way for some arguments and in another way
    /// for others: PostgreSQL plans it each time, for the very arguments, which it does with a prepared statement only
    /// as long as that seems to pay. SQLite goes about a statement in one way whatever its arguments are.
    pub async fn fetch_all_planned<R: FromRow>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Value<'_>],
    ) -> Result<Vec<R>> {
        let sql = sql.into();
        fail_point!();
        let outcome = match &mut self.0 {
            Work::Sqlite(work) => work.fetch_all(sql.sqlite(), args),
            Work::Postgres(work) => work.fetch_all_planned(sql.postgres(), args).await,
        };
        fail_point!();
        outcome
    }

    /// Runs a statement and reads its first row, if there is one.
    pub async fn fetch_optional<R: FromRow>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Value<'_>],
    ) -> Result<Option<R>> {
        Ok(self.fetch_all(sql, args).await?.into_iter().next())
    }

    /// As [`Tx::fetch_all`], keeping the rows locked until the unit of work ends. SQLite has one writer
    /// and needs no locks.
    pub async fn fetch_all_for_update<R: FromRow>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Value<'_>],
    ) -> Result<Vec<R>> {
        self.fetch_all(sql.into().for_update(), args).await
    }

    /// As [`Tx::fetch_all_for_update`], without the rows that another unit of work keeps locked.
    pub async fn fetch_all_unlocked_for_update<R: FromRow>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Value<'_>],
    ) -> Result<Vec<R>> {
        self.fetch_all(sql.into().for_update_skipping(), args).await
    }

    /// As [`Tx::fetch_optional`], keeping the row locked until the unit of work ends.
    pub async fn fetch_optional_for_update<R: FromRow>(
        &mut self,
        sql: impl Into<Sql>,
        args: &[Value<'_>],
    ) -> Result<Option<R>> {
        self.fetch_optional(sql.into().for_update(), args).await
    }

    /// Runs several statements, separated by `;`, without arguments.
    pub(crate) async fn execute_script(&mut self, script: &Sql) -> Result<()> {
        match &mut self.0 {
            Work::Sqlite(work) => work.execute_script(script.sqlite()),
            Work::Postgres(work) => work.execute_script(script.postgres()).await,
        }
    }

    /// Notes migrations as applied whose effect is there by other means; `now` in milliseconds.
    pub async fn record_migrations(&mut self, migrations: &[Migration], now: i64) -> Result<()> {
        migrate::record(self, migrations, now).await
    }

    /// Runs the last statement of the unit of work and makes all of it durable: on PostgreSQL in one round
    /// trip. Tells how many rows the statement changed; what it changed is there by then, whatever the number.
    pub async fn execute_and_commit(mut self, sql: impl Into<Sql>, args: &[Value<'_>]) -> Result<u64> {
        let sql = sql.into();
        if let Work::Postgres(work) = self.0 {
            fail_point!();
            let outcome = work.execute_and_commit(sql.postgres(), args).await;
            fail_point!();
            return outcome;
        }
        let changed = self.execute(sql, args).await?;
        self.commit().await?;
        Ok(changed)
    }

    /// Makes the work durable, and answers only then.
    pub async fn commit(self) -> Result<()> {
        fail_point!();
        let outcome = match self.0 {
            Work::Sqlite(work) => work.commit().await,
            Work::Postgres(work) => work.commit().await,
        };
        fail_point!();
        outcome
    }
}
