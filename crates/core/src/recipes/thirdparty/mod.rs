//! Signing in with a provider: the user is who the provider says it is, with the address that it tells.
//!
//! Table: `thirdparty_users`. Source: `CDI` recipe "thirdparty". The core never speaks to a provider: the
//! SDK has done so before it calls.

mod model;
mod routes;
mod service;
mod store;

use crate::Recipe;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe =
    Recipe { id: "thirdparty", routes: routes::routes, forget_user: None, in_use: None, jobs: &[] };
