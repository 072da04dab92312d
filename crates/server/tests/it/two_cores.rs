//! Two cores behind one another's back on one database, through the rotation of their signing key.
//!
//! On SQLite, whose file belongs to one process, the same core plays both parts.

use crate::caller::Caller;
use crate::jwks::{Jwks, kid};
use crate::place::{Place, Running, is_postgres};
use portcullis_db::{Tx, args};
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Calls that show a token to a core.
const CALLS: usize = 10_000;
const CLIENTS: usize = 8;
/// Keys that must have signed: the first and three successors.
const KEYS: usize = 4;
/// The update interval that is set below, in hours and in milliseconds, and how long before its end the
/// successor is made: a fifth of it in test mode.
const INTERVAL_HOURS: &str = "0.001";
const INTERVAL_MS: i64 = 3600;
const OVERLAP_MS: i64 = INTERVAL_MS / 5;
const DEADLINE: Duration = Duration::from_mins(2);

#[test]
fn no_token_is_rejected_through_rotations() {
    let interval = ("ACCESS_TOKEN_DYNAMIC_SIGNING_KEY_UPDATE_INTERVAL", INTERVAL_HOURS);
    let settings = [("TEST_MODE", "true"), ("ACCESS_TOKEN_VALIDITY", "60"), interval];
    let place = Place::new("rotation", &settings);
    let cores = start(&place);
    let addresses = [cores.first(), cores.last()].map(|core| core.expect("a core").address.as_str());
    let tally = Tally::default();
    thread::scope(|scope| {
        for id in 0..CLIENTS {
            let mut client = Client::new(id, addresses, &tally);
            scope.spawn(move || client.run());
        }
    });
    let kids = tally.kids.into_inner().expect("no panic");
    let (calls, local) = (tally.calls.into_inner(), tally.local.into_inner());
    println!("{calls} calls and {local} local verifications, 0 rejected; signed by {kids:?}");
    assert!(calls >= CALLS && local >= CALLS / 2, "{calls} calls, {local} local verifications");
    assert!(kids.len() >= KEYS && kids.iter().all(|kid| kid.starts_with("d-")), "{kids:?}");

    let made = on_database(&place, async |tx| {
        let sql = "select created_at_time from session_access_token_signing_keys
            where app_id = 'public' order by created_at_time";
        tx.fetch_all::<(i64,)>(sql, args![]).await.expect("rows")
    });
    // A successor is made one overlap before it is needed: two that are closer were made for one rotation.
    let too_close = made.windows(2).filter(|pair| pair[1].0 - pair[0].0 < INTERVAL_MS - OVERLAP_MS).count();
    assert_eq!(too_close, 0, "{made:?}");
    assert!(made.len() >= kids.len(), "{made:?} {kids:?}");
}

#[test]
fn parallel_first_calls_make_one_key() {
    const PARALLEL: usize = 50;
    let place = Place::new("first_calls", &[]);
    let cores = start(&place);
    let new_app = json!({"appId": "a1", "coreConfig": {}});
    let reply = Caller::new(&cores[0].address).put("5.4", "/recipe/multitenancy/app/v2", &new_app);
    assert_eq!(reply.expect("answers"), json!({"status": "OK", "createdNew": true}));
    let together = Barrier::new(PARALLEL);
    let made: Vec<Value> = thread::scope(|scope| {
        let call = |n: usize| {
            let core = Caller::new(&cores[n % cores.len()].address);
            together.wait();
            core.post("5.4", "/appid-a1/recipe/session", &new_session("ann")).expect("answers")
        };
        let calls: Vec<_> = (0..PARALLEL).map(|n| scope.spawn(move || call(n))).collect();
        calls.into_iter().map(|call| call.join().expect("a call's assertions hold")).collect()
    });
    let kids: BTreeSet<String> = made.iter().map(|made| kid(token(made, "accessToken"))).collect();
    assert_eq!(kids.len(), 1, "{kids:?}");
    for (n, made) in made.iter().enumerate() {
        let other = Caller::new(&cores[(n + 1) % cores.len()].address);
        let body = refresh_body(token(made, "refreshToken"));
        let reply = other.post("5.4", "/appid-a1/recipe/session/refresh", &body).expect("answers");
        assert_eq!(reply["status"], "OK", "the other core opens it with the same key");
    }
    for table in ["session_access_token_signing_keys", "jwt_signing_keys", "key_value"] {
        let count = on_database(&place, async |tx| {
            let sql = format!("select count(*) from {table} where app_id = 'a1'");
            tx.fetch_all::<(i64,)>(sql, args![]).await.expect("rows")
        });
        assert_eq!(count, [(1,)], "{table}");
    }
}

fn start(place: &Place) -> Vec<Running> {
    let count = if is_postgres() { 2 } else { 1 };
    (0..count).map(|_| place.start()).collect()
}

