//! Sign-up and sign-in with what other services know of the user.

mod apis;
mod apple_callback;
mod config;
mod form;
mod functions;
/// Doors to what the recipe reads: for the fuzz targets alone.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod id_token;
mod pkce;
mod provider;
mod provider_config;
mod quirks;
mod remote;
mod types;
mod user_info;

pub use apis::{Api, Apis, Brought, SignInUpOutcome, SignInUpRequest};
pub use config::ThirdPartyRecipe;
pub use functions::Functions;
pub use provider::{Provider, ProviderFunctions};
pub use provider_config::{
    Client, ProviderClient, ProviderConfig, ProviderForClient, ProviderSettings, UserInfoFields, UserInfoMap,
};
pub use types::{
    AuthorisationUrl, CreatedOrUpdated, OAuthTokens, ProviderEmail, ProviderUser, RawUserInfo,
    RedirectUriInfo, SignInUp, SignInUpInput, TokenSource, UserInfo,
};

pub(crate) use apis::routes;
pub(crate) use form::form;

use super::multitenancy::{LoginProvider, Tenant};
use crate::{Cx, Error, PUBLIC_TENANT, Portcullis, Result};
use remote::Remote;
use std::collections::HashSet;
use std::sync::Arc;
use url::Url;

/// The thirdparty recipe at work.
#[derive(Debug)]
pub struct Providers {
    configured: Vec<ProviderConfig>,
    pub(crate) remote: Remote,
    app_links: Vec<Url>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl Providers {
    /// A provider of a tenant for a kind of client, complete: its discovery document is read. `None` if the
    /// tenant has no such provider; an error if the provider has no such client.
    pub async fn get_provider(
        &self,
        cx: &Cx,
        tenant: &str,
        third_party_id: &str,
        client_type: Option<&str>,
    ) -> Result<Option<Provider>> {
        self.functions.get_provider(cx, tenant, third_party_id, client_type).await
    }

    /// Makes a user with what the app knows of a provider's user, or brings the address of one up to date.
    /// Makes no session.
    pub async fn manually_create_or_update_user(
        &self,
        cx: &Cx,
        user: &ProviderUser,
    ) -> Result<CreatedOrUpdated> {
        self.functions.manually_create_or_update_user(cx, user).await
    }

    /// The providers that a tenant's users may choose among with a kind of client, in order. Those that have
    /// no such client are left out.
    pub async fn names(
        &self,
        cx: &Cx,
        tenant: &str,
        client_type: Option<&str>,
    ) -> Result<Vec<LoginProvider>> {
        let found = cx.sdk().multitenancy().functions.get_tenant(cx, tenant).await?;
        let found = found.ok_or_else(|| Error::Internal("Tenant not found".to_owned()))?;
        Ok(login_providers(cx.sdk(), &found, client_type))
    }

    fn own(&self, id: &str) -> Option<&ProviderConfig> {
        self.configured.iter().find(|config| config.id() == id)
    }
}

/// The ids of the providers that the app itself says a tenant has. It has them unless the core keeps some for it.
pub(crate) fn own_ids(sdk: &Portcullis, tenant: &Tenant) -> Vec<String> {
    own_of(sdk, tenant).map(|config| config.id().to_owned()).collect()
}

fn own_of<'s>(sdk: &'s Portcullis, tenant: &Tenant) -> impl Iterator<Item = &'s ProviderConfig> {
    let is_public = tenant.tenant_id == PUBLIC_TENANT;
    let all = sdk.third_party().ok().into_iter().flat_map(|recipe| &recipe.configured);
    all.filter(move |config| is_public || config.is_in_every_tenant)
}

/// The providers of a tenant: those that the core keeps for it, laid over the app's own; if it keeps none, the
/// app's own.
pub(crate) fn of_tenant(sdk: &Portcullis, tenant: &Tenant) -> Vec<ProviderConfig> {
    let kept = &tenant.third_party.providers;
    if kept.is_empty() {
        return own_of(sdk, tenant).cloned().collect();
    }
    kept.iter().map(|settings| laid_over(sdk, settings.clone())).collect()
}

/// What is said of a provider for a tenant, laid over what the app says of it.
fn laid_over(sdk: &Portcullis, settings: ProviderSettings) -> ProviderConfig {
    match sdk.third_party().ok().and_then(|recipe| recipe.own(&settings.third_party_id)) {
        Some(config) => config.overlaid(settings),
        None => settings.into(),
    }
}

/// The providers that a tenant's users may choose among with a kind of client.
pub(crate) fn login_providers(
    sdk: &Portcullis,
    tenant: &Tenant,
    client_type: Option<&str>,
) -> Vec<LoginProvider> {
    // A provider that speaks SAML would lead nowhere.
    let is_usable = |config: &ProviderConfig| {
        is_for(&config.settings, client_type) && !quirks::is_saml(config.built_in())
    };
    of_tenant(sdk, tenant).into_iter().filter(is_usable).map(named).collect()
}

/// Whether a provider knows this kind of client, or the only one that there is.
fn is_for(provider: &ProviderSettings, client_type: Option<&str>) -> bool {
    match client_type {
        Some(kind) => provider.clients.iter().any(|client| client.client_type.as_deref() == Some(kind)),
        None => provider.clients.len() == 1,
    }
}

/// A provider with what pages call it.
pub(crate) fn named(mut config: ProviderConfig) -> LoginProvider {
    if let Ok(quirks) = quirks::of(config.built_in()) {
        quirks.complete(&mut config);
    }
    LoginProvider { id: config.id().to_owned(), name: config.settings.name }
}
