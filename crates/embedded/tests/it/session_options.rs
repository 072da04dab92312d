//! What apps set of sessions, of the core and of where they live, as callers see it.

use crate::app::{Mails, Reply, TestApp, info};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Request};
use portcullis::email::EmailSubject;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::multitenancy::TenantConfig;
use portcullis::recipes::session::{
    Api, Claim, ClaimValidator, NewSession, SessionRecipe, TokenType, TransferMethod, VerifyOptions,
};
use portcullis::{AppInfo, CoreError, Cx, Error, Exchange, Portcullis, SessionError};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What Ann signs up and in with.
fn form() -> String {
    let fields = [("email", "ann@example.com"), ("password", "correct1horse")];
    let fields = fields.map(|(id, value)| json!({"id": id, "value": value}));
    json!({"formFields": fields}).to_string()
}

async fn app(shape: Shape, session: SessionRecipe) -> TestApp {
    TestApp::new(shape, |builder| builder.recipe(EmailPassword::new()).recipe(session)).await
}

async fn sign_up(app: &TestApp, request: http::request::Builder) -> Reply {
    let reply = app.send(request, form()).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("OK")), "{:?}", reply.body);
    reply
}

fn by_cookie(path: &str) -> http::request::Builder {
    Request::post(path).header("st-auth-mode", "cookie")
}

