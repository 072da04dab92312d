//! Why a user could not be imported, and the states of an entry.

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
    /// The database does not take it, and will not take it later either.
    Impossible(String),
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
            Self::Impossible(reason) => write!(f, "E046: the database refuses the user: {reason}"),
            Self::DeviceExists(name) => write!(f, "E036: the user has two devices with the name {name}"),
        }
    }
}

/// A state of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    New,
    Failed,
    /// A worker hashes its passwords. The reference's workers write it of all that they are at.
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
    fn a_state_is_named_to_the_letter() {
        assert_eq!(State::parse("NEW"), Some(State::New));
        assert_eq!(State::parse("new"), None);
    }
}
