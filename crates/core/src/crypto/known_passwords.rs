//! Passwords that are too well known to be chosen: the most common ones, and those of a list of breaches.

use super::password_filter::PasswordFilter;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// The most common ones, which are tried first at every account: one on each line, sorted, in lower case.
const COMMON: &str = include_str!("common_passwords.txt");

/// What is known of breaches, if anything. Nothing is ever asked of anybody else.
#[derive(Debug, Default)]
pub struct KnownPasswords {
    breached: Option<PasswordFilter>,
}

impl KnownPasswords {
    /// Reads a file that `portcullis passwords build` has made into memory.
    pub fn open(breached: Option<&Path>) -> io::Result<Self> {
        let read = |path| PasswordFilter::read(BufReader::new(File::open(path)?));
        Ok(Self { breached: breached.map(read).transpose()? })
    }

    /// Why a password should not be chosen, in words for its owner; `None` if nothing speaks against it.
    /// `refuse_common` says whether the most common ones count.
    pub fn fault(&self, password: &str, refuse_common: bool) -> Option<&'static str> {
        if refuse_common && is_common(password) {
            return Some("This password is one of the most common ones. Please choose another one.");
        }
        let breached = self.breached.as_ref().is_some_and(|filter| filter.contains(password));
        breached.then_some("This password has appeared in a data breach. Please choose another one.")
    }
}

/// Whether the password is one of the most common ones, in whatever letter case.
fn is_common(password: &str) -> bool {
    let password = password.to_lowercase();
    COMMON.lines().any(|common| common == password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_ones_are_known_in_any_letter_case() {
        assert!(is_common("password1") && is_common("Password1") && is_common("QWERTY123"));
        assert!(!is_common("") && !is_common("a long Password 1"));
        let known = KnownPasswords::default();
        assert!(known.fault("Password1", true).is_some() && known.fault("Password1", false).is_none());
    }

    #[test]
    fn the_list_is_sorted_and_lower_case() {
        let words: Vec<&str> = COMMON.lines().collect();
        assert!(words.len() > 500 && words.is_sorted());
        assert!(words.iter().all(|word| !word.is_empty() && word.to_lowercase() == *word));
    }

    #[test]
    fn those_of_a_breach_are_known_exactly_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("breached");
        let (filter, _) = PasswordFilter::build("Tr0ub4dor&3".as_bytes()).unwrap();
        filter.write(File::create(&path).unwrap()).unwrap();
        let known = KnownPasswords::open(Some(&path)).unwrap();
        assert!(known.fault("Tr0ub4dor&3", false).is_some() && known.fault("tr0ub4dor&3", false).is_none());
        assert!(KnownPasswords::open(Some(&folder.path().join("missing"))).is_err());
    }
}
