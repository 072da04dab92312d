//! What can be done with tenants. Each function can be replaced.

use crate::{Cx, Result};
use async_trait::async_trait;
use portcullis_wire::multitenancy as wire;
use portcullis_wire::{Nullable, Object};

pub use portcullis_wire::multitenancy::TenantV2 as Tenant;

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

/// The functions of the multitenancy recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

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
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
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
}
