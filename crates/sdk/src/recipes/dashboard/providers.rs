//! The providers that a tenant keeps of its own.

use super::input::query;
use super::tenants::{find, unknown_tenant};
use crate::handle::{json_body, ok};
use crate::recipes::factors;
use crate::recipes::multitenancy::TenantConfig;
use crate::{Cx, Error, Result};
use bytes::Bytes;
use http::Response;
use portcullis_wire::Object;
use portcullis_wire::providers::Provider;
use serde_json::{Value, json};

type Answer = Result<Response<Bytes>>;

/// `GET /dashboard/api/thirdparty/config`: what is kept of a provider, or a form for it.
pub(super) async fn get(cx: &Cx, tenant: &str) -> Answer {
    let id = query(cx, "thirdPartyId")?;
    let Some(tenant) = find(cx, tenant).await? else { return unknown_tenant() };
    let mut providers = tenant.third_party.providers.into_iter();
    let kept = providers.find(|provider| provider.third_party_id == id);
    let mut config = kept.map_or_else(|| json!({"thirdPartyId": id}), |provider| json!(provider));
    if config["clients"].as_array().is_none_or(Vec::is_empty) {
        config["clients"] = json!([{"clientId": "", "clientSecret": "", "additionalConfig": additional(cx)}]);
    }
    for overridden in [
        "isGetAuthorisationRedirectUrlOverridden",
        "isExchangeAuthCodeForOAuthTokensOverridden",
        "isGetUserInfoOverridden",
    ] {
        config[overridden] = false.into();
    }
    ok(&json!({"status": "OK", "providerConfig": config}))
}

/// What the dashboard asked for before it asks for the rest.
fn additional(cx: &Cx) -> Object {
    let names =
        [("oktaDomain", "oktaDomain"), ("directoryId", "directoryId"), ("boxyUrl", "boxyURL"), ("hd", "hd")];
    let given = names.into_iter().filter_map(|(asked, kept)| {
        Some((kept.to_owned(), Value::from(super::input::optional_query(cx, asked)?)))
    });
    given.collect()
}

/// `PUT /dashboard/api/thirdparty/config`
pub(super) async fn put(cx: &Cx, tenant: &str) -> Answer {
    let config = json_body(cx)?.remove("providerConfig").unwrap_or_default();
    let mut provider: Provider = serde_json::from_value(config)
        .map_err(|error| Error::bad_input(format!("providerConfig is no provider's: {error}")))?;
    if find(cx, tenant).await?.is_none() {
        return unknown_tenant();
    }
    for client in &mut provider.clients {
        let key = client.additional_config.as_mut().and_then(|config| config.remove("boxyAPIKey"));
        if key.is_some_and(|key| key.as_str().is_some_and(|key| !key.is_empty())) {
            return ok(&json!({
                "status": "BOXY_ERROR",
                "message": "Nothing is registered at BoxyHQ from here: please make the connection there, and enter its client id and secret",
            }));
        }
    }
    let functions = &cx.sdk().multitenancy().functions;
    let is_new = functions.create_or_update_third_party_config(cx, tenant, provider, false).await?;
    ok(&json!({"status": "OK", "createdNew": is_new}))
}

/// `DELETE /dashboard/api/thirdparty/config`. With the last one nobody signs in by a provider any more.
pub(super) async fn delete(cx: &Cx, id: &str) -> Answer {
    let provider = query(cx, "thirdPartyId")?;
    let Some(tenant) = find(cx, id).await? else { return unknown_tenant() };
    let functions = &cx.sdk().multitenancy().functions;
    if let [last] = tenant.third_party.providers.as_slice()
        && last.third_party_id == provider
    {
        let is_by_provider = |factor: &String| factor == factors::THIRD_PARTY;
        let first = match &tenant.first_factors {
            None => Some(cx.sdk().first_factors_of(&tenant)),
            Some(listed) => listed.iter().any(is_by_provider).then(|| listed.clone()),
        };
        if let Some(mut first) = first {
            first.retain(|factor| !is_by_provider(factor));
            functions.create_or_update_tenant(cx, id, TenantConfig::new().first_factors(first)).await?;
        }
    }
    let did_exist = functions.delete_third_party_config(cx, id, &provider).await?;
    ok(&json!({"status": "OK", "didConfigExist": did_exist}))
}
