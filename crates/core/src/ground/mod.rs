//! What every recipe stands on: tenants, users, keys, the trail of what happened.

pub mod activity;
pub mod admin;
pub mod audit;
pub mod guessing;
pub mod keys;
pub mod tenancy;
pub mod users;
pub mod webhooks;
