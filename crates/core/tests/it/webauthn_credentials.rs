//! The webauthn recipe: several passkeys of a user, accounts to get back, and changed addresses.

use super::webauthn::{EMAIL, ORIGIN, answer, register_options, run, sign_in, sign_in_options, sign_up};
use portcullis_core::jobs;
use portcullis_testkit::authenticator::{Algorithm, Authenticator, Ceremony};
use portcullis_testkit::{START, TestCore};
use serde_json::{Value, json};

const REGISTER: &str = "/recipe/webauthn/user/credential/register";
const RECOVER: &str = "/recipe/webauthn/user/recover/token";
const CONSUME: &str = "/recipe/webauthn/user/recover/token/consume";
const EMAIL_PATH: &str = "/recipe/webauthn/user/email";

async fn add(core: &TestCore, id: &str, authenticator: &mut Authenticator) -> Value {
    let options = register_options(core, EMAIL).await;
    let mut body = answer(&options, &authenticator.create(&Ceremony::of(&options, ORIGIN)));
    body["recipeUserId"] = id.into();
    core.post(REGISTER, body).await.json()
}

async fn list(core: &TestCore, id: &str) -> Value {
    let path = format!("/recipe/webauthn/user/credential/list?recipeUserId={id}");
    core.get(&path).await.json()["credentials"].clone()
}

async fn get(core: &TestCore, id: &str, credential: &str) -> Value {
    let query = format!("?recipeUserId={id}&webauthnCredentialId={credential}");
    core.get(&format!("/recipe/webauthn/user/credential{query}")).await.json()
}

async fn remove(core: &TestCore, id: &str, credential: &str) -> Value {
    let query = format!("?recipeUserId={id}&webauthnCredentialId={credential}");
    core.delete(&format!("/recipe/webauthn/user/credential/remove{query}")).await.json()
}

async fn new_user(core: &TestCore, email: &str, authenticator: &mut Authenticator) -> String {
    sign_up(core, email, authenticator).await["recipeUserId"].as_str().unwrap().to_owned()
}

/// Gives every user the id `mapped-<address>`.
async fn map_ids(core: &TestCore) {
    run(
        core,
        "insert into userid_mapping (app_id, supertokens_user_id, external_user_id)
            select app_id, recipe_user_id, 'mapped-' || recipe_id from recipe_user_account_infos
            where account_info_value = 'ann@example.com'",
    )
    .await;
}

/// Makes the user of Ann's password primary, and links Ann's passkeys to it.
async fn link(core: &TestCore) {
    run(
        core,
        "update app_id_to_user_id set is_linked_or_is_a_primary_user = true, primary_or_recipe_user_id =
            (select user_id from emailpassword_users where email = 'ann@example.com')",
    )
    .await;
    run(
        core,
        "insert into primary_user_tenants (app_id, tenant_id, account_info_type, account_info_value, primary_user_id)
            select app_id, 'public', 'email', email, user_id from emailpassword_users
            where email = 'ann@example.com'",
    )
    .await;
}

