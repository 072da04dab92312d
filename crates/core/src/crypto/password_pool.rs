//! Threads of its own for password hashing, with a bounded queue: a flood of sign-ins is refused
//! early instead of slowing down everything else. Work whose caller has gone is skipped.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::digest::Secret;
use super::password_hash::{HashError, HashMemory, HashSettings, hash_in, verify_in};

/// A thread without work for this long gives its argon2 memory back.
const IDLE: Duration = Duration::from_secs(10);
/// The shortest wait a refused caller is told.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);

/// The pool's size.
#[derive(Debug, Clone, Copy)]
pub struct PoolSettings {
    /// Threads, each hashing one password at a time; at least 1 is started.
    pub threads: usize,
    /// Jobs that may wait; one more is refused.
    pub queue_limit: usize,
}

/// Why the pool gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The queue is full.
    #[error("too many passwords are waiting to be hashed")]
    Full {
        /// When the queue should have drained, by the pace of the last jobs; at least 1 s.
        retry_after: Duration,
    },
    /// The stored hash is Firebase's and no signer key is configured.
    #[error("no Firebase signer key is configured")]
    MissingFirebaseKey,
    /// The pool is shutting down, or the job broke down (the log has the cause).
    #[error("the password pool did not answer")]
    Closed,
}

/// What the pool is doing now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLoad {
    /// Jobs waiting.
    pub queued: usize,
    /// Jobs being worked on.
    pub running: usize,
}

trait Job: Send {
    /// Whether nobody waits for the answer any more.
    fn abandoned(&self) -> bool;
    fn run(self: Box<Self>, memory: &mut HashMemory);
}

struct Task<F, T> {
    work: F,
    reply: oneshot::Sender<T>,
}

impl<F, T> Job for Task<F, T>
where
    F: FnOnce(&mut HashMemory) -> T + Send,
    T: Send,
{
    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn run(self: Box<Self>, memory: &mut HashMemory) {
        let answer = (self.work)(memory);
        // The caller may have gone meanwhile; then nobody wants the answer.
        drop(self.reply.send(answer));
    }
}

#[derive(Default)]
struct State {
    queue: VecDeque<Box<dyn Job>>,
    running: usize,
    closed: bool,
    /// Running average of what a job takes.
    pace: Duration,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    settings: PoolSettings,
    idle: Duration,
}

/// The pool. Dropping it lets its threads end after their current job.
pub struct PasswordPool(Arc<Shared>);

impl fmt::Debug for PasswordPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PasswordPool").field(&self.load()).finish()
    }
}

impl Drop for PasswordPool {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

impl PasswordPool {
    /// Starts the threads.
    pub fn new(settings: PoolSettings) -> Self {
        Self::with_idle(settings, IDLE)
    }

    fn with_idle(settings: PoolSettings, idle: Duration) -> Self {
        let threads = settings.threads.max(1);
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            settings: PoolSettings { threads, ..settings },
            idle,
        });
        let started = (0..threads).filter(|n| start_worker(&shared, *n)).count();
        if started == 0 {
            tracing::error!("no password thread could be started");
            shared.lock().closed = true;
        }
        Self(shared)
    }

    /// Hashes a password.
    pub async fn hash(&self, password: Secret, settings: HashSettings) -> Result<String, PoolError> {
        self.submit(move |memory| hash_in(memory, password.reveal(), &settings)).await?.map_err(to_pool_error)
    }

    /// Whether the password gives the stored hash.
    pub async fn verify(
        &self,
        password: Secret,
        stored: String,
        firebase_key: Option<Secret>,
    ) -> Result<bool, PoolError> {
        self.submit(move |memory| {
            let key = firebase_key.as_ref().map(Secret::reveal);
            verify_in(memory, password.reveal(), &stored, key)
        })
        .await?
        .map_err(to_pool_error)
    }

    /// What the pool is doing now.
    pub fn load(&self) -> PoolLoad {
        let state = self.0.lock();
        PoolLoad { queued: state.queue.len(), running: state.running }
    }

    async fn submit<T, F>(&self, work: F) -> Result<T, PoolError>
    where
        F: FnOnce(&mut HashMemory) -> T + Send + 'static,
        T: Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.0.enqueue(Box::new(Task { work, reply }))?;
        answer.await.map_err(|_| PoolError::Closed)
    }
}

impl Shared {
    /// A panic cannot leave the state half changed, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), PoolError> {
        let mut state = self.lock();
        if state.closed {
            return Err(PoolError::Closed);
        }
        if state.queue.len() >= self.settings.queue_limit {
            state.queue.retain(|waiting| !waiting.abandoned());
        }
        // A thread that is free will take the job at once: it does not wait.
        let free = self.settings.threads.saturating_sub(state.running);
        if state.queue.len() >= self.settings.queue_limit.saturating_add(free) {
            return Err(self.full(&state));
        }
        state.queue.push_back(job);
        drop(state);
        // A thread that is not free looks for its next job itself.
        if free > 0 {
            self.wake.notify_one();
        }
        Ok(())
    }

    fn full(&self, state: &State) -> PoolError {
        let jobs = u32::try_from(state.queue.len() + state.running).unwrap_or(u32::MAX);
        let threads = u32::try_from(self.settings.threads).unwrap_or(u32::MAX);
        let drained = state.pace.saturating_mul(jobs) / threads;
        PoolError::Full { retry_after: drained.max(MIN_RETRY_AFTER) }
    }

    /// Waits for a job somebody still wants; `None` when the pool closes.
    fn next_job(&self, memory: &mut HashMemory) -> Option<Box<dyn Job>> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            match state.queue.pop_front() {
                Some(job) if job.abandoned() => {}
                Some(job) => {
                    state.running += 1;
                    return Some(job);
                }
                None => state = self.wait(state, memory),
            }
        }
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>, memory: &mut HashMemory) -> MutexGuard<'a, State> {
        if memory.held_kb() == 0 {
            return self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let waited = self.wake.wait_timeout(state, self.idle);
        let (state, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        if outcome.timed_out() {
            memory.release();
        }
        state
    }

    fn finished(&self, took: Duration) {
        let mut state = self.lock();
        state.running -= 1;
        state.pace = if state.pace.is_zero() { took } else { (state.pace * 7 + took) / 8 };
    }
}

