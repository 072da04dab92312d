//! The emailpassword recipe's users: in the shape of each version, linked, on several tenants, changed.

use super::linking::{join, link, map_id};
use portcullis_testkit::{START, TestCore};
use serde_json::{Value, json};

const EMAIL: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const NOT_ALLOWED: &str = "EMAIL_CHANGE_NOT_ALLOWED_ERROR";

async fn sign_in(core: &TestCore, email: &str, password: &str) -> Value {
    core.post("/recipe/signin", json!({"email": email, "password": password})).await.json()
}

async fn from_provider(core: &TestCore, email: &str) -> Value {
    let body = json!({"thirdPartyId": "google", "thirdPartyUserId": "1", "email": {"id": email, "isVerified": false}});
    core.post("/recipe/signinup", body).await.json()["user"].clone()
}

async fn change(core: &TestCore, id: &Value, mut body: Value) -> Value {
    body["recipeUserId"] = id.clone();
    core.put("/recipe/user", body).await.json()
}

#[tokio::test]
async fn who_signs_up_and_in_has_the_shape_of_the_version() {
    let core = TestCore::start().await;
    for (version, keys, user_keys, verified) in [
        ("2.7", vec!["status", "user"], 3, false),
        ("2.21", vec!["status", "user"], 3, false),
        ("3.0", vec!["status", "user"], 4, false),
        ("3.1", vec!["status", "user"], 4, false),
        ("4.0", vec!["status", "user", "recipeUserId"], 8, true),
        ("5.2", vec!["status", "user", "recipeUserId"], 8, true),
        ("5.3", vec!["status", "user", "recipeUserId"], 9, true),
        ("5.6", vec!["status", "user", "recipeUserId"], 9, true),
    ] {
        let core = core.cdi(version);
        let body = json!({"email": format!("{version}@google.fakeemail.com"), "password": "password1"});
        let made = core.post("/recipe/signup", body.clone()).await.json();
        let names: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(
            names.len() == keys.len() && keys.iter().all(|key| names.contains(key)),
            "{version} {names:?}"
        );
        assert_eq!(made["user"].as_object().unwrap().len(), user_keys, "{version}");
        assert_eq!(made["user"]["loginMethods"][0]["verified"] == true, verified, "{version}");
        assert_eq!(core.post("/recipe/signin", body).await.json(), made, "{version}");
        let id = made["user"]["id"].as_str().unwrap();
        let latest = core.cdi("5.6").get(&format!("/user/id?userId={id}")).await.json();
        assert_eq!(
            latest["user"]["loginMethods"][0]["verified"], true,
            "{version}: made up, in every version"
        );
    }
    let written = sign_in(&core, " 5.6@GOOGLE.fakeEmail.com\t", "password1").await;
    assert_eq!(written["status"], "OK", "however the address is written");
}

#[tokio::test]
async fn of_linked_login_methods_each_has_its_own_id_and_the_oldest_comes_first() {
    let core = TestCore::start().await;
    let oldest = from_provider(&core, EMAIL).await;
    core.advance(1000);
    let own = core.sign_up(EMAIL, "password1").await;
    link(&core, &[&own, &oldest]).await;
    map_id(&core, &own["id"], "ext-own").await;
    map_id(&core, &oldest["id"], "ext-oldest").await;
    let found = sign_in(&core, EMAIL, "password1").await;
    assert_eq!((&found["user"]["id"], &found["recipeUserId"]), (&json!("ext-own"), &json!("ext-own")));
    let methods = found["user"]["loginMethods"].as_array().unwrap();
    let shown: Vec<_> =
        methods.iter().map(|m| (m["recipeUserId"].as_str().unwrap(), &m["timeJoined"])).collect();
    assert_eq!(shown, [("ext-oldest", &json!(START)), ("ext-own", &json!(START + 1000))]);
    assert_eq!(
        (&found["user"]["isPrimaryUser"], &found["user"]["timeJoined"]),
        (&json!(true), &json!(START))
    );
    // Older callers see the oldest login method, under its own id.
    let shown = json!({"id": "ext-oldest", "timeJoined": START, "tenantIds": ["public"], "email": EMAIL,
        "thirdParty": {"id": "google", "userId": "1"}});
    let old = core.cdi("3.1");
    assert_eq!(sign_in(&old, EMAIL, "password1").await, json!({"status": "OK", "user": shown}));
    assert_eq!(old.get("/recipe/user?email=ann@example.com").await.json()["user"], shown);
    let listed = json!([{"recipeId": "thirdparty", "user": shown}]);
    assert_eq!(old.get("/users").await.json()["users"], listed);
    let by_id = old.get("/recipe/user?userId=ext-own").await.json()["user"].clone();
    assert_eq!(
        by_id,
        json!({"id": "ext-own", "timeJoined": START + 1000, "tenantIds": ["public"], "email": EMAIL})
    );
}

