//! The emailpassword recipe on the wire.

use super::{ANN, Wire, form, golden};
use async_trait::async_trait;
use http::Method;
use portcullis::recipes::emailpassword::{
    Apis, EmailPassword, FormInput, FormValues, ResetTokenOutcome, SignInOutcome, SignUpOutcome,
};
use portcullis::recipes::session::SessionRecipe;
use portcullis::{Cx, Error, Result};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;
use std::sync::Arc;

const SIGN_UP: &str = "/auth/signup";
const SIGN_IN: &str = "/auth/signin";
const EXISTS: &str = "/auth/emailpassword/email/exists";
const OLD_EXISTS: &str = "/auth/signup/email/exists";
const ASK: &str = "/auth/user/password/reset/token";
const RESET: &str = "/auth/user/password/reset";

#[rstest]
#[tokio::test]
async fn signed_up(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    golden!(wire.sign_up("cookie").await, @r#"
    POST /auth/signup
    st-auth-mode: cookie
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 1>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 1>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {"status":"OK","user":{"id":"<id 1>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 1>","verified":false,"timeJoined":1700000000000,"recipeId":"emailpassword","email":"ann@example.com"}]}}
    "#);
    let bob = form(&[("email", "bob@example.com"), ("password", "correct1horse")]);
    golden!(wire.post(SIGN_UP, &[], &bob).await, @r#"
    POST /auth/signup
    {"formFields":[{"id":"email","value":"bob@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 3>","ate":1700003600000,"up":{"sub":"<id 3>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 4>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 3>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    st-access-token: <access token 2>
    st-refresh-token: <refresh token 2>
    {"status":"OK","user":{"id":"<id 3>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["bob@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 3>","verified":false,"timeJoined":1700000000000,"recipeId":"emailpassword","email":"bob@example.com"}]}}
    "#);
    let cy = form(&[("email", "cy@example.com"), ("password", "correct1horse")]);
    golden!(wire.post(SIGN_UP, &[("fdi-version", "1.17")], &cy).await, @r#"
    POST /auth/signup
    fdi-version: 1.17
    {"formFields":[{"id":"email","value":"cy@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 5>","ate":1700003600000,"up":{"sub":"<id 5>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 6>","refreshTokenHash1":"<hash 3>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 5>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    st-access-token: <access token 3>
    st-refresh-token: <refresh token 3>
    {"status":"OK","user":{"id":"<id 5>","timeJoined":1700000000000,"email":"cy@example.com"}}
    "#);
}

#[rstest]
#[tokio::test]
async fn not_signed_up(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    wire.sign_up("header").await;
    golden!(wire.sign_up("header").await, @r#"
    POST /auth/signup
    st-auth-mode: header
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"FIELD_ERROR","formFields":[{"id":"email","error":"This email already exists. Please sign in instead."}]}
    "#);
    let wrong = form(&[("email", "x"), ("password", "short")]);
    golden!(wire.post(SIGN_UP, &[], &wrong).await, @r#"
    POST /auth/signup
    {"formFields":[{"id":"email","value":"x"},{"id":"password","value":"short"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"FIELD_ERROR","formFields":[{"id":"password","error":"Password must contain at least 8 characters, including a number"},{"id":"email","error":"Email is invalid"}]}
    "#);
    golden!(wire.post(SIGN_UP, &[], "{}").await, @r#"
    POST /auth/signup
    {}
    → 400
    content-type: application/json; charset=utf-8
    {"message":"Missing input param: formFields"}
    "#);
    let linking = ANN.replacen('{', r#"{"shouldTryLinkingWithSessionUser":true,"#, 1);
    golden!(wire.post(SIGN_UP, &[], &linking).await, @r#"
    POST /auth/signup
    {"shouldTryLinkingWithSessionUser":true,"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 401
    content-type: application/json; charset=utf-8
    {"message":"unauthorised"}
    "#);
    let only_codes = json!({"tenantId": "codes", "firstFactors": ["otp-email"]});
    wire.app.core(Method::PUT, "/recipe/multitenancy/tenant/v2", &only_codes).await;
    golden!(wire.post("/auth/codes/signup", &[], ANN).await, @r#"
    POST /auth/codes/signup
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
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
async fn signed_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let made = wire.sign_up("header").await;
    golden!(wire.post(SIGN_IN, &[("st-auth-mode", "cookie")], ANN).await, @r#"
    POST /auth/signin
    st-auth-mode: cookie
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 3>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 2>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 2>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {"status":"OK","user":{"id":"<id 1>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 1>","verified":false,"timeJoined":1700000000000,"recipeId":"emailpassword","email":"ann@example.com"}]}}
    "#);
    golden!(wire.post(SIGN_IN, &[("st-auth-mode", "header")], ANN).await, @r#"
    POST /auth/signin
    st-auth-mode: header
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 4>","refreshTokenHash1":"<hash 3>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    st-access-token: <access token 3>
    st-refresh-token: <refresh token 3>
    {"status":"OK","user":{"id":"<id 1>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 1>","verified":false,"timeJoined":1700000000000,"recipeId":"emailpassword","email":"ann@example.com"}]}}
    "#);
    golden!(wire.post(SIGN_IN, &[("fdi-version", "1.17")], ANN).await, @r#"
    POST /auth/signin
    fdi-version: 1.17
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 5>","refreshTokenHash1":"<hash 4>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    st-access-token: <access token 4>
    st-refresh-token: <refresh token 4>
    {"status":"OK","user":{"id":"<id 1>","timeJoined":1700000000000,"email":"ann@example.com"}}
    "#);
    // Tokens of the kind that is not chosen are taken away.
    let bearer = made.bearer("st-access-token");
    let both = [("st-auth-mode", "cookie"), ("authorization", bearer.as_str())];
    golden!(wire.post(SIGN_IN, &both, ANN).await, @r#"
    POST /auth/signin
    authorization: Bearer <access token 1>
    st-auth-mode: cookie
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    access-control-expose-headers: st-access-token, st-refresh-token, front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 6>","refreshTokenHash1":"<hash 5>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth","st-ev":{"v":false,"t":1700000000000}}})
    set-cookie: sAccessToken=<access token 5>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 5>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    st-access-token:
    st-refresh-token:
    {"status":"OK","user":{"id":"<id 1>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 1>","verified":false,"timeJoined":1700000000000,"recipeId":"emailpassword","email":"ann@example.com"}]}}
    "#);
}

#[rstest]
#[tokio::test]
async fn not_signed_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let made = wire.sign_up("header").await;
    let wrong = form(&[("email", "ann@example.com"), ("password", "wrong")]);
    golden!(wire.post(SIGN_IN, &[], &wrong).await, @r#"
    POST /auth/signin
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"wrong"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"WRONG_CREDENTIALS_ERROR"}
    "#);
    golden!(wire.post(SIGN_IN, &[], &form(&[("email", "x"), ("password", "")])).await, @r#"
    POST /auth/signin
    {"formFields":[{"id":"email","value":"x"},{"id":"password","value":""}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"FIELD_ERROR","formFields":[{"id":"password","error":"Field is not optional"},{"id":"email","error":"Email is invalid"}]}
    "#);
    golden!(wire.post(SIGN_IN, &[], "[").await, @r#"
    POST /auth/signin
    [
    → 400
    content-type: application/json; charset=utf-8
    {"message":"API input error: Please make sure to pass a valid JSON input in the request body"}
    "#);
    let linking = ANN.replacen('{', r#"{"shouldTryLinkingWithSessionUser":true,"#, 1);
    golden!(wire.post(SIGN_IN, &[], &linking).await, @r#"
    POST /auth/signin
    {"shouldTryLinkingWithSessionUser":true,"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 401
    content-type: application/json; charset=utf-8
    {"message":"unauthorised"}
    "#);
    wire.app.advance(3_600_000);
    let expired = made.bearer("st-access-token");
    golden!(wire.post(SIGN_IN, &[("authorization", &expired)], &linking).await, @r#"
    POST /auth/signin
    authorization: Bearer <access token 1>
    {"shouldTryLinkingWithSessionUser":true,"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 401
    content-type: application/json; charset=utf-8
    {"message":"try refresh token"}
    "#);
}

#[rstest]
#[tokio::test]
async fn whether_an_address_is_taken(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    wire.sign_up("header").await;
    golden!(wire.get(&format!("{EXISTS}?email=ann%40example.com"), &[]).await, @r#"
    GET /auth/emailpassword/email/exists?email=ann%40example.com
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","exists":true}
    "#);
    golden!(wire.get(&format!("{EXISTS}?email=bob%40example.com"), &[]).await, @r#"
    GET /auth/emailpassword/email/exists?email=bob%40example.com
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","exists":false}
    "#);
    golden!(wire.get(EXISTS, &[]).await, @r#"
    GET /auth/emailpassword/email/exists
    → 400
    content-type: application/json; charset=utf-8
    {"message":"Please provide the email as a GET param"}
    "#);
    golden!(wire.get(&format!("{OLD_EXISTS}?email=ann%40example.com"), &[]).await, @r#"
    GET /auth/signup/email/exists?email=ann%40example.com
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","exists":true}
    "#);
    golden!(wire.get(&format!("{OLD_EXISTS}?email=bob%40example.com"), &[]).await, @r#"
    GET /auth/signup/email/exists?email=bob%40example.com
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","exists":false}
    "#);
    golden!(wire.get(OLD_EXISTS, &[]).await, @r#"
    GET /auth/signup/email/exists
    → 400
    content-type: application/json; charset=utf-8
    {"message":"Please provide the email as a GET param"}
    "#);
}

#[rstest]
#[tokio::test]
async fn a_link_to_reset(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    wire.sign_up("header").await;
    golden!(wire.post(ASK, &[], &form(&[("email", "ann@example.com")])).await, @r#"
    POST /auth/user/password/reset/token
    {"formFields":[{"id":"email","value":"ann@example.com"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK"}
    "#);
    wire.mails.token("reset-password").await;
    golden!(wire.post(ASK, &[], &form(&[("email", "bob@example.com")])).await, @r#"
    POST /auth/user/password/reset/token
    {"formFields":[{"id":"email","value":"bob@example.com"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK"}
    "#);
    golden!(wire.post(ASK, &[], &form(&[("email", "x")])).await, @r#"
    POST /auth/user/password/reset/token
    {"formFields":[{"id":"email","value":"x"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"FIELD_ERROR","formFields":[{"id":"email","error":"Email is invalid"}]}
    "#);
    golden!(wire.post(ASK, &[], r#"{"formFields":1}"#).await, @r#"
    POST /auth/user/password/reset/token
    {"formFields":1}
    → 400
    content-type: application/json; charset=utf-8
    {"message":"formFields must be an array"}
    "#);
    assert!(wire.mails.take().is_empty());
}

#[rstest]
#[tokio::test]
async fn reset(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    wire.sign_up("header").await;
    wire.post(ASK, &[], &form(&[("email", "ann@example.com")])).await;
    let token = wire.mails.token("reset-password").await;
    let body = |password: &str| {
        let fields = json!([{"id": "password", "value": password}]);
        json!({"method": "token", "formFields": fields, "token": token}).to_string()
    };
    golden!(wire.post(RESET, &[], &body("short")).await, @r#"
    POST /auth/user/password/reset
    {"method":"token","formFields":[{"id":"password","value":"short"}],"token":"<mailed token 1>"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"FIELD_ERROR","formFields":[{"id":"password","error":"Password must contain at least 8 characters, including a number"}]}
    "#);
    golden!(wire.post(RESET, &[], &body("another2horse")).await, @r#"
    POST /auth/user/password/reset
    {"method":"token","formFields":[{"id":"password","value":"another2horse"}],"token":"<mailed token 1>"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK"}
    "#);
    golden!(wire.post(RESET, &[], &body("another2horse")).await, @r#"
    POST /auth/user/password/reset
    {"method":"token","formFields":[{"id":"password","value":"another2horse"}],"token":"<mailed token 1>"}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"RESET_PASSWORD_INVALID_TOKEN_ERROR"}
    "#);
    golden!(wire.post(RESET, &[], &form(&[("password", "another2horse")])).await, @r#"
    POST /auth/user/password/reset
    {"formFields":[{"id":"password","value":"another2horse"}]}
    → 400
    content-type: application/json; charset=utf-8
    {"message":"Please provide the password reset token"}
    "#);
}

/// Turns everybody away, in the ways that an app has.
struct Closed(Arc<dyn Apis>);

#[async_trait]
impl Apis for Closed {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn sign_up(&self, _: &Cx, _: FormInput) -> Result<SignUpOutcome> {
        Ok(SignUpOutcome::NotAllowed { reason: "Closed".to_owned() })
    }

    async fn sign_in(&self, _: &Cx, _: FormInput) -> Result<SignInOutcome> {
        Ok(SignInOutcome::NotAllowed { reason: "Closed".to_owned() })
    }

    async fn email_exists(&self, _: &Cx, _: &str, _: &str) -> Result<bool> {
        Err(Error::General("Closed".to_owned()))
    }

    async fn generate_password_reset_token(
        &self,
        _: &Cx,
        _: &str,
        _: &FormValues,
    ) -> Result<ResetTokenOutcome> {
        Ok(ResetTokenOutcome::NotAllowed { reason: "Closed".to_owned() })
    }
}

#[rstest]
#[tokio::test]
async fn refused_by_the_app(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::with(shape, |builder| {
        builder.recipe(EmailPassword::new().override_apis(Closed)).recipe(SessionRecipe::new())
    })
    .await;
    golden!(wire.sign_up("header").await, @r#"
    POST /auth/signup
    st-auth-mode: header
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"SIGN_UP_NOT_ALLOWED","reason":"Closed"}
    "#);
    golden!(wire.post(SIGN_IN, &[], ANN).await, @r#"
    POST /auth/signin
    {"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"SIGN_IN_NOT_ALLOWED","reason":"Closed"}
    "#);
    golden!(wire.get(&format!("{EXISTS}?email=a"), &[]).await, @r#"
    GET /auth/emailpassword/email/exists?email=a
    → 200
    content-type: application/json; charset=utf-8
    {"status":"GENERAL_ERROR","message":"Closed"}
    "#);
    golden!(wire.post(ASK, &[], &form(&[("email", "ann@example.com")])).await, @r#"
    POST /auth/user/password/reset/token
    {"formFields":[{"id":"email","value":"ann@example.com"}]}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"PASSWORD_RESET_NOT_ALLOWED","reason":"Closed"}
    "#);
}
