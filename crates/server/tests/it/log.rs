//! What the log of a core holds, and what it must never hold.

use crate::caller::Caller;
use crate::place::Place;
use portcullis_db::args;
use serde_json::json;

#[test]
fn a_debug_log_has_a_line_for_each_request_and_no_secret() {
    let place = Place::new("log", &[("LOG_LEVEL", "DEBUG"), ("BCRYPT_LOG_ROUNDS", "4")]);
    let core = place.start();
    let caller = Caller::new(&core.address);
    let credentials = json!({"email": "ann@example.com", "password": "open sesame 1"});
    caller.post("5.4", "/recipe/signup", &credentials).expect("answers");
    let session = json!({"userId": "ann", "userDataInJWT": {}, "userDataInDatabase": {"card": "4711-0815"},
        "enableAntiCsrf": false, "useDynamicSigningKey": true});
    let made = caller.post("5.4", "/recipe/session", &session).expect("answers");
    let refresh_token = made["refreshToken"]["token"].as_str().expect("a token").to_owned();
    let (_, log) = core.stop();
    assert!(log.contains("/recipe/signup") && log.contains("/recipe/session"), "{log}");
    let secrets =
        ["open sesame", "$2a$", "4711-0815", "ann@example.com", "MII", "refresh_token_key", &refresh_token];
    for secret in secrets {
        assert!(!log.contains(secret), "{secret} is in the log: {log}");
    }
}

#[tokio::test]
async fn lines_about_a_call_name_its_tenant() {
    let place = Place::new("log_tenant", &[("LOG_LEVEL", "DEBUG")]);
    let core = place.start();
    let caller = Caller::new(&core.address);
    caller.put("5.4", "/recipe/multitenancy/app/v2", &json!({"appId": "a1"})).expect("answers");
    caller
        .put("5.4", "/appid-a1/recipe/multitenancy/tenant/v2", &json!({"tenantId": "t1"}))
        .expect("answers");
    assert_eq!(caller.get("/appid-a1/t1/users/count").expect("answers").status, 200);
    core.stop();

    let db = place.open_database().await;
    let mut tx = db.write().await.expect("the database answers");
    let sql = "insert into tenant_configs (connection_uri_domain, app_id, tenant_id, core_config)
        values ('down.example.com', 'public', 'public', $1)";
    let nowhere = r#"{"postgresql_connection_uri": "postgresql://u:p@127.0.0.1:1/d"}"#;
    tx.execute(sql, args![nowhere]).await.expect("a domain");
    tx.commit().await.expect("a domain");
    db.close().await;
    let core = place.start();
    let reply = Caller::new(&core.address).get_at("down.example.com", "/users/count").expect("answers");
    assert_eq!(reply.status, 503, "{}", reply.text);
    let (_, log) = core.stop();

    for (text, tenant) in [
        ("http.path=\"/recipe/multitenancy/app/v2\"", "(, public, public)"),
        ("http.path=\"/appid-a1/recipe/multitenancy/tenant/v2\"", "(, a1, public)"),
        ("http.path=\"/appid-a1/t1/users/count\"", "(, a1, t1)"),
        ("call failed", "(down.example.com, public, public)"),
    ] {
        let tenant = format!("tenant=Tenant{tenant}");
        assert!(
            log.lines().any(|line| line.contains(text) && line.contains(&tenant)),
            "{text} {tenant}: {log}"
        );
    }
}
