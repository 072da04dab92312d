//! What every adapter of the SDK to a web framework must do, as one suite that speaks HTTP to an app.
//!
//! The app is the adapter's own; it answers to:
//!
//! | request | answer |
//! |---|---|
//! | `POST /login` | makes a session for `{"userId"}` → the same `{"userId"}`, with `x-app: 1`, which it exposes, and the cookie `app=1` |
//! | `GET /sessioninfo` | needs a session → `{"userId", "sessionHandle", "accessTokenPayload"}` |
//! | `GET /optional` | → `{"userId"}`, or `null` in it |
//! | `GET /admin` | needs what [`Admin`] asks for → `{"userId"}` |
//! | `POST /promote` | needs a session, sets [`role`] to `admin` → `{}` |
//! | `GET /failing` | returns `Error::General("not today")` |
//! | anything else | 404 and the text `the app's own` |
//!
//! and its CORS setting is the documented one, for [`WEBSITE`].

use crate::{Shape, ShapedCore};
use bytes::Bytes;
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, CONTENT_TYPE, ORIGIN, SET_COOKIE};
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::session::{Claim, SessionPolicy, SessionRecipe, VerifyOptions};
use portcullis::{AppInfo, Cx, Portcullis};
use portcullis_core::Clock;
use serde_json::{Value, json};

/// Where the pages of the tested app live.
pub const WEBSITE: &str = "http://localhost:3000";
/// The largest body that the tested SDK reads.
const BODY_LIMIT: usize = 4096;
/// What the frontend SDKs send, as a preflight names it.
const SDK_HEADERS: [&str; 5] = ["rid", "fdi-version", "anti-csrf", "authorization", "st-auth-mode"];

/// An SDK with a core on a throw-away database.
#[derive(Debug)]
pub struct Backend {
    /// The SDK.
    pub sdk: Portcullis,
    _core: ShapedCore,
}

impl Backend {
    /// An SDK that reaches its core in a certain way.
    pub async fn start(shape: Shape) -> Self {
        let settings = json!({"max_failed_attempts_per_caller": 2});
        let core = shape.start_core(&settings, Clock::system()).await;
        let sdk = Portcullis::builder(AppInfo::new("Demo", "http://localhost:3001", WEBSITE))
            .core(core.address())
            .recipe(EmailPassword::new())
            .recipe(SessionRecipe::new())
            .body_limit(BODY_LIMIT)
            .trusted_proxies(1)
            .build();
        Self { sdk: sdk.expect("a valid description"), _core: core }
    }
}

/// The claim that [`Admin`] asks for.
pub fn role() -> Claim {
    Claim::new("role", |_, _| Box::pin(async { Ok(None) }))
}

/// The policy of `GET /admin`.
#[derive(Debug)]
pub struct Admin;

impl SessionPolicy for Admin {
    fn options(_: &Cx) -> VerifyOptions {
        VerifyOptions::new().also(role().has_value("admin", None))
    }
}

/// Runs every check against an app at an address.
pub async fn adapter_suite(base_url: &str) {
    let app = App::at(base_url);
    preflights_allow_what_the_frontend_sends(&app).await;
    who_has_no_session_does_not_reach_a_route(&app).await;
    sessions_travel_in_headers(&app).await;
    sessions_travel_in_cookies(&app).await;
    claims_are_asked_for_and_told(&app).await;
    stolen_tokens_end_the_session(&app).await;
    other_paths_are_the_apps(&app).await;
    bodies_reach_the_sdk(&app).await;
    large_bodies_are_refused(&app).await;
    the_core_learns_who_calls(&app).await;
    let answer = app.call("GET", "/failing", &[], "").await;
    assert_eq!(answer.json(200), json!({"status": "GENERAL_ERROR", "message": "not today"}));
}

async fn preflights_allow_what_the_frontend_sends(app: &App) {
    for (path, method) in [("/sessioninfo", "GET"), ("/auth/session/refresh", "POST")] {
        let asked = [SDK_HEADERS.as_slice(), &["content-type"]].concat();
        let asking =
            [("access-control-request-method", method), ("access-control-request-headers", &asked.join(","))];
        let answer = app.call("OPTIONS", path, &asking, "").await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        answer.has_cors();
        let allowed = answer.list("access-control-allow-headers");
        assert!(asked.iter().all(|name| allowed.contains(&(*name).to_owned())), "{allowed:?}");
        assert!(answer.header("access-control-allow-methods").contains(method), "{answer:?}");
    }
}

