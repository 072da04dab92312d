//! Databases of SuperTokens' own core, in the form of each of its versions, taken over by the binary.
//!
//! Users sign up at a core of ours; then what a version did not have yet is taken away, and what it had instead is put
//! in its place. SuperTokens' core keeps its users in PostgreSQL alone, so on SQLite the command refuses, and that is
//! all there is to test.

mod apart;
mod form;
mod giving_up;
mod people;
mod way_back;

use crate::caller::Caller;
use crate::place::{Folder, Place, Running, is_postgres};
use people::{Knows, People};
use portcullis_core::crypto::random;
use portcullis_db::{Db, Settings, args};
use portcullis_testkit::Cluster;
use serde_json::{Value, json};
use std::process::Command;
use std::thread;
use std::time::Duration;

const HOST: &str = "d1.example.com";
const SETTINGS: [(&str, &str); 3] =
    [("TEST_MODE", "true"), ("BCRYPT_LOG_ROUNDS", "4"), ("ACCESS_TOKEN_VALIDITY_JITTER", "0")];
/// What must be as if it had been ours from the beginning.
const MOVED: [&str; 5] = [
    "app_id_to_user_id",
    "recipe_user_account_infos",
    "recipe_user_tenants",
    "primary_user_tenants",
    "session_info",
];

/// Runs a command of the binary; whether it succeeded, and what it said.
fn run(mut command: Command) -> (bool, String) {
    let output = command.output().expect("the binary runs");
    let said = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    (output.status.success(), said.concat())
}

fn adopt(place: &Place, flags: &[&str]) -> String {
    let (succeeded, said) = run(place.command(&[&["adopt"], flags].concat()));
    assert!(succeeded, "{said}");
    said
}

fn knows(version: &str) -> Knows {
    let major: u32 = version.split('.').next().and_then(|major| major.parse().ok()).expect("a version");
    Knows { tenants: major >= 6, linking: major >= 7, passkeys: major >= 11, factors: major >= 10 }
}

async fn execute(place: &Place, statements: &[String]) {
    let db = place.open_database().await;
    let mut tx = db.write().await.expect("a unit of work");
    for statement in statements {
        let outcome = tx.execute(statement.clone(), &[]).await;
        assert!(outcome.is_ok(), "{statement}: {outcome:?}");
    }
    tx.commit().await.expect("commits");
    db.close().await;
}

/// Users who are moved in several units of work.
async fn add_crowd(place: &Place) {
    let (clean, log) = place.start().stop();
    assert!(clean, "{log}");
    execute(place, &crowd("public", "public")).await;
}

/// Members of a tenant.
fn crowd(app_id: &str, tenant_id: &str) -> [String; 4] {
    let crowd =
        "from (select n, 'crowd-' || lpad(n::text, 30, '0') as id, 'crowd' || n || '@example.com' as email
        from generate_series(1, 2500) n) crowd";
    [
        format!(
            "insert into app_id_to_user_id select '{app_id}', id, 'emailpassword', id, false, n, n {crowd}"
        ),
        format!(
            "insert into emailpassword_users select '{app_id}', id, email, '$2a$04$' || repeat('x', 53), n {crowd}"
        ),
        format!(
            "insert into recipe_user_account_infos select '{app_id}', id, 'emailpassword', 'email', email, '', '' {crowd}"
        ),
        format!(
            "insert into recipe_user_tenants select '{app_id}', id, '{tenant_id}', 'emailpassword', 'email', email, '', '' {crowd}"
        ),
    ]
}

/// All rows of a table, in an order of their own.
async fn rows(db: &Db, table: &str) -> Vec<String> {
    let sql = format!("select to_jsonb(t)::text from {table} t");
    let mut tx = db.read().await.expect("the database answers");
    let rows: Vec<(String,)> = tx.fetch_all(sql, args![]).await.expect("rows");
    let mut rows: Vec<String> = rows.into_iter().map(|(row,)| row).collect();
    rows.sort();
    rows
}

async fn moved(place: &Place) -> Vec<(&'static str, Vec<String>)> {
    let db = place.open_database().await;
    let mut all = Vec::new();
    for table in MOVED {
        all.push((table, rows(&db, table).await));
    }
    db.close().await;
    all
}

