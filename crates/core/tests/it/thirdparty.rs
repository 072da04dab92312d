//! The thirdparty recipe: every endpoint, every version's shape, and many callers at once.

use super::linking::{link, map_id};
use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const SIGN_IN_UP: &str = "/recipe/signinup";
const EMAIL: &str = "ann@example.com";

fn told(user: &str, email: &str, is_verified: bool) -> Value {
    json!({
        "thirdPartyId": "google", "thirdPartyUserId": user, "email": {"id": email, "isVerified": is_verified},
    })
}

async fn sign_in(core: &TestCore, user: &str, email: &str, is_verified: bool) -> Value {
    let reply = core.post(SIGN_IN_UP, told(user, email, is_verified)).await.json();
    assert_eq!(reply["status"], "OK");
    reply
}

fn with_rid(core: &TestCore) -> TestCore {
    core.header("rid", "thirdparty")
}

#[tokio::test]
async fn the_first_sign_in_makes_a_user_and_the_next_finds_it() {
    let core = TestCore::start().await;
    let first = sign_in(&core, "1", " Ann@Example.com ", false).await;
    let id = first["user"]["id"].clone();
    let method = json!({
        "tenantIds": ["public"], "recipeUserId": id, "verified": false, "timeJoined": core.clock.now(),
        "recipeId": "thirdparty", "email": EMAIL, "thirdParty": {"id": "google", "userId": "1"},
    });
    let user = json!({
        "id": id, "isPrimaryUser": false, "tenantIds": ["public"], "timeJoined": core.clock.now(),
        "emails": [EMAIL], "phoneNumbers": [], "thirdParty": [{"id": "google", "userId": "1"}],
        "webauthn": {"credentialIds": []}, "loginMethods": [method],
    });
    let whole = json!({"status": "OK", "createdNewUser": true, "user": user, "recipeUserId": id});
    assert_eq!(first, whole);
    let mut second = whole.clone();
    second["createdNewUser"] = json!(false);
    core.advance(1000);
    assert_eq!(sign_in(&core, "1", EMAIL, false).await, second);
    let found = core.get(&format!("/user/id?userId={}", id.as_str().unwrap())).await.json();
    assert_eq!(found["user"], whole["user"], "what is told at sign-up is what is stored");
    assert_eq!(core.get("/users/count?includeRecipeIds=thirdparty").await.json()["count"], 1);
    assert_eq!(core.get("/users/count/active?since=1").await.json()["count"], 1);
}

#[tokio::test]
async fn the_answer_has_the_shape_of_the_version() {
    let core = TestCore::start().await;
    let id = sign_in(&core, "1", EMAIL, false).await["user"]["id"].clone();
    let old = json!({"id": id, "timeJoined": core.clock.now(), "email": EMAIL,
        "thirdParty": {"id": "google", "userId": "1"}});
    let mut with_tenants = old.clone();
    with_tenants["tenantIds"] = json!(["public"]);
    for (version, user) in
        [("2.7", &old), ("2.8", &old), ("2.21", &old), ("3.0", &with_tenants), ("3.1", &with_tenants)]
    {
        let core = core.cdi(version);
        let reply = core.post(SIGN_IN_UP, told("1", EMAIL, false)).await.json();
        assert_eq!(reply, json!({"status": "OK", "createdNewUser": false, "user": user}), "{version}");
        let by_id = format!("/recipe/user?userId={}", id.as_str().unwrap());
        let by_identity = "/recipe/user?thirdPartyId=google&thirdPartyUserId=1";
        for query in [by_id.as_str(), by_identity] {
            let reply = with_rid(&core).get(query).await.json();
            assert_eq!(reply, json!({"status": "OK", "user": user}), "{version} {query}");
        }
        let reply = core.get("/recipe/users/by-email?email=ann@example.com").await.json();
        assert_eq!(reply, json!({"status": "OK", "users": [user]}), "{version}");
    }
    for (version, keys) in [("4.0", 8), ("5.0", 8), ("5.2", 8), ("5.3", 9), ("5.4", 9), ("5.6", 9)] {
        let core = core.cdi(version);
        let reply = core.post(SIGN_IN_UP, told("1", EMAIL, false)).await.json();
        assert_eq!(reply["user"].as_object().unwrap().len(), keys, "{version}");
        assert_eq!(reply["user"]["loginMethods"][0].as_object().unwrap().len(), 7, "{version}");
        assert_eq!(reply["recipeUserId"], id, "{version}");
        let listed = core.get("/recipe/users/by-email?email=ann@example.com").await.json();
        assert_eq!(listed["users"], json!([reply["user"]]), "{version}");
    }
    let listed = core.cdi("3.1").get("/users").await.json()["users"].clone();
    assert_eq!(listed, json!([{"recipeId": "thirdparty", "user": with_tenants}]));
}

