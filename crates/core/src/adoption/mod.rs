//! Taking over a database of SuperTokens' own core, as it is.
//!
//! What our migrations make of an empty schema is the target. What is there is compared with it object by object, so
//! that it does not matter which version it comes from, nor how often this was begun and broken off before: what is
//! missing still, is done. `prepare` only adds, beside a running core of SuperTokens. `take_over` needs that core to be
//! stopped: it goes through all users once more, and does in one transaction what the two cannot share.

mod databases;
mod model;
mod names;
mod passes;
mod report;
mod service;
mod store;
mod work;

pub use databases::{Database, list_databases};
pub use report::{Report, State};
pub use service::{count_other_programs, examine, is_unadopted};
pub use work::{Step, Tell, prepare, take_over};

/// What an operator is told whose database is not adopted yet.
pub const ADVICE: &str = "the database holds the tables of SuperTokens' own core and was not taken over yet: run `portcullis adopt`, which changes nothing and says what it would do";