#[tokio::test]
async fn a_user_has_several_passkeys_and_loses_them_one_by_one() {
    let core = TestCore::start().await;
    let mut first = Authenticator::new(Algorithm::Es256);
    let mut second = Authenticator::new(Algorithm::Ed25519);
    let id = new_user(&core, EMAIL, &mut first).await;
    core.advance(1000);
    assert_eq!(
        add(&core, &id, &mut second).await,
        json!({
            "status": "OK", "webauthnCredentialId": second.id(), "recipeUserId": id, "email": EMAIL,
            "relyingPartyId": "example.com", "relyingPartyName": "Example",
        })
    );
    let entry = |authenticator: &Authenticator, at: i64| {
        json!({
            "webauthnCredentialId": authenticator.id(), "recipeUserId": id, "relyingPartyId": "example.com",
            "createdAt": at,
        })
    };
    assert_eq!(list(&core, &id).await, json!([entry(&first, START), entry(&second, START + 1000)]));
    for authenticator in [&mut first, &mut second] {
        assert_eq!(sign_in(&core, authenticator).await["user"]["id"], json!(id));
    }
    let mut found = entry(&second, START + 1000);
    (found["status"], found["updatedAt"]) = ("OK".into(), (START + 1000).into());
    assert_eq!(get(&core, &id, &second.id()).await, found);
    assert_eq!(add(&core, &id, &mut second).await, json!({"status": "CREDENTIAL_ALREADY_EXISTS_ERROR"}));
    let not_found = json!({"status": "CREDENTIAL_NOT_FOUND_ERROR"});
    for (user, credential) in [("unknown", first.id()), (id.as_str(), "unknown".to_owned())] {
        assert_eq!(get(&core, user, &credential).await, not_found);
        assert_eq!(remove(&core, user, &credential).await, not_found);
    }
    assert_eq!(list(&core, "unknown").await, json!([]));
    assert_eq!(remove(&core, &id, &first.id()).await, json!({"status": "OK"}));
    assert_eq!(get(&core, &id, &first.id()).await, not_found);
    assert_eq!(sign_in(&core, &mut first).await, not_found);
    assert_eq!(sign_in(&core, &mut second).await["status"], "OK");
    // The last one may go too; the user stays, and is given another.
    assert_eq!(remove(&core, &id, &second.id()).await, json!({"status": "OK"}));
    let user = core.get(&format!("/user/id?userId={id}")).await.json()["user"].clone();
    assert_eq!(user["webauthn"], json!({"credentialIds": []}));
    assert_eq!(user["loginMethods"][0]["webauthn"], json!({"credentialIds": []}));
    assert_eq!(add(&core, &id, &mut first).await["status"], "OK");
    assert_eq!(sign_in(&core, &mut first).await["user"]["webauthn"], json!({"credentialIds": [first.id()]}));
}

#[tokio::test]
async fn adding_a_passkey_says_what_is_wrong_in_order() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let body = |options: &Value, credential: &Value| {
        let mut body = answer(options, credential);
        body["recipeUserId"] = "unknown".into();
        body
    };
    let unknown = json!({"webauthnGeneratedOptionsId": "unknown"});
    let reply = core.post(REGISTER, body(&unknown, &json!({}))).await.json();
    assert_eq!(reply, json!({"status": "OPTIONS_NOT_FOUND_ERROR"}));
    let options = register_options(&core, EMAIL).await;
    let reply = core.post(REGISTER, body(&options, &json!({"id": "AAAA"}))).await.json();
    assert_eq!(
        reply,
        json!({"status": "INVALID_CREDENTIALS_ERROR", "reason": "credential type is missing!"})
    );
    let elsewhere = authenticator.create(&Ceremony::of(&options, "https://example.org"));
    let reply = core.post(REGISTER, body(&options, &elsewhere)).await.json();
    assert_eq!(reply["status"], "INVALID_AUTHENTICATOR_ERROR");
    let credential = authenticator.create(&Ceremony::of(&options, ORIGIN));
    let reply = core.post(REGISTER, body(&options, &credential)).await.json();
    assert_eq!(reply, json!({"status": "UNKNOWN_USER_ID_ERROR"}));
    core.advance(60_001);
    let reply = core.post(REGISTER, body(&options, &credential)).await.json();
    assert_eq!(reply, json!({"status": "INVALID_OPTIONS_ERROR", "reason": "Options expired"}));
}

#[tokio::test]
async fn passkeys_are_added_by_callers_who_name_no_tenant() {
    let core = TestCore::start().await;
    let mut first = Authenticator::new(Algorithm::Es256);
    let tenant = json!({"tenantId": "t1"});
    assert_eq!(core.put("/recipe/multitenancy/tenant/v2", tenant).await.status_word(), "OK");
    let body = super::webauthn::register_body(EMAIL);
    let options = core.post("/t1/recipe/webauthn/options/register", body.clone()).await.json();
    let credential = first.create(&Ceremony::of(&options, ORIGIN));
    let made = answer(&options, &credential);
    let reply = core.post("/recipe/webauthn/signup", made.clone()).await;
    assert_eq!(reply.status_word(), "OPTIONS_NOT_FOUND_ERROR", "they are another tenant's");
    let reply = core.post("/t1/recipe/webauthn/signup", made).await.json();
    assert_eq!(reply["user"]["tenantIds"], json!(["t1"]));
    let options = core.post("/t1/recipe/webauthn/options/register", body).await.json();
    let mut added =
        answer(&options, &Authenticator::new(Algorithm::Es256).create(&Ceremony::of(&options, ORIGIN)));
    added["recipeUserId"] = reply["recipeUserId"].clone();
    assert_eq!(core.post(REGISTER, added).await.status_word(), "OK");
    // A passkey opens the tenants of its user, and no other.
    assert_eq!(sign_in(&core, &mut first).await, json!({"status": "CREDENTIAL_NOT_FOUND_ERROR"}));
    let options =
        core.post("/t1/recipe/webauthn/options/signin", super::webauthn::sign_in_body()).await.json();
    let used = answer(&options, &first.get(&Ceremony::of(&options, ORIGIN)));
    assert_eq!(core.post("/t1/recipe/webauthn/signin", used).await.status_word(), "OK");
}

