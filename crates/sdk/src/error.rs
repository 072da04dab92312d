//! What can go wrong, at start-up and in a call.

use crate::core_client::CoreError;
use http::StatusCode;
use serde_json::Value;

/// What is wrong with the configuration. `Display` says what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The app has no name.
    #[error("the app needs a name: AppInfo::new(name, …)")]
    MissingAppName,
    /// An address is no domain.
    #[error("{field} is not a domain: '{value}'; write for example https://example.com")]
    InvalidDomain {
        /// Which address.
        field: &'static str,
        /// What was given.
        value: String,
    },
    /// A path is none.
    #[error("{field} is not a path: '{value}'; write for example /auth")]
    InvalidPath {
        /// Which path.
        field: &'static str,
        /// What was given.
        value: String,
    },
    /// No core was named.
    #[error("no core: call .core(\"http://localhost:3567\") before .build()")]
    MissingCore,
    /// A core's address is none. What was given is told without user and password.
    #[error("'{0}' is not the address of a core; write for example http://localhost:3567")]
    InvalidCore(String),
    /// The API key cannot be sent. It is not told, as it is a secret.
    #[error(
        "the API key cannot be sent in a header: it may hold visible ASCII characters only; look for a line break in what .api_key(…) gets"
    )]
    InvalidApiKey,
    /// No core can answer in no time.
    #[error("core_timeout is zero, in which no core answers; write for example Duration::from_secs(30)")]
    NoTimeForCore,
    /// There are no certificates to check those of `https` cores against.
    #[error(
        "no certificates to check the core's against ({0}); install ca-certificates, or name a file of them in SSL_CERT_FILE"
    )]
    NoCertificates(String),
    /// A mail server's address is none.
    #[error("the mail server's address cannot be used ({0}); write for example smtps://smtp.example.com")]
    InvalidMailServer(String),
    /// A sender's address is none.
    #[error("'{0}' cannot be a sender; write for example Demo <no-reply@example.com>")]
    InvalidSender(String),
    /// Twilio cannot be used so. Nothing is told of what was given, as it may be a secret.
    #[error("Twilio: {0}; see the console at twilio.com")]
    InvalidTwilio(&'static str),
    /// No recipe was added.
    #[error("no recipe: call .recipe(…) at least once before .build()")]
    NoRecipe,
    /// A recipe was added twice.
    #[error("the {0} recipe is added twice; remove one of the two")]
    DuplicateRecipe(&'static str),
    /// A recipe needs another one.
    #[error("the {recipe} recipe needs the {needs} recipe: add it with .recipe(…)")]
    MissingRecipe {
        /// Which recipe.
        recipe: &'static str,
        /// What it needs.
        needs: &'static str,
    },
    /// A recipe's settings cannot be used.
    #[error("{recipe}: {reason}")]
    Recipe {
        /// Which recipe.
        recipe: &'static str,
        /// What is wrong, and what to change.
        reason: String,
    },
}

/// Why a call could not be served. Refusals, such as a wrong password, are values and not errors.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no session that would do; the error layer answers 401 or 403.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// 400: the caller's input breaks a rule; the text says which.
    #[error("{0}")]
    BadInput(String),
    /// 200 with the status `FIELD_ERROR`: what is wrong with the fields of a form.
    #[error("fields of the form are wrong: {}", field_ids(.0))]
    Fields(Vec<FieldError>),
    /// The core did not serve a call.
    #[error(transparent)]
    Core(#[from] CoreError),
    /// 200 with the status `GENERAL_ERROR`: a message that the frontend shows to the user.
    #[error("{0}")]
    General(String),
    /// Another status, with a message: for functions and APIs that the app replaces.
    #[error("{message}")]
    Answer {
        /// The status.
        status: StatusCode,
        /// What the caller is told.
        message: String,
    },
    /// A recipe is used that was not added.
    #[error("the {0} recipe was not added: call .recipe(…) at start")]
    NoSuchRecipe(&'static str),
    /// An e-mail or a text message could not be sent.
    #[error("delivery: {0}")]
    Delivery(String),
    /// A provider of third-party sign-in does not answer, or not as it should.
    #[error("the provider: {0}")]
    Provider(String),
    /// Anything else.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// 400 with a text.
    pub fn bad_input(text: impl Into<String>) -> Self {
        Self::BadInput(text.into())
    }
}

/// What is wrong with a field of a form.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct FieldError {
    /// The field.
    pub id: String,
    /// What is wrong, for the user to read.
    pub error: String,
}

fn field_ids(fields: &[FieldError]) -> String {
    fields.iter().map(|field| field.id.as_str()).collect::<Vec<_>>().join(", ")
}

/// What the SDK's fallible functions return.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no session that would do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// 401: there is no session.
    #[error("{message}")]
    Unauthorised {
        /// For the log; callers only learn that they are not signed in.
        message: String,
        /// Whether the tokens in the browser are taken away.
        clear_tokens: bool,
    },
    /// 401: the access token does not hold; a refresh may help.
    #[error("{message}")]
    TryRefreshToken {
        /// For the log.
        message: String,
    },
    /// 401: a refresh token was used again after it had been replaced.
    #[error("token theft detected")]
    TokenTheftDetected {
        /// The session.
        session_handle: String,
        /// The primary user.
        user_id: String,
        /// The login method.
        recipe_user_id: String,
    },
    /// 403: the session lacks what the route asks for.
    #[error("invalid claim")]
    InvalidClaims(Vec<ClaimFailure>),
    /// 200: the request held two cookies of one name; the older one has been taken away.
    #[error("the request holds several session cookies; the one of the older cookie domain is cleared")]
    DuplicateCookies,
}

impl SessionError {
    /// There is no session, and the browser's tokens stay as they are.
    pub(crate) fn missing(message: &str) -> Self {
        Self::Unauthorised { message: message.to_owned(), clear_tokens: false }
    }

    /// The session is over, and the browser's tokens go.
    pub(crate) fn over(message: impl Into<String>) -> Self {
        Self::Unauthorised { message: message.into(), clear_tokens: true }
    }

    /// A refresh may help.
    pub(crate) fn try_refresh(message: impl Into<String>) -> Self {
        Self::TryRefreshToken { message: message.into() }
    }
}

/// A claim that does not hold what a route asks for.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ClaimFailure {
    /// The validator.
    pub id: String,
    /// What is wrong, for the frontend.
    pub reason: Value,
}
