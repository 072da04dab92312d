//! Password hashes: bcrypt and argon2 are made and verified; PBKDF2, scrypt and Firebase's own scrypt, which other
//! systems made, only verified.
//! Verification follows the stored hash's own form and parameters, never the configuration.
//! Everything here is slow on purpose; requests go through the password pool.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use subtle::ConstantTimeEq as _;

use super::firebase_scrypt::FirebaseHash;
use super::foreign_hash::{Pbkdf2Hash, ScryptHash};
use super::random;

const ARGON2_SALT_BYTES: usize = 16;
const ARGON2_HASH_BYTES: usize = 32;
/// 4 GiB: above this a stored hash could make the process run out of memory.
const ARGON2_MAX_MEMORY_KB: u32 = 4 << 20;
/// Above this many KiB times passes (some seconds), a stored hash would keep everybody else waiting.
const ARGON2_MAX_WORK_KB: u64 = 8 << 20;
/// Each lane may become a thread.
const ARGON2_MAX_LANES: u32 = 64;
/// 2^17 rounds take some seconds; each further step doubles that.
const BCRYPT_MAX_ROUNDS: u32 = 17;
/// The costs bcrypt is defined for.
const BCRYPT_ROUNDS: std::ops::RangeInclusive<u32> = 4..=31;

/// How new hashes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashSettings {
    /// bcrypt; passwords count up to their 72nd byte.
    Bcrypt {
        /// log2 of the number of rounds; brought into bcrypt's 4 to 31.
        rounds: u32,
    },
    /// argon2id with a 16-byte salt and a 32-byte hash.
    Argon2 {
        /// Passes over the memory.
        iterations: u32,
        /// Memory in KiB.
        memory_kb: u32,
        /// Lanes.
        parallelism: u32,
    },
}

/// The form of a stored hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `$2a`, `$2b`, `$2x` or `$2y`.
    Bcrypt,
    /// `$argon2id`, `$argon2i` or `$argon2d`.
    Argon2,
    /// `$f_scrypt$…` with all its parts.
    FirebaseScrypt,
    /// `$pbkdf2-…` with all its parts.
    Pbkdf2,
    /// `$scrypt$…` with all its parts, or as Better Auth writes it.
    Scrypt,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Bcrypt, Self::Argon2, Self::FirebaseScrypt, Self::Pbkdf2, Self::Scrypt];

    /// What imports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bcrypt => "BCRYPT",
            Self::Argon2 => "ARGON2",
            Self::FirebaseScrypt => "FIREBASE_SCRYPT",
            Self::Pbkdf2 => "PBKDF2",
            Self::Scrypt => "SCRYPT",
        }
    }
}

/// A hash as it stands in the database or in an import.
#[derive(Debug)]
pub struct StoredHash;

impl HashSettings {
    /// Whether a hash takes a bounded time and memory.
    pub fn is_affordable(&self) -> bool {
        match *self {
            Self::Bcrypt { rounds } => bcrypt_rounds(rounds) <= BCRYPT_MAX_ROUNDS,
            Self::Argon2 { iterations, memory_kb, parallelism } => {
                argon2_params(memory_kb, iterations, parallelism, ARGON2_HASH_BYTES).is_some()
            }
        }
    }
}

impl StoredHash {
    /// Whether verifying the hash would keep everybody else waiting. One that is not well formed costs
    /// nothing.
    pub fn costs_too_much(stored: &str) -> bool {
        match Self::recognise(stored) {
            Some(Kind::Bcrypt) => {
                stored.parse::<bcrypt::HashParts>().is_ok_and(|parts| parts.get_cost() > BCRYPT_MAX_ROUNDS)
            }
            Some(Kind::Argon2) => stored.split('$').find_map(read_costs).is_some_and(is_too_much_work),
            Some(Kind::Pbkdf2) => Pbkdf2Hash::parse(stored).is_some_and(|hash| hash.costs_too_much()),
            Some(Kind::Scrypt) => ScryptHash::parse(stored).is_some_and(|hash| hash.costs_too_much()),
            Some(Kind::FirebaseScrypt) | None => false,
        }
    }

