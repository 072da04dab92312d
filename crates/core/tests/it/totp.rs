//! The totp recipe: every endpoint, every version's shape, and many callers at once.

use portcullis_core::jobs;
use portcullis_testkit::{START, TestCore};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

const DEVICE: &str = "/recipe/totp/device";
const VERIFY: &str = "/recipe/totp/verify";
const VERIFY_DEVICE: &str = "/recipe/totp/device/verify";
const IMPORT: &str = "/recipe/totp/device/import";
const REMOVE: &str = "/recipe/totp/device/remove";
const BULK: &str = "/recipe/totp/device/status/bulk";
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

/// The code of a secret, so many seconds from the core's time.
fn code(core: &TestCore, secret: &str, seconds: i64) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build_noncompliant();
    let time = u64::try_from(core.clock.now() / 1000 + seconds).unwrap();
    totp.generate(time).to_string()
}

async fn create(core: &TestCore, user: &str, name: &str) -> String {
    let device = json!({"userId": user, "deviceName": name, "skew": 1, "period": 30});
    let reply = core.post(DEVICE, device).await.json();
    assert_eq!((&reply["status"], &reply["deviceName"]), (&json!("OK"), &json!(name)));
    reply["secret"].as_str().unwrap().to_owned()
}

/// A verified device with a known secret.
async fn import(core: &TestCore, user: &str) {
    let device = json!({"userId": user, "deviceName": "a", "skew": 1, "period": 30, "secretKey": SECRET});
    assert_eq!(core.post(IMPORT, device).await.json(), json!({"status": "OK", "deviceName": "a"}));
}

async fn verify(core: &TestCore, user: &str, code: &str) -> Value {
    core.post(VERIFY, json!({"userId": user, "totp": code})).await.json()
}

async fn verify_device(core: &TestCore, user: &str, name: &str, code: &str) -> Value {
    core.post(VERIFY_DEVICE, json!({"userId": user, "deviceName": name, "totp": code})).await.json()
}

fn wrong(current: i64) -> Value {
    json!({
        "status": "INVALID_TOTP_ERROR", "currentNumberOfFailedAttempts": current, "maxNumberOfFailedAttempts": 5,
    })
}

fn limited(retry_after_ms: i64) -> Value {
    json!({
        "status": "LIMIT_REACHED_ERROR", "retryAfterMs": retry_after_ms, "currentNumberOfFailedAttempts": 5,
        "maxNumberOfFailedAttempts": 5,
    })
}

fn ok() -> Value {
    json!({"status": "OK"})
}

async fn devices(core: &TestCore, user: &str) -> Value {
    core.get(&format!("/recipe/totp/device/list?userId={user}")).await.json()["devices"].clone()
}

async fn count(core: &TestCore, table: &str) -> i64 {
    let mut tx = core.app.db.read().await.unwrap();
    let rows: Vec<(i64,)> = tx.fetch_all(format!("select count(*) from {table}"), &[]).await.unwrap();
    rows[0].0
}

#[tokio::test]
async fn a_device_is_made_verified_and_used() {
    let core = TestCore::start().await;
    let secret = create(&core, "ann", "phone").await;
    assert_eq!(secret.len(), 32);
    assert!(secret.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b)), "{secret}");
    let device = json!({"name": "phone", "period": 30, "skew": 1, "verified": false});
    assert_eq!(devices(&core, "ann").await, json!([device]));
    assert_eq!(verify(&core, "ann", &code(&core, &secret, 0)).await, wrong(1), "not before it is verified");
    core.advance(1);
    assert_eq!(verify_device(&core, "ann", "phone", "000").await, wrong(2));
    core.advance(1);
    let verified = verify_device(&core, "ann", "phone", &code(&core, &secret, 0)).await;
    assert_eq!(verified, json!({"status": "OK", "wasAlreadyVerified": false}));
    let again = verify_device(&core, "ann", "phone", "whatever it is").await;
    assert_eq!(again, json!({"status": "OK", "wasAlreadyVerified": true}));
    assert_eq!(devices(&core, "ann").await[0]["verified"], true);
    core.advance(1);
    assert_eq!(verify(&core, "ann", &code(&core, &secret, 0)).await, wrong(1), "it was used to verify");
    core.advance(30_000);
    assert_eq!(verify(&core, "ann", &code(&core, &secret, 0)).await, ok());
    assert_eq!(verify(&core, "bob", "000000").await, json!({"status": "UNKNOWN_USER_ID_ERROR"}));
    for (user, name) in [("bob", "phone"), ("ann", "watch")] {
        let unknown = verify_device(&core, user, name, "000000").await;
        assert_eq!(unknown, json!({"status": "UNKNOWN_DEVICE_ERROR"}), "{user}");
    }
    assert_eq!(devices(&core, "bob").await, json!([]));
}

