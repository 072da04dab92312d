//! The built-in providers: what each is asked, and what is made of its answers. What only they know is written
//! out here; where one speaks OpenID Connect, the test kit's provider answers in its place.

use crate::app::TestApp;
use crate::thirdparty::method;
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::{Client, ProviderConfig, ThirdPartyRecipe};
use portcullis::{Cx, HttpTransport, Transport, TransportError};
use portcullis_embedded::Clock;
use portcullis_testkit::provider::{Person, TestProvider, secret_of};
use portcullis_testkit::{START, Shape};
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The way to providers: some answers are written out, everything else is asked of the test kit's provider.
#[derive(Debug)]
struct Internet {
    written: Mutex<HashMap<&'static str, Value>>,
    provider: TestProvider,
    http: HttpTransport,
    seen: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Internet {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!(header("user-agent"), Some("portcullis"));
        let authorization = header("authorization").unwrap_or_default();
        let body = String::from_utf8_lossy(request.body());
        let line = format!("{} {} {authorization} {body}", request.method(), request.uri());
        self.seen.lock().unwrap().push(line.split_whitespace().collect::<Vec<_>>().join(" "));
        let place = format!("{} {}{}", request.method(), request.uri().host().unwrap(), request.uri().path());
        let written = self.written.lock().unwrap().get(place.as_str()).cloned();
        if let Some(answer) = written {
            return Ok(Response::new(answer.to_string().into()));
        }
        let path = request.uri().path();
        let path =
            if path.ends_with("/openid-configuration") { "/.well-known/openid-configuration" } else { path };
        *request.uri_mut() = format!("{}{path}", self.provider.url()).parse::<Uri>().unwrap();
        request.headers_mut().remove("host");
        self.http.send(request).await
    }
}

struct World {
    app: TestApp,
    internet: Arc<Internet>,
}

impl World {
    async fn new<const N: usize>(
        shape: Shape,
        config: ProviderConfig,
        answers: [(&'static str, Value); N],
    ) -> Self {
        let internet = Arc::new(Internet {
            written: Mutex::new(answers.into()),
            provider: TestProvider::start(Clock::fixed(START)).await,
            http: HttpTransport::new().unwrap(),
            seen: Mutex::default(),
        });
        let recipe = ThirdPartyRecipe::new().transport(Arc::clone(&internet)).provider(config);
        let app = TestApp::new(shape, |builder| builder.recipe(recipe).recipe(SessionRecipe::new())).await;
        Self { app, internet }
    }

    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.internet.seen.lock().unwrap())
    }

    fn answers(&self, place: &'static str, answer: Value) {
        self.internet.written.lock().unwrap().insert(place, answer);
    }

    /// The address that users are sent to; with the verifier.
    async fn url(&self, id: &str) -> (String, Value) {
        let path =
            format!("/auth/authorisationurl?thirdPartyId={id}&redirectURIOnProviderDashboard=http://cb");
        let reply = self.app.send(Request::get(path), "").await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        (
            reply.body["urlWithQueryParams"].as_str().unwrap().to_owned(),
            reply.body["pkceCodeVerifier"].clone(),
        )
    }

    /// A sign-in with a code, of a provider that does not ask for PKCE.
    async fn sign_in(&self, id: &str) -> crate::app::Reply {
        self.sign_in_with(id, json!({"code": "c"}), &Value::Null).await
    }

    async fn sign_in_with(&self, id: &str, params: Value, verifier: &Value) -> crate::app::Reply {
        let info = json!({"redirectURIOnProviderDashboard": "http://cb", "redirectURIQueryParams": params,
            "pkceCodeVerifier": verifier});
        self.app.post("/auth/signinup", &json!({"thirdPartyId": id, "redirectURIInfo": info})).await
    }

    /// The whole way by way of the test kit's provider.
    async fn sign_in_there(&self, id: &str) -> crate::app::Reply {
        let (url, verifier) = self.url(id).await;
        let params = self.internet.provider.sign_in(&url);
        self.sign_in_with(id, params, &verifier).await
    }

    async fn show(&self, id: &str, tokens: Value) -> crate::app::Reply {
        self.app.post("/auth/signinup", &json!({"thirdPartyId": id, "oAuthTokens": tokens})).await
    }
}

const NOTHING_SHOWS: &str =
    "The provider's user is refused: nothing shows that the access token was issued to this app";

fn known_by(reply: &crate::app::Reply) -> (Value, Value, Value) {
    let own = method(reply);
    (own["thirdParty"]["userId"].clone(), own["email"].clone(), own["verified"].clone())
}

