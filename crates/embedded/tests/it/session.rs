//! Sessions.

use crate::app::{TestApp, info, object};
use http::{HeaderMap, Request};
use portcullis::recipes::session::{AntiCsrf, Claim, NewSession, SessionRecipe, VerifyOptions};
use portcullis::{AppInfo, Cx, Error, SessionError};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

async fn app(shape: Shape, recipe: SessionRecipe) -> TestApp {
    TestApp::new(shape, |builder| builder.recipe(recipe)).await
}

/// What a call has gathered for its response.
fn headers(cx: &Cx) -> HeaderMap {
    let mut headers = HeaderMap::new();
    cx.exchange().unwrap().write_to(&mut headers);
    headers
}

#[rstest]
#[tokio::test]
async fn a_session_in_headers_is_made_verified_refreshed_and_ended(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape, SessionRecipe::new()).await;
    let cx = app.call(Request::post("/login"));
    let session = app.sdk.session().unwrap();
    let made = session
        .create(&cx, NewSession::of("ann").payload(object(&json!({"role": "admin", "sub": "x"}))))
        .await;
    let made = made.unwrap();
    assert_eq!((made.user_id(), made.tenant_id()), ("ann", "public"));
    let sent = headers(&cx);
    let access = sent["st-access-token"].to_str().unwrap().to_owned();
    let refresh = sent["st-refresh-token"].to_str().unwrap().to_owned();
    assert_eq!(sent["access-control-expose-headers"], "front-token, st-access-token, st-refresh-token");

    let with = |token: &str| Request::get("/x").header("authorization", format!("Bearer {token}"));
    let cx = app.call(with(&access));
    let verified = session.verify(&cx, &VerifyOptions::new()).await.unwrap().unwrap();
    assert_eq!(verified.access_token_payload()["role"], "admin");
    assert_eq!(verified.access_token_payload()["iss"], "http://localhost:3001/auth");
    assert!(headers(&cx).is_empty(), "nothing new to tell");

    let refreshing =
        Request::post("/auth/session/refresh").header("authorization", format!("Bearer {refresh}"));
    let refreshed = app.send(refreshing, "").await;
    assert_eq!(refreshed.seen(), (200, json!({})));
    let access = refreshed.access_token();

    let ending = Request::post("/auth/signout").header("authorization", format!("Bearer {access}"));
    let ended = app.send(ending, "").await;
    assert_eq!(ended.seen(), (200, json!({"status": "OK"})));
    assert_eq!((&ended.headers["front-token"], ended.access_token()), (&"remove".parse().unwrap(), ""));

    let cx = app.call(with(access));
    let gone = session.verify(&cx, &VerifyOptions::new().check_database()).await.unwrap_err();
    assert!(
        matches!(gone, Error::Session(SessionError::Unauthorised { clear_tokens: true, .. })),
        "{gone:?}"
    );
}

#[rstest]
#[tokio::test]
async fn a_session_in_cookies_and_a_stolen_refresh_token(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape, SessionRecipe::new()).await;
    let session = app.sdk.session().unwrap();
    let cx = app.call(Request::post("/login").header("st-auth-mode", "cookie"));
    session.create(&cx, NewSession::of("ann")).await.unwrap();
    let cookies = |headers: &HeaderMap| -> Vec<String> {
        headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    };
    let first = cookies(&headers(&cx));
    assert!(first[0].starts_with("sAccessToken=") && first[0].contains("; Path=/; Expires="), "{first:?}");
    assert!(first[0].ends_with("; HttpOnly; SameSite=Lax"), "{first:?}");
    assert!(first[1].contains("; Path=/auth/session/refresh; "), "{first:?}");

    let pair = |cookie: &str| cookie.split(';').next().unwrap().to_owned();
    let refresh = async |cookie: &str| {
        let request = Request::post("/auth/session/refresh").header("cookie", pair(cookie));
        app.send(request, "").await
    };
    let second = refresh(&first[1]).await;
    assert_eq!(second.status, 200);
    let newest = cookies(&second.headers);
    // The child's first use tells the core that it has arrived; then its parent is a stolen one.
    assert_eq!(refresh(&newest[1]).await.status, 200);
    let stolen = refresh(&first[1]).await;
    assert_eq!(stolen.seen(), (401, json!({"message": "token theft detected"})));
    assert!(cookies(&stolen.headers).iter().all(|cookie| cookie.contains("=; ") && cookie.contains("1970")));
    assert_eq!(refresh(&newest[1]).await.status, 401, "the thief's session is gone as well");
}

#[rstest]
#[tokio::test]
async fn who_has_no_session_is_told_so(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, SessionRecipe::new()).await;
    for request in [
        Request::post("/auth/session/refresh"),
        Request::post("/auth/signout"),
        Request::post("/auth/session/refresh").header("authorization", "Bearer made-up"),
    ] {
        assert_eq!(app.send(request, "").await.seen(), (401, json!({"message": "unauthorised"})));
    }
    let twice = Request::post("/auth/session/refresh").header("cookie", "sRefreshToken=a; sRefreshToken=b");
    assert_eq!(app.send(twice, "").await.status, 500);
    assert!(app.sdk.handle(&app.call(Request::get("/auth/signout"))).await.is_none());
    assert!(app.sdk.handle(&app.call(Request::post("/other/signout"))).await.is_none());
    assert!(app.sdk.handle(&app.call(Request::post("/auth/t1/signout"))).await.is_some());
    let optional = VerifyOptions::new().optional();
    let cx = app.call(Request::get("/x"));
    assert!(app.sdk.session().unwrap().verify(&cx, &optional).await.unwrap().is_none());
}