#[tokio::test]
async fn missing_fields_are_named_in_order() {
    let core = TestCore::start().await;
    let field = |name: &str| format!("Field name '{name}' is invalid in JSON input\n");
    for (body, text) in [
        (json!({}), field("thirdPartyId")),
        (json!({"thirdPartyId": 1}), field("thirdPartyId")),
        (json!({"thirdPartyId": "a"}), field("thirdPartyUserId")),
        (json!({"thirdPartyId": "a", "thirdPartyUserId": "b"}), field("email")),
        (json!({"thirdPartyId": "a", "thirdPartyUserId": "b", "email": EMAIL}), field("email")),
        (json!({"thirdPartyId": "a", "thirdPartyUserId": "b", "email": {}}), field("id")),
        (json!({"thirdPartyId": "a", "thirdPartyUserId": "b", "email": {"id": 1}}), field("id")),
        (json!({"thirdPartyId": "a", "thirdPartyUserId": "b", "email": {"id": EMAIL}}), field("isVerified")),
        (
            json!({"thirdPartyId": "a", "thirdPartyUserId": "b", "email": {"id": EMAIL, "isVerified": "true"}}),
            field("isVerified"),
        ),
        (
            json!({"thirdPartyId": "a".repeat(29), "thirdPartyUserId": "b", "email": {}}),
            "Field name 'thirdPartyId' can have at most 28 characters\n".to_owned(),
        ),
        (
            json!({"thirdPartyId": "a", "thirdPartyUserId": "b".repeat(257), "email": {}}),
            "Field name 'thirdPartyUserId' can have at most 256 characters\n".to_owned(),
        ),
        (
            told("1", &"a".repeat(257), false),
            "Field name 'email' can have at most 256 characters\n".to_owned(),
        ),
        (
            told("1", &"\u{130}".repeat(129), false),
            "Field name 'email' can have at most 256 characters\n".to_owned(),
        ),
    ] {
        for version in ["2.7", "4.0", "5.6"] {
            let reply = core.cdi(version).post(SIGN_IN_UP, body.clone()).await;
            assert_eq!((reply.status, reply.text()), (400, text.clone()), "{version} {body}");
        }
    }
    let unread =
        json!({"thirdPartyId": "a", "thirdPartyUserId": "b", "email": {"id": EMAIL, "isVerified": 1}});
    for version in ["2.8", "2.21", "3.1"] {
        assert_eq!(core.cdi(version).post(SIGN_IN_UP, unread.clone()).await.status_word(), "OK", "{version}");
    }
    let reply = core.get("/recipe/users/by-email").await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (400, "Field name 'email' is missing in GET request\n")
    );
}

#[tokio::test]
async fn an_address_is_verified_once_a_provider_says_so() {
    let core = TestCore::start().await;
    let verified = |reply: &Value| reply["user"]["loginMethods"][0]["verified"] == true;
    assert!(verified(&sign_in(&core, "1", EMAIL, true).await), "at the first sign-in");
    assert!(verified(&sign_in(&core, "1", EMAIL, false).await), "nothing is taken back");
    let moved = sign_in(&core, "1", "new@example.com", false).await;
    assert_eq!((&moved["user"]["emails"], verified(&moved)), (&json!(["new@example.com"]), false));
    assert!(verified(&sign_in(&core, "1", EMAIL, false).await), "it was verified before");
    assert!(!verified(&sign_in(&core, "2", "bob@example.com", false).await));
    assert!(verified(&sign_in(&core, "2", "bob@example.com", true).await), "at a later sign-in");
    assert!(verified(&sign_in(&core, "2", "eve@example.com", true).await), "with a new address");
    let fake = "x@stfakeemail.supertokens.com";
    assert!(!verified(&sign_in(&core, "3", fake, false).await), "the provider has to say it");
}

