//! Providers in the dashboard: the app's own, a tenant's, and forms for new ones.

use super::{Desk, status};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use portcullis::recipes::dashboard::Dashboard;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::{Client, ProviderConfig, ProviderFunctions, ThirdPartyRecipe};
use portcullis::{Transport, TransportError};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// What servers answer, by method, host and path; and what they were asked.
#[derive(Debug, Default)]
struct Internet {
    answers: Mutex<HashMap<String, (u16, Value)>>,
    asked: Mutex<Vec<(String, String, String)>>,
}

#[async_trait]
impl Transport for Internet {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let line = format!("{} {}", request.method(), request.uri());
        let key = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        let body = String::from_utf8_lossy(request.body()).into_owned();
        self.asked.lock().unwrap().push((line, key.unwrap_or_default(), body));
        let uri = request.uri();
        let place = format!("{} {}{}", request.method(), uri.host().unwrap(), uri.path());
        let answer = self.answers.lock().unwrap().get(&place).cloned();
        let (status, body) = answer.ok_or_else(|| TransportError::not_sent("there is no such server"))?;
        Ok(Response::builder().status(status).body(body.to_string().into()).unwrap())
    }
}

impl Internet {
    fn answers(&self, place: &str, status: u16, body: Value) {
        self.answers.lock().unwrap().insert(place.to_owned(), (status, body));
    }

    /// A server that describes itself.
    fn describes(&self, host: &str) {
        let endpoint = |name: &str| format!("https://{host}/{name}");
        self.answers(
            &format!("GET {host}/.well-known/openid-configuration"),
            200,
            json!({"issuer": format!("https://{host}"), "authorization_endpoint": endpoint("authorize"),
                "token_endpoint": endpoint("token"), "userinfo_endpoint": endpoint("userinfo"),
                "jwks_uri": endpoint("keys")}),
        );
    }

    fn take(&self) -> Vec<(String, String, String)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

/// Nothing is replaced, though it could be.
struct Own(Arc<dyn ProviderFunctions>);

impl ProviderFunctions for Own {
    fn original(&self) -> &dyn ProviderFunctions {
        &*self.0
    }
}

/// An app whose public tenant has Google, a provider of its own with two kinds of clients, and GitHub, which the
/// other tenants have too.
async fn desk(shape: Shape, recipe: Dashboard) -> (Desk, Arc<Internet>) {
    let internet = Arc::new(Internet::default());
    internet.describes("accounts.google.com");
    let google = ProviderConfig::new("google").client(Client::new("g").secret("g's secret"));
    let own = ProviderConfig::new("own").name("Ours").token_endpoint("https://own.example.com/token");
    let own = own.client(Client::new("w").kind("web").secret("w's secret").additional("key", "hidden"));
    let own = own.client(Client::new("i").kind("ios")).token_param("code", Some("hidden"));
    let github = ProviderConfig::new("github").client(Client::new("h").secret("h's secret"));
    let providers = ThirdPartyRecipe::new().transport(Arc::clone(&internet)).provider(google);
    let providers = providers.provider(own.override_functions(Own)).provider(github.in_every_tenant());
    let desk = Desk::with(shape, recipe, |builder| {
        builder.recipe(EmailPassword::new()).recipe(providers).recipe(SessionRecipe::new())
    })
    .await;
    for tenant in ["t1", "t2"] {
        let new = json!({"tenantId": tenant, "firstFactors": ["thirdparty", "emailpassword"]});
        desk.ask(Method::POST, "/tenant", &new).await;
    }
    (desk, internet)
}

impl Desk {
    /// The providers that the page of a tenant shows.
    async fn shown(&self, tenant: &str) -> Value {
        let told = self.of_tenant(tenant, Method::GET, "/tenant", &Value::Null).await;
        told["tenant"]["thirdParty"]["providers"].clone()
    }

    /// Those that its users may choose among.
    async fn offered(&self, tenant: &str) -> Value {
        let reply = self.app.send(Request::get(format!("/auth/{tenant}/loginmethods")), "").await;
        reply.body["thirdParty"].clone()
    }

    async fn form(&self, tenant: &str, query: &str) -> Value {
        let api = format!("/thirdparty/config?thirdPartyId={query}");
        let told = self.of_tenant(tenant, Method::GET, &api, &Value::Null).await;
        assert_eq!(told["status"], "OK");
        told["providerConfig"].clone()
    }

