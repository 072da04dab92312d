//! A database moves to the other engine while it changes, and through a crash at every point of it.
//!
//! On SQLite alone there is no other engine: then what is refused is tested.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first surprise")]

use portcullis_db::{
    Db, Engine, Error, Migration, Move, MoveState, Moved, Settings, Sql, args, crash_at, sql,
};

/// What a column can be, keys of each kind and in several columns, values that no two rows may have, and rows that
/// belong to others, also of the same table.
const TABLES: Sql = sql!(
    postgres: "create table owners (app varchar(8) not null, id char(36) not null, name varchar(64), head char(36) not null,
            constraint owners_pkey primary key (app, id), constraint owners_name_key unique (app, name),
            constraint owners_head_fkey foreign key (app, head) references owners (app, id) on delete cascade);
        create table things (owner char(36) not null, app varchar(8) not null, n bigint not null, small integer,
            flag boolean, bytes bytea, texts varchar(8)[], constraint things_pkey primary key (app, owner, n),
            constraint things_fkey foreign key (app, owner) references owners (app, id) on delete cascade);
        create table events (id bigint generated always as identity primary key, body text)",
    sqlite: "create table owners (app varchar(8) not null, id char(36) not null, name varchar(64), head char(36) not null,
            constraint owners_pkey primary key (app, id), constraint owners_name_key unique (app, name),
            constraint owners_head_fkey foreign key (app, head) references owners (app, id) on delete cascade);
        create table things (owner char(36) not null, app varchar(8) not null, n bigint not null, small integer,
            flag boolean, bytes bytea, texts text, constraint things_pkey primary key (app, owner, n),
            constraint things_fkey foreign key (app, owner) references owners (app, id) on delete cascade);
        create table events (id integer primary key autoincrement, body text)"
);
/// More than a page.
const OWNERS: i64 = 1500;

struct Databases {
    sqlite: Db,
    postgres: Db,
    directory: tempfile::TempDir,
}

fn postgres_url() -> Option<String> {
    let is_postgres = std::env::var("TEST_ENGINE").as_deref() == Ok("postgres");
    is_postgres
        .then(|| std::env::var("TEST_DATABASE_URL").expect("TEST_DATABASE_URL names a PostgreSQL server"))
}

async fn open(url: &str, schema: Option<String>, is_copy: bool) -> Db {
    let db = Db::open(url, &Settings { schema, is_copy, ..Settings::default() }).await.unwrap();
    db.migrate(&[Migration { name: "0001_test", sql: TABLES }], 1).await.unwrap();
    db
}

impl Databases {
    /// Both are there; one of them is the copy.
    async fn open(url: &str, copy: Engine) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = format!("sqlite:{}", directory.path().join("test.db").display());
        let name = directory.path().file_name().unwrap().to_string_lossy();
        let schema = format!("move_{}", name.trim_start_matches('.').to_lowercase());
        Self {
            sqlite: open(&path, None, copy == Engine::Sqlite).await,
            postgres: open(url, Some(schema), false).await,
            directory,
        }
    }

    /// The one that is moved, and the other one.
    fn ends(&self, from: Engine) -> [&Db; 2] {
        let both = [&self.sqlite, &self.postgres];
        if from == Engine::Sqlite { both } else { [both[1], both[0]] }
    }
}

fn id(number: i64) -> String {
    format!("{number:036}")
}

