//! How often a greeting may ask the database, and what an app uses.

use crate::Scope;
use crate::ground::tenancy::TenantConfig;
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

/// Days over which active users are counted, as in the reference.
pub(super) const DAYS: usize = 31;

/// What an app uses.
#[derive(Debug)]
pub(super) struct Usage {
    /// How many users were active on the last day, on the last two days, and so on.
    pub(super) active: [i64; DAYS],
    /// How many may use the dashboard.
    pub(super) dashboard_users: i64,
    /// Whether anybody may have login methods linked.
    pub(super) has_primary_users: bool,
    /// Each tenant.
    pub(super) tenants: Vec<TenantUsage>,
}

/// What is used of a tenant.
#[derive(Debug)]
pub(super) struct TenantUsage {
    /// The tenant.
    pub(super) tenant_id: String,
    /// Its database, if that is not its domain's.
    pub(super) pool: Option<String>,
    /// What is stored about it.
    pub(super) config: TenantConfig,
    /// How many users are members.
    pub(super) users: i64,
    /// Whether anybody has a session there.
    pub(super) has_sessions: bool,
}

/// Sums up how many were active for the last time how many days ago.
pub(super) fn active(by_days_ago: &[(i64, i64)]) -> [i64; DAYS] {
    let within = |days: i64| by_days_ago.iter().filter(|(ago, _)| *ago <= days).map(|(_, users)| users).sum();
    let mut active = [0; DAYS];
    (1..).zip(&mut active).for_each(|(days, active)| *active = within(days));
    active
}

/// Whether a provider is a company's own, for the people who work there.
pub(super) fn is_enterprise(third_party_id: &str) -> bool {
    let kinds = ["okta", "active-directory", "boxy-saml", "google-workspaces"];
    kinds.iter().any(|kind| third_party_id.starts_with(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_active_on_a_day_was_active_within_all_longer_times() {
        let active = active(&[(0, 1), (1, 2), (3, 4), (31, 8)]);
        assert_eq!((active[0], active[1], active[2], active[29], active[30]), (3, 3, 7, 7, 15));
    }

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