    /// Whether some password could give the hash: nothing of it is missing, nor more than can be afforded.
    pub fn is_usable(stored: &str) -> bool {
        let is_whole = match Self::recognise(stored) {
            Some(Kind::Bcrypt) => stored.parse::<bcrypt::HashParts>().is_ok(),
            Some(Kind::Argon2) => Argon2Hash::parse(stored).is_some(),
            Some(Kind::FirebaseScrypt) => FirebaseHash::parse(stored).is_some_and(|hash| hash.is_whole()),
            Some(Kind::Pbkdf2 | Kind::Scrypt) => true,
            None => false,
        };
        is_whole && !Self::costs_too_much(stored)
    }

    /// Tells the form; bcrypt and argon2 by prefix alone, as an import accepts them.
    pub fn recognise(stored: &str) -> Option<Kind> {
        let starts = |prefixes: &[&str]| prefixes.iter().any(|p| stored.starts_with(p));
        if starts(&["$2a", "$2b", "$2x", "$2y"]) {
            return Some(Kind::Bcrypt);
        }
        if starts(&["$argon2id", "$argon2i", "$argon2d"]) {
            return Some(Kind::Argon2);
        }
        let firebase = FirebaseHash::parse(stored).map(|_| Kind::FirebaseScrypt);
        let pbkdf2 = || Pbkdf2Hash::parse(stored).map(|_| Kind::Pbkdf2);
        firebase.or_else(pbkdf2).or_else(|| ScryptHash::parse(stored).map(|_| Kind::Scrypt))
    }
}

/// Why a password could not be hashed or verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// The stored hash is Firebase's and no signer key is configured.
    #[error("no Firebase signer key is configured")]
    MissingFirebaseKey,
    /// The settings cannot be used, or there is not enough memory for them.
    #[error("password hashing failed: {0}")]
    Failed(&'static str),
}

/// Memory for argon2, kept from one call to the next: clearing fresh memory costs time.
#[derive(Debug, Default)]
pub(crate) struct HashMemory(Vec<Block>);

impl HashMemory {
    /// Gives the memory back.
    pub(crate) fn release(&mut self) {
        self.0 = Vec::new();
    }

    /// KiB held now.
    pub(crate) fn held_kb(&self) -> usize {
        self.0.len()
    }

    fn blocks(&mut self, count: usize) -> Option<&mut [Block]> {
        let missing = count.saturating_sub(self.0.len());
        self.0.try_reserve_exact(missing).ok()?;
        self.0.resize(count.max(self.0.len()), Block::new());
        self.0.get_mut(..count)
    }
}

/// Hashes a password. Slow: not for an async thread.
pub fn hash(password: &str, settings: &HashSettings) -> Result<String, HashError> {
    hash_in(&mut HashMemory::default(), password, settings)
}

/// As `hash`, in memory the caller keeps.
pub(crate) fn hash_in(
    memory: &mut HashMemory,
    password: &str,
    settings: &HashSettings,
) -> Result<String, HashError> {
    match *settings {
        HashSettings::Bcrypt { rounds } => bcrypt_hash(password, rounds),
        HashSettings::Argon2 { iterations, memory_kb, parallelism } => {
            let params = argon2_params(memory_kb, iterations, parallelism, ARGON2_HASH_BYTES)
                .ok_or(HashError::Failed("argon2 settings"))?;
            argon2_hash(memory, password, params)
        }
    }
}

/// Whether the password gives the stored hash; `false` for a malformed one. Slow: not for an
/// async thread.
pub fn verify(password: &str, stored: &str, firebase_key: Option<&str>) -> Result<bool, HashError> {
    verify_in(&mut HashMemory::default(), password, stored, firebase_key)
}

