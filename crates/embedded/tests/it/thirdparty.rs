//! Sign-in by way of a provider.

use crate::app::{Reply, TestApp, object};
use http::{Method, Request};
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::multitenancy::TenantConfig;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::{
    Client, CreatedOrUpdated, ProviderConfig, ProviderSettings, ProviderUser, ThirdPartyRecipe,
};
use portcullis::{AppInfo, BuildError, Cx, Error, Portcullis};
use portcullis_embedded::Clock;
use portcullis_testkit::provider::{Fault, Person, TestProvider, secret_of};
use portcullis_testkit::{START, Shape};
use rstest::rstest;
use serde_json::{Value, json};

pub(crate) const CALLBACK: &str = "http://localhost:3000/auth/callback/own";

/// An app with one provider, whose id is `own`.
pub(crate) struct World {
    pub(crate) app: TestApp,
    pub(crate) provider: TestProvider,
}

/// The app's registration at the test kit's provider.
pub(crate) fn client() -> Client {
    Client::new("app").secret(secret_of("app")).scope(["openid", "email"])
}

impl World {
    pub(crate) async fn new(shape: Shape) -> Self {
        Self::with(shape, |config| config.client(client())).await
    }

    /// With another description of the provider.
    pub(crate) async fn with(shape: Shape, describe: impl FnOnce(ProviderConfig) -> ProviderConfig) -> Self {
        Self::of(shape, |provider| {
            let config = ProviderConfig::new("own").discovery_endpoint(provider.discovery_endpoint());
            ThirdPartyRecipe::new().provider(describe(config))
        })
        .await
    }

    /// With another recipe.
    pub(crate) async fn of(shape: Shape, describe: impl FnOnce(&TestProvider) -> ThirdPartyRecipe) -> Self {
        let provider = TestProvider::start(Clock::fixed(START)).await;
        let recipe = describe(&provider);
        let app = TestApp::new(shape, |builder| {
            let builder = builder.recipe(recipe).recipe(EmailVerification::optional());
            builder.recipe(SessionRecipe::new())
        })
        .await;
        Self { app, provider }
    }

    /// What `GET /authorisationurl` answers.
    pub(crate) async fn authorise(&self) -> Value {
        let path =
            format!("/auth/authorisationurl?thirdPartyId=own&redirectURIOnProviderDashboard={CALLBACK}");
        let reply = self.app.send(Request::get(path), "").await;
        assert_eq!((reply.status, &reply.body["status"]), (200, &json!("OK")), "{}", reply.body);
        reply.body
    }

    /// What comes back from the provider to the frontend, as it sends it on.
    pub(crate) async fn came_back(&self) -> Value {
        let asked = self.authorise().await;
        let params = self.provider.sign_in(asked["urlWithQueryParams"].as_str().unwrap());
        let info = json!({"redirectURIOnProviderDashboard": CALLBACK, "redirectURIQueryParams": params,
            "pkceCodeVerifier": asked["pkceCodeVerifier"]});
        json!({"thirdPartyId": "own", "redirectURIInfo": info})
    }

    /// The whole way.
    pub(crate) async fn sign_in(&self) -> Reply {
        self.app.post("/auth/signinup", &self.came_back().await).await
    }

    /// With tokens that the frontend has got elsewhere.
    pub(crate) async fn show(&self, tokens: &Value) -> Reply {
        self.app.post("/auth/signinup", &json!({"thirdPartyId": "own", "oAuthTokens": tokens})).await
    }

    pub(crate) async fn users(&self) -> i64 {
        self.app.sdk.user_count(&Cx::new(&self.app.sdk), &[], None).await.unwrap()
    }
}

/// The one login method of an answer's user.
pub(crate) fn method(reply: &Reply) -> &Value {
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("OK")), "{}", reply.body);
    &reply.body["user"]["loginMethods"][0]
}

