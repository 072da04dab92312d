//! The dashboard recipe: every endpoint, every refusal, and many callers at once.

use portcullis_core::jobs;
use portcullis_db::args;
use portcullis_testkit::{Reply, START, TestCore};
use serde_json::{Value, json};

const USER: &str = "/recipe/dashboard/user";
const SIGN_IN: &str = "/recipe/dashboard/signin";
const VERIFY: &str = "/recipe/dashboard/session/verify";
const PASSWORD: &str = "password1";
const DAY: i64 = 24 * 3_600_000;

async fn create(core: &TestCore, email: &str, password: &str) -> Value {
    core.post(USER, json!({"email": email, "password": password})).await.json()
}

/// Makes a user; answers the id.
async fn user(core: &TestCore, email: &str) -> String {
    create(core, email, PASSWORD).await["user"]["userId"].as_str().unwrap().to_owned()
}

async fn sign_in(core: &TestCore, email: &str, password: &str) -> Value {
    core.post(SIGN_IN, json!({"email": email, "password": password})).await.json()
}

async fn session(core: &TestCore, email: &str) -> String {
    sign_in(core, email, PASSWORD).await["sessionId"].as_str().unwrap().to_owned()
}

async fn verify(core: &TestCore, session: &str) -> Value {
    core.post(VERIFY, json!({"sessionId": session})).await.json()
}

async fn sessions(core: &TestCore, user: &str) -> Vec<Value> {
    let reply = core.get(&format!("/recipe/dashboard/user/sessions?userId={user}")).await.json();
    assert_eq!(reply["status"], "OK");
    reply["sessions"].as_array().unwrap().clone()
}

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status, reply.text().trim_end().to_owned())
}

#[tokio::test]
async fn whoever_was_made_a_user_signs_in_and_is_listed() {
    let core = TestCore::start().await;
    assert_eq!(core.get("/recipe/dashboard/users").await.json(), json!({"status": "OK", "users": []}));
    let made = create(&core, " Ann@Example.COM ", " password1 ").await;
    let ann = made["user"]["userId"].clone();
    let shown = json!({"email": "ann@example.com", "userId": ann, "timeJoined": START});
    assert_eq!(made, json!({"status": "OK", "user": shown}));
    core.advance(1);
    let mut all = vec![shown];
    for name in ["zoe", "bob", "cat", "dan"] {
        all.push(create(&core, &format!("{name}@example.com"), PASSWORD).await["user"].clone());
        core.advance(1);
    }
    assert_eq!(core.get("/recipe/dashboard/users").await.json()["users"], json!(all), "as many as there are");
    let signed_in = sign_in(&core, "ANN@example.com", " password1 ").await;
    assert_eq!((signed_in["status"].as_str(), signed_in.as_object().unwrap().len()), (Some("OK"), 2));
    let id = signed_in["sessionId"].as_str().unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(verify(&core, id).await, json!({"status": "OK", "email": "ann@example.com"}));
    assert_eq!(verify(&core.cdi("3.0"), id).await["email"], "ann@example.com");
    assert_eq!(verify(&core.cdi("2.21"), id).await, json!({"status": "OK"}));
    assert_eq!(core.get("/users/count").await.json()["count"], 0, "they are no users of the app");
}

#[tokio::test]
async fn an_address_or_a_password_that_will_not_do_is_refused() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann@example.com").await;
    let taken = json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"});
    assert_eq!(create(&core, "ANN@example.com", "another1password").await, taken);
    assert_eq!(create(&core, "ann", PASSWORD).await, json!({"status": "INVALID_EMAIL_ERROR"}));
    assert_eq!(create(&core, "ann", "x").await["status"], "INVALID_EMAIL_ERROR", "the address comes first");
    let change = async |with: Value| {
        let mut body = json!({"userId": ann});
        body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
        core.put(USER, body).await.json()
    };
    assert_eq!(change(json!({"newEmail": "ann"})).await, json!({"status": "INVALID_EMAIL_ERROR"}));
    for (password, message) in [
        ("pass1", "Password must contain at least 8 characters, including a number"),
        ("12345678", "Password must contain at least one alphabet"),
        ("password", "Password must contain at least one number"),
        ("a1".repeat(50).as_str(), "Password's length must be lesser than 100 characters"),
    ] {
        let weak = json!({"status": "PASSWORD_WEAK_ERROR", "message": message});
        assert_eq!(create(&core, "bob@example.com", password).await, weak);
        assert_eq!(change(json!({"newPassword": password})).await, weak);
    }
    assert_eq!(sign_in(&core, "ann@example.com", PASSWORD).await["status"], "OK", "nothing has changed");
    let core = TestCore::start_with(&json!({"refuse_common_passwords": true})).await;
    assert_eq!(create(&core, "ann@example.com", PASSWORD).await["status"], "PASSWORD_WEAK_ERROR");
}

