//! What happened since the application was made, for the suite to ask about.

use portcullis::recipes::session::Session;
use portcullis::{Clock, Error};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long an event may take to happen: as long as the official servers wait.
const PATIENCE: Duration = Duration::from_secs(7);
/// How long a link may take to be sent after its request was answered.
const DELIVERY_PATIENCE: Duration = Duration::from_secs(5);

/// The marks that one application leaves.
#[derive(Debug)]
pub(crate) struct Record {
    logs: Mutex<Vec<Value>>,
    params: Mutex<Map<String, Value>>,
    events: Mutex<Vec<Event>>,
    /// The sessions that the suite holds, by access token.
    sessions: Mutex<HashMap<String, Session>>,
    /// What the SDK's log tells of the last call that it could not serve.
    failure: Mutex<Option<String>>,
    happened: Notify,
}

/// Something that the SDK does inside, by the number that the suite calls it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nobody is known by the same as someone who wants in, as a primary user.
    NoPrimaryUser = 4,
    /// It was asked whether someone may sign up.
    SignUpAsked = 5,
    /// It was asked whether someone may sign in.
    SignInAsked = 6,
    /// For either, others who are known by the same are looked at.
    OthersLookedAt = 7,
    /// A link to reset a password was sent, or it was decided to send none. The suite knows no such event.
    ResetLinkDone = 100,
}

impl Event {
    pub(crate) const ALL: [Self; 5] = [
        Self::NoPrimaryUser,
        Self::SignUpAsked,
        Self::SignInAsked,
        Self::OthersLookedAt,
        Self::ResetLinkDone,
    ];
}

/// Which side of a call a log entry tells.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Side {
    Call,
    Returned,
    Failed,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self {
            logs: Mutex::default(),
            params: Mutex::new(fresh_params()),
            events: Mutex::default(),
            sessions: Mutex::default(),
            failure: Mutex::default(),
            happened: Notify::new(),
        }
    }

    /// Writes a call down.
    pub(crate) fn log(&self, side: Side, name: &str, data: &Value) {
        let side = match side {
            Side::Call => "CALL",
            Side::Returned => "RES",
            Side::Failed => "REJ",
        };
        let entry = json!({"t": Clock::system().now(), "type": side, "name": name, "data": data});
        lock(&self.logs).push(entry);
    }

    /// Writes down what a call came to.
    pub(crate) fn log_outcome<T>(
        &self,
        name: &str,
        outcome: &Result<T, Error>,
        shown: impl FnOnce(&T) -> Value,
    ) {
        match outcome {
            Ok(value) => self.log(Side::Returned, name, &shown(value)),
            Err(error) => self.log(Side::Failed, name, &json!({"message": error.to_string()})),
        }
    }

    /// Every entry.
    pub(crate) fn logs(&self) -> Value {
        lock(&self.logs).clone().into()
    }

    pub(crate) fn clear_logs(&self) {
        lock(&self.logs).clear();
    }

    /// Keeps what an override saw.
    pub(crate) fn keep(&self, name: &str, value: impl Into<Value>) {
        lock(&self.params).insert(name.to_owned(), value.into());
    }

    /// Keeps one more of what an override saw.
    pub(crate) fn append(&self, name: &str, value: Value) {
        let mut params = lock(&self.params);
        if let Value::Array(list) = params.entry(name).or_insert_with(|| json!([])) {
            list.push(value);
        }
    }

    /// Counts a call of the core.
    pub(crate) fn count_core_call(&self) {
        let mut params = lock(&self.params);
        let calls = params["info"]["coreCallCount"].as_i64().unwrap_or_default();
        params["info"]["coreCallCount"] = (calls + 1).into();
    }

    /// Everything that overrides saw.
    pub(crate) fn params(&self) -> Value {
        lock(&self.params).clone().into()
    }

    /// Forgets calls and what overrides saw.
    pub(crate) fn reset(&self) {
        self.clear_logs();
        *lock(&self.params) = fresh_params();
    }

    /// Keeps a session that the suite gets to hold.
    pub(crate) fn keep_session(&self, session: &Session) {
        lock(&self.sessions).insert(session.access_token(), session.clone());
    }

    /// The session that the suite got with an access token.
    pub(crate) fn session(&self, access_token: &str) -> Option<Session> {
        lock(&self.sessions).get(access_token).cloned()
    }

    /// A call could not be served.
    pub(crate) fn fail(&self, why: String) {
        *lock(&self.failure) = Some(why);
    }

    /// Why a call could not be served, told once.
    pub(crate) fn take_failure(&self) -> Option<String> {
        lock(&self.failure).take()
    }

    /// An event happens.
    pub(crate) fn happen(&self, event: Event) {
        lock(&self.events).push(event);
        self.happened.notify_waiters();
    }

    /// Whether an event happened since the application was made, or happens soon.
    pub(crate) async fn has_happened(&self, event: Event) -> bool {
        self.wait(event, PATIENCE).await
    }

    /// Forgets the links that were sent.
    pub(crate) fn expect_reset_link(&self) {
        lock(&self.events).retain(|event| *event != Event::ResetLinkDone);
    }

    /// Waits until it is done what goes on after a request for a link was answered.
    pub(crate) async fn reset_link_done(&self) {
        self.wait(Event::ResetLinkDone, DELIVERY_PATIENCE).await;
    }

    async fn wait(&self, event: Event, patience: Duration) -> bool {
        let until_it_happened = async {
            loop {
                let notified = self.happened.notified();
                if lock(&self.events).contains(&event) {
                    return;
                }
                notified.await;
            }
        };
        tokio::time::timeout(patience, until_it_happened).await.is_ok()
    }
}

fn fresh_params() -> Map<String, Value> {
    let fresh = json!({
        "sendEmailCallbackCalled": false,
        "sendEmailInputs": [],
        "sendSmsInputs": [],
        "info": {"coreCallCount": 0},
    });
    match fresh {
        Value::Object(fresh) => fresh,
        _ => Map::new(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
