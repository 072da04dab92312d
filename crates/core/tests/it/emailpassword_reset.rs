//! Reset tokens: for whom they are made, what they change, and how they end.

use super::linking::{link, map_id};
use portcullis_core::crypto::digest::sha256_hex;
use portcullis_db::args;
use portcullis_testkit::{Reply, TestCore};
use serde_json::{Value, json};

const TOKEN: &str = "/recipe/user/password/reset/token";
const CONSUME: &str = "/recipe/user/password/reset/token/consume";
const RESET: &str = "/recipe/user/password/reset";
const EMAIL: &str = "ann@example.com";
const INVALID: &str = "RESET_PASSWORD_INVALID_TOKEN_ERROR";

async fn token(core: &TestCore, id: &Value) -> String {
    let reply = core.post(TOKEN, json!({"userId": id, "email": EMAIL})).await.json();
    reply["token"].as_str().unwrap().to_owned()
}

async fn consume(core: &TestCore, token: &str) -> Value {
    core.post(CONSUME, json!({"token": token})).await.json()
}

/// Token and password in one call.
async fn reset(core: &TestCore, token: &str, password: &str) -> Reply {
    core.post(RESET, json!({"method": "token", "token": token, "newPassword": password})).await
}

async fn signs_in(core: &TestCore, email: &str, password: &str) -> bool {
    let body = json!({"email": email, "password": password});
    core.post("/recipe/signin", body).await.status_word() == "OK"
}

async fn from_provider(core: &TestCore) -> Value {
    let body = json!({"thirdPartyId": "google", "thirdPartyUserId": "1", "email": {"id": EMAIL, "isVerified": true}});
    core.post("/recipe/signinup", body).await.json()["user"].clone()
}

/// A row as it was written before tokens had an address.
async fn insert_old_token(core: &TestCore, id: &Value, token: &str) {
    let mut tx = core.app.db.write().await.unwrap();
    let sql = "insert into emailpassword_pswd_reset_tokens (app_id, user_id, token, token_expiry)
        values ('public', $1, $2, $3)";
    let expiry = core.clock.now() + 1000;
    tx.execute(sql, args![id.as_str().unwrap(), &sha256_hex(token), expiry]).await.unwrap();
    tx.commit().await.unwrap();
}

async fn count(core: &TestCore, table: &str) -> i64 {
    let mut tx = core.app.db.read().await.unwrap();
    let rows: Vec<(i64,)> = tx.fetch_all(format!("select count(*) from {table}"), &[]).await.unwrap();
    rows[0].0
}

#[tokio::test]
async fn neither_token_nor_password_is_kept() {
    let core = TestCore::start().await;
    let ann = core.sign_up(EMAIL, "password1").await;
    core.sign_up("bob@example.com", "password1").await;
    let token = token(&core, &ann["id"]).await;
    assert!(token.len() == 128 && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    let mut tx = core.app.db.read().await.unwrap();
    let sql = "select token from emailpassword_pswd_reset_tokens";
    let kept: Vec<(String,)> = tx.fetch_all(sql, &[]).await.unwrap();
    assert_eq!(kept, [(sha256_hex(&token),)]);
    let hashes: Vec<(String,)> =
        tx.fetch_all("select password_hash from emailpassword_users", &[]).await.unwrap();
    assert!(hashes.iter().all(|(hash,)| hash.starts_with("$2a$04$")), "{hashes:?}");
    assert_ne!(hashes[0], hashes[1], "each with a salt of its own");
}

#[tokio::test]
async fn an_expired_token_takes_the_others_along() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    for older_way in [false, true] {
        let early = token(&core, &id).await;
        core.advance(1000);
        let late = token(&core, &id).await;
        core.advance(3_600_000 - 999);
        let word = if older_way {
            reset(&core, &early, "password2").await.status_word()
        } else {
            consume(&core, &early).await["status"].as_str().unwrap().to_owned()
        };
        assert_eq!(word, INVALID);
        assert_eq!(count(&core, "emailpassword_pswd_reset_tokens").await, 0);
        assert_eq!(consume(&core, &late).await, json!({"status": INVALID}));
    }
    assert!(signs_in(&core, EMAIL, "password1").await);
    let in_time = token(&core, &id).await;
    core.advance(3_600_000);
    assert_eq!(consume(&core, &in_time).await["status"], "OK", "to the millisecond");
}

