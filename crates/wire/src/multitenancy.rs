//! Connection URI domains, apps and tenants: made, changed, listed, removed.
//!
//! The second version of these calls (`…/v2`) knows no switch per recipe, only lists of factors.

use crate::endpoint::endpoint;
use crate::input::request;
use crate::providers::Provider;
use crate::{Cdi, FromInput, Input, InputError, Nullable, Object, Status};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use std::marker::PhantomData;

/// The providers of a tenant.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Providers {
    /// In the order of their ids.
    pub providers: Vec<Provider>,
}

/// A recipe's switch, in the first version.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Enabled {
    /// Whether the recipe is on.
    pub enabled: bool,
}

/// The thirdparty recipe's switch and providers, in the first version.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct EnabledProviders {
    /// Whether the recipe is on.
    pub enabled: bool,
    /// The providers.
    pub providers: Vec<Provider>,
}

/// A tenant in the first version.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantV1 {
    /// The tenant.
    pub tenant_id: String,
    /// The emailpassword recipe.
    pub email_password: Enabled,
    /// The thirdparty recipe.
    pub third_party: EnabledProviders,
    /// The passwordless recipe.
    pub passwordless: Enabled,
    /// The first factors allowed (from CDI 5.0 on); left out if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_factors: Option<Vec<String>>,
    /// The second factors of which one is required (from CDI 5.0 on); left out for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_secondary_factors: Option<Vec<String>>,
    /// The tenant's own settings.
    pub core_config: Object,
}

/// A tenant in the second version.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TenantV2 {
    /// The tenant.
    pub tenant_id: String,
    /// Its providers.
    pub third_party: Providers,
    /// The first factors allowed; left out if the SDK decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_factors: Option<Vec<String>>,
    /// The second factors of which one is required; left out for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_secondary_factors: Option<Vec<String>>,
    /// The tenant's own settings.
    pub core_config: Object,
}

/// A tenant, if it exists.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum TenantResponse<T> {
    /// It exists.
    #[serde(rename = "OK")]
    Ok(T),
    /// It does not.
    #[serde(rename = "TENANT_NOT_FOUND_ERROR")]
    TenantNotFound,
}

/// An app's tenants.
#[derive(Debug, Deserialize, Serialize)]
pub struct TenantsResponse<T> {
    /// Always `OK`.
    pub status: Status,
    /// The tenants.
    pub tenants: Vec<T>,
}

/// An app and its tenants.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct App<T> {
    /// The app.
    pub app_id: String,
    /// Its tenants.
    pub tenants: Vec<T>,
}

/// A domain's apps.
#[derive(Debug, Deserialize, Serialize)]
pub struct AppsResponse<T> {
    /// Always `OK`.
    pub status: Status,
    /// The apps.
    pub apps: Vec<App<T>>,
}

/// A connection URI domain and its apps.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain<T> {
    /// The domain; empty for the default one.
    pub connection_uri_domain: String,
    /// Its apps.
    pub apps: Vec<App<T>>,
}

/// Every domain of the core.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainsResponse<T> {
    /// Always `OK`.
    pub status: Status,
    /// The domains.
    pub connection_uri_domains: Vec<Domain<T>>,
}

/// What was made or changed.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PutResponse {
    /// Always `OK`.
    pub status: Status,
    /// Whether it is new.
    pub created_new: bool,
}

/// What was removed.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveResponse {
    /// Always `OK`.
    pub status: Status,
    /// Whether it was there.
    pub did_exist: bool,
}

request! {
    /// What to change, in the first version. What is left out stays as it is.
    SettingsV1 {
        /// Settings to lay over those that are stored; a `null` removes one.
        core_config: Option<Object> = "coreConfig",
        /// Whether the emailpassword recipe is on.
        email_password_enabled: Option<bool> = "emailPasswordEnabled",
        /// Whether the thirdparty recipe is on.
        third_party_enabled: Option<bool> = "thirdPartyEnabled",
        /// Whether the passwordless recipe is on.
        passwordless_enabled: Option<bool> = "passwordlessEnabled",
        /// The first factors allowed; `null` leaves it to the SDK.
        first_factors: Option<Nullable<Vec<String>>> = "firstFactors" if |cdi| cdi >= Cdi::V5_0,
        /// The second factors of which one is required; `null` for none.
        required_secondary_factors: Option<Nullable<Vec<String>>> = "requiredSecondaryFactors" if |cdi| cdi >= Cdi::V5_0,
    }
    /// What to change, in the second version. What is left out stays as it is.
    SettingsV2 {
        /// Settings to lay over those that are stored; a `null` removes one.
        core_config: Option<Object> = "coreConfig",
        /// Refused: the first version's.
        email_password_enabled: Option<Value> = "emailPasswordEnabled",
        /// Refused: the first version's.
        third_party_enabled: Option<Value> = "thirdPartyEnabled",
        /// Refused: the first version's.
        passwordless_enabled: Option<Value> = "passwordlessEnabled",
        /// The first factors allowed; `null` leaves it to the SDK.
        first_factors: Nullable<Vec<String>> = "firstFactors",
        /// The second factors of which one is required; `null` for none.
        required_secondary_factors: Nullable<Vec<String>> = "requiredSecondaryFactors",
    }
    /// Which tenant to remove.
    RemoveTenantRequest {
        /// The tenant.
        tenant_id: String = "tenantId",
    }
    /// Which app to remove.
    RemoveAppRequest {
        /// The app.
        app_id: String = "appId",
    }
    /// Which domain to remove.
    RemoveDomainRequest {
        /// The domain.
        connection_uri_domain: String = "connectionUriDomain",
    }
}

