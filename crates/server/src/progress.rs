//! How far a long command has come, on standard error.

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use std::io::Write as _;
use std::time::{Duration, Instant};

/// How often a log is told, which keeps every line; a terminal shows one that changes.
const IN_LOG: Duration = Duration::from_secs(10);

/// A bar, and where nobody looks at it, a line now and then.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    told: Instant,
}

impl Progress {
    /// `from`: what was done before.
    pub(crate) fn begin(from: u64) -> Self {
        let style = ProgressStyle::with_template("{wide_bar} {percent} %: {msg}, about {eta} left");
        let bar = ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_position(from);
        bar.reset_eta();
        Self { bar, told: Instant::now() }
    }

    /// Tells how much of the whole is done, if it is time to.
    pub(crate) fn show(&mut self, done: u64, whole: u64, what: impl FnOnce() -> String) {
        self.bar.set_length(whole);
        self.bar.set_position(done);
        if !self.bar.is_hidden() {
            self.bar.set_message(what());
        } else if self.told.elapsed() >= IN_LOG {
            self.told = Instant::now();
            let _ = writeln!(std::io::stderr(), "{}", line(&self.bar, &what()));
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(self) {
        self.bar.finish_and_clear();
    }
}

fn line(bar: &ProgressBar, what: &str) -> String {
    let whole = bar.length().unwrap_or_default();
    let percent = bar.position().saturating_mul(100).checked_div(whole).unwrap_or(100).min(100);
    format!("{percent} %: {what}, about {} left", HumanDuration(bar.eta()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_much_is_done_and_how_long_the_rest_takes() {
        let mut progress = Progress::begin(100);
        std::thread::sleep(Duration::from_millis(20));
        progress.show(200, 1000, || "200 of 1000 rows copied".to_owned());
        let told = line(&progress.bar, "200 of 1000 rows copied");
        assert!(told.starts_with("20 %: 200 of 1000 rows copied, about "), "{told}");
        // At 20 ms a hundred, however noisy the clock.
        assert!((Duration::from_millis(10)..Duration::from_mins(1)).contains(&progress.bar.eta()));
        progress.show(0, 0, || "nothing to do".to_owned());
        assert!(line(&progress.bar, "nothing to do").starts_with("100 %: "));
    }
}