#[tokio::test]
async fn from_2_8_to_3_1_verification_is_left_alone() {
    let core = TestCore::start().await;
    for (version, user, verified) in [
        ("2.7", "1", true),
        ("2.8", "2", false),
        ("3.0", "3", false),
        ("3.1", "4", false),
        ("4.0", "5", true),
    ] {
        core.cdi(version).post(SIGN_IN_UP, told(user, EMAIL, true)).await.json();
        let reply = sign_in(&core, user, EMAIL, false).await;
        assert_eq!(reply["user"]["loginMethods"][0]["verified"], verified, "{version}");
    }
}

#[tokio::test]
async fn one_address_may_belong_to_several_users_of_a_provider() {
    let core = TestCore::start().await;
    let first = sign_in(&core, "1", EMAIL, false).await["user"].clone();
    core.advance(1000);
    let second = sign_in(&core, "2", EMAIL, false).await["user"].clone();
    assert_ne!(first["id"], second["id"]);
    core.sign_up(EMAIL, "password1").await;
    let listed = core.get("/recipe/users/by-email?email=ANN@example.com").await.json();
    assert_eq!(
        listed,
        json!({"status": "OK", "users": [first, second]}),
        "oldest first, of this recipe only"
    );
    let none = core.get("/recipe/users/by-email?email=none@example.com").await.json();
    assert_eq!(none, json!({"status": "OK", "users": []}));
    let moved = sign_in(&core, "2", "new@example.com", false).await["user"].clone();
    assert_eq!(sign_in(&core, "2", EMAIL, false).await["user"]["id"], moved["id"], "and back again");
}

#[tokio::test]
async fn a_user_is_found_by_id_or_by_identity_but_not_by_both() {
    let core = with_rid(&TestCore::start().await);
    let user = sign_in(&core, "1", EMAIL, false).await["user"].clone();
    let id = user["id"].as_str().unwrap();
    let both = "Please provide only one of userId or (thirdPartyId & thirdPartyUserId)\n";
    let neither = "Please provide one of userId or (thirdPartyId & thirdPartyUserId)\n";
    for (query, text) in [
        ("?userId=a&thirdPartyId=b&thirdPartyUserId=c", both),
        ("?userId=a&thirdPartyId=b", both),
        ("?userId=a&thirdPartyUserId=c", both),
        ("?thirdPartyId=b", neither),
        ("?thirdPartyUserId=c", neither),
        ("", neither),
    ] {
        let reply = core.get(&format!("/recipe/user{query}")).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text), "{query}");
    }
    let found = json!({"status": "OK", "user": user});
    assert_eq!(core.get(&format!("/recipe/user?userId={id}")).await.json(), found);
    assert_eq!(core.get("/recipe/user?thirdPartyId=google&thirdPartyUserId=1").await.json(), found);
    for (query, word) in [
        ("userId=none", "UNKNOWN_USER_ID_ERROR"),
        ("thirdPartyId=google&thirdPartyUserId=2", "UNKNOWN_THIRD_PARTY_USER_ERROR"),
        ("thirdPartyId=github&thirdPartyUserId=1", "UNKNOWN_THIRD_PARTY_USER_ERROR"),
    ] {
        assert_eq!(core.get(&format!("/recipe/user?{query}")).await.status_word(), word, "{query}");
    }
    let other = core.sign_up("bob@example.com", "password1").await["id"].clone();
    let other = format!("/recipe/user?userId={}", other.as_str().unwrap());
    assert_eq!(core.get(&other).await.status_word(), "UNKNOWN_USER_ID_ERROR", "of another recipe");
    let reply = core.put("/recipe/user", json!({"recipeUserId": id, "email": "a@b.c"})).await;
    assert_eq!((reply.status, reply.text().as_str()), (405, "Method not supported\n"));
}

