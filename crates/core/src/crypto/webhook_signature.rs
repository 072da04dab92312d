//! Signatures of the Standard Webhooks specification: HMAC-SHA-256 over id, time and body.

use super::digest::hmac_sha256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, by the specification.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that the core and a receiver share. Its `Debug` form does not show it.
#[derive(Clone)]
pub struct WebhookSecret(Vec<u8>);

impl WebhookSecret {
    /// Reads `whsec_` and base64; `None` if it is not that, or not of 24 to 64 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        LENGTHS.contains(&bytes.len()).then_some(Self(bytes))
    }

    /// The signature of a message, as it stands in `webhook-signature`; the time in seconds since 1970.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let signed = format!("{id}.{timestamp}.{body}");
        format!("v1,{}", STANDARD.encode(hmac_sha256(&self.0, signed.as_bytes())))
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the specification's own libraries are tested with.
    #[test]
    fn a_signature_is_the_specification_s() {
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(format!("{secret:?}"), "[secret]");
    }

    #[test]
    fn a_secret_has_a_prefix_and_enough_bytes() {
        let of = |bytes: usize| format!("whsec_{}", STANDARD.encode(vec![7; bytes]));
        for (text, is_secret) in [
            (of(23), false),
            (of(24), true),
            (of(64), true),
            (of(65), false),
            (STANDARD.encode([7; 32]), false),
            (format!("{}!", of(24)), false),
            (String::new(), false),
        ] {
            assert_eq!(WebhookSecret::parse(&text).is_some(), is_secret, "{text}");
        }
    }
}
