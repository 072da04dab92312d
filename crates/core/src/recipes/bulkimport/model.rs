//! Why a user could not be imported, and where a page of the queue begins.

use std::fmt;

/// Why a user could not be imported, in the reference's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    EmailExists(String),
    ThirdPartyUserExists(String, String),
    CodeEmailExists(String),
    PhoneNumberExists(String),
    InfoTaken(String),
    ExternalIdTaken(String),
    UnknownRole,
    UnknownTenant(String),
    DeviceExists(String),
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmailExists(email) => {
                write!(f, "E003: A user with email {email} already exists in emailpassword loginMethod.")
            }
            Self::ThirdPartyUserExists(provider, user) => write!(
                f,
                "E005: A user with thirdPartyId {provider} and thirdPartyUserId {user} already exists in thirdparty loginMethod."
            ),
            Self::CodeEmailExists(email) => {
                write!(f, "E006: A user with email {email} already exists in passwordless loginMethod.")
            }
            Self::PhoneNumberExists(number) => {
                write!(
                    f,
                    "E007: A user with phoneNumber {number} already exists in passwordless loginMethod."
                )
            }
            Self::InfoTaken(user_id) => write!(
                f,
                "E022: We tried to create the primary user for the userId {user_id} but the account info is already associated with another primary user."
            ),
            Self::ExternalIdTaken(id) => write!(f, "E031: A user with externalId {id} already exists"),
            Self::UnknownRole => f.write_str(
                "E034: Role does not exist! You need to pre-create the role before assigning it to the user.",
            ),
            Self::UnknownTenant(id) => write!(f, "E018: the tenant {id} does not exist any more"),
            Self::DeviceExists(name) => write!(f, "E036: the user has two devices with the name {name}"),
        }
    }
}

/// The first entry of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) id: String,
    /// Milliseconds since 1970.
    pub(super) created_at: i64,
}

impl Cursor {
    /// `<id>;<created at>`, before it is encoded.
    pub(super) fn to_text(&self) -> String {
        format!("{};{}", self.id, self.created_at)
    }

    /// The reverse of [`Cursor::to_text`].
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, created_at) = text.split_once(';').filter(|_| !text.contains('\0'))?;
        Some(Self { id: id.to_owned(), created_at: created_at.parse().ok()? })
    }
}

/// A state of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    New,
    Failed,
    /// The reference's workers write it; ours hold a lock instead.
    Processing,
}

impl State {
    /// As it is stored.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::New => "NEW",
            Self::Failed => "FAILED",
            Self::Processing => "PROCESSING",
        }
    }

    /// The state with a name.
    pub(super) fn parse(name: &str) -> Option<Self> {
        [Self::New, Self::Failed, Self::Processing].into_iter().find(|state| state.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor { id: "a".into(), created_at: 7 };
        assert_eq!(Cursor::parse(&cursor.to_text()), Some(cursor));
        assert_eq!(Cursor::parse("a;b"), None);
        assert_eq!(Cursor::parse("a"), None);
        assert_eq!(State::parse("NEW"), Some(State::New));
        assert_eq!(State::parse("new"), None);
    }
}
