//! The endpoints about domains, apps and tenants, and the tenant in the shape of each version.

use super::factors::{self, LoginRecipe, Switches};
use super::model::{parse_app_id, parse_domain, parse_tenant_id};
use super::store::Which;
use super::{TenantConfig, providers, removal, service};
use crate::ground::users::linking::{self, Join};
use crate::ground::users::model::InfoKind;
use crate::http::Routes;
use crate::{Cx, Error, PUBLIC, Result, Scope, config};
use portcullis_wire::Status;
use portcullis_wire::multitenancy::{
    self as wire, AddMemberResponse, AppTarget, DomainTarget, PutRequest, PutResponse, RemoveMemberResponse,
    SettingsV1, SettingsV2, TenantResponse, TenantTarget, TenantV1, TenantV2,
};
use portcullis_wire::providers::{
    PutProvider, PutProviderRequest, RemoveProvider, RemoveProviderRequest, RemoveProviderResponse,
};
use portcullis_wire::{Cdi, Object};

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::PutDomain>(put_domain)
        .at::<wire::PutDomainV2>(put_domain_v2)
        .at::<wire::PutApp>(put_app)
        .at::<wire::PutAppV2>(put_app_v2)
        .at::<wire::PutTenant>(put_tenant)
        .at::<wire::PutTenantV2>(put_tenant_v2)
        .at::<wire::GetTenant>(get_tenant::<TenantV1>)
        .at::<wire::GetTenantV2>(get_tenant::<TenantV2>)
        .at::<wire::ListTenants>(list_tenants::<TenantV1>)
        .at::<wire::ListTenantsV2>(list_tenants::<TenantV2>)
        .at::<wire::ListApps>(list_apps::<TenantV1>)
        .at::<wire::ListAppsV2>(list_apps::<TenantV2>)
        .at::<wire::ListDomains>(list_domains::<TenantV1>)
        .at::<wire::ListDomainsV2>(list_domains::<TenantV2>)
        .at::<wire::RemoveTenant>(remove_tenant)
        .at::<wire::RemoveApp>(remove_app)
        .at::<wire::RemoveDomain>(remove_domain)
        .at::<wire::AddMember>(add_member)
        .at::<wire::RemoveMember>(remove_member)
        .at::<PutProvider>(put_provider)
        .at::<RemoveProvider>(remove_provider)
}

async fn put_domain(cx: Cx, input: PutRequest<DomainTarget, SettingsV1>) -> Result<PutResponse> {
    let target = domain_scope(input.id)?;
    put_v1(cx, target, input.settings).await
}

async fn put_domain_v2(cx: Cx, input: PutRequest<DomainTarget, SettingsV2>) -> Result<PutResponse> {
    let target = domain_scope(input.id)?;
    put_v2(cx, target, input.settings).await
}

async fn put_app(cx: Cx, input: PutRequest<AppTarget, SettingsV1>) -> Result<PutResponse> {
    let target = app_scope(&cx, input.id)?;
    put_v1(cx, target, input.settings).await
}

async fn put_app_v2(cx: Cx, input: PutRequest<AppTarget, SettingsV2>) -> Result<PutResponse> {
    let target = app_scope(&cx, input.id)?;
    put_v2(cx, target, input.settings).await
}

async fn put_tenant(cx: Cx, input: PutRequest<TenantTarget, SettingsV1>) -> Result<PutResponse> {
    let target = tenant_scope(&cx, input.id)?;
    put_v1(cx, target, input.settings).await
}

async fn put_tenant_v2(cx: Cx, input: PutRequest<TenantTarget, SettingsV2>) -> Result<PutResponse> {
    let target = tenant_scope(&cx, input.id)?;
    put_v2(cx, target, input.settings).await
}

fn domain_scope(id: Option<String>) -> Result<Scope> {
    let domain = id.map(|id| parse_domain(&id)).transpose()?.unwrap_or_default();
    Ok(Scope::new(&domain, PUBLIC, PUBLIC))
}

fn app_scope(cx: &Cx, id: Option<String>) -> Result<Scope> {
    let app_id = id.map_or_else(|| Ok(PUBLIC.to_owned()), |id| parse_app_id(&id))?;
    Ok(Scope::new(&cx.scope.domain, &app_id, PUBLIC))
}

fn tenant_scope(cx: &Cx, id: Option<String>) -> Result<Scope> {
    let tenant_id = id.map_or_else(|| Ok(PUBLIC.to_owned()), |id| parse_tenant_id(&id))?;
    Ok(cx.scope.with_tenant(&tenant_id))
}