#[tokio::test]
async fn what_is_missing_or_blank_is_named() {
    let core = TestCore::start().await;
    let blank = |name: &str| format!("Field name '{name}' cannot be an empty String");
    let invalid = |name: &str| format!("Field name '{name}' is invalid in JSON input");
    let either = "Either field 'email' or 'userId' must be present".to_owned();
    for (path, body, text) in [
        (USER, json!({"password": PASSWORD}), invalid("email")),
        (USER, json!({"email": " ", "password": PASSWORD}), blank("email")),
        (USER, json!({"email": "a@example.com"}), invalid("password")),
        (USER, json!({"email": "a@example.com", "password": " "}), blank("password")),
        (SIGN_IN, json!({"password": PASSWORD}), invalid("email")),
        (SIGN_IN, json!({"email": "", "password": PASSWORD}), blank("email")),
        (SIGN_IN, json!({"email": "a"}), invalid("password")),
        (SIGN_IN, json!({"email": "a", "password": ""}), blank("password")),
        (VERIFY, json!({}), invalid("sessionId")),
        (VERIFY, json!({"sessionId": " "}), blank("sessionId")),
    ] {
        assert_eq!(refusal(&core.post(path, body.clone()).await), (400, text), "{path} {body}");
    }
    for (body, text) in [
        (json!({"newEmail": "a@example.com"}), either.clone()),
        (json!({"newEmail": " ", "userId": "u"}), blank("newEmail")),
        (json!({"newPassword": " ", "userId": "u"}), blank("newPassword")),
        (json!({"userId": " "}), blank("userId")),
        (json!({"userId": null}), invalid("userId")),
        (json!({"email": " "}), blank("email")),
        (
            json!({"email": "a", "newEmail": format!("{}@example.com", "a".repeat(300))}),
            "Field name 'newEmail' can have at most 256 characters".to_owned(),
        ),
    ] {
        assert_eq!(refusal(&core.put(USER, body.clone()).await), (400, text), "{body}");
    }
    for (query, text) in [("", either), ("?userId=%20", blank("userId")), ("?email=%20", blank("email"))] {
        assert_eq!(refusal(&core.delete(&format!("{USER}{query}")).await), (400, text), "{query}");
    }
    let missing = |name: &str| (400, format!("Field name '{name}' is missing in GET request"));
    assert_eq!(refusal(&core.delete("/recipe/dashboard/session").await), missing("sessionId"));
    assert_eq!(refusal(&core.get("/recipe/dashboard/user/sessions").await), missing("userId"));
    assert_eq!(
        refusal(&core.get("/recipe/dashboard/user/sessions?userId=%20").await),
        (400, blank("userId"))
    );
}

