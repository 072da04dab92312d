//! What was read from the database is read again beside the calls, before it is too old: a database that is
//! slow, or does not answer, holds up nobody who can do without it.

use crate::{Result, Tasks};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// From this age on it is read again, in milliseconds.
const RENEW_AFTER_MS: i64 = 30_000;
/// How long another core's change may stay unseen while the database answers, in milliseconds.
const STALE_AFTER_MS: i64 = 60_000;
/// How long callers wait for what is to replace something older than that; then they take what there is.
const PATIENCE: Duration = Duration::from_secs(1);
/// After a reading that failed, the next one waits this long.
const PAUSE: Duration = Duration::from_secs(5);
/// For so long after a reading that failed, nobody waits for the next ones.
const DISTRUST: Duration = Duration::from_mins(1);

/// When something was read, and the reading that is to replace it.
#[derive(Debug)]
pub(crate) struct Reading {
    at: i64,
    next: Arc<Next>,
}

#[derive(Debug)]
struct Next {
    /// Of the one reading that may be under way.
    permit: Arc<Semaphore>,
    tries: Mutex<Tries>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tries {
    begun: Option<Instant>,
    failed: Option<Instant>,
}

/// It is time to read again.
#[derive(Debug)]
pub(crate) struct Due {
    next: Arc<Next>,
    is_stale: bool,
}

impl Reading {
    /// Read now, in milliseconds.
    pub(crate) fn new(now: i64) -> Self {
        let next = Next { permit: Arc::new(Semaphore::new(1)), tries: Mutex::default() };
        Self { at: now, next: Arc::new(next) }
    }

    /// How long ago that was, in milliseconds; a clock that was set back counts too.
    pub(crate) fn age(&self, now: i64) -> i64 {
        (now - self.at).abs()
    }

    /// Whether it is time to read again.
    pub(crate) fn due(&self, now: i64) -> Option<Due> {
        (self.age(now) >= RENEW_AFTER_MS).then(|| self.due_now(now))
    }

    /// As [`Reading::due`], for a reason other than its age.
    pub(crate) fn due_now(&self, now: i64) -> Due {
        Due { next: Arc::clone(&self.next), is_stale: self.age(now) >= STALE_AFTER_MS }
    }
}

impl Due {
    /// Has `read` run in the background, unless it does so already or has just failed. Only if what is known
    /// is stale, and the database has not been found wanting, is it waited for.
    pub(crate) async fn renew<F>(self, tasks: &Tasks, read: impl FnOnce() -> F)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.begin(tasks, read);
        let Self { next, is_stale } = self;
        if let Some(end) = next.patience().filter(|_| is_stale) {
            // Whoever gets the permit knows that the reading is over.
            let _ = tokio::time::timeout_at(end, next.permit.acquire()).await;
        }
    }

    /// As [`Due::renew`], but nobody waits for it.
    pub(crate) fn begin<F>(&self, tasks: &Tasks, read: impl FnOnce() -> F)
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let Some(permit) = self.next.begin() else { return };
        let (stopping, reading, next) = (tasks.stopping(), read(), Arc::clone(&self.next));
        tasks.spawn(async move {
            if let Some(Err(error)) = stopping.run_until_cancelled(reading).await {
                tracing::warn!(%error, "what is remembered could not be read again, and stays in use: {error}");
                next.tries().failed = Some(Instant::now());
            }
            drop(permit);
        });
    }
}

impl Next {
    fn begin(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.permit).try_acquire_owned().ok()?;
        let mut tries = self.tries();
        if is_within(tries.failed, PAUSE) {
            return None;
        }
        tries.begun = Some(Instant::now());
        Some(permit)
    }

    /// Until when a reading that is under way is waited for, if it is.
    fn patience(&self) -> Option<Instant> {
        let Tries { begun, failed } = *self.tries();
        begun.filter(|_| !is_within(failed, DISTRUST)).map(|begun| begun + PATIENCE)
    }

    fn tries(&self) -> MutexGuard<'_, Tries> {
        self.tries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_within(since: Option<Instant>, time: Duration) -> bool {
    since.is_some_and(|since| since.elapsed() < time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::Notify;

    /// Reads that are counted, and that end as they are told to.
    #[derive(Debug, Default)]
    struct Database {
        asked: AtomicUsize,
        answer: Notify,
    }

    impl Database {
        async fn read(self: Arc<Self>, outcome: Result<()>) -> Result<()> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            self.answer.notified().await;
            outcome
        }
    }

    fn unavailable() -> Result<()> {
        Err(Error::internal("no answer"))
    }

    #[test]
    fn it_is_due_after_half_a_minute_and_stale_after_a_minute() {
        let reading = Reading::new(100_000);
        assert!(reading.due(129_999).is_none());
        assert!(!reading.due(159_999).unwrap().is_stale);
        assert!(reading.due(160_000).unwrap().is_stale);
        assert!(reading.due(40_000).unwrap().is_stale, "the clock was set back");
    }

    #[tokio::test(start_paused = true)]
    async fn many_callers_make_one_reading_and_wait_for_it_only_if_theirs_is_stale() {
        let (tasks, database, reading) = (Tasks::default(), Arc::new(Database::default()), Reading::new(0));
        let read = || Arc::clone(&database).read(Ok(()));
        let began = Instant::now();
        for _ in 0..10 {
            reading.due(30_000).unwrap().renew(&tasks, read).await;
        }
        assert_eq!(began.elapsed(), Duration::ZERO);
        let waits = reading.due(60_000).unwrap().renew(&tasks, read);
        let answers = async {
            tokio::time::sleep(PATIENCE / 2).await;
            database.answer.notify_one();
        };
        tokio::join!(waits, answers);
        assert_eq!(began.elapsed(), PATIENCE / 2);
        assert_eq!(database.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_does_not_answer_is_waited_for_once() {
        let (tasks, database, reading) = (Tasks::default(), Arc::new(Database::default()), Reading::new(0));
        let began = Instant::now();
        for _ in 0..10 {
            reading.due(60_000).unwrap().renew(&tasks, || Arc::clone(&database).read(Ok(()))).await;
        }
        assert_eq!(began.elapsed(), PATIENCE);
        assert_eq!(database.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reading_that_failed_is_tried_again_after_a_pause_and_nobody_waits_for_it() {
        let (tasks, database, reading) = (Tasks::default(), Arc::new(Database::default()), Reading::new(0));
        let renew =
            || reading.due(60_000).unwrap().renew(&tasks, || Arc::clone(&database).read(unavailable()));
        database.answer.notify_one();
        let began = Instant::now();
        renew().await;
        renew().await;
        assert_eq!((began.elapsed(), database.asked.load(Ordering::SeqCst)), (Duration::ZERO, 1));
        tokio::time::sleep(PAUSE).await;
        renew().await;
        tokio::task::yield_now().await;
        assert_eq!((began.elapsed(), database.asked.load(Ordering::SeqCst)), (PAUSE, 2));
    }
}
