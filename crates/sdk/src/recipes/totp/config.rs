//! The recipe as the app wants it.

use super::Devices;
use super::apis::{Api, Apis, BaseApis};
use super::functions::{BaseFunctions, Functions};
use crate::BuildError;
use crate::app_info::App;
use crate::recipes::{Recipe, Recipes};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Codes of authenticator apps, as a second factor. Needs [`MultiFactorAuth`](super::super::multifactorauth::MultiFactorAuth).
///
/// ```
/// use portcullis::recipes::totp::Totp;
///
/// let recipe = Totp::new().issuer("Example GmbH").default_skew(2);
/// ```
#[must_use]
pub struct Totp {
    issuer: Option<String>,
    default_skew: i32,
    default_period: i32,
    functions: Arc<dyn Functions>,
    apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl Default for Totp {
    fn default() -> Self {
        Self::new()
    }
}

impl Totp {
    /// Codes that last for 30 seconds, of which the one before and the one after count too.
    pub fn new() -> Self {
        Self {
            issuer: None,
            default_skew: 1,
            default_period: 30,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        }
    }

    /// What authenticator apps call the app; its name unless set.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// How many periods before and after the current one count, at devices that are made from now on.
    pub fn default_skew(mut self, periods: i32) -> Self {
        self.default_skew = periods;
        self
    }

    /// How long a code lasts, in seconds, at devices that are made from now on. Many authenticator apps know
    /// no other than 30.
    pub fn default_period(mut self, seconds: i32) -> Self {
        self.default_period = seconds;
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

    pub(crate) fn resolve(self, app: &App) -> Result<Devices, BuildError> {
        if self.default_period < 1 || self.default_skew < 0 {
            let reason = "a code lasts for a second at least, and the skew is no less than 0".to_owned();
            return Err(BuildError::Recipe { recipe: "totp", reason });
        }
        Ok(Devices {
            issuer: self.issuer.unwrap_or_else(|| app.name.clone()),
            default_skew: self.default_skew,
            default_period: self.default_period,
            functions: self.functions,
            apis: self.apis,
            disabled: self.disabled,
        })
    }
}

impl Recipe for Totp {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.add_totp(self)
    }
}
