//! `kill -9` in a loop under load: what a core has acknowledged is there after the next start.

use crate::caller::{Caller, Lost};
use crate::place::Place;
use portcullis_core::crypto::random;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const KILLS: usize = 10;
const CLIENTS: usize = 8;
const PASSWORD: &str = "a-Secret-1";

#[test]
fn what_was_acknowledged_survives_kill_9() {
    // A cheap hash, so that the disk is what the load waits for.
    let place = Place::new("crash", &[("BCRYPT_LOG_ROUNDS", "4"), ("TEST_MODE", "true")]);
    let mut clients: Vec<Client> = (0..CLIENTS).map(Client::new).collect();
    for _ in 0..KILLS {
        let core = place.start();
        in_parallel(&mut clients, |client| client.check(&Caller::new(&core.address)));
        let (address, served) = (core.address.clone(), AtomicUsize::new(0));
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| client.load(&Caller::new(&address), &served));
            }
            wait_for_some(&served);
            core.kill();
        });
    }
    let core = place.start();
    in_parallel(&mut clients, |client| client.check(&Caller::new(&core.address)));
    let count = |of: fn(&Client) -> usize| clients.iter().map(of).sum::<usize>();
    let (users, sessions) = (count(|client| client.users.len()), count(|client| client.sessions.len()));
    let ended = count(|client| client.ended.len());
    println!("{users} users, {sessions} sessions and {ended} ended ones survived {KILLS} kills");
    assert!(users > 20 * KILLS && sessions > 10 * KILLS && ended > KILLS, "hardly any load");
}

fn in_parallel(clients: &mut [Client], work: impl Fn(&mut Client) + Sync) {
    thread::scope(|scope| {
        for client in clients {
            scope.spawn(|| work(client));
        }
    });
}

/// A random moment, but not before the load is real.
fn wait_for_some(served: &AtomicUsize) {
    let (enough, begun) = (20 + random_below(100), Instant::now());
    while served.load(Ordering::Relaxed) < enough {
        assert!(begun.elapsed() < Duration::from_mins(1), "the core does not serve");
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(Duration::from_millis(20).mul_f64(random::unit_interval()));
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
fn random_below(count: usize) -> usize {
    (random::unit_interval() * count as f64) as usize
}

/// A backend that remembers what it was told.
struct Client {
    id: usize,
    made: usize,
    users: Vec<String>,
    /// Sign-ups that nobody answered.
    unsure: Vec<String>,
    sessions: Vec<Session>,
    /// Sessions whose end was acknowledged.
    ended: Vec<Session>,
}

struct Session {
    cdi: &'static str,
    handle: String,
    refresh_token: String,
}

impl Client {
    fn new(id: usize) -> Self {
        let (users, unsure, sessions, ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { id, made: 0, users, unsure, sessions, ended }
    }

    /// Works until the core is gone.
    fn load(&mut self, core: &Caller, served: &AtomicUsize) {
        while self.work(core).is_ok() {
            served.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn work(&mut self, core: &Caller) -> Result<(), Lost> {
        self.made += 1;
        // Both refresh regimes.
        let cdi = if self.made.is_multiple_of(2) { "5.4" } else { "5.6" };
        let user_id = self.sign_up(core)?;
        let session = Session::create(core, cdi, &user_id)?;
        self.sessions.push(session);
        for _ in 0..2 {
            let any = self.any_session();
            any.refresh(core)?;
        }
        if self.made.is_multiple_of(4) {
            let at = self.made % self.sessions.len();
            // If this is cut off, nobody knows whether the session has ended: it is forgotten.
            let session = self.sessions.swap_remove(at);
            session.remove(core)?;
            self.ended.push(session);
        }
        Ok(())
    }

    fn any_session(&mut self) -> &mut Session {
        let at = random_below(self.sessions.len());
        &mut self.sessions[at]
    }

    fn sign_up(&mut self, core: &Caller) -> Result<String, Lost> {
        let email = format!("user{}.{}@example.com", self.id, self.made);
        self.unsure.push(email.clone());
        let reply = credentials(core, "signup", &email)?;
        assert_eq!(reply["status"], "OK", "{email}");
        self.unsure.pop();
        self.users.push(email);
        Ok(reply["user"]["id"].as_str().expect("an id").to_owned())
    }

    /// Nothing that was acknowledged is lost, and nothing was done by halves.
    fn check(&mut self, core: &Caller) {
        for email in self.unsure.drain(..) {
            let again = credentials(core, "signup", &email).expect("answers");
            assert!(["OK", "EMAIL_ALREADY_EXISTS_ERROR"].contains(&status(&again)), "{email}: {again}");
            self.users.push(email);
        }
        for email in &self.users {
            let reply = credentials(core, "signin", email).expect("answers");
            assert_eq!(status(&reply), "OK", "{email} was signed up");
        }
        for session in &mut self.sessions {
            session.refresh(core).expect("answers");
        }
        for session in &self.ended {
            let reply = session.exchange(core).expect("answers");
            assert_eq!(status(&reply), "UNAUTHORISED", "{} was removed", session.handle);
        }
    }
}

impl Session {
    fn create(core: &Caller, cdi: &'static str, user_id: &str) -> Result<Self, Lost> {
        let body = json!({"userId": user_id, "enableAntiCsrf": false, "userDataInJWT": {"n": 1},
            "userDataInDatabase": {}, "useDynamicSigningKey": true});
        let reply = core.post(cdi, "/recipe/session", &body)?;
        assert_eq!(status(&reply), "OK");
        let handle = reply["session"]["handle"].as_str().expect("a handle").to_owned();
        Ok(Self { cdi, handle, refresh_token: refresh_token(&reply) })
    }

    fn exchange(&self, core: &Caller) -> Result<Value, Lost> {
        let body = json!({"refreshToken": self.refresh_token, "enableAntiCsrf": false, "useDynamicSigningKey": true});
        core.post(self.cdi, "/recipe/session/refresh", &body)
    }

    /// A refresh that was cut off may or may not have happened: the token at hand is good either way.
    fn refresh(&mut self, core: &Caller) -> Result<(), Lost> {
        let reply = self.exchange(core)?;
        assert_eq!(status(&reply), "OK", "CDI {} session {}: {reply}", self.cdi, self.handle);
        self.refresh_token = refresh_token(&reply);
        Ok(())
    }

    fn remove(&self, core: &Caller) -> Result<(), Lost> {
        let reply =
            core.post(self.cdi, "/recipe/session/remove", &json!({"sessionHandles": [self.handle]}))?;
        assert_eq!(reply["sessionHandlesRevoked"], json!([self.handle]));
        Ok(())
    }
}

fn credentials(core: &Caller, path: &str, email: &str) -> Result<Value, Lost> {
    core.post("5.4", &format!("/recipe/{path}"), &json!({"email": email, "password": PASSWORD}))
}

fn status(reply: &Value) -> &str {
    reply["status"].as_str().unwrap_or_default()
}

fn refresh_token(reply: &Value) -> String {
    reply["refreshToken"]["token"].as_str().expect("a refresh token").to_owned()
}
