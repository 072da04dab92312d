//! Posting what is due.

use super::model::{Attempt, Health, State, Verdict};
use super::service::ENDPOINT;
use super::store::{self, Delivery, Note};
use crate::config::Webhooks as Settings;
use crate::crypto::digest::sha256_hex;
use crate::crypto::random;
use crate::ground::audit;
use crate::http::{HttpClient, WebhookRequest};
use crate::{App, Result};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt as _, StreamExt as _};
use portcullis_db::Db;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long an answer is waited for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long deliveries are taken for, in milliseconds: long enough for an attempt, for noting how it ended, and for
/// clocks that differ.
const TAKEN_MS: i64 = 30_000;
/// Attempts at a time, of one core.
const AT_ONCE: usize = 16;
/// How often a core looks for what is due without being told.
const LOOK: Duration = Duration::from_secs(5);
/// How long one database may keep the others waiting.
const TURN: Duration = Duration::from_secs(5);
/// A time without deliveries after the start, in which callers come first.
const START: Duration = Duration::from_secs(1);

/// The endpoint, as one core sees it.
#[derive(Debug)]
pub struct Webhooks {
    settings: Settings,
    client: HttpClient,
    health: Health,
    enqueued: Notify,
}

impl Webhooks {
    /// The endpoint of the settings. `Err` if the system has no certificates, and the endpoint needs them.
    pub(crate) fn open(settings: Settings) -> std::io::Result<Self> {
        let client = HttpClient::new(settings.url.scheme_str() == Some("http"))?;
        Ok(Self { settings, client, health: Health::default(), enqueued: Notify::new() })
    }

    /// Whether events of a kind are told.
    pub(super) fn wants(&self, kind: &str) -> bool {
        self.settings.events.is_empty() || self.settings.events.iter().any(|wanted| wanted == kind)
    }

    /// Waits for the time of the next look. An endpoint that is down is left alone although there is something new.
    async fn next_look(&self, longest: Duration) {
        let sleep = tokio::time::sleep(longest);
        if self.health.is_down() {
            return sleep.await;
        }
        tokio::select! {
            () = sleep => {}
            () = self.enqueued.notified() => {}
        }
    }

    async fn post(&self, id: &str, body: &str, now: i64) -> Attempt {
        let Settings { url, secrets, .. } = &self.settings;
        let webhook = WebhookRequest { url, id, timestamp: now / 1000, body, secrets };
        match self.client.post_webhook(&webhook, TIMEOUT).await {
            Ok(answer) => Attempt::answered(answer.status.as_u16(), answer.retry_after),
            Err(reason) => Attempt::Unanswered(reason),
        }
    }

    /// What the log tells of the endpoint is its host: its address may hold a secret.
    fn host(&self) -> &str {
        self.settings.url.host().unwrap_or_default()
    }

    fn note_health(&self, attempt: &Attempt) {
        if !self.health.note(attempt) {
            return;
        }
        let host = self.host();
        if let Some(reason) = attempt.fault().filter(|_| self.health.is_down()) {
            tracing::warn!(host, reason, "the webhook endpoint is down: {reason}");
        } else {
            tracing::info!(host, "the webhook endpoint answers again");
        }
    }
}

/// The same for every attempt at an event, and another one for every event of every database.
fn message_id(whose: &str, delivery: &Delivery) -> String {
    let digest = sha256_hex(&format!("{whose}\n{}\n{}", delivery.event_id, delivery.created_at));
    format!("evt_{}", &digest[..32])
}

/// Tells that something was added to the outbox, and committed.
pub(crate) fn look(app: &App) {
    if let Some(webhooks) = &app.webhooks {
        webhooks.enqueued.notify_one();
    }
}

/// Starts delivering, if there is an endpoint; it ends with the app's tasks.
pub(crate) fn start(app: &Arc<App>) {
    if let Some(webhooks) = &app.webhooks {
        audit::follow(app);
        let wait = if app.test_mode { Duration::ZERO } else { START };
        app.tasks.spawn(keep_delivering(
            Arc::downgrade(app),
            Arc::clone(webhooks),
            app.tasks.stopping(),
            wait,
        ));
    }
}

/// The task holds the core only while it delivers.
async fn keep_delivering(
    app: Weak<App>,
    webhooks: Arc<Webhooks>,
    stopping: CancellationToken,
    mut wait: Duration,
) {
    while stopping.run_until_cancelled(webhooks.next_look(wait)).await.is_some() {
        let Some(app) = app.upgrade() else { return };
        wait = match deliver(&app).await {
            Ok(true) => Duration::ZERO,
            Ok(false) => LOOK,
            Err(error) => {
                tracing::error!(%error, "webhooks could not be delivered, which is tried again: {error}");
                LOOK
            }
        };
    }
}