/// Whether a request to one of the app's own routes has a session.
async fn has_session(app: &TestApp, request: http::request::Builder) -> bool {
    let options = VerifyOptions::new();
    match app.sdk.session().unwrap().verify(&app.call(request), &options).await {
        Ok(found) => found.is_some(),
        Err(Error::Session(_)) => false,
        Err(other) => panic!("{other}"),
    }
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// Names that also say for which of the app's brands the request is.
fn named(beginning: &'static str) -> impl Fn(&Exchange, TokenType) -> String {
    move |exchange, token| {
        let brand = exchange.header("x-brand").unwrap_or("a");
        let token = match token {
            TokenType::Access => "access",
            TokenType::Refresh => "refresh",
        };
        format!("{beginning}-{brand}-{token}")
    }
}

#[rstest]
#[tokio::test]
async fn cookies_and_headers_have_the_app_s_names(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = SessionRecipe::new().cookie_name(named("c")).header_name(named("x"));
    let app = app(shape, recipe).await;
    let names = |reply: &Reply| -> Vec<String> {
        reply.set_cookies().iter().map(|cookie| cookie.split('=').next().unwrap().to_owned()).collect()
    };
    let made = sign_up(&app, by_cookie("/auth/signup").header("x-brand", "b")).await;
    assert_eq!(names(&made), ["c-b-access", "c-b-refresh"]);
    assert!(!made.headers.contains_key("st-access-token") && !made.headers.contains_key("x-b-access"));
    let cookies = made.cookies();
    let with =
        |brand: &str, cookies: &str| Request::get("/x").header("x-brand", brand).header("cookie", cookies);
    assert!(has_session(&app, with("b", &cookies)).await);
    assert!(!has_session(&app, with("a", &cookies)).await);
    assert!(!has_session(&app, with("b", &cookies.replace("c-b-access", "sAccessToken"))).await);

    let refreshing = Request::post("/auth/session/refresh").header("x-brand", "b").header("cookie", &cookies);
    let refreshed = app.send(refreshing, "").await;
    assert_eq!((refreshed.status, names(&refreshed)), (200, vec!["c-b-access".into(), "c-b-refresh".into()]));
    let ending = Request::post("/auth/signout").header("x-brand", "b").header("cookie", refreshed.cookies());
    let ended = app.send(ending, "").await;
    assert_eq!((ended.status, ended.cookies().as_str()), (200, "c-b-access=; c-b-refresh="));

    let made = app.send(Request::post("/auth/signin"), form()).await;
    assert_eq!(made.headers["access-control-expose-headers"], "front-token, x-a-access, x-a-refresh");
    let token = |name: &str| made.headers[name].to_str().unwrap().to_owned();
    assert!(
        has_session(&app, Request::get("/x").header("authorization", bearer(&token("x-a-access")))).await
    );
    let refreshing = Request::post("/auth/session/refresh");
    let refreshing = refreshing.header("authorization", bearer(&token("x-a-refresh")));
    let refreshed = app.send(refreshing, "").await;
    assert!(
        refreshed.headers.contains_key("x-a-access") && !refreshed.headers.contains_key("st-access-token")
    );
}

/// Rather no session than one whose tokens do not get to the browser.
#[rstest]
#[tokio::test]
async fn names_that_are_none_are_errors(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    for name in ["", "a b", "a;b", "a=b", "ä", "a\n"] {
        let recipe =
            SessionRecipe::new().cookie_name(move |_, _| name.into()).header_name(move |_, _| name.into());
        let app = TestApp::new(shape, |builder| builder.recipe(recipe)).await;
        for mode in ["cookie", "header"] {
            let cx = app.call(Request::post("/login").header("st-auth-mode", mode));
            let told = app.sdk.session().unwrap().create(&cx, NewSession::of("ann")).await;
            let told = told.unwrap_err();
            assert!(matches!(told, Error::Internal(_)), "{mode} {name:?}: {told:?}");
            assert_eq!(app.refuse(&cx, &told).await.status, 500);
        }
    }
}

#[rstest]
#[tokio::test]
async fn tokens_reach_no_debug_text_of_a_response(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = SessionRecipe::new().anti_csrf(portcullis::recipes::session::AntiCsrf::ViaToken);
    let app = app(shape, recipe.expose_access_token(true)).await;
    let made = sign_up(&app, by_cookie("/auth/signup")).await;
    let text = format!("{:?}", made.headers);
    assert_eq!(made.set_cookies().len(), 2);
    let secrets =
        ["front-token", "anti-csrf", "st-access-token"].map(|name| made.headers[name].to_str().unwrap());
    for secret in secrets.into_iter().chain(made.cookies().split([';', '=']).filter(|part| part.len() > 40)) {
        assert!(!text.contains(secret), "{text}");
    }
}

fn key_id(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[rstest]
#[tokio::test]
async fn the_key_that_is_never_rotated_signs(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, SessionRecipe::new().use_dynamic_signing_key(false)).await;
    let made = sign_up(&app, Request::post("/auth/signup")).await;
    let refresh = bearer(made.headers["st-refresh-token"].to_str().unwrap());
    let refreshed =
        app.send(Request::post("/auth/session/refresh").header("authorization", refresh), "").await;
    for token in [made.access_token(), refreshed.access_token()] {
        assert!(key_id(token).starts_with("s-"), "{}", key_id(token));
    }
    let token = refreshed.access_token();
    assert!(has_session(&app, Request::get("/x").header("authorization", bearer(token))).await);

    // An app that changes the setting has its sessions refreshed.
    let dynamic = app.another_sdk(|builder| builder.recipe(SessionRecipe::new()));
    let verify = async |sdk: &Portcullis, token: &str| {
        let options = VerifyOptions::new();
        sdk.session().unwrap().verify_without_request(&Cx::new(sdk), token, None, &options).await
    };
    let told = verify(&dynamic, token).await.unwrap_err();
    assert!(matches!(told, Error::Session(SessionError::TryRefreshToken { .. })), "{told:?}");
    let cx = Cx::new(&dynamic);
    let of_dynamic =
        dynamic.session().unwrap().create_without_request(&cx, NewSession::of("ann")).await.unwrap();
    let of_dynamic = of_dynamic.access_token();
    assert!(key_id(&of_dynamic).starts_with("d-"));
    assert!(verify(&dynamic, &of_dynamic).await.unwrap().is_some());
    let told = verify(&app.sdk, &of_dynamic).await.unwrap_err();
    assert!(matches!(told, Error::Session(SessionError::TryRefreshToken { .. })), "{told:?}");
}

const OWN: &str = "https://example.com";
const SHOP: &str = "https://shop.example.org";
const EVIL: &str = "https://evil.example";

async fn app_of_two_websites(shape: Shape, mails: &Mails) -> TestApp {
    let info = AppInfo::new("Demo", "https://api.example.com", OWN).also_website("shop.example.org/start");
    TestApp::of(info, shape, &json!({}), |builder| {
        let builder = builder.email_delivery(mails.clone());
        builder.recipe(EmailPassword::new()).recipe(SessionRecipe::new())
    })
    .await
}

#[rstest]
#[tokio::test]
async fn links_lead_to_the_website_that_asked(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let app = app_of_two_websites(shape, &mails).await;
    sign_up(&app, Request::post("/auth/signup")).await;
    for (origin, website) in
        [(Some(OWN), OWN), (Some(SHOP), SHOP), (Some(EVIL), OWN), (Some("null"), OWN), (None, OWN)]
    {
        let request = Request::post("/auth/user/password/reset/token");
        let request = if let Some(origin) = origin { request.header("origin", origin) } else { request };
        let fields = json!({"formFields": [{"id": "email", "value": "ann@example.com"}]});
        let asked = app.send(request, fields.to_string()).await;
        assert_eq!(asked.seen(), (200, json!({"status": "OK"})));
        let (email, _) = mails.one().await;
        assert!(matches!(email.subject, EmailSubject::PasswordReset { .. }));
        let link = email.subject.link().unwrap();
        assert!(link.starts_with(&format!("{website}/auth/reset-password?token=")), "{origin:?}: {link}");
    }
}

#[rstest]
#[tokio::test]
async fn cookies_are_as_the_website_needs_them(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app_of_two_websites(shape, &Mails::default()).await;
    let of_own = sign_up(&app, by_cookie("/auth/signup").header("origin", OWN)).await;
    let of_shop = app.send(by_cookie("/auth/signin").header("origin", SHOP), form()).await;
    for (reply, end) in
        [(&of_own, "; HttpOnly; Secure; SameSite=Lax"), (&of_shop, "; HttpOnly; Secure; SameSite=None")]
    {
        let cookies = reply.set_cookies();
        assert!(cookies.len() == 2 && cookies.iter().all(|cookie| cookie.ends_with(end)), "{cookies:?}");
    }

    // What a page of another site can make a browser send: the shop's cookies, and no header of its own.
    let cookies = of_shop.cookies();
    let request = |origin: Option<&str>, path: &str| {
        let request = Request::post(path).header("cookie", &cookies);
        if let Some(origin) = origin { request.header("origin", origin) } else { request }
    };
    for origin in [Some(EVIL), Some(SHOP), Some("null"), None] {
        assert!(!has_session(&app, request(origin, "/x")).await, "{origin:?}");
        assert!(has_session(&app, request(origin, "/x").header("rid", "anti-csrf")).await, "{origin:?}");
        let refreshed = app.send(request(origin, "/auth/session/refresh"), "").await;
        assert_eq!(refreshed.seen(), (401, json!({"message": "unauthorised"})), "{origin:?}");
        let ended = app.send(request(origin, "/auth/signout"), "").await;
        assert_eq!(ended.seen(), (401, json!({"message": "try refresh token"})), "{origin:?}");
    }
    // Browsers say truly which page asks.
    assert!(has_session(&app, request(Some(OWN), "/x")).await);
    let ended = app.send(request(Some(SHOP), "/auth/signout").header("rid", "anti-csrf"), "").await;
    assert_eq!(ended.seen(), (200, json!({"status": "OK"})));
}

/// An app with a website for each customer, of which some are on hosts of the customers' own.
#[rstest]
#[tokio::test]
async fn websites_that_are_not_named(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let (acme, abroad, mails) =
        ("https://acme.example.com", "https://sign-in.acme.example", Mails::default());
    let info = AppInfo::new("Demo", "https://api.example.com", OWN);
    let info = info.websites_if(move |origin| [acme, abroad].contains(&origin));
    let app = TestApp::of(info, shape, &json!({}), |builder| {
        let builder = builder.email_delivery(mails.clone());
        builder.recipe(EmailPassword::new()).recipe(SessionRecipe::new())
    })
    .await;
    sign_up(&app, Request::post("/auth/signup")).await;
    for (origin, website, same_site) in
        [(OWN, OWN, "Lax"), (acme, acme, "Lax"), (abroad, abroad, "None"), (EVIL, OWN, "Lax")]
    {
        let fields = json!({"formFields": [{"id": "email", "value": "ann@example.com"}]});
        let request = Request::post("/auth/user/password/reset/token").header("origin", origin);
        app.send(request, fields.to_string()).await;
        let (email, _) = mails.one().await;
        assert!(email.subject.link().unwrap().starts_with(&format!("{website}/auth/")), "{origin}");
        let signed_in = app.send(by_cookie("/auth/signin").header("origin", origin), form()).await;
        let end = format!("; HttpOnly; Secure; SameSite={same_site}");
        let cookies = signed_in.set_cookies();
        assert!(cookies.len() == 2 && cookies.iter().all(|cookie| cookie.ends_with(&end)), "{cookies:?}");
        // A page anywhere can make a browser send the cookies that were made for the host abroad.
        let request =
            |origin: &str| Request::post("/x").header("cookie", signed_in.cookies()).header("origin", origin);
        assert_eq!(has_session(&app, request(website)).await, same_site == "Lax", "{origin}");
        assert!(!has_session(&app, request(EVIL)).await, "{origin}");
        assert!(has_session(&app, request(EVIL).header("rid", "anti-csrf")).await, "{origin}");
    }
}

/// The gateway serves `/gateway/auth/…` and asks this server for `/auth/…`.
#[rstest]
#[tokio::test]
async fn an_app_behind_a_gateway(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let info = info().api_gateway_path("gateway/").api_base_path("/api/auth");
    let app = TestApp::of(info, shape, &json!({}), |builder| {
        builder.recipe(EmailPassword::new()).recipe(SessionRecipe::new())
    })
    .await;
    assert!(!app.serves(&Method::POST, "/gateway/api/auth/signup"));
    let paths: Vec<_> = app.sdk.frontend_apis().into_iter().map(|(_, path)| path).collect();
    assert!(paths.contains(&"/api/auth/signup".to_owned()), "{paths:?}");
    let made = sign_up(&app, by_cookie("/api/auth/signup")).await;
    assert!(made.set_cookies()[1].contains("; Path=/gateway/api/auth/session/refresh; "), "{made:?}");
    let refreshing = Request::post("/api/auth/session/refresh").header("cookie", made.cookies());
    assert_eq!(app.send(refreshing, "").await.seen(), (200, json!({})));
    let discovery = app.send(Request::get("/api/auth/.well-known/openid-configuration"), "").await;
    let base = "http://localhost:3001/gateway/api/auth";
    assert_eq!(discovery.body["issuer"], base);
    assert_eq!(discovery.body["jwks_uri"], format!("{base}/jwt/jwks.json"));
    assert_eq!(app.send(Request::get("/api/auth/jwt/jwks.json"), "").await.status, 200);
}

#[rstest]
#[tokio::test]
async fn the_app_chooses_how_tokens_travel(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let choose = |exchange: &Exchange, creates: bool| match exchange.header("x-client")? {
        "phone" => Some(TransferMethod::Header),
        "browser" => Some(TransferMethod::Cookie),
        "new-in-cookies" => creates.then_some(TransferMethod::Cookie),
        _ => None,
    };
    let app = app(shape, SessionRecipe::new().choose_transfer(choose)).await;
    sign_up(&app, Request::post("/auth/signup")).await;
    let way = |reply: &Reply| (reply.set_cookies().len(), reply.headers.contains_key("st-access-token"));
    let sign_in = async |client: &str, mode: &str| {
        let request = Request::post("/auth/signin").header("x-client", client).header("st-auth-mode", mode);
        app.send(request, form()).await
    };
    let (in_headers, in_cookies) = ((0, true), (2, false));
    let phone = sign_in("phone", "cookie").await;
    let browser = sign_in("browser", "header").await;
    assert_eq!((way(&phone), way(&browser)), (in_headers, in_cookies));
    assert_eq!(way(&sign_in("new-in-cookies", "header").await), in_cookies);
    // What is left to the request.
    assert_eq!(way(&sign_in("other", "cookie").await), in_cookies);
    assert_eq!(way(&sign_in("other", "Header").await), in_headers);
    assert_eq!(way(&sign_in("other", "pigeon").await), in_headers);

    let with = |client: &str, name: &str, value: &str| {
        Request::get("/x").header("x-client", client).header(name, value)
    };
    let (token, cookies) = (bearer(phone.access_token()), browser.cookies());
    for (client, by_header, by_cookie) in [
        ("phone", true, false),
        ("browser", false, true),
        ("new-in-cookies", true, true),
        ("other", true, true),
    ] {
        assert_eq!(has_session(&app, with(client, "authorization", &token)).await, by_header, "{client}");
        assert_eq!(has_session(&app, with(client, "cookie", &cookies)).await, by_cookie, "{client}");
    }
    let refresh = bearer(phone.headers["st-refresh-token"].to_str().unwrap());
    for (client, status) in [("browser", 401), ("phone", 200)] {
        let request = Request::post("/auth/session/refresh").header("x-client", client);
        let refreshed = app.send(request.header("authorization", &refresh), "").await;
        assert_eq!(refreshed.status, status, "{client}");
    }
}

const STRANGER: (&str, &str) = ("origin", "https://evil.example");
const TEXT: (&str, &str) = ("content-type", "text/plain");

/// Where the app chooses cookies whatever the request says, a form on another site would sign the visitor in
/// as that site's own user.
#[rstest]
#[tokio::test]
async fn no_other_site_signs_its_visitors_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let choose = |exchange: &Exchange, creates: bool| match exchange.header("x-client") {
        Some("phone") => Some(TransferMethod::Header),
        _ => creates.then_some(TransferMethod::Cookie),
    };
    let app = app(shape, SessionRecipe::new().choose_transfer(choose)).await;
    let with = |path: &str, headers: &[(&str, &str)]| {
        headers.iter().fold(Request::post(path), |request, (name, value)| request.header(*name, *value))
    };
    let users =
        async || app.sdk.users_by_email(&Cx::new(&app.sdk), "public", "ann@example.com").await.unwrap();
    let sessions = async || {
        let cx = Cx::new(&app.sdk);
        let [user] = users().await.try_into().unwrap();
        app.sdk.session().unwrap().all_handles_of_user(&cx, &user.id, true, None).await.unwrap().len()
    };
    let refused = async |path: &str, headers: &[(&str, &str)]| {
        let reply = app.send(with(path, headers), form()).await;
        assert_eq!((reply.status, reply.set_cookies()), (400, vec![]), "{headers:?}");
        let text = reply.body["message"].as_str().unwrap();
        assert!(text.contains("st-auth-mode"), "{text}");
        assert!(!reply.headers.contains_key("front-token") && !reply.headers.contains_key("st-access-token"));
    };
    refused("/auth/signup", &[STRANGER, TEXT]).await;
    assert!(users().await.is_empty(), "nobody is made who then gets no session");
    let passwords = app.sdk.email_password().unwrap();
    passwords.sign_up(&Cx::new(&app.sdk), "public", "ann@example.com", "correct1horse").await.unwrap();
    for headers in [
        &[STRANGER] as &[_],
        &[STRANGER, ("content-type", "")],
        &[STRANGER, ("content-type", "TEXT/Plain ; charset=utf-8")],
        &[STRANGER, ("content-type", "text/plain;application/json")],
        &[STRANGER, ("content-type", "text/plain;x=ü")],
        &[STRANGER, ("content-type", "application/x-www-form-urlencoded")],
        &[STRANGER, ("content-type", "multipart/form-data; boundary=x")],
        &[STRANGER, TEXT, ("sec-fetch-site", "cross-site")],
        &[STRANGER, TEXT, ("sec-fetch-site", "same-site")],
        &[TEXT, ("origin", "null")],
        &[TEXT, ("origin", "")],
        &[TEXT, ("origin", "ü")],
        &[TEXT, ("origin", "https://localhost:3000")],
        &[TEXT, ("origin", "http://localhost:3002")],
        &[TEXT, ("origin", "http://localhost:3000.evil.example")],
    ] {
        refused("/auth/signin", headers).await;
    }
    assert_eq!(sessions().await, 0);

    let mut made = 0;
    for headers in [
        &[] as &[_],
        &[TEXT],
        &[TEXT, ("origin", "http://localhost:3000")],
        &[TEXT, ("origin", "http://localhost:3001")],
        &[TEXT, ("origin", "null"), ("sec-fetch-site", "same-origin")],
        &[STRANGER, ("content-type", "application/json")],
        &[STRANGER, ("content-type", "text/plainly")],
        &[STRANGER, TEXT, ("rid", "")],
        &[STRANGER, TEXT, ("fdi-version", "4.0")],
        &[STRANGER, TEXT, ("st-auth-mode", "header")],
        &[STRANGER, TEXT, ("st-auth-mode", "cookie")],
    ] {
        let reply = app.send(with("/auth/signin", headers), form()).await;
        assert_eq!((reply.status, reply.set_cookies().len()), (200, 2), "{headers:?}");
        made += 1;
        assert_eq!(sessions().await, made);
    }
    // What is not sent by itself signs nobody in.
    let phone = app.send(with("/auth/signin", &[STRANGER, TEXT, ("x-client", "phone")]), form()).await;
    assert_eq!((phone.status, phone.set_cookies().len()), (200, 0));
    phone.access_token();

    // As with the app's own routes; one that looks for strangers itself gives out the cookies by hand.
    let cx = app.call(with("/saml", &[STRANGER, ("content-type", "application/x-www-form-urlencoded")]));
    let sessions = app.sdk.session().unwrap();
    let told = sessions.create(&cx, NewSession::of("bob")).await.unwrap_err();
    assert!(matches!(&told, Error::BadInput(_)), "{told:?}");
    assert_eq!(sessions.all_handles_of_user(&cx, "bob", true, None).await.unwrap(), [""; 0]);
    let made = sessions.create_without_request(&cx, NewSession::of("bob")).await.unwrap();
    made.attach(&cx, TransferMethod::Cookie).unwrap();
    let mut headers = http::HeaderMap::new();
    cx.exchange().unwrap().write_to(&mut headers);
    assert_eq!(headers.get_all("set-cookie").iter().count(), 2);
}

