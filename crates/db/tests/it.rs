//! The rules of the unit of work, on the engine that `TEST_ENGINE` names.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use portcullis_db::{Db, Engine, Error, Migration, Settings, Sql, args, sql};
use std::time::Duration;

/// A database of the test's own; `_directory` keeps the file alive.
struct TestDb {
    db: Db,
    _directory: tempfile::TempDir,
}

async fn open(settings: &Settings) -> TestDb {
    let directory = tempfile::tempdir().unwrap();
    let db = if std::env::var("TEST_ENGINE").as_deref() == Ok("postgres") {
        let url = std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL names a PostgreSQL server");
        // The directory's random name makes the schema's name unique.
        let name = directory.path().file_name().unwrap().to_string_lossy();
        let schema = format!("db_{}", name.trim_start_matches('.').to_lowercase());
        Db::open(&url, &Settings { schema: Some(schema), ..settings.clone() }).await.unwrap()
    } else {
        let path = directory.path().join("test.db");
        Db::open(&format!("sqlite:{}", path.display()), settings).await.unwrap()
    };
    let tables = "create table parents (id varchar(64) not null primary key);
        create table items (id char(36) not null primary key, parent_id varchar(64), n bigint, flag boolean,
            constraint items_fkey foreign key (parent_id) references parents (id) on delete cascade)";
    db.migrate(&[Migration { name: "0001_test", sql: Sql::from(tables) }], 1).await.unwrap();
    TestDb { db, _directory: directory }
}

async fn insert(db: &Db, id: &str, n: i64) -> portcullis_db::Result<()> {
    let mut tx = db.write().await?;
    tx.execute("insert into items (n, id) values ($2, $1)", args![id, n]).await?;
    tx.commit().await
}

async fn count(db: &Db) -> i64 {
    let mut tx = db.read().await.unwrap();
    tx.fetch_optional::<(i64,)>("select count(*) from items", &[]).await.unwrap().unwrap().0
}

/// The columns that a statement returns.
type Item = (i64, bool, Option<String>, String);

#[tokio::test]
async fn rows_come_back_as_they_were_written() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    let mut tx = db.write().await.unwrap();
    let sql = "insert into items (id, parent_id, n, flag) values ($1, $4, $3, $2)
        on conflict (id) do update set n = excluded.n + 1 returning n, flag, parent_id, id";
    let first: Option<Item> = tx.fetch_optional(sql, args!["short", true, 7, None::<&str>]).await.unwrap();
    assert_eq!(first, Some((7, true, None, "short".to_owned())));
    let second: Option<Item> = tx.fetch_optional(sql, args!["short", true, 7, None::<&str>]).await.unwrap();
    assert_eq!(second.unwrap().0, 8);
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn what_is_not_committed_is_undone() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    let mut tx = db.write().await.unwrap();
    tx.execute("insert into items (id) values ($1)", args!["a"]).await.unwrap();
    drop(tx);
    assert_eq!(count(&db).await, 0);
    insert(&db, "b", 1).await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn the_last_statement_ends_the_unit_of_work() {
    let TestDb { db, _directory } = open(&Settings { pool_size: 1, ..Settings::default() }).await;
    let sql = "insert into items (id) values ($1)";
    let alone = db.write().await.unwrap();
    assert_eq!(alone.execute_and_commit(sql, args!["a"]).await.unwrap(), 1);
    let mut tx = db.write().await.unwrap();
    tx.execute(sql, args!["b"]).await.unwrap();
    assert_eq!(tx.execute_and_commit(sql, args!["c"]).await.unwrap(), 1);
    assert_eq!(count(&db).await, 3);

    let mut tx = db.write().await.unwrap();
    tx.execute(sql, args!["d"]).await.unwrap();
    assert!(matches!(tx.execute_and_commit(sql, args!["a"]).await, Err(Error::Duplicate(_))));
    let mut tx = db.write().await.unwrap();
    tx.execute(sql, args!["a"]).await.unwrap_err();
    tx.execute_and_commit(sql, args!["d"]).await.unwrap_err();
    assert_eq!(count(&db).await, 3);

    let mut tx = db.write().await.unwrap();
    tx.execute(sql, args!["d"]).await.unwrap();
    if tx.engine() == Engine::Postgres {
        // Refused before it is sent: what came before is not committed without it.
        let small = "insert into items (id, n) values ('e', cast($1 as int4))";
        tx.execute_and_commit(small, args![1_i64 << 40]).await.unwrap_err();
    } else {
        drop(tx);
    }
    assert_eq!(count(&db).await, 3);
}

