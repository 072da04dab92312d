//! Requests per second over the last day, minute by minute.

use crate::Scope;
use papaya::HashMap;
use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Minutes that are kept.
const MINUTES: usize = 1440;
/// How long ago the oldest of them is.
const MINUTES_AGO: i64 = 1440;

/// Counts the requests of each app, by its public tenant. Apps do not wait for one another.
#[derive(Debug, Default)]
pub struct RequestStats(HashMap<Scope, Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    /// The minute of the first request: before it nothing is known.
    since: i64,
    second: i64,
    in_second: u32,
    minute: i64,
    in_minute: u32,
    peak: u32,
    /// `(minute, requests, peak)` of past minutes in which there were any, oldest first.
    past: VecDeque<(i64, u32, u32)>,
}

/// What `GET /requests/stats` answers: -1 where nothing is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsReport {
    /// Always `OK`.
    pub status: &'static str,
    /// The minute (since 1970) that is under way: the last entries are of the one before it.
    pub at_minute: i64,
    /// Average requests per second of each minute.
    pub average_requests_per_second: Vec<f64>,
    /// The busiest second of each minute.
    pub peak_requests_per_second: Vec<i64>,
}

impl RequestStats {
    /// Counts one request of an app; `now` in milliseconds.
    pub fn count(&self, app: &Scope, now: i64) {
        let apps = self.0.pin();
        let counts = apps
            .get(app)
            .unwrap_or_else(|| apps.get_or_insert_with(app.clone(), || Mutex::new(Counts::new(now))));
        locked(counts).count(now);
    }

    /// The last day of an app, ending with the last full minute.
    pub fn report(&self, app: &Scope, now: i64) -> StatsReport {
        let at_minute = now / 60_000;
        let mut average = vec![-1.0; MINUTES];
        let mut peaks = vec![-1; MINUTES];
        if let Some(counts) = self.0.pin().get(app) {
            let mut counts = locked(counts);
            counts.advance(now);
            let slot = |minute| usize::try_from(minute + MINUTES_AGO - at_minute).unwrap_or(0);
            average[slot(counts.since).min(MINUTES)..].fill(0.0);
            peaks[slot(counts.since).min(MINUTES)..].fill(0);
            for (minute, requests, peak) in &counts.past {
                let slot = slot(*minute);
                if slot < MINUTES {
                    average[slot] = f64::from(*requests) / 60.0;
                    peaks[slot] = i64::from(*peak);
                }
            }
        }
        StatsReport {
            status: "OK",
            at_minute,
            average_requests_per_second: average,
            peak_requests_per_second: peaks,
        }
    }

    /// Forgets an app that is removed.
    pub(crate) fn forget(&self, app: &Scope) {
        self.0.pin().remove(app);
    }
}

fn locked(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Counts {
    fn new(now: i64) -> Self {
        let (second, minute) = (now / 1000, now / 60_000);
        Self { since: minute, second, in_second: 0, minute, in_minute: 0, peak: 0, past: VecDeque::new() }
    }

    fn count(&mut self, now: i64) {
        self.advance(now);
        self.in_second += 1;
        self.in_minute += 1;
        self.peak = self.peak.max(self.in_second);
    }

    fn advance(&mut self, now: i64) {
        let (second, minute) = (now / 1000, now / 60_000);
        if second != self.second {
            self.second = second;
            self.in_second = 0;
        }
        if minute != self.minute {
            if self.in_minute > 0 {
                self.past.push_back((self.minute, self.in_minute, self.peak));
            }
            while self.past.front().is_some_and(|(past, ..)| *past < minute - MINUTES_AGO) {
                self.past.pop_front();
            }
            (self.minute, self.in_minute, self.peak) = (minute, 0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_app_s_minutes_are_reported_once_they_are_over() {
        let (stats, app) = (RequestStats::default(), Scope::base());
        for now in [60_000, 60_100, 61_000, 180_000] {
            stats.count(&app, now);
        }
        stats.count(&Scope::new("", "other", "public"), 180_000);
        let report = stats.report(&app, 240_000);
        assert_eq!(report.at_minute, 4);
        assert_eq!(report.average_requests_per_second[1436..], [-1.0, 0.05, 0.0, 1.0 / 60.0]);
        assert_eq!(report.peak_requests_per_second[1436..], [-1, 2, 0, 1]);
        let other = stats.report(&Scope::new("", "other", "public"), 240_000);
        assert_eq!(other.peak_requests_per_second[1438..], [-1, 1]);
        let nobody = stats.report(&Scope::new("", "quiet", "public"), 240_000);
        assert!(nobody.peak_requests_per_second.iter().all(|peak| *peak == -1));
        stats.forget(&app);
        assert_eq!(stats.report(&app, 240_000).peak_requests_per_second[1439], -1);
    }

    #[test]
    fn what_is_older_than_a_day_is_forgotten() {
        let (stats, app) = (RequestStats::default(), Scope::base());
        for minute in 0..3000 {
            stats.count(&app, minute * 60_000);
        }
        let report = stats.report(&app, 3000 * 60_000);
        assert!(report.peak_requests_per_second.iter().all(|peak| *peak == 1));
        assert!(locked(stats.0.pin().get(&app).unwrap()).past.len() <= MINUTES + 1);
        let later = stats.report(&app, 5000 * 60_000);
        assert!(later.average_requests_per_second.iter().all(|average| *average == 0.0));
        assert!(locked(stats.0.pin().get(&app).unwrap()).past.is_empty());
    }
}