#[rstest]
#[tokio::test]
async fn a_core_that_wants_a_key_gets_it(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    const KEY: &str = "a-key-of-twenty-or-more-characters";
    let settings = json!({"api_keys": format!("another-key-of-twenty-characters,{KEY}")});
    let app = TestApp::of(info(), shape, &settings, |builder| {
        builder.api_key(KEY).recipe(EmailPassword::new()).recipe(SessionRecipe::new())
    })
    .await;
    let made = sign_up(&app, Request::post("/auth/signup")).await;
    assert!(has_session(&app, Request::get("/x").header("authorization", bearer(made.access_token()))).await);
    for key in [None, Some("a-key-that-is-not-one-of-the-core")] {
        let other = app.another_sdk(|builder| {
            let builder = builder.recipe(SessionRecipe::new());
            if let Some(key) = key { builder.api_key(key) } else { builder }
        });
        let refused = other.user_count(&Cx::new(&other), &[], None).await.unwrap_err();
        assert!(matches!(&refused, Error::Core(CoreError::Refused { status: 401, .. })), "{refused:?}");
        assert!(!refused.to_string().contains("a-key"), "{refused}");
    }
    assert_eq!(app.sdk.user_count(&Cx::new(&app.sdk), &[], None).await.unwrap(), 1);
}

