//! What the dashboard does about users.

use super::{Desk, PASSWORD, status};
use crate::app::object;
use http::Method;
use portcullis::Cx;
use portcullis::recipes::session::NewSession;
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[tokio::test]
async fn users_are_listed_searched_and_named(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    for name in ["ann", "bob", "eve"] {
        desk.sign_up(&format!("{name}@example.com")).await;
        desk.app.advance(1000);
    }
    let emails = |answer: &Value| -> Vec<String> {
        let users = answer["users"].as_array().unwrap().iter();
        users.map(|user| user["emails"][0].as_str().unwrap().replace("@example.com", "")).collect()
    };
    let page = desk.get("/users?limit=2").await;
    assert_eq!(emails(&page), ["eve", "bob"]);
    let next = page["nextPaginationToken"].as_str().unwrap();
    let next = next.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let page = desk.get(&format!("/users?limit=2&paginationToken={next}")).await;
    assert_eq!((emails(&page), page.get("nextPaginationToken")), (vec!["ann".to_owned()], None));
    assert_eq!(emails(&desk.get("/users?limit=10&timeJoinedOrder=ASC").await), ["ann", "bob", "eve"]);
    assert_eq!(emails(&desk.get("/users?limit=10&email=bo").await), ["bob"]);
    assert!(emails(&desk.get("/users?limit=10&phone=%2B49").await).is_empty());
    assert!(emails(&desk.get("/users?limit=10&provider=google").await).is_empty());
    assert_eq!(desk.get("/users/count").await["count"], 3);
    let tags = desk.get("/search/tags").await;
    assert_eq!(tags, json!({"status": "OK", "tags": ["email", "phone", "provider"]}));
    for (query, text) in [
        ("", "Missing required parameter 'limit'"),
        ("?limit=x", "Invalid value recieved for 'limit'"),
        ("?limit=1&timeJoinedOrder=UP", "Invalid value recieved for 'timeJoinedOrder'"),
    ] {
        assert_eq!(desk.fault(Method::GET, &format!("/users{query}"), &Value::Null).await, text);
    }
    // The core's words.
    for (query, text) in [
        ("limit=0", "limit must a positive integer"),
        ("limit=1&paginationToken=x", "invalid pagination token"),
    ] {
        let told = desk.fault(Method::GET, &format!("/users?{query}"), &Value::Null).await;
        assert!(told.contains(text), "{told}");
    }

    let cx = Cx::new(&desk.app.sdk);
    let ann = desk.app.sdk.users_by_email(&cx, "public", "ann@example.com").await.unwrap()[0].id.clone();
    let names = object(&json!({"first_name": "Ann", "last_name": "Miller"}));
    desk.app.sdk.user_metadata().update(&cx, &ann, names).await.unwrap();
    let listed = desk.get("/users?limit=10&timeJoinedOrder=ASC").await;
    assert_eq!(
        (&listed["users"][0]["firstName"], &listed["users"][0]["lastName"]),
        (&json!("Ann"), &json!("Miller"))
    );
    assert_eq!(listed["users"][1].get("firstName"), None);
    let user = desk.get(&format!("/user?userId={ann}")).await;
    assert_eq!((&user["status"], &user["user"]["firstName"]), (&json!("OK"), &json!("Ann")));
    assert_eq!(user["user"]["loginMethods"][0]["recipeUserId"], json!(ann));
    let bob = listed["users"][1]["id"].as_str().unwrap();
    let user = desk.get(&format!("/user?userId={bob}")).await;
    assert_eq!((&user["user"]["firstName"], &user["user"]["lastName"]), (&json!(""), &json!("")));
    assert_eq!(desk.get("/user?userId=nobody").await, status("NO_USER_FOUND_ERROR"));
    assert_eq!(
        desk.fault(Method::GET, "/user?userId=", &Value::Null).await,
        "Missing required parameter 'userId'"
    );
}

