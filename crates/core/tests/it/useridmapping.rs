//! The useridmapping recipe: every endpoint, every refusal, and many callers at once.

use portcullis_testkit::{Reply, TestCore};
use serde_json::{Value, json};

const MAP: &str = "/recipe/userid/map";
const REMOVE: &str = "/recipe/userid/map/remove";
const INFO: &str = "/recipe/userid/external-user-id-info";

pub(super) async fn user(core: &TestCore, name: &str) -> String {
    let user = core.sign_up(&format!("{name}@example.com"), "password1").await;
    user["id"].as_str().unwrap().to_owned()
}

pub(super) async fn map(core: &TestCore, id: &str, external: &str, force: bool) -> Reply {
    core.post(MAP, json!({"superTokensUserId": id, "externalUserId": external, "force": force})).await
}

pub(super) async fn map_well(core: &TestCore, id: &str, external: &str) {
    assert_eq!(map(core, id, external, false).await.json(), json!({"status": "OK"}));
}

async fn get(core: &TestCore, id: &str, kind: &str) -> Value {
    core.get(&format!("/recipe/userid/map?userId={id}&userIdType={kind}")).await.json()
}

/// The two ids of the mapping that is found.
async fn found(core: &TestCore, id: &str, kind: &str) -> Option<(String, String)> {
    let reply = get(core, id, kind).await;
    let text = |name: &str| reply[name].as_str().unwrap().to_owned();
    (reply["status"] == "OK").then(|| (text("superTokensUserId"), text("externalUserId")))
}

pub(super) async fn remove(core: &TestCore, id: &str, kind: &str, force: bool) -> Reply {
    core.post(REMOVE, json!({"userId": id, "userIdType": kind, "force": force})).await
}

async fn removed(core: &TestCore, id: &str, kind: &str) -> bool {
    let reply = remove(core, id, kind, false).await.json();
    assert_eq!((reply["status"].as_str(), reply.as_object().unwrap().len()), (Some("OK"), 2));
    reply["didMappingExist"].as_bool().unwrap()
}

fn refusal(reply: &Reply) -> (u16, String) {
    (reply.status, reply.text().trim_end().to_owned())
}

fn exists(internal: bool, external: bool) -> Value {
    json!({
        "status": "USER_ID_MAPPING_ALREADY_EXISTS_ERROR",
        "doesSuperTokensUserIdExist": internal, "doesExternalUserIdExist": external,
    })
}

#[tokio::test]
async fn a_mapping_is_found_by_both_ids_and_by_what_they_are_said_to_be() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    let body = json!({"superTokensUserId": format!(" {ann} "), "externalUserId": " ext ", "externalUserIdInfo": " i "});
    assert_eq!(core.post(MAP, body).await.json(), json!({"status": "OK"}));
    let whole =
        json!({"status": "OK", "superTokensUserId": ann, "externalUserId": "ext", "externalUserIdInfo": "i"});
    for (id, kind) in [(ann.as_str(), "SUPERTOKENS"), (&ann, "ANY"), ("ext", "EXTERNAL"), ("ext", "ANY")] {
        assert_eq!(get(&core, id, kind).await, whole, "{id} {kind}");
        assert_eq!(get(&core, &format!("%20{id}%20"), kind).await, whole, "{id} {kind}");
    }
    for id in ["ext", &ann] {
        assert_eq!(core.get(&format!("{MAP}?userId={id}")).await.json(), whole, "any by default");
    }
    let bob = user(&core, "bob").await;
    for (id, kind) in [
        (ann.as_str(), "EXTERNAL"),
        ("ext", "SUPERTOKENS"),
        (&bob, "ANY"),
        ("none", "ANY"),
        ("none", "EXTERNAL"),
    ] {
        assert_eq!(get(&core, id, kind).await, json!({"status": "UNKNOWN_MAPPING_ERROR"}), "{id} {kind}");
    }
}