fn to_pool_error(error: HashError) -> PoolError {
    match error {
        HashError::MissingFirebaseKey => PoolError::MissingFirebaseKey,
        HashError::Failed(cause) => {
            tracing::error!(cause, "password hashing failed");
            PoolError::Closed
        }
    }
}

/// Whether the thread could be started.
fn start_worker(shared: &Arc<Shared>, number: usize) -> bool {
    let shared = Arc::clone(shared);
    thread::Builder::new().name(format!("password-{number}")).spawn(move || work(&shared)).is_ok()
}

fn work(shared: &Shared) {
    let mut memory = HashMemory::default();
    while let Some(job) = shared.next_job(&mut memory) {
        let begun = Instant::now();
        // A job that panics drops its reply, which tells its caller.
        if catch_unwind(AssertUnwindSafe(|| job.run(&mut memory))).is_err() {
            tracing::error!("a password job panicked");
            memory.release();
        }
        shared.finished(begun.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc;

    use super::*;

    const ARGON2: HashSettings = HashSettings::Argon2 { iterations: 1, memory_kb: 64, parallelism: 1 };

    fn pool(queue_limit: usize) -> PasswordPool {
        let threads = 1;
        PasswordPool::new(PoolSettings { threads, queue_limit })
    }

    /// Occupies the pool's only thread until the sender is dropped.
    fn occupy(pool: &PasswordPool) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel::<()>();
        let (begun, has_begun) = mpsc::channel();
        let (reply, answer) = oneshot::channel::<()>();
        let work = move |_: &mut HashMemory| {
            begun.send(()).unwrap();
            drop(answer);
            assert!(held.recv().is_err());
        };
        pool.0.enqueue(Box::new(Task { work, reply })).unwrap();
        has_begun.recv().unwrap();
        release
    }

    #[tokio::test]
    async fn hashes_and_verifies() {
        let pool = pool(4);
        let stored = pool.hash(Secret::new("p"), ARGON2).await.unwrap();
        let verify = |password| pool.verify(Secret::new(password), stored.clone(), None);
        assert_eq!(verify("p").await, Ok(true));
        assert_eq!(verify("q").await, Ok(false));
        let firebase = "$f_scrypt$a$b$m=1$r=1$s=".to_owned();
        let answer = pool.verify(Secret::new("p"), firebase, None).await;
        assert_eq!(answer, Err(PoolError::MissingFirebaseKey));
    }

    #[tokio::test]
    async fn a_full_queue_refuses_and_forgets_callers_who_left() {
        let pool = pool(1);
        let release = occupy(&pool);
        let ran = Arc::new(AtomicBool::new(false));
        let (reply, caller) = oneshot::channel();
        let mark = Arc::clone(&ran);
        let work = move |_: &mut HashMemory| mark.store(true, Ordering::SeqCst);
        pool.0.enqueue(Box::new(Task { work, reply })).unwrap();
        assert_eq!(pool.load(), PoolLoad { queued: 1, running: 1 });
        let refused = pool.hash(Secret::new("p"), ARGON2).await;
        assert!(matches!(refused, Err(PoolError::Full { retry_after }) if retry_after >= MIN_RETRY_AFTER));
        drop(caller);
        let (reply, answer) = oneshot::channel();
        let work = |_: &mut HashMemory| 7;
        pool.0.enqueue(Box::new(Task { work, reply })).unwrap();
        drop(release);
        assert_eq!(answer.await, Ok(7));
        assert!(!ran.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn a_panic_is_the_callers_error_and_the_pool_lives_on() {
        let pool = pool(4);
        let broken: Result<(), _> = pool.submit(|_| panic!("on purpose")).await;
        assert_eq!(broken, Err(PoolError::Closed));
        assert_eq!(pool.submit(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn memory_is_kept_between_jobs() {
        let pool = pool(4);
        pool.hash(Secret::new("p"), ARGON2).await.unwrap();
        assert_eq!(pool.submit(|memory| memory.held_kb()).await, Ok(64));
    }

    #[tokio::test]
    async fn an_idle_thread_gives_its_memory_back() {
        let settings = PoolSettings { threads: 1, queue_limit: 4 };
        let pool = PasswordPool::with_idle(settings, Duration::ZERO);
        pool.hash(Secret::new("p"), ARGON2).await.unwrap();
        let mut held = 64;
        for _ in 0..100_000 {
            held = pool.submit(|memory| memory.held_kb()).await.unwrap();
            if held == 0 {
                break;
            }
        }
        assert_eq!(held, 0);
    }

    #[tokio::test]
    async fn dropping_the_pool_ends_its_threads() {
        let pool = pool(4);
        let shared = Arc::downgrade(&pool.0);
        let release = occupy(&pool);
        drop(pool);
        assert!(shared.upgrade().is_some_and(|s| s.lock().closed));
        drop(release);
        while shared.strong_count() > 0 {
            thread::yield_now();
        }
    }
}