#[tokio::test]
async fn a_statement_that_is_planned_each_time_is_kept_by_nobody() {
    let TestDb { db, _directory } = open(&Settings { pool_size: 1, ..Settings::default() }).await;
    let mut tx = db.write().await.unwrap();
    let found: Vec<Item> = tx
        .fetch_all_planned(
            "insert into items (id, n, flag, parent_id) values ($1, $2, $3, $4) returning n, flag, parent_id, id",
            args!["short", 7, true, None::<&str>],
        )
        .await
        .unwrap();
    assert_eq!(found, [(7, true, None, "short".to_owned())]);
    // As the first statement of a unit of work it begins it, and a failed one ends it.
    drop(tx);
    assert_eq!(count(&db).await, 0);
    let mut tx = db.write().await.unwrap();
    tx.execute("insert into items (id) values ($1)", args!["gone"]).await.unwrap();
    tx.fetch_all_planned::<(i64,)>("select n from nothing", &[]).await.unwrap_err();
    tx.commit().await.unwrap_err();

    insert(&db, "short", 7).await.unwrap();
    let mut tx = db.read().await.unwrap();
    // A blank at its end means nothing to a `char(36)` of PostgreSQL, and more than nothing to a text.
    let sql = "select n from items where id = $1 and n = $2 and n < $3";
    let text = "select n from items where n = $1 and $2 = cast('a' as text)";
    for _ in 0..10 {
        let found: Vec<(i64,)> = tx.fetch_all_planned(sql, args!["short", 7, 1_i64 << 40]).await.unwrap();
        assert_eq!(found, [(7,)]);
        let found: Vec<(i64,)> = tx.fetch_all_planned(text, args![7, "a"]).await.unwrap();
        assert_eq!(found, [(7,)]);
    }
    if tx.engine() == Engine::Postgres {
        let found: Vec<(i64,)> = tx.fetch_all_planned(sql, args!["short ", 7, 8]).await.unwrap();
        assert_eq!(found, [(7,)]);
        let kept = "select count(*) from pg_prepared_statements where statement like 'select n from items%'";
        assert_eq!(tx.fetch_all::<(i64,)>(kept, &[]).await.unwrap(), [(0,)]);
        // The same, prepared, would be.
        tx.fetch_all::<(i64,)>(sql, args!["short", 7, 8]).await.unwrap();
        assert_eq!(tx.fetch_all::<(i64,)>(kept, &[]).await.unwrap(), [(1,)]);
    }
}

#[tokio::test]
async fn broken_keys_are_told_apart() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    insert(&db, "a", 1).await.unwrap();
    assert!(matches!(insert(&db, "a", 2).await, Err(Error::Duplicate(_))));
    let mut tx = db.write_one().await.unwrap();
    let orphan = tx.execute("insert into items (id, parent_id) values ($1, $2)", args!["b", "none"]).await;
    assert!(matches!(orphan, Err(Error::MissingParent)), "{orphan:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_each_get_their_own_outcome() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200_i64 {
        let db = db.clone();
        // Every tenth one takes a key that is taken: its group must not suffer.
        let id = if n % 10 == 0 { "taken".to_owned() } else { format!("id-{n}") };
        tasks.spawn(async move { (n, insert(&db, &id, n).await.is_ok()) });
    }
    let outcomes = tasks.join_all().await;
    assert_eq!(outcomes.iter().filter(|(n, fine)| n % 10 == 0 && *fine).count(), 1);
    assert!(outcomes.iter().filter(|(n, _)| n % 10 != 0).all(|(_, fine)| *fine));
    assert_eq!(count(&db).await, 181);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_that_give_up_leave_nothing_open() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    for round in 0..50_i64 {
        let id = format!("stays-{round}");
        let quick = insert(&db, &id, round);
        let mut waiters = tokio::task::JoinSet::new();
        for other in 0..4_i64 {
            let db = db.clone();
            waiters.spawn(async move { insert(&db, &format!("maybe-{round}-{other}"), other).await });
        }
        let (stayed, ()) = tokio::join!(quick, async { waiters.abort_all() });
        stayed.unwrap();
    }
    let kept: Option<(i64,)> = db
        .read()
        .await
        .unwrap()
        .fetch_optional("select count(*) from items where id like 'stays-%'", &[])
        .await
        .unwrap();
    assert_eq!(kept, Some((50,)));
    insert(&db, "after", 1).await.unwrap();
}

