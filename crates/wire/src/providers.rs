//! The providers that a tenant's users may sign in with: stored whole, listed with the tenant, removed.
//!
//! What is stored is the SDKs' business: the core only checks what no SDK could use. Debug texts hold
//! nothing but the provider's id, because secrets are in several of the other fields.

use crate::endpoint::endpoint;
use crate::input::request;
use crate::multitenancy::PutResponse;
use crate::{FromInput, Input, InputError, Nullable, Object, Status};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A provider. What is unset is left out.
#[derive(Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// The provider.
    pub third_party_id: String,
    /// What pages call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The app's registrations there, one for each kind of client.
    #[serde(default)]
    pub clients: Vec<ProviderClient>,
    /// Where users are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint: Option<String>,
    /// With which parameters; a `null` takes one of the SDK's away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_endpoint_query_params: Option<Object>,
    /// Where codes become tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// With which fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_body_params: Option<Object>,
    /// Where the user is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_info_endpoint: Option<String>,
    /// With which parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_info_endpoint_query_params: Option<Object>,
    /// With which headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_info_endpoint_headers: Option<Object>,
    /// Where the keys of its id tokens are.
    #[serde(rename = "jwksURI", skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// Where it describes itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oidc_discovery_endpoint: Option<String>,
    /// Whether a user without an address is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_email: Option<bool>,
    /// Where the user's id and address are found.
    #[serde(default)]
    pub user_info_map: UserInfoMap,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("third_party_id", &self.third_party_id).finish_non_exhaustive()
    }
}

/// The app's registration at a provider.
#[derive(Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderClient {
    /// The kind of client, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_type: Option<String>,
    /// The client's id there.
    pub client_id: String,
    /// Its secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// What is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Vec<String>>,
    /// Whether PKCE is used though the provider does not ask for it.
    #[serde(rename = "forcePKCE", skip_serializing_if = "Option::is_none")]
    pub force_pkce: Option<bool>,
    /// What only this provider needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_config: Option<Object>,
}

impl fmt::Debug for ProviderClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderClient").field("client_type", &self.client_type).finish_non_exhaustive()
    }
}

/// Where a user's id and address are found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInfoMap {
    /// In the id token.
    #[serde(default)]
    pub from_id_token_payload: UserInfoFields,
    /// In the answer of the user info endpoint.
    #[serde(rename = "fromUserInfoAPI", default)]
    pub from_user_info_api: UserInfoFields,
}

/// Names of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserInfoFields {
    /// The user's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// The address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Whether it is verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<String>,
}

/// A provider that is to be stored.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PutProviderRequest {
    /// The whole of it: nothing is kept of what was stored.
    pub config: Provider,
    /// Whether what no SDK could use is stored too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_validation: Option<bool>,
}

impl FromInput for PutProviderRequest {
    fn from_input(mut input: Input) -> Result<Self, InputError> {
        let config = provider(input.take_object("config")?)?;
        Ok(Self { config, skip_validation: input.take("skipValidation")? })
    }
}

fn provider(mut input: Input) -> Result<Provider, InputError> {
    let third_party_id: String = input.take("thirdPartyId")?;
    let clients: Vec<Object> = given(input.take("clients")?).unwrap_or_default();
    let clients = clients.into_iter().map(|fields| client(input.of(fields)));
    Ok(Provider {
        third_party_id: third_party_id.trim().to_owned(),
        clients: clients.collect::<Result<_, _>>()?,
        name: text(&mut input, "name", 64)?,
        authorization_endpoint: given(input.take("authorizationEndpoint")?),
        authorization_endpoint_query_params: given(input.take("authorizationEndpointQueryParams")?),
        token_endpoint: given(input.take("tokenEndpoint")?),
        token_endpoint_body_params: given(input.take("tokenEndpointBodyParams")?),
        user_info_endpoint: given(input.take("userInfoEndpoint")?),
        user_info_endpoint_query_params: given(input.take("userInfoEndpointQueryParams")?),
        user_info_endpoint_headers: given(input.take("userInfoEndpointHeaders")?),
        jwks_uri: given(input.take("jwksURI")?),
        oidc_discovery_endpoint: given(input.take("oidcDiscoveryEndpoint")?),
        require_email: given(input.take("requireEmail")?),
        user_info_map: match given(input.take("userInfoMap")?) {
            Some(fields) => user_info_map(input.of(fields))?,
            None => UserInfoMap::default(),
        },
    })
}

fn client(mut input: Input) -> Result<ProviderClient, InputError> {
    let client_id = text(&mut input, "clientId", 256)?;
    Ok(ProviderClient {
        client_id: client_id.ok_or(InputError::UselessProvider("clientId cannot be null"))?,
        client_type: text(&mut input, "clientType", 64)?,
        client_secret: given(input.take("clientSecret")?),
        scope: given(input.take("scope")?).map(scope).transpose()?,
        force_pkce: given(input.take("forcePKCE")?),
        additional_config: given(input.take("additionalConfig")?),
    })
}

fn scope(items: Vec<Nullable<String>>) -> Result<Vec<String>, InputError> {
    let items: Option<Vec<String>> = items.into_iter().map(given).collect();
    let items = items.ok_or(InputError::UselessProvider("scope array cannot contain a null"))?;
    let fits = items.iter().all(|item| item.chars().count() <= SCOPE_MAX);
    if fits { Ok(items) } else { Err(InputError::TooLong("scope", SCOPE_MAX)) }
}

fn user_info_map(mut input: Input) -> Result<UserInfoMap, InputError> {
    let mut fields = |name| match given(input.take(name)?) {
        Some(fields) => user_info_fields(input.of(fields)),
        None => Ok(UserInfoFields::default()),
    };
    Ok(UserInfoMap {
        from_id_token_payload: fields("fromIdTokenPayload")?,
        from_user_info_api: fields("fromUserInfoAPI")?,
    })
}

