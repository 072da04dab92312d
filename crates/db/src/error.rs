//! Why the database could not do its work, in terms that both engines share.

use crate::moving::LEFT;

/// Why a statement or a unit of work failed. `Display` never holds a password.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A unique key is taken already.
    #[error("a row with this key exists already ({0})")]
    Duplicate(String),
    /// The row that a foreign key names is not there.
    #[error("a row that this one belongs to does not exist")]
    MissingParent,
    /// Broken off for a deadlock, a serialization failure or a lock that was not free in time.
    #[error("the database is busy")]
    Busy,
    /// Another process keeps the file locked.
    #[error("another process keeps the database file locked")]
    Locked,
    /// Every connection is in use and none came free in time.
    #[error("every database connection is in use")]
    PoolFull,
    /// A table is not there: the migrations have not run.
    #[error("a table does not exist: {0}")]
    MissingTable(String),
    /// The database does not answer.
    #[error("the database is not reachable: {0}")]
    Unavailable(String),
    /// A migration that was applied has another text now, or could not be applied.
    #[error("migration {name}: {reason}")]
    Migration {
        /// Which one.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A database cannot be moved from there, or to there.
    #[error("{0}")]
    CannotMove(String),
    /// Anything else, in the engine's words.
    #[error("{0}")]
    Engine(String),
}

impl Error {
    /// The failure of whoever wanted to be let in by a database that is in use: that it was dropped, say, or takes
    /// nobody in is no fault of the statement that could not be run, and may have an end.
    #[must_use]
    pub fn as_unavailable(self) -> Self {
        match self {
            Self::Engine(text) => Self::Unavailable(text),
            other => other,
        }
    }
}

/// What the functions of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ffi;
        let rusqlite::Error::SqliteFailure(failure, text) = &error else {
            return Self::Engine(error.to_string());
        };
        match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => {
                Self::Duplicate(text.clone().unwrap_or_default())
            }
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => Self::MissingParent,
            ffi::SQLITE_CONSTRAINT_TRIGGER if text.as_deref() == Some(LEFT) => {
                Self::Unavailable(LEFT.to_owned())
            }
            code if [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED].contains(&(code & 0xff)) => Self::Locked,
            _ => match text.as_deref().and_then(|text| text.strip_prefix("no such table: ")) {
                Some(table) => Self::MissingTable(table.to_owned()),
                None => Self::Engine(error.to_string()),
            },
        }
    }
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let text = chain(&error);
            return if error.is_closed() || is_io(&error) {
                Self::Unavailable(text)
            } else {
                Self::Engine(text)
            };
        };
        match db.code().code() {
            "23505" => Self::Duplicate(db.constraint().unwrap_or_default().to_owned()),
            "23503" => Self::MissingParent,
            "42P01" => Self::MissingTable(db.message().to_owned()),
            "40001" | "40P01" | "55P03" => Self::Busy,
            code if code.starts_with("08") || code.starts_with("57P") || code == "53300" => {
                Self::Unavailable(db.message().to_owned())
            }
            code => Self::Engine(format!("{} ({code})", db.message())),
        }
    }
}

impl From<deadpool_postgres::PoolError> for Error {
    fn from(error: deadpool_postgres::PoolError) -> Self {
        use deadpool_postgres::{PoolError, TimeoutType};
        match error {
            PoolError::Timeout(TimeoutType::Wait) => Self::PoolFull,
            PoolError::Backend(error) => Self::from(error),
            other => Self::Unavailable(other.to_string()),
        }
    }
}

/// A certificate that is not accepted comes as an I/O error too, but waiting does not make it better.
fn is_io(error: &tokio_postgres::Error) -> bool {
    let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    let inner = io.and_then(std::io::Error::get_ref).and_then(|inner| inner.downcast_ref::<rustls::Error>());
    io.is_some() && inner.is_none()
}

fn chain(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}
