//! When each user was last active. Table: `user_last_active`, by internal user id.

mod routes;
pub mod service;
mod store;

pub use service::{Activity, touch, touch_in};

use crate::Recipe;

/// Counts active users.
pub const RECIPE: Recipe = Recipe { id: "activity", routes: routes::routes, forget_user: None, jobs: &[] };
