//! What nothing can go below: the bare parts of which a request consists, measured apart.

mod crypto;
mod http;
mod postgres;
mod sqlite;
mod statement;

pub(crate) use crypto::Crypto;
pub(crate) use http::{HttpFloor, json, serve};
pub(crate) use postgres::Postgres;
pub(crate) use sqlite::Sqlite;

use std::time::Duration;

/// A part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Floor {
    /// An RSA-2048 signature.
    Sign,
    /// Its verification, with a parsed key.
    Verify,
    /// An argon2 hash as the settings come, in memory that is kept.
    Hash,
    /// The cheapest argon2 hash there is.
    CheapHash,
    /// The key of a refresh token, derived as the protocol asks.
    TokenKey,
    /// A user with everything about it, in one statement.
    FindUser,
    /// A user with everything about it, and an event's row in the audit trail, in one statement.
    FindUserAndLog,
    /// A user's id and hash by address.
    FindByEmail,
    /// A page of 100 users, in one statement.
    ListUsers,
    /// A new user's rows and the event's, in one statement.
    InsertUser,
    /// A session's row.
    FindSession,
    /// A new session and its event.
    InsertSession,
    /// A session's row changed as by a refresh.
    UpdateSession,
    /// A new verification token.
    InsertToken,
}

/// The CPU time of one of them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    /// In the process that does it, or that asks for it.
    pub(crate) core: Duration,
    /// In the processes of the database.
    pub(crate) database: Duration,
}

impl Cost {
    pub(crate) fn each(core: Duration, database: Duration, number: usize) -> Self {
        let number = u32::try_from(number).unwrap();
        Self { core: core / number, database: database / number }
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.core += other.core;
        self.database += other.database;
    }
}

/// A database that is asked without a core.
pub(crate) enum Database {
    Postgres(Postgres),
    Sqlite(Sqlite),
}

/// All floors.
pub(crate) struct Floors {
    pub(crate) crypto: Crypto,
    pub(crate) database: Database,
}

impl Floors {
    /// What the database does by itself, but not as often as paths are measured.
    pub(crate) fn vacuum(&self) {
        if let Database::Postgres(database) = &self.database {
            database.vacuum();
        }
    }

    pub(crate) fn measure(&mut self, floor: Floor) -> Cost {
        if let Some(cost) = self.crypto.measure(floor) {
            return cost;
        }
        match &mut self.database {
            Database::Postgres(database) => database.measure(floor),
            Database::Sqlite(database) => database.measure(floor),
        }
    }
}
