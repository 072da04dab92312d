//! The core about itself: alive, versions, configuration, statistics, features. It has no tables.

mod routes;

use crate::Recipe;

/// How the rest of the core learns of it.
pub const RECIPE: Recipe = Recipe { id: "admin", routes: routes::routes, forget_user: None, jobs: &[] };