/// The names of all constraints, each with its table's.
async fn names(place: &Place) -> Vec<String> {
    let db = place.open_database().await;
    let sql =
        "select c.relname || '.' || k.conname from pg_constraint k join pg_class c on c.oid = k.conrelid
        join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and k.contype in ('p', 'u', 'f') order by 1";
    let mut tx = db.read().await.expect("the database answers");
    let rows: Vec<(String,)> = tx.fetch_all(sql, args![]).await.expect("rows");
    drop(tx);
    db.close().await;
    rows.into_iter().map(|(name,)| name).collect()
}

/// Users, what a core told of them, the rows that are theirs, and what constraints are called.
struct Before {
    people: People,
    told: Value,
    names: Vec<String>,
    rows: Vec<(&'static str, Vec<String>)>,
}

/// Users at a core of ours.
async fn people(place: &Place, version: &str) -> Before {
    let core = place.start();
    let caller = Caller::new(&core.address);
    let people = People::sign_up(&caller, knows(version));
    let told = people.told(&caller);
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    Before { people, told, names: names(place).await, rows: moved(place).await }
}

/// Whether a core starts here, and everything is as it was.
async fn check(place: &Place, before: Before) {
    let Before { mut people, told, names: before, rows } = before;
    let after = names(place).await;
    // SuperTokens' core tells by the name what was refused.
    let lost: Vec<&String> = before.iter().filter(|name| !after.contains(name)).collect();
    assert!(lost.is_empty() && !after.iter().any(|name| name.contains(".st_")), "{lost:?} {after:?}");
    for ((table, before), (_, after)) in rows.iter().zip(moved(place).await) {
        assert_eq!(*before, after, "{table}");
    }
    let core = place.start();
    let caller = Caller::new(&core.address);
    let now = people.told(&caller);
    for (name, before) in told.as_object().expect("an object") {
        assert_eq!(now[name], *before, "{name}");
    }
    people.get_in(&caller);
    way_back::live(&caller);
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    way_back::check(place).await;
}

#[test]
fn sqlite_holds_no_database_of_supertokens() {
    if is_postgres() {
        return;
    }
    let place = Place::new("adopt_sqlite", &[]);
    let (succeeded, said) = run(place.command(&["adopt"]));
    assert!(!succeeded && said.contains("is not there"), "{said}");
    let (clean, log) = place.start().stop();
    assert!(clean, "{log}");
    let (succeeded, said) = run(place.command(&["adopt"]));
    assert!(!succeeded && said.contains("this database is SQLite"), "{said}");
}

async fn is_adopted_from(name: &str, version: &str, told_as: &str) {
    if !is_postgres() {
        return;
    }
    let place = Place::new(name, &SETTINGS);
    let people = people(&place, version).await;
    execute(&place, &form::statements(version)).await;

    let (succeeded, said) = run(place.command(&["start", "--port", "0"]));
    assert!(!succeeded && said.contains("`portcullis adopt`"), "{said}");
    let (succeeded, said) = run(place.command(&["migrate"]));
    assert!(!succeeded && said.contains("`portcullis adopt`"), "{said}");

    let said = adopt(&place, &[]);
    assert!(said.contains(&format!("tables of SuperTokens {told_as}")), "{said}");
    assert!(said.contains("nothing was changed") && said.contains("way back"), "{said}");
    let said = adopt(&place, &["--apply"]);
    assert!(said.contains("portcullis adopt --finish"), "{said}");
    // Once more, as often as one likes.
    adopt(&place, &["--apply"]);
    let said = adopt(&place, &["--dry-run"]);
    assert!(
        said.contains(&format!("tables of SuperTokens {told_as}")) && said.contains("begun before"),
        "{said}"
    );
    adopt(&place, &["--finish"]);
    assert!(adopt(&place, &[]).contains("Portcullis' already"));
    let (_, said) = run(place.command(&["migrate"]));
    assert!(said.contains("nothing to do"), "{said}");
    check(&place, people).await;
}

#[tokio::test]
async fn version_5_is_adopted() {
    is_adopted_from("adopt_5", "5.0", "5.0 or later, before 6.0").await;
}

#[tokio::test]
async fn version_6_is_adopted() {
    is_adopted_from("adopt_6", "6.0", "6.0 or later, before 7.0").await;
}

#[tokio::test]
async fn version_7_is_adopted() {
    is_adopted_from("adopt_7", "7.0", "7.0 or later, before 8.0").await;
}

#[tokio::test]
async fn version_8_is_adopted() {
    is_adopted_from("adopt_8", "8.0", "8.0 or later, before 9.0").await;
}

#[tokio::test]
async fn version_9_is_adopted() {
    is_adopted_from("adopt_9", "9.0", "9.0 or later, before 9.1").await;
}

#[tokio::test]
async fn version_10_is_adopted() {
    is_adopted_from("adopt_10", "10.0", "10.0 or later, before 10.1").await;
}

#[tokio::test]
async fn version_11_is_adopted() {
    is_adopted_from("adopt_11", "11.3", "11.3 or later, before 12.0").await;
}

#[tokio::test]
async fn version_12_is_adopted_before_its_users_are_moved() {
    is_adopted_from("adopt_12_legacy", "12.1 LEGACY", "12.1 or later, before 12.1.1").await;
}

#[tokio::test]
async fn version_12_is_adopted_while_it_writes_both_tables() {
    is_adopted_from("adopt_12_dual", "12.1 DUAL", "12.1 or later, before 12.1.1").await;
}

#[tokio::test]
async fn version_12_is_adopted_once_its_users_are_moved() {
    if !is_postgres() {
        return;
    }
    let place = Place::new("adopt_12", &SETTINGS);
    let people = people(&place, "12.1").await;
    execute(&place, &form::statements("12.1 DUAL")).await;
    execute(&place, &form::STALE.map(str::to_owned)).await;
    let (succeeded, said) = run(place.command(&["adopt", "--apply"]));
    assert!(!succeeded && said.contains("set migration_mode as the core has it"), "{said}");
    let migrated = |flags: &[&str]| {
        let mut command = place.command(&[&["adopt"], flags].concat());
        command.env("SUPERTOKENS_MIGRATION_MODE", "MIGRATED");
        let (succeeded, said) = run(command);
        assert!(succeeded, "{said}");
        said
    };
    assert!(migrated(&[]).contains("in the newer tables (MIGRATED)"));
    migrated(&["--finish"]);
    check(&place, people).await;
}

#[tokio::test]
async fn tables_with_a_prefix_are_renamed_in_the_end() {
    if !is_postgres() {
        return;
    }
    let place = Place::new("adopt_prefix", &SETTINGS);
    let people = people(&place, "11.3").await;
    execute(&place, &form::statements("11.3")).await;
    execute(&place, &[form::PREFIXED.to_owned()]).await;
    let prefixed = |flags: &[&str]| {
        let mut command = place.command(flags);
        // One connection is enough for a core, and adopting takes what it needs.
        command.env("POSTGRESQL_TABLE_NAMES_PREFIX", "st").env("POSTGRESQL_CONNECTION_POOL_SIZE", "1");
        run(command)
    };
    let (succeeded, said) = run(place.command(&["start", "--port", "0"]));
    assert!(!succeeded && said.contains("`portcullis adopt`"), "{said}");
    let (succeeded, said) = prefixed(&["start", "--port", "0"]);
    assert!(!succeeded && said.contains("which `portcullis adopt` gives them"), "{said}");
    for flags in [&["adopt"][..], &["adopt", "--apply"], &["adopt", "--finish"]] {
        let (succeeded, said) = prefixed(flags);
        assert!(succeeded && said.contains("rename table st_apps to apps"), "{said}");
    }
    check(&place, people).await;
}

#[tokio::test]
async fn databases_of_domains_are_taken_over_together() {
    if !is_postgres() {
        return;
    }
    let (place, other) = (Place::new("adopt_domains", &SETTINGS), Place::new("adopt_domain", &SETTINGS));
    add_crowd(&other).await;
    let core = place.start();
    let (url, schema) = other.address();
    let domain = json!({"connectionUriDomain": HOST, "coreConfig": {
        "postgresql_connection_uri": url, "postgresql_table_schema": schema, "postgresql_connection_pool_size": 2,
    }});
    let path = "/recipe/multitenancy/connectionuridomain/v2";
    let reply = Caller::new(&core.address).put("5.4", path, &domain).expect("answers");
    assert_eq!(reply["status"], "OK", "{reply}");
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    let before = moved(&other).await;
    for place in [&place, &other] {
        execute(place, &form::statements("11.3")).await;
    }
    let said = adopt(&place, &[]);
    assert!(said.contains("database of d1.example.com: tables of SuperTokens 11.3 or later"), "{said}");
    assert!(said.contains("move 2500 users"), "{said}");
    adopt(&place, &["--apply"]);
    let said = adopt(&place, &["--finish"]);
    assert!(
        said.find("database of d1.example.com: taking over") < said.find("\ndatabase: taking over"),
        "{said}"
    );
    assert_eq!(moved(&other).await, before);
    let core = place.start();
    let count = Caller::new(&core.address).get_at(HOST, "/users/count").expect("answers").text;
    assert!(count.contains("2500"), "{count}");
}

/// On a server of its own: connections are counted by database, and other tests have the same.
#[tokio::test]
async fn it_is_not_finished_while_a_program_in_java_is_connected() {
    if !is_postgres() {
        return;
    }
    let (cluster, folder) = (Cluster::new(), Folder::new("adopt_java"));
    cluster.start(&[]);
    let command = |arguments: &[&str]| {
        let mut command = folder.portcullis();
        command.args(["--database", &cluster.url()]).args(arguments);
        command
    };
    let (clean, log) = Running::start(command(&["start"]), &folder).stop();
    assert!(clean, "{log}");
    let db = Db::open(&cluster.url(), &Settings::default()).await.expect("the database answers");
    let mut tx = db.write().await.expect("a unit of work");
    for statement in form::statements("11.3") {
        tx.execute(statement, &[]).await.expect("an older form");
    }
    tx.commit().await.expect("commits");
    let mut java = db.read().await.expect("a connection");
    java.execute("set application_name = 'PostgreSQL JDBC Driver'", &[]).await.expect("a name");
    let (succeeded, said) = run(command(&["adopt", "--finish"]));
    assert!(!succeeded && said.contains("1 connections of programs in Java are open"), "{said}");
    let (succeeded, said) = run(command(&["adopt", "--finish", "--although-connected"]));
    assert!(succeeded && said.contains("run `portcullis start`"), "{said}");
    drop(java);
    db.close().await;
}

/// What SuperTokens' core writes between the two parts.
#[tokio::test]
async fn what_changes_after_the_first_part_is_found_in_the_second() {
    if !is_postgres() {
        return;
    }
    let place = Place::new("adopt_changes", &SETTINGS);
    add_crowd(&place).await;
    let before = people(&place, "11.3").await;
    execute(&place, &form::statements("11.3")).await;
    // Users whose addresses are exchanged, one who is deleted, and one who leaves a tenant and comes back.
    let exchange = |one: &str, other: &str| {
        format!(
            "update emailpassword_users set email = case email when '{one}' then '{other}' else '{one}' end
            where email in ('{one}', '{other}')"
        )
    };
    let exchanges = [
        exchange("p1@example.com", "p2@example.com"),
        // Far from each other, so that they are not moved together.
        exchange("crowd1@example.com", "crowd2400@example.com"),
    ];
    let unusual = [
        "insert into all_auth_recipe_users select app_id, 't1', user_id, primary_or_recipe_user_id,
            is_linked_or_is_a_primary_user, recipe_id, time_joined, primary_or_recipe_user_time_joined
            from all_auth_recipe_users where tenant_id = 'public' and user_id in
            (select user_id from emailpassword_users where email = 'p99@example.com')"
            .to_owned(),
        "insert into app_id_to_user_id values ('public', 'gone', 'emailpassword', 'gone', false)".to_owned(),
        "insert into emailpassword_users values ('public', 'gone', 'gone@example.com', 'x', 1)".to_owned(),
        "insert into all_auth_recipe_users values ('public', 'public', 'gone', 'gone', false, 'emailpassword', 1, 1)"
            .to_owned(),
        "update all_auth_recipe_users set primary_or_recipe_user_time_joined = 1 where is_linked_or_is_a_primary_user"
            .to_owned(),
    ];
    let times = rows_of_times(&place).await;
    execute(&place, &[&exchanges[..], &unusual].concat()).await;
    adopt(&place, &["--apply"]);
    let usual = [
        "delete from all_auth_recipe_users where tenant_id = 't1' and user_id in
            (select user_id from emailpassword_users where email = 'p99@example.com')"
            .to_owned(),
        "delete from app_id_to_user_id where user_id = 'gone'".to_owned(),
    ];
    execute(&place, &[&exchanges[..], &usual].concat()).await;
    execute(&place, &times).await;
    adopt(&place, &["--finish"]);
    check(&place, before).await;
}

#[tokio::test]
async fn where_nothing_is_nothing_is_made_nor_taken_over() {
    if !is_postgres() {
        return;
    }
    let place = Place::new("adopt_nothing", &[]);
    let schema = place.schema().expect("a schema");
    for flags in [&["adopt"][..], &["adopt", "--apply"], &["adopt", "--finish"]] {
        let (succeeded, said) = place.run(flags);
        assert!(!succeeded && said.contains(&format!("there is no schema {schema}")), "{said}");
    }
    // Now it is there, and empty.
    place.open_database().await.close().await;
    let (succeeded, said) = place.run(&["adopt"]);
    assert!(succeeded && said.contains("there are no tables of SuperTokens"), "{said}");
    for flag in ["--apply", "--finish"] {
        let (succeeded, said) = place.run(&["adopt", flag]);
        assert!(!succeeded && said.contains("there is nothing to take over"), "{said}");
    }
    assert_eq!(names(&place).await, Vec::<String>::new());
}

/// What puts back when groups joined.
async fn rows_of_times(place: &Place) -> Vec<String> {
    let db = place.open_database().await;
    let sql = "select distinct user_id, primary_or_recipe_user_time_joined from all_auth_recipe_users
        where is_linked_or_is_a_primary_user";
    let mut tx = db.read().await.expect("the database answers");
    let rows: Vec<(String, i64)> = tx.fetch_all(sql, args![]).await.expect("rows");
    drop(tx);
    db.close().await;
    let statement = |(user_id, time): (String, i64)| {
        format!(
            "update all_auth_recipe_users set primary_or_recipe_user_time_joined = {time} where user_id = '{user_id}'"
        )
    };
    rows.into_iter().map(statement).collect()
}

/// Takes over what a place describes, through `kill -9` at ever later moments.
fn adopt_through_kills(place: &Place) -> usize {
    let mut kills = 0;
    for flag in ["--apply", "--finish"] {
        let mut patience = Duration::from_millis(20);
        loop {
            let mut child = place.command(&["adopt", flag]).spawn().expect("the binary runs");
            let begun = std::time::Instant::now();
            let until = patience.mul_f64(0.5 + random::unit_interval());
            let status = loop {
                if let Some(status) = child.try_wait().expect("it can be waited for") {
                    break Some(status);
                }
                if begun.elapsed() > until {
                    break None;
                }
                thread::sleep(Duration::from_millis(1));
            };
            if let Some(status) = status {
                assert!(status.success(), "{flag} after {kills} kills");
                break;
            }
            child.kill().expect("kills");
            child.wait().expect("ends");
            kills += 1;
            // Ever a little later, so that each moment is once the last one.
            patience = patience.mul_f64(1.2);
        }
    }
    kills
}

#[tokio::test]
async fn it_goes_on_where_kill_9_broke_it_off() {
    if !is_postgres() {
        return;
    }
    let place = Place::new("adopt_kill", &SETTINGS);
    add_crowd(&place).await;
    let people = people(&place, "5.0").await;
    execute(&place, &form::statements("5.0")).await;
    let kills = adopt_through_kills(&place);
    assert!(kills > 4, "{kills}");
    println!("adopted through {kills} kills");
    check(&place, people).await;
}

#[tokio::test]
async fn what_is_left_once_the_older_tables_were_dropped_is_adopted() {
    if !is_postgres() {
        return;
    }
    let place = Place::new("adopt_12_dropped", &SETTINGS);
    let people = people(&place, "12.1").await;
    execute(&place, &form::statements("12.1 DUAL")).await;
    execute(&place, &[form::WITHOUT_OLDER.to_owned()]).await;
    let (succeeded, said) = run(place.command(&["start", "--port", "0"]));
    assert!(!succeeded && said.contains("`portcullis adopt`"), "{said}");
    let said = adopt(&place, &[]);
    assert!(said.contains("in the newer tables (MIGRATED)") && said.contains("not there any more"), "{said}");
    adopt(&place, &["--apply"]);
    adopt(&place, &["--finish"]);
    check(&place, people).await;
}
