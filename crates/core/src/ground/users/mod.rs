//! Users of every recipe: who exists, under which ids, with which login methods.
//!
//! Tables: `app_id_to_user_id` (who exists and who is linked), `recipe_user_account_infos` (what
//! identifies a login method), `recipe_user_tenants` (where it is a member, and what is taken there),
//! `primary_user_tenants` (what is reserved for primary users), `userid_mapping` (external ids).

mod counts;
mod homes;
pub mod linking;
pub mod model;
pub(crate) mod routes;
pub mod service;
mod store;

pub use counts::Counts;

use crate::Recipe;

/// How the rest of the core learns of it.
pub const RECIPE: Recipe = Recipe::new("users", routes::routes);