async fn the_core_learns_who_calls(app: &App) {
    let form = json!({"formFields": [{"id": "email", "value": "eve@example.com"}, {"id": "password", "value": "wrong"}]});
    let sign_in = async |told: &[(&str, &str)]| {
        let headers = [&[("content-type", "application/json")], told].concat();
        app.call("POST", "/auth/signin", &headers, &form.to_string()).await
    };
    // The first of the two is what the caller made up, the other one what the proxy saw.
    for made_up in ["192.0.2.1", "192.0.2.2"] {
        let told = format!("{made_up}, 198.51.100.7");
        assert_eq!(sign_in(&[("x-forwarded-for", &told)]).await.status, 200);
    }
    let refused = sign_in(&[("x-forwarded-for", "192.0.2.3, 198.51.100.7")]).await;
    assert_eq!(refused.json(429), json!({"message": "Too many failed attempts: try again later"}));
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 800), "{refused:?}");
    refused.has_cors();
    // Who does not come by way of the proxy counts as the other end of the connection.
    for told in [&[][..], &[("x-forwarded-for", "unknown")]] {
        assert_eq!(sign_in(told).await.status, 200);
    }
    assert_eq!(sign_in(&[("x-forwarded-for", "")]).await.status, 429);
    assert_eq!(sign_in(&[("x-forwarded-for", "198.51.100.8")]).await.status, 200, "others are not concerned");
}

async fn who_has_no_session_does_not_reach_a_route(app: &App) {
    for (method, path) in [
        ("GET", "/sessioninfo"),
        ("GET", "/admin"),
        ("POST", "/promote"),
        ("POST", "/auth/signout"),
        ("POST", "/auth/session/refresh"),
    ] {
        let answer = app.call(method, path, &[], "").await;
        assert_eq!(answer.json(401), json!({"message": "unauthorised"}), "{path}");
        answer.has_cors();
        assert!(answer.header("content-type").starts_with("application/json"), "{answer:?}");
    }
    let broken = ("authorization", "Bearer made-up");
    assert_eq!(app.call("GET", "/sessioninfo", &[broken], "").await.status, 401);
    assert_eq!(app.call("GET", "/optional", &[], "").await.json(200), json!({"userId": null}));
}

async fn sessions_travel_in_headers(app: &App) {
    let made = app.login("header").await;
    let mut exposed = made.list("access-control-expose-headers");
    exposed.sort();
    assert_eq!(exposed, ["front-token", "st-access-token", "st-refresh-token", "x-app"]);
    assert_eq!(made.cookies(), ["app=1"], "only the app's own");
    let access = made.bearer("st-access-token");
    let shown = [("authorization", access.as_str())];

    let answer = app.call("GET", "/sessioninfo", &shown, "").await;
    answer.has_cors();
    let found = answer.json(200);
    assert_eq!(found["userId"], "ann");
    assert_eq!(found["sessionHandle"], found["accessTokenPayload"]["sessionHandle"]);
    assert_eq!(found["accessTokenPayload"]["iss"], "http://localhost:3001/auth");
    assert_eq!(app.call("GET", "/optional", &shown, "").await.json(200), json!({"userId": "ann"}));

    let refresh = made.bearer("st-refresh-token");
    let refreshed = app.call("POST", "/auth/session/refresh", &[("authorization", &refresh)], "").await;
    assert_eq!(refreshed.json(200), json!({}));
    refreshed.has_cors();
    assert!(!refreshed.header("front-token").is_empty());
    let newest = refreshed.bearer("st-access-token");
    assert_ne!(newest, access);

    let answer = app.call("POST", "/auth/signout", &[("authorization", &newest)], "").await;
    assert_eq!(answer.json(200), json!({"status": "OK"}));
    assert_eq!((answer.header("front-token"), answer.header("st-access-token")), ("remove", ""));
    let mut exposed = answer.list("access-control-expose-headers");
    exposed.sort();
    assert_eq!(exposed, ["front-token", "st-access-token", "st-refresh-token"]);
    let refresh = refreshed.bearer("st-refresh-token");
    let gone = app.call("POST", "/auth/session/refresh", &[("authorization", &refresh)], "").await;
    assert_eq!(gone.json(401), json!({"message": "unauthorised"}));
}