/// As `verify`, in memory the caller keeps.
pub(crate) fn verify_in(
    memory: &mut HashMemory,
    password: &str,
    stored: &str,
    firebase_key: Option<&str>,
) -> Result<bool, HashError> {
    match StoredHash::recognise(stored) {
        Some(Kind::Bcrypt) => {
            Ok(!StoredHash::costs_too_much(stored) && bcrypt::verify(password, stored).unwrap_or(false))
        }
        Some(Kind::Argon2) => argon2_verify(memory, password, stored),
        Some(Kind::FirebaseScrypt) => {
            let key = firebase_key.ok_or(HashError::MissingFirebaseKey)?;
            Ok(FirebaseHash::parse(stored).is_some_and(|hash| hash.verify(password, key)))
        }
        Some(Kind::Pbkdf2) => Ok(Pbkdf2Hash::parse(stored).is_some_and(|hash| hash.verify(password))),
        Some(Kind::Scrypt) => Ok(ScryptHash::parse(stored).is_some_and(|hash| hash.verify(password))),
        None => Ok(false),
    }
}

/// Whether a hash made now would differ from the stored one in kind or cost.
pub fn needs_rehash(stored: &str, settings: &HashSettings) -> bool {
    match *settings {
        HashSettings::Bcrypt { rounds } => stored
            .parse::<bcrypt::HashParts>()
            .map_or(true, |parts| parts.get_cost() != bcrypt_rounds(rounds)),
        HashSettings::Argon2 { iterations, memory_kb, parallelism } => {
            Argon2Hash::parse(stored).is_none_or(|hash| {
                hash.algorithm != Algorithm::Argon2id
                    || hash.params.m_cost() != memory_kb
                    || hash.params.t_cost() != iterations
                    || hash.params.p_cost() != parallelism
            })
        }
    }
}

fn bcrypt_rounds(rounds: u32) -> u32 {
    rounds.clamp(*BCRYPT_ROUNDS.start(), *BCRYPT_ROUNDS.end())
}

fn bcrypt_hash(password: &str, rounds: u32) -> Result<String, HashError> {
    bcrypt::hash_with_salt(password, bcrypt_rounds(rounds), random::bytes())
        .map(|parts| parts.format_for_version(bcrypt::Version::TwoA))
        .map_err(|_| HashError::Failed("bcrypt"))
}

fn argon2_params(memory_kb: u32, passes: u32, lanes: u32, hash_bytes: usize) -> Option<Params> {
    if is_too_much_work([memory_kb, passes, lanes]) {
        return None;
    }
    Params::new(memory_kb, passes, lanes, Some(hash_bytes)).ok()
}

fn argon2_hash(memory: &mut HashMemory, password: &str, params: Params) -> Result<String, HashError> {
    let salt: [u8; ARGON2_SALT_BYTES] = random::bytes();
    let made = Argon2Hash {
        algorithm: Algorithm::Argon2id,
        version: Version::V0x13,
        params,
        salt: salt.to_vec(),
        hash: vec![0; ARGON2_HASH_BYTES],
    };
    let hash = made.compute(memory, password)?;
    Ok(Argon2Hash { hash, ..made }.format())
}

fn argon2_verify(memory: &mut HashMemory, password: &str, stored: &str) -> Result<bool, HashError> {
    let Some(stored) = Argon2Hash::parse(stored) else {
        return Ok(false);
    };
    let computed = stored.compute(memory, password)?;
    Ok(computed.ct_eq(&stored.hash).into())
}

/// `$<algorithm>[$v=<n>]$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>`, base64 without padding.
struct Argon2Hash {
    algorithm: Algorithm,
    version: Version,
    params: Params,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

impl Argon2Hash {
    fn parse(stored: &str) -> Option<Self> {
        let mut parts = stored.strip_prefix('$')?.split('$').peekable();
        let algorithm = parts.next()?.parse().ok()?;
        let version = match parts.peek()?.strip_prefix("v=") {
            Some(number) => Version::try_from(number.parse::<u32>().ok()?).ok()?,
            None => Version::V0x10,
        };
        parts.next_if(|part| part.starts_with("v="));
        let costs = read_costs(parts.next()?)?;
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let hash = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        if parts.next().is_some() || salt.len() < argon2::MIN_SALT_LEN {
            return None;
        }
        let [memory_kb, passes, lanes] = costs;
        Some(Self {
            algorithm,
            version,
            params: argon2_params(memory_kb, passes, lanes, hash.len())?,
            salt,
            hash,
        })
    }