/// What a `PUT` is about.
pub trait Target: Send + 'static {
    /// The field that holds its id.
    const ID: &'static str;
}

/// The target of a call about a tenant.
#[derive(Clone, Copy, Debug)]
pub enum TenantTarget {}
/// The target of a call about an app.
#[derive(Clone, Copy, Debug)]
pub enum AppTarget {}
/// The target of a call about a connection URI domain.
#[derive(Clone, Copy, Debug)]
pub enum DomainTarget {}

impl Target for TenantTarget {
    const ID: &'static str = "tenantId";
}
impl Target for AppTarget {
    const ID: &'static str = "appId";
}
impl Target for DomainTarget {
    const ID: &'static str = "connectionUriDomain";
}

/// Makes or changes a tenant, an app or a domain.
#[derive(Clone, Debug)]
pub struct PutRequest<T, S> {
    /// Which one; left out for the default one.
    pub id: Option<String>,
    /// What it is to be.
    pub settings: S,
    target: PhantomData<fn() -> T>,
}

impl<T: Target, S> PutRequest<T, S> {
    /// The request for a target.
    pub fn new(id: Option<String>, settings: S) -> Self {
        Self { id, settings, target: PhantomData }
    }
}

impl<T: Target, S: FromInput> FromInput for PutRequest<T, S> {
    fn from_input(mut input: Input) -> Result<Self, InputError> {
        Ok(Self::new(input.take(T::ID)?, S::from_input(input)?))
    }
}

impl<T: Target, S: Serialize> Serialize for PutRequest<T, S> {
    fn serialize<R: Serializer>(&self, serializer: R) -> Result<R::Ok, R::Error> {
        #[derive(Serialize)]
        struct Flat<'a, S> {
            #[serde(flatten)]
            id: Option<std::collections::HashMap<&'static str, &'a str>>,
            #[serde(flatten)]
            settings: &'a S,
        }
        let id = self.id.as_deref().map(|id| std::iter::once((T::ID, id)).collect());
        Flat { id, settings: &self.settings }.serialize(serializer)
    }
}

/// A login method, and in the path a tenant.
#[derive(Clone, Debug, Serialize)]
pub struct MemberRequest {
    /// Its id, internal or external. Before CDI 4.0 it was called `userId`.
    #[serde(rename = "recipeUserId")]
    pub recipe_user_id: String,
}

impl FromInput for MemberRequest {
    fn from_input(mut input: Input) -> Result<Self, InputError> {
        let name = if input.cdi() < Cdi::V4_0 { "userId" } else { "recipeUserId" };
        Ok(Self { recipe_user_id: input.take(name)? })
    }
}

/// The outcome of making a user a member of a tenant.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum AddMemberResponse {
    /// It is a member.
    #[serde(rename = "OK")]
    Ok {
        /// Whether it was one before.
        #[serde(rename = "wasAlreadyAssociated")]
        was_already_associated: bool,
    },
    /// There is no such user.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
    /// Another user of the recipe has the address there.
    #[serde(rename = "EMAIL_ALREADY_EXISTS_ERROR")]
    EmailExists,
    /// Another user of the recipe has the number there.
    #[serde(rename = "PHONE_NUMBER_ALREADY_EXISTS_ERROR")]
    PhoneNumberExists,
    /// The provider's user is known there.
    #[serde(rename = "THIRD_PARTY_USER_ALREADY_EXISTS_ERROR")]
    ThirdPartyUserExists,
    /// What the user and those linked to it have is another primary user's there.
    #[serde(rename = "ASSOCIATION_NOT_ALLOWED_ERROR")]
    NotAllowed {
        /// What is whose, in English.
        reason: String,
    },
}

