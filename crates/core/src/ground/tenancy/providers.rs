//! The providers that a tenant's users may sign in with: which can be used, stored, removed.

use super::{service, store};
use crate::ground::audit::{self, Event, Kind};
use crate::{Cx, Error, Result, Unknown};
use portcullis_db::Tx;
use portcullis_wire::Object;
use portcullis_wire::providers::{Provider, ProviderClient};

/// 400 if no SDK could use the provider.
pub(super) fn check(provider: &Provider) -> Result<()> {
    if provider.third_party_id.is_empty() {
        return Err(useless("thirdPartyId cannot be null or empty"));
    }
    provider.clients.iter().try_for_each(|client| check_client(&provider.third_party_id, client))
}

fn useless(reason: &str) -> Error {
    Error::BadInput(format!("Invalid third party config: {reason}"))
}

fn check_client(third_party_id: &str, client: &ProviderClient) -> Result<()> {
    let more = client.additional_config.as_ref();
    let is_filled = |more: &Object, name: &str| {
        more.get(name).and_then(|value| value.as_str()).is_some_and(|text| !text.is_empty())
    };
    // What is optional may be missing, but not empty.
    let is_fine = |name: &str| more.is_none_or(|more| !more.contains_key(name) || is_filled(more, name));
    let apple = ["keyId", "teamId", "privateKey"];
    if third_party_id.starts_with("apple") {
        if !more.is_some_and(|more| apple.iter().all(|name| is_filled(more, name))) {
            return Err(useless(
                "a non empty string value must be specified for keyId, teamId and privateKey in the additionalConfig for Apple provider",
            ));
        }
    } else if third_party_id.starts_with("google-workspaces") && !is_fine("hd") {
        return Err(useless("hd in additionalConfig must be a non empty string value"));
    } else if third_party_id.starts_with("boxy-saml") && !is_fine("boxyURL") {
        return Err(useless(
            "a non empty string value must be specified for boxyURL in the additionalConfig for Boxy SAML provider",
        ));
    }
    Ok(())
}

/// Stores a provider of the call's tenant, in place of the one with its id; whether there was none.
pub(super) async fn put(cx: &Cx, provider: &Provider) -> Result<bool> {
    let types = provider.clients.iter().map(|client| client.client_type.as_deref().unwrap_or_default());
    let mut types: Vec<&str> = types.collect();
    types.sort_unstable();
    if types.windows(2).any(|two| two[0] == two[1]) {
        return Err(useless("Duplicate clientType was specified in the clients list."));
    }
    let mut tx = lock(cx).await?;
    let was_there = store::delete_provider(&mut tx, &cx.scope, &provider.third_party_id).await?;
    store::insert_provider(&mut tx, &cx.scope, provider).await?;
    let kind = if was_there { Kind::ProviderUpdated } else { Kind::ProviderCreated };
    audit::commit(cx, tx, vec![about(cx, kind, &provider.third_party_id)]).await?;
    cx.app.tenants.clear();
    Ok(!was_there)
}

/// Removes a provider of the call's tenant; whether it was there.
pub(super) async fn remove(cx: &Cx, third_party_id: &str) -> Result<bool> {
    let mut tx = lock(cx).await?;
    let was_there = store::delete_provider(&mut tx, &cx.scope, third_party_id).await?;
    let event = was_there.then(|| about(cx, Kind::ProviderDeleted, third_party_id));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    cx.app.tenants.clear();
    Ok(was_there)
}

fn about(cx: &Cx, kind: Kind, third_party_id: &str) -> Event {
    service::of_domain(Event::new(kind).about(third_party_id), &cx.scope)
}

/// A unit of work in which nobody else changes the tenant.
async fn lock(cx: &Cx) -> Result<Tx> {
    let mut tx = cx.app.db.write().await?;
    if store::lock_config(&mut tx, &cx.scope).await? {
        return Ok(tx);
    }
    Err(Error::UnknownTenant(cx.scope.clone(), Unknown::Tenant))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fault(third_party_id: &str, additional_config: &serde_json::Value) -> String {
        let client = ProviderClient {
            additional_config: additional_config.as_object().cloned(),
            ..ProviderClient::default()
        };
        let provider = Provider {
            third_party_id: third_party_id.to_owned(),
            clients: vec![client],
            ..Provider::default()
        };
        check(&provider).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_no_sdk_could_use_is_named() {
        let apple = "Invalid third party config: a non empty string value must be specified for keyId, teamId and privateKey in the additionalConfig for Apple provider";
        let hd = "Invalid third party config: hd in additionalConfig must be a non empty string value";
        let boxy = "Invalid third party config: a non empty string value must be specified for boxyURL in the additionalConfig for Boxy SAML provider";
        for (id, additional_config, text) in [
            ("", json!(null), "Invalid third party config: thirdPartyId cannot be null or empty"),
            ("custom", json!(null), ""),
            ("apple", json!(null), apple),
            ("apple-2", json!({"keyId": "a", "teamId": "b"}), apple),
            ("apple", json!({"keyId": "a", "teamId": "b", "privateKey": 1}), apple),
            ("apple", json!({"keyId": "a", "teamId": "b", "privateKey": ""}), apple),
            ("apple", json!({"keyId": "a", "teamId": "b", "privateKey": "c"}), ""),
            ("google-workspaces", json!(null), ""),
            ("google-workspaces", json!({}), ""),
            ("google-workspaces", json!({"hd": "example.com"}), ""),
            ("google-workspaces", json!({"hd": ""}), hd),
            ("google-workspaces", json!({"hd": null}), hd),
            ("google-workspaces-2", json!({"hd": {}}), hd),
            ("boxy-saml", json!({}), ""),
            ("boxy-saml", json!({"boxyURL": "https://boxy"}), ""),
            ("boxy-saml", json!({"boxyURL": null}), boxy),
            ("boxy-saml", json!({"boxyURL": 1}), boxy),
        ] {
            assert_eq!(fault(id, &additional_config), text, "{id} {additional_config}");
        }
    }
}