fn field(name: &str) -> String {
    format!("Field name '{name}' is invalid in JSON input\n")
}

fn text(text: &str) -> String {
    format!("{text}\n")
}

#[tokio::test]
async fn missing_and_useless_fields_are_named_in_order() {
    let core = TestCore::start().await;
    let long = "a".repeat(257);
    for path in [DEVICE, IMPORT] {
        let mut faults = vec![
            (json!({}), field("userId")),
            (json!({"userId": 1}), field("userId")),
            (json!({"userId": "", "deviceName": 1}), field("deviceName")),
            (json!({"userId": "", "deviceName": null}), field("deviceName")),
            (json!({"userId": ""}), field("skew")),
            (json!({"userId": "", "skew": "x"}), field("skew")),
            (json!({"userId": "", "skew": -1}), field("period")),
        ];
        let whole = json!({"userId": "a", "deviceName": "b", "skew": 1, "period": 30, "secretKey": "c"});
        let with = |changes: &[(&str, Value)]| {
            let mut body = whole.clone();
            for (name, value) in changes {
                body[*name] = value.clone();
            }
            body
        };
        let (empty, below, zero) = (json!(""), json!(-1), json!(0));
        faults.extend([
            (
                with(&[("userId", empty.clone()), ("deviceName", empty.clone()), ("skew", below.clone())]),
                text("userId cannot be empty"),
            ),
            (
                with(&[("deviceName", empty.clone()), ("skew", below.clone())]),
                text("deviceName cannot be empty"),
            ),
            (with(&[("skew", below), ("period", zero.clone())]), text("skew must be >= 0")),
            (with(&[("skew", json!(1001))]), text("skew must be <= 1000")),
            (with(&[("period", zero)]), text("period must be > 0")),
            (
                with(&[("deviceName", json!(long))]),
                text("Field name 'deviceName' can have at most 256 characters"),
            ),
        ]);
        if path == IMPORT {
            faults.push((json!({"userId": "", "skew": 1, "period": 1}), field("secretKey")));
            let both = with(&[("secretKey", empty.clone()), ("skew", json!(-1))]);
            faults.push((both, text("secretKey cannot be empty")));
            let too_long = with(&[("secretKey", json!(long))]);
            faults.push((too_long, text("Field name 'secretKey' can have at most 256 characters")));
        }
        for (body, text) in faults {
            let reply = core.post(path, body.clone()).await;
            assert_eq!((reply.status, reply.text()), (400, text), "{path} {body}");
        }
    }
}

