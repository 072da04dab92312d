//! Sessions: which key signs, and which tenants, cores and ids they belong to.

use super::session::{DAY, create, handle, kid, part, refresh, refresh_with, text, verify};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_testkit::{Reply, TestCore};
use serde_json::json;

#[tokio::test]
async fn the_kind_of_key_follows_the_last_wish() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({"useDynamicSigningKey": false})).await;
    assert!(kid(&made).starts_with("s-"));
    let switched = refresh(&core, &made).await;
    assert!(kid(&switched).starts_with("d-"));
    assert!(kid(&verify(&core, &switched, false).await).starts_with("d-"));
    let kept = refresh(&core.cdi("2.21"), &switched).await;
    assert!(kid(&kept).starts_with("d-"));
    let back =
        refresh_with(&core, text(&kept, "refreshToken"), json!({"useDynamicSigningKey": false})).await.json();
    assert!(kid(&back).starts_with("s-"));
}

async fn kids(core: &TestCore) -> Vec<String> {
    let keys = core.get("/.well-known/jwks.json").await.json()["keys"].clone();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_new_key_is_shown_before_it_signs() {
    let core = TestCore::start().await.cdi("5.4");
    let first = create(&core, json!({})).await;
    let reply = core.get("/.well-known/jwks.json").await;
    assert_eq!(reply.headers["cache-control"], "max-age=604740, must-revalidate");
    assert_eq!(reply.json().as_object().unwrap().len(), 1);
    assert_eq!(reply.json()["keys"][0]["e"], "AQAB");
    assert_eq!(kids(&core).await.len(), 2);
    core.advance(7 * DAY - 59_000);
    let during = create(&core, json!({})).await;
    assert_eq!(kid(&during), kid(&first), "nobody knows the new key yet");
    let shown = kids(&core).await;
    assert_eq!((shown.len(), &shown[1]), (3, &kid(&first)));
    core.advance(60_000);
    let after = create(&core, json!({})).await;
    assert_eq!(kid(&after), shown[0]);
    assert_eq!(verify(&core, &during, false).await["status"], "OK");
    core.advance(8 * DAY);
    create(&core, json!({})).await;
    assert!(!kids(&core).await.contains(&kid(&first)));
}

#[tokio::test]
async fn two_cores_on_one_database_know_each_others_keys() {
    let one = TestCore::start().await;
    let two = one.another().await.cdi("5.4");
    let one = one.cdi("5.4");
    let (left, right) = tokio::join!(create(&one, json!({})), create(&two, json!({})));
    assert_eq!(kid(&left), kid(&right), "made once, under a lock");
    assert_eq!(refresh(&two, &left).await["status"], "OK");
    one.advance(8 * DAY);
    let rotated = create(&one, json!({})).await;
    assert_ne!(kid(&rotated), kid(&left));
    assert_eq!(verify(&two, &rotated, true).await["status"], "OK");
    assert_eq!(kids(&one).await, kids(&two).await);
}

#[tokio::test]
async fn who_needs_no_database_is_served_while_it_is_gone() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({})).await;
    core.app.db.close().await;
    core.advance(120_000);
    assert_eq!(kids(&core).await.len(), 2);
    assert_eq!(verify(&core, &made, false).await["status"], "OK");
    let of_database = core.get(&format!("/recipe/session?sessionHandle={}", handle(&made))).await;
    assert_eq!(of_database.status, 503);
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let core = TestCore::start().await.cdi("5.4");
    let made = create(&core, json!({})).await;
    let good: Vec<&str> = text(&made, "accessToken").split('.').collect();
    let mut claims = part(text(&made, "accessToken"), 1);
    claims["sub"] = "eve".into();
    let altered = URL_SAFE_NO_PAD.encode(claims.to_string());
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT","kid":"d-1","version":"5"}"#);
    for bad in [
        format!("{}.{altered}.{}", good[0], good[2]),
        format!("{header}.{altered}."),
        format!("{}.{}.%", good[0], good[1]),
        "random".to_owned(),
        String::new(),
    ] {
        let refused = verify(&core, &json!({"accessToken": {"token": bad}}), false).await;
        assert_eq!(refused["status"], "TRY_REFRESH_TOKEN");
    }
}

