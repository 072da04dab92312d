//! When each user was last active. Table: `user_last_active`, by internal user id: of all users of an app where what
//! belongs to the app is, as in the reference, so that each counts once.

mod routes;
pub mod service;
mod store;

pub use service::{Activity, first_touch, replace, touch, touch_new};

use crate::{Recipe, UserData};

/// How the rest of the core learns of it.
pub const RECIPE: Recipe = Recipe {
    user_data: Some(UserData {
        forget: |tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id)),
        in_use: None,
        leave_tenant: None,
    }),
    ..Recipe::new("activity", routes::routes)
};
