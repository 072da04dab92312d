//! What the functions take, and what comes of them.

use crate::recipes::accountlinking::LinkingFailure;
use crate::recipes::flow::Caller;
use crate::recipes::session::Session;
use crate::{PUBLIC_TENANT, User};
use std::fmt;

/// Someone who signs up or in.
#[derive(Clone)]
#[must_use]
pub struct Attempt {
    /// The tenant.
    pub tenant: String,
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: String,
    /// The session that the request shows.
    pub session: Option<Session>,
    /// Whether the login method is to be linked to the session's user; `None` if the frontend is too old
    /// to say so.
    pub link_to_session_user: Option<bool>,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("tenant", &self.tenant)
            .field("email", &self.email)
            .finish_non_exhaustive()
    }
}

impl Attempt {
    /// An attempt that has nothing to do with a session.
    pub fn new(tenant: impl Into<String>, email: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            tenant: tenant.into(),
            email: email.into(),
            password: password.into(),
            session: None,
            link_to_session_user: Some(false),
        }
    }

    /// The login method becomes one of the session's user.
    pub fn linking_to(mut self, session: Session) -> Self {
        self.session = Some(session);
        self.link_to_session_user = Some(true);
        self
    }

    pub(super) fn caller(&self) -> Caller<'_> {
        Caller { tenant: &self.tenant, session: self.session.as_ref(), linking: self.link_to_session_user }
    }
}

/// The outcome of a sign-up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignUp {
    /// The user was made.
    Ok {
        /// The user.
        user: User,
        /// The login method.
        recipe_user_id: String,
    },
    /// The tenant has such a user.
    EmailAlreadyExists,
    /// The core refuses the password, as too many people know it.
    PolicyViolated {
        /// Why, for the user to read.
        reason: String,
    },
    /// The user was made, but could not be linked to that of the session.
    LinkingFailed(LinkingFailure),
}

/// The outcome of a sign-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignIn {
    /// Address and password fit.
    Ok {
        /// The user.
        user: User,
        /// The login method.
        recipe_user_id: String,
    },
    /// They do not.
    WrongCredentials,
    /// They fit, but the login method could not be linked to the session's user.
    LinkingFailed(LinkingFailure),
}

/// The outcome of using up a reset token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumedToken {
    /// The token was good, and is gone.
    Ok {
        /// The user of the token.
        user_id: String,
        /// The address that it was sent to.
        email: String,
    },
    /// Unknown, used or expired.
    InvalidToken,
}

/// The outcome of a reset with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reset {
    /// The password was changed.
    Ok,
    /// The token is unknown, used or expired.
    InvalidToken,
    /// The token's user has no password.
    UnknownUser,
    /// The password breaks the form's rule.
    PolicyViolated {
        /// The rule, for the user to read.
        reason: String,
    },
}

/// What is changed about a login method.
///
/// ```
/// use portcullis::recipes::emailpassword::Change;
///
/// let change = Change::of("a login method's id").email("new@example.com");
/// ```
#[derive(Clone)]
#[must_use]
pub struct Change {
    /// The login method.
    pub recipe_user_id: String,
    /// The new address.
    pub email: Option<String>,
    /// The new password.
    pub password: Option<String>,
    /// Whether the password must keep the form's rule; it must by default.
    pub apply_password_policy: bool,
    /// The tenant that the rule is told.
    pub tenant_for_password_policy: String,
}

impl fmt::Debug for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("recipe_user_id", &self.recipe_user_id).finish_non_exhaustive()
    }
}

impl Change {
    /// No change yet.
    pub fn of(recipe_user_id: impl Into<String>) -> Self {
        Self {
            recipe_user_id: recipe_user_id.into(),
            email: None,
            password: None,
            apply_password_policy: true,
            tenant_for_password_policy: PUBLIC_TENANT.to_owned(),
        }
    }

    /// A new address.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }

    /// A new password.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The tenant that the form's rule for passwords is told.
    pub fn policy_of_tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenant_for_password_policy = tenant.into();
        self
    }

    /// Any password will do.
    pub fn without_password_policy(mut self) -> Self {
        self.apply_password_policy = false;
        self
    }
}

/// The outcome of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Changed {
    /// Changed.
    Ok,
    /// There is no such login method.
    UnknownUser,
    /// One of the user's tenants has another user with this address.
    EmailAlreadyExists,
    /// The address would make two users out of one.
    EmailChangeNotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
    /// The password breaks the form's rule.
    PolicyViolated {
        /// The rule, for the user to read.
        reason: String,
    },
}
