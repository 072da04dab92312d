//! Discord.

use super::{Quirks, bearer, map_answer, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::recipes::thirdparty::remote::Remote;
use crate::{Cx, Result};
use async_trait::async_trait;

pub(super) struct Discord;

#[async_trait]
impl Quirks for Discord {
    fn complete(&self, config: &mut ProviderConfig) {
        let settings = &mut config.settings;
        set_if_none(&mut settings.name, "Discord");
        set_if_none(&mut settings.authorization_endpoint, "https://discord.com/oauth2/authorize");
        set_if_none(&mut settings.token_endpoint, "https://discord.com/api/oauth2/token");
        set_if_none(&mut settings.user_info_endpoint, "https://discord.com/api/users/@me");
        map_answer(config, "id", "email", Some("verified"));
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["identify", "email"]);
        Ok(())
    }

    async fn is_issued_to(
        &self,
        remote: &Remote,
        config: &ProviderForClient,
        access_token: &str,
    ) -> Result<bool> {
        let url = "https://discord.com/api/oauth2/@me";
        let told = remote.get(url, &[], &[bearer(access_token)]).await?;
        Ok(told["application"]["id"] == *config.client.client_id)
    }
}
