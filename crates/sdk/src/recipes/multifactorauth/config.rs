//! The recipe as the app wants it.

use super::Factors;
use super::apis::{Api, Apis, BaseApis};
use super::functions::{BaseFunctions, Functions};
use crate::BuildError;
use crate::recipes::{Kind, Recipe, Recipes};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Sign-ins in several steps: sessions that have not gone through what is asked of their users get a 403 from
/// every route, until they have.
///
/// ```
/// use portcullis::recipes::factors;
/// use portcullis::recipes::multifactorauth::MultiFactorAuth;
///
/// let recipe = MultiFactorAuth::new().first_factors([factors::EMAIL_PASSWORD, factors::THIRD_PARTY]);
/// ```
#[must_use]
pub struct MultiFactorAuth {
    first_factors: Option<Vec<String>>,
    functions: Arc<dyn Functions>,
    has_own_functions: bool,
    apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl fmt::Debug for MultiFactorAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MultiFactorAuth").field("first_factors", &self.first_factors).finish_non_exhaustive()
    }
}

impl Default for MultiFactorAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl MultiFactorAuth {
    /// Every recipe's factors may be the first.
    pub fn new() -> Self {
        Self {
            first_factors: None,
            functions: Arc::new(BaseFunctions),
            has_own_functions: false,
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        }
    }

    /// The factors that a sign-in may begin with, in tenants that list none of their own.
    pub fn first_factors<T: Into<String>>(mut self, factors: impl IntoIterator<Item = T>) -> Self {
        self.first_factors = Some(factors.into_iter().map(Into::into).collect());
        self
    }

    /// Replaces functions: `replace` gets those below and answers those above.
    pub fn override_functions<F: Functions + 'static>(
        mut self,
        replace: impl FnOnce(Arc<dyn Functions>) -> F,
    ) -> Self {
        self.functions = Arc::new(replace(self.functions));
        self.has_own_functions = true;
        self
    }

    /// Replaces the frontend API: `replace` gets the one below and answers the one above.
    pub fn override_apis<A: Apis + 'static>(mut self, replace: impl FnOnce(Arc<dyn Apis>) -> A) -> Self {
        self.apis = Arc::new(replace(self.apis));
        self
    }

    /// Takes the frontend API away.
    pub fn disable(mut self, api: Api) -> Self {
        self.disabled.insert(api);
        self
    }
}

impl Recipe for MultiFactorAuth {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.note(Kind::MultiFactorAuth)?;
        if self.first_factors.as_ref().is_some_and(Vec::is_empty) {
            let reason = "nobody can sign in without a first factor; name one, or do not call first_factors";
            return Err(BuildError::Recipe { recipe: "multifactorauth", reason: reason.to_owned() });
        }
        recipes.multi_factor_auth = Some(Factors {
            first: self.first_factors,
            functions: self.functions,
            has_own_functions: self.has_own_functions,
            apis: self.apis,
            disabled: self.disabled,
        });
        Ok(())
    }
}