#[tokio::test]
async fn a_change_ends_the_user_s_sessions() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann@example.com").await;
    let bob = user(&core, "bob@example.com").await;
    let of_bob = session(&core, "bob@example.com").await;
    let put = async |body: Value| core.put(USER, body).await.json();
    let of_ann = session(&core, "ann@example.com").await;
    let changed =
        put(json!({"userId": ann, "newEmail": " NEW@example.com ", "newPassword": "changed1"})).await;
    let shown = json!({"email": "new@example.com", "userId": ann, "timeJoined": START});
    assert_eq!(changed, json!({"status": "OK", "user": shown}));
    assert_eq!(verify(&core, &of_ann).await, json!({"status": "INVALID_SESSION_ERROR"}));
    assert!(sessions(&core, &ann).await.is_empty());
    assert_eq!(sign_in(&core, "ann@example.com", "changed1").await["status"], "INVALID_CREDENTIALS_ERROR");
    assert_eq!(sign_in(&core, "new@example.com", PASSWORD).await["status"], "INVALID_CREDENTIALS_ERROR");
    assert_eq!(sign_in(&core, "new@example.com", "changed1").await["status"], "OK");
    // By address, to the address that it is, and with the id before the address.
    let same = json!({"email": " NEW@example.com", "newEmail": "new@example.com", "newPassword": PASSWORD});
    assert_eq!(put(same).await["user"], shown);
    assert_eq!(sign_in(&core, "new@example.com", PASSWORD).await["status"], "OK");
    let by_id = put(json!({"userId": ann, "email": "bob@example.com", "newEmail": "ann@example.com"})).await;
    assert_eq!(by_id["user"]["email"], "ann@example.com");
    let taken = put(json!({"userId": ann, "newEmail": "bob@example.com", "newPassword": "changed1"})).await;
    assert_eq!(taken, json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}));
    assert_eq!(sign_in(&core, "ann@example.com", PASSWORD).await["status"], "OK", "both or nothing");
    for whom in [json!({"userId": "none"}), json!({"email": "none@example.com"})] {
        for with in [json!({}), json!({"newEmail": "bob@example.com"}), json!({"newPassword": "changed1"})] {
            let mut body = whom.clone();
            body.as_object_mut().unwrap().extend(with.as_object().unwrap().clone());
            assert_eq!(put(body).await, json!({"status": "UNKNOWN_USER_ERROR"}));
        }
    }
    assert_eq!(verify(&core, &of_bob).await["status"], "OK", "other users' sessions go on");
    assert_eq!(sessions(&core, &bob).await.len(), 1);
}

#[tokio::test]
async fn a_user_is_deleted_by_id_or_address_with_all_sessions() {
    let core = TestCore::start().await;
    for query in ["userId", "email"] {
        let ann = user(&core, "ann@example.com").await;
        let open = session(&core, "ann@example.com").await;
        let value = if query == "userId" { ann.clone() } else { "%20ANN@example.com".to_owned() };
        for existed in [true, false] {
            let reply = core.delete(&format!("{USER}?{query}={value}")).await.json();
            assert_eq!(reply, json!({"status": "OK", "didUserExist": existed}));
        }
        assert_eq!(verify(&core, &open).await["status"], "INVALID_SESSION_ERROR");
        assert!(sessions(&core, &ann).await.is_empty());
        assert_eq!(sign_in(&core, "ann@example.com", PASSWORD).await["status"], "INVALID_CREDENTIALS_ERROR");
    }
    user(&core, "ann@example.com").await;
    let id_first = core.delete(&format!("{USER}?userId=none&email=ann@example.com")).await.json();
    assert_eq!(id_first["didUserExist"], false);
}

#[tokio::test]
async fn a_session_is_listed_until_it_is_revoked() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann@example.com").await;
    let first = session(&core, "ann@example.com").await;
    core.advance(1);
    let second = session(&core, "ann@example.com").await;
    let entry = |id: &str, at: i64| json!({"userId": ann, "sessionId": id, "timeCreated": at, "expiry": at + 30 * DAY});
    assert_eq!(sessions(&core, &ann).await, [entry(&first, START), entry(&second, START + 1)]);
    for _ in 0..2 {
        let revoked = core.delete(&format!("/recipe/dashboard/session?sessionId=%20{first}")).await.json();
        assert_eq!(revoked, json!({"status": "OK"}), "an unknown one is no error");
    }
    assert_eq!(verify(&core, &first).await, json!({"status": "INVALID_SESSION_ERROR"}));
    assert_eq!(sessions(&core, &ann).await, [entry(&second, START + 1)]);
    assert_eq!(verify(&core, "none").await, json!({"status": "INVALID_SESSION_ERROR"}));
    assert!(sessions(&core, "none").await.is_empty());
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_and_is_deleted_later() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann@example.com").await;
    let open = session(&core, "ann@example.com").await;
    let rows = async || {
        let mut tx = core.app.db.read().await.unwrap();
        tx.fetch_all::<(String,)>("select session_id from dashboard_user_sessions", &[]).await.unwrap().len()
    };
    core.advance(30 * DAY);
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    assert_eq!((verify(&core, &open).await["status"].as_str(), rows().await), (Some("OK"), 1));
    core.advance(1);
    assert_eq!(verify(&core, &open).await["status"], "INVALID_SESSION_ERROR");
    assert!(sessions(&core, &ann).await.is_empty());
    assert_eq!(rows().await, 1);
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    assert_eq!(rows().await, 0);
}

