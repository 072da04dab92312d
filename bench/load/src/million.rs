//! `script/bench million`: users with hashes are imported into PostgreSQL, broken off by `kill -9` once, and the
//! same calls are measured with a tenth of the users and with all of them.

use crate::client::{Call, Connection};
use crate::core::{Core, Hashing};
use portcullis_core::crypto::password_hash::{HashSettings, hash};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Users of one call that adds to the queue.
const ADDED: usize = 10_000;
/// Calls of each kind; their median counts.
const CALLS: usize = 300;
const TODAY: &str = "5.6";
const PASSWORD: &str = "a long Password 1";

/// Where it runs.
pub(crate) struct Place<'a> {
    pub(crate) core: &'a Path,
    pub(crate) url: &'a str,
    pub(crate) folder: &'a Path,
}

/// Prints a table.
pub(crate) async fn run(place: &Place<'_>, number: usize) {
    let tenth = number / 10;
    let hash = cheapest_hash();
    let (small_rate, small) = grow(place, &hash, 0..tenth, false).await;
    let (rate, large) = grow(place, &hash, tenth..number, true).await;
    println!("users imported, {tenth} and {} more: {small_rate:.0} and {rate:.0} a second", number - tenth);
    println!("with {number} users:");
    for (what, size) in sizes(place.url).await {
        println!("{:7} MB  {what}", size / 1_000_000);
    }
    println!("| call | µs with {tenth} users | µs with {number} | ratio |\n|---|---|---|---|");
    for ((name, before), (_, after)) in small.iter().zip(&large) {
        let ratio = after.as_secs_f64() / before.as_secs_f64();
        println!("| {name} | {} | {} | {ratio:.2} |", before.as_micros(), after.as_micros());
    }
}

fn cheapest_hash() -> String {
    hash(PASSWORD, &HashSettings::Argon2 { memory_kb: 8, iterations: 1, parallelism: 1 }).unwrap()
}