#[tokio::test]
async fn without_a_known_rid_a_user_is_looked_for_among_those_with_passwords() {
    let core = TestCore::start().await;
    let id = sign_in(&core, "1", EMAIL, false).await["user"]["id"].clone();
    let query = format!("/recipe/user?userId={}", id.as_str().unwrap());
    for rid in ["emailpassword", "unknown"] {
        let reply = core.header("rid", rid).get(&query).await;
        assert_eq!(reply.status_word(), "UNKNOWN_USER_ID_ERROR", "{rid}");
    }
    assert_eq!(core.get(&query).await.status_word(), "UNKNOWN_USER_ID_ERROR");
}

#[tokio::test]
async fn users_of_providers_are_found_by_all_that_finds_users() {
    let core = TestCore::start().await;
    let user = sign_in(&core, "1", EMAIL, false).await["user"].clone();
    for (query, count) in [
        ("thirdPartyId=google&thirdPartyUserId=1&doUnionOfAccountInfo=false", 1),
        ("thirdPartyId=google&thirdPartyUserId=2&doUnionOfAccountInfo=false", 0),
        ("email=ann@example.com&thirdPartyId=google&thirdPartyUserId=2&doUnionOfAccountInfo=true", 1),
        ("email=ann@example.com&thirdPartyId=google&thirdPartyUserId=1&doUnionOfAccountInfo=false", 1),
    ] {
        let found = core.get(&format!("/users/by-accountinfo?{query}")).await.json()["users"].clone();
        assert_eq!(found.as_array().unwrap().len(), count, "{query}");
    }
    for query in
        ["provider=goo", "provider=GOOGLE::1", "email=ann&provider=google", "includeRecipeIds=thirdparty"]
    {
        assert_eq!(core.get(&format!("/users?{query}")).await.json()["users"], json!([user]), "{query}");
    }
    for number in 2..6 {
        core.advance(1000);
        sign_in(&core, &format!("g{number}"), &format!("{number}@example.org"), false).await;
    }
    let found = async |query: &str| -> Vec<String> {
        let found = core.get(&format!("/users?{query}")).await.json()["users"].clone();
        found.as_array().unwrap().iter().map(|user| user["emails"][0].as_str().unwrap().to_owned()).collect()
    };
    let many = ["2@example.org", "3@example.org", "4@example.org", "5@example.org"];
    assert_eq!(found("provider=Google::G").await, many);
    assert_eq!(found("provider=google::g&email=3").await, many[1..2], "few of many");
    assert_eq!(found("provider=google::g&email=example.org&timeJoinedOrder=DESC").await.len(), 4);
    assert_eq!(found("provider=google&email=example.org;ann").await.len(), 5);
    assert_eq!(found("includeRecipeIds=thirdparty,passwordless&timeJoinedOrder=DESC").await.len(), 5);
    assert_eq!(found("includeRecipeIds=emailpassword").await.len(), 0);
    core.post("/user/remove", json!({"userId": user["id"]})).await;
    let again = sign_in(&core, "1", EMAIL, false).await;
    assert_eq!(again["createdNewUser"], true);
    assert_ne!(again["user"]["id"], user["id"]);
}

