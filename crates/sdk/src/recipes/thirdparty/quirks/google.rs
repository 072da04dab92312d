//! Google.

use super::{Quirks, authorization_params, complete_discovery, pairs, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::recipes::thirdparty::remote::Remote;
use crate::{Cx, Result};
use async_trait::async_trait;

pub(super) struct Google;

#[async_trait]
impl Quirks for Google {
    fn complete(&self, config: &mut ProviderConfig) {
        set_if_none(&mut config.settings.name, "Google");
        set_if_none(&mut config.settings.oidc_discovery_endpoint, "https://accounts.google.com");
        authorization_params(config, &[("included_grant_scopes", "true"), ("access_type", "offline")]);
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["openid", "email"]);
        complete_discovery(config)
    }

    /// Some of its tokens leave the scheme away.
    fn is_issuer(&self, expected: &str, told: &str, _tid: Option<&str>) -> bool {
        expected == told || expected.strip_prefix("https://") == Some(told)
    }

    async fn is_issued_to(
        &self,
        remote: &Remote,
        config: &ProviderForClient,
        access_token: &str,
    ) -> Result<bool> {
        let params = pairs([("access_token", access_token)]);
        let told = remote.get("https://oauth2.googleapis.com/tokeninfo", &params, &[]).await?;
        Ok(told["aud"] == *config.client.client_id)
    }
}
