//! Failed attempts at passwords and tokens: 429 once there were too many, where that is configured.

use super::webauthn;
use portcullis_core::jobs;
use portcullis_db::Engine;
use portcullis_testkit::authenticator::{Algorithm, Authenticator, Ceremony};
use portcullis_testkit::{Reply, TestCore};
use serde_json::{Value, json};

const EMAIL: &str = "ann@example.com";
const RIGHT: &str = "a good one";

async fn limited(settings: Value) -> TestCore {
    let core = TestCore::start_with(&settings).await;
    core.sign_up(EMAIL, RIGHT).await;
    core
}

async fn sign_in(core: &TestCore, email: &str, password: &str) -> Reply {
    core.post("/recipe/signin", json!({"email": email, "password": password})).await
}

#[tokio::test]
async fn nothing_is_counted_unless_it_is_configured() {
    let core = limited(json!({})).await.header("caller-address", "192.0.2.1");
    for _ in 0..30 {
        assert_eq!(sign_in(&core, EMAIL, "wrong").await.status_word(), "WRONG_CREDENTIALS_ERROR");
    }
    assert_eq!(sign_in(&core, EMAIL, RIGHT).await.status_word(), "OK");
}

#[tokio::test]
async fn an_account_is_closed_for_a_time_after_too_many_failed_attempts() {
    let settings = json!({"max_failed_attempts_per_account": 3, "failed_attempts_window_seconds": 60});
    let core = limited(settings).await;
    for _ in 0..2 {
        // A sign-in in between takes the failed ones away.
        for _ in 0..3 {
            assert_eq!(sign_in(&core, " ANN@example.com", "wrong").await.status, 200);
        }
        core.advance(60_000);
        assert_eq!(sign_in(&core, EMAIL, RIGHT).await.status_word(), "OK");
    }
    for _ in 0..3 {
        sign_in(&core, EMAIL, "wrong").await;
    }
    core.advance(10_000);
    let refused = sign_in(&core, EMAIL, RIGHT).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.text(), "Too many failed attempts: try again later\n");
    let wait: i64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((50..=51).contains(&wait), "{wait}");
    // Others are not concerned, and neither are addresses that nobody has.
    core.sign_up("bob@example.com", RIGHT).await;
    assert_eq!(sign_in(&core, "bob@example.com", RIGHT).await.status_word(), "OK");
    core.advance(wait * 1000);
    assert_eq!(sign_in(&core, EMAIL, RIGHT).await.status_word(), "OK");
}