async fn execute(db: &Db, sql: impl Into<Sql>, args: &[portcullis_db::Value<'_>]) -> Result<(), Error> {
    let mut tx = db.write().await?;
    tx.execute(sql, args).await?;
    tx.commit().await
}

async fn add_owner(db: &Db, number: i64, name: &str) -> Result<(), Error> {
    let sql = "insert into owners (app, id, name, head) values ('a', $1, $2, $1)";
    execute(db, sql, args![&id(number), name]).await
}

async fn fill(db: &Db) {
    let mut tx = db.write().await.unwrap();
    let things = sql!(
        postgres: "insert into things (app, owner, n, small, flag, bytes, texts) values ('a', $1, $2, $3, $4, $5,
            case when cast($6 as text) is null then null
                else array(select json_array_elements_text(cast(cast($6 as text) as json))) end)",
        sqlite: "insert into things (app, owner, n, small, flag, bytes, texts) values ('a', $1, $2, $3, $4, $5, $6)"
    );
    for number in 0..OWNERS {
        let (id, name) = (id(number), format!("näme \"{number}\""));
        let sql = "insert into owners (app, id, name, head) values ('a', $1, $2, $1)";
        tx.execute(sql, args![&id, &name]).await.unwrap();
        let small = (number % 3 > 0).then_some(number);
        let bytes = [0, 255, u8::try_from(number % 256).unwrap()];
        let texts = (number % 2 > 0).then_some("[\"a\",\"b \\\"c\"]");
        let args = args![&id, -number, small, number % 5 == 0, &bytes[..], texts];
        tx.execute(things.clone(), args).await.unwrap();
    }
    // A row that belongs to one that comes later.
    tx.execute("update owners set head = $1 where id = $2", args![&id(OWNERS - 1), &id(0)]).await.unwrap();
    for body in ["first", "second", "third"] {
        tx.execute("insert into events (body) values ($1)", args![body]).await.unwrap();
    }
    tx.execute("delete from events where body = 'third'", &[]).await.unwrap();
    tx.commit().await.unwrap();
}

type Thing = (String, i64, Option<i64>, Option<bool>, Option<Vec<u8>>, Option<String>);

/// Everything that is in a database.
async fn all(db: &Db) -> (Vec<(String, Option<String>, String)>, Vec<Thing>, Vec<(i64, Option<String>)>) {
    let mut tx = db.read().await.unwrap();
    let things = sql!(
        postgres: "select owner, n, cast(small as bigint), flag, bytes, cast(array_to_json(texts) as text)
            from things order by owner, n",
        sqlite: "select owner, n, small, flag, bytes, texts from things order by owner, n"
    );
    (
        tx.fetch_all("select id, name, head from owners order by id", &[]).await.unwrap(),
        tx.fetch_all(things, &[]).await.unwrap(),
        tx.fetch_all("select id, body from events order by id", &[]).await.unwrap(),
    )
}

async fn run(from: &Db, to: &Db) -> Result<Moved, Error> {
    Move::begin(from, to).await?.run(&mut |_| ()).await
}

/// The new one is a database as any other, and the old one takes nothing any more.
async fn check_moved(from: &Db, to: &Db) {
    assert_eq!(
        (from.move_state().await.unwrap(), to.move_state().await.unwrap()),
        (Some(MoveState::Left), None)
    );
    assert!(all(from).await == all(to).await, "every row is there");
    let refused = add_owner(from, 1_000_000, "too late").await.unwrap_err();
    assert!(matches!(&refused, Error::Unavailable(why) if why.contains("was moved")), "{refused}");
    for sql in ["update owners set name = 'x' where id = $1", "delete from things where owner = $1"] {
        assert!(matches!(execute(from, sql, args![&id(1)]).await, Err(Error::Unavailable(_))), "{sql}");
    }
    // A number is not given twice, not even that of a row that is gone.
    execute(to, "insert into events (body) values ('next')", &[]).await.unwrap();
    let (_, _, events) = all(to).await;
    assert_eq!(events.last().unwrap(), &(4, Some("next".to_owned())));
    // What belongs to another row still does.
    assert!(matches!(add_owner(to, 1, "twice").await, Err(Error::Duplicate(_))));
    let again = run(from, to).await.unwrap_err().to_string();
    assert!(again.contains("was moved already"), "{again}");
}

/// Whoever opens the new database looks at foreign keys again.
async fn check_keys(databases: &Databases, from: Engine) {
    let to = match from {
        Engine::Sqlite => databases.postgres.clone(),
        Engine::Postgres => {
            let path = format!("sqlite:{}", databases.directory.path().join("test.db").display());
            Db::open(&path, &Settings::default()).await.unwrap()
        }
    };
    let orphan = "insert into things (app, owner, n) values ('a', 'nobody', 1)";
    assert!(matches!(execute(&to, orphan, &[]).await, Err(Error::MissingParent)));
    execute(&to, "delete from owners where id = $1", args![&id(OWNERS - 1)]).await.unwrap();
    let (owners, things, _) = all(&to).await;
    assert!(!owners.iter().any(|owner| owner.0 == id(0)), "who belongs to one that is deleted goes too");
    assert!(!things.iter().any(|thing| thing.0 == id(0)));
}

