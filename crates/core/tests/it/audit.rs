//! The audit trail: which events each call writes, that no call which changes something goes without, and that
//! nothing secret is in them.

use super::audit_calls as calls;
use super::webauthn;
use bytes::Bytes;
use http::Method;
use http_body_util::Full;
use portcullis_core::ground::audit::{Filter, Kind, StoredEvent, list};
use portcullis_db::args;
use portcullis_testkit::TestCore;
use portcullis_testkit::authenticator::{Algorithm, Authenticator};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const KEY: &str = "a-key-of-the-test-0123456789";
pub(super) const PASSWORD: &str = "the password of Ann";
pub(super) const NEW_PASSWORD: &str = "another password of Ann";
pub(super) const BCRYPT: &str = "$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm";

/// Calls that change nothing, or nothing that the trail tells of: `docs/audit.md` says why.
const WITHOUT: &[(&str, &str)] = &[
    ("Post /", "a greeting"),
    ("Put /", "a greeting"),
    ("Delete /", "a greeting"),
    ("Post /hello", "a greeting"),
    ("Put /hello", "a greeting"),
    ("Delete /hello", "a greeting"),
    ("Put /ee/license", "no licence is kept"),
    ("Delete /ee/license", "no licence is kept"),
    ("Post /recipe/handshake", "reads"),
    ("Post /recipe/jwt", "keeps nothing"),
    ("Post /recipe/session/verify", "the session is what it was"),
    ("Post /recipe/dashboard/session/verify", "reads"),
    ("Post /recipe/totp/device/status/bulk", "reads"),
    ("Post /recipe/user/metadata/bulk", "reads"),
    ("Post /recipe/user/password/check", "reads"),
    ("Post /recipe/signinup/code/check", "reads, and counts what failed"),
    ("Post /recipe/signinup/code", "a code changes nothing until it is used"),
    ("Post /recipe/signinup/code/remove", "a code that was not used has changed nothing"),
    ("Post /recipe/signinup/codes/remove", "codes that were not used have changed nothing"),
    ("Post /recipe/user/password/reset/token", "a token changes nothing until it is used"),
    ("Post /recipe/user/email/verify/token", "a token changes nothing until it is used"),
    ("Post /recipe/user/email/verify/token/remove", "a token that was not used has changed nothing"),
    ("Post /recipe/webauthn/options/register", "options change nothing until they are answered"),
    ("Post /recipe/webauthn/options/signin", "options change nothing until they are answered"),
    ("Delete /recipe/webauthn/options/remove", "options that were not answered have changed nothing"),
    ("Post /recipe/webauthn/user/recover/token", "a token changes nothing until it is used"),
];

/// A core, the events that it has written, and which calls wrote them.
pub(super) struct Trail {
    pub(super) core: TestCore,
    highest: i64,
    pub(super) all: Vec<StoredEvent>,
    pub(super) seen: BTreeMap<String, BTreeSet<String>>,
    pub(super) secrets: Vec<String>,
}

impl Trail {
    async fn start(settings: Value) -> Self {
        let core = TestCore::start_with(&settings).await;
        let core = core.header("api-key", KEY).header("caller-address", "192.0.2.7");
        let mut trail =
            Self { core, highest: 0, all: Vec::new(), seen: BTreeMap::new(), secrets: Vec::new() };
        trail.secret(KEY);
        // Keys are made at the first call that needs one.
        trail.call("Get", "/.well-known/jwks.json", Value::Null, &["signing_key_created"; 3]).await;
        trail
    }

