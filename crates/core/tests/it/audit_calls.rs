//! Calls of every kind, with the events that each writes.

use super::audit::{BCRYPT, NEW_PASSWORD, PASSWORD, Trail, payload};
use super::webauthn::{ORIGIN, answer, register_body, sign_in_body};
use portcullis_core::ground::audit::StoredEvent;
use portcullis_core::jobs;
use portcullis_testkit::TestCore;
use portcullis_testkit::authenticator::{Algorithm, Authenticator, Ceremony};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(super) async fn tenants(trail: &mut Trail) {
    let tenant = "/recipe/multitenancy/tenant";
    let settings = json!({"tenantId": "t1", "coreConfig": {"password_reset_token_lifetime": 1_234_567}});
    trail.secret("1234567");
    trail.put(&format!("{tenant}/v2"), settings.clone(), &["tenant_created"]).await;
    let made = trail.last();
    assert_eq!((made.tenant_id.as_str(), made.identifier.as_deref()), ("t1", Some("t1")));
    assert_eq!(payload(made)["changed"], json!(["firstFactors", "password_reset_token_lifetime"]));
    trail.put(&format!("{tenant}/v2"), settings, &[]).await;
    trail.put(tenant, json!({"tenantId": "t1", "emailPasswordEnabled": true}), &["tenant_updated"]).await;
    let v2 = json!({"tenantId": "t1", "firstFactors": null});
    trail.put(&format!("{tenant}/v2"), v2, &["tenant_updated"]).await;

    for version in ["", "/v2"] {
        let key = format!("a signer key {version}");
        trail.secret(&key);
        let app = json!({"appId": "a1", "coreConfig": {"firebase_password_hashing_signer_key": key}});
        let expected = if version.is_empty() { "tenant_created" } else { "tenant_updated" };
        trail.put(&format!("/recipe/multitenancy/app{version}"), app, &[expected]).await;
        let event = trail.last();
        assert_eq!((event.app_id.as_str(), event.tenant_id.as_str()), ("a1", "public"));
    }
    let remove = "/recipe/multitenancy/app/remove";
    assert_eq!(trail.post(remove, json!({"appId": "a1"}), &["tenant_deleted"]).await["didExist"], true);
    assert_eq!(trail.last().app_id, "a1");
    trail.post(remove, json!({"appId": "a1"}), &[]).await;
    trail.put(tenant, json!({"tenantId": "t2"}), &["tenant_created"]).await;
    trail.post(&format!("{tenant}/remove"), json!({"tenantId": "t2"}), &["tenant_deleted"]).await;
    trail.post(&format!("{tenant}/remove"), json!({"tenantId": "t2"}), &[]).await;

    let provider = "/t1/recipe/multitenancy/config/thirdparty";
    let client = json!({"clientId": "a client", "clientSecret": "a client's secret"});
    trail.secret("a client's secret");
    let config = json!({"config": {"thirdPartyId": "google", "clients": [client]}});
    trail.put(provider, config.clone(), &["provider_created"]).await;
    trail.put(provider, config, &["provider_updated"]).await;
    assert_eq!(trail.last().identifier.as_deref(), Some("google"));
    let gone = json!({"thirdPartyId": "google"});
    trail.post(&format!("{provider}/remove"), gone.clone(), &["provider_deleted"]).await;
    trail.post(&format!("{provider}/remove"), gone, &[]).await;
    domains(trail).await;
}

/// A domain needs a server for its database.
async fn domains(trail: &mut Trail) {
    let path = "/recipe/multitenancy/connectionuridomain";
    let Some(database) = trail.core.another_database("audit") else {
        for (method, name) in [("Put", ""), ("Put", "/v2"), ("Post", "/remove")] {
            trail
                .seen
                .entry(format!("{method} {path}{name}"))
                .or_default()
                .insert("see PostgreSQL".to_owned());
        }
        return;
    };
    let domain = json!({"connectionUriDomain": "audit.example.com", "coreConfig": database});
    trail.put(path, domain, &["tenant_created"]).await;
    assert_eq!(payload(trail.last())["connectionUriDomain"], "audit.example.com");
    let changed =
        json!({"connectionUriDomain": "audit.example.com", "coreConfig": {"access_token_validity": 61}});
    trail.put(&format!("{path}/v2"), changed, &["tenant_updated"]).await;
    let gone = json!({"connectionUriDomain": "audit.example.com"});
    trail.post(&format!("{path}/remove"), gone, &["tenant_deleted"]).await;
}