/// Changes of every kind, of which some give what one row had to another.
async fn change(db: &Db, round: i64) -> Result<(), Error> {
    add_owner(db, 100_000 + round, &format!("new {round}")).await?;
    let name = "update owners set name = $1 where id = $2";
    for (new, number) in [("in between", 5), ("näme \"5\"", 6), ("näme \"6\"", 5)] {
        execute(db, name, args![&format!("{new} {round}"), &id(number + round % 2)]).await?;
    }
    execute(db, "delete from owners where id = $1", args![&id(10 + round)]).await?;
    // The key itself.
    execute(db, "update things set n = n - 10000 where owner = $1", args![&id(700 + round)]).await?;
    execute(db, "insert into events (body) values ($1)", args![&format!("round {round}")]).await?;
    // The place of one that is gone.
    let gone = format!("näme \"{}\"", 10 + round);
    add_owner(db, 200_000 + round, &gone).await?;
    execute(db, "delete from events where body = $1", args![&format!("round {round}")]).await
}

#[tokio::test]
async fn a_database_moves_to_the_other_engine_while_it_changes() {
    let Some(url) = postgres_url() else { return check_refusals_on_sqlite().await };
    for from in [Engine::Sqlite, Engine::Postgres] {
        let other = if from == Engine::Sqlite { Engine::Postgres } else { Engine::Sqlite };
        let databases = Databases::open(&url, other).await;
        let [old, new] = databases.ends(from);
        fill(old).await;
        execute(old, "delete from events where id > 2", &[]).await.unwrap();
        let writer = async {
            let mut made = 0;
            while old.move_state().await.unwrap() != Some(MoveState::Left) {
                match change(old, made).await {
                    Ok(()) => made += 1,
                    Err(Error::Unavailable(_)) => break,
                    Err(error) => panic!("{error}"),
                }
            }
            made
        };
        // Whoever waits for it is told the truth at every moment.
        let waiter = async {
            let mut waited = 0;
            while old.move_state().await.unwrap() != Some(MoveState::Left)
                || new.move_state().await.unwrap() == Some(MoveState::Arriving)
            {
                waited += 1;
            }
            waited
        };
        let (moved, made, waited) = tokio::join!(run(old, new), writer, waiter);
        let moved = moved.unwrap();
        assert!(made > 2 && waited > 2, "there were changes meanwhile: {made}, {waited}");
        assert_eq!(moved.tables, 3);
        assert!(moved.rows >= 3000, "{moved:?}");
        assert!(all(old).await == all(new).await, "every row is there");
        assert_eq!(
            (old.move_state().await.unwrap(), new.move_state().await.unwrap()),
            (Some(MoveState::Left), None)
        );
    }
}

