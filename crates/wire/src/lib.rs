//! What the core and its callers say to each other: endpoints, requests, responses and status words.
//! No I/O, no framework.
//!
//! There is one file for each recipe and one item for each endpoint. The core mounts an [`Endpoint`]
//! and a client calls it, so the two cannot disagree about a path or a field.

pub mod accountlinking;
pub mod admin;
pub mod bulkimport;
mod cdi;
pub mod dashboard;
pub mod emailpassword;
pub mod emailverification;
mod endpoint;
mod input;
pub mod jwt;
pub mod keys;
pub mod multitenancy;
pub mod passwordless;
pub mod providers;
pub mod session;
pub mod thirdparty;
pub mod totp;
pub mod useridmapping;
pub mod usermetadata;
pub mod userroles;
pub mod users;
pub mod webauthn;
pub mod webhooks;

pub use cdi::Cdi;
pub use endpoint::{Access, Endpoint, Level, Method, Versioning};
pub use input::{Field, FromInput, Input, InputError, Nullable};

/// The status word of an answer that has only one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub enum Status {
    /// `OK`.
    #[default]
    #[serde(rename = "OK")]
    Ok,
}

/// A JSON object whose keys keep their order.
pub type Object = serde_json::Map<String, serde_json::Value>;
