//! Functions, APIs and single providers that an app replaces.

use crate::thirdparty::{CALLBACK, World, client, method};
use async_trait::async_trait;
use http::{Method, Request};
use portcullis::recipes::thirdparty::{
    Api, Apis, AuthorisationUrl, CreatedOrUpdated, Functions, OAuthTokens, Provider, ProviderConfig,
    ProviderEmail, ProviderForClient, ProviderFunctions, ProviderUser, RawUserInfo, RedirectUriInfo,
    SignInUp, SignInUpInput, SignInUpOutcome, SignInUpRequest, ThirdPartyRecipe, UserInfo,
};
use portcullis::{Cx, Error, Result};
use portcullis_testkit::Shape;
use portcullis_testkit::provider::Person;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Writes down what the functions and APIs see.
#[derive(Clone)]
struct Logged<O> {
    original: O,
    log: Arc<Mutex<Vec<String>>>,
}

impl<O> Logged<O> {
    fn note(&self, text: String) {
        self.log.lock().unwrap().push(text);
    }
}

#[async_trait]
impl Functions for Logged<Arc<dyn Functions>> {
    fn original(&self) -> &dyn Functions {
        &*self.original
    }

    async fn get_provider(
        &self,
        cx: &Cx,
        tenant: &str,
        id: &str,
        kind: Option<&str>,
    ) -> Result<Option<Provider>> {
        self.note(format!("get_provider {tenant} {id} {kind:?}"));
        self.original().get_provider(cx, tenant, id, kind).await
    }

    async fn sign_in_up(&self, cx: &Cx, input: &SignInUpInput) -> Result<SignInUp> {
        let has_tokens = input.tokens.text("access_token").is_some();
        self.note(format!("sign_in_up {has_tokens} {}", input.raw.from_id_token_payload["sub"]));
        self.original().sign_in_up(cx, input).await
    }

    async fn manually_create_or_update_user(&self, cx: &Cx, user: &ProviderUser) -> Result<CreatedOrUpdated> {
        self.note(format!("create_or_update {} {}", user.email, user.is_verified));
        if user.email.starts_with("banned") {
            let reason = "no".to_owned();
            return Ok(CreatedOrUpdated::EmailChangeNotAllowed { reason });
        }
        self.original().manually_create_or_update_user(cx, user).await
    }
}

#[async_trait]
impl Apis for Logged<Arc<dyn Apis>> {
    fn original(&self) -> &dyn Apis {
        &*self.original
    }

    async fn authorisation_url(
        &self,
        cx: &Cx,
        tenant: &str,
        provider: &Provider,
        uri: &str,
    ) -> Result<AuthorisationUrl> {
        let mut url = self.original().authorisation_url(cx, tenant, provider, uri).await?;
        url.url.push_str("&login_hint=ann");
        Ok(url)
    }

    async fn sign_in_up(&self, cx: &Cx, request: SignInUpRequest) -> Result<SignInUpOutcome> {
        let outcome = self.original().sign_in_up(cx, request).await?;
        if let SignInUpOutcome::Ok { tokens, created_new_recipe_user, .. } = &outcome {
            self.note(format!("api {} {created_new_recipe_user}", tokens.text("token_type").unwrap()));
        }
        Ok(outcome)
    }

    async fn apple_redirect_handler(&self, _: &Cx, form: &[(String, String)]) -> Result<String> {
        Ok(format!("intent://callback?{}#Intent;scheme=signinwithapple;end", form.len()))
    }
}

