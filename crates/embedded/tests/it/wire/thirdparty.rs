//! The thirdparty recipe's frontend APIs.

use super::{Wire, golden};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::{Client, ProviderConfig, ThirdPartyRecipe};
use portcullis_embedded::Clock;
use portcullis_testkit::provider::{Person, TestProvider, secret_of};
use portcullis_testkit::{START, Shape};
use rstest::rstest;
use serde_json::{Value, json};

/// An app whose provider tells no address of Bob's, and one of Ann's.
async fn wire(shape: Shape) -> (Wire, TestProvider) {
    let provider = TestProvider::start(Clock::fixed(START)).await;
    let url = provider.url();
    let config = ProviderConfig::new("own")
        .authorization_endpoint("https://id.example.com/authorize")
        .token_endpoint(format!("{url}/token"))
        .user_info_endpoint(format!("{url}/userinfo"))
        .client(Client::new("app").secret(secret_of("app")).scope(["email"]));
    let recipe = ThirdPartyRecipe::new().provider(config).apple_app_link("com.example.app:/callback");
    let wire = Wire::with(shape, |builder| builder.recipe(recipe).recipe(SessionRecipe::new())).await;
    (wire, provider)
}

/// The body of a sign-in that has just come back from the provider.
fn came_back(provider: &TestProvider) -> String {
    let params = provider.sign_in("https://id.example.com/authorize?client_id=app&redirect_uri=http://cb");
    let info = json!({"redirectURIOnProviderDashboard": "http://cb", "redirectURIQueryParams": params});
    json!({"thirdPartyId": "own", "redirectURIInfo": info}).to_string()
}

