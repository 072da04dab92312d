//! What every recipe stands on: tenants, users, keys.

pub mod admin;
pub mod tenancy;
pub mod users;
