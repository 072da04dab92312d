//! The paths that are measured: what is sent, and what the least is that a path could cost.

use crate::client::Call;
use crate::floors::Floor;
use crate::load::Driver;
use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The password of every user.
const PASSWORD: &str = "a long Password 1";
/// Sessions that each connection goes through in turn.
const SESSIONS: usize = 20;
/// The version that SDKs of today speak; 5.6 has the newer regime of refresh tokens.
const TODAY: &str = "5.4";
const NEWER: &str = "5.6";

/// A user who signed up.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) email: String,
}

/// Who is there to be asked about.
pub(crate) type Users = Arc<Vec<User>>;

/// One path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// What it cannot do without, beside HTTP and JSON.
    pub(crate) floors: &'static [Floor],
    /// What the protocol makes it do besides, which the limit leaves out.
    pub(crate) besides: &'static [Floor],
    /// What is taken off its cost: the cheapest hash there is, on paths "without the hash".
    pub(crate) left_out: Option<Floor>,
    /// Whether every answer is the same bytes, so that no JSON has to be written.
    pub(crate) is_constant: bool,
    pub(crate) connections: usize,
    /// Turns of each connection before the measured ones.
    pub(crate) warm_up: usize,
    /// Makes connection number n.
    pub(crate) driver: fn(Users, usize) -> Driver,
}

const fn path(name: &'static str, floors: &'static [Floor], driver: fn(Users, usize) -> Driver) -> Path {
    let (besides, left_out) = (&[], None);
    Path { name, floors, besides, left_out, is_constant: false, connections: 32, warm_up: SESSIONS, driver }
}

const fn without_hash(path: Path) -> Path {
    Path { left_out: Some(Floor::CheapHash), ..path }
}

const fn constant(path: Path) -> Path {
    Path { is_constant: true, ..path }
}

const fn with_keys(besides: &'static [Floor], path: Path) -> Path {
    Path { besides, ..path }
}

const REFRESH: &[Floor] = &[Floor::Sign, Floor::UpdateSession];
/// One is opened and one is sealed.
const OLD_AND_NEW_TOKEN: &[Floor] = &[Floor::TokenKey, Floor::TokenKey];

/// Every path but those with a real hash.
pub(crate) const PATHS: [Path; 11] = [
    constant(path("jwks", &[], |_, _| Box::new(|_| Call::get("/.well-known/jwks.json".to_owned(), TODAY)))),
    path("get-user", &[Floor::FindUser], get_user),
    with_keys(
        &[Floor::TokenKey],
        path("session-create", &[Floor::Sign, Floor::InsertSession], session_create),
    ),
    with_keys(OLD_AND_NEW_TOKEN, path("refresh", REFRESH, |users, n| refresh(users, n, NEWER))),
    with_keys(OLD_AND_NEW_TOKEN, path("refresh-older", REFRESH, |users, n| refresh(users, n, TODAY))),
    path("session-verify", &[Floor::Verify], |users, n| session_verify(users, n, false)),
    path("session-verify-db", &[Floor::Verify, Floor::FindSession], |users, n| {
        session_verify(users, n, true)
    }),
    without_hash(path("sign-in", &[Floor::FindByEmail, Floor::FindUserAndLog], sign_in)),
    without_hash(path("sign-up", &[Floor::InsertUser], sign_up)),
    path("email-verification", &[Floor::InsertToken], email_verification),
    path("list-page", &[Floor::ListUsers], |_, _| {
        Box::new(|_| Call::get("/users?limit=100".to_owned(), TODAY))
    }),
];

/// A sign-in with a hash as the settings come.
pub(crate) const WITH_HASH: Path =
    Path { connections: 4, warm_up: 4, ..path("sign-in-hash", &[Floor::Hash], sign_in) };

fn field(answer: &Bytes, pointer: &str) -> String {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    answer.pointer(pointer).and_then(Value::as_str).unwrap().to_owned()
}