async fn run(core: &TestCore, sql: &'static str) {
    let mut tx = core.app.db.write().await.unwrap();
    assert!(tx.execute(sql, &[]).await.unwrap() > 0);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn callers_see_external_ids_of_the_login_method_and_of_its_primary_user() {
    let core = TestCore::start().await.cdi("5.4");
    let main = core.sign_up("main@example.com", "password1").await["id"].as_str().unwrap().to_owned();
    core.advance(1000);
    let method = core.sign_up("method@example.com", "password1").await["id"].as_str().unwrap().to_owned();
    run(
        &core,
        "update app_id_to_user_id set is_linked_or_is_a_primary_user = true, primary_or_recipe_user_id =
            (select user_id from emailpassword_users where email = 'main@example.com')",
    )
    .await;
    let linked = create(&core, json!({"userId": method})).await;
    assert_eq!(linked["session"]["userId"], json!(main));
    assert_eq!(linked["session"]["recipeUserId"], json!(method));
    let found = core.get(&format!("/recipe/session?sessionHandle={}", handle(&linked))).await.json();
    assert_eq!((&found["userId"], &found["recipeUserId"]), (&json!(main), &json!(method)));
    run(
        &core,
        "insert into userid_mapping (app_id, supertokens_user_id, external_user_id)
            select app_id, user_id, email from emailpassword_users",
    )
    .await;
    for id in [method.as_str(), "method@example.com"] {
        let made = create(&core, json!({"userId": id})).await;
        assert_eq!(made["session"]["userId"], "main@example.com", "{id}");
        assert_eq!(made["session"]["recipeUserId"], "method@example.com");
        assert_eq!(refresh(&core, &made).await["session"], made["session"]);
    }
    // A longer id that begins like a known one is nobody's.
    let odd = format!("{method}x");
    assert_eq!(create(&core, json!({"userId": odd})).await["session"]["userId"], json!(odd));
    let of = |query: &str| format!("/recipe/session/user?userId=main@example.com{query}");
    let count = |reply: Reply| reply.json()["sessionHandles"].as_array().unwrap().len();
    assert_eq!(count(core.get(&of("")).await), 3);
    assert_eq!(count(core.get(&of("&fetchSessionsForAllLinkedAccounts=false")).await), 0);
    let gone = core.post("/recipe/session/remove", json!({"userId": main})).await.json();
    assert_eq!(gone["sessionHandlesRevoked"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_session_belongs_to_its_tenant_and_is_reached_from_any() {
    let core = TestCore::start().await.cdi("5.4");
    run(&core, "insert into tenants (app_id, tenant_id, created_at_time) values ('public', 't1', 1)").await;
    run(
        &core,
        "insert into tenant_configs (connection_uri_domain, app_id, tenant_id) values ('', 'public', 't1')",
    )
    .await;
    let body =
        json!({"userId": "ann", "enableAntiCsrf": false, "userDataInJWT": {}, "userDataInDatabase": {}});
    let made = core.post("/t1/recipe/session", body.clone()).await.json();
    assert!(handle(&made).ends_with("_t1"));
    assert_eq!(part(text(&made, "accessToken"), 1)["tId"], "t1");
    assert_eq!(verify(&core, &made, true).await["session"]["tenantId"], "t1");
    assert_eq!(refresh(&core, &made).await["session"]["tenantId"], "t1");
    assert_eq!(
        core.get(&format!("/recipe/session?sessionHandle={}", handle(&made))).await.json()["tenantId"],
        "t1"
    );
    let denied = "Only public tenantId can call this app specific API\n";
    let check = json!({"accessToken": text(&made, "accessToken"), "doAntiCsrfCheck": false,
        "enableAntiCsrf": false, "checkDatabase": true});
    let path = "/t1/recipe/session/verify";
    assert_eq!(core.cdi("5.5").post(path, check.clone()).await.status_word(), "OK");
    let reply = core.cdi("5.6").post(path, check).await;
    assert_eq!((reply.status, reply.text().as_str()), (403, denied));
    assert_eq!(core.get("/t1/recipe/session/user?userId=ann").await.status, 403);
    let all = core.cdi("4.0").get("/t1/recipe/session/user?userId=ann").await.json();
    assert_eq!(all["sessionHandles"], json!([handle(&made)]));
    let path = "/recipe/session/remove";
    assert_eq!(core.post(&format!("/t1{path}"), json!({"userId": "ann"})).await.text(), denied);
    let here = json!({"userId": "ann", "revokeAcrossAllTenants": false});
    assert_eq!(core.post(path, here.clone()).await.json()["sessionHandlesRevoked"], json!([]));
    let gone = core.post(&format!("/t1{path}"), here).await.json();
    assert_eq!(gone["sessionHandlesRevoked"], json!([handle(&made)]));
    assert_eq!(core.post("/nowhere/recipe/session", body).await.status, 400);
}
