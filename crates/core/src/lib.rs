//! The Portcullis core as a library: every recipe, its rules, its SQL and its routes.

pub mod config;
pub mod crypto;