#[rstest]
#[tokio::test]
async fn a_user_signs_up_and_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let made = world.sign_in().await;
    let own = method(&made);
    assert_eq!(made.body["createdNewRecipeUser"], true);
    let third_party = json!({"id": "own", "userId": "ann-at-provider"});
    assert_eq!((&own["thirdParty"], &own["email"]), (&third_party, &json!("ann@example.com")));
    assert_eq!((&own["recipeId"], &own["verified"]), (&json!("thirdparty"), &json!(true)));
    assert!(made.body.get("oAuthTokens").is_none() && made.body.get("rawUserInfoFromProvider").is_none());
    assert!(!made.access_token().is_empty());

    // The provider tells another address.
    world.provider.set_person(Person::verified("ann-at-provider", "new@example.com"));
    let again = world.sign_in().await;
    assert_eq!(
        (&again.body["createdNewRecipeUser"], &again.body["user"]["id"]),
        (&json!(false), &made.body["user"]["id"])
    );
    assert_eq!(
        (&method(&again)["email"], &method(&again)["verified"]),
        (&json!("new@example.com"), &json!(true))
    );
    assert_eq!(world.users().await, 1);

    // Everything that changes seldom was asked for once.
    let requests = world.provider.take_requests();
    let count = |asked: &str| requests.iter().filter(|request| *request == asked).count();
    let document = "GET /.well-known/openid-configuration";
    assert_eq!(
        (count(document), count("GET /jwks"), count("POST /token"), count("GET /userinfo")),
        (1, 1, 2, 2)
    );
}

#[rstest]
#[tokio::test]
async fn older_frontends_get_a_flat_user(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    for (versions, created) in [
        ("1.17", "createdNewUser"),
        ("2.0", "createdNewUser"),
        ("1.18", "createdNewRecipeUser"),
        ("3.1", "createdNewRecipeUser"),
    ] {
        let body = world.came_back().await.to_string();
        let reply =
            world.app.send(Request::post("/auth/signinup").header("fdi-version", versions), body).await;
        let names: Vec<_> = reply.body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["status", "user", created], "{versions}");
        let user: Vec<_> = reply.body["user"].as_object().unwrap().keys().map(String::as_str).collect();
        let flat = ["id", "timeJoined", "thirdParty", "email"];
        assert_eq!(user == flat, created == "createdNewUser", "{versions} {user:?}");
    }
}

#[rstest]
#[tokio::test]
async fn pkce_is_used_where_it_must_or_can_be(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let query = |asked: &Value, name: &str| {
        let url = url::Url::parse(asked["urlWithQueryParams"].as_str().unwrap()).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let world = World::new(shape).await;
    let asked = world.authorise().await;
    assert_eq!(asked["pkceCodeVerifier"].as_str().unwrap().len(), 64);
    assert_eq!(query(&asked, "code_challenge_method").as_deref(), Some("S256"));
    assert_eq!(query(&asked, "redirect_uri").as_deref(), Some(CALLBACK));
    assert_eq!(query(&asked, "scope").as_deref(), Some("openid email"));
    assert!(query(&asked, "nonce").unwrap().starts_with("pkce."));

    // A provider that does not say that it knows PKCE, and a client with a secret.
    let endpoints = |config: ProviderConfig, provider: &TestProvider| {
        let url = provider.url();
        config
            .authorization_endpoint(format!("{url}/authorize?tenant=7"))
            .token_endpoint(format!("{url}/token"))
            .user_info_endpoint(format!("{url}/userinfo"))
    };
    for (client, has_pkce) in
        [(client(), false), (client().force_pkce(), true), (Client::new("app").scope(["openid"]), true)]
    {
        let world = World::of(shape, |provider| {
            let config = ProviderConfig::new("own").authorization_param("prompt", Some("login"));
            ThirdPartyRecipe::new().provider(endpoints(config, provider).client(client))
        })
        .await;
        let asked = world.authorise().await;
        assert_eq!(asked.get("pkceCodeVerifier").is_some(), has_pkce);
        assert_eq!(query(&asked, "code_challenge").is_some(), has_pkce);
        assert_eq!((query(&asked, "nonce"), query(&asked, "tenant").as_deref()), (None, Some("7")));
        assert_eq!(query(&asked, "prompt").as_deref(), Some("login"));
        // There is no list of keys, so that the id token is not looked at.
        assert_eq!(method(&world.sign_in().await)["verified"], true);
        assert!(!world.provider.take_requests().contains(&"GET /jwks".to_owned()));
    }
}

#[rstest]
#[tokio::test]
async fn frontends_name_the_kind_of_client_that_they_are(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::with(shape, |config| {
        let ios = Client::new("ios").kind("ios").scope(["openid", "email"]);
        config.client(client().kind("web")).client(ios)
    })
    .await;
    let path = |kind: &str| {
        format!("/auth/authorisationurl?thirdPartyId=own&redirectURIOnProviderDashboard={CALLBACK}{kind}")
    };
    for (kind, id) in [("&clientType=ios", "ios"), ("&clientType=web", "app")] {
        let reply = world.app.send(Request::get(path(kind)), "").await;
        let url = reply.body["urlWithQueryParams"].as_str().unwrap();
        assert!(url.contains(&format!("client_id={id}&")), "{url}");
    }
    for (kind, told) in [
        ("", "please provide exactly one client config or pass clientType or tenantId"),
        ("&clientType=tv", "Could not find client config for clientType: tv"),
    ] {
        let reply = world.app.send(Request::get(path(kind)), "").await;
        assert_eq!(reply.seen(), (400, json!({"message": told})));
    }
    let tokens = world.provider.tokens("ios", None);
    let show = async |kind: Value| {
        let body = json!({"thirdPartyId": "own", "clientType": kind, "oAuthTokens": tokens});
        world.app.post("/auth/signinup", &body).await
    };
    assert_eq!(method(&show(json!("ios")).await)["thirdParty"]["userId"], "ann-at-provider");
    let told = json!({"message": "The provider's user is refused: the id token is for another app"});
    assert_eq!(show(json!("web")).await.seen(), (400, told));
    assert_eq!(show(json!(7)).await.seen(), (400, json!({"message": "clientType must be a string"})));
}

#[rstest]
#[tokio::test]
async fn a_provider_that_breaks_down_is_an_error_and_what_it_refuses_is_the_caller_s(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape).await;
    world.provider.set_fault(Fault::Broken);
    assert_eq!(world.sign_in().await.seen(), (500, json!({"message": "Internal Server Error"})));
    world.provider.set_fault(Fault::None);
    let mut back = world.came_back().await;
    back["redirectURIInfo"]["redirectURIQueryParams"]["code"] = json!("made-up");
    let refused = world.app.post("/auth/signinup", &back).await;
    assert_eq!(refused.seen(), (400, json!({"message": "The provider refuses what it is shown"})));

    let nowhere = World::of(shape, |_| {
        let config = ProviderConfig::new("own").discovery_endpoint("http://127.0.0.1:1/x").client(client());
        ThirdPartyRecipe::new().provider(config)
    })
    .await;
    let path = format!("/auth/authorisationurl?thirdPartyId=own&redirectURIOnProviderDashboard={CALLBACK}");
    assert_eq!(nowhere.app.send(Request::get(path), "").await.status, 500);
    let cx = Cx::new(&nowhere.app.sdk);
    let found = nowhere.app.sdk.third_party().unwrap().get_provider(&cx, "public", "own", None).await;
    assert!(matches!(found, Err(Error::Provider(_))), "{found:?}");
}