async fn put_v1(cx: Cx, target: Scope, input: SettingsV1) -> Result<PutResponse> {
    let new = match (target.is_public_tenant(), cx.cdi >= Cdi::V5_0) {
        (true, _) => TenantConfig::default(),
        (false, true) => TenantConfig::all_off(None),
        (false, false) => TenantConfig::all_off(Some(Vec::new())),
    };
    let switches = Switches {
        email_password: input.email_password_enabled,
        third_party: input.third_party_enabled,
        passwordless: input.passwordless_enabled,
    };
    let core_config = input.core_config.unwrap_or_default();
    let (first, second) = (input.first_factors, input.required_secondary_factors);
    let change = |tenant: &mut TenantConfig| {
        tenant.merge_core_config(core_config.clone());
        match (first.clone(), second.clone()) {
            (Some(first), Some(second)) => factors::apply_v1(tenant, switches, first, second)?,
            _ => factors::apply_before_5_0(tenant, switches),
        }
        factors::check_names(tenant)
    };
    let created_new = service::put(&cx, &target, new, change).await?;
    Ok(PutResponse { status: Status::Ok, created_new })
}

async fn put_v2(cx: Cx, target: Scope, input: SettingsV2) -> Result<PutResponse> {
    let refused = [
        (input.email_password_enabled.is_some(), "emailPasswordEnabled"),
        (input.third_party_enabled.is_some(), "thirdParty"),
        (input.passwordless_enabled.is_some(), "passwordless"),
    ];
    if let Some((_, name)) = refused.into_iter().find(|(given, _)| *given) {
        return Err(Error::BadInput(format!("{name} is not a valid input for this API")));
    }
    let new =
        if target.is_public_tenant() { TenantConfig::default() } else { TenantConfig::no_first_factor() };
    let core_config = input.core_config.unwrap_or_default();
    let (first, second) = (input.first_factors, input.required_secondary_factors);
    let change = |tenant: &mut TenantConfig| {
        tenant.merge_core_config(core_config.clone());
        factors::apply_v2(tenant, first.clone(), second.clone())?;
        factors::check_names(tenant)
    };
    let created_new = service::put(&cx, &target, new, change).await?;
    Ok(PutResponse { status: Status::Ok, created_new })
}

async fn get_tenant<T: FromTenant>(cx: Cx, (): ()) -> Result<TenantResponse<T>> {
    let tenant = service::find(&cx.app, &cx.scope).await?;
    Ok(tenant.map_or(TenantResponse::TenantNotFound, |tenant| {
        TenantResponse::Ok(T::from_tenant(&cx, &tenant.scope, &tenant.stored))
    }))
}

async fn list_tenants<T: FromTenant>(cx: Cx, (): ()) -> Result<wire::TenantsResponse<T>> {
    let listed = service::list_for_caller(&cx, Which::App(&cx.scope)).await?;
    let tenants = listed.iter().map(|(scope, stored)| T::from_tenant(&cx, scope, stored)).collect();
    Ok(wire::TenantsResponse { status: Status::Ok, tenants })
}

async fn list_apps<T: FromTenant>(cx: Cx, (): ()) -> Result<wire::AppsResponse<T>> {
    let listed = service::list_for_caller(&cx, Which::Domain(&cx.scope.domain)).await?;
    Ok(wire::AppsResponse { status: Status::Ok, apps: apps(&cx, &listed) })
}

async fn list_domains<T: FromTenant>(cx: Cx, (): ()) -> Result<wire::DomainsResponse<T>> {
    let listed = service::list_for_caller(&cx, Which::All).await?;
    let of_domains = listed.chunk_by(|(left, _), (right, _)| left.domain == right.domain);
    let domains = of_domains.map(|of_domain| wire::Domain {
        connection_uri_domain: of_domain.first().map(|(scope, _)| scope.domain.clone()).unwrap_or_default(),
        apps: apps(&cx, of_domain),
    });
    Ok(wire::DomainsResponse { status: Status::Ok, connection_uri_domains: domains.collect() })
}

/// The list is sorted, so each app's tenants stand together.
fn apps<T: FromTenant>(cx: &Cx, listed: &[(Scope, TenantConfig)]) -> Vec<wire::App<T>> {
    let of_apps = listed.chunk_by(|(left, _), (right, _)| left.app_id == right.app_id);
    of_apps
        .map(|of_app| wire::App {
            app_id: of_app.first().map(|(scope, _)| scope.app_id.clone()).unwrap_or_default(),
            tenants: of_app.iter().map(|(scope, stored)| T::from_tenant(cx, scope, stored)).collect(),
        })
        .collect()
}

async fn remove_tenant(cx: Cx, input: wire::RemoveTenantRequest) -> Result<wire::RemoveResponse> {
    let did_exist = removal::remove_tenant(&cx, &parse_tenant_id(&input.tenant_id)?).await?;
    Ok(wire::RemoveResponse { status: Status::Ok, did_exist })
}

async fn remove_app(cx: Cx, input: wire::RemoveAppRequest) -> Result<wire::RemoveResponse> {
    let did_exist = removal::remove_app(&cx, &parse_app_id(&input.app_id)?).await?;
    Ok(wire::RemoveResponse { status: Status::Ok, did_exist })
}