#[tokio::test]
async fn users_are_found_by_their_passkeys() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let id = new_user(&core, EMAIL, &mut authenticator).await;
    core.sign_up("bob@example.com", "password1").await;
    let credential = authenticator.id();
    let find = async |tenant: &str, query: &str| {
        let users = core.get(&format!("{tenant}/users/by-accountinfo?{query}")).await.json()["users"].clone();
        users
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let of = |rest: &str| format!("webauthnCredentialId={credential}&{rest}");
    assert_eq!(find("", &of("doUnionOfAccountInfo=false")).await, [id.as_str()]);
    assert_eq!(find("", &of(&format!("email={EMAIL}&doUnionOfAccountInfo=false"))).await, [id.as_str()]);
    assert!(find("", &of("email=bob@example.com&doUnionOfAccountInfo=false")).await.is_empty());
    assert_eq!(find("", &of("email=bob@example.com&doUnionOfAccountInfo=true")).await.len(), 2);
    assert!(find("", "webauthnCredentialId=unknown&doUnionOfAccountInfo=true").await.is_empty());
    assert_eq!(
        core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.status_word(),
        "OK"
    );
    assert!(find("/t1", &of("doUnionOfAccountInfo=true")).await.is_empty());
}

#[tokio::test]
async fn linked_users_and_external_ids_are_told_apart() {
    let core = TestCore::start().await;
    let password = core.sign_up(EMAIL, "password1").await["id"].as_str().unwrap().to_owned();
    core.advance(1000);
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let id = new_user(&core, EMAIL, &mut authenticator).await;
    link(&core).await;
    assert_eq!(sign_in(&core, &mut authenticator).await["user"]["id"], json!(password));
    map_ids(&core).await;
    let by_passkey = sign_in(&core, &mut authenticator).await;
    let by_password =
        core.post("/recipe/signin", json!({"email": EMAIL, "password": "password1"})).await.json();
    assert_eq!(by_passkey["user"], by_password["user"]);
    assert_eq!(by_passkey["recipeUserId"], "mapped-webauthn");
    assert_eq!(by_password["recipeUserId"], "mapped-emailpassword");
    let user = &by_passkey["user"];
    assert_eq!(user["id"], "mapped-emailpassword");
    assert_eq!(user["webauthn"], json!({"credentialIds": [authenticator.id()]}));
    assert!(user["loginMethods"][0].get("webauthn").is_none(), "the password's");
    assert_eq!(user["loginMethods"][1]["webauthn"], user["webauthn"]);
    // External id in, external id out; internal in, internal out.
    for id in ["mapped-webauthn", id.as_str()] {
        assert_eq!(list(&core, id).await[0]["recipeUserId"], json!(id));
        assert_eq!(get(&core, id, &authenticator.id()).await["recipeUserId"], json!(id));
        let added = add(&core, id, &mut Authenticator::new(Algorithm::Es256)).await;
        assert_eq!(added["recipeUserId"], json!(id));
    }
    assert_eq!(
        add(&core, "mapped-emailpassword", &mut Authenticator::new(Algorithm::Es256)).await,
        json!({"status": "UNKNOWN_USER_ID_ERROR"}),
        "the password has no passkeys"
    );
    assert_eq!(remove(&core, "mapped-webauthn", &authenticator.id()).await, json!({"status": "OK"}));
    // Versions before 5.3 see an address that another method has too.
    let user = core.cdi("5.2").get("/user/id?userId=mapped-webauthn").await.json()["user"].clone();
    assert_eq!(user["emails"], json!([EMAIL]));
}

