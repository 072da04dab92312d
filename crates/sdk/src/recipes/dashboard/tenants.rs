//! Tenants: listed, made, deleted, and which factors and settings they have.

use super::input::{flag, text};
use crate::handle::{json_body, ok};
use crate::recipes::multitenancy::{LoginProvider, Tenant, TenantConfig};
use crate::recipes::{factors, thirdparty};
use crate::{CoreError, Cx, Error, Result};
use bytes::Bytes;
use http::Response;
use portcullis_wire::Object;
use portcullis_wire::dashboard as wire;
use serde_json::{Value, json};

type Answer = Result<Response<Bytes>>;

fn done() -> Answer {
    ok(&json!({"status": "OK"}))
}

pub(super) fn unknown_tenant() -> Answer {
    ok(&json!({"status": "UNKNOWN_TENANT_ERROR"}))
}

pub(super) async fn find(cx: &Cx, tenant: &str) -> Result<Option<Tenant>> {
    cx.sdk().multitenancy().functions.get_tenant(cx, tenant).await
}

async fn change(cx: &Cx, tenant: &str, config: TenantConfig) -> Result<bool> {
    cx.sdk().multitenancy().functions.create_or_update_tenant(cx, tenant, config).await
}

/// `GET /dashboard/api/tenants`
pub(super) async fn list(cx: &Cx) -> Answer {
    let tenants = cx.sdk().multitenancy().functions.list_all_tenants(cx).await?;
    let listed = tenants.iter().map(
        |tenant| json!({"tenantId": tenant.tenant_id, "firstFactors": cx.sdk().first_factors_of(tenant)}),
    );
    ok(&json!({"status": "OK", "tenants": listed.collect::<Vec<_>>()}))
}

/// `GET /dashboard/api/tenant`
pub(super) async fn get(cx: &Cx, id: &str) -> Answer {
    let Some(tenant) = find(cx, id).await? else { return unknown_tenant() };
    let providers = thirdparty::of_tenant(cx.sdk(), &tenant).into_iter().map(thirdparty::named);
    let providers = providers
        .map(|LoginProvider { id, name }| json!({"name": name.as_ref().unwrap_or(&id), "thirdPartyId": id}));
    let settings = cx.sdk().core().call::<wire::GetSettings>(cx, Some(id), &()).await?;
    let mut told = json!({
        "tenantId": id,
        "thirdParty": {"providers": providers.collect::<Vec<_>>()},
        "firstFactors": cx.sdk().first_factors_of(&tenant),
        "coreConfig": settings.config,
        "userCount": cx.sdk().user_count(cx, &[], Some(id)).await?,
    });
    if let Some(required) = tenant.required_secondary_factors {
        told["requiredSecondaryFactors"] = json!(required);
    }
    ok(&json!({"status": "OK", "tenant": told}))
}

/// `POST /dashboard/api/tenant`
pub(super) async fn create(cx: &Cx) -> Answer {
    let body = json_body(cx)?;
    let id = body.get("tenantId").and_then(Value::as_str).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| Error::bad_input("Missing required parameter 'tenantId'"))?;
    match change(cx, id, config_of(&body)?).await {
        Ok(true) => ok(&json!({"status": "OK", "createdNew": true})),
        Ok(false) => ok(&json!({"status": "TENANT_ID_ALREADY_EXISTS_ERROR"})),
        Err(Error::Core(CoreError::Refused { status: 402, .. })) => {
            ok(&json!({"status": "MULTITENANCY_NOT_ENABLED_IN_CORE_ERROR"}))
        }
        Err(Error::Core(CoreError::Refused { status: 400, message, .. })) => {
            ok(&json!({"status": "INVALID_TENANT_ID_ERROR", "message": message}))
        }
        Err(error) => Err(error),
    }
}

/// What a new tenant is to have.
fn config_of(body: &Object) -> Result<TenantConfig> {
    let list = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(_) => super::input::texts(body, name).map(Some),
    };
    let mut config = TenantConfig::new();
    if let Some(factors) = list("firstFactors")? {
        config = config.first_factors(factors);
    }
    if let Some(factors) = list("requiredSecondaryFactors")? {
        config = config.required_secondary_factors(factors);
    }
    if let Some(settings) = body.get("coreConfig").and_then(Value::as_object) {
        config = config.core_config(settings.clone());
    }
    Ok(config)
}