/// Posts what is due in every database. Whether a database has had its turn and more is due there.
pub async fn deliver(app: &Arc<App>) -> Result<bool> {
    let Some(webhooks) = &app.webhooks else { return Ok(false) };
    let (mut outcome, mut more) = (Ok(()), false);
    for (domain, db) in app.open_databases() {
        let turn = Turn { app, webhooks, domain: &domain, db: &db };
        match turn.take().await {
            Ok(has_more) => more |= has_more,
            // One database that fails does not keep the others from their turn.
            Err(error) => outcome = outcome.and(Err(error.of_domain(&domain))),
        }
    }
    outcome.map(|()| more)
}

/// One database's deliveries.
struct Turn<'a> {
    app: &'a App,
    webhooks: &'a Webhooks,
    domain: &'a str,
    db: &'a Db,
}

/// What has happened in a turn.
enum Step {
    /// Deliveries are this core's until a time.
    Claimed(Vec<Delivery>, i64),
    /// An attempt has ended, and that is noted.
    Attempted,
}

impl Turn<'_> {
    /// A domain may have several databases, each of which numbers its events.
    fn whose(&self) -> String {
        let is_base = self.db.number() == self.app.db.number();
        let place = self.db.place().filter(|_| !is_base).map(ToString::to_string).unwrap_or_default();
        format!("{}{place}", self.domain)
    }

    /// Whether more is due.
    async fn take(&self) -> Result<bool> {
        let (begun, mut outcome) = (Instant::now(), Ok(()));
        let (mut attempts, mut in_flight, mut is_claiming, mut is_in_vain) = (0_usize, 0, false, false);
        // What a claim that is under way has not seen yet.
        let mut has_news = false;
        // Claims are among them: each of these futures may hold what another one waits for.
        let mut steps = FuturesUnordered::new();
        loop {
            let is_over = begun.elapsed() > TURN;
            let is_down = self.webhooks.health.is_down();
            let goes_on = outcome.is_ok() && !is_over && !self.app.tasks.stopping().is_cancelled();
            let has_room = in_flight <= AT_ONCE / 2 && !(is_down && attempts > 0);
            if goes_on && has_room && !is_claiming && !is_in_vain {
                steps.push(self.claim(if is_down { 1 } else { AT_ONCE - in_flight }).boxed());
                (is_claiming, has_news) = (true, false);
            }
            match steps.next().await {
                Some(Ok(Step::Claimed(claimed, until))) => {
                    is_claiming = false;
                    is_in_vain = claimed.is_empty() && !has_news;
                    attempts += claimed.len();
                    in_flight += claimed.len();
                    steps.extend(claimed.into_iter().map(|delivery| self.attempt(delivery, until).boxed()));
                }
                Some(Ok(Step::Attempted)) => {
                    in_flight -= 1;
                    // It may have let another one follow.
                    (is_in_vain, has_news) = (false, true);
                }
                Some(Err(error)) => outcome = outcome.and(Err(error)),
                None => return outcome.map(|()| is_over),
            }
        }
    }

    /// Deliveries that are this core's until a time.
    async fn claim(&self, limit: usize) -> Result<Step> {
        let now = self.app.clock.now();
        let until = now + TAKEN_MS;
        let mut tx = self.db.write_one().await?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let claimed = store::claim(&mut tx, ENDPOINT, limit, now, until).await?;
        // no event: nothing has happened yet
        tx.commit().await?;
        Ok(Step::Claimed(claimed, until))
    }

    async fn attempt(&self, delivery: Delivery, until: i64) -> Result<Step> {
        let id = message_id(&self.whose(), &delivery);
        let attempt = self.webhooks.post(&id, &delivery.body, self.app.clock.now()).await;
        self.webhooks.note_health(&attempt);
        let max = self.webhooks.settings.max_attempts;
        let verdict = Verdict::after(&attempt, delivery.attempts, max, random::unit_interval());
        let Verdict { state, attempts, pause, error } = &verdict;
        let (domain, event) = (self.domain, delivery.event_id);
        let reason = error.as_deref().unwrap_or_default();
        match state {
            State::Delivered => tracing::debug!(domain, event, "webhook delivered: event {event}"),
            State::Pending => {
                tracing::debug!(domain, event, reason, "webhook failed: event {event}: {reason}");
            }
            State::Dead => {
                tracing::warn!(domain, event, attempts, reason, "webhook given up: event {event}: {reason}");
            }
        }
        let now = self.app.clock.now();
        let note = Note {
            state: *state,
            attempts: *attempts,
            next_attempt_at: now.saturating_add(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX)),
            last_error: error.as_deref(),
            ended_at: (*state != State::Pending).then_some(now),
        };
        let mut tx = self.db.write_one().await?;
        store::note(&mut tx, ENDPOINT, event, until, &note).await?;
        // no event: it is one that was told
        tx.commit().await?;
        Ok(Step::Attempted)
    }
}
