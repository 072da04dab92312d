//! How often a greeting may ask the database.

use crate::Scope;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Greetings in a row that ask.
const IN_A_ROW: i64 = 5;
/// Milliseconds until one more may ask.
const ONE_MORE_AFTER_MS: i64 = 200;

/// For each app, how many greetings may still ask. Anyone may greet, with no key: it must not become a way
/// to keep the database busy.
#[derive(Debug, Default)]
pub struct Greetings(Mutex<HashMap<(String, String), Allowance>>);

#[derive(Clone, Copy, Debug)]
struct Allowance {
    left: i64,
    /// When one last asked, in milliseconds.
    asked_at: i64,
}

impl Greetings {
    /// Whether a greeting may ask now, which then counts.
    pub(super) fn may_ask(&self, scope: &Scope, now: i64) -> bool {
        let app = (scope.domain.clone(), scope.app_id.clone());
        let mut allowances = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        allowances.entry(app).or_insert(Allowance { left: IN_A_ROW, asked_at: now }).take(now)
    }
}

impl Allowance {
    /// As in the reference, time counts from the last one that asked, in whole steps.
    fn take(&mut self, now: i64) -> bool {
        let earned = ((now - self.asked_at) / ONE_MORE_AFTER_MS).max(0);
        self.left = (self.left + earned).min(IN_A_ROW);
        if self.left == 0 {
            return false;
        }
        (self.left, self.asked_at) = (self.left - 1, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_in_a_row_then_one_for_each_fifth_of_a_second_and_each_app_for_itself() {
        let (greetings, app) = (Greetings::default(), Scope::base());
        let asked = |now| greetings.may_ask(&app, now);
        assert!((0..5).all(|_| asked(1000)));
        assert!(!asked(1000) && !asked(1199));
        assert!(greetings.may_ask(&Scope::new("", "other", "public"), 1199));
        assert!(asked(1200));
        assert!(!asked(1399));
        assert!(asked(1600) && asked(1600) && !asked(1600));
        assert!(!asked(900), "a clock that goes back gives nothing");
        assert_eq!((0..9).filter(|_| asked(1_000_000)).count(), 5);
    }
}
