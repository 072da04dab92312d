//! PostgreSQL: pooled connections; a transaction begins with its first statement, in one round trip.

mod address;
mod place;
mod shared;
mod tls;

use crate::row::Source;
use crate::turns::{Step, Turn, Turns};
use crate::{Error, FromRow, Load, Result, Row, Settings, Value};
use address::Address;
use deadpool_postgres::{
    Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts,
};
pub use place::Place;
use shared::Shared;
use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_postgres::Config;
use tokio_postgres::types::{ToSql, Type};

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pool: Pool,
    turns: Arc<Turns>,
    shared: Arc<Shared>,
    place: Arc<Place>,
}

/// Unique keys and row locks carry the rules; a stricter level would only add retries.
const BEGIN: &str = "begin isolation level read committed";

/// How long the server's machine may leave what was sent unacknowledged.
const UNANSWERED: Duration = Duration::from_secs(15);
/// How long a connection may be idle before it is asked for a sign of life.
const IDLE: Duration = Duration::from_secs(30);

/// One caller's statement is not to take several of the server's processors, nor to be compiled: both take tens of
/// milliseconds before the first row, where the server takes a statement for a longer one than it is.
const MODESTY: &str = "set max_parallel_workers_per_gather = 0; set jit = off";

/// How statements relate to transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Each statement stands alone.
    Autocommit,
    /// One statement that stands alone is still allowed.
    One,
    /// The one statement has run.
    OneDone,
    /// The transaction begins with the next statement.
    Lazy,
    /// The transaction has begun.
    Open,
}

impl Store {
    pub(crate) async fn open(url: &str, settings: &Settings) -> Result<Self> {
        let address = Address::parse(url)?;
        let place = Arc::new(Place::at(&address, settings.schema.as_deref()));
        let Address { mut config, protection, schema } = address;
        config.application_name("portcullis").connect_timeout(settings.acquire_timeout);
        notice_silence(&mut config);
        let schema = settings.schema.as_ref().or(schema.as_ref());
        if let Some(schema) = schema {
            let given = config.get_options().unwrap_or_default();
            let options = format!("{given} -c search_path={}", option_value(&quoted(schema)));
            config.options(options);
        }
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = Pool::builder(Manager::from_config(config, protection.connector()?, recycling))
            .max_size(settings.pool_size.max(1))
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async { client.batch_execute(MODESTY).await.map_err(HookError::Backend) })
            }))
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(settings.acquire_timeout),
                create: Some(settings.acquire_timeout),
                recycle: Some(settings.acquire_timeout),
            })
            .build()
            .map_err(|error| Error::Engine(error.to_string()))?;
        let turns = Turns::new(settings.pool_size, settings.acquire_timeout);
        let shared = Arc::new(Shared::of(settings.pool_size));
        let store = Self { pool, turns, shared, place };
        let client = store.pool.get().await?;
        if let Some(schema) = schema {
            create_schema(&client, schema, settings.is_there).await?;
        }
        Ok(store)
    }

    pub(crate) async fn begin(&self, mode: Mode) -> Result<Work> {
        let step = if mode == Mode::Autocommit { Step::First } else { Step::Later };
        let (client, turn) = self.take(step).await?;
        Ok(Work { client: Some(Client::Own(client)), mode, failed: false, _turn: turn })
    }

    /// As [`Store::begin`] in autocommit, on a connection that other readers use at the same time.
    pub(crate) async fn look_up(&self) -> Result<Work> {
        let place = self.shared.place();
        let (client, turn) = if let Some(seat) = place.and_then(shared::Place::seat) {
            (Client::Shared(seat), self.turns.queue(Step::First)?.begin())
        } else {
            let (client, turn) = self.take(Step::First).await?;
            match place {
                Some(place) => (Client::Shared(place.open(client)), turn),
                None => (Client::Own(client), turn),
            }
        };
        Ok(Work { client: Some(client), mode: Mode::Autocommit, failed: false, _turn: turn })
    }

    async fn take(&self, step: Step) -> Result<(Object, Turn)> {
        let waiting = self.turns.queue(step)?;
        match self.pool.get().await {
            Ok(client) => Ok((client, waiting.begin())),
            Err(error) => {
                waiting.fail();
                Err(Error::from(error).as_unavailable())
            }
        }
    }

    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    pub(crate) fn load(&self) -> Load {
        let status = self.pool.status();
        Load {
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            awaited: status.waiting,
            max: status.max_size,
        }
    }

    pub(crate) fn close(&self) {
        self.pool.close();
    }
}

