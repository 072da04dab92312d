//! Passkeys: options for a browser, sign-up and sign-in with what an authenticator answers, a user's
//! credentials, and tokens to get an account back with.
//!
//! Tables: `webauthn_users`, `webauthn_credentials`, `webauthn_generated_options`, `webauthn_assertions`,
//! `webauthn_account_recovery_tokens`. Source: `CDI` recipe "webauthn". What an authenticator answers is
//! verified in `ceremony`, before the unit of work begins.

mod ceremony;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod model;
mod routes;
mod service;
mod store;

use crate::{Chore, Job, Recipe};
use std::time::Duration;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    forget_method: Some(|tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id))),
    jobs: &[Job {
        name: "expired webauthn options and recovery tokens",
        every: Duration::from_hours(24),
        chore: Chore::DeleteExpired(|tx, now| Box::pin(store::delete_expired(tx, now))),
    }],
    ..Recipe::new("webauthn", routes::routes)
};
