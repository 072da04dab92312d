//! Half an hour of mixed load with people who come and go: memory, open files and tables must not grow.

use super::caller::Caller;
use super::core::Core;
use portcullis_db::{Db, Settings, Sql};
use portcullis_testkit::Cluster;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const WORKERS: usize = 8;
/// Who is there at a time, for each worker.
const PEOPLE: usize = 50;
/// Between two turns of a worker.
const PAUSE: Duration = Duration::from_millis(40);
/// Parts of the time: memory is compared between the second, when everything is warm, and the last.
const PARTS: u32 = 6;
/// How much of the first part nobody pauses in: as many come as fill the pages that SQLite keeps in memory.
const HURRY: f64 = 0.2;
/// Tables that hold what the operator and the core itself keep, whoever comes and goes.
const LASTING_TABLES: [&str; 7] = [
    "apps",
    "jwt_signing_keys",
    "key_value",
    "portcullis_migrations",
    "session_access_token_signing_keys",
    "tenant_configs",
    "tenants",
];

/// The audit trail is to outlast those whom it tells of; it is in parts.
fn is_lasting(table: &str) -> bool {
    LASTING_TABLES.contains(&table)
        || table.starts_with("activity_log")
        || table.starts_with("portcullis_audit_")
}

/// What the process held at one time.
#[derive(Clone, Copy, Debug)]
struct Sample {
    resident_kib: u64,
    files: usize,
}

/// Runs it on both engines at once, prints what was seen, and tells whether nothing grew.
pub async fn soak(binary: &Path, lasting: Duration) -> bool {
    let cluster = Cluster::new();
    cluster.start(&[]);
    let (url, folder) = (cluster.url(), tempfile::tempdir().expect("a temporary directory"));
    let file = format!("sqlite:{}", folder.path().join("soak.db").display());
    let (on_postgres, on_sqlite) =
        tokio::join!(one("postgres", binary, &url, lasting), one("sqlite", binary, &file, lasting));
    on_postgres && on_sqlite
}

async fn one(name: &str, binary: &Path, database: &str, lasting: Duration) -> bool {
    // Hashes as cheap as argon2 has them: they are not what might leak, and would leave no time for the rest.
    let settings = [
        ("PASSWORD_HASHING_ALG", "ARGON2"),
        ("ARGON2_MEMORY_KB", "64"),
        ("ARGON2_ITERATIONS", "1"),
        ("ARGON2_PARALLELISM", "1"),
        // So few that all are open when everything is warm: one more of the pool's later is no leak.
        ("POSTGRESQL_CONNECTION_POOL_SIZE", "4"),
    ];
    let core = Core::start(binary, Some(database), &settings);
    let (began, address) = (Instant::now(), core.address);
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let hurry = began + (lasting / PARTS).mul_f64(HURRY);
        workers.spawn(people(address, format!("{name}-{number}"), hurry, began + lasting));
    }
    let mut samples = Vec::new();
    while began.elapsed() < lasting {
        tokio::time::sleep(lasting / (PARTS * 20)).await;
        samples.push(Sample { resident_kib: core.resident_kib(), files: core.open_files() });
    }
    let turns: u64 = workers.join_all().await.into_iter().sum();
    let everyone_left = Sample { resident_kib: core.resident_kib(), files: core.open_files() };
    drop(core);
    let rows = rows(database).await;
    judge(name, turns, &samples, everyone_left, &rows)
}

