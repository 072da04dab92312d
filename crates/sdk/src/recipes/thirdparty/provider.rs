//! A provider at work: where users are sent, what becomes of a code, and what a provider's tokens tell. Each
//! function can be replaced, for each provider.

use super::provider_config::{ProviderConfig, ProviderForClient};
use super::quirks::{self, Quirks};
use super::remote::Remote;
use super::types::{
    AuthorisationUrl, OAuthTokens, RawUserInfo, RedirectUriInfo, TokenSource, UserInfo, refused,
};
use super::{id_token, pkce, user_info};
use crate::{Cx, Error, Result};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_wire::Object;
use portcullis_wire::providers::ProviderClient;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use url::Url;

/// A provider's functions. A replacement implements [`ProviderFunctions::original`] and what it changes.
#[async_trait]
pub trait ProviderFunctions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn ProviderFunctions;

    /// Chooses the client, and completes what is not said of the provider. The discovery document is read
    /// afterwards.
    async fn for_client_type(
        &self,
        cx: &Cx,
        tenant: &str,
        config: ProviderConfig,
        client_type: Option<&str>,
    ) -> Result<ProviderForClient> {
        self.original().for_client_type(cx, tenant, config, client_type).await
    }

    /// Where the frontend sends the user.
    async fn authorisation_redirect_url(
        &self,
        cx: &Cx,
        tenant: &str,
        config: &ProviderForClient,
        redirect_uri: &str,
    ) -> Result<AuthorisationUrl> {
        self.original().authorisation_redirect_url(cx, tenant, config, redirect_uri).await
    }

    /// Makes tokens out of what came back from the provider.
    async fn exchange_auth_code(
        &self,
        cx: &Cx,
        tenant: &str,
        config: &ProviderForClient,
        came_back: &RedirectUriInfo,
    ) -> Result<OAuthTokens> {
        self.original().exchange_auth_code(cx, tenant, config, came_back).await
    }

    /// Verifies tokens, and asks the provider about their user.
    async fn user_info(
        &self,
        cx: &Cx,
        tenant: &str,
        config: &ProviderForClient,
        tokens: &OAuthTokens,
    ) -> Result<UserInfo> {
        self.original().user_info(cx, tenant, config, tokens).await
    }
}

/// A provider of a tenant, for one kind of client.
#[derive(Clone)]
pub struct Provider {
    config: ProviderForClient,
    functions: Arc<dyn ProviderFunctions>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Provider {
    /// The provider that is described, complete.
    pub(super) async fn complete(
        cx: &Cx,
        tenant: &str,
        mut config: ProviderConfig,
        client_type: Option<&str>,
    ) -> Result<Self> {
        let quirks = quirks::of(config.built_in())?;
        quirks.complete(&mut config);
        user_info::complete(&mut config.settings.user_info_map);
        let functions = config.replaced(Arc::new(OAuth2 { quirks }));
        let mut config = functions.for_client_type(cx, tenant, config, client_type).await?;
        discover(&cx.sdk().third_party()?.remote, &mut config.provider).await?;
        Ok(Self { config, functions })
    }

    /// The provider's id.
    pub fn id(&self) -> &str {
        self.config.provider.id()
    }

    /// What is known of it, its secrets among that.
    pub fn config(&self) -> &ProviderForClient {
        &self.config
    }

    /// Where the frontend sends the user.
    pub async fn authorisation_redirect_url(
        &self,
        cx: &Cx,
        tenant: &str,
        redirect_uri: &str,
    ) -> Result<AuthorisationUrl> {
        self.functions.authorisation_redirect_url(cx, tenant, &self.config, redirect_uri).await
    }

    /// Makes tokens out of what came back from the provider.
    pub async fn exchange_auth_code(
        &self,
        cx: &Cx,
        tenant: &str,
        came_back: &RedirectUriInfo,
    ) -> Result<OAuthTokens> {
        self.functions.exchange_auth_code(cx, tenant, &self.config, came_back).await
    }

    /// Verifies tokens, and asks the provider about their user.
    pub async fn user_info(&self, cx: &Cx, tenant: &str, tokens: &OAuthTokens) -> Result<UserInfo> {
        self.functions.user_info(cx, tenant, &self.config, tokens).await
    }

    /// The address of a user who has none, if such users are let in: nobody reads it.
    pub(super) async fn fake_email(&self, cx: &Cx, tenant: &str, user_id: &str) -> Result<Option<String>> {
        let provider = &self.config.provider;
        if provider.settings.require_email != Some(false) {
            return Ok(None);
        }
        if let Some(make) = &provider.fake_email {
            return make.call(cx, (tenant.to_owned(), user_id.to_owned())).await.map(Some);
        }
        let (user, provider) = (distinct(user_id, true), distinct(self.id(), false));
        Ok(Some(format!("{user}.{provider}@stfakeemail.supertokens.com")))
    }
}

/// An id as a part of an address that no other id makes: two users with one address may be linked. Ids tell upper
/// and lower case apart, addresses do not.
fn distinct(id: &str, has_dots: bool) -> String {
    let is_plain = |c: char| {
        c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_') || (has_dots && c == '.')
    };
    let mut part = String::new();
    for c in id.chars() {
        if is_plain(c) { part.push(c) } else { part.push_str(&format!("^{:x}^", u32::from(c))) }
    }
    part
}

/// Takes from the discovery document what is not said otherwise.
async fn discover(remote: &Remote, config: &mut ProviderConfig) -> Result<()> {
    let Some(url) = &config.settings.oidc_discovery_endpoint else { return Ok(()) };
    let document = remote.document(url).await?;
    let settings = &mut config.settings;
    let text = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
    let fill = |field: &mut Option<String>, name: &str| {
        if field.is_none() {
            *field = text(name);
        }
    };
    fill(&mut settings.authorization_endpoint, "authorization_endpoint");
    fill(&mut settings.token_endpoint, "token_endpoint");
    fill(&mut settings.user_info_endpoint, "userinfo_endpoint");
    fill(&mut settings.jwks_uri, "jwks_uri");
    fill(&mut config.issuer, "issuer");
    if config.code_challenge_methods.is_none() {
        let methods = document.get("code_challenge_methods_supported").and_then(Value::as_array);
        let texts =
            |methods: &Vec<Value>| methods.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        config.code_challenge_methods = methods.map(texts);
    }
    Ok(())
}

/// What a provider does unless it is replaced: OAuth 2 and OpenID Connect, and the quirks of a built-in one.
struct OAuth2 {
    quirks: &'static dyn Quirks,
}

#[async_trait]
impl ProviderFunctions for OAuth2 {
    fn original(&self) -> &dyn ProviderFunctions {
        self
    }

