//! PBKDF2 and scrypt hashes that other systems made: verified, but never made here.

use super::digest::secrets_equal;
use aws_lc_rs::pbkdf2::{self, Algorithm};
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use scrypt::Params;
use std::num::NonZeroU32;
use unicode_normalization::UnicodeNormalization as _;

/// With or without padding: systems differ in it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Less of a hash is guessed too soon; more of it says nothing more.
const HASH_BYTES: std::ops::RangeInclusive<usize> = 16..=128;
/// So many iterations, of all blocks of a hash together, take some seconds.
const PBKDF2_MAX_ITERATIONS: u64 = 10_000_000;
/// `N`·`r`·`p`: 1 GiB of memory, or some seconds.
const SCRYPT_MAX_WORK: u64 = 1 << 23;

/// `$pbkdf2-<digest>$i=<iterations>,l=<bytes>$<salt>$<hash>`, as Auth0 and Ory Kratos write it. The digest is `sha1`,
/// `sha256`, `sha384` or `sha512`; salt and hash are base64.
pub(crate) struct Pbkdf2Hash {
    algorithm: Algorithm,
    /// Bytes of the digest.
    block: usize,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Pbkdf2Hash {
    /// `None` if the text does not have the form.
    pub(crate) fn parse(stored: &str) -> Option<Self> {
        let parts: [&str; 4] =
            stored.strip_prefix("$pbkdf2-")?.split('$').collect::<Vec<_>>().try_into().ok()?;
        let [digest, costs, salt, hash] = parts;
        let (algorithm, block) = match digest {
            "sha1" => (pbkdf2::PBKDF2_HMAC_SHA1, 20),
            "sha256" => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
            "sha384" => (pbkdf2::PBKDF2_HMAC_SHA384, 48),
            "sha512" => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
            _ => return None,
        };
        let (iterations, length) = costs.strip_prefix("i=")?.split_once(",l=")?;
        let (salt, hash) = (BASE64.decode(salt).ok()?, BASE64.decode(hash).ok()?);
        let is_whole = length.parse() == Ok(hash.len()) && HASH_BYTES.contains(&hash.len());
        is_whole.then_some(Self { algorithm, block, iterations: iterations.parse().ok()?, salt, hash })
    }

    /// Whether verifying it would keep everybody else waiting.
    pub(crate) fn costs_too_much(&self) -> bool {
        let blocks = self.hash.len().div_ceil(self.block) as u64;
        u64::from(self.iterations.get()) * blocks > PBKDF2_MAX_ITERATIONS
    }

    /// Whether the password gives this hash.
    pub(crate) fn verify(&self, password: &str) -> bool {
        let Self { algorithm, iterations, salt, hash, .. } = self;
        !self.costs_too_much()
            && pbkdf2::verify(*algorithm, *iterations, salt, password.as_bytes(), hash).is_ok()
    }
}

/// `$scrypt$ln=<cost>,r=<block size>,p=<lanes>$<salt>$<hash>` with base64, where the cost is the logarithm of `N`, or
/// `N` itself, as Ory Kratos writes it; or `<salt>:<hash>` in hex, as Better Auth does.
#[derive(Debug)]
pub(crate) struct ScryptHash {
    log_n: u8,
    block_size: u32,
    lanes: u32,
    salt: Vec<u8>,
    /// In lower-case hex.
    hash: String,
    /// Whether passwords are brought into the normal form NFKC first.
    normalises: bool,
}

impl ScryptHash {
    /// `None` if the text has neither form.
    pub(crate) fn parse(stored: &str) -> Option<Self> {
        let Some(rest) = stored.strip_prefix("$scrypt$") else { return Self::parse_better_auth(stored) };
        let [costs, salt, hash]: [&str; 3] = rest.split('$').collect::<Vec<_>>().try_into().ok()?;
        let (cost, costs) = costs.strip_prefix("ln=")?.split_once(",r=")?;
        let (block_size, lanes) = costs.split_once(",p=")?;
        let (salt, hash) = (BASE64.decode(salt).ok()?, BASE64.decode(hash).ok()?);
        HASH_BYTES.contains(&hash.len()).then_some(Self {
            log_n: read_cost(cost)?,
            block_size: block_size.parse().ok()?,
            lanes: lanes.parse().ok()?,
            salt,
            hash: super::digest::hex(&hash),
            normalises: false,
        })
    }

    /// The salt is not what its hex says, but the hex itself.
    fn parse_better_auth(stored: &str) -> Option<Self> {
        let (salt, hash) = stored.split_once(':')?;
        let is_hex = |text: &str| text.bytes().all(|c| c.is_ascii_hexdigit());
        let is_it = salt.len() == 32 && hash.len() == 128 && is_hex(salt) && is_hex(hash);
        is_it.then(|| Self {
            log_n: 14,
            block_size: 16,
            lanes: 1,
            salt: salt.as_bytes().to_vec(),
            hash: hash.to_lowercase(),
            normalises: true,
        })
    }

