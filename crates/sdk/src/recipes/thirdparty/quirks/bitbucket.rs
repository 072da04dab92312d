//! Bitbucket: no OpenID Connect, and addresses are asked for apart.

use super::{Quirks, bearer, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::recipes::thirdparty::remote::Remote;
use crate::recipes::thirdparty::types::{ProviderEmail, RawUserInfo};
use crate::recipes::thirdparty::user_info::{id, is_true, text};
use crate::{Cx, Result};
use async_trait::async_trait;
use serde_json::{Value, json};

pub(super) struct Bitbucket;

#[async_trait]
impl Quirks for Bitbucket {
    fn complete(&self, config: &mut ProviderConfig) {
        let settings = &mut config.settings;
        set_if_none(&mut settings.name, "Bitbucket");
        set_if_none(&mut settings.authorization_endpoint, "https://bitbucket.org/site/oauth2/authorize");
        set_if_none(&mut settings.token_endpoint, "https://bitbucket.org/site/oauth2/access_token");
        if settings.authorization_endpoint_query_params.is_none() {
            let params = json!({"audience": "api.atlassian.com"});
            settings.authorization_endpoint_query_params = params.as_object().cloned();
        }
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["account", "email"]);
        Ok(())
    }

    async fn ask(&self, remote: &Remote, _: &ProviderForClient, access_token: &str) -> Result<Option<Value>> {
        let headers = [bearer(access_token)];
        let mut user = remote.get("https://api.bitbucket.org/2.0/user", &[], &headers).await?;
        let emails = remote.get("https://api.bitbucket.org/2.0/user/emails", &[], &headers).await?;
        if let Some(user) = user.as_object_mut() {
            user.insert("email".to_owned(), emails);
        }
        Ok(Some(user))
    }

    fn read(&self, _: &ProviderConfig, raw: &RawUserInfo) -> (Option<String>, Option<ProviderEmail>) {
        let user = &raw.from_user_info_api;
        let mut emails = user["email"]["values"].as_array().into_iter().flatten();
        let primary = emails.find(|email| is_true(&email["is_primary"]));
        let email = primary.and_then(|email| {
            Some(ProviderEmail { id: text(&email["email"])?, is_verified: is_true(&email["is_confirmed"]) })
        });
        (id(&user["uuid"]), email)
    }
}
