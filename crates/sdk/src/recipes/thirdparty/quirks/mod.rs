//! What each built-in provider does otherwise than the standards say.

mod active_directory;
mod apple;
mod bitbucket;
mod boxy_saml;
mod discord;
mod facebook;
mod github;
mod gitlab;
mod google;
mod google_workspaces;
mod linkedin;
mod okta;
mod twitter;

use super::provider::Params;
use super::provider_config::{ProviderConfig, ProviderForClient, UserInfoFields};
use super::remote::Remote;
use super::types::{OAuthTokens, ProviderEmail, RawUserInfo, RedirectUriInfo};
use super::user_info;
use crate::app_info::{normalise_domain, normalise_path};
use crate::{Cx, Error, Result};
use async_trait::async_trait;
use portcullis_wire::Object;
use serde_json::Value;

/// A provider's deviations; by default there are none.
#[async_trait]
pub(super) trait Quirks: Send + Sync {
    /// Completes the description, whichever client is chosen.
    fn complete(&self, _config: &mut ProviderConfig) {}

    /// Completes it for the client that was chosen.
    fn complete_for_client(&self, _cx: &Cx, _config: &mut ProviderForClient) -> Result<()> {
        Ok(())
    }

    /// Whether the client shows its secret in a header instead of the form.
    fn has_basic_authentication(&self) -> bool {
        false
    }

    /// Keeps with the tokens what else came back from the provider.
    fn add_to_tokens(&self, _tokens: &mut OAuthTokens, _came_back: &RedirectUriInfo) {}

    /// Whether a token's issuer is the one that is expected. `tid` is the claim of this name.
    fn is_issuer(&self, expected: &str, told: &str, _tid: Option<&str>) -> bool {
        expected == told
    }

    /// Whether a sign-in without an id token is refused.
    fn needs_id_token(&self) -> bool {
        false
    }

    /// Further conditions for an id token.
    fn check_id_token(&self, _config: &ProviderForClient, _payload: &Object) -> Result<()> {
        Ok(())
    }

    /// Whether the provider says that an access token was issued to this client.
    async fn is_issued_to(&self, _: &Remote, _: &ProviderForClient, _access_token: &str) -> Result<bool> {
        Ok(false)
    }

    /// Asks the provider about the user of an access token; `None` if there is nobody to ask.
    async fn ask(
        &self,
        remote: &Remote,
        config: &ProviderForClient,
        access_token: &str,
    ) -> Result<Option<Value>> {
        ask_standard(remote, config, access_token).await
    }

    /// The user's id and address, in what the provider tells.
    fn read(&self, config: &ProviderConfig, raw: &RawUserInfo) -> (Option<String>, Option<ProviderEmail>) {
        user_info::read(&config.settings.user_info_map, raw)
    }

    /// Adds to what the provider tells what the user has told it. It is not signed, and read by the app alone.
    fn add_to_raw(&self, _raw: &mut RawUserInfo, _tokens: &OAuthTokens) {}
}

/// A provider that follows the standards.
struct Standard;

impl Quirks for Standard {}

/// Those of a built-in provider, by the beginning of its name.
pub(super) fn of(name: &str) -> Result<&'static dyn Quirks> {
    const BUILT_IN: [(&str, &dyn Quirks); 13] = [
        ("active-directory", &active_directory::ActiveDirectory),
        ("apple", &apple::Apple),
        ("bitbucket", &bitbucket::Bitbucket),
        ("boxy-saml", &boxy_saml::BoxySaml),
        ("discord", &discord::Discord),
        ("facebook", &facebook::Facebook),
        ("github", &github::Github),
        ("gitlab", &gitlab::Gitlab),
        // Before Google, whose name it begins with.
        ("google-workspaces", &google_workspaces::GoogleWorkspaces),
        ("google", &google::Google),
        ("linkedin", &linkedin::Linkedin),
        ("okta", &okta::Okta),
        ("twitter", &twitter::Twitter),
    ];
    if is_saml(name) {
        return Err(Error::Internal(format!("'{name}' is a SAML provider, which needs the SAML recipe")));
    }
    let found = BUILT_IN.iter().find(|(beginning, _)| name.starts_with(beginning));
    Ok(found.map_or(&Standard, |(_, quirks)| *quirks))
}

/// Whether a provider speaks SAML, and so is none of this recipe's yet.
pub(super) fn is_saml(name: &str) -> bool {
    name.starts_with("saml")
}