#[rstest]
#[tokio::test]
async fn claims_are_fetched_kept_and_asked_for(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, SessionRecipe::new()).await;
    let session = app.sdk.session().unwrap();
    let cx = app.call(Request::post("/login"));
    let made = session.create(&cx, NewSession::of("ann")).await.unwrap();
    let roles = Claim::new("roles", |_, subject| {
        Box::pin(async move { Ok(Some(json!([format!("role of {}", subject.user_id())]))) })
    });
    made.assert_claims(&cx, &[roles.includes("role of ann", None)]).await.unwrap();
    assert_eq!(made.claim_value(&roles), Some(json!(["role of ann"])));
    let Err(Error::Session(SessionError::InvalidClaims(failures))) =
        made.assert_claims(&cx, &[roles.includes("admin", None)]).await
    else {
        panic!("the claim is not there");
    };
    assert_eq!(failures[0].id, "roles");
    assert_eq!(
        failures[0].reason,
        json!({"message": "wrong value", "expectedToInclude": "admin", "actualValue": ["role of ann"]})
    );
    // The response carries the newest token, and a request with it has the claim.
    let token = headers(&cx)["st-access-token"].to_str().unwrap().to_owned();
    assert_eq!(token, made.access_token());
    let again =
        session.verify_without_request(&cx, &token, None, &VerifyOptions::new()).await.unwrap().unwrap();
    assert_eq!(again.claim_value(&roles), Some(json!(["role of ann"])));
    again.remove_claim(&cx, &roles).await.unwrap();
    assert_eq!(again.claim_value(&roles), None);
}

#[rstest]
#[tokio::test]
async fn an_anti_csrf_value_is_asked_for_with_cookies(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, SessionRecipe::new().anti_csrf(AntiCsrf::ViaToken)).await;
    let session = app.sdk.session().unwrap();
    let cx = app.call(Request::post("/login").header("st-auth-mode", "cookie"));
    let made = session.create(&cx, NewSession::of("ann")).await.unwrap();
    let value = headers(&cx)["anti-csrf"].to_str().unwrap().to_owned();
    let cookie = format!("sAccessToken={}", made.access_token());
    let ask = async |request: http::request::Builder| {
        let cx = app.call(request.header("cookie", &cookie));
        session.verify(&cx, &VerifyOptions::new()).await.map(|found| found.is_some())
    };
    assert!(ask(Request::post("/x").header("anti-csrf", &value)).await.unwrap());
    assert!(ask(Request::get("/x")).await.unwrap());
    for request in [Request::post("/x"), Request::post("/x").header("anti-csrf", "wrong")] {
        let error = ask(request).await.unwrap_err();
        assert!(matches!(error, Error::Session(SessionError::TryRefreshToken { .. })), "{error:?}");
    }
}

/// A token alone does not show whether a page of another site sent it.
#[rstest]
#[tokio::test]
async fn a_token_alone_passes_no_check_for_a_header(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[values(Some(AntiCsrf::ViaCustomHeader), None)] chosen: Option<AntiCsrf>,
) {
    let recipe = SessionRecipe::new();
    // Unless it is chosen, this website makes it so.
    let other_site = AppInfo::new("Demo", "https://api.example.com", "https://example.org");
    let (info, recipe) = match chosen {
        Some(anti_csrf) => (info(), recipe.anti_csrf(anti_csrf)),
        None => (other_site, recipe),
    };
    let app = TestApp::of(info, shape, &json!({}), |builder| builder.recipe(recipe)).await;
    let sessions = app.sdk.session().unwrap();
    let calls = [Cx::new(&app.sdk), app.call(Request::post("/x")), app.call(Request::get("/x"))];
    for cx in calls.into_iter().chain([app.call(Request::post("/x").header("rid", "session"))]) {
        let made = sessions.create_without_request(&cx, NewSession::of("ann")).await.unwrap();
        let (token, refresh) = (made.access_token(), made.all_tokens_dangerously().refresh_token.unwrap());
        let verify = async |options: VerifyOptions| {
            sessions.verify_without_request(&cx, &token, None, &options).await.map(|found| found.is_some())
        };
        for options in [VerifyOptions::new(), VerifyOptions::new().anti_csrf_check(true).optional()] {
            let told = verify(options).await.unwrap_err();
            assert!(
                matches!(&told, Error::Internal(text) if text.contains("anti_csrf_check(false)")),
                "{told:?}"
            );
        }
        assert!(verify(VerifyOptions::new().anti_csrf_check(false)).await.unwrap());
        let told = sessions.refresh_without_request(&cx, &refresh, None, false).await.unwrap_err();
        assert!(matches!(&told, Error::Internal(text) if text.contains("disable_anti_csrf")), "{told:?}");
        let refreshed = sessions.refresh_without_request(&cx, &refresh, None, true).await.unwrap();
        assert_eq!(refreshed.handle(), made.handle(), "the refused call has used nothing up");
    }
}
