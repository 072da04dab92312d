//! The jwt recipe: signed tokens for other services.

use crate::Object;
use crate::endpoint::endpoint;
use crate::input::request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

endpoint! {
    /// Signs a token.
    CreateJwt: Post "/recipe/jwt" App, CreateJwtRequest => CreateJwtResponse;
    /// The public keys (deprecated in favour of `/.well-known/jwks.json`).
    ListJwks: Get "/recipe/jwt/jwks" App, () => ListJwksResponse;
}

request! {
    /// What is signed, and how.
    CreateJwtRequest {
        /// Only `RS256`, in any case of letters.
        algorithm: String = "algorithm",
        /// The issuer, unless the payload names another.
        jwks_domain: String = "jwksDomain",
        /// The claims.
        payload: Object = "payload",
        /// Lifetime in seconds.
        validity: i64 = "validity",
        /// `false` for a key that is rotated, from CDI 2.21 on.
        use_static_signing_key: Option<bool> = "useStaticSigningKey",
    }
}

/// The token.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CreateJwtResponse {
    /// The token.
    #[serde(rename = "OK")]
    Ok {
        /// Its text.
        jwt: String,
    },
    /// The algorithm is not known.
    #[serde(rename = "UNSUPPORTED_ALGORITHM_ERROR")]
    UnsupportedAlgorithm,
}

/// The public keys.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum ListJwksResponse {
    /// All keys that verify.
    #[serde(rename = "OK")]
    Ok {
        /// Dynamic keys newest first, then static ones.
        keys: Vec<Value>,
    },
}