/// `DELETE /dashboard/api/tenant`
pub(super) async fn delete(cx: &Cx, id: &str) -> Answer {
    match cx.sdk().multitenancy().functions.delete_tenant(cx, id).await {
        Ok(did_exist) => ok(&json!({"status": "OK", "didExist": did_exist})),
        Err(Error::Core(CoreError::Refused { status: 403, .. })) => {
            ok(&json!({"status": "CANNOT_DELETE_PUBLIC_TENANT_ERROR"}))
        }
        Err(error) => Err(error),
    }
}

/// `PUT /dashboard/api/tenant/first-factor`
pub(super) async fn put_first_factor(cx: &Cx, id: &str) -> Answer {
    let body = json_body(cx)?;
    let (factor, enable) = (text(&body, "factorId")?, flag(&body, "enable")?);
    let offered = cx.sdk().recipes().first_factors();
    if enable && !offered.contains(&factor) {
        return not_offered(factor, &offered);
    }
    let Some(tenant) = find(cx, id).await? else { return unknown_tenant() };
    let factors = switched(cx.sdk().first_factors_of(&tenant), factor, enable);
    change(cx, id, TenantConfig::new().first_factors(factors)).await?;
    done()
}

/// `PUT /dashboard/api/tenant/required-secondary-factor`
pub(super) async fn put_required_factor(cx: &Cx, id: &str) -> Answer {
    let body = json_body(cx)?;
    let (factor, enable) = (text(&body, "factorId")?, flag(&body, "enable")?);
    let Ok(recipe) = cx.sdk().multi_factor_auth() else {
        return ok(&json!({"status": "MFA_NOT_INITIALIZED_ERROR"}));
    };
    let Some(tenant) = find(cx, id).await? else { return unknown_tenant() };
    let offered = cx.sdk().recipes().second_factors();
    if enable && !offered.contains(&factor) {
        return not_offered(factor, &offered);
    }
    let required = switched(tenant.required_secondary_factors.unwrap_or_default(), factor, enable);
    let config = TenantConfig::new();
    let config = if required.is_empty() {
        config.no_secondary_factor()
    } else {
        config.required_secondary_factors(required)
    };
    change(cx, id, config).await?;
    ok(&json!({"status": "OK", "isMFARequirementsForAuthOverridden": recipe.has_own_functions()}))
}

/// A list with a factor, or without it.
fn switched(mut factors: Vec<String>, factor: &str, enable: bool) -> Vec<String> {
    factors.retain(|known| enable || known != factor);
    if enable && !factors.iter().any(|known| known == factor) {
        factors.push(factor.to_owned());
    }
    factors
}

/// Which recipe to add, and how, so that it offers a factor.
fn not_offered(factor: &str, offered: &[&str]) -> Answer {
    let by_code = [factors::OTP_EMAIL, factors::OTP_PHONE, factors::LINK_EMAIL, factors::LINK_PHONE];
    let has_passwordless = by_code.iter().any(|id| offered.contains(id));
    let recipe = match factor {
        factors::EMAIL_PASSWORD => "Emailpassword",
        factors::THIRD_PARTY => "ThirdParty",
        factors::TOTP => "Totp",
        factors::WEBAUTHN => "WebAuthn",
        _ if by_code.contains(&factor) => "Passwordless",
        _ => "a",
    };
    let message = match factor.split_once('-') {
        Some((flow, contact)) if recipe == "Passwordless" && has_passwordless => {
            let flow = if flow == "otp" { "USER_INPUT_CODE" } else { "MAGIC_LINK" };
            let contact = contact.to_uppercase();
            format!(
                "Please ensure that Passwordless recipe is initialised with contactMethod: {contact} and flowType: {flow}"
            )
        }
        _ => format!("Please initialise {recipe} recipe to be able to use this login method"),
    };
    ok(&json!({"status": "RECIPE_NOT_CONFIGURED_ON_BACKEND_SDK_ERROR", "message": message}))
}

/// `PUT /dashboard/api/tenant/core-config`
pub(super) async fn put_setting(cx: &Cx, id: &str) -> Answer {
    let body = json_body(cx)?;
    let name = text(&body, "name")?;
    let value = body.get("value").cloned();
    let value = value.ok_or_else(|| Error::bad_input("Missing required parameter 'value'"))?;
    if find(cx, id).await?.is_none() {
        return unknown_tenant();
    }
    let settings = std::iter::once((name.to_owned(), value)).collect();
    match change(cx, id, TenantConfig::new().core_config(settings)).await {
        Ok(_) => done(),
        Err(Error::Core(CoreError::Refused { status: 400, message, .. })) => {
            ok(&json!({"status": "INVALID_CONFIG_ERROR", "message": message}))
        }
        Err(error) => Err(error),
    }
}