#[tokio::test]
async fn an_address_of_another_primary_user_cannot_be_taken_by_a_primary_user() {
    let core = TestCore::start().await;
    let ann = core.sign_up(EMAIL, "password1").await;
    let bob = from_provider(&core, BOB).await;
    core.sign_up("eve@example.com", "password1").await;
    link(&core, &[&bob]).await;
    assert_eq!(
        change(&core, &ann["id"], json!({"email": BOB})).await["status"],
        "OK",
        "who is not primary may"
    );
    assert_eq!(change(&core, &ann["id"], json!({"email": EMAIL})).await["status"], "OK");
    let taken = change(&core, &ann["id"], json!({"email": "eve@example.com"})).await;
    assert_eq!(taken, json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}));
    link(&core, &[&ann]).await;
    let reason = "New email is associated with another primary user ID";
    for email in ["Bob@example.com", "eve@example.com"] {
        let refused = change(&core, &ann["id"], json!({"email": email, "password": "password2"})).await;
        assert_eq!(refused, json!({"status": NOT_ALLOWED, "reason": reason}), "{email}");
    }
    assert_eq!(sign_in(&core, EMAIL, "password1").await["status"], "OK", "nothing was changed");
    assert_eq!(change(&core, &ann["id"], json!({"email": "new@example.com"})).await["status"], "OK");
    link(&core, &[&core.sign_up(EMAIL, "password1").await]).await;
    assert_eq!(change(&core, &ann["id"], json!({"email": EMAIL})).await["status"], NOT_ALLOWED);
}

#[tokio::test]
async fn an_address_of_a_primary_user_of_other_tenants_is_free() {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.json();
    let ann = core.sign_up(EMAIL, "password1").await;
    let body = json!({"email": BOB, "password": "password1"});
    let bob = core.post("/t1/recipe/signup", body).await.json()["user"].clone();
    link(&core, &[&ann]).await;
    link(&core, &[&bob]).await;
    assert_eq!(change(&core, &ann["id"], json!({"email": BOB})).await["status"], "OK");
    assert_eq!(change(&core, &ann["id"], json!({"email": EMAIL})).await["status"], "OK");
    join(&core, &ann["id"], "t1").await;
    assert_eq!(change(&core, &ann["id"], json!({"email": BOB})).await["status"], NOT_ALLOWED);
}

#[tokio::test]
async fn an_address_changes_in_every_tenant_or_in_none() {
    let core = TestCore::start().await;
    for tenant in ["t1", "t2"] {
        core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": tenant})).await.json();
    }
    let ann = core.sign_up(EMAIL, "password1").await["id"].clone();
    join(&core, &ann, "t1").await;
    join(&core, &ann, "t2").await;
    let signs_in = async |tenant: &str, email: &str, password: &str| -> bool {
        let body = json!({"email": email, "password": password});
        core.post(&format!("/{tenant}/recipe/signin"), body).await.status_word() == "OK"
    };
    let bob = json!({"email": BOB, "password": "password1"});
    core.post("/t2/recipe/signup", bob).await.json();
    let half = change(&core, &ann, json!({"email": BOB, "password": "password2"})).await;
    assert_eq!(half["status"], "EMAIL_ALREADY_EXISTS_ERROR", "one of the tenants has it");
    let same = change(&core, &ann, json!({"email": EMAIL, "password": "password2"})).await;
    assert_eq!(same["status"], "OK");
    assert!(signs_in("t1", EMAIL, "password2").await && !signs_in("t1", BOB, "password2").await);
    assert_eq!(change(&core, &ann, json!({"email": "new@example.com"})).await["status"], "OK");
    for tenant in ["public", "t1", "t2"] {
        assert!(signs_in(tenant, "new@example.com", "password2").await, "{tenant}");
        assert!(!signs_in(tenant, EMAIL, "password2").await, "{tenant}");
    }
}