/// Asks the endpoint that is configured, with the token in a header.
async fn ask_standard(
    remote: &Remote,
    config: &ProviderForClient,
    access_token: &str,
) -> Result<Option<Value>> {
    let settings = &config.provider.settings;
    let Some(endpoint) = &settings.user_info_endpoint else { return Ok(None) };
    let mut headers = Params::default();
    headers.set("Authorization", &format!("Bearer {access_token}"));
    headers.overlay(settings.user_info_endpoint_headers.as_ref());
    let mut params = Params::default();
    params.overlay(settings.user_info_endpoint_query_params.as_ref());
    remote.get(endpoint, &params.0, &headers.0).await.map(Some)
}

fn bearer(access_token: &str) -> (String, String) {
    ("Authorization".to_owned(), format!("Bearer {access_token}"))
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn set_if_none(field: &mut Option<String>, value: &str) {
    field.get_or_insert_with(|| value.to_owned());
}

/// Where the provider's answer has the user's id and address, unless the app says otherwise.
fn map_answer(config: &mut ProviderConfig, user_id: &str, email: &str, email_verified: Option<&str>) {
    let UserInfoFields { user_id: id, email: address, email_verified: verified } =
        &mut config.settings.user_info_map.from_user_info_api;
    set_if_none(id, user_id);
    set_if_none(address, email);
    if let Some(name) = email_verified {
        set_if_none(verified, name);
    }
}

/// Puts parameters before those that the app has set.
fn authorization_params(config: &mut ProviderConfig, params: &[(&str, &str)]) {
    let set = config.settings.authorization_endpoint_query_params.take().unwrap_or_default();
    let mut all = Object::new();
    all.extend(params.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
    all.extend(set);
    config.settings.authorization_endpoint_query_params = Some(all);
}

fn scope_if_none(config: &mut ProviderForClient, scope: &[&str]) {
    config.client.scope.get_or_insert_with(|| scope.iter().map(|item| (*item).to_owned()).collect());
}

const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Tenants may have stored the issuer only.
fn with_well_known(url: &str) -> Result<String> {
    if url.ends_with(WELL_KNOWN) {
        return Ok(url.to_owned());
    }
    let domain = normalise_domain(url).zip(normalise_path(url));
    let (domain, path) = domain.ok_or_else(|| Error::Internal(format!("'{url}' is no URL")))?;
    Ok(format!("{domain}{path}{WELL_KNOWN}"))
}

/// The discovery document of a domain.
fn well_known_of(domain: &str) -> Result<String> {
    let origin = normalise_domain(domain);
    let origin = origin.ok_or_else(|| Error::Internal(format!("'{domain}' is no domain")))?;
    Ok(format!("{origin}{WELL_KNOWN}"))
}

/// Completes the address of the discovery document, if there is one.
fn complete_discovery(config: &mut ProviderForClient) -> Result<()> {
    if let Some(url) = &mut config.provider.settings.oidc_discovery_endpoint {
        *url = with_well_known(url)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_completed_and_a_document_is_left_alone() {
        for (url, expected) in [
            ("https://a.example.com", "https://a.example.com/.well-known/openid-configuration"),
            ("https://a.example.com/v2/", "https://a.example.com/v2/.well-known/openid-configuration"),
            (
                "https://a.example.com/x/.well-known/openid-configuration",
                "https://a.example.com/x/.well-known/openid-configuration",
            ),
        ] {
            assert_eq!(with_well_known(url).unwrap(), expected);
        }
        let okta = well_known_of("dev-1.okta.com").unwrap();
        assert_eq!(okta, "https://dev-1.okta.com/.well-known/openid-configuration");
        assert!(with_well_known("nowhere").is_err() && well_known_of("").is_err());
    }

    #[test]
    fn providers_are_known_by_the_beginning_of_their_names() {
        for (name, needs_id_token) in
            [("google-workspaces-2", true), ("google-work", false), ("googlex", false), ("custom", false)]
        {
            assert_eq!(of(name).unwrap().needs_id_token(), needs_id_token, "{name}");
        }
        assert!(of("twitter-2").unwrap().has_basic_authentication());
        assert!(!of("my-twitter").unwrap().has_basic_authentication());
        assert!(of("saml-okta").is_err() && of("boxy-saml").is_ok());
    }
}
