//! Google, for the members of companies alone.

use super::google::Google;
use super::{Quirks, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::recipes::thirdparty::types::refused;
use crate::{Cx, Result};
use portcullis_wire::Object;
use serde_json::Value;

pub(super) struct GoogleWorkspaces;

impl Quirks for GoogleWorkspaces {
    fn complete(&self, config: &mut ProviderConfig) {
        set_if_none(&mut config.settings.name, "Google Workspaces");
        Google.complete(config);
    }

    fn complete_for_client(&self, cx: &Cx, config: &mut ProviderForClient) -> Result<()> {
        Google.complete_for_client(cx, config)?;
        let additional = config.client.additional_config.get_or_insert_default();
        let domain = additional.entry("hd").or_insert_with(|| "*".into()).clone();
        let params = config.provider.settings.authorization_endpoint_query_params.get_or_insert_default();
        params.insert("hd".to_owned(), domain);
        Ok(())
    }

    fn is_issuer(&self, expected: &str, told: &str, tid: Option<&str>) -> bool {
        Google.is_issuer(expected, told, tid)
    }

    /// An access token tells nothing of the company.
    fn needs_id_token(&self) -> bool {
        true
    }

    /// Google lets anybody choose another account on its page: only the token tells whose it is.
    fn check_id_token(&self, config: &ProviderForClient, payload: &Object) -> Result<()> {
        let told = payload.get("hd").and_then(Value::as_str).filter(|told| !told.is_empty());
        let is_member = match config.additional("hd") {
            Some("*") => told.is_some(),
            Some(domain) => told == Some(domain),
            None => false,
        };
        if is_member { Ok(()) } else { Err(refused("the account is not of the company that the app is for")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::thirdparty::provider_config::Client;
    use serde_json::json;

    #[test]
    fn only_members_get_in() {
        let is_let_in = |domain: Value, payload: Value| {
            let client = Client::new("id").additional("hd", domain).into();
            let config = ProviderForClient { provider: ProviderConfig::new("google-workspaces"), client };
            GoogleWorkspaces.check_id_token(&config, payload.as_object().unwrap()).is_ok()
        };
        let (own, other, nobody) = (json!({"hd": "a.com"}), json!({"hd": "b.com"}), json!({}));
        for (domain, payload, expected) in [
            (json!("a.com"), &own, true),
            (json!("a.com"), &other, false),
            (json!("a.com"), &nobody, false),
            (json!("*"), &own, true),
            (json!("*"), &nobody, false),
            (json!("*"), &json!({"hd": ""}), false),
            (json!("*"), &json!({"hd": 7}), false),
            (json!(null), &own, false),
        ] {
            assert_eq!(is_let_in(domain.clone(), payload.clone()), expected, "{domain} {payload}");
        }
    }
}
