//! The recipe as the app wants it.

use super::Passwords;
use super::apis::{Api, Apis, BaseApis};
use super::form::{EMAIL, FormField, PASSWORD};
use super::functions::{BaseFunctions, Functions};
use crate::email::EmailDelivery;
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx};
use std::collections::HashSet;
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
#[derive(Debug)]
#[must_use]
pub struct EmailPassword {
    fields: Vec<FormField>,
    delivery: Option<Arc<dyn EmailDelivery>>,
    functions: Arc<dyn Functions>,
    apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
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
        self.delivery = Some(Arc::new(delivery));
        self
    }

    fn resolve(self) -> Result<Passwords, BuildError> {
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
            delivery: self.delivery,
            functions: self.functions,
            apis: self.apis,
            disabled: self.disabled,
        })
    }
}

replaceable!(EmailPassword: functions, apis, disabled);

impl Recipe for EmailPassword {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.note(Kind::EmailPassword)?;
        recipes.email_password = Some(self.resolve()?);
        Ok(())
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
