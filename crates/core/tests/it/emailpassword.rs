//! The emailpassword recipe: every endpoint, every refusal, and many callers at once.

use portcullis_core::crypto::password_filter::PasswordFilter;
use portcullis_core::crypto::password_hash::{self, HashSettings};
use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const EMAIL: &str = "ann@example.com";

fn credentials(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

async fn signs_in(core: &TestCore, email: &str, password: &str) -> bool {
    core.post("/recipe/signin", credentials(email, password)).await.status_word() == "OK"
}

#[tokio::test]
async fn who_signed_up_signs_in() {
    let core = TestCore::start().await;
    let reply = core.post("/recipe/signup", credentials(" Ann@Example.com ", "password1")).await.json();
    assert_eq!(reply["user"]["emails"], json!([EMAIL]));
    assert_eq!(reply["recipeUserId"], reply["user"]["id"]);
    assert_eq!(reply["user"]["loginMethods"][0]["verified"], false);
    assert_eq!(core.post("/recipe/signin", credentials(EMAIL, "password1")).await.json(), reply);
    assert!(!signs_in(&core, EMAIL, "password2").await && !signs_in(&core, "", "").await);
    assert!(!signs_in(&core, "bob@example.com", "password1").await);
    let again = core.post("/recipe/signup", credentials(EMAIL, "password1")).await;
    assert_eq!(again.text(), "{\"status\":\"EMAIL_ALREADY_EXISTS_ERROR\"}\n");
    let old = core.cdi("3.1").post("/recipe/signin", credentials(EMAIL, "password1")).await.json();
    assert!(old.get("recipeUserId").is_none() && old["user"].get("loginMethods").is_none());
}

#[tokio::test]
async fn missing_fields_are_named_in_order() {
    let core = TestCore::start().await;
    for (path, body, text) in [
        ("/recipe/signup", json!({}), "Field name 'email' is invalid in JSON input\n"),
        ("/recipe/signup", json!({"email": "a"}), "Field name 'password' is invalid in JSON input\n"),
        ("/recipe/signup", credentials("a", ""), "Password cannot be an empty string\n"),
        (
            "/recipe/signin",
            json!({"email": 1, "password": "a"}),
            "Field name 'email' is invalid in JSON input\n",
        ),
        (
            "/recipe/user/password/reset/token/consume",
            json!({}),
            "Field name 'token' is invalid in JSON input\n",
        ),
        (
            "/recipe/user/password/reset",
            json!({"method": "x", "token": "a", "newPassword": "b"}),
            "Unsupported method for password reset\n",
        ),
        (
            "/recipe/user/password/reset",
            json!({"method": "token", "token": "a", "newPassword": ""}),
            "Password cannot be an empty string\n",
        ),
    ] {
        let reply = core.post(path, body).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text), "{path}");
    }
    let reply = core.put("/recipe/user", json!({"recipeUserId": "a"})).await;
    assert_eq!(reply.text(), "You have to provide either email or password.\n");
    assert_eq!(core.get("/recipe/user").await.text(), "Please provide one of userId or email\n");
    assert_eq!(
        core.get("/recipe/user?userId=a&email=b").await.text(),
        "Please provide only one of userId or email\n"
    );
}

#[tokio::test]
async fn a_made_up_address_counts_as_verified() {
    let core = TestCore::start().await;
    let user = core.sign_up("x@stfakeemail.supertokens.com", "password1").await;
    assert_eq!(user["loginMethods"][0]["verified"], true);
}

async fn reset_token(core: &TestCore, id: &Value) -> String {
    let reply =
        core.post("/recipe/user/password/reset/token", json!({"userId": id, "email": "As Given"})).await;
    reply.json()["token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_reset_token_works_once_and_ends_the_others() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    let (first, second) = (reset_token(&core, &id).await, reset_token(&core, &id).await);
    assert_eq!(first.len(), 128);
    let consume = "/recipe/user/password/reset/token/consume";
    let reply = core.post(consume, json!({"token": first})).await.json();
    assert_eq!(reply, json!({"status": "OK", "userId": id, "email": "As Given"}));
    for token in [first.as_str(), second.as_str(), "unknown"] {
        let reply = core.post(consume, json!({"token": token})).await;
        assert_eq!(reply.status_word(), "RESET_PASSWORD_INVALID_TOKEN_ERROR");
    }
    // The password is only changed by the call after.
    assert!(signs_in(&core, EMAIL, "password1").await);
    let late = reset_token(&core, &id).await;
    core.advance(3_600_001);
    assert_eq!(
        core.post(consume, json!({"token": late})).await.status_word(),
        "RESET_PASSWORD_INVALID_TOKEN_ERROR"
    );
    let token = "/recipe/user/password/reset/token";
    assert_eq!(core.post(token, json!({"userId": "none"})).await.status_word(), "UNKNOWN_USER_ID_ERROR");
    assert_eq!(core.post(token, json!({"userId": id})).await.status, 400);
}

#[tokio::test]
async fn the_older_reset_changes_the_password_at_once() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    let token = reset_token(&core, &id).await;
    let body = json!({"method": "token", "token": token, "newPassword": "password2"});
    let reply = core.cdi("3.1").post("/recipe/user/password/reset", body.clone()).await.json();
    assert_eq!(reply, json!({"status": "OK", "userId": id}));
    assert!(signs_in(&core, EMAIL, "password2").await && !signs_in(&core, EMAIL, "password1").await);
    let again = core.cdi("3.1").post("/recipe/user/password/reset", body).await;
    assert_eq!(again.status_word(), "RESET_PASSWORD_INVALID_TOKEN_ERROR");
}