#[expect(clippy::print_stdout, reason = "a bench prints what it finds")]
fn judge(name: &str, turns: u64, samples: &[Sample], end: Sample, rows: &[(String, i64)]) -> bool {
    let part = samples.len() / usize::try_from(PARTS).expect("a few");
    let median = |of: fn(&Sample) -> u64, samples: &[Sample]| {
        let mut all: Vec<u64> = samples.iter().map(of).collect();
        all.sort_unstable();
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let early = samples.get(part..2 * part).unwrap_or_default();
    let late = samples.get(samples.len() - part..).unwrap_or_default();
    let memory = |samples| median(|sample| sample.resident_kib, samples);
    let files = |samples| median(|sample| sample.files as u64, samples);
    println!("{name}: {turns} people came and went");
    println!(
        "{name}: memory {} KiB once warm, {} at the end, {} when all had left; open files {}, {}, {}",
        memory(early),
        memory(late),
        end.resident_kib,
        files(early),
        files(late),
        end.files
    );
    let mut calm = true;
    let mut want = |what: &str, is_so: bool| {
        println!("{name}: {}: {what}", if is_so { "yes" } else { "NO" });
        calm &= is_so;
    };
    want("memory is flat within 5 %", memory(late) * 100 <= memory(early) * 105);
    want("no file stays open", files(late) <= files(early));
    let left: Vec<_> = rows
        .iter()
        .filter(|(table, rows)| *rows > 0 && !is_lasting(table))
        .map(|(table, rows)| format!("{table} {rows}"))
        .collect();
    want(&format!("no row is left of anybody: {left:?}"), left.is_empty());
    calm
}

/// People who sign up, do what people do, and leave, the oldest first; in the end all of them.
async fn people(address: SocketAddr, name: String, hurry: Instant, end: Instant) -> u64 {
    let (mut caller, mut there, mut count) = (Caller::new(address), VecDeque::new(), 0_u64);
    while Instant::now() < end {
        there.push_back(visit(&mut caller, &format!("{name}-{count}@example.com")).await);
        count += 1;
        if there.len() > PEOPLE
            && let Some(oldest) = there.pop_front()
        {
            leave(&mut caller, &oldest).await;
        }
        if Instant::now() > hurry {
            tokio::time::sleep(PAUSE).await;
        }
    }
    for person in there {
        leave(&mut caller, &person).await;
    }
    count
}

/// Posts, and stops the bench unless all is well.
async fn ask(caller: &mut Caller, path: &str, body: &Value) -> Value {
    let answer = caller.post(path, body).await;
    let given = answer.json();
    assert!(answer.status == 200 && given["status"] == "OK", "{path} answered {}: {given}", answer.status);
    given
}

/// What one does on a day; one's id.
async fn visit(caller: &mut Caller, email: &str) -> String {
    let credentials = json!({"email": email, "password": "a long password"});
    let made = ask(caller, "/recipe/signup", &credentials).await;
    let id = made["user"]["id"].as_str().unwrap_or_default().to_owned();
    let token = ask(caller, "/recipe/user/email/verify/token", &json!({"userId": id, "email": email})).await;
    let proof = json!({"method": "token", "token": token["token"]});
    ask(caller, "/recipe/user/email/verify", &proof).await;
    ask(caller, "/recipe/signin", &credentials).await;
    ask(caller, "/recipe/user/password/reset/token", &json!({"userId": id, "email": email})).await;
    let update = json!({"userId": id, "metadataUpdate": {"colour": "blue"}});
    let updated =
        caller.send(http::Method::PUT, "/recipe/user/metadata", update.to_string().into(), Instant::now());
    assert_eq!(updated.await.status, 200);
    for is_signed_out in [false, true] {
        session(caller, &id, is_signed_out).await;
    }
    id
}

async fn session(caller: &mut Caller, id: &str, is_signed_out: bool) {
    let body = json!({
        "userId": id, "enableAntiCsrf": false, "useDynamicSigningKey": true,
        "userDataInJWT": {"role": "reader"}, "userDataInDatabase": {},
    });
    let mut tokens = ask(caller, "/recipe/session", &body).await;
    for number in 0..3 {
        let verified = json!({
            "accessToken": tokens["accessToken"]["token"], "doAntiCsrfCheck": false, "enableAntiCsrf": false,
            "checkDatabase": number > 0,
        });
        ask(caller, "/recipe/session/verify", &verified).await;
        let refreshed = json!({
            "refreshToken": tokens["refreshToken"]["token"], "enableAntiCsrf": false, "useDynamicSigningKey": true,
        });
        tokens = ask(caller, "/recipe/session/refresh", &refreshed).await;
    }
    if is_signed_out {
        ask(caller, "/recipe/session/remove", &json!({"sessionHandles": [tokens["session"]["handle"]]}))
            .await;
    }
}

async fn leave(caller: &mut Caller, id: &str) {
    ask(caller, "/user/remove", &json!({"userId": id})).await;
}

/// Rows of every table, once the core has stopped.
async fn rows(database: &str) -> Vec<(String, i64)> {
    let db = Db::open(database, &Settings::default()).await.expect("the database opens");
    let tables = portcullis_db::sql!(
        postgres: "select tablename::text from pg_tables where schemaname = 'public'",
        sqlite: "select name from sqlite_schema where type = 'table' and name not like 'sqlite_%'",
    );
    let mut tx = db.read().await.expect("a connection");
    let mut rows = Vec::new();
    for (table,) in tx.fetch_all::<(String,)>(tables, &[]).await.expect("the tables") {
        let count: Option<(i64,)> = tx
            .fetch_optional(Sql::from(format!("select count(*) from \"{table}\"")), &[])
            .await
            .expect("a count");
        rows.push((table, count.expect("a row").0));
    }
    rows
}
