//! The webauthn recipe: options, sign-up and sign-in, in every version.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_core::jobs;
use portcullis_testkit::authenticator::{
    Algorithm, Authenticator, BACKED_UP, BACKUP_ELIGIBLE, Ceremony, USER_PRESENT,
};
use portcullis_testkit::{START, TestCore};
use serde_json::{Value, json};

pub(super) const ORIGIN: &str = "https://example.com";
pub(super) const EMAIL: &str = "ann@example.com";
pub(super) const REGISTER_OPTIONS: &str = "/recipe/webauthn/options/register";
const SIGN_IN_OPTIONS: &str = "/recipe/webauthn/options/signin";

pub(super) fn register_body(email: &str) -> Value {
    json!({
        "email": email, "relyingPartyName": "Example", "relyingPartyId": "example.com", "origin": ORIGIN,
        "timeout": 60_000,
    })
}

pub(super) fn sign_in_body() -> Value {
    json!({"relyingPartyId": "example.com", "relyingPartyName": "Example", "origin": ORIGIN, "timeout": 60_000})
}

pub(super) async fn register_options(core: &TestCore, email: &str) -> Value {
    core.post(REGISTER_OPTIONS, register_body(email)).await.json()
}

pub(super) async fn sign_in_options(core: &TestCore) -> Value {
    core.post(SIGN_IN_OPTIONS, sign_in_body()).await.json()
}

/// What an endpoint is told about an answer to options.
pub(super) fn answer(options: &Value, credential: &Value) -> Value {
    json!({"webauthnGeneratedOptionsId": options["webauthnGeneratedOptionsId"], "credential": credential})
}

pub(super) async fn sign_up(core: &TestCore, email: &str, authenticator: &mut Authenticator) -> Value {
    let options = register_options(core, email).await;
    let credential = authenticator.create(&Ceremony::of(&options, ORIGIN));
    core.post("/recipe/webauthn/signup", answer(&options, &credential)).await.json()
}

pub(super) async fn sign_in(core: &TestCore, authenticator: &mut Authenticator) -> Value {
    let options = sign_in_options(core).await;
    let credential = authenticator.get(&Ceremony::of(&options, ORIGIN));
    core.post("/recipe/webauthn/signin", answer(&options, &credential)).await.json()
}

pub(super) async fn run(core: &TestCore, sql: &'static str) {
    let mut tx = core.app.db.write().await.unwrap();
    assert!(tx.execute(sql, &[]).await.unwrap() > 0);
    tx.commit().await.unwrap();
}

pub(super) async fn has_options(core: &TestCore, options: &Value) -> bool {
    let id = options["webauthnGeneratedOptionsId"].as_str().unwrap();
    let found = core.get(&format!("/recipe/webauthn/options?webauthnGeneratedOptionsId={id}")).await;
    match found.status_word().as_str() {
        "OK" => true,
        word => {
            assert_eq!(word, "OPTIONS_NOT_FOUND_ERROR");
            false
        }
    }
}

