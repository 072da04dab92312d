//! Sessions: an access token that verifies without the database, a refresh token that is exchanged for
//! new ones, and the detection of refresh tokens that are used twice.
//!
//! Table: `session_info`. A refresh token is never stored, only the hash of its hash. Up to CDI 5.5 a
//! new refresh token takes over when it is first used; from CDI 5.6 on it does so when it is made.

mod access_token;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod lineage;
mod model;
mod refresh;
mod routes;
mod service;
mod store;

use crate::{Chore, InUse, Job, Recipe, UserData};
use std::time::Duration;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    user_data: Some(UserData {
        forget: |tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id)),
        in_use: Some(InUse {
            name: "Session",
            has: |tx, app_id, user_id, now| Box::pin(store::has_user(tx, app_id, user_id, now)),
            rename: None,
        }),
        leave_tenant: Some(|tx, scope, user_id| Box::pin(store::delete_member(tx, scope, user_id))),
    }),
    sign_out: Some(|tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id))),
    jobs: &[Job {
        name: "expired sessions",
        every: Duration::from_hours(12),
        chore: Chore::DeleteExpired(|tx, now| Box::pin(store::delete_expired(tx, now))),
    }],
    ..Recipe::new("session", routes::routes)
};
