//! What follows from what: device, code, link and their hashes; and what an attempt with a code comes to.

use crate::crypto::CryptoError;
use crate::crypto::digest::{Secret, hmac_sha256, sha256};
use crate::ground::users::model::InfoKind;
use base64::Engine as _;
use base64::alphabet::{self, Alphabet};
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Where codes are sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Contact {
    /// An e-mail address.
    Email(String),
    /// A phone number.
    Phone(String),
}

impl Contact {
    /// Address or number; which of the two a row has.
    pub(super) fn of_row(email: Option<String>, phone_number: Option<String>) -> Self {
        email.map_or_else(|| Self::Phone(phone_number.unwrap_or_default()), Self::Email)
    }

    pub(super) fn kind(&self) -> InfoKind {
        match self {
            Self::Email(_) => InfoKind::Email,
            Self::Phone(_) => InfoKind::Phone,
        }
    }

    pub(super) fn value(&self) -> &str {
        match self {
            Self::Email(value) | Self::Phone(value) => value,
        }
    }

    pub(super) fn email(&self) -> Option<&str> {
        if let Self::Email(email) = self { Some(email) } else { None }
    }

    pub(super) fn phone_number(&self) -> Option<&str> {
        if let Self::Phone(number) = self { Some(number) } else { None }
    }
}

/// Which devices something is about.
#[derive(Clone, Debug)]
pub(super) enum Which {
    /// The one with this hash of its id.
    Hash(String),
    /// All of an address or number.
    Of(Contact),
}

/// A device's row.
#[derive(Clone, Debug)]
pub(super) struct Device {
    /// The hash of its id.
    pub(super) hash: String,
    pub(super) contact: Contact,
    /// Standard base64. Without it no code could be tried out by way of links, which are not counted.
    pub(super) link_code_salt: Secret,
    pub(super) failed_attempts: i64,
}

/// A code's row.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) id: String,
    pub(super) device_hash: String,
    /// Milliseconds since 1970.
    pub(super) created_at: i64,
}

/// The secret that a sign-in is begun with. It has no `Debug`: it does not belong into a log.
pub(super) struct DeviceId(Vec<u8>);

impl DeviceId {
    pub(super) fn new(bytes: [u8; 32]) -> Self {
        Self(bytes.to_vec())
    }

    /// From standard base64.
    pub(super) fn decode(text: &str) -> Option<Self> {
        decode(&alphabet::STANDARD, text).map(Self)
    }

    /// Standard base64.
    pub(super) fn encode(&self) -> String {
        STANDARD.encode(&self.0)
    }

    /// By what it is found, and known to callers (`preAuthSessionId`).
    pub(super) fn hash(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256(&self.0))
    }

    /// What a code that is entered comes to as a link.
    pub(super) fn link_code(&self, salt: &Secret, user_input_code: &Secret) -> Result<LinkCode, CryptoError> {
        let salt = decode(&alphabet::STANDARD, salt.reveal());
        let salt = salt.ok_or(CryptoError::MalformedKey("a link code's salt"))?;
        let key = [self.0.as_slice(), &salt].concat();
        Ok(LinkCode(hmac_sha256(&key, user_input_code.reveal().as_bytes()).as_ref().to_vec()))
    }
}

/// A code as a link holds it. It has no `Debug`: it does not belong into a log.
pub(super) struct LinkCode(Vec<u8>);

impl LinkCode {
    /// From URL-safe base64.
    pub(super) fn decode(text: &str) -> Option<Self> {
        decode(&alphabet::URL_SAFE, text).map(Self)
    }

    /// URL-safe base64 without padding.
    pub(super) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// By what it is found.
    pub(super) fn hash(&self) -> String {
        URL_SAFE.encode(sha256(&self.0))
    }
}

/// As the reference's decoder: padding may be left out, but not a part of it; bits beyond the last byte do
/// not matter.
fn decode(alphabet: &Alphabet, text: &str) -> Option<Vec<u8>> {
    let padding =
        if text.contains('=') { DecodePaddingMode::RequireCanonical } else { DecodePaddingMode::RequireNone };
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(padding);
    GeneralPurpose::new(alphabet, config.with_decode_allow_trailing_bits(true)).decode(text).ok()
}

/// What shows that a code was received.
pub(super) enum Proof {
    /// The link was followed.
    Link(LinkCode),
    /// The code was entered on the device.
    Entered { device_id: DeviceId, user_input_code: Secret },
}