#[tokio::test]
async fn options_to_make_a_passkey_are_what_was_asked_for() {
    let core = TestCore::start().await;
    let mut body = register_body(" Ann@Example.com ");
    body.as_object_mut().unwrap().remove("timeout");
    let options = core.post(REGISTER_OPTIONS, body.clone()).await.json();
    let id = options["webauthnGeneratedOptionsId"].as_str().unwrap();
    let challenge = options["challenge"].as_str().unwrap();
    assert_eq!(URL_SAFE_NO_PAD.decode(challenge).unwrap().len(), 32);
    assert_eq!(
        options,
        json!({
            "status": "OK",
            "webauthnGeneratedOptionsId": id,
            "rp": {"id": "example.com", "name": "Example"},
            "user": {"id": URL_SAFE_NO_PAD.encode(id), "name": EMAIL, "displayName": EMAIL},
            "email": EMAIL,
            "timeout": 6000,
            "challenge": challenge,
            "attestation": "none",
            "createdAt": START,
            "expiresAt": START + 6000,
            "pubKeyCredParams": [
                {"alg": -8, "type": "public-key"},
                {"alg": -7, "type": "public-key"},
                {"alg": -257, "type": "public-key"},
            ],
            "excludeCredentials": [],
            "authenticatorSelection": {
                "requireResidentKey": true, "residentKey": "required", "userVerification": "preferred",
            },
        })
    );
    for (name, value) in [
        ("displayName", json!("Ann")),
        ("timeout", json!("1500")),
        ("attestation", json!("direct")),
        ("residentKey", json!("discouraged")),
        ("userVerification", json!("required")),
        ("userPresence", json!(true)),
        ("supportedAlgorithmIDs", json!([-7, "-257"])),
        ("supportedAlgorithmIds", json!([-999])),
    ] {
        body[name] = value;
    }
    let options = core.post(REGISTER_OPTIONS, body).await.json();
    assert_eq!(options["user"]["displayName"], "Ann");
    assert_eq!((&options["timeout"], &options["expiresAt"]), (&json!(1500), &json!(START + 1500)));
    assert_eq!(options["attestation"], "direct");
    let selection =
        json!({"requireResidentKey": false, "residentKey": "discouraged", "userVerification": "required"});
    assert_eq!(options["authenticatorSelection"], selection);
    let algorithms = json!([{"alg": -7, "type": "public-key"}, {"alg": -257, "type": "public-key"}]);
    assert_eq!(options["pubKeyCredParams"], algorithms);
    let user = core.sign_up(EMAIL, "password1").await;
    let handle = register_options(&core, EMAIL).await["user"]["id"].clone();
    assert_eq!(handle, URL_SAFE_NO_PAD.encode(user["id"].as_str().unwrap()), "a known user's");
}

#[tokio::test]
async fn an_empty_text_is_as_good_as_none() {
    let core = TestCore::start().await;
    let mut body = register_body(EMAIL);
    for name in ["displayName", "attestation", "residentKey", "userVerification"] {
        body[name] = "".into();
    }
    let options = core.post(REGISTER_OPTIONS, body).await.json();
    assert_eq!((&options["user"]["displayName"], &options["attestation"]), (&json!(EMAIL), &json!("none")));
    let selection =
        json!({"requireResidentKey": true, "residentKey": "required", "userVerification": "preferred"});
    assert_eq!(options["authenticatorSelection"], selection);
    let mut body = sign_in_body();
    body["userVerification"] = "".into();
    assert_eq!(core.post(SIGN_IN_OPTIONS, body).await.json()["userVerification"], "preferred");
}

#[tokio::test]
async fn authenticators_are_told_the_oldest_user_of_the_tenant() {
    let core = TestCore::start().await;
    assert_eq!(
        core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.status_word(),
        "OK"
    );
    let elsewhere = json!({"email": EMAIL, "password": "password1"});
    assert_eq!(core.post("/t1/recipe/signup", elsewhere).await.status_word(), "OK");
    let options = register_options(&core, EMAIL).await;
    let handle = |id: &Value| json!(URL_SAFE_NO_PAD.encode(id.as_str().unwrap()));
    assert_eq!(options["user"]["id"], handle(&options["webauthnGeneratedOptionsId"]), "another tenant's");
    core.advance(1000);
    let oldest = core.sign_up(EMAIL, "password1").await["id"].clone();
    core.advance(1000);
    assert_eq!(sign_up(&core, EMAIL, &mut Authenticator::new(Algorithm::Es256)).await["status"], "OK");
    assert_eq!(register_options(&core, EMAIL).await["user"]["id"], handle(&oldest));
}

