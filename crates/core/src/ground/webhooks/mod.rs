//! Webhooks: what the audit trail writes down is told to an endpoint of the operator's, signed, at least once, and in
//! order for each user.
//!
//! Table: `portcullis_webhook_deliveries`, an outbox, one in each database. The pass that seals events puts them there
//! in its own unit of work, so that each gets there once. Every core takes what is due, posts it outside of any unit
//! of work, and notes how that ended; what a core that died had taken is taken again. See `docs/webhooks.md`.

mod delivery;
mod model;
pub mod service;
mod store;

pub use delivery::{Webhooks, deliver};
pub(crate) use delivery::{look, start};
pub use model::State;
pub use store::Delivery;

use crate::http::Routes;
use crate::{Chore, Job, Recipe};
use std::time::Duration;

/// How the rest of the core learns of it.
pub const RECIPE: Recipe = Recipe {
    jobs: &[Job {
        name: "ended webhook deliveries",
        every: Duration::from_hours(1),
        chore: Chore::InDatabase(|app, _, db, now| Box::pin(service::delete_ended(app, db, now))),
    }],
    ..Recipe::new("webhooks", Routes::new)
};
