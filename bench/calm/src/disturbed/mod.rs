//! The binary, disturbed: what it answers meanwhile, how fast, with how much memory, and how it recovers.

mod caller;
mod core;
mod probe;
mod proxy;
mod scenarios;
mod soak;

pub use scenarios::{NAMES, run};
pub use soak::soak;
