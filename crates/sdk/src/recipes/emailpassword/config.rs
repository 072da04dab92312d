//! The recipe as the app wants it.

use super::Passwords;
use super::apis::{Api, Apis, BaseApis};
use super::form::{EMAIL, FormField, PASSWORD};
use super::functions::{BaseFunctions, Functions};
use crate::email::{Delivery, EmailDelivery};
use crate::recipes::{Recipe, Recipes};
use crate::{BuildError, Cx};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// Sign-up and sign-in with an e-mail address and a password.
///
/// ```
/// use portcullis::recipes::emailpassword::{EmailPassword, FormField};
///
/// let recipe = EmailPassword::new()
///     .form_field(FormField::new("name"))
///     .form_field(FormField::new("country").optional());
/// ```
#[must_use]
pub struct EmailPassword {
    fields: Vec<FormField>,
    delivery: Option<Delivery>,
    functions: Arc<dyn Functions>,
    apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl fmt::Debug for EmailPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmailPassword").field("fields", &self.fields).finish_non_exhaustive()
    }
}

impl Default for EmailPassword {
    fn default() -> Self {
        Self::new()
    }
}

impl EmailPassword {
    /// A form of address and password.
    pub fn new() -> Self {
        Self {
            fields: Vec::new(),
            delivery: None,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        }
    }

    /// A further field of the sign-up form, or other rules for `email` or `password`. Faults are answered
    /// in the order in which fields are added; `password` and `email` come last unless they are.
    pub fn form_field(mut self, field: FormField) -> Self {
        self.fields.push(field);
        self
    }

    /// Another way to send this recipe's e-mails than [`Builder::email_delivery`](crate::Builder::email_delivery).
    pub fn email_delivery(mut self, delivery: impl EmailDelivery + 'static) -> Self {
        self.delivery = Some(Delivery::new(delivery));
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

    pub(crate) fn resolve(self, delivery: &Delivery) -> Result<Passwords, BuildError> {
        let mut fields = self.fields;
        for id in [PASSWORD, EMAIL] {
            if fields.iter().all(|field| field.id != id) {
                fields.push(FormField::new(id));
            }
        }
        let mut known = HashSet::new();
        if let Some(twice) = fields.iter().find(|field| !known.insert(field.id.clone())) {
            let reason = format!("the form field '{}' is added twice; remove one of the two", twice.id);
            return Err(BuildError::Recipe { recipe: "emailpassword", reason });
        }
        Ok(Passwords {
            forms: Forms::new(fields),
            delivery: self.delivery.unwrap_or_else(|| delivery.clone()),
            functions: self.functions,
            apis: self.apis,
            disabled: self.disabled,
        })
    }
}

impl Recipe for EmailPassword {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.add_email_password(self)
    }
}

/// The forms, each with its fields.
#[derive(Debug)]
pub(crate) struct Forms {
    pub(super) sign_up: Vec<FormField>,
    pub(super) sign_in: Vec<FormField>,
    pub(super) reset_token: Vec<FormField>,
    pub(super) reset: Vec<FormField>,
}

impl Forms {
    fn new(sign_up: Vec<FormField>) -> Self {
        let of = |ids: &[&str]| -> Vec<FormField> {
            let fields = sign_up.iter().filter(|field| ids.contains(&field.id.as_str()));
            fields.cloned().collect()
        };
        let sign_in = of(&[EMAIL, PASSWORD]).iter().map(FormField::at_sign_in).collect();
        let (reset_token, reset) = (of(&[EMAIL]), of(&[PASSWORD]));
        Self { sign_up, sign_in, reset_token, reset }
    }

    /// The rule of the sign-up form's field that a text breaks.
    pub(super) async fn fault(
        &self,
        cx: &Cx,
        tenant: &str,
        field: &str,
        text: &str,
    ) -> crate::Result<Option<String>> {
        match self.sign_up.iter().find(|known| known.id == field) {
            Some(field) => field.fault(cx, tenant, text.into()).await,
            None => Ok(None),
        }
    }
}
