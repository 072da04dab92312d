//! What a recipe tells the rest of the core about itself.

use crate::http::Routes;
use futures_util::future::BoxFuture;
use portcullis_db::Tx;

/// Deletes what a recipe keeps about a user, inside the unit of work that deletes the user:
/// `(unit of work, app id, user id)`.
pub type ForgetUser = for<'t> fn(&'t mut Tx, &'t str, &'t str) -> BoxFuture<'t, portcullis_db::Result<()>>;

/// Deletes what has expired: `(unit of work, now in milliseconds)`.
pub type DeleteExpired = for<'t> fn(&'t mut Tx, i64) -> BoxFuture<'t, portcullis_db::Result<()>>;

/// A chore that runs on a schedule.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// For the log.
    pub name: &'static str,
    /// Seconds between two runs.
    pub every_secs: u64,
    /// What it does.
    pub run: DeleteExpired,
}

/// A recipe, as data: the path from the bottom of the house to its top.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The recipe's directory name.
    pub id: &'static str,
    /// Its endpoints.
    pub routes: fn() -> Routes,
    /// How it forgets a user, called with the internal id and, if mapped, with the external one.
    pub forget_user: Option<ForgetUser>,
    /// What it does on a schedule.
    pub jobs: &'static [Job],
}
