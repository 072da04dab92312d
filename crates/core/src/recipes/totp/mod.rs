//! One-time codes that a device makes from a secret and the time (RFC 6238).
//!
//! Tables: `totp_users`, `totp_user_devices` (of the app), `totp_used_codes` (of a tenant). Source: `CDI`
//! recipe "totp". Ids are kept as they are sent; nobody checks that the user exists. All that concerns one
//! user's devices and codes happens under a lock on the user's row, so that a code works once.

#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod model;
mod routes;
mod service;
mod store;

pub(super) use model::SKEW_MAX;
pub(super) use service::{NewDevice, add_device_in};
pub(super) use store::list_devices_of;

use crate::{Chore, InUse, Job, Recipe, UserData};
use std::time::Duration;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    user_data: Some(UserData {
        forget: |tx, app_id, user_id| Box::pin(store::forget_user(tx, app_id, user_id)),
        in_use: Some(InUse {
            name: "TOTP",
            has: |tx, app_id, user_id, _| Box::pin(store::has_user(tx, app_id, user_id)),
            rename: None,
        }),
        leave_tenant: Some(|tx, scope, user_id| Box::pin(store::delete_member(tx, scope, user_id))),
    }),
    jobs: &[Job {
        name: "expired TOTP codes",
        every: Duration::from_hours(1),
        chore: Chore::DeleteExpiredByTenant(
            |tx, now| Box::pin(store::list_tenants_with_expired(tx, now)),
            // Until then they count against those who showed them.
            |tx, tenant, now| {
                let before = now - tenant.config.totp_rate_limit_cooldown_ms;
                Box::pin(store::delete_expired(tx, &tenant.scope, before))
            },
        ),
    }],
    ..Recipe::new("totp", routes::routes)
};
