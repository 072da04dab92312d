//! What linking is asked, and what comes of it.

use crate::recipes::session::Session;
use crate::{AccountInfo, LoginMethod, ThirdParty, User};

/// What is known of a login method, which need not exist yet.
///
/// ```
/// use portcullis::recipes::accountlinking::LoginInfo;
///
/// let login = LoginInfo::new("emailpassword").email("ann@example.com");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct LoginInfo {
    /// The recipe.
    pub recipe_id: String,
    /// The login method's id, if it exists.
    pub recipe_user_id: Option<String>,
    /// What it is known by.
    pub account: AccountInfo,
    /// Whether its address or number is proven, or will be once the sign-in is done.
    pub verified: bool,
}

impl LoginInfo {
    /// A login method of a recipe, with nothing that it is known by and nothing proven.
    pub fn new(recipe_id: impl Into<String>) -> Self {
        Self { recipe_id: recipe_id.into(), ..Self::default() }
    }

    /// With this address.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.account.email = Some(email.into());
        self
    }

    /// With this phone number.
    pub fn phone_number(mut self, phone_number: impl Into<String>) -> Self {
        self.account.phone_number = Some(phone_number.into());
        self
    }

    /// With this user of a provider.
    pub fn third_party(mut self, user: ThirdParty) -> Self {
        self.account.third_party = Some(user);
        self
    }

    /// Whether its address or number is proven.
    pub fn verified(mut self, verified: bool) -> Self {
        self.verified = verified;
        self
    }
}

impl From<&LoginMethod> for LoginInfo {
    fn from(method: &LoginMethod) -> Self {
        Self {
            recipe_id: method.recipe_id.clone(),
            recipe_user_id: Some(method.recipe_user_id.clone()),
            account: AccountInfo::of(method),
            verified: method.verified,
        }
    }
}

/// Whether login methods become one user by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutomaticLinking {
    /// They do not.
    No,
    /// They do once the address or number that they share is proven to be their owner's.
    IfVerified,
    /// They do, whoever made them: only for apps that know from elsewhere whose an address is. Otherwise a
    /// stranger who signs up with somebody's address shares that person's account.
    EvenUnverified,
}

/// What the app's
/// [`should_do_automatic_account_linking`](super::AccountLinking::should_do_automatic_account_linking) is
/// asked.
#[derive(Clone, Debug)]
pub struct LinkingQuestion {
    /// The login method.
    pub login: LoginInfo,
    /// The user that it would be linked to; `None` if it would become a primary user, to which others can
    /// be linked.
    pub user: Option<User>,
    /// The session that the request shows.
    pub session: Option<Session>,
    /// The tenant.
    pub tenant: String,
}

/// Why a login method could not be linked to the session's user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkingFailure {
    /// Its address or number is not proven.
    EmailVerificationRequired,
    /// It is another primary user's.
    RecipeUserLinked,
    /// What it is known by is another primary user's.
    AccountInfoTaken,
    /// What the session's user is known by is another primary user's.
    SessionUserInfoTaken,
}

impl LinkingFailure {
    /// The reason that a frontend gets. Each recipe has four codes in a row, of which this is the first.
    pub(crate) fn reason(self, first_code: u8) -> String {
        let code = first_code
            + match self {
                Self::EmailVerificationRequired => 0,
                Self::RecipeUserLinked => 1,
                Self::AccountInfoTaken => 2,
                Self::SessionUserInfoTaken => 3,
            };
        format!("Cannot sign in / up due to security reasons. Please contact support. (ERR_CODE_{code:03})")
    }
}

/// Whether a login method can become a primary user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanCreatePrimaryUser {
    /// It can.
    Ok {
        /// Whether it is one already.
        was_already_primary: bool,
    },
    /// It is linked to a primary user.
    Linked {
        /// This one.
        primary_user_id: String,
        /// In English.
        description: String,
    },
    /// What it is known by is another primary user's, in one of its tenants.
    AccountInfoTaken {
        /// This one's.
        primary_user_id: String,
        /// In English.
        description: String,
    },
}

/// The outcome of making a primary user.
#[derive(Clone, Debug)]
pub enum CreatePrimaryUser {
    /// It is one.
    Ok {
        /// The user.
        user: User,
        /// Whether it was one before.
        was_already_primary: bool,
    },
    /// It is linked to a primary user.
    Linked {
        /// This one.
        primary_user_id: String,
        /// In English.
        description: String,
    },
    /// What it is known by is another primary user's, in one of its tenants.
    AccountInfoTaken {
        /// This one's.
        primary_user_id: String,
        /// In English.
        description: String,
    },
}

/// Whether a login method can be linked to a primary user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CanLinkAccounts {
    /// It can.
    Ok {
        /// Whether it is linked already.
        were_already_linked: bool,
    },
    /// The other user is no primary user.
    NotPrimary,
    /// It is another primary user's.
    Linked {
        /// This one's.
        primary_user_id: String,
        /// In English.
        description: String,
    },
    /// What the two are known by is another primary user's, in one of their tenants.
    AccountInfoTaken {
        /// This one's.
        primary_user_id: String,
        /// In English.
        description: String,
    },
}

/// The outcome of linking.
#[derive(Clone, Debug)]
pub enum LinkAccounts {
    /// The two are linked.
    Ok {
        /// The user that both are.
        user: User,
        /// Whether they were before.
        were_already_linked: bool,
    },
    /// The other user is no primary user.
    NotPrimary,
    /// The login method is another primary user's.
    Linked {
        /// That user.
        user: User,
        /// In English.
        description: String,
    },
    /// What the two are known by is another primary user's, in one of their tenants.
    AccountInfoTaken {
        /// This one's.
        primary_user_id: String,
        /// In English.
        description: String,
    },
}

/// The outcome of unlinking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unlinked {
    /// Whether the login method was deleted, as others keep the id that it had.
    pub was_recipe_user_deleted: bool,
    /// Whether it was linked, or a primary user.
    pub was_linked: bool,
}

/// An address that a login method is to get.
#[derive(Clone, Copy, Debug)]
pub struct NewEmail<'e> {
    /// The address.
    pub email: &'e str,
    /// Whether it is proven to be the user's.
    pub is_verified: bool,
}

/// Whether a login method may get another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmailChange {
    /// It may.
    Allowed,
    /// The address is another primary user's.
    PrimaryUserConflict,
    /// The address is not proven, and whoever proves it would come to share an account.
    TakeoverRisk,
}

impl EmailChange {
    /// Why it may not, in the words of the Node SDK, which apps compare.
    pub(crate) fn reason(self) -> Option<&'static str> {
        match self {
            Self::Allowed => None,
            Self::PrimaryUserConflict => Some(
                "New email cannot be applied to existing account because of there is another primary user with the same email address.",
            ),
            Self::TakeoverRisk => {
                Some("New email cannot be applied to existing account because of account takeover risks.")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_code() {
        use LinkingFailure::*;
        for (failure, first, code) in [
            (EmailVerificationRequired, 9, "(ERR_CODE_009)"),
            (RecipeUserLinked, 9, "(ERR_CODE_010)"),
            (AccountInfoTaken, 13, "(ERR_CODE_015)"),
            (SessionUserInfoTaken, 20, "(ERR_CODE_023)"),
        ] {
            let reason = failure.reason(first);
            assert!(reason.ends_with(code), "{reason}");
            assert!(reason.starts_with("Cannot sign in / up due to security reasons. "), "{reason}");
        }
    }
}