fn client() -> Client {
    Client::new("app").secret(secret_of("app"))
}

fn tokens() -> Value {
    json!({"access_token": "t"})
}

#[rstest]
#[tokio::test]
async fn github(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let emails = json!([
        {"email": "old@example.com", "primary": false, "verified": true},
        {"email": "ann@example.com", "primary": true, "verified": true},
    ]);
    let world = World::new(
        shape,
        ProviderConfig::new("github").client(client()),
        [
            ("POST github.com/login/oauth/access_token", tokens()),
            ("GET api.github.com/user/emails", emails),
            ("GET api.github.com/user", json!({"id": 583_231, "login": "ann"})),
            ("POST api.github.com/applications/app/token", json!({"app": {"client_id": "other"}})),
        ],
    )
    .await;
    let expected = "https://github.com/login/oauth/authorize?client_id=app&redirect_uri=http%3A%2F%2Fcb&response_type=code&scope=read%3Auser+user%3Aemail";
    assert_eq!(world.url("github").await, (expected.to_owned(), Value::Null));
    let made = world.sign_in("github").await;
    assert_eq!(known_by(&made), (json!("583231"), json!("ann@example.com"), json!(true)));
    let token = "POST https://github.com/login/oauth/access_token client_id=app&redirect_uri=http%3A%2F%2Fcb&code=c&grant_type=authorization_code&client_secret=the+secret+of+app";
    let expected = [
        token,
        "GET https://api.github.com/user/emails Bearer t",
        "GET https://api.github.com/user Bearer t",
    ];
    assert_eq!(world.seen(), expected);

    // A token that a frontend brings along is looked up.
    assert_eq!(world.show("github", tokens()).await.seen(), (400, json!({"message": NOTHING_SHOWS})));
    let asked = "POST https://api.github.com/applications/app/token Basic YXBwOnRoZSBzZWNyZXQgb2YgYXBw {\"access_token\":\"t\"}";
    assert_eq!(world.seen(), [asked]);
    world.answers("POST api.github.com/applications/app/token", json!({"app": {"client_id": "app"}}));
    assert_eq!(world.show("github", tokens()).await.body["user"]["id"], made.body["user"]["id"]);

    // An answer without tokens, though it is 200; and one without an address.
    world.answers("POST github.com/login/oauth/access_token", json!({"error": "bad_verification_code"}));
    let told = "The provider's user is refused: the provider gives no tokens for the code";
    assert_eq!(world.sign_in("github").await.seen(), (400, json!({"message": told})));
    world.answers("POST github.com/login/oauth/access_token", tokens());
    for none in [json!([]), json!({"message": "no"}), json!([{"email": null, "primary": true}])] {
        world.answers("GET api.github.com/user/emails", none);
        assert_eq!(world.sign_in("github").await.body, json!({"status": "NO_EMAIL_GIVEN_BY_PROVIDER"}));
    }
}

#[rstest]
#[tokio::test]
async fn facebook(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let scope = ["public_profile", "email", "of_my_own"];
    let world = World::new(
        shape,
        ProviderConfig::new("facebook").client(client().scope(scope)),
        [
            ("POST graph.facebook.com/v12.0/oauth/access_token", tokens()),
            (
                "GET graph.facebook.com/me",
                json!({"id": "77", "email": "ann@example.com", "email_verified": null}),
            ),
            ("GET graph.facebook.com/debug_token", json!({"data": {"app_id": "app", "is_valid": false}})),
        ],
    )
    .await;
    let (url, _) = world.url("facebook").await;
    assert!(url.starts_with("https://www.facebook.com/v12.0/dialog/oauth?client_id=app&"), "{url}");
    let made = world.sign_in("facebook").await;
    assert_eq!(known_by(&made), (json!("77"), json!("ann@example.com"), json!(false)));
    let fields =
        "first_name%2Clast_name%2Cmiddle_name%2Cname%2Cname_format%2Cpicture%2Cshort_name%2Cid%2Cemail";
    let asked = format!("GET https://graph.facebook.com/me?access_token=t&fields={fields}&format=json");
    assert_eq!(world.seen()[1], asked, "without the token in a header");

    assert_eq!(world.show("facebook", tokens()).await.seen(), (400, json!({"message": NOTHING_SHOWS})));
    let asked =
        "GET https://graph.facebook.com/debug_token?input_token=t&access_token=app%7Cthe+secret+of+app";
    assert_eq!(world.seen(), [asked]);
    for (app, is_let_in) in [("other", false), ("app", true)] {
        world.answers(
            "GET graph.facebook.com/debug_token",
            json!({"data": {"app_id": app, "is_valid": true}}),
        );
        assert_eq!(world.show("facebook", tokens()).await.status == 200, is_let_in, "{app}");
    }
}