#[tokio::test]
async fn the_other_calls_name_them_too() {
    let core = TestCore::start().await;
    for (body, text) in [
        (json!({}), field("userId")),
        (json!({"userId": "a"}), field("existingDeviceName")),
        (json!({"userId": "a", "existingDeviceName": "b"}), field("newDeviceName")),
        (
            json!({"userId": "", "existingDeviceName": "", "newDeviceName": ""}),
            text("userId cannot be empty"),
        ),
        (
            json!({"userId": "a", "existingDeviceName": "", "newDeviceName": ""}),
            text("existingDeviceName cannot be empty"),
        ),
        (
            json!({"userId": "a", "existingDeviceName": "b", "newDeviceName": ""}),
            text("newDeviceName cannot be empty"),
        ),
    ] {
        let reply = core.put(DEVICE, body.clone()).await;
        assert_eq!((reply.status, reply.text()), (400, text), "{body}");
    }
    for (path, body, text) in [
        (REMOVE, json!({}), field("userId")),
        (REMOVE, json!({"userId": ""}), field("deviceName")),
        (REMOVE, json!({"userId": "", "deviceName": ""}), text("userId cannot be empty")),
        (REMOVE, json!({"userId": "a", "deviceName": ""}), text("deviceName cannot be empty")),
        (VERIFY_DEVICE, json!({"userId": ""}), field("deviceName")),
        (VERIFY_DEVICE, json!({"userId": "", "deviceName": ""}), field("totp")),
        (VERIFY_DEVICE, json!({"userId": "", "deviceName": "", "totp": ""}), text("userId cannot be empty")),
        (
            VERIFY_DEVICE,
            json!({"userId": "a", "deviceName": "", "totp": ""}),
            text("deviceName cannot be empty"),
        ),
        (VERIFY, json!({"totp": "a"}), field("userId")),
        (VERIFY, json!({"userId": ""}), field("totp")),
        (VERIFY, json!({"userId": "a", "totp": 123_456}), field("totp")),
        (VERIFY, json!({"userId": "", "totp": "a"}), text("userId cannot be empty")),
    ] {
        let reply = core.post(path, body.clone()).await;
        assert_eq!((reply.status, reply.text()), (400, text), "{path} {body}");
    }
    let list = core.get("/recipe/totp/device/list").await;
    assert_eq!(list.text(), "Field name 'userId' is missing in GET request\n");
    assert_eq!(core.get("/recipe/totp/device/list?userId=").await.text(), "userId cannot be empty\n");
    let numbers_as_text = json!({"userId": "a", "skew": "0", "period": "30"});
    assert_eq!(core.post(DEVICE, numbers_as_text).await.status_word(), "OK");
}

#[tokio::test]
async fn a_device_that_is_not_verified_gives_way_to_another_of_its_name() {
    let core = TestCore::start().await;
    let (first, second) = (create(&core, "ann", "phone").await, create(&core, "ann", "phone").await);
    assert_ne!(first, second);
    assert_eq!(devices(&core, "ann").await.as_array().unwrap().len(), 1);
    assert_eq!(verify_device(&core, "ann", "phone", &code(&core, &first, 0)).await, wrong(1));
    core.advance(1);
    assert_eq!(verify_device(&core, "ann", "phone", &code(&core, &second, 0)).await["status"], "OK");
    let body = json!({"userId": "ann", "deviceName": "phone", "skew": 1, "period": 30, "secretKey": SECRET});
    for path in [DEVICE, IMPORT] {
        let reply = core.post(path, body.clone()).await.json();
        assert_eq!(reply, json!({"status": "DEVICE_ALREADY_EXISTS_ERROR"}), "{path}");
    }
    create(&core, "bob", "phone").await;
    import(&core, "bob").await;
    let refused =
        core.post(DEVICE, json!({"userId": "eve", "deviceName": "", "skew": 1, "period": 30})).await;
    assert_eq!(refused.status, 400);
    assert_eq!(count(&core, "totp_users").await, 2, "who has no device leaves no trace");
}

