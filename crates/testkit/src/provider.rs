//! A provider of third-party sign-in on `127.0.0.1`: OpenID Connect with discovery, PKCE and signed id tokens,
//! for one person who is always signed in. It keeps to the standards, unless a test tells it not to.
//!
//! | request | answer |
//! |---|---|
//! | `GET /.well-known/openid-configuration` | the discovery document |
//! | `GET /jwks` | the keys |
//! | `GET /authorize` | back to `redirect_uri` with a code, by redirect or, if asked for, by a form |
//! | `POST /token` | tokens for a code, once |
//! | `GET /userinfo` | about the person of an access token |
//! | `POST /person` | nothing: the person with these claims is signed in from now on |

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use portcullis_core::Clock;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use url::Url;

/// Who is signed in at the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The id there.
    pub id: String,
    /// The address, if the provider tells one.
    pub email: Option<String>,
    /// What the provider says about it, if anything.
    pub email_verified: Option<bool>,
}

impl Person {
    /// Somebody with an address that the provider has verified.
    pub fn verified(id: &str, email: &str) -> Self {
        Self { id: id.to_owned(), email: Some(email.to_owned()), email_verified: Some(true) }
    }
}

/// What the provider does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Id tokens name another issuer.
    OtherIssuer,
    /// Id tokens are for another app.
    OtherAudience,
    /// Id tokens have expired an hour ago.
    OldIdToken,
    /// Id tokens are signed with a key that is not in the list, by the name of one that is.
    OtherKey,
    /// There are no id tokens.
    NoIdToken,
    /// The user info is about somebody else.
    OtherUserInfo,
    /// Verifiers are not looked at, as with providers that know nothing of PKCE.
    NoPkce,
    /// The token endpoint breaks down.
    Broken,
}

/// A running provider; it ends with the test.
#[derive(Clone)]
pub struct TestProvider {
    url: String,
    clock: Clock,
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for TestProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestProvider").field("url", &self.url).finish_non_exhaustive()
    }
}

struct State {
    person: Person,
    fault: Fault,
    /// The one that signs is the last.
    keys: Vec<Key>,
    codes: HashMap<String, Grant>,
    access_tokens: HashMap<String, Person>,
    requests: Vec<String>,
    count: usize,
}

struct Key {
    name: String,
    pair: EcdsaKeyPair,
}

/// What a code was given for.
struct Grant {
    person: Person,
    client_id: String,
    redirect_uri: String,
    challenge: Option<String>,
    nonce: Option<String>,
}

/// The secret of a client that has one. Any client is known.
pub fn secret_of(client_id: &str) -> String {
    format!("the secret of {client_id}")
}

