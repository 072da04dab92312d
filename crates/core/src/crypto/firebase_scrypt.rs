//! Firebase's modified scrypt: hashes imported from Firebase, verified but never made here.
//! Form: `$f_scrypt$<hash>$<salt>$m=<n>$r=<n>$s=<separator>`, the last three in any order.

use aes::Aes256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ctr::Ctr128BE;
use ctr::cipher::{KeyIvInit as _, StreamCipher as _};
use scrypt::Params;

use super::digest::secrets_equal;

/// Above this a stored hash could make the process run out of memory.
const MAX_MEMORY_BYTES: u64 = 1 << 30;

/// A stored Firebase hash, taken apart.
#[derive(Debug)]
pub(crate) struct FirebaseHash<'a> {
    hash: &'a str,
    salt: &'a str,
    separator: &'a str,
    memory_cost: u8,
    rounds: u32,
}

impl<'a> FirebaseHash<'a> {
    /// `None` if the text does not have the form.
    pub(crate) fn parse(stored: &'a str) -> Option<Self> {
        let rest = stored.strip_prefix("$f_scrypt$")?;
        let parts: [&str; 5] = rest.split('$').collect::<Vec<_>>().try_into().ok()?;
        let [hash, salt, settings @ ..] = parts;
        let setting = |name: &str| settings.iter().find_map(|part| part.strip_prefix(name));
        Some(Self {
            hash,
            salt,
            separator: setting("s=")?,
            memory_cost: setting("m=")?.parse().ok()?,
            rounds: setting("r=")?.parse().ok()?,
        })
    }

    /// Whether some password under some key could give it, with no more memory than can be had.
    pub(crate) fn is_whole(&self) -> bool {
        let decode = |part| STANDARD.decode(part).ok();
        decode(self.hash).is_some_and(|hash| !hash.is_empty())
            && decode(self.salt).is_some()
            && decode(self.separator).is_some()
            && self.params().is_some()
    }

    /// Whether the password, under the project's signer key (base64), gives this hash. Anything
    /// undecodable verifies nothing.
    pub(crate) fn verify(&self, password: &str, signer_key: &str) -> bool {
        self.compute(password, signer_key).is_some_and(|computed| secrets_equal(&computed, self.hash))
    }

    fn compute(&self, password: &str, signer_key: &str) -> Option<String> {
        let mut signed = STANDARD.decode(signer_key).ok()?;
        let salt = [STANDARD.decode(self.salt), STANDARD.decode(self.separator)];
        let [salt, separator] = salt.map(Result::ok);
        let salt = [salt?, separator?].concat();
        let mut derived = [0; 64];
        scrypt::scrypt(password.as_bytes(), &salt, &self.params()?, &mut derived).ok()?;
        let (key, _) = derived.split_first_chunk::<32>()?;
        Ctr128BE::<Aes256>::new(&(*key).into(), &[0; 16].into()).apply_keystream(&mut signed);
        Some(STANDARD.encode(signed))
    }

    fn params(&self) -> Option<Params> {
        let blocks = 1_u64.checked_shl(self.memory_cost.into())?;
        let memory = blocks.checked_mul(u64::from(self.rounds).checked_mul(128)?)?;
        let sane = self.memory_cost > 0 && memory <= MAX_MEMORY_BYTES;
        sane.then(|| Params::new(self.memory_cost, self.rounds, 1).ok())?
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SIGNER_KEY: &str =
        "gRhC3eDeQOdyEn4bMd9c6kxguWVmcIVq/SKa0JDPFeM6TcEevkaW56sIWfx88OHbJKnCXdWscZx0l2WbCJ1wbg==";
    pub(crate) const PASSWORD: &str = "testPass123";
    pub(crate) const STORED: &str = "$f_scrypt$qZM035es5AXYqavsKD6/rhtxg7t5PhcyRgv5blc3doYbChX8keMfQLq1ra96O2Pf2TP/eZrR5xtPCYN6mX3ESA==$/cj0jC1br5o4+w==$m=14$r=8$s=Bw==";

    fn verify(stored: &str, password: &str) -> bool {
        FirebaseHash::parse(stored).is_some_and(|hash| hash.verify(password, SIGNER_KEY))
    }

    #[test]
    fn the_published_vector_verifies_with_settings_in_any_order() {
        assert!(verify(STORED, PASSWORD));
        let other_order = STORED.replace("$m=14$r=8$s=Bw==", "$s=Bw==$r=8$m=14");
        assert!(verify(&other_order, PASSWORD));
    }

    #[test]
    fn another_password_salt_or_key_does_not() {
        assert!(!verify(STORED, "testPass124"));
        assert!(!verify(&STORED.replace("/cj0", "/cj1"), PASSWORD));
        let hash = FirebaseHash::parse(STORED);
        assert!(hash.is_some_and(|h| !h.verify(PASSWORD, "AAAA") && !h.verify(PASSWORD, "!")));
    }

    #[test]
    fn a_hash_is_whole_if_all_its_parts_can_be_read() {
        let is_whole = |stored: &str| FirebaseHash::parse(stored).is_some_and(|hash| hash.is_whole());
        assert!(is_whole(STORED) && is_whole(&STORED.replace("/cj0jC1br5o4+w==", "")));
        for (from, to) in
            [("ESA==", "ESA"), ("4+w==", "4+w"), ("Bw==", "Bw"), ("m=14", "m=63"), ("r=8", "r=0")]
        {
            assert!(!is_whole(&STORED.replace(from, to)), "{to}");
        }
        assert!(!is_whole("$f_scrypt$$/cj0jC1br5o4+w==$m=14$r=8$s=Bw=="));
    }

    #[test]
    fn malformed_or_enormous_hashes_verify_nothing() {
        for stored in ["", "$f_scrypt$", "$f_scrypt$a$b$m=1$r=1", "$f_scrypt$a$b$m=x$r=1$s="] {
            assert!(FirebaseHash::parse(stored).is_none(), "{stored}");
        }
        for (from, to) in
            [("m=14", "m=0"), ("m=14", "m=63"), ("m=14", "m=255"), ("r=8", "r=0"), ("r=8", "r=4294967295")]
        {
            assert!(!verify(&STORED.replace(from, to), PASSWORD), "{to}");
        }
    }
}
