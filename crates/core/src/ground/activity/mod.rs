//! When each user was last active. Table: `user_last_active`, by internal user id.

mod routes;
pub mod service;
mod store;

pub use service::{Activity, first_touch, touch};

use crate::{Forget, Recipe};

/// How the rest of the core learns of it.
pub const RECIPE: Recipe = Recipe {
    id: "activity",
    routes: routes::routes,
    forget_user: Some(Forget::User(|tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id)))),
    in_use: None,
    jobs: &[],
};