#[rstest]
#[tokio::test]
async fn discord(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let ann = json!({"id": "8", "email": "ann@example.com", "verified": true});
    let world = World::new(
        shape,
        ProviderConfig::new("discord").client(client()),
        [
            ("POST discord.com/api/oauth2/token", tokens()),
            ("GET discord.com/api/users/@me", ann),
            ("GET discord.com/api/oauth2/@me", json!({"application": {"id": "other"}})),
        ],
    )
    .await;
    let (url, _) = world.url("discord").await;
    assert!(
        url.starts_with("https://discord.com/oauth2/authorize?") && url.ends_with("&scope=identify+email"),
        "{url}"
    );
    assert_eq!(
        known_by(&world.sign_in("discord").await),
        (json!("8"), json!("ann@example.com"), json!(true))
    );
    // Anybody may write any address into an account there.
    world.answers(
        "GET discord.com/api/users/@me",
        json!({"id": "9", "email": "ann@example.com", "verified": false}),
    );
    assert_eq!(
        known_by(&world.sign_in("discord").await),
        (json!("9"), json!("ann@example.com"), json!(false))
    );
    assert_eq!(world.show("discord", tokens()).await.seen(), (400, json!({"message": NOTHING_SHOWS})));
    world.answers("GET discord.com/api/oauth2/@me", json!({"application": {"id": "app"}}));
    assert_eq!(world.show("discord", tokens()).await.status, 200);
}

#[rstest]
#[tokio::test]
async fn linkedin(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let ann = json!({"sub": "l", "email": "ann@example.com", "email_verified": "true"});
    let world = World::new(
        shape,
        ProviderConfig::new("linkedin").client(client()),
        [
            ("POST www.linkedin.com/oauth/v2/accessToken", tokens()),
            ("GET api.linkedin.com/v2/userinfo", ann),
            ("POST www.linkedin.com/oauth/v2/introspectToken", json!({"active": true, "client_id": "other"})),
        ],
    )
    .await;
    let (url, _) = world.url("linkedin").await;
    assert!(
        url.starts_with("https://www.linkedin.com/oauth/v2/authorization?")
            && url.ends_with("&scope=openid+profile+email"),
        "{url}"
    );
    assert_eq!(
        known_by(&world.sign_in("linkedin").await),
        (json!("l"), json!("ann@example.com"), json!(true))
    );
    assert_eq!(world.show("linkedin", tokens()).await.seen(), (400, json!({"message": NOTHING_SHOWS})));
    for (told, is_let_in) in [
        (json!({"active": false, "client_id": "app"}), false),
        (json!({"active": true, "client_id": "app"}), true),
    ] {
        world.answers("POST www.linkedin.com/oauth/v2/introspectToken", told);
        assert_eq!(world.show("linkedin", tokens()).await.status == 200, is_let_in);
    }
    world.answers("GET api.linkedin.com/v2/userinfo", json!({"sub": "l"}));
    assert_eq!(world.sign_in("linkedin").await.body, json!({"status": "NO_EMAIL_GIVEN_BY_PROVIDER"}));
}

#[rstest]
#[tokio::test]
async fn bitbucket(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let emails = |is_confirmed: bool| {
        json!({"values": [
            {"email": "old@example.com", "is_primary": false, "is_confirmed": true},
            {"email": "ann@example.com", "is_primary": true, "is_confirmed": is_confirmed},
        ]})
    };
    let world = World::new(
        shape,
        ProviderConfig::new("bitbucket").client(client()),
        [
            ("POST bitbucket.org/site/oauth2/access_token", tokens()),
            ("GET api.bitbucket.org/2.0/user", json!({"uuid": "{b}", "username": "ann"})),
            ("GET api.bitbucket.org/2.0/user/emails", emails(true)),
        ],
    )
    .await;
    let (url, _) = world.url("bitbucket").await;
    assert!(
        url.starts_with("https://bitbucket.org/site/oauth2/authorize?")
            && url.ends_with("&scope=account+email&audience=api.atlassian.com"),
        "{url}"
    );
    assert_eq!(
        known_by(&world.sign_in("bitbucket").await),
        (json!("{b}"), json!("ann@example.com"), json!(true))
    );
    world.answers("GET api.bitbucket.org/2.0/user", json!({"uuid": "{c}"}));
    world.answers("GET api.bitbucket.org/2.0/user/emails", emails(false));
    assert_eq!(
        known_by(&world.sign_in("bitbucket").await),
        (json!("{c}"), json!("ann@example.com"), json!(false))
    );
    assert_eq!(world.show("bitbucket", tokens()).await.seen(), (400, json!({"message": NOTHING_SHOWS})));
}