#[tokio::test]
async fn options_to_sign_in_are_what_was_asked_for_and_both_kinds_are_kept() {
    let core = TestCore::start().await;
    let mut body = sign_in_body();
    body.as_object_mut().unwrap().remove("timeout");
    let options = core.post(SIGN_IN_OPTIONS, body).await.json();
    let (id, challenge) = (&options["webauthnGeneratedOptionsId"], &options["challenge"]);
    assert_eq!(
        options,
        json!({
            "status": "OK", "webauthnGeneratedOptionsId": id, "relyingPartyId": "example.com",
            "challenge": challenge, "timeout": 6000, "userVerification": "preferred", "userPresence": false,
            "createdAt": START, "expiresAt": START + 6000,
        })
    );
    let get =
        |id: &Value| format!("/recipe/webauthn/options?webauthnGeneratedOptionsId={}", id.as_str().unwrap());
    let kept = json!({
        "status": "OK", "webauthnGeneratedOptionsId": id, "relyingPartyId": "example.com",
        "relyingPartyName": "Example", "challenge": challenge, "timeout": 6000, "origin": ORIGIN, "email": null,
        "createdAt": START, "expiresAt": START + 6000, "userVerification": "preferred", "userPresence": false,
    });
    assert_eq!(core.get(&get(id)).await.json(), kept);
    let register = register_options(&core, EMAIL).await;
    let found = core.get(&get(&register["webauthnGeneratedOptionsId"])).await.json();
    assert_eq!((&found["email"], &found["timeout"]), (&json!(EMAIL), &json!(60_000)));
    // Options are a tenant's own.
    assert_eq!(
        core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.status_word(),
        "OK"
    );
    let elsewhere = format!("/t1{}", get(id));
    assert_eq!(core.get(&elsewhere).await.status_word(), "OPTIONS_NOT_FOUND_ERROR");
    // Expired ones are kept until the job comes by.
    core.advance(6001);
    assert!(has_options(&core, &options).await);
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    assert!(!has_options(&core, &options).await && has_options(&core, &register).await);
    let remove = |id: &Value| {
        let id = id.as_str().unwrap();
        format!("/recipe/webauthn/options/remove?webauthnGeneratedOptionsId={id}")
    };
    assert_eq!(core.delete(&remove(id)).await.status_word(), "OPTIONS_NOT_FOUND_ERROR");
    assert_eq!(core.delete(&remove(&register["webauthnGeneratedOptionsId"])).await.status_word(), "OK");
    assert!(!has_options(&core, &register).await);
}

#[tokio::test]
async fn missing_fields_are_named_in_order() {
    let core = TestCore::start().await;
    let credential = json!({"webauthnGeneratedOptionsId": "a", "credential": {}, "recipeUserId": "u"});
    for (path, body, order) in [
        (
            REGISTER_OPTIONS,
            register_body(EMAIL),
            &["email", "relyingPartyName", "relyingPartyId", "origin"][..],
        ),
        (SIGN_IN_OPTIONS, sign_in_body(), &["relyingPartyId", "relyingPartyName", "origin"]),
        ("/recipe/webauthn/signup", credential.clone(), &["webauthnGeneratedOptionsId", "credential"]),
        ("/recipe/webauthn/signin", credential.clone(), &["webauthnGeneratedOptionsId", "credential"]),
        (
            "/recipe/webauthn/user/credential/register",
            credential,
            &["recipeUserId", "webauthnGeneratedOptionsId", "credential"],
        ),
        ("/recipe/webauthn/user/recover/token", json!({"email": "a", "userId": "b"}), &["email", "userId"]),
        ("/recipe/webauthn/user/recover/token/consume", json!({"token": "a"}), &["token"]),
    ] {
        let mut given = json!({});
        for name in order {
            let reply = core.post(path, given.clone()).await;
            assert_eq!(reply.status, 400, "{path}");
            assert_eq!(reply.text(), format!("Field name '{name}' is invalid in JSON input\n"), "{path}");
            given[name] = body[name].clone();
        }
        assert_eq!(core.post(path, given).await.status, 200, "{path}");
    }
    let email = "/recipe/webauthn/user/email";
    let reply = core.put(email, json!({})).await;
    assert_eq!(reply.text(), "Field name 'recipeUserId' is invalid in JSON input\n");
    let reply = core.put(email, json!({"recipeUserId": "a"})).await;
    assert_eq!(reply.text(), "Field name 'email' is invalid in JSON input\n");
    for (path, name) in [
        ("/recipe/webauthn/options?a=b", "webauthnGeneratedOptionsId"),
        ("/recipe/webauthn/user/credential?a=b", "recipeUserId"),
        ("/recipe/webauthn/user/credential/?recipeUserId=a", "webauthnCredentialId"),
        ("/recipe/webauthn/user/credential/list?a=b", "recipeUserId"),
        ("/recipe/webauthn/user/recover?a=b", "token"),
    ] {
        let text = format!("Field name '{name}' is missing in GET request\n");
        assert_eq!(core.get(path).await.text(), text, "{path}");
    }
    for (path, name) in [
        ("/recipe/webauthn/options/remove?a=b", "webauthnGeneratedOptionsId"),
        ("/recipe/webauthn/user/credential/remove?a=b", "recipeUserId"),
        ("/recipe/webauthn/user/credential/remove?recipeUserId=a", "webauthnCredentialId"),
    ] {
        let text = format!("Field name '{name}' is missing in GET request\n");
        assert_eq!(core.delete(path).await.text(), text, "{path}");
    }
    let mut long = register_body(EMAIL);
    long["relyingPartyName"] = "x".repeat(257).into();
    assert_eq!(core.post(REGISTER_OPTIONS, long).await.status, 400);
    let mut odd = register_body(EMAIL);
    odd["supportedAlgorithmIDs"] = json!(-7);
    let reply = core.post(REGISTER_OPTIONS, odd).await;
    assert_eq!(reply.text(), "Field name 'supportedAlgorithmIDs' is invalid in JSON input\n");
}

