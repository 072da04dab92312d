//! What the functions take, and what comes of them.

use crate::recipes::accountlinking::LinkingFailure;
use crate::recipes::contact::normalise_phone_number;
use crate::recipes::flow::Caller;
use crate::recipes::session::Session;
use crate::{AccountInfo, User};
use std::fmt;

pub use portcullis_wire::passwordless::{CodeProof, ConsumedDevice, ListedCode, ListedDevice as Device};

/// Where codes and links are sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// An e-mail address.
    Email(String),
    /// A phone number.
    PhoneNumber(String),
}

impl Contact {
    pub(super) fn of_device(device: &Device) -> Option<Self> {
        let number = device.phone_number.clone().map(Self::PhoneNumber);
        number.or_else(|| device.email.clone().map(Self::Email))
    }

    /// As the core keeps it. What is typed is not where anything is sent: an address that is the same in
    /// lower case may be someone else's mailbox (the Kelvin sign in `mi\u{212A}e@example.com` becomes a `k`).
    pub(crate) fn normalised(self) -> Self {
        match self {
            Self::Email(email) => Self::Email(email.trim().to_lowercase()),
            Self::PhoneNumber(number) => Self::PhoneNumber(normalise_phone_number(&number)),
        }
    }

    pub(super) fn account(&self) -> AccountInfo {
        let (email, phone_number) = self.parts();
        AccountInfo { email, phone_number, ..AccountInfo::default() }
    }

    /// Address and number, of which there is one.
    pub(super) fn parts(&self) -> (Option<String>, Option<String>) {
        match self {
            Self::Email(email) => (Some(email.clone()), None),
            Self::PhoneNumber(number) => (None, Some(number.clone())),
        }
    }
}

/// What is sent: a code, a link or both. Who has one of them can sign in.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginCode {
    /// The link to the website's page `/verify`.
    pub link: Option<String>,
    /// The code that is to be entered where it was asked for.
    pub user_input_code: Option<String>,
    /// How long both work, in milliseconds.
    pub code_lifetime: i64,
    /// Which device asked for them.
    pub pre_auth_session_id: String,
    /// Whether this signs somebody in, and is not a further factor of somebody who is signed in.
    pub is_first_factor: bool,
}

impl fmt::Debug for LoginCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginCode").field("code_lifetime", &self.code_lifetime).finish_non_exhaustive()
    }
}

impl LoginCode {
    /// How long it works, for the user to read, such as `15 minutes`.
    pub fn lifetime(&self) -> String {
        let seconds = self.code_lifetime / 1000;
        let (number, unit) = match seconds {
            ..60 => (seconds, "second"),
            _ if seconds % 3600 == 0 => (seconds / 3600, "hour"),
            _ => (seconds / 60, "minute"),
        };
        if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
    }
}

/// For whom a code is made.
#[derive(Clone)]
#[must_use]
pub struct CodeRequest {
    /// The tenant.
    pub tenant: String,
    /// Where it is to be sent.
    pub contact: Contact,
    /// The code that is to be entered; the core makes one unless it is given.
    pub user_input_code: Option<String>,
    /// The session that the request shows.
    pub session: Option<Session>,
    /// Whether the login method is to be linked to the session's user; `None` if the frontend is too old
    /// to say so.
    pub link_to_session_user: Option<bool>,
}

impl fmt::Debug for CodeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeRequest")
            .field("tenant", &self.tenant)
            .field("contact", &self.contact)
            .finish_non_exhaustive()
    }
}

