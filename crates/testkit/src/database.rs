//! A PostgreSQL database of a test's own. Making all tables takes a quarter of a second, and a server with the tables
//! of a thousand tests becomes slow; so tests hand their databases on, emptied.

use portcullis_core::migrations;
use portcullis_db::{Db, Settings, args};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::OnceCell;
use url::Url;

/// Whether tests run on PostgreSQL: `TEST_ENGINE=postgres`.
pub fn is_postgres() -> bool {
    std::env::var("TEST_ENGINE").as_deref() == Ok("postgres")
}

/// A database on the server that `TEST_DATABASE_URL` names, whose user may make databases.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    has_tables: bool,
}

/// Databases with tables that tests of this process have done with.
static DONE_WITH: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Database {
    /// A database with all tables, and nothing in them but what a new one has. The caller's thread waits for it.
    pub fn with_tables() -> Self {
        let name = wait_for(async {
            let done_with = std::mem::take(&mut *DONE_WITH.lock().unwrap_or_else(PoisonError::into_inner));
            let mut found = None;
            for name in done_with {
                if found.is_none() && !is_in_use(&name).await {
                    found = make_like_new(&name).await.then_some(name);
                } else {
                    hand_on(name);
                }
            }
            match found {
                Some(name) => name,
                None => make().await,
            }
        });
        Self { url: url_of(&name), name, has_tables: true }
    }

    /// A database without tables, dropped at the end. The caller's thread waits for it.
    pub fn empty() -> Self {
        let name = wait_for(async {
            let name = next_name("empty").await;
            execute(&format!("create database {name} template template0")).await;
            name
        });
        Self { url: url_of(&name), name, has_tables: false }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let name = std::mem::take(&mut self.name);
        if self.has_tables {
            hand_on(name);
        } else {
            // Connections that are still open are closed by the server.
            wait_for(async { execute(&format!("drop database if exists {name} with (force)")).await });
        }
    }
}

fn hand_on(name: String) {
    DONE_WITH.lock().unwrap_or_else(PoisonError::into_inner).push(name);
}

/// Whether the core of the test before still runs.
async fn is_in_use(name: &str) -> bool {
    let mut tx = server().await.read().await.expect("the server answers");
    let connections = "select 1::bigint from pg_stat_activity where datname = $1 limit 1";
    tx.fetch_optional::<(i64,)>(connections, args![name]).await.expect("the server answers").is_some()
}

/// A new one, as a copy of that which has all tables.
async fn make() -> String {
    let template = template().await;
    let name = next_name("tables").await;
    execute(&format!("create database {name} template {template}")).await;
    name
}

/// Of processes at work on one server, each has a number of its own, and so names of its own. What an earlier one left
/// behind goes.
async fn next_name(kind: &str) -> String {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    static OF_PROCESS: OnceCell<(i64, Db)> = OnceCell::const_new();
    let (of_process, _) = OF_PROCESS.get_or_init(number_of_process).await;
    let name = format!("test_{kind}_{of_process}_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    execute(&format!("drop database if exists {name} with (force)")).await;
    name
}

/// With the connection that holds the number.
async fn number_of_process() -> (i64, Db) {
    let db = open(&server_url()).await;
    let mut tx = db.read().await.expect("the server answers");
    let mut number = 0;
    loop {
        // The first number is arbitrary.
        let lock = format!("select pg_try_advisory_lock(5410911, {number})");
        let locked: Vec<(bool,)> = tx.fetch_all(lock, &[]).await.expect("the server answers");
        if locked == [(true,)] {
            drop(tx);
            return (number, db);
        }
        number += 1;
    }
}

/// The name of a database that has all tables; made by the first process that asks for it. What its tables hold is kept
/// in a schema of its own besides, for those that are made like new.
async fn template() -> &'static str {
    static NAME: OnceCell<String> = OnceCell::const_new();
    NAME.get_or_init(make_template).await
}

async fn make_template() -> String {
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for text in migrations::all().iter().map(|migration| migration.sql.postgres()).chain([KEEP]) {
        digest.update(text.as_bytes());
    }
    let mut name = "tables_".to_owned();
    for byte in &digest.finish().as_ref()[..10] {
        let _ = write!(name, "{byte:02x}");
    }
    let db = open(&server_url()).await;
    let mut tx = db.write().await.expect("the server answers");
    // Until the end of this. The number is arbitrary.
    tx.fetch_all::<(bool,)>("select true from pg_advisory_xact_lock(5410911)", &[]).await.expect("a lock");
    let there = "select 1::bigint from pg_database where datname = $1";
    let there: Vec<(i64,)> = tx.fetch_all(there, args![name.as_str()]).await.expect("the server answers");
    if there.is_empty() {
        let unfinished = format!("{name}_unfinished");
        execute(&format!("drop database if exists {unfinished} with (force)")).await;
        execute(&format!("create database {unfinished} template template0")).await;
        let db = open(&url_of(&unfinished)).await;
        db.migrate(&migrations::all(), crate::START).await.expect("tables");
        let mut tx = db.write().await.expect("the database answers");
        tx.execute("create schema new", &[]).await.expect("a schema");
        tx.execute(KEEP, &[]).await.expect("what the tables hold is kept");
        tx.commit().await.expect("it is kept");
        db.close().await;
        execute(&format!("alter database {unfinished} rename to {name}")).await;
    }
    drop(tx);
    db.close().await;
    name
}