#[tokio::test]
async fn options_that_make_no_sense_are_refused_with_a_reason() {
    let core = TestCore::start().await;
    let android = |hash: &str| json!(format!("android:apk-key-hash:{hash}"));
    let levels = "Must be one of: required, discouraged, preferred";
    let of_both = [
        ("origin", json!("example.com"), "Origin has to be a valid url!".to_owned()),
        ("origin", json!("https://example.org"), "Origin does not match RelyingParty Id".to_owned()),
        ("origin", json!("https://evilexample.com"), "Origin does not match RelyingParty Id".to_owned()),
        ("relyingPartyId", json!("www.example.com"), "Origin does not match RelyingParty Id".to_owned()),
        ("timeout", json!(-1), "Timeout must be a positive value".to_owned()),
        ("userVerification", json!("x"), format!("Invalid value 'x' for userVerification. {levels}")),
        ("origin", android(""), "Android origin must contain a valid base64 hash".to_owned()),
        (
            "origin",
            android("+/!"),
            "Android origin hash must be valid URL-safe base64 (no padding)".to_owned(),
        ),
        (
            "origin",
            android("AAAA"),
            "Android origin hash must be 43 characters (base64url SHA-256)".to_owned(),
        ),
    ];
    let of_registration = [
        (
            "attestation",
            json!("x"),
            "Invalid value 'x' for attestation. Must be one of: none, indirect, direct, enterprise"
                .to_owned(),
        ),
        ("residentKey", json!("x"), format!("Invalid value 'x' for residentKey. {levels}")),
        ("supportedAlgorithmIDs", json!(["x"]), "supportedAlgorithmIds has to be a JsonArray".to_owned()),
    ];
    for (name, value, reason) in of_both.iter().chain(&of_registration) {
        let mut body = register_body(EMAIL);
        body[*name] = value.clone();
        let reply = core.post(REGISTER_OPTIONS, body).await.json();
        assert_eq!(reply, json!({"status": "INVALID_OPTIONS_ERROR", "reason": reason}));
    }
    for (name, value, reason) in &of_both {
        let mut body = sign_in_body();
        body[*name] = value.clone();
        let reply = core.post(SIGN_IN_OPTIONS, body).await.json();
        assert_eq!(reply, json!({"status": "INVALID_OPTIONS_ERROR", "reason": reason}));
    }
    for origin in [android(&"A".repeat(43)), json!("http://example.com"), json!("https://a.example.com:8443")]
    {
        for (path, mut body) in [(REGISTER_OPTIONS, register_body(EMAIL)), (SIGN_IN_OPTIONS, sign_in_body())]
        {
            body["origin"] = origin.clone();
            assert_eq!(core.post(path, body).await.status_word(), "OK", "{origin}");
        }
    }
    // What is wrong first is said first.
    let mut body = register_body(EMAIL);
    for (name, value) in [
        ("residentKey", json!("x")),
        ("attestation", json!("x")),
        ("userVerification", json!("x")),
        ("timeout", json!(-1)),
        ("origin", json!("x")),
    ] {
        body[name] = value;
        let reply = core.post(REGISTER_OPTIONS, body.clone()).await.json();
        let reason = reply["reason"].as_str().unwrap().to_lowercase();
        assert!(reason.contains(&name.to_lowercase()), "{reason} {name}");
    }
}