    /// Whether verifying it would keep everybody else waiting.
    pub(crate) fn costs_too_much(&self) -> bool {
        let work = 1_u64.checked_shl(self.log_n.into());
        let work = work.and_then(|n| n.checked_mul(self.block_size.into())?.checked_mul(self.lanes.into()));
        work.is_none_or(|work| work > SCRYPT_MAX_WORK)
    }

    /// Whether the password gives this hash.
    pub(crate) fn verify(&self, password: &str) -> bool {
        if self.costs_too_much() {
            return false;
        }
        let normal: String = if self.normalises { password.nfkc().collect() } else { password.to_owned() };
        let Ok(params) = Params::new(self.log_n, self.block_size, self.lanes) else { return false };
        let mut derived = vec![0; self.hash.len() / 2];
        scrypt::scrypt(normal.as_bytes(), &self.salt, &params, &mut derived).is_ok()
            && secrets_equal(&super::digest::hex(&derived), &self.hash)
    }
}

/// The logarithm of `N`: no computer has memory for an `N` of which it could be taken for.
fn read_cost(text: &str) -> Option<u8> {
    let cost: u64 = text.parse().ok()?;
    match u8::try_from(cost) {
        Ok(log_n @ 1..64) => Some(log_n),
        _ if cost.is_power_of_two() && cost > 1 => u8::try_from(cost.ilog2()).ok(),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const PASSWORD: &str = "testPass123";
    /// By Python's `hashlib.pbkdf2_hmac` with the salt 1, 2, …, 16.
    pub(crate) const PBKDF2: &str =
        "$pbkdf2-sha256$i=1000,l=32$AQIDBAUGBwgJCgsMDQ4PEA$4tWxBFM+HIMOOl4tdZ0G3CA1PMU5AW/C/GdGybrX+C0";
    /// By Python's `hashlib.scrypt` with the salt 1, 2, …, 16.
    pub(crate) const SCRYPT: &str =
        "$scrypt$ln=14,r=8,p=1$AQIDBAUGBwgJCgsMDQ4PEA$qmXl+uJVPSlkc3EbezqnhrPhvABoinbwgSiK2vGYXVI";
    /// By Python's `hashlib.scrypt` with the settings of Better Auth's `crypto/password.ts`.
    pub(crate) const BETTER_AUTH: &str = "0102030405060708090a0b0c0d0e0f10:37bfbdaf60a93e8c1ef2da0de54249cb70ed576c17d1a4930c35a427d2f72b31ad1ade2c007521727a875a2f905109ca275cae1dda537e78b52eedade3b1a7bc";

    fn pbkdf2(stored: &str, password: &str) -> bool {
        Pbkdf2Hash::parse(stored).is_some_and(|hash| hash.verify(password))
    }

    fn scrypt(stored: &str, password: &str) -> bool {
        ScryptHash::parse(stored).is_some_and(|hash| hash.verify(password))
    }

    #[test]
    fn known_pbkdf2_hashes_verify() {
        for (password, stored) in [
            // RFC 6070, with 4096 iterations; RFC 7914, section 11, with 80,000.
            ("password", "$pbkdf2-sha1$i=4096,l=20$c2FsdA$SwB5AbdlSJq+rUnZJvch0GWkKcE"),
            (
                "Password",
                "$pbkdf2-sha256$i=80000,l=64$TmFDbA$TdzY9guYviGDDO5e8icB+WQaRBjQTAQUrv8Ih2s0q1ah1CWhIlgzVJrbhBtRybMXaicr3ruh0HhHj2Kzl/M8jQ==",
            ),
            (PASSWORD, PBKDF2),
            // As `PBKDF2`.
            (
                PASSWORD,
                "$pbkdf2-sha384$i=1000,l=48$AQIDBAUGBwgJCgsMDQ4PEA$BRSh0wELivM6yrJ7JJiZxXBQSMhy0YIExdgW3IpaDYywnRavcbW6oylvtU4AMx+7",
            ),
            (
                PASSWORD,
                "$pbkdf2-sha512$i=1000,l=64$AQIDBAUGBwgJCgsMDQ4PEA$x/1NVLKQcg+3bxcQI6dpJsoDojulZixC/YF1AHS6IidKZ+MR6fkKayRtCqwzlF2SC10iUBZIjM739/NnhgzmmQ",
            ),
        ] {
            assert!(pbkdf2(stored, password), "{stored}");
            assert!(!pbkdf2(stored, "testPass124"), "{stored}");
            assert!(!pbkdf2(&stored.replace("$i=", "$i=1"), password), "{stored}");
        }
    }

    #[test]
    fn known_scrypt_hashes_verify() {
        for (password, stored) in [
            // RFC 7914, section 12.
            (
                "pleaseletmein",
                "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw",
            ),
            (PASSWORD, SCRYPT),
            (PASSWORD, BETTER_AUTH),
        ] {
            assert!(scrypt(stored, password), "{stored}");
            assert!(!scrypt(stored, "testPass124"), "{stored}");
        }
        // The cost and the padding of Ory Kratos.
        let kratos = SCRYPT.replace("ln=14", "ln=16384").replace("PEA$", "PEA==$");
        assert!(scrypt(&format!("{kratos}="), PASSWORD));
        assert!(!scrypt(&SCRYPT.replace("ln=14", "ln=13"), PASSWORD));
        assert!(scrypt(&BETTER_AUTH.to_uppercase().replace("0A0B0C0D0E0F", "0a0b0c0d0e0f"), PASSWORD));
    }

    #[test]
    fn better_auth_normalises_passwords() {
        let (salt, _) = BETTER_AUTH.split_once(':').unwrap();
        let stored = format!(
            "{salt}:aade3934216da9a2a64df225c2447c0c68a4255ee2fb200c5dd874ee1209a19ee01163cebec903c86f30288253d0fb89c8619a5f9fc6d485a48c0ee0a42c73af"
        );
        // A ligature, a digit in a circle, and the sign for Ångström.
        assert!(scrypt(&stored, "\u{fb01}n\u{2460}\u{212b}"));
        assert!(scrypt(&stored, "fin1\u{c5}"));
    }

    #[test]
    fn what_is_malformed_is_neither() {
        let (salt, hash) = ("AQIDBAUGBwgJCgsMDQ4PEA", "4tWxBFM+HIMOOl4tdZ0G3CA1PMU5AW/C/GdGybrX+C0");
        for stored in [
            String::new(),
            "$pbkdf2-sha256$".to_owned(),
            format!("$pbkdf2-md5$i=1000,l=32${salt}${hash}"),
            format!("$pbkdf2-sha256$i=0,l=32${salt}${hash}"),
            format!("$pbkdf2-sha256$i=1000,l=31${salt}${hash}"),
            format!("$pbkdf2-sha256$i=1000,l=32${salt}${hash}$"),
            format!("$pbkdf2-sha256$i=1000,l=4${salt}$4tWxBA"),
            format!("$pbkdf2-sha256$i=1000,l=32$!${hash}"),
            format!("$scrypt$ln=0,r=8,p=1${salt}${hash}"),
            format!("$scrypt$ln=100,r=8,p=1${salt}${hash}"),
            format!("$scrypt$ln=14,r=8${salt}${hash}"),
            format!("$scrypt$ln=14,r=8,p=1${salt}$"),
            format!("$scrypt$ln=14,r=8,p=1${salt}${hash}$"),
            BETTER_AUTH.replace(':', ""),
            BETTER_AUTH.replace(":3", ":g"),
        ] {
            assert!(Pbkdf2Hash::parse(&stored).is_none() && ScryptHash::parse(&stored).is_none(), "{stored}");
        }
    }

    #[test]
    fn what_would_keep_everybody_waiting_verifies_nothing() {
        let costly = PBKDF2.replace("i=1000", "i=4294967295");
        assert!(Pbkdf2Hash::parse(&costly).unwrap().costs_too_much() && !pbkdf2(&costly, PASSWORD));
        // One block in 32 bytes, two in 64.
        for (stored, is_too_much) in
            [(PBKDF2.replace("i=1000", "i=10000000"), false), (PBKDF2.replace("i=1000", "i=10000001"), true)]
        {
            assert_eq!(Pbkdf2Hash::parse(&stored).unwrap().costs_too_much(), is_too_much, "{stored}");
        }
        for (costs, is_too_much) in [
            ("ln=20,r=8,p=1", false),
            ("ln=20,r=8,p=2", true),
            ("ln=63,r=8,p=1", true),
            ("ln=14,r=4294967295,p=4294967295", true),
            ("ln=9223372036854775808,r=8,p=1", true),
        ] {
            let stored = SCRYPT.replace("ln=14,r=8,p=1", costs);
            let hash = ScryptHash::parse(&stored).unwrap();
            assert_eq!(hash.costs_too_much(), is_too_much, "{costs}");
            assert!(!is_too_much || !hash.verify(PASSWORD), "{costs}");
        }
        // No lane at all costs nothing, and gives nothing.
        assert!(!scrypt(&SCRYPT.replace("p=1", "p=0"), PASSWORD));
    }
}