impl CodeRequest {
    /// One that has nothing to do with a session.
    pub fn new(tenant: impl Into<String>, contact: Contact) -> Self {
        Self {
            tenant: tenant.into(),
            contact,
            user_input_code: None,
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

    /// The code that is to be entered.
    pub fn user_input_code(mut self, code: impl Into<String>) -> Self {
        self.user_input_code = Some(code.into());
        self
    }
}

/// A code and a link that were made. Who has one of them can sign in.
#[derive(Clone)]
pub struct Code {
    /// The code's id.
    pub code_id: String,
    /// The device: known to whoever asked for the code, and to nobody else.
    pub device_id: String,
    /// The device, without being its secret.
    pub pre_auth_session_id: String,
    /// What is entered.
    pub user_input_code: String,
    /// What the link holds.
    pub link_code: String,
    /// Milliseconds since 1970.
    pub time_created: i64,
    /// How long both work, in milliseconds.
    pub code_lifetime: i64,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").field("code_id", &self.code_id).finish_non_exhaustive()
    }
}

/// The outcome of asking for a further code.
#[derive(Clone, Debug)]
pub enum NewCode {
    /// Made.
    Ok(Code),
    /// There is no such device any more: only a sign-in from the start helps.
    RestartFlow,
    /// The device has this very code already.
    UserInputCodeAlreadyUsed,
}

/// Someone who signs in with a code or a link.
#[derive(Clone)]
#[must_use]
pub struct Attempt {
    /// The tenant.
    pub tenant: String,
    /// The device.
    pub pre_auth_session_id: String,
    /// What shows that the code or the link was received.
    pub proof: CodeProof,
    /// The session that the request shows.
    pub session: Option<Session>,
    /// Whether the login method is to be linked to the session's user; `None` if the frontend is too old
    /// to say so.
    pub link_to_session_user: Option<bool>,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl Attempt {
    /// One that has nothing to do with a session.
    pub fn new(tenant: impl Into<String>, pre_auth_session_id: impl Into<String>, proof: CodeProof) -> Self {
        Self {
            tenant: tenant.into(),
            pre_auth_session_id: pre_auth_session_id.into(),
            proof,
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

/// Why a code does not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeFault {
    /// Another one was sent.
    Incorrect {
        /// How often that happened on this device.
        failed_attempts: i64,
        /// How often it may happen.
        max_attempts: i64,
    },
    /// It is too old.
    Expired {
        /// How often a code was wrong on this device.
        failed_attempts: i64,
        /// How often it may be.
        max_attempts: i64,
    },
    /// Only a sign-in from the start helps.
    RestartFlow,
}

/// The outcome of using a code up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignInUp {
    /// It was right, and is gone.
    Ok {
        /// The user.
        user: User,
        /// The login method.
        recipe_user_id: String,
        /// Whether the login method was made by this.
        is_new: bool,
        /// The device, which is gone too.
        device: ConsumedDevice,
    },
    /// It does not do.
    Refused(CodeFault),
    /// It was right, and is gone, but the login method could not be linked to the session's user.
    LinkingFailed(LinkingFailure),
}

/// Which codes are forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Revocation {
    /// A code.
    Code {
        /// Its id.
        code_id: String,
    },
    /// A device with all its codes.
    Device {
        /// The device.
        pre_auth_session_id: String,
    },
}

/// A field that is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Field {
    #[default]
    Keep,
    Clear,
    Set(String),
}

/// What is changed about a login method.
///
/// ```
/// use portcullis::recipes::passwordless::Change;
///
/// let change = Change::of("a login method's id").email("new@example.com").without_phone_number();
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Change {
    pub(super) recipe_user_id: String,
    pub(super) email: Field,
    pub(super) phone_number: Field,
}

impl Change {
    /// No change yet.
    pub fn of(recipe_user_id: impl Into<String>) -> Self {
        Self { recipe_user_id: recipe_user_id.into(), email: Field::Keep, phone_number: Field::Keep }
    }

    /// A new address.
    pub fn email(mut self, email: impl Into<String>) -> Self {
        self.email = Field::Set(email.into());
        self
    }

    /// No address any more.
    pub fn without_email(mut self) -> Self {
        self.email = Field::Clear;
        self
    }

    /// A new number.
    pub fn phone_number(mut self, number: impl Into<String>) -> Self {
        self.phone_number = Field::Set(number.into());
        self
    }

    /// No number any more.
    pub fn without_phone_number(mut self) -> Self {
        self.phone_number = Field::Clear;
        self
    }

    /// The login method.
    pub fn recipe_user_id(&self) -> &str {
        &self.recipe_user_id
    }

    /// The new address, if there is one.
    pub fn new_email(&self) -> Option<&str> {
        if let Field::Set(email) = &self.email { Some(email) } else { None }
    }

    /// The new number, if there is one.
    pub fn new_phone_number(&self) -> Option<&str> {
        if let Field::Set(number) = &self.phone_number { Some(number) } else { None }
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
    /// One of the user's tenants has another user with this number.
    PhoneNumberAlreadyExists,
    /// The address would make two users out of one.
    EmailChangeNotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
    /// The number would make two users out of one.
    PhoneNumberChangeNotAllowed {
        /// Why, for the user to read.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_in_words_and_no_code_in_debug_texts() {
        for (milliseconds, words) in [
            (1000, "1 second"),
            (59_999, "59 seconds"),
            (60_000, "1 minute"),
            (900_000, "15 minutes"),
            (3_600_000, "1 hour"),
            (5_400_000, "90 minutes"),
            (7_200_000, "2 hours"),
        ] {
            let code = LoginCode {
                link: Some("secret".to_owned()),
                user_input_code: Some("secret".to_owned()),
                code_lifetime: milliseconds,
                pre_auth_session_id: "secret".to_owned(),
                is_first_factor: true,
            };
            assert_eq!(code.lifetime(), words);
            assert!(!format!("{code:?}").contains("secret"));
        }
    }
}
