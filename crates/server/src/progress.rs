//! How far a long command has come, on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often a terminal is told; it shows one line that changes.
const ON_TERMINAL: Duration = Duration::from_millis(500);
/// How often a log is told, which keeps every line.
const IN_LOG: Duration = Duration::from_secs(10);

/// What was told last, and what the time that is left follows from.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    /// Where it began, of the whole.
    from: u64,
    told: Instant,
    is_terminal: bool,
}

impl Progress {
    /// `from`: what was done before.
    pub(crate) fn begin(from: u64) -> Self {
        let now = Instant::now();
        Self { begun: now, from, told: now, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Tells how much of the whole is done, if it is time to.
    pub(crate) fn show(&mut self, done: u64, whole: u64, what: impl FnOnce() -> String) {
        if self.told.elapsed() < if self.is_terminal { ON_TERMINAL } else { IN_LOG } {
            return;
        }
        self.told = Instant::now();
        let left = left(self.begun.elapsed(), done.saturating_sub(self.from), whole.saturating_sub(done));
        let left = left.map(|left| format!(", about {} left", to_text(left))).unwrap_or_default();
        let percent = done.saturating_mul(100).checked_div(whole).unwrap_or(100).min(100);
        let line = format!("{percent} %: {}{left}", what());
        if self.is_terminal {
            // What is left of a longer line is wiped out.
            let _ = write!(std::io::stderr(), "\r{line}\u{1b}[K");
        } else {
            let _ = writeln!(std::io::stderr(), "{line}");
        }
    }

    /// Leaves the line that changes.
    pub(crate) fn end(self) {
        if self.is_terminal {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// What is left takes as long for each part as what was done.
fn left(took: Duration, done: u64, left: u64) -> Option<Duration> {
    #[expect(clippy::cast_precision_loss, reason = "it is an estimate")]
    let seconds = (done > 0).then(|| took.as_secs_f64() / done as f64 * left as f64)?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn to_text(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_follows_from_what_was_done() {
        let minute = Duration::from_mins(1);
        assert_eq!(left(minute, 100, 300), Some(minute * 3));
        assert_eq!(left(minute, 0, 300), None);
        let texts = [119, 120, 7199, 7200].map(|seconds| to_text(Duration::from_secs(seconds)));
        assert_eq!(texts, ["119 s", "2 min", "119 min", "2 h"]);
    }
}
