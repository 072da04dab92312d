//! What every call goes through: paths, keys, versions, bodies, and the core about itself.

use portcullis_testkit::TestCore;
use serde_json::json;
use std::time::Duration;

const KEY: &str = "abcdefghijklmnopqrstuvwxyz";

#[tokio::test]
async fn hello_answers_in_every_method_and_form() {
    let core = TestCore::start().await;
    for path in ["/hello", "/", "/appid-public/public/hello", "/HELLO/", "/unknown-tenant/hello"] {
        let reply = core.get(path).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "Hello\n"), "{path}");
        core.advance(200);
    }
    assert_eq!(core.post("/hello", json!({})).await.text(), "Hello\n");
    let reply = core.get("/unknown-tenant").await;
    assert_eq!((reply.status, reply.text().as_str()), (404, "Not found\n"));
    assert_eq!(core.get("/appid-none").await.status, 400);
    let reply = core.get("/appid-none/hello").await;
    let text = "AppId or tenantId not found => App with the following connectionURIDomain and appId combination not found: (, none)\n";
    assert_eq!((reply.status, reply.text().as_str()), (400, text));
}

#[tokio::test]
async fn greetings_ask_the_database_five_times_in_a_row_at_most() {
    let core = TestCore::start().await;
    for path in ["/hello", "/", "/hello", "/", "/hello"] {
        assert_eq!(core.get(path).await.text(), "Hello\n");
    }
    for path in ["/hello", "/", "/appid-public/hello"] {
        let reply = core.get(path).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "RateLimitedHello\n"), "{path}");
    }
    core.advance(200);
    assert_eq!(core.get("/hello").await.text(), "Hello\n");
    assert_eq!(core.get("/hello").await.text(), "RateLimitedHello\n");
    core.app.db.close().await;
    assert_eq!(core.get("/hello").await.status, 200, "the database is not asked");
    core.advance(200);
    let refused = core.get("/hello").await;
    assert_eq!((refused.status, refused.headers["retry-after"].to_str().unwrap()), (503, "1"));
}

async fn domains(core: &TestCore) -> Vec<(String, String, String)> {
    let sql = "select app_id, name, value from key_value where name in ('websiteDomain', 'apiDomain')
        order by app_id, name";
    core.app.db.read().await.unwrap().fetch_all(sql, &[]).await.unwrap()
}

