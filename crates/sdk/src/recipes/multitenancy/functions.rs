//! What can be done with tenants. Each function can be replaced.

use crate::{Cx, Result};
use async_trait::async_trait;
use portcullis_wire::{Nullable, Object, multitenancy as wire, providers};

pub use portcullis_wire::multitenancy::TenantV2 as Tenant;
pub use portcullis_wire::providers::{Provider, ProviderClient, UserInfoFields, UserInfoMap};

/// What is to become of a tenant. What is not said stays as it is.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TenantConfig {
    first_factors: Nullable<Vec<String>>,
    required_secondary_factors: Nullable<Vec<String>>,
    core_config: Option<Object>,
}

impl TenantConfig {
    /// Everything stays as it is.
    pub fn new() -> Self {
        Self::default()
    }

    /// The first factors that the tenant allows.
    pub fn first_factors<T: Into<String>>(mut self, factors: impl IntoIterator<Item = T>) -> Self {
        self.first_factors = Nullable::Set(factors.into_iter().map(Into::into).collect());
        self
    }

    /// The tenant allows the first factors of the app's recipes.
    pub fn any_first_factor(mut self) -> Self {
        self.first_factors = Nullable::Null;
        self
    }

    /// The second factors of which one is required.
    pub fn required_secondary_factors<T: Into<String>>(
        mut self,
        factors: impl IntoIterator<Item = T>,
    ) -> Self {
        self.required_secondary_factors = Nullable::Set(factors.into_iter().map(Into::into).collect());
        self
    }

    /// No second factor is required.
    pub fn no_secondary_factor(mut self) -> Self {
        self.required_secondary_factors = Nullable::Null;
        self
    }

    /// Settings of the core for this tenant, laid over those that it has; a `null` takes one away.
    pub fn core_config(mut self, settings: Object) -> Self {
        self.core_config = Some(settings);
        self
    }
}

/// The outcome of letting a login method into a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AssociateUser {
    /// It works there.
    Ok {
        /// Whether it did before.
        was_already_associated: bool,
    },
    /// There is no such login method.
    UnknownUser,
    /// Another user of the recipe has the address there.
    EmailAlreadyExists,
    /// Another user of the recipe has the number there.
    PhoneNumberAlreadyExists,
    /// The provider's user is known there.
    ThirdPartyUserAlreadyExists,
    /// What the user is known by is another primary user's there.
    NotAllowed {
        /// What is whose, in English.
        reason: String,
    },
}

/// The outcome of taking a login method out of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisassociateUser {
    /// It does not work there.
    Ok {
        /// Whether it did.
        was_associated: bool,
    },
    /// There is no such login method.
    UnknownUser,
}

