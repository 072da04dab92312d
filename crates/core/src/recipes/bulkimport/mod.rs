//! Users of another system who are brought along, with passwords, roles, metadata and TOTP devices.
//!
//! Table: `bulk_import_users`, a queue. What is in it is the wire's own JSON, checked, with the ids that its login
//! methods will have. A worker imports an entry and deletes it in one unit of work, and passes over what another
//! one has locked: a user is imported once, whatever happens to a core meanwhile. While a worker hashes a password the
//! entry is not locked but `PROCESSING`, for a minute at most. What cannot be imported stays as `FAILED`, with the
//! reason.
//!
//! `rows` imports without the queue, and `export` writes what an import reads: for the commands of those names.

mod export;
mod model;
mod reading;
mod routes;
mod rows;
mod service;
mod store;

pub use export::{ExportPage, Exporter, LeftOut};
pub use rows::{Importer, Outcome};

use crate::{Chore, Job, Recipe};
use std::time::Duration;

/// How the rest of the core learns of it.
pub(super) const RECIPE: Recipe = Recipe {
    jobs: &[Job {
        name: "import of users",
        every: Duration::from_secs(10),
        chore: Chore::InDatabase(|app, domain, db, now| Box::pin(service::work_off(app, domain, db, now))),
    }],
    ..Recipe::new("bulkimport", routes::routes)
};