    async fn for_client_type(
        &self,
        cx: &Cx,
        _tenant: &str,
        mut provider: ProviderConfig,
        client_type: Option<&str>,
    ) -> Result<ProviderForClient> {
        let clients = std::mem::take(&mut provider.settings.clients);
        let client = choose(clients, client_type)?;
        let mut config = ProviderForClient { provider, client };
        self.quirks.complete_for_client(cx, &mut config)?;
        Ok(config)
    }

    async fn authorisation_redirect_url(
        &self,
        _cx: &Cx,
        _tenant: &str,
        config: &ProviderForClient,
        redirect_uri: &str,
    ) -> Result<AuthorisationUrl> {
        let ProviderForClient { provider, client } = config;
        let mut params = Params::default();
        params.set("client_id", &client.client_id);
        params.set("redirect_uri", redirect_uri);
        params.set("response_type", "code");
        if let Some(scope) = &client.scope {
            params.set("scope", &scope.join(" "));
        }
        let verifier = if uses_pkce(config) { Some(pkce::new_verifier()?) } else { None };
        if let Some(verifier) = &verifier {
            params.set("code_challenge", &pkce::challenge(verifier));
            params.set("code_challenge_method", "S256");
            let has_id_token = client.scope.iter().flatten().any(|scope| scope == "openid");
            if has_id_token && provider.settings.jwks_uri.is_some() {
                params.set("nonce", &pkce::nonce(verifier));
            }
        }
        params.overlay(provider.settings.authorization_endpoint_query_params.as_ref());
        let endpoint =
            endpoint(provider.settings.authorization_endpoint.as_deref(), "authorizationEndpoint")?;
        let mut url = Url::parse(endpoint).map_err(|_| Error::Internal(format!("'{endpoint}' is no URL")))?;
        params.set_in(&mut url);
        Ok(AuthorisationUrl { url: url.into(), pkce_code_verifier: verifier })
    }

