//! What the functions take, and what comes of them.

use crate::User;
use crate::recipes::accountlinking::LinkingFailure;
use crate::recipes::flow::Caller;
use crate::recipes::session::Session;
use portcullis_wire::Object;
use portcullis_wire::webauthn as wire;
use std::fmt;

pub use wire::{
    ListedCredential as Credential, RegisterOptions, SignInOptions, StoredOptions as GeneratedOptions,
};

/// How long a browser may take, in milliseconds.
const TIMEOUT: i64 = 60_000;
/// EdDSA, ES256 and RS256, by their COSE numbers.
const ALGORITHMS: [i64; 3] = [-8, -7, -257];

/// The site that a passkey is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelyingParty {
    /// The domain that passkeys are bound to.
    pub id: String,
    /// The site's name, for people.
    pub name: String,
    /// Where the browser is.
    pub origin: String,
}

/// Whether something is asked of the authenticator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// It must be.
    Required,
    /// It shall be if it can.
    Preferred,
    /// It need not be.
    Discouraged,
}

impl Requirement {
    pub(super) fn name(self) -> String {
        let name = match self {
            Self::Required => "required",
            Self::Preferred => "preferred",
            Self::Discouraged => "discouraged",
        };
        name.to_owned()
    }
}

/// How much the authenticator shall tell about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// Nothing.
    None,
    /// What the browser makes of it.
    Indirect,
    /// What it says itself.
    Direct,
    /// What tells it from all others.
    Enterprise,
}

impl Attestation {
    pub(super) fn name(self) -> String {
        let name = match self {
            Self::None => "none",
            Self::Indirect => "indirect",
            Self::Direct => "direct",
            Self::Enterprise => "enterprise",
        };
        name.to_owned()
    }
}

/// Who is to get a passkey.
#[derive(Clone)]
pub enum Applicant {
    /// Whoever has this address.
    Email {
        /// The address.
        email: String,
        /// What authenticators call the user; the address unless given.
        display_name: Option<String>,
    },
    /// The user of a recovery token.
    RecoverAccountToken(String),
}

impl fmt::Debug for Applicant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Email { email, .. } => {
                f.debug_struct("Email").field("email", email).finish_non_exhaustive()
            }
            Self::RecoverAccountToken(_) => f.debug_struct("RecoverAccountToken").finish_non_exhaustive(),
        }
    }
}

/// What options to make a passkey with shall be like.
#[derive(Clone, Debug)]
#[must_use]
pub struct RegisterOptionsRequest {
    /// The tenant.
    pub tenant: String,
    /// Who is to get a passkey.
    pub applicant: Applicant,
    /// The site.
    pub relying_party: RelyingParty,
    /// How long the browser may take, in milliseconds; one minute.
    pub timeout: i64,
    /// How much the authenticator shall tell about itself; nothing.
    pub attestation: Attestation,
    /// Whether the passkey shall be found without its id; required.
    pub resident_key: Requirement,
    /// Whether the user shall be verified, with a PIN or a fingerprint; preferred.
    pub user_verification: Requirement,
    /// Whether the user must be present; yes.
    pub user_presence: bool,
    /// By their COSE numbers, in the order of preference; EdDSA, ES256 and RS256.
    pub supported_algorithm_ids: Vec<i64>,
}

impl RegisterOptionsRequest {
    /// As the frontend API asks for them.
    pub fn new(tenant: impl Into<String>, applicant: Applicant, relying_party: RelyingParty) -> Self {
        Self {
            tenant: tenant.into(),
            applicant,
            relying_party,
            timeout: TIMEOUT,
            attestation: Attestation::None,
            resident_key: Requirement::Required,
            user_verification: Requirement::Preferred,
            user_presence: true,
            supported_algorithm_ids: ALGORITHMS.to_vec(),
        }
    }
}

/// The outcome of asking for options to make a passkey with.
#[derive(Debug)]
#[non_exhaustive]
pub enum RegisterOptionsOutcome {
    /// Here they are.
    Ok(Box<RegisterOptions>),
    /// The address is none.
    InvalidEmail {
        /// What is wrong, for the user to read.
        fault: String,
    },
    /// The recovery token is unknown, used or expired.
    InvalidRecoverAccountToken,
    /// They make no sense.
    InvalidOptions {
        /// Why.
        reason: String,
    },
}