#[tokio::test]
async fn an_address_of_another_primary_user_is_refused() {
    let core = TestCore::start().await;
    let own = sign_in(&core, "1", EMAIL, true).await["user"].clone();
    let other = core.sign_up("bob@example.com", "password1").await;
    let alone = core.sign_up("eve@example.com", "password1").await;
    link(&core, &[&own]).await;
    link(&core, &[&other]).await;
    let refused = json!({
        "status": "EMAIL_CHANGE_NOT_ALLOWED_ERROR", "reason": "Email already associated with another primary user.",
    });
    for version in ["2.8", "2.21", "3.1", "4.0", "5.4", "5.6"] {
        let reply = core.cdi(version).post(SIGN_IN_UP, told("1", "bob@example.com", true)).await.json();
        assert_eq!(reply, refused, "{version}");
    }
    let oldest = core.cdi("2.7").post(SIGN_IN_UP, told("1", "bob@example.com", true)).await;
    assert_eq!(oldest.status, 500, "{}", oldest.text());
    let kept = sign_in(&core, "1", EMAIL, false).await;
    assert_eq!(kept["user"]["emails"], json!([EMAIL]));
    let moved = sign_in(&core, "1", "eve@example.com", false).await;
    assert_eq!(moved["user"]["emails"], json!(["eve@example.com"]), "of one who is not primary");
    assert_ne!(alone["id"], moved["user"]["id"]);
    // The address that was given up is free, the one that was taken is reserved.
    let stranger = sign_in(&core, "2", "x@example.com", false).await["user"].clone();
    link(&core, &[&stranger]).await;
    assert_eq!(core.post(SIGN_IN_UP, told("2", "eve@example.com", false)).await.json(), refused);
    assert_eq!(sign_in(&core, "2", EMAIL, false).await["user"]["emails"], json!([EMAIL]));
}

#[tokio::test]
async fn who_is_not_primary_may_take_any_address() {
    let core = TestCore::start().await;
    let other = core.sign_up("bob@example.com", "password1").await;
    link(&core, &[&other]).await;
    sign_in(&core, "1", EMAIL, false).await;
    let moved = sign_in(&core, "1", "bob@example.com", false).await;
    assert_eq!(moved["user"]["emails"], json!(["bob@example.com"]));
}

#[tokio::test]
async fn only_the_provider_s_login_method_of_a_linked_user_is_verified() {
    let core = TestCore::start().await;
    let first = core.sign_up(EMAIL, "password1").await;
    core.advance(1000);
    let second = sign_in(&core, "1", EMAIL, false).await["user"].clone();
    link(&core, &[&first, &second]).await;
    let reply = sign_in(&core, "1", EMAIL, true).await;
    assert_eq!((&reply["user"]["id"], &reply["recipeUserId"]), (&first["id"], &second["id"]));
    let methods = reply["user"]["loginMethods"].as_array().unwrap();
    let verified: Vec<_> = methods.iter().map(|method| (&method["recipeId"], &method["verified"])).collect();
    assert_eq!(verified, [(&json!("emailpassword"), &json!(false)), (&json!("thirdparty"), &json!(true))]);
    let by_id = format!("/recipe/user?userId={}", second["id"].as_str().unwrap());
    let own = with_rid(&core).get(&by_id).await.json()["user"].clone();
    assert_eq!((&own["id"], own["loginMethods"].as_array().unwrap().len()), (&second["id"], 1));
    assert_eq!(own["isPrimaryUser"], true);
    let whole = with_rid(&core).get("/recipe/user?thirdPartyId=google&thirdPartyUserId=1").await.json();
    assert_eq!(whole["user"], reply["user"]);
    let old = core.cdi("3.1").post(SIGN_IN_UP, told("1", EMAIL, true)).await.json();
    let oldest = json!({"id": first["id"], "timeJoined": first["timeJoined"], "tenantIds": ["public"], "email": EMAIL});
    assert_eq!(old["user"], oldest, "before 4.0 the oldest login method");
}

#[tokio::test]
async fn external_ids_are_shown_and_hold_what_is_verified() {
    let core = TestCore::start().await;
    let id = sign_in(&core, "1", EMAIL, false).await["user"]["id"].clone();
    map_id(&core, &id, "external").await;
    let reply = sign_in(&core, "1", EMAIL, true).await;
    assert_eq!((&reply["user"]["id"], &reply["recipeUserId"]), (&json!("external"), &json!("external")));
    assert_eq!(reply["user"]["loginMethods"][0]["verified"], true);
    assert_eq!(sign_in(&core, "1", EMAIL, false).await["user"], reply["user"]);
    let verified = core.get("/recipe/user/email/verify?userId=external&email=ann@example.com").await.json();
    assert_eq!(verified["isVerified"], true);
    for id in ["external", id.as_str().unwrap()] {
        let found = with_rid(&core).get(&format!("/recipe/user?userId={id}")).await.json();
        assert_eq!(found["user"]["id"], "external");
    }
}