/// A server that vanished without a word, with its machine, must not hold calls for as long as the system's
/// own defaults say, which is hours. What the URL asks for stays.
fn notice_silence(config: &mut Config) {
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNANSWERED);
    }
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(IDLE).keepalives_interval(UNANSWERED / 3).keepalives_retries(3);
    }
}

/// Makes the schema if it is not there. Asking first spares the right to make one; and cores that start
/// at once may all find it missing, of which `if not exists` fails all but one.
async fn create_schema(client: &Object, schema: &str, is_there: bool) -> Result<()> {
    if client.query_opt("select 1 from pg_namespace where nspname = $1", &[&schema]).await?.is_some() {
        return Ok(());
    }
    if is_there {
        return Err(Error::Engine(format!("there is no schema {schema}")));
    }
    let created = client.batch_execute(&format!("create schema if not exists {}", quoted(schema))).await;
    match created.map_err(Error::from) {
        Err(Error::Duplicate(_)) => Ok(()),
        other => other,
    }
}

/// A name as SQL takes it whatever is in it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The server splits its options at blanks unless they are escaped.
fn option_value(value: &str) -> String {
    value.replace('\\', "\\\\").replace(' ', "\\ ")
}

/// A connection of one's own, or one that others read by at the same time.
#[derive(Debug)]
enum Client {
    Own(Object),
    Shared(shared::Seat),
}

impl Deref for Client {
    type Target = Object;

    fn deref(&self) -> &Object {
        match self {
            Self::Own(client) => client,
            Self::Shared(seat) => seat,
        }
    }
}

/// A connection at work; `client` is `None` once it has ended.
#[derive(Debug)]
pub(crate) struct Work {
    client: Option<Client>,
    mode: Mode,
    /// A statement failed, or was cut off: nothing of the unit of work may be committed.
    failed: bool,
    _turn: Turn,
}

