//! Signing in with a provider: the user is who the provider says it is, with the address that it tells.
//!
//! Table: `thirdparty_users`. Source: `CDI` recipe "thirdparty". The core never speaks to a provider: the
//! SDK has done so before it calls.

mod model;
mod routes;
mod service;
mod store;

pub(super) use store::row;

use crate::Recipe;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    forget_method: Some(|tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id))),
    ..Recipe::new("thirdparty", routes::routes)
};
