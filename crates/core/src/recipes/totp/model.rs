//! Which code is right, and how often a wrong one may be shown.

use crate::crypto::digest::secrets_equal;
use totp_rs::{Algorithm, Builder, Secret};

/// A device.
#[derive(Clone)]
pub(in crate::recipes) struct Device {
    pub(in crate::recipes) name: String,
    /// In base32.
    pub(in crate::recipes) secret: String,
    /// How long a code lasts, in seconds.
    pub(in crate::recipes) period: i64,
    /// How many periods before and after the current one count.
    pub(in crate::recipes) skew: i64,
    pub(in crate::recipes) verified: bool,
}

/// A code that was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UsedCode {
    pub(super) code: String,
    pub(super) is_valid: bool,
    /// Until when a right one is not right again, in milliseconds since 1970.
    pub(super) expires_at: i64,
    /// Milliseconds since 1970.
    pub(super) created_at: i64,
}

/// The tenant's settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Wrong codes in a row, before the user has to wait.
    pub(super) max_attempts: usize,
    /// How long.
    pub(super) cooldown_ms: i64,
}

/// What is to be done with a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: the user has to wait.
    LimitReached { retry_after_ms: i64 },
    /// Nothing: it is longer than any code.
    TooLong { failed: usize },
    /// To be kept.
    Judged { code: UsedCode, failed: usize },
}

/// The longest code that the tables hold, in characters.
const CODE_MAX: usize = 8;

/// The farthest skew: each period that counts costs a signature.
pub(in crate::recipes) const SKEW_MAX: i64 = 1000;

/// Judges a code by the codes before it, newest first. What has expired still counts against the user, so
/// that nobody gets out of the limit, or into it, by waiting for some of the codes to expire.
pub(super) fn judge(code: &str, devices: &[&Device], used: &[UsedCode], limits: Limits, now: i64) -> Verdict {
    let wrong = || used.iter().take(limits.max_attempts).take_while(|code| !code.is_valid);
    let newest = wrong().next().map_or(i64::MIN, |code| code.created_at);
    let oldest = newest.saturating_sub(limits.cooldown_ms);
    let mut failed = wrong().take_while(|code| code.created_at > oldest).count();
    if failed == limits.max_attempts {
        let waited = now.saturating_sub(newest);
        if waited < limits.cooldown_ms {
            return Verdict::LimitReached { retry_after_ms: limits.cooldown_ms - waited };
        }
        failed = 0;
    }
    if code.chars().count() > CODE_MAX {
        return Verdict::TooLong { failed: failed + 1 };
    }
    let of_device = devices.iter().find(|device| device.makes(code, now));
    let is_replay = used.iter().any(|used| used.is_valid && used.expires_at > now && used.code == code);
    let is_valid = of_device.is_some() && !is_replay;
    let lifetime = match of_device {
        Some(device) => device.lifetime_ms(),
        None => devices.iter().map(|device| device.lifetime_ms()).max().unwrap_or(0),
    };
    let code = UsedCode {
        code: code.to_owned(),
        is_valid,
        expires_at: now.saturating_add(lifetime),
        // Each has a time of its own, and none comes before one that is known: every one counts.
        created_at: used.first().map_or(now, |newest| now.max(newest.created_at.saturating_add(1))),
    };
    Verdict::Judged { code, failed: if is_valid { 0 } else { failed + 1 } }
}

impl Device {
    /// Whether the code is that of the current period, or of one near enough.
    fn makes(&self, code: &str, now: i64) -> bool {
        let period = u64::try_from(self.period).unwrap_or_default().max(1);
        let skew = u64::try_from(self.skew.min(SKEW_MAX)).unwrap_or_default();
        let current = u64::try_from(now).unwrap_or_default() / 1000 / period;
        let Some(secret) = decode(&self.secret) else { return false };
        let totp = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(6).with_step_duration(period);
        let totp = totp.with_secret(secret).build_noncompliant();
        let periods = current.saturating_sub(skew)..=current + skew;
        periods.into_iter().any(|step| secrets_equal(&totp.generate(step * period).to_string(), code))
    }

