//! The core about itself: alive, versions, configuration, statistics, features.
//!
//! Table: `key_value`, for the domains that an SDK tells. What an app uses is read from other rooms' tables.

mod model;
mod routes;
mod service;
mod store;

pub use model::Greetings;

use crate::Recipe;

/// How the rest of the core learns of it.
pub const RECIPE: Recipe = Recipe::new("admin", routes::routes);