#[tokio::test]
async fn each_tenant_has_users_of_its_own() {
    let core = TestCore::start().await;
    for tenant in ["t1", "t2"] {
        core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": tenant})).await.json();
    }
    let mut users = Vec::new();
    for tenant in ["public", "t1", "t2"] {
        let email = format!("{tenant}@example.com");
        let reply = core.post(&format!("/{tenant}/recipe/signinup"), told("1", &email, false)).await.json();
        assert_eq!((&reply["createdNewUser"], &reply["user"]["tenantIds"]), (&json!(true), &json!([tenant])));
        users.push((tenant, email, reply["user"].clone()));
    }
    let plain = core.clone();
    let core = with_rid(&core);
    for (tenant, email, user) in &users {
        let found = core.get(&format!("/{tenant}/recipe/user?thirdPartyId=google&thirdPartyUserId=1")).await;
        assert_eq!(&found.json()["user"], user);
        let found = core.get(&format!("/{tenant}/recipe/users/by-email?email={email}")).await;
        assert_eq!(found.json()["users"], json!([user]));
        let id = user["id"].as_str().unwrap();
        assert_eq!(&core.get(&format!("/recipe/user?userId={id}")).await.json()["user"], user);
    }
    let elsewhere = core.get("/t1/recipe/users/by-email?email=t2@example.com").await.json();
    assert_eq!(elsewhere["users"], json!([]));
    let by_id = format!("/t1/recipe/user?userId={}", users[0].2["id"].as_str().unwrap());
    let denied = "Only public tenantId can call this app specific API\n";
    for rid in ["thirdparty", "emailpassword"] {
        let reply = plain.header("rid", rid).get(&by_id).await;
        assert_eq!((reply.status, reply.text().as_str()), (403, denied), "{rid}");
    }
    assert_eq!(core.cdi("4.0").get(&by_id).await.status_word(), "OK");
    for path in
        ["/nowhere/recipe/user?thirdPartyId=a&thirdPartyUserId=b", "/nowhere/recipe/users/by-email?email=a"]
    {
        assert_eq!(core.cdi("3.1").get(path).await.status, 400, "{path}");
    }
    let reply = core.cdi("2.21").post("/t1/recipe/signinup", told("1", EMAIL, false)).await;
    assert_eq!(reply.status, 404, "before 3.0 there are no tenants");
}

#[tokio::test]
async fn before_5_1_the_core_refuses_a_recipe_that_is_switched_off() {
    let core = TestCore::start().await;
    let off = json!({"tenantId": "t1", "emailPasswordEnabled": true});
    core.put("/recipe/multitenancy/tenant", off).await.json();
    for version in ["3.0", "3.1", "4.0", "5.0"] {
        let reply = core.cdi(version).post("/t1/recipe/signinup", told("1", EMAIL, false)).await;
        let text = "ThirdParty login not enabled for tenant\n";
        assert_eq!((reply.status, reply.text().as_str()), (403, text), "{version}");
    }
    for version in ["5.1", "5.6"] {
        let reply = core.cdi(version).post("/t1/recipe/signinup", told("1", EMAIL, false)).await;
        assert_eq!(reply.status_word(), "OK", "{version}");
    }
}