#[tokio::test]
async fn a_move_goes_on_wherever_it_was_broken_off() {
    let Some(url) = postgres_url() else { return check_refusals_on_sqlite().await };
    for from in [Engine::Sqlite, Engine::Postgres] {
        let other = if from == Engine::Sqlite { Engine::Postgres } else { Engine::Sqlite };
        let databases = Databases::open(&url, other).await;
        let [old, new] = databases.ends(from);
        fill(old).await;
        let (mut crashes, mut crashes_after) = (0, 0);
        for point in 1.. {
            let has_left = old.move_state().await.unwrap() == Some(MoveState::Left);
            let ended = crash_at(point, run(old, new)).await;
            match ended {
                None => crashes += 1,
                Some(Ok(_)) => break,
                // All was done but for the last look at what belongs to what.
                Some(Err(Error::CannotMove(why))) if has_left && why.contains("already") => break,
                Some(Err(error)) => panic!("at {point}: {error}"),
            }
            crashes_after += u64::from(has_left);
            // PostgreSQL may still be undoing what was broken off.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        assert!(crashes > 20, "{crashes}, {crashes_after} of them after the old database was ended");
        check_moved(old, new).await;
        check_keys(&databases, from).await;
    }
}

#[tokio::test]
async fn a_move_that_is_given_up_leaves_the_database_as_it_was() {
    let Some(url) = postgres_url() else { return check_refusals_on_sqlite().await };
    for from in [Engine::Sqlite, Engine::Postgres] {
        let other = if from == Engine::Sqlite { Engine::Postgres } else { Engine::Sqlite };
        let databases = Databases::open(&url, other).await;
        let [old, new] = databases.ends(from);
        fill(old).await;
        let in_use = run(new, old).await.unwrap_err().to_string();
        assert!(in_use.contains("the other database is in use"), "{in_use}");
        assert_eq!(new.move_state().await.unwrap(), None, "nothing was begun");
        Move::begin(old, new).await.unwrap();
        assert_eq!(
            (old.move_state().await.unwrap(), new.move_state().await.unwrap()),
            (Some(MoveState::Leaving), Some(MoveState::Arriving))
        );
        let from_new = Move::begin(new, old).await.unwrap_err().to_string();
        assert!(from_new.contains("is not whole"), "{from_new}");
        assert!(Move::cancel(old).await.unwrap() && !Move::cancel(old).await.unwrap());
        add_owner(old, 900_000, "after").await.unwrap();
        let other_move = run(old, new).await.unwrap_err().to_string();
        assert!(other_move.contains("another move was begun"), "{other_move}");
        let cancelled = Move::cancel(new).await.unwrap_err().to_string();
        assert!(cancelled.contains("is being moved to this one"), "{cancelled}");
        assert_eq!(old.move_state().await.unwrap(), None);
    }
}

#[tokio::test]
async fn whoever_changes_a_database_is_not_kept_waiting_for_long_as_its_move_begins() {
    let Some(url) = postgres_url() else { return };
    let databases = Databases::open(&url, Engine::Sqlite).await;
    let [old, new] = databases.ends(Engine::Postgres);
    add_owner(old, 1, "first").await.unwrap();
    let mut writer = old.write().await.unwrap();
    let thing = "insert into things (app, owner, n) values ('a', $1, 1)";
    writer.execute(thing, args![&id(1)]).await.unwrap();
    let move_it = async { Move::begin(old, new).await.map(drop) };
    let write = async {
        // It has a lock of the owners already, and waits for one of the things.
        let waits = "select count(*) from pg_locks where relation = 'things'::regclass and not granted";
        loop {
            let mut tx = old.read().await.unwrap();
            let found: Option<(i64,)> = tx.fetch_optional(waits, &[]).await.unwrap();
            if found > Some((0,)) {
                break;
            }
        }
        let begun = std::time::Instant::now();
        writer.execute("update owners set name = 'second'", &[]).await.unwrap();
        let waited = begun.elapsed();
        writer.commit().await.unwrap();
        waited
    };
    let (moved, waited) = tokio::join!(move_it, write);
    moved.unwrap();
    // PostgreSQL unties two that wait for each other after a second.
    assert!(waited < std::time::Duration::from_millis(800), "{waited:?}");
}

/// Both ends are of one engine.
async fn check_refusals_on_sqlite() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| format!("sqlite:{}", directory.path().join(name).display());
    let (old, new) = (open(&path("a.db"), None, false).await, open(&path("b.db"), None, true).await);
    fill(&old).await;
    let refused = run(&old, &new).await.unwrap_err().to_string();
    assert_eq!(refused, "a database moves from SQLite to PostgreSQL, or back");
    assert_eq!((old.move_state().await.unwrap(), new.move_state().await.unwrap()), (None, None));
    assert!(!Move::cancel(&old).await.unwrap(), "nothing was begun");
    // A copy's rows come in any order.
    execute(&new, "insert into things (app, owner, n) values ('a', 'nobody', 1)", &[]).await.unwrap();
}
