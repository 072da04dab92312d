//! What can become primary and what can be linked, as far as the users themselves decide it: whether what they
//! sign in with is free is for the database to say.

use crate::ground::users::model::{InfoKind, User};

/// Why something is not possible.
#[derive(Debug)]
pub(super) enum Refusal {
    /// There is no such user.
    UnknownUser,
    /// The user to which another one was to be linked is no primary user.
    NotPrimary,
    /// The login method is another primary user's.
    Linked(Box<User>),
    /// What they sign in with is another primary user's.
    InfoTaken {
        /// What it is.
        kind: InfoKind,
        /// The other user's id, as callers know it.
        primary_user_id: String,
    },
}

impl Refusal {
    /// The sentence of the protocol.
    pub(super) fn description(&self, of_link: bool) -> String {
        let text = match self {
            Self::Linked(_) if of_link => "The input recipe user ID is already linked to another user ID",
            Self::InfoTaken { kind: InfoKind::Email, .. } => {
                "This user's email is already associated with another user ID"
            }
            Self::InfoTaken { kind: InfoKind::Phone, .. } => {
                "This user's phone number is already associated with another user ID"
            }
            Self::InfoTaken { kind: InfoKind::ThirdParty, .. } => {
                "This user's third party login is already associated with another user ID"
            }
            Self::Linked(_) | Self::UnknownUser | Self::NotPrimary => {
                "This user ID is already linked to another user ID"
            }
        };
        text.to_owned()
    }
}

/// Whether a login method is a primary user already; a linked one cannot become one.
pub(super) fn is_primary(user: &User, user_id: &str) -> Result<bool, Refusal> {
    if user.is_primary && user.id != user_id {
        return Err(Refusal::Linked(Box::new(user.clone())));
    }
    Ok(user.is_primary)
}

/// Whether a login method is the primary user's already; one that is another primary user's cannot be linked,
/// not even if it is that user itself.
pub(super) fn is_linked(user: &User, primary: &User) -> Result<bool, Refusal> {
    if !primary.is_primary {
        return Err(Refusal::NotPrimary);
    }
    if user.is_primary && user.id != primary.id {
        return Err(Refusal::Linked(Box::new(user.clone())));
    }
    Ok(user.is_primary)
}
