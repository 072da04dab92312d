//! Callers who should not get far, at every frontend API: without a session, with another user's, with one
//! that has expired, and with bodies that are none.

mod logins;

use crate::app::{Mails, Reply, TestApp};
use async_trait::async_trait;
use http::{Method, Request};
use portcullis::recipes::dashboard::{self, Dashboard, Page};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::multifactorauth::MultiFactorAuth;
use portcullis::recipes::passwordless::{ContactMethod, FlowType, Passwordless};
use portcullis::recipes::session::{SessionRecipe, VerifyOptions};
use portcullis::recipes::thirdparty::ThirdPartyRecipe;
use portcullis::recipes::totp::Totp;
use portcullis::recipes::userroles::UserRoles;
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::{Cx, Result};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

const LIMIT: usize = 1024;
const PASSWORD: &str = "correct1horse";

type Told = (u16, Value);

/// How one frontend API answers them.
struct Case {
    api: &'static str,
    /// What anybody may send. It changes nothing.
    query: &'static str,
    body: Value,
    /// With the wrong kinds of values.
    wrong_body: Value,
    without_session: Told,
    of_another_user: Told,
    expired: Told,
    no_json: Told,
    wrong_types: Told,
    too_large: Told,
    /// What another user's session changes, which is that user's alone.
    effect: Effect,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    Mail,
    SignOut,
}

fn message(status: u16, text: &str) -> Told {
    (status, json!({"message": text}))
}

fn status(word: &str) -> Told {
    (200, json!({"status": word}))
}

fn general(text: &str) -> Told {
    (200, json!({"status": "GENERAL_ERROR", "message": text}))
}

fn no_json() -> Told {
    message(400, "API input error: Please make sure to pass a valid JSON input in the request body")
}

impl Case {
    /// One that looks at no session and no body.
    fn open(api: &'static str, told: &Told) -> Self {
        Self {
            api,
            query: "",
            body: Value::Null,
            wrong_body: json!([1]),
            without_session: told.clone(),
            of_another_user: told.clone(),
            expired: told.clone(),
            no_json: told.clone(),
            wrong_types: told.clone(),
            too_large: message(413, "The request's body is too large"),
            effect: Effect::None,
        }
    }

    /// One that looks at no body, and needs a session.
    fn closed(api: &'static str, of_another_user: Told) -> Self {
        Self {
            of_another_user,
            expired: message(401, "try refresh token"),
            ..Self::open(api, &message(401, "unauthorised"))
        }
    }

    /// One that looks at a body, and needs no session.
    fn form(api: &'static str, told: &Told, body: Value, wrong_body: Value, wrong: &str) -> Self {
        let wrong_types = message(400, wrong);
        Self { body, wrong_body, no_json: no_json(), wrong_types, ..Self::open(api, told) }
    }

    fn method(&self) -> Method {
        self.api.split(' ').next().unwrap().parse().unwrap()
    }

    fn path(&self) -> &'static str {
        self.api.split(' ').nth(1).unwrap()
    }

    fn request(&self) -> http::request::Builder {
        Request::builder().method(self.method()).uri(format!("{}{}", self.path(), self.query))
    }
}

fn form(fields: &[(&str, &str)]) -> Value {
    fields.iter().map(|(id, value)| json!({"id": id, "value": value})).collect()
}

fn cases(world: &World) -> Vec<Case> {
    [cases_of_passwords(world), logins::cases_of_codes(), logins::cases_of_passkeys(world)]
        .into_iter()
        .flatten()
        .collect()
}

