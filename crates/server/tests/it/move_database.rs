//! `move`: while a core serves, with another one that waits for the database; and through `kill -9`.
//!
//! On SQLite alone there is no other engine: then what is refused is tested.

use crate::caller::{Caller, Reply};
use crate::place::{Place, Running, is_postgres};
use portcullis_core::crypto::random;
use portcullis_db::MoveState;
use serde_json::{Value, json};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

const SETTINGS: [(&str, &str); 2] = [("TEST_MODE", "true"), ("BCRYPT_LOG_ROUNDS", "4")];
const PASSWORD: &str = "a-Secret-1";
const PATIENCE: Duration = Duration::from_mins(2);
/// Users before the move; each is a row in several tables.
const USERS: usize = 1500;
const BCRYPT: &str = "$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm";

fn get(caller: &Caller, path: &str) -> Value {
    serde_json::from_str(&caller.get(path).expect("answers").text).expect("JSON")
}

fn credentials(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD})
}

fn refresh_body(session: &Value) -> Value {
    json!({"refreshToken": session["refreshToken"]["token"], "enableAntiCsrf": false, "useDynamicSigningKey": false})
}

fn move_command(from: &Place, to: &Place) -> Child {
    let mut command = from.command(&["move", "--from", from.database(), "--to", to.database()]);
    if let Some(schema) = to.schema() {
        command.env("POSTGRESQL_TABLE_SCHEMA", schema);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
}

/// What became of the command, and what it said.
fn end(command: Child) -> (bool, String) {
    let output = command.wait_with_output().expect("ends");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

fn move_state(place: &Place) -> Option<MoveState> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let db = place.open_database().await;
        let state = db.move_state().await.expect("answers");
        db.close().await;
        state
    })
}

/// Kills the command at a random moment, unless it ends before; whether it was killed.
fn kill_some_time(mut command: Child, within: Duration) -> bool {
    thread::sleep(within.mul_f64(random::unit_interval()));
    if command.try_wait().expect("it is ours").is_some() {
        return false;
    }
    command.kill().expect("kills");
    command.wait().expect("ends");
    true
}

/// What a core has said about users, sessions and keys.
struct Told {
    bob: Value,
    session: Value,
    keys: Value,
    signed_up: Vec<String>,
}

fn populate(place: &Place, caller: &Caller) -> Told {
    let tenant = json!({"tenantId": "t1"});
    assert_eq!(
        caller.put("5.4", "/recipe/multitenancy/tenant/v2", &tenant).expect("answers")["status"],
        "OK"
    );
    let provider = json!({"config": {"thirdPartyId": "google", "clients": [
        {"clientId": "id", "clientSecret": "secret", "scope": ["email", "a \"b\""]}]}});
    let path = "/t1/recipe/multitenancy/config/thirdparty";
    assert_eq!(caller.put("5.4", path, &provider).expect("answers")["status"], "OK");
    let row = |number: usize| {
        json!({"externalUserId": format!("ext-{number}"), "userMetadata": {"number": number},
            "loginMethods": [{"recipeId": "emailpassword", "email": format!("{number}@example.com"),
                "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt", "isVerified": true}]})
    };
    let rows: Vec<String> = (0..USERS).map(|number| row(number).to_string()).collect();
    let file = place.path("users.jsonl");
    std::fs::write(&file, rows.join("\n")).expect("a file");
    let (succeeded, said) = place.run(&["import", file.to_str().expect("UTF-8")]);
    assert!(succeeded, "{said}");
    let bob = caller.post("5.4", "/recipe/signup", &credentials("bob@example.com")).expect("answers");
    let session = json!({"userId": bob["user"]["id"], "userDataInJWT": {"a": 1}, "userDataInDatabase": {"b": "ü"},
        "enableAntiCsrf": false, "useDynamicSigningKey": false});
    let session = caller.post("5.4", "/recipe/session", &session).expect("answers");
    let keys = get(caller, "/.well-known/jwks.json");
    Told { bob: bob["user"].clone(), session, keys, signed_up: Vec::new() }
}

/// Signs users up until the core takes no changes any more.
fn sign_up_until_moved(caller: &Caller) -> Vec<String> {
    let (name, mut signed_up) = (random::uuid(), Vec::new());
    loop {
        let email = format!("{name}-{}@example.com", signed_up.len());
        let Reply { status, text, .. } =
            caller.reply("5.4", "/recipe/signup", &credentials(&email)).expect("answers");
        match status {
            200 => {
                assert!(text.contains("\"OK\""), "{text}");
                signed_up.push(email);
            }
            503 if text.contains("was moved") => return signed_up,
            // Nobody is kept waiting for long; the caller may try again.
            _ => assert_eq!(status, 503, "{text}"),
        }
    }
}

