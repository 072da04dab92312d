//! What becomes of a delivery, and whether the endpoint is left alone for a while.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is to be posted, or is being posted.
    Pending,
    /// The endpoint has taken it.
    Delivered,
    /// It is not posted any more, unless it is replayed.
    Dead,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state with a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    /// The endpoint took it.
    Taken,
    /// The endpoint wants to hear no more of it.
    Gone,
    /// The endpoint refused it.
    Refused(u16),
    /// The endpoint has too much to do, or is broken; how long it asks to be left alone.
    Overburdened(u16, Option<Duration>),
    /// There was no answer, for this reason.
    Unanswered(String),
}

impl Attempt {
    /// What an answer's status means.
    pub(super) fn answered(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Taken,
            410 => Self::Gone,
            429 | 500..=599 => Self::Overburdened(status, retry_after),
            _ => Self::Refused(status),
        }
    }

    /// Why the endpoint has not taken it.
    pub(super) fn fault(&self) -> Option<String> {
        match self {
            Self::Taken => None,
            Self::Gone => Some("the endpoint answered 410".to_owned()),
            Self::Refused(status) | Self::Overburdened(status, _) => {
                Some(format!("the endpoint answered {status}"))
            }
            // As much as anybody reads.
            Self::Unanswered(reason) => Some(reason.chars().take(300).collect()),
        }
    }
}

/// What is noted about a delivery after an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) state: State,
    pub(super) attempts: i64,
    /// How long it is left alone, if it is still pending.
    pub(super) pause: Duration,
    pub(super) error: Option<String>,
}

impl Verdict {
    /// After one more attempt, `before` having been made already, of `max`; `chance` is in `[0, 1)`.
    pub(super) fn after(attempt: &Attempt, before: i64, max: i64, chance: f64) -> Self {
        let attempts = before.saturating_add(1);
        let asked = match attempt {
            Attempt::Overburdened(_, Some(asked)) => (*asked).min(LONGEST_PAUSE),
            _ => Duration::ZERO,
        };
        let state = match attempt {
            Attempt::Taken => State::Delivered,
            Attempt::Gone => State::Dead,
            _ if attempts >= max => State::Dead,
            _ => State::Pending,
        };
        Self { state, attempts, pause: pause(attempts, chance).max(asked), error: attempt.fault() }
    }
}

/// The pause after the first attempt that failed; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);
/// How much longer a pause may be, as a fraction, so that what failed together is not tried together again.
const JITTER: f64 = 0.2;

fn pause(attempts: i64, chance: f64) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or_default().min(16);
    (FIRST_PAUSE * (1 << doublings)).min(LONGEST_PAUSE).mul_f64(1.0 + JITTER * chance)
}

/// Whether the endpoint answers. One that does not is asked with one delivery at a time, with a pause after each: it
/// shall not be stormed, and what waits shall not use up its attempts.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// Attempts in a row that the endpoint did not answer, or answered that it cannot.
    failures: AtomicU32,
}

/// So many failures are no chance.
const DOWN_AFTER: u32 = 5;

impl Health {
    pub(super) fn is_down(&self) -> bool {
        self.failures.load(Ordering::Relaxed) >= DOWN_AFTER
    }

    /// Notes an attempt; whether it makes a difference.
    pub(super) fn note(&self, attempt: &Attempt) -> bool {
        let was_down = self.is_down();
        if matches!(attempt, Attempt::Overburdened(..) | Attempt::Unanswered(_)) {
            self.failures.fetch_add(1, Ordering::Relaxed);
        } else {
            self.failures.store(0, Ordering::Relaxed);
        }
        was_down != self.is_down()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_five_seconds_to_an_hour() {
        let seconds = |attempts: i64| pause(attempts, 0.0).as_secs();
        assert_eq!([1, 2, 3, 10, 11, 1000].map(seconds), [5, 10, 20, 2560, 3600, 3600]);
        assert_eq!(pause(1, 0.5), Duration::from_millis(5500));
    }

    #[test]
    fn what_an_answer_means() {
        let after = |status: u16, before: i64| {
            let verdict = Verdict::after(&Attempt::answered(status, None), before, 3, 0.0);
            (verdict.state, verdict.attempts, verdict.error)
        };
        let answered = |status: u16| Some(format!("the endpoint answered {status}"));
        for (status, before, state) in [
            (200, 0, State::Delivered),
            (204, 2, State::Delivered),
            (301, 0, State::Pending),
            (400, 1, State::Pending),
            (410, 0, State::Dead),
            (500, 1, State::Pending),
            (500, 2, State::Dead),
            (429, 2, State::Dead),
        ] {
            let error = if state == State::Delivered { None } else { answered(status) };
            assert_eq!(after(status, before), (state, before + 1, error), "{status}");
        }
        let silent = Verdict::after(&Attempt::Unanswered("no route".to_owned()), 0, 3, 0.0);
        assert_eq!((silent.state, silent.error.as_deref()), (State::Pending, Some("no route")));
    }

    #[test]
    fn an_endpoint_is_left_alone_as_long_as_it_asks_but_not_for_days() {
        let pause = |asked: u64| {
            let attempt = Attempt::answered(503, Some(Duration::from_secs(asked)));
            Verdict::after(&attempt, 0, 3, 0.0).pause.as_secs()
        };
        assert_eq!([1, 60, 100_000].map(pause), [5, 60, 3600]);
    }

    #[test]
    fn an_endpoint_that_fails_five_times_in_a_row_is_down_until_it_answers() {
        let health = Health::default();
        let failure = Attempt::answered(503, None);
        for _ in 0..4 {
            assert!(!health.note(&failure));
        }
        assert!(!health.note(&Attempt::Refused(400)));
        let notes: Vec<bool> = (0..6).map(|_| health.note(&failure)).collect();
        assert_eq!(notes, [false, false, false, false, true, false]);
        assert!(health.is_down());
        assert!(health.note(&Attempt::Gone));
        assert!(!health.is_down());
    }
}
