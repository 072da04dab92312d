//! What disturbs the core, one after the other.

use super::caller::Caller;
use super::core::Core;
use super::probe::{Ask, Noted, Session, press, watch};
use super::proxy::Proxy;
use portcullis_testkit::Cluster;
use serde_json::json;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The scenarios.
pub const NAMES: [&str; 6] =
    ["storm", "slow-database", "failover", "small-pool", "slow-callers", "idle-connections"];

const LASTING: Duration = Duration::from_secs(10);
/// What takes a while is set up meanwhile: hundreds of sessions, ten thousand connections.
const LONG: Duration = Duration::from_secs(25);
/// Longer than anything is remembered without being read again.
const MINUTE: Duration = Duration::from_secs(70);
/// Half of that time and more, within it.
const OUTAGE: Duration = Duration::from_mins(1);
const CREDENTIALS: [(&str, &str); 2] = [("email", "ann@example.com"), ("password", "a long password")];

/// Runs one, prints what was seen, and tells whether it was as it should be.
pub async fn run(name: &str, binary: &Path) -> bool {
    let mut scenario = Scenario { name: name.to_owned(), calm: true };
    match name {
        "storm" => storm(&mut scenario, binary).await,
        "slow-database" => slow_database(&mut scenario, binary).await,
        "failover" => failover(&mut scenario, binary).await,
        "small-pool" => small_pool(&mut scenario, binary).await,
        "slow-callers" => slow_callers(&mut scenario, binary).await,
        "idle-connections" => idle_connections(&mut scenario, binary).await,
        _ => scenario.want("a scenario of this name", false),
    }
    scenario.calm
}

struct Scenario {
    name: String,
    calm: bool,
}

#[expect(clippy::print_stdout, reason = "a bench prints what it finds")]
impl Scenario {
    fn tell(&self, text: &str) {
        println!("{}: {text}", self.name);
    }

    fn want(&mut self, what: &str, is_so: bool) {
        println!("{}: {}: {what}", self.name, if is_so { "yes" } else { "NO" });
        self.calm &= is_so;
    }

    fn within(&mut self, what: &str, noted: &Noted, status: u16, limit_ms: u64) {
        let p99 = noted.time(status, 990);
        let what = format!("{what}: p99 {:.1} ms is at most {limit_ms}", p99.as_secs_f64() * 1000.0);
        self.want(&what, noted.count(status) > 0 && p99 <= Duration::from_millis(limit_ms));
    }

    /// Whoever does not need what is disturbed is served each time, and fast.
    fn undisturbed(&mut self, what: &str, noted: &Noted, limit_ms: u64) {
        self.within(what, noted, 200, limit_ms);
        self.want(&format!("{what} is never refused"), noted.count(200) == noted.all());
    }

    fn memory(&mut self, core: &Core, limit_mib: u64) {
        let (now, most) = core.memory();
        self.want(&format!("memory: {now} MiB, at most {most}, is at most {limit_mib}"), most <= limit_mib);
    }

    /// The core, without having been started again, answers as it did before.
    async fn recovered(&mut self, core: &mut Core, since: Instant) {
        let mut session = None;
        while session.is_none() && since.elapsed() < Duration::from_secs(40) {
            let mut caller = Caller::new(core.address);
            let body = json!({"userId": "u", "enableAntiCsrf": false, "userDataInJWT": {}, "userDataInDatabase": {}});
            if caller.post("/recipe/session", &body).await.status == 200 {
                session = Some(Session::new(core.address).await);
            }
        }
        let Some(mut session) = session else { return self.want("it recovers", false) };
        let after = since.elapsed();
        let mut noted = Noted::default();
        for _ in 0..100 {
            noted.add(&session.ask(Ask::Refresh, Instant::now()).await);
        }
        self.tell(&format!("recovered after {:.2} s; then refresh{noted}", after.as_secs_f64()));
        self.want("it recovers without a restart", core.is_alive() && noted.count(200) == 100);
    }
}