/// All that was told is so in another core, and the audit trail is whole.
fn check(place: &Place, caller: &Caller, told: &Told) {
    assert_eq!(get(caller, "/.well-known/jwks.json"), told.keys);
    let count = USERS + 1 + told.signed_up.len();
    assert_eq!(get(caller, "/users/count?includeAllTenants=true")["count"], count);
    let emails = ["bob@example.com"].into_iter().chain(told.signed_up.iter().map(String::as_str));
    for email in emails {
        let answer = caller.post("5.4", "/recipe/signin", &credentials(email)).expect("answers");
        assert_eq!(answer["status"], "OK", "{email}");
    }
    let imported = json!({"email": "77@example.com", "password": "testPass123"});
    let answer = caller.post("5.4", "/recipe/signin", &imported).expect("answers");
    assert_eq!(answer["user"]["id"], "ext-77");
    assert_eq!(get(caller, "/recipe/user/metadata?userId=ext-77")["metadata"]["number"], 77);
    let id = told.bob["id"].as_str().expect("an id");
    assert_eq!(get(caller, &format!("/user/id?userId={id}"))["user"], told.bob);
    let tenant = get(caller, "/t1/recipe/multitenancy/tenant/v2");
    let scope = &tenant["thirdParty"]["providers"][0]["clients"][0]["scope"];
    assert_eq!(scope, &json!(["email", "a \"b\""]), "{tenant}");
    let (succeeded, said) = place.run(&["audit", "verify"]);
    assert!(succeeded, "{said}");
}

/// Moves a database with a core on it; the core of the other place, and what is so there.
fn move_there(from: &Place, core: Running, mut told: Told, to: &Place) -> (Running, Told) {
    // Broken off as soon as it has begun, so that the other core has something to wait for.
    let begun = Instant::now();
    let mut command = move_command(from, to);
    while move_state(to) != Some(MoveState::Arriving) {
        assert!(command.try_wait().expect("it is ours").is_none() && begun.elapsed() < PATIENCE);
    }
    command.kill().expect("kills");
    command.wait().expect("ends");
    let (other, signed_up, said) = thread::scope(|scope| {
        let other = scope.spawn(|| to.start());
        let writer = scope.spawn(|| sign_up_until_moved(&Caller::new(&core.address)));
        let mut kills = 0;
        while kills < 5 && kill_some_time(move_command(from, to), Duration::from_millis(400)) {
            kills += 1;
        }
        assert!(kills > 1, "the move was through before it was broken off");
        assert!(!other.is_finished() || move_state(from) == Some(MoveState::Left));
        let (succeeded, said) = end(move_command(from, to));
        assert!(succeeded || said.contains("was moved already"), "{said}");
        (other.join().expect("starts"), writer.join().expect("ends"), said)
    });
    assert!(!signed_up.is_empty(), "somebody signed up meanwhile: {said}");
    told.signed_up.extend(signed_up);
    let (_, log) = core.stop();
    assert!(!log.contains("panicked"), "{log}");
    for command in ["start", "doctor"] {
        let (succeeded, said) = from.run(&[command, "--port", "0"]);
        assert!(!succeeded && said.contains("this database was moved to another one"), "{said}");
    }
    let caller = Caller::new(&other.address);
    check(to, &caller, &told);
    let session =
        caller.post("5.4", "/recipe/session/refresh", &refresh_body(&told.session)).expect("answers");
    assert_eq!(session["status"], "OK", "nobody is signed out: {session}");
    told.session = session;
    (other, told)
}

#[test]
fn a_database_moves_there_and_back_while_cores_serve() {
    if !is_postgres() {
        return check_refusals();
    }
    let (small, large) = (Place::on_sqlite("move_small", &SETTINGS), Place::new("move_large", &SETTINGS));
    let core = small.start();
    let told = populate(&small, &Caller::new(&core.address));
    let (core, told) = move_there(&small, core, told, &large);
    let back = Place::on_sqlite("move_back", &SETTINGS);
    let (core, _) = move_there(&large, core, told, &back);
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    // Whoever wants the old database back says so.
    let (succeeded, said) = large.run(&["move", "--from", large.database(), "--cancel"]);
    assert!(succeeded && said.contains("takes changes"), "{said}");
    let core = large.start();
    let caller = Caller::new(&core.address);
    let late = caller.post("5.4", "/recipe/signup", &credentials("late@example.com")).expect("answers");
    assert_eq!(late["status"], "OK");
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
}

fn check_refusals() {
    let (here, there) = (Place::on_sqlite("move_here", &SETTINGS), Place::on_sqlite("move_there", &SETTINGS));
    let core = here.start();
    let run = |from: &str, to: &str| here.run(&["move", "--from", from, "--to", to]);
    let (succeeded, said) = run(here.database(), there.database());
    assert!(!succeeded && said.contains("from SQLite to PostgreSQL, or back"), "{said}");
    assert!(!there.path("test.db").exists(), "nothing is made for a move that is refused");
    let (clean, log) = there.start().stop();
    assert!(clean, "{log}");
    let (succeeded, said) = run(here.database(), there.database());
    assert!(!succeeded && there.path("test.db").exists(), "what was there stays: {said}");
    let (succeeded, said) = run("sqlite:missing.db", there.database());
    assert!(!succeeded && said.contains("sqlite:missing.db is not there"), "{said}");
    let (succeeded, said) = here.run(&["move", "--from", here.database()]);
    assert!(!succeeded && said.contains("--to"), "{said}");
    let (succeeded, said) = here.run(&["move", "--from", here.database(), "--cancel"]);
    assert!(succeeded && said.contains("there is no move"), "{said}");
    let caller = Caller::new(&core.address);
    let ann = caller.post("5.4", "/recipe/signup", &credentials("ann@example.com")).expect("answers");
    assert_eq!(ann["status"], "OK", "nothing has changed");
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
}