#[rstest]
#[tokio::test]
async fn twitter(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(
        shape,
        ProviderConfig::new("twitter").client(client()),
        [
            ("POST api.twitter.com/2/oauth2/token", tokens()),
            ("GET api.twitter.com/2/users/me", json!({"data": {"id": "5", "name": "Ann"}})),
        ],
    )
    .await;
    let (url, verifier) = world.url("twitter").await;
    assert!(
        url.starts_with("https://twitter.com/i/oauth2/authorize?")
            && url.contains("code_challenge_method=S256"),
        "{url}"
    );
    let made = world.sign_in_with("twitter", json!({"code": "c"}), &verifier).await;
    assert_eq!(known_by(&made), (json!("5"), json!("5.twitter@stfakeemail.supertokens.com"), json!(true)));
    let verifier = verifier.as_str().unwrap();
    let token = format!(
        "POST https://api.twitter.com/2/oauth2/token Basic YXBwOnRoZSBzZWNyZXQgb2YgYXBw client_id=app&redirect_uri=http%3A%2F%2Fcb&code=c&grant_type=authorization_code&code_verifier={verifier}"
    );
    assert_eq!(world.seen()[0], token);
}

#[rstest]
#[tokio::test]
async fn boxy_saml(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let client = client().additional("boxyURL", "https://boxy.example.com");
    let world = World::new(
        shape,
        ProviderConfig::new("boxy-saml").client(client),
        [
            ("POST boxy.example.com/api/oauth/token", tokens()),
            ("GET boxy.example.com/api/oauth/userinfo", json!({"id": "s", "email": "ann@example.com"})),
        ],
    )
    .await;
    let (url, _) = world.url("boxy-saml").await;
    assert_eq!(
        url,
        "https://boxy.example.com/api/oauth/authorize?client_id=app&redirect_uri=http%3A%2F%2Fcb&response_type=code"
    );
    assert_eq!(
        known_by(&world.sign_in("boxy-saml").await),
        (json!("s"), json!("ann@example.com"), json!(false))
    );
}

/// Those that speak OpenID Connect: where they describe themselves, and what they are asked for.
#[rstest]
#[tokio::test]
async fn by_discovery(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let well_known = "/.well-known/openid-configuration";
    for (id, client, place, params) in [
        ("google", client(), "https://accounts.google.com", "included_grant_scopes=true&access_type=offline"),
        ("google-for-staff", client(), "https://accounts.google.com", "access_type=offline"),
        ("apple", client(), "https://appleid.apple.com", "response_mode=form_post"),
        ("gitlab", client(), "https://gitlab.com", "scope=openid+email"),
        (
            "gitlab",
            client().additional("gitlabBaseUrl", "https://git.example.com/x"),
            "https://git.example.com",
            "",
        ),
        (
            "okta",
            client().additional("oktaDomain", "dev-1.okta.com"),
            "https://dev-1.okta.com",
            "scope=openid+email",
        ),
        (
            "active-directory",
            client().additional("directoryId", "d-1"),
            "https://login.microsoftonline.com/d-1/v2.0",
            "scope=openid+email",
        ),
    ] {
        let world = World::new(shape, ProviderConfig::new(id).client(client), []).await;
        let (url, _) = world.url(id).await;
        assert!(url.contains(params) && url.contains("&nonce=pkce."), "{id} {url}");
        assert_eq!(world.seen(), [format!("GET {place}{well_known}")], "{id}");
        let made = world.sign_in_there(id).await;
        let expected = (json!("ann-at-provider"), json!("ann@example.com"), json!(true));
        assert_eq!(known_by(&made), expected, "{id}");
    }
}

/// What a tenant has stored may be the issuer only.
#[rstest]
#[tokio::test]
async fn an_issuer_is_completed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    for id in ["google", "apple", "gitlab", "okta", "active-directory"] {
        let config = ProviderConfig::new(id).discovery_endpoint("https://id.example.com/x/").client(client());
        let world = World::new(shape, config, []).await;
        world.url(id).await;
        assert_eq!(world.seen(), ["GET https://id.example.com/x/.well-known/openid-configuration"], "{id}");
    }
}