    /// How long any of its codes may be right.
    fn lifetime_ms(&self) -> i64 {
        self.skew.saturating_mul(2).saturating_add(1).saturating_mul(self.period).saturating_mul(1000)
    }
}

/// The bytes of a secret. What is not base32 is passed over: people write it in groups, in small letters, with
/// `=` at its end. Nothing but that is no secret.
fn decode(text: &str) -> Option<Secret> {
    let is_base32 = |c: &char| c.is_ascii_uppercase() || ('2'..='7').contains(c);
    let text: String = text.chars().map(|c| c.to_ascii_uppercase()).filter(is_base32).collect();
    Secret::try_from_base32(text).ok().filter(|secret| !secret.as_bytes().is_empty())
}

/// A secret in base32.
pub(super) fn encode(secret: [u8; 20]) -> String {
    Secret::new_stack(secret).to_base32()
}

/// The name of a new device: the one asked for, or the first free one; `None` if a verified device has it. An
/// unverified device gives way.
pub(super) fn name_of_new(devices: &[Device], asked: Option<String>) -> Option<String> {
    let is_free = |name: &String| !devices.iter().any(|device| device.verified && device.name == *name);
    if asked.is_some() {
        return asked.filter(is_free);
    }
    let verified = devices.iter().filter(|device| device.verified).count();
    (verified..=2 * verified).map(|number| format!("TOTP Device {number}")).find(is_free)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000_000;
    const LIMITS: Limits = Limits { max_attempts: 3, cooldown_ms: 1000 };

    fn device(secret: &str, period: i64, skew: i64) -> Device {
        Device { name: "a".to_owned(), secret: secret.to_owned(), period, skew, verified: true }
    }

    fn used(is_valid: bool, created_at: i64) -> UsedCode {
        UsedCode { code: "000000".to_owned(), is_valid, expires_at: created_at + 1, created_at }
    }

    fn failed(used: &[UsedCode], now: i64) -> Result<usize, i64> {
        match judge("000000", &[], used, LIMITS, now) {
            Verdict::LimitReached { retry_after_ms } => Err(retry_after_ms),
            Verdict::TooLong { failed } | Verdict::Judged { failed, .. } => Ok(failed),
        }
    }

    /// The secret of RFC 6238, whose codes are the last six digits of those in its appendix B.
    const RFC: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_the_standard() {
        let device = device(RFC, 30, 0);
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert!(device.makes(code, seconds * 1000), "{seconds}");
            assert!(!device.makes(code, (seconds + 30) * 1000), "{seconds}");
            assert!(!device.makes(&code[1..], seconds * 1000) && !device.makes("", seconds * 1000));
        }
    }

    #[test]
    fn periods_count_as_far_as_the_skew_goes() {
        let code = "050471"; // of the seconds from 1111111110 to 1111111139
        for (skew, from, to) in [(0, 0, 29), (1, -30, 59), (2, -60, 89)] {
            let device = device(RFC, 30, skew);
            for (seconds, fits) in [(from - 1, false), (from, true), (to, true), (to + 1, false)] {
                assert_eq!(device.makes(code, (1_111_111_110 + seconds) * 1000), fits, "{skew} {seconds}");
            }
        }
        assert!(device(RFC, 1, 5).makes("287082", 1000), "nothing is before 1970");
        let largest = device(RFC, i32::MAX.into(), i32::MAX.into());
        assert!(!largest.makes("", NOW), "neither overflows nor lasts");
        assert_eq!(largest.lifetime_ms(), i64::MAX);
        assert_eq!(device(RFC, 30, 1).lifetime_ms(), 90_000);
    }

    #[test]
    fn a_secret_may_be_written_in_many_ways_but_not_be_empty() {
        for text in [RFC, "gezd gnbv gy3t qojq gezd gnbv gy3t qojq", "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ==="]
        {
            assert!(device(text, 30, 0).makes("287082", 59_000), "{text}");
        }
        for text in ["", "1", "===", "\u{e9}"] {
            assert!(decode(text).is_none(), "{text}");
        }
        assert_eq!(encode(*b"12345678901234567890"), RFC);
    }

    #[test]
    fn wrong_codes_count_until_a_right_one_and_within_the_cooldown() {
        assert_eq!(failed(&[], NOW), Ok(1));
        assert_eq!(failed(&[used(false, NOW - 1)], NOW), Ok(2));
        assert_eq!(failed(&[used(true, NOW - 1), used(false, NOW - 2)], NOW), Ok(1));
        assert_eq!(failed(&[used(false, NOW - 1), used(true, NOW - 2), used(false, NOW - 3)], NOW), Ok(2));
        let old = [used(false, NOW - 1), used(false, NOW - 1001), used(false, NOW - 1002)];
        assert_eq!(failed(&old, NOW), Ok(2), "a second before the newest");
        let old = [used(false, NOW - 1), used(false, NOW - 1000), used(false, NOW - 1000)];
        assert_eq!(failed(&old, NOW), Err(999));
    }

    #[test]
    fn who_waited_begins_anew() {
        let three = [used(false, NOW), used(false, NOW - 1), used(false, NOW - 2)];
        assert_eq!(failed(&three, NOW), Err(1000));
        assert_eq!(failed(&three, NOW + 999), Err(1));
        assert_eq!(failed(&three, NOW + 1000), Ok(1));
        let raised = Limits { max_attempts: 4, ..LIMITS };
        assert!(matches!(judge("1", &[], &three, raised, NOW), Verdict::Judged { failed: 4, .. }));
        let lowered = Limits { max_attempts: 2, ..LIMITS };
        assert!(matches!(judge("1", &[], &three, lowered, NOW), Verdict::LimitReached { .. }));
    }

    #[test]
    fn a_right_code_is_right_once() {
        let (short, long) = (device(RFC, 30, 1), device("JBSWY3DPEHPK3PXP", 60, 2));
        let now = 59_000;
        let Verdict::Judged { code, failed: 0 } = judge("287082", &[&long, &short], &[], LIMITS, now) else {
            unreachable!()
        };
        let expected =
            UsedCode { code: "287082".to_owned(), is_valid: true, expires_at: now + 90_000, created_at: now };
        assert_eq!(code, expected);
        let again = judge("287082", &[&short], std::slice::from_ref(&code), LIMITS, now);
        let refused = UsedCode { is_valid: false, created_at: now + 1, ..code.clone() };
        assert_eq!(again, Verdict::Judged { code: refused, failed: 1 });
        let Verdict::Judged { code: wrong, .. } = judge("1", &[&short, &long], &[code], LIMITS, now) else {
            unreachable!()
        };
        assert_eq!(wrong.expires_at, now + 300_000, "of the device whose codes last longest");
        let too_long = judge("123456789", &[&short], &[], LIMITS, now);
        assert_eq!(too_long, Verdict::TooLong { failed: 1 });
    }

    #[test]
    fn names_of_devices_are_taken_by_verified_ones() {
        let named = |name: &str, verified| Device { name: name.to_owned(), verified, ..device(RFC, 30, 1) };
        let devices = [named("a", true), named("b", false), named("TOTP Device 2", true)];
        let name = |asked: &str| name_of_new(&devices, Some(asked.to_owned()));
        assert_eq!((name("a"), name("b"), name("c")), (None, Some("b".to_owned()), Some("c".to_owned())));
        assert_eq!(name_of_new(&devices, None).as_deref(), Some("TOTP Device 3"));
        assert_eq!(name_of_new(&[named("TOTP Device 0", false)], None).as_deref(), Some("TOTP Device 0"));
    }
}
