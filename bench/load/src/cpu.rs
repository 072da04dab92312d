//! CPU time of threads and processes, in nanoseconds as the kernel counts them.

use nix::time::{ClockId, clock_getcpuclockid};
use nix::unistd::Pid;
use std::collections::HashMap;
use std::fs;
use std::time::Duration;

/// What this thread has used.
pub(crate) fn of_thread() -> Duration {
    read(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

/// What this process has used.
pub(crate) fn of_this_process() -> Duration {
    read(ClockId::CLOCK_PROCESS_CPUTIME_ID)
}

fn read(clock: ClockId) -> Duration {
    clock.now().unwrap().into()
}

/// A process and its children, as they were at one time. PostgreSQL has one for each connection.
#[derive(Debug)]
pub(crate) struct Snapshot(HashMap<i32, Duration>);

impl Snapshot {
    pub(crate) fn of(root: i32) -> Self {
        let children = fs::read_to_string(format!("/proc/{root}/task/{root}/children")).unwrap();
        let all = children.split_whitespace().map(|pid| pid.parse().unwrap()).chain([root]);
        // A process that has just ended has no clock any more.
        let used = all.filter_map(|pid| {
            let clock = clock_getcpuclockid(Pid::from_raw(pid)).ok()?;
            Some((pid, clock.now().ok()?.into()))
        });
        Self(used.collect())
    }

    /// What was used since an earlier time.
    pub(crate) fn since(&self, before: &Self) -> Duration {
        let used = |(pid, now): (&i32, &Duration)| {
            now.saturating_sub(before.0.get(pid).copied().unwrap_or_default())
        };
        self.0.iter().map(used).sum()
    }
}