#[tokio::test]
async fn waiting_for_a_connection_has_an_end() {
    let settings =
        Settings { pool_size: 1, acquire_timeout: Duration::from_millis(200), ..Settings::default() };
    let TestDb { db, _directory } = open(&settings).await;
    let mut held = db.write().await.unwrap();
    held.execute("insert into items (id) values ($1)", args!["held"]).await.unwrap();
    let refused = db.write().await.map(drop);
    assert!(matches!(refused, Err(Error::PoolFull)), "{refused:?}");
    held.commit().await.unwrap();
    insert(&db, "later", 1).await.unwrap();
}

#[tokio::test]
async fn many_look_things_up_on_one_connection_and_a_writer_has_another() {
    let settings =
        Settings { pool_size: 2, acquire_timeout: Duration::from_millis(500), ..Settings::default() };
    let TestDb { db, _directory } = open(&settings).await;
    // SQLite's readers each have a connection of their own, and its writer one more.
    let together = if db.engine() == Engine::Postgres { 10 } else { 2 };
    let mut held = Vec::new();
    for _ in 0..together {
        held.push(db.look_up().await.unwrap());
    }
    insert(&db, "meanwhile", 7).await.unwrap();
    for tx in &mut held {
        let found: Option<(i64,)> =
            tx.fetch_optional("select n from items where id = $1", args!["meanwhile"]).await.unwrap();
        assert_eq!(found, Some((7,)));
    }
    let calls = held.into_iter().map(|mut tx| async move {
        tx.fetch_all::<(i64,)>("select n from items where n = $1", args![7]).await.unwrap().len()
    });
    assert!(futures_util::future::join_all(calls).await.into_iter().all(|rows| rows == 1));
    // Nobody reads any more: both connections are free again.
    let first = db.write().await.unwrap();
    let second = db.read().await.unwrap();
    drop((first, second));
}

#[tokio::test]
async fn a_connection_is_shared_by_sixteen_and_the_next_one_takes_another() {
    let settings =
        Settings { pool_size: 2, acquire_timeout: Duration::from_millis(300), ..Settings::default() };
    let TestDb { db, _directory } = open(&settings).await;
    let together = if db.engine() == Engine::Postgres { 16 } else { 1 };
    // The connection that made the tables is given back by the thread that used it.
    tokio::time::timeout(Duration::from_secs(10), async {
        while db.load().in_use > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("the connection is given back");
    let mut held = Vec::new();
    for connections in 1..=2 {
        for _ in 0..together {
            held.push(db.look_up().await.unwrap());
            assert_eq!(db.load().in_use, connections);
        }
    }
    assert!(matches!(db.look_up().await, Err(Error::PoolFull)));
    // Whoever comes next finds the connection that nobody reads by any more.
    drop(held.drain(..together));
    held.push(db.look_up().await.unwrap());
}

#[tokio::test]
async fn a_shared_connection_that_is_lost_is_replaced() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    let mut held = db.look_up().await.unwrap();
    if db.engine() == Engine::Postgres {
        let kill = "select pg_terminate_backend(pg_backend_pid())";
        assert!(held.fetch_all::<(bool,)>(kill, &[]).await.is_err());
    }
    // `held` is still there, so its place is not empty.
    let one = sql!(postgres: "select 1::bigint", sqlite: "select 1");
    // Until the driver has noticed, a call may still meet the dead connection; then none may.
    let mut in_a_row = 0;
    for _ in 0..100 {
        let mut other = db.look_up().await.unwrap();
        let found = other.fetch_optional::<(i64,)>(one.clone(), &[]).await;
        in_a_row = if matches!(found, Ok(Some((1,)))) { in_a_row + 1 } else { 0 };
        if in_a_row == 4 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(in_a_row, 4, "the dead connection is still used");
    drop(held);
}

#[tokio::test]
async fn one_statement_means_one() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    let mut tx = db.write_one().await.unwrap();
    tx.execute("insert into items (id) values ($1)", args!["a"]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&db).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrations_run_once_and_may_not_change() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    let second = Migration { name: "0002_more", sql: Sql::from("create table more (id bigint)") };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, second) = (db.clone(), second.clone());
        tasks.spawn(async move { db.migrate(&[second], 1).await.unwrap().applied.len() });
    }
    assert_eq!(tasks.join_all().await.iter().sum::<usize>(), 1);
    let changed = Migration { name: "0002_more", sql: Sql::from("create table other (id bigint)") };
    let refused = db.migrate(&[changed], 1).await.unwrap_err().to_string();
    assert!(refused.contains("0002_more"), "{refused}");
    assert_eq!(db.migrate(&[second], 1).await.unwrap().unknown, ["0001_test"]);
}