/// Keeps what the tables hold, and what there is.
const KEEP: &str = "do $$ declare name text; holds_rows boolean; begin
        for name in select tablename from pg_tables where schemaname = 'public' loop
            execute format('select exists (select from public.%I)', name) into holds_rows;
            if holds_rows then execute format('create table new.%I as table public.%I', name, name); end if;
        end loop;
    end $$";

/// Takes away whatever a test may leave. Foreign keys are not looked at meanwhile.
const EMPTY: &str = "do $$ declare name text; begin
        for name in select c.oid::regclass from pg_inherits i join pg_class c on c.oid = i.inhrelid
            where c.relkind = 'r' and pg_get_expr(c.relpartbound, c.oid) <> 'DEFAULT' loop
            execute format('drop table %s', name);
        end loop;
        for name in select nspname from pg_namespace
            where nspname not in ('public', 'new', 'information_schema') and nspname not like 'pg\\_%' loop
            execute format('drop schema %I cascade', name);
        end loop;
        for name in select tablename from pg_tables where schemaname = 'public' loop
            execute format('delete from public.%I', name);
        end loop;
        for name in select tablename from pg_tables where schemaname = 'new' loop
            execute format('insert into public.%I overriding system value table new.%I', name, name);
        end loop;
        for name in select sequencename from pg_sequences where schemaname = 'public' loop
            execute format('alter sequence public.%I restart', name);
        end loop;
    end $$";

/// A digest of what there is: tables, columns, indexes, constraints, triggers and functions.
const SHAPE: &str = "select md5(string_agg(what, ',' order by what)) from (
    select concat_ws(' ', 'relation', relname, relkind) from pg_class where relnamespace = 'public'::regnamespace
    union all select concat_ws(' ', 'column', attrelid::regclass, attname, atttypid, attnotnull) from pg_attribute
        where attrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
    union all select concat_ws(' ', 'constraint', conrelid::regclass, conname) from pg_constraint
        where connamespace = 'public'::regnamespace
    union all select concat_ws(' ', 'trigger', tgrelid::regclass, tgname) from pg_trigger where not tgisinternal
    union all select concat_ws(' ', 'function', proname) from pg_proc where pronamespace = 'public'::regnamespace
    ) as all_there_is (what)";

/// Takes away what a test left in a database; whether it is as a new one then. Faults that tests build in may change
/// tables, and such a database is not used again.
async fn make_like_new(name: &str) -> bool {
    static NEW: OnceCell<String> = OnceCell::const_new();
    let new = NEW.get_or_init(async || {
        let db = open(&url_of(template().await)).await;
        let shape = shape(&db).await;
        db.close().await;
        shape
    });
    let db = open(&url_of(name)).await;
    let is_like_new = empty(&db).await.is_ok() && shape(&db).await == *new.await;
    db.close().await;
    is_like_new
}

async fn empty(db: &Db) -> portcullis_db::Result<()> {
    let mut tx = db.write().await?;
    tx.execute("set local session_replication_role = replica", &[]).await?;
    tx.execute(EMPTY, &[]).await?;
    tx.commit().await
}

async fn shape(db: &Db) -> String {
    let mut tx = db.read().await.expect("the database answers");
    let digests: Vec<(String,)> = tx.fetch_all(SHAPE, &[]).await.expect("the database answers");
    digests.into_iter().map(|(digest,)| digest).collect()
}

async fn execute(sql: &str) {
    server().await.read().await.expect("the server answers").execute(sql.to_owned(), &[]).await.expect(sql);
}

fn server_url() -> String {
    std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL names a PostgreSQL server")
}

fn url_of(name: &str) -> String {
    let mut url = Url::parse(&server_url()).expect("TEST_DATABASE_URL is a URL");
    url.set_path(name);
    url.into()
}

async fn open(url: &str) -> Db {
    let settings = Settings { pool_size: 1, ..Settings::default() };
    Db::open(url, &settings).await.expect("PostgreSQL answers")
}

/// The server, as long as the process runs.
async fn server() -> &'static Db {
    static SERVER: OnceCell<Db> = OnceCell::const_new();
    SERVER
        .get_or_init(async || {
            Db::open(&server_url(), &Settings::default()).await.expect("PostgreSQL answers")
        })
        .await
}

/// On threads of its own, since tests ask from within a runtime and from without, and connections outlive them.
fn wait_for<T: Send>(work: impl Future<Output = T> + Send) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
    });
    thread::scope(|scope| scope.spawn(|| RUNTIME.block_on(work)).join())
        .expect("the server does as it is told")
}