#[tokio::test]
async fn a_deleted_user_is_forgotten_even_where_the_group_keeps_its_name() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let id = new_user(&core, EMAIL, &mut authenticator).await;
    core.sign_up("bob@example.com", "password1").await;
    run(
        &core,
        "update app_id_to_user_id set is_linked_or_is_a_primary_user = true, primary_or_recipe_user_id =
            (select user_id from webauthn_users)",
    )
    .await;
    let body = json!({"userId": id, "removeAllLinkedAccounts": false});
    assert_eq!(core.post("/user/remove", body).await.status_word(), "OK");
    assert_eq!(sign_in(&core, &mut authenticator).await, json!({"status": "CREDENTIAL_NOT_FOUND_ERROR"}));
    let user = core.get(&format!("/user/id?userId={id}")).await.json()["user"].clone();
    assert_eq!(user["loginMethods"].as_array().unwrap().len(), 1);
    assert_eq!(
        sign_up(&core, EMAIL, &mut authenticator).await["status"],
        "OK",
        "address and passkey are free"
    );
    assert_eq!(core.post("/user/remove", json!({"userId": id})).await.status_word(), "OK");
    assert_eq!(sign_in(&core, &mut authenticator).await["status"], "OK");
}

async fn recovery_token(core: &TestCore, id: &str, email: &str) -> String {
    let reply = core.post(RECOVER, json!({"email": email, "userId": id})).await.json();
    reply["token"].as_str().unwrap().to_owned()
}

async fn recovering(core: &TestCore, token: &str) -> Value {
    core.get(&format!("/recipe/webauthn/user/recover?token={token}")).await.json()
}

#[tokio::test]
async fn a_recovery_token_works_once_and_ends_the_others_of_its_address() {
    let core = TestCore::start_with(&json!({"webauthn_recover_account_token_lifetime": 5000})).await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let id = new_user(&core, EMAIL, &mut authenticator).await;
    let (first, second) =
        (recovery_token(&core, &id, " Ann@Example.com ").await, recovery_token(&core, &id, EMAIL).await);
    assert_eq!(first.len(), 43);
    let other = recovery_token(&core, &id, "other@example.com").await;
    for _ in 0..2 {
        let found = recovering(&core, &first).await;
        assert_eq!((&found["status"], &found["recipeUserId"]), (&json!("OK"), &json!(id)));
        assert_eq!(found["user"]["id"], json!(id));
    }
    let reply = core.post(CONSUME, json!({"token": first})).await.json();
    assert_eq!(reply, json!({"status": "OK", "userId": id, "email": EMAIL}));
    let invalid = json!({"status": "RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"});
    for token in [first.as_str(), second.as_str(), "unknown"] {
        assert_eq!(core.post(CONSUME, json!({"token": token})).await.json(), invalid);
        assert_eq!(recovering(&core, token).await, invalid);
    }
    // Tokens are a tenant's own.
    assert_eq!(
        core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.status_word(),
        "OK"
    );
    assert_eq!(core.post(&format!("/t1{CONSUME}"), json!({"token": other})).await.json(), invalid);
    core.advance(5001);
    assert_eq!(recovering(&core, &other).await, invalid);
    assert_eq!(core.post(CONSUME, json!({"token": other})).await.json(), invalid);
    let count = async || {
        let mut tx = core.app.db.read().await.unwrap();
        let sql = "select count(*) from webauthn_account_recovery_tokens";
        tx.fetch_optional::<(i64,)>(sql, &[]).await.unwrap().unwrap().0
    };
    assert_eq!(count().await, 1, "an expired one waits for the job");
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    assert_eq!(count().await, 0);
    let reply = core.post(RECOVER, json!({"email": EMAIL, "userId": "unknown"})).await.json();
    assert_eq!(reply, json!({"status": "UNKNOWN_USER_ID_ERROR"}));
}

