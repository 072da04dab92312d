//! Roles with permissions, of the app; who has which role, of a tenant.
//!
//! Tables: `roles`, `role_permissions`, `user_roles`. Ids are kept as they are sent; nobody checks that
//! the user exists.

mod routes;
mod service;
mod store;

pub(super) use service::{add_user_role, add_user_role_in, list_roles};
pub(super) use store::list_assignments;

use crate::{InUse, Recipe, UserData};

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    user_data: Some(UserData {
        forget: |tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id)),
        in_use: Some(InUse {
            name: "UserRoles",
            has: |tx, app_id, user_id, _| Box::pin(store::has_user(tx, app_id, user_id)),
            rename: None,
        }),
        leave_tenant: Some(|tx, scope, user_id| Box::pin(store::delete_member(tx, scope, user_id))),
    }),
    ..Recipe::new("userroles", routes::routes)
};
