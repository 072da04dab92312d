//! Codes and links by e-mail and phone: made, sent again, used up, and signing in with them.
//!
//! Tables: `passwordless_users`, `passwordless_devices` (one for each sign-in that was begun),
//! `passwordless_codes`. Source: `CDI` recipe "passwordless". Of what is sent nothing is kept but a hash. Who
//! uses a code up, or tries to, holds every device of its address or number until the unit of work ends, so a
//! code works once, and no wrong one goes uncounted.

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod model;
mod routes;
mod service;
mod store;

pub(super) use store::imported_row;

use crate::{Chore, Job, Recipe};
use std::time::Duration;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    forget_method: Some(|tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id))),
    jobs: &[Job {
        name: "expired passwordless devices",
        every: Duration::from_hours(1),
        chore: Chore::DeleteExpiredByTenant(
            |tx, _| Box::pin(store::list_tenants(tx)),
            |tx, tenant, now| {
                let oldest = now - tenant.config.passwordless_code_lifetime_ms;
                Box::pin(store::delete_expired(tx, &tenant.scope, oldest))
            },
        ),
    }],
    ..Recipe::new("passwordless", routes::routes)
};
