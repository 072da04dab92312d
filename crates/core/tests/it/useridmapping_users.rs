//! Users who are known by an external id: where it is shown, where it is kept, and what goes with the user.

use super::passwordless::{begin, consume, link};
use super::session;
use super::useridmapping::{map, map_well, remove, user};
use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const SIGN_IN: &str = "/recipe/signin";

fn credentials(name: &str) -> Value {
    json!({"email": format!("{name}@example.com"), "password": "password1"})
}

/// A user and its only login method, both known by an id.
fn assert_known_by(user: &Value, id: &str) {
    assert_eq!((&user["id"], &user["loginMethods"][0]["recipeUserId"]), (&json!(id), &json!(id)));
}

#[tokio::test]
async fn whoever_signs_in_with_a_password_is_shown_by_the_external_id() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    map_well(&core, &ann, "ext").await;
    let signed_in = core.post(SIGN_IN, credentials("ann")).await.json();
    assert_known_by(&signed_in["user"], "ext");
    assert_eq!(signed_in["recipeUserId"], "ext");
    let old = core.cdi("3.1").post(SIGN_IN, credentials("ann")).await.json();
    assert_eq!(old["user"]["id"], "ext");
    for id in [ann.as_str(), "ext"] {
        assert_known_by(&core.get(&format!("/user/id?userId={id}")).await.json()["user"], "ext");
        let old = core.cdi("3.1").get(&format!("/recipe/user?userId={id}")).await.json();
        assert_eq!(old["user"]["id"], "ext");
    }
    let by_email = core.cdi("3.1").get("/recipe/user?email=ann@example.com").await.json();
    assert_eq!(by_email["user"]["id"], "ext");
    let found =
        core.get("/users/by-accountinfo?email=ann@example.com&doUnionOfAccountInfo=true").await.json();
    assert_known_by(&found["users"][0], "ext");
    let searched = core.get("/users?email=ann").await.json();
    assert_known_by(&searched["users"][0], "ext");
    let imported = json!({"email": "ann@example.com",
        "passwordHash": "$2a$04$0FR/61UaBLCkYKmSOd3Ufuv0VkSYVE1APyRQyFDfhwWfvT9zWFXWS"});
    let imported = core.post("/recipe/user/passwordhash/import", imported).await.json();
    assert_eq!((&imported["user"]["id"], &imported["didUserAlreadyExist"]), (&json!("ext"), &json!(true)));
}

#[tokio::test]
async fn a_password_is_reset_and_changed_by_the_external_id() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    map_well(&core, &ann, "ext").await;
    let token = async |core: &TestCore, id: &str| {
        let body = json!({"userId": id, "email": "ann@example.com"});
        core.post("/recipe/user/password/reset/token", body).await.json()["token"].clone()
    };
    for id in [ann.as_str(), "ext"] {
        let consume = json!({"method": "token", "token": token(&core, id).await});
        let consumed = core.post("/recipe/user/password/reset/token/consume", consume).await.json();
        assert_eq!(consumed, json!({"status": "OK", "userId": "ext", "email": "ann@example.com"}));
        let old = core.cdi("3.1");
        let reset = json!({"method": "token", "token": token(&old, id).await, "newPassword": format!("password {id}")});
        let reset = old.post("/recipe/user/password/reset", reset).await.json();
        assert_eq!(reset, json!({"status": "OK", "userId": "ext"}));
        let body = json!({"email": "ann@example.com", "password": format!("password {id}")});
        assert_known_by(&core.post(SIGN_IN, body).await.json()["user"], "ext");
        let change = json!({"recipeUserId": id, "password": "password1"});
        assert_eq!(core.put("/recipe/user", change).await.status_word(), "OK");
        assert_eq!(core.post(SIGN_IN, credentials("ann")).await.status_word(), "OK");
    }
    let change = json!({"recipeUserId": "ext", "email": "new@example.com"});
    assert_eq!(core.put("/recipe/user", change).await.status_word(), "OK");
    assert_known_by(&core.post(SIGN_IN, credentials("new")).await.json()["user"], "ext");
}