/// Whoever reads an old mailbox is shut out by the change.
#[tokio::test]
async fn a_changed_address_ends_the_recovery_tokens_from_before() {
    let core = TestCore::start().await;
    let ann = new_user(&core, EMAIL, &mut Authenticator::new(Algorithm::Es256)).await;
    let bob = new_user(&core, "bob@example.com", &mut Authenticator::new(Algorithm::Es256)).await;
    let (of_ann, of_bob) =
        (recovery_token(&core, &ann, EMAIL).await, recovery_token(&core, &bob, "bob@example.com").await);
    let change = json!({"recipeUserId": ann, "email": "new@example.com"});
    assert_eq!(core.put(EMAIL_PATH, change).await.status_word(), "OK");
    assert_eq!(recovering(&core, &of_ann).await["status"], "RECOVER_ACCOUNT_TOKEN_INVALID_ERROR");
    let used = async |token: &str| core.post(CONSUME, json!({"token": token})).await.status_word();
    assert_eq!(used(&of_ann).await, "RECOVER_ACCOUNT_TOKEN_INVALID_ERROR");
    assert_eq!(used(&of_bob).await, "OK");
}

#[tokio::test]
async fn a_recovery_token_is_kept_as_a_hash_and_goes_with_its_user() {
    let core = TestCore::start().await;
    let id = new_user(&core, EMAIL, &mut Authenticator::new(Algorithm::Es256)).await;
    let token = recovery_token(&core, &id, EMAIL).await;
    let kept = async || {
        let mut tx = core.app.db.read().await.unwrap();
        let sql = "select token from webauthn_account_recovery_tokens";
        tx.fetch_all::<(String,)>(sql, &[]).await.unwrap()
    };
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes());
    let [(found,)] = kept().await.try_into().unwrap();
    let found: Vec<u8> =
        (0..64).step_by(2).map(|at| u8::from_str_radix(&found[at..at + 2], 16).unwrap()).collect();
    assert_eq!(found, hash.as_ref());
    assert_eq!(core.post("/user/remove", json!({"userId": id})).await.status_word(), "OK");
    let invalid = json!({"status": "RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"});
    assert_eq!(recovering(&core, &token).await, invalid);
    assert_eq!(core.post(CONSUME, json!({"token": token})).await.json(), invalid);
    assert!(kept().await.is_empty());
}

#[tokio::test]
async fn who_recovers_is_told_of_passkeys_of_the_tenant_only() {
    let core = TestCore::start().await;
    let tenant = json!({"tenantId": "t1"});
    assert_eq!(core.put("/recipe/multitenancy/tenant/v2", tenant).await.status_word(), "OK");
    let options =
        core.post("/t1/recipe/webauthn/options/register", super::webauthn::register_body(EMAIL)).await.json();
    let credential = Authenticator::new(Algorithm::Es256).create(&Ceremony::of(&options, ORIGIN));
    let made = core.post("/t1/recipe/webauthn/signup", answer(&options, &credential)).await.json();
    let id = made["recipeUserId"].as_str().unwrap();
    for (tenant, expected) in [("", Value::Null), ("/t1", json!(id))] {
        let body = json!({"email": EMAIL, "userId": id});
        let token = core.post(&format!("{tenant}{RECOVER}"), body).await.json()["token"].clone();
        let path = format!("{tenant}/recipe/webauthn/user/recover?token={}", token.as_str().unwrap());
        let found = core.get(&path).await.json();
        assert_eq!((&found["recipeUserId"], &found["user"]["id"]), (&expected, &json!(id)), "{tenant}");
    }
}

#[tokio::test]
async fn a_user_without_passkeys_recovers_with_a_new_one() {
    let core = TestCore::start().await;
    let password = core.sign_up(EMAIL, "password1").await["id"].as_str().unwrap().to_owned();
    let token = recovery_token(&core, &password, EMAIL).await;
    let found = recovering(&core, &token).await;
    assert_eq!((&found["recipeUserId"], &found["user"]["id"]), (&Value::Null, &json!(password)));
    assert!(found.as_object().unwrap().contains_key("recipeUserId"));
    let reply = core.post(CONSUME, json!({"token": token})).await.json();
    assert_eq!(reply["userId"], json!(password));
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let refused = add(&core, &password, &mut authenticator).await;
    assert_eq!(refused, json!({"status": "UNKNOWN_USER_ID_ERROR"}));
    core.advance(1000);
    let id = new_user(&core, EMAIL, &mut authenticator).await;
    link(&core).await;
    map_ids(&core).await;
    for user in ["mapped-emailpassword", "mapped-webauthn", id.as_str()] {
        let token = recovery_token(&core, user, EMAIL).await;
        assert_eq!(recovering(&core, &token).await["recipeUserId"], "mapped-webauthn");
        let consumed = core.post(CONSUME, json!({"token": token})).await.json();
        let method = if user == "mapped-emailpassword" { user } else { "mapped-webauthn" };
        assert_eq!(consumed["userId"], json!(method));
    }
}

