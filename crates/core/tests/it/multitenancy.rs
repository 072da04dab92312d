//! Apps and tenants: made, changed, listed, removed, and what each of them keeps to itself.

use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const TENANT: &str = "/recipe/multitenancy/tenant";

async fn put(core: &TestCore, path: &str, body: Value) -> Value {
    core.put(path, body).await.json()
}

async fn refusal(core: &TestCore, path: &str, body: Value) -> (u16, String) {
    let reply = core.put(path, body).await;
    (reply.status, reply.text().trim_end().to_owned())
}

fn made(created_new: bool) -> Value {
    json!({"status": "OK", "createdNew": created_new})
}

#[tokio::test]
async fn the_public_tenant_leaves_the_factors_to_the_sdk() {
    let core = TestCore::start().await;
    let public =
        json!({"status": "OK", "tenantId": "public", "thirdParty": {"providers": []}, "coreConfig": {}});
    for path in ["/recipe/multitenancy/tenant/v2", "/public/recipe/multitenancy/tenant/v2"] {
        assert_eq!(core.get(path).await.json(), public, "{path}");
    }
    put(&core, "/recipe/multitenancy/app/v2", json!({"appId": "a2"})).await;
    assert_eq!(core.get("/appid-a2/recipe/multitenancy/tenant/v2").await.json(), public, "of a new app");
    for path in ["/t1", "/appid-a1", "/appid-a1/t1"] {
        let unknown = core.get(&format!("{path}/recipe/multitenancy/tenant/v2")).await;
        assert_eq!(unknown.json(), json!({"status": "TENANT_NOT_FOUND_ERROR"}), "{path}");
    }
}

#[tokio::test]
async fn a_new_tenant_of_each_version_begins_as_its_callers_expect() {
    let core = TestCore::start().await;
    assert_eq!(put(&core, "/recipe/multitenancy/tenant/v2", json!({"tenantId": " T2 "})).await, made(true));
    assert_eq!(put(&core, "/recipe/multitenancy/tenant/v2", json!({"tenantId": "t2"})).await, made(false));
    let second = json!({"status": "OK", "tenantId": "t2", "thirdParty": {"providers": []}, "firstFactors": [],
        "coreConfig": {}});
    assert_eq!(core.get("/t2/recipe/multitenancy/tenant/v2").await.json(), second);

    assert_eq!(put(&core, TENANT, json!({"tenantId": "t1"})).await, made(true));
    let off = json!({"status": "OK", "tenantId": "t1", "emailPassword": {"enabled": false},
        "thirdParty": {"enabled": false, "providers": []}, "passwordless": {"enabled": false}, "coreConfig": {}});
    assert_eq!(core.get("/t1/recipe/multitenancy/tenant").await.json(), off);
    let as_v2 = core.get("/t1/recipe/multitenancy/tenant/v2").await.json();
    assert_eq!(as_v2["firstFactors"], json!([]), "every switch is off");

    let go = core.cdi("3.1");
    assert_eq!(put(&go, TENANT, json!({"tenantId": "t0", "emailPasswordEnabled": true})).await, made(true));
    let old = go.get("/t0/recipe/multitenancy/tenant").await.json();
    assert_eq!(old["emailPassword"]["enabled"], true);
    assert_eq!(old["passwordless"]["enabled"], false);
    assert!(old.get("firstFactors").is_none());
    let as_v2 = core.get("/t0/recipe/multitenancy/tenant/v2").await.json();
    assert_eq!(as_v2["firstFactors"], json!(["emailpassword"]));
}