#[rstest]
#[tokio::test]
async fn validators_are_replaced_with_those_of_the_recipes_at_hand(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = TestApp::new(shape, |builder| {
        builder
            .recipe(EmailPassword::new())
            .recipe(EmailVerification::required())
            .recipe(SessionRecipe::new())
    })
    .await;
    let made = sign_up(&app, Request::post("/auth/signup")).await;
    let missing = async |options: VerifyOptions| -> Vec<String> {
        let cx = app.call(Request::get("/x").header("authorization", bearer(made.access_token())));
        match app.sdk.session().unwrap().verify(&cx, &options).await {
            Ok(session) => session.map(|_| Vec::new()).unwrap(),
            Err(Error::Session(SessionError::InvalidClaims(failures))) => {
                failures.into_iter().map(|failure| failure.id).collect()
            }
            Err(other) => panic!("{other}"),
        }
    };
    let never = |id: &str| ClaimValidator::new(id, |_, _| Some(json!({})));
    let always = ClaimValidator::new("always", |_, _| None);
    let options = VerifyOptions::new;
    assert_eq!(missing(options()).await, ["st-ev"], "nobody has followed the link");
    assert_eq!(missing(options().without_claims()).await, [""; 0]);
    assert_eq!(missing(options().validators_from(move |_| vec![always.clone()])).await, [""; 0]);
    let own = never("own");
    let instead = options().validators_from(move |of_recipes| {
        assert_eq!(of_recipes.iter().map(ClaimValidator::id).collect::<Vec<_>>(), ["st-ev"]);
        vec![own.clone()]
    });
    assert_eq!(missing(instead.clone()).await, ["own"]);
    assert_eq!(missing(instead.also(never("other"))).await, ["own", "other"]);
    assert_eq!(missing(options().also(never("own"))).await, ["st-ev", "own"]);
    let kept = options().validators_from(|of_recipes| of_recipes);
    assert_eq!(missing(kept).await, ["st-ev"]);
}

