//! Callers that ask at fixed times, whatever happens, and note what they were answered and when.

use super::caller::{Answer, Caller};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// `/.well-known/jwks.json`
    Jwks,
    /// A session, by its token alone.
    Verify,
    /// A session, with the database.
    VerifyStored,
    Refresh,
}

/// The answers to one question.
#[derive(Debug, Default)]
pub(super) struct Noted(Vec<(u16, bool, Duration)>);

impl Noted {
    pub(super) fn add(&mut self, answer: &Answer) {
        self.0.push((answer.status, answer.may_retry, answer.took));
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(super) fn all(&self) -> usize {
        self.0.len()
    }

    pub(super) fn count(&self, status: u16) -> usize {
        self.0.iter().filter(|(given, ..)| *given == status).count()
    }

    /// Of those with this status, the time that so many of a thousand do not exceed.
    pub(super) fn time(&self, status: u16, of_thousand: usize) -> Duration {
        let mut times: Vec<Duration> =
            self.0.iter().filter(|(given, ..)| *given == status).map(|(.., took)| *took).collect();
        times.sort_unstable();
        times
            .get((times.len() * of_thousand / 1000).min(times.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }

    /// Whether all were served, or refused with a word on when to come again.
    pub(super) fn is_orderly(&self) -> bool {
        self.0
            .iter()
            .all(|(status, may_retry, _)| *status == 200 || [429, 503].contains(status) && *may_retry)
    }
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut counts: BTreeMap<(u16, bool), usize> = BTreeMap::new();
        for (status, may_retry, _) in &self.0 {
            *counts.entry((*status, *may_retry)).or_default() += 1;
        }
        for ((status, may_retry), count) in counts {
            let word = if may_retry { " with Retry-After" } else { "" };
            let ms = |of_thousand| self.time(status, of_thousand).as_secs_f64() * 1000.0;
            write!(
                f,
                " | {status}{word}: {count}, p50 {:.1} p99 {:.1} max {:.1} ms",
                ms(500),
                ms(990),
                ms(1000)
            )?;
        }
        Ok(())
    }
}

/// A session and the caller that has it.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) caller: Caller,
    access: String,
    refresh: String,
}

impl Session {
    pub(super) async fn new(address: SocketAddr) -> Self {
        let mut caller = Caller::new(address);
        let body = json!({
            "userId": format!("user-{}", fastrand::u64(..)), "enableAntiCsrf": false, "useDynamicSigningKey": true,
            "userDataInJWT": {"role": "reader"}, "userDataInDatabase": {},
        });
        let answer = caller.post("/recipe/session", &body).await;
        let mut session = Self { caller, access: String::new(), refresh: String::new() };
        session.keep(&answer.json());
        assert!(!session.refresh.is_empty(), "no session was made: {answer:?}");
        session
    }

    fn keep(&mut self, tokens: &Value) {
        if let (Some(access), Some(refresh)) =
            (tokens["accessToken"]["token"].as_str(), tokens["refreshToken"]["token"].as_str())
        {
            access.clone_into(&mut self.access);
            refresh.clone_into(&mut self.refresh);
        }
    }

    pub(super) async fn ask(&mut self, ask: Ask, due: Instant) -> Answer {
        let (path, body) = match ask {
            Ask::Jwks => {
                return self
                    .caller
                    .send(Method::GET, "/.well-known/jwks.json", bytes::Bytes::new(), due)
                    .await;
            }
            Ask::Refresh => (
                "/recipe/session/refresh",
                json!({"refreshToken": self.refresh, "enableAntiCsrf": false, "useDynamicSigningKey": true}),
            ),
            Ask::Verify | Ask::VerifyStored => (
                "/recipe/session/verify",
                json!({
                    "accessToken": self.access, "doAntiCsrfCheck": false, "enableAntiCsrf": false,
                    "checkDatabase": ask == Ask::VerifyStored,
                }),
            ),
        };
        let mut answer = self.caller.send(Method::POST, path, body.to_string().into(), due).await;
        if answer.status == 200 {
            let given = answer.json();
            // Served, but not well: told apart from what was not served.
            if given["status"] != "OK" {
                answer.status = 600;
            }
            self.keep(&given);
        }
        answer
    }
}

/// Asks so many times a second until the time is over.
pub(super) async fn watch(
    address: SocketAddr,
    ask: Ask,
    a_second: u32,
    lasting: Duration,
) -> JoinHandle<Noted> {
    let mut session = Session::new(address).await;
    tokio::spawn(async move {
        let (began, mut noted) = (Instant::now(), Noted::default());
        for number in 0.. {
            let due = began + Duration::from_secs(1) * number / a_second;
            if due >= began + lasting {
                break;
            }
            tokio::time::sleep_until(due.into()).await;
            noted.add(&session.ask(ask, due).await);
        }
        noted
    })
}

/// So many callers, each of whom asks again as soon as it is answered.
pub(super) async fn press(
    address: SocketAddr,
    ask: Ask,
    callers: usize,
    lasting: Duration,
) -> JoinHandle<Noted> {
    let mut sessions = Vec::new();
    for _ in 0..callers {
        sessions.push(Session::new(address).await);
    }
    tokio::spawn(async move {
        let end = Instant::now() + lasting;
        let mut tasks = tokio::task::JoinSet::new();
        for mut session in sessions {
            tasks.spawn(async move {
                let mut noted = Noted::default();
                while Instant::now() < end {
                    let answer = session.ask(ask, Instant::now()).await;
                    // As an SDK does that was told to come again, though it is told a second.
                    if answer.status != 200 {
                        tokio::time::sleep(Duration::from_millis(200)).await;
                    }
                    noted.add(&answer);
                }
                noted
            });
        }
        let mut all = Noted::default();
        tasks.join_all().await.into_iter().for_each(|noted| all.extend(noted));
        all
    })
}
