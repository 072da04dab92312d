//! SQLite: a pool of readers, and one writer whose units of work are committed in groups.
//!
//! A commit waits for the disk, which costs far more than the work itself. So a unit of work that ends
//! while others wait does not commit: it hands the connection on, and whoever comes last commits for
//! all. Each unit of work is a savepoint, so one that fails takes back only its own changes. Nobody is
//! told "done" before the group's commit.

use crate::row::Source;
use crate::{Error, FromRow, Load, Result, Row, Settings, Value};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch};

/// Units of work in one commit at most: bounds how long the first of them waits.
const GROUP_LIMIT: usize = 64;

/// How long a file that another process has locked is left alone.
const LOCKED_PAUSE: Duration = Duration::from_millis(5);

#[derive(Clone, Debug)]
pub(crate) struct Store {
    writer: Arc<tokio::sync::Mutex<Writer>>,
    /// Units of work that wait for the writer.
    waiting: Arc<AtomicUsize>,
    /// `None` in memory, where only the writer's connection sees the data.
    readers: Option<Arc<Readers>>,
    acquire_timeout: Duration,
    /// Held as long as the database is open; the system lets go of it when the process ends.
    _lock: Option<Arc<File>>,
}

#[derive(Debug)]
struct Writer {
    connection: Connection,
    group: Option<Group>,
    closed: bool,
}

/// Units of work that wait for one commit.
#[derive(Debug)]
struct Group {
    members: usize,
    done: watch::Sender<Option<Result<()>>>,
}

/// Connections that read; each is opened when it is first needed.
#[derive(Debug)]
struct Readers {
    path: String,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
    count: usize,
}

/// Locks a file beside the database: SQLite's own locks on the database must not be touched.
fn lock_file(path: &str) -> Result<File> {
    let name = format!("{path}-lock");
    let fault = |error: std::io::Error| Error::Engine(format!("{name}: {error}"));
    let file = File::options().create(true).write(true).truncate(false).open(&name).map_err(fault)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::Unavailable(format!("{path} belongs to another process that is still running")))
        }
        Err(TryLockError::Error(error)) => Err(fault(error)),
    }
}

/// Makes a new database's file for its owner alone, as signing keys and password hashes are in it; SQLite
/// gives the files beside it the same permissions. Why it cannot be made, SQLite says when it opens it.
#[cfg(unix)]
fn make_private(path: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().write(true).create_new(true).mode(0o600).open(path).ok();
}

#[cfg(not(unix))]
fn make_private(_: &str) {}

impl Store {
    pub(crate) fn open(path: &str, settings: &Settings) -> Result<Self> {
        let in_memory = path == ":memory:";
        let lock = (settings.exclusive && !in_memory).then(|| lock_file(path)).transpose()?;
        if !in_memory && !path.starts_with("file:") {
            make_private(path);
        }
        let connection = connect(path, OpenFlags::default())?;
        if settings.is_copy {
            connection.pragma_update(None, "foreign_keys", "off")?;
        }
        if !in_memory {
            connection.pragma_update(None, "journal_mode", "wal")?;
            connection.pragma_update(None, "synchronous", "full")?;
            // In pages, 64 MiB: a checkpoint writes a page once, however often it was written to since the last.
            connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
            // In KiB: what a group of writes touches is not read from the file again.
            connection.pragma_update(None, "cache_size", -16_000)?;
        }
        // From here on it is waited for by `begin_in_time`.
        connection.busy_timeout(Duration::ZERO)?;
        let readers = (!in_memory).then(|| Readers::new(path, settings.pool_size));
        Ok(Self {
            writer: Arc::new(tokio::sync::Mutex::new(Writer { connection, group: None, closed: false })),
            waiting: Arc::default(),
            readers: readers.map(Arc::new),
            acquire_timeout: settings.acquire_timeout,
            _lock: lock.map(Arc::new),
        })
    }

