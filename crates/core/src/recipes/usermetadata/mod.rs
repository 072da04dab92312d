//! One JSON object for each user, merged key by key at the top.
//!
//! Table: `user_metadata`. Ids are kept as they are sent; nobody checks that the user exists.

mod model;
mod routes;
mod service;
mod store;

use crate::{Forget, InUse, Recipe};

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    id: "usermetadata",
    routes: routes::routes,
    forget_user: Some(Forget::User(|tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id)))),
    in_use: Some(InUse {
        name: "UserMetadata",
        has: |tx, app_id, user_id, _| Box::pin(store::has_user(tx, app_id, user_id)),
        rename: None,
    }),
    jobs: &[],
};
