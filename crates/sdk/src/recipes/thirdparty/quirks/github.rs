//! GitHub: no OpenID Connect, and addresses are asked for apart.

use super::{Quirks, bearer, pairs, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::recipes::thirdparty::remote::Remote;
use crate::recipes::thirdparty::types::{ProviderEmail, RawUserInfo};
use crate::recipes::thirdparty::user_info::{id, is_true, text};
use crate::{Cx, Error, Result};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

pub(super) struct Github;

#[async_trait]
impl Quirks for Github {
    fn complete(&self, config: &mut ProviderConfig) {
        let settings = &mut config.settings;
        set_if_none(&mut settings.name, "Github");
        set_if_none(&mut settings.authorization_endpoint, "https://github.com/login/oauth/authorize");
        set_if_none(&mut settings.token_endpoint, "https://github.com/login/oauth/access_token");
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["read:user", "user:email"]);
        Ok(())
    }

    async fn is_issued_to(
        &self,
        remote: &Remote,
        config: &ProviderForClient,
        access_token: &str,
    ) -> Result<bool> {
        let client = &config.client;
        let Some(secret) = &client.client_secret else { return Ok(false) };
        let pair = STANDARD.encode(format!("{}:{secret}", client.client_id));
        let headers = pairs([("Authorization", &format!("Basic {pair}"))]);
        let url = format!("https://api.github.com/applications/{}/token", client.client_id);
        match remote.post_json(&url, &json!({"access_token": access_token}), &headers).await {
            Ok(told) => Ok(told["app"]["client_id"] == *client.client_id),
            // 404 for a token that is another app's.
            Err(Error::BadInput(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn ask(&self, remote: &Remote, _: &ProviderForClient, access_token: &str) -> Result<Option<Value>> {
        let accept = ("Accept".to_owned(), "application/vnd.github.v3+json".to_owned());
        let headers = [bearer(access_token), accept];
        let emails = remote.get("https://api.github.com/user/emails", &[], &headers).await?;
        let user = remote.get("https://api.github.com/user", &[], &headers).await?;
        Ok(Some(json!({"emails": emails, "user": user})))
    }

    fn read(&self, _: &ProviderConfig, raw: &RawUserInfo) -> (Option<String>, Option<ProviderEmail>) {
        let told = &raw.from_user_info_api;
        let mut emails = told["emails"].as_array().into_iter().flatten();
        let primary = emails.find(|email| is_true(&email["primary"]));
        let email = primary.and_then(|email| {
            Some(ProviderEmail { id: text(&email["email"])?, is_verified: is_true(&email["verified"]) })
        });
        (id(&told["user"]["id"]), email)
    }
}
