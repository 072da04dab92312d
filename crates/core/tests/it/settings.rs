//! Settings of apps and tenants: what is refused in which words, and what holds for whom.

use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const APP: &str = "/recipe/multitenancy/app/v2";
const TENANT: &str = "/appid-a1/recipe/multitenancy/tenant/v2";

/// What is said of an app's settings, or `None` if they are taken.
async fn said_of_app(core: &TestCore, settings: Value) -> Option<String> {
    let reply = core.put(APP, json!({"appId": "a1", "coreConfig": settings})).await;
    (reply.status != 200).then(|| format!("{} {}", reply.status, reply.text().trim_end()))
}

/// What is said of a tenant's settings, or `None` if they are taken.
async fn said_of_tenant(core: &TestCore, tenant: &str, settings: Value) -> Option<String> {
    let reply = core.put(TENANT, json!({"tenantId": tenant, "coreConfig": settings})).await;
    (reply.status != 200).then(|| format!("{} {}", reply.status, reply.text().trim_end()))
}

fn refused(text: &str) -> String {
    format!("400 Invalid core config: {text}")
}

#[tokio::test]
async fn an_app_s_settings_are_refused_in_the_reference_s_words() {
    let core = TestCore::start().await;
    for (settings, text) in [
        (json!({"nonsense": null}), "Invalid config key: nonsense"),
        (json!({"access_token_validity": "1h"}), "'access_token_validity' must be of type long"),
        (json!({"totp_max_attempts": 5_000_000_000_i64}), "'totp_max_attempts' must be of type int"),
        (json!({"refresh_token_validity": []}), "'refresh_token_validity' must be of type double"),
        (json!({"disable_telemetry": "no"}), "'disable_telemetry' must be of type boolean"),
        (json!({"api_keys": {}}), "'api_keys' must be of type String"),
        (json!({"passwordless_code_lifetime": 0}), "'passwordless_code_lifetime' must be > 0"),
        (json!({"saml_claims_validity": "x"}), "'saml_claims_validity' must be of type long"),
        (json!({"port": "x"}), "'port' must be of type int"),
        (json!({"port": null}), "port can only be set via the core's base config setting"),
        (
            json!({"recent_token_reuse_behaviour": "UNAUTHORISED"}),
            "recent_token_reuse_behaviour can only be set via the core's base config setting",
        ),
        (json!({"log_level": "x", "base_path": "a b"}), "Invalid characters in base_path config"),
        (
            json!({"postgresql_host": "elsewhere"}),
            "'postgresql_host' has no effect alone; set 'postgresql_user' or 'postgresql_connection_uri' to use PostgreSQL",
        ),
        (
            json!({"postgresql_key_value_table_name": "kv"}),
            "You cannot set different values for postgresql_key_value_table_name for the same user pool",
        ),
    ] {
        assert_eq!(said_of_app(&core, settings).await, Some(refused(text)));
    }
    assert_eq!(core.get("/appid-a1/users/count").await.status, 400, "nothing was made");
    let fits = json!({
        "access_token_validity": "60", "core_config_version": 0, "postgresql_connection_pool_size": 3,
        "postgresql_key_value_table_name": "key_value", "totp_max_attempts": 1, "ip_deny_regex": null,
    });
    assert_eq!(said_of_app(&core, fits).await, None);
}

#[tokio::test]
async fn tenants_of_an_app_agree_however_a_value_is_written() {
    let core = TestCore::start().await;
    assert_eq!(said_of_app(&core, json!({"access_token_validity": "100"})).await, None);
    let differs =
        Some(refused("You cannot set different values for access_token_validity for the same appId"));
    assert_eq!(said_of_tenant(&core, "t1", json!({"access_token_validity": 100})).await, None);
    assert_eq!(said_of_tenant(&core, "t2", json!({"access_token_validity": 3600})).await, differs);
    assert_eq!(said_of_tenant(&core, "t2", json!({"disable_telemetry": "false"})).await, None);

    assert_eq!(said_of_app(&core, json!({"access_token_validity": 200})).await, differs);
    assert_eq!(said_of_tenant(&core, "t1", json!({"access_token_validity": null})).await, None);
    assert_eq!(said_of_app(&core, json!({"access_token_validity": 200})).await, None);
}

#[tokio::test]
async fn an_app_hashes_as_it_is_set_and_a_tenant_filters_addresses_of_its_own() {
    let core = TestCore::start_with(&json!({"argon2_memory_kb": 64, "argon2_parallelism": 1})).await;
    assert_eq!(said_of_app(&core, json!({"password_hashing_alg": "argon2"})).await, None);
    let sign_up = json!({"email": "ann@example.com", "password": "correct horse"});
    for path in ["/appid-a1/recipe/signup", "/recipe/signup"] {
        assert_eq!(core.post(path, sign_up.clone()).await.status_word(), "OK");
    }
    assert_eq!(core.post("/appid-a1/recipe/signin", sign_up).await.status_word(), "OK");
    let mut tx = core.app.db.read().await.unwrap();
    let hashes: Vec<(String,)> =
        tx.fetch_all("select password_hash from emailpassword_users order by app_id", &[]).await.unwrap();
    drop(tx);
    assert!(hashes[0].0.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{hashes:?}");
    assert!(hashes[1].0.starts_with("$2"), "{hashes:?}");

    let guard = json!({"ip_deny_regex": "127\\..*|::1"});
    assert_eq!(said_of_tenant(&core, "t1", guard).await, None);
    assert_eq!(core.get("/appid-a1/t1/users/count").await.status, 403);
    assert_eq!(core.get("/appid-a1/users/count").await.status, 200);
}

#[tokio::test]
async fn an_app_serves_the_versions_that_it_is_set_to() {
    let core = TestCore::start().await;
    let range = json!({"supertokens_min_cdi_version": "4.0", "supertokens_max_cdi_version": "5.2"});
    assert_eq!(said_of_app(&core, range).await, None);
    for (cdi, here, there) in [("3.1", 400, 200), ("4.0", 200, 200), ("5.2", 200, 200), ("5.3", 400, 200)] {
        let core = core.cdi(cdi);
        assert_eq!(core.get("/appid-a1/users/count").await.status, here, "{cdi}");
        assert_eq!(core.get("/users/count").await.status, there, "{cdi}");
    }
    let turned = json!({"supertokens_max_cdi_version": "3.1"});
    let text = "supertokens_min_cdi_version cannot be greater than supertokens_max_cdi_version";
    assert_eq!(said_of_app(&core, turned).await, Some(refused(text)));
}