#[tokio::test]
async fn who_signed_up_with_a_passkey_signs_in_with_it() {
    for algorithm in [Algorithm::Es256, Algorithm::Ed25519, Algorithm::Rs256] {
        let core = TestCore::start().await;
        let mut authenticator = Authenticator::new(algorithm);
        let reply = sign_up(&core, " Ann@Example.com ", &mut authenticator).await;
        let id = &reply["recipeUserId"];
        let credentials = json!({"credentialIds": [authenticator.id()]});
        let user = json!({
            "id": id, "isPrimaryUser": false, "tenantIds": ["public"], "timeJoined": START,
            "emails": [EMAIL], "phoneNumbers": [], "thirdParty": [], "webauthn": credentials,
            "loginMethods": [{
                "tenantIds": ["public"], "recipeUserId": id, "verified": false, "timeJoined": START,
                "recipeId": "webauthn", "email": EMAIL, "webauthn": credentials,
            }],
        });
        assert_eq!(
            reply,
            json!({
                "status": "OK", "user": user, "webauthnCredentialId": authenticator.id(),
                "relyingPartyId": "example.com", "relyingPartyName": "Example", "recipeUserId": id,
            }),
            "{algorithm:?}"
        );
        assert_ne!(*id, reply["webauthnGeneratedOptionsId"]);
        core.advance(5000);
        for _ in 0..2 {
            let reply = sign_in(&core, &mut authenticator).await;
            assert_eq!(reply, json!({"status": "OK", "user": user, "recipeUserId": id}), "{algorithm:?}");
        }
        assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 1);
        assert_eq!(core.get("/users/count?includeRecipeIds=webauthn").await.json()["count"], 1);
        assert_eq!(core.get("/users").await.json()["users"], json!([user]));
    }
}

#[tokio::test]
async fn versions_before_5_3_see_the_login_method_but_not_the_passkeys() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let id = sign_up(&core, EMAIL, &mut authenticator).await["recipeUserId"].clone();
    for version in ["4.0", "5.2", "5.3", "5.4", "5.5", "5.6"] {
        let core = core.cdi(version);
        let user = sign_in(&core, &mut authenticator).await["user"].clone();
        let knows = ["5.3", "5.4", "5.5", "5.6"].contains(&version);
        let method = &user["loginMethods"][0];
        assert_eq!(user.as_object().unwrap().len(), if knows { 9 } else { 8 }, "{version}");
        assert_eq!(method.as_object().unwrap().len(), if knows { 7 } else { 6 }, "{version}");
        assert_eq!(user["emails"], if knows { json!([EMAIL]) } else { json!([]) }, "{version}");
        assert_eq!((&method["recipeId"], &method["email"]), (&json!("webauthn"), &json!(EMAIL)));
        let by_id = core.get(&format!("/user/id?userId={}", id.as_str().unwrap())).await.json();
        assert_eq!(by_id["user"], user);
    }
    let old = sign_in(&core.cdi("3.1"), &mut authenticator).await;
    assert_eq!(old["user"], json!({"id": id, "timeJoined": START, "tenantIds": ["public"], "email": EMAIL}));
}