    fn compute(&self, memory: &mut HashMemory, password: &str) -> Result<Vec<u8>, HashError> {
        let argon2 = Argon2::new(self.algorithm, self.version, self.params.clone());
        let blocks = memory
            .blocks(self.params.block_count())
            .ok_or(HashError::Failed("not enough memory for argon2"))?;
        let mut out = vec![0; self.hash.len()];
        argon2
            .hash_password_into_with_memory(password.as_bytes(), &self.salt, &mut out, blocks)
            .map_err(|_| HashError::Failed("argon2"))?;
        Ok(out)
    }

    fn format(&self) -> String {
        format!(
            "${}$v={}$m={},t={},p={}${}${}",
            self.algorithm.as_str(),
            u32::from(self.version),
            self.params.m_cost(),
            self.params.t_cost(),
            self.params.p_cost(),
            STANDARD_NO_PAD.encode(&self.salt),
            STANDARD_NO_PAD.encode(&self.hash),
        )
    }
}

fn is_too_much_work([memory_kb, passes, lanes]: [u32; 3]) -> bool {
    let work_kb = u64::from(memory_kb) * u64::from(passes);
    memory_kb > ARGON2_MAX_MEMORY_KB || work_kb > ARGON2_MAX_WORK_KB || lanes > ARGON2_MAX_LANES
}

/// Reads `m=…,t=…,p=…`.
fn read_costs(text: &str) -> Option<[u32; 3]> {
    let mut parts = text.split(',');
    let mut cost = |name| parts.next()?.strip_prefix(name)?.parse().ok();
    let costs = [cost("m=")?, cost("t=")?, cost("p=")?];
    parts.next().is_none().then_some(costs)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::firebase_scrypt::tests as firebase;
    use super::super::foreign_hash::tests as foreign;
    use super::*;

    const BCRYPT: HashSettings = HashSettings::Bcrypt { rounds: 4 };
    const ARGON2: HashSettings = HashSettings::Argon2 { iterations: 1, memory_kb: 64, parallelism: 2 };

    fn verifies(password: &str, stored: &str) -> bool {
        verify(password, stored, None).unwrap()
    }

    #[test]
    fn a_hash_that_would_keep_everybody_waiting_is_refused_at_once() {
        let salt_and_hash = "c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        for (costs, affordable) in
            [("m=65536,t=3,p=4", true), ("m=8,t=4294967295,p=1", false), ("m=8388608,t=1,p=1", false)]
        {
            let stored = format!("$argon2id$v=19${costs}${salt_and_hash}");
            assert_eq!(!StoredHash::costs_too_much(&stored), affordable, "{costs}");
        }
        let bcrypt =
            |cost: u32| format!("$2a${cost:02}$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy");
        assert!(!StoredHash::costs_too_much(&bcrypt(12)) && StoredHash::costs_too_much(&bcrypt(31)));
        assert!(!verifies("x", &bcrypt(31)));
        assert!(!HashSettings::Bcrypt { rounds: 31 }.is_affordable() && ARGON2.is_affordable());
    }

    #[test]
    fn what_was_hashed_verifies_and_nothing_else() {
        for settings in [BCRYPT, ARGON2] {
            for password in ["", "secret", "nul\0inside", "пароль"] {
                let stored = hash(password, &settings).unwrap();
                assert!(verifies(password, &stored), "{password:?} {stored}");
                assert!(!verifies("other", &stored), "{password:?} {stored}");
                assert!(!verifies(&format!("{password}x"), &stored));
            }
        }
    }

    #[test]
    fn every_bcrypt_prefix_verifies_and_only_72_bytes_count() {
        let long = "a".repeat(72);
        let stored = hash(&long, &BCRYPT).unwrap();
        assert!(stored.starts_with("$2a$04$"));
        for prefix in ["$2a", "$2b", "$2x", "$2y"] {
            let renamed = stored.replacen("$2a", prefix, 1);
            assert_eq!(StoredHash::recognise(&renamed), Some(Kind::Bcrypt));
            assert!(verifies(&format!("{long}tail"), &renamed), "{prefix}");
            assert!(!verifies(&long[1..], &renamed), "{prefix}");
        }
    }

    #[test]
    fn hashes_made_elsewhere_verify() {
        assert!(verifies("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
        assert!(verifies(
            "password",
            "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
        ));
        assert!(verifies(
            "password",
            "$argon2i$m=65536,t=2,p=1$c29tZXNhbHQ$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"
        ));
    }

    #[test]
    fn argon2_hashes_carry_their_settings() {
        let stored = hash("p", &ARGON2).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=2$"), "{stored}");
        assert_eq!(StoredHash::recognise(&stored), Some(Kind::Argon2));
    }

    #[test]
    fn firebase_hashes_need_the_key() {
        assert_eq!(StoredHash::recognise(firebase::STORED), Some(Kind::FirebaseScrypt));
        let with = |key| verify(firebase::PASSWORD, firebase::STORED, key);
        assert_eq!(with(Some(firebase::SIGNER_KEY)), Ok(true));
        assert_eq!(with(None), Err(HashError::MissingFirebaseKey));
    }

    #[test]
    fn hashes_of_other_systems_verify_and_need_a_rehash() {
        for (stored, kind) in [
            (foreign::PBKDF2, Kind::Pbkdf2),
            (foreign::SCRYPT, Kind::Scrypt),
            (foreign::BETTER_AUTH, Kind::Scrypt),
        ] {
            assert_eq!(StoredHash::recognise(stored), Some(kind), "{stored}");
            assert!(verifies(foreign::PASSWORD, stored) && !verifies("testPass124", stored), "{stored}");
            assert!(needs_rehash(stored, &BCRYPT) && needs_rehash(stored, &ARGON2), "{stored}");
            assert!(!StoredHash::costs_too_much(stored), "{stored}");
        }
        assert!(StoredHash::costs_too_much(&foreign::PBKDF2.replace("i=1000", "i=4000000000")));
        assert!(StoredHash::costs_too_much(&foreign::SCRYPT.replace("ln=14", "ln=40")));
    }

    #[test]
    fn malformed_hashes_are_false() {
        for stored in [
            "",
            "plain",
            "$2a",
            "$2a$99$",
            "$2b$04$é",
            "$argon2id",
            "$argon2id$v=19$m=8,t=1,p=1$$",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=19$m=64,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
            "$argon2id$v=7$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        ] {
            assert!(!verifies("p", stored), "{stored}");
        }
    }

    #[test]
    fn a_change_of_kind_or_cost_needs_a_rehash() {
        let bcrypt = hash("p", &BCRYPT).unwrap();
        let argon2 = hash("p", &ARGON2).unwrap();
        assert!(!needs_rehash(&bcrypt, &BCRYPT));
        assert!(!needs_rehash(&argon2, &ARGON2));
        assert!(needs_rehash(&bcrypt, &ARGON2));
        assert!(needs_rehash(&argon2, &BCRYPT));
        assert!(needs_rehash(&bcrypt, &HashSettings::Bcrypt { rounds: 5 }));
        assert!(needs_rehash(&argon2.replace("t=1", "t=2"), &ARGON2));
    }

    #[test]
    fn memory_is_kept_grown_and_given_back() {
        let mut memory = HashMemory::default();
        let stored = hash_in(&mut memory, "p", &ARGON2).unwrap();
        assert_eq!(memory.held_kb(), 64);
        assert_eq!(verify_in(&mut memory, "p", &stored, None), Ok(true));
        memory.release();
        assert_eq!(memory.held_kb(), 0);
    }

    proptest! {
        #[test]
        fn any_text_is_a_clean_answer(text in r"(\$(2a|argon2id|f_scrypt|scrypt|pbkdf2-sha256))?[$=,a-zA-Z]{0,40}", free in ".*") {
            prop_assert!(!verify("p", &text, Some("AAAA")).unwrap());
            prop_assert!(!verify("p", &free, Some("AAAA")).unwrap());
        }
    }
}
