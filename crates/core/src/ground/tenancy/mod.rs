//! Connection URI domains, apps and tenants: who exists and which configuration each has.
//!
//! Tables: `apps`, `tenants`, `tenant_configs`, `tenant_first_factors`,
//! `tenant_required_secondary_factors`. Each core keeps what it has read in a [`Directory`]; changes
//! made by another core on the same database are seen within a minute.

mod directory;
mod model;
pub mod service;
mod store;

pub use directory::Directory;
pub use model::{Tenant, TenantConfig};
