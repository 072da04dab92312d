//! A provider as the app or a tenant describes it.

use super::provider::ProviderFunctions;
use crate::callback::Callback;
use crate::{Cx, Result};
use portcullis_wire::Object;
use serde_json::Value;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

pub use portcullis_wire::providers::{
    Provider as ProviderSettings, ProviderClient, UserInfoFields, UserInfoMap,
};

/// The app's registration at a provider.
///
/// ```
/// use portcullis::recipes::thirdparty::Client;
///
/// let web = Client::new("the client's id").secret("its secret").scope(["openid", "email"]);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Client(ProviderClient);

impl Client {
    /// With the id that the provider knows the app by.
    pub fn new(id: impl Into<String>) -> Self {
        Self(ProviderClient { client_id: id.into(), ..ProviderClient::default() })
    }

    /// The kind of client, where there are several: frontends name it.
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.0.client_type = Some(kind.into());
        self
    }

    /// The client's secret. One without it is protected by PKCE.
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.0.client_secret = Some(secret.into());
        self
    }

    /// What users are asked to give the app access to.
    pub fn scope<T: Into<String>>(mut self, scope: impl IntoIterator<Item = T>) -> Self {
        self.0.scope = Some(scope.into_iter().map(Into::into).collect());
        self
    }

    /// Uses PKCE though there is a secret, and the provider does not say that it knows it.
    pub fn force_pkce(mut self) -> Self {
        self.0.force_pkce = Some(true);
        self
    }

    /// What only this provider needs, such as Apple's `keyId`, `teamId` and `privateKey`.
    pub fn additional(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.0.additional_config.get_or_insert_default().insert(name.into(), value.into());
        self
    }
}

impl From<Client> for ProviderClient {
    fn from(client: Client) -> Self {
        client.0
    }
}

type Check<T> = Callback<(T, ProviderForClient), ()>;
type Replace = Arc<dyn Fn(Arc<dyn ProviderFunctions>) -> Arc<dyn ProviderFunctions> + Send + Sync>;

/// A provider that users may sign in with. What is not said of a built-in one is known; of any other one, a
/// discovery document or the single endpoints must be named.
///
/// ```
/// use portcullis::recipes::thirdparty::{Client, ProviderConfig};
///
/// let google = ProviderConfig::new("google").client(Client::new("id").secret("secret"));
/// let own = ProviderConfig::new("own")
///     .name("Our accounts")
///     .client(Client::new("id").scope(["openid", "email"]))
///     .discovery_endpoint("https://accounts.example.com/.well-known/openid-configuration");
/// ```
#[derive(Clone)]
#[must_use]
pub struct ProviderConfig {
    /// What the core can keep of a tenant's provider too.
    pub settings: ProviderSettings,
    /// The built-in provider that this one is, if its id does not begin so.
    pub implementation: Option<String>,
    /// Who must have made its id tokens. The discovery document says so, if there is one.
    pub issuer: Option<String>,
    /// The PKCE methods that it knows. The discovery document says so, if there is one.
    pub code_challenge_methods: Option<Vec<String>>,
    pub(super) is_in_every_tenant: bool,
    pub(super) validate_id_token: Option<Check<Object>>,
    pub(super) validate_access_token: Option<Check<String>>,
    /// Gets the tenant and the user's id there.
    pub(super) fake_email: Option<Callback<(String, String), String>>,
    replacements: Vec<Replace>,
}

// Nothing but the id, as the settings hold secrets.
impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderConfig").field("id", &self.settings.third_party_id).finish_non_exhaustive()
    }
}

impl From<ProviderSettings> for ProviderConfig {
    fn from(settings: ProviderSettings) -> Self {
        Self {
            settings,
            implementation: None,
            issuer: None,
            code_challenge_methods: None,
            is_in_every_tenant: false,
            validate_id_token: None,
            validate_access_token: None,
            fake_email: None,
            replacements: Vec::new(),
        }
    }
}

impl ProviderConfig {
    /// A provider by its id. One that begins as a built-in one's is that one: `google-for-staff` is Google.
    pub fn new(id: impl Into<String>) -> Self {
        ProviderSettings { third_party_id: id.into(), ..ProviderSettings::default() }.into()
    }

    /// It is a built-in provider, though its id does not begin so.
    pub fn implementation(mut self, of: impl Into<String>) -> Self {
        self.implementation = Some(of.into());
        self
    }

