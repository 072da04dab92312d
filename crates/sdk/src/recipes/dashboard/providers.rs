//! The providers of a tenant: those that it keeps of its own, and the app's.

use super::access::{may_change, not_permitted};
use super::boxy;
use super::input::{optional_query, query};
use super::tenants::{find, unknown_tenant};
use crate::handle::{json_body, ok};
use crate::recipes::multitenancy::{Tenant, TenantConfig};
use crate::recipes::{factors, thirdparty};
use crate::{Cx, Error, Result};
use bytes::Bytes;
use http::Response;
use portcullis_wire::Object;
use portcullis_wire::providers::Provider;
use serde_json::{Value, json};

type Answer = Result<Response<Bytes>>;

/// `GET /dashboard/api/thirdparty/config`: what is kept of a provider or said by the app, or a form for a new one.
pub(super) async fn get(cx: &Cx, tenant: &str) -> Answer {
    let id = query(cx, "thirdPartyId")?;
    let (asked, may_change) = (asked(cx, &id), may_change(cx).await?);
    if !asked.is_empty() && !may_change {
        // It may lead to any server, which is asked for the rest.
        return Ok(not_permitted());
    }
    let Some(tenant) = find(cx, tenant).await? else { return unknown_tenant() };
    let mut form = thirdparty::form(cx, &tenant, &id, &asked).await;
    if boxy::is(&id) {
        boxy::fill_in(cx, &mut form.settings).await;
    }
    if !may_change {
        without_secrets(&mut form.settings);
    }
    let mut config = json!(form.settings);
    for overridden in [
        "isGetAuthorisationRedirectUrlOverridden",
        "isExchangeAuthCodeForOAuthTokensOverridden",
        "isGetUserInfoOverridden",
    ] {
        config[overridden] = form.has_own_functions.into();
    }
    ok(&json!({"status": "OK", "providerConfig": config}))
}

/// What the dashboard has asked whoever adds a provider, before it shows the form for the rest.
fn asked(cx: &Cx, id: &str) -> Object {
    let asked: &[(&str, &str)] = match id {
        _ if id.starts_with("okta") => &[("oktaDomain", "oktaDomain")],
        _ if id.starts_with("active-directory") => &[("directoryId", "directoryId")],
        _ if id.starts_with("google-workspaces") => &[("hd", "hd")],
        _ if boxy::is(id) => &[("boxyUrl", boxy::URL), ("boxyAPIKey", boxy::KEY)],
        _ => &[],
    };
    let given = asked
        .iter()
        .filter_map(|(asked, kept)| Some(((*kept).to_owned(), Value::from(optional_query(cx, asked)?))));
    given.collect()
}

/// Leaves out what is a secret, or may be one.
fn without_secrets(provider: &mut Provider) {
    provider.token_endpoint_body_params = None;
    provider.user_info_endpoint_headers = None;
    for client in &mut provider.clients {
        client.client_secret = None;
        client.additional_config = None;
    }
}

/// `PUT /dashboard/api/thirdparty/config`
pub(super) async fn put(cx: &Cx, id: &str) -> Answer {
    let config = json_body(cx)?.remove("providerConfig").unwrap_or_default();
    let mut provider: Provider = serde_json::from_value(config)
        .map_err(|error| Error::bad_input(format!("providerConfig is no provider's: {error}")))?;
    let Some(tenant) = find(cx, id).await? else { return unknown_tenant() };
    if boxy::is(&provider.third_party_id)
        && let Err(message) = boxy::register(cx, id, &mut provider).await?
    {
        return ok(&json!({"status": "BOXY_ERROR", "message": message}));
    }
    keep_own(cx, &tenant).await?;
    let functions = &cx.sdk().multitenancy().functions;
    let is_new = functions.create_or_update_third_party_config(cx, id, provider, false).await?;
    ok(&json!({"status": "OK", "createdNew": is_new}))
}

/// Keeps the app's providers for a tenant that keeps none: as soon as it keeps one, it has no others.
async fn keep_own(cx: &Cx, tenant: &Tenant) -> Result<()> {
    if !tenant.third_party.providers.is_empty() {
        return Ok(());
    }
    let functions = &cx.sdk().multitenancy().functions;
    for third_party_id in thirdparty::own_ids(cx.sdk(), tenant) {
        let provider = Provider { third_party_id, ..Provider::default() };
        functions.create_or_update_third_party_config(cx, &tenant.tenant_id, provider, false).await?;
    }
    Ok(())
}

/// `DELETE /dashboard/api/thirdparty/config`. With the last one nobody signs in by a provider any more.
pub(super) async fn delete(cx: &Cx, id: &str) -> Answer {
    let provider = query(cx, "thirdPartyId")
        .map_err(|_| Error::bad_input("Missing required parameter 'tenantId' or 'thirdPartyId'"))?;
    let Some(tenant) = find(cx, id).await? else { return unknown_tenant() };
    let functions = &cx.sdk().multitenancy().functions;
    let all = thirdparty::of_tenant(cx.sdk(), &tenant);
    let did_exist = all.iter().any(|config| config.id() == provider);
    if did_exist && all.len() == 1 {
        let is_by_provider = |factor: &String| factor == factors::THIRD_PARTY;
        let first = match &tenant.first_factors {
            None => Some(cx.sdk().first_factors_of(&tenant)),
            Some(listed) => listed.iter().any(is_by_provider).then(|| listed.clone()),
        };
        if let Some(mut first) = first {
            first.retain(|factor| !is_by_provider(factor));
            functions.create_or_update_tenant(cx, id, TenantConfig::new().first_factors(first)).await?;
        }
    } else if did_exist {
        keep_own(cx, &tenant).await?;
    }
    functions.delete_third_party_config(cx, id, &provider).await?;
    ok(&json!({"status": "OK", "didConfigExist": did_exist}))
}