#[tokio::test]
async fn what_is_missing_is_named_once_the_user_is_known() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    let of_email = "Field name 'email' is invalid in JSON input\n";
    for (body, text) in [
        (json!({}), "Field name 'userId' is invalid in JSON input\n"),
        (json!({"userId": null, "email": EMAIL}), "Field name 'userId' is invalid in JSON input\n"),
        (json!({"userId": id}), of_email),
        (json!({"userId": id, "email": null}), of_email),
        (json!({"userId": id, "email": 1}), of_email),
    ] {
        let reply = core.post(TOKEN, body).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text));
    }
    assert_eq!(core.post(TOKEN, json!({"userId": "none"})).await.status_word(), "UNKNOWN_USER_ID_ERROR");
    for (body, field) in [
        (json!({"token": "a", "newPassword": "b"}), "method"),
        (json!({"method": "token", "newPassword": "b"}), "token"),
        (json!({"method": "token", "token": "a"}), "newPassword"),
    ] {
        let text = format!("Field name '{field}' is invalid in JSON input\n");
        assert_eq!(core.post(RESET, body).await.text(), text);
    }
}

#[tokio::test]
async fn before_4_0_a_token_is_for_the_user_s_own_address() {
    let core = TestCore::start().await;
    let old = core.cdi("3.1");
    let ann = core.sign_up(EMAIL, "password1").await;
    let ask = async |body: Value| old.post(TOKEN, body).await;
    for sent in [json!({"userId": ann["id"]}), json!({"userId": ann["id"], "email": 1})] {
        let token = ask(sent).await.json()["token"].clone();
        let used = json!({"status": "OK", "userId": ann["id"], "email": EMAIL});
        assert_eq!(consume(&core, token.as_str().unwrap()).await, used);
    }
    let provider = from_provider(&core).await;
    for unknown in [json!("none"), provider["id"].clone()] {
        assert_eq!(ask(json!({"userId": unknown})).await.status_word(), "UNKNOWN_USER_ID_ERROR");
    }
    link(&core, &[&ann]).await;
    assert_eq!(ask(json!({"userId": ann["id"]})).await.status_word(), "OK", "primary, but alone");
    link(&core, &[&ann, &provider]).await;
    for linked in [&ann, &provider] {
        let reply = ask(json!({"userId": linked["id"]})).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, "Please use CDI version >= 4.0\n"));
    }
}

#[tokio::test]
async fn the_older_reset_tells_the_user_from_2_12_on() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    for (version, reply) in [
        ("2.7", json!({"status": "OK"})),
        ("2.11", json!({"status": "OK"})),
        ("2.12", json!({"status": "OK", "userId": id})),
        ("5.6", json!({"status": "OK", "userId": id})),
    ] {
        let token = token(&core, &id).await;
        assert_eq!(reset(&core.cdi(version), &token, version).await.json(), reply, "{version}");
        assert!(signs_in(&core, EMAIL, version).await, "{version}");
    }
}

#[tokio::test]
async fn only_the_login_method_that_the_token_is_for_gets_the_password() {
    let core = TestCore::start().await;
    let first = core.sign_up("first@example.com", "password1").await;
    core.advance(1);
    let second = core.sign_up("second@example.com", "password1").await;
    let provider = from_provider(&core).await;
    link(&core, &[&first, &second, &provider]).await;
    let of_second = token(&core, &second["id"]).await;
    assert_eq!(
        reset(&core, &of_second, "password2").await.json(),
        json!({"status": "OK", "userId": second["id"]})
    );
    assert!(signs_in(&core, "second@example.com", "password2").await);
    assert!(signs_in(&core, "first@example.com", "password1").await);
    let of_provider = token(&core, &provider["id"]).await;
    let reply = reset(&core, &of_provider, "password3").await.json();
    assert_eq!(reply, json!({"status": "OK", "userId": provider["id"]}));
    assert!(signs_in(&core, "first@example.com", "password1").await, "whose method has none gives none away");
    assert!(signs_in(&core, "second@example.com", "password2").await);
}

#[tokio::test]
async fn a_token_from_before_addresses_is_for_the_user_s_only_one() {
    let core = TestCore::start().await;
    let ann = core.sign_up(EMAIL, "password1").await;
    let provider = from_provider(&core).await;
    insert_old_token(&core, &ann["id"], "alone").await;
    let used = json!({"status": "OK", "userId": ann["id"], "email": EMAIL});
    assert_eq!(consume(&core, "alone").await, used);
    insert_old_token(&core, &provider["id"], "of a provider").await;
    assert_eq!(consume(&core, "of a provider").await, json!({"status": INVALID}));
    insert_old_token(&core, &ann["id"], "reset").await;
    assert_eq!(reset(&core, "reset", "password2").await.status_word(), "OK");
    assert!(signs_in(&core, EMAIL, "password2").await);
    link(&core, &[&ann, &provider]).await;
    insert_old_token(&core, &ann["id"], "linked").await;
    assert_eq!(consume(&core, "linked").await, json!({"status": INVALID}));
    assert_eq!(count(&core, "emailpassword_pswd_reset_tokens").await, 0, "they are used up all the same");
}