#[tokio::test]
async fn wrong_credentials_are_all_alike_and_counted_if_wished() {
    let core = TestCore::start_with(&json!({"max_failed_attempts_per_account": 2})).await;
    user(&core, "ann@example.com").await;
    core.sign_up("ann@example.com", PASSWORD).await;
    for email in ["ann@example.com", "nobody@example.com"] {
        for _ in 0..2 {
            assert_eq!(sign_in(&core, email, "wrong").await, json!({"status": "INVALID_CREDENTIALS_ERROR"}));
        }
        let refused = core.post(SIGN_IN, json!({"email": email, "password": PASSWORD})).await;
        assert_eq!(refusal(&refused), (429, "Too many failed attempts: try again later".to_owned()));
    }
    let of_app = json!({"email": "ann@example.com", "password": PASSWORD});
    assert_eq!(core.post("/recipe/signin", of_app).await.status_word(), "OK", "users of the app count apart");
    core.advance(900_000);
    for _ in 0..3 {
        assert_eq!(sign_in(&core, "ann@example.com", PASSWORD).await["status"], "OK");
    }
}

/// The only user's hash.
async fn hash(core: &TestCore) -> String {
    let mut tx = core.app.db.read().await.unwrap();
    let row: Option<(String,)> =
        tx.fetch_optional("select password_hash from dashboard_users", &[]).await.unwrap();
    row.unwrap().0
}

#[tokio::test]
async fn a_hash_made_by_older_settings_is_renewed() {
    let cheap = TestCore::start().await;
    user(&cheap, "ann@example.com").await;
    let old = hash(&cheap).await;
    session(&cheap, "ann@example.com").await;
    assert_eq!(hash(&cheap).await, old, "it is as the settings want it");
    let core = TestCore::start_with(&json!({"bcrypt_log_rounds": 5})).await;
    user(&core, "ann@example.com").await;
    let mut tx = core.app.db.write().await.unwrap();
    tx.execute("update dashboard_users set password_hash = $1", args![&old]).await.unwrap();
    tx.commit().await.unwrap();
    let kept = session(&core, "ann@example.com").await;
    assert!(hash(&core).await.contains("$05$"));
    let again = session(&core, "ann@example.com").await;
    for open in [kept, again] {
        assert_eq!(verify(&core, &open).await["status"], "OK");
    }
}

