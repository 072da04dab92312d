//! The emailverification recipe on the wire.

use super::{Wire, golden};
use portcullis::Cx;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

const ASK: &str = "/auth/user/email/verify/token";
const VERIFY: &str = "/auth/user/email/verify";

fn proof(token: &str) -> String {
    json!({"method": "token", "token": token}).to_string()
}

#[rstest]
#[tokio::test]
async fn verified_with_a_session_in_headers(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let bearer = wire.sign_up("header").await.bearer("st-access-token");
    let shown = [("authorization", bearer.as_str())];
    golden!(wire.get(VERIFY, &shown).await, @r#"
    GET /auth/user/email/verify
    authorization: Bearer <access token 1>
    → 200
    access-control-expose-headers: front-token, st-access-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    st-access-token: <access token 1>
    {"status":"OK","isVerified":false}
    "#);
    golden!(wire.post(ASK, &shown, "").await, @r#"
    POST /auth/user/email/verify/token
    authorization: Bearer <access token 1>
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK"}
    "#);
    let token = wire.mails.token("verify-email").await;
    wire.app.advance(1000);
    golden!(wire.post(VERIFY, &shown, &proof(&token)).await, @r#"
    POST /auth/user/email/verify
    authorization: Bearer <access token 1>
    {"method":"token","token":"<mailed token 1>"}
    → 200
    access-control-expose-headers: front-token, st-access-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000001,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":true,"t":1700000001000}}})
    st-access-token: <access token 2>
    {"status":"OK"}
    "#);
    golden!(wire.get(VERIFY, &shown).await, @r#"
    GET /auth/user/email/verify
    authorization: Bearer <access token 1>
    → 200
    access-control-expose-headers: front-token, st-access-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000001,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":true,"t":1700000001000}}})
    st-access-token: <access token 2>
    {"status":"OK","isVerified":true}
    "#);
    golden!(wire.post(ASK, &shown, "").await, @r#"
    POST /auth/user/email/verify/token
    authorization: Bearer <access token 1>
    → 200
    access-control-expose-headers: front-token, st-access-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000001,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":true,"t":1700000001000}}})
    st-access-token: <access token 2>
    {"status":"EMAIL_ALREADY_VERIFIED_ERROR"}
    "#);
}

#[rstest]
#[tokio::test]
async fn verified_with_a_session_in_cookies(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let cookie = wire.sign_up("cookie").await.cookie("sAccessToken");
    let shown = [("cookie", cookie.as_str())];
    golden!(wire.get(VERIFY, &shown).await, @r#"
    GET /auth/user/email/verify
    cookie: sAccessToken=<access token 1>
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 1>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {"status":"OK","isVerified":false}
    "#);
    golden!(wire.post(ASK, &shown, "").await, @r#"
    POST /auth/user/email/verify/token
    cookie: sAccessToken=<access token 1>
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK"}
    "#);
    let token = wire.mails.token("verify-email").await;
    wire.app.advance(1000);
    golden!(wire.post(VERIFY, &shown, &proof(&token)).await, @r#"
    POST /auth/user/email/verify
    cookie: sAccessToken=<access token 1>
    {"method":"token","token":"<mailed token 1>"}
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000001,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":true,"t":1700000001000}}})
    set-cookie: sAccessToken=<access token 2>; Path=/; Expires=Wed, 13 Nov 2024 22:13:21 GMT; HttpOnly; SameSite=Lax
    {"status":"OK"}
    "#);
    golden!(wire.get(VERIFY, &shown).await, @r#"
    GET /auth/user/email/verify
    cookie: sAccessToken=<access token 1>
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000001,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":true,"t":1700000001000}}})
    set-cookie: sAccessToken=<access token 2>; Path=/; Expires=Wed, 13 Nov 2024 22:13:21 GMT; HttpOnly; SameSite=Lax
    {"status":"OK","isVerified":true}
    "#);
    golden!(wire.post(ASK, &shown, "").await, @r#"
    POST /auth/user/email/verify/token
    cookie: sAccessToken=<access token 1>
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000001,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":true,"t":1700000001000}}})
    set-cookie: sAccessToken=<access token 2>; Path=/; Expires=Wed, 13 Nov 2024 22:13:21 GMT; HttpOnly; SameSite=Lax
    {"status":"EMAIL_ALREADY_VERIFIED_ERROR"}
    "#);
}

#[rstest]
#[tokio::test]
async fn verified_without_a_session(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let bearer = wire.sign_up("header").await.bearer("st-access-token");
    wire.post(ASK, &[("authorization", &bearer)], "").await;
    let token = wire.mails.token("verify-email").await;
    golden!(wire.post(VERIFY, &[], &proof(&token)).await, @r#"
    POST /auth/user/email/verify
    {"method":"token","token":"<mailed token 1>"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK"}
    "#);
    golden!(wire.post(VERIFY, &[], &proof(&token)).await, @r#"
    POST /auth/user/email/verify
    {"method":"token","token":"<mailed token 1>"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"}
    "#);
    golden!(wire.post(VERIFY, &[], "{}").await, @r#"
    POST /auth/user/email/verify
    {}
    → 400
    content-type: application/json; charset=utf-8
    {"message":"Please provide the email verification token"}
    "#);
    golden!(wire.post(VERIFY, &[], r#"{"method":"token","token":7}"#).await, @r#"
    POST /auth/user/email/verify
    {"method":"token","token":7}
    → 400
    content-type: application/json; charset=utf-8
    {"message":"The email verification token must be a string"}
    "#);
}

#[rstest]
#[tokio::test]
async fn who_may_not_ask(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    golden!(wire.post(ASK, &[], "").await, @r#"
    POST /auth/user/email/verify/token
    → 401
    content-type: application/json; charset=utf-8
    {"message":"unauthorised"}
    "#);
    golden!(wire.get(VERIFY, &[]).await, @r#"
    GET /auth/user/email/verify
    → 401
    content-type: application/json; charset=utf-8
    {"message":"unauthorised"}
    "#);
    let made = wire.sign_up("cookie").await;
    let cookie = made.cookie("sAccessToken");
    let shown = [("cookie", cookie.as_str())];
    let id = made.body["user"]["id"].as_str().unwrap();
    wire.app.sdk.delete_user(&Cx::new(&wire.app.sdk), id, true).await.unwrap();
    golden!(wire.post(ASK, &shown, "").await, @r#"
    POST /auth/user/email/verify/token
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
    golden!(wire.get(VERIFY, &shown).await, @r#"
    GET /auth/user/email/verify
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
    wire.app.advance(3_600_000);
    golden!(wire.post(ASK, &shown, "").await, @r#"
    POST /auth/user/email/verify/token
    cookie: sAccessToken=<access token 1>
    → 401
    content-type: application/json; charset=utf-8
    {"message":"try refresh token"}
    "#);
    golden!(wire.get(VERIFY, &shown).await, @r#"
    GET /auth/user/email/verify
    cookie: sAccessToken=<access token 1>
    → 401
    content-type: application/json; charset=utf-8
    {"message":"try refresh token"}
    "#);
    golden!(wire.post(VERIFY, &shown, &proof("x")).await, @r#"
    POST /auth/user/email/verify
    cookie: sAccessToken=<access token 1>
    {"method":"token","token":"x"}
    → 401
    content-type: application/json; charset=utf-8
    {"message":"try refresh token"}
    "#);
}