pub(super) async fn passwords(trail: &mut Trail) {
    for secret in [PASSWORD, NEW_PASSWORD, BCRYPT] {
        trail.secret(secret);
    }
    let credentials = json!({"email": "ann@example.com", "password": PASSWORD});
    let user =
        trail.post("/recipe/signup", credentials.clone(), &["emailpassword_sign_up"]).await["user"].clone();
    let (event, id) = (trail.last().clone(), text(&user["id"]));
    assert_eq!(
        event,
        StoredEvent {
            id: event.id,
            app_id: "public".to_owned(),
            tenant_id: "public".to_owned(),
            recipe_user_id: Some(id.to_owned()),
            user_id: Some(id.to_owned()),
            kind: "emailpassword_sign_up".to_owned(),
            status: Some("success".to_owned()),
            principal: Some("email".to_owned()),
            identifier: Some("ann@example.com".to_owned()),
            created_at: trail.core.clock.now(),
            payload: event.payload.clone(),
        }
    );
    // The first digits of `printf a-key-of-the-test-0123456789 | sha256sum`.
    let caller = json!({"key": "553b16e9", "address": "127.0.0.1", "client": "192.0.2.7"});
    assert_eq!(payload(&event), json!({"v": 1, "by": "cdi", "caller": caller}));

    trail.post("/recipe/signup", credentials.clone(), &[]).await;
    trail.post("/recipe/signin", json!({"email": "ann@example.com", "password": "wrong"}), &[]).await;
    trail.post("/recipe/signin", credentials, &["emailpassword_sign_in"]).await;
    assert_eq!(
        (trail.last().user_id.as_deref(), trail.last().recipe_user_id.as_deref()),
        (Some(id), Some(id))
    );

    let change = json!({"recipeUserId": id, "email": "anna@example.com", "password": NEW_PASSWORD});
    trail.put("/recipe/user", change, &["email_changed", "password_changed"]).await;
    let event = &trail.all[trail.all.len() - 2];
    assert_eq!(
        (event.identifier.as_deref(), &payload(event)["from"]),
        (Some("anna@example.com"), &json!("ann@example.com"))
    );
    trail.put("/recipe/user", json!({"recipeUserId": id, "email": "anna@example.com"}), &[]).await;

    for path in ["", "/consume"] {
        let asked = json!({"userId": id, "email": "anna@example.com"});
        let token = trail.post("/recipe/user/password/reset/token", asked, &[]).await["token"].clone();
        trail.secret(text(&token));
        let reset = json!({"method": "token", "token": token, "newPassword": PASSWORD});
        let (path, events): (String, &[&str]) = if path.is_empty() {
            ("/recipe/user/password/reset".to_owned(), &["password_reset_token_used", "password_changed"])
        } else {
            (format!("/recipe/user/password/reset/token{path}"), &["password_reset_token_used"])
        };
        trail.post(&path, reset.clone(), events).await;
        trail.post(&path, reset, &[]).await;
    }
    let import = json!({"email": "bea@example.com", "passwordHash": BCRYPT});
    trail.post("/recipe/user/passwordhash/import", import.clone(), &["user_imported"]).await;
    trail.post("/recipe/user/passwordhash/import", import, &["password_changed"]).await;
    trail.post("/user/remove", json!({"userId": id}), &["user_deleted"]).await;
    assert_eq!(payload(trail.last())["loginMethods"], json!([id]));
    trail.post("/user/remove", json!({"userId": id}), &[]).await;
}

pub(super) async fn addresses(trail: &mut Trail) {
    let whom = json!({"userId": "cat", "email": "cat@example.com"});
    let token = trail.post("/recipe/user/email/verify/token", whom.clone(), &[]).await["token"].clone();
    trail.secret(text(&token));
    let proof = json!({"method": "token", "token": token});
    trail.post("/recipe/user/email/verify", proof.clone(), &["email_verified"]).await;
    trail.post("/recipe/user/email/verify", proof, &[]).await;
    trail.post("/recipe/user/email/verify/remove", whom.clone(), &["email_unverified"]).await;
    trail.post("/recipe/user/email/verify/remove", whom.clone(), &[]).await;
    trail.post("/recipe/user/email/verify/token/remove", whom, &[]).await;
}

