//! Who issues the app's tokens, and where its keys are, as OpenID Connect describes it.

mod apis;
mod functions;

pub use apis::{Api, Apis};
pub use functions::{Discovery, Functions};

pub(crate) use apis::routes;

use super::jwt::NewJwt;
use super::replaceable::replaceable;
use super::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Result};
use apis::BaseApis;
use functions::BaseFunctions;
use std::collections::HashSet;
use std::sync::Arc;

/// OpenID discovery. The recipe is there also if it is not added: only who changes it adds it. Sessions
/// take their `iss` claim from it.
///
/// ```
/// use async_trait::async_trait;
/// use portcullis::recipes::openid::{Discovery, Functions, OpenId};
/// use portcullis::{Cx, Result};
/// use std::sync::Arc;
///
/// /// Tokens are issued in the name of the company.
/// struct Company(Arc<dyn Functions>);
///
/// #[async_trait]
/// impl Functions for Company {
///     fn original(&self) -> &dyn Functions {
///         &*self.0
///     }
///
///     async fn discovery(&self, cx: &Cx) -> Result<Discovery> {
///         let mut discovery = self.original().discovery(cx).await?;
///         discovery.issuer = "https://login.example.com".to_owned();
///         Ok(discovery)
///     }
/// }
///
/// let recipe = OpenId::new().override_functions(Company);
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct OpenId(Issuer);

impl OpenId {
    /// The recipe as it is.
    pub fn new() -> Self {
        Self::default()
    }
}

replaceable!(OpenId.0: functions, apis, disabled);

impl Recipe for OpenId {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::OpenId)?;
        recipes.open_id = self.0;
        Ok(())
    }
}

/// The openid recipe at work.
#[derive(Debug)]
pub struct Issuer {
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl Default for Issuer {
    fn default() -> Self {
        Self { functions: Arc::new(BaseFunctions), apis: Arc::new(BaseApis), disabled: HashSet::new() }
    }
}

impl Issuer {
    /// The discovery document, which everybody may read at `GET /.well-known/openid-configuration`.
    pub async fn discovery(&self, cx: &Cx) -> Result<Discovery> {
        self.functions.discovery(cx).await
    }

    /// Signs a token with the issuer's name in it, unless its claims name another.
    pub async fn create_jwt(&self, cx: &Cx, new: NewJwt) -> Result<String> {
        self.functions.create_jwt(cx, new).await
    }
}