#[rstest]
#[tokio::test]
async fn where_users_are_sent(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let (wire, _provider) = wire(shape).await;
    let path = "/auth/authorisationurl?thirdPartyId=own&redirectURIOnProviderDashboard=http://cb";
    golden!(wire.get(path, &[]).await, @r#"
    GET /auth/authorisationurl?thirdPartyId=own&redirectURIOnProviderDashboard=http://cb
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","urlWithQueryParams":"https://id.example.com/authorize?client_id=app&redirect_uri=http%3A%2F%2Fcb&response_type=code&scope=email"}
    "#);
    golden!(wire.get("/auth/authorisationurl?thirdPartyId=own", &[]).await, @r#"
    GET /auth/authorisationurl?thirdPartyId=own
    → 400
    content-type: application/json; charset=utf-8
    {"message":"Please provide the redirectURIOnProviderDashboard as a GET param"}
    "#);
    golden!(wire.get(&path.replace("own", "other"), &[]).await, @r#"
    GET /auth/authorisationurl?thirdPartyId=other&redirectURIOnProviderDashboard=http://cb
    → 400
    content-type: application/json; charset=utf-8
    {"message":"the provider other could not be found in the configuration"}
    "#);
}

#[rstest]
#[tokio::test]
async fn signed_up_and_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let (wire, provider) = wire(shape).await;
    let send = async |headers: &[(&str, &str)]| {
        let mut exchange = wire.post("/auth/signinup", headers, &came_back(&provider)).await;
        exchange.text = exchange.text.replace(provider.url(), "<provider>");
        exchange
    };
    golden!(send(&[("st-auth-mode", "cookie")]).await, @r#"
    POST /auth/signinup
    st-auth-mode: cookie
    {"thirdPartyId":"own","redirectURIInfo":{"redirectURIOnProviderDashboard":"http://cb","redirectURIQueryParams":{"code":"code-1","iss":"<provider>"}}}
    → 200
    access-control-expose-headers: front-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 2>","refreshTokenHash1":"<hash 1>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth"}})
    set-cookie: sAccessToken=<access token 1>; Path=/; Expires=Wed, 13 Nov 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    set-cookie: sRefreshToken=<refresh token 1>; Path=/auth/session/refresh; Expires=Thu, 22 Feb 2024 22:13:20 GMT; HttpOnly; SameSite=Lax
    {"status":"OK","user":{"id":"<id 1>","isPrimaryUser":false,"tenantIds":["public"],"timeJoined":1700000000000,"emails":["ann@example.com"],"phoneNumbers":[],"thirdParty":[{"id":"own","userId":"ann-at-provider"}],"webauthn":{"credentialIds":[]},"loginMethods":[{"tenantIds":["public"],"recipeUserId":"<id 1>","verified":true,"timeJoined":1700000000000,"recipeId":"thirdparty","email":"ann@example.com","thirdParty":{"id":"own","userId":"ann-at-provider"}}]},"createdNewRecipeUser":true}
    "#);
    golden!(send(&[("st-auth-mode", "header"), ("fdi-version", "1.17")]).await, @r#"
    POST /auth/signinup
    fdi-version: 1.17
    st-auth-mode: header
    {"thirdPartyId":"own","redirectURIInfo":{"redirectURIOnProviderDashboard":"http://cb","redirectURIQueryParams":{"code":"code-3","iss":"<provider>"}}}
    → 200
    access-control-expose-headers: front-token, st-access-token, st-refresh-token
    content-type: application/json; charset=utf-8
    front-token: base64({"uid":"<id 1>","ate":1700003600000,"up":{"sub":"<id 1>","exp":1700003600,"iat":1700000000,"sessionHandle":"<id 3>","refreshTokenHash1":"<hash 2>","parentRefreshTokenHash1":null,"antiCsrfToken":null,"tId":"public","rsub":"<id 1>","iss":"http://localhost:3001/auth"}})
    st-access-token: <access token 2>
    st-refresh-token: <refresh token 2>
    {"status":"OK","user":{"id":"<id 1>","timeJoined":1700000000000,"thirdParty":{"id":"own","userId":"ann-at-provider"},"email":"ann@example.com"},"createdNewUser":false}
    "#);
    provider.set_person(Person { id: "bob".to_owned(), email: None, email_verified: None });
    golden!(send(&[]).await, @r#"
    POST /auth/signinup
    {"thirdPartyId":"own","redirectURIInfo":{"redirectURIOnProviderDashboard":"http://cb","redirectURIQueryParams":{"code":"code-5","iss":"<provider>"}}}
    → 200
    content-type: application/json; charset=utf-8
    {"status":"NO_EMAIL_GIVEN_BY_PROVIDER"}
    "#);
    let body = json!({"thirdPartyId": "own", "oAuthTokens": {"access_token": "made-up"}}).to_string();
    golden!(wire.post("/auth/signinup", &[], &body).await, @r#"
    POST /auth/signinup
    {"thirdPartyId":"own","oAuthTokens":{"access_token":"made-up"}}
    → 400
    content-type: application/json; charset=utf-8
    {"message":"The provider's user is refused: nothing shows that the access token was issued to this app"}
    "#);
}

#[rstest]
#[tokio::test]
async fn led_on_from_apple(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    use base64::Engine as _;
    let (wire, _provider) = wire(shape).await;
    let form = |target: Value| {
        let state = json!({"frontendRedirectURI": target}).to_string();
        let state = base64::engine::general_purpose::STANDARD.encode(state).replace('=', "%3D");
        format!("code=c+d&state={state}&user=%7B%7D")
    };
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    let send = async |target: Value| wire.post("/auth/callback/apple", &headers, &form(target)).await;
    golden!(send(json!("http://localhost:3000/auth/callback/apple")).await, @r#"
    POST /auth/callback/apple
    content-type: application/x-www-form-urlencoded
    code=c+d&state=<mailed token 1>%3D%3D&user=%7B%7D
    → 303
    content-type: text/html; charset=utf-8
    location: http://localhost:3000/auth/callback/apple?code=c+d&state=<mailed token 1>%3D%3D&user=%7B%7D
    "#);
    golden!(send(json!("com.example.app:/callback")).await, @r#"
    POST /auth/callback/apple
    content-type: application/x-www-form-urlencoded
    code=c+d&state=<mailed token 2>&user=%7B%7D
    → 303
    content-type: text/html; charset=utf-8
    location: com.example.app:/callback?code=c+d&state=<mailed token 2>&user=%7B%7D
    "#);
    golden!(send(json!("https://evil.example/auth/callback/apple")).await, @r#"
    POST /auth/callback/apple
    content-type: application/x-www-form-urlencoded
    code=c+d&state=<mailed token 3>&user=%7B%7D
    → 400
    content-type: application/json; charset=utf-8
    {"message":"The state names an address that is not one of the app's"}
    "#);
    golden!(send(json!(null)).await, @r#"
    POST /auth/callback/apple
    content-type: application/x-www-form-urlencoded
    code=c+d&state=eyJmcm9udGVuZFJlZGlyZWN0VVJJIjpudWxsfQ%3D%3D&user=%7B%7D
    → 400
    content-type: application/json; charset=utf-8
    {"message":"The state is none of a frontend's"}
    "#);
}
