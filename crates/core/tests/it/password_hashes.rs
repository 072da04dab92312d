//! Passwords' hashes: brought along, of other kinds and costs, and those that a setting asks for.

use portcullis_db::args;
use portcullis_testkit::{Reply, TestCore};
use serde_json::{Value, json};

const EMAIL: &str = "ann@example.com";
const IMPORT: &str = "/recipe/user/passwordhash/import";
/// Of `U*U`.
const BCRYPT: &str = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
/// Of `testPass123`, with the key below: Firebase's own example.
const FIREBASE: &str = "$f_scrypt$qZM035es5AXYqavsKD6/rhtxg7t5PhcyRgv5blc3doYbChX8keMfQLq1ra96O2Pf2TP/eZrR5xtPCYN6mX3ESA==$/cj0jC1br5o4+w==$m=14$r=8$s=Bw==";
const FIREBASE_KEY: &str =
    "gRhC3eDeQOdyEn4bMd9c6kxguWVmcIVq/SKa0JDPFeM6TcEevkaW56sIWfx88OHbJKnCXdWscZx0l2WbCJ1wbg==";

async fn import(core: &TestCore, hash: &str, algorithm: Option<&str>) -> Reply {
    let mut body = json!({"email": EMAIL, "passwordHash": hash});
    if let Some(algorithm) = algorithm {
        body["hashingAlgorithm"] = json!(algorithm);
    }
    core.post(IMPORT, body).await
}

async fn sign_in(core: &TestCore, path: &str, password: &str) -> Reply {
    core.post(&format!("{path}/recipe/signin"), json!({"email": EMAIL, "password": password})).await
}

async fn stored(core: &TestCore) -> Vec<String> {
    let mut tx = core.app.db.read().await.unwrap();
    let sql = "select password_hash from emailpassword_users order by time_joined";
    let rows: Vec<(String,)> = tx.fetch_all(sql, &[]).await.unwrap();
    rows.into_iter().map(|(hash,)| hash).collect()
}

#[tokio::test]
async fn what_cannot_be_imported_is_named() {
    let core = TestCore::start().await;
    let field = |name: &str| format!("Field name '{name}' is invalid in JSON input\n");
    for (body, text) in [
        (json!({}), field("email")),
        (json!({"email": EMAIL}), field("passwordHash")),
        (json!({"email": EMAIL, "passwordHash": BCRYPT, "hashingAlgorithm": 1}), field("hashingAlgorithm")),
        (
            json!({"email": EMAIL, "passwordHash": "$".repeat(257)}),
            "Field name 'passwordHash' can have at most 256 characters\n".to_owned(),
        ),
    ] {
        let reply = core.post(IMPORT, body).await;
        assert_eq!((reply.status, reply.text()), (400, text));
    }
    for (hash, algorithm, text) in [
        (" ", None, "Password hash cannot be an empty string"),
        (BCRYPT, Some(" "), "Hashing Algorithm cannot be an empty string"),
        (BCRYPT, Some("md5"), "Unsupported password hashing algorithm"),
        ("plain", None, "Password hash is in invalid format"),
        (BCRYPT, Some("argon2"), "Password hash is in invalid Argon2 format"),
        (FIREBASE, Some("bcrypt"), "Password hash is in invalid BCrypt format"),
        (BCRYPT, Some("firebase_scrypt"), "Password hash is in invalid Firebase SCrypt format"),
    ] {
        let reply = import(&core, hash, algorithm).await;
        assert_eq!((reply.status, reply.text().trim_end()), (400, text));
    }
    assert_eq!(core.get("/users/count").await.json()["count"], 0);
}

