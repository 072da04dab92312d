//! The recipe as the app wants it.

use super::Providers;
use super::apis::{Api, Apis, BaseApis};
use super::functions::{BaseFunctions, Functions};
use super::provider_config::ProviderConfig;
use super::quirks;
use super::remote::Remote;
use crate::recipes::replaceable::replaceable;
use crate::recipes::{Kind, Recipe, Recipes};
use crate::{BuildError, Transport};
use std::collections::HashSet;
use std::sync::Arc;
use url::Url;

/// Sign-up and sign-in with what other services know of the user.
///
/// ```
/// use portcullis::recipes::thirdparty::{Client, ProviderConfig, ThirdPartyRecipe};
///
/// let recipe = ThirdPartyRecipe::new()
///     .provider(ProviderConfig::new("google").client(Client::new("id").secret("secret")))
///     .provider(ProviderConfig::new("github").client(Client::new("id").secret("secret")));
/// ```
#[derive(Debug)]
#[must_use]
pub struct ThirdPartyRecipe {
    providers: Vec<ProviderConfig>,
    transport: Option<Arc<dyn Transport>>,
    app_links: Vec<String>,
    functions: Arc<dyn Functions>,
    apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl Default for ThirdPartyRecipe {
    fn default() -> Self {
        Self::new()
    }
}

impl ThirdPartyRecipe {
    /// No provider yet but those that the core keeps for a tenant.
    pub fn new() -> Self {
        Self {
            providers: Vec::new(),
            transport: None,
            app_links: Vec::new(),
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        }
    }

    /// A provider of the public tenant. What the core keeps for a tenant about the same provider is laid over
    /// it; a tenant for which the core keeps providers has no others.
    pub fn provider(mut self, provider: ProviderConfig) -> Self {
        self.providers.push(provider);
        self
    }

    /// Another way to providers than straight over HTTP and HTTPS: through a proxy, or to a double in tests.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// An address of a native app, such as `com.example.app:/callback`, that Apple's answer may be led on to.
    /// The app's websites need no mention. Everything but the query must be equal.
    pub fn apple_app_link(mut self, link: impl Into<String>) -> Self {
        self.app_links.push(link.into());
        self
    }

    fn resolve(self) -> Result<Providers, BuildError> {
        let fault = |reason| BuildError::Recipe { recipe: "thirdparty", reason };
        let mut known = HashSet::new();
        for provider in &self.providers {
            let id = provider.id();
            if id.is_empty() {
                return Err(fault(
                    "a provider has no id; write for example ProviderConfig::new(\"google\")".to_owned(),
                ));
            }
            if quirks::is_saml(provider.built_in()) {
                return Err(fault(format!(
                    "'{id}' is a SAML provider, which needs the SAML recipe; remove it"
                )));
            }
            if !known.insert(id) {
                return Err(fault(format!("the provider '{id}' is added twice; remove one of the two")));
            }
        }
        let link = |text: &String| {
            let link = Url::parse(text);
            link.map_err(|_| {
                fault(format!("'{text}' is no address; write for example com.example.app:/callback"))
            })
        };
        let app_links = self.app_links.iter().map(link).collect::<Result<_, _>>()?;
        let remote = match self.transport {
            Some(transport) => Remote::new(transport),
            None => Remote::over_http().map_err(|error| {
                fault(format!("no certificates to check those of providers against ({error}); install ca-certificates, or name a file of them in SSL_CERT_FILE"))
            })?,
        };
        Ok(Providers {
            configured: self.providers,
            remote,
            app_links,
            functions: self.functions,
            apis: self.apis,
            disabled: self.disabled,
        })
    }
}

replaceable!(ThirdPartyRecipe: functions, apis, disabled);

impl Recipe for ThirdPartyRecipe {
    fn add_to(self, recipes: &mut Recipes) -> Result<(), BuildError> {
        recipes.note(Kind::ThirdParty)?;
        recipes.third_party = Some(self.resolve()?);
        Ok(())
    }
}
