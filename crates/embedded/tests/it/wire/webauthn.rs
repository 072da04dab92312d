//! The webauthn recipe on the wire. What authenticators answer is left out.

use super::{Exchange, Wire, golden};
use crate::webauthn::{REGISTER_OPTIONS, SIGN_IN, answer};
use http::Method;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::webauthn::WebAuthn;
use portcullis_testkit::Shape;
use portcullis_testkit::authenticator::{Algorithm, Authenticator};
use rstest::rstest;
use serde_json::json;

async fn wire(shape: Shape) -> Wire {
    Wire::with(shape, |builder| builder.recipe(WebAuthn::new()).recipe(SessionRecipe::new())).await
}

/// One with the same id in each run.
fn passkey() -> Authenticator {
    let mut passkey = Authenticator::new(Algorithm::Es256);
    passkey.id = vec![1; 20];
    passkey
}

/// A `POST` without the body that was sent.
async fn post(wire: &Wire, path: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
    let mut exchange = wire.post(path, headers, body).await;
    exchange.text =
        exchange.text.lines().filter(|line| !line.contains("credential\":{")).collect::<Vec<_>>().join("\n");
    exchange
}

#[rstest]
#[tokio::test]
async fn signed_up_and_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let (wire, mut passkey) = (wire(shape).await, passkey());
    let made = wire.post(REGISTER_OPTIONS, &[], r#"{"email":"ann@example.com"}"#).await;
    golden!(made, @r#"
    POST /auth/webauthn/options/register
    {"email":"ann@example.com"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","webauthnGeneratedOptionsId":"<id 1>","createdAt":1700000000000,"expiresAt":1700000060000,"challenge":"<challenge 1>","timeout":60000,"attestation":"none","pubKeyCredParams":[{"alg":-8,"type":"public-key"},{"alg":-7,"type":"public-key"},{"alg":-257,"type":"public-key"}],"excludeCredentials":[],"rp":{"id":"localhost","name":"Demo"},"user":{"id":"<challenge 2>","name":"ann@example.com","displayName":"ann@example.com"},"authenticatorSelection":{"requireResidentKey":true,"residentKey":"required","userVerification":"preferred"}}
    "#);
    let body = answer(&made.body, &mut passkey).to_string();
    let made = post(&wire, "/auth/webauthn/signup", &[], &body).await;
    golden!(made, @r#"
    POST /auth/webauthn/signup
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 2>","ate":1700003600000,"up":{"sub":"<id 2>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 3>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 2>","iss":"http://localhost:3001/auth"}})
    st-access-token: <access token 1>
    st-refresh-token: <refresh token 1>
    {"status":"OK","user":{"id":"<id 2>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":["AQEBAQEBAQEBAQEBAQEBAQEBAQE"]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 2>","verified":false,"timeJoined":1700000000000,"recipeId":"webauthn","email":"ann@example.com","webauthn":{"credentialIds":["AQEBAQEBAQEBAQEBAQEBAQEBAQE"]}}]}}
    "#);
    let bearer = made.bearer("st-access-token");
    let shown = [("authorization", bearer.as_str())];
    golden!(wire.get("/auth/webauthn/credential/list", &shown).await, @r#"
    GET /auth/webauthn/credential/list
    authorization: Bearer <access token 1>
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","credentials":[{"webauthnCredentialId":"AQEBAQEBAQEBAQEBAQEBAQEBAQE","recipeUserId":"<id 2>","relyingPartyId":"localhost","createdAt":1700000000000}]}
    "#);
    let made = wire.post("/auth/webauthn/options/signin", &[], "").await;
    golden!(made, @r#"
    POST /auth/webauthn/options/signin
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","webauthnGeneratedOptionsId":"<id 4>","rpId":"localhost","createdAt":1700000000000,"expiresAt":1700000060000,"challenge":"<challenge 4>","timeout":60000,"userVerification":"preferred"}
    "#);
    let body = answer(&made.body, &mut passkey).to_string();
    golden!(post(&wire, SIGN_IN, &[("st-auth-mode", "cookie")], &body).await, @r#"
    POST /auth/webauthn/signin
    st-auth-mode: cookie
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 2>","ate":1700003600000,"up":{"sub":"<id 2>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 5>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 2>","iss":"http://localhost:3001/auth"}})
    set-cookie: sAccessToken=<access token 2>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 2>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {"status":"OK","user":{"id":"<id 2>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":["AQEBAQEBAQEBAQEBAQEBAQEBAQE"]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 2>","verified":false,"timeJoined":1700000000000,"recipeId":"webauthn","email":"ann@example.com","webauthn":{"credentialIds":["AQEBAQEBAQEBAQEBAQEBAQEBAQE"]}}]}}
    "#);
    golden!(post(&wire, SIGN_IN, &[], &body).await, @r#"
    POST /auth/webauthn/signin
    → 200
    content-type: application/json; charset=utf-8
    {"status":"INVALID_CREDENTIALS_ERROR"}
    "#);
    golden!(wire.get("/auth/webauthn/email/exists?email=ann@example.com", &[]).await, @r#"
    GET /auth/webauthn/email/exists?email=ann@example.com
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","exists":true}
    "#);
    let gone = json!({"webauthnCredentialId": passkey.id()}).to_string();
    golden!(wire.post("/auth/webauthn/credential/remove", &shown, &gone).await, @r#"
    POST /auth/webauthn/credential/remove
    authorization: Bearer <access token 1>
    {"webauthnCredentialId":"AQEBAQEBAQEBAQEBAQEBAQEBAQE"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK"}
    "#);
    golden!(wire.post("/auth/webauthn/credential/remove", &shown, &gone).await, @r#"
    POST /auth/webauthn/credential/remove
    authorization: Bearer <access token 1>
    {"webauthnCredentialId":"AQEBAQEBAQEBAQEBAQEBAQEBAQE"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"GENERAL_ERROR","message":"User not found"}
    "#);
}

#[rstest]
#[tokio::test]
async fn not_signed_up(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = wire(shape).await;
    golden!(wire.post(REGISTER_OPTIONS, &[], r#"{"email":"ann"}"#).await, @r#"
    POST /auth/webauthn/options/register
    {"email":"ann"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"INVALID_EMAIL_ERROR","err":"Email is invalid"}
    "#);
    golden!(wire.post(REGISTER_OPTIONS, &[], r#"{"recoverAccountToken":"x"}"#).await, @r#"
    POST /auth/webauthn/options/register
    {"recoverAccountToken":"x"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"}
    "#);
    golden!(wire.post("/auth/webauthn/signup", &[], r#"{"webauthnGeneratedOptionsId":"x"}"#).await, @r#"
    POST /auth/webauthn/signup
    {"webauthnGeneratedOptionsId":"x"}
    → 400
    content-type: application/json; charset=utf-8
    {"message":"credential is required"}
    "#);
    let unknown = r#"{"webauthnGeneratedOptionsId":"x","credential":{},"token":"x"}"#;
    golden!(wire.post("/auth/webauthn/signup", &[], unknown).await, @r#"
    POST /auth/webauthn/signup
    {"webauthnGeneratedOptionsId":"x","credential":{},"token":"x"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OPTIONS_NOT_FOUND_ERROR"}
    "#);
    golden!(wire.post(SIGN_IN, &[], unknown).await, @r#"
    POST /auth/webauthn/signin
    {"webauthnGeneratedOptionsId":"x","credential":{},"token":"x"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"INVALID_CREDENTIALS_ERROR"}
    "#);
    golden!(wire.post("/auth/user/webauthn/reset", &[], unknown).await, @r#"
    POST /auth/user/webauthn/reset
    {"webauthnGeneratedOptionsId":"x","credential":{},"token":"x"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OPTIONS_NOT_FOUND_ERROR"}
    "#);
    golden!(wire.post("/auth/user/webauthn/reset/token", &[], r#"{"email":"ann@example.com"}"#).await, @r#"
    POST /auth/user/webauthn/reset/token
    {"email":"ann@example.com"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK"}
    "#);
    golden!(wire.post("/auth/webauthn/credential", &[], unknown).await, @r#"
    POST /auth/webauthn/credential
    {"webauthnGeneratedOptionsId":"x","credential":{},"token":"x"}
    → 401
    content-type: application/json; charset=utf-8
    {"message":"unauthorised"}
    "#);
    let missing = wire.send(Method::GET, "/auth/webauthn/email/exists", &[], "").await;
    golden!(missing, @r#"
    GET /auth/webauthn/email/exists
    → 400
    content-type: application/json; charset=utf-8
    {"message":"Please provide the email as a GET param"}
    "#);
}