#[tokio::test]
async fn each_tenant_has_passwords_of_its_own_and_ids_are_the_app_s() {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.json();
    core.sign_up(EMAIL, "password1").await;
    let body = |password: &str| json!({"email": EMAIL, "password": password});
    let made = core.post("/t1/recipe/signup", body("password2")).await.json();
    for (tenant, password, word) in [
        ("public", "password1", "OK"),
        ("public", "password2", "WRONG_CREDENTIALS_ERROR"),
        ("t1", "password2", "OK"),
        ("t1", "password1", "WRONG_CREDENTIALS_ERROR"),
    ] {
        let reply = core.post(&format!("/{tenant}/recipe/signin"), body(password)).await;
        assert_eq!(reply.status_word(), word, "{tenant} {password}");
    }
    let id = made["user"]["id"].as_str().unwrap();
    assert_eq!(core.get(&format!("/recipe/user?userId={id}")).await.json()["user"], made["user"]);
    assert_eq!(core.get("/t1/recipe/user?email=Ann@example.com").await.json()["user"], made["user"]);
    let denied = "Only public tenantId can call this app specific API\n";
    let body = json!({"recipeUserId": id, "password": "password3"});
    for reply in [
        core.get(&format!("/t1/recipe/user?userId={id}")).await,
        core.put("/t1/recipe/user", body.clone()).await,
    ] {
        assert_eq!((reply.status, reply.text().as_str()), (403, denied));
    }
    assert_eq!(core.cdi("4.0").put("/t1/recipe/user", body.clone()).await.status_word(), "OK");
    assert_eq!(core.put("/recipe/user", body).await.status_word(), "OK");
    assert_eq!(core.post("/nowhere/recipe/signin", json!({"email": "a", "password": "b"})).await.status, 400);
    assert_eq!(core.cdi("2.21").post("/t1/recipe/signin", json!({})).await.status, 404);
}

#[tokio::test]
async fn only_an_emailpassword_user_is_changed_by_whichever_id() {
    let core = TestCore::start().await;
    let ann = core.sign_up(EMAIL, "password1").await["id"].clone();
    let provider = from_provider(&core, BOB).await["id"].clone();
    map_id(&core, &ann, "external").await;
    assert_eq!(change(&core, &json!("external"), json!({"password": "password2"})).await["status"], "OK");
    assert_eq!(sign_in(&core, EMAIL, "password2").await["status"], "OK");
    // The SDK decides what a password must be.
    assert_eq!(change(&core, &ann, json!({"password": ""})).await["status"], "OK");
    assert_eq!(sign_in(&core, EMAIL, "").await["status"], "OK");
    for id in [json!("none"), provider] {
        let reply = change(&core, &id, json!({"email": "x@example.com"})).await;
        assert_eq!(reply, json!({"status": "UNKNOWN_USER_ID_ERROR"}));
    }
    let field = |name: &str| format!("Field name '{name}' is invalid in JSON input\n");
    for (version, body, text) in [
        ("5.4", json!({"password": "a"}), field("recipeUserId")),
        ("5.4", json!({"userId": ann, "password": "a"}), field("recipeUserId")),
        ("3.1", json!({"recipeUserId": ann, "password": "a"}), field("userId")),
        ("5.4", json!({"recipeUserId": ann, "email": null}), field("email")),
        ("5.4", json!({"recipeUserId": ann, "email": "a", "password": 1}), field("password")),
        ("3.1", json!({"userId": ann}), "You have to provide either email or password.\n".to_owned()),
    ] {
        let reply = core.cdi(version).put("/recipe/user", body).await;
        assert_eq!((reply.status, reply.text()), (400, text));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_taken_by_many_at_once_is_one_user_s() {
    let core = TestCore::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let id = core.sign_up(&format!("{number}@example.com"), "password1").await["id"].clone();
        let core = core.clone();
        tasks.spawn(async move { change(&core, &id, json!({"email": EMAIL})).await["status"].clone() });
    }
    let words = tasks.join_all().await;
    assert_eq!(words.iter().filter(|word| **word == "OK").count(), 1, "{words:?}");
    assert!(words.iter().all(|word| word == "OK" || word == "EMAIL_ALREADY_EXISTS_ERROR"), "{words:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_is_removed_while_the_password_is_checked_is_unknown() {
    let core = TestCore::start_with(&json!({"bcrypt_log_rounds": 10})).await;
    for _ in 0..3 {
        let id = core.sign_up(EMAIL, "password1").await["id"].clone();
        let remove = async {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            core.post("/user/remove", json!({"userId": id})).await.status_word()
        };
        let (signed_in, removed) = tokio::join!(sign_in(&core, EMAIL, "password1"), remove);
        assert_eq!(removed, "OK");
        assert!(["OK", "WRONG_CREDENTIALS_ERROR"].contains(&signed_in["status"].as_str().unwrap()));
    }
}

#[tokio::test]
async fn an_address_that_nobody_has_takes_as_long_as_a_wrong_password() {
    let core = TestCore::start_with(&json!({"bcrypt_log_rounds": 10})).await;
    core.sign_up(EMAIL, "password1").await;
    // The shortest of some: whatever else the machine does makes them longer, none shorter.
    let shortest = async |email: &str| {
        let mut times = Vec::new();
        for _ in 0..3 {
            let began = std::time::Instant::now();
            assert_eq!(sign_in(&core, email, "wrong").await["status"], "WRONG_CREDENTIALS_ERROR");
            times.push(began.elapsed());
        }
        times.into_iter().min().unwrap()
    };
    let (known, unknown) = (shortest(EMAIL).await, shortest(BOB).await);
    assert!(unknown * 4 > known, "{unknown:?} {known:?}");
}