#[rstest]
#[tokio::test]
async fn a_user_s_name_and_address_are_changed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let (ann, _) = (desk.sign_up("ann@example.com").await, desk.sign_up("bob@example.com").await);
    let body = |email: &str, first: &str| {
        json!({"recipeUserId": ann, "recipeId": "emailpassword", "firstName": first, "lastName": " ",
            "email": email, "phone": ""})
    };
    let put = async |body: Value| desk.ask(Method::PUT, "/user", &body).await;
    assert_eq!(put(body(" new@example.com ", " Ann ")).await, status("OK"));
    let user = desk.get(&format!("/user?userId={ann}")).await["user"].clone();
    let seen = (&user["emails"], &user["firstName"], &user["lastName"]);
    assert_eq!(seen, (&json!(["new@example.com"]), &json!("Ann"), &json!("")));
    assert_eq!(put(body("bob@example.com", "")).await, status("EMAIL_ALREADY_EXISTS_ERROR"));
    let invalid = json!({"status": "INVALID_EMAIL_ERROR", "error": "Email is invalid"});
    assert_eq!(put(body("none", "")).await, invalid);

    for name in ["recipeUserId", "recipeId", "firstName", "lastName", "email", "phone"] {
        for wrong in [json!(null), json!(1)] {
            let mut body = body("", "");
            body[name] = wrong;
            let text = format!("Required parameter '{name}' is missing or has an invalid type");
            assert_eq!(desk.fault(Method::PUT, "/user", &body).await, text);
        }
    }
    for (name, value, text) in [
        ("recipeId", "session", "Invalid recipe id"),
        ("recipeUserId", "nobody", "Unknown 'recipeUserId'"),
        ("recipeId", "thirdparty", "Unknown 'recipeUserId'"),
        ("phone", "+4917612345678", "a login method of the recipe 'emailpassword' has no phone number"),
    ] {
        let mut body = body("", "");
        body[name] = value.into();
        assert_eq!(desk.fault(Method::PUT, "/user", &body).await, text);
    }
}

#[rstest]
#[tokio::test]
async fn users_are_made_get_passwords_and_go(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let ann = desk.sign_up(" ann@example.com ").await;
    let make = async |email: &str, password: &str| {
        let body = json!({"email": email, "password": password});
        desk.ask(Method::POST, "/user/emailpassword", &body).await
    };
    assert_eq!(make("ann@example.com", PASSWORD).await, status("EMAIL_ALREADY_EXISTS_ERROR"));
    let invalid = json!({"status": "EMAIL_VALIDATION_ERROR", "message": "Email is invalid"});
    assert_eq!(make("none", PASSWORD).await, invalid);
    let weak = "Password must contain at least 8 characters, including a number";
    let invalid = json!({"status": "PASSWORD_VALIDATION_ERROR", "message": weak});
    assert_eq!(make("bob@example.com", "short").await, invalid);

    let put = async |id: &str, password: &str| {
        let body = json!({"recipeUserId": id, "newPassword": password});
        desk.call_as(&desk.shown, Method::PUT, "/dashboard/api/user/password", &body).await.seen()
    };
    let invalid = json!({"status": "INVALID_PASSWORD_ERROR", "error": weak});
    assert_eq!(put(&ann, "short").await, (200, invalid));
    assert_eq!(put("nobody", PASSWORD).await, (400, json!({"message": "Unknown 'recipeUserId'"})));
    assert_eq!(put(&ann, "another2horse").await, (200, status("OK")));
    let form = [("email", "ann@example.com"), ("password", "another2horse")];
    assert_eq!(desk.app.form("/auth/signin", &form).await.body["status"], "OK");

    let delete =
        async |query: String| desk.ask(Method::DELETE, &format!("/user?{query}"), &Value::Null).await;
    assert_eq!(delete(format!("userId={ann}&removeAllLinkedAccounts=true")).await, status("OK"));
    assert_eq!(desk.get("/users/count").await["count"], 0);
    assert_eq!(
        desk.fault(Method::DELETE, "/user", &Value::Null).await,
        "Missing required parameter 'userId'"
    );
}

#[rstest]
#[tokio::test]
async fn an_address_is_declared_proven_and_not_proven(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let ann = desk.sign_up("ann@example.com").await;
    let is_verified = async || desk.get(&format!("/user/email/verify?recipeUserId={ann}")).await;
    let put = async |verified: bool| {
        let body = json!({"recipeUserId": ann, "verified": verified});
        assert_eq!(desk.ask(Method::PUT, "/user/email/verify", &body).await, status("OK"));
    };
    let send = async || {
        let body = json!({"recipeUserId": ann});
        desk.ask(Method::POST, "/user/email/verify/token", &body).await
    };
    assert_eq!(is_verified().await, json!({"status": "OK", "isVerified": false}));
    assert_eq!(send().await, status("OK"));
    assert_eq!(desk.mails.one().await.0.to, "ann@example.com");
    for _ in 0..2 {
        put(true).await;
        assert_eq!(is_verified().await, json!({"status": "OK", "isVerified": true}));
    }
    assert_eq!(send().await, status("EMAIL_ALREADY_VERIFIED_ERROR"));
    put(false).await;
    assert_eq!(is_verified().await["isVerified"], false);
    for (method, body, text) in [
        (Method::GET, Value::Null, "Failed to get email for recipe user id"),
        (
            Method::PUT,
            json!({"recipeUserId": "x", "verified": true}),
            "Failed to get email for recipe user id",
        ),
        (
            Method::PUT,
            json!({"recipeUserId": ann, "verified": "true"}),
            "Required parameter 'verified' is missing or has an invalid type",
        ),
    ] {
        assert_eq!(desk.fault(method, "/user/email/verify?recipeUserId=x", &body).await, text);
    }
    let body = json!({"recipeUserId": "x"});
    assert_eq!(desk.fault(Method::POST, "/user/email/verify/token", &body).await, "Unknown 'recipeUserId'");
}