#[tokio::test]
async fn a_device_without_a_name_is_numbered_after_the_verified_ones() {
    let core = TestCore::start().await;
    let nameless = json!({"userId": "ann", "skew": 0, "period": 30});
    let name = |path: &'static str| {
        let (core, mut body) = (core.clone(), nameless.clone());
        body["secretKey"] = json!(SECRET);
        async move { core.post(path, body).await.json()["deviceName"].clone() }
    };
    assert_eq!(name(DEVICE).await, "TOTP Device 0");
    assert_eq!(name(DEVICE).await, "TOTP Device 0", "the first one was not verified");
    assert_eq!(name(IMPORT).await, "TOTP Device 0", "nor was the second");
    assert_eq!(name(DEVICE).await, "TOTP Device 1");
    assert_eq!(name(IMPORT).await, "TOTP Device 1");
    core.post(REMOVE, json!({"userId": "ann", "deviceName": "TOTP Device 0"})).await.json();
    assert_eq!(name(DEVICE).await, "TOTP Device 2", "that of the verified one is taken");
    assert_eq!(devices(&core, "ann").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_imported_device_works_at_once() {
    let core = TestCore::start().await;
    import(&core, "ann").await;
    assert_eq!(
        devices(&core, "ann").await,
        json!([{"name": "a", "period": 30, "skew": 1, "verified": true}])
    );
    assert_eq!(verify(&core, "ann", &code(&core, SECRET, 0)).await, ok());
    let odd = json!({"userId": "bob", "skew": 0, "period": 30, "secretKey": "not base 32 at all: 0189"});
    assert_eq!(core.post(IMPORT, odd).await.status_word(), "OK");
    let nothing = json!({"userId": "eve", "skew": 0, "period": 30, "secretKey": "0189"});
    assert_eq!(core.post(IMPORT, nothing).await.status_word(), "OK");
    let of_nothing = Builder::new().with_secret(Vec::new()).build_noncompliant();
    let known_to_all = of_nothing.generate(u64::try_from(core.clock.now() / 1000).unwrap()).to_string();
    assert_eq!(verify(&core, "eve", &known_to_all).await, wrong(1), "a secret of no bytes is none");
}

#[tokio::test]
async fn devices_are_renamed() {
    let core = TestCore::start().await;
    create(&core, "ann", "a").await;
    core.advance(1);
    create(&core, "ann", "b").await;
    for (user, from, to, word) in [
        ("ann", "a", "a", "OK"),
        ("ann", "a", "b", "DEVICE_ALREADY_EXISTS_ERROR"),
        ("ann", "c", "b", "UNKNOWN_DEVICE_ERROR"),
        ("ann", "c", "c", "UNKNOWN_DEVICE_ERROR"),
        ("bob", "a", "d", "UNKNOWN_DEVICE_ERROR"),
        ("ann", "a", "d", "OK"),
    ] {
        let body = json!({"userId": user, "existingDeviceName": from, "newDeviceName": to});
        assert_eq!(core.put(DEVICE, body).await.json(), json!({"status": word}), "{user} {from} {to}");
    }
    let names: Vec<_> =
        devices(&core, "ann").await.as_array().unwrap().iter().map(|device| device["name"].clone()).collect();
    assert_eq!(names, ["d", "b"]);
}

#[tokio::test]
async fn with_the_last_device_go_the_codes() {
    let core = TestCore::start().await;
    let remove = |user: &str, name: &str| core.post(REMOVE, json!({"userId": user, "deviceName": name}));
    import(&core, "ann").await;
    create(&core, "ann", "b").await;
    for _ in 0..6 {
        verify(&core, "ann", "000").await;
        core.advance(1);
    }
    assert_eq!(remove("ann", "b").await.json(), json!({"status": "OK", "didDeviceExist": true}));
    assert_eq!(verify(&core, "ann", "000").await["status"], "LIMIT_REACHED_ERROR", "the other one is there");
    for (user, name) in [("ann", "b"), ("bob", "a")] {
        assert_eq!(remove(user, name).await.json(), json!({"status": "OK", "didDeviceExist": false}));
    }
    assert_eq!(remove("ann", "a").await.json(), json!({"status": "OK", "didDeviceExist": true}));
    assert_eq!(verify(&core, "ann", "000").await, json!({"status": "UNKNOWN_USER_ID_ERROR"}));
    for table in ["totp_users", "totp_user_devices", "totp_used_codes"] {
        assert_eq!(count(&core, table).await, 0, "{table}");
    }
    import(&core, "ann").await;
    assert_eq!(verify(&core, "ann", "000").await, wrong(1));
}

#[tokio::test]
async fn whose_devices_are_verified_is_told_in_the_order_asked() {
    let core = TestCore::start().await;
    create(&core, "unverified", "a").await;
    import(&core, "both").await;
    create(&core, "both", "b").await;
    let asked = json!({"userIds": ["none", "both", "unverified", "both"]});
    let told = json!({"status": "OK", "users": [
        {"userId": "none", "hasVerifiedDevice": null}, {"userId": "both", "hasVerifiedDevice": true},
        {"userId": "unverified", "hasVerifiedDevice": false}, {"userId": "both", "hasVerifiedDevice": true},
    ]});
    for version in ["2.21", "3.1", "5.6"] {
        assert_eq!(core.cdi(version).post(BULK, asked.clone()).await.json(), told, "{version}");
    }
    let empty = core.post(BULK, json!({"userIds": []})).await;
    assert_eq!(empty.json(), json!({"status": "OK", "users": []}));
    let many = |count: usize| json!({"userIds": vec!["a"; count]});
    assert_eq!(core.post(BULK, many(500)).await.json()["users"].as_array().unwrap().len(), 500);
    for (body, text) in [
        (many(501), "You can only query up to 500 users at a time.\n"),
        (json!({"userIds": ["a", 1]}), "userIds array must contain only strings\n"),
        (json!({"userIds": [null]}), "userIds array must contain only strings\n"),
        (json!({"userIds": "a"}), "Field name 'userIds' is invalid in JSON input\n"),
        (json!({}), "Field name 'userIds' is invalid in JSON input\n"),
    ] {
        let reply = core.post(BULK, body).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text));
    }
}

