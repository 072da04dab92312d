//! E-mail address and password: sign-up, sign-in, reset by a link, import of hashes.
//!
//! Tables: `emailpassword_users`, `emailpassword_pswd_reset_tokens`. Source: `CDI` recipe
//! "emailpassword". Passwords are hashed before the unit of work begins, on threads of their own.

mod model;
mod routes;
mod service;
mod store;

pub(super) use model::check_import;
pub(super) use store::{list_hashes, row};

use crate::{Chore, Job, Recipe};
use std::time::Duration;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    forget_method: Some(|tx, app_id, user_id| Box::pin(store::delete_user(tx, app_id, user_id))),
    jobs: &[Job {
        name: "expired password reset tokens",
        every: Duration::from_hours(1),
        chore: Chore::DeleteExpired(|tx, now| Box::pin(store::delete_expired_tokens(tx, now))),
    }],
    ..Recipe::new("emailpassword", routes::routes)
};
