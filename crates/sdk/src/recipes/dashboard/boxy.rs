//! BoxyHQ's SAML Jackson: whoever has its key registers a company's connection there by way of the dashboard.

use crate::app_info::{normalise_domain, normalise_path};
use crate::recipes::multitenancy::{Provider, ProviderClient};
use crate::{Cx, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::request::Builder;
use http::{Request, Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

/// Where the client's settings have the key, which is not kept.
pub(super) const KEY: &str = "boxyAPIKey";
/// Where they have the address.
pub(super) const URL: &str = "boxyURL";

/// Whether a provider is one of BoxyHQ's.
pub(super) fn is(id: &str) -> bool {
    id.starts_with("boxy-saml")
}

/// Registers the connection that a form describes, if it does and brings the key along. The client's id and
/// secret are what is told about it, or why it is not there.
pub(super) async fn register(
    cx: &Cx,
    tenant: &str,
    provider: &mut Provider,
) -> Result<std::result::Result<(), String>> {
    let mut key = None;
    for client in provider.clients.iter_mut().rev() {
        key = client.additional_config.as_mut().and_then(|config| config.remove(KEY));
    }
    let key = key.as_ref().and_then(Value::as_str).filter(|key| !key.is_empty());
    let (Some(key), Some(client)) = (key, provider.clients.first_mut()) else { return Ok(Ok(())) };
    let given = |name: &str| text(client, name).unwrap_or_default();
    if !["xml", "url"].contains(&given("samlInputType")) {
        // They have made it themselves.
        return Ok(Ok(()));
    }
    let or = |text: &str, other: &str| if text.is_empty() { other } else { text }.to_owned();
    let redirects = redirects(client)?;
    let body = json!({
        "name": "",
        "label": "",
        "description": "",
        "tenant": or(given("boxyTenant"), &format!("{tenant}-{}", provider.third_party_id)),
        "product": or(given("boxyProduct"), "supertokens"),
        "defaultRedirectUrl": redirects.first(),
        "forceAuthn": false,
        "encodedRawMetadata": STANDARD.encode(given("samlXML")),
        "redirectUrl": json!(redirects).to_string(),
        "metadataUrl": given("samlURL"),
    });
    let request = Request::post(connections(client)?.as_str()).header(CONTENT_TYPE, "application/json");
    let reply = match ask(cx, request, key, body.to_string()).await {
        Err(Error::Provider(reason)) => {
            tracing::warn!(reason, "BoxyHQ cannot be asked");
            return Ok(Err("BoxyHQ cannot be reached".to_owned()));
        }
        reply => reply?,
    };
    if reply.status() == StatusCode::UNAUTHORIZED {
        return Ok(Err("Invalid API Key".to_owned()));
    }
    let told: Value = serde_json::from_slice(reply.body()).unwrap_or_default();
    if reply.status() != StatusCode::OK {
        // Nothing else of the answer: it may be that of any server.
        let message = told["error"]["message"].as_str().map(str::to_owned);
        return Ok(Err(message.unwrap_or_else(|| format!("BoxyHQ answers {}", reply.status()))));
    }
    let (Some(id), secret) = (told["clientID"].as_str(), told["clientSecret"].as_str()) else {
        return Ok(Err("BoxyHQ names no client".to_owned()));
    };
    id.clone_into(&mut client.client_id);
    client.client_secret = secret.map(str::to_owned);
    Ok(Ok(()))
}

/// Adds to a form what BoxyHQ knows of the connection, if the key is there and BoxyHQ knows anything.
pub(super) async fn fill_in(cx: &Cx, provider: &mut Provider) {
    let Some(client) = provider.clients.first_mut().filter(|client| !client.client_id.is_empty()) else {
        return;
    };
    let told = match asked(cx, client).await {
        Ok(told) => told,
        Err(error) => return tracing::debug!(%error, "BoxyHQ tells nothing of a connection"),
    };
    let config = client.additional_config.get_or_insert_default();
    for (kept, name) in
        [("redirectURLs", "redirectUrl"), ("boxyTenant", "tenant"), ("boxyProduct", "product")]
    {
        if let Some(value) = told.get(name) {
            config.insert(kept.to_owned(), value.clone());
        }
    }
}

/// What BoxyHQ answers about a client's connection.
async fn asked(cx: &Cx, client: &ProviderClient) -> Result<Value> {
    let Some(key) = text(client, KEY).filter(|key| !key.is_empty()) else { return Ok(Value::Null) };
    let mut url = connections(client)?;
    url.query_pairs_mut().append_pair("clientID", &client.client_id);
    let reply = ask(cx, Request::get(url.as_str()), key, "").await?;
    let is_ok = reply.status() == StatusCode::OK;
    Ok(serde_json::from_slice(reply.body()).ok().filter(|_| is_ok).unwrap_or_default())
}

async fn ask(cx: &Cx, request: Builder, key: &str, body: impl Into<Bytes>) -> Result<Response<Bytes>> {
    let Ok(recipe) = cx.sdk().third_party() else {
        return Err(Error::bad_input("Please initialise ThirdParty recipe to be able to reach BoxyHQ"));
    };
    let headers = [(AUTHORIZATION.as_str().to_owned(), format!("Api-Key {key}"))];
    recipe.remote.ask(request, &headers, body.into()).await
}

fn text<'c>(client: &'c ProviderClient, name: &str) -> Option<&'c str> {
    client.additional_config.as_ref()?.get(name)?.as_str()
}

/// Where users may be sent back to.
fn redirects(client: &ProviderClient) -> Result<Vec<&str>> {
    let list = client.additional_config.as_ref().and_then(|config| config.get("redirectURLs")?.as_array());
    let texts: Option<Vec<&str>> = list.and_then(|list| list.iter().map(Value::as_str).collect());
    texts.filter(|texts| !texts.is_empty()).ok_or_else(|| Error::bad_input("redirectURLs is no list of URLs"))
}

/// Where connections are.
fn connections(client: &ProviderClient) -> Result<Url> {
    let given = text(client, URL).unwrap_or_default();
    let place = normalise_domain(given).zip(normalise_path(given));
    let url = place.and_then(|(domain, path)| Url::parse(&format!("{domain}{path}/api/v1/saml/config")).ok());
    url.ok_or_else(|| Error::bad_input(format!("boxyURL '{given}' is no URL")))
}