#[tokio::test]
async fn codes_of_neighbouring_periods_are_right_once_each() {
    let core = TestCore::start().await;
    import(&core, "ann").await;
    for seconds in [-30, 0, 30] {
        let code = code(&core, SECRET, seconds);
        assert_eq!(verify(&core, "ann", &code).await, ok(), "{seconds}");
        core.advance(1);
        assert_eq!(verify(&core, "ann", &code).await, wrong(1), "{seconds}: a code works once");
        core.advance(1);
    }
    for (seconds, failed) in [(-60, 2), (60, 3)] {
        assert_eq!(verify(&core, "ann", &code(&core, SECRET, seconds)).await, wrong(failed), "{seconds}");
        core.advance(1);
    }
}

#[tokio::test]
async fn the_sixth_wrong_code_is_not_looked_at() {
    let core = TestCore::start().await;
    import(&core, "ann").await;
    for number in 1..=5 {
        assert_eq!(verify(&core, "ann", "00000").await, wrong(number));
        core.advance(1000);
    }
    assert_eq!(verify(&core, "ann", "00000").await, limited(899_000));
    assert_eq!(verify(&core, "ann", &code(&core, SECRET, 0)).await, limited(899_000), "not even a right one");
    let create_another = create(&core, "ann", "b").await;
    let code_of_b = code(&core, &create_another, 0);
    assert_eq!(verify_device(&core, "ann", "b", &code_of_b).await, limited(899_000));
    core.advance(898_999);
    assert_eq!(verify(&core, "ann", "00000").await, limited(1), "and nothing made it longer");
    core.advance(1);
    assert_eq!(verify(&core, "ann", "00000").await, wrong(1), "anew");
    core.advance(1);
    assert_eq!(verify(&core, "ann", &code(&core, SECRET, 0)).await, ok());
    core.advance(1);
    assert_eq!(verify(&core, "ann", "00000").await, wrong(1), "a right one is a new beginning");
}

#[tokio::test]
async fn before_5_0_nobody_is_told_how_often() {
    let core = TestCore::start_with(&json!({"totp_max_attempts": 1})).await;
    import(&core, "ann").await;
    create(&core, "bob", "a").await;
    for (version, counts) in [("2.21", false), ("3.1", false), ("4.0", false), ("5.0", true), ("5.6", true)] {
        let core = core.cdi(version);
        for user in ["ann", "bob"] {
            let asked = json!({"userId": user, "deviceName": "a", "totp": "1"});
            let path = if user == "ann" { VERIFY } else { VERIFY_DEVICE };
            let mut invalid = json!({"status": "INVALID_TOTP_ERROR"});
            let mut limited = json!({"status": "LIMIT_REACHED_ERROR", "retryAfterMs": 900_000});
            for reply in [&mut invalid, &mut limited] {
                if counts {
                    reply["currentNumberOfFailedAttempts"] = json!(1);
                    reply["maxNumberOfFailedAttempts"] = json!(1);
                }
            }
            assert_eq!(core.post(path, asked.clone()).await.json(), invalid, "{version} {path}");
            assert_eq!(core.post(path, asked).await.json(), limited, "{version} {path}");
        }
        core.advance(900_000);
    }
}