fn cases_of_passwords(world: &World) -> Vec<Case> {
    let no_form = || json!({"formFields": {"id": "email", "value": "ann@example.com"}});
    let form = |fields: &[(&str, &str)]| json!({"formFields": form(fields)});
    let taken = json!([{"id": "email", "error": "This email already exists. Please sign in instead."}]);
    let taken = (200, json!({"status": "FIELD_ERROR", "formFields": taken}));
    let ann = form(&[("email", "ann@example.com"), ("password", PASSWORD)]);
    let wrong = form(&[("email", "ann@example.com"), ("password", "wrong")]);
    let unknown = form(&[("email", "nobody@example.com")]);
    let made_up = json!({"formFields": [{"id": "password", "value": "another2horse"}], "token": "made-up"});
    let no_array = "formFields must be an array";
    let free = (200, json!({"status": "OK", "exists": false}));
    let invalid = status("EMAIL_VERIFICATION_INVALID_TOKEN_ERROR");
    let query = "?email=nobody@example.com";
    let methods = json!({
        "status": "OK", "emailPassword": {"enabled": true}, "thirdParty": {"enabled": true, "providers": []},
        "webauthn": {"enabled": true}, "passwordless": {"enabled": true}, "firstFactors": [
            "emailpassword", "otp-email", "otp-phone", "link-email", "link-phone", "webauthn", "thirdparty"],
    });
    let at_provider = "?thirdPartyId=nobody&redirectURIOnProviderDashboard=http://localhost:3000";
    let no_provider = message(400, "the provider nobody could not be found in the configuration");
    let mut cases = vec![
        Case::form("POST /auth/signup", &taken, ann, no_form(), no_array),
        Case::form("POST /auth/signin", &status("WRONG_CREDENTIALS_ERROR"), wrong, no_form(), no_array),
        Case { query, ..Case::open("GET /auth/emailpassword/email/exists", &free) },
        Case { query, ..Case::open("GET /auth/signup/email/exists", &free) },
        Case::form("POST /auth/user/password/reset/token", &status("OK"), unknown, no_form(), no_array),
        Case::form(
            "POST /auth/user/password/reset",
            &status("RESET_PASSWORD_INVALID_TOKEN_ERROR"),
            made_up,
            json!({"formFields": [{"id": "password", "value": "another2horse"}], "token": ["made-up"]}),
            "The password reset token must be a string",
        ),
        Case { effect: Effect::Mail, ..Case::closed("POST /auth/user/email/verify/token", status("OK")) },
        Case {
            expired: message(401, "try refresh token"),
            ..Case::form(
                "POST /auth/user/email/verify",
                &invalid,
                json!({"method": "token", "token": "made-up"}),
                json!({"method": "token", "token": {"made": "up"}}),
                "The email verification token must be a string",
            )
        },
        // Ann's address is verified, Bob's is not.
        Case::closed("GET /auth/user/email/verify", (200, json!({"status": "OK", "isVerified": false}))),
        // Here what has expired is the refresh token.
        Case {
            expired: message(401, "unauthorised"),
            ..Case::closed("POST /auth/session/refresh", (200, json!({})))
        },
        Case { effect: Effect::SignOut, ..Case::closed("POST /auth/signout", status("OK")) },
        Case { query: "?clientType=web", ..Case::open("GET /auth/loginmethods", &(200, methods)) },
        Case { query: at_provider, ..Case::open("GET /auth/authorisationurl", &no_provider) },
        Case::form(
            "POST /auth/signinup",
            &no_provider,
            json!({"thirdPartyId": "nobody", "oAuthTokens": {"access_token": "made-up"}}),
            json!({"thirdPartyId": {"nobody": 1}, "oAuthTokens": {"access_token": "made-up"}}),
            "Please provide the thirdPartyId in request body",
        ),
        Case::open("POST /auth/callback/apple", &message(400, "The state is none of a frontend's")),
        Case::open("GET /auth/jwt/jwks.json", &world.keys),
        Case::open("GET /auth/.well-known/openid-configuration", &world.discovery),
    ];
    cases.extend(factor_cases());
    cases.extend(dashboard_cases());
    cases
}

/// Ann has a device, Bob has none.
fn factor_cases() -> Vec<Case> {
    let with_body = |api, body, told| Case { body, ..Case::closed(api, told) };
    let device = json!({"deviceName": "phone", "totp": "000000"});
    let info = json!({
        "status": "OK",
        "factors": {
            "next": [],
            "alreadySetup": ["emailpassword"],
            "allowedToSetup": [
                "emailpassword", "otp-email", "otp-phone", "link-email", "link-phone", "webauthn", "totp"],
        },
        "emails": {"emailpassword": ["bob@example.com"], "otp-email": ["bob@example.com"],
            "link-email": ["bob@example.com"], "webauthn": ["bob@example.com"]},
        "phoneNumbers": {"otp-phone": [], "link-phone": []},
    });
    vec![
        Case::closed("PUT /auth/mfa/info", (200, info)),
        with_body(
            "POST /auth/totp/device",
            json!({"deviceName": 1}),
            message(400, "deviceName must be a string"),
        ),
        Case::closed("GET /auth/totp/device/list", (200, json!({"status": "OK", "devices": []}))),
        with_body(
            "POST /auth/totp/device/remove",
            device.clone(),
            (200, json!({"status": "OK", "didDeviceExist": false})),
        ),
        with_body("POST /auth/totp/device/verify", device.clone(), status("UNKNOWN_DEVICE_ERROR")),
        with_body("POST /auth/totp/verify", device, status("UNKNOWN_USER_ID_ERROR")),
    ]
}