#[rstest]
#[tokio::test]
async fn functions_and_apis_are_replaced(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let log = Arc::new(Mutex::new(Vec::new()));
    let world = World::of(shape, |provider| {
        let config = ProviderConfig::new("own").discovery_endpoint(provider.discovery_endpoint());
        ThirdPartyRecipe::new()
            .provider(config.client(client()))
            .override_functions(|original| Logged { original, log: Arc::clone(&log) })
            .override_apis(|original| Logged { original, log: Arc::clone(&log) })
    })
    .await;
    let seen = || std::mem::take(&mut *log.lock().unwrap());
    let back = world.came_back().await;
    assert_eq!(seen(), ["get_provider public own None"]);
    assert_eq!(world.app.post("/auth/signinup", &back).await.body["status"], "OK");
    let expected = [
        "get_provider public own None",
        "sign_in_up true \"ann-at-provider\"",
        "create_or_update ann@example.com true",
        "api Bearer true",
    ];
    assert_eq!(seen(), expected);
    assert!(world.authorise().await["urlWithQueryParams"].as_str().unwrap().ends_with("&login_hint=ann"));
    let led = world.app.send(Request::post("/auth/callback/apple"), "a=1&b=2").await;
    assert_eq!(
        (led.status, &led.headers["location"]),
        (303, &"intent://callback?2#Intent;scheme=signinwithapple;end".parse().unwrap())
    );

    world.provider.set_person(Person::verified("eve", "banned@example.com"));
    let told = "Cannot sign in / up because new email cannot be applied to existing account. Please contact support. (ERR_CODE_024)";
    let refused = world.sign_in().await;
    assert_eq!(refused.seen(), (200, json!({"status": "SIGN_IN_UP_NOT_ALLOWED", "reason": told})));
    assert!(!refused.headers.contains_key("st-access-token"));
}

/// A provider that the app talks to in its own way.
struct Own(Arc<dyn ProviderFunctions>);

#[async_trait]
impl ProviderFunctions for Own {
    fn original(&self) -> &dyn ProviderFunctions {
        &*self.0
    }

    async fn for_client_type(
        &self,
        cx: &Cx,
        tenant: &str,
        config: ProviderConfig,
        kind: Option<&str>,
    ) -> Result<ProviderForClient> {
        let mut config = self.original().for_client_type(cx, tenant, config, kind).await?;
        config.client.scope = Some(vec![format!("scope-of-{tenant}")]);
        Ok(config)
    }

    async fn exchange_auth_code(
        &self,
        _: &Cx,
        _: &str,
        _: &ProviderForClient,
        came_back: &RedirectUriInfo,
    ) -> Result<OAuthTokens> {
        // The parameters are the tokens.
        Ok(OAuthTokens::of_frontend(came_back.redirect_uri_query_params.clone()))
    }

    async fn user_info(
        &self,
        _: &Cx,
        _: &str,
        config: &ProviderForClient,
        tokens: &OAuthTokens,
    ) -> Result<UserInfo> {
        let id = tokens.text("who").ok_or_else(|| Error::General("who are you?".to_owned()))?;
        let raw = RawUserInfo::default();
        let email =
            ProviderEmail { id: format!("{id}@{}.example.com", config.client.client_id), is_verified: false };
        Ok(UserInfo { third_party_user_id: id.to_owned(), email: Some(email), raw })
    }
}

#[rstest]
#[tokio::test]
async fn one_provider_s_functions_are_replaced(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::with(shape, |config| config.client(client()).override_functions(Own)).await;
    let asked = world.authorise().await;
    assert!(asked["urlWithQueryParams"].as_str().unwrap().contains("scope=scope-of-public"));
    let send = async |params: Value| {
        let info = json!({"redirectURIOnProviderDashboard": CALLBACK, "redirectURIQueryParams": params});
        world.app.post("/auth/signinup", &json!({"thirdPartyId": "own", "redirectURIInfo": info})).await
    };
    let made = send(json!({"who": "bob"})).await;
    assert_eq!(
        (&method(&made)["email"], &method(&made)["verified"]),
        (&json!("bob@app.example.com"), &json!(false))
    );
    let asked = send(json!({})).await;
    assert_eq!(asked.seen(), (200, json!({"status": "GENERAL_ERROR", "message": "who are you?"})));
}

#[rstest]
#[tokio::test]
async fn apis_are_taken_away(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let all = [
        (Api::AuthorisationUrl, Method::GET, "/auth/authorisationurl"),
        (Api::SignInUp, Method::POST, "/auth/signinup"),
        (Api::AppleRedirectHandler, Method::POST, "/auth/callback/apple"),
    ];
    for (gone, ..) in &all {
        let world = World::of(shape, |_| ThirdPartyRecipe::new().disable(*gone)).await;
        for (api, method, path) in &all {
            assert_eq!(world.app.serves(method, path), api != gone, "{path}");
        }
    }
}
