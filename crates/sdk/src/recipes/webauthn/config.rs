//! The recipe as the app wants it.

use super::Passkeys;
use super::apis::{Api, Apis, BaseApis};
use super::functions::{BaseFunctions, Functions};
use super::types::RelyingParty;
use crate::callback::Callback;
use crate::email::EmailDelivery;
use crate::recipes::contact::is_email;
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use crate::{BuildError, Cx, Error, Result};
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use url::Url;

/// Sign-up and sign-in with passkeys.
///
/// ```
/// use portcullis::recipes::webauthn::WebAuthn;
///
/// let recipe = WebAuthn::new().relying_party_id("example.com");
/// ```
#[derive(Debug)]
#[must_use]
pub struct WebAuthn(Passkeys);

impl Default for WebAuthn {
    fn default() -> Self {
        Self::new()
    }
}

impl WebAuthn {
    /// Passkeys for the host of the API's domain, in the app's name, made on the app's website.
    pub fn new() -> Self {
        Self(Passkeys {
            settings: Settings::default(),
            delivery: None,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        })
    }

    /// The domain that passkeys are bound to: that of the website, or one above it. With another one, the
    /// passkeys that there are work no longer.
    pub fn relying_party_id(self, domain: impl Into<String>) -> Self {
        let domain = domain.into();
        self.choose_relying_party_id(move |_, _| std::future::ready(Ok(domain.clone())))
    }

    /// Chooses the domain that passkeys are bound to, for a call and a tenant.
    pub fn choose_relying_party_id<C, F>(mut self, choose: C) -> Self
    where
        C: Fn(Cx, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<String>> + Send + 'static,
    {
        self.0.settings.relying_party_id = Some(Callback::new(choose));
        self
    }

    /// What authenticators call the site; the app's name unless it is given.
    pub fn relying_party_name(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.choose_relying_party_name(move |_, _| std::future::ready(Ok(name.clone())))
    }

    /// Chooses what authenticators call the site, for a call and a tenant.
    pub fn choose_relying_party_name<C, F>(mut self, choose: C) -> Self
    where
        C: Fn(Cx, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<String>> + Send + 'static,
    {
        self.0.settings.relying_party_name = Some(Callback::new(choose));
        self
    }

    /// Chooses the origin at which passkeys are used, for a call and a tenant: such as `https://example.com`,
    /// or `android:apk-key-hash:…` for an app. Unless it is given, the website that the request comes from.
    /// It must not follow what anybody can write into a request.
    pub fn choose_origin<C, F>(mut self, choose: C) -> Self
    where
        C: Fn(Cx, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<String>> + Send + 'static,
    {
        self.0.settings.origin = Some(Callback::new(choose));
        self
    }

    /// Another rule for addresses: gets the call, the tenant and the address, and answers what is wrong, for
    /// the user to read.
    pub fn validate_email<V, F>(mut self, validate: V) -> Self
    where
        V: Fn(Cx, String, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Option<String>>> + Send + 'static,
    {
        self.0.settings.validate_email =
            Some(Callback::new(move |cx, (tenant, email)| validate(cx, tenant, email)));
        self
    }

    /// Another way to send this recipe's e-mails than [`Builder::email_delivery`](crate::Builder::email_delivery).
    pub fn email_delivery(mut self, delivery: impl EmailDelivery + 'static) -> Self {
        self.0.delivery = Some(Arc::new(delivery));
        self
    }
}

replaceable!(WebAuthn.0: functions, apis, disabled);

impl Recipe for WebAuthn {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::WebAuthn)?;
        recipes.webauthn = Some(self.0);
        Ok(())
    }
}

/// What the app has chosen.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    relying_party_id: Option<Callback<String, String>>,
    relying_party_name: Option<Callback<String, String>>,
    origin: Option<Callback<String, String>>,
    /// Of the tenant and the address.
    validate_email: Option<Callback<(String, String), Option<String>>>,
}

impl Settings {
    /// The site that a call's passkeys are for.
    pub(super) async fn relying_party(&self, cx: &Cx, tenant: &str) -> Result<RelyingParty> {
        let app = cx.sdk().app();
        let id = if let Some(choose) = &self.relying_party_id {
            choose.call(cx, tenant.to_owned()).await?
        } else {
            let url = Url::parse(&app.api_domain).ok();
            let host = url.as_ref().and_then(Url::host_str);
            host.ok_or_else(|| Error::Internal("the API's domain has no host".to_owned()))?.to_owned()
        };
        let name = match &self.relying_party_name {
            Some(choose) => choose.call(cx, tenant.to_owned()).await?,
            None => app.name.clone(),
        };
        let origin = match &self.origin {
            Some(choose) => choose.call(cx, tenant.to_owned()).await?,
            None => app.website(cx.exchange().and_then(|exchange| exchange.header("origin"))).into_owned(),
        };
        Ok(RelyingParty { id, name, origin })
    }

    /// What is wrong with an address.
    pub(crate) async fn email_fault(&self, cx: &Cx, tenant: &str, email: &str) -> Result<Option<String>> {
        match &self.validate_email {
            Some(validate) => validate.call(cx, (tenant.to_owned(), email.to_owned())).await,
            None => Ok((!is_email(email)).then(|| "Email is invalid".to_owned())),
        }
    }
}