#[tokio::test]
async fn users_of_every_recipe_are_shown_by_the_external_id() {
    let core = TestCore::start().await;
    let told = json!({"thirdPartyId": "google", "thirdPartyUserId": "g", "email": {"id": "g@example.com", "isVerified": true}});
    let of_provider = core.post("/recipe/signinup", told.clone()).await.json()["user"]["id"].clone();
    // What the provider verified follows.
    map_well(&core, of_provider.as_str().unwrap(), "provider").await;
    let again = core.post("/recipe/signinup", told.clone()).await.json();
    assert_known_by(&again["user"], "provider");
    assert_eq!((&again["recipeUserId"], &again["createdNewUser"]), (&json!("provider"), &json!(false)));
    assert_eq!(again["user"]["loginMethods"][0]["verified"], true);
    let old = core.cdi("3.1").header("rid", "thirdparty");
    let by_id = old.get("/recipe/user?thirdPartyId=google&thirdPartyUserId=g").await.json();
    assert_eq!(by_id["user"]["id"], "provider");
    assert_eq!(old.get("/recipe/user?userId=provider").await.json()["user"]["id"], "provider");
    let by_email = old.get("/recipe/users/by-email?email=g@example.com").await.json();
    assert_eq!(by_email["users"][0]["id"], "provider");

    for contact in [json!({"email": "p@example.com"}), json!({"phoneNumber": "+442071838750"})] {
        let sign_in = async || consume(&core, link(&begin(&core, contact.clone()).await)).await.json();
        let id = sign_in().await["user"]["id"].clone();
        let external = format!("of {}", if contact.get("email").is_some() { "email" } else { "phone" });
        map_well(&core, id.as_str().unwrap(), &external).await;
        let again = sign_in().await;
        assert_known_by(&again["user"], &external);
        assert_eq!(again["user"]["loginMethods"][0]["verified"], true);
        let change = json!({"recipeUserId": external, "phoneNumber": "+442071838751"});
        let changed = core.header("rid", "passwordless").put("/recipe/user", change).await;
        let taken = contact.get("phoneNumber").is_some();
        let outcome = if taken { "PHONE_NUMBER_ALREADY_EXISTS_ERROR" } else { "OK" };
        assert_eq!(changed.status_word(), outcome);
    }
}

#[tokio::test]
async fn pages_follow_internal_ids_so_that_a_token_outlives_a_mapping() {
    let core = TestCore::start().await;
    let mut ids = Vec::new();
    // At once, so that ids alone tell the users' order; external ones would turn it round.
    for n in 0..5 {
        ids.push(user(&core, &format!("user{n}")).await);
    }
    ids.sort_unstable_by(|left, right| right.cmp(left));
    map_well(&core, &ids[0], "0").await;
    for order in ["ASC", "DESC"] {
        let page = async |token: &str| {
            let page = core.get(&format!("/users?limit=2&timeJoinedOrder={order}{token}")).await.json();
            let shown: Vec<_> = page["users"].as_array().unwrap().iter().map(|u| u["id"].clone()).collect();
            (shown, format!("&paginationToken={}", page["nextPaginationToken"].as_str().unwrap_or("none")))
        };
        let (first, token) = page("").await;
        assert_eq!(first, ["0", &ids[1]]);
        // The one whom the token names becomes known by another id before the next page is asked for.
        map_well(&core, &ids[2], "1").await;
        let (second, token) = page(&token).await;
        assert_eq!(second, ["1", &ids[3]]);
        let (third, _) = page(&token).await;
        assert_eq!(third, [ids[4].as_str()]);
        assert_eq!(remove(&core, "1", "EXTERNAL", false).await.status_word(), "OK");
    }
}