#[tokio::test]
async fn a_lost_connection_is_replaced() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    if db.engine() == portcullis_db::Engine::Sqlite {
        // There is no connection to lose: the file stays open.
        return db.ping().await.unwrap();
    }
    let kill = "select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'portcullis' and pid = pg_backend_pid()";
    assert!(db.read().await.unwrap().fetch_all::<(bool,)>(kill, &[]).await.is_err());
    // A call may still meet the dead connection; the one after it may not.
    let mut tries = 0;
    while db.ping().await.is_err() {
        tries += 1;
        assert!(tries < 5, "the database does not recover");
    }
}

#[tokio::test]
async fn a_failed_statement_cannot_be_committed_away() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    insert(&db, "a", 1).await.unwrap();
    let mut tx = db.write().await.unwrap();
    tx.execute("insert into items (id) values ($1)", args!["b"]).await.unwrap();
    assert!(tx.execute("insert into items (id) values ($1)", args!["a"]).await.is_err());
    assert!(tx.execute("insert into items (id) values ($1)", args!["c"]).await.is_err());
    assert!(tx.commit().await.is_err());
    assert_eq!(count(&db).await, 1);
}

#[tokio::test]
async fn a_unit_of_work_that_is_cut_off_leaves_the_connection_clean() {
    let settings = Settings { pool_size: 1, ..Settings::default() };
    let TestDb { db, _directory } = open(&settings).await;
    for round in 0..20_u32 {
        let mut tx = db.write().await.unwrap();
        let cut_off = tx.execute("insert into items (id) values ('cut-off')", &[]);
        // Polled a few times, then dropped in the middle.
        let _ = tokio::time::timeout(Duration::from_micros(u64::from(round) * 50), cut_off).await;
        drop(tx);
        let id = format!("kept-{round}");
        let mut one = db.write_one().await.unwrap();
        one.execute("insert into items (id) values ($1)", args![&id]).await.unwrap();
        one.commit().await.unwrap();
    }
    assert_eq!(count(&db).await, 20);
}

#[tokio::test]
async fn a_closed_database_refuses() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    insert(&db, "before", 1).await.unwrap();
    db.close().await;
    assert!(matches!(insert(&db, "after", 1).await, Err(Error::Unavailable(_))));
    assert!(db.ping().await.is_err());
}

