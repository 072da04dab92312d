//! Who may use the dashboard of SuperTokens' backend SDKs, and what it shows of a tenant's settings.
//!
//! Tables: `dashboard_users`, `dashboard_user_sessions`, of the app. Source: `CDI` recipe "dashboard". These users
//! are no users of the app. A session's id is its only secret, and is stored as it is.

mod model;
mod routes;
mod service;
mod store;

use crate::{Chore, Job, Recipe};
use std::time::Duration;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    jobs: &[Job {
        name: "expired dashboard sessions",
        every: Duration::from_hours(12),
        chore: Chore::DeleteExpired(|tx, now| Box::pin(store::delete_expired(tx, now))),
    }],
    ..Recipe::new("dashboard", routes::routes)
};