    pub(crate) async fn read(&self) -> Result<Work> {
        let Some(readers) = &self.readers else { return self.write().await };
        let permit = Arc::clone(&readers.permits).acquire_owned();
        let permit = tokio::time::timeout(self.acquire_timeout, permit)
            .await
            .map_err(|_| Error::PoolFull)?
            .map_err(|_| Error::Unavailable("the database is closed".to_owned()))?;
        let connection = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = connection.map_or_else(|| readers.open(), Ok)?;
        Ok(Work::Reader(Reader {
            connection: Some(connection),
            readers: Arc::clone(readers),
            _permit: permit,
        }))
    }

    pub(crate) async fn write(&self) -> Result<Work> {
        let began = Instant::now();
        let waiting = Waiting::new(self);
        let locked = tokio::time::timeout(self.acquire_timeout, Arc::clone(&self.writer).lock_owned()).await;
        let mut guard = locked.map_err(|_| Error::PoolFull)?;
        waiting.over();
        let began = begin_in_time(&mut guard, began + self.acquire_timeout).await;
        let mut work = WriterWork::new(guard, Arc::clone(&self.waiting));
        if let Err(error) = began {
            work.hand_on();
            return Err(error);
        }
        Ok(Work::Writer(work))
    }

    /// Commits an open group that nobody is left to commit.
    async fn flush(self) {
        let guard = Arc::clone(&self.writer).lock_owned().await;
        WriterWork::new(guard, self.waiting).hand_on();
    }

    /// The writer is one of the connections. Who waits for a reader is not known.
    pub(crate) fn load(&self) -> Load {
        let writing = usize::from(self.writer.try_lock().is_err());
        let readers = self.readers.as_ref();
        let (readers, idle) = readers.map_or((0, 0), |all| (all.count, all.permits.available_permits()));
        Load {
            in_use: readers.saturating_sub(idle) + writing,
            idle: idle + 1 - writing,
            awaited: self.waiting.load(Ordering::SeqCst),
            max: readers + 1,
        }
    }

    pub(crate) async fn close(&self) {
        let mut writer = self.writer.lock().await;
        writer.commit_group();
        writer.closed = true;
        if self.readers.is_some() {
            let _ = writer.connection.pragma_update(None, "wal_checkpoint", "truncate");
        }
        if let Some(readers) = &self.readers {
            readers.permits.close();
        }
    }
}

/// A statement that every unit of work needs: prepared once.
fn execute(connection: &Connection, sql: &str) -> Result<()> {
    connection.prepare_cached(sql)?.raw_execute()?;
    Ok(())
}

/// A file that another process is writing to is waited for, and not on the async worker.
async fn begin_in_time(writer: &mut Writer, end: Instant) -> Result<()> {
    loop {
        match writer.begin() {
            Err(Error::Locked) if Instant::now() < end => tokio::time::sleep(LOCKED_PAUSE).await,
            settled => return settled,
        }
    }
}

fn connect(path: &str, flags: OpenFlags) -> Result<Connection> {
    let connection = Connection::open_with_flags(Path::new(path), flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "foreign_keys", "on")?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(256);
    // Otherwise a statement that compares an argument with a literal is prepared again whenever its arguments
    // change, in case another plan is better now: ten times the work of running it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(connection)
}

impl Readers {
    fn new(path: &str, count: usize) -> Self {
        let count = count.clamp(1, 8);
        let (permits, idle) = (Arc::new(Semaphore::new(count)), Mutex::default());
        Self { path: path.to_owned(), permits, idle, count }
    }

    fn open(&self) -> Result<Connection> {
        let connection = connect(&self.path, OpenFlags::default())?;
        connection.pragma_update(None, "query_only", "on")?;
        Ok(connection)
    }
}

/// Counts a unit of work that waits for the writer, so that the one before it need not commit.
struct Waiting<'a> {
    store: &'a Store,
    over: bool,
}

impl<'a> Waiting<'a> {
    fn new(store: &'a Store) -> Self {
        store.waiting.fetch_add(1, Ordering::SeqCst);
        Self { store, over: false }
    }