#[tokio::test]
async fn a_sign_up_says_what_is_wrong_in_order() {
    let core = TestCore::start().await;
    let path = "/recipe/webauthn/signup";
    let options = register_options(&core, EMAIL).await;
    let unknown = json!({"webauthnGeneratedOptionsId": "unknown", "credential": {}});
    assert_eq!(core.post(path, unknown).await.json(), json!({"status": "OPTIONS_NOT_FOUND_ERROR"}));
    for (credential, reason) in [
        (json!({}), "credential id is missing!"),
        (json!({"id": null}), "credential id is missing!"),
        (json!({"id": ""}), "credential id is empty!"),
        (json!({"id": "a b", "type": "public-key"}), "credential id has to be base64url without padding"),
        (json!({"id": "AAAA"}), "credential type is missing!"),
        (json!({"id": "AAAA", "type": ""}), "credential type is empty!"),
        (json!({"id": "AAAA", "type": "key"}), "not supported credential type: 'key'"),
        (json!({"id": "AAAA", "type": "public-key"}), "credential clientDataJSON is missing!"),
    ] {
        let reply = core.post(path, answer(&options, &credential)).await.json();
        assert_eq!(reply, json!({"status": "INVALID_CREDENTIALS_ERROR", "reason": reason}));
    }
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let credential = authenticator.create(&Ceremony::of(&options, ORIGIN));
    core.advance(60_001);
    let expired = json!({"status": "INVALID_OPTIONS_ERROR", "reason": "Options expired"});
    assert_eq!(core.post(path, answer(&options, &credential)).await.json(), expired);
    let hollow = json!({"id": "AAAA", "type": "public-key"});
    assert_eq!(core.post(path, answer(&options, &hollow)).await.json(), expired);
    let options = sign_in_options(&core).await;
    let reply = core.post(path, answer(&options, &hollow)).await.json();
    assert_eq!(reply, json!({"status": "INVALID_OPTIONS_ERROR", "reason": "Options were made to sign in"}));
    sign_up(&core, EMAIL, &mut authenticator).await;
    let second = sign_up(&core, EMAIL, &mut Authenticator::new(Algorithm::Es256)).await;
    assert_eq!(second, json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}));
    // One passkey, two accounts: a sign-in would not know whose it is.
    let reply = sign_up(&core, "bob@example.com", &mut authenticator).await;
    let reason = "The credential is registered already";
    assert_eq!(reply, json!({"status": "INVALID_CREDENTIALS_ERROR", "reason": reason}));
    assert_eq!(core.get("/users/count").await.json()["count"], 1, "the refused left nothing behind");
    assert_eq!(core.sign_up(EMAIL, "password1").await["emails"], json!([EMAIL]), "another recipe's address");
}

#[tokio::test]
async fn a_sign_in_says_what_is_wrong_in_order() {
    let core = TestCore::start().await;
    let path = "/recipe/webauthn/signin";
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    sign_up(&core, EMAIL, &mut authenticator).await;
    let options = sign_in_options(&core).await;
    let unknown = json!({"webauthnGeneratedOptionsId": "unknown", "credential": {}});
    assert_eq!(core.post(path, unknown).await.json(), json!({"status": "OPTIONS_NOT_FOUND_ERROR"}));
    let reply = core.post(path, answer(&options, &json!({}))).await.json();
    assert_eq!(reply, json!({"status": "INVALID_CREDENTIALS_ERROR", "reason": "credential id is missing!"}));
    let stranger = Authenticator::new(Algorithm::Es256).get(&Ceremony::of(&options, ORIGIN));
    core.advance(60_001);
    let reply = core.post(path, answer(&options, &stranger)).await.json();
    assert_eq!(reply, json!({"status": "CREDENTIAL_NOT_FOUND_ERROR"}), "before the options' age");
    let credential = authenticator.get(&Ceremony::of(&options, ORIGIN));
    let reply = core.post(path, answer(&options, &credential)).await.json();
    assert_eq!(reply, json!({"status": "INVALID_OPTIONS_ERROR", "reason": "Options expired"}));
}

