//! The audit trail: each change of state writes an event in its own unit of work.
//!
//! Tables: `activity_log` (the events; the reference writes a few of them too), `portcullis_audit_seals` and
//! `portcullis_audit_head` (a chain of hashes over them, which a job closes so that no writer waits for another).
//! Each database has its own. What an event must not hold, and what has none, is said in `docs/audit.md`.

mod batch;
mod canonical;
mod entry;
mod kinds;
mod model;
mod months;
mod retention;
mod sealing;
pub mod service;
mod store;
mod verification;

pub use entry::{Entry, entry};
pub use kinds::Kind;
pub use model::{By, Event, Filter, Origin, StoredEvent};
pub use months::utc;
pub use retention::{delete_old, prepare};
pub(crate) use sealing::follow;
pub use sealing::settle;
pub use service::{Audit, commit, commit_logged, list, log};
pub use verification::{Finding, Report, verify};

use crate::http::Routes;
use crate::{Chore, Job, Recipe};
use std::time::Duration;

/// How the rest of the core learns of it.
pub const RECIPE: Recipe = Recipe {
    jobs: &[
        Job {
            name: "audit seals",
            every: Duration::from_secs(10),
            chore: Chore::InDatabase(|app, domain, db, now| Box::pin(sealing::settle(app, domain, db, now))),
        },
        Job {
            name: "audit retention",
            every: Duration::from_hours(24),
            chore: Chore::InDatabase(|app, domain, db, now| {
                Box::pin(retention::delete_old(app, domain, db, now))
            }),
        },
    ],
    ..Recipe::new("audit", Routes::new)
};
