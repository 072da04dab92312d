//! Connection URI domains, apps and tenants: who exists and which configuration each has.
//!
//! Tables: `apps`, `tenants`, `tenant_configs`, `tenant_first_factors`,
//! `tenant_required_secondary_factors`, `tenant_thirdparty_providers`,
//! `tenant_thirdparty_provider_clients`. Each core keeps what it has read in a [`Directory`]; changes
//! made by another core on the same database are seen within a minute.
//!
//! A domain other than the default one has a database of its own, and an app or a tenant may have one, with the rows of
//! `apps` and `tenants` of those who live there; what all tenants are (`tenant_configs` and their factors) is kept in
//! the default domain's. The two are written one after the other, in an order in which a call that broke off between
//! them can be made again.

mod databases;
mod directory;
mod factors;
mod model;
mod places;
mod providers;
mod removal;
mod routes;
pub mod service;
mod store;

pub use databases::Databases;
pub use directory::Directory;
pub use factors::LoginRecipe;
pub use model::{Tenant, TenantConfig};

/// How the rest of the core learns of it.
pub const RECIPE: crate::Recipe = crate::Recipe::new("tenancy", routes::routes);
