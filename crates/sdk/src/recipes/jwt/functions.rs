//! What can be done with signed tokens. Each function can be replaced.

use crate::{Cx, Error, Result};
use async_trait::async_trait;
use portcullis_wire::Object;
use portcullis_wire::jwt as wire;
use serde_json::Value;

/// How long a list of keys is believed whose age the core does not limit: as long as a new key waits
/// before it signs.
const JWKS_VALIDITY_SECS: u64 = 60;

/// A token that is to be signed.
#[derive(Clone, Debug)]
#[must_use]
pub struct NewJwt {
    /// The claims.
    pub payload: Object,
    /// Lifetime in seconds; `None` for the recipe's.
    pub validity_secs: Option<i64>,
    /// Whether the key that is never rotated signs.
    pub use_static_signing_key: bool,
}

impl NewJwt {
    /// A token with these claims, signed with the key that is never rotated.
    pub fn of(payload: Object) -> Self {
        Self { payload, validity_secs: None, use_static_signing_key: true }
    }

    /// With a lifetime.
    pub fn validity_secs(mut self, seconds: i64) -> Self {
        self.validity_secs = Some(seconds);
        self
    }

    /// Signed with the key that is rotated, which may be gone before the token is.
    pub fn with_dynamic_key(mut self) -> Self {
        self.use_static_signing_key = false;
        self
    }
}

/// The public keys.
#[derive(Clone, Debug)]
pub struct Jwks {
    /// JSON Web Keys.
    pub keys: Vec<Value>,
    /// How long the list may be believed.
    pub validity_secs: u64,
}

/// The functions of the jwt recipe. A replacement implements [`Functions::original`] and what it changes;
/// everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// Signs a token.
    async fn create(&self, cx: &Cx, new: NewJwt) -> Result<String> {
        self.original().create(cx, new).await
    }

    /// The public keys.
    async fn jwks(&self, cx: &Cx) -> Result<Jwks> {
        self.original().jwks(cx).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn create(&self, cx: &Cx, new: NewJwt) -> Result<String> {
        let request = wire::CreateJwtRequest {
            algorithm: "RS256".to_owned(),
            jwks_domain: cx.sdk().app().api_domain.clone(),
            payload: new.payload,
            validity: new.validity_secs.unwrap_or(cx.sdk().jwt().validity_secs),
            use_static_signing_key: Some(new.use_static_signing_key),
        };
        match cx.sdk().core().call::<wire::CreateJwt>(cx, None, &request).await? {
            wire::CreateJwtResponse::Ok { jwt } => Ok(jwt),
            wire::CreateJwtResponse::UnsupportedAlgorithm => {
                Err(Error::Internal("the core does not sign with RS256".to_owned()))
            }
        }
    }

    async fn jwks(&self, cx: &Cx) -> Result<Jwks> {
        let (list, max_age) = cx.sdk().core().jwks().await?;
        Ok(Jwks { keys: list.keys, validity_secs: max_age.unwrap_or(JWKS_VALIDITY_SECS) })
    }
}