type Medians = Vec<(&'static str, Duration)>;
/// A call and what is sent at each turn.
type Kind = (&'static str, Box<dyn Fn(usize) -> Call>);

/// Imports users; if `breaks`, the core is killed once meanwhile. Answers how many there were in a second, and what
/// calls cost then.
async fn grow(place: &Place<'_>, hash: &str, users: std::ops::Range<usize>, breaks: bool) -> (f64, Medians) {
    let mut core = Core::start(place.core, place.url, place.folder, Hashing::Cheapest);
    let mut connection = Connection::open(core.address).await;
    let (began, all) = (Instant::now(), users.len());
    for begin in users.clone().step_by(ADDED) {
        let end = users.end.min(begin + ADDED);
        let added: Vec<Value> = (begin..end).map(|at| user(at, hash)).collect();
        connection.send(Call::post("/bulk-import/users", TODAY, &json!({"users": added}))).await;
    }
    let mut was_killed = !breaks;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        connection.revive().await;
        let left = count(&mut connection, "/bulk-import/users/count").await;
        if left == 0 {
            break;
        }
        if !was_killed && left < all / 2 {
            // `kill -9`: what it was at is imported by the next one.
            drop(core);
            core = Core::start(place.core, place.url, place.folder, Hashing::Cheapest);
            connection = Connection::open(core.address).await;
            was_killed = true;
        }
    }
    let rate = f64::from(u32::try_from(all).unwrap()) / began.elapsed().as_secs_f64();
    assert_eq!(
        count(&mut connection, "/users/count").await,
        users.end,
        "none is missing, none is there twice"
    );
    analyse(place.url).await;
    (rate, measure(&mut connection, users.end).await)
}

fn user(at: usize, hash: &str) -> Value {
    json!({"externalUserId": id(at), "loginMethods": [{
        "recipeId": "emailpassword", "email": email(at), "passwordHash": hash, "hashingAlgorithm": "argon2",
    }]})
}

fn id(at: usize) -> String {
    format!("user-{at}")
}

fn email(at: usize) -> String {
    format!("{at}@example.com")
}

async fn count(connection: &mut Connection, path: &str) -> usize {
    let reply: Value =
        serde_json::from_slice(&connection.send(Call::get(path.to_owned(), TODAY)).await).unwrap();
    usize::try_from(reply["count"].as_u64().unwrap()).unwrap()
}

/// The median of each call, one at a time, about users from all over.
async fn measure(connection: &mut Connection, users: usize) -> Medians {
    let step = (users / CALLS).max(1);
    let at = move |turn: usize| turn * step % users;
    let post = |path: &str, body: Value| Call::post(path, TODAY, &body);
    let mut medians = Vec::new();
    let mut calls: Vec<Kind> = vec![
        (
            "sign-in",
            Box::new(move |turn| {
                post("/recipe/signin", json!({"email": email(at(turn)), "password": PASSWORD}))
            }),
        ),
        ("get-user", Box::new(move |turn| Call::get(format!("/user/id?userId={}", id(at(turn))), TODAY))),
        ("list-page", Box::new(|_| Call::get("/users?limit=100&timeJoinedOrder=DESC".to_owned(), TODAY))),
        ("search", Box::new(move |turn| Call::get(format!("/users?email={}@ex", at(turn)), TODAY))),
        ("count", Box::new(|_| Call::get("/users/count".to_owned(), TODAY))),
        (
            "link",
            Box::new(move |turn| {
                // One of another tenth of the users is linked to the first one there.
                let (of, primary) = (at(turn) + 1, id(0));
                post(
                    "/recipe/accountlinking/user/link",
                    json!({"recipeUserId": id(of), "primaryUserId": primary}),
                )
            }),
        ),
        (
            "session-create",
            Box::new(move |turn| {
                post(
                    "/recipe/session",
                    json!({
                        "userId": id(at(turn)), "userDataInJWT": {}, "userDataInDatabase": {},
                        "enableAntiCsrf": false, "useDynamicSigningKey": true,
                    }),
                )
            }),
        ),
    ];
    // A primary user with as few linked to it each time.
    let primary = json!({"recipeUserId": id(0)});
    connection.send(post("/recipe/accountlinking/user/primary", primary)).await;
    for (name, call) in &mut calls {
        // A count of all users takes a second.
        let turns = if ["link", "count"].contains(name) { 20 } else { CALLS };
        let mut times = Vec::new();
        for turn in 0..turns {
            let (asked, began) = (call(turn), Instant::now());
            connection.send(asked).await;
            times.push(began.elapsed());
        }
        medians.push((*name, median(times)));
    }
    for turn in 0..20 {
        connection
            .send(post("/recipe/accountlinking/user/unlink", json!({"recipeUserId": id(at(turn) + 1)})))
            .await;
    }
    medians.push(("refresh", refresh(connection).await));
    medians
}

async fn refresh(connection: &mut Connection) -> Duration {
    let body = json!({
        "userId": id(0), "userDataInJWT": {}, "userDataInDatabase": {}, "enableAntiCsrf": false,
        "useDynamicSigningKey": true,
    });
    let token = |answer: &[u8]| -> Value {
        let answer: Value = serde_json::from_slice(answer).unwrap();
        answer["refreshToken"]["token"].clone()
    };
    let mut current = token(&connection.send(Call::post("/recipe/session", TODAY, &body)).await);
    let mut times = Vec::new();
    for _ in 0..CALLS {
        let body = json!({"refreshToken": current, "enableAntiCsrf": false, "useDynamicSigningKey": true});
        let began = Instant::now();
        let answer = connection.send(Call::post("/recipe/session/refresh", TODAY, &body)).await;
        times.push(began.elapsed());
        current = token(&answer);
    }
    median(times)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// PostgreSQL does so by itself after a minute, and takes wrong indexes before.
async fn analyse(url: &str) {
    connect(url).await.batch_execute("vacuum analyze").await.unwrap();
}

/// What takes how many bytes, indexes included.
async fn sizes(url: &str) -> Vec<(String, i64)> {
    let sql = "select case
            when relname like 'activity_log%' or relname like 'portcullis_audit%' then 'audit trail'
            when relname = 'bulk_import_users' then 'queue of the import'
            when relname = 'userid_mapping' then 'ids that the app gave'
            else 'users' end,
            cast(sum(pg_total_relation_size(oid)) as bigint)
        from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
        group by 1 order by 2 desc";
    let rows = connect(url).await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

pub(crate) async fn connect(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