#[tokio::test]
async fn an_id_has_one_mapping_and_the_external_one_is_looked_at_first() {
    let core = TestCore::start().await;
    let (ann, bob) = (user(&core, "ann").await, user(&core, "bob").await);
    map_well(&core, &ann, "a").await;
    map_well(&core, &bob, "b").await;
    for (id, external, outcome) in [
        (ann.as_str(), "a", exists(true, true)),
        (&ann, "other", exists(true, false)),
        (&bob, "a", exists(false, true)),
        ("none", "a", exists(false, true)),
        ("none", "other", json!({"status": "UNKNOWN_SUPERTOKENS_USER_ID_ERROR"})),
        // An external id is not the internal one.
        ("a", "other", json!({"status": "UNKNOWN_SUPERTOKENS_USER_ID_ERROR"})),
    ] {
        for force in [false, true] {
            assert_eq!(map(&core, id, external, force).await.json(), outcome, "{id} {external} {force}");
        }
    }
    assert_eq!(found(&core, &ann, "ANY").await, Some((ann, "a".to_owned())), "nothing has changed");
}

#[tokio::test]
async fn what_is_missing_or_blank_is_named() {
    let core = TestCore::start().await;
    let blank = |name: &str| format!("Field name '{name}' cannot be an empty String");
    let invalid = |name: &str| format!("Field name '{name}' is invalid in JSON input");
    let kind = "Field name 'userIdType' should be one of 'SUPERTOKENS', 'EXTERNAL' or 'ANY'".to_owned();
    let long = "e".repeat(129);
    for (path, body, text) in [
        (MAP, json!({"externalUserId": "e"}), invalid("superTokensUserId")),
        (MAP, json!({"superTokensUserId": 1, "externalUserId": "e"}), invalid("superTokensUserId")),
        (MAP, json!({"superTokensUserId": " ", "externalUserId": "e"}), blank("superTokensUserId")),
        (MAP, json!({"superTokensUserId": "u"}), invalid("externalUserId")),
        (MAP, json!({"superTokensUserId": "u", "externalUserId": null}), invalid("externalUserId")),
        (MAP, json!({"superTokensUserId": "u", "externalUserId": " "}), blank("externalUserId")),
        (
            MAP,
            json!({"superTokensUserId": "u", "externalUserId": long}),
            "Field name 'externalUserId' can have at most 128 characters".to_owned(),
        ),
        (
            MAP,
            json!({"superTokensUserId": "u", "externalUserId": "e", "externalUserIdInfo": 1}),
            invalid("externalUserIdInfo"),
        ),
        (
            MAP,
            json!({"superTokensUserId": "u", "externalUserId": "e", "externalUserIdInfo": " "}),
            blank("externalUserIdInfo"),
        ),
        (MAP, json!({"superTokensUserId": "u", "externalUserId": "e", "force": "x"}), invalid("force")),
        (REMOVE, json!({}), invalid("userId")),
        (REMOVE, json!({"userId": " "}), blank("userId")),
        (REMOVE, json!({"userId": "u", "userIdType": 1}), invalid("userIdType")),
        (REMOVE, json!({"userId": "u", "userIdType": "any"}), kind.clone()),
        (REMOVE, json!({"userId": "u", "force": 1}), invalid("force")),
    ] {
        assert_eq!(refusal(&core.post(path, body.clone()).await), (400, text), "{path} {body}");
    }
    for (body, text) in [
        (json!({"externalUserIdInfo": "i"}), invalid("userId")),
        (json!({"userId": "", "externalUserIdInfo": "i"}), blank("userId")),
        (json!({"userId": "u", "userIdType": "x", "externalUserIdInfo": "i"}), kind.clone()),
        (json!({"userId": "u"}), invalid("externalUserIdInfo")),
        (json!({"userId": "u", "externalUserIdInfo": 1}), invalid("externalUserIdInfo")),
        (json!({"userId": "u", "externalUserIdInfo": " "}), blank("externalUserIdInfo")),
    ] {
        assert_eq!(refusal(&core.put(INFO, body.clone()).await), (400, text), "{body}");
    }
    for (query, text) in [
        ("", "Field name 'userId' is missing in GET request".to_owned()),
        ("?userId=%20", blank("userId")),
        ("?userId=u&userIdType=x", kind),
    ] {
        assert_eq!(refusal(&core.get(&format!("{MAP}{query}")).await), (400, text), "{query}");
    }
}