    async fn put(&self, tenant: &str, provider: Value) -> Value {
        let body = json!({"providerConfig": provider});
        self.of_tenant(tenant, Method::PUT, "/thirdparty/config", &body).await
    }

    async fn remove(&self, tenant: &str, provider: &str) -> Value {
        let api = format!("/thirdparty/config?thirdPartyId={provider}");
        self.of_tenant(tenant, Method::DELETE, &api, &Value::Null).await
    }
}

#[rstest]
#[tokio::test]
async fn the_app_s_providers_stay_with_the_first_that_a_tenant_keeps(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let (desk, _) = desk(shape, Dashboard::new()).await;
    let (google, own) =
        (json!({"thirdPartyId": "google", "name": "Google"}), json!({"thirdPartyId": "own", "name": "Ours"}));
    let (github, gitlab) = (
        json!({"thirdPartyId": "github", "name": "Github"}),
        json!({"thirdPartyId": "gitlab", "name": "Gitlab"}),
    );
    assert_eq!(desk.shown("public").await, json!([google, own, github]));
    assert_eq!(desk.shown("t1").await, json!([github]));
    let new = json!({"thirdPartyId": "gitlab", "clients": [{"clientId": "l", "clientSecret": "s"}]});
    for is_new in [true, false] {
        assert_eq!(desk.put("t1", new.clone()).await, json!({"status": "OK", "createdNew": is_new}));
        assert_eq!(desk.shown("t1").await, json!([github, gitlab]));
    }
    // What is kept of GitHub is its name: its client is still the app's.
    let both = json!([{"id": "github", "name": "Github"}, {"id": "gitlab", "name": "Gitlab"}]);
    assert_eq!(desk.offered("t1").await, json!({"enabled": true, "providers": both}));
    assert_eq!(desk.form("t1", "github").await["clients"][0]["clientId"], "h");

    let done = |existed: bool| json!({"status": "OK", "didConfigExist": existed});
    assert_eq!(desk.remove("t1", "github").await, done(true));
    assert_eq!(desk.remove("t1", "github").await, done(false));
    assert_eq!(desk.shown("t1").await, json!([gitlab]));
    assert_eq!(desk.remove("public", "google").await, done(true));
    assert_eq!(desk.shown("public").await, json!([github, own]));
    // The app's own would be back if it were the only one and nobody else were kept: nobody signs in by it.
    assert_eq!(desk.remove("t2", "github").await, done(true));
    assert_eq!(desk.offered("t2").await["enabled"], false);
    assert_eq!(desk.remove("t2", "nobody").await, done(false));
}

#[rstest]
#[tokio::test]
async fn a_form_shows_what_follows_from_what_is_said(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let (desk, internet) = desk(shape, Dashboard::new()).await;
    internet.describes("dev.okta.com");
    let google = desk.form("public", "google").await;
    let client = json!({"clientId": "g", "clientSecret": "g's secret", "scope": ["openid", "email"]});
    assert_eq!(google["clients"], json!([client]));
    assert_eq!((&google["name"], &google["isGetUserInfoOverridden"]), (&json!("Google"), &json!(false)));
    assert_eq!(google["tokenEndpoint"], "https://accounts.google.com/token");
    assert_eq!(google["userInfoMap"]["fromIdTokenPayload"]["userId"], "sub");
    let own = desk.form("public", "own").await;
    let ids: Vec<_> = own["clients"].as_array().unwrap().iter().map(|client| &client["clientId"]).collect();
    assert_eq!(ids, ["w", "i"]);
    assert_eq!(own["clients"][1].get("clientSecret"), None);
    assert_eq!(own["isGetUserInfoOverridden"], true);

    let okta = desk.form("t1", "okta&oktaDomain=dev.okta.com").await;
    let client = json!({"clientId": "", "clientSecret": "", "scope": ["openid", "email"],
        "additionalConfig": {"oktaDomain": "dev.okta.com"}});
    assert_eq!(okta["clients"], json!([client]));
    assert_eq!(okta["authorizationEndpoint"], "https://dev.okta.com/authorize");
    // One that cannot be reached is shown as far as it is known.
    let okta = desk.form("t1", "okta&oktaDomain=none.example.com").await;
    assert_eq!((&okta["name"], okta.get("tokenEndpoint")), (&json!("Okta"), None));
    assert_eq!(okta["clients"][0]["additionalConfig"]["oktaDomain"], "none.example.com");
    let workspace = desk.form("t1", "google-workspaces&hd=example.com").await;
    assert_eq!(workspace["authorizationEndpointQueryParams"]["hd"], "example.com");
    let directory = desk.form("t1", "active-directory&directoryId=d1").await;
    assert_eq!(directory["clients"][0]["additionalConfig"], json!({"directoryId": "d1"}));

    internet.describes("appleid.apple.com");
    let apple = desk.form("t1", "apple").await;
    assert_eq!(apple["tokenEndpoint"], "https://appleid.apple.com/token");
    let blank = json!({"teamId": "", "keyId": "", "privateKey": ""});
    assert_eq!(apple["clients"][0]["additionalConfig"], blank);
    let config = json!({"teamId": "T", "keyId": "K", "privateKey": "no key"});
    let kept = json!({"thirdPartyId": "apple", "clients": [{"clientId": "a", "additionalConfig": config}]});
    assert_eq!(desk.put("t1", kept).await["status"], "OK");
    // A secret that would be made for the moment is not shown, and so is not kept.
    let client = json!({"clientId": "a", "scope": ["openid", "email"], "additionalConfig": config});
    assert_eq!(desk.form("t1", "apple").await["clients"], json!([client]));
}

#[rstest]
#[tokio::test]
async fn who_only_looks_sees_no_secret_and_asks_no_server(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let (desk, internet) = desk(shape, Dashboard::new().admins(["chief@example.com"])).await;
    let clerk = desk.sign_in("clerk@example.com").await;
    let get = async |query: &str| {
        let path = format!("/dashboard/api/thirdparty/config?thirdPartyId={query}");
        desk.call_as(&clerk, Method::GET, &path, &Value::Null).await.seen()
    };
    assert!(desk.form("public", "own").await.to_string().contains("hidden"));
    for provider in ["own", "google"] {
        let (code, told) = get(provider).await;
        assert_eq!((code, &told["status"]), (200, &json!("OK")));
        let text = told.to_string();
        assert!(!text.contains("secret") && !text.contains("hidden"), "{text}");
    }
    internet.take();
    let refused = json!({"message": "You are not permitted to perform this operation"});
    for query in ["okta&oktaDomain=dev.okta.com", "boxy-saml&boxyUrl=https://boxy.example.com"] {
        assert_eq!(get(query).await, (403, refused.clone()), "{query}");
    }
    assert!(internet.take().is_empty());
}

const BOXY: &str = "boxy.example.com/base/api/v1/saml/config";

#[rstest]
#[tokio::test]
async fn connections_are_registered_at_boxyhq(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let (desk, internet) = desk(shape, Dashboard::new()).await;
    let described = |more: Value| {
        let mut config = json!({"boxyURL": "https://boxy.example.com/base/", "boxyAPIKey": "the key",
            "samlInputType": "xml", "samlXML": "<a/>", "redirectURLs": ["https://a.example.com/cb", "app:/cb"]});
        config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let client = json!({"clientId": "dummy", "clientSecret": "dummy", "additionalConfig": config});
        json!({"thirdPartyId": "boxy-saml-acme", "name": "Acme", "clients": [client]})
    };
    let put = async |more: Value| desk.put("t1", described(more)).await;
    let fault = |text: &str| json!({"status": "BOXY_ERROR", "message": text});
    assert_eq!(put(json!({})).await, fault("BoxyHQ cannot be reached"));
    for (code, body, text) in [
        (401, json!({}), "Invalid API Key"),
        (400, json!({"error": {"message": "no metadata"}}), "no metadata"),
        (500, json!("anything"), "BoxyHQ answers 500 Internal Server Error"),
        (200, json!({}), "BoxyHQ names no client"),
    ] {
        internet.answers(&format!("POST {BOXY}"), code, body);
        assert_eq!(put(json!({})).await, fault(text));
    }
    assert_eq!(desk.shown("t1").await.as_array().unwrap().len(), 1, "nothing was kept");

    internet.answers(
        &format!("POST {BOXY}"),
        200,
        json!({"clientID": "acme's", "clientSecret": "its secret"}),
    );
    internet.take();
    assert_eq!(put(json!({})).await, json!({"status": "OK", "createdNew": true}));
    let [(line, key, body)] = internet.take().try_into().unwrap();
    assert_eq!(
        (line.as_str(), key.as_str()),
        ("POST https://boxy.example.com/base/api/v1/saml/config", "Api-Key the key")
    );
    let expected = json!({
        "name": "", "label": "", "description": "", "tenant": "t1-boxy-saml-acme", "product": "supertokens",
        "defaultRedirectUrl": "https://a.example.com/cb", "forceAuthn": false, "encodedRawMetadata": "PGEvPg==",
        "redirectUrl": r#"["https://a.example.com/cb","app:/cb"]"#, "metadataUrl": "",
    });
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    let by_url = json!({"samlInputType": "url", "samlXML": null, "samlURL": "https://idp.example.com/saml",
        "boxyTenant": "acme", "boxyProduct": "shop"});
    assert_eq!(put(by_url).await["status"], "OK");
    let body: Value = serde_json::from_str(&internet.take()[0].2).unwrap();
    assert_eq!(
        (&body["tenant"], &body["product"], &body["encodedRawMetadata"], &body["metadataUrl"]),
        (&json!("acme"), &json!("shop"), &json!(""), &json!("https://idp.example.com/saml"))
    );
    // Whoever has made the connection at BoxyHQ enters its id, and nothing is asked there.
    assert_eq!(put(json!({"samlInputType": "manual"})).await, json!({"status": "OK", "createdNew": false}));
    assert!(internet.take().is_empty());
    for (more, text) in [
        (json!({"redirectURLs": []}), "redirectURLs is no list of URLs"),
        (json!({"redirectURLs": [1]}), "redirectURLs is no list of URLs"),
        (json!({"boxyURL": "nowhere"}), "boxyURL 'nowhere' is no URL"),
    ] {
        let body = json!({"providerConfig": described(more)});
        assert_eq!(desk.fault(Method::PUT, "/thirdparty/config", &body).await, text);
    }

    let client = &desk.form("t1", "boxy-saml-acme").await["clients"][0];
    assert_eq!(client["additionalConfig"].get("boxyAPIKey"), None, "the key is not kept");
    let known = json!({"redirectUrl": ["https://b.example.com"], "tenant": "acme", "product": "shop"});
    internet.answers(&format!("GET {BOXY}"), 200, known);
    let query = "boxy-saml-acme&boxyUrl=https://boxy.example.com/base&boxyAPIKey=the%20key";
    let shown = desk.form("t1", query).await;
    assert_eq!(shown["authorizationEndpoint"], "https://boxy.example.com/base/api/oauth/authorize");
    let config = &shown["clients"][0]["additionalConfig"];
    assert_eq!(
        (&config["redirectURLs"], &config["boxyProduct"], &config["boxyAPIKey"]),
        (&json!(["https://b.example.com"]), &json!("shop"), &json!("the key"))
    );
    let (line, ..) = internet.take().pop().unwrap();
    assert_eq!(line, "GET https://boxy.example.com/base/api/v1/saml/config?clientID=dummy");
}

#[rstest]
#[tokio::test]
async fn without_the_recipe_boxyhq_is_not_asked(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let config = json!({"boxyURL": "https://boxy.example.com", "boxyAPIKey": "key", "samlInputType": "xml",
        "redirectURLs": ["https://a.example.com"]});
    let boxy =
        json!({"thirdPartyId": "boxy-saml", "clients": [{"clientId": "", "additionalConfig": config}]});
    let text = desk.fault(Method::PUT, "/thirdparty/config", &json!({"providerConfig": boxy})).await;
    assert_eq!(text, "Please initialise ThirdParty recipe to be able to reach BoxyHQ");
    // The core's providers are shown by their names all the same.
    desk.put("public", json!({"thirdPartyId": "google", "clients": [{"clientId": "g"}]})).await;
    desk.put("public", json!({"thirdPartyId": "saml", "clients": [{"clientId": "s"}]})).await;
    let shown =
        json!([{"thirdPartyId": "google", "name": "Google"}, {"thirdPartyId": "saml", "name": "saml"}]);
    assert_eq!(desk.shown("public").await, shown);
    // One that needs a recipe which is not there is offered to nobody.
    let offered = json!({"enabled": false, "providers": [{"id": "google", "name": "Google"}]});
    assert_eq!(desk.offered("public").await, offered);
    let nobody = desk.of_tenant("nowhere", Method::GET, "/tenant", &Value::Null).await;
    assert_eq!(nobody, status("UNKNOWN_TENANT_ERROR"));
}