    fn over(mut self) {
        self.over = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.store.waiting.fetch_sub(1, Ordering::SeqCst);
        // The one before may have counted on this one to commit.
        if let (false, Ok(runtime)) = (self.over, Handle::try_current()) {
            runtime.spawn(self.store.clone().flush());
        }
    }
}

impl Writer {
    fn begin(&mut self) -> Result<()> {
        if self.closed {
            return Err(Error::Unavailable("the database is closed".to_owned()));
        }
        if self.group.is_none() {
            execute(&self.connection, "begin immediate")?;
            self.group = Some(Group { members: 0, done: watch::Sender::new(None) });
        }
        execute(&self.connection, "savepoint work")
    }

    /// Takes back the current unit of work; the others of the group stay.
    fn undo(&mut self) {
        if self.connection.execute_batch("rollback to work; release work").is_err() {
            self.abandon("the transaction was rolled back by the engine");
        }
    }

    /// Ends the group without its work: it failed as a whole.
    fn abandon(&mut self, reason: &str) {
        if !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("rollback");
        }
        if let Some(group) = self.group.take() {
            group.done.send_replace(Some(Err(Error::Engine(reason.to_owned()))));
        }
    }

    fn commit_group(&mut self) {
        let Some(group) = self.group.take() else { return };
        let outcome = execute(&self.connection, "commit");
        if outcome.is_err() && !self.connection.is_autocommit() {
            let _ = self.connection.execute_batch("rollback");
        }
        group.done.send_replace(Some(outcome));
    }
}

#[derive(Debug)]
pub(crate) enum Work {
    Reader(Reader),
    Writer(WriterWork),
}

#[derive(Debug)]
pub(crate) struct Reader {
    connection: Option<Connection>,
    readers: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Reader {
    fn drop(&mut self) {
        let idle = self.readers.idle.lock();
        idle.unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}

/// A unit of work; `guard` is `None` once it has ended.
#[derive(Debug)]
pub(crate) struct WriterWork {
    guard: Option<OwnedMutexGuard<Writer>>,
    waiting: Arc<AtomicUsize>,
    /// A statement failed: as on PostgreSQL, nothing of the unit of work may be committed.
    failed: bool,
    /// It belongs to the group, and cannot be undone alone any more.
    released: bool,
}

impl WriterWork {
    fn new(guard: OwnedMutexGuard<Writer>, waiting: Arc<AtomicUsize>) -> Self {
        Self { guard: Some(guard), waiting, failed: false, released: false }
    }

    /// Lets the next one have the connection, or commits the group if there is no next one.
    fn hand_on(&mut self) {
        let Some(mut guard) = self.guard.take() else { return };
        let Some(group) = &guard.group else { return };
        let goes_on = self.waiting.load(Ordering::SeqCst) > 0 && group.members < GROUP_LIMIT;
        if group.members == 0 && !goes_on {
            guard.abandon("nothing to commit");
        } else if !goes_on {
            commit_apart(guard);
        }
    }

    async fn commit(mut self) -> Result<()> {
        if self.failed {
            return Err(failed());
        }
        let Some(guard) = self.guard.as_mut() else { return Err(ended()) };
        if let Err(error) = execute(&guard.connection, "release work") {
            guard.abandon("the transaction was rolled back by the engine");
            return Err(error);
        }
        let group = guard.group.as_mut().ok_or_else(ended)?;
        group.members += 1;
        let mut done = group.done.subscribe();
        self.released = true;
        if self.waiting.load(Ordering::SeqCst) == 0 {
            // Whoever is ready to write, and has not asked yet, is not to wait for the disk first.
            tokio::task::yield_now().await;
        }
        self.hand_on();
        let outcome = done.wait_for(Option::is_some).await.map_err(|_| ended())?.clone();
        outcome.unwrap_or_else(|| Err(ended()))
    }
}

/// Waiting for the disk must not hold up the async worker.
fn commit_apart(mut guard: OwnedMutexGuard<Writer>) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || guard.commit_group())),
        Err(_) => guard.commit_group(),
    }
}

fn failed() -> Error {
    Error::Engine("a statement of this unit of work failed: it can only be undone".to_owned())
}

