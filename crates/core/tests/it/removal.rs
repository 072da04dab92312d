//! What goes with a tenant or an app that is removed.

use super::passwordless::{begin, consume, link};
use super::{session, webauthn};
use portcullis_db::Engine;
use portcullis_testkit::TestCore;
use portcullis_testkit::authenticator::{Algorithm, Authenticator};
use serde_json::{Value, json};

const EMAIL: &str = "ann@example.com";

async fn count(core: &TestCore, table: &str, condition: &str) -> i64 {
    let sql = format!("select count(*) from {table} where {condition}");
    let mut tx = core.app.db.read().await.unwrap();
    tx.fetch_optional::<(i64,)>(sql, &[]).await.unwrap().unwrap().0
}

#[tokio::test]
async fn a_tenant_takes_along_what_is_kept_there_and_leaves_the_users_to_the_app() {
    let core = TestCore::start().await;
    let made = json!({"tenantId": "t1"});
    core.put("/recipe/multitenancy/tenant/v2", made.clone()).await.json();
    let t1 = core.at("/t1");
    let ann = t1.sign_up(EMAIL, "password1").await["id"].clone();
    let both = core.sign_up("bob@example.com", "password1").await["id"].clone();
    t1.post("/recipe/multitenancy/tenant/user", json!({"recipeUserId": both})).await.json();
    for id in [&ann, &both] {
        core.post("/recipe/accountlinking/user/primary", json!({"recipeUserId": id})).await.json();
    }
    let there = session::create(&t1.cdi("5.4"), json!({"userId": both})).await;
    let here = session::create(&core.cdi("5.4"), json!({"userId": both})).await;
    core.put("/recipe/role", json!({"role": "admin"})).await.json();
    for place in [&core, &t1] {
        place.put("/recipe/user/role", json!({"userId": both, "role": "admin"})).await.json();
    }
    t1.post("/recipe/user/email/verify/token", json!({"userId": ann, "email": EMAIL})).await.json();
    begin(&t1, json!({"email": EMAIL})).await;
    let remove = || core.post("/recipe/multitenancy/tenant/remove", made.clone());
    assert_eq!(remove().await.json(), json!({"status": "OK", "didExist": true}));
    assert_eq!(remove().await.json(), json!({"status": "OK", "didExist": false}));
    for table in [
        "session_info",
        "user_roles",
        "emailverification_tokens",
        "passwordless_devices",
        "primary_user_tenants",
    ] {
        assert_eq!(count(&core, table, "tenant_id = 't1'").await, 0, "{table}");
    }
    let read = |session: &Value| format!("/recipe/session?sessionHandle={}", session::handle(session));
    assert_eq!(core.get(&read(&here)).await.status_word(), "OK");
    assert_eq!(core.get(&read(&there)).await.status, 400, "its tenant is unknown");
    let roles = format!("/recipe/user/roles?userId={}", both.as_str().unwrap());
    assert_eq!(core.get(&roles).await.json()["roles"], json!(["admin"]));
    for (id, tenants) in [(&ann, json!([])), (&both, json!(["public"]))] {
        let path = format!("/user/id?userId={}", id.as_str().unwrap());
        assert_eq!(core.get(&path).await.json()["user"]["tenantIds"], tenants);
    }
    assert_eq!(core.get("/users/count?includeAllTenants=true").await.json()["count"], 2);

    core.put("/recipe/multitenancy/tenant/v2", made).await.json();
    assert_eq!(t1.get("/users").await.json()["users"], json!([]));
    assert_eq!(t1.get(&roles).await.json()["roles"], json!([]));
    assert_ne!(t1.sign_up(EMAIL, "password2").await["id"], ann, "the address is free");
}

/// The tables that hold something of apps.
async fn tables_of_apps(core: &TestCore) -> Vec<String> {
    let mut tx = core.app.db.read().await.unwrap();
    let sql = match tx.engine() {
        Engine::Postgres => {
            "select cast(table_name as text) from information_schema.columns
             where column_name = 'app_id' and table_schema = current_schema() order by 1"
        }
        Engine::Sqlite => {
            "select m.name from sqlite_master m join pragma_table_info(m.name) c on c.name = 'app_id'
             where m.type = 'table' order by 1"
        }
    };
    let rows: Vec<(String,)> = tx.fetch_all(sql, &[]).await.unwrap();
    // What happened is remembered for as long as the operator wants.
    rows.into_iter().map(|(name,)| name).filter(|name| !name.starts_with("activity_log")).collect()
}

