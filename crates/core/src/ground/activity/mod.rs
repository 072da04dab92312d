//! When each user was last active. Table: `user_last_active`, by internal user id.

pub mod service;
mod store;

pub use service::{Activity, touch};