/// Runs statements beside the cores.
fn on_database<T>(place: &Place, work: impl AsyncFnOnce(&mut Tx) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let db = place.open_database().await;
        let mut tx = db.write().await.expect("a unit of work");
        let outcome = work(&mut tx).await;
        tx.commit().await.expect("commits");
        db.close().await;
        outcome
    })
}

/// What all clients have done and seen.
#[derive(Default)]
struct Tally {
    calls: AtomicUsize,
    local: AtomicUsize,
    kids: Mutex<BTreeSet<String>>,
}

impl Tally {
    fn is_done(&self) -> bool {
        self.calls.load(Ordering::Relaxed) >= CALLS && self.kids.lock().expect("no panic").len() >= KEYS
    }
}

/// A core as one backend knows it.
struct Core {
    caller: Caller,
    jwks: Jwks,
}

/// What a session's owner holds.
#[derive(Clone)]
struct Tokens {
    access: String,
    refresh: String,
    since: Instant,
}

/// A backend that turns to both cores.
struct Client<'a> {
    cdi: &'static str,
    cores: [Core; 2],
    /// Sessions to come back to after a rotation, oldest first.
    kept: VecDeque<Tokens>,
    tally: &'a Tally,
}

impl<'a> Client<'a> {
    fn new(id: usize, addresses: [&str; 2], tally: &'a Tally) -> Self {
        let core = |address: &str| Core { caller: Caller::new(address), jwks: Jwks::default() };
        // Both refresh regimes.
        let cdi = if id.is_multiple_of(2) { "5.4" } else { "5.6" };
        Self { cdi, cores: addresses.map(core), kept: VecDeque::new(), tally }
    }

    fn run(&mut self) {
        let begun = Instant::now();
        while !self.tally.is_done() {
            assert!(begun.elapsed() < DEADLINE, "{:?} after {DEADLINE:?}", self.tally.kids);
            self.pass_a_session_on();
            self.cores.swap(0, 1);
        }
    }

    /// One core makes a session, and both work on it in turns.
    fn pass_a_session_on(&mut self) {
        const HERE: usize = 0;
        const THERE: usize = 1;
        let reply = self.cores[HERE].caller.post(self.cdi, "/recipe/session", &new_session("ann"));
        let mut held = Tokens::of(&reply.expect("answers"));
        self.tally.kids.lock().expect("no panic").insert(kid(&held.access));
        self.verify(THERE, &held, true);
        self.refresh(THERE, &mut held);
        self.verify(HERE, &held, false);
        self.verify(HERE, &held, true);
        self.refresh(HERE, &mut held);
        self.verify(THERE, &held, false);
        self.kept.push_back(held);
        // A session from before the last rotation.
        let due =
            |held: &mut Tokens| held.since.elapsed() > Duration::from_millis(INTERVAL_MS.unsigned_abs());
        if let Some(mut held) = self.kept.pop_front_if(due) {
            self.verify(HERE, &held, true);
            self.refresh(THERE, &mut held);
            self.verify(HERE, &held, true);
        }
    }

    /// Asks one core whether the access token is good, and looks at it as a backend does that knows only
    /// that core's keys.
    fn verify(&mut self, core: usize, held: &Tokens, check_database: bool) {
        let Core { caller, jwks } = &mut self.cores[core];
        let local = jwks.verify(caller, &held.access);
        assert!(local, "no key of the other core fits {}", held.access);
        let body = json!({"accessToken": held.access, "doAntiCsrfCheck": false, "enableAntiCsrf": false,
            "checkDatabase": check_database});
        let reply = caller.post(self.cdi, "/recipe/session/verify", &body).expect("answers");
        assert_eq!(reply["status"], "OK", "CDI {}: {reply} for {}", self.cdi, held.access);
        self.tally.local.fetch_add(1, Ordering::Relaxed);
        self.tally.calls.fetch_add(1, Ordering::Relaxed);
    }

    fn refresh(&self, core: usize, held: &mut Tokens) {
        let body = refresh_body(&held.refresh);
        let reply =
            self.cores[core].caller.post(self.cdi, "/recipe/session/refresh", &body).expect("answers");
        assert_eq!(reply["status"], "OK", "CDI {}: {reply}", self.cdi);
        *held = Tokens::of(&reply);
        self.tally.calls.fetch_add(1, Ordering::Relaxed);
    }
}

impl Tokens {
    fn of(reply: &Value) -> Self {
        let (access, refresh) = (token(reply, "accessToken"), token(reply, "refreshToken"));
        Self { access: access.to_owned(), refresh: refresh.to_owned(), since: Instant::now() }
    }
}

fn new_session(user_id: &str) -> Value {
    json!({"userId": user_id, "enableAntiCsrf": false, "userDataInJWT": {}, "userDataInDatabase": {},
        "useDynamicSigningKey": true})
}

fn refresh_body(refresh_token: &str) -> Value {
    json!({"refreshToken": refresh_token, "enableAntiCsrf": false, "useDynamicSigningKey": true})
}

fn token<'a>(reply: &'a Value, name: &str) -> &'a str {
    reply[name]["token"].as_str().expect("a token")
}
