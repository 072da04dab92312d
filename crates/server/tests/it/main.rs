//! The real binary, as an operator runs it.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod adopt;
mod audit;
mod binary;
mod caller;
mod crash;
mod crowd;
mod import;
mod importers;
mod jobs;
mod jwks;
mod log;
mod metrics;
mod move_database;
mod moving;
mod outage;
mod place;
mod stop;
mod two_cores;
mod webhooks;