#[tokio::test]
async fn an_imported_hash_takes_the_place_of_the_user_s_password() {
    let core = TestCore::start().await;
    let user = core.sign_up(EMAIL, "password1").await;
    let body = json!({"email": " Ann@Example.com", "passwordHash": format!(" {BCRYPT}\n"), "hashingAlgorithm": "BCrypt "});
    let reply = core.post(IMPORT, body.clone()).await.json();
    assert_eq!(reply, json!({"status": "OK", "user": user, "didUserAlreadyExist": true}));
    assert_eq!(stored(&core).await, [BCRYPT]);
    assert_eq!(sign_in(&core, "", "password1").await.status_word(), "WRONG_CREDENTIALS_ERROR");
    assert_eq!(sign_in(&core, "", "U*U").await.status_word(), "OK");
    let old = core.cdi("2.21").post(IMPORT, body).await.json();
    assert_eq!(old["user"], json!({"id": user["id"], "timeJoined": user["timeJoined"], "email": EMAIL}));
}

#[tokio::test]
async fn who_is_imported_is_neither_verified_nor_active() {
    let core = TestCore::start().await;
    let body = json!({"email": "x@stfakeemail.supertokens.com", "passwordHash": BCRYPT});
    let reply = core.post(IMPORT, body).await.json();
    assert_eq!(reply.as_object().unwrap().len(), 3, "{reply}");
    assert_eq!(reply["didUserAlreadyExist"], false);
    assert_eq!(reply["user"]["loginMethods"][0]["verified"], false);
    assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 0);
}

#[tokio::test]
async fn a_hash_of_firebase_needs_its_key() {
    let core = TestCore::start().await;
    let app = async |key: Value| {
        let body = json!({"appId": "a1", "coreConfig": {"firebase_password_hashing_signer_key": key}});
        core.put("/recipe/multitenancy/app/v2", body).await.json();
    };
    app(json!(FIREBASE_KEY)).await;
    let body = json!({"email": EMAIL, "passwordHash": FIREBASE, "hashingAlgorithm": "firebase_scrypt"});
    let path = format!("/appid-a1{IMPORT}");
    assert_eq!(core.post(&path, body.clone()).await.status_word(), "OK");
    let missing = "java.lang.IllegalStateException: 'firebase_password_hashing_signer_key' cannot be null";
    app(Value::Null).await;
    for reply in [core.post(&path, body).await, sign_in(&core, "/appid-a1", "testPass123").await] {
        assert_eq!((reply.status, reply.text().trim_end()), (500, missing));
    }
    app(json!("AAAA")).await;
    let word = sign_in(&core, "/appid-a1", "testPass123").await.status_word();
    assert_eq!(word, "WRONG_CREDENTIALS_ERROR", "another key");
    app(json!(FIREBASE_KEY)).await;
    assert_eq!(sign_in(&core, "/appid-a1", "testPass12").await.status_word(), "WRONG_CREDENTIALS_ERROR");
    assert_eq!(stored(&core).await, [FIREBASE]);
    assert_eq!(sign_in(&core, "/appid-a1", "testPass123").await.status_word(), "OK");
    assert!(stored(&core).await[0].starts_with("$2a$04$"), "from now on as any other");
    assert_eq!(sign_in(&core, "/appid-a1", "testPass123").await.status_word(), "OK");
}

#[tokio::test]
async fn hashes_of_other_systems_are_renewed_at_the_first_sign_in() {
    let core = TestCore::start().await;
    // Of `testPass123`, by Python's `hashlib` with the settings of Keycloak's PBKDF2, of Ory Kratos' scrypt and of Better
    // Auth's.
    for (hash, algorithm) in [
        (
            "$pbkdf2-sha256$i=27500,l=64$AQIDBAUGBwgJCgsMDQ4PEA$v72INIhPH+CX/6S/kB7ZbBNq+yHr7yKBjnFymZsFn8pIkFmWV3MBsnjIRCkEiDzW3MFYoX51wSji16Ew8vO/8g",
            "pbkdf2",
        ),
        (
            "$scrypt$ln=16384,r=8,p=1$AQIDBAUGBwgJCgsMDQ4PEA==$qmXl+uJVPSlkc3EbezqnhrPhvABoinbwgSiK2vGYXVI=",
            "scrypt",
        ),
        (
            "0102030405060708090a0b0c0d0e0f10:37bfbdaf60a93e8c1ef2da0de54249cb70ed576c17d1a4930c35a427d2f72b31ad1ade2c007521727a875a2f905109ca275cae1dda537e78b52eedade3b1a7bc",
            "scrypt",
        ),
    ] {
        assert_eq!(import(&core, hash, Some("bcrypt")).await.status, 400, "{hash}");
        assert_eq!(import(&core, hash, Some(algorithm)).await.status_word(), "OK", "{hash}");
        assert_eq!(
            sign_in(&core, "", "testPass124").await.status_word(),
            "WRONG_CREDENTIALS_ERROR",
            "{hash}"
        );
        assert_eq!(stored(&core).await, [hash]);
        assert_eq!(sign_in(&core, "", "testPass123").await.status_word(), "OK", "{hash}");
        assert!(stored(&core).await[0].starts_with("$2a$04$"), "from now on as any other: {hash}");
        assert_eq!(sign_in(&core, "", "testPass123").await.status_word(), "OK", "{hash}");
    }
}

