//! One JSON object for each user, merged key by key at the top.
//!
//! Table: `user_metadata`. Ids are kept as they are sent; nobody checks that the user exists.

mod model;
mod routes;
mod service;
mod store;

pub(super) use service::update_in;
pub(super) use store::list as list_in;

use crate::{InUse, Recipe, UserData};

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    user_data: Some(UserData {
        forget: |tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id)),
        in_use: Some(InUse {
            name: "UserMetadata",
            has: |tx, app_id, user_id, _| Box::pin(store::has_user(tx, app_id, user_id)),
            rename: None,
        }),
        leave_tenant: None,
    }),
    ..Recipe::new("usermetadata", routes::routes)
};
