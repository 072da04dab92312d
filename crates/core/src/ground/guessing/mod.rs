//! Who guesses passwords, codes and tokens: every path that checks one counts here first. Table:
//! `portcullis_guesses`, so that all cores on a database count together. Off unless configured.

pub mod service;
mod store;

use crate::Recipe;
use crate::http::Routes;
use crate::recipe::{Chore, Job};
use std::time::Duration;

/// How the rest of the core learns of it.
pub const RECIPE: Recipe = Recipe {
    jobs: &[Job {
        name: "delete_old_guesses",
        every: Duration::from_hours(1),
        chore: Chore::DeleteExpired(|tx, now| {
            Box::pin(store::delete_older(tx, now - service::WINDOW_MAX_MS))
        }),
    }],
    ..Recipe::new("guessing", Routes::new)
};