pub(super) async fn providers_and_codes(trail: &mut Trail) {
    let told = |email: &str, is_verified: bool| json!({"thirdPartyId": "google", "thirdPartyUserId": "1", "email": {"id": email, "isVerified": is_verified}});
    trail.post("/recipe/signinup", told("dan@example.com", false), &["thirdparty_sign_up"]).await;
    assert_eq!(trail.last().principal.as_deref(), Some("google"));
    trail.post("/recipe/signinup", told("dan@example.com", false), &["thirdparty_sign_in"]).await;
    let events = ["email_changed", "email_verified", "thirdparty_sign_in"];
    trail.post("/recipe/signinup", told("dan2@example.com", true), &events).await;

    let code = async |trail: &mut Trail, contact: Value| {
        let code = trail.post("/recipe/signinup/code", contact, &[]).await;
        trail.secret(text(&code["linkCode"]));
        trail.secret(text(&code["deviceId"]));
        json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]})
    };
    let consume = "/recipe/signinup/code/consume";
    let proof = code(trail, json!({"email": "eve@example.com"})).await;
    let user = trail.post(consume, proof.clone(), &["passwordless_sign_up"]).await["user"].clone();
    trail.post(consume, proof, &[]).await;
    let proof = code(trail, json!({"email": "eve@example.com"})).await;
    trail.post(consume, proof, &["passwordless_sign_in"]).await;
    trail
        .post(
            "/recipe/user/email/verify/remove",
            json!({"userId": user["id"], "email": "eve@example.com"}),
            &["email_unverified"],
        )
        .await;
    let proof = code(trail, json!({"email": "eve@example.com"})).await;
    trail.post(consume, proof, &["email_verified", "passwordless_sign_in"]).await;
    let proof = code(trail, json!({"phoneNumber": "+442071838750"})).await;
    trail.post(consume, proof, &["passwordless_sign_up"]).await;
    assert_eq!(trail.last().principal.as_deref(), Some("phone_number"));

    let core = trail.core.clone();
    trail.core = core.header("rid", "passwordless");
    let change = json!({"recipeUserId": user["id"], "email": null, "phoneNumber": "+442071838751"});
    trail.put("/recipe/user", change, &["email_changed", "phone_number_changed"]).await;
    trail.core = core;
}

pub(super) async fn passkeys(trail: &mut Trail) {
    let mut key = Authenticator::new(Algorithm::Es256);
    let options =
        trail.post("/recipe/webauthn/options/register", register_body("fay@example.com"), &[]).await;
    let made = key.create(&Ceremony::of(&options, ORIGIN));
    let signed_up =
        trail.post("/recipe/webauthn/signup", answer(&options, &made), &["webauthn_sign_up"]).await;
    let id = signed_up["user"]["id"].clone();
    assert_eq!(trail.last().user_id.as_deref(), Some(text(&id)));
    let options = trail.post("/recipe/webauthn/options/signin", sign_in_body(), &[]).await;
    let shown = answer(&options, &key.get(&Ceremony::of(&options, ORIGIN)));
    trail.post("/recipe/webauthn/signin", shown.clone(), &["webauthn_sign_in"]).await;
    trail.post("/recipe/webauthn/signin", shown, &[]).await;

    let options =
        trail.post("/recipe/webauthn/options/register", register_body("fay@example.com"), &[]).await;
    let second = Authenticator::new(Algorithm::Es256).create(&Ceremony::of(&options, ORIGIN));
    let mut body = answer(&options, &second);
    body["recipeUserId"] = id.clone();
    let path = "/recipe/webauthn/user/credential/register";
    let credential = trail.post(path, body, &["webauthn_credential_created"]).await;
    let query = format!(
        "recipeUserId={}&webauthnCredentialId={}",
        text(&id),
        text(&credential["webauthnCredentialId"])
    );
    let path = format!("/recipe/webauthn/user/credential/remove?{query}");
    trail.call("Delete", &path, Value::Null, &["webauthn_credential_deleted"]).await;
    trail.call("Delete", &path, Value::Null, &[]).await;

    let change = json!({"recipeUserId": id, "email": "faye@example.com"});
    trail.put("/recipe/webauthn/user/email", change.clone(), &["email_changed"]).await;
    trail.put("/recipe/webauthn/user/email", change, &[]).await;
    let asked = json!({"userId": id, "email": "faye@example.com"});
    let token = trail.post("/recipe/webauthn/user/recover/token", asked, &[]).await["token"].clone();
    trail.secret(text(&token));
    let consume = "/recipe/webauthn/user/recover/token/consume";
    trail.post(consume, json!({"token": token}), &["webauthn_recovery_token_used"]).await;
    trail.post(consume, json!({"token": token}), &[]).await;
}

