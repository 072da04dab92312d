//! Okta.

use super::{Quirks, complete_discovery, scope_if_none, set_if_none, well_known_of};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::{Cx, Result};

pub(super) struct Okta;

impl Quirks for Okta {
    fn complete(&self, config: &mut ProviderConfig) {
        set_if_none(&mut config.settings.name, "Okta");
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        if let Some(url) = config.additional("oktaDomain").map(well_known_of).transpose()? {
            config.provider.settings.oidc_discovery_endpoint = Some(url);
        }
        complete_discovery(config)?;
        scope_if_none(config, &["openid", "email"]);
        Ok(())
    }
}
