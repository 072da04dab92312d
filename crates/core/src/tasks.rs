//! Work that goes on beside the calls, and that a stop waits for.

use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long a stop waits. What is cut off then leaves no trace: its unit of work is undone.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The tasks of one running core. They are told to end when it is stopped, or dropped.
#[derive(Debug, Default)]
pub struct Tasks {
    running: TaskTracker,
    stopping: CancellationToken,
}

impl Tasks {
    /// Starts a task. It must end soon after [`Tasks::stopping`] is cancelled, and must not keep the core
    /// alive.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.spawn(task);
    }

    /// Cancelled once the core stops.
    pub fn stopping(&self) -> CancellationToken {
        self.stopping.clone()
    }

    /// Tells every task to end, and waits for them.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.running.close();
        if tokio::time::timeout(STOP_TIMEOUT, self.running.wait()).await.is_err() {
            tracing::warn!("some background work did not end in time and was cut off");
        }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}