pub(super) async fn linking(trail: &mut Trail) {
    let sign_up = async |trail: &mut Trail, email: &str| {
        let credentials = json!({"email": email, "password": PASSWORD});
        let signed_up = trail.post("/recipe/signup", credentials, &["emailpassword_sign_up"]).await;
        text(&signed_up["user"]["id"]).to_owned()
    };
    let (gus, hal) = (sign_up(trail, "gus@example.com").await, sign_up(trail, "hal@example.com").await);
    let primary = json!({"recipeUserId": gus});
    trail.post("/recipe/accountlinking/user/primary", primary.clone(), &["primary_user_created"]).await;
    trail.post("/recipe/accountlinking/user/primary", primary, &[]).await;
    let both = json!({"recipeUserId": hal, "primaryUserId": gus});
    trail.post("/recipe/accountlinking/user/link", both.clone(), &["user_linked"]).await;
    trail.post("/recipe/accountlinking/user/link", both.clone(), &[]).await;
    let of = (Some(hal.as_str()), Some(gus.as_str()));
    assert_eq!((trail.last().recipe_user_id.as_deref(), trail.last().user_id.as_deref()), of);

    let map = json!({"superTokensUserId": gus, "externalUserId": "gus-outside"});
    trail.post("/recipe/userid/map", map, &["user_id_mapping_created"]).await;
    let credentials = json!({"email": "hal@example.com", "password": PASSWORD});
    trail.post("/recipe/signin", credentials, &["emailpassword_sign_in"]).await;
    let of = (Some(hal.as_str()), Some("gus-outside"));
    assert_eq!((trail.last().recipe_user_id.as_deref(), trail.last().user_id.as_deref()), of);
    let info =
        json!({"userId": "gus-outside", "externalUserIdInfo": "something of his", "userIdType": "ANY"});
    trail.secret("something of his");
    trail.put("/recipe/userid/external-user-id-info", info, &["user_id_mapping_updated"]).await;

    let member = json!({"recipeUserId": hal});
    trail.post("/t1/recipe/multitenancy/tenant/user", member.clone(), &["user_added_to_tenant"]).await;
    assert_eq!(trail.last().tenant_id, "t1");
    trail.post("/t1/recipe/multitenancy/tenant/user", member.clone(), &[]).await;
    trail
        .post("/t1/recipe/multitenancy/tenant/user/remove", member.clone(), &["user_removed_from_tenant"])
        .await;
    trail.post("/t1/recipe/multitenancy/tenant/user/remove", member.clone(), &[]).await;

    trail.post("/recipe/accountlinking/user/unlink", member.clone(), &["user_unlinked"]).await;
    trail.post("/recipe/accountlinking/user/unlink", member, &[]).await;
    let map = json!({"userId": "gus-outside", "userIdType": "ANY", "force": true});
    trail.post("/recipe/userid/map/remove", map.clone(), &["user_id_mapping_deleted"]).await;
    trail.post("/recipe/userid/map/remove", map, &[]).await;
    trail.post("/recipe/accountlinking/user/link", both, &["user_linked"]).await;
    let one = json!({"userId": hal, "removeAllLinkedAccounts": false});
    trail.post("/user/remove", one, &["login_method_deleted"]).await;
    trail.post("/user/remove", json!({"userId": gus}), &["user_deleted"]).await;
}

