//! The passwordless recipe on the wire.

use super::{Wire, golden};
use portcullis::recipes::passwordless::{ContactMethod, FlowType, Passwordless};
use portcullis::recipes::session::SessionRecipe;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

const CREATE: &str = "/auth/signinup/code";
const RESEND: &str = "/auth/signinup/code/resend";
const CONSUME: &str = "/auth/signinup/code/consume";

async fn wire(shape: Shape) -> Wire {
    Wire::with(shape, |builder| {
        let codes = Passwordless::new(ContactMethod::EmailOrPhone, FlowType::UserInputCode);
        let codes = codes.custom_user_input_code(|_, _| async { Ok("123456".to_owned()) });
        builder.recipe(codes).recipe(SessionRecipe::new())
    })
    .await
}

fn entered(device: &serde_json::Value, code: &str) -> String {
    json!({
        "preAuthSessionId": device["preAuthSessionId"],
        "deviceId": device["deviceId"],
        "userInputCode": code,
    })
    .to_string()
}

#[rstest]
#[tokio::test]
async fn signed_in_with_a_code(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = wire(shape).await;
    let made = wire.post(CREATE, &[], r#"{"email":"ann@example.com"}"#).await;
    golden!(made, @r#"
    POST /auth/signinup/code
    {"email":"ann@example.com"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","deviceId":"<device id 1>","flowType":"USER_INPUT_CODE","preAuthSessionId":"<challenge 1>"}
    "#);
    golden!(wire.post(CONSUME, &[], &entered(&made.body, "000000")).await, @r#"
    POST /auth/signinup/code/consume
    {"preAuthSessionId":"<challenge 1>","deviceId":"<device id 1>","userInputCode":"000000"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"INCORRECT_USER_INPUT_CODE_ERROR","failedCodeInputAttemptCount":1,"maximumCodeInputAttempts":5}
    "#);
    let cookies = [("st-auth-mode", "cookie")];
    golden!(wire.post(CONSUME, &cookies, &entered(&made.body, "123456")).await, @r#"
    POST /auth/signinup/code/consume
    st-auth-mode: cookie
    {"preAuthSessionId":"<challenge 1>","deviceId":"<device id 1>","userInputCode":"123456"}
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth"}})
    set-cookie: sAccessToken=<access token 1>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 1>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {"status":"OK","user":{"id":"<id 1>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 1>","verified":true,"timeJoined":1700000000000,"recipeId":"passwordless","email":"ann@example.com"}]},"createdNewRecipeUser":true}
    "#);
    golden!(wire.post(CONSUME, &[], &entered(&made.body, "123456")).await, @r#"
    POST /auth/signinup/code/consume
    {"preAuthSessionId":"<challenge 1>","deviceId":"<device id 1>","userInputCode":"123456"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"RESTART_FLOW_ERROR"}
    "#);
    let made = wire.post(CREATE, &[], r#"{"phoneNumber":"+44 20 7183 8750"}"#).await;
    let old = [("fdi-version", "1.17")];
    golden!(wire.post(CONSUME, &old, &entered(&made.body, "123456")).await, @r#"
    POST /auth/signinup/code/consume
    fdi-version: 1.17
    {"preAuthSessionId":"<challenge 2>","deviceId":"<device id 2>","userInputCode":"123456"}
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 3>","ate":1700003600000,"up":{"sub":"<id 3>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 4>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 3>","iss":"http://localhost:3001/auth"}})
    st-access-token: <access token 2>
    st-refresh-token: <refresh token 2>
    {"status":"OK","user":{"id":"<id 3>","timeJoined":1700000000000,"phoneNumber":"+442071838750"},"createdNewUser":true}
    "#);
}

#[rstest]
#[tokio::test]
async fn not_signed_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = wire(shape).await;
    golden!(wire.post(CREATE, &[], r#"{"email":"ann"}"#).await, @r#"
    POST /auth/signinup/code
    {"email":"ann"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"GENERAL_ERROR","message":"Email is invalid"}
    "#);
    golden!(wire.post(CREATE, &[], r#"{"email":"ann@example.com","phoneNumber":"+442071838750"}"#).await, @r#"
    POST /auth/signinup/code
    {"email":"ann@example.com","phoneNumber":"+442071838750"}
    → 400
    content-type: application/json; charset=utf-8
    {"message":"Please provide exactly one of email or phoneNumber"}
    "#);
    let made = wire.post(CREATE, &[], r#"{"email":"ann@example.com"}"#).await;
    // Its code is there already.
    golden!(wire.post(RESEND, &[], &made.body.to_string()).await, @r#"
    POST /auth/signinup/code/resend
    {"status":"OK","deviceId":"<device id 1>","flowType":"USER_INPUT_CODE","preAuthSessionId":"<challenge 1>"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"GENERAL_ERROR","message":"Failed to generate a one time code. Please try again"}
    "#);
    golden!(wire.post(CONSUME, &[], r#"{"preAuthSessionId":"x","linkCode":"x"}"#).await, @r#"
    POST /auth/signinup/code/consume
    {"preAuthSessionId":"x","linkCode":"x"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"RESTART_FLOW_ERROR"}
    "#);
    wire.app.advance(900_001);
    golden!(wire.post(CONSUME, &[], &entered(&made.body, "123456")).await, @r#"
    POST /auth/signinup/code/consume
    {"preAuthSessionId":"<challenge 1>","deviceId":"<device id 1>","userInputCode":"123456"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"EXPIRED_USER_INPUT_CODE_ERROR","failedCodeInputAttemptCount":1,"maximumCodeInputAttempts":5}
    "#);
    golden!(wire.get("/auth/passwordless/email/exists?email=ann@example.com", &[]).await, @r#"
    GET /auth/passwordless/email/exists?email=ann@example.com
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","exists":false}
    "#);
    golden!(wire.get("/auth/passwordless/phonenumber/exists?phoneNumber=%2B442071838750", &[]).await, @r#"
    GET /auth/passwordless/phonenumber/exists?phoneNumber=%2B442071838750
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","exists":false}
    "#);
}