#[tokio::test]
async fn factors_are_kept_cleared_or_replaced() {
    let core = TestCore::start().await;
    let factors =
        json!({"tenantId": "t1", "firstFactors": ["emailpassword"], "requiredSecondaryFactors": ["totp"]});
    put(&core, "/recipe/multitenancy/tenant/v2", factors).await;
    put(&core, "/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    let kept = core.get("/t1/recipe/multitenancy/tenant/v2").await.json();
    assert_eq!(
        (&kept["firstFactors"], &kept["requiredSecondaryFactors"]),
        (&json!(["emailpassword"]), &json!(["totp"]))
    );
    let cleared = json!({"tenantId": "t1", "firstFactors": null, "requiredSecondaryFactors": []});
    put(&core, "/recipe/multitenancy/tenant/v2", cleared).await;
    let cleared = core.get("/t1/recipe/multitenancy/tenant/v2").await.json();
    assert!(cleared.get("firstFactors").is_none() && cleared.get("requiredSecondaryFactors").is_none());
}

#[tokio::test]
async fn what_factors_cannot_be_is_named() {
    let core = TestCore::start().await;
    for (path, body, text) in [
        (
            "/v2",
            json!({"emailPasswordEnabled": null}),
            "emailPasswordEnabled is not a valid input for this API",
        ),
        ("/v2", json!({"thirdPartyEnabled": true}), "thirdParty is not a valid input for this API"),
        ("/v2", json!({"passwordlessEnabled": true}), "passwordless is not a valid input for this API"),
        (
            "/v2",
            json!({"firstFactors": ["a", "a"]}),
            "firstFactors input should not contain duplicate values",
        ),
        (
            "/v2",
            json!({"firstFactors": ["a b"]}),
            "firstFactors should contain only 0-9,a-z,A-Z,_,.,- characters",
        ),
        (
            "/v2",
            json!({"firstFactors": [""]}),
            "firstFactors should contain only 0-9,a-z,A-Z,_,.,- characters",
        ),
        (
            "/v2",
            json!({"requiredSecondaryFactors": ["a", "b", "a"]}),
            "requiredSecondaryFactors input should not contain duplicate values",
        ),
        (
            "/v2",
            json!({"requiredSecondaryFactors": ["ä"]}),
            "requiredSecondaryFactors should contain only 0-9,a-z,A-Z,_,.,- characters",
        ),
        (
            "/v2",
            json!({"requiredSecondaryFactors": ["a".repeat(129)]}),
            "requiredSecondaryFactors should contain names of at most 128 characters",
        ),
        ("/v2", json!({"firstFactors": [1]}), "Field name 'firstFactors' is invalid in JSON input"),
        ("/v2", json!({"firstFactors": "totp"}), "Field name 'firstFactors' is invalid in JSON input"),
        (
            "/v2",
            json!({"requiredSecondaryFactors": [null]}),
            "Field name 'requiredSecondaryFactors' is invalid in JSON input",
        ),
        (
            "",
            json!({"requiredSecondaryFactors": []}),
            "requiredSecondaryFactors cannot be empty. Set null instead to remove all required secondary factors.",
        ),
        ("", json!({"firstFactors": ["a", "a"]}), "firstFactors input should not contain duplicate values"),
        (
            "",
            json!({"requiredSecondaryFactors": ["a", "a"]}),
            "requiredSecondaryFactors input should not contain duplicate values",
        ),
        (
            "",
            json!({"firstFactors": []}),
            "firstFactors cannot be empty. Set null instead to remove all first factors.",
        ),
        (
            "",
            json!({"passwordlessEnabled": false, "requiredSecondaryFactors": ["otp-email"]}),
            "Invalid core config: requiredSecondaryFactors should not contain 'otp-email' because passwordless is disabled for the tenant.",
        ),
    ] {
        assert_eq!(refusal(&core, &format!("{TENANT}{path}"), body).await, (400, text.to_owned()));
    }
}

#[tokio::test]
async fn factors_that_one_version_sets_are_shown_by_the_others() {
    let core = TestCore::start().await;
    let factors = json!({"tenantId": "t1", "firstFactors": ["otp-email", "(my.factor_1)-"],
        "requiredSecondaryFactors": ["totp", "webauthn"]});
    put(&core, "/recipe/multitenancy/tenant/v2", factors).await;
    let first = json!(["(my.factor_1)-", "otp-email"]);
    let v2 = core.get("/t1/recipe/multitenancy/tenant/v2").await.json();
    assert_eq!(
        (&v2["firstFactors"], &v2["requiredSecondaryFactors"]),
        (&first, &json!(["totp", "webauthn"]))
    );
    let v1 = core.cdi("5.0").get("/t1/recipe/multitenancy/tenant").await.json();
    assert_eq!(
        (&v1["firstFactors"], &v1["requiredSecondaryFactors"]),
        (&first, &json!(["totp", "webauthn"]))
    );
    assert_eq!(v1["emailPassword"], json!({"enabled": true}), "from 5.0 on any factor will do");
    let old = core.cdi("4.0").get("/t1/recipe/multitenancy/tenant").await.json();
    assert!(old.get("firstFactors").is_none() && old.get("requiredSecondaryFactors").is_none());
    let enabled =
        ["emailPassword", "thirdParty", "passwordless"].map(|recipe| old[recipe]["enabled"].clone());
    assert_eq!(enabled, [json!(false), json!(false), json!(true)], "before, only what is listed");
    // An older call adds to the list and takes from it, and leaves the second factors alone.
    let change = json!({"tenantId": "t1", "emailPasswordEnabled": true, "passwordlessEnabled": false});
    put(&core.cdi("3.1"), TENANT, change).await;
    let v2 = core.get("/t1/recipe/multitenancy/tenant/v2").await.json();
    assert_eq!(v2["firstFactors"], json!(["(my.factor_1)-", "emailpassword"]));
    assert_eq!(v2["requiredSecondaryFactors"], json!(["totp", "webauthn"]));
    let unread = json!({"tenantId": "t1", "firstFactors": 1, "requiredSecondaryFactors": 1});
    assert_eq!(put(&core.cdi("4.0"), TENANT, unread).await, made(false), "unknown to that version");
    let cleared = json!({"tenantId": "t1", "firstFactors": null, "requiredSecondaryFactors": null});
    put(&core.cdi("5.0"), TENANT, cleared).await;
    let v1 = core.cdi("5.0").get("/t1/recipe/multitenancy/tenant").await.json();
    assert!(v1.get("firstFactors").is_none() && v1.get("requiredSecondaryFactors").is_none());
}

#[tokio::test]
async fn an_app_keeps_its_users_to_itself_and_takes_them_along() {
    let core = TestCore::start().await;
    assert_eq!(put(&core, "/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await, made(true));
    let sign_up = json!({"email": "ann@example.com", "password": "correct horse"});
    for path in ["/appid-a1", ""] {
        let reply = core.post(&format!("{path}/recipe/signup"), sign_up.clone()).await;
        assert_eq!(reply.status_word(), "OK", "{path}");
    }
    let session = json!({"userId": "u", "userDataInJWT": {}, "userDataInDatabase": {}, "enableAntiCsrf": false,
        "useDynamicSigningKey": true});
    let handle = core.post("/appid-a1/recipe/session", session).await.json()["session"]["handle"].clone();
    let of_app = format!("/appid-a1/recipe/session?sessionHandle={}", handle.as_str().unwrap());
    assert_eq!(core.get(&of_app).await.status_word(), "OK");
    let keys = |path: &'static str| async { core.get(path).await.json() };
    assert_ne!(keys("/appid-a1/.well-known/jwks.json").await, keys("/.well-known/jwks.json").await);

    put(&core, "/appid-a1/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    let of_tenant = keys("/appid-a1/t1/.well-known/jwks.json").await;
    assert_eq!(of_tenant, keys("/appid-a1/.well-known/jwks.json").await, "all its tenants have the same");
    let reply = core.post("/recipe/multitenancy/app/remove", json!({"appId": "a1"})).await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (
            403,
            "Please delete all tenants except the public tenant for this app before calling the delete API\n"
        )
    );
    let gone = core.post("/appid-a1/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await;
    assert_eq!(gone.json(), json!({"status": "OK", "didExist": true}));
    for did_exist in [true, false] {
        let gone = core.post("/recipe/multitenancy/app/remove", json!({"appId": "A1"})).await;
        assert_eq!(gone.json(), json!({"status": "OK", "didExist": did_exist}));
    }
    let unknown = core.get("/appid-a1/users").await;
    assert_eq!(
        (unknown.status, unknown.text().as_str()),
        (
            400,
            "AppId or tenantId not found => Tenant with the following connectionURIDomain, appId and tenantId combination not found: (, a1, public)\n"
        )
    );

    // The app comes back empty, with keys of its own.
    put(&core, "/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await;
    assert_eq!(core.get("/appid-a1/users/count").await.json()["count"], 0);
    assert_eq!(core.get(&of_app).await.status_word(), "UNAUTHORISED");
    assert_eq!(core.get("/users/count").await.json()["count"], 1);
}

#[tokio::test]
async fn one_address_may_sign_up_once_in_each_tenant() {
    let core = TestCore::start().await;
    put(&core, "/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    let sign_up = json!({"email": "ann@example.com", "password": "correct horse"});
    let of_tenant = core.post("/t1/recipe/signup", sign_up.clone()).await.json();
    assert_eq!(of_tenant["user"]["tenantIds"], json!(["t1"]));
    assert_eq!(core.post("/recipe/signup", sign_up.clone()).await.status_word(), "OK");
    assert_eq!(core.post("/t1/recipe/signup", sign_up).await.status_word(), "EMAIL_ALREADY_EXISTS_ERROR");
    assert_eq!(core.get("/users/count").await.json()["count"], 1);
    assert_eq!(core.get("/users/count?includeAllTenants=true").await.json()["count"], 2);
    // A tenant that is removed leaves its users in the app, as members of nothing.
    core.post("/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await;
    let id = of_tenant["user"]["id"].as_str().unwrap();
    let user = core.get(&format!("/user/id?userId={id}")).await.json();
    assert_eq!(user["user"]["tenantIds"], json!([]));
}

#[tokio::test]
async fn lists_show_apps_and_tenants_to_those_above_them() {
    let core = TestCore::start().await;
    put(&core, "/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await;
    put(&core, "/appid-a1/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    let ids = |list: &Value, key: &str| -> Vec<String> {
        list.as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    for version in ["", "/v2"] {
        let tenants = core.get(&format!("/appid-a1/recipe/multitenancy/tenant/list{version}")).await.json();
        assert_eq!(ids(&tenants["tenants"], "tenantId"), ["public", "t1"]);
        assert_eq!(tenants["tenants"][0].get("emailPassword").is_some(), version.is_empty());
        let apps = core.get(&format!("/recipe/multitenancy/app/list{version}")).await.json();
        assert_eq!(ids(&apps["apps"], "appId"), ["a1", "public"]);
        assert_eq!(ids(&apps["apps"][0]["tenants"], "tenantId"), ["public", "t1"]);
        let domains =
            core.get(&format!("/recipe/multitenancy/connectionuridomain/list{version}")).await.json();
        assert_eq!(ids(&domains["connectionUriDomains"], "connectionUriDomain"), [""]);
        assert_eq!(domains["connectionUriDomains"][0]["apps"], apps["apps"]);
    }
    for (path, text) in [
        (
            "/appid-a1/t1/recipe/multitenancy/tenant/list/v2",
            "Only the public tenantId is allowed to list all tenants associated with this app",
        ),
        (
            "/appid-a1/recipe/multitenancy/app/list/v2",
            "Only the public tenantId and public appId is allowed to list all apps associated with this connection uri domain",
        ),
        (
            "/appid-a1/recipe/multitenancy/connectionuridomain/list/v2",
            "Only the public tenantId, public appId and default connectionUriDomain is allowed to list all connectionUriDomains and appIds associated with this core",
        ),
    ] {
        let reply = core.get(path).await;
        assert_eq!((reply.status, reply.text().trim_end()), (403, text));
    }
}

#[tokio::test]
async fn only_parents_and_the_thing_itself_may_change_it() {
    let core = TestCore::start().await;
    for app in ["a1", "a2"] {
        put(&core, "/recipe/multitenancy/app/v2", json!({"appId": app})).await;
    }
    for tenant in ["t1", "t2"] {
        put(&core, "/recipe/multitenancy/tenant/v2", json!({"tenantId": tenant})).await;
    }
    assert_eq!(put(&core, "/t1/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await, made(false));
    assert_eq!(put(&core, "/appid-a1/recipe/multitenancy/app/v2", json!({"appId": "a1"})).await, made(false));
    for (path, body, text) in [
        (
            "/t1/recipe/multitenancy/tenant/v2",
            json!({"tenantId": "t2"}),
            "You must use the public or same tenant to add/update a tenant",
        ),
        (
            "/appid-a1/recipe/multitenancy/app/v2",
            json!({"appId": "a2"}),
            "You must use the public or same app to add/update an app",
        ),
        (
            "/t1/recipe/multitenancy/app",
            json!({"appId": "a3"}),
            "You must use the public or same app to add/update an app",
        ),
        (
            "/appid-a1/recipe/multitenancy/connectionuridomain/v2",
            json!({"connectionUriDomain": "auth.example.com"}),
            "You must use the default or same connectionUriDomain to create/update a connectionUriDomain",
        ),
    ] {
        assert_eq!(refusal(&core, path, body).await, (403, text.to_owned()), "{path}");
    }
    assert_eq!(core.get("/appid-a3/users").await.status, 400, "nothing was made");
    for (path, body, text) in [
        (
            "/recipe/multitenancy/tenant/remove",
            json!({"tenantId": "public"}),
            "Cannot delete public tenant, use remove app API instead",
        ),
        (
            "/t1/recipe/multitenancy/tenant/remove",
            json!({"tenantId": "t2"}),
            "Only the public tenantId is allowed to delete a tenant",
        ),
        (
            "/recipe/multitenancy/app/remove",
            json!({"appId": "public"}),
            "Cannot delete the public app, use remove connection uri domain API instead",
        ),
        (
            "/appid-a1/recipe/multitenancy/app/remove",
            json!({"appId": "a2"}),
            "Only the public tenantId and public appId is allowed to delete an app",
        ),
        (
            "/appid-a1/recipe/multitenancy/connectionuridomain/remove",
            json!({"connectionUriDomain": "auth.example.com"}),
            "Only the public tenantId, public appId and default connectionUriDomain is allowed to delete a connectionUriDomain",
        ),
    ] {
        let reply = core.post(path, body).await;
        assert_eq!((reply.status, reply.text().trim_end()), (403, text), "{path}");
    }
}

#[tokio::test]
async fn settings_are_inherited_merged_and_checked() {
    let core = TestCore::start().await;
    let app = json!({"appId": "a1", "coreConfig": {"password_reset_token_lifetime": 5000, "access_token_validity": 60}});
    put(&core, "/recipe/multitenancy/app/v2", app).await;
    let tenant = json!({"tenantId": "t1", "coreConfig": {"password_reset_token_lifetime": 7000}});
    put(&core, "/appid-a1/recipe/multitenancy/tenant/v2", tenant).await;
    put(&core, "/appid-a1/recipe/multitenancy/tenant/v2", json!({"tenantId": "t2"})).await;
    for (tenant, lifetime) in [("/t1", 7000), ("/t2", 5000), ("", 5000)] {
        let path = format!("/appid-a1{tenant}");
        let sign_up = json!({"email": "ann@example.com", "password": "correct horse"});
        let user = core.post(&format!("{path}/recipe/signup"), sign_up).await.json();
        let ask = json!({"userId": user["user"]["id"], "email": "ann@example.com"});
        let mut works = Vec::new();
        for wait in [lifetime - 1, lifetime + 1] {
            let token =
                core.post(&format!("{path}/recipe/user/password/reset/token"), ask.clone()).await.json();
            core.advance(wait);
            let consume = json!({"method": "token", "token": token["token"]});
            let reply = core.post(&format!("{path}/recipe/user/password/reset/token/consume"), consume).await;
            works.push(reply.status_word());
        }
        assert_eq!(works, ["OK", "RESET_PASSWORD_INVALID_TOKEN_ERROR"], "{path}");
    }

    let change = json!({"appId": "a1", "coreConfig": {"access_token_validity": null, "bulk_migration_parallelism": null}});
    put(&core, "/recipe/multitenancy/app/v2", change).await;
    let stored = core.get("/appid-a1/recipe/multitenancy/tenant/v2").await.json();
    assert_eq!(
        stored["coreConfig"],
        json!({"password_reset_token_lifetime": 5000, "bulk_migration_parallelism": null})
    );

    for (path, body, text) in [
        (
            "/recipe/multitenancy/tenant/v2",
            json!({"coreConfig": {"access_token_validity": 60}}),
            "Cannot modify base config",
        ),
        (
            "/recipe/multitenancy/app/v2",
            json!({"appId": "a2", "coreConfig": {"nonsense": 1}}),
            "Invalid core config: Invalid config key: nonsense",
        ),
        (
            "/recipe/multitenancy/app/v2",
            json!({"appId": "a2", "coreConfig": {"access_token_validity": -1}}),
            "Invalid core config: 'access_token_validity' must be between 1 and 86400000 seconds inclusive.",
        ),
        (
            "/appid-a1/recipe/multitenancy/tenant/v2",
            json!({"tenantId": "t1", "coreConfig": {"access_token_validity": 9}}),
            "Invalid core config: You cannot set different values for access_token_validity for the same appId",
        ),
        (
            "/recipe/multitenancy/app/v2",
            json!({"appId": "a2", "coreConfig": {"port": 1}}),
            "Invalid core config: port can only be set via the core's base config setting",
        ),
        (
            "/recipe/multitenancy/app/v2",
            json!({"appId": "a_2"}),
            "appId can only contain letters, numbers and hyphens",
        ),
        ("/recipe/multitenancy/app", json!({"appId": null}), "Field name 'appId' is invalid in JSON input"),
        (
            "/recipe/multitenancy/tenant",
            json!({"coreConfig": 1}),
            "Field name 'coreConfig' is invalid in JSON input",
        ),
        (
            "/recipe/multitenancy/connectionuridomain",
            json!({"connectionUriDomain": "http://a"}),
            "connectionUriDomain is invalid",
        ),
        (
            "/recipe/multitenancy/connectionuridomain/v2",
            json!({"connectionUriDomain": "auth.example.com"}),
            "Invalid core config: ConnectionUriDomain:  cannot be mapped to the same user pool as auth.example.com",
        ),
    ] {
        assert_eq!(refusal(&core, path, body).await, (400, text.to_owned()), "{path}");
    }
    assert_eq!(core.get("/appid-a2/users").await.status, 400, "nothing was made");
}

#[tokio::test]
async fn an_app_has_api_keys_of_its_own() {
    let core = TestCore::start().await;
    let key = "an-app-s-own-key-0123456789";
    put(&core, "/recipe/multitenancy/app/v2", json!({"appId": "a1", "coreConfig": {"api_keys": key}})).await;
    assert_eq!(core.get("/appid-a1/users/count").await.status, 401);
    assert_eq!(core.header("api-key", key).get("/appid-a1/users/count").await.status, 200);
    assert_eq!(core.get("/users/count").await.status, 200);
    let unknown = core.get("/appid-none/users/count").await;
    assert_eq!(unknown.status, 400, "there is no key to check");
}

#[tokio::test]
async fn only_the_operator_sees_and_changes_guards() {
    let (key, secret) = ("a-key-of-the-app-0123456789", "the-operator-s-own-secret-0123456789-0123456789");
    let core = TestCore::start_with(&json!({"api_keys": key, "supertokens_saas_secret": secret})).await;
    let (customer, operator) = (core.header("api-key", key), core.header("api-key", secret));
    let guarded =
        json!({"appId": "a1", "coreConfig": {"ip_deny_regex": "10\\..*", "access_token_validity": 60}});
    assert_eq!(
        refusal(&customer, "/recipe/multitenancy/app/v2", guarded.clone()).await,
        (403, "Not allowed to modify protected configs.".to_owned())
    );
    put(&operator, "/recipe/multitenancy/app/v2", guarded.clone()).await;
    let seen =
        |core: TestCore| async move { core.get("/appid-a1/recipe/multitenancy/tenant/v2").await.json() };
    assert_eq!(seen(customer.clone()).await["coreConfig"], json!({"access_token_validity": 60}));
    assert_eq!(seen(operator.clone()).await["coreConfig"], guarded["coreConfig"]);
    assert_eq!(
        put(&customer, "/recipe/multitenancy/app/v2", guarded.clone()).await,
        made(false),
        "nothing changes"
    );
    let away = json!({"appId": "a1", "coreConfig": {"ip_deny_regex": null}});
    for path in ["/recipe/multitenancy/app", "/recipe/multitenancy/app/v2"] {
        assert_eq!(
            refusal(&customer, path, away.clone()).await,
            (403, "Not allowed to modify protected configs.".to_owned())
        );
    }
    assert_eq!(seen(operator.clone()).await["coreConfig"], guarded["coreConfig"]);
    assert_eq!(put(&operator, "/recipe/multitenancy/app/v2", away).await, made(false));
    assert_eq!(seen(operator).await["coreConfig"], json!({"access_token_validity": 60}));
}

#[tokio::test]
async fn one_app_made_by_fifty_at_once_is_new_once() {
    let core = TestCore::start().await;
    let makers = (0..50).map(|number| {
        let core = core.clone();
        let body = json!({"appId": "a1", "coreConfig": {"password_reset_token_lifetime": number + 1}});
        async move { core.put("/recipe/multitenancy/app/v2", body).await.json()["createdNew"].as_bool() }
    });
    let outcomes = futures_util::future::join_all(makers).await;
    assert_eq!(outcomes.iter().filter(|created| **created == Some(true)).count(), 1);
    assert_eq!(outcomes.iter().filter(|created| **created == Some(false)).count(), 49);
}

#[tokio::test]
async fn another_core_sees_a_new_tenant_at_once_and_a_change_within_a_minute() {
    let core = TestCore::start().await;
    let other = core.another().await;
    put(&core, "/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    assert_eq!(other.get("/t1/recipe/multitenancy/tenant/v2").await.json()["firstFactors"], json!([]));
    put(&core, "/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1", "firstFactors": ["totp"]})).await;
    core.advance(60_000);
    assert_eq!(other.get("/t1/recipe/multitenancy/tenant/v2").await.json()["firstFactors"], json!(["totp"]));
}

#[tokio::test]
async fn a_tenant_that_another_core_removed_is_unknown_at_once() {
    let core = TestCore::start().await;
    let other = core.another().await;
    put(&core, "/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    assert_eq!(other.get("/t1/users").await.status, 200);
    core.post("/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await;
    let sign_up = json!({"email": "ann@example.com", "password": "correct horse"});
    let reply = other.post("/t1/recipe/signup", sign_up).await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (
            400,
            "AppId or tenantId not found => Tenant with the following connectionURIDomain, appId and tenantId combination not found: (, public, t1)\n"
        )
    );
}

#[tokio::test]
async fn a_tenant_made_while_its_app_is_removed_leaves_nothing_half_done() {
    let core = TestCore::start().await;
    for round in 0..10 {
        let app = format!("a{round}");
        put(&core, "/recipe/multitenancy/app/v2", json!({"appId": app})).await;
        let path = format!("/appid-{app}/recipe/multitenancy/tenant/v2");
        let (made, removed) = tokio::join!(
            core.put(&path, json!({"tenantId": "t1"})),
            core.post("/recipe/multitenancy/app/remove", json!({"appId": app})),
        );
        // Either both are there, or neither is.
        let listed = core.get("/recipe/multitenancy/app/list/v2").await.json();
        let left: Vec<&Value> =
            listed["apps"].as_array().unwrap().iter().filter(|left| left["appId"] == json!(app)).collect();
        match removed.status {
            200 => assert!(left.is_empty() && made.status == 400, "{} {left:?}", made.text()),
            _ => assert_eq!(
                (removed.status, made.status, left[0]["tenants"].as_array().unwrap().len()),
                (403, 200, 2)
            ),
        }
    }
}