impl Work {
    pub(crate) async fn execute(&mut self, sql: &str, args: &[Value<'_>]) -> Result<u64> {
        let begin = self.enter()?;
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await?;
        let args = references(args);
        let changed = if begin {
            // Both are sent before either is answered.
            let (began, outcome) =
                tokio::join!(client.batch_execute(BEGIN), client.execute(&statement, &args));
            began?;
            outcome?
        } else {
            client.execute(&statement, &args).await?
        };
        self.failed = false;
        Ok(changed)
    }

    pub(crate) async fn fetch_all<R: FromRow>(&mut self, sql: &str, args: &[Value<'_>]) -> Result<Vec<R>> {
        let begin = self.enter()?;
        let client = self.client()?;
        let statement = client.prepare_cached(sql).await?;
        let args = references(args);
        let rows = if begin {
            let (began, rows) = tokio::join!(client.batch_execute(BEGIN), client.query(&statement, &args));
            began?;
            rows?
        } else {
            client.query(&statement, &args).await?
        };
        self.failed = false;
        rows.iter().map(|row| R::from_row(&Row(Source::Postgres(row)))).collect()
    }

    /// As [`Work::fetch_all`], but planned for these arguments. The statement is named nothing, so that the server
    /// keeps no plan of it, and needs no round trip to be prepared.
    pub(crate) async fn fetch_all_planned<R: FromRow>(
        &mut self,
        sql: &str,
        args: &[Value<'_>],
    ) -> Result<Vec<R>> {
        let begin = self.enter()?;
        let client = self.client()?;
        let args: Vec<(&(dyn ToSql + Sync), Type)> =
            args.iter().map(|value| (value as _, value.of_type())).collect();
        let rows = if begin {
            let (began, rows) = tokio::join!(client.batch_execute(BEGIN), client.query_typed(sql, &args));
            began?;
            rows?
        } else {
            client.query_typed(sql, &args).await?
        };
        self.failed = false;
        rows.iter().map(|row| R::from_row(&Row(Source::Postgres(row)))).collect()
    }

    pub(crate) async fn execute_script(&mut self, script: &str) -> Result<()> {
        let begin = self.enter()?;
        let client = self.client()?;
        if begin {
            client.batch_execute(BEGIN).await?;
        }
        client.batch_execute(script).await?;
        self.failed = false;
        Ok(())
    }

    /// The commit is sent together with the statement. If the statement fails, the server turns the commit
    /// into a rollback.
    pub(crate) async fn execute_and_commit(mut self, sql: &str, args: &[Value<'_>]) -> Result<u64> {
        if self.mode == Mode::Lazy {
            // Nothing came before, so the statement can stand alone.
            self.mode = Mode::One;
        }
        if self.mode != Mode::Open {
            return self.execute(sql, args).await;
        }
        self.enter()?;
        let changed = run_and_commit(self.client()?, sql, &references(args)).await?;
        self.mode = Mode::Autocommit;
        Ok(changed)
    }

    /// The server would answer the commit of a failed transaction with a silent rollback.
    pub(crate) async fn commit(mut self) -> Result<()> {
        if self.failed {
            return Err(failed());
        }
        if self.mode == Mode::Open {
            self.client()?.batch_execute("commit").await?;
            self.mode = Mode::Autocommit;
        }
        Ok(())
    }

    /// Goes on to the next statement; tells whether a transaction must begin with it. What follows may be
    /// cut off at any point, so the connection counts as inside a transaction, and the unit of work as
    /// failed, until the statement has succeeded.
    fn enter(&mut self) -> Result<bool> {
        match self.mode {
            Mode::OneDone => {
                return Err(Error::Engine("a unit of work of one statement was given a second".to_owned()));
            }
            Mode::Open if self.failed => return Err(failed()),
            Mode::One => self.mode = Mode::OneDone,
            _ => {}
        }
        self.failed = self.mode != Mode::Autocommit;
        let begin = self.mode == Mode::Lazy;
        if begin {
            self.mode = Mode::Open;
        }
        Ok(begin)
    }

    fn client(&self) -> Result<&Object> {
        self.client.as_deref().ok_or_else(|| Error::Engine("the unit of work has ended".to_owned()))
    }
}

fn failed() -> Error {
    Error::Engine("a statement of this unit of work failed: it can only be undone".to_owned())
}

impl Drop for Work {
    /// A connection goes back to the pool only after its transaction was rolled back.
    fn drop(&mut self) {
        let (Mode::Open, Some(Client::Own(client))) = (self.mode, self.client.take()) else { return };
        let Ok(runtime) = Handle::try_current() else {
            drop(Object::take(client));
            return;
        };
        runtime.spawn(async move {
            if client.batch_execute("rollback").await.is_err() {
                drop(Object::take(client));
            }
        });
    }
}

/// The last statement of a transaction and its commit, sent together.
async fn run_and_commit(client: &Object, sql: &str, args: &[&(dyn ToSql + Sync)]) -> Result<u64> {
    let statement = client.prepare_cached(sql).await?;
    let mut sent = pin!(client.execute(&statement, args));
    // A value that does not fit its parameter is found before anything is sent: then what came before must
    // not be committed either.
    if let Poll::Ready(outcome) = poll_fn(|context| Poll::Ready(sent.as_mut().poll(context))).await {
        let changed = outcome?;
        client.batch_execute("commit").await?;
        return Ok(changed);
    }
    let (outcome, ended) = tokio::join!(sent, client.batch_execute("commit"));
    let changed = outcome?;
    ended?;
    Ok(changed)
}

fn references<'a>(args: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    args.iter().map(|value| value as _).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_noticed_within_a_minute_unless_the_url_says_otherwise() {
        let read = |parameters: &str| {
            let Address { mut config, .. } = Address::parse(&format!("postgres://h/d{parameters}")).unwrap();
            notice_silence(&mut config);
            (config.get_tcp_user_timeout().copied(), config.get_keepalives_idle())
        };
        assert_eq!(read(""), (Some(UNANSWERED), IDLE));
        let given = read("?tcp_user_timeout=5&keepalives_idle=6");
        assert_eq!(given, (Some(Duration::from_secs(5)), Duration::from_secs(6)));
    }
}
