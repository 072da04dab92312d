//! Apple: the client's secret is a token that the app signs, and the user's name comes back once, in the form.

use super::{Quirks, authorization_params, complete_discovery, scope_if_none, set_if_none};
use crate::recipes::thirdparty::provider_config::{ProviderConfig, ProviderForClient};
use crate::recipes::thirdparty::types::{OAuthTokens, RawUserInfo, RedirectUriInfo};
use crate::{Cx, Error, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// How long a secret is good for, in seconds. Each call makes a new one.
const SECRET_SECONDS: i64 = 3600;

pub(super) struct Apple;

impl Quirks for Apple {
    fn complete(&self, config: &mut ProviderConfig) {
        set_if_none(&mut config.settings.name, "Apple");
        set_if_none(&mut config.settings.oidc_discovery_endpoint, "https://appleid.apple.com");
        authorization_params(config, &[("response_mode", "form_post")]);
    }

    fn complete_for_client(&self, cx: &Cx, config: &mut ProviderForClient) -> Result<()> {
        scope_if_none(config, &["openid", "email"]);
        if config.client.client_secret.is_none() {
            config.client.client_secret = Some(secret(config, cx.now() / 1000)?);
        }
        complete_discovery(config)
    }

    fn add_to_tokens(&self, tokens: &mut OAuthTokens, came_back: &RedirectUriInfo) {
        if let Some(user) = came_back.redirect_uri_query_params.get("user").and_then(user) {
            tokens.values.insert("user".to_owned(), user);
        }
    }

    fn add_to_raw(&self, raw: &mut RawUserInfo, tokens: &OAuthTokens) {
        if let Some(user) = tokens.values.get("user").and_then(user) {
            raw.from_id_token_payload.insert("user".to_owned(), user);
        }
    }
}

/// What the user has told Apple, as an object or as its text.
fn user(value: &Value) -> Option<Value> {
    match value {
        Value::String(text) => serde_json::from_str(text).ok(),
        Value::Object(_) => Some(value.clone()),
        _ => None,
    }
}

fn secret(config: &ProviderForClient, now: i64) -> Result<String> {
    let given = |name: &str| {
        config.additional(name).ok_or_else(|| {
            let asked =
                "Please ensure that keyId, teamId and privateKey are provided in the additionalConfig";
            Error::Internal(asked.to_owned())
        })
    };
    let (key_id, team_id, key) = (given("keyId")?, given("teamId")?, given("privateKey")?);
    let header = json!({"alg": "ES256", "kid": key_id, "typ": "JWT"});
    let payload = json!({"iss": team_id, "iat": now, "exp": now + SECRET_SECONDS,
        "aud": "https://appleid.apple.com", "sub": config.client.client_id});
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&header), part(&payload));
    let no_key = || Error::Internal("Apple's privateKey is no PKCS#8 key of P-256".to_owned());
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der(key).ok_or_else(no_key)?);
    let key = key.map_err(|_| no_key())?;
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| no_key())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref())))
}

/// What is in a PEM text. Settings often hold line breaks as `\n`.
fn der(pem: &str) -> Option<Vec<u8>> {
    let pem = pem.replace("\\n", "\n");
    let lines = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    STANDARD.decode(lines.collect::<String>()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::thirdparty::provider_config::Client;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, KeyPair as _, UnparsedPublicKey};

    fn config(key: &str) -> ProviderForClient {
        let client = Client::new("com.example.app").additional("keyId", "K1").additional("teamId", "T1");
        let client = client.additional("privateKey", key).into();
        ProviderForClient { provider: ProviderConfig::new("apple"), client }
    }

    #[test]
    fn the_secret_is_signed_with_the_app_s_key() {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let encoded = STANDARD.encode(key.to_pkcs8v1().unwrap().as_ref());
        for line_break in ["\n", "\\n", "\r\n"] {
            let (first, second) = encoded.split_at(64);
            let pem = ["-----BEGIN PRIVATE KEY-----", first, second, "-----END PRIVATE KEY-----", ""];
            let secret = secret(&config(&pem.join(line_break)), 1_700_000_000).unwrap();
            let (signed, signature) = secret.rsplit_once('.').unwrap();
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref());
            public.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
            let parts: Vec<Value> = signed
                .split('.')
                .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
                .collect();
            assert_eq!(parts[0], json!({"alg": "ES256", "kid": "K1", "typ": "JWT"}));
            assert_eq!(
                parts[1],
                json!({"iss": "T1", "iat": 1_700_000_000, "exp": 1_700_003_600,
                    "aud": "https://appleid.apple.com", "sub": "com.example.app"})
            );
        }
    }

    #[test]
    fn a_key_that_is_none_is_an_error_that_does_not_tell_it() {
        for key in ["", "hidden", "-----BEGIN PRIVATE KEY-----\naGlkZGVu\n-----END PRIVATE KEY-----"] {
            let error = secret(&config(key), 0).unwrap_err().to_string();
            assert_eq!(error, "Apple's privateKey is no PKCS#8 key of P-256");
        }
        let mut without = config("hidden");
        without.client.additional_config = None;
        assert!(secret(&without, 0).unwrap_err().to_string().contains("keyId, teamId and privateKey"));
    }

    #[test]
    fn a_user_is_an_object_or_its_text() {
        let told = json!({"name": {"firstName": "Ann"}});
        assert_eq!(user(&told), Some(told.clone()));
        assert_eq!(user(&json!(told.to_string())), Some(told));
        for nothing in [json!("{"), json!(7), Value::Null] {
            assert_eq!(user(&nothing), None);
        }
    }
}
