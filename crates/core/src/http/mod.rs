//! Everything HTTP that belongs to no recipe: paths, keys, versions, bodies, replies and the listener.
//!
//! The order of checks is the reference's: address filter, API key, version, method, body, tenant.

mod call;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod gate;
mod metrics;
mod outgoing;
mod path;
mod reply;
mod request_stats;
mod routes;
mod serve;

pub use call::handle;
pub use metrics::Metrics;
pub(crate) use outgoing::{HttpClient, WebhookRequest};
pub(crate) use path::STOP_WORDS;
pub use reply::Reply;
pub use request_stats::{RequestStats, StatsReport};
pub use routes::{RouteTable, Routes};
pub use serve::{serve, serve_metrics};