/// What the dashboard asks for. Sessions of the app's own users are none to it.
const DASHBOARD: [&str; 38] = [
    "POST /auth/dashboard/api/key/validate",
    "POST /auth/dashboard/api/signout",
    "POST /auth/dashboard/api/analytics",
    "GET /auth/dashboard/api/users",
    "GET /auth/dashboard/api/users/count",
    "GET /auth/dashboard/api/search/tags",
    "GET /auth/dashboard/api/user",
    "PUT /auth/dashboard/api/user",
    "DELETE /auth/dashboard/api/user",
    "POST /auth/dashboard/api/user/emailpassword",
    "POST /auth/dashboard/api/user/passwordless",
    "GET /auth/dashboard/api/user/email/verify",
    "PUT /auth/dashboard/api/user/email/verify",
    "POST /auth/dashboard/api/user/email/verify/token",
    "GET /auth/dashboard/api/user/metadata",
    "PUT /auth/dashboard/api/user/metadata",
    "GET /auth/dashboard/api/user/sessions",
    "POST /auth/dashboard/api/user/sessions",
    "PUT /auth/dashboard/api/user/password",
    "GET /auth/dashboard/api/user/unlink",
    "GET /auth/dashboard/api/userroles/roles",
    "PUT /auth/dashboard/api/userroles/role",
    "DELETE /auth/dashboard/api/userroles/role",
    "GET /auth/dashboard/api/userroles/role/permissions",
    "PUT /auth/dashboard/api/userroles/role/permissions/remove",
    "GET /auth/dashboard/api/userroles/user/roles",
    "PUT /auth/dashboard/api/userroles/user/roles",
    "DELETE /auth/dashboard/api/userroles/user/roles",
    "GET /auth/dashboard/api/tenants",
    "GET /auth/dashboard/api/tenant",
    "POST /auth/dashboard/api/tenant",
    "DELETE /auth/dashboard/api/tenant",
    "PUT /auth/dashboard/api/tenant/first-factor",
    "PUT /auth/dashboard/api/tenant/required-secondary-factor",
    "PUT /auth/dashboard/api/tenant/core-config",
    "GET /auth/dashboard/api/thirdparty/config",
    "PUT /auth/dashboard/api/thirdparty/config",
    "DELETE /auth/dashboard/api/thirdparty/config",
];

fn dashboard_cases() -> Vec<Case> {
    let nobody = message(401, "Unauthorised access");
    let page = (200, json!(PAGE));
    let mut cases = vec![
        Case::open("GET /auth/dashboard", &page),
        Case::open("GET /auth/dashboard/roles", &page),
        Case::open("GET /auth/dashboard/tenants", &page),
        Case::form(
            "POST /auth/dashboard/api/signin",
            &status("INVALID_CREDENTIALS_ERROR"),
            json!({"email": "ann@example.com", "password": PASSWORD}),
            json!({"email": ["ann@example.com"], "password": PASSWORD}),
            "Required parameter 'email' is missing or has an invalid type",
        ),
    ];
    cases.extend(DASHBOARD.map(|api| Case::open(api, &nobody)));
    cases
}

const PAGE: &str = "The page.";

/// A page that is the same each time.
struct OnePage(Arc<dyn dashboard::Apis>);

#[async_trait]
impl dashboard::Apis for OnePage {
    fn original(&self) -> &dyn dashboard::Apis {
        &*self.0
    }

    async fn dashboard(&self, _: &Cx) -> Result<Page> {
        Ok(Page { html: PAGE.to_owned(), content_security_policy: "default-src 'none'".to_owned() })
    }
}

/// Ann, whose address is verified, and Bob.
struct World {
    app: TestApp,
    mails: Mails,
    ann: String,
    bob: String,
    keys: Told,
    discovery: Told,
    sign_in_options: Told,
}

/// What a browser or another client shows of a session.
struct Shown {
    cookies: String,
    access: String,
    refresh: String,
    handle: String,
}