#[tokio::test]
async fn address_and_password_change_together() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    core.sign_up("bob@example.com", "password1").await;
    let change = |body: Value| {
        let (core, mut body) = (core.clone(), body);
        body["recipeUserId"] = id.clone();
        async move { core.put("/recipe/user", body).await.status_word() }
    };
    assert_eq!(
        change(json!({"email": "BOB@example.com", "password": "other"})).await,
        "EMAIL_ALREADY_EXISTS_ERROR"
    );
    assert!(signs_in(&core, EMAIL, "password1").await);
    assert_eq!(change(json!({"email": EMAIL, "password": "password2"})).await, "OK");
    assert!(signs_in(&core, EMAIL, "password2").await);
    assert_eq!(change(json!({"email": "Eve@example.com"})).await, "OK");
    assert!(
        signs_in(&core, "eve@example.com", "password2").await && !signs_in(&core, EMAIL, "password2").await
    );
    let unknown = core.put("/recipe/user", json!({"recipeUserId": "none", "password": "a"})).await;
    assert_eq!(unknown.status_word(), "UNKNOWN_USER_ID_ERROR");
    let old = core.cdi("3.1").put("/recipe/user", json!({"userId": id, "password": "password3"})).await;
    assert_eq!(old.status_word(), "OK");
    assert_eq!(core.get("/recipe/user?email=eve@example.com").await.json()["user"]["id"], id);
    assert_eq!(core.get("/recipe/user?email=none@example.com").await.status_word(), "UNKNOWN_EMAIL_ERROR");
}