pub(super) async fn sessions(trail: &mut Trail) {
    let signed_up = trail
        .post(
            "/recipe/signup",
            json!({"email": "ida@example.com", "password": PASSWORD}),
            &["emailpassword_sign_up"],
        )
        .await;
    let id = text(&signed_up["user"]["id"]).to_owned();
    trail.secret("what the session keeps");
    let create = async |trail: &mut Trail| {
        let body = json!({
            "userId": id, "enableAntiCsrf": false, "userDataInJWT": {"a": "what the session keeps"},
            "userDataInDatabase": {"d": "what the session keeps"}, "useDynamicSigningKey": true,
        });
        let made = trail.post("/recipe/session", body, &["session_created"]).await;
        for token in ["accessToken", "refreshToken"] {
            let token = text(&made[token]["token"]).to_owned();
            trail.secrets.push(token);
        }
        made
    };
    let made = create(trail).await;
    let handle = made["session"]["handle"].clone();
    let event = trail.last();
    assert_eq!((event.identifier.as_deref(), event.user_id.as_deref()), (handle.as_str(), Some(id.as_str())));
    let data = json!({"sessionHandle": handle, "userDataInDatabase": {"d": "what the session keeps"}});
    trail.put("/recipe/session/data", data, &["session_data_updated"]).await;
    let event = trail.last();
    let about = (event.identifier.as_deref(), event.recipe_user_id.as_deref(), event.user_id.as_deref());
    assert_eq!(about, (handle.as_str(), Some(id.as_str()), Some(id.as_str())));
    let claims = json!({"sessionHandle": handle, "userDataInJWT": {"b": "what the session keeps"}});
    trail.put("/recipe/jwt/data", claims, &["session_claims_updated"]).await;
    let gone = json!({"sessionHandle": "unknown", "userDataInJWT": {}});
    trail.put("/recipe/jwt/data", gone, &[]).await;
    let token = made["accessToken"]["token"].clone();
    let again = json!({"accessToken": token, "userDataInJWT": {"c": "what the session keeps"}});
    trail.post("/recipe/session/regenerate", again, &["session_claims_updated"]).await;
    trail.post("/recipe/session/regenerate", json!({"accessToken": token}), &[]).await;
    let check = json!({"accessToken": token, "doAntiCsrfCheck": false, "enableAntiCsrf": false, "checkDatabase": true});
    trail.post("/recipe/session/verify", check, &[]).await;

    let refresh = json!({
        "refreshToken": made["refreshToken"]["token"], "enableAntiCsrf": false, "useDynamicSigningKey": true,
    });
    trail.post("/recipe/session/refresh", refresh.clone(), &[]).await;
    trail.core.advance(31_000);
    let answer = trail.post("/recipe/session/refresh", refresh, &["session_theft_detected"]).await;
    assert_eq!(answer["status"], "TOKEN_THEFT_DETECTED");
    assert_eq!(payload(trail.last())["ended"], true);

    let (first, second, third) = (create(trail).await, create(trail).await, create(trail).await);
    let handles =
        json!({"sessionHandles": [first["session"]["handle"], second["session"]["handle"], "unknown"]});
    trail.post("/recipe/session/remove", handles.clone(), &["session_revoked"; 2]).await;
    trail.post("/recipe/session/remove", handles, &[]).await;
    trail.post("/recipe/session/remove", json!({"userId": id}), &["session_revoked"]).await;
    let event = trail.last();
    let about = (event.identifier.as_deref(), event.user_id.as_deref());
    assert_eq!(about, (third["session"]["handle"].as_str(), Some(id.as_str())));
    trail.post("/recipe/session/remove", json!({"userId": id}), &[]).await;
}

pub(super) async fn roles_and_metadata(trail: &mut Trail) {
    let role = json!({"role": "admin", "permissions": ["read", "write"]});
    trail.put("/recipe/role", role.clone(), &["role_created"]).await;
    assert_eq!(payload(trail.last())["added"], json!(["read", "write"]));
    trail.put("/recipe/role", role, &[]).await;
    trail
        .put("/recipe/role", json!({"role": "admin", "permissions": ["read", "see"]}), &["role_updated"])
        .await;
    assert_eq!(payload(trail.last())["added"], json!(["see"]));
    let some = json!({"role": "admin", "permissions": ["see", "unknown"]});
    trail.post("/recipe/role/permissions/remove", some.clone(), &["role_updated"]).await;
    assert_eq!(payload(trail.last())["removed"], json!(["see"]));
    trail.post("/recipe/role/permissions/remove", some, &[]).await;
    let given = json!({"userId": "jim", "role": "admin"});
    trail.put("/recipe/user/role", given.clone(), &["role_assigned"]).await;
    assert_eq!(
        (trail.last().user_id.as_deref(), trail.last().identifier.as_deref()),
        (Some("jim"), Some("admin"))
    );
    trail.put("/recipe/user/role", given.clone(), &[]).await;
    trail.post("/recipe/user/role/remove", given.clone(), &["role_unassigned"]).await;
    trail.post("/recipe/user/role/remove", given, &[]).await;
    trail.post("/recipe/role/remove", json!({"role": "admin"}), &["role_deleted"]).await;
    trail.post("/recipe/role/remove", json!({"role": "admin"}), &[]).await;

    trail.secret("what is kept about Jim");
    let update = json!({"userId": "jim", "metadataUpdate": {"note": "what is kept about Jim", "old": null}});
    trail.put("/recipe/user/metadata", update, &["metadata_updated"]).await;
    assert_eq!(payload(trail.last())["names"], json!(["note", "old"]));
    trail.post("/recipe/user/metadata/remove", json!({"userId": "jim"}), &["metadata_deleted"]).await;
    trail.post("/recipe/user/metadata/remove", json!({"userId": "jim"}), &[]).await;
}