#[tokio::test]
async fn what_is_remembered_about_an_external_id_is_replaced_and_taken_away() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    let body = json!({"superTokensUserId": ann, "externalUserId": "ext", "externalUserIdInfo": null});
    assert_eq!(core.post(MAP, body).await.status_word(), "OK");
    assert_eq!(get(&core, &ann, "ANY").await.get("externalUserIdInfo"), None);
    let put = async |id: &str, kind: Option<&str>, info: Value| {
        let mut body = json!({"userId": id, "externalUserIdInfo": info});
        if let Some(kind) = kind {
            body["userIdType"] = json!(kind);
        }
        core.put(INFO, body).await.json()
    };
    for (id, kind, info) in [
        (ann.as_str(), Some("SUPERTOKENS"), json!("one")),
        ("ext", Some("EXTERNAL"), json!("two")),
        (&ann, None, json!("three")),
        ("ext", Some("ANY"), json!("four")),
        ("ext", None, json!("four")),
        ("ext", None, Value::Null),
    ] {
        assert_eq!(put(id, kind, info.clone()).await, json!({"status": "OK"}));
        let info = Some(info).filter(|info| !info.is_null());
        assert_eq!(get(&core, "ext", "EXTERNAL").await.get("externalUserIdInfo"), info.as_ref());
    }
    for (id, kind) in [(ann.as_str(), "EXTERNAL"), ("ext", "SUPERTOKENS"), ("none", "ANY")] {
        assert_eq!(put(id, Some(kind), json!("i")).await, json!({"status": "UNKNOWN_MAPPING_ERROR"}));
    }
}

#[tokio::test]
async fn a_mapping_is_removed_once_and_by_the_right_kind_of_id() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    for (id, kind) in [(ann.as_str(), "SUPERTOKENS"), (&ann, "ANY"), ("ext", "EXTERNAL"), ("ext", "ANY")] {
        map_well(&core, &ann, "ext").await;
        assert!(!removed(&core, &ann, "EXTERNAL").await && !removed(&core, "ext", "SUPERTOKENS").await);
        assert!(!removed(&core, "none", "ANY").await);
        assert!(removed(&core, id, kind).await, "{id} {kind}");
        assert!(!removed(&core, id, kind).await, "{id} {kind}");
        assert_eq!(found(&core, &ann, "ANY").await, None);
    }
    map_well(&core, &ann, "ext").await;
    let reply = core.post(REMOVE, json!({"userId": "ext"})).await.json();
    assert_eq!(reply, json!({"status": "OK", "didMappingExist": true}));
}

#[tokio::test]
async fn by_force_an_external_id_is_another_user_s_and_the_internal_one_wins() {
    let core = TestCore::start().await;
    let (ann, bob) = (user(&core, "ann").await, user(&core, "bob").await);
    let taken = "Cannot create a userId mapping where the externalId is also a SuperTokens userID".to_owned();
    assert_eq!(refusal(&map(&core, &bob, &ann, false).await), (400, taken.clone()));
    assert_eq!(map(&core, &bob, &ann, true).await.status_word(), "OK");
    assert_eq!(refusal(&map(&core, &ann, &bob, false).await), (400, taken));
    let of_bob = Some((bob.clone(), ann.clone()));
    assert_eq!(found(&core, &ann, "ANY").await, of_bob, "there is no other one");
    assert_eq!(found(&core, &ann, "SUPERTOKENS").await, None);
    map_well(&core, &ann, "ext").await;
    let of_ann = Some((ann.clone(), "ext".to_owned()));
    assert_eq!(found(&core, &ann, "ANY").await, of_ann);
    assert_eq!(found(&core, &ann, "EXTERNAL").await, of_bob);
    for (kind, left) in [("ANY", of_bob.clone()), ("EXTERNAL", None)] {
        let body = json!({"userId": ann, "userIdType": kind, "externalUserIdInfo": kind});
        assert_eq!(core.put(INFO, body).await.status_word(), "OK");
        assert_eq!(get(&core, &ann, kind).await["externalUserIdInfo"], kind);
        assert!(removed(&core, &ann, kind).await);
        assert_eq!(found(&core, &ann, "ANY").await, left, "{kind}");
    }
    // An internal id without a mapping stands for the user who is known by it.
    assert_eq!(map(&core, &bob, &ann, true).await.status_word(), "OK");
    assert!(removed(&core, &ann, "SUPERTOKENS").await);
    assert_eq!(found(&core, &bob, "ANY").await, None);
}

