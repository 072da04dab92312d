//! `script/bench tenants`: one app on PostgreSQL with very many tenants: what each of them costs the core in time and
//! memory, when it is made, when it is first called, and after a restart.

use crate::client::{Call, Connection};
use crate::core::{Core, Hashing};
use crate::million::{Place, connect};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

const TODAY: &str = "5.6";
/// Every so many tenants one gets a user.
const USER_EVERY: usize = 10;

/// Prints a table.
pub(crate) async fn run(place: &Place<'_>, number: usize) {
    let mut core = Core::start(place.core, place.url, place.folder, Hashing::Cheapest);
    let mut connection = Connection::open(core.address).await;
    println!("| what | time | memory MB | threads | connections to PostgreSQL |\n|---|---|---|---|---|");
    let row = async |core: &Core, what: &str, times: Times| {
        let State { megabytes, threads } = State::of(core.id());
        let connections = connections(place.url).await;
        println!("| {what} | {times} | {megabytes:.1} | {threads} | {connections} |");
    };
    row(&core, "started, no tenant", Times::default()).await;
    let made = times(&mut connection, 0..number, make).await;
    row(&core, &format!("{number} made, one after the other"), made).await;
    let signed = times(&mut connection, scattered(number).step_by(USER_EVERY), sign_up).await;
    row(&core, "sign-ups in a tenth of them, each the first call there", signed).await;
    let signed = times(&mut connection, scattered(number).step_by(USER_EVERY), sign_in).await;
    row(&core, "sign-ins there", signed).await;
    let listed = times(&mut connection, 0..5, |_| list()).await;
    row(&core, "all listed, five times", listed).await;
    let usage = times(&mut connection, 0..5, |_| Call::get("/ee/featureflag".to_owned(), TODAY)).await;
    row(&core, "what each of them uses, five times", usage).await;
    let reply: Value = serde_json::from_slice(&connection.send(list()).await).unwrap();
    assert_eq!(reply["tenants"].as_array().unwrap().len(), number + 1);

    drop(core);
    let began = Instant::now();
    core = Core::start(place.core, place.url, place.folder, Hashing::Cheapest);
    connection = Connection::open(core.address).await;
    connection.send(Call::get("/users/count".to_owned(), TODAY)).await;
    row(&core, "restarted, and one call of the public tenant", Times(vec![began.elapsed()])).await;
    let first = times(&mut connection, scattered(number), get).await;
    row(&core, "each of them called for the first time", first).await;
    let again = times(&mut connection, scattered(number), get).await;
    row(&core, "each of them called again", again).await;
    let one = json!({"tenantId": name(0), "requiredSecondaryFactors": ["totp"]});
    connection.send(put(&one)).await;
    let after = times(&mut connection, scattered(number), get).await;
    row(&core, "each of them called after one was changed", after).await;
}

fn name(at: usize) -> String {
    format!("tenant-{at}")
}

/// All of them, in an order that is none: 7919 is prime, so it comes by each once unless it divides their number.
fn scattered(number: usize) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator {
    (0..number).map(move |at| at * 7919 % number)
}

fn put(body: &Value) -> Call {
    Call { method: http::Method::PUT, ..Call::post("/recipe/multitenancy/tenant/v2", TODAY, body) }
}

fn make(at: usize) -> Call {
    put(&json!({"tenantId": name(at), "firstFactors": ["emailpassword", "thirdparty"]}))
}

fn get(at: usize) -> Call {
    Call::get(format!("/{}/recipe/multitenancy/tenant/v2", name(at)), TODAY)
}

fn list() -> Call {
    Call::get("/recipe/multitenancy/tenant/list/v2".to_owned(), TODAY)
}

fn credentials(at: usize, path: &str) -> Call {
    let body = json!({"email": format!("{at}@example.com"), "password": "a long Password 1"});
    Call::post(&format!("/{}/recipe/{path}", name(at)), TODAY, &body)
}

fn sign_up(at: usize) -> Call {
    credentials(at, "signup")
}

fn sign_in(at: usize) -> Call {
    credentials(at, "signin")
}

/// How long calls took.
#[derive(Default)]
struct Times(Vec<Duration>);

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut times = self.0.clone();
        times.sort_unstable();
        let milliseconds = |of_hundred: usize| {
            let at = (times.len() * of_hundred / 100).min(times.len().saturating_sub(1));
            times.get(at).map(|time| time.as_secs_f64() * 1000.0)
        };
        match (milliseconds(50), milliseconds(99)) {
            (Some(median), Some(p99)) => write!(f, "p50 {median:.2} ms, p99 {p99:.2} ms"),
            _ => write!(f, "-"),
        }
    }
}

async fn times(
    connection: &mut Connection,
    turns: impl Iterator<Item = usize>,
    call: impl Fn(usize) -> Call,
) -> Times {
    let mut times = Vec::new();
    for turn in turns {
        let (call, began) = (call(turn), Instant::now());
        connection.send(call).await;
        times.push(began.elapsed());
    }
    Times(times)
}

/// What a process takes.
struct State {
    megabytes: f64,
    threads: u32,
}

impl State {
    fn of(process: u32) -> Self {
        let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let number = |name: &str| -> u32 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        Self { megabytes: f64::from(number("VmRSS:")) / 1000.0, threads: number("Threads:") }
    }
}

async fn connections(url: &str) -> i64 {
    let sql = "select count(*) from pg_stat_activity where application_name = 'portcullis'";
    connect(url).await.query_one(sql, &[]).await.unwrap().get(0)
}
