//! Signed tokens for other services, and the public keys that verify them.

mod apis;
mod functions;

pub use apis::{Api, Apis};
pub use functions::{Functions, Jwks, NewJwt};

pub(crate) use apis::routes;

use super::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Result};
use apis::BaseApis;
use functions::BaseFunctions;
use std::collections::HashSet;
use std::fmt;
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
#[must_use]
pub struct Jwt {
    validity_secs: i64,
    functions: Arc<dyn Functions>,
    apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("validity_secs", &self.validity_secs).finish_non_exhaustive()
    }
}

impl Default for Jwt {
    fn default() -> Self {
        Self::new()
    }
}

impl Jwt {
    /// The recipe as it is.
    pub fn new() -> Self {
        Self {
            validity_secs: VALIDITY_SECS,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        }
    }

    /// How long tokens are valid that do not say so themselves; a hundred years by default.
    pub fn validity_secs(mut self, seconds: i64) -> Self {
        self.validity_secs = seconds;
        self
    }

    /// Replaces functions: `replace` gets those below and answers those above.
    pub fn override_functions<F: Functions + 'static>(
        mut self,
        replace: impl FnOnce(Arc<dyn Functions>) -> F,
    ) -> Self {
        self.functions = Arc::new(replace(self.functions));
        self
    }

    /// Replaces frontend APIs: `replace` gets those below and answers those above.
    pub fn override_apis<A: Apis + 'static>(mut self, replace: impl FnOnce(Arc<dyn Apis>) -> A) -> Self {
        self.apis = Arc::new(replace(self.apis));
        self
    }

    /// Takes a frontend API away.
    pub fn disable(mut self, api: Api) -> Self {
        self.disabled.insert(api);
        self
    }

    fn resolve(self) -> JwtSigner {
        let Self { validity_secs, functions, apis, disabled } = self;
        JwtSigner { validity_secs, functions, apis, disabled }
    }
}

impl Recipe for Jwt {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::Jwt)?;
        recipes.jwt = self.resolve();
        Ok(())
    }
}

/// The jwt recipe at work.
pub struct JwtSigner {
    validity_secs: i64,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl fmt::Debug for JwtSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtSigner").field("validity_secs", &self.validity_secs).finish_non_exhaustive()
    }
}

impl Default for JwtSigner {
    fn default() -> Self {
        Jwt::new().resolve()
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
