//! Tenants whose ids callers have chosen.

use crate::app::TestApp;
use http::Method;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::session::{NewSession, SessionRecipe};
use portcullis::recipes::userroles::UserRoles;
use portcullis::{Cx, Error, UserQuery};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

const ANN: [(&str, &str); 2] = [("email", "ann@example.com"), ("password", "correct1horse")];

async fn app(shape: Shape) -> TestApp {
    TestApp::new(shape, |builder| {
        builder.recipe(EmailPassword::new()).recipe(UserRoles::new()).recipe(SessionRecipe::new())
    })
    .await
}

#[rstest]
#[tokio::test]
async fn an_id_that_is_none_reaches_nothing(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape).await;
    let cx = Cx::new(&app.sdk);
    assert_eq!(app.form("/auth/signup", &ANN).await.body["status"], "OK");
    for tenant in [
        // With these in the path as they are, the core would count the public tenant's users.
        "public/users/count?",
        "public/users/count#",
        "users/count?x=",
        "t1/../public",
        ".",
        "..",
        "",
        "public/",
        "/public",
        "%70ublic",
        "a/b?c",
        "appid-public",
        "APPID-public/public",
    ] {
        let refused = |told: &Error| matches!(told, Error::Core(_) | Error::BadInput(_));
        let counted = app.sdk.user_count(&cx, &[], Some(tenant)).await;
        assert!(counted.as_ref().is_err_and(refused), "{tenant}: {counted:?}");
        let listed = app.sdk.users_newest_first(&cx, &UserQuery::in_tenant(tenant)).await;
        assert!(listed.as_ref().is_err_and(refused), "{tenant}: {listed:?}");
        let found = app.sdk.multitenancy().get_tenant(&cx, tenant).await;
        assert!(found.as_ref().is_err_and(refused), "{tenant}: {found:?}");
        let new = NewSession::of("ann").tenant(tenant);
        let made = app.sdk.session().unwrap().create_without_request(&cx, new).await;
        assert!(made.as_ref().is_err_and(refused), "{tenant}: {made:?}");
        let roles = app.sdk.user_roles().unwrap().of_user(&cx, tenant, "ann").await;
        assert!(roles.as_ref().is_err_and(refused), "{tenant}: {roles:?}");
    }
    assert_eq!(app.sdk.user_count(&cx, &[], Some("public")).await.unwrap(), 1);
}

/// The core takes `/appid-other/recipe/signup` for a call to another app.
#[rstest]
#[tokio::test]
async fn frontends_do_not_get_into_other_apps_of_the_core(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape).await;
    let other = json!({"appId": "other"});
    app.core(Method::PUT, "/recipe/multitenancy/app/v2", &other).await;
    let at_home = json!({"email": "bob@example.com", "password": "correct1horse"});
    app.core(Method::POST, "/appid-other/recipe/signup", &at_home).await;
    let bob = [("email", "bob@example.com"), ("password", "correct1horse")];
    for (path, tenant, fields) in [
        ("/auth/appid-other/signin", "appid-other", &bob[..]),
        ("/auth/appid-other/signup", "appid-other", &ANN),
        ("/auth/AppId-Other/user/password/reset/token", "AppId-Other", &bob[..1]),
    ] {
        let refused = app.form(path, fields).await;
        let told = json!({"message": format!("'{tenant}' cannot be the id of a tenant")});
        assert_eq!(refused.seen(), (400, told), "{path}");
        assert!(!refused.headers.contains_key("st-access-token"), "{path}");
    }
    let users = app.core(Method::GET, "/appid-other/users/count", &json!({})).await;
    assert_eq!(users["count"], 1);
}