/// The functions of the multitenancy recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// The tenant of a request to a frontend API, by the one that its path names, `public` if it names none. A
    /// replacement can go by anything else of the request, such as its host.
    async fn tenant_id(&self, cx: &Cx, tenant_of_path: &str) -> Result<String> {
        self.original().tenant_id(cx, tenant_of_path).await
    }

    /// A tenant; `None` if there is none of this name. Sign-in asks for it here.
    async fn get_tenant(&self, cx: &Cx, tenant: &str) -> Result<Option<Tenant>> {
        self.original().get_tenant(cx, tenant).await
    }

    /// Makes or changes a tenant; true if it is new.
    async fn create_or_update_tenant(&self, cx: &Cx, tenant: &str, config: TenantConfig) -> Result<bool> {
        self.original().create_or_update_tenant(cx, tenant, config).await
    }

    /// Deletes a tenant; true if it was there.
    async fn delete_tenant(&self, cx: &Cx, tenant: &str) -> Result<bool> {
        self.original().delete_tenant(cx, tenant).await
    }

    /// Every tenant of the app.
    async fn list_all_tenants(&self, cx: &Cx) -> Result<Vec<Tenant>> {
        self.original().list_all_tenants(cx).await
    }

    /// Keeps a provider for a tenant, in place of the one with its id; true if it is new.
    async fn create_or_update_third_party_config(
        &self,
        cx: &Cx,
        tenant: &str,
        provider: Provider,
        skip_validation: bool,
    ) -> Result<bool> {
        self.original().create_or_update_third_party_config(cx, tenant, provider, skip_validation).await
    }

    /// Takes a provider from a tenant; true if it was there.
    async fn delete_third_party_config(&self, cx: &Cx, tenant: &str, third_party_id: &str) -> Result<bool> {
        self.original().delete_third_party_config(cx, tenant, third_party_id).await
    }

    /// Lets a login method into a tenant. Sign-in calls it for a login method that the session's user has in
    /// another tenant.
    async fn associate_user_to_tenant(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
    ) -> Result<AssociateUser> {
        self.original().associate_user_to_tenant(cx, tenant, recipe_user_id).await
    }

    /// Takes a login method out of a tenant, and ends its sessions there.
    async fn disassociate_user_from_tenant(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
    ) -> Result<DisassociateUser> {
        self.original().disassociate_user_from_tenant(cx, tenant, recipe_user_id).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn tenant_id(&self, _: &Cx, tenant_of_path: &str) -> Result<String> {
        Ok(tenant_of_path.to_owned())
    }

    async fn get_tenant(&self, cx: &Cx, tenant: &str) -> Result<Option<Tenant>> {
        match cx.sdk().core().call::<wire::GetTenantV2>(cx, Some(tenant), &()).await? {
            wire::TenantResponse::Ok(tenant) => Ok(Some(tenant)),
            wire::TenantResponse::TenantNotFound => Ok(None),
        }
    }

    async fn create_or_update_tenant(&self, cx: &Cx, tenant: &str, config: TenantConfig) -> Result<bool> {
        let settings = wire::SettingsV2 {
            core_config: config.core_config,
            email_password_enabled: None,
            third_party_enabled: None,
            passwordless_enabled: None,
            first_factors: config.first_factors,
            required_secondary_factors: config.required_secondary_factors,
        };
        let request = wire::PutRequest::new(Some(tenant.to_owned()), settings);
        Ok(cx.sdk().core().call::<wire::PutTenantV2>(cx, None, &request).await?.created_new)
    }

    async fn delete_tenant(&self, cx: &Cx, tenant: &str) -> Result<bool> {
        let request = wire::RemoveTenantRequest { tenant_id: tenant.to_owned() };
        Ok(cx.sdk().core().call::<wire::RemoveTenant>(cx, None, &request).await?.did_exist)
    }

    async fn list_all_tenants(&self, cx: &Cx) -> Result<Vec<Tenant>> {
        Ok(cx.sdk().core().call::<wire::ListTenantsV2>(cx, None, &()).await?.tenants)
    }
    async fn create_or_update_third_party_config(
        &self,
        cx: &Cx,
        tenant: &str,
        provider: Provider,
        skip_validation: bool,
    ) -> Result<bool> {
        let skip_validation = Some(skip_validation);
        let request = providers::PutProviderRequest { config: provider, skip_validation };
        let core = cx.sdk().core();
        Ok(core.call::<providers::PutProvider>(cx, Some(tenant), &request).await?.created_new)
    }

    async fn delete_third_party_config(&self, cx: &Cx, tenant: &str, third_party_id: &str) -> Result<bool> {
        let request = providers::RemoveProviderRequest { third_party_id: third_party_id.to_owned() };
        let core = cx.sdk().core();
        Ok(core.call::<providers::RemoveProvider>(cx, Some(tenant), &request).await?.did_config_exist)
    }

    async fn associate_user_to_tenant(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
    ) -> Result<AssociateUser> {
        use wire::AddMemberResponse as Answer;
        let request = wire::MemberRequest { recipe_user_id: recipe_user_id.to_owned() };
        Ok(match cx.sdk().core().call::<wire::AddMember>(cx, Some(tenant), &request).await? {
            Answer::Ok { was_already_associated } => AssociateUser::Ok { was_already_associated },
            Answer::UnknownUserId => AssociateUser::UnknownUser,
            Answer::EmailExists => AssociateUser::EmailAlreadyExists,
            Answer::PhoneNumberExists => AssociateUser::PhoneNumberAlreadyExists,
            Answer::ThirdPartyUserExists => AssociateUser::ThirdPartyUserAlreadyExists,
            Answer::NotAllowed { reason } => AssociateUser::NotAllowed { reason },
        })
    }

    async fn disassociate_user_from_tenant(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
    ) -> Result<DisassociateUser> {
        use wire::RemoveMemberResponse as Answer;
        let request = wire::MemberRequest { recipe_user_id: recipe_user_id.to_owned() };
        Ok(match cx.sdk().core().call::<wire::RemoveMember>(cx, Some(tenant), &request).await? {
            Answer::Ok { was_associated } => DisassociateUser::Ok { was_associated },
            Answer::UnknownUserId => DisassociateUser::UnknownUser,
        })
    }
}