    pub(super) fn secret(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    pub(super) async fn new_events(&mut self) -> Vec<StoredEvent> {
        let events = list(&self.core.app.db, self.highest, &Filter::default(), 10_000).await.unwrap();
        self.highest = events.last().map_or(self.highest, |event| event.id);
        self.all.extend(events.clone());
        events
    }

    /// Calls, and compares the kinds of the events that were written.
    pub(super) async fn call(&mut self, method: &str, path: &str, body: Value, expected: &[&str]) -> Value {
        let verb: Method = method.to_uppercase().parse().unwrap();
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let reply = self.core.send(verb, path, body).await;
        let answer = reply.json();
        let events = self.new_events().await;
        let kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
        assert_eq!(kinds, expected, "{method} {path}: {answer}");
        assert!(events.iter().all(|event| event.created_at == self.core.clock.now()), "{path}");
        let plain = path.split('?').next().unwrap();
        let plain = plain.strip_prefix("/t1").unwrap_or(plain);
        let kinds = kinds.into_iter().map(str::to_owned);
        self.seen.entry(format!("{method} {plain}")).or_default().extend(kinds);
        answer
    }

    pub(super) async fn post(&mut self, path: &str, body: Value, expected: &[&str]) -> Value {
        self.call("Post", path, body, expected).await
    }

    pub(super) async fn put(&mut self, path: &str, body: Value, expected: &[&str]) -> Value {
        self.call("Put", path, body, expected).await
    }

    pub(super) fn last(&self) -> &StoredEvent {
        self.all.last().unwrap()
    }
}

pub(super) fn payload(event: &StoredEvent) -> Value {
    serde_json::from_str(event.payload.as_deref().unwrap()).unwrap()
}

#[tokio::test]
async fn every_call_that_changes_something_writes_its_events_and_nothing_secret() {
    let mut trail = Trail::start(json!({"api_keys": KEY})).await;
    calls::tenants(&mut trail).await;
    calls::passwords(&mut trail).await;
    calls::addresses(&mut trail).await;
    calls::providers_and_codes(&mut trail).await;
    calls::passkeys(&mut trail).await;
    calls::linking(&mut trail).await;
    calls::sessions(&mut trail).await;
    calls::roles_and_metadata(&mut trail).await;
    calls::authenticator_apps(&mut trail).await;
    calls::dashboard(&mut trail).await;
    calls::imports(&mut trail).await;

    let names = trail.core.app.routes().names();
    let changing = names.iter().filter(|name| !name.starts_with("Get "));
    for name in changing {
        let writes = trail.seen.get(name).is_some_and(|kinds| !kinds.is_empty());
        let is_listed = WITHOUT.iter().any(|(without, reason)| without == name && !reason.is_empty());
        assert!(writes != is_listed, "{name}: writes {writes}, is listed {is_listed}");
    }
    for (name, _) in WITHOUT {
        assert!(names.iter().any(|known| known == name), "{name} is no endpoint");
    }
    let seen: BTreeSet<&str> = trail.all.iter().map(|event| event.kind.as_str()).collect();
    let never: Vec<&str> =
        Kind::ALL.iter().map(|kind| kind.name()).filter(|name| !seen.contains(name)).collect();
    assert_eq!(never, ["session_refreshed"], "no call here writes it");

    assert!(trail.secrets.len() > 20, "{}", trail.secrets.len());
    for event in &trail.all {
        let row = format!("{event:?}");
        let found = trail.secrets.iter().find(|secret| row.contains(secret.as_str()));
        assert_eq!(found, None, "{row}");
    }
}

#[tokio::test]
async fn a_backend_in_the_core_s_own_process_has_no_address() {
    let core = TestCore::start().await;
    let body = json!({"role": "admin", "permissions": []}).to_string();
    let request = http::Request::put("/recipe/role").body(Full::new(Bytes::from(body))).unwrap();
    let response = portcullis_core::http::handle(Arc::clone(&core.app), request, None).await;
    assert_eq!(response.status(), 200);
    let events = list(&core.app.db, 0, &Filter::default(), 10).await.unwrap();
    let expected = json!({"v": 1, "by": "embedded", "added": []});
    assert_eq!(events.iter().map(payload).collect::<Vec<_>>(), [expected]);
}

#[tokio::test]
async fn refreshes_are_told_only_if_they_are_asked_for() {
    for version in ["5.4", "5.6"] {
        let mut trail = Trail::start(json!({"api_keys": KEY, "audit_session_refreshes": true})).await;
        trail.core = trail.core.cdi(version);
        let body = json!({
            "userId": "ann", "enableAntiCsrf": false, "userDataInJWT": {}, "userDataInDatabase": {},
            "useDynamicSigningKey": true,
        });
        let made = trail.post("/recipe/session", body, &["session_created"]).await;
        let refresh = |made: &Value| json!({"refreshToken": made["refreshToken"]["token"], "enableAntiCsrf": false, "useDynamicSigningKey": true});
        let first: &[&str] = if version == "5.6" { &["session_refreshed"] } else { &[] };
        let second = trail.post("/recipe/session/refresh", refresh(&made), first).await;
        // Up to CDI 5.5 a token takes over when it is first used.
        trail.post("/recipe/session/refresh", refresh(&second), &["session_refreshed"]).await;
    }
}

#[tokio::test]
async fn an_event_that_cannot_be_kept_takes_its_change_with_it() {
    let core = TestCore::start().await;
    core.get("/.well-known/jwks.json").await.json();
    let mut tx = core.app.db.write().await.unwrap();
    tx.execute("alter table activity_log rename to activity_log_away", &[]).await.unwrap();
    tx.commit().await.unwrap();
    let credentials = json!({"email": "ann@example.com", "password": PASSWORD});
    let session =
        json!({"userId": "ann", "enableAntiCsrf": false, "userDataInJWT": {}, "userDataInDatabase": {}});
    for (path, body) in [
        ("/recipe/signup", credentials),
        ("/recipe/session", session),
        (
            "/bulk-import/users",
            json!({"users": [{"loginMethods": [
            {"recipeId": "emailpassword", "email": "a@b.c", "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt"}]}]}),
        ),
    ] {
        assert_eq!(core.post(path, body).await.status, 500, "{path}");
    }
    assert_eq!(core.put("/recipe/role", json!({"role": "admin", "permissions": []})).await.status, 500);
    for table in ["app_id_to_user_id", "recipe_user_tenants", "session_info", "roles", "bulk_import_users"] {
        let sql = format!("select count(*) from {table}");
        let rows: Vec<(i64,)> = core.app.db.read().await.unwrap().fetch_all(sql, args![]).await.unwrap();
        assert_eq!(rows, [(0,)], "{table}");
    }
}

#[tokio::test]
async fn a_change_that_is_undone_leaves_no_event() {
    let core = TestCore::start().await;
    let ids: Vec<Value> = {
        let mut ids = Vec::new();
        for name in ["ann", "bob"] {
            ids.push(core.sign_up(&format!("{name}@example.com"), PASSWORD).await["id"].clone());
        }
        ids
    };
    let primary = |id: &Value| json!({"recipeUserId": id});
    for id in &ids {
        core.post("/recipe/accountlinking/user/primary", primary(id)).await.json();
    }
    let before = list(&core.app.db, 0, &Filter::default(), 100).await.unwrap().len();
    // Taken by another primary user, once half of the change was written.
    let change = json!({"recipeUserId": ids[0], "email": "bob@example.com", "password": NEW_PASSWORD});
    assert_eq!(core.put("/recipe/user", change).await.status_word(), "EMAIL_CHANGE_NOT_ALLOWED_ERROR");
    let link = json!({"recipeUserId": ids[0], "primaryUserId": ids[1]});
    assert_ne!(core.post("/recipe/accountlinking/user/link", link).await.status_word(), "OK");
    assert_eq!(list(&core.app.db, 0, &Filter::default(), 100).await.unwrap().len(), before);
}

#[tokio::test]
async fn what_happens_to_a_linked_login_method_is_told_of_its_user() {
    let core = TestCore::start().await;
    let main = core.sign_up("main@example.com", PASSWORD).await["id"].clone();
    let own = core.sign_up("own@example.com", PASSWORD).await["id"].clone();
    let mut passkey = Authenticator::new(Algorithm::Es256);
    let signed_up = webauthn::sign_up(&core, "key@example.com", &mut passkey).await;
    let key = signed_up["user"]["id"].clone();
    core.post("/recipe/accountlinking/user/primary", json!({"recipeUserId": main})).await.json();
    for id in [&own, &key] {
        let link = json!({"recipeUserId": id, "primaryUserId": main});
        assert_eq!(core.post("/recipe/accountlinking/user/link", link).await.status_word(), "OK");
    }
    let seen = list(&core.app.db, 0, &Filter::default(), 100).await.unwrap().last().unwrap().id;
    let map = json!({"superTokensUserId": main, "externalUserId": "ext-main"});
    core.post("/recipe/userid/map", map).await.json();
    let map = json!({"superTokensUserId": own, "externalUserId": "ext-own"});
    core.post("/recipe/userid/map", map).await.json();
    let info = json!({"userId": "ext-own", "userIdType": "EXTERNAL", "externalUserIdInfo": "known"});
    core.put("/recipe/userid/external-user-id-info", info).await.json();
    let address = json!({"userId": "ext-own", "email": "own@example.com"});
    let token = core.post("/recipe/user/email/verify/token", address.clone()).await.json()["token"].clone();
    core.post("/recipe/user/email/verify", json!({"method": "token", "token": token})).await.json();
    core.post("/recipe/user/email/verify/remove", address).await.json();
    core.post("/recipe/userid/map/remove", json!({"userId": "ext-own", "userIdType": "EXTERNAL"}))
        .await
        .json();
    let key = key.as_str().unwrap();
    let query = format!("recipeUserId={key}&webauthnCredentialId={}", passkey.id());
    core.delete(&format!("/recipe/webauthn/user/credential/remove?{query}")).await.json();
    let events = list(&core.app.db, seen, &Filter::default(), 100).await.unwrap();
    let about = |event: &StoredEvent| {
        [event.kind.clone(), event.recipe_user_id.clone().unwrap(), event.user_id.clone().unwrap()]
    };
    assert_eq!(
        events.iter().map(about).collect::<Vec<_>>(),
        [
            ["user_id_mapping_created", "ext-main", "ext-main"],
            ["user_id_mapping_created", "ext-own", "ext-main"],
            ["user_id_mapping_updated", "ext-own", "ext-main"],
            ["email_verified", "ext-own", "ext-main"],
            ["email_unverified", "ext-own", "ext-main"],
            ["user_id_mapping_deleted", "ext-own", "ext-main"],
            ["webauthn_credential_deleted", key, "ext-main"],
        ]
    );
}

/// Sign-ins with an address and the test's password, all at once; what each answers.
async fn sign_in_all(core: &TestCore, names: &[&str]) -> Vec<String> {
    let sign_in = async |name: &&str| {
        let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        core.post("/recipe/signin", body).await.status_word()
    };
    futures_util::future::join_all(names.iter().map(sign_in)).await
}

#[tokio::test]
async fn of_sign_ins_that_come_at_once_each_has_its_event() {
    let core = TestCore::start().await;
    let mut ids = BTreeMap::new();
    for name in ["ann", "bob", "eve"] {
        let user = core.sign_up(&format!("{name}@example.com"), PASSWORD).await;
        let external = json!({"superTokensUserId": user["id"], "externalUserId": format!("ext-{name}")});
        assert_eq!(core.post("/recipe/userid/map", external).await.status_word(), "OK");
        ids.insert(format!("ext-{name}"), format!("{name}@example.com"));
    }
    // As many at a time as may wait for their hash.
    let names: Vec<&str> = ["ann", "bob", "eve", "zoe"].into_iter().cycle().take(60).collect();
    for _ in 0..4 {
        let words = sign_in_all(&core, &names).await;
        for (name, word) in names.iter().zip(words) {
            assert_eq!(word, if *name == "zoe" { "WRONG_CREDENTIALS_ERROR" } else { "OK" }, "{name}");
        }
    }
    let filter = Filter { kind: Some("emailpassword_sign_in".to_owned()), ..Filter::default() };
    let events = list(&core.app.db, 0, &filter, 10_000).await.unwrap();
    let mut counts = BTreeMap::new();
    for event in &events {
        let id = event.user_id.clone().unwrap();
        assert_eq!((event.recipe_user_id.as_ref(), event.identifier.as_ref()), (Some(&id), ids.get(&id)));
        assert_eq!(payload(event), json!({"v": 1, "by": "cdi", "caller": {"address": "127.0.0.1"}}));
        *counts.entry(id).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [60, 60, 60]);
}

#[tokio::test]
async fn who_is_deleted_or_linked_while_the_password_is_checked_does_not_sign_in_as_before() {
    // A hash that takes long enough for something to happen meanwhile.
    let core =
        TestCore::start_with(&json!({"password_hashing_alg": "BCRYPT", "bcrypt_log_rounds": 12})).await;
    let (ann, bob) =
        (core.sign_up("ann@example.com", PASSWORD).await, core.sign_up("bob@example.com", PASSWORD).await);
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        core.post("/user/remove", json!({"userId": ann["id"]})).await.status_word()
    };
    let (words, removed) = tokio::join!(sign_in_all(&core, &["ann"]), meanwhile);
    assert_eq!((words[0].as_str(), removed.as_str()), ("WRONG_CREDENTIALS_ERROR", "OK"));

    let main = core.sign_up("main@example.com", PASSWORD).await;
    let body = json!({"recipeUserId": main["id"]});
    assert_eq!(core.post("/recipe/accountlinking/user/primary", body).await.status_word(), "OK");
    let credentials = json!({"email": "bob@example.com", "password": PASSWORD});
    let meanwhile = async {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let body = json!({"recipeUserId": bob["id"], "primaryUserId": main["id"]});
        core.post("/recipe/accountlinking/user/link", body).await.status_word()
    };
    let (signed_in, linked) = tokio::join!(core.post("/recipe/signin", credentials), meanwhile);
    assert_eq!(linked, "OK");
    assert_eq!(signed_in.json()["user"]["id"], main["id"], "the user whose login method it is by now");
}
