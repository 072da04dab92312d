//! The session recipe on the wire.

use super::{ANN, Wire, golden};
use portcullis::SameSite;
use portcullis::recipes::session::{AntiCsrf, SessionRecipe};
use portcullis_testkit::Shape;
use rstest::rstest;

const REFRESH: &str = "/auth/session/refresh";
const SIGN_OUT: &str = "/auth/signout";

#[rstest]
#[tokio::test]
async fn refreshed_in_headers(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let made = wire.sign_up("header").await;
    let first = made.bearer("st-refresh-token");
    wire.app.advance(1000);
    let refreshed = wire.post(REFRESH, &[("authorization", &first)], "").await;
    golden!(refreshed, @r#"
    POST /auth/session/refresh
    authorization: Bearer <refresh token 1>
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003601000,"up":{"sub":"<id 1>","exp":1700003601,"iat":1700000001,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    st-access-token: <access token 2>
    st-refresh-token: <refresh token 2>
    {}
    "#);
    let second = refreshed.bearer("st-refresh-token");
    wire.post(REFRESH, &[("authorization", &second)], "").await;
    let stolen = wire.post(REFRESH, &[("authorization", &first)], "").await;
    golden!(stolen, @r#"
    POST /auth/session/refresh
    authorization: Bearer <refresh token 1>
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"token theft detected"}
    "#);
    let ended = wire.post(REFRESH, &[("authorization", &second)], "").await;
    golden!(ended, @r#"
    POST /auth/session/refresh
    authorization: Bearer <refresh token 2>
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"unauthorised"}
    "#);
}

#[rstest]
#[tokio::test]
async fn refreshed_in_cookies(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let first = wire.sign_up("cookie").await.cookies();
    wire.app.advance(1000);
    let refreshed = wire.post(REFRESH, &[("cookie", &first)], "").await;
    golden!(refreshed, @r#"
    POST /auth/session/refresh
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003601000,"up":{"sub":"<id 1>","exp":1700003601,"iat":1700000001,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 2>; Path=/; Expires=Wed, 13 Nov 2024 22:13:21 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 2>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:21 GMT; HttpOnly; SameSite=Lax
    {}
    "#);
    wire.post(REFRESH, &[("cookie", &refreshed.cookies())], "").await;
    let stolen = wire.post(REFRESH, &[("cookie", &first)], "").await;
    golden!(stolen, @r#"
    POST /auth/session/refresh
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"token theft detected"}
    "#);
}

#[rstest]
#[tokio::test]
async fn not_refreshed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    golden!(wire.post(REFRESH, &[], "").await, @r#"
    POST /auth/session/refresh
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"unauthorised"}
    "#);
    golden!(wire.post(REFRESH, &[("authorization", "Bearer made-up")], "").await, @r#"
    POST /auth/session/refresh
    authorization: Bearer made-up
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"unauthorised"}
    "#);
    let made = wire.sign_up("cookie").await;
    golden!(wire.post(REFRESH, &[("cookie", &made.cookie("sAccessToken"))], "").await, @r#"
    POST /auth/session/refresh
    cookie: sAccessToken=<access token 1>
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"unauthorised"}
    "#);
    golden!(wire.post(REFRESH, &[("cookie", "sRefreshToken=a; sRefreshToken=b")], "").await, @r#"
    POST /auth/session/refresh
    cookie: sRefreshToken=a; sRefreshToken=b
    → 500
    content-type: application/json; charset=utf-8
    {"message":"Internal Server Error"}
    "#);
    // The refresh token lives for 100 days.
    wire.app.advance(101 * 24 * 3_600_000);
    golden!(wire.post(REFRESH, &[("cookie", &made.cookie("sRefreshToken"))], "").await, @r#"
    POST /auth/session/refresh
    cookie: sRefreshToken=<refresh token 1>
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"unauthorised"}
    "#);
}

#[rstest]
#[tokio::test]
async fn cookies_of_other_times(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = SessionRecipe::new().cookie_domain(".example.com").older_cookie_domain("");
    let wire = Wire::with_session(shape, recipe).await;
    let made = wire.sign_up("cookie").await;
    let twice =
        format!("{}; {}; sRefreshToken=old", made.cookie("sAccessToken"), made.cookie("sRefreshToken"));
    golden!(wire.post(REFRESH, &[("cookie", &twice)], "").await, @r#"
    POST /auth/session/refresh
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>; sRefreshToken=old
    → 200
    content-type: application/json; charset=utf-8
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    {"message":"The request contains multiple session cookies. We are clearing the cookie from olderCookieDomain. Session will be refreshed in the next refresh call."}
    "#);
    let legacy = format!("{}; sIdRefreshToken=x", made.cookie("sAccessToken"));
    golden!(wire.post(SIGN_OUT, &[("cookie", &legacy)], "").await, @r#"
    POST /auth/signout
    cookie: sAccessToken=<access token 1>; sIdRefreshToken=x
    → 401
    content-type: application/json; charset=utf-8
    {"message":"try refresh token"}
    "#);
    let legacy = format!("{}; sIdRefreshToken=x", made.cookie("sRefreshToken"));
    golden!(wire.post(REFRESH, &[("cookie", &legacy)], "").await, @r#"
    POST /auth/session/refresh
    cookie: sRefreshToken=<refresh token 1>; sIdRefreshToken=x
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sIdRefreshToken=; Domain=.example.com; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sAccessToken=<access token 2>; Domain=.example.com; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 2>; Domain=.example.com; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {}
    "#);
}

#[rstest]
#[tokio::test]
async fn both_kinds_of_transfer_at_once(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let by_cookie = wire.sign_up("cookie").await.cookies();
    let by_header = wire.post("/auth/signin", &[("st-auth-mode", "header")], ANN).await;
    let both = [("cookie", by_cookie.as_str()), ("authorization", &by_header.bearer("st-refresh-token"))];
    golden!(wire.post(REFRESH, &both, "").await, @r#"
    POST /auth/session/refresh
    authorization: Bearer <refresh token 2>
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 3>","refreshTokenHash1":"<hash 3>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token: <access token 3>
    st-refresh-token: <refresh token 3>
    {}
    "#);
}

#[rstest]
#[tokio::test]
async fn signed_out(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let by_cookie = wire.sign_up("cookie").await.cookies();
    golden!(wire.post(SIGN_OUT, &[("cookie", &by_cookie)], "").await, @r#"
    POST /auth/signout
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    {"status":"OK"}
    "#);
    let by_header = wire.post("/auth/signin", &[("st-auth-mode", "header")], ANN).await;
    let bearer = by_header.bearer("st-access-token");
    golden!(wire.post(SIGN_OUT, &[("authorization", &bearer)], "").await, @r#"
    POST /auth/signout
    authorization: Bearer <access token 2>
    → 200
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    st-access-token:
    st-refresh-token:
    {"status":"OK"}
    "#);
    golden!(wire.post(SIGN_OUT, &[], "").await, @r#"
    POST /auth/signout
    → 401
    content-type: application/json; charset=utf-8
    {"message":"unauthorised"}
    "#);
    wire.app.advance(3_600_000);
    golden!(wire.post(SIGN_OUT, &[("authorization", &bearer)], "").await, @r#"
    POST /auth/signout
    authorization: Bearer <access token 2>
    → 401
    content-type: application/json; charset=utf-8
    {"message":"try refresh token"}
    "#);
}

#[rstest]
#[tokio::test]
async fn anti_csrf_by_a_header_of_its_own(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::with_session(shape, SessionRecipe::new().anti_csrf(AntiCsrf::ViaCustomHeader)).await;
    let cookies = wire.sign_up("cookie").await.cookies();
    golden!(wire.post(SIGN_OUT, &[("cookie", &cookies)], "").await, @r#"
    POST /auth/signout
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 401
    content-type: application/json; charset=utf-8
    {"message":"try refresh token"}
    "#);
    golden!(wire.post(REFRESH, &[("cookie", &cookies)], "").await, @r#"
    POST /auth/session/refresh
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"unauthorised"}
    "#);
    golden!(wire.post(REFRESH, &[("cookie", &cookies), ("rid", "anti-csrf")], "").await, @r#"
    POST /auth/session/refresh
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    rid: anti-csrf
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 2>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 2>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {}
    "#);
}

#[rstest]
#[tokio::test]
async fn anti_csrf_by_a_token(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::with_session(shape, SessionRecipe::new().anti_csrf(AntiCsrf::ViaToken)).await;
    let made = wire.sign_up("cookie").await;
    golden!(made, @r#"
    POST /auth/signup
    st-auth-mode: cookie
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token, anti-csrf
    anti-csrf: <id 1>
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 2>","ate":1700003600000,"up":{"sub":"<id 2>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 3>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":"<id 1>","tId":"public","rsub":"<id 2>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 1>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 1>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {"status":"OK","user":{"id":"<id 2>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 2>","verified":false,"timeJoined":1700000000000,"recipeId":"emailpassword","email":"ann@example.com"}]}}
    "#);
    let cookies = made.cookies();
    let token = made.headers["anti-csrf"].to_str().unwrap();
    golden!(wire.post(SIGN_OUT, &[("cookie", &cookies)], "").await, @r#"
    POST /auth/signout
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 401
    content-type: application/json; charset=utf-8
    {"message":"try refresh token"}
    "#);
    golden!(wire.post(REFRESH, &[("cookie", &cookies), ("anti-csrf", token)], "").await, @r#"
    POST /auth/session/refresh
    anti-csrf: <id 1>
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 200
    access-control-expose-headers: front-token, anti-csrf
    anti-csrf: <id 4>
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 2>","ate":1700003600000,"up":{"sub":"<id 2>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 3>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":"<id 4>","tId":"public","rsub":"<id 2>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 2>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 2>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {}
    "#);
    golden!(wire.post(REFRESH, &[("cookie", &cookies), ("anti-csrf", "wrong")], "").await, @r#"
    POST /auth/session/refresh
    anti-csrf: wrong
    cookie: sAccessToken=<access token 1>; sRefreshToken=<refresh token 1>
    → 401
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: remove
    set-cookie: sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"message":"unauthorised"}
    "#);
}

#[rstest]
#[tokio::test]
async fn cookies_for_another_site(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = SessionRecipe::new().cookie_same_site(SameSite::None).cookie_secure(true);
    let recipe = recipe.cookie_domain("https://Api.Example.com:8080").access_token_path("/app");
    let recipe = recipe.expose_access_token(true).session_expired_status(440);
    let wire = Wire::with_session(shape, recipe).await;
    golden!(wire.sign_up("cookie").await, @r#"
    POST /auth/signup
    st-auth-mode: cookie
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token, st-access-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 1>; Domain=api.example.com; Path=/app; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; Secure; SameSite=None
    set-cookie: sRefreshToken=<refresh token 1>; Domain=api.example.com; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; Secure; SameSite=None
    st-access-token: <access token 1>
    {"status":"OK","user":{"id":"<id 1>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 1>","verified":false,"timeJoined":1700000000000,"recipeId":"emailpassword","email":"ann@example.com"}]}}
    "#);
    golden!(wire.post(SIGN_OUT, &[("rid", "anti-csrf")], "").await, @r#"
    POST /auth/signout
    rid: anti-csrf
    → 440
    content-type: application/json; charset=utf-8
    {"message":"unauthorised"}
    "#);
}