#[tokio::test]
async fn an_unknown_address_is_closed_like_a_known_one() {
    let core = limited(json!({"max_failed_attempts_per_account": 2})).await;
    for email in [EMAIL, "nobody@example.com"] {
        let statuses = [0; 3].map(|_| sign_in(&core, email, "wrong"));
        let seen = futures_util::future::join_all(statuses).await;
        assert_eq!(seen.iter().filter(|reply| reply.status == 429).count(), 1, "{email}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_guesses_at_once_are_not_more_than_a_tenant_allows_even_at_two_cores() {
    let core = TestCore::start().await;
    let settings = json!({"tenantId": "t1", "coreConfig": {"max_failed_attempts_per_account": 5}});
    assert_eq!(core.put("/recipe/multitenancy/tenant/v2", settings).await.status_word(), "OK");
    let ann = |password: &str| json!({"email": EMAIL, "password": password});
    assert_eq!(core.post("/t1/recipe/signup", ann(RIGHT)).await.status_word(), "OK");
    let another = core.another().await;
    let guesses = (0..50).map(|n| {
        let core = if n % 2 == 0 { core.clone() } else { another.clone() };
        async move { core.post("/t1/recipe/signin", ann(&format!("guess {n}"))).await.status }
    });
    let seen = futures_util::future::join_all(guesses).await;
    assert_eq!(seen.iter().filter(|status| **status == 200).count(), 5);
    assert_eq!(another.post("/t1/recipe/signin", ann(RIGHT)).await.status, 429);
}

#[tokio::test]
async fn a_caller_is_refused_at_every_account_and_every_secret() {
    let core = limited(json!({"max_failed_attempts_per_caller": 3})).await;
    let at = |address: &str| core.header("caller-address", address);
    let (attacker, neighbour) = (at("2001:db8:1:2::7"), at("2001:db8:1:3::7"));
    assert_eq!(sign_in(&attacker, EMAIL, RIGHT).await.status_word(), "OK");
    let token = json!({"token": "a guess", "method": "token"});
    assert_eq!(sign_in(&attacker, "bob@example.com", "guess").await.status, 200);
    let consume = "/recipe/user/password/reset/token/consume";
    assert_eq!(attacker.post(consume, token.clone()).await.status, 200);
    assert_eq!(attacker.post("/recipe/user/email/verify", token.clone()).await.status, 200);
    // The same network, written otherwise.
    let moved = at("2001:0db8:0001:0002:ffff::1");
    assert_eq!(sign_in(&moved, EMAIL, RIGHT).await.status, 429);
    let reset = json!({"method": "token", "token": "a guess", "newPassword": "another good one"});
    let recover = "/recipe/webauthn/user/recover";
    for (path, body) in [
        (consume, &token),
        ("/recipe/user/email/verify", &token),
        ("/recipe/user/password/reset", &reset),
        (format!("{recover}/token/consume").as_str(), &token),
    ] {
        assert_eq!(moved.post(path, body.clone()).await.status, 429, "{path}");
    }
    assert_eq!(moved.get(&format!("{recover}?token=guess")).await.status, 429);
    assert_eq!(sign_in(&neighbour, EMAIL, RIGHT).await.status_word(), "OK");
    assert_eq!(sign_in(&core, EMAIL, RIGHT).await.status_word(), "OK", "nobody is named");
    let bad = sign_in(&at("example.com"), EMAIL, RIGHT).await;
    assert_eq!((bad.status, bad.text().as_str()), (400, "The header caller-address is not an IP address\n"));
}

#[tokio::test]
async fn codes_of_an_app_are_counted_for_their_user_beside_the_rules_of_the_recipe() {
    let core = limited(json!({"max_failed_attempts_per_account": 2, "totp_max_attempts": 9})).await;
    let device = json!({"userId": "ann", "deviceName": "phone", "skew": 1, "period": 30});
    assert_eq!(core.post("/recipe/totp/device", device).await.status_word(), "OK");
    let guess = json!({"userId": "ann", "deviceName": "phone", "totp": "guess"});
    for (path, status) in
        [("/recipe/totp/device/verify", 200), ("/recipe/totp/verify", 200), ("/recipe/totp/verify", 429)]
    {
        assert_eq!(core.post(path, guess.clone()).await.status, status, "{path}");
    }
    assert_eq!(core.post("/recipe/totp/device/verify", guess).await.status, 429);
    assert_eq!(sign_in(&core, EMAIL, RIGHT).await.status_word(), "OK", "passwords count apart");
}

#[tokio::test]
async fn what_was_not_looked_at_is_neither_a_failure_nor_a_new_beginning() {
    let core = limited(json!({"max_failed_attempts_per_account": 3, "totp_max_attempts": 2})).await;
    let device =
        json!({"userId": "ann", "deviceName": "phone", "skew": 1, "period": 30, "secretKey": "GEZDGNBV"});
    assert_eq!(core.post("/recipe/totp/device/import", device).await.status_word(), "OK");
    let guess = json!({"userId": "ann", "deviceName": "phone", "totp": "guess"});
    let words = async |path: &'static str, times: usize| {
        let mut words = Vec::new();
        for _ in 0..times {
            let reply = core.post(path, guess.clone()).await;
            words.push(if reply.status == 200 { reply.status_word() } else { reply.status.to_string() });
        }
        words
    };
    assert_eq!(words("/recipe/totp/verify", 2).await, ["INVALID_TOTP_ERROR"; 2]);
    // Any code will do for a device that is verified already.
    assert_eq!(words("/recipe/totp/device/verify", 5).await, ["OK"; 5]);
    assert_eq!(words("/recipe/totp/verify", 5).await, ["LIMIT_REACHED_ERROR"; 5]);
    let unknown = json!({"userId": "ann", "deviceName": "unknown", "totp": "guess"});
    assert_eq!(
        core.post("/recipe/totp/device/verify", unknown).await.status_word(),
        "UNKNOWN_DEVICE_ERROR",
        "the third"
    );
    assert_eq!(words("/recipe/totp/device/verify", 1).await, ["429"]);
}

#[tokio::test]
async fn who_is_refused_at_an_account_is_not_counted_as_a_caller() {
    let core =
        limited(json!({"max_failed_attempts_per_account": 2, "max_failed_attempts_per_caller": 4})).await;
    let core = core.header("caller-address", "192.0.2.1");
    for status in [200, 200, 429, 429, 429, 429, 429, 429] {
        assert_eq!(sign_in(&core, EMAIL, "wrong").await.status, status);
    }
    for (email, status) in [("bob@example.com", 200), ("carl@example.com", 200), ("dora@example.com", 429)] {
        assert_eq!(sign_in(&core, email, "wrong").await.status, status, "{email}");
    }
}

#[tokio::test]
async fn passkeys_count_for_callers_and_close_no_account() {
    let core =
        limited(json!({"max_failed_attempts_per_account": 1, "max_failed_attempts_per_caller": 3})).await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    webauthn::sign_up(&core, EMAIL, &mut authenticator).await;
    let attempt = async |core: &TestCore, authenticator: &mut Authenticator, origin: &str| {
        let options = webauthn::sign_in_options(core).await;
        let credential = authenticator.get(&Ceremony::of(&options, origin));
        core.post("/recipe/webauthn/signin", webauthn::answer(&options, &credential)).await
    };
    let attacker = core.header("caller-address", "192.0.2.1");
    let options = webauthn::sign_in_options(&attacker).await;
    let late = authenticator.get(&Ceremony::of(&options, webauthn::ORIGIN));
    attacker.advance(60_001);
    for _ in 0..4 {
        let reply = attacker.post("/recipe/webauthn/signin", webauthn::answer(&options, &late)).await;
        assert_eq!(reply.status_word(), "INVALID_OPTIONS_ERROR", "who is slow tries nothing");
        assert_eq!(attempt(&attacker, &mut authenticator, webauthn::ORIGIN).await.status_word(), "OK");
    }
    for _ in 0..2 {
        let reply = attempt(&attacker, &mut authenticator, "https://example.org").await;
        assert_eq!(reply.status_word(), "INVALID_AUTHENTICATOR_ERROR");
    }
    let reply = attempt(&attacker, &mut Authenticator::new(Algorithm::Es256), webauthn::ORIGIN).await;
    assert_eq!(reply.status_word(), "CREDENTIAL_NOT_FOUND_ERROR");
    assert_eq!(attempt(&attacker, &mut authenticator, webauthn::ORIGIN).await.status, 429);
    assert_eq!(sign_in(&attacker, EMAIL, RIGHT).await.status, 429, "at every secret");
    assert_eq!(attempt(&core, &mut authenticator, webauthn::ORIGIN).await.status_word(), "OK");
}

async fn run(core: &TestCore, statements: &[String]) {
    let mut tx = core.app.db.write().await.unwrap();
    for statement in statements {
        tx.execute(statement.clone(), &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Makes PostgreSQL break off so many calls, with a code, that would keep a TOTP code.
async fn break_off(core: &TestCore, calls: i64, code: &str) {
    let function = format!(
        "create function broken() returns trigger language plpgsql as $$ begin
            if nextval('broken_off') <= {calls} then raise 'broken off' using errcode = '{code}'; end if;
            return new;
         end $$"
    );
    let trigger =
        "create trigger broken before insert on totp_used_codes for each row execute function broken()";
    run(core, &["create sequence broken_off".to_owned(), function, trigger.to_owned()]).await;
}

#[tokio::test]
async fn an_attempt_that_the_database_broke_off_does_not_count() {
    let core =
        limited(json!({"max_failed_attempts_per_account": 1, "max_failed_attempts_per_caller": 1})).await;
    let core = core.header("caller-address", "192.0.2.1");
    let device =
        json!({"userId": "ann", "deviceName": "phone", "skew": 1, "period": 30, "secretKey": "GEZDGNBV"});
    assert_eq!(core.post("/recipe/totp/device/import", device).await.status_word(), "OK");
    let guess = async || core.post("/recipe/totp/verify", json!({"userId": "ann", "totp": "1"})).await.status;
    if core.app.db.engine() == Engine::Postgres {
        break_off(&core, 3, "58000").await;
    } else {
        let trigger = "create trigger broken before insert on totp_used_codes
            begin select raise(abort, 'broken off'); end";
        run(&core, &[trigger.to_owned()]).await;
    }
    for _ in 0..3 {
        assert_eq!(guess().await, 500);
    }
    if core.app.db.engine() == Engine::Sqlite {
        run(&core, &["drop trigger broken".to_owned()]).await;
    }
    assert_eq!([guess().await, guess().await], [200, 429]);
}

/// SQLite has one writer, and breaks no call off.
#[tokio::test]
async fn a_call_that_is_run_again_makes_one_attempt() {
    let core = limited(json!({"max_failed_attempts_per_account": 2})).await;
    let device =
        json!({"userId": "ann", "deviceName": "phone", "skew": 1, "period": 30, "secretKey": "GEZDGNBV"});
    assert_eq!(core.post("/recipe/totp/device/import", device).await.status_word(), "OK");
    if core.app.db.engine() == Engine::Postgres {
        break_off(&core, 3, "40001").await;
    }
    let guess = async || core.post("/recipe/totp/verify", json!({"userId": "ann", "totp": "1"})).await.status;
    assert_eq!([guess().await, guess().await, guess().await], [200, 200, 429]);
}

#[tokio::test]
async fn codes_that_were_sent_are_counted_for_their_address_whatever_the_device() {
    let core = limited(json!({"max_failed_attempts_per_account": 2})).await;
    let begin = async || core.post("/recipe/signinup/code", json!({"email": EMAIL})).await.json();
    let attempt = async |code: &Value, entered: &Value| {
        let body = json!({"preAuthSessionId": code["preAuthSessionId"], "deviceId": code["deviceId"], "userInputCode": entered});
        core.post("/recipe/signinup/code/consume", body).await
    };
    let wrong = json!("wrong");
    for _ in 0..2 {
        assert_eq!(attempt(&begin().await, &wrong).await.status, 200);
    }
    core.advance(900_000);
    let code = begin().await;
    assert_eq!(attempt(&code, &wrong).await.status, 200);
    assert_eq!(
        attempt(&code, &code["userInputCode"]).await.status_word(),
        "OK",
        "which takes the failed one away"
    );
    for _ in 0..2 {
        assert_eq!(attempt(&begin().await, &wrong).await.status, 200);
    }
    let code = begin().await;
    let link = json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]});
    assert_eq!(attempt(&code, &code["userInputCode"]).await.status, 429);
    assert_eq!(core.post("/recipe/signinup/code/check", link.clone()).await.status, 429);
    assert_eq!(sign_in(&core, EMAIL, RIGHT).await.status_word(), "OK", "passwords count apart");
    core.advance(900_000);
    for _ in 0..3 {
        assert_eq!(core.post("/recipe/signinup/code/check", link.clone()).await.status_word(), "OK");
    }
}

#[tokio::test]
async fn old_attempts_are_deleted() {
    let core = limited(json!({"max_failed_attempts_per_account": 3})).await;
    sign_in(&core, EMAIL, "wrong").await;
    let rows = async || {
        let mut tx = core.app.db.read().await.unwrap();
        tx.fetch_all::<(String,)>("select subject from portcullis_guesses", &[]).await.unwrap()
    };
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    let [(subject,)] = rows().await.try_into().unwrap();
    assert!(!subject.contains("ann"), "{subject}");
    core.advance(86_400_001);
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    assert!(rows().await.is_empty());
}