/// Goes through the users, each connection from another place on.
fn each_in_turn(users: Users, number: usize) -> impl FnMut() -> User + Send {
    let mut at = number * 31;
    move || {
        at += 1;
        users[at % users.len()].clone()
    }
}

/// The user whom an answer to [`sign_up_call`] tells of.
pub(crate) fn signed_up(answer: &Bytes) -> User {
    User { id: field(answer, "/user/id"), email: field(answer, "/user/emails/0") }
}

/// Signs somebody new up.
pub(crate) fn sign_up_call() -> Call {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (run, number) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let email = format!("user-{run}-{number}@example.com");
    Call::post("/recipe/signup", TODAY, &json!({"email": email, "password": PASSWORD}))
}

fn sign_up(_: Users, _: usize) -> Driver {
    Box::new(|_| sign_up_call())
}

fn sign_in(users: Users, number: usize) -> Driver {
    let mut next = each_in_turn(users, number);
    Box::new(move |_| {
        Call::post("/recipe/signin", TODAY, &json!({"email": next().email, "password": PASSWORD}))
    })
}

fn get_user(users: Users, number: usize) -> Driver {
    let mut next = each_in_turn(users, number);
    Box::new(move |_| Call::get(format!("/user/id?userId={}", next().id), TODAY))
}

fn create_call(user: &User, cdi: &'static str) -> Call {
    let claims = json!({"st-role": {"v": ["admin"], "t": 1_764_000_000_000_u64}});
    let body = json!({
        "userId": user.id, "userDataInJWT": claims, "userDataInDatabase": {}, "enableAntiCsrf": false,
        "useDynamicSigningKey": true,
    });
    Call::post("/recipe/session", cdi, &body)
}

fn session_create(users: Users, number: usize) -> Driver {
    let mut next = each_in_turn(users, number);
    Box::new(move |_| create_call(&next(), TODAY))
}

/// First makes sessions, then exchanges their refresh tokens in turn, each for its successor.
fn refresh(users: Users, number: usize, cdi: &'static str) -> Driver {
    let (mut next, mut made) = (each_in_turn(users, number), 0);
    let mut tokens = std::collections::VecDeque::new();
    Box::new(move |answer| {
        tokens.extend(answer.map(|answer| field(answer, "/refreshToken/token")));
        if made < SESSIONS {
            made += 1;
            return create_call(&next(), cdi);
        }
        let token = tokens.pop_front().unwrap();
        let body = json!({"refreshToken": token, "enableAntiCsrf": false, "useDynamicSigningKey": true});
        Call::post("/recipe/session/refresh", cdi, &body)
    })
}

fn session_verify(users: Users, number: usize, database: bool) -> Driver {
    let (mut next, mut tokens, mut at) = (each_in_turn(users, number), Vec::new(), 0);
    Box::new(move |answer| {
        if tokens.len() < SESSIONS {
            tokens.extend(answer.map(|answer| field(answer, "/accessToken/token")));
        }
        if tokens.len() < SESSIONS {
            return create_call(&next(), TODAY);
        }
        at += 1;
        let body = json!({
            "accessToken": tokens[at % SESSIONS], "doAntiCsrfCheck": false, "enableAntiCsrf": false,
            "checkDatabase": database,
        });
        Call::post("/recipe/session/verify", TODAY, &body)
    })
}

/// Makes a token for a new address and uses it up, in turns.
fn email_verification(users: Users, number: usize) -> Driver {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (mut next, mut is_made) = (each_in_turn(users, number), false);
    Box::new(move |answer| {
        if is_made {
            is_made = false;
            let body = json!({"method": "token", "token": field(answer.unwrap(), "/token")});
            return Call::post("/recipe/user/email/verify", TODAY, &body);
        }
        is_made = true;
        let email = format!("{}@example.com", COUNT.fetch_add(1, Ordering::Relaxed));
        Call::post("/recipe/user/email/verify/token", TODAY, &json!({"userId": next().id, "email": email}))
    })
}
