//! A tenant's providers: stored whole, listed with the tenant, removed.

use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const CONFIG: &str = "/recipe/multitenancy/config/thirdparty";
const REMOVE: &str = "/recipe/multitenancy/config/thirdparty/remove";

async fn put(core: &TestCore, config: Value) -> Value {
    core.put(CONFIG, json!({"config": config})).await.json()
}

async fn providers(core: &TestCore, tenant: &str) -> Value {
    let tenant = core.get(&format!("/{tenant}/recipe/multitenancy/tenant/v2")).await.json();
    tenant["thirdParty"]["providers"].clone()
}

fn made(created_new: bool) -> Value {
    json!({"status": "OK", "createdNew": created_new})
}

fn whole() -> Value {
    json!({
        "thirdPartyId": "custom", "name": "Custom",
        "clients": [
            {"clientId": "plain"},
            {
                "clientType": "mobile", "clientId": "id", "clientSecret": "secret", "scope": ["b", "a, \"c\""],
                "forcePKCE": true, "additionalConfig": {"key": "value", "none": null},
            },
            {"clientType": "web", "clientId": "id2", "scope": [], "forcePKCE": false},
        ],
        "authorizationEndpoint": "https://a", "authorizationEndpointQueryParams": {"a": null, "b": "c"},
        "tokenEndpoint": "https://t", "tokenEndpointBodyParams": {"d": "e"},
        "userInfoEndpoint": "https://u", "userInfoEndpointQueryParams": {"f": "g"},
        "userInfoEndpointHeaders": {"h": "i"}, "jwksURI": "https://j", "oidcDiscoveryEndpoint": "https://o",
        "requireEmail": false,
        "userInfoMap": {
            "fromIdTokenPayload": {"userId": "k", "email": "l", "emailVerified": "m"},
            "fromUserInfoAPI": {"userId": "n.o", "email": "p", "emailVerified": "q"},
        },
    })
}

fn bare(id: &str) -> Value {
    json!({
        "thirdPartyId": id, "clients": [], "userInfoMap": {"fromIdTokenPayload": {}, "fromUserInfoAPI": {}},
    })
}

#[tokio::test]
async fn a_provider_comes_back_as_it_was_stored() {
    let core = TestCore::start().await;
    assert_eq!(put(&core, whole()).await, made(true));
    assert_eq!(providers(&core, "public").await, json!([whole()]));
    for path in [
        "/recipe/multitenancy/tenant",
        "/recipe/multitenancy/tenant/list",
        "/recipe/multitenancy/tenant/list/v2",
        "/recipe/multitenancy/app/list/v2",
        "/recipe/multitenancy/connectionuridomain/list",
    ] {
        let text = core.get(path).await.json().to_string();
        assert!(text.contains(&whole().to_string()), "{path}: {text}");
    }
    let old = core.cdi("3.1").get("/recipe/multitenancy/tenant").await.json();
    assert_eq!(old["thirdParty"], json!({"enabled": true, "providers": [whole()]}));
    let another = core.another().await;
    assert_eq!(providers(&another, "public").await, json!([whole()]));
}

#[tokio::test]
async fn a_provider_is_replaced_and_not_laid_over() {
    let core = TestCore::start().await;
    put(&core, whole()).await;
    assert_eq!(put(&core, json!({"thirdPartyId": " custom "})).await, made(false));
    assert_eq!(providers(&core, "public").await, json!([bare("custom")]));
    assert_eq!(put(&core, json!({"thirdPartyId": "another", "name": null})).await, made(true));
    assert_eq!(providers(&core, "public").await, json!([bare("another"), bare("custom")]));
    let removed = |id: &str| core.post(REMOVE, json!({"thirdPartyId": id}));
    assert_eq!(removed(" custom ").await.json(), json!({"status": "OK", "didConfigExist": true}));
    assert_eq!(removed("custom").await.json(), json!({"status": "OK", "didConfigExist": false}));
    assert_eq!(providers(&core, "public").await, json!([bare("another")]));
}