    async fn exchange_auth_code(
        &self,
        cx: &Cx,
        _tenant: &str,
        config: &ProviderForClient,
        came_back: &RedirectUriInfo,
    ) -> Result<OAuthTokens> {
        let ProviderForClient { provider, client } = config;
        let code = came_back.param("code").filter(|code| !code.is_empty());
        let code =
            code.ok_or_else(|| Error::bad_input("Please provide the code in redirectURIQueryParams"))?;
        if let (Some(told), Some(issuer)) = (came_back.param("iss"), &provider.issuer)
            && !self.quirks.is_issuer(issuer, told, None)
        {
            return Err(refused("the code is another provider's"));
        }
        let mut fields = Params::default();
        fields.set("client_id", &client.client_id);
        fields.set("redirect_uri", &came_back.redirect_uri_on_provider_dashboard);
        fields.set("code", code);
        fields.set("grant_type", "authorization_code");
        let mut headers = Vec::new();
        if self.quirks.has_basic_authentication() {
            let pair =
                format!("{}:{}", client.client_id, client.client_secret.as_deref().unwrap_or_default());
            headers.push(("authorization".to_owned(), format!("Basic {}", STANDARD.encode(pair))));
        } else if let Some(secret) = &client.client_secret {
            fields.set("client_secret", secret);
        }
        if let Some(verifier) = &came_back.pkce_code_verifier {
            fields.set("code_verifier", verifier);
        }
        fields.overlay(provider.settings.token_endpoint_body_params.as_ref());
        let endpoint = endpoint(provider.settings.token_endpoint.as_deref(), "tokenEndpoint")?;
        let remote = &cx.sdk().third_party()?.remote;
        let Value::Object(values) = remote.post_form(endpoint, &fields.0, &headers).await? else {
            return Err(Error::Provider(format!("{endpoint} answers no JSON object")));
        };
        // Some answer 200 and an error.
        if values.get("access_token").or_else(|| values.get("id_token")).is_none() {
            return Err(refused("the provider gives no tokens for the code"));
        }
        let source = TokenSource::Provider { pkce_code_verifier: came_back.pkce_code_verifier.clone() };
        let mut tokens = OAuthTokens { values, source };
        self.quirks.add_to_tokens(&mut tokens, came_back);
        Ok(tokens)
    }

    async fn user_info(
        &self,
        cx: &Cx,
        _tenant: &str,
        config: &ProviderForClient,
        tokens: &OAuthTokens,
    ) -> Result<UserInfo> {
        let payload = self.verified_id_token(cx, config, tokens).await?;
        let answer = self.asked(cx, config, tokens, payload.as_ref()).await?;
        let mut raw = RawUserInfo {
            from_id_token_payload: payload.unwrap_or_default(),
            from_user_info_api: answer.unwrap_or_else(|| Value::Object(Object::new())),
        };
        let (user_id, email) = self.quirks.read(&config.provider, &raw);
        let third_party_user_id = user_id.ok_or_else(|| refused("the provider tells no user id"))?;
        self.quirks.add_to_raw(&mut raw, tokens);
        Ok(UserInfo { third_party_user_id, email, raw })
    }
}

impl OAuth2 {
    /// What the id token says, if there is one and it can be verified.
    async fn verified_id_token(
        &self,
        cx: &Cx,
        config: &ProviderForClient,
        tokens: &OAuthTokens,
    ) -> Result<Option<Object>> {
        let ProviderForClient { provider, client } = config;
        let validate = provider.validate_id_token.as_ref();
        let (Some(token), Some(jwks_uri)) = (tokens.text("id_token"), &provider.settings.jwks_uri) else {
            if validate.is_some() || self.quirks.needs_id_token() {
                return Err(refused("an id token is needed"));
            }
            return Ok(None);
        };
        let payload = id_token::verify(&cx.sdk().third_party()?.remote, jwks_uri, token).await?;
        id_token::check_claims(&payload, &client.client_id, cx.now())?;
        if let Some(issuer) = &provider.issuer {
            let text = |name: &str| payload.get(name).and_then(Value::as_str);
            if !text("iss").is_some_and(|told| self.quirks.is_issuer(issuer, told, text("tid"))) {
                return Err(refused("the id token is another issuer's"));
            }
        }
        id_token::check_nonce(&payload, tokens)?;
        self.quirks.check_id_token(config, &payload)?;
        if let Some(validate) = validate {
            validate.call(cx, (payload.clone(), config.clone())).await?;
        }
        Ok(Some(payload))
    }