/// What an attempt comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The code is right.
    Right,
    /// It is not; so many attempts have failed now.
    Incorrect(i64),
    /// It is too old; so many attempts have failed now.
    Expired(i64),
    /// The link leads nowhere.
    DeadLink,
    /// No attempt is left: the device goes.
    Spent,
}

/// How codes are judged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// The attempt with this number is the last one.
    pub(super) max_attempts: i64,
    /// Codes made before this, in milliseconds since 1970, are too old.
    pub(super) oldest: i64,
}

impl Rules {
    /// Whether a code made then still works.
    pub(super) fn is_alive(self, created_at: i64) -> bool {
        created_at >= self.oldest
    }

    /// Judges an attempt: when the code was made, if the device has it. Only what was entered is counted; a
    /// link cannot be guessed. The failed attempts may be too many already, if fewer are allowed than before.
    pub(super) fn judge(self, failed_attempts: i64, created_at: Option<i64>, was_entered: bool) -> Verdict {
        let failed = failed_attempts + 1;
        match created_at {
            _ if failed_attempts >= self.max_attempts => Verdict::Spent,
            Some(created_at) if self.is_alive(created_at) => Verdict::Right,
            _ if !was_entered => Verdict::DeadLink,
            _ if failed >= self.max_attempts => Verdict::Spent,
            Some(_) => Verdict::Expired(failed),
            None => Verdict::Incorrect(failed),
        }
    }
}

/// What becomes of an address or number.
#[derive(Clone, Debug)]
pub(super) enum Update {
    Keep,
    Clear,
    Set(String),
}

impl Update {
    /// What it is afterwards.
    pub(super) fn applied<'a>(&'a self, old: Option<&'a str>) -> Option<&'a str> {
        match self {
            Self::Keep => old,
            Self::Clear => None,
            Self::Set(new) => Some(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by other means: `hashlib`, `hmac` and `base64` of Python, of the bytes 0 to 31 as device and
    /// 32 to 63 as salt.
    #[test]
    fn the_chain_of_hashes_is_the_reference_s() {
        let device = DeviceId::decode("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        assert_eq!(device.encode(), "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
        assert_eq!(device.hash(), "Yw3NKWbEM2aRElRIu7JbT_QSpJxzLbLIq8G4WBvXEN0");
        let salt = Secret::new("ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8=");
        let link = device.link_code(&salt, &Secret::new("012345")).unwrap();
        assert_eq!(link.encode(), "2COMsqs1SDB0gBSOAcE8pY6o2Vd8MDrLaqiB8SZ92J4");
        assert_eq!(link.hash(), "hLgQRXqx1GBnjww04Rq4IegAOvfmB97DRFJ60u0noIg=");
        assert!(device.link_code(&Secret::new("*"), &Secret::new("012345")).is_err());
    }

    #[test]
    fn base64_is_read_as_by_the_reference() {
        for (text, bytes) in [
            ("QQ==", Some("A")),
            ("QQ", Some("A")),
            ("QR==", Some("A")),
            ("QUI=", Some("AB")),
            ("", Some("")),
            ("QQ=", None),
            ("Q", None),
            ("QQ==QQ==", None),
            ("QQ\n==", None),
        ] {
            let bytes = bytes.map(|text| text.as_bytes().to_vec());
            assert_eq!(DeviceId::decode(text).map(|id| id.0), bytes, "{text}");
            assert_eq!(LinkCode::decode(text).map(|code| code.0), bytes, "{text}");
        }
        assert!(DeviceId::decode("-_8=").is_none() && LinkCode::decode("-_8=").is_some());
        assert!(DeviceId::decode("+/8=").is_some() && LinkCode::decode("+/8=").is_none());
    }

    #[test]
    fn attempts_with_codes_are_counted_and_links_are_not() {
        let rules = Rules { max_attempts: 3, oldest: 100 };
        for (failed, created_at, was_entered, verdict) in [
            (0, Some(100), true, Verdict::Right),
            (2, Some(100), false, Verdict::Right),
            (0, Some(99), true, Verdict::Expired(1)),
            (1, None, true, Verdict::Incorrect(2)),
            (2, None, true, Verdict::Spent),
            (2, Some(99), true, Verdict::Spent),
            (2, None, false, Verdict::DeadLink),
            (0, Some(99), false, Verdict::DeadLink),
            (3, Some(100), true, Verdict::Spent),
            (3, Some(100), false, Verdict::Spent),
        ] {
            let judged = rules.judge(failed, created_at, was_entered);
            assert_eq!(judged, verdict, "{failed} {created_at:?} {was_entered}");
        }
    }
}