async fn sessions_travel_in_cookies(app: &App) {
    let made = app.login("cookie").await;
    let cookies = made.cookies();
    assert_eq!(cookies.len(), 3, "the app's own and two: {cookies:?}");
    let refresh_path = "Path=/auth/session/refresh";
    for (name, path) in [("sAccessToken", "Path=/"), ("sRefreshToken", refresh_path)] {
        let parts = made.cookie(name);
        assert_eq!(
            (parts[1].as_str(), &parts[3..]),
            (path, ["HttpOnly", "SameSite=Lax"].map(String::from).as_slice())
        );
        assert!(parts[2].starts_with("Expires=") && parts[2].ends_with(" GMT"), "{parts:?}");
    }
    assert!(!made.headers.contains_key("st-access-token"), "{made:?}");
    let mut exposed = made.list("access-control-expose-headers");
    exposed.sort();
    assert_eq!(exposed, ["front-token", "x-app"]);

    let both = format!("{}; other=x; {}", made.cookie("sAccessToken")[0], made.cookie("sRefreshToken")[0]);
    let shown = [("cookie", both.as_str())];
    assert_eq!(app.call("GET", "/sessioninfo", &shown, "").await.json(200)["userId"], "ann");
    let refreshed = app.call("POST", "/auth/session/refresh", &shown, "").await;
    assert_eq!(refreshed.json(200), json!({}));
    assert_ne!(refreshed.cookie("sRefreshToken")[0], made.cookie("sRefreshToken")[0]);

    let newest = refreshed.cookie("sAccessToken")[0].clone();
    let answer = app.call("POST", "/auth/signout", &[("cookie", &newest)], "").await;
    assert_eq!(answer.json(200), json!({"status": "OK"}));
    for name in ["sAccessToken", "sRefreshToken"] {
        let parts = answer.cookie(name);
        assert_eq!(parts[0], format!("{name}="));
        assert_eq!(parts[2], "Expires=Thu, 01 Jan 1970 00:00:00 GMT");
    }
}

async fn claims_are_asked_for_and_told(app: &App) {
    let made = app.login("header").await;
    let access = made.bearer("st-access-token");
    let shown = [("authorization", access.as_str())];
    let refused = app.call("GET", "/admin", &shown, "").await;
    refused.has_cors();
    let reason = json!({"message": "value does not exist", "expectedValue": "admin"});
    let failures = json!([{"id": "role", "reason": reason}]);
    assert_eq!(refused.json(403), json!({"message": "invalid claim", "claimValidationErrors": failures}));

    let promoted = app.call("POST", "/promote", &shown, "").await;
    assert_eq!(promoted.json(200), json!({}));
    let access = promoted.bearer("st-access-token");
    let answer = app.call("GET", "/admin", &[("authorization", &access)], "").await;
    assert_eq!(answer.json(200), json!({"userId": "ann"}));
}

async fn stolen_tokens_end_the_session(app: &App) {
    let first = app.login("header").await.bearer("st-refresh-token");
    let refresh =
        async |token: &str| app.call("POST", "/auth/session/refresh", &[("authorization", token)], "").await;
    let second = refresh(&first).await.bearer("st-refresh-token");
    let third = refresh(&second).await.bearer("st-refresh-token");
    let stolen = refresh(&first).await;
    assert_eq!(stolen.json(401), json!({"message": "token theft detected"}));
    assert_eq!(stolen.header("front-token"), "remove");
    assert_eq!(refresh(&third).await.json(401), json!({"message": "unauthorised"}));
}

async fn other_paths_are_the_apps(app: &App) {
    for (method, path) in [
        ("GET", "/auth/unknown"),
        ("GET", "/auth/signout"),
        ("POST", "/authority/signout"),
        ("POST", "/AUTH/signout"),
    ] {
        let answer = app.call(method, path, &[], "").await;
        assert_eq!((answer.status, answer.text().as_str()), (404, "the app's own"), "{method} {path}");
        answer.has_cors();
    }
    for path in ["/auth/signout/", "/auth/public/signout", "/auth/signout?a=b"] {
        assert_eq!(app.call("POST", path, &[], "").await.status, 401, "{path}");
    }
}

