//! The emailverification recipe: every endpoint, every refusal, and many callers at once.

use super::linking::map_id;
use portcullis_core::crypto::digest::sha256_hex;
use portcullis_db::args;
use portcullis_testkit::{START, TestCore};
use serde_json::{Value, json};

const PATH: &str = "/recipe/user/email/verify";

fn ann() -> Value {
    json!({"userId": "ann", "email": " Ann@Example.com "})
}

async fn token(core: &TestCore) -> String {
    let reply = core.post("/recipe/user/email/verify/token", ann()).await;
    reply.json()["token"].as_str().unwrap().to_owned()
}

async fn verify(core: &TestCore, token: &str) -> Value {
    core.post(PATH, json!({"method": "token", "token": token})).await.json()
}

async fn is_verified(core: &TestCore, email: &str) -> bool {
    core.get(&format!("{PATH}?userId=ann&email={email}")).await.json()["isVerified"].as_bool().unwrap()
}

#[tokio::test]
async fn a_token_verifies_its_address_and_ends_the_others() {
    let core = TestCore::start().await;
    let (first, second) = (token(&core).await, token(&core).await);
    assert!(first.len() == 128 && first.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
    assert!(!is_verified(&core, "ann@example.com").await);
    assert_eq!(
        verify(&core, &first).await,
        json!({"status": "OK", "userId": "ann", "email": "ann@example.com"})
    );
    assert!(is_verified(&core, "ann@example.com").await && !is_verified(&core, "Ann@example.com").await);
    for used in [first.as_str(), second.as_str(), "unknown"] {
        assert_eq!(verify(&core, used).await, json!({"status": "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"}));
    }
    let again = core.post("/recipe/user/email/verify/token", ann()).await;
    assert_eq!(again.json(), json!({"status": "EMAIL_ALREADY_VERIFIED_ERROR"}));
    assert!(
        !core.get(&format!("{PATH}?userId=bob&email=ann@example.com")).await.json()["isVerified"]
            .as_bool()
            .unwrap()
    );
}

#[tokio::test]
async fn nothing_that_is_sent_is_kept_and_tokens_may_have_any_form() {
    let core = TestCore::start().await;
    let sent = token(&core).await;
    let mut tx = core.app.db.write().await.unwrap();
    let kept: Vec<(String, i64)> =
        tx.fetch_all("select token, token_expiry from emailverification_tokens", &[]).await.unwrap();
    assert_eq!(kept, [(sha256_hex(&sent), START + 86_400_000)]);
    let sql = "insert into emailverification_tokens (app_id, tenant_id, user_id, email, token, token_expiry)
        values ('public', 'public', 'bob', 'bob@example.com', $1, $2)";
    tx.execute(sql, args![&sha256_hex("an older core's"), START]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(verify(&core, "an older core's").await["userId"], "bob", "to the millisecond");
}

#[tokio::test]
async fn tokens_are_a_tenant_s_and_what_they_verify_is_the_app_s() {
    let core = TestCore::start().await;
    let tenant = json!({"tenantId": "t1", "coreConfig": {"email_verification_token_lifetime": 1000}});
    core.put("/recipe/multitenancy/tenant/v2", tenant).await.json();
    core.put("/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await.json();
    let at = |place: &'static str, path: &'static str, body: Value| {
        let core = core.clone();
        async move { core.post(&format!("{place}{PATH}{path}"), body).await.json() }
    };
    let of_token = |token: &Value| json!({"method": "token", "token": token});
    let here = at("", "/token", ann()).await["token"].clone();
    let there = at("/t1", "/token", ann()).await["token"].clone();
    let invalid = json!({"status": "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"});
    assert_eq!(at("/t1", "", of_token(&here)).await, invalid);
    assert_eq!(at("", "", of_token(&there)).await, invalid);
    assert_eq!(at("/t1", "", of_token(&there)).await["status"], "OK");
    assert!(is_verified(&core, "ann@example.com").await);
    assert_eq!(at("/t1", "/token", ann()).await["status"], "EMAIL_ALREADY_VERIFIED_ERROR");
    assert_eq!(at("", "", of_token(&here)).await["status"], "OK", "verified twice does no harm");
    // Another app knows nothing of it.
    assert_eq!(at("/appid-a1", "/token", ann()).await["status"], "OK");
    at("", "/remove", ann()).await;
    let late = at("/t1", "/token", ann()).await["token"].clone();
    core.advance(1001);
    assert_eq!(at("/t1", "", of_token(&late)).await, invalid, "each tenant's own lifetime");
    let (ended, kept) = (at("/t1", "/token", ann()).await["token"].clone(), token(&core).await);
    assert_eq!(at("/t1", "/token/remove", ann()).await, json!({"status": "OK"}));
    assert_eq!(at("/t1", "", of_token(&ended)).await, invalid);
    assert_eq!(verify(&core, &kept).await["status"], "OK", "only that tenant's");
    let reply = core.post("/t1/recipe/user/email/verify/remove", ann()).await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (403, "Only public tenantId can call this app specific API\n")
    );
    let reply = core.cdi("4.0").post("/t1/recipe/user/email/verify/remove", ann()).await;
    assert_eq!(reply.status_word(), "OK");
    assert!(!is_verified(&core, "ann@example.com").await);
    assert_eq!(core.post("/nowhere/recipe/user/email/verify/token", ann()).await.status, 400);
}

#[tokio::test]
async fn who_is_removed_leaves_nothing_verified_under_either_id() {
    let core = TestCore::start().await;
    let user = core.sign_up("ann@example.com", "password1").await;
    map_id(&core, &user["id"], "external").await;
    for id in [&user["id"], &json!("external"), &json!("other")] {
        let body = json!({"userId": id, "email": "ann@example.com"});
        let token = core.post("/recipe/user/email/verify/token", body.clone()).await.json()["token"].clone();
        verify(&core, token.as_str().unwrap()).await;
        let body = json!({"userId": id, "email": "new@example.com"});
        core.post("/recipe/user/email/verify/token", body).await.json();
    }
    core.post("/user/remove", json!({"userId": "external"})).await.json();
    let mut tx = core.app.db.read().await.unwrap();
    for table in ["emailverification_tokens", "emailverification_verified_emails"] {
        let rows: Vec<(String,)> = tx.fetch_all(format!("select user_id from {table}"), &[]).await.unwrap();
        assert_eq!(rows, [("other".to_owned(),)], "{table}");
    }
}

#[tokio::test]
async fn tokens_expire_and_can_be_ended() {
    let core = TestCore::start().await;
    let (late, sibling) = (token(&core).await, token(&core).await);
    core.advance(86_400_001);
    for dead in [&late, &sibling] {
        assert_eq!(verify(&core, dead).await["status"], "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR");
    }
    let ended = token(&core).await;
    assert_eq!(core.post("/recipe/user/email/verify/token/remove", ann()).await.status_word(), "OK");
    assert_eq!(verify(&core, &ended).await["status"], "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR");
}

#[tokio::test]
async fn an_address_can_be_unverified_and_verified_again() {
    let core = TestCore::start().await;
    assert_eq!(
        core.post("/recipe/user/email/verify/token/remove", ann()).await.json(),
        json!({"status": "OK"})
    );
    for _ in 0..2 {
        assert_eq!(
            core.post("/recipe/user/email/verify/remove", ann()).await.json(),
            json!({"status": "OK"})
        );
        assert!(!is_verified(&core, "ann@example.com").await);
        let token = token(&core).await;
        assert_eq!(verify(&core, &token).await["status"], "OK");
    }
}

#[tokio::test]
async fn the_login_method_shows_it_until_the_address_changes() {
    let core = TestCore::start().await;
    let user = core.sign_up("ann@example.com", "password1").await;
    let body = json!({"userId": user["id"], "email": "ann@example.com"});
    let token = core.post("/recipe/user/email/verify/token", body).await.json()["token"].clone();
    verify(&core, token.as_str().unwrap()).await;
    let path = format!("/user/id?userId={}", user["id"].as_str().unwrap());
    assert_eq!(core.get(&path).await.json()["user"]["loginMethods"][0]["verified"], true);
    core.put("/recipe/user", json!({"recipeUserId": user["id"], "email": "eve@example.com"})).await;
    assert_eq!(core.get(&path).await.json()["user"]["loginMethods"][0]["verified"], false);
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let core = TestCore::start().await;
    for (path, body, text) in [
        (PATH, json!({"method": "code", "token": "a"}), "Unsupported method for email verification\n"),
        (PATH, json!({"method": "token", "token": 1}), "Field name 'token' is invalid in JSON input\n"),
        (PATH, json!({}), "Field name 'method' is invalid in JSON input\n"),
        (
            "/recipe/user/email/verify/token",
            json!({"userId": "a"}),
            "Field name 'email' is invalid in JSON input\n",
        ),
        (
            "/recipe/user/email/verify/token/remove",
            json!({"userId": null, "email": "a"}),
            "Field name 'userId' is invalid in JSON input\n",
        ),
        (
            "/recipe/user/email/verify/remove",
            json!({"userId": "a", "email": "a".repeat(257)}),
            "Field name 'email' can have at most 256 characters\n",
        ),
    ] {
        let reply = core.post(path, body).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text), "{path}");
    }
    assert_eq!(
        core.get(&format!("{PATH}?email=a")).await.text(),
        "Field name 'userId' is missing in GET request\n"
    );
    assert_eq!(
        core.get(&format!("{PATH}?userId=a")).await.text(),
        "Field name 'email' is missing in GET request\n"
    );
    assert_eq!(core.get(&format!("/t1{PATH}?userId=a&email=b")).await.status, 403);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_token_used_fifty_times_at_once_works_once() {
    let core = TestCore::start().await;
    let token = token(&core).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (core, token) = (core.clone(), token.clone());
        tasks.spawn(async move { verify(&core, &token).await["status"] == "OK" });
    }
    assert_eq!(tasks.join_all().await.iter().filter(|fine| **fine).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_tokens_of_one_address_used_at_once_one_works() {
    let core = TestCore::start().await;
    for _ in 0..5 {
        let tokens = [token(&core).await, token(&core).await];
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..10 {
            let (core, token) = (core.clone(), tokens[number % 2].clone());
            tasks.spawn(async move { verify(&core, &token).await["status"] == "OK" });
        }
        assert_eq!(tasks.join_all().await.iter().filter(|fine| **fine).count(), 1);
        core.post("/recipe/user/email/verify/remove", ann()).await.json();
    }
}