impl World {
    async fn new(shape: Shape) -> Self {
        let mails = Mails::default();
        let app = TestApp::new(shape, |builder| {
            let builder = builder.email_delivery(mails.clone()).body_limit(LIMIT);
            let builder = builder.recipe(EmailPassword::new()).recipe(EmailVerification::optional());
            let codes = Passwordless::new(ContactMethod::EmailOrPhone, FlowType::UserInputCodeAndMagicLink);
            // Of another site, whose options are refused: those that are made are others each time.
            let passkeys = WebAuthn::new().relying_party_id("other.example");
            let builder = builder.recipe(codes).recipe(passkeys);
            let builder = builder.recipe(UserRoles::new()).recipe(MultiFactorAuth::new()).recipe(Totp::new());
            let builder = builder.recipe(ThirdPartyRecipe::new());
            let builder = builder.recipe(Dashboard::new().override_apis(OnePage));
            builder.recipe(SessionRecipe::new())
        })
        .await;
        let sign_up = async |email: &str| {
            let made = app.form("/auth/signup", &[("email", email), ("password", PASSWORD)]).await;
            made.body["user"]["id"].as_str().unwrap().to_owned()
        };
        let (ann, bob) = (sign_up("ann@example.com").await, sign_up("bob@example.com").await);
        let to = json!({"userId": ann, "email": "ann@example.com"});
        let token = app.core(Method::POST, "/recipe/user/email/verify/token", &to).await["token"].clone();
        let proof = json!({"method": "token", "token": token});
        app.core(Method::POST, "/recipe/user/email/verify", &proof).await;
        let device = json!({"userId": ann, "deviceName": "phone", "skew": 1, "period": 30,
            "secretKey": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"});
        app.core(Method::POST, "/recipe/totp/device/import", &device).await;
        let keys = app.send(Request::get("/auth/jwt/jwks.json"), "").await.seen();
        let discovery = app.send(Request::get("/auth/.well-known/openid-configuration"), "").await.seen();
        assert_eq!((keys.0, discovery.0), (200, 200));
        let sign_in_options = app.send(Request::post("/auth/webauthn/options/signin"), "").await.seen();
        assert_eq!(sign_in_options.1["status"], "INVALID_OPTIONS_ERROR");
        Self { app, mails, ann, bob, keys, discovery, sign_in_options }
    }

    async fn sign_in(&self, email: &str) -> Shown {
        let fields = form(&[("email", email), ("password", PASSWORD)]);
        let request = Request::post("/auth/signin");
        let made = self.app.send(request, json!({"formFields": fields}).to_string()).await;
        let access = made.access_token().to_owned();
        let refresh = made.headers["st-refresh-token"].to_str().unwrap().to_owned();
        let cookies = format!("sAccessToken={access}; sRefreshToken={refresh}");
        let (cx, sessions) = (Cx::new(&self.app.sdk), self.app.sdk.session().unwrap());
        let session = sessions.verify_without_request(&cx, &access, None, &VerifyOptions::new()).await;
        let handle = session.unwrap().unwrap().handle().to_owned();
        Shown { cookies, access, refresh, handle }
    }

    /// What the core knows about a user.
    async fn state(&self, user: &str, email: &str) -> Value {
        let get = async |path: String| self.app.core(Method::GET, &path, &Value::Null).await;
        let sessions = get(format!("/recipe/session/user?userId={user}")).await;
        let mut handles: Vec<String> = serde_json::from_value(sessions["sessionHandles"].clone()).unwrap();
        handles.sort();
        let mut details = Vec::new();
        for handle in &handles {
            details.push(get(format!("/recipe/session?sessionHandle={handle}")).await);
        }
        let credentials = json!({"email": email, "password": PASSWORD});
        let password = self.app.core(Method::POST, "/recipe/signin", &credentials).await["status"].clone();
        json!({
            "user": get(format!("/user/id?userId={user}")).await,
            "verified": get(format!("/recipe/user/email/verify?userId={user}&email={email}")).await,
            "password": password,
            "devices": get(format!("/recipe/totp/device/list?userId={user}")).await,
            "sessions": details,
        })
    }

    /// What the core knows about everybody, and which e-mails were sent meanwhile.
    async fn all(&self) -> Value {
        let mails: Vec<_> = self.mails.take().into_iter().map(|(email, _)| email.to).collect();
        json!({
            "ann": self.state(&self.ann, "ann@example.com").await,
            "bob": self.state(&self.bob, "bob@example.com").await,
            "users": self.app.core(Method::GET, "/users/count", &Value::Null).await,
            "mails": mails,
        })
    }
}

#[rstest]
#[tokio::test]
async fn every_api_has_its_case(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let apis = world.app.sdk.frontend_apis();
    let mut served: Vec<_> = apis.iter().map(|(method, path)| format!("{method} {path}")).collect();
    let mut known: Vec<_> = cases(&world).iter().map(|case| case.api.to_owned()).collect();
    served.sort();
    // Two recipes know the older path of whether an address is taken.
    served.dedup();
    known.sort();
    assert_eq!(served, known);
    for (_, path) in &apis {
        for method in [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD] {
            let is_known = known.contains(&format!("{method} {path}"));
            assert_eq!(world.app.serves(&method, path), is_known, "{method} {path}");
        }
    }
}

#[rstest]
#[tokio::test]
async fn strangers_and_what_is_no_body(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let before = world.all().await;
    assert_eq!(
        (&before["ann"]["password"], &before["ann"]["verified"]["isVerified"]),
        (&json!("OK"), &json!(true))
    );
    assert_eq!(before["bob"]["sessions"].as_array().unwrap().len(), 1);
    for case in cases(&world) {
        let send = async |body: String| world.app.send(case.request(), body).await.seen();
        assert_eq!(send(case.body.to_string()).await, case.without_session, "{}", case.api);
        let inside = case.path().strip_prefix("/auth").unwrap();
        let of_tenant = Request::builder().method(case.method());
        let of_tenant = of_tenant.uri(format!("/auth/public{inside}/{}", case.query));
        let told = world.app.send(of_tenant, case.body.to_string()).await.seen();
        assert_eq!(told, case.without_session, "{} of a tenant", case.api);

        let body = case.body.to_string();
        for broken in [&body[..body.len() - 1], "{", "formFields=1&token=x", "<xml/>"] {
            assert_eq!(send(broken.to_owned()).await, case.no_json, "{} {broken}", case.api);
        }
        assert_eq!(send(case.wrong_body.to_string()).await, case.wrong_types, "{}", case.api);
        assert_eq!(send("x".repeat(LIMIT)).await, case.no_json, "{}", case.api);
        assert_eq!(send("x".repeat(LIMIT + 1)).await, case.too_large, "{}", case.api);
    }
    assert_eq!(world.all().await, before);
}

#[rstest]
#[tokio::test]
async fn another_user_s_session(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let anns = world.sign_in("ann@example.com").await;
    for case in cases(&world) {
        for in_cookies in [true, false] {
            let bobs = world.sign_in("bob@example.com").await;
            let mut before = world.all().await;
            let told = aimed_at(&world, &case, &anns, &bobs, in_cookies).await;
            assert_eq!(told.seen(), case.of_another_user, "{}", case.api);
            let after = world.all().await;
            match case.effect {
                Effect::None => {}
                Effect::Mail => before["mails"] = json!(["bob@example.com"]),
                Effect::SignOut => {
                    let sessions = before["bob"]["sessions"].as_array_mut().unwrap();
                    let all = sessions.len();
                    sessions.retain(|session| session["sessionHandle"] != bobs.handle.as_str());
                    assert_eq!(sessions.len(), all - 1);
                }
            }
            assert_eq!(after, before, "{}", case.api);
        }
    }
}

/// A call with Bob's session, which names Ann wherever somebody may try to.
async fn aimed_at(world: &World, case: &Case, anns: &Shown, bobs: &Shown, in_cookies: bool) -> Reply {
    let names = json!({"userId": world.ann, "recipeUserId": world.ann, "sessionHandle": anns.handle});
    let mut body = case.body.as_object().cloned().unwrap_or_default();
    body.extend(names.as_object().cloned().unwrap());
    let separator = if case.query.is_empty() { '?' } else { '&' };
    let query = format!("{separator}userId={}&sessionHandle={}", world.ann, anns.handle);
    let request = Request::builder().method(case.method());
    let request = with_session(request, case, bobs, in_cookies);
    let request = request.uri(format!("{}{}{query}", case.path(), case.query));
    world.app.send(request, Value::Object(body).to_string()).await
}

fn with_session(
    request: http::request::Builder,
    case: &Case,
    shown: &Shown,
    in_cookies: bool,
) -> http::request::Builder {
    let token = if case.path().ends_with("/refresh") { &shown.refresh } else { &shown.access };
    if in_cookies {
        request.header("cookie", &shown.cookies)
    } else {
        request.header("authorization", format!("Bearer {token}"))
    }
}

#[rstest]
#[tokio::test]
async fn an_expired_session(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape).await;
    let shown = world.sign_in("ann@example.com").await;
    let (of_refresh, others): (Vec<_>, Vec<_>) =
        cases(&world).into_iter().partition(|case| case.path().ends_with("/refresh"));
    // An access token lives for an hour, a refresh token for 100 days.
    for (time, cases) in [(3_600_000, others), (100 * 24 * 3_600_000, of_refresh)] {
        world.app.advance(time);
        let before = world.all().await;
        for case in cases {
            for in_cookies in [true, false] {
                let request = with_session(case.request(), &case, &shown, in_cookies);
                let told = world.app.send(request, case.body.to_string()).await.seen();
                assert_eq!(told, case.expired, "{}", case.api);
            }
        }
        assert_eq!(world.all().await, before);
    }
}