#[rstest]
#[tokio::test]
async fn metadata_are_replaced_as_a_whole(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let put = async |data: &str| {
        let body = json!({"userId": "ann", "data": data});
        desk.call_as(&desk.shown, Method::PUT, "/dashboard/api/user/metadata", &body).await.seen()
    };
    let get = async || desk.get("/user/metadata?userId=ann").await;
    assert_eq!(get().await, json!({"status": "OK", "data": {}}));
    assert_eq!(put(r#"{"a": {"b": 1}, "c": null, "d": "e"}"#).await, (200, status("OK")));
    assert_eq!(get().await["data"], json!({"a": {"b": 1}, "d": "e"}));
    assert_eq!(put(r#"{"a": {"f": 2}}"#).await, (200, status("OK")));
    assert_eq!(get().await["data"], json!({"a": {"f": 2}}));
    for bad in ["[]", "null", "1", "{", ""] {
        assert_eq!(put(bad).await, (400, json!({"message": "'data' must be a valid JSON body"})), "{bad}");
    }
    assert_eq!(get().await["data"], json!({"a": {"f": 2}}));
    let text = desk.fault(Method::PUT, "/user/metadata", &json!({"userId": "ann", "data": {}})).await;
    assert_eq!(text, "Required parameter 'data' is missing or has an invalid type");
}

#[rstest]
#[tokio::test]
async fn sessions_are_shown_and_ended(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let ann = desk.sign_up("ann@example.com").await;
    let (cx, sessions) = (Cx::new(&desk.app.sdk), desk.app.sdk.session().unwrap());
    let new = NewSession::of(&ann).session_data(object(&json!({"device": "phone"})));
    let made = sessions.create_without_request(&cx, new).await.unwrap();
    let listed = desk.get(&format!("/user/sessions?userId={ann}")).await;
    let session = &listed["sessions"][0];
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(session["sessionHandle"], made.handle());
    assert_eq!((&session["userId"], &session["tenantId"]), (&json!(ann), &json!("public")));
    assert_eq!(session["sessionDataInDatabase"], json!({"device": "phone"}));
    assert_eq!(session["accessTokenPayload"]["iss"], "http://localhost:3001/auth");
    assert!(session["expiry"].as_i64() > session["timeCreated"].as_i64());
    for bad in [json!({}), json!({"sessionHandles": "x"}), json!({"sessionHandles": [1]})] {
        let text = "Required parameter 'sessionHandles' is missing or has an invalid type";
        assert_eq!(desk.fault(Method::POST, "/user/sessions", &bad).await, text);
    }
    let handles = json!({"sessionHandles": [made.handle(), "unknown"]});
    assert_eq!(desk.ask(Method::POST, "/user/sessions", &handles).await, status("OK"));
    let listed = desk.get(&format!("/user/sessions?userId={ann}")).await;
    assert_eq!(listed, json!({"status": "OK", "sessions": []}));
}

#[rstest]
#[tokio::test]
async fn a_login_method_is_unlinked(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let desk = Desk::new(shape).await;
    let (ann, also) = (desk.sign_up("ann@example.com").await, desk.sign_up("also@example.com").await);
    let core = async |path: &str, body: Value| desk.app.core(Method::POST, path, &body).await;
    core("/recipe/accountlinking/user/primary", json!({"recipeUserId": ann})).await;
    core("/recipe/accountlinking/user/link", json!({"recipeUserId": also, "primaryUserId": ann})).await;
    assert_eq!(desk.get(&format!("/user?userId={also}")).await["user"]["id"], json!(ann));
    assert_eq!(desk.get(&format!("/user/unlink?recipeUserId={also}")).await, status("OK"));
    assert_eq!(desk.get(&format!("/user?userId={also}")).await["user"]["id"], json!(also));
    let text = desk.fault(Method::GET, "/user/unlink", &Value::Null).await;
    assert_eq!(text, "Required field recipeUserId is missing");
}
