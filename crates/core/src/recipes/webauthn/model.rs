//! The recipe's own types, and what options must be like.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use url::Url;

/// The most characters of a credential's id that the table holds.
const CREDENTIAL_ID_MAX: usize = 256;
/// How an Android app's origin begins; the hash of its signing certificate follows.
const ANDROID: &str = "android:apk-key-hash:";
/// The characters of 32 bytes in base64url without padding.
const ANDROID_HASH_LENGTH: usize = 43;

/// What was offered to an authenticator.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) id: String,
    pub(super) tenant_id: String,
    /// 32 random bytes in base64url.
    pub(super) challenge: String,
    /// Of options to make a passkey with.
    pub(super) email: Option<String>,
    pub(super) relying_party_id: String,
    pub(super) relying_party_name: String,
    pub(super) origin: String,
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
    pub(super) user_verification: String,
    pub(super) user_presence: bool,
}

/// A passkey that was made just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewCredential {
    /// In base64url.
    pub(super) id: String,
    /// The attested credential data: AAGUID, length and bytes of the id, COSE key.
    pub(super) public_key: Vec<u8>,
    pub(super) counter: i64,
    /// A JSON array, or `null` if the browser did not tell.
    pub(super) transports: String,
}

/// A passkey as it is kept.
#[derive(Clone, Debug)]
pub(super) struct Credential {
    pub(super) id: String,
    pub(super) relying_party_id: String,
    pub(super) user_id: String,
    pub(super) public_key: Vec<u8>,
    pub(super) counter: i64,
    pub(super) created_at: i64,
    pub(super) updated_at: i64,
}

/// A recovery token's row.
#[derive(Clone, Debug)]
pub(super) struct RecoveryToken {
    pub(super) user_id: String,
    pub(super) email: String,
    pub(super) expires_at: i64,
}

/// Why what an authenticator answered is not taken. The text is what callers see.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The options are of no use any more, or were made for something else.
    Options(String),
    /// It cannot be read.
    Credentials(String),
    /// It can be read, but does not answer the options.
    Authenticator(String),
}

/// What callers can choose about options; the defaults stand for what was left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wishes<'a> {
    pub(super) origin: &'a str,
    pub(super) relying_party_id: &'a str,
    pub(super) timeout: i64,
    pub(super) user_verification: &'a str,
    pub(super) attestation: &'a str,
    pub(super) resident_key: &'a str,
}

impl Wishes<'_> {
    /// Why these options cannot be made, if they cannot. The text is what callers see.
    pub(super) fn check(&self) -> Result<(), String> {
        check_origin(self.origin, self.relying_party_id)?;
        if self.timeout < 0 {
            return Err("Timeout must be a positive value".to_owned());
        }
        let levels = ["required", "discouraged", "preferred"];
        check_choice("userVerification", self.user_verification, &levels)?;
        check_choice("attestation", self.attestation, &["none", "indirect", "direct", "enterprise"])?;
        check_choice("residentKey", self.resident_key, &levels)
    }
}

fn check_choice(name: &str, value: &str, choices: &[&str]) -> Result<(), String> {
    if choices.contains(&value) {
        return Ok(());
    }
    Err(format!("Invalid value '{value}' for {name}. Must be one of: {}", choices.join(", ")))
}

/// A site's host is the relying party's domain or lies below it: that one ends in the other is not enough.
fn check_origin(origin: &str, relying_party_id: &str) -> Result<(), String> {
    if let Some(hash) = origin.strip_prefix(ANDROID) {
        return check_android_hash(hash).map_err(str::to_owned);
    }
    let url = Url::parse(origin).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    let host = url.as_ref().and_then(Url::host_str).ok_or("Origin has to be a valid url!")?;
    let is_below = || {
        let above = host.strip_suffix(relying_party_id).and_then(|rest| rest.strip_suffix('.'));
        above.is_some_and(|label| !label.is_empty() && !relying_party_id.is_empty())
    };
    if host == relying_party_id || is_below() {
        return Ok(());
    }
    Err("Origin does not match RelyingParty Id".to_owned())
}

fn check_android_hash(hash: &str) -> Result<(), &'static str> {
    // Padding, and bits that do not count, are passed over, as in the reference.
    let lenient = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    if hash.is_empty() {
        return Err("Android origin must contain a valid base64 hash");
    }
    let decoded = GeneralPurpose::new(&URL_SAFE, lenient).decode(hash);
    let decoded = decoded.map_err(|_| "Android origin hash must be valid URL-safe base64 (no padding)")?;
    if hash.len() != ANDROID_HASH_LENGTH {
        return Err("Android origin hash must be 43 characters (base64url SHA-256)");
    }
    if decoded.len() == 32 { Ok(()) } else { Err("Android origin hash must decode to 32 bytes (SHA-256)") }
}