/// Sign-ins, five times as many as can be hashed.
async fn storm(scenario: &mut Scenario, binary: &Path) {
    let argon2 = [("PASSWORD_HASHING_ALG", "ARGON2")];
    let mut core = Core::start(binary, None, &argon2);
    let body = json!(std::collections::BTreeMap::from(CREDENTIALS));
    assert_eq!(Caller::new(core.address).post("/recipe/signup", &body).await.json()["status"], "OK");
    let probe = async |core: &Core, lasting| {
        let verify = watch(core.address, Ask::VerifyStored, 50, lasting).await;
        let refresh = watch(core.address, Ask::Refresh, 50, lasting).await;
        (verify.await.expect("a probe ends"), refresh.await.expect("a probe ends"))
    };
    let (verify, refresh) = probe(&core, Duration::from_secs(5)).await;
    scenario.tell(&format!("before: verify{verify}; refresh{refresh}"));
    scenario.tell(&format!("a commit waits for the disk: {}", core.disk()));

    let mut hashing = JoinSet::new();
    let (address, end) = (core.address, Instant::now() + Duration::from_secs(4));
    for _ in 0..2 {
        let body = body.clone();
        hashing.spawn(async move {
            let (mut caller, mut done) = (Caller::new(address), 0_u32);
            while Instant::now() < end {
                done += u32::from(caller.post("/recipe/signin", &body).await.status == 200);
            }
            done
        });
    }
    let capacity = hashing.join_all().await.into_iter().sum::<u32>() / 4;
    scenario.tell(&format!("hash capacity: {capacity} a second; the storm: {} a second", capacity * 5));

    let (storm, (verify, refresh)) =
        tokio::join!(sign_ins(address, capacity * 5, LASTING), probe(&core, LASTING));
    scenario.tell(&format!("sign-in{storm}"));
    scenario.tell(&format!("meanwhile: verify{verify}; refresh{refresh}"));
    scenario.undisturbed("verify with the database", &verify, 15);
    scenario.undisturbed("refresh", &refresh, 15);
    scenario.within("refusals", &storm, 429, 50);
    scenario.want("everything is served, or refused with Retry-After", storm.is_orderly());
    // What it has at rest, and argon2's memory for each hash.
    scenario.memory(&core, 64 + 86);
    scenario.recovered(&mut core, Instant::now()).await;
}

/// So many a second, each on a connection of its own if it has to be.
async fn sign_ins(address: SocketAddr, a_second: u32, lasting: Duration) -> Noted {
    let idle = Arc::new(std::sync::Mutex::new(Vec::<Caller>::new()));
    let body = json!(std::collections::BTreeMap::from(CREDENTIALS)).to_string();
    let (began, mut calls) = (Instant::now(), JoinSet::new());
    for number in 0.. {
        let due = began + Duration::from_secs(1) * number / a_second.max(1);
        if due >= began + lasting {
            break;
        }
        tokio::time::sleep_until(due.into()).await;
        let (idle, body) = (Arc::clone(&idle), body.clone());
        calls.spawn(async move {
            let caller = idle.lock().expect("no caller panics").pop();
            let mut caller = caller.unwrap_or_else(|| Caller::new(address));
            let answer = caller.send(http::Method::POST, "/recipe/signin", body.into(), due).await;
            idle.lock().expect("no caller panics").push(caller);
            answer
        });
    }
    let mut noted = Noted::default();
    for answer in calls.join_all().await {
        noted.add(&answer);
    }
    noted
}

