//! The one error of the core: a call that could not be served. Refusals that the protocol answers with
//! a status word are values, not errors.

use crate::Scope;
use crate::crypto::password_pool::PoolError;
use portcullis_wire::InputError;
use std::time::Duration;

/// Why a call could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// 400: the caller's input breaks a rule; the text says which.
    #[error("{0}")]
    BadInput(String),
    /// 401: no valid API key.
    #[error("Invalid API key")]
    Unauthorized,
    /// 403: the caller may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// 404: there is no such endpoint.
    #[error("Not found")]
    NotFound,
    /// 405: the endpoint does not know the method.
    #[error("Method not supported")]
    MethodNotSupported,
    /// 413: the body is larger than the limit, in bytes.
    #[error("Request body is larger than {0} bytes")]
    BodyTooLarge(usize),
    /// 408: the body did not arrive in time.
    #[error("Request timed out")]
    Timeout,
    /// 400: the path names a tenant, or an app, that does not exist.
    #[error("AppId or tenantId not found => {}", unknown(.0, *.1))]
    UnknownTenant(Scope, Unknown),
    /// 429: too much password work is waiting already.
    #[error("Too many requests: try again later")]
    Busy(Duration),
    /// 429: too many failed attempts at a secret; how long until the next one.
    #[error("Too many failed attempts: try again later")]
    TooManyGuesses(Duration),
    /// 500, or 503 when it does not answer or has no connection left: the database could not serve the call.
    #[error("database error: {0}")]
    Db(#[from] portcullis_db::Error),
    /// 500: anything that should not happen.
    #[error("{0}")]
    Internal(String),
}

/// What of a scope is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// The app.
    App,
    /// The tenant.
    Tenant,
}

/// What the core's fallible functions return.
pub type Result<T> = std::result::Result<T, Error>;

fn unknown(scope: &Scope, what: Unknown) -> String {
    match what {
        Unknown::App => format!(
            "App with the following connectionURIDomain and appId combination not found: ({}, {})",
            scope.domain, scope.app_id
        ),
        Unknown::Tenant => format!(
            "Tenant with the following connectionURIDomain, appId and tenantId combination not found: {scope}"
        ),
    }
}

impl Error {
    /// 400 with a text.
    pub fn bad_input(text: impl Into<String>) -> Self {
        Self::BadInput(text.into())
    }

    /// 403 with a text.
    pub fn forbidden(text: impl Into<String>) -> Self {
        Self::Forbidden(text.into())
    }

    /// 500 with a text for the log and the caller.
    pub fn internal(text: impl std::fmt::Display) -> Self {
        Self::Internal(format!("{text}"))
    }

    /// The same with the tenant, or the domain, that was worked for when no caller waited: the log is to name it.
    pub(crate) fn of(self, whose: impl std::fmt::Display) -> Self {
        Self::internal(format_args!("{whose}: {self}"))
    }

    /// As [`Error::of`], with a domain that is not the default one.
    pub(crate) fn of_domain(self, domain: &str) -> Self {
        if domain.is_empty() { self } else { self.of(domain) }
    }

    /// Whether the call was broken off for reasons of the core's own, which say nothing about what was asked.
    pub(crate) fn is_breakdown(&self) -> bool {
        matches!(self, Self::Busy(_) | Self::Db(_) | Self::Internal(_))
    }
}

impl From<InputError> for Error {
    fn from(error: InputError) -> Self {
        Self::BadInput(error.to_string())
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Full { retry_after } => Self::Busy(retry_after),
            PoolError::MissingFirebaseKey => Self::internal(
                "java.lang.IllegalStateException: 'firebase_password_hashing_signer_key' cannot be null",
            ),
            PoolError::Closed => Self::internal("the core is stopping"),
        }
    }
}
