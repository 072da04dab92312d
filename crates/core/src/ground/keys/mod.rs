//! An app's signing keys and the key that seals its refresh tokens: read, made, rotated, shown.
//!
//! Tables: `session_access_token_signing_keys` (rotated), `jwt_signing_keys` (static), `key_value`.
//! Several cores may work on one database: keys are made under a lock on the app's row, and a new key
//! signs only after the others had time to learn of it.

mod model;
mod routes;
pub mod service;
mod store;

pub use model::{AppKeys, KeySet, Keyring};

use crate::{Chore, Job, Recipe};
use std::time::Duration;

/// Shows the keys at `/.well-known/jwks.json`.
pub const RECIPE: Recipe = Recipe {
    jobs: &[Job {
        name: "expired signing keys",
        every: Duration::from_hours(24),
        chore: Chore::InDatabase(|app, domain, db, now| {
            Box::pin(service::delete_expired(app, domain, db, now))
        }),
    }],
    ..Recipe::new("keys", routes::routes)
};
