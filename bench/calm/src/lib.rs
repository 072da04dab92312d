//! Sessions and what disturbs them, on the real engine: tabs that share a jar, several cores with clocks of
//! their own on one database, lost requests and answers, thieves.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    reason = "a bench stops at the first surprise"
)]

mod browser;
mod cores;
pub mod disturbed;
mod simulation;

pub use cores::Cores;
pub use simulation::{Plan, Tally, run};
