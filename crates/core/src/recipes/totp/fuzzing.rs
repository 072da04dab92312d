//! Doors for the fuzz targets: secrets, and codes that are shown one after the other.

use super::model::{self, Device, Limits, UsedCode, Verdict};

/// A user with one device.
#[derive(Debug)]
pub struct User {
    secret: String,
    period: i64,
    skew: i64,
    limits: Limits,
    /// Newest first.
    used: Vec<UsedCode>,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is right, and used up.
    Right,
    /// It is the so-manieth wrong one.
    Wrong(usize),
    /// It was not looked at; another one will be after so many milliseconds.
    LimitReached(i64),
}

impl User {
    /// With a secret in base32, times in seconds, and the limits of the tenant.
    pub fn new(secret: &str, (period, skew): (i64, i64), (max_attempts, cooldown_ms): (usize, i64)) -> Self {
        let limits = Limits { max_attempts, cooldown_ms };
        Self { secret: secret.to_owned(), period, skew, limits, used: Vec::new() }
    }

    /// Shows a code; `now` in milliseconds since 1970.
    pub fn show(&mut self, code: &str, now: i64) -> Outcome {
        let device = Device {
            name: String::new(),
            secret: self.secret.clone(),
            period: self.period,
            skew: self.skew,
            verified: true,
        };
        match model::judge(code, &[&device], &self.used, self.limits, now) {
            Verdict::LimitReached { retry_after_ms } => Outcome::LimitReached(retry_after_ms),
            Verdict::TooLong { failed } => Outcome::Wrong(failed),
            Verdict::Judged { code, failed } => {
                let is_valid = code.is_valid;
                self.used.insert(0, code);
                if is_valid { Outcome::Right } else { Outcome::Wrong(failed) }
            }
        }
    }
}

/// A secret in base32.
pub fn encode(secret: [u8; 20]) -> String {
    model::encode(secret)
}
