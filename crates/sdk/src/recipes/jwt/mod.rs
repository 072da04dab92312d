//! Signed tokens for other services, and the public keys that verify them.

mod apis;
mod functions;

pub use apis::{Api, Apis};
pub use functions::{Functions, Jwks, NewJwt};

pub(crate) use apis::routes;

use super::replaceable::replaceable;
use super::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Result};
use apis::BaseApis;
use functions::BaseFunctions;
use std::collections::HashSet;
use std::sync::Arc;

/// A hundred years.
const VALIDITY_SECS: i64 = 3_153_600_000;

/// Signed tokens. The recipe is there also if it is not added: only who changes it adds it.
///
/// ```
/// use portcullis::recipes::jwt::NewJwt;
/// use portcullis::{Cx, Portcullis, Result};
///
/// /// A token for another service, which finds the keys at `/auth/jwt/jwks.json`.
/// async fn ticket(sdk: &Portcullis, user_id: &str) -> Result<String> {
///     let mut claims = serde_json::Map::new();
///     claims.insert("sub".to_owned(), user_id.into());
///     sdk.jwt().create(&Cx::new(sdk), NewJwt::of(claims).validity_secs(3600)).await
/// }
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct Jwt(JwtSigner);

impl Jwt {
    /// The recipe as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// How long tokens are valid that do not say so themselves; a hundred years by default.
    pub fn validity_secs(mut self, seconds: i64) -> Self {
        self.0.validity_secs = seconds;
        self
    }
}

replaceable!(Jwt.0: functions, apis, disabled);

impl Recipe for Jwt {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::Jwt)?;
        recipes.jwt = self.0;
        Ok(())
    }
}

/// The jwt recipe at work.
#[derive(Debug)]
pub struct JwtSigner {
    validity_secs: i64,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl Default for JwtSigner {
    fn default() -> Self {
        Self {
            validity_secs: VALIDITY_SECS,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        }
    }
}

impl JwtSigner {
    /// Signs a token.
    pub async fn create(&self, cx: &Cx, new: NewJwt) -> Result<String> {
        self.functions.create(cx, new).await
    }

    /// The public keys, which every service may read at `GET /jwt/jwks.json`.
    pub async fn jwks(&self, cx: &Cx) -> Result<Jwks> {
        self.functions.jwks(cx).await
    }
}
