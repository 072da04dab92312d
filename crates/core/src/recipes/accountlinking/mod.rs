//! Account linking: several login methods that are one user, whose id is that of the primary one.
//!
//! Tables: those of `ground/users`, which does the writing. The states of a login method and every move between
//! them stand in `docs/account-linking.md`.

mod model;
mod routes;
mod service;

use crate::Recipe;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe::new("accountlinking", routes::routes);