/// The outcome of taking a user out of a tenant.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RemoveMemberResponse {
    /// It is no member.
    #[serde(rename = "OK")]
    Ok {
        /// Whether it was one, or anything else was kept there about it.
        #[serde(rename = "wasAssociated")]
        was_associated: bool,
    },
    /// There is no such user.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
}

endpoint! {
    /// Makes a user a member of the tenant that the path names.
    AddMember: Post "/recipe/multitenancy/tenant/user" Tenant, MemberRequest => AddMemberResponse;
    /// Takes a user out of the tenant that the path names.
    RemoveMember: Post "/recipe/multitenancy/tenant/user/remove" Tenant, MemberRequest => RemoveMemberResponse;
    /// Makes or changes a connection URI domain.
    PutDomain: Put "/recipe/multitenancy/connectionuridomain" Tenant, PutRequest<DomainTarget, SettingsV1> => PutResponse;
    /// Makes or changes a connection URI domain, second version.
    PutDomainV2: Put "/recipe/multitenancy/connectionuridomain/v2" Tenant, PutRequest<DomainTarget, SettingsV2> => PutResponse;
    /// Makes or changes an app.
    PutApp: Put "/recipe/multitenancy/app" Tenant, PutRequest<AppTarget, SettingsV1> => PutResponse;
    /// Makes or changes an app, second version.
    PutAppV2: Put "/recipe/multitenancy/app/v2" Tenant, PutRequest<AppTarget, SettingsV2> => PutResponse;
    /// Makes or changes a tenant.
    PutTenant: Put "/recipe/multitenancy/tenant" Tenant, PutRequest<TenantTarget, SettingsV1> => PutResponse;
    /// Makes or changes a tenant, second version.
    PutTenantV2: Put "/recipe/multitenancy/tenant/v2" Tenant, PutRequest<TenantTarget, SettingsV2> => PutResponse;
    /// The tenant that the path names.
    GetTenant: Get "/recipe/multitenancy/tenant" Lookup, () => TenantResponse<TenantV1>;
    /// The tenant that the path names, second version.
    GetTenantV2: Get "/recipe/multitenancy/tenant/v2" Lookup, () => TenantResponse<TenantV2>;
    /// The app's tenants.
    ListTenants: Get "/recipe/multitenancy/tenant/list" Tenant, () => TenantsResponse<TenantV1>;
    /// The app's tenants, second version.
    ListTenantsV2: Get "/recipe/multitenancy/tenant/list/v2" Tenant, () => TenantsResponse<TenantV2>;
    /// The domain's apps.
    ListApps: Get "/recipe/multitenancy/app/list" Tenant, () => AppsResponse<TenantV1>;
    /// The domain's apps, second version.
    ListAppsV2: Get "/recipe/multitenancy/app/list/v2" Tenant, () => AppsResponse<TenantV2>;
    /// The core's domains.
    ListDomains: Get "/recipe/multitenancy/connectionuridomain/list" Tenant, () => DomainsResponse<TenantV1>;
    /// The core's domains, second version.
    ListDomainsV2: Get "/recipe/multitenancy/connectionuridomain/list/v2" Tenant, () => DomainsResponse<TenantV2>;
    /// Removes a tenant with all that is kept there.
    RemoveTenant: Post "/recipe/multitenancy/tenant/remove" Tenant, RemoveTenantRequest => RemoveResponse;
    /// Removes an app with all that is kept there.
    RemoveApp: Post "/recipe/multitenancy/app/remove" Tenant, RemoveAppRequest => RemoveResponse;
    /// Removes a connection URI domain.
    RemoveDomain: Post "/recipe/multitenancy/connectionuridomain/remove" Tenant, RemoveDomainRequest => RemoveResponse;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_sends_is_what_the_core_reads() {
        let settings = SettingsV2 {
            core_config: None,
            email_password_enabled: None,
            third_party_enabled: None,
            passwordless_enabled: None,
            first_factors: Nullable::Set(vec!["emailpassword".into()]),
            required_secondary_factors: Nullable::Null,
        };
        let sent = PutRequest::<TenantTarget, _>::new(Some("t1".into()), settings);
        let text = serde_json::to_string(&sent).unwrap();
        assert_eq!(
            text,
            r#"{"tenantId":"t1","firstFactors":["emailpassword"],"requiredSecondaryFactors":null}"#
        );
        let read = PutRequest::<TenantTarget, SettingsV2>::from_input(
            Input::body(text.as_bytes(), Cdi::LATEST).unwrap(),
        );
        let read = read.unwrap();
        assert_eq!(read.id.as_deref(), Some("t1"));
        assert_eq!(read.settings.required_secondary_factors, Nullable::Null);
    }
}