#[tokio::test]
async fn what_an_sdk_tells_about_its_domains_is_kept() {
    let core = TestCore::start().await;
    let row = |name: &str, value: &str| ("public".to_owned(), name.to_owned(), value.to_owned());
    assert!(core.get("/apiversion").await.text().contains("\"5.4\""));
    assert_eq!(domains(&core).await, []);
    core.get("/apiversion?websiteDomain=https%3A%2F%2Fa.example").await.json();
    assert_eq!(domains(&core).await, [row("websiteDomain", "https://a.example")]);
    core.get("/apiversion?apiDomain=b&websiteDomain=c").await.json();
    core.get("/apiversion?apiDomain=b").await.json();
    assert_eq!(domains(&core).await, [row("apiDomain", "b"), row("websiteDomain", "c")]);
    core.cdi("5.4").put("/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await.json();
    core.get("/appid-a1/apiversion?apiDomain=d").await.json();
    assert_eq!(domains(&core).await[0], ("a1".to_owned(), "apiDomain".to_owned(), "d".to_owned()));
    assert_eq!(core.get("/t1/apiversion?apiDomain=e").await.status, 403);
    assert_eq!(domains(&core).await.len(), 3);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let core = TestCore::start().await;
    let reply = core.post("/recipe/unknown", json!({})).await;
    assert_eq!((reply.status, reply.text().as_str()), (404, "Not found\n"));
    let reply = core.get("/recipe/signup").await;
    assert_eq!((reply.status, reply.text().as_str()), (405, "Method not supported\n"));
    assert_eq!(reply.headers["content-type"], "text/html; charset=UTF-8");
}

#[tokio::test]
async fn a_key_is_needed_once_one_is_configured() {
    let core =
        TestCore::start_with(&json!({"api_keys": format!("{KEY}, another-key-of-enough-length")})).await;
    assert_eq!(core.get("/hello").await.status, 200);
    let refused = core.get("/users/count").await;
    assert_eq!((refused.status, refused.text().as_str()), (401, "Invalid API key\n"));
    for (name, value) in [
        ("api-key", KEY.to_owned()),
        ("api-key", "another-key-of-enough-length".to_owned()),
        ("authorization", format!("Bearer {KEY}")),
        ("authorization", KEY.to_owned()),
    ] {
        assert_eq!(core.header(name, &value).get("/users/count").await.status, 200, "{name}");
    }
    let wrong_first = core.header("api-key", "wrong").header("authorization", KEY);
    assert_eq!(wrong_first.get("/users/count").await.status, 401);
    // The key guards unknown tenants too, and an unknown app has no key.
    assert_eq!(core.get("/unknown/users/count").await.status, 401);
    assert_eq!(core.get("/appid-unknown/users/count").await.status, 400);
}

#[tokio::test]
async fn versions_are_checked_against_what_is_served() {
    let core = TestCore::start().await;
    for (version, status, text) in [
        ("5.4", 200, ""),
        ("5.7", 400, "cdi-version 5.7 not supported\n"),
        ("2.6", 400, "cdi-version 2.6 not supported\n"),
        ("5", 400, "cdi-version 5 not supported\n"),
        ("5.4.0", 400, "cdi-version 5.4.0 not supported\n"),
        ("five", 400, "cdi-version header is invalid\n"),
    ] {
        let reply = core.cdi(version).get("/users/count").await;
        assert_eq!(reply.status, status, "{version}");
        assert!(status == 200 || reply.text() == text, "{}", reply.text());
    }
    assert_eq!(core.cdi("2.21").get("/public/users/count").await.status, 200);
    assert_eq!(core.cdi("2.21").get("/t1/users/count").await.status, 404);
    let listed = core.get("/apiversion").await.json();
    assert!(listed["versions"].as_array().unwrap().contains(&json!("5.6")));
    let limits = json!({"supertokens_max_cdi_version": "5.2", "supertokens_min_cdi_version": "4.0"});
    let limited = TestCore::start_with(&limits).await;
    assert!(!limited.get("/apiversion").await.text().contains("5.3"));
    assert_eq!(
        limited.cdi("3.1").get("/users/count").await.text(),
        "cdi-version 3.1 is lower than the minimum allowed version 4.0\n"
    );
}

#[tokio::test]
async fn addresses_are_filtered_before_anything_else() {
    let core = TestCore::start_with(&json!({"ip_deny_regex": "127\\.0\\.0\\.1"})).await;
    assert_eq!(core.get("/hello").await.status, 403);
    let core = TestCore::start_with(&json!({"ip_allow_regex": "10\\..*"})).await;
    assert_eq!(core.get("/hello").await.status, 403);
    let core = TestCore::start_with(&json!({"ip_allow_regex": "127\\..*"})).await;
    assert_eq!(core.get("/hello").await.status, 200);
}

#[tokio::test]
async fn a_body_must_be_an_object_of_bounded_size() {
    let core = TestCore::start().await;
    for body in ["", "[]", "null", "{", "\"a\""] {
        let reply = core.send(http::Method::POST, "/recipe/signup", body.to_owned()).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, "Invalid Json Input\n"), "{body}");
    }
    let large = format!("{{\"email\":\"{}\"}}", "a".repeat(2 << 20));
    assert_eq!(core.send(http::Method::POST, "/recipe/signup", large).await.status, 413);
}

