//! The recipes multifactorauth and totp on the wire.

use super::{ANN, Exchange, Wire, golden};
use http::Method;
use portcullis::Cx;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::factors;
use portcullis::recipes::multifactorauth::MultiFactorAuth;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::totp::Totp;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

const INFO: &str = "/auth/mfa/info";
const DEVICE: &str = "/auth/totp/device";
const LIST: &str = "/auth/totp/device/list";
const REMOVE: &str = "/auth/totp/device/remove";
const VERIFY_DEVICE: &str = "/auth/totp/device/verify";
const VERIFY: &str = "/auth/totp/verify";

async fn wire(shape: Shape) -> Wire {
    Wire::with(shape, |builder| {
        let builder = builder.recipe(EmailPassword::new()).recipe(MultiFactorAuth::new());
        builder.recipe(Totp::new()).recipe(SessionRecipe::new())
    })
    .await
}

/// Ann, of whom the app requires a code, signs in.
async fn sign_in(wire: &Wire, mode: &str) -> Exchange {
    wire.post("/auth/signin", &[("st-auth-mode", mode)], ANN).await
}

async fn require_totp(wire: &Wire) {
    let user = wire.sign_up("header").await.body["user"]["id"].as_str().unwrap().to_owned();
    let factors = wire.app.sdk.multi_factor_auth().unwrap();
    let cx = Cx::new(&wire.app.sdk);
    factors.add_to_required_secondary_factors_for_user(&cx, &user, factors::TOTP).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_second_factor_is_set_up_with_a_session_in_headers(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let wire = wire(shape).await;
    require_totp(&wire).await;
    let signed_in = sign_in(&wire, "header").await;
    golden!(signed_in, @r#"
    POST /auth/signin
    st-auth-mode: header
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 3>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-mfa":{"c":{"emailpassword":1700000000},"v":false}}})
    st-access-token: <access token 2>
    st-refresh-token: <refresh token 2>
    {"status":"OK","user":{"id":"<id 1>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 1>","verified":false,"timeJoined":1700000000000,"recipeId":"emailpassword","email":"ann@example.com"}]}}
    "#);
    let bearer = signed_in.bearer("st-access-token");
    let shown = [("authorization", bearer.as_str())];
    golden!(wire.send(Method::PUT, INFO, &shown, "").await, @r#"
    PUT /auth/mfa/info
    authorization: Bearer <access token 2>
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","factors":{"next":["totp"],"alreadySetup":["emailpassword"],"allowedToSetup":["totp"]},"emails":{"emailpassword":["ann@example.com"]},"phoneNumbers":{}}
    "#);
    let made = wire.post(DEVICE, &shown, r#"{"deviceName":"phone"}"#).await;
    golden!(made, @r#"
    POST /auth/totp/device
    authorization: Bearer <access token 2>
    {"deviceName":"phone"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","deviceName":"phone","secret":"<secret 1>","qrCodeString":"otpauth://totp/Demo:ann@example.com?secret=<secret 1>&issuer=Demo&digits=6&period=30"}
    "#);
    golden!(wire.get(LIST, &shown).await, @r#"
    GET /auth/totp/device/list
    authorization: Bearer <access token 2>
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","devices":[{"name":"phone","period":30,"skew":1,"verified":false}]}
    "#);
    golden!(wire.post(VERIFY_DEVICE, &shown, r#"{"deviceName":"tablet","totp":"000000"}"#).await, @r#"
    POST /auth/totp/device/verify
    authorization: Bearer <access token 2>
    {"deviceName":"tablet","totp":"000000"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"UNKNOWN_DEVICE_ERROR"}
    "#);
    golden!(wire.post(VERIFY_DEVICE, &shown, r#"{"deviceName":"phone","totp":"no code"}"#).await, @r#"
    POST /auth/totp/device/verify
    authorization: Bearer <access token 2>
    {"deviceName":"phone","totp":"no code"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"INVALID_TOTP_ERROR","currentNumberOfFailedAttempts":1,"maxNumberOfFailedAttempts":5}
    "#);
    golden!(wire.post(VERIFY, &shown, r#"{"totp":"no code"}"#).await, @r#"
    POST /auth/totp/verify
    authorization: Bearer <access token 2>
    {"totp":"no code"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"INVALID_TOTP_ERROR","currentNumberOfFailedAttempts":2,"maxNumberOfFailedAttempts":5}
    "#);
    let code = wire.app.totp(made.body["secret"].as_str().unwrap());
    let code = json!({"deviceName": "phone", "totp": code}).to_string();
    let verified = wire.post(VERIFY_DEVICE, &shown, &code).await;
    assert_eq!(verified.body, json!({"status": "OK", "wasAlreadyVerified": false}));
    let bearer = verified.bearer("st-access-token");
    let shown = [("authorization", bearer.as_str())];
    golden!(wire.send(Method::PUT, INFO, &shown, "").await, @r#"
    PUT /auth/mfa/info
    authorization: Bearer <access token 3>
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","factors":{"next":[],"alreadySetup":["emailpassword","totp"],"allowedToSetup":["emailpassword","totp"]},"emails":{"emailpassword":["ann@example.com"]},"phoneNumbers":{}}
    "#);
    golden!(wire.post(DEVICE, &shown, r#"{"deviceName":"phone"}"#).await, @r#"
    POST /auth/totp/device
    authorization: Bearer <access token 3>
    {"deviceName":"phone"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"DEVICE_ALREADY_EXISTS_ERROR"}
    "#);
    golden!(wire.post(REMOVE, &shown, r#"{"deviceName":"phone"}"#).await, @r#"
    POST /auth/totp/device/remove
    authorization: Bearer <access token 3>
    {"deviceName":"phone"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","didDeviceExist":true}
    "#);
}

#[rstest]
#[tokio::test]
async fn a_second_factor_is_gone_through_with_a_session_in_cookies(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let wire = wire(shape).await;
    require_totp(&wire).await;
    let user = wire.app.sdk.users_by_email(&Cx::new(&wire.app.sdk), "public", "ann@example.com").await;
    let device = json!({"userId": user.unwrap()[0].id, "deviceName": "phone", "skew": 1, "period": 30,
        "secretKey": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"});
    wire.app.core(Method::POST, "/recipe/totp/device/import", &device).await;
    let cookie = sign_in(&wire, "cookie").await.cookie("sAccessToken");
    let shown = [("cookie", cookie.as_str())];
    golden!(wire.send(Method::PUT, INFO, &shown, "").await, @r#"
    PUT /auth/mfa/info
    cookie: sAccessToken=<access token 2>
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","factors":{"next":["totp"],"alreadySetup":["emailpassword","totp"],"allowedToSetup":[]},"emails":{"emailpassword":["ann@example.com"]},"phoneNumbers":{}}
    "#);
    golden!(wire.post(DEVICE, &shown, "{}").await, @r#"
    POST /auth/totp/device
    cookie: sAccessToken=<access token 2>
    {}
    → 403
    content-type: application/json; charset=utf-8
    {"message":"invalid claim","claimValidationErrors":[{"id":"st-mfa","reason":"Completed factors in the session does not satisfy the MFA requirements for auth"}]}
    "#);
    golden!(wire.post(VERIFY_DEVICE, &shown, r#"{"deviceName":"phone","totp":"000000"}"#).await, @r#"
    POST /auth/totp/device/verify
    cookie: sAccessToken=<access token 2>
    {"deviceName":"phone","totp":"000000"}
    → 403
    content-type: application/json; charset=utf-8
    {"message":"invalid claim","claimValidationErrors":[{"id":"st-mfa","reason":"Completed factors in the session does not satisfy the MFA requirements for auth"}]}
    "#);
    golden!(wire.post(REMOVE, &shown, r#"{"deviceName":"phone"}"#).await, @r#"
    POST /auth/totp/device/remove
    cookie: sAccessToken=<access token 2>
    {"deviceName":"phone"}
    → 403
    content-type: application/json; charset=utf-8
    {"message":"invalid claim","claimValidationErrors":[{"id":"st-mfa","reason":{"message":"MFA requirement for auth is not satisfied"}}]}
    "#);
    for _ in 0..5 {
        wire.post(VERIFY, &shown, r#"{"totp":"no code"}"#).await;
    }
    let limited = wire.post(VERIFY, &shown, r#"{"totp":"no code"}"#).await;
    assert_eq!(limited.body["status"], "LIMIT_REACHED_ERROR");
    assert!(limited.body["retryAfterMs"].as_i64() >= Some(900_000));
    wire.app.advance(960_000);
    let code = wire.app.totp("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    golden!(wire.post(VERIFY, &shown, &json!({"totp": code}).to_string()).await, @r#"
    POST /auth/totp/verify
    cookie: sAccessToken=<access token 2>
    {"totp":"433329"}
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000960,"sessionHandle":"<id 3>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-mfa":{"c":{"emailpassword":1700000000,"totp":1700000960},"v":true}}})
    set-cookie: sAccessToken=<access token 3>; Path=/; Expires=Wed, 13 Nov 2024 22:29:20 GMT; HttpOnly; SameSite=Lax
    {"status":"OK"}
    "#);
}
