//! GitLab, that of gitlab.com or one's own.

use super::{Quirks, complete_discovery, scope_if_none, set_if_none, well_known_of};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::{Cx, Result};

pub(super) struct Gitlab;

impl Quirks for Gitlab {
    fn complete(&self, config: &mut ProviderConfig) {
        set_if_none(&mut config.settings.name, "Gitlab");
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["openid", "email"]);
        match config.additional("gitlabBaseUrl").map(well_known_of).transpose()? {
            Some(url) => config.provider.settings.oidc_discovery_endpoint = Some(url),
            None => set_if_none(&mut config.provider.settings.oidc_discovery_endpoint, "https://gitlab.com"),
        }
        complete_discovery(config)
    }
}
