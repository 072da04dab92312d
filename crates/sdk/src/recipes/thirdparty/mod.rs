//! Sign-up and sign-in with what other services know of the user.

mod apis;
mod apple_callback;
mod config;
mod functions;
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

use super::multitenancy::{LoginProvider, is_for};
use crate::{Cx, Error, PUBLIC_TENANT, Result};
use remote::Remote;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use url::Url;

/// The thirdparty recipe at work.
pub struct Providers {
    configured: Vec<ProviderConfig>,
    pub(crate) remote: Remote,
    app_links: Vec<Url>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    disabled: HashSet<Api>,
}

impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Providers").field("configured", &self.configured).finish_non_exhaustive()
    }
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
        let has_client = |config: &ProviderConfig| is_for(&config.settings, client_type);
        let all = self.of_tenant(cx, tenant).await?.into_iter().filter(has_client);
        all.map(|mut config| {
            quirks::of(config.built_in())?.complete(&mut config);
            Ok(LoginProvider { id: config.id().to_owned(), name: config.settings.name })
        })
        .collect()
    }

    /// The providers of a tenant: those that the core keeps for it, laid over the app's own; if it keeps none,
    /// the app's own.
    async fn of_tenant(&self, cx: &Cx, tenant: &str) -> Result<Vec<ProviderConfig>> {
        let kept = cx.sdk().multitenancy().functions.get_tenant(cx, tenant).await?;
        let kept = kept.ok_or_else(|| Error::Internal("Tenant not found".to_owned()))?.third_party.providers;
        if kept.is_empty() {
            let is_public = tenant == PUBLIC_TENANT;
            let own = self.configured.iter().filter(|config| is_public || config.is_in_every_tenant);
            return Ok(own.cloned().collect());
        }
        let own = |id: &str| self.configured.iter().find(|config| config.id() == id);
        let merged = kept.into_iter().map(|settings| match own(&settings.third_party_id) {
            Some(config) => config.overlaid(settings),
            None => settings.into(),
        });
        Ok(merged.collect())
    }
}