/// A database whose answers take 200 ms, and 200 callers who refresh, for longer than a minute.
async fn slow_database(scenario: &mut Scenario, binary: &Path) {
    let cluster = Cluster::new();
    cluster.start(&[]);
    let proxy = Proxy::start(cluster.at("127.0.0.1")).await;
    let url = format!("postgres://postgres@{}/postgres", proxy.address);
    let mut core = Core::start(binary, Some(&url), &[]);
    let jwks = watch(core.address, Ask::Jwks, 50, MINUTE).await;
    let verify = watch(core.address, Ask::Verify, 50, MINUTE).await;
    let callers = press(core.address, Ask::Refresh, 200, MINUTE).await;
    proxy.delay(Duration::from_millis(200));
    let (callers, jwks, verify) = (callers.await, jwks.await, verify.await);
    let (callers, jwks, verify) =
        (callers.expect("callers end"), jwks.expect("a probe ends"), verify.expect("a probe ends"));
    scenario.tell(&format!("200 callers refresh{callers}"));
    scenario.tell(&format!("meanwhile, without the database: JWKS{jwks}; verify{verify}"));
    scenario.undisturbed("JWKS", &jwks, 15);
    scenario.undisturbed("verify without the database", &verify, 15);
    scenario.want("everything is served, or refused with Retry-After", callers.is_orderly());
    if callers.count(503) > 0 {
        scenario.within("refusals", &callers, 503, 50);
    }
    scenario.memory(&core, 128);
    proxy.delay(Duration::ZERO);
    scenario.recovered(&mut core, Instant::now()).await;
}

/// A database that is stopped as by a crash, and comes back after so long that everything which is remembered
/// should have been read again.
async fn failover(scenario: &mut Scenario, binary: &Path) {
    let cluster = Arc::new(Cluster::new());
    cluster.start(&[]);
    let mut core = Core::start(binary, Some(&cluster.url()), &[]);
    let jwks = watch(core.address, Ask::Jwks, 50, MINUTE).await;
    let callers = press(core.address, Ask::VerifyStored, 20, MINUTE).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let stopped = Arc::clone(&cluster);
    tokio::task::spawn_blocking(move || stopped.stop()).await.expect("the server stops");
    tokio::time::sleep(OUTAGE).await;
    let started = Arc::clone(&cluster);
    tokio::task::spawn_blocking(move || started.start(&[])).await.expect("the server starts");
    scenario.recovered(&mut core, Instant::now()).await;
    let (callers, jwks) = (callers.await.expect("callers end"), jwks.await.expect("a probe ends"));
    scenario.tell(&format!("20 callers verify{callers}"));
    scenario.tell(&format!("meanwhile, without the database: JWKS{jwks}"));
    scenario.undisturbed("JWKS", &jwks, 15);
    scenario.within("refusals", &callers, 503, 50);
    scenario.want("everything is served, or refused with Retry-After", callers.is_orderly());
    scenario.memory(&core, 96);
}

/// Two connections to the database for 200 callers.
async fn small_pool(scenario: &mut Scenario, binary: &Path) {
    let cluster = Cluster::new();
    cluster.start(&[]);
    let settings = [("POSTGRESQL_CONNECTION_POOL_SIZE", "2")];
    let mut core = Core::start(binary, Some(&cluster.url()), &settings);
    let jwks = watch(core.address, Ask::Jwks, 50, LONG).await;
    let callers = press(core.address, Ask::Refresh, 200, LASTING).await;
    let (callers, jwks) = (callers.await.expect("callers end"), jwks.await.expect("a probe ends"));
    scenario.tell(&format!("200 callers refresh{callers}"));
    scenario.tell(&format!("meanwhile, without the database: JWKS{jwks}"));
    scenario.want("everything is served, or refused with Retry-After", callers.is_orderly());
    scenario.undisturbed("JWKS", &jwks, 50);
    scenario.within("refresh", &callers, 200, 1000);
    scenario.memory(&core, 96);
    scenario.recovered(&mut core, Instant::now()).await;
}