    /// What pages call it.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = Some(name.into());
        self
    }

    /// The app's registration there. If there are several, frontends name the kind that they are.
    pub fn client(mut self, client: impl Into<ProviderClient>) -> Self {
        self.settings.clients.push(client.into());
        self
    }

    /// Where it describes itself, by OpenID Connect Discovery.
    pub fn discovery_endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.oidc_discovery_endpoint = Some(url.into());
        self
    }

    /// Who must have made its id tokens, where there is no discovery document to say so.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Where the keys of its id tokens are. Without them id tokens are not looked at.
    pub fn jwks_uri(mut self, url: impl Into<String>) -> Self {
        self.settings.jwks_uri = Some(url.into());
        self
    }

    /// Where users are sent.
    pub fn authorization_endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.authorization_endpoint = Some(url.into());
        self
    }

    /// A parameter that users are sent there with; `None` takes one of the SDK's own away.
    pub fn authorization_param(mut self, name: impl Into<String>, value: Option<&str>) -> Self {
        let params = &mut self.settings.authorization_endpoint_query_params;
        params.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Where codes become tokens.
    pub fn token_endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.token_endpoint = Some(url.into());
        self
    }

    /// A field that codes are sent there with; `None` takes one of the SDK's own away.
    pub fn token_param(mut self, name: impl Into<String>, value: Option<&str>) -> Self {
        let params = &mut self.settings.token_endpoint_body_params;
        params.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Where it tells about the user.
    pub fn user_info_endpoint(mut self, url: impl Into<String>) -> Self {
        self.settings.user_info_endpoint = Some(url.into());
        self
    }

    /// A parameter that it is asked about the user with.
    pub fn user_info_param(mut self, name: impl Into<String>, value: Option<&str>) -> Self {
        let params = &mut self.settings.user_info_endpoint_query_params;
        params.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// A header that it is asked about the user with; `None` takes one of the SDK's own away.
    pub fn user_info_header(mut self, name: impl Into<String>, value: Option<&str>) -> Self {
        let headers = &mut self.settings.user_info_endpoint_headers;
        headers.get_or_insert_default().insert(name.into(), value.into());
        self
    }

    /// Where in what it tells the user's id and address are; dots lead into objects, as in `data.id`. What is
    /// not said is at its usual place: `sub`, `email`, `email_verified`.
    pub fn user_info_map(mut self, map: UserInfoMap) -> Self {
        self.settings.user_info_map = map;
        self
    }

    /// Users without an address get one that nobody reads, instead of being turned away.
    pub fn email_optional(mut self) -> Self {
        self.settings.require_email = Some(false);
        self
    }

    /// How the address is made that nobody reads, of the tenant and the user's id at the provider. Two users
    /// must not get the same: the address counts as verified.
    pub fn fake_email<V, F>(mut self, make: V) -> Self
    where
        V: Fn(Cx, String, String) -> F + Send + Sync + 'static,
        F: Future<Output = Result<String>> + Send + 'static,
    {
        self.fake_email = Some(Callback::new(move |cx, (tenant, user_id)| make(cx, tenant, user_id)));
        self
    }

    /// A further condition for id tokens whose signature, issuer, audience and time are good. A sign-in
    /// without an id token is then refused.
    pub fn validate_id_token<V, F>(mut self, validate: V) -> Self
    where
        V: Fn(Cx, Object, ProviderForClient) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.validate_id_token =
            Some(Callback::new(move |cx, (payload, config)| validate(cx, payload, config)));
        self
    }

    /// Whether an access token is good, which may ask the provider. It must refuse a token that was issued
    /// to another app: frontends may send any.
    pub fn validate_access_token<V, F>(mut self, validate: V) -> Self
    where
        V: Fn(Cx, String, ProviderForClient) -> F + Send + Sync + 'static,
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.validate_access_token =
            Some(Callback::new(move |cx, (token, config)| validate(cx, token, config)));
        self
    }

    /// Other tenants than the public one have it too, unless they have providers of their own.
    pub fn in_every_tenant(mut self) -> Self {
        self.is_in_every_tenant = true;
        self
    }

    /// Replaces functions of this provider: `replace` gets those below and answers those above.
    pub fn override_functions<F: ProviderFunctions + 'static>(
        mut self,
        replace: impl Fn(Arc<dyn ProviderFunctions>) -> F + Send + Sync + 'static,
    ) -> Self {
        self.replacements.push(Arc::new(move |below| Arc::new(replace(below))));
        self
    }

    /// The provider's functions as the app wants them.
    pub(super) fn replaced(&self, base: Arc<dyn ProviderFunctions>) -> Arc<dyn ProviderFunctions> {
        self.replacements.iter().fold(base, |below, replace| replace(below))
    }

    /// Whether the app has replaced some of its functions.
    pub(super) fn has_own_functions(&self) -> bool {
        !self.replacements.is_empty()
    }

    pub(crate) fn id(&self) -> &str {
        &self.settings.third_party_id
    }

    /// The name of the built-in provider that it may be.
    pub(super) fn built_in(&self) -> &str {
        self.implementation.as_deref().unwrap_or_else(|| self.id())
    }

    /// What the core keeps for a tenant, laid over what the app says of the same provider.
    pub(super) fn overlaid(&self, tenant: ProviderSettings) -> Self {
        let own = &self.settings;
        let mut clients = own.clients.clone();
        for client in tenant.clients {
            match clients.iter_mut().find(|known| known.client_type == client.client_type) {
                Some(known) => *known = client,
                None => clients.push(client),
            }
        }
        let fields = |over: UserInfoFields, own: &UserInfoFields| UserInfoFields {
            user_id: over.user_id.or_else(|| own.user_id.clone()),
            email: over.email.or_else(|| own.email.clone()),
            email_verified: over.email_verified.or_else(|| own.email_verified.clone()),
        };
        let (map, own_map) = (tenant.user_info_map, &own.user_info_map);
        let text = |over: Option<String>, own: &Option<String>| over.or_else(|| own.clone());
        let object = |over: Option<Object>, own: &Option<Object>| over.or_else(|| own.clone());
        let (params, own_params) =
            (tenant.authorization_endpoint_query_params, &own.authorization_endpoint_query_params);
        let settings = ProviderSettings {
            third_party_id: tenant.third_party_id,
            name: text(tenant.name, &own.name),
            clients,
            authorization_endpoint: text(tenant.authorization_endpoint, &own.authorization_endpoint),
            authorization_endpoint_query_params: object(params, own_params),
            token_endpoint: text(tenant.token_endpoint, &own.token_endpoint),
            token_endpoint_body_params: object(
                tenant.token_endpoint_body_params,
                &own.token_endpoint_body_params,
            ),
            user_info_endpoint: text(tenant.user_info_endpoint, &own.user_info_endpoint),
            user_info_endpoint_query_params: object(
                tenant.user_info_endpoint_query_params,
                &own.user_info_endpoint_query_params,
            ),
            user_info_endpoint_headers: object(
                tenant.user_info_endpoint_headers,
                &own.user_info_endpoint_headers,
            ),
            jwks_uri: text(tenant.jwks_uri, &own.jwks_uri),
            oidc_discovery_endpoint: text(tenant.oidc_discovery_endpoint, &own.oidc_discovery_endpoint),
            require_email: tenant.require_email.or(own.require_email),
            user_info_map: UserInfoMap {
                from_id_token_payload: fields(map.from_id_token_payload, &own_map.from_id_token_payload),
                from_user_info_api: fields(map.from_user_info_api, &own_map.from_user_info_api),
            },
        };
        Self { settings, ..self.clone() }
    }
}

