//! Users and sessions of the dashboard, and which addresses and passwords may be chosen.

/// How long a session lives: 30 days, in milliseconds.
pub(super) const SESSION_MS: i64 = 30 * 24 * 3_600_000;

/// A user's row.
#[derive(Clone, Debug)]
pub(super) struct DashboardUser {
    pub(super) user_id: String,
    pub(super) email: String,
    pub(super) password_hash: String,
    pub(super) time_joined: i64,
}

/// How a call names a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Id(String),
    Email(String),
}

/// A session's row.
#[derive(Clone, Debug)]
pub(super) struct DashboardSession {
    pub(super) session_id: String,
    pub(super) user_id: String,
    pub(super) created_at: i64,
    pub(super) expires_at: i64,
}

/// Whether a text is taken for an address: as loosely as the reference does, to which a dot is any character.
pub(super) fn is_email(text: &str) -> bool {
    let Some((name, host)) = text.rsplit_once('@') else { return false };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let host: Vec<char> = host.chars().collect();
    let Some((labels, end)) = host.split_last_chunk::<2>() else { return false };
    let labels_are_apart = labels.windows(2).all(|pair| pair.iter().any(|c| is_plain(*c)));
    !name.is_empty()
        && !text.contains(char::is_control)
        && end.iter().all(char::is_ascii_alphabetic)
        && labels.len() > 1
        && labels.first().is_some_and(|c| is_plain(*c))
        && labels_are_apart
}

/// Why a password may not be chosen. The text is what callers see.
pub(super) fn fault_of_password(password: &str) -> Option<&'static str> {
    let length = password.encode_utf16().count();
    if length < 8 {
        Some("Password must contain at least 8 characters, including a number")
    } else if length >= 100 {
        Some("Password's length must be lesser than 100 characters")
    } else if !password.contains(|c: char| c.is_ascii_alphabetic()) {
        Some("Password must contain at least one alphabet")
    } else if !password.contains(|c: char| c.is_ascii_digit()) {
        Some("Password must contain at least one number")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_name_and_a_host() {
        for text in ["a@example.com", "a b@x-1.example.org", "a@b@example.com", "admin@localhost", "a@1.io"] {
            assert!(is_email(text), "{text}");
        }
        for text in [
            "",
            "a",
            "a@",
            "@example.com",
            "a@example.c0m",
            "a@.com",
            "a@com",
            "a@example..com",
            "a\n@example.com",
        ] {
            assert!(!is_email(text), "{text}");
        }
    }

    #[test]
    fn a_password_has_eight_characters_a_letter_and_a_number() {
        for (password, fault) in [
            ("abcdef1", Some("Password must contain at least 8 characters, including a number")),
            ("12345678", Some("Password must contain at least one alphabet")),
            ("abcdefgh", Some("Password must contain at least one number")),
            ("abcdefg1", None),
        ] {
            assert_eq!(fault_of_password(password), fault, "{password}");
        }
        assert_eq!(fault_of_password(&"a1".repeat(49)), None);
        let long = Some("Password's length must be lesser than 100 characters");
        assert_eq!(fault_of_password(&"a1".repeat(50)), long);
    }
}