#[tokio::test]
async fn sessions_are_kept_by_the_external_id_and_found_by_both() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    map_well(&core, &ann, "ext").await;
    let mut handles = Vec::new();
    for id in [ann.as_str(), "ext"] {
        let made = session::create(&core, json!({"userId": id})).await;
        assert_eq!(
            (&made["session"]["userId"], &made["session"]["recipeUserId"]),
            (&json!("ext"), &json!("ext"))
        );
        let verified = session::verify(&core, &made, true).await;
        assert_eq!(verified["session"]["userId"], "ext");
        let refreshed = session::refresh(&core, &made).await;
        assert_eq!(
            (&refreshed["session"]["userId"], &refreshed["session"]["recipeUserId"]),
            (&json!("ext"), &json!("ext"))
        );
        let path = format!("/recipe/session?sessionHandle={}", session::handle(&made));
        let read = core.get(&path).await.json();
        assert_eq!((&read["userId"], &read["recipeUserId"]), (&json!("ext"), &json!("ext")));
        handles.push(session::handle(&made).to_owned());
    }
    handles.sort();
    for id in [ann.as_str(), "ext"] {
        let reply = core.get(&format!("/recipe/session/user?userId={id}")).await.json();
        let mut listed: Vec<_> =
            reply["sessionHandles"].as_array().unwrap().iter().map(|h| h.as_str().unwrap()).collect();
        listed.sort_unstable();
        assert_eq!(listed, handles, "{id}");
    }
    let own = "/recipe/session/user?userId=ext&fetchSessionsForAllLinkedAccounts=false";
    assert_eq!(core.get(own).await.json()["sessionHandles"].as_array().unwrap().len(), 2);
    let revoked = core.post("/recipe/session/remove", json!({"userId": ann})).await.json();
    assert_eq!(revoked["sessionHandlesRevoked"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn activity_is_noted_once_whatever_id_is_used() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    map_well(&core, &ann, "ext").await;
    core.advance(1000);
    let count = async || core.get("/users/count/active?since=0").await.json()["count"].clone();
    core.post(SIGN_IN, credentials("ann")).await.json();
    for id in [ann.as_str(), "ext"] {
        let made = session::create(&core, json!({"userId": id})).await;
        session::refresh(&core, &made).await;
        core.post("/recipe/session/remove", json!({"userId": id})).await.json();
        assert_eq!(count().await, 1);
    }
    core.post("/user/remove", json!({"userId": "ext"})).await;
    assert_eq!(count().await, 0);
}

const STORED: [&str; 5] = ["sessions", "metadata", "roles", "verified", "devices"];

/// Keeps something under an id in every recipe that takes any id.
async fn fill(core: &TestCore, id: &str) {
    session::create(core, json!({"userId": id})).await;
    core.put("/recipe/user/metadata", json!({"userId": id, "metadataUpdate": {"a": 1}})).await.json();
    core.put("/recipe/role", json!({"role": "admin"})).await.json();
    core.put("/recipe/user/role", json!({"userId": id, "role": "admin"})).await.json();
    let address = json!({"userId": id, "email": "x@example.com"});
    let token = core.post("/recipe/user/email/verify/token", address).await.json()["token"].clone();
    core.post("/recipe/user/email/verify", json!({"method": "token", "token": token})).await.json();
    let device = json!({"userId": id, "deviceName": "d", "skew": 1, "period": 30});
    core.post("/recipe/totp/device", device).await.json();
}

/// What is kept under an id.
async fn stored(core: &TestCore, id: &str) -> Vec<&'static str> {
    let only = "&fetchSessionsForAllLinkedAccounts=false";
    let sessions = core.get(&format!("/recipe/session/user?userId={id}{only}")).await.json();
    let metadata = core.get(&format!("/recipe/user/metadata?userId={id}")).await.json();
    let roles = core.get(&format!("/recipe/user/roles?userId={id}")).await.json();
    let verified =
        core.get(&format!("/recipe/user/email/verify?userId={id}&email=x@example.com")).await.json();
    let devices = core.get(&format!("/recipe/totp/device/list?userId={id}")).await.json();
    let there = [
        sessions["sessionHandles"] != json!([]),
        metadata["metadata"] != json!({}),
        roles["roles"] != json!([]),
        verified["isVerified"] == json!(true),
        devices["devices"] != json!([]),
    ];
    STORED.into_iter().zip(there).filter_map(|(name, is_there)| is_there.then_some(name)).collect()
}

async fn is_known(core: &TestCore, id: &str) -> bool {
    core.get(&format!("/user/id?userId={id}")).await.status_word() == "OK"
}

#[tokio::test]
async fn a_deleted_user_takes_along_what_is_kept_under_the_external_id() {
    let core = TestCore::start().await;
    for by_external in [false, true] {
        let ann = user(&core, "ann").await;
        // By force the user has something under both ids.
        fill(&core, &ann).await;
        map(&core, &ann, "ext", true).await.json();
        fill(&core, "ext").await;
        assert_eq!(stored(&core, "ext").await, STORED);
        let id = if by_external { "ext" } else { &ann };
        assert_eq!(core.post("/user/remove", json!({"userId": id})).await.status_word(), "OK");
        for id in [ann.as_str(), "ext"] {
            assert!(!is_known(&core, id).await);
            assert!(stored(&core, id).await.is_empty(), "{id}");
            let gone = core.get(&format!("/recipe/userid/map?userId={id}")).await;
            assert_eq!(gone.status_word(), "UNKNOWN_MAPPING_ERROR");
        }
    }
    let again = user(&core, "ann").await;
    map_well(&core, &again, "ext").await;
    assert_known_by(&core.get("/user/id?userId=ext").await.json()["user"], "ext");
}