/// The origin as browsers write it: scheme, host and port, without the default port.
pub(super) fn origin_text(origin: &str) -> Option<String> {
    if origin.starts_with(ANDROID) {
        return Some(origin.to_owned());
    }
    Some(Url::parse(origin).ok()?.origin().ascii_serialization())
}

/// The id and the kind of a credential, as far as they can be judged without looking inside.
pub(super) fn check_credential(id: Option<&str>, kind: Option<&str>) -> Result<(), Refusal> {
    let fault = match (id, kind) {
        (None, _) => "credential id is missing!".to_owned(),
        (Some(""), _) => "credential id is empty!".to_owned(),
        (Some(id), _) if id.len() > CREDENTIAL_ID_MAX => "credential id is too long!".to_owned(),
        (_, None) => "credential type is missing!".to_owned(),
        (_, Some("")) => "credential type is empty!".to_owned(),
        (_, Some(kind)) if !kind.eq_ignore_ascii_case("public-key") => {
            format!("not supported credential type: '{kind}'")
        }
        _ => return Ok(()),
    };
    Err(Refusal::Credentials(fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(origin: &str, relying_party_id: &str) -> Result<(), String> {
        check_origin(origin, relying_party_id)
    }

    #[test]
    fn an_origin_is_the_relying_party_or_below_it() {
        for (origin, id) in [
            ("https://example.com", "example.com"),
            ("https://a.b.example.com:8443", "example.com"),
            ("http://localhost:3000", "localhost"),
            ("http://127.0.0.1", "127.0.0.1"),
        ] {
            assert_eq!(check(origin, id), Ok(()), "{origin}");
        }
        let other = Err("Origin does not match RelyingParty Id".to_owned());
        for (origin, id) in [
            ("https://evil-example.com", "example.com"),
            ("https://evilexample.com", "example.com"),
            ("https://example.com", "www.example.com"),
            ("https://example.com.evil.org", "example.com"),
            ("https://user:example.com@evil.org", "example.com"),
            ("https://еxample.com", "example.com"),
            ("https://example.com", ""),
            ("https://example.com.", ""),
            ("https://example.com", ".com"),
        ] {
            assert_eq!(check(origin, id), other, "{origin} {id}");
        }
        for origin in ["", "example.com", "ftp://example.com", "javascript:example.com", "https://"] {
            assert_eq!(check(origin, "example.com"), Err("Origin has to be a valid url!".to_owned()));
        }
    }

    #[test]
    fn an_android_origin_holds_a_hash() {
        let hash = "A".repeat(43);
        for (hash, outcome) in [
            (hash.as_str(), Ok(())),
            ("", Err("Android origin must contain a valid base64 hash")),
            ("+/+/", Err("Android origin hash must be valid URL-safe base64 (no padding)")),
            ("AAAA", Err("Android origin hash must be 43 characters (base64url SHA-256)")),
            (&"A".repeat(44), Err("Android origin hash must be 43 characters (base64url SHA-256)")),
        ] {
            assert_eq!(check(&format!("{ANDROID}{hash}"), "any"), outcome.map_err(str::to_owned), "{hash}");
        }
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        assert_eq!(origin_text("HTTPS://Example.com:443/a?b").as_deref(), Some("https://example.com"));
        assert_eq!(origin_text("http://localhost:3000").as_deref(), Some("http://localhost:3000"));
        assert_eq!(origin_text("android:apk-key-hash:Ab").as_deref(), Some("android:apk-key-hash:Ab"));
    }

    #[test]
    fn what_is_wrong_with_a_credential_is_said_in_order() {
        let long = "A".repeat(257);
        for (id, kind, fault) in [
            (None, None, "credential id is missing!"),
            (Some(""), None, "credential id is empty!"),
            (Some(long.as_str()), None, "credential id is too long!"),
            (Some("a"), None, "credential type is missing!"),
            (Some("a"), Some(""), "credential type is empty!"),
            (Some("a"), Some("password"), "not supported credential type: 'password'"),
        ] {
            assert_eq!(check_credential(id, kind), Err(Refusal::Credentials(fault.to_owned())));
        }
        assert_eq!(check_credential(Some("a"), Some("Public-Key")), Ok(()));
    }
}