/// Has every recipe keep something in every table of its own.
async fn fill(app: &TestCore) {
    app.get("/apiversion?websiteDomain=w&apiDomain=a").await.json();
    let provider = json!({"config": {"thirdPartyId": "p", "clients": [{"clientId": "c"}]}});
    app.put("/recipe/multitenancy/config/thirdparty", provider).await.json();
    let ann = app.sign_up(EMAIL, "password1").await["id"].clone();
    let map = json!({"superTokensUserId": ann, "externalUserId": "ext"});
    app.post("/recipe/userid/map", map).await.json();
    app.post("/recipe/accountlinking/user/primary", json!({"recipeUserId": "ext"})).await.json();
    let address = json!({"userId": "ext", "email": EMAIL});
    app.post("/recipe/user/password/reset/token", address.clone()).await.json();
    let token = app.post("/recipe/user/email/verify/token", address.clone()).await.json()["token"].clone();
    app.post("/recipe/user/email/verify", json!({"method": "token", "token": token})).await.json();
    app.post("/recipe/user/email/verify/token", json!({"userId": "ext", "email": "n@example.com"}))
        .await
        .json();
    session::create(app, json!({"userId": "ext"})).await;
    let told = json!({"thirdPartyId": "google", "thirdPartyUserId": "1",
        "email": {"id": EMAIL, "isVerified": false}});
    app.post("/recipe/signinup", told).await.json();
    let code = begin(app, json!({"email": EMAIL})).await;
    consume(app, link(&code)).await.json();
    begin(app, json!({"email": EMAIL})).await;
    app.put("/recipe/user/metadata", json!({"userId": "ext", "metadataUpdate": {"a": 1}})).await.json();
    app.put("/recipe/role", json!({"role": "admin", "permissions": ["read"]})).await.json();
    app.put("/recipe/user/role", json!({"userId": "ext", "role": "admin"})).await.json();
    let device = json!({"userId": "ext", "deviceName": "d", "skew": 1, "period": 30});
    app.post("/recipe/totp/device", device).await.json();
    app.post("/recipe/totp/device/verify", json!({"userId": "ext", "deviceName": "d", "totp": "1"}))
        .await
        .json();
    app.post("/recipe/signin", json!({"email": EMAIL, "password": "wrong"})).await.json();
    let mut passkey = Authenticator::new(Algorithm::Es256);
    webauthn::sign_up(app, EMAIL, &mut passkey).await;
    webauthn::sign_in(&app.cdi("5.4"), &mut passkey).await;
    app.post("/recipe/webauthn/user/recover/token", address).await.json();
    let staff = json!({"email": "staff@example.com", "password": "password1"});
    app.post("/recipe/dashboard/user", staff.clone()).await.json();
    app.post("/recipe/dashboard/signin", staff).await.json();
    let waiting = json!({"loginMethods": [{"recipeId": "passwordless", "email": "w@example.com"}]});
    app.post("/bulk-import/users", json!({"users": [waiting]})).await.json();
}

#[tokio::test]
async fn an_app_takes_along_every_row_of_its_own_and_no_other() {
    let core = TestCore::start_with(&json!({"max_failed_attempts_per_account": 9})).await;
    let own = json!({"appId": "a1", "firstFactors": ["emailpassword"], "requiredSecondaryFactors": ["totp"]});
    core.put("/recipe/multitenancy/app/v2", own).await.json();
    fill(&core).await;
    fill(&core.at("/appid-a1")).await;
    let tables = tables_of_apps(&core).await;
    assert!(tables.len() > 40, "{tables:?}");
    let mut before = Vec::new();
    for table in &tables {
        assert!(
            count(&core, table, "app_id = 'a1'").await > 0,
            "{table} is not filled: this test must do so"
        );
        before.push(count(&core, table, "app_id = 'public'").await);
    }
    let gone = core.post("/recipe/multitenancy/app/remove", json!({"appId": "a1"})).await;
    assert_eq!(gone.json(), json!({"status": "OK", "didExist": true}));
    for (table, before) in tables.iter().zip(before) {
        assert_eq!(count(&core, table, "app_id = 'a1'").await, 0, "{table}");
        assert_eq!(count(&core, table, "app_id = 'public'").await, before, "{table}");
    }
}