#[rstest]
#[tokio::test]
async fn signing_out_can_be_taken_away(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, SessionRecipe::new().disable(Api::SignOut)).await;
    assert!(!app.serves(&Method::POST, "/auth/signout"));
    assert!(app.sdk.handle(&app.call(Request::post("/auth/signout"))).await.is_none());
    assert!(app.sdk.frontend_apis().iter().all(|(_, path)| path != "/auth/signout"));
    assert!(app.serves(&Method::POST, "/auth/session/refresh"));
    // The function is still there.
    let made = sign_up(&app, Request::post("/auth/signup")).await;
    let cx = app.call(Request::post("/bye").header("authorization", bearer(made.access_token())));
    let session = app.sdk.session().unwrap().verify(&cx, &VerifyOptions::new()).await.unwrap().unwrap();
    session.revoke(&cx).await.unwrap();
    assert!(app.sdk.session().unwrap().information(&cx, session.handle()).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn sessions_are_listed_and_ended_by_handle(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, SessionRecipe::new()).await;
    let (cx, sessions) = (Cx::new(&app.sdk), app.sdk.session().unwrap());
    app.sdk.multitenancy().create_or_update_tenant(&cx, "t1", TenantConfig::new()).await.unwrap();
    let create = async |user: &str, tenant: &str| {
        let made = sessions.create_without_request(&cx, NewSession::of(user).tenant(tenant)).await.unwrap();
        (made.handle().to_owned(), made.access_token())
    };
    let (first, first_token) = create("ann", "public").await;
    let (second, second_token) = create("ann", "public").await;
    let (in_t1, _) = create("ann", "t1").await;
    let (of_bob, _) = create("bob", "public").await;
    let handles = async |user: &str, tenant: Option<&str>| -> BTreeSet<String> {
        // A call remembers what the core said; this one is to ask.
        let cx = Cx::new(&app.sdk);
        let found = sessions.all_handles_of_user(&cx, user, true, tenant).await.unwrap();
        let count = found.len();
        let found = BTreeSet::from_iter(found);
        assert_eq!(found.len(), count);
        found
    };
    let set = |handles: &[&String]| -> BTreeSet<String> {
        handles.iter().map(|handle| (*handle).clone()).collect()
    };
    assert_eq!(handles("ann", None).await, set(&[&first, &second, &in_t1]));
    assert_eq!(handles("ann", Some("public")).await, set(&[&first, &second]));
    assert_eq!(handles("ann", Some("t1")).await, set(&[&in_t1]));
    assert_eq!(handles("bob", None).await, set(&[&of_bob]));
    assert_eq!(handles("bob", Some("t1")).await, set(&[]));
    assert_eq!(handles("nobody", None).await, set(&[]));

    let verifies = async |token: &str| {
        let options = VerifyOptions::new().check_database();
        sessions.verify_without_request(&cx, token, None, &options).await.is_ok()
    };
    assert!(verifies(&first_token).await && verifies(&second_token).await);
    let asked = [first.clone(), "made-up".to_owned(), in_t1.clone(), of_bob.clone()];
    let ended = sessions.revoke_several(&cx, &asked).await.unwrap();
    assert_eq!(BTreeSet::from_iter(ended), set(&[&first, &in_t1, &of_bob]), "those that were there");
    assert!(!verifies(&first_token).await && verifies(&second_token).await);
    assert_eq!(handles("ann", None).await, set(&[&second]));
    assert_eq!(handles("bob", None).await, set(&[]));
    assert_eq!(sessions.revoke_several(&cx, &asked).await.unwrap(), [""; 0], "they are gone");
    assert_eq!(sessions.revoke_several(&cx, &[]).await.unwrap(), [""; 0]);
}

#[rstest]
#[tokio::test]
async fn a_session_is_looked_at_by_its_handle(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, SessionRecipe::new()).await;
    let (cx, sessions) = (Cx::new(&app.sdk), app.sdk.session().unwrap());
    let made = sessions.create_without_request(&cx, NewSession::of("ann")).await.unwrap();
    let plan = Claim::new("plan", |_, subject| {
        Box::pin(async move { Ok((subject.user_id() == "ann").then(|| "paid".into())) })
    });
    let refuses = ClaimValidator::new("never", |_, _| Some(json!("no")));
    let options = VerifyOptions::new().also(plan.has_value("paid", None)).also(refuses);
    let validate = async |handle: &str| {
        sessions.validate_claims_for_session_handle(&cx, handle, &options).await.unwrap()
    };
    let failures = validate(made.handle()).await.unwrap();
    assert_eq!((failures.len(), failures[0].id.as_str()), (1, "never"));
    let stored = sessions.information(&cx, made.handle()).await.unwrap().unwrap().payload;
    assert_eq!(stored["plan"]["v"], "paid", "what was fetched is stored");
    assert!(validate("no handle").await.is_none());
}
