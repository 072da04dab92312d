//! The recipe as the app wants it.

use super::Verifications;
use super::apis::{Api, Apis, BaseApis};
use super::functions::{BaseFunctions, Functions};
use crate::callback::Callback;
use crate::email::EmailDelivery;
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Result};
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

/// Whether an address must be proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Every route that asks for a session asks for a proven address as well.
    Required,
    /// The app itself asks where it matters.
    Optional,
}

/// The address of a login method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserEmail {
    /// This one.
    Known(String),
    /// It has none, and needs no proof.
    Missing,
    /// There is no such login method.
    UnknownUser,
}

/// Proofs that an address is the user's.
///
/// ```
/// use portcullis::recipes::emailverification::EmailVerification;
///
/// let recipe = EmailVerification::required();
/// ```
#[derive(Debug)]
#[must_use]
pub struct EmailVerification(Verifications);

impl EmailVerification {
    /// Every route that asks for a session asks for a proven address as well.
    pub fn required() -> Self {
        Self::new(Mode::Required)
    }

    /// The app itself asks where it matters, with [`is_verified`](super::is_verified).
    pub fn optional() -> Self {
        Self::new(Mode::Optional)
    }

    fn new(mode: Mode) -> Self {
        Self(Verifications {
            mode,
            find_email: None,
            delivery: None,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        })
    }

    /// Finds the address of a login method, for users that only the app knows. Those that it answers
    /// [`UserEmail::UnknownUser`] for are looked up as usual.
    pub fn find_email<V, F>(mut self, find: V) -> Self
    where
        V: Fn(Cx, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<UserEmail>> + Send + 'static,
    {
        self.0.find_email = Some(Callback::new(find));
        self
    }

    /// Another way to send this recipe's e-mails than [`Builder::email_delivery`](crate::Builder::email_delivery).
    pub fn email_delivery(mut self, delivery: impl EmailDelivery + 'static) -> Self {
        self.0.delivery = Some(Arc::new(delivery));
        self
    }
}

replaceable!(EmailVerification.0: functions, apis, disabled);

impl Recipe for EmailVerification {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::EmailVerification)?;
        recipes.email_verification = Some(self.0);
        Ok(())
    }
}