#[tokio::test]
async fn hashes_are_imported_and_renewed_at_sign_in() {
    let core = TestCore::start().await;
    let import = |body: Value| {
        let core = core.clone();
        async move { core.post("/recipe/user/passwordhash/import", body).await }
    };
    let hash = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    let body = json!({"email": EMAIL, "passwordHash": hash, "hashingAlgorithm": "BCrypt"});
    assert_eq!(import(body.clone()).await.json()["didUserAlreadyExist"], false);
    assert_eq!(import(body).await.json()["didUserAlreadyExist"], true);
    // The first sign-in renews the hash (cost 5 to the configured 4), the second uses the new one.
    assert!(signs_in(&core, EMAIL, "U*U").await && signs_in(&core, EMAIL, "U*U").await);
    assert!(!signs_in(&core, EMAIL, "U*").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_signed_up_fifty_times_at_once_gives_one_user() {
    let core = TestCore::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let core = core.clone();
        tasks.spawn(async move {
            core.post("/recipe/signup", credentials(EMAIL, "password1")).await.status_word()
        });
    }
    let words = tasks.join_all().await;
    assert_eq!(words.iter().filter(|word| *word == "OK").count(), 1, "{words:?}");
    assert!(words.iter().all(|word| word == "OK" || word == "EMAIL_ALREADY_EXISTS_ERROR"));
    assert_eq!(core.get("/users/count").await.json()["count"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_token_consumed_fifty_times_at_once_works_once() {
    let core = TestCore::start().await;
    let id = core.sign_up(EMAIL, "password1").await["id"].clone();
    let token = reset_token(&core, &id).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (core, body) = (core.clone(), json!({"token": token}));
        let path = "/recipe/user/password/reset/token/consume";
        tasks.spawn(async move { core.post(path, body).await.status_word() });
    }
    assert_eq!(tasks.join_all().await.iter().filter(|word| *word == "OK").count(), 1);
}

#[tokio::test]
async fn a_hash_that_would_keep_everybody_waiting_cannot_be_imported() {
    let core = TestCore::start().await;
    let hash = "$argon2id$v=19$m=8,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let import = json!({"email": "ann@example.com", "passwordHash": hash});
    let reply = core.post("/recipe/user/passwordhash/import", import).await;
    assert_eq!((reply.status, reply.text().as_str()), (400, "Password hash costs too much to verify\n"));
}

#[tokio::test]
async fn before_5_1_the_core_refuses_a_recipe_that_is_switched_off() {
    let core = TestCore::start().await;
    let off = json!({"tenantId": "off", "thirdPartyEnabled": true});
    core.put("/recipe/multitenancy/tenant", off).await.json();
    for (tenant, first_factors) in
        [("others", json!(["thirdparty"])), ("none", json!([])), ("listed", json!(["emailpassword"]))]
    {
        let body = json!({"tenantId": tenant, "firstFactors": first_factors});
        core.put("/recipe/multitenancy/tenant/v2", body).await.json();
    }
    let body = json!({"email": EMAIL, "password": "password1", "userId": "none",
        "passwordHash": "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"});
    let paths = ["/signup", "/signin", "/user/password/reset/token", "/user/passwordhash/import"];
    for (version, tenant, is_on) in [
        ("3.1", "off", false),
        ("4.0", "off", false),
        ("5.0", "off", false),
        ("5.1", "off", true),
        // Until 4.0 the factor must be listed, in 5.0 any factor will do.
        ("3.1", "others", false),
        ("4.0", "others", false),
        ("5.0", "others", true),
        ("4.0", "none", false),
        ("5.0", "none", false),
        ("5.1", "none", true),
        ("5.6", "none", true),
        ("3.1", "listed", true),
        ("5.0", "listed", true),
    ] {
        for path in paths {
            let path = format!("/{tenant}/recipe{path}");
            let reply = core.cdi(version).post(&path, body.clone()).await;
            if is_on {
                assert_eq!(reply.status, 200, "{version} {path}");
            } else {
                let text = "Email password login not enabled for tenant\n";
                assert_eq!((reply.status, reply.text().as_str()), (403, text), "{version} {path}");
            }
        }
    }
    let by_email = core.cdi("3.1").get("/nowhere/recipe/user?email=ann@example.com").await;
    assert_eq!(by_email.status, 400, "{}", by_email.text());
}

#[tokio::test]
async fn well_known_passwords_are_refused_where_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("breached");
    let (filter, _) = PasswordFilter::build("Tr0ub4dor&3".as_bytes()).unwrap();
    filter.write(std::fs::File::create(&path).unwrap()).unwrap();
    let settings = json!({"refuse_common_passwords": true, "breached_passwords_file": path});
    let (strict, lax) = (TestCore::start_with(&settings).await, TestCore::start().await);
    let made = strict.post("/recipe/signup", credentials(EMAIL, "a good one")).await.json();
    let id = made["recipeUserId"].as_str().unwrap();
    let asked = json!({"userId": id, "email": EMAIL});
    let token = strict.post("/recipe/user/password/reset/token", asked).await.json();
    for (password, word) in [("Password1", "most common"), ("Tr0ub4dor&3", "breach")] {
        let reset = json!({"method": "token", "token": token["token"], "newPassword": password});
        for (path, body) in [
            ("/recipe/signup", credentials("bob@example.com", password)),
            ("/recipe/user/password/check", json!({"password": password})),
            ("/recipe/user/password/reset", reset),
        ] {
            let reply = strict.post(path, body).await.json();
            assert_eq!(reply["status"], "PASSWORD_POLICY_VIOLATED_ERROR", "{path}");
            assert!(reply["failureReason"].as_str().unwrap().contains(word), "{reply}");
        }
        let change = json!({"recipeUserId": id, "email": "new@example.com", "password": password});
        let reply = strict.put("/recipe/user", change).await;
        assert_eq!(reply.status_word(), "PASSWORD_POLICY_VIOLATED_ERROR");
        assert_eq!(lax.post("/recipe/signup", credentials(word, password)).await.status_word(), "OK");
        let check = lax.post("/recipe/user/password/check", json!({"password": password})).await;
        assert_eq!(check.text(), "{\"status\":\"OK\"}\n");
    }
    for body in [json!({}), json!({"password": null}), json!({"password": 1})] {
        let reply = strict.post("/recipe/user/password/check", body).await;
        let text = "Field name 'password' is invalid in JSON input\n";
        assert_eq!((reply.status, reply.text().as_str()), (400, text));
    }
    let empty = strict.post("/recipe/user/password/check", json!({"password": ""})).await;
    assert_eq!(empty.status_word(), "OK", "how long it must be is the SDK's business");
    // Nothing was changed, and the token is not used up.
    assert!(signs_in(&strict, EMAIL, "a good one").await);
    let reset = json!({"method": "token", "token": token["token"], "newPassword": "another good one"});
    assert_eq!(strict.post("/recipe/user/password/reset", reset).await.status_word(), "OK");
    // Whoever has such a password already still signs in.
    let hash = password_hash::hash("Password1", &HashSettings::Bcrypt { rounds: 4 }).unwrap();
    let import = json!({"email": EMAIL, "passwordHash": hash});
    assert_eq!(strict.post("/recipe/user/passwordhash/import", import).await.status_word(), "OK");
    assert!(signs_in(&strict, EMAIL, "Password1").await);
}
