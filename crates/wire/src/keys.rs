//! The public signing keys of an app, open to everybody.

use crate::Access;
use crate::Versioning;
use crate::endpoint::endpoint;
use serde::{Deserialize, Serialize};
use serde_json::Value;

endpoint! {
    /// The keys that verify the app's tokens.
    Jwks: Get "/.well-known/jwks.json" Any, () => JwksResponse,
        ACCESS: Access = Access::Open, VERSIONING: Versioning = Versioning::Ignored;
}

/// A JSON Web Key Set (RFC 7517).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct JwksResponse {
    /// Dynamic keys newest first, then static ones.
    pub keys: Vec<Value>,
}
