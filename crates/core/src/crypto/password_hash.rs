//! Password hashes: bcrypt, argon2 and, for verifying only, Firebase's scrypt (`recipes.md` 4.9).

use super::firebase_scrypt::FirebaseHash;
use super::{CryptoError, random};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// How new passwords are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashSettings {
    /// bcrypt, cost as a power of two.
    Bcrypt {
        /// The logarithm of the number of rounds.
        rounds: u32,
    },
    /// argon2id.
    Argon2 {
        /// Passes.
        iterations: u32,
        /// Memory in KiB.
        memory_kb: u32,
        /// Lanes.
        parallelism: u32,
    },
}

/// What made a stored hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `$2a`, `$2b`, `$2x`, `$2y`.
    Bcrypt,
    /// `$argon2id`, `$argon2i`, `$argon2d`.
    Argon2,
    /// `$f_scrypt`.
    FirebaseScrypt,
}

/// A Firebase hash cannot be verified without the project's signer key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingFirebaseKey;

/// argon2's memory, kept between hashes: page faults are half of the cost of fresh memory.
#[derive(Debug, Default)]
pub struct Arena(Vec<Block>);

/// The largest memory that a stored hash may ask for, in KiB: an imported hash must not take all of it.
const MEMORY_LIMIT_KB: u32 = 2 * 1024 * 1024;

/// Recognises a stored hash by the rules for importing one.
pub fn recognise(stored: &str) -> Option<Kind> {
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| stored.starts_with(prefix));
    if starts(&["$2a", "$2b", "$2x", "$2y"]) {
        Some(Kind::Bcrypt)
    } else if starts(&["$argon2id", "$argon2i", "$argon2d"]) {
        Some(Kind::Argon2)
    } else {
        FirebaseHash::parse(stored).map(|_| Kind::FirebaseScrypt)
    }
}

/// Hashes a new password.
pub fn hash(password: &str, settings: HashSettings, arena: &mut Arena) -> Result<String, CryptoError> {
    match settings {
        HashSettings::Bcrypt { rounds } => {
            let parts = bcrypt::hash_with_salt(password, rounds.clamp(4, 31), random::bytes());
            Ok(parts
                .map_err(|_| CryptoError::Failed("password hash"))?
                .format_for_version(bcrypt::Version::TwoA))
        }
        HashSettings::Argon2 { iterations, memory_kb, parallelism } => {
            let params = Params::new(memory_kb, iterations, parallelism, Some(32))
                .map_err(|_| CryptoError::Failed("password hash"))?;
            let salt = random::bytes::<16>();
            let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let hash = argon2_into(&argon, password, &salt, 32, arena)
                .ok_or(CryptoError::Failed("password hash"))?;
            let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
            Ok(format!("$argon2id$v=19$m={memory_kb},t={iterations},p={parallelism}${salt}${hash}"))
        }
    }
}

/// Whether the password has the stored hash. One that cannot be read matches nothing.
pub fn verify(
    password: &str,
    stored: &str,
    firebase_key: Option<&str>,
    arena: &mut Arena,
) -> Result<bool, MissingFirebaseKey> {
    Ok(match recognise(stored) {
        Some(Kind::Bcrypt) => verify_bcrypt(password, stored),
        Some(Kind::Argon2) => verify_argon2(password, stored, arena).unwrap_or(false),
        Some(Kind::FirebaseScrypt) => {
            let key = firebase_key.ok_or(MissingFirebaseKey)?;
            FirebaseHash::parse(stored).is_some_and(|hash| hash.matches(password, key))
        }
        None => false,
    })
}

/// Whether a hash was made by other settings than the ones for new passwords.
pub fn needs_rehash(stored: &str, settings: HashSettings) -> bool {
    match (settings, recognise(stored)) {
        (HashSettings::Bcrypt { rounds }, Some(Kind::Bcrypt)) => {
            stored.get(4..6).and_then(|cost| cost.parse().ok()) != Some(rounds.clamp(4, 31))
        }
        (HashSettings::Argon2 { iterations, memory_kb, parallelism }, Some(Kind::Argon2)) => {
            !stored.starts_with(&format!("$argon2id$v=19$m={memory_kb},t={iterations},p={parallelism}$"))
        }
        _ => true,
    }
}