#[tokio::test]
async fn a_stored_hash_that_cannot_be_read_fits_no_password() {
    let core = TestCore::start().await;
    core.sign_up(EMAIL, "password1").await;
    for hash in
        ["", "password1", "$2a$04$", "$argon2id$v=19$m=1", "$f_scrypt$a$b", "$pbkdf2-sha256$i=1", "a:b"]
    {
        let mut tx = core.app.db.write().await.unwrap();
        tx.execute("update emailpassword_users set password_hash = $1", args![hash]).await.unwrap();
        tx.commit().await.unwrap();
        for password in ["password1", ""] {
            let word = sign_in(&core, "", password).await.status_word();
            assert_eq!(word, "WRONG_CREDENTIALS_ERROR", "{hash}");
        }
    }
}

#[tokio::test]
async fn new_hashes_are_of_the_app_s_kind_and_the_old_ones_still_work() {
    let costs = json!({"argon2_memory_kb": 64, "argon2_iterations": 1, "argon2_parallelism": 1});
    let core = TestCore::start_with(&costs).await;
    let app = async |algorithm: &str| {
        let body = json!({"appId": "a1", "coreConfig": {"password_hashing_alg": algorithm}});
        core.put("/recipe/multitenancy/app/v2", body).await.json();
    };
    app("bcrypt").await;
    let sign_up = json!({"email": EMAIL, "password": "password1"});
    let made = core.post("/appid-a1/recipe/signup", sign_up).await.json();
    assert!(stored(&core).await[0].starts_with("$2a$04$"));
    app("argon2").await;
    let argon2 =
        async || stored(&core).await.iter().all(|hash| hash.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
    assert!(!argon2().await, "kept until it is used");
    assert_eq!(sign_in(&core, "/appid-a1", "password1").await.status_word(), "OK");
    assert!(argon2().await, "renewed");
    let body = json!({"email": "bob@example.com", "password": "password1"});
    core.post("/appid-a1/recipe/signup", body).await.json();
    let id = &made["recipeUserId"];
    core.put("/appid-a1/recipe/user", json!({"recipeUserId": id, "password": "password2"})).await.json();
    assert!(argon2().await);
    let asked = json!({"userId": id, "email": EMAIL});
    let token = core.post("/appid-a1/recipe/user/password/reset/token", asked).await.json();
    let reset = json!({"method": "token", "token": token["token"], "newPassword": "password3"});
    core.post("/appid-a1/recipe/user/password/reset", reset).await.json();
    assert!(argon2().await && stored(&core).await.len() == 2);
    app("bcrypt").await;
    assert_eq!(sign_in(&core, "/appid-a1", "password3").await.status_word(), "OK");
    assert_eq!(sign_in(&core, "/appid-a1", "password2").await.status_word(), "WRONG_CREDENTIALS_ERROR");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_address_imported_fifty_times_at_once_is_one_user() {
    let core = TestCore::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let core = core.clone();
        tasks.spawn(async move { import(&core, BCRYPT, None).await.json() });
    }
    let replies = tasks.join_all().await;
    assert_eq!(replies.iter().filter(|reply| reply["didUserAlreadyExist"] == false).count(), 1);
    assert!(replies.iter().all(|reply| reply["user"]["id"] == replies[0]["user"]["id"]));
}