#[tokio::test]
async fn a_code_that_is_too_long_is_wrong_and_forgotten() {
    let core = TestCore::start().await;
    import(&core, "ann").await;
    for _ in 0..7 {
        assert_eq!(verify(&core, "ann", "123456789").await, wrong(1));
    }
    assert_eq!(count(&core, "totp_used_codes").await, 0);
    assert_eq!(verify(&core, "ann", "\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}").await, wrong(1));
    assert_eq!(count(&core, "totp_used_codes").await, 1);
}

#[tokio::test]
async fn each_tenant_has_its_own_codes_and_limits() {
    let core = TestCore::start().await;
    let own =
        json!({"tenantId": "t1", "coreConfig": {"totp_max_attempts": 1, "totp_rate_limit_cooldown_sec": 60}});
    core.put("/recipe/multitenancy/tenant/v2", own).await.json();
    import(&core, "ann").await;
    let code = code(&core, SECRET, 0);
    let asked = json!({"userId": "ann", "totp": code});
    for path in [VERIFY, "/t1/recipe/totp/verify"] {
        assert_eq!(core.post(path, asked.clone()).await.json(), ok(), "{path}");
    }
    core.advance(1);
    let replay = core.post("/t1/recipe/totp/verify", asked.clone()).await.json();
    assert_eq!(
        (&replay["status"], &replay["maxNumberOfFailedAttempts"]),
        (&json!("INVALID_TOTP_ERROR"), &json!(1))
    );
    let limited = core.post("/t1/recipe/totp/verify", asked.clone()).await.json();
    assert_eq!(limited["retryAfterMs"], 60_000);
    assert_eq!(verify(&core, "ann", "0").await, wrong(1), "elsewhere it is the first");
    let secret = create(&core, "bob", "b").await;
    let body = json!({"userId": "bob", "deviceName": "b", "totp": self::code(&core, &secret, 0)});
    let reply = core.post("/t1/recipe/totp/device/verify", body).await;
    assert_eq!(reply.json(), json!({"status": "OK", "wasAlreadyVerified": false}), "devices are the app's");
    core.post("/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await.json();
    assert_eq!(count(&core, "totp_used_codes").await, 2, "the tenant's went with it");
    assert_eq!(core.post("/t1/recipe/totp/verify", asked).await.status, 400);
}

#[tokio::test]
async fn devices_are_a_matter_of_the_public_tenant_from_5_0_on() {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.json();
    let body = json!({
        "userId": "ann", "deviceName": "a", "skew": 1, "period": 30, "secretKey": SECRET, "userIds": [],
        "existingDeviceName": "a", "newDeviceName": "a",
    });
    let denied = "Only public tenantId can call this app specific API\n";
    for (path, put) in [(DEVICE, false), (DEVICE, true), (REMOVE, false), (IMPORT, false), (BULK, false)] {
        for (version, status) in [("3.0", 200), ("4.0", 200), ("5.0", 403), ("5.6", 403)] {
            let (core, path) = (core.cdi(version), format!("/t1{path}"));
            let reply =
                if put { core.put(&path, body.clone()).await } else { core.post(&path, body.clone()).await };
            assert_eq!(reply.status, status, "{version} {path} {}", reply.text());
            assert!(status == 200 || reply.text() == denied, "{}", reply.text());
        }
    }
    assert_eq!(core.get("/t1/recipe/totp/device/list?userId=ann").await.text(), denied);
    let old = core.cdi("4.0").get("/t1/recipe/totp/device/list?userId=ann").await.json();
    assert_eq!(old["devices"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn expired_codes_go_once_they_count_no_more() {
    let core = TestCore::start().await;
    let long = json!({"tenantId": "t1", "coreConfig": {"totp_rate_limit_cooldown_sec": 7200}});
    core.put("/recipe/multitenancy/tenant/v2", long).await.json();
    import(&core, "ann").await;
    for _ in 0..5 {
        for path in [VERIFY, "/t1/recipe/totp/verify"] {
            core.post(path, json!({"userId": "ann", "totp": "0"})).await.json();
        }
        core.advance(1);
    }
    core.advance(899_990);
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
    assert_eq!(verify(&core, "ann", "0").await, limited(9), "nobody gets out of a limit early");
    assert_eq!(count(&core, "totp_used_codes").await, 10);
    core.clock.set(START + 900_000 + 90_000 + 2);
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
    assert_eq!(count(&core, "totp_used_codes").await, 8, "the first two of the public tenant");
    core.clock.set(START + 7_200_000 + 90_000 + 5);
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
    assert_eq!(count(&core, "totp_used_codes").await, 0);
    assert_eq!(count(&core, "totp_users").await, 1);
}

#[tokio::test]
async fn what_a_deleted_user_had_goes_under_both_ids() {
    let core = TestCore::start().await;
    let id = core.sign_up("ann@example.com", "password1").await["id"].as_str().unwrap().to_owned();
    let mut tx = core.app.db.write().await.unwrap();
    let sql = "insert into userid_mapping (app_id, supertokens_user_id, external_user_id)
        values ('public', $1, 'external')";
    tx.execute(sql, portcullis_db::args![&id]).await.unwrap();
    tx.commit().await.unwrap();
    for user in ["external", id.as_str(), "bob"] {
        import(&core, user).await;
    }
    assert_eq!(
        verify(&core, "external", &code(&core, SECRET, 0)).await,
        ok(),
        "ids are kept as they are sent"
    );
    core.post("/user/remove", json!({"userId": "external"})).await.json();
    assert_eq!(count(&core, "totp_users").await, 1);
    assert_eq!(devices(&core, "bob").await.as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_code_shown_fifty_times_at_once_is_right_once() {
    let core = TestCore::start_with(&json!({"totp_max_attempts": 100})).await;
    import(&core, "ann").await;
    let secret = create(&core, "bob", "b").await;
    for (user, path, code) in
        [("ann", VERIFY, code(&core, SECRET, 0)), ("bob", VERIFY_DEVICE, code(&core, &secret, 0))]
    {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (core, body) = (core.clone(), json!({"userId": user, "deviceName": "b", "totp": code}));
            tasks.spawn(async move { core.post(path, body).await.json() });
        }
        let replies = tasks.join_all().await;
        let right = |reply: &Value| reply["status"] == "OK" && reply["wasAlreadyVerified"] != true;
        assert_eq!(replies.iter().filter(|reply| right(reply)).count(), 1, "{path}");
        if user == "ann" {
            let wrong: Vec<_> =
                replies.iter().filter(|reply| reply["status"] == "INVALID_TOTP_ERROR").collect();
            assert_eq!(wrong.len(), 49);
            let most =
                wrong.iter().map(|reply| reply["currentNumberOfFailedAttempts"].as_i64().unwrap()).max();
            assert!(most >= Some(25), "each counts: {most:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_guesses_at_once_no_more_than_five_are_looked_at() {
    let core = TestCore::start().await;
    import(&core, "ann").await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let core = core.clone();
        tasks.spawn(async move { verify(&core, "ann", "000").await["status"].clone() });
    }
    let words = tasks.join_all().await;
    assert_eq!(words.iter().filter(|word| *word == "INVALID_TOTP_ERROR").count(), 5);
    assert_eq!(words.iter().filter(|word| *word == "LIMIT_REACHED_ERROR").count(), 45);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn devices_come_and_go_at_once() {
    let core = TestCore::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40 {
        let core = core.clone();
        tasks.spawn(async move {
            let body = json!({"userId": "ann", "deviceName": "a", "skew": 1, "period": 30});
            let path = if number % 2 == 0 { DEVICE } else { REMOVE };
            core.post(path, body).await.status_word()
        });
    }
    assert!(tasks.join_all().await.iter().all(|word| word == "OK"));
    create(&core, "ann", "a").await;
    assert_eq!(devices(&core, "ann").await.as_array().unwrap().len(), 1);
}
