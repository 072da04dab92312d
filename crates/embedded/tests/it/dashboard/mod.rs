//! The dashboard: who gets in.

mod login_methods;
mod page;
mod providers;
mod settings;
mod users;

use crate::app::{Mails, Reply, TestApp};
use http::{Method, Request};
use portcullis::recipes::dashboard::Dashboard;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::multifactorauth::MultiFactorAuth;
use portcullis::recipes::session::{NewSession, SessionRecipe};
use portcullis::recipes::totp::Totp;
use portcullis::recipes::userroles::UserRoles;
use portcullis::{Builder, Cx, Portcullis};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const CHIEF: &str = "chief@example.com";
const PASSWORD: &str = "correct1horse";

/// An app with somebody who is signed in to its dashboard.
struct Desk {
    app: TestApp,
    mails: Mails,
    shown: String,
}

fn everything(builder: Builder) -> Builder {
    let builder = builder.recipe(EmailPassword::new()).recipe(EmailVerification::optional());
    let builder = builder.recipe(UserRoles::new()).recipe(MultiFactorAuth::new()).recipe(Totp::new());
    builder.recipe(SessionRecipe::new())
}

impl Desk {
    async fn new(shape: Shape) -> Self {
        Self::with(shape, Dashboard::new(), everything).await
    }

    async fn with(shape: Shape, recipe: Dashboard, describe: impl FnOnce(Builder) -> Builder) -> Self {
        let mails = Mails::default();
        let app =
            TestApp::new(shape, |builder| describe(builder.email_delivery(mails.clone())).recipe(recipe))
                .await;
        let desk = Self { app, mails, shown: String::new() };
        let shown = desk.sign_in(CHIEF).await;
        Self { shown, ..desk }
    }

    /// A session of a user of the dashboard, who is made if there is none.
    async fn sign_in(&self, email: &str) -> String {
        let user = json!({"email": email, "password": PASSWORD});
        self.app.core(Method::POST, "/recipe/dashboard/user", &user).await;
        let reply = self.app.post("/auth/dashboard/api/signin", &user).await;
        assert_eq!(reply.body["status"], "OK", "{reply:?}");
        reply.body["sessionId"].as_str().unwrap().to_owned()
    }

    async fn call_as(&self, shown: &str, method: Method, path: &str, body: &Value) -> Reply {
        self.app.with_session(method, &format!("/auth{path}"), shown, body).await
    }

    /// What an API of the dashboard answers.
    async fn ask(&self, method: Method, api: &str, body: &Value) -> Value {
        let reply = self.call_as(&self.shown, method, &format!("/dashboard/api{api}"), body).await;
        assert_eq!(reply.status, 200, "{api} {reply:?}");
        reply.body
    }

    async fn get(&self, api: &str) -> Value {
        self.ask(Method::GET, api, &Value::Null).await
    }

    /// What it answers about another tenant.
    async fn of_tenant(&self, tenant: &str, method: Method, api: &str, body: &Value) -> Value {
        let path = format!("/{tenant}/dashboard/api{api}");
        let reply = self.call_as(&self.shown, method, &path, body).await;
        assert_eq!(reply.status, 200, "{api} {reply:?}");
        reply.body
    }

    /// The text of a 400.
    async fn fault(&self, method: Method, api: &str, body: &Value) -> String {
        let reply = self.call_as(&self.shown, method, &format!("/dashboard/api{api}"), body).await;
        assert_eq!(reply.status, 400, "{api} {reply:?}");
        reply.body["message"].as_str().unwrap().to_owned()
    }

    async fn sign_up(&self, email: &str) -> String {
        let user = json!({"email": email, "password": PASSWORD});
        let made = self.ask(Method::POST, "/user/emailpassword", &user).await;
        assert_eq!(made["status"], "OK", "{made}");
        assert_eq!(made["recipeUserId"], made["user"]["id"]);
        made["recipeUserId"].as_str().unwrap().to_owned()
    }
}

fn status(word: &str) -> Value {
    json!({"status": word})
}

