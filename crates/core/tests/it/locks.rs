//! What calls lock, in which order, and what they do once they have waited. On SQLite there is one writer, which waits
//! for nobody: there the same calls are made one after the other.

use super::accountlinking::{
    id_of, link, make_primary, make_tenant, reserved, user, with_password, with_phone,
};
use portcullis_core::crypto::digest::sha256_hex;
use portcullis_db::{Engine, Tx, args};
use portcullis_testkit::{Reply, TestCore};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const EMAIL: &str = "ann@example.com";
const ROW: &str = "select user_id from app_id_to_user_id where user_id = $1";
const TOKEN: &str = "select token from emailverification_tokens where token = $1";

/// Waits until a call waits for what a unit of work has locked.
pub(super) async fn until_waited_for(tx: &mut Tx) {
    let sql =
        "select count(*) from pg_locks where not granted and pg_backend_pid() = any(pg_blocking_pids(pid))";
    let begun = Instant::now();
    while tx.fetch_optional::<(i64,)>(sql, &[]).await.unwrap() == Some((0,)) {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Makes a call while something that it needs is locked, and has it go on once it waits; meanwhile nobody may have
/// locked what is `free`.
async fn call_while_locked(
    core: &TestCore,
    (sql, name): (&'static str, &str),
    free: &[(&'static str, &str)],
    call: impl Future<Output = Reply>,
) -> Reply {
    if core.app.db.engine() == Engine::Sqlite {
        return call.await;
    }
    let mut tx = core.app.db.write().await.unwrap();
    assert_eq!(tx.fetch_all_for_update::<(String,)>(sql, args![name]).await.unwrap().len(), 1);
    let release = async {
        until_waited_for(&mut tx).await;
        for (sql, name) in free {
            let unlocked: Vec<(String,)> =
                tx.fetch_all_unlocked_for_update(*sql, args![*name]).await.unwrap();
            assert_eq!(unlocked, [((*name).to_owned(),)], "{sql}");
        }
        tx.commit().await.unwrap();
    };
    tokio::join!(call, release).0
}

#[tokio::test]
async fn who_waits_for_a_token_of_an_address_keeps_no_other_one() {
    let core = TestCore::start().await;
    let whom = json!({"userId": "ann", "email": EMAIL});
    let mut tokens = Vec::new();
    for _ in 0..3 {
        let made = core.post("/recipe/user/email/verify/token", whom.clone()).await.json();
        tokens.push(made["token"].as_str().unwrap().to_owned());
    }
    tokens.sort_by_key(|token| sha256_hex(token));
    let [first, second, last] = [0, 1, 2].map(|at| sha256_hex(&tokens[at]));
    let verify = core.post("/recipe/user/email/verify", json!({"method": "token", "token": tokens[2]}));
    let others = [(TOKEN, second.as_str()), (TOKEN, last.as_str())];
    let reply = call_while_locked(&core, (TOKEN, first.as_str()), &others, verify).await;
    assert_eq!(reply.status_word(), "OK");
    for token in &tokens {
        let proof = json!({"method": "token", "token": token});
        let again = core.post("/recipe/user/email/verify", proof).await.status_word();
        assert_eq!(again, "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR");
    }
}

/// A user who is made of three login methods, with the ids of the first of them, the one it is named after and the last.
async fn group(core: &TestCore) -> [String; 3] {
    let mut ids = Vec::new();
    for email in ["a@example.com", "b@example.com", "c@example.com"] {
        ids.push(with_password(core, email).await);
        // An id begins with the time.
        core.advance(1);
    }
    assert!(ids.is_sorted(), "{ids:?}");
    let [first, named_after, last] = ids.try_into().unwrap();
    make_primary(core, &named_after).await;
    for id in [&first, &last] {
        assert_eq!(link(core, id, &named_after).await["status"], "OK");
    }
    [first, named_after, last]
}

#[tokio::test]
async fn who_waits_for_a_user_has_locked_no_login_method_of_it() {
    let core = TestCore::start().await;
    let [first, named_after, last] = group(&core).await;
    let free = [(ROW, first.as_str()), (ROW, last.as_str())];
    let locked = (ROW, named_after.as_str());
    let removal = json!({"userId": last, "removeAllLinkedAccounts": false});
    let reply = call_while_locked(&core, locked, &free, core.post("/user/remove", removal)).await;
    assert_eq!(reply.status_word(), "OK");
    let path = "/recipe/accountlinking/user/unlink";
    let unlinking = core.post(path, json!({"recipeUserId": first}));
    let reply = call_while_locked(&core, locked, &[(ROW, &first)], unlinking).await;
    assert_eq!(reply.json(), json!({"status": "OK", "wasRecipeUserDeleted": false, "wasLinked": true}));
    let other = with_phone(&core, "+442071838750").await;
    let linking = json!({"recipeUserId": other, "primaryUserId": named_after});
    let linking = core.post("/recipe/accountlinking/user/link", linking);
    let reply = call_while_locked(&core, locked, &[], linking).await;
    assert_eq!(reply.status_word(), "OK");
    assert_eq!(user(&core, &named_after).await["loginMethods"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn who_is_deleted_has_lost_nothing_while_a_login_method_is_waited_for() {
    let core = TestCore::start().await;
    let [first, named_after, last] = group(&core).await;
    let mut tokens = Vec::new();
    for (id, email) in [(&first, "a@example.com"), (&last, "c@example.com")] {
        let change = json!({"userId": id, "email": email});
        let made = core.post("/recipe/user/password/reset/token", change).await.json();
        tokens.push(sha256_hex(made["token"].as_str().unwrap()));
    }
    let token = "select token from emailpassword_pswd_reset_tokens where token = $1";
    let free = [(token, tokens[0].as_str()), (token, tokens[1].as_str())];
    let removal = json!({"userId": named_after, "removeAllLinkedAccounts": true});
    // As somebody who resets the password of that login method.
    let reply =
        call_while_locked(&core, (ROW, last.as_str()), &free, core.post("/user/remove", removal)).await;
    assert_eq!(reply.status_word(), "OK");
    for id in [&first, &named_after, &last] {
        assert_eq!(user(&core, id).await, Value::Null);
    }
}

/// A user of two tenants, of which one is removed while a call has something to reserve there.
async fn remove_tenant_meanwhile(path: &'static str, body: impl AsyncFn(&TestCore, &str) -> Value) {
    let core = TestCore::start().await;
    make_tenant(&core, "t1").await;
    let ann = id_of(&core.sign_up(EMAIL, "password1").await);
    core.post("/t1/recipe/multitenancy/tenant/user", json!({"recipeUserId": ann})).await.json();
    let body = body(&core, &ann).await;
    let call = core.post(path, body);
    let reply = if core.app.db.engine() == Engine::Sqlite {
        core.post("/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await.json();
        call.await
    } else {
        let mut tx = core.app.db.write().await.unwrap();
        tx.execute("delete from tenants where tenant_id = 't1'", &[]).await.unwrap();
        let release = async {
            until_waited_for(&mut tx).await;
            tx.commit().await.unwrap();
        };
        tokio::join!(call, release).0
    };
    assert_eq!(reply.status_word(), "OK", "{path}");
    assert_eq!(user(&core, &ann).await["tenantIds"], json!(["public"]));
    let tenants: Vec<String> = reserved(&core).await.into_iter().map(|(tenant, ..)| tenant).collect();
    assert!(!tenants.is_empty() && tenants.iter().all(|tenant| tenant == "public"), "{tenants:?}");
}

#[tokio::test]
async fn a_user_is_linked_and_made_primary_while_one_of_its_tenants_is_removed() {
    let alone = async |_: &TestCore, ann: &str| json!({"recipeUserId": ann});
    remove_tenant_meanwhile("/recipe/accountlinking/user/primary", alone).await;
    let to_another = async |core: &TestCore, ann: &str| {
        let bob = with_phone(core, "+442071838750").await;
        make_primary(core, &bob).await;
        json!({"recipeUserId": ann, "primaryUserId": bob})
    };
    remove_tenant_meanwhile("/recipe/accountlinking/user/link", to_another).await;
}
