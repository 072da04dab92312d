//! Proving that an address belongs to a user, by a link.
//!
//! Tables: `emailverification_tokens` (of a tenant), `emailverification_verified_emails` (of the app).
//! Ids are kept as they are sent, under the id that callers know; nobody checks that the user exists.

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
            name: "EmailVerification",
            has: |tx, app_id, user_id, _| Box::pin(store::has_user(tx, app_id, user_id)),
            rename: Some(|tx, app_id, from, to| Box::pin(store::rename_user(tx, app_id, from, to))),
        }),
        leave_tenant: Some(|tx, scope, user_id| Box::pin(store::delete_member(tx, scope, user_id))),
    }),
    jobs: &[Job {
        name: "expired e-mail verification tokens",
        every: Duration::from_hours(12),
        chore: Chore::DeleteExpired(|tx, now| Box::pin(store::delete_expired_tokens(tx, now))),
    }],
    ..Recipe::new("emailverification", routes::routes)
};