/// Callers that send one byte a second: of the head, and of the body.
async fn slow_callers(scenario: &mut Scenario, binary: &Path) {
    let mut core = Core::start(binary, None, &[("REQUEST_TIMEOUT_SECONDS", "10")]);
    let head = "POST /recipe/session HTTP/1.1\r\nhost: core\r\ncontent-length: 1000\r\n\r\n";
    let lasting = Duration::from_secs(45);
    let mut slow = JoinSet::new();
    for number in 0..200_usize {
        let (address, sent_at_once) = (core.address, if number % 2 == 0 { 0 } else { head.len() });
        slow.spawn(async move {
            let began = Instant::now();
            let mut stream = TcpStream::connect(address).await.expect("connects");
            stream.write_all(&head.as_bytes()[..sent_at_once]).await.expect("sends");
            let rest = head.as_bytes()[sent_at_once..].iter().chain(std::iter::repeat(&b' '));
            let mut answer = [0; 64];
            for byte in rest {
                // Whatever comes, an answer or the end, means that it is over.
                let over = tokio::time::timeout(Duration::from_secs(1), stream.read(&mut answer)).await;
                if over.is_ok() || began.elapsed() > lasting || stream.write_all(&[*byte]).await.is_err() {
                    break;
                }
            }
            began.elapsed()
        });
    }
    let verify = watch(core.address, Ask::VerifyStored, 50, LASTING).await;
    let refresh = watch(core.address, Ask::Refresh, 50, LASTING).await;
    let (verify, refresh) = (verify.await.expect("a probe ends"), refresh.await.expect("a probe ends"));
    let longest = slow.join_all().await.into_iter().max().unwrap_or_default();
    scenario.tell(&format!("beside 200 slow callers: verify{verify}; refresh{refresh}"));
    scenario.undisturbed("verify with the database", &verify, 15);
    scenario.undisturbed("refresh", &refresh, 15);
    scenario.want(
        &format!("every slow caller is cut off: the last after {:.0} s", longest.as_secs_f64()),
        longest < lasting,
    );
    scenario.memory(&core, 64);
    scenario.recovered(&mut core, Instant::now()).await;
}

/// As many connections as there are places, which say nothing, and some more.
async fn idle_connections(scenario: &mut Scenario, binary: &Path) {
    const PLACES: usize = 10_000;
    /// A connection that has spoken keeps two buffers of 8 KiB.
    const SPOKEN_MIB: u64 = 256;
    let allowed = rlimit::increase_nofile_limit(2 * PLACES as u64).unwrap_or_default();
    scenario.want("enough files may be open", allowed >= PLACES as u64 + 1000);
    let mut core = Core::start(binary, None, &[]);
    let (before, _) = core.memory();
    // The probes have their places first.
    let verify = watch(core.address, Ask::VerifyStored, 20, LASTING).await;
    let refresh = watch(core.address, Ask::Refresh, 20, LASTING).await;
    let mut idle = Vec::new();
    while idle.len() < PLACES {
        idle.push(TcpStream::connect(core.address).await.expect("connects"));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (full, _) = core.memory();
    let mut refused = Noted::default();
    for _ in 0..50 {
        let answer = Caller::new(core.address)
            .send(http::Method::GET, "/hello", bytes::Bytes::new(), Instant::now())
            .await;
        refused.add(&answer);
    }
    let (verify, refresh) = (verify.await.expect("a probe ends"), refresh.await.expect("a probe ends"));
    scenario.tell(&format!("memory: {before} MiB before, {full} with {PLACES} connections"));
    scenario.tell(&format!("beside them: verify{verify}; refresh{refresh}"));
    scenario.tell(&format!("further callers{refused}"));
    scenario.undisturbed("verify with the database", &verify, 15);
    scenario.undisturbed("refresh", &refresh, 15);
    scenario.want(
        "further callers are refused with Retry-After",
        refused.count(503) == 50 && refused.is_orderly(),
    );
    scenario.within("refusals", &refused, 503, 50);
    scenario.memory(&core, 192);
    // The probes had two of the places.
    for stream in idle.iter_mut().take(PLACES - 2) {
        stream.write_all(b"GET /.well-known/jwks.json HTTP/1.1\r\nhost: core\r\n\r\n").await.expect("sends");
        assert!(stream.read(&mut [0; 4096]).await.expect("an answer") > 0);
    }
    let (spoken, _) = core.memory();
    scenario.want(
        &format!("memory once each of them was answered: {spoken} MiB is at most {SPOKEN_MIB}"),
        spoken <= SPOKEN_MIB,
    );
    let left = Instant::now();
    drop(idle);
    scenario.recovered(&mut core, left).await;
}
