//! Every random value the core makes, from the library's cryptographic generator.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes behind one `verification_token`: 96 bytes are exactly 128 base64url characters.
const VERIFICATION_TOKEN_BYTES: usize = 96;

/// A random (version 4) UUID in its lower-case, hyphenated form.
pub fn uuid() -> String {
    uuid::Builder::from_random_bytes(bytes()).into_uuid().to_string()
}

/// A UUID that begins with a time in milliseconds since 1970 (version 7), followed by 74 random bits. Rows
/// about new users lie side by side in their indexes, which takes a fraction of the pages to write.
pub fn ordered_uuid(now: i64) -> String {
    ordered_uuid_of(now, &bytes())
}

/// As [`ordered_uuid`], with a place among those of one time in the first 16 of the random bits: ids that are made at
/// once follow each other as well, and a page of an index is filled before the next one is begun.
pub(crate) fn ordered_uuid_at(now: i64, place: u16) -> String {
    let mut bits: [u8; 10] = bytes();
    let [high, low] = place.to_be_bytes();
    // Of the first byte the format takes the lower four bits, and of the third one the lower six.
    bits[0] = high >> 4;
    bits[1] = high << 4 | low >> 4;
    bits[2] = (low & 0x0f) << 2 | bits[2] & 0x03;
    ordered_uuid_of(now, &bits)
}

/// As [`ordered_uuid`], with these bits for the random ones, but for the first six.
pub(crate) fn ordered_uuid_of(now: i64, bits: &[u8; 10]) -> String {
    let millis = u64::try_from(now).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(millis, bits).into_uuid().to_string()
}

/// Whether a text is a UUID as the core writes them: in lower case, with hyphens.
pub(crate) fn is_uuid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|id| id.to_string() == text)
}

/// `N` random bytes.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill(&mut out);
    out
}

/// `byte_len` random bytes as base64url without padding.
pub fn url_safe_token(byte_len: usize) -> String {
    let mut raw = vec![0; byte_len];
    fill(&mut raw);
    URL_SAFE_NO_PAD.encode(raw)
}

/// A token for password reset and email verification: 128 URL-safe characters.
pub fn verification_token() -> String {
    url_safe_token(VERIFICATION_TOKEN_BYTES)
}

/// So many random digits, each as likely as the others.
pub fn digits(count: usize) -> String {
    let mut out = String::with_capacity(count);
    while out.len() < count {
        let [byte] = bytes();
        // 250 to 255 would make the first six digits likelier.
        if byte < 250 {
            out.push(char::from(b'0' + byte % 10));
        }
    }
    out
}

/// A number in `[0, 1)` with 52 random bits, for jitter and sampling.
pub fn unit_interval() -> f64 {
    let bits = u64::from_le_bytes(bytes());
    // The top bits become the mantissa of a float in [1, 2).
    f64::from_bits((bits >> 12) | 1.0_f64.to_bits()) - 1.0
}

#[expect(
    clippy::expect_used,
    reason = "without a random source no secret may be issued; going on would be worse"
)]
fn fill(out: &mut [u8]) {
    rand::fill(out).expect("the system's random source works");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verification_tokens_are_128_url_safe_characters_and_differ() {
        let token = verification_token();
        assert_eq!(token.len(), 128);
        assert!(token.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_'));
        assert_ne!(token, verification_token());
    }

    #[test]
    fn every_digit_is_as_likely_as_the_others() {
        let text = digits(10_000);
        assert_eq!(text.len(), 10_000);
        for digit in '0'..='9' {
            let share = text.matches(digit).count();
            // Ten standard deviations.
            assert!((700..1300).contains(&share), "{digit}: {share}");
        }
    }

    #[test]
    fn uuid_is_version_4() {
        let text = uuid();
        assert_eq!(text.len(), 36);
        assert_eq!(text.as_bytes()[14], b'4');
        assert!(matches!(text.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_eq!(text, text.to_ascii_lowercase());
        assert!(is_uuid(&text) && !is_uuid(&text.to_ascii_uppercase()) && !is_uuid(&text.replace('-', "")));
        assert!(!is_uuid(""));
    }

    #[test]
    fn of_one_time_they_are_in_the_order_of_their_places() {
        let now = 1_753_282_800_000;
        let all: Vec<String> = (0..=u16::MAX).map(|place| ordered_uuid_at(now, place)).collect();
        assert!(all.is_sorted());
        assert!(all.iter().all(|id| is_uuid(id) && id[..13] == ordered_uuid(now)[..13]));
        assert_eq!(uuid::Uuid::try_parse(&all[4096 + 17]).unwrap().get_version_num(), 7);
        assert_ne!(ordered_uuid_at(now, 5), ordered_uuid_at(now, 5));
    }

    #[test]
    fn ordered_uuids_are_version_7_and_in_the_order_of_their_times() {
        let now = 1_764_000_000_000;
        let all: Vec<String> = (0..100).map(|later| ordered_uuid(now + later)).collect();
        assert!(all.is_sorted(), "{all:?}");
        assert!(all.iter().all(|text| text.len() == 36 && text.as_bytes()[14] == b'7'), "{all:?}");
        assert_ne!(ordered_uuid(now), ordered_uuid(now));
        assert_eq!(ordered_uuid(-1).len(), 36);
    }

    #[test]
    fn unit_interval_stays_inside_and_spreads() {
        let values: Vec<f64> = (0..1000).map(|_| unit_interval()).collect();
        assert!(values.iter().all(|v| (0.0..1.0).contains(v)));
        assert!(values.iter().any(|v| *v < 0.25));
        assert!(values.iter().any(|v| *v > 0.75));
    }
}