#[rstest]
#[tokio::test]
async fn without_an_id_token_the_provider_is_asked(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    world.provider.set_fault(Fault::NoIdToken);
    assert_eq!(method(&world.sign_in().await)["thirdParty"]["userId"], "ann-at-provider");
}

/// Each tenant has the providers that the core keeps for it, or else the app's own.
#[rstest]
#[tokio::test]
async fn tenants_have_providers_of_their_own(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::of(shape, |provider| {
        let config = ProviderConfig::new("own").discovery_endpoint(provider.discovery_endpoint());
        let everywhere = ProviderConfig::new("github").client(Client::new("g")).in_every_tenant();
        ThirdPartyRecipe::new().provider(config.name("Ours").client(client())).provider(everywhere)
    })
    .await;
    let (sdk, cx) = (&world.app.sdk, Cx::new(&world.app.sdk));
    let tenants = sdk.multitenancy();
    tenants
        .create_or_update_tenant(&cx, "t1", TenantConfig::new().first_factors(["thirdparty"]))
        .await
        .unwrap();
    let providers = sdk.third_party().unwrap();
    let names = async |tenant: &str, kind: Option<&str>| {
        let names = providers.names(&Cx::new(sdk), tenant, kind).await.unwrap();
        names
            .into_iter()
            .map(|name| format!("{} {}", name.id, name.name.unwrap_or_default()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names("public", None).await, ["own Ours", "github Github"]);
    assert_eq!(names("t1", None).await, ["github Github"]);
    assert!(providers.get_provider(&cx, "t1", "own", None).await.unwrap().is_none());
    assert!(providers.get_provider(&cx, "nowhere", "own", None).await.is_err());

    let kept: ProviderSettings = serde_json::from_value(json!({
        "thirdPartyId": "own", "name": "Theirs",
        "clients": [{"clientId": "theirs", "clientType": "web", "scope": ["openid", "email"]}],
    }))
    .unwrap();
    assert!(tenants.create_or_update_third_party_config(&cx, "t1", kept.clone()).await.unwrap());
    assert!(!tenants.create_or_update_third_party_config(&cx, "t1", kept).await.unwrap());
    // The app's client without a kind is one more.
    assert_eq!(names("t1", Some("web")).await, ["own Theirs"]);
    assert!(names("t1", None).await.is_empty(), "of two clients a frontend must name one");
    let found = providers.get_provider(&Cx::new(sdk), "t1", "own", Some("web")).await.unwrap().unwrap();
    assert_eq!(found.config().client.client_id, "theirs");
    assert_eq!(found.config().client.client_secret, None, "the app's secret is not lent");
    assert_eq!(found.config().provider.issuer.as_deref(), Some(world.provider.url()));

    let tokens = world.provider.tokens("theirs", None);
    let body = json!({"thirdPartyId": "own", "clientType": "web", "oAuthTokens": tokens});
    let made = world.app.post("/auth/t1/signinup", &body).await;
    assert_eq!(method(&made)["tenantIds"], json!(["t1"]));
    assert!(tenants.delete_third_party_config(&cx, "t1", "own").await.unwrap());
    assert!(!tenants.delete_third_party_config(&cx, "t1", "own").await.unwrap());
    assert_eq!(names("t1", None).await, ["github Github"]);
}

/// A tenant's providers may say what they like about people, and so must count for nobody of another tenant.
#[rstest]
#[tokio::test]
async fn the_session_s_tenant_decides_about_providers_too(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape).await;
    let victim = world.sign_in().await;
    world.provider.set_person(Person::verified("eve", "eve@example.com"));
    let eve = world.sign_in().await;
    let (sdk, cx) = (&world.app.sdk, Cx::new(&world.app.sdk));
    sdk.multitenancy()
        .create_or_update_tenant(&cx, "evil", TenantConfig::new().first_factors(["thirdparty"]))
        .await
        .unwrap();
    let rogue = TestProvider::start(Clock::fixed(START)).await;
    let settings: ProviderSettings = serde_json::from_value(json!({
        "thirdPartyId": "own", "oidcDiscoveryEndpoint": rogue.discovery_endpoint(),
        "clients": [{"clientId": "rogue"}],
    }))
    .unwrap();
    sdk.multitenancy().create_or_update_third_party_config(&cx, "evil", settings).await.unwrap();
    // The rogue provider says that it is Ann who comes, under the id that she has at the real one.
    let body = json!({"thirdPartyId": "own", "oAuthTokens": rogue.tokens("rogue", None)});
    let send = async |with_session: bool| {
        let mut request = Request::post("/auth/evil/signinup").header("fdi-version", "3.0");
        if with_session {
            request = request.header("authorization", format!("Bearer {}", eve.access_token()));
        }
        world.app.send(request, body.to_string()).await
    };
    assert_eq!(send(true).await.status, 400, "the public tenant's provider knows nothing of these tokens");
    let made = send(false).await;
    assert_eq!(made.body["user"]["tenantIds"], json!(["evil"]));
    assert_ne!(made.body["user"]["id"], victim.body["user"]["id"]);
}

#[rstest]
#[tokio::test]
async fn the_app_makes_users_itself(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let (cx, providers) = (Cx::new(&world.app.sdk), world.app.sdk.third_party().unwrap());
    let user = ProviderUser::new("public", "own", "ann-at-provider", "ann@example.com");
    let made = providers.manually_create_or_update_user(&cx, &user).await.unwrap();
    let CreatedOrUpdated::Ok { user: first, recipe_user_id, created_new_recipe_user: true } = made else {
        panic!("{made:?}")
    };
    assert!(!first.login_methods[0].verified);
    let again = providers.manually_create_or_update_user(&cx, &user.verified()).await.unwrap();
    let CreatedOrUpdated::Ok { user: second, created_new_recipe_user: false, .. } = again else {
        panic!("{again:?}")
    };
    assert_eq!(second.login_methods[0].recipe_user_id, recipe_user_id);
    assert!(second.login_methods[0].verified);
    assert_eq!(world.sign_in().await.body["user"]["id"], json!(first.id));

    // Another primary user has the address that is told now.
    let other = ProviderUser::new("public", "own", "bob", "bob@example.com").verified();
    let CreatedOrUpdated::Ok { user: bob, .. } =
        providers.manually_create_or_update_user(&cx, &other).await.unwrap()
    else {
        panic!()
    };
    for id in [&first.id, &bob.id] {
        world
            .app
            .core(Method::POST, "/recipe/accountlinking/user/primary", &json!({"recipeUserId": id}))
            .await;
    }
    let taken = ProviderUser::new("public", "own", "ann-at-provider", "bob@example.com").verified();
    let refused = providers.manually_create_or_update_user(&cx, &taken).await.unwrap();
    assert!(
        matches!(&refused, CreatedOrUpdated::EmailChangeNotAllowed { reason } if reason == "Email already associated with another primary user."),
        "{refused:?}"
    );
    world.provider.set_person(Person::verified("ann-at-provider", "bob@example.com"));
    let told = "Cannot sign in / up because new email cannot be applied to existing account. Please contact support. (ERR_CODE_005)";
    assert_eq!(
        world.sign_in().await.seen(),
        (200, json!({"status": "SIGN_IN_UP_NOT_ALLOWED", "reason": told}))
    );
}

#[test]
fn descriptions_that_cannot_work_are_refused() {
    let build = |recipe: ThirdPartyRecipe| {
        let info = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
        let builder = Portcullis::builder(info).core("http://localhost:3567");
        builder.recipe(recipe).recipe(SessionRecipe::new()).build().err().map(|fault| fault.to_string())
    };
    let new = ThirdPartyRecipe::new;
    assert_eq!(build(new()), None);
    assert_eq!(
        build(new().provider(ProviderConfig::new("google")).provider(ProviderConfig::new("google-2"))),
        None
    );
    for (recipe, fault) in [
        (
            new().provider(ProviderConfig::new("a")).provider(ProviderConfig::new("a")),
            "thirdparty: the provider 'a' is added twice; remove one of the two",
        ),
        (
            new().provider(ProviderConfig::new("")),
            "thirdparty: a provider has no id; write for example ProviderConfig::new(\"google\")",
        ),
        (
            new().provider(ProviderConfig::new("saml-x")),
            "thirdparty: 'saml-x' is a SAML provider, which needs the SAML recipe; remove it",
        ),
        (
            new().provider(ProviderConfig::new("x").implementation("saml")),
            "thirdparty: 'x' is a SAML provider, which needs the SAML recipe; remove it",
        ),
        (
            new().apple_app_link("nowhere"),
            "thirdparty: 'nowhere' is no address; write for example com.example.app:/callback",
        ),
    ] {
        assert_eq!(build(recipe).as_deref(), Some(fault));
    }
    let info = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
    let without = Portcullis::builder(info).core("http://localhost:3567").recipe(new()).build();
    assert_eq!(without.err(), Some(BuildError::MissingRecipe { recipe: "thirdparty", needs: "session" }));
}

#[rstest]
#[tokio::test]
async fn what_is_no_request_is_told(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let bad = |told: &str| (400, json!({"message": told}));
    for (query, told) in [
        ("", "Please provide the thirdPartyId as a GET param"),
        ("?thirdPartyId=own", "Please provide the redirectURIOnProviderDashboard as a GET param"),
        (
            "?thirdPartyId=x&redirectURIOnProviderDashboard=y",
            "the provider x could not be found in the configuration",
        ),
    ] {
        let reply = world.app.send(Request::get(format!("/auth/authorisationurl{query}")), "").await;
        assert_eq!(reply.seen(), bad(told));
    }
    let (uri, params) = ("redirectURIOnProviderDashboard", "redirectURIQueryParams");
    let code = json!({"code": "c"});
    for (fields, told) in [
        (json!({"thirdPartyId": null}), "Please provide the thirdPartyId in request body"),
        (json!({}), "Please provide one of redirectURIInfo or oAuthTokens in the request body"),
        (json!({"oAuthTokens": "x"}), "oAuthTokens must be an object"),
        (json!({"redirectURIInfo": "x"}), "redirectURIInfo must be an object"),
        (
            json!({"redirectURIInfo": {params: code}}),
            "Please provide the redirectURIOnProviderDashboard in request body",
        ),
        (json!({"redirectURIInfo": {uri: "x"}}), "redirectURIQueryParams must be an object"),
        (
            json!({"redirectURIInfo": {uri: "x", params: code, "pkceCodeVerifier": 7}}),
            "pkceCodeVerifier must be a string",
        ),
        (
            json!({"redirectURIInfo": {uri: "x", params: {}}}),
            "Please provide the code in redirectURIQueryParams",
        ),
        (
            json!({"redirectURIInfo": {uri: "x", params: {"code": ["c"]}}}),
            "Please provide the code in redirectURIQueryParams",
        ),
        (
            json!({"redirectURIInfo": {uri: "x", params: {"error": "access_denied"}}}),
            "Please provide the code in redirectURIQueryParams",
        ),
        (json!({"oAuthTokens": {}}), "The provider's user is refused: there is no access token"),
    ] {
        let mut body = object(&json!({"thirdPartyId": "own"}));
        body.extend(object(&fields));
        assert_eq!(
            world.app.post("/auth/signinup", &Value::Object(body)).await.seen(),
            bad(told),
            "{fields}"
        );
    }
    assert_eq!(world.users().await, 0);
}