#[tokio::test]
async fn each_tenant_has_providers_of_its_own_and_keeps_them_through_changes() {
    let core = TestCore::start().await;
    let tenant = json!({"tenantId": "t1", "firstFactors": ["thirdparty"]});
    core.put("/recipe/multitenancy/tenant/v2", tenant).await.json();
    let config = json!({"config": {"thirdPartyId": "own"}});
    assert_eq!(
        core.put("/t1/recipe/multitenancy/config/thirdparty", config.clone()).await.json(),
        made(true)
    );
    put(&core, json!({"thirdPartyId": "of-public"})).await;
    assert_eq!(providers(&core, "t1").await, json!([bare("own")]));
    assert_eq!(providers(&core, "public").await, json!([bare("of-public")]));
    let change = json!({"tenantId": "t1", "requiredSecondaryFactors": ["totp"]});
    core.put("/recipe/multitenancy/tenant/v2", change).await.json();
    let tenant = core.get("/t1/recipe/multitenancy/tenant/v2").await.json();
    assert_eq!(
        tenant,
        json!({
            "status": "OK", "tenantId": "t1", "thirdParty": {"providers": [bare("own")]},
            "firstFactors": ["thirdparty"], "requiredSecondaryFactors": ["totp"], "coreConfig": {},
        })
    );
    core.post("/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await.json();
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.json();
    assert_eq!(providers(&core, "t1").await, json!([]), "they went with the tenant");
    let nowhere = core.put("/nowhere/recipe/multitenancy/config/thirdparty", config).await;
    assert_eq!(nowhere.status, 400, "{}", nowhere.text());
}

#[tokio::test]
async fn what_no_sdk_could_use_is_refused_unless_the_caller_insists() {
    let core = TestCore::start().await;
    let client = |additional: Value| json!([{"clientId": "id", "additionalConfig": additional}]);
    for (id, clients, text) in [
        ("", json!([]), "thirdPartyId cannot be null or empty"),
        (
            "apple",
            client(json!({"keyId": "a"})),
            "a non empty string value must be specified for keyId, teamId and privateKey in the additionalConfig for Apple provider",
        ),
        (
            "google-workspaces",
            client(json!({"hd": 1})),
            "hd in additionalConfig must be a non empty string value",
        ),
        (
            "boxy-saml",
            client(json!({"boxyURL": ""})),
            "a non empty string value must be specified for boxyURL in the additionalConfig for Boxy SAML provider",
        ),
    ] {
        let config = json!({"thirdPartyId": id, "clients": clients});
        let reply = core.put(CONFIG, json!({"config": config})).await;
        let whole = format!("Invalid third party config: {text}\n");
        assert_eq!((reply.status, reply.text()), (400, whole), "{id}");
        let reply = core.put(CONFIG, json!({"config": config, "skipValidation": true})).await;
        assert_eq!(reply.json(), made(true), "{id}");
    }
    assert_eq!(providers(&core, "public").await.as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn what_cannot_be_stored_is_refused_in_any_case() {
    let core = TestCore::start().await;
    let two = json!([{"clientId": "a"}, {"clientId": "b"}]);
    let same = json!([{"clientId": "a", "clientType": "web"}, {"clientId": "b", "clientType": "web"}]);
    let duplicate = "Invalid third party config: Duplicate clientType was specified in the clients list.\n";
    for (body, text) in [
        (json!({}), "Field name 'config' is invalid in JSON input\n"),
        (json!({"config": "x"}), "Field name 'config' is invalid in JSON input\n"),
        (json!({"config": {}}), "Field name 'thirdPartyId' is invalid in JSON input\n"),
        (
            json!({"config": {"thirdPartyId": "a"}, "skipValidation": "x"}),
            "Field name 'skipValidation' is invalid in JSON input\n",
        ),
        (json!({"config": {"thirdPartyId": "a", "clients": two}, "skipValidation": true}), duplicate),
        (json!({"config": {"thirdPartyId": "a", "clients": same}, "skipValidation": true}), duplicate),
        (
            json!({"config": {"thirdPartyId": "a", "clients": [{}]}, "skipValidation": true}),
            "Invalid third party config: clientId cannot be null\n",
        ),
        (
            json!({"config": {"thirdPartyId": "a", "clients": [{"clientId": "b", "scope": [null]}]}}),
            "Invalid third party config: scope array cannot contain a null\n",
        ),
        (
            json!({"config": {"thirdPartyId": "a".repeat(29)}}),
            "Field name 'thirdPartyId' can have at most 28 characters\n",
        ),
    ] {
        let reply = core.put(CONFIG, body.clone()).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text), "{body}");
    }
    let reply = core.post(REMOVE, json!({})).await;
    assert_eq!(reply.text(), "Field name 'thirdPartyId' is invalid in JSON input\n");
    assert_eq!(providers(&core, "public").await, json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn providers_that_are_stored_at_once_are_all_there() {
    let core = TestCore::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let core = core.clone();
        let config = json!({"thirdPartyId": format!("p{}", number % 4), "clients": [{"clientId": "a"}]});
        tasks.spawn(async move { put(&core, config).await["createdNew"] == true });
    }
    assert_eq!(tasks.join_all().await.into_iter().filter(|created| *created).count(), 4);
    assert_eq!(providers(&core, "public").await.as_array().unwrap().len(), 4);
}
