//! One-time codes: 20 bytes of a secret, period, skew and limits, then for each attempt how much time passes
//! and which period's code is shown. The first byte may instead say that secret and code are texts.

use crate::input::{choice, lines};
use aws_lc_rs::hmac;
use portcullis_core::recipes::fuzzing::totp::{Outcome, User, encode};

const START: i64 = 1_700_000_000_000;
/// At most.
const ATTEMPTS: u8 = 64;

/// A code is right in its time, and only once; after too many wrong ones none is looked at.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    if form % 2 == 0 {
        let Some([secret, code]) = lines(rest) else { return };
        let mut user = User::new(secret, (30, 1), (3, 1000));
        if user.show(code, START) == Outcome::Right {
            assert_eq!(user.show(code, START), Outcome::Wrong(1), "a code is right once");
        }
        return;
    }
    let Some((secret, rest)) = rest.split_first_chunk::<20>() else { return };
    let Some(([period, skew, max_attempts, cooldown], attempts)) = rest.split_first_chunk::<4>() else {
        return;
    };
    let (period, skew) = (i64::from(*period) + 1, i64::from(*skew % 8));
    let (max_attempts, cooldown_ms) = (usize::from(*max_attempts % 8) + 1, i64::from(*cooldown) * 100);
    let code_of = |step: i64| code(secret, u64::try_from(step).unwrap_or_default());
    let mut user = User::new(&encode(*secret), (period, skew), (max_attempts, cooldown_ms));
    let mut accepted: Vec<(String, i64)> = Vec::new();
    let mut now = START;
    for [passed, which] in attempts.as_chunks().0.iter().take(ATTEMPTS.into()) {
        now += i64::from(*passed) * 250;
        let current = now / 1000 / period;
        let shown = code_of(current + i64::from(which.cast_signed()));
        let is_timely = (current - skew..=current + skew).any(|step| code_of(step) == shown);
        let is_replay = accepted.iter().any(|(code, until)| *code == shown && *until > now);
        match user.show(&shown, now) {
            Outcome::Right => {
                assert!(is_timely && !is_replay);
                accepted.push((shown, now + (2 * skew + 1) * period * 1000));
            }
            Outcome::Wrong(failed) => {
                assert!(!is_timely || is_replay);
                assert!((1..=max_attempts).contains(&failed), "{failed}");
            }
            // Codes that were shown at one moment count as one millisecond after the other.
            Outcome::LimitReached(wait) => {
                assert!((1..=cooldown_ms + i64::from(ATTEMPTS)).contains(&wait), "{wait}");
            }
        }
    }
}

/// RFC 4226.
fn code(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let at = usize::from(tag[19] & 15);
    let number = u32::from_be_bytes([tag[at] & 0x7f, tag[at + 1], tag[at + 2], tag[at + 3]]);
    format!("{:06}", number % 1_000_000)
}
