//! Several cores on one database, each with a clock of its own, and calls to them that may get lost.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use portcullis_core::http::handle;
use portcullis_core::{App, AppSettings, Clock};
use portcullis_db::Db;
use serde_json::{Value, json};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

/// When the simulated time begins, in milliseconds since 1970.
const START: i64 = 1_700_000_000_000;
/// How much each core's clock is fast, in milliseconds.
const FAST: [i64; 3] = [-5_000, 0, 5_000];
/// How long after a refresh a retry surely counts as one: the grace period, less what clocks differ.
pub(crate) const RETRY_WITHIN: i64 = 30_000 - 10_000;

/// Three cores on one database.
#[derive(Debug)]
pub struct Cores {
    cores: Vec<(Arc<App>, Clock)>,
    now: AtomicI64,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// It never arrives.
    Unsent,
    /// The caller goes away while the core is at work, after so many of its steps.
    Cut(usize),
    /// It is served, and the answer gets lost.
    Unheard,
}

impl Cores {
    /// Opens a core on each of the databases, which are the same one. The grace period is meant to be 30
    /// seconds; another one is to show what happens.
    pub async fn open(databases: [Db; 3], grace_seconds: u32) -> Self {
        let mut cores = Vec::new();
        let values = [("refresh_token_rotation_grace_period".to_owned(), grace_seconds.into())];
        let values = serde_json::Map::from_iter(values);
        for (db, fast) in databases.into_iter().zip(FAST) {
            let clock = Clock::fixed(START + fast);
            let settings = AppSettings {
                db,
                base_values: values.clone(),
                config_path: None,
                test_mode: false,
                clock: clock.clone(),
            };
            cores.push((App::open(settings).await.expect("the core starts"), clock));
        }
        Self { cores, now: AtomicI64::new(START) }
    }

    /// The true time.
    pub(crate) fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    /// Sets the time unless it is later already.
    pub(crate) fn pass_to(&self, now: i64) {
        let now = self.now.fetch_max(now, Ordering::SeqCst).max(now);
        for ((_, clock), fast) in self.cores.iter().zip(FAST) {
            clock.set(now + fast);
        }
    }

    /// Calls one of the cores in a protocol version; what it answered, whoever hears of it. `None` if the call was cut off or not sent.
    pub(crate) async fn call(
        &self,
        (which, cdi): (usize, &str),
        path: &str,
        body: Value,
        fate: Fate,
    ) -> Option<Value> {
        let (app, _) = &self.cores[which % self.cores.len()];
        let request =
            Request::post(path).header("cdi-version", cdi).body(Full::new(Bytes::from(body.to_string())));
        let call = handle(Arc::clone(app), request.expect("a request"), None);
        let response = match fate {
            Fate::Unsent => return None,
            Fate::Cut(steps) => Steps { call: pin!(call), left: steps }.await?,
            Fate::Answered | Fate::Unheard => call.await,
        };
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body in memory").to_bytes();
        if status != 200 {
            return Some(json!({"status": format!("{status}: {}", String::from_utf8_lossy(&body))}));
        }
        Some(serde_json::from_slice(&body).expect("the answer is JSON"))
    }

    /// Ends the work in the background and closes the databases.
    pub async fn stop(&self) {
        for (app, _) in &self.cores {
            app.stop().await;
        }
    }
}

/// Drops a call after so many of its steps, if it is not done by then.
struct Steps<'a, F> {
    call: Pin<&'a mut F>,
    left: usize,
}

impl<F: Future> Future for Steps<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.call.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            // The last step is begun and left there.
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}