#[tokio::test]
async fn from_5_5_on_a_sign_in_that_succeeds_uses_the_options_up() {
    let core = TestCore::start().await;
    for step in [0, 1] {
        let mut authenticator = Authenticator::new(Algorithm::Es256);
        (authenticator.counter, authenticator.step) = (0, step);
        sign_up(&core, &format!("{step}@example.com"), &mut authenticator).await;
        let options = sign_in_options(&core).await;
        let credential = authenticator.get(&Ceremony::of(&options, ORIGIN));
        let body = answer(&options, &credential);
        let mut tampered = body.clone();
        tampered["credential"]["response"]["signature"] = "AAAA".into();
        assert_eq!(
            core.post("/recipe/webauthn/signin", tampered).await.status_word(),
            "INVALID_AUTHENTICATOR_ERROR"
        );
        assert!(has_options(&core, &options).await, "nothing was proved");
        for word in ["OK", "OPTIONS_NOT_FOUND_ERROR"] {
            assert_eq!(core.post("/recipe/webauthn/signin", body.clone()).await.status_word(), word);
            assert!(!has_options(&core, &options).await);
        }
        assert_eq!(sign_in(&core, &mut authenticator).await["status"], "OK");
    }
}

#[tokio::test]
async fn before_5_5_the_options_stay_and_the_same_answer_is_taken_twice() {
    let core = TestCore::start().await.cdi("5.4");
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    sign_up(&core, EMAIL, &mut authenticator).await;
    let options = sign_in_options(&core).await;
    let credential = authenticator.get(&Ceremony::of(&options, ORIGIN));
    // Backends verify first and sign in afterwards, with the same answer; whoever comes third repeats it.
    for word in ["OK", "OK", "INVALID_AUTHENTICATOR_ERROR", "INVALID_AUTHENTICATOR_ERROR"] {
        let reply = core.post("/recipe/webauthn/signin", answer(&options, &credential)).await;
        assert_eq!(reply.status_word(), word);
        assert!(has_options(&core, &options).await);
    }
    let second = authenticator.get(&Ceremony::of(&options, ORIGIN));
    assert_eq!(core.post("/recipe/webauthn/signin", answer(&options, &second)).await.status_word(), "OK");
}

#[tokio::test]
async fn before_5_5_an_answer_without_a_counter_is_taken_twice_and_no_other_after_it() {
    let core = TestCore::start().await.cdi("5.4");
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    (authenticator.counter, authenticator.step) = (0, 0);
    sign_up(&core, EMAIL, &mut authenticator).await;
    let options = sign_in_options(&core).await;
    let first = authenticator.get(&Ceremony::of(&options, ORIGIN));
    let another = authenticator.get(&Ceremony::of(&options, ORIGIN));
    let repeated =
        json!({"status": "INVALID_AUTHENTICATOR_ERROR", "reason": "The options were answered before"});
    for (credential, is_taken) in [
        (&first, true),
        (&another, false),
        (&first, true),
        (&first, false),
        (&another, false),
        (&first, false),
    ] {
        let reply = core.post("/recipe/webauthn/signin", answer(&options, credential)).await.json();
        if is_taken {
            assert_eq!(reply["status"], "OK");
        } else {
            assert_eq!(reply, repeated);
        }
    }
    assert!(has_options(&core, &options).await);
    assert_eq!(sign_in(&core, &mut authenticator).await["status"], "OK", "other options, another answer");
}

#[tokio::test]
async fn backups_may_come_and_go() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    sign_up(&core, EMAIL, &mut authenticator).await;
    for flags in [0, BACKUP_ELIGIBLE, BACKUP_ELIGIBLE | BACKED_UP, 0] {
        let options = sign_in_options(&core).await;
        let ceremony = Ceremony { flags: USER_PRESENT | flags, ..Ceremony::of(&options, ORIGIN) };
        let credential = authenticator.get(&ceremony);
        let reply = core.post("/recipe/webauthn/signin", answer(&options, &credential)).await;
        assert_eq!(reply.status_word(), "OK", "{flags}");
    }
}