fn ended() -> Error {
    Error::Engine("the unit of work has ended".to_owned())
}

impl Drop for WriterWork {
    fn drop(&mut self) {
        if let Some(guard) = self.guard.as_mut().filter(|_| !self.released) {
            guard.undo();
        }
        self.hand_on();
    }
}

impl Work {
    fn connection(&self) -> Result<&Connection> {
        match self {
            Self::Reader(reader) => reader.connection.as_ref(),
            Self::Writer(work) if work.failed => return Err(failed()),
            Self::Writer(work) => work.guard.as_ref().map(|guard| &guard.connection),
        }
        .ok_or_else(ended)
    }

    pub(crate) fn execute(&mut self, sql: &str, args: &[Value<'_>]) -> Result<u64> {
        self.settle(Self::run(self.connection()?, sql, args))
    }

    fn run(connection: &Connection, sql: &str, args: &[Value<'_>]) -> Result<u64> {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, args)?;
        // A statement with `returning` has rows; they are counted, not read.
        if statement.column_count() > 0 {
            let (mut rows, mut count) = (statement.raw_query(), 0);
            while rows.next()?.is_some() {
                count += 1;
            }
            return Ok(count);
        }
        Ok(statement.raw_execute()? as u64)
    }

    pub(crate) fn fetch_all<R: FromRow>(&mut self, sql: &str, args: &[Value<'_>]) -> Result<Vec<R>> {
        self.settle(Self::read(self.connection()?, sql, args))
    }

    fn read<R: FromRow>(connection: &Connection, sql: &str, args: &[Value<'_>]) -> Result<Vec<R>> {
        let mut statement = connection.prepare_cached(sql)?;
        bind(&mut statement, args)?;
        let (mut rows, mut read) = (statement.raw_query(), Vec::new());
        while let Some(row) = rows.next()? {
            read.push(R::from_row(&Row(Source::Sqlite(row)))?);
        }
        Ok(read)
    }

    pub(crate) fn execute_script(&mut self, script: &str) -> Result<()> {
        self.settle(self.connection()?.execute_batch(script).map_err(Error::from))
    }

    /// After a failure nothing more may run: the engine may have rolled back the whole group (a full
    /// disk), and what followed would be committed on its own.
    fn settle<T>(&mut self, outcome: Result<T>) -> Result<T> {
        if let (Err(_), Self::Writer(work)) = (&outcome, self) {
            work.failed = true;
            if let Some(guard) = work.guard.as_mut().filter(|guard| guard.connection.is_autocommit()) {
                guard.abandon("the transaction was rolled back by the engine");
            }
        }
        outcome
    }

    pub(crate) async fn commit(self) -> Result<()> {
        match self {
            Self::Reader(_) => Ok(()),
            Self::Writer(work) => work.commit().await,
        }
    }
}

/// Binds by name: SQLite numbers `$2, $1` in the order of their first use.
fn bind(statement: &mut rusqlite::Statement<'_>, args: &[Value<'_>]) -> Result<()> {
    for position in 1..=statement.parameter_count() {
        let number = statement.parameter_name(position).and_then(|name| name.get(1..)?.parse::<usize>().ok());
        let value = number.and_then(|number| args.get(number.checked_sub(1)?));
        let value = value.ok_or_else(|| Error::Engine("an argument is missing".to_owned()))?;
        statement.raw_bind_parameter(position, value)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::StatementStatus;

    #[test]
    fn a_statement_that_is_used_again_is_not_prepared_again() {
        let connection = connect(":memory:", OpenFlags::default()).unwrap();
        connection.execute_batch("create table users (app text, id text, primary key (app, id))").unwrap();
        let sql = "select a.id from users a left join users b on b.app = a.app and b.id = a.id
            where a.app = $1 and a.id = $2";
        for id in ["a", "b", "c"] {
            let mut statement = connection.prepare_cached(sql).unwrap();
            bind(&mut statement, &[Value::from("app"), Value::from(id)]).unwrap();
            assert!(statement.raw_query().next().unwrap().is_none());
            assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
        }
    }
}