async fn change_email(core: &TestCore, id: &str, email: &str) -> String {
    core.put(EMAIL_PATH, json!({"recipeUserId": id, "email": email})).await.status_word()
}

#[tokio::test]
async fn an_address_changes_where_nobody_else_of_the_recipe_has_it() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let id = new_user(&core, EMAIL, &mut authenticator).await;
    new_user(&core, "bob@example.com", &mut Authenticator::new(Algorithm::Es256)).await;
    let password = core.sign_up("carl@example.com", "password1").await["id"].as_str().unwrap().to_owned();
    assert_eq!(change_email(&core, "unknown", "new@example.com").await, "UNKNOWN_USER_ID_ERROR");
    assert_eq!(change_email(&core, &password, "new@example.com").await, "UNKNOWN_USER_ID_ERROR");
    assert_eq!(change_email(&core, &id, "bob@example.com").await, "EMAIL_ALREADY_EXISTS_ERROR");
    assert_eq!(change_email(&core, &id, EMAIL).await, "OK");
    map_ids(&core).await;
    let verify = core
        .post("/recipe/user/email/verify/token", json!({"userId": "mapped-webauthn", "email": EMAIL}))
        .await;
    let token = verify.json()["token"].clone();
    let verified = core.post("/recipe/user/email/verify", json!({"method": "token", "token": token})).await;
    assert_eq!(verified.status_word(), "OK");
    let user = sign_in(&core, &mut authenticator).await["user"].clone();
    assert_eq!(user["loginMethods"][0]["verified"], true);
    // The address of a user of another recipe is free, and the new one is not verified.
    assert_eq!(change_email(&core, "mapped-webauthn", "carl@example.com").await, "OK");
    let user = sign_in(&core, &mut authenticator).await["user"].clone();
    assert_eq!(user["emails"], json!(["carl@example.com"]));
    assert_eq!(user["loginMethods"][0]["verified"], false);
    let again = sign_up(&core, EMAIL, &mut Authenticator::new(Algorithm::Es256)).await;
    assert_eq!(again["status"], "OK", "the old address is free");
}

#[tokio::test]
async fn a_primary_users_address_is_its_own() {
    let core = TestCore::start().await;
    core.sign_up(EMAIL, "password1").await;
    core.advance(1000);
    let id = new_user(&core, EMAIL, &mut Authenticator::new(Algorithm::Es256)).await;
    link(&core).await;
    core.sign_up("bob@example.com", "password1").await;
    assert_eq!(change_email(&core, &id, "bob@example.com").await, "OK", "Bob is not primary");
    assert_eq!(change_email(&core, &id, EMAIL).await, "OK");
    run(
        &core,
        "insert into primary_user_tenants (app_id, tenant_id, account_info_type, account_info_value, primary_user_id)
            select app_id, 'public', 'email', email, user_id from emailpassword_users
            where email = 'bob@example.com'",
    )
    .await;
    assert_eq!(change_email(&core, &id, "bob@example.com").await, "USER_WITH_EMAIL_ALREADY_EXISTS_ERROR");
    // Somebody of the recipe has it, and who asks is primary.
    new_user(&core, "carl@example.com", &mut Authenticator::new(Algorithm::Es256)).await;
    assert_eq!(change_email(&core, &id, "carl@example.com").await, "USER_WITH_EMAIL_ALREADY_EXISTS_ERROR");
}

#[tokio::test]
async fn options_to_sign_in_with_add_no_passkey() {
    let core = TestCore::start().await;
    let mut authenticator = Authenticator::new(Algorithm::Es256);
    let id = new_user(&core, EMAIL, &mut authenticator).await;
    let options = sign_in_options(&core).await;
    let ceremony = Ceremony { kind: "webauthn.create", ..Ceremony::of(&options, ORIGIN) };
    let mut body = answer(&options, &Authenticator::new(Algorithm::Es256).create(&ceremony));
    body["recipeUserId"] = id.into();
    let reply = core.post(REGISTER, body).await.json();
    assert_eq!(reply, json!({"status": "INVALID_OPTIONS_ERROR", "reason": "Options were made to sign in"}));
}
