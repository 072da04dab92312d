//! The emailverification recipe: every endpoint, every refusal, and many callers at once.

use portcullis_testkit::TestCore;
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
    assert_eq!(first.len(), 128);
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
    assert_eq!(again.status_word(), "EMAIL_ALREADY_VERIFIED_ERROR");
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
    for _ in 0..2 {
        assert_eq!(core.post("/recipe/user/email/verify/remove", ann()).await.status_word(), "OK");
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
    ] {
        let reply = core.post(path, body).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text), "{path}");
    }
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