#[rstest]
#[tokio::test]
async fn google_looks_up_tokens_that_frontends_bring(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(
        shape,
        ProviderConfig::new("google").client(client()),
        [("GET oauth2.googleapis.com/tokeninfo", json!({"aud": "other", "azp": "app"}))],
    )
    .await;
    let token = world.internet.provider.tokens("app", None)["access_token"].clone();
    let alone = json!({"access_token": token});
    assert_eq!(world.show("google", alone.clone()).await.seen(), (400, json!({"message": NOTHING_SHOWS})));
    world.answers("GET oauth2.googleapis.com/tokeninfo", json!({"aud": "app"}));
    assert_eq!(known_by(&world.show("google", alone).await).0, "ann-at-provider");
}

#[rstest]
#[tokio::test]
async fn google_workspaces(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    for (client, hd) in [(client(), "*"), (client().additional("hd", "example.com"), "example.com")] {
        let world = World::new(shape, ProviderConfig::new("google-workspaces").client(client), []).await;
        let (url, _) = world.url("google-workspaces").await;
        assert!(url.contains(&format!("&hd={hd}")), "{url}");
        // Ann's account is of no company, whatever page she has come by.
        let told = "The provider's user is refused: the account is not of the company that the app is for";
        assert_eq!(world.sign_in_there("google-workspaces").await.seen(), (400, json!({"message": told})));
        let alone = json!({"access_token": world.internet.provider.tokens("app", None)["access_token"]});
        let told = "The provider's user is refused: an id token is needed";
        assert_eq!(world.show("google-workspaces", alone).await.seen(), (400, json!({"message": told})));
    }
}

/// Apple tells the name once, in the form, and frontends hand it on.
#[rstest]
#[tokio::test]
async fn apple_tells_the_name_to_the_app(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, ProviderConfig::new("apple").client(client()), []).await;
    world.internet.provider.set_person(Person::verified("a", "ann@example.com"));
    let cx = Cx::new(&world.app.sdk);
    let provider = world.app.sdk.third_party().unwrap().get_provider(&cx, "public", "apple", None).await;
    let provider = provider.unwrap().unwrap();
    let url = provider.authorisation_redirect_url(&cx, "public", "http://cb").await.unwrap();
    let mut params = world.internet.provider.sign_in(&url.url);
    let user = json!({"name": {"firstName": "Ann"}, "email": "victim@example.com"});
    params["user"] = json!(user.to_string());
    let came_back = portcullis::recipes::thirdparty::RedirectUriInfo {
        redirect_uri_on_provider_dashboard: "http://cb".to_owned(),
        redirect_uri_query_params: params.as_object().cloned().unwrap(),
        pkce_code_verifier: url.pkce_code_verifier,
    };
    let tokens = provider.exchange_auth_code(&cx, "public", &came_back).await.unwrap();
    let told = provider.user_info(&cx, "public", &tokens).await.unwrap();
    assert_eq!(told.raw.from_id_token_payload["user"], user);
    assert_eq!(told.email.unwrap().id, "ann@example.com", "what the form says is not signed");
}

/// Without a secret of its own, Apple's client needs a key to make one.
#[rstest]
#[tokio::test]
async fn apple_needs_a_key(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, ProviderConfig::new("apple").client(Client::new("app")), []).await;
    let cx = Cx::new(&world.app.sdk);
    let found = world.app.sdk.third_party().unwrap().get_provider(&cx, "public", "apple", None).await;
    assert!(found.unwrap_err().to_string().contains("keyId, teamId and privateKey"));
}

/// An SDK of today answers for a provider that the core keeps for SAML.
#[rstest]
#[tokio::test]
async fn saml_is_refused(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape, ProviderConfig::new("google").client(client()), []).await;
    let cx = Cx::new(&world.app.sdk);
    let config = serde_json::from_value(json!({"thirdPartyId": "saml-okta", "clients": [{"clientId": "c"}]}));
    let tenants = world.app.sdk.multitenancy();
    tenants.create_or_update_third_party_config(&cx, "public", config.unwrap()).await.unwrap();
    let path = "/auth/authorisationurl?thirdPartyId=saml-okta&redirectURIOnProviderDashboard=http://cb";
    assert_eq!(world.app.send(Request::get(path), "").await.status, 500);
}