/// The APIs behind the guard: method and path.
fn guarded_apis(sdk: &Portcullis) -> Vec<(Method, String)> {
    let open = ["/auth/dashboard/api/signin", "/auth/dashboard/api/key/validate"];
    let apis = sdk.frontend_apis().into_iter();
    apis.filter(|(_, path)| path.starts_with("/auth/dashboard/api/") && !open.contains(&path.as_str()))
        .collect()
}

#[rstest]
#[tokio::test]
async fn nobody_gets_in_who_is_not_signed_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let ended = desk.sign_in("other@example.com").await;
    let reply = desk.call_as(&ended, Method::POST, "/dashboard/api/signout", &json!({})).await;
    assert_eq!(reply.seen(), (200, status("OK")));
    // A session of the app's own.
    let (cx, new) = (Cx::new(&desk.app.sdk), NewSession::of(desk.sign_up("ann@example.com").await));
    let session = desk.app.sdk.session().unwrap().create_without_request(&cx, new).await;
    let of_user = session.unwrap().access_token();
    let apis = guarded_apis(&desk.app.sdk);
    assert!(apis.len() > 30);
    for (method, path) in apis {
        for header in [
            None,
            Some("Bearer".to_owned()),
            Some("Bearer  ".to_owned()),
            Some("Bearer made-up".to_owned()),
            Some(format!("Bearer {ended}")),
            Some(format!("Bearer {of_user}")),
            Some(desk.shown.clone()),
        ] {
            let mut request = Request::builder().method(&method).uri(&path);
            if let Some(header) = header {
                request = request.header("authorization", header);
            }
            let reply = desk.app.send(request, "no JSON").await;
            assert_eq!(reply.seen(), (401, json!({"message": "Unauthorised access"})), "{method} {path}");
        }
    }
    assert_eq!(desk.get("/users/count").await, json!({"status": "OK", "count": 1}));
}

#[rstest]
#[tokio::test]
async fn people_sign_in_and_out(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let sign_in = async |body: Value| desk.app.post("/auth/dashboard/api/signin", &body).await.seen();
    let wrong = json!({"email": CHIEF, "password": "wrong"});
    assert_eq!(sign_in(wrong).await, (200, status("INVALID_CREDENTIALS_ERROR")));
    for (body, text) in [
        (json!({}), "Missing required parameter 'email'"),
        (json!({"email": CHIEF}), "Missing required parameter 'password'"),
        (
            json!({"email": CHIEF, "password": 1}),
            "Required parameter 'password' is missing or has an invalid type",
        ),
    ] {
        assert_eq!(sign_in(body).await, (400, json!({"message": text})));
    }
    let validate = "/dashboard/api/key/validate";
    let reply = desk.call_as(&desk.shown, Method::POST, validate, &json!({})).await;
    assert_eq!(reply.status, 401, "there is no key");
    let nothing = json!({"email": CHIEF, "dashboardVersion": "0.15"});
    assert_eq!(desk.ask(Method::POST, "/analytics", &nothing).await, status("OK"));
    assert_eq!(desk.ask(Method::POST, "/signout", &json!({})).await, status("OK"));
    let reply = desk.call_as(&desk.shown, Method::GET, "/dashboard/api/users/count", &Value::Null).await;
    assert_eq!(reply.status, 401);
}

#[rstest]
#[tokio::test]
async fn a_key_opens_it_where_there_is_one(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = Dashboard::with_api_key("a-long-key").admins([""; 0]);
    let desk = Desk::with(shape, recipe, everything).await;
    for (shown, told) in [("a-long-key", 200), ("a-long-kex", 401), ("a-long-key1", 401), ("a", 401)] {
        let validate = "/dashboard/api/key/validate";
        let reply = desk.call_as(shown, Method::POST, validate, &json!({})).await;
        assert_eq!(reply.status, told, "{shown}");
        let reply = desk.call_as(shown, Method::GET, "/dashboard/api/users/count", &Value::Null).await;
        assert_eq!(reply.status, told, "{shown}");
    }
    // Sessions are none here, and whoever has the key may do anything.
    let reply = desk.call_as(&desk.shown, Method::GET, "/dashboard/api/users/count", &Value::Null).await;
    assert_eq!(reply.status, 401);
    let role = json!({"role": "admin", "permissions": []});
    let reply = desk.call_as("a-long-key", Method::PUT, "/dashboard/api/userroles/role", &role).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK", "createdNewRole": true})));
    let reply = desk.call_as("a-long-key", Method::POST, "/dashboard/api/signout", &json!({})).await;
    assert_eq!(reply.seen(), (200, status("OK")));
    let debug = format!("{:?}", desk.app.sdk.dashboard().unwrap());
    assert!(!debug.contains("a-long-key"), "{debug}");
}

