//! Tenants: which ways of signing in each of them allows, with which providers, and who is in it.

mod apis;
mod claim;
mod functions;

pub use apis::{Api, Apis, LoginMethods, LoginProvider};
pub use claim::allowed_domains_claim;
pub use functions::{
    AssociateUser, DisassociateUser, Functions, Provider, ProviderClient, Tenant, TenantConfig,
    UserInfoFields, UserInfoMap,
};

pub(crate) use apis::routes;

use super::replaceable::replaceable;
use super::{Kind, Recipe, Recipes};
use crate::callback::Callback;
use crate::{BuildError, Cx, Result};
use apis::BaseApis;
use functions::BaseFunctions;
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

/// The tenants of an app. The recipe is there also if it is not added.
///
/// ```
/// use portcullis::recipes::multitenancy::TenantConfig;
/// use portcullis::{Cx, Portcullis, Result};
///
/// async fn new_customer(sdk: &Portcullis, name: &str) -> Result<bool> {
///     let only_passwords = TenantConfig::new().first_factors(["emailpassword"]);
///     sdk.multitenancy().create_or_update_tenant(&Cx::new(sdk), name, only_passwords).await
/// }
/// ```
#[derive(Debug, Default)]
#[must_use]
pub struct Multitenancy(Tenants);

impl Multitenancy {
    /// The recipe as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// The domains whose pages the users of a tenant may visit: new sessions carry them, for
    /// [`allowed_domains_claim`] and for the frontend. `None` leaves the claim out.
    pub fn allowed_domains<A, F>(mut self, find: A) -> Self
    where
        A: Fn(Cx, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Option<Vec<String>>>> + Send + 'static,
    {
        self.0.allowed_domains = Some(Callback::new(find));
        self
    }
}

replaceable!(Multitenancy.0: functions, apis, disabled);

impl Recipe for Multitenancy {
    fn add_to(self, recipes: &mut Recipes) -> std::result::Result<(), BuildError> {
        recipes.note(Kind::Multitenancy)?;
        recipes.multitenancy = self.0;
        Ok(())
    }
}

/// The multitenancy recipe at work.
#[derive(Debug)]
pub struct Tenants {
    pub(crate) allowed_domains: Option<Callback<String, Option<Vec<String>>>>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    pub(crate) disabled: HashSet<Api>,
}

impl Default for Tenants {
    fn default() -> Self {
        Self {
            allowed_domains: None,
            functions: Arc::new(BaseFunctions),
            apis: Arc::new(BaseApis),
            disabled: HashSet::new(),
        }
    }
}

impl Tenants {
    /// A tenant; `None` if there is none of this name.
    pub async fn get_tenant(&self, cx: &Cx, tenant: &str) -> Result<Option<Tenant>> {
        self.functions.get_tenant(cx, tenant).await
    }

    /// Makes a tenant or changes what `config` says. Answers whether it is new.
    pub async fn create_or_update_tenant(&self, cx: &Cx, tenant: &str, config: TenantConfig) -> Result<bool> {
        self.functions.create_or_update_tenant(cx, tenant, config).await
    }

    /// Deletes a tenant, with all that is kept there. Answers whether it was there.
    pub async fn delete_tenant(&self, cx: &Cx, tenant: &str) -> Result<bool> {
        self.functions.delete_tenant(cx, tenant).await
    }

    /// Every tenant of the app.
    pub async fn list_all_tenants(&self, cx: &Cx) -> Result<Vec<Tenant>> {
        self.functions.list_all_tenants(cx).await
    }

    /// Keeps a provider for a tenant, in place of the one with its id. Answers whether it is new. Settings that
    /// no SDK could use are refused.
    pub async fn create_or_update_third_party_config(
        &self,
        cx: &Cx,
        tenant: &str,
        provider: Provider,
    ) -> Result<bool> {
        self.functions.create_or_update_third_party_config(cx, tenant, provider, false).await
    }

    /// The same, but settings that no SDK could use are kept too.
    pub async fn create_or_update_third_party_config_without_validation(
        &self,
        cx: &Cx,
        tenant: &str,
        provider: Provider,
    ) -> Result<bool> {
        self.functions.create_or_update_third_party_config(cx, tenant, provider, true).await
    }

    /// Takes a provider from a tenant. Answers whether it was there.
    pub async fn delete_third_party_config(
        &self,
        cx: &Cx,
        tenant: &str,
        third_party_id: &str,
    ) -> Result<bool> {
        self.functions.delete_third_party_config(cx, tenant, third_party_id).await
    }

    /// Lets a login method into a tenant.
    pub async fn associate_user_to_tenant(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
    ) -> Result<AssociateUser> {
        self.functions.associate_user_to_tenant(cx, tenant, recipe_user_id).await
    }

    /// Takes a login method out of a tenant, and ends its sessions there. It stays where else it is; in no tenant
    /// at all it can be let into one again.
    pub async fn disassociate_user_from_tenant(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
    ) -> Result<DisassociateUser> {
        self.functions.disassociate_user_from_tenant(cx, tenant, recipe_user_id).await
    }
}