/// A provider with the one client that a call is about.
#[derive(Clone, Debug)]
pub struct ProviderForClient {
    /// The provider, complete.
    pub provider: ProviderConfig,
    /// The client.
    pub client: ProviderClient,
}

impl ProviderForClient {
    /// What only this provider needs, if it is text.
    pub(super) fn additional(&self, name: &str) -> Option<&str> {
        self.client.additional_config.as_ref()?.get(name)?.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(value: Value) -> ProviderSettings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn what_a_tenant_says_wins_and_clients_replace_those_of_their_kind() {
        let mut app = ProviderConfig::new("custom").email_optional().issuer("https://i");
        app.settings = settings(json!({
            "thirdPartyId": "custom", "name": "Ours", "tokenEndpoint": "https://t", "requireEmail": false,
            "clients": [
                {"clientType": "web", "clientId": "w", "clientSecret": "s"},
                {"clientType": "ios", "clientId": "i", "forcePKCE": true},
            ],
            "userInfoMap": {"fromIdTokenPayload": {"userId": "uid", "email": "mail"}},
        }));
        let tenant = settings(json!({
            "thirdPartyId": "custom", "name": "Theirs", "jwksURI": "https://j",
            "clients": [{"clientType": "web", "clientId": "theirs"}, {"clientType": "tv", "clientId": "t"}],
            "userInfoMap": {"fromIdTokenPayload": {"email": "post"}, "fromUserInfoAPI": {"userId": "id"}},
        }));
        let both = app.overlaid(tenant);
        assert_eq!(both.issuer.as_deref(), Some("https://i"));
        let expected = settings(json!({
            "thirdPartyId": "custom", "name": "Theirs", "tokenEndpoint": "https://t", "requireEmail": false,
            "jwksURI": "https://j",
            "clients": [
                // Nothing of the app's own client of this kind is left, its secret least of all.
                {"clientType": "web", "clientId": "theirs"},
                {"clientType": "ios", "clientId": "i", "forcePKCE": true},
                {"clientType": "tv", "clientId": "t"},
            ],
            "userInfoMap": {
                "fromIdTokenPayload": {"userId": "uid", "email": "post"},
                "fromUserInfoAPI": {"userId": "id"},
            },
        }));
        assert_eq!(serde_json::to_value(both.settings).unwrap(), serde_json::to_value(expected).unwrap());
    }

    #[test]
    fn no_secret_is_in_a_debug_text() {
        let client = Client::new("id").secret("hidden").additional("privateKey", "hidden");
        let config = ProviderConfig::new("custom").client(client.clone()).token_param("key", Some("hidden"));
        let chosen = ProviderForClient { provider: config.clone(), client: client.clone().into() };
        for text in [format!("{client:?}"), format!("{config:?}"), format!("{chosen:#?}")] {
            assert!(!text.contains("hidden"), "{text}");
        }
    }
}