fn user_info_fields(mut input: Input) -> Result<UserInfoFields, InputError> {
    Ok(UserInfoFields {
        user_id: text(&mut input, "userId", 64)?,
        email: text(&mut input, "email", 64)?,
        email_verified: text(&mut input, "emailVerified", 64)?,
    })
}

/// The longest scope that the tables hold.
const SCOPE_MAX: usize = 128;

/// An explicit `null` unsets a field, here alone.
fn given<T>(value: Nullable<T>) -> Option<T> {
    match value {
        Nullable::Set(value) => Some(value),
        Nullable::Absent | Nullable::Null => None,
    }
}

/// A text that the tables have room for.
fn text(input: &mut Input, name: &'static str, max: usize) -> Result<Option<String>, InputError> {
    let text: Option<String> = given(input.take(name)?);
    let is_long = text.as_ref().is_some_and(|text| text.chars().count() > max);
    if is_long { Err(InputError::TooLong(name, max)) } else { Ok(text) }
}

request! {
    /// Which provider to remove.
    RemoveProviderRequest {
        /// The provider.
        third_party_id: String = "thirdPartyId",
    }
}

/// What was removed.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveProviderResponse {
    /// Always `OK`.
    pub status: Status,
    /// Whether it was there.
    pub did_config_exist: bool,
}

endpoint! {
    /// Stores a provider of the tenant, in place of the one with its id.
    PutProvider: Put "/recipe/multitenancy/config/thirdparty" Tenant, PutProviderRequest => PutResponse;
    /// Removes a provider of the tenant.
    RemoveProvider: Post "/recipe/multitenancy/config/thirdparty/remove" Tenant, RemoveProviderRequest => RemoveProviderResponse;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Cdi;
    use serde_json::json;

    fn read(config: &serde_json::Value) -> Result<Provider, InputError> {
        let body = json!({"config": config}).to_string();
        PutProviderRequest::from_input(Input::body(body.as_bytes(), Cdi::LATEST)?).map(|asked| asked.config)
    }

    #[test]
    fn a_provider_comes_out_as_it_went_in() {
        let whole = json!({
            "thirdPartyId": "custom", "name": "Custom",
            "clients": [{
                "clientType": "web", "clientId": "id", "clientSecret": "hidden", "scope": ["a", "b"],
                "forcePKCE": true, "additionalConfig": {"key": "hidden", "none": null},
            }],
            "authorizationEndpoint": "https://a", "authorizationEndpointQueryParams": {"a": null},
            "tokenEndpoint": "https://t", "tokenEndpointBodyParams": {"b": "c"},
            "userInfoEndpoint": "https://u", "userInfoEndpointQueryParams": {"d": "e"},
            "userInfoEndpointHeaders": {"f": "g"}, "jwksURI": "https://j", "oidcDiscoveryEndpoint": "https://o",
            "requireEmail": false,
            "userInfoMap": {
                "fromIdTokenPayload": {"userId": "h", "email": "i", "emailVerified": "j"},
                "fromUserInfoAPI": {"userId": "k", "email": "l", "emailVerified": "m"},
            },
        });
        let provider = read(&whole).unwrap();
        assert_eq!(serde_json::to_value(&provider).unwrap(), whole);
        assert_eq!(serde_json::from_value::<Provider>(whole).unwrap(), provider);
        for text in [format!("{provider:?}"), format!("{:?}", provider.clients)] {
            assert!(!text.contains("hidden"), "{text}");
        }
    }

    #[test]
    fn what_is_unset_is_left_out() {
        let bare = json!({
            "thirdPartyId": "custom", "clients": [],
            "userInfoMap": {"fromIdTokenPayload": {}, "fromUserInfoAPI": {}},
        });
        let nulls = json!({
            "thirdPartyId": " custom ", "name": null, "clients": null, "jwksURI": null, "requireEmail": null,
            "userInfoMap": {"fromIdTokenPayload": null, "fromUserInfoAPI": {"email": null}}, "unknown": 1,
        });
        for config in [json!({"thirdPartyId": "custom"}), nulls] {
            assert_eq!(serde_json::to_value(read(&config).unwrap()).unwrap(), bare);
        }
    }

    #[test]
    fn what_cannot_be_stored_is_named() {
        let with_client = |client: serde_json::Value| json!({"thirdPartyId": "a", "clients": [client]});
        for (config, text) in [
            (json!({}), "Field name 'thirdPartyId' is invalid in JSON input"),
            (
                json!({"thirdPartyId": "a".repeat(29)}),
                "Field name 'thirdPartyId' can have at most 28 characters",
            ),
            (json!({"thirdPartyId": "a", "name": 1}), "Field name 'name' is invalid in JSON input"),
            (
                json!({"thirdPartyId": "a", "name": "b".repeat(65)}),
                "Field name 'name' can have at most 64 characters",
            ),
            (
                json!({"thirdPartyId": "a", "clients": [null]}),
                "Field name 'clients' is invalid in JSON input",
            ),
            (with_client(json!({})), "Invalid third party config: clientId cannot be null"),
            (
                with_client(json!({"clientId": "a", "scope": ["a", null]})),
                "Invalid third party config: scope array cannot contain a null",
            ),
            (
                with_client(json!({"clientId": "a", "scope": ["a".repeat(129)]})),
                "Field name 'scope' can have at most 128 characters",
            ),
            (
                json!({"thirdPartyId": "a", "userInfoMap": {"fromUserInfoAPI": {"userId": "a".repeat(65)}}}),
                "Field name 'userId' can have at most 64 characters",
            ),
        ] {
            assert_eq!(read(&config).unwrap_err().to_string(), text);
        }
    }
}
