//! Hashes that are brought along: the first byte chooses the settings, a hash follows, and a password.

use crate::input::{choice, lines};
use portcullis_core::crypto::password_hash::{HashSettings, Kind, StoredHash, hash, needs_rehash, verify};

/// Firebase's published example.
const SIGNER_KEY: &str =
    "gRhC3eDeQOdyEn4bMd9c6kxguWVmcIVq/SKa0JDPFeM6TcEevkaW56sIWfx88OHbJKnCXdWscZx0l2WbCJ1wbg==";

/// Any hash is judged without a panic; a new one is known, up to date, and right for its password.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = choice(data) else { return };
    let Some([stored, password]) = lines(rest) else { return };
    let settings = if choice % 2 == 0 {
        HashSettings::Bcrypt { rounds: 4 }
    } else {
        HashSettings::Argon2 { iterations: 1, memory_kb: 8, parallelism: 1 }
    };
    needs_rehash(stored, &settings);
    let kind = StoredHash::recognise(stored);
    if StoredHash::costs_too_much(stored) {
        assert!(kind.is_some());
    } else if is_cheap(stored) {
        let is_right = verify(password, stored, Some(SIGNER_KEY)).unwrap();
        assert!(!is_right || kind.is_some());
    }
    // Most inputs are about the hash alone.
    if choice < 0xf0 {
        return;
    }
    let new = hash(password, &settings).unwrap();
    assert_eq!(StoredHash::recognise(&new), Some(if choice % 2 == 0 { Kind::Bcrypt } else { Kind::Argon2 }));
    assert!(!needs_rehash(&new, &settings) && !StoredHash::costs_too_much(&new));
    assert!(verify(password, &new, None).unwrap());
    // bcrypt does not look at all of a password.
    if choice % 2 == 1 {
        assert!(!verify(&format!("{password}x"), &new, None).unwrap());
    }
}

/// Whether verifying takes no time worth speaking of: every cost in it is small.
fn is_cheap(stored: &str) -> bool {
    let costs = stored.split(['$', ',']).filter_map(|part| match part.split_once('=') {
        Some((_, number)) => number.parse::<u64>().ok(),
        None => part.parse().ok(),
    });
    let most = match StoredHash::recognise(stored) {
        Some(Kind::Bcrypt) => 5,
        // Of these costs one is the logarithm of what the others multiply.
        Some(Kind::Scrypt) => 8,
        _ => 32,
    };
    costs.max().is_none_or(|cost| cost <= most)
}