#[rstest]
#[tokio::test]
async fn who_is_no_admin_only_looks(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::with(shape, Dashboard::new().admins([" Chief@Example.com "]), everything).await;
    let clerk = desk.sign_in("clerk@example.com").await;
    let refused = json!({"message": "You are not permitted to perform this operation"});
    let looking: BTreeSet<_> = [
        "users",
        "users/count",
        "search/tags",
        "user",
        "user/email/verify",
        "user/metadata",
        "user/sessions",
        "userroles/roles",
        "userroles/role/permissions",
        "userroles/user/roles",
        "tenants",
        "tenant",
        "thirdparty/config",
    ]
    .map(|api| format!("GET /auth/dashboard/api/{api}"))
    .into();
    let own = ["POST /auth/dashboard/api/analytics", "POST /auth/dashboard/api/signout"];
    let mut looked = BTreeSet::new();
    for (method, path) in guarded_apis(&desk.app.sdk) {
        let api = format!("{method} {path}");
        if own.contains(&api.as_str()) {
            continue;
        }
        let inside = path.strip_prefix("/auth").unwrap();
        // In the Node SDK this end of an address lets everybody pass.
        for path in
            [inside.to_owned(), format!("{inside}?x=/api/signout"), format!("{inside}?x=/api/analytics")]
        {
            let reply = desk.call_as(&clerk, method.clone(), &path, &Value::Null).await;
            if reply.status == 403 {
                assert_eq!(reply.body, refused, "{api}");
            } else {
                looked.insert(api.clone());
            }
        }
    }
    assert_eq!(looked, looking);
    for (_, path) in own.map(|api| api.split_once(" /auth").unwrap()) {
        assert_eq!(desk.call_as(&clerk, Method::POST, path, &json!({})).await.status, 200, "{path}");
    }
    let role = json!({"role": "admin", "permissions": []});
    assert_eq!(desk.ask(Method::PUT, "/userroles/role", &role).await["createdNewRole"], true);
}

#[rstest]
#[tokio::test]
async fn what_the_app_does_not_have_is_said_to_be_missing(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let desk = Desk::with(shape, Dashboard::new(), |builder| builder.recipe(SessionRecipe::new())).await;
    let missing = status("FEATURE_NOT_ENABLED_ERROR");
    for (method, api) in [
        (Method::GET, "/userroles/roles"),
        (Method::PUT, "/userroles/role"),
        (Method::DELETE, "/userroles/role"),
        (Method::GET, "/userroles/role/permissions"),
        (Method::PUT, "/userroles/role/permissions/remove"),
        (Method::GET, "/userroles/user/roles"),
        (Method::PUT, "/userroles/user/roles"),
        (Method::DELETE, "/userroles/user/roles"),
        (Method::POST, "/user/emailpassword"),
        (Method::POST, "/user/passwordless"),
        (Method::GET, "/user/email/verify?recipeUserId=x"),
    ] {
        assert_eq!(desk.ask(method, api, &Value::Null).await, missing, "{api}");
    }
    let body = json!({"recipeUserId": "x", "verified": true});
    for (method, api) in [(Method::PUT, "/user/email/verify"), (Method::POST, "/user/email/verify/token")] {
        assert_eq!(desk.fault(method, api, &body).await, "Email verification recipe not initialised");
    }
    let factor = json!({"factorId": "totp", "enable": true});
    let told = desk.ask(Method::PUT, "/tenant/required-secondary-factor", &factor).await;
    assert_eq!(told, status("MFA_NOT_INITIALIZED_ERROR"));
}
