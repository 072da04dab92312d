//! Signed tokens for other services, with the app's keys. Nothing is stored.

mod model;
mod routes;
mod service;

use crate::Recipe;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe::new("jwt", routes::routes);