#[tokio::test]
async fn the_largest_body_is_a_setting() {
    let core = TestCore::start_with(&json!({"max_request_body_bytes": 20})).await;
    let of_size = |size: usize| format!("{{\"email\":\"{}\"}}", "a".repeat(size - 12));
    let fits = core.send(http::Method::POST, "/recipe/signup", of_size(20)).await;
    assert_eq!(fits.text(), "Field name 'password' is invalid in JSON input\n");
    let reply = core.send(http::Method::POST, "/recipe/signup", of_size(21)).await;
    assert_eq!((reply.status, reply.text().as_str()), (413, "Request body is larger than 20 bytes\n"));
}

#[tokio::test]
async fn a_body_that_does_not_arrive_in_time_is_waited_for_no_longer() {
    let core = TestCore::start_with(&json!({"request_timeout_seconds": 1})).await;
    let never = futures_util::stream::pending::<Result<http_body::Frame<bytes::Bytes>, std::io::Error>>();
    let request = http::Request::post("/recipe/signup").body(http_body_util::StreamBody::new(never)).unwrap();
    let began = std::time::Instant::now();
    let answered = portcullis_core::http::handle(core.app.clone(), request, None);
    let reply = tokio::time::timeout(Duration::from_secs(20), answered).await.unwrap();
    assert_eq!(reply.status(), 408);
    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn the_base_path_is_part_of_every_path() {
    let core = TestCore::start_with(&json!({"base_path": "/core/v1"})).await;
    assert_eq!(core.get("/core/v1/hello").await.status, 200);
    assert_eq!(core.get("/hello").await.status, 404);
}

#[tokio::test]
async fn every_feature_is_on_and_no_licence_is_needed() {
    let core = TestCore::start().await;
    let features = core.get("/ee/featureflag").await.json();
    assert!(features["features"].as_array().unwrap().contains(&json!("multi_tenancy")));
    assert_eq!(core.put("/ee/license", json!({"licenseKey": "any"})).await.status_word(), "OK");
    assert_eq!(core.put("/ee/license", json!({"key": 1})).await.status, 400);
    assert_eq!(core.put("/ee/license", json!({"licenseKey": 1})).await.status, 400);
    assert_eq!(core.get("/ee/license").await.status_word(), "NO_LICENSE_KEY_FOUND_ERROR");
    assert_eq!(core.delete("/ee/license").await.status_word(), "OK");
    assert_eq!(core.get("/telemetry").await.text(), "{\"exists\":false}\n");
    assert_eq!(core.get("/config?pid=1").await.status_word(), "NOT_ALLOWED");
    assert_eq!(core.get(&format!("/config?pid={}", std::process::id())).await.status_word(), "OK");
    assert_eq!(
        core.get("/config?pid=x").await.text(),
        "Field name 'pid' must be an int in the GET request\n"
    );
}

#[tokio::test]
async fn users_are_stored_as_a_migrated_core_stores_them() {
    let core = TestCore::start().await;
    let domain = |further: serde_json::Value| {
        let mut all = json!({"connectionUriDomain": "", "mode": "MIGRATED"});
        all.as_object_mut().unwrap().extend(further.as_object().unwrap().clone());
        json!({"status": "OK", "cuds": [all]})
    };
    assert_eq!(core.get("/migration/mode").await.json(), domain(json!({})));
    let progress = core.get("/migration/backfill/progress").await.json();
    assert_eq!(progress, domain(json!({"pendingUsers": 0})));
    let verified = core.get("/migration/backfill/progress?verify=true").await.json();
    assert_eq!(verified, domain(json!({"pendingUsers": 0, "verifySkipped": "migrated"})));
    core.put("/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await;
    let of_app = core.get("/appid-a1/migration/mode").await.json();
    assert_eq!(of_app, json!({"status": "OK", "mode": "MIGRATED"}));
    let of_app = core.get("/appid-a1/migration/backfill/progress").await.json();
    assert_eq!(of_app, json!({"status": "OK", "mode": "MIGRATED", "pendingUsers": 0}));
    assert_eq!(core.get("/nowhere/migration/mode").await.json(), domain(json!({})), "of the app");
    assert_eq!(core.get("/appid-none/migration/mode").await.status, 400);
}