    /// What the provider answers about the user of the access token. Who brings an access token along may have
    /// got it in an app of their own, from a user of that app: it counts only if it is known to be this app's,
    /// or if it is the same user's as a good id token.
    async fn asked(
        &self,
        cx: &Cx,
        config: &ProviderForClient,
        tokens: &OAuthTokens,
        payload: Option<&Object>,
    ) -> Result<Option<Value>> {
        let Some(token) = tokens.text("access_token") else {
            let nothing = if payload.is_some() { Ok(None) } else { Err(refused("there is no access token")) };
            return nothing;
        };
        let remote = &cx.sdk().third_party()?.remote;
        let mut is_ours = tokens.source != TokenSource::Frontend;
        if let Some(validate) = &config.provider.validate_access_token {
            validate.call(cx, (token.to_owned(), config.clone())).await?;
            is_ours = true;
        }
        if !is_ours && payload.is_none() {
            is_ours = self.quirks.is_issued_to(remote, config, token).await?;
            if !is_ours {
                return Err(refused("nothing shows that the access token was issued to this app"));
            }
        }
        let answer = self.quirks.ask(remote, config, token).await?;
        if let (Some(payload), Some(answer)) = (payload, &answer) {
            let (first, second) = (payload.get("sub"), answer.get("sub"));
            if first != second && (second.is_some() || !is_ours) {
                return Err(refused("id token and access token are of two users"));
            }
        }
        Ok(answer)
    }
}

/// The client of a kind; without one, the only client.
fn choose(clients: Vec<ProviderClient>, client_type: Option<&str>) -> Result<ProviderClient> {
    let is_only = clients.len() == 1;
    let mut clients = clients.into_iter();
    match client_type {
        None => clients.next().filter(|_| is_only).ok_or_else(|| {
            Error::bad_input("please provide exactly one client config or pass clientType or tenantId")
        }),
        Some(kind) => clients
            .find(|client| client.client_type.as_deref() == Some(kind))
            .ok_or_else(|| Error::bad_input(format!("Could not find client config for clientType: {kind}"))),
    }
}

fn uses_pkce(config: &ProviderForClient) -> bool {
    let ProviderForClient { provider, client } = config;
    client.client_secret.is_none()
        || client.force_pkce == Some(true)
        || provider.code_challenge_methods.iter().flatten().any(|method| method == "S256")
}

pub(super) fn endpoint<'e>(url: Option<&'e str>, name: &str) -> Result<&'e str> {
    url.ok_or_else(|| Error::Internal(format!("ThirdParty provider's {name} is not configured.")))
}

/// Parameters of a request, each once, in order.
#[derive(Default)]
pub(super) struct Params(pub(super) Vec<(String, String)>);

impl Params {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => value.clone_into(known),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Lays further ones over them; a `null` takes one away.
    pub(super) fn overlay(&mut self, over: Option<&Object>) {
        for (name, value) in over.into_iter().flatten() {
            match value {
                Value::Null => self.0.retain(|(known, _)| known != name),
                Value::String(text) => self.set(name, text),
                other => self.set(name, &other.to_string()),
            }
        }
    }

    /// Replaces those of the same name in a URL.
    pub(super) fn set_in(&self, url: &mut Url) {
        let is_replaced = |name: &str| self.0.iter().any(|(known, _)| known == name);
        let kept: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let kept = kept.iter().filter(|(name, _)| !is_replaced(name));
        let all: Vec<_> = kept.chain(&self.0).collect();
        url.query_pairs_mut().clear().extend_pairs(all.iter().map(|(name, value)| (name, value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parameters_are_there_once_and_can_be_taken_away() {
        let mut params = Params::default();
        params.set("client_id", "a b");
        params.set("response_mode", "query");
        params.overlay(json!({"response_mode": null, "prompt": "login", "max_age": 5}).as_object());
        let mut url = Url::parse("https://example.com/authorize?tenant=1&client_id=other").unwrap();
        params.set_in(&mut url);
        let expected = "https://example.com/authorize?tenant=1&client_id=a+b&prompt=login&max_age=5";
        assert_eq!(url.as_str(), expected);
    }

    #[test]
    fn ids_that_differ_make_addresses_that_differ() {
        assert_eq!(distinct("001.4f-a_b", true), "001.4f-a_b");
        assert_eq!(distinct("Ann@^", true), "^41^nn^40^^5e^");
        let address = |user: &str, provider: &str| {
            let address = format!("{}.{}", distinct(user, true), distinct(provider, false));
            address.to_lowercase()
        };
        for (first, second) in [
            (("Ann", "own"), ("ann", "own")),
            (("\u{212A}im", "own"), ("kim", "own")),
            (("^41^", "own"), ("A", "own")),
            (("a.b", "c"), ("a", "b.c")),
        ] {
            assert_ne!(address(first.0, first.1), address(second.0, second.1), "{first:?}");
        }
    }

    #[test]
    fn a_client_is_chosen_by_its_kind() {
        let client = |kind: Option<&str>, id: &str| ProviderClient {
            client_type: kind.map(str::to_owned),
            client_id: id.to_owned(),
            ..ProviderClient::default()
        };
        let two = || vec![client(Some("web"), "w"), client(Some("ios"), "i")];
        let id = |clients, kind| choose(clients, kind).ok().map(|client| client.client_id);
        assert_eq!(id(two(), Some("ios")).as_deref(), Some("i"));
        assert_eq!(id(vec![client(None, "n")], None).as_deref(), Some("n"));
        assert_eq!(id(vec![client(Some("web"), "w")], None).as_deref(), Some("w"));
        for (clients, kind) in
            [(two(), None), (two(), Some("tv")), (vec![], None), (vec![client(None, "n")], Some("web"))]
        {
            assert_eq!(id(clients, kind), None);
        }
    }
}