/// Makes every recipe keep something under an id, one after the other; `check` is told whose turn it was.
async fn with_each_recipe(core: &TestCore, id: &str, check: impl AsyncFn(&'static str)) {
    core.put("/recipe/role", json!({"role": "admin"})).await;
    let device = json!({"userId": id, "deviceName": "d", "skew": 1, "period": 30});
    let address = json!({"userId": id, "email": "ann@example.com"});
    assert_eq!(core.post("/recipe/totp/device", device).await.status_word(), "OK");
    check("TOTP").await;
    assert_eq!(core.post("/recipe/user/email/verify/token", address).await.status_word(), "OK");
    check("EmailVerification").await;
    assert_eq!(
        core.put("/recipe/user/role", json!({"userId": id, "role": "admin"})).await.status_word(),
        "OK"
    );
    check("UserRoles").await;
    let metadata = json!({"userId": id, "metadataUpdate": {}});
    assert_eq!(core.put("/recipe/user/metadata", metadata).await.status_word(), "OK");
    check("UserMetadata").await;
    super::session::create(core, json!({"userId": id})).await;
    check("Session").await;
}

#[tokio::test]
async fn a_mapping_that_would_tear_apart_what_recipes_keep_takes_force() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    let in_use = |name: &str| (400, format!("UserId is already in use in {name} recipe"));
    with_each_recipe(&core, &ann, async |name| {
        for version in ["2.15", "3.1", "5.6"] {
            let core = core.cdi(version);
            assert_eq!(refusal(&map(&core, &ann, "ext", false).await), in_use(name), "{version}");
        }
    })
    .await;
    assert_eq!(map(&core, &ann, "ext", true).await.status_word(), "OK");
    assert!(removed(&core, "ext", "ANY").await, "nothing is kept under the external id");
    map(&core, &ann, "ext", true).await;
    with_each_recipe(&core, "ext", async |name| {
        for id in [ann.as_str(), "ext"] {
            assert_eq!(refusal(&remove(&core, id, "ANY", false).await), in_use(name));
        }
    })
    .await;
    assert_eq!(remove(&core, "ext", "EXTERNAL", true).await.json()["didMappingExist"], true);
}

#[tokio::test]
async fn a_session_that_is_over_is_no_hindrance() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    super::session::create(&core, json!({"userId": ann})).await;
    assert_eq!(map(&core, &ann, "ext", false).await.status, 400);
    core.advance(101 * super::session::DAY);
    map_well(&core, &ann, "ext").await;
}