impl TestProvider {
    /// A provider that goes by a clock, where Ann is signed in.
    pub async fn start(clock: Clock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("a bound listener"));
        let state = State {
            person: Person::verified("ann-at-provider", "ann@example.com"),
            fault: Fault::None,
            keys: vec![new_key("first")],
            codes: HashMap::new(),
            access_tokens: HashMap::new(),
            requests: Vec::new(),
            count: 0,
        };
        let provider = Self { url, clock, state: Arc::new(Mutex::new(state)) };
        #[expect(clippy::disallowed_methods, reason = "the provider ends with the test")]
        tokio::spawn(provider.clone().serve(listener));
        provider
    }

    /// Its address, which is its issuer too.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address of its discovery document.
    pub fn discovery_endpoint(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url)
    }

    /// Somebody else is signed in from now on.
    pub fn set_person(&self, person: Person) {
        self.state().person = person;
    }

    /// Something is wrong from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.state().fault = fault;
    }

    /// A new key signs from now on; the old ones stay in the list.
    pub fn rotate_keys(&self) {
        let mut state = self.state();
        let name = format!("key-{}", state.keys.len());
        state.keys.push(new_key(&name));
    }

    /// The requests since this was last asked, as `POST /token`.
    pub fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state().requests)
    }

    /// What a frontend gets back that sends the user to this address: the parameters of the redirect.
    pub fn sign_in(&self, authorisation_url: &str) -> Value {
        let url = Url::parse(authorisation_url).expect("a URL");
        let params: serde_json::Map<_, _> =
            self.authorise(&query(&url)).into_iter().map(|(name, value)| (name, value.into())).collect();
        Value::Object(params)
    }

    /// Tokens as a native app gets them from the provider's own library, for a client of this id.
    pub fn tokens(&self, client_id: &str, nonce: Option<&str>) -> Value {
        let mut state = self.state();
        let grant = Grant {
            person: state.person.clone(),
            client_id: client_id.to_owned(),
            redirect_uri: String::new(),
            challenge: None,
            nonce: nonce.map(str::to_owned),
        };
        self.tokens_for(&mut state, &grant)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let provider = self.clone();
            let service = service_fn(move |request| {
                let provider = provider.clone();
                async move { Ok::<_, Infallible>(provider.answer(request).await) }
            });
            #[expect(clippy::disallowed_methods, reason = "the connection ends with the test")]
            tokio::spawn(async move {
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        self.state().requests.push(format!("{} {path}", head.method));
        let url = Url::parse(&format!("{}{}", self.url, head.uri)).expect("a URL");
        let authorization = head.headers.get("authorization").and_then(|value| value.to_str().ok());
        match (head.method, path.as_str()) {
            (Method::GET, "/.well-known/openid-configuration") => reply(StatusCode::OK, &self.document()),
            (Method::GET, "/jwks") => reply(StatusCode::OK, &self.jwks()),
            (Method::GET, "/authorize") => self.page(&query(&url)),
            (Method::POST, "/token") => {
                let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                let form = url::form_urlencoded::parse(&body).into_owned().collect();
                self.exchange(&form, authorization)
            }
            (Method::GET, "/userinfo") => self.user_info(authorization),
            (Method::POST, "/person") => {
                let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
                self.set_person(person_of(&serde_json::from_slice(&body).expect("claims")));
                reply(StatusCode::OK, &json!({}))
            }
            _ => reply(StatusCode::NOT_FOUND, &json!({})),
        }
    }

    fn document(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.url);
        json!({
            "issuer": self.url,
            "authorization_endpoint": at("authorize"),
            "token_endpoint": at("token"),
            "userinfo_endpoint": at("userinfo"),
            "jwks_uri": at("jwks"),
            "code_challenge_methods_supported": ["S256"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    fn jwks(&self) -> Value {
        let state = self.state();
        let keys: Vec<_> = state.keys.iter().map(Key::shown).collect();
        json!({"keys": keys})
    }

    /// Gives a code for what an authorisation request asks: the parameters that go back.
    fn authorise(&self, asked: &HashMap<String, String>) -> Vec<(String, String)> {
        let mut state = self.state();
        state.count += 1;
        let code = format!("code-{}", state.count);
        let text = |name: &str| asked.get(name).cloned();
        let grant = Grant {
            person: state.person.clone(),
            client_id: text("client_id").unwrap_or_default(),
            redirect_uri: text("redirect_uri").unwrap_or_default(),
            challenge: text("code_challenge"),
            nonce: text("nonce"),
        };
        state.codes.insert(code.clone(), grant);
        let back = [("code", Some(code)), ("state", text("state")), ("iss", Some(self.url.clone()))];
        back.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    fn page(&self, asked: &HashMap<String, String>) -> Response<Full<Bytes>> {
        let Some(mut target) = asked.get("redirect_uri").and_then(|text| Url::parse(text).ok()) else {
            return reply(StatusCode::BAD_REQUEST, &json!({"error": "invalid_request"}));
        };
        let back = self.authorise(asked);
        let mut response = Response::new(Full::default());
        if asked.get("response_mode").map(String::as_str) == Some("form_post") {
            let escaped = |text: &str| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
            let input = |(name, value): &(String, String)| {
                format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">", escaped(name), escaped(value))
            };
            let inputs: String = back.iter().map(input).collect();
            let page = format!(
                "<form method=\"post\" action=\"{}\">{inputs}</form><script>document.forms[0].submit()</script>",
                escaped(target.as_str())
            );
            *response.body_mut() = Full::new(page.into());
            response.headers_mut().insert(CONTENT_TYPE, "text/html".parse().expect("a header"));
            return response;
        }
        target.query_pairs_mut().extend_pairs(&back);
        *response.status_mut() = StatusCode::FOUND;
        response.headers_mut().insert(LOCATION, target.as_str().parse().expect("a header"));
        response
    }

    fn exchange(&self, form: &HashMap<String, String>, authorization: Option<&str>) -> Response<Full<Bytes>> {
        let refused = |code: &str| reply(StatusCode::BAD_REQUEST, &json!({"error": code}));
        let text = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let mut state = self.state();
        if state.fault == Fault::Broken {
            return reply(StatusCode::INTERNAL_SERVER_ERROR, &json!({"error": "server_error"}));
        }
        // A code is used up even by who may not use it.
        let Some(grant) = state.codes.remove(text("code")) else { return refused("invalid_grant") };
        let secret = secret_of(&grant.client_id);
        let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", grant.client_id)));
        let is_known = match (form.get("client_secret"), authorization) {
            (Some(shown), _) => *shown == secret,
            (None, Some(shown)) => *shown == basic,
            (None, None) => grant.challenge.is_some(),
        };
        if !is_known {
            return refused("invalid_client");
        }
        let verified = match (&grant.challenge, form.get("code_verifier")) {
            _ if state.fault == Fault::NoPkce => true,
            (None, verifier) => verifier.is_none(),
            (Some(challenge), Some(verifier)) => {
                *challenge == URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
            }
            (Some(_), None) => false,
        };
        let is_same = grant.client_id == text("client_id") && grant.redirect_uri == text("redirect_uri");
        if !verified || !is_same || text("grant_type") != "authorization_code" {
            return refused("invalid_grant");
        }
        reply(StatusCode::OK, &self.tokens_for(&mut state, &grant))
    }

    fn tokens_for(&self, state: &mut State, grant: &Grant) -> Value {
        state.count += 1;
        let access_token = format!("access-token-{}", state.count);
        state.access_tokens.insert(access_token.clone(), grant.person.clone());
        let mut tokens = json!({"access_token": access_token, "token_type": "Bearer", "expires_in": 3600});
        if state.fault != Fault::NoIdToken {
            tokens["id_token"] = self.id_token(state, grant).into();
        }
        tokens
    }

    fn id_token(&self, state: &State, grant: &Grant) -> String {
        let is = |fault| state.fault == fault;
        let now = self.clock.now() / 1000 - if is(Fault::OldIdToken) { 7200 } else { 0 };
        let issuer = if is(Fault::OtherIssuer) { "https://evil.example" } else { &self.url };
        let audience = if is(Fault::OtherAudience) { "another-app" } else { &grant.client_id };
        let mut claims = claims_of(&grant.person);
        for (name, value) in [
            ("iss", json!(issuer)),
            ("aud", json!(audience)),
            ("iat", json!(now)),
            ("exp", json!(now + 3600)),
            ("nonce", json!(grant.nonce)),
        ] {
            if !value.is_null() {
                claims[name] = value;
            }
        }
        let key = state.keys.last().expect("a key");
        let header = json!({"alg": "ES256", "typ": "JWT", "kid": key.name});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let other = is(Fault::OtherKey).then(|| new_key(&key.name));
        let pair = &other.as_ref().unwrap_or(key).pair;
        let signature = pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    fn user_info(&self, authorization: Option<&str>) -> Response<Full<Bytes>> {
        let state = self.state();
        let token = authorization.and_then(|text| text.strip_prefix("Bearer "));
        match token.and_then(|token| state.access_tokens.get(token)) {
            None => reply(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_token"})),
            Some(_) if state.fault == Fault::OtherUserInfo => {
                reply(StatusCode::OK, &claims_of(&Person::verified("eve-at-provider", "eve@example.com")))
            }
            Some(person) => reply(StatusCode::OK, &claims_of(person)),
        }
    }
}

fn new_key(name: &str) -> Key {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    Key { name: name.to_owned(), pair }
}

impl Key {
    fn shown(&self) -> Value {
        // An uncompressed point: 4, x, y.
        let point = self.pair.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": self.name, "use": "sig", "alg": "ES256"})
    }
}

fn claims_of(person: &Person) -> Value {
    let mut claims = json!({"sub": person.id});
    if let Some(email) = &person.email {
        claims["email"] = email.as_str().into();
    }
    if let Some(is_verified) = person.email_verified {
        claims["email_verified"] = is_verified.into();
    }
    claims
}

fn person_of(claims: &Value) -> Person {
    let text = |name: &str| claims[name].as_str().map(str::to_owned);
    Person {
        id: text("sub").expect("an id"),
        email: text("email"),
        email_verified: claims["email_verified"].as_bool(),
    }
}

fn query(url: &Url) -> HashMap<String, String> {
    url.query_pairs().into_owned().collect()
}

fn reply(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().expect("a header"));
    response
}
