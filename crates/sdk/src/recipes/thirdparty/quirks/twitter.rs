//! Twitter: the client shows its secret in a header, PKCE always, and no addresses.

use super::{Quirks, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::{Cx, Result};

pub(super) struct Twitter;

impl Quirks for Twitter {
    fn complete(&self, config: &mut ProviderConfig) {
        let settings = &mut config.settings;
        set_if_none(&mut settings.name, "Twitter");
        set_if_none(&mut settings.authorization_endpoint, "https://twitter.com/i/oauth2/authorize");
        set_if_none(&mut settings.token_endpoint, "https://api.twitter.com/2/oauth2/token");
        set_if_none(&mut settings.user_info_endpoint, "https://api.twitter.com/2/users/me");
        settings.require_email.get_or_insert(false);
        set_if_none(&mut settings.user_info_map.from_user_info_api.user_id, "data.id");
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["users.read", "tweet.read"]);
        config.client.force_pkce.get_or_insert(true);
        Ok(())
    }

    fn has_basic_authentication(&self) -> bool {
        true
    }
}
