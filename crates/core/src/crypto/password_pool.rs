//! Password work on threads of its own, behind a bounded queue, so that a storm of sign-ins leaves
//! everything else fast.

use super::digest::Secret;
use super::password_hash::{self, Arena, HashSettings};
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How large the pool is.
#[derive(Clone, Copy, Debug)]
pub struct PoolSettings {
    /// Hashes at a time.
    pub threads: usize,
    /// Hashes that may wait.
    pub queue_limit: usize,
}

/// Why a password could not be worked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolError {
    /// Too much work is waiting already.
    Full {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// A Firebase hash, and no signer key is configured.
    MissingFirebaseKey,
    /// The work failed, or the core is stopping.
    Closed,
}

/// What the pool is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLoad {
    /// Work that waits.
    pub queued: usize,
    /// Work in progress.
    pub running: usize,
}

type Job = Box<dyn FnOnce(&mut Arena) + Send>;

/// The pool; its threads end when it is dropped.
pub struct PasswordPool(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    limit: usize,
    threads: usize,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    running: usize,
    closed: bool,
}

/// A thread that had nothing to do for so long gives its memory back.
const KEEP_MEMORY: Duration = Duration::from_secs(10);

impl fmt::Debug for PasswordPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordPool({:?})", self.load())
    }
}

impl PasswordPool {
    /// Starts the threads.
    pub fn new(settings: PoolSettings) -> Self {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            limit: settings.queue_limit,
            threads: settings.threads,
        });
        for number in 0..settings.threads {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(format!("password-{number}"));
            if let Err(error) = thread.spawn(move || shared.work()) {
                tracing::error!(%error, "a password thread could not be started");
            }
        }
        Self(shared)
    }

    /// Hashes a new password.
    pub async fn hash(&self, password: Secret, settings: HashSettings) -> Result<String, PoolError> {
        let outcome = self.run(move |arena| password_hash::hash(password.reveal(), settings, arena)).await?;
        outcome.map_err(|_| PoolError::Closed)
    }

    /// Whether the password has the stored hash.
    pub async fn verify(
        &self,
        password: Secret,
        stored: String,
        firebase_key: Option<Secret>,
    ) -> Result<bool, PoolError> {
        let work = move |arena: &mut Arena| {
            let key = firebase_key.as_ref().map(Secret::reveal);
            password_hash::verify(password.reveal(), &stored, key, arena)
        };
        self.run(work).await?.map_err(|_| PoolError::MissingFirebaseKey)
    }

    /// What the pool is doing.
    pub fn load(&self) -> PoolLoad {
        let queue = self.0.lock();
        PoolLoad { queued: queue.jobs.len(), running: queue.running }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (tell, told) = oneshot::channel();
        let job = Box::new(move |arena: &mut Arena| {
            // Nobody waits for the answer any more: the caller went away.
            if !tell.is_closed() {
                let _ = tell.send(work(arena));
            }
        });
        self.0.submit(job)?;
        told.await.map_err(|_| PoolError::Closed)
    }
}

impl Drop for PasswordPool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn submit(&self, job: Job) -> Result<(), PoolError> {
        let mut queue = self.lock();
        if queue.jobs.len() >= self.limit {
            // A hash takes about a tenth of a second.
            let wait = queue.jobs.len() as u64 / (10 * self.threads.max(1) as u64);
            return Err(PoolError::Full { retry_after: Duration::from_secs(wait.max(1)) });
        }
        queue.jobs.push_back(job);
        drop(queue);
        self.wake.notify_one();
        Ok(())
    }

    fn work(&self) {
        let mut arena = Arena::default();
        let mut queue = self.lock();
        while !queue.closed {
            let Some(job) = queue.jobs.pop_front() else {
                let (woken, idle) =
                    self.wake.wait_timeout(queue, KEEP_MEMORY).unwrap_or_else(PoisonError::into_inner);
                queue = woken;
                if idle.timed_out() {
                    arena = Arena::default();
                }
                continue;
            };
            queue.running += 1;
            drop(queue);
            // A panic ends this job only; its caller is told that it failed.
            if catch_unwind(AssertUnwindSafe(|| job(&mut arena))).is_err() {
                arena = Arena::default();
            }
            queue = self.lock();
            queue.running -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: HashSettings = HashSettings::Bcrypt { rounds: 4 };

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_serves_what_it_took() {
        let pool = PasswordPool::new(PoolSettings { threads: 1, queue_limit: 2 });
        let (release, wait) = std::sync::mpsc::channel::<()>();
        let blocked = pool.run(move |_| wait.recv().is_ok());
        let (first, second, third) = (
            pool.hash(Secret::new("a"), QUICK),
            pool.hash(Secret::new("b"), QUICK),
            pool.hash(Secret::new("c"), QUICK),
        );
        let storm = async {
            while pool.load().running == 0 {
                tokio::task::yield_now().await;
            }
            let (first, second, third, ()) = tokio::join!(first, second, third, async {
                while pool.load().queued < 2 {
                    tokio::task::yield_now().await;
                }
                release.send(()).unwrap();
            });
            [first.is_ok(), second.is_ok(), matches!(third, Err(PoolError::Full { .. }))]
        };
        let (released, outcomes) = tokio::join!(blocked, storm);
        assert_eq!((released, outcomes), (Ok(true), [true; 3]));
    }

    #[tokio::test]
    async fn a_panic_fails_one_job_only() {
        let pool = PasswordPool::new(PoolSettings { threads: 1, queue_limit: 8 });
        assert_eq!(pool.run(|_| -> () { panic!("on purpose") }).await, Err(PoolError::Closed));
        let hash = pool.hash(Secret::new("a"), QUICK).await.unwrap();
        assert_eq!(pool.verify(Secret::new("a"), hash, None).await, Ok(true));
    }
}
