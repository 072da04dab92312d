//! The time, which tests set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time in milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<AtomicI64>>);

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self(None)
    }

    /// A clock that stands still until it is set.
    pub fn fixed(now: i64) -> Self {
        Self(Some(Arc::new(AtomicI64::new(now))))
    }

    /// Sets a fixed clock; the machine's clock does not move.
    pub fn set(&self, now: i64) {
        if let Some(fixed) = &self.0 {
            fixed.store(now, Ordering::Relaxed);
        }
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.0.as_ref().map_or_else(machine_time, |fixed| fixed.load(Ordering::Relaxed))
    }
}

fn machine_time() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the machine's clock")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
