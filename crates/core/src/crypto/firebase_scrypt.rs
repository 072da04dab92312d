//! Firebase's variant of scrypt: the password's scrypt key encrypts a project-wide signer key, and the
//! ciphertext is the hash (`recipes.md` 4.9).

use aes::cipher::{KeyIvInit as _, StreamCipher as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A stored hash, taken apart: `$f_scrypt$<hash>$<salt>$m=<n>$r=<n>$s=<separator>`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FirebaseHash<'a> {
    hash: &'a str,
    salt: &'a str,
    memory: u8,
    rounds: u32,
    separator: &'a str,
}

impl<'a> FirebaseHash<'a> {
    /// `None` if a part is missing, misnamed or one too many; `m`, `r` and `s` come in any order.
    pub(super) fn parse(stored: &'a str) -> Option<Self> {
        let parts: Vec<&str> = stored.split('$').collect();
        let ["", "f_scrypt", hash, salt, settings @ ..] = parts.as_slice() else { return None };
        let setting = |name: &str| settings.iter().find_map(|setting| setting.strip_prefix(name));
        let (memory, rounds, separator) = (setting("m=")?, setting("r=")?, setting("s=")?);
        (settings.len() == 3).then_some(())?;
        Some(Self { hash, salt, memory: memory.parse().ok()?, rounds: rounds.parse().ok()?, separator })
    }

    /// Whether the password has this hash. Whatever cannot be decoded matches nothing.
    pub(super) fn matches(&self, password: &str, signer_key: &str) -> bool {
        self.compute(password, signer_key)
            .is_some_and(|computed| super::digest::secrets_equal(&computed, self.hash))
    }

    fn compute(&self, password: &str, signer_key: &str) -> Option<String> {
        let mut salt = STANDARD.decode(self.salt).ok()?;
        salt.extend(STANDARD.decode(self.separator).ok()?);
        // A bound on memory: 2^20 blocks of 8 · 128 bytes are one gigabyte.
        let fits = self.memory <= 20 && (1..=32).contains(&self.rounds);
        let params = fits.then(|| scrypt::Params::new(self.memory, self.rounds, 1).ok())??;
        let mut key = [0; 64];
        scrypt::scrypt(password.as_bytes(), &salt, &params, &mut key).ok()?;
        let mut text = STANDARD.decode(signer_key).ok()?;
        let mut cipher = ctr::Ctr128BE::<aes::Aes256>::new_from_slices(&key[..32], &[0; 16]).ok()?;
        cipher.apply_keystream(&mut text);
        Some(STANDARD.encode(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGNER: &str =
        "gRhC3eDeQOdyEn4bMd9c6kxguWVmcIVq/SKa0JDPFeM6TcEevkaW56sIWfx88OHbJKnCXdWscZx0l2WbCJ1wbg==";
    const HASH: &str =
        "qZM035es5AXYqavsKD6/rhtxg7t5PhcyRgv5blc3doYbChX8keMfQLq1ra96O2Pf2TP/eZrR5xtPCYN6mX3ESA==";

    #[test]
    fn the_known_vector_verifies() {
        let stored = format!("$f_scrypt${HASH}$/cj0jC1br5o4+w==$r=8$s=Bw==$m=14");
        let hash = FirebaseHash::parse(&stored).unwrap();
        assert!(hash.matches("testPass123", SIGNER));
        assert!(!hash.matches("testPass124", SIGNER) && !hash.matches("testPass123", "AAAA"));
    }

    #[test]
    fn incomplete_hashes_are_refused() {
        for stored in [
            "$f_scrypt$a$b$m=14$r=8",
            "x$f_scrypt$a$b$m=14$r=8$s=c",
            "$f_scrypt$a$b$m=14$r=8$s=c$x=1",
            "$f_scrypt$a$b$m=14$r=8$q=c",
            "$scrypt$a$b$m=14$r=8$s=c",
            "",
            "$f_scrypt$a$b$m=x$r=8$s=c",
        ] {
            assert_eq!(FirebaseHash::parse(stored), None, "{stored}");
        }
    }
}