#[tokio::test]
async fn a_schema_may_have_any_name_and_be_opened_by_many() {
    let Ok(url) = std::env::var("TEST_DATABASE_URL") else {
        // SQLite has no schemas: the setting is ignored.
        let settings = Settings { schema: Some("any \"name".to_owned()), ..Settings::default() };
        return Db::open("sqlite::memory:", &settings).await.unwrap().ping().await.unwrap();
    };
    let directory = tempfile::tempdir().unwrap();
    let name = format!("Any \"name\" {}", directory.path().display());
    let settings = Settings { schema: Some(name.clone()), ..Settings::default() };
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (url, settings) = (url.clone(), settings.clone());
        tasks.spawn(async move { Db::open(&url, &settings).await.unwrap() });
    }
    let db = tasks.join_all().await.pop().unwrap();
    let current: Vec<(String,)> =
        db.read().await.unwrap().fetch_all("select current_schema()::text", &[]).await.unwrap();
    assert_eq!(current, [(name.clone(),)]);
    let drop_schema = format!("drop schema \"{}\"", name.replace('"', "\"\""));
    db.write_one().await.unwrap().execute(drop_schema, &[]).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_opened_for_one_process_alone_is_refused_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let alone = Settings { exclusive: true, ..Settings::default() };
    let first = Db::open(&url, &alone).await.unwrap();
    let second = Db::open(&url, &alone).await;
    assert!(matches!(second, Err(Error::Unavailable(_))), "{second:?}");
    first.close().await;
    drop(first);
    Db::open(&url, &alone).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_new_file_is_its_owner_s_alone_and_an_older_one_stays_as_it_is() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("test.db");
    let mode = |name: &str| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    let open = async || Db::open(&format!("sqlite:{}", path.display()), &Settings::default()).await.unwrap();
    let db = open().await;
    let mut tx = db.write().await.unwrap();
    tx.execute("create table items (id varchar(64) primary key, n bigint)", &[]).await.unwrap();
    tx.commit().await.unwrap();
    for name in ["test.db", "test.db-wal", "test.db-shm"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    db.close().await;
    drop(db);
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    open().await.close().await;
    assert_eq!(mode("test.db"), 0o640);
}

#[tokio::test]
async fn a_file_that_another_process_writes_to_is_waited_for_without_holding_up_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let settings = Settings { acquire_timeout: Duration::from_millis(300), ..Settings::default() };
    let (ours, other) = (Db::open(&url, &settings).await.unwrap(), Db::open(&url, &settings).await.unwrap());
    let mut tx = ours.write().await.unwrap();
    tx.execute("create table items (id varchar(64) primary key, n bigint)", &[]).await.unwrap();
    tx.commit().await.unwrap();
    let mut held = other.write().await.unwrap();
    held.execute("insert into items (id) values ($1)", args!["theirs"]).await.unwrap();
    // There is one thread: it could not count while it waits for the file.
    let mut counted = 0;
    let count = async {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            counted += 1;
        }
    };
    let refused = tokio::select! {
        refused = insert(&ours, "ours", 1) => refused,
        () = count => unreachable!(),
    };
    assert!(matches!(refused, Err(Error::Locked)), "{refused:?}");
    assert!(counted > 20, "{counted}");
    held.commit().await.unwrap();
    insert(&ours, "ours", 1).await.unwrap();
}

/// Two rows in one unit of work, and a third one by itself.
async fn insert_three(db: &Db, point: usize) {
    let mut tx = db.write().await.unwrap();
    let sql = "insert into items (id, n) values ($1, $2)";
    let n = i64::try_from(point).unwrap();
    tx.execute(sql, args![&format!("a{point}"), n]).await.unwrap();
    tx.execute_and_commit(sql, args![&format!("b{point}"), n]).await.unwrap();
    let mut tx = db.write_one().await.unwrap();
    tx.execute(sql, args![&format!("c{point}"), n]).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn work_that_breaks_off_anywhere_leaves_whole_units_of_work() {
    let TestDb { db, _directory } = open(&Settings::default()).await;
    let mut seen = Vec::new();
    for point in 1.. {
        let ended = portcullis_db::crash_at(point, insert_three(&db, point)).await;
        let mut tx = db.read().await.unwrap();
        let rows: Vec<(String,)> = tx
            .fetch_all("select id from items where n = $1 order by id", args![i64::try_from(point).unwrap()])
            .await
            .unwrap();
        seen.push(rows.len());
        if ended.is_some() {
            break;
        }
    }
    seen.dedup();
    assert_eq!(seen, [0, 2, 3]);
}
