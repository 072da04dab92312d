//! What a recipe tells the rest of the core about itself.

use crate::http::Routes;
use crate::{App, Result};
use futures_util::future::BoxFuture;
use portcullis_db::Tx;
use std::sync::Arc;
use std::time::Duration;

/// Deletes what a recipe keeps about a user, inside the unit of work that deletes the user:
/// `(unit of work, app id, user id)`.
pub type ForgetUser = for<'t> fn(&'t mut Tx, &'t str, &'t str) -> BoxFuture<'t, portcullis_db::Result<()>>;

/// Whether a recipe keeps anything about a user: `(unit of work, app id, user id, now in milliseconds)`.
pub type HasUser =
    for<'t> fn(&'t mut Tx, &'t str, &'t str, i64) -> BoxFuture<'t, portcullis_db::Result<bool>>;

/// Gives what a recipe keeps about a user to another id: `(unit of work, app id, old id, new id)`.
pub type RenameUser =
    for<'t> fn(&'t mut Tx, &'t str, &'t str, &'t str) -> BoxFuture<'t, portcullis_db::Result<()>>;

/// How a recipe forgets somebody.
#[derive(Clone, Copy, Debug)]
pub enum Forget {
    /// What it keeps about a login method, by internal id.
    LoginMethod(ForgetUser),
    /// What it keeps about a user, under each id by which nobody else is known. It stays while other login
    /// methods of the user do.
    User(ForgetUser),
}

/// What a recipe keeps about users under the ids that callers know, so that it is lost when a user becomes known
/// by another id.
#[derive(Clone, Copy, Debug)]
pub struct InUse {
    /// What refusals call the recipe.
    pub name: &'static str,
    /// Whether it keeps anything under an id.
    pub has: HasUser,
    /// How it takes what it keeps along, if it can.
    pub rename: Option<RenameUser>,
}

/// Deletes what has expired: `(unit of work, now in milliseconds)`.
pub type DeleteExpired = for<'t> fn(&'t mut Tx, i64) -> BoxFuture<'t, portcullis_db::Result<()>>;

/// Does what needs more than one statement: `(running core, now in milliseconds)`.
pub type WholeCore = for<'a> fn(&'a Arc<App>, i64) -> BoxFuture<'a, Result<()>>;

/// A chore that runs on a schedule. Every core on a database runs it, so it must bear company.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// For the log.
    pub name: &'static str,
    /// The time from the end of one run to the next.
    pub every: Duration,
    /// What it does.
    pub chore: Chore,
}

/// What a job does.
#[derive(Clone, Copy, Debug)]
pub enum Chore {
    /// One statement, for all apps alike.
    DeleteExpired(DeleteExpired),
    /// Anything else.
    WholeCore(WholeCore),
}

/// A recipe, as data: the path from the bottom of the house to its top.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The recipe's directory name.
    pub id: &'static str,
    /// Its endpoints.
    pub routes: fn() -> Routes,
    /// How it forgets a user.
    pub forget_user: Option<Forget>,
    /// What keeps a user's id from being changed.
    pub in_use: Option<InUse>,
    /// What it does on a schedule.
    pub jobs: &'static [Job],
}