async fn remove_domain(cx: Cx, input: wire::RemoveDomainRequest) -> Result<wire::RemoveResponse> {
    let did_exist = removal::remove_domain(&cx, &parse_domain(&input.connection_uri_domain)?).await?;
    Ok(wire::RemoveResponse { status: Status::Ok, did_exist })
}

async fn add_member(cx: Cx, input: wire::MemberRequest) -> Result<AddMemberResponse> {
    Ok(match linking::join_tenant(&cx, member_id(&input)?).await? {
        Join::Joined => AddMemberResponse::Ok { was_already_associated: false },
        Join::WasMember => AddMemberResponse::Ok { was_already_associated: true },
        Join::UnknownUser => AddMemberResponse::UnknownUserId,
        Join::Taken(InfoKind::Email) => AddMemberResponse::EmailExists,
        Join::Taken(InfoKind::Phone) => AddMemberResponse::PhoneNumberExists,
        Join::Taken(InfoKind::ThirdParty) => AddMemberResponse::ThirdPartyUserExists,
        Join::NotAllowed(conflict) => {
            let what = match conflict.kind {
                InfoKind::Email => "email",
                InfoKind::Phone => "phone number",
                InfoKind::ThirdParty => "third party info",
            };
            let id = conflict.primary_id;
            let reason = format!("Another primary user with {what} already exists: {id}");
            AddMemberResponse::NotAllowed { reason }
        }
    })
}

async fn remove_member(cx: Cx, input: wire::MemberRequest) -> Result<RemoveMemberResponse> {
    let outcome = linking::leave_tenant(&cx, member_id(&input)?).await?;
    Ok(outcome.map_or(RemoveMemberResponse::UnknownUserId, |was_associated| RemoveMemberResponse::Ok {
        was_associated,
    }))
}

fn member_id(input: &wire::MemberRequest) -> Result<&str> {
    let id = input.recipe_user_id.trim();
    if id.is_empty() {
        return Err(Error::bad_input("Field name 'userId' cannot be an empty String"));
    }
    Ok(id)
}

async fn put_provider(cx: Cx, input: PutProviderRequest) -> Result<PutResponse> {
    if !input.skip_validation.unwrap_or(false) {
        providers::check(&input.config)?;
    }
    let created_new = providers::put(&cx, &input.config).await?;
    Ok(PutResponse { status: Status::Ok, created_new })
}

async fn remove_provider(cx: Cx, input: RemoveProviderRequest) -> Result<RemoveProviderResponse> {
    let did_config_exist = providers::remove(&cx, input.third_party_id.trim()).await?;
    Ok(RemoveProviderResponse { status: Status::Ok, did_config_exist })
}

/// A tenant in the shape of one of the two versions.
trait FromTenant: Sized + Send + 'static {
    fn from_tenant(cx: &Cx, scope: &Scope, stored: &TenantConfig) -> Self;
}

impl FromTenant for TenantV1 {
    fn from_tenant(cx: &Cx, scope: &Scope, stored: &TenantConfig) -> Self {
        let since_5_0 = cx.cdi >= Cdi::V5_0;
        let enabled = |recipe| {
            if since_5_0 { stored.is_enabled(recipe) } else { stored.is_enabled_before_5_0(recipe) }
        };
        let shown = |list: &Option<Vec<String>>| list.clone().filter(|list| since_5_0 && !list.is_empty());
        Self {
            tenant_id: scope.tenant_id.clone(),
            email_password: wire::Enabled { enabled: enabled(LoginRecipe::EmailPassword) },
            third_party: wire::EnabledProviders {
                enabled: enabled(LoginRecipe::ThirdParty),
                providers: stored.providers.clone(),
            },
            passwordless: wire::Enabled { enabled: enabled(LoginRecipe::Passwordless) },
            first_factors: shown(&stored.first_factors),
            required_secondary_factors: shown(&stored.required_secondary_factors),
            core_config: shown_config(cx, stored),
        }
    }
}

impl FromTenant for TenantV2 {
    fn from_tenant(cx: &Cx, scope: &Scope, stored: &TenantConfig) -> Self {
        Self {
            tenant_id: scope.tenant_id.clone(),
            third_party: wire::Providers { providers: stored.providers.clone() },
            first_factors: stored.shown_first_factors(),
            required_secondary_factors: stored.required_secondary_factors.clone(),
            core_config: shown_config(cx, stored),
        }
    }
}

/// The tenant's own settings, without those that only the operator may see.
fn shown_config(cx: &Cx, stored: &TenantConfig) -> Object {
    let mut shown = stored.core_config.clone();
    shown.retain(|name, _| cx.is_operator || config::protected(name).is_none());
    shown
}