#[tokio::test]
async fn each_app_has_its_own_users_and_only_its_public_tenant_asks() {
    let core = TestCore::start().await;
    for (path, body) in [
        ("/recipe/multitenancy/app/v2", json!({"appId": "a1"})),
        ("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})),
    ] {
        assert_eq!(core.put(path, body).await.status_word(), "OK");
    }
    user(&core, "ann@example.com").await;
    let body = json!({"email": "ann@example.com", "password": "another1password"});
    let of_app = core.post("/appid-a1/recipe/dashboard/user", body.clone()).await.json();
    assert_eq!(of_app["status"], "OK", "the same address");
    assert_eq!(
        sign_in(&core, "ann@example.com", "another1password").await["status"],
        "INVALID_CREDENTIALS_ERROR"
    );
    let open = core.post("/appid-a1/recipe/dashboard/signin", body.clone()).await.json()["sessionId"].clone();
    assert_eq!(verify(&core, open.as_str().unwrap()).await["status"], "INVALID_SESSION_ERROR");
    let listed = core.get("/appid-a1/recipe/dashboard/users").await.json();
    assert_eq!(listed["users"], json!([of_app["user"]]));
    let only = (403, "Only public tenantId can call this app specific API".to_owned());
    for reply in [
        core.post("/t1/recipe/dashboard/user", body.clone()).await,
        core.put("/t1/recipe/dashboard/user", json!({"userId": "u"})).await,
        core.delete("/t1/recipe/dashboard/user?userId=u").await,
        core.get("/t1/recipe/dashboard/users").await,
        core.get("/t1/recipe/dashboard/user/sessions?userId=u").await,
        core.delete("/t1/recipe/dashboard/session?sessionId=s").await,
        core.post("/t1/recipe/dashboard/signin", body.clone()).await,
        core.post("/t1/recipe/dashboard/session/verify", json!({"sessionId": "s"})).await,
    ] {
        assert_eq!(refusal(&reply), only);
    }
    let listed = core.cdi("4.0").get("/t1/recipe/dashboard/users").await.json();
    assert_eq!(listed["users"].as_array().unwrap().len(), 1);
    assert_eq!(
        core.post("/recipe/multitenancy/app/remove", json!({"appId": "a1"})).await.status_word(),
        "OK"
    );
    assert_eq!(sign_in(&core, "ann@example.com", PASSWORD).await["status"], "OK");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_take_one_address_at_once_one_gets_it() {
    let core = TestCore::start().await;
    let another = core.another().await;
    let of = |n: usize| if n.is_multiple_of(2) { core.clone() } else { another.clone() };
    let calls = (0..16).map(|n| {
        let core = of(n);
        async move { create(&core, "ann@example.com", PASSWORD).await }
    });
    let replies = futures_util::future::join_all(calls).await;
    assert_eq!(replies.iter().filter(|reply| reply["status"] == "OK").count(), 1);
    let mut users = Vec::new();
    for n in 0..6 {
        users.push(user(&core, &format!("user{n}@example.com")).await);
    }
    let calls = users.iter().enumerate().map(|(n, id)| {
        let (core, id) = (of(n), id.clone());
        async move { core.put(USER, json!({"userId": id, "newEmail": "new@example.com"})).await.json() }
    });
    let replies = futures_util::future::join_all(calls).await;
    assert_eq!(replies.iter().filter(|reply| reply["status"] == "OK").count(), 1);
    let taken = json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"});
    assert_eq!(replies.iter().filter(|reply| **reply == taken).count(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_session_of_an_old_password_outlives_its_change() {
    let core = TestCore::start().await;
    let another = core.another().await;
    let ann = user(&core, "ann@example.com").await;
    for n in 0..10 {
        let (old, new) = (format!("password{n}"), format!("password{}", n + 1));
        let first = json!({"userId": ann, "newPassword": old});
        assert_eq!(core.put(USER, first).await.status_word(), "OK");
        let change = json!({"userId": ann, "newPassword": new});
        let (_, changed) = tokio::join!(sign_in(&another, "ann@example.com", &old), core.put(USER, change));
        assert_eq!(changed.status_word(), "OK");
        assert!(sessions(&core, &ann).await.is_empty());
    }
}

async fn settings(core: &TestCore, path: &str) -> Vec<Value> {
    let reply = core.get(&format!("{path}/recipe/dashboard/tenant/core-config")).await.json();
    assert_eq!(reply["status"], "OK");
    reply["config"].as_array().unwrap().clone()
}

fn named<'v>(settings: &'v [Value], key: &str) -> Option<&'v Value> {
    settings.iter().find(|setting| setting["key"] == key)
}

#[tokio::test]
async fn a_tenant_s_settings_are_shown_with_what_holds_for_it() {
    let core = TestCore::start_with(&json!({"access_token_validity": 100, "log_level": "WARN"})).await;
    let own = json!({"tenantId": "t1", "coreConfig": {"passwordless_code_lifetime": "5000", "ip_deny_regex": "10\\..*"}});
    assert_eq!(core.put("/recipe/multitenancy/tenant/v2", own).await.status_word(), "OK");
    let shown = settings(&core, "/t1").await;
    for setting in &shown {
        let names: Vec<_> = setting.as_object().unwrap().keys().map(String::as_str).collect();
        let all = [
            "key",
            "valueType",
            "value",
            "description",
            "isDifferentAcrossTenants",
            "possibleValues",
            "isNullable",
            "defaultValue",
            "isPluginProperty",
            "isPluginPropertyEditable",
        ];
        assert_eq!(names, all, "{setting}");
    }
    let row = |key: &str, value_type: &str, value: Value, standard: Value, of_tenant: bool| {
        let description = named(&shown, key).unwrap()["description"].clone();
        assert!(!description.as_str().unwrap().is_empty());
        json!({
            "key": key, "valueType": value_type, "value": value, "description": description,
            "isDifferentAcrossTenants": of_tenant, "possibleValues": null, "isNullable": standard.is_null(),
            "defaultValue": standard, "isPluginProperty": false, "isPluginPropertyEditable": false,
        })
    };
    let mut algorithm = row("password_hashing_alg", "enum", json!("BCRYPT"), json!("BCRYPT"), false);
    algorithm["possibleValues"] = json!(["ARGON2", "BCRYPT"]);
    for wanted in [
        row("access_token_validity", "number", json!(100), json!(3600), false),
        row("refresh_token_validity", "number", json!(144_000.0), json!(144_000.0), false),
        row("passwordless_code_lifetime", "number", json!(5000), json!(900_000), true),
        row("ip_deny_regex", "string", json!("10\\..*"), Value::Null, true),
        row("ip_allow_regex", "string", Value::Null, Value::Null, true),
        row("disable_telemetry", "boolean", json!(false), json!(false), false),
        algorithm,
    ] {
        assert_eq!(named(&shown, wanted["key"].as_str().unwrap()), Some(&wanted));
    }
    for key in ["log_level", "port", "api_keys", "access_token_blacklisting", "core_config_version"] {
        assert_eq!(named(&shown, key), None, "{key}");
    }
    assert!(shown.iter().all(|setting| !setting["key"].as_str().unwrap().ends_with("_table_name")));
    assert_eq!(named(&settings(&core, "").await, "passwordless_code_lifetime").unwrap()["value"], 900_000);
    assert_eq!(core.get("/t2/recipe/dashboard/tenant/core-config").await.status, 400);
}

#[tokio::test]
async fn what_is_the_operator_s_own_is_not_shown_to_others_and_secrets_to_nobody() {
    let secret = "a-secret-of-the-operator-that-is-long-enough";
    let core = TestCore::start_with(&json!({
        "supertokens_saas_secret": secret, "api_keys": "a-key-of-every-caller",
        "firebase_password_hashing_signer_key": "hush", "postgresql_user": "me", "postgresql_password": "hush",
        "postgresql_host": "db.example.com",
    }))
    .await;
    let caller = settings(&core.header("api-key", "a-key-of-every-caller"), "").await;
    let operator = settings(&core.header("api-key", secret), "").await;
    let is_postgres = portcullis_testkit::is_postgres();
    assert!(named(&caller, "ip_allow_regex").is_none() && named(&operator, "ip_allow_regex").is_some());
    assert!(named(&caller, "postgresql_host").is_none());
    let value = |key: &str| named(&operator, key).map(|setting| setting["value"].clone());
    assert_eq!(value("firebase_password_hashing_signer_key"), Some(json!("********")));
    assert_eq!(value("postgresql_host"), is_postgres.then(|| json!("db.example.com")));
    assert_eq!(value("postgresql_password"), is_postgres.then(|| json!("********")));
    assert_eq!(value("postgresql_connection_uri"), is_postgres.then_some(Value::Null));
    if let Some(size) = named(&operator, "postgresql_connection_pool_size") {
        let of_plugin = (&size["isPluginProperty"], &size["isPluginPropertyEditable"]);
        assert_eq!(of_plugin, (&json!(true), &json!(true)));
    }
    let of_core = operator.iter().position(|setting| setting["isPluginProperty"] == true);
    let after = operator.iter().skip(of_core.unwrap_or(operator.len()));
    assert!(after.into_iter().all(|setting| setting["isPluginProperty"] == true), "the core's come first");
    assert!(!format!("{caller:?}{operator:?}").contains("hush"));
}