/// What options to sign in with shall be like.
#[derive(Clone, Debug)]
#[must_use]
pub struct SignInOptionsRequest {
    /// The tenant.
    pub tenant: String,
    /// The site.
    pub relying_party: RelyingParty,
    /// How long the browser may take, in milliseconds; one minute.
    pub timeout: i64,
    /// Whether the user shall be verified, with a PIN or a fingerprint; preferred.
    pub user_verification: Requirement,
    /// Whether the user must be present; yes.
    pub user_presence: bool,
}

impl SignInOptionsRequest {
    /// As the frontend API asks for them.
    pub fn new(tenant: impl Into<String>, relying_party: RelyingParty) -> Self {
        Self {
            tenant: tenant.into(),
            relying_party,
            timeout: TIMEOUT,
            user_verification: Requirement::Preferred,
            user_presence: true,
        }
    }
}

/// The outcome of asking for options to sign in with.
#[derive(Debug)]
#[non_exhaustive]
pub enum SignInOptionsOutcome {
    /// Here they are.
    Ok(SignInOptions),
    /// They make no sense.
    InvalidOptions {
        /// Why.
        reason: String,
    },
}

/// Someone who signs up or in with a passkey.
#[derive(Clone)]
#[must_use]
pub struct Attempt {
    /// The tenant.
    pub tenant: String,
    /// The options' id.
    pub options_id: String,
    /// What the authenticator answered to them: the browser's `PublicKeyCredential` in JSON.
    pub credential: Object,
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
            .field("options_id", &self.options_id)
            .finish_non_exhaustive()
    }
}

impl Attempt {
    /// One that has nothing to do with a session.
    pub fn new(tenant: impl Into<String>, options_id: impl Into<String>, credential: Object) -> Self {
        Self {
            tenant: tenant.into(),
            options_id: options_id.into(),
            credential,
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

/// Why an authenticator's answer does not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialFault {
    /// There are no such options, or no more.
    OptionsNotFound,
    /// The options are too old, or of the other kind.
    InvalidOptions {
        /// Why.
        reason: String,
    },
    /// It cannot be read, or is nobody's.
    InvalidCredentials {
        /// Why.
        reason: String,
    },
    /// It does not answer the options.
    InvalidAuthenticator {
        /// Why.
        reason: String,
    },
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
    /// The tenant has a user of the recipe with the options' address.
    EmailAlreadyExists,
    /// The answer does not do.
    Refused(CredentialFault),
    /// The user was made, but could not be linked to that of the session.
    LinkingFailed(LinkingFailure),
}

/// The outcome of a sign-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SignIn {
    /// The user has proved to be it.
    Ok {
        /// The user.
        user: User,
        /// The login method.
        recipe_user_id: String,
    },
    /// Nobody in the tenant has such a passkey.
    CredentialNotFound,
    /// The answer does not do.
    Refused(CredentialFault),
    /// It does, but the login method could not be linked to the session's user.
    LinkingFailed(LinkingFailure),
}

/// The outcome of adding a passkey.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Registration {
    /// The user has one more.
    Ok {
        /// The passkey.
        credential_id: String,
        /// The options' address.
        email: String,
    },
    /// Somebody has it already.
    CredentialAlreadyExists,
    /// There is no such login method of the recipe.
    UnknownUser,
    /// The answer does not do.
    Refused(CredentialFault),
}

/// The outcome of using up a recovery token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumedToken {
    /// The token was good, and is gone.
    Ok {
        /// The user of the token, or the login method.
        user_id: String,
        /// The address that it was sent to.
        email: String,
    },
    /// Unknown, used or expired.
    InvalidToken,
}

/// Whose recovery token it is.
#[derive(Clone, Debug)]
pub struct RecoveringUser {
    /// The user.
    pub user: User,
    /// The user's login method of the recipe, if there is one.
    pub recipe_user_id: Option<String>,
}

/// The outcome of getting an account back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Recovery {
    /// The token is gone, and this came of the passkey.
    Registered(Registration),
    /// The token is unknown, used or expired.
    InvalidToken,
}

/// The outcome of a change of address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailUpdate {
    /// Changed.
    Ok,
    /// There is no such login method of the recipe.
    UnknownUser,
    /// One of the user's tenants has another user of the recipe with this address.
    EmailAlreadyExists,
    /// Another primary user has this address.
    UserWithEmailAlreadyExists,
}
