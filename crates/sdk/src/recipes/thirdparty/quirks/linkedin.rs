//! LinkedIn.

use super::{Quirks, bearer, pairs, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::recipes::thirdparty::remote::Remote;
use crate::{Cx, Result};
use async_trait::async_trait;
use serde_json::Value;

pub(super) struct Linkedin;

#[async_trait]
impl Quirks for Linkedin {
    fn complete(&self, config: &mut ProviderConfig) {
        let settings = &mut config.settings;
        set_if_none(&mut settings.name, "LinkedIn");
        set_if_none(&mut settings.authorization_endpoint, "https://www.linkedin.com/oauth/v2/authorization");
        set_if_none(&mut settings.token_endpoint, "https://www.linkedin.com/oauth/v2/accessToken");
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["openid", "profile", "email"]);
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
        let fields =
            pairs([("client_id", &client.client_id), ("client_secret", secret), ("token", access_token)]);
        let told =
            remote.post_form("https://www.linkedin.com/oauth/v2/introspectToken", &fields, &[]).await?;
        Ok(told["active"] == true && told["client_id"] == *client.client_id)
    }

    async fn ask(&self, remote: &Remote, _: &ProviderForClient, access_token: &str) -> Result<Option<Value>> {
        remote.get("https://api.linkedin.com/v2/userinfo", &[], &[bearer(access_token)]).await.map(Some)
    }
}
