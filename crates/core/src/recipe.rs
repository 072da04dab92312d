//! What a recipe tells the rest of the core about itself.

use crate::ground::tenancy::Tenant;
use crate::http::Routes;
use crate::{App, Result, Scope};
use futures_util::future::BoxFuture;
use portcullis_db::{Db, Tx};
use std::sync::Arc;
use std::time::Duration;

/// Something about one user, inside a unit of work: `(unit of work, app id, user id)`.
pub type OfUser<T> = for<'t> fn(&'t mut Tx, &'t str, &'t str) -> BoxFuture<'t, portcullis_db::Result<T>>;

/// Something about one user in one tenant: `(unit of work, tenant, user id)`.
pub type OfMember<T> = for<'t> fn(&'t mut Tx, &'t Scope, &'t str) -> BoxFuture<'t, portcullis_db::Result<T>>;

/// Whether a recipe keeps anything about a user: `(unit of work, app id, user id, now in milliseconds)`.
pub type HasUser =
    for<'t> fn(&'t mut Tx, &'t str, &'t str, i64) -> BoxFuture<'t, portcullis_db::Result<bool>>;

/// Gives what a recipe keeps about a user to another id: `(unit of work, app id, old id, new id)`.
pub type RenameUser =
    for<'t> fn(&'t mut Tx, &'t str, &'t str, &'t str) -> BoxFuture<'t, portcullis_db::Result<()>>;

/// What a recipe keeps is lost when a user becomes known by another id.
#[derive(Clone, Copy, Debug)]
pub struct InUse {
    /// What refusals call the recipe.
    pub name: &'static str,
    /// Whether it keeps anything under an id.
    pub has: HasUser,
    /// How it takes what it keeps along, if it can.
    pub rename: Option<RenameUser>,
}

/// What a recipe keeps about users who need not sign in with it. It is kept under the id that callers know.
#[derive(Clone, Copy, Debug)]
pub struct UserData {
    /// Deletes all of it; called with each id by which nobody else is known. It stays while other login methods of
    /// the user do.
    pub forget: OfUser<()>,
    /// How it keeps a user from becoming known by another id.
    pub in_use: Option<InUse>,
    /// Deletes what is kept in one tenant; whether there was anything.
    pub leave_tenant: Option<OfMember<bool>>,
}

/// Deletes what has expired: `(unit of work, now in milliseconds)`.
pub type DeleteExpired = for<'t> fn(&'t mut Tx, i64) -> BoxFuture<'t, portcullis_db::Result<()>>;

/// Lists tenants, each by its app and its own id: `(reader, now in milliseconds)`.
pub type ListTenants = for<'t> fn(&'t mut Tx, i64) -> BoxFuture<'t, Result<Vec<(String, String)>>>;

/// Deletes what has expired in one tenant: `(unit of work, tenant, now in milliseconds)`.
pub type DeleteOfTenant = for<'t> fn(&'t mut Tx, &'t Tenant, i64) -> BoxFuture<'t, Result<()>>;

/// Does what needs more than that in a database: `(running core, the database's domain, the database, now in
/// milliseconds)`.
pub type InDatabase = for<'a> fn(&'a Arc<App>, &'a str, &'a Db, i64) -> BoxFuture<'a, Result<()>>;

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

/// What a job does in every open database.
#[derive(Clone, Copy, Debug)]
pub enum Chore {
    /// One statement, for all apps alike.
    DeleteExpired(DeleteExpired),
    /// For what lives as long as its tenant says: tenant by tenant, those that have something alone.
    DeleteExpiredByTenant(ListTenants, DeleteOfTenant),
    /// Anything else.
    InDatabase(InDatabase),
}

/// A recipe, as data: the path from the bottom of the house to its top.
#[derive(Clone, Copy, Debug)]
pub struct Recipe {
    /// The recipe's directory name.
    pub id: &'static str,
    /// Its endpoints.
    pub routes: fn() -> Routes,
    /// How it deletes a login method of its own, by its internal id.
    pub forget_method: Option<OfUser<()>>,
    /// What it keeps about users besides.
    pub user_data: Option<UserData>,
    /// Signs a user out, by the id that callers know.
    pub sign_out: Option<OfUser<()>>,
    /// What it does on a schedule.
    pub jobs: &'static [Job],
}

impl Recipe {
    /// A recipe with endpoints, and nothing else to tell of.
    pub const fn new(id: &'static str, routes: fn() -> Routes) -> Self {
        Self { id, routes, forget_method: None, user_data: None, sign_out: None, jobs: &[] }
    }
}
