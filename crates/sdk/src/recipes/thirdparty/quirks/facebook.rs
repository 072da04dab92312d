//! Facebook: the access token goes into the query, and it must be told which fields it is to answer. It says
//! of no address whether it is verified.

use super::{Quirks, map_answer, pairs, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider::Params;
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::recipes::thirdparty::remote::Remote;
use crate::{Cx, Result};
use async_trait::async_trait;
use serde_json::Value;

pub(super) struct Facebook;

/// The fields that a scope opens.
const FIELDS: [(&str, &str); 13] = [
    ("public_profile", "first_name,last_name,middle_name,name,name_format,picture,short_name"),
    ("email", "id,email"),
    ("user_birthday", "birthday"),
    ("user_videos", "videos"),
    ("user_posts", "posts"),
    ("user_photos", "photos"),
    ("user_location", "location"),
    ("user_link", "link"),
    ("user_likes", "likes"),
    ("user_hometown", "hometown"),
    ("user_gender", "gender"),
    ("user_friends", "friends"),
    ("user_age_range", "age_range"),
];

#[async_trait]
impl Quirks for Facebook {
    fn complete(&self, config: &mut ProviderConfig) {
        let settings = &mut config.settings;
        set_if_none(&mut settings.name, "Facebook");
        set_if_none(&mut settings.authorization_endpoint, "https://www.facebook.com/v12.0/dialog/oauth");
        set_if_none(&mut settings.token_endpoint, "https://graph.facebook.com/v12.0/oauth/access_token");
        set_if_none(&mut settings.user_info_endpoint, "https://graph.facebook.com/me");
        map_answer(config, "id", "email", None);
    }

    fn complete_for_client(&self, _: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["email"]);
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
        let own = format!("{}|{secret}", client.client_id);
        let params = pairs([("input_token", access_token), ("access_token", &own)]);
        let told = remote.get("https://graph.facebook.com/debug_token", &params, &[]).await?;
        Ok(told["data"]["is_valid"] == true && told["data"]["app_id"] == *client.client_id)
    }

    async fn ask(
        &self,
        remote: &Remote,
        config: &ProviderForClient,
        access_token: &str,
    ) -> Result<Option<Value>> {
        let settings = &config.provider.settings;
        let Some(endpoint) = &settings.user_info_endpoint else { return Ok(None) };
        let opened =
            |scope: &String| FIELDS.iter().find(|(name, _)| name == scope).map(|(_, fields)| *fields);
        let scope = config.client.scope.iter().flatten();
        let fields: Vec<&str> = scope.filter_map(opened).collect();
        let mut params = Params(pairs([
            ("access_token", access_token),
            ("fields", &fields.join(",")),
            ("format", "json"),
        ]));
        params.overlay(settings.user_info_endpoint_query_params.as_ref());
        let mut headers = Params::default();
        headers.overlay(settings.user_info_endpoint_headers.as_ref());
        headers.0.retain(|(name, _)| !name.eq_ignore_ascii_case("authorization"));
        remote.get(endpoint, &params.0, &headers.0).await.map(Some)
    }
}
