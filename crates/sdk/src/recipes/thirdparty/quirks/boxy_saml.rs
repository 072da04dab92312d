//! Boxy's SAML Jackson, which speaks OAuth 2 to the app and SAML to companies.

use super::{Quirks, map_answer, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::{Cx, Result};

pub(super) struct BoxySaml;

impl Quirks for BoxySaml {
    fn complete(&self, config: &mut ProviderConfig) {
        set_if_none(&mut config.settings.name, "SAML");
        map_answer(config, "id", "email", None);
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        if let Some(boxy) = config.additional("boxyURL").map(str::to_owned) {
            let settings = &mut config.provider.settings;
            set_if_none(&mut settings.authorization_endpoint, &format!("{boxy}/api/oauth/authorize"));
            set_if_none(&mut settings.token_endpoint, &format!("{boxy}/api/oauth/token"));
            set_if_none(&mut settings.user_info_endpoint, &format!("{boxy}/api/oauth/userinfo"));
        }
        Ok(())
    }
}