#[tokio::test]
async fn a_reset_token_may_be_for_a_user_of_a_provider() {
    let core = TestCore::start().await;
    let id = sign_in(&core, "1", EMAIL, false).await["user"]["id"].clone();
    let token = "/recipe/user/password/reset/token";
    let old = core.cdi("3.1").post(token, json!({"userId": id})).await;
    assert_eq!(old.status_word(), "UNKNOWN_USER_ID_ERROR");
    let made = core.post(token, json!({"userId": id, "email": EMAIL})).await.json();
    let consume = "/recipe/user/password/reset/token/consume";
    let consumed = core.post(consume, json!({"token": made["token"]})).await.json();
    assert_eq!(consumed, json!({"status": "OK", "userId": id, "email": EMAIL}));
    let change = core.put("/recipe/user", json!({"recipeUserId": id, "password": "password1"})).await;
    assert_eq!(change.status_word(), "UNKNOWN_USER_ID_ERROR");
    core.post(token, json!({"userId": id, "email": EMAIL})).await.json();
    core.post("/user/remove", json!({"userId": id})).await;
    let mut tx = core.app.db.read().await.unwrap();
    for table in ["emailpassword_pswd_reset_tokens", "thirdparty_users"] {
        let rows: Vec<(i64,)> = tx.fetch_all(format!("select count(*) from {table}"), &[]).await.unwrap();
        assert_eq!(rows, [(0,)], "{table} goes with the user");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_identity_that_signs_in_fifty_times_at_once_is_one_user() {
    let core = TestCore::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..50 {
        let core = core.clone();
        let told = told("1", &format!("{}@example.com", number % 2), true);
        tasks.spawn(async move { core.post(SIGN_IN_UP, told).await.json() });
    }
    let replies = tasks.join_all().await;
    assert!(replies.iter().all(|reply| reply["status"] == "OK"));
    assert_eq!(replies.iter().filter(|reply| reply["createdNewUser"] == true).count(), 1);
    assert!(replies.iter().all(|reply| reply["user"]["id"] == replies[0]["user"]["id"]));
    assert_eq!(core.get("/users/count").await.json()["count"], 1);
    let last = core.get("/users").await.json()["users"][0].clone();
    assert_eq!(last["emails"].as_array().unwrap().len(), 1);
    assert_eq!(last["loginMethods"][0]["verified"], true, "each told that its address is");
}

/// What both tables say of the only user: table, kind, value, and the provider's two ids.
async fn stored(core: &TestCore) -> Vec<(String, String, String, String, String)> {
    let columns = "account_info_type, account_info_value, third_party_id, third_party_user_id";
    let sql = format!(
        "select 'infos', {columns} from recipe_user_account_infos
         union all select 'tenants', {columns} from recipe_user_tenants order by 1, 2"
    );
    core.app.db.read().await.unwrap().fetch_all(sql, &[]).await.unwrap()
}

#[tokio::test]
async fn the_providers_ids_are_stored_beside_the_address_alone() {
    let core = TestCore::start().await;
    let first = sign_in(&core, "1", EMAIL, false).await;
    let rows = |of_text: (&str, &str)| {
        let row = |table: &str, kind: &str, value: &str, (id, user): (&str, &str)| {
            (table.to_owned(), kind.to_owned(), value.to_owned(), id.to_owned(), user.to_owned())
        };
        let of_table =
            |table| [row(table, "email", EMAIL, ("google", "1")), row(table, "tparty", "google::1", of_text)];
        ["infos", "tenants"].into_iter().flat_map(of_table).collect::<Vec<_>>()
    };
    assert_eq!(stored(&core).await, rows(("", "")));
    // Older databases have them beside the text too.
    let mut tx = core.app.db.write().await.unwrap();
    for table in ["recipe_user_account_infos", "recipe_user_tenants"] {
        let sql = format!(
            "update {table} set third_party_id = 'google', third_party_user_id = '1'
             where account_info_type = 'tparty'"
        );
        tx.execute(sql, &[]).await.unwrap();
    }
    tx.execute("delete from portcullis_migrations where name = '0015_provider_ids'", &[]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(stored(&core).await, rows(("google", "1")));
    let report = core.app.db.migrate(&portcullis_core::migrations::all(), core.clock.now()).await.unwrap();
    assert_eq!(report.applied, ["0015_provider_ids"]);
    assert_eq!(stored(&core).await, rows(("", "")));
    let second = sign_in(&core, "1", EMAIL, false).await;
    assert_eq!((&second["createdNewUser"], &second["user"]), (&json!(false), &first["user"]));
}