#[tokio::test]
async fn proofs_of_addresses_follow_from_4_0_on() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    let token = async |id: &str, email: &str| {
        let body = json!({"userId": id, "email": email});
        core.post("/recipe/user/email/verify/token", body).await.json()["token"].clone()
    };
    let verify = async |token: &Value| {
        core.post("/recipe/user/email/verify", json!({"method": "token", "token": token})).await.json()
    };
    let is_verified = async |id: &str| {
        let path = format!("/recipe/user/email/verify?userId={id}&email=ann@example.com");
        core.get(&path).await.json()["isVerified"].clone()
    };
    verify(&token(&ann, "ann@example.com").await).await;
    // The external id has the same address verified already.
    verify(&token("ext", "ann@example.com").await).await;
    let open = token(&ann, "new@example.com").await;
    let refused = map(&core.cdi("3.1"), &ann, "ext", false).await;
    assert_eq!(refusal(&refused), (400, "UserId is already in use in EmailVerification recipe".to_owned()));
    assert_eq!(map(&core.cdi("4.0"), &ann, "ext", false).await.status_word(), "OK");
    assert_eq!((is_verified(&ann).await, is_verified("ext").await), (json!(false), json!(true)));
    let user = core.get(&format!("/user/id?userId={ann}")).await.json()["user"].clone();
    assert_eq!((&user["id"], &user["loginMethods"][0]["verified"]), (&json!("ext"), &json!(true)));
    assert_eq!(
        verify(&open).await,
        json!({"status": "OK", "userId": "ext", "email": "new@example.com"}),
        "a token that was sent before still works"
    );
    // What fails leaves everything as it was.
    let bob = user_with_proof(&core, "bob").await;
    assert_eq!(map(&core, &bob, "ext", false).await.json(), exists(false, true));
    let path = format!("/recipe/user/email/verify?userId={bob}&email=bob@example.com");
    assert_eq!(core.get(&path).await.json()["isVerified"], true);
}

async fn user_with_proof(core: &TestCore, name: &str) -> String {
    let id = user(core, name).await;
    let body = json!({"userId": id, "email": format!("{name}@example.com")});
    let token = core.post("/recipe/user/email/verify/token", body).await.json()["token"].clone();
    let used = core.post("/recipe/user/email/verify", json!({"method": "token", "token": token})).await;
    assert_eq!(used.status_word(), "OK");
    id
}

#[tokio::test]
async fn a_user_with_a_mapping_keeps_its_proofs_when_another_one_is_refused() {
    let core = TestCore::start().await;
    let ann = user_with_proof(&core, "ann").await;
    map_well(&core, &ann, "ext").await;
    // Somebody stored this under the internal id since.
    let body = json!({"userId": ann, "email": "late@example.com"});
    core.post("/recipe/user/email/verify/token", body).await;
    assert_eq!(map(&core, &ann, "other", false).await.json(), exists(true, false));
    let path = "/recipe/user/email/verify?userId=ext&email=ann@example.com";
    assert_eq!(core.get(path).await.json()["isVerified"], true);
    let reply = remove(&core, &ann, "ANY", true).await.json();
    assert_eq!(reply["didMappingExist"], true);
    let refused = map(&core.cdi("3.1"), &ann, "again", false).await;
    assert_eq!(refused.status, 400, "what was stored late stayed where it was");
}

