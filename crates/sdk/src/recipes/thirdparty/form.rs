//! A tenant's provider as a form shows it: what is kept of it or said by the app, and what follows from that.

use super::provider::Provider;
use super::provider_config::{ProviderClient, ProviderConfig, ProviderSettings};
use super::{laid_over, quirks, user_info};
use crate::recipes::multitenancy::Tenant;
use crate::{Cx, Result};
use portcullis_wire::Object;

/// A provider as a form shows it.
pub(crate) struct Form {
    /// What is known of it. There is at least one client, which may be empty.
    pub(crate) settings: ProviderSettings,
    /// Whether the app has replaced functions of it.
    pub(crate) has_own_functions: bool,
}

/// The form for a provider that a tenant has or is to have. `asked` is what only this provider needs, and what
/// whoever fills in the form has said already.
pub(crate) async fn form(cx: &Cx, tenant: &Tenant, id: &str, asked: &Object) -> Form {
    let kept = tenant.third_party.providers.iter().find(|provider| provider.third_party_id == id).cloned();
    let kept =
        kept.unwrap_or_else(|| ProviderSettings { third_party_id: id.to_owned(), ..Default::default() });
    let mut config = laid_over(cx.sdk(), kept);
    let settings = &mut config.settings;
    if !asked.is_empty() {
        // They follow from what is said now.
        settings.oidc_discovery_endpoint = None;
        settings.authorization_endpoint = None;
        settings.token_endpoint = None;
        settings.user_info_endpoint = None;
        for client in &mut settings.clients {
            client.additional_config.get_or_insert_default().extend(asked.clone());
        }
    }
    let mut clients = std::mem::take(&mut settings.clients);
    if clients.is_empty() {
        let mut additional = asked.clone();
        if config.built_in().starts_with("apple") {
            let own = ["teamId", "keyId", "privateKey"];
            additional.extend(own.map(|name| (name.to_owned(), "".into())));
        }
        let additional_config = (!additional.is_empty()).then_some(additional);
        let client_secret = Some(String::new());
        clients.push(ProviderClient { client_secret, additional_config, ..ProviderClient::default() });
    }
    let has_own_functions = config.has_own_functions();
    if let Ok(quirks) = quirks::of(config.built_in()) {
        quirks.complete(&mut config);
        user_info::complete(&mut config.settings.user_info_map);
    }
    let (mut shown, mut completed) = (None, Vec::new());
    for client in clients {
        match complete(cx, &tenant.tenant_id, config.clone(), client.clone()).await {
            Ok((settings, client)) => {
                shown = Some(settings);
                completed.push(client);
            }
            // It lacks something, or the provider cannot be reached: that is what the form is for.
            Err(error) => {
                tracing::debug!(%error, provider = id, "a provider is shown as it is kept");
                completed.push(client);
            }
        }
    }
    let settings = ProviderSettings { clients: completed, ..shown.unwrap_or(config.settings) };
    Form { settings, has_own_functions }
}

async fn complete(
    cx: &Cx,
    tenant: &str,
    mut config: ProviderConfig,
    mut client: ProviderClient,
) -> Result<(ProviderSettings, ProviderClient)> {
    // A secret that is made for the moment is none to be shown, and kept: none is made where there is one.
    let has_secret = client.client_secret.is_some();
    client.client_secret.get_or_insert_default();
    let kind = client.client_type.clone();
    config.settings.clients = vec![client];
    let provider = Provider::complete(cx, tenant, config, kind.as_deref()).await?;
    let mut completed = provider.config().clone();
    completed.client.client_secret.take_if(|secret| !has_secret && secret.is_empty());
    Ok((completed.provider.settings, completed.client))
}