/// All four prefixes mean the same computation here, as in the reference.
fn verify_bcrypt(password: &str, stored: &str) -> bool {
    let Some(rest) = stored.get(3..) else { return false };
    bcrypt::verify(password, &format!("$2a{rest}")).unwrap_or(false)
}

fn verify_argon2(password: &str, stored: &str, arena: &mut Arena) -> Option<bool> {
    let parts: Vec<&str> = stored.split('$').collect();
    // A hash without a version was made by version 1.0.
    let (algorithm, version, settings, salt, hash) = match parts.as_slice() {
        ["", algorithm, version, settings, salt, hash] => (*algorithm, *version, *settings, *salt, *hash),
        ["", algorithm, settings, salt, hash] => (*algorithm, "v=16", *settings, *salt, *hash),
        _ => return None,
    };
    let algorithm = Algorithm::new(algorithm).ok()?;
    let version = match version {
        "v=19" => Version::V0x13,
        "v=16" => Version::V0x10,
        _ => return None,
    };
    let setting = |name: &str| settings.split(',').find_map(|s| s.strip_prefix(name)?.parse::<u32>().ok());
    let (salt, hash) = (STANDARD_NO_PAD.decode(salt).ok()?, STANDARD_NO_PAD.decode(hash).ok()?);
    let memory = setting("m=").filter(|memory| *memory <= MEMORY_LIMIT_KB)?;
    let params = Params::new(memory, setting("t=")?, setting("p=")?, Some(hash.len())).ok()?;
    let computed = argon2_into(&Argon2::new(algorithm, version, params), password, &salt, hash.len(), arena)?;
    Some(aws_lc_rs::constant_time::verify_slices_are_equal(&computed, &hash).is_ok())
}

fn argon2_into(
    argon: &Argon2<'_>,
    password: &str,
    salt: &[u8],
    length: usize,
    arena: &mut Arena,
) -> Option<Vec<u8>> {
    let blocks = argon.params().block_count();
    let missing = blocks.saturating_sub(arena.0.len());
    arena.0.try_reserve_exact(missing).ok()?;
    arena.0.resize(arena.0.len() + missing, Block::default());
    let mut hash = vec![0; length];
    let memory = &mut arena.0[..blocks];
    argon.hash_password_into_with_memory(password.as_bytes(), salt, &mut hash, memory).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ARGON: HashSettings = HashSettings::Argon2 { iterations: 1, memory_kb: 64, parallelism: 2 };
    const BCRYPT: HashSettings = HashSettings::Bcrypt { rounds: 4 };

    fn verifies(password: &str, stored: &str) -> bool {
        verify(password, stored, None, &mut Arena::default()).unwrap()
    }

    #[test]
    fn new_hashes_verify_and_differ_each_time() {
        for settings in [ARGON, BCRYPT] {
            let mut arena = Arena::default();
            let first = hash("pässword", settings, &mut arena).unwrap();
            assert_ne!(first, hash("pässword", settings, &mut arena).unwrap());
            assert!(verifies("pässword", &first) && !verifies("password", &first));
            assert!(!needs_rehash(&first, settings));
        }
        assert!(needs_rehash(
            &hash("a", BCRYPT, &mut Arena::default()).unwrap(),
            HashSettings::Bcrypt { rounds: 5 }
        ));
        assert!(needs_rehash(&hash("a", BCRYPT, &mut Arena::default()).unwrap(), ARGON));
    }

    #[test]
    fn hashes_of_other_programs_verify() {
        // From OpenBSD's bcrypt test vectors and from the argon2 reference program's own tests.
        let bcrypt = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        assert!(verifies("U*U", bcrypt) && !verifies("U*", bcrypt));
        let argon = "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8";
        assert!(verifies("password", argon) && !verifies("Password", argon));
    }

    #[test]
    fn unreadable_hashes_match_nothing() {
        for stored in [
            "",
            "$2a",
            "$2a$05$short",
            "$argon2id$v=19$m=1",
            "$argon2id$v=19$m=4294967295,t=1,p=1$YWFhYWFhYWE$YWFhYWFhYWFhYWFh",
            "plain",
            "$argon2i$$$$$",
        ] {
            assert!(!verifies("a", stored), "{stored}");
        }
        assert!(!verifies("nul\0byte", &hash("nul", BCRYPT, &mut Arena::default()).unwrap()));
    }
}