async fn bodies_reach_the_sdk(app: &App) {
    let fields =
        json!([{"id": "email", "value": "eve@example.com"}, {"id": "password", "value": "a-Secret-1"}]);
    let body = json!({"formFields": fields}).to_string();
    let headers =
        [("st-auth-mode", "cookie"), ("rid", "emailpassword"), ("content-type", "application/json")];
    let answer = app.call("POST", "/auth/signup", &headers, &body).await;
    let found = answer.json(200);
    assert_eq!((&found["status"], &found["user"]["emails"][0]), (&"OK".into(), &"eve@example.com".into()));
    answer.has_cors();
    let cookie = answer.cookie("sAccessToken").swap_remove(0);
    let info = app.call("GET", "/sessioninfo", &[("cookie", &cookie)], "").await.json(200);
    assert_eq!(info["userId"], found["user"]["id"]);

    let again = app.call("POST", "/auth/signup", &headers, &body).await.json(200);
    assert_eq!(again["status"], "FIELD_ERROR");
    let found = app.call("GET", "/auth/emailpassword/email/exists?email=eve%40example.com", &[], "").await;
    assert_eq!(found.json(200), json!({"status": "OK", "exists": true}));
    assert_eq!(app.call("POST", "/auth/signup", &headers, "{").await.status, 400);
}

async fn large_bodies_are_refused(app: &App) {
    let body = |length: usize| "x".repeat(length);
    let refused = app.call("POST", "/auth/signout", &[], &body(BODY_LIMIT + 1)).await;
    assert_eq!(refused.json(413), json!({"message": "The request's body is too large"}));
    refused.has_cors();
    assert_eq!(app.call("POST", "/auth/signout", &[], &body(BODY_LIMIT)).await.status, 401);
}

/// The tested app, as a browser on [`WEBSITE`] reaches it.
pub(crate) struct App {
    base: String,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl App {
    pub(crate) fn at(base: &str) -> Self {
        Self { base: base.to_owned(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        self.try_call(method, path, headers, body).await.expect("the app answers")
    }

    pub(crate) async fn try_call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Error> {
        let method: Method = method.parse().expect("a method");
        let mut request =
            Request::builder().method(method).uri(format!("{}{path}", self.base)).header(ORIGIN, WEBSITE);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body.to_owned())).expect("a request");
        let (head, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Ok(Answer { status: head.status.as_u16(), headers: head.headers, body })
    }

    async fn login(&self, mode: &str) -> Answer {
        let headers = [("st-auth-mode", mode), (CONTENT_TYPE.as_str(), "application/json")];
        let answer = self.call("POST", "/login", &headers, &json!({"userId": "ann"}).to_string()).await;
        assert_eq!(answer.json(200), json!({"userId": "ann"}));
        answer.has_cors();
        answer
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        serde_json::from_slice(&self.body).expect("JSON")
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).and_then(|value| value.to_str().ok());
        assert!(value.is_some(), "no {name}: {self:?}");
        value.unwrap_or_default()
    }

    /// A header's comma-separated values, in lower case.
    fn list(&self, name: &str) -> Vec<String> {
        self.header(name).split(',').map(|item| item.trim().to_lowercase()).collect()
    }

    pub(crate) fn bearer(&self, name: &str) -> String {
        format!("Bearer {}", self.header(name))
    }

    fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().expect("text")).collect()
    }

    /// `name=value`, then the attributes.
    fn cookie(&self, name: &str) -> Vec<String> {
        let cookies = self.cookies();
        let mut fitting = cookies.iter().filter(|cookie| cookie.starts_with(&format!("{name}=")));
        let found = fitting.next().copied().unwrap_or_default();
        assert!(!found.is_empty() && fitting.next().is_none(), "{name} is to be there once: {cookies:?}");
        found.split("; ").map(str::to_owned).collect()
    }

    /// A page on [`WEBSITE`] may read the answer.
    fn has_cors(&self) {
        assert_eq!(self.header("access-control-allow-origin"), WEBSITE);
        assert_eq!(self.header("access-control-allow-credentials"), "true");
        assert!(self.headers.get_all(ACCESS_CONTROL_EXPOSE_HEADERS).iter().count() <= 1, "{self:?}");
    }
}
