//! Requests per second over the last day, minute by minute.

use serde::Serialize;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Minutes that are kept.
const MINUTES: usize = 1440;

/// Counts requests.
#[derive(Debug)]
pub struct RequestStats(Mutex<Counts>);

#[derive(Debug)]
struct Counts {
    second: i64,
    in_second: u32,
    minute: i64,
    in_minute: u32,
    peak: u32,
    /// `(minute, average, peak)` of past minutes, oldest first.
    past: VecDeque<(i64, f64, u32)>,
}

/// What `GET /requests/stats` answers: -1 where nothing is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StatsReport {
    /// Always `OK`.
    pub status: &'static str,
    /// The minute (since 1970) of the last entries.
    pub at_minute: i64,
    /// Average requests per second of each minute.
    pub average_requests_per_second: Vec<f64>,
    /// The busiest second of each minute.
    pub peak_requests_per_second: Vec<i64>,
}

impl RequestStats {
    /// Nothing counted yet.
    pub fn new() -> Self {
        Self(Mutex::new(Counts {
            second: 0,
            in_second: 0,
            minute: 0,
            in_minute: 0,
            peak: 0,
            past: VecDeque::new(),
        }))
    }

    /// Counts one request; `now` in milliseconds.
    pub fn count(&self, now: i64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.advance(now);
        counts.in_second += 1;
        counts.in_minute += 1;
        counts.peak = counts.peak.max(counts.in_second);
    }

    /// The last day, ending with the last full minute.
    pub fn report(&self, now: i64) -> StatsReport {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.advance(now);
        let at_minute = now / 60_000 - 1;
        let mut average = vec![-1.0; MINUTES];
        let mut peaks = vec![-1; MINUTES];
        for (minute, mean, peak) in &counts.past {
            let ago = usize::try_from(at_minute - minute).unwrap_or(usize::MAX);
            if let Some(slot) = MINUTES.checked_sub(1 + ago) {
                average[slot] = *mean;
                peaks[slot] = i64::from(*peak);
            }
        }
        StatsReport {
            status: "OK",
            at_minute,
            average_requests_per_second: average,
            peak_requests_per_second: peaks,
        }
    }
}

impl Default for RequestStats {
    fn default() -> Self {
        Self::new()
    }
}

impl Counts {
    fn advance(&mut self, now: i64) {
        let (second, minute) = (now / 1000, now / 60_000);
        if second != self.second {
            self.second = second;
            self.in_second = 0;
        }
        if minute != self.minute {
            if self.in_minute > 0 {
                self.past.push_back((self.minute, f64::from(self.in_minute) / 60.0, self.peak));
            }
            if self.past.len() > MINUTES {
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
    fn a_minute_is_reported_once_it_is_over() {
        let stats = RequestStats::new();
        for now in [60_000, 60_100, 61_000] {
            stats.count(now);
        }
        let report = stats.report(120_000);
        assert_eq!(report.at_minute, 1);
        assert!((report.average_requests_per_second[1439] - 0.05).abs() < 1e-9);
        assert_eq!(report.peak_requests_per_second[1439], 2);
        assert_eq!(report.peak_requests_per_second[1438], -1);
    }
}
