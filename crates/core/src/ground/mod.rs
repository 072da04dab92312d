//! What every recipe stands on: tenants, users, keys.

pub mod activity;
pub mod admin;
pub mod guessing;
pub mod keys;
pub mod tenancy;
pub mod users;