#[tokio::test]
async fn what_belongs_to_another_user_whose_id_it_is_outlives_the_one_known_by_it() {
    let core = TestCore::start().await;
    // Ann was moved: she is known by the id of Bob, who is the same person in another recipe.
    let (ann, bob) = (user(&core, "ann").await, user(&core, "bob").await);
    fill(&core, &bob).await;
    assert_eq!(map(&core, &ann, &bob, true).await.status_word(), "OK");
    assert_known_by(&core.post(SIGN_IN, credentials("ann")).await.json()["user"], &bob);
    core.post("/user/remove", json!({"userId": ann})).await.json();
    assert!(!is_known(&core, &ann).await && is_known(&core, &bob).await);
    assert_eq!(stored(&core, &bob).await, STORED, "it is Bob's");
    assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 1);

    // The other way round: Bob goes, and what is kept under his id is Ann's.
    let ann = user(&core, "ann").await;
    assert_eq!(map(&core, &ann, &bob, true).await.status_word(), "OK");
    core.post("/user/remove", json!({"userId": bob})).await.json();
    assert_eq!(core.post(SIGN_IN, credentials("bob")).await.status_word(), "WRONG_CREDENTIALS_ERROR");
    assert_eq!(stored(&core, &bob).await, STORED, "it is Ann's now");
    assert_known_by(&core.get(&format!("/user/id?userId={bob}")).await.json()["user"], &bob);
    assert_eq!(remove(&core, &ann, "ANY", false).await.status, 400, "now it is in use");
    core.post("/user/remove", json!({"userId": bob})).await.json();
    assert!(stored(&core, &bob).await.is_empty() && !is_known(&core, &ann).await);
}

#[tokio::test]
async fn a_mapping_of_another_user_s_id_is_removed_whatever_is_kept_under_it() {
    let core = TestCore::start().await;
    let (ann, bob) = (user(&core, "ann").await, user(&core, "bob").await);
    fill(&core, &bob).await;
    map(&core, &ann, &bob, true).await.json();
    let reply = remove(&core, &ann, "SUPERTOKENS", false).await.json();
    assert_eq!(reply["didMappingExist"], true);
    assert_eq!(stored(&core, &bob).await, STORED);
}

#[tokio::test]
async fn passwordless_and_provider_s_users_whose_id_another_one_is_known_by_stay_whole() {
    let core = TestCore::start().await;
    let contact = json!({"email": "p@example.com"});
    let of_codes = consume(&core, link(&begin(&core, contact.clone()).await)).await.json();
    let id = of_codes["user"]["id"].as_str().unwrap().to_owned();
    let ann = user(&core, "ann").await;
    assert_eq!(map(&core, &ann, &id, true).await.status_word(), "OK");
    let code = begin(&core, contact).await;
    core.post("/user/remove", json!({"userId": ann})).await.json();
    let signed_in = consume(&core, link(&code)).await.json();
    assert_eq!((&signed_in["createdNewUser"], &signed_in["user"]["id"]), (&json!(false), &json!(id)));
}

/// Links users, the first of whom is the primary one, as account linking is to do.
async fn group(core: &TestCore, ids: &[&str]) {
    let mut tx = core.app.db.write().await.unwrap();
    for id in ids {
        let sql = "update app_id_to_user_id set is_linked_or_is_a_primary_user = true,
            primary_or_recipe_user_id = $1 where user_id = $2";
        tx.execute(sql, portcullis_db::args![ids[0], *id]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_group_keeps_its_id_and_what_is_kept_under_it_until_its_last_member_goes() {
    let core = TestCore::start().await;
    let ann = user(&core, "ann").await;
    core.advance(1000);
    let bob = user(&core, "bob").await;
    map_well(&core, &ann, "of-ann").await;
    map_well(&core, &bob, "of-bob").await;
    group(&core, &[&ann, &bob]).await;
    for id in [ann.as_str(), &bob, "of-ann", "of-bob"] {
        let shown = core.get(&format!("/user/id?userId={id}")).await.json()["user"].clone();
        assert_eq!(shown["id"], "of-ann");
        let methods: Vec<_> =
            shown["loginMethods"].as_array().unwrap().iter().map(|m| m["recipeUserId"].clone()).collect();
        assert_eq!(methods, ["of-ann", "of-bob"]);
    }
    let made = session::create(&core, json!({"userId": "of-bob"})).await["session"].clone();
    assert_eq!((&made["userId"], &made["recipeUserId"]), (&json!("of-ann"), &json!("of-bob")));
    fill(&core, "of-ann").await;
    fill(&core, "of-bob").await;
    let remove_one = async |id: &str| {
        core.post("/user/remove", json!({"userId": id, "removeAllLinkedAccounts": false})).await.json()
    };
    remove_one("of-ann").await;
    assert_eq!(core.post(SIGN_IN, credentials("ann")).await.status_word(), "WRONG_CREDENTIALS_ERROR");
    let left = core.get("/user/id?userId=of-bob").await.json()["user"].clone();
    assert_eq!((&left["id"], left["loginMethods"].as_array().unwrap().len()), (&json!("of-ann"), 1));
    assert_eq!(stored(&core, "of-ann").await, STORED);
    assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 2);
    remove_one("of-bob").await;
    for id in ["of-ann", "of-bob", &ann, &bob] {
        assert!(stored(&core, id).await.is_empty() && !is_known(&core, id).await, "{id}");
    }
    assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 0);
}
