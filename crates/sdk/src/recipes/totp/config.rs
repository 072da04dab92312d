//! The recipe as the app wants it.

use super::Devices;
use super::apis::{Api, Apis, BaseApis};
use super::functions::{BaseFunctions, Functions};
use crate::BuildError;
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use std::collections::HashSet;
use std::sync::Arc;

/// Codes of authenticator apps, as a second factor. Needs [`MultiFactorAuth`](super::super::multifactorauth::MultiFactorAuth).
///
/// ```
/// use portcullis::recipes::totp::Totp;
///
/// let recipe = Totp::new().issuer("Example GmbH").default_skew(2);
/// ```
#[derive(Debug)]
#[must_use]
pub struct Totp(Devices);

impl Default for Totp {
    fn default() -> Self {
        Self::new()
    }
}

impl Totp {
    /// Codes that last for 30 seconds, of which the one before and the one after count too.
    pub fn new() -> Self {
        Self(Devices {
            issuer: None,
            default_skew: 1,
            default_period: 30,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        })
    }

    /// What authenticator apps call the app; its name unless set.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.0.issuer = Some(issuer.into());
        self
    }

    /// How many periods before and after the current one count, at devices that are made from now on.
    pub fn default_skew(mut self, periods: i32) -> Self {
        self.0.default_skew = periods;
        self
    }

    /// How long a code lasts, in seconds, at devices that are made from now on. Many authenticator apps know
    /// no other than 30.
    pub fn default_period(mut self, seconds: i32) -> Self {
        self.0.default_period = seconds;
        self
    }
}

replaceable!(Totp.0: functions, apis, disabled);

impl Recipe for Totp {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.note(Kind::Totp)?;
        if self.0.default_period < 1 || self.0.default_skew < 0 {
            let reason = "a code lasts for a second at least, and the skew is no less than 0".to_owned();
            return Err(BuildError::Recipe { recipe: "totp", reason });
        }
        recipes.totp = Some(self.0);
        Ok(())
    }
}
