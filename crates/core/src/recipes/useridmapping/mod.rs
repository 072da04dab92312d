//! Ids that users are known by outside of the core: one for each user at most, of one user in the app.
//!
//! Table: `userid_mapping`; `ground/users` finds users by it. What identifies a user, its activity and its secrets
//! are kept under the internal id; sessions, metadata, roles, verified addresses and TOTP devices under the
//! external one. So a mapping is neither made nor removed while a recipe keeps something that it would lose. By
//! force an external id may be another user's internal one: the internal one wins wherever an id is looked up.

mod model;
mod routes;
mod service;
mod store;

pub(super) use service::{insert_in, is_taken_elsewhere};

use crate::Recipe;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe::new("useridmapping", routes::routes);
