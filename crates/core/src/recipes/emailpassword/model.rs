//! The recipe's own types and the rules for hashes that are brought along.

use crate::crypto::password_hash::{Kind, StoredHash};

/// The name by which the tables know the recipe.
pub(super) const RECIPE_ID: &str = "emailpassword";

/// A reset token's row.
#[derive(Clone, Debug)]
pub(super) struct ResetToken {
    pub(super) user_id: String,
    /// As it was given when the token was made; old rows have none.
    pub(super) email: Option<String>,
    pub(super) expires_at: i64,
}

/// Of which kind a hash is, or why it cannot be imported. The text is what callers see.
pub(in crate::recipes) fn check_import(hash: &str, algorithm: Option<&str>) -> Result<Kind, &'static str> {
    if hash.is_empty() {
        return Err("Password hash cannot be an empty string");
    }
    let (wanted, fault) = match algorithm.map(|name| name.trim().to_uppercase()).as_deref() {
        None => (None, "Password hash is in invalid format"),
        Some("") => return Err("Hashing Algorithm cannot be an empty string"),
        Some("ARGON2") => (Some(Kind::Argon2), "Password hash is in invalid Argon2 format"),
        Some("BCRYPT") => (Some(Kind::Bcrypt), "Password hash is in invalid BCrypt format"),
        Some("FIREBASE_SCRYPT") => {
            (Some(Kind::FirebaseScrypt), "Password hash is in invalid Firebase SCrypt format")
        }
        Some("PBKDF2") => (Some(Kind::Pbkdf2), "Password hash is in invalid PBKDF2 format"),
        Some("SCRYPT") => (Some(Kind::Scrypt), "Password hash is in invalid SCrypt format"),
        Some(_) => return Err("Unsupported password hashing algorithm"),
    };
    let kind = StoredHash::recognise(hash).ok_or(fault)?;
    if wanted.is_some_and(|wanted| wanted != kind) {
        return Err(fault);
    }
    if StoredHash::costs_too_much(hash) { Err("Password hash costs too much to verify") } else { Ok(kind) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_must_be_what_it_is_said_to_be() {
        let bcrypt = "$2a$10$abcdefghijklmnopqrstuuPG9Q1bQX5bR5aB6m7q1n8e9s0t1u2v3";
        for (hash, algorithm, outcome) in [
            (bcrypt, None, Ok(Kind::Bcrypt)),
            (bcrypt, Some(" bcrypt "), Ok(Kind::Bcrypt)),
            (bcrypt, Some("argon2"), Err("Password hash is in invalid Argon2 format")),
            ("", None, Err("Password hash cannot be an empty string")),
            ("plain", None, Err("Password hash is in invalid format")),
            (bcrypt, Some(""), Err("Hashing Algorithm cannot be an empty string")),
            (bcrypt, Some("md5"), Err("Unsupported password hashing algorithm")),
            (
                "$argon2id$v=19$m=8,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
                None,
                Err("Password hash costs too much to verify"),
            ),
            ("$pbkdf2-sha256$i=1", Some("pbkdf2"), Err("Password hash is in invalid PBKDF2 format")),
            (bcrypt, Some("scrypt"), Err("Password hash is in invalid SCrypt format")),
            (
                "$f_scrypt$a$b$m=1$r=1",
                Some("firebase_scrypt"),
                Err("Password hash is in invalid Firebase SCrypt format"),
            ),
        ] {
            assert_eq!(check_import(hash, algorithm), outcome, "{hash} {algorithm:?}");
        }
    }
}
