//! The dashboard: the page, and what SuperTokens' dashboard asks of a backend.

mod access;
mod boxy;
mod config;
mod input;
mod page;
mod providers;
mod roles;
mod routes;
mod sessions;
mod tenants;
mod user;
mod users;

pub use access::{Access, Functions, Needs};
pub use config::Dashboard;
pub use page::{Apis, Page};

pub(crate) use routes::routes;

use std::fmt;
use std::sync::Arc;

/// The dashboard recipe at work.
pub struct Board {
    api_key: Option<String>,
    /// In lower case; `None` if everybody may change things.
    admins: Option<Vec<String>>,
    bundle: String,
    sources: Vec<String>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
}

impl fmt::Debug for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the key.
        f.debug_struct("Board").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}