pub(super) async fn authenticator_apps(trail: &mut Trail) {
    let code = |core: &TestCore, secret: &str| {
        let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build_noncompliant();
        totp.generate(u64::try_from(core.clock.now() / 1000).unwrap()).to_string()
    };
    let device = json!({"userId": "kim", "deviceName": "phone", "skew": 1, "period": 30});
    let made = trail.post("/recipe/totp/device", device, &["totp_device_created"]).await;
    let secret = text(&made["secret"]).to_owned();
    trail.secret(&secret);
    let shown = code(&trail.core, &secret);
    let proof = json!({"userId": "kim", "deviceName": "phone", "totp": shown});
    trail.post("/recipe/totp/device/verify", proof.clone(), &["totp_device_verified"]).await;
    trail.post("/recipe/totp/device/verify", proof, &[]).await;
    let rename = json!({"userId": "kim", "existingDeviceName": "phone", "newDeviceName": "old phone"});
    trail.put("/recipe/totp/device", rename, &["totp_device_renamed"]).await;
    trail.secret(TOTP_SECRET);
    let import =
        json!({"userId": "kim", "deviceName": "pad", "skew": 1, "period": 30, "secretKey": TOTP_SECRET});
    trail.post("/recipe/totp/device/import", import, &["totp_device_created"]).await;
    let shown = code(&trail.core, TOTP_SECRET);
    trail.post("/recipe/totp/verify", json!({"userId": "kim", "totp": shown}), &["totp_code_used"]).await;
    trail.post("/recipe/totp/verify", json!({"userId": "kim", "totp": shown}), &[]).await;
    let remove = json!({"userId": "kim", "deviceName": "pad"});
    trail.post("/recipe/totp/device/remove", remove.clone(), &["totp_device_deleted"]).await;
    trail.post("/recipe/totp/device/remove", remove, &[]).await;
}

pub(super) async fn dashboard(trail: &mut Trail) {
    let user = "/recipe/dashboard/user";
    let credentials = json!({"email": "lea@example.com", "password": "Passw0rd of Lea"});
    trail.secret("Passw0rd of Lea");
    trail.post(user, credentials.clone(), &["dashboard_user_created"]).await;
    trail.post(user, credentials.clone(), &[]).await;
    let session = trail.post("/recipe/dashboard/signin", credentials, &["dashboard_sign_in"]).await;
    let session = text(&session["sessionId"]).to_owned();
    trail.secret(&session);
    let path = format!("/recipe/dashboard/session?sessionId={session}");
    trail.call("Delete", &path, Value::Null, &["dashboard_sign_out"]).await;
    trail.call("Delete", &path, Value::Null, &[]).await;
    let change = json!({"email": "lea@example.com", "newEmail": "lee@example.com"});
    trail.put(user, change, &["dashboard_user_updated"]).await;
    let path = format!("{user}?email=lee@example.com");
    trail.call("Delete", &path, Value::Null, &["dashboard_user_deleted"]).await;
    trail.call("Delete", &path, Value::Null, &[]).await;
}

pub(super) async fn imports(trail: &mut Trail) {
    let user = |email: &str| {
        json!({"externalUserId": format!("outside-{email}"), "loginMethods": [
            {"recipeId": "emailpassword", "email": email, "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt"}]})
    };
    trail.post("/bulk-import/import", user("max@example.com"), &["user_imported"]).await;
    assert_eq!(trail.last().user_id.as_deref(), Some("outside-max@example.com"));
    let queue = json!({"users": [user("ned@example.com"), user("ona@example.com"), user("max@example.com")]});
    trail.post("/bulk-import/users", queue, &["import_queued"]).await;
    jobs::run_all(&trail.core.app, trail.core.clock.now()).await.unwrap();
    let events = trail.new_events().await;
    let mut kinds: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["import_failed", "user_imported", "user_imported"]);
    let failed = events.iter().find(|event| event.kind == "import_failed").unwrap();
    assert_eq!((&payload(failed)["by"], &payload(failed)["reason"]), (&json!("job"), &json!("E003")));
    let ids = json!({"ids": [failed.identifier]});
    trail.post("/bulk-import/users/remove", ids.clone(), &["import_dequeued"]).await;
    trail.post("/bulk-import/users/remove", ids, &[]).await;
}