#[tokio::test]
async fn ids_are_external_where_there_are_such() {
    let core = TestCore::start().await;
    let ann = core.sign_up(EMAIL, "password1").await;
    map_id(&core, &ann["id"], "external").await;
    for id in [&json!("external"), &ann["id"]] {
        let used = consume(&core, &token(&core, id).await).await;
        assert_eq!(used, json!({"status": "OK", "userId": "external", "email": EMAIL}));
        let reply = reset(&core, &token(&core, id).await, "password2").await.json();
        assert_eq!(reply, json!({"status": "OK", "userId": "external"}));
    }
}

#[tokio::test]
async fn a_token_of_one_tenant_works_at_another() {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.json();
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    let made = core.post(&format!("/t1{TOKEN}"), json!({"userId": id, "email": EMAIL})).await.json();
    assert_eq!(consume(&core, made["token"].as_str().unwrap()).await["status"], "OK");
    for path in [TOKEN, CONSUME, RESET] {
        let body = json!({"userId": id, "email": EMAIL, "token": "a", "method": "token", "newPassword": "b"});
        assert_eq!(core.post(&format!("/nowhere{path}"), body).await.status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_login_method_that_is_removed_leaves_neither_hash_nor_token_under_the_name_of_its_group() {
    let core = TestCore::start().await;
    let ann = core.sign_up(EMAIL, "password1").await;
    let provider = from_provider(&core).await;
    let alone = |id: &Value| json!({"userId": id, "removeAllLinkedAccounts": false});
    link(&core, &[&ann, &provider]).await;
    token(&core, &ann["id"]).await;
    core.post("/user/remove", alone(&ann["id"])).await.json();
    let left = core.get(&format!("/user/id?userId={}", ann["id"].as_str().unwrap())).await.json();
    assert_eq!(left["user"]["loginMethods"][0]["recipeUserId"], provider["id"], "the group is still there");
    assert_eq!(count(&core, "emailpassword_users").await, 0);
    assert_eq!(count(&core, "emailpassword_pswd_reset_tokens").await, 0);
    core.post("/user/remove", alone(&provider["id"])).await.json();
    let (other, last) = (from_provider(&core).await, core.sign_up(EMAIL, "password1").await);
    link(&core, &[&other, &last]).await;
    core.post("/user/remove", alone(&other["id"])).await.json();
    assert_eq!(count(&core, "thirdparty_users").await, 0);
    assert_eq!(count(&core, "emailpassword_users").await, 1);
    assert!(signs_in(&core, EMAIL, "password1").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_token_and_its_sibling_reset_at_once_work_once() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    let tokens = [token(&core, &id).await, token(&core, &id).await];
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let (core, token) = (core.clone(), tokens[number % 2].clone());
        tasks.spawn(async move {
            (reset(&core, &token, &format!("password {number}")).await.status_word(), number)
        });
    }
    let outcomes = tasks.join_all().await;
    let winners: Vec<usize> = outcomes.iter().filter(|(word, _)| word == "OK").map(|(_, n)| *n).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert!(outcomes.iter().all(|(word, _)| word == "OK" || word == INVALID));
    assert!(signs_in(&core, EMAIL, &format!("password {}", winners[0])).await);
}

/// Whoever reads an old mailbox, or once had the account, is shut out by the change.
#[tokio::test]
async fn a_changed_address_or_password_ends_the_tokens_from_before() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    let bob = core.sign_up("bob@example.com", "password1").await["id"].clone();
    let of_bob = token(&core, &bob).await;
    for change in [json!({"email": "new@example.com"}), json!({"password": "password2"})] {
        let early = token(&core, &id).await;
        let mut body = change.clone();
        body["recipeUserId"] = id.clone();
        assert_eq!(core.put("/recipe/user", body).await.status_word(), "OK");
        assert_eq!(consume(&core, &early).await, json!({"status": INVALID}), "{change}");
        assert_eq!(reset(&core, &early, "password3").await.status_word(), INVALID, "{change}");
    }
    // What changes nothing ends none.
    let late = token(&core, &id).await;
    let same = json!({"recipeUserId": id, "email": "new@example.com"});
    assert_eq!(core.put("/recipe/user", same).await.status_word(), "OK");
    for token in [late, of_bob] {
        assert_eq!(consume(&core, &token).await["status"], "OK");
    }
    assert!(signs_in(&core, "new@example.com", "password2").await);
}
