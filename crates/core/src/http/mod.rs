//! Everything HTTP that belongs to no recipe: paths, keys, versions, bodies, replies and the listener.
//!
//! The order of checks is the reference's: address filter, API key, version, method, body, tenant.

mod call;
mod gate;
mod path;
mod reply;
mod request_stats;
mod routes;
mod serve;

pub use call::handle;
pub(crate) use path::STOP_WORDS;
pub use reply::Reply;
pub use request_stats::{RequestStats, StatsReport};
pub use routes::{RouteTable, Routes};
pub use serve::serve;

use std::time::Duration;

/// What one request may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest body, in bytes.
    pub body_bytes: usize,
    /// The longest time for one request, its body included.
    pub timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 1 << 20, timeout: Duration::from_mins(1) }
    }
}
