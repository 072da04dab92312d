//! Points at which work on databases can be made to break off, as if the process had ended there. Each statement and
//! each commit has one before it and one after it. For tests alone, which turn the feature `fail-points` on: in other
//! builds there is nothing of this.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

tokio::task_local! {
    static CRASH: Arc<Crash>;
}

/// The point at which the work of one task breaks off.
#[derive(Debug)]
struct Crash {
    /// The point, counted from 1.
    at: usize,
    passed: AtomicUsize,
    reached: Notify,
}

/// Does the work until it comes to the point with this number, counted from 1, and drops it there: nothing after the
/// point happens, and what was not committed is undone. `Some` if the work ended before. What the work does at the same
/// time breaks off with it; tasks that it spawns go on.
pub async fn crash_at<T>(point: usize, work: impl Future<Output = T>) -> Option<T> {
    let crash = Arc::new(Crash { at: point, passed: AtomicUsize::new(0), reached: Notify::new() });
    tokio::select! {
        biased;
        outcome = CRASH.scope(Arc::clone(&crash), work) => Some(outcome),
        () = crash.reached.notified() => None,
    }
}

/// One point. It is never left once the one to break off at has been reached, here or by other work of the task.
pub(crate) async fn pass() {
    let Ok(crash) = CRASH.try_with(Arc::clone) else { return };
    if crash.passed.fetch_add(1, Ordering::SeqCst) + 1 >= crash.at {
        crash.reached.notify_one();
        pending::<()>().await;
    }
}