#[tokio::test]
async fn one_app_s_mappings_are_seen_by_all_its_tenants_and_by_no_other_app() {
    let core = TestCore::start().await;
    for (path, body) in [
        ("/recipe/multitenancy/app/v2", json!({"appId": "a1"})),
        ("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})),
    ] {
        assert_eq!(core.put(path, body).await.status_word(), "OK");
    }
    let sign_up = async |path: &str, email: &str| {
        let body = json!({"email": email, "password": "password1"});
        let user = core.post(&format!("{path}/recipe/signup"), body).await.json()["user"].clone();
        user["id"].as_str().unwrap().to_owned()
    };
    let map_at = async |path: &str, id: &str, external: &str| {
        let body = json!({"superTokensUserId": id, "externalUserId": external});
        core.post(&format!("{path}{MAP}"), body).await
    };
    let ann = sign_up("", "ann@example.com").await;
    let of_app = sign_up("/appid-a1", "ann@example.com").await;
    map_well(&core, &ann, "ext").await;
    let unknown = map_at("", &of_app, "other").await;
    assert_eq!(unknown.status_word(), "UNKNOWN_SUPERTOKENS_USER_ID_ERROR", "a user of another app");
    assert_eq!(map_at("/appid-a1", &of_app, "ext").await.status_word(), "OK");
    // Other apps' internal ids are nobody's here.
    let bob = sign_up("/appid-a1", "bob@example.com").await;
    assert_eq!(map_at("/appid-a1", &bob, &ann).await.status_word(), "OK");
    // A user of another tenant is a user of the app.
    core.put("/recipe/multitenancy/tenant", json!({"tenantId": "t1", "emailPasswordEnabled": true})).await;
    let of_tenant = sign_up("/t1", "cat@example.com").await;
    assert_eq!(map_at("", &of_tenant, "ext").await.json(), exists(false, true));
    map_well(&core, &of_tenant, "cat").await;
    let only = "Only public tenantId can call this app specific API".to_owned();
    assert_eq!(refusal(&map_at("/t1", &ann, "x").await), (403, only.clone()));
    for path in ["/t1/recipe/userid/map?userId=cat", "/t1/recipe/userid/map?userId=none"] {
        assert_eq!(refusal(&core.get(path).await), (403, only.clone()));
    }
    let old = core.cdi("4.0");
    let by_tenant = old.get("/t1/recipe/userid/map?userId=ext").await.json();
    assert_eq!(by_tenant["superTokensUserId"], json!(ann));
    assert_eq!(
        old.post("/t1/recipe/userid/map/remove", json!({"userId": "cat"})).await.json()["didMappingExist"],
        true
    );
    assert_eq!(found(&core, "ext", "ANY").await, Some((ann, "ext".to_owned())));
    let reply = core.get("/appid-a1/recipe/userid/map?userId=ext").await.json();
    assert_eq!(reply["superTokensUserId"], json!(of_app));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_cores_that_map_at_once_make_one_mapping_of_each_id() {
    let core = TestCore::start().await;
    let another = core.another().await;
    let of = |n: usize| if n.is_multiple_of(2) { core.clone() } else { another.clone() };
    let mut users = Vec::new();
    for n in 0..8 {
        users.push(user_with_proof(&core, &format!("user{n}")).await);
    }
    // Many users, one external id.
    let calls = users.iter().enumerate().map(|(n, id)| {
        let core = of(n);
        async move { map(&core, id, "ext", false).await.json() }
    });
    let replies = futures_util::future::join_all(calls).await;
    let made = replies.iter().filter(|reply| reply["status"] == "OK").count();
    let refused = replies.iter().filter(|reply| **reply == exists(false, true)).count();
    assert_eq!((made, refused), (1, 7), "{replies:?}");
    // Those who did not get it have kept their proofs.
    let (owner, _) = found(&core, "ext", "EXTERNAL").await.unwrap();
    for (n, id) in users.iter().enumerate() {
        let id = if *id == owner { "ext" } else { id };
        let path = format!("/recipe/user/email/verify?userId={id}&email=user{n}@example.com");
        assert_eq!(core.get(&path).await.json()["isVerified"], true);
    }
    // One user, many external ids.
    let ann = user(&core, "ann").await;
    let calls = (0..8).map(|n| {
        let (core, ann) = (of(n), ann.clone());
        async move { map(&core, &ann, &format!("ext{n}"), false).await.json() }
    });
    let replies = futures_util::future::join_all(calls).await;
    let made = replies.iter().filter(|reply| reply["status"] == "OK").count();
    let refused = replies.iter().filter(|reply| **reply == exists(true, false)).count();
    assert_eq!((made, refused), (1, 7), "{replies:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_user_who_is_deleted_while_being_mapped_leaves_no_mapping() {
    let core = TestCore::start().await;
    let another = core.another().await;
    for n in 0..20 {
        let id = user_with_proof(&core, &format!("user{n}")).await;
        let external = format!("ext{n}");
        let (mapped, gone) = tokio::join!(
            map(&another, &id, &external, false),
            core.post("/user/remove", json!({"userId": id})),
        );
        assert_eq!(gone.status_word(), "OK");
        let outcome = mapped.status_word();
        assert!(["OK", "UNKNOWN_SUPERTOKENS_USER_ID_ERROR"].contains(&outcome.as_str()), "{outcome}");
        assert_eq!(found(&core, &external, "ANY").await, None);
        for id in [id.as_str(), &external] {
            let path = format!("/recipe/user/email/verify?userId={id}&email=user{n}@example.com");
            assert_eq!(core.get(&path).await.json()["isVerified"], false, "{id} after {outcome}");
        }
    }
}
