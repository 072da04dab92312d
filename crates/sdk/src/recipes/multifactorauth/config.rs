//! The recipe as the app wants it.

use super::Factors;
use super::apis::{Api, Apis, BaseApis};
use super::functions::{BaseFunctions, Functions};
use crate::BuildError;
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use std::collections::HashSet;
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
#[derive(Debug)]
#[must_use]
pub struct MultiFactorAuth(Factors);

impl Default for MultiFactorAuth {
    fn default() -> Self {
        Self::new()
    }
}

impl MultiFactorAuth {
    /// Every recipe's factors may be the first.
    pub fn new() -> Self {
        Self(Factors {
            first: None,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        })
    }

    /// The factors that a sign-in may begin with, in tenants that list none of their own.
    pub fn first_factors<T: Into<String>>(mut self, factors: impl IntoIterator<Item = T>) -> Self {
        self.0.first = Some(factors.into_iter().map(Into::into).collect());
        self
    }
}

replaceable!(MultiFactorAuth.0: functions, apis, disabled);

impl Recipe for MultiFactorAuth {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.note(Kind::MultiFactorAuth)?;
        if self.0.first.as_ref().is_some_and(Vec::is_empty) {
            let reason = "nobody can sign in without a first factor; name one, or do not call first_factors";
            return Err(BuildError::Recipe { recipe: "multifactorauth", reason: reason.to_owned() });
        }
        recipes.multi_factor_auth = Some(self.0);
        Ok(())
    }
}
