//! Users of any recipe: by id, by account info, page by page, counted, removed.

use portcullis_testkit::TestCore;
use serde_json::{Value, json};

async fn three(core: &TestCore) -> Vec<String> {
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        let user = core.sign_up(&format!("{name}@example.com"), "password1").await;
        ids.push(user["id"].as_str().unwrap().to_owned());
        core.advance(1000);
    }
    ids
}

fn ids(reply: &Value) -> Vec<String> {
    reply["users"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_user_object_has_the_shape_of_the_version() {
    let core = TestCore::start().await;
    let user = core.sign_up("ann@example.com", "password1").await;
    let id = user["id"].as_str().unwrap();
    let latest = core.get(&format!("/user/id?userId={id}")).await.json()["user"].clone();
    assert_eq!(latest, user);
    assert_eq!(latest.as_object().unwrap().len(), 9);
    assert_eq!(latest["loginMethods"][0].as_object().unwrap().len(), 6);
    assert_eq!(latest["webauthn"], json!({"credentialIds": []}));
    let before_5_3 = core.cdi("5.2").get(&format!("/user/id?userId={id}")).await.json()["user"].clone();
    assert_eq!(before_5_3.as_object().unwrap().len(), 8);
    let old = core.cdi("3.1").get(&format!("/recipe/user?userId={id}")).await.json()["user"].clone();
    assert_eq!(
        old,
        json!({"id": id, "timeJoined": user["timeJoined"], "tenantIds": ["public"], "email": "ann@example.com"})
    );
    let oldest = core.cdi("2.21").get(&format!("/recipe/user?userId={id}")).await.json()["user"].clone();
    assert_eq!(oldest.as_object().unwrap().len(), 3);
    let by_id = core.cdi("3.1").get(&format!("/user/id?userId={id}")).await.json()["user"].clone();
    assert_eq!(by_id["loginMethods"], before_5_3["loginMethods"], "this endpoint knows no older shape");
    let found = "/users/by-accountinfo?email=ann@example.com&doUnionOfAccountInfo=false";
    assert_eq!(core.cdi("3.1").get(found).await.json()["users"], json!([by_id]));
    assert_eq!(core.get("/user/id?userId=none").await.status_word(), "UNKNOWN_USER_ID_ERROR");
    assert_eq!(core.get("/user/id").await.text(), "Field name 'userId' is missing in GET request\n");
}

#[tokio::test]
async fn pages_follow_one_another_in_both_orders() {
    let core = TestCore::start().await;
    let all = three(&core).await;
    let first = core.get("/users?limit=2").await.json();
    assert_eq!(ids(&first), all[..2]);
    let token = first["nextPaginationToken"].as_str().unwrap();
    let second = core.get(&format!("/users?limit=2&paginationToken={token}")).await.json();
    assert_eq!(ids(&second), all[2..]);
    assert!(second.get("nextPaginationToken").is_none());
    let newest = core.get("/users?timeJoinedOrder=DESC&limit=1").await.json();
    assert_eq!(ids(&newest), all[2..]);
    let token = newest["nextPaginationToken"].as_str().unwrap();
    let rest = core.get(&format!("/users?timeJoinedOrder=DESC&paginationToken={token}")).await.json();
    assert_eq!(ids(&rest), [all[1].clone(), all[0].clone()]);
    assert_eq!(ids(&core.get("/users?includeRecipeIds=thirdparty").await.json()), Vec::<String>::new());
    // Blanks around the names are passed over.
    let both = core.get("/users?includeRecipeIds=thirdparty,%20emailpassword%20,").await.json();
    assert_eq!(ids(&both), all);
}

#[tokio::test]
async fn users_who_joined_at_once_are_all_listed() {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "few"})).await.json();
    let few = core.at("/few");
    // A tenant of two is listed by its members, and one of seven in the order of all users (on SQLite).
    for (place, count, limit) in [(&core, 7, 2), (&few, 2, 1)] {
        for number in 0..count {
            place.sign_up(&format!("{number}@example.com"), "password1").await;
        }
        for query in ["timeJoinedOrder=ASC", "timeJoinedOrder=DESC", "includeRecipeIds=emailpassword"] {
            let (mut seen, mut token) = (Vec::new(), String::new());
            loop {
                let page = place.get(&format!("/users?limit={limit}&{query}{token}")).await.json();
                seen.extend(ids(&page));
                let Some(next) = page["nextPaginationToken"].as_str() else { break };
                token = format!("&paginationToken={next}");
            }
            let mut unique = seen.clone();
            unique.sort();
            unique.dedup();
            assert_eq!((seen.len(), unique.len()), (count, count), "{query}");
        }
        assert_eq!(place.get("/users/count").await.json()["count"], count);
        assert_eq!(place.get("/users/count?includeRecipeIds=emailpassword").await.json()["count"], count);
        assert_eq!(place.get("/users/count?includeRecipeIds=thirdparty").await.json()["count"], 0);
    }
}

#[tokio::test]
async fn what_cannot_be_listed_is_named() {
    let core = TestCore::start().await;
    for (query, text) in [
        ("limit=501", "max limit allowed is 500\n"),
        ("limit=0", "limit must a positive integer with min value 1\n"),
        ("limit=-1", "limit must a positive integer with min value 1\n"),
        ("limit=x", "Field name 'limit' must be an int in the GET request\n"),
        ("timeJoinedOrder=UP", "timeJoinedOrder can be either ASC OR DESC\n"),
        ("includeRecipeIds=x", "Unknown recipe ID: x\n"),
        ("paginationToken=x", "invalid pagination token\n"),
    ] {
        let reply = core.get(&format!("/users?{query}")).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text), "{query}");
    }
}

#[tokio::test]
async fn users_are_found_by_what_they_sign_in_with() {
    let core = TestCore::start().await;
    let all = three(&core).await;
    let found = core.get("/users/by-accountinfo?email=B@example.com&doUnionOfAccountInfo=false").await.json();
    assert_eq!(ids(&found), [all[1].clone()]);
    let both = "/users/by-accountinfo?email=b@example.com&phoneNumber=%2B1&doUnionOfAccountInfo=";
    assert_eq!(ids(&core.get(&format!("{both}true")).await.json()).len(), 1);
    assert_eq!(ids(&core.get(&format!("{both}false")).await.json()).len(), 0);
    assert_eq!(core.get(&format!("{both}maybe")).await.status, 400);
    assert_eq!(
        core.get("/users/by-accountinfo?thirdPartyId=google&doUnionOfAccountInfo=true").await.status,
        400
    );
}

#[tokio::test]
async fn a_removed_user_is_gone_and_the_address_is_free() {
    let core = TestCore::start().await;
    let all = three(&core).await;
    assert_eq!(core.get("/users/count").await.json()["count"], 3);
    assert_eq!(core.post("/user/remove", json!({"userId": all[0]})).await.status_word(), "OK");
    assert_eq!(core.post("/user/remove", json!({"userId": all[0]})).await.status_word(), "OK");
    assert_eq!(core.get("/users/count?includeAllTenants=true").await.json()["count"], 2);
    assert_eq!(core.get(&format!("/user/id?userId={}", all[0])).await.status_word(), "UNKNOWN_USER_ID_ERROR");
    let again = core.sign_up("a@example.com", "password1").await;
    assert_ne!(again["id"], json!(all[0]));
}

#[tokio::test]
async fn calls_about_the_app_are_for_its_public_tenant() {
    let core = TestCore::start().await;
    let reply = core.get("/t1/user/id?userId=x").await;
    assert_eq!(
        (reply.status, reply.text().as_str()),
        (403, "Only public tenantId can call this app specific API\n")
    );
    assert_eq!(core.cdi("4.0").get("/t1/user/id?userId=x").await.status_word(), "UNKNOWN_USER_ID_ERROR");
    assert_eq!(
        core.get("/t1/users").await.text(),
        "AppId or tenantId not found => Tenant with the following connectionURIDomain, appId and tenantId combination not found: (, public, t1)\n"
    );
}

#[tokio::test]
async fn a_search_finds_beginnings_of_addresses_and_of_their_domains() {
    let core = TestCore::start().await;
    for email in
        ["ann@example.com", "bob@annex.org", "joanna@example.com", "a_n@example.com", "100%@example.com"]
    {
        core.sign_up(email, "password1").await;
        core.advance(1000);
    }
    let found = async |query: &str| -> Vec<String> {
        let reply = core.get(&format!("/users?{query}")).await.json();
        assert!(reply.get("nextPaginationToken").is_none());
        let users = reply["users"].as_array().unwrap();
        users.iter().map(|user| user["emails"][0].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("email=ANN&limit=1").await, ["ann@example.com", "bob@annex.org"]);
    assert_eq!(found("email=ann&timeJoinedOrder=DESC").await, ["bob@annex.org", "ann@example.com"]);
    let at_example = ["ann@example.com", "joanna@example.com", "a_n@example.com", "100%@example.com"];
    assert_eq!(found("email=example.c").await, at_example, "many, who are not looked up one by one");
    let newest_first: Vec<&str> = at_example.into_iter().rev().collect();
    assert_eq!(found("email=example;bob&timeJoinedOrder=DESC").await.len(), 5);
    assert_eq!(found("email=example&timeJoinedOrder=DESC").await, newest_first);
    assert!(found("email=example&phone=%2B1").await.is_empty());
    assert_eq!(found("email=joa;%20bob").await, ["bob@annex.org", "joanna@example.com"]);
    assert_eq!(found("email=a_n").await, ["a_n@example.com"], "an underscore is no pattern");
    assert_eq!(found("email=100%25").await, ["100%@example.com"]);
    assert!(found("email=ann&phone=%2B1").await.is_empty(), "no login method has both");
    assert!(found("provider=google").await.is_empty());
    assert_eq!(found("email=;").await.len(), 5, "nothing to look for: the usual list");
    assert_eq!(core.get("/users?email=ann&limit=501").await.status, 200);
    let terms = |count: usize| (0..count).map(|at| format!("{at}x")).collect::<Vec<_>>().join(";");
    for field in ["email", "phone", "provider"] {
        assert!(found(&format!("{field}={}", terms(100))).await.is_empty(), "{field}");
        let reply = core.get(&format!("/users?{field}={}", terms(101))).await;
        let text = "email, phone and provider can have at most 100 terms each\n";
        assert_eq!((reply.status, reply.text().as_str()), (400, text), "{field}");
    }
    assert_eq!(found(&format!("email={}", "ann;".repeat(1000))).await.len(), 2, "one term");
    assert_eq!(core.get("/users?email=ann&limit=0").await.status, 400);
    let tags = core.get("/user/search/tags").await.json();
    assert_eq!(tags, json!({"status": "OK", "tags": ["email", "phone", "provider"]}));
}

#[tokio::test]
async fn users_are_listed_and_counted_by_tenant() {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await.json();
    let t1 = core.at("/t1");
    let ann = core.sign_up("ann@example.com", "password1").await;
    core.advance(1000);
    let bob = t1.sign_up("bob@example.com", "password1").await;
    for (place, user) in [(&core, &ann), (&t1, &bob)] {
        assert_eq!(place.get("/users").await.json()["users"], json!([user]));
        assert_eq!(place.get("/users/count").await.json()["count"], 1);
        for tag in ["email=ann", "email=bob", "email=example"] {
            let found = place.get(&format!("/users?{tag}")).await.json()["users"].clone();
            let fits = tag == "email=example" || user["emails"][0].as_str().unwrap().starts_with(&tag[6..]);
            assert_eq!(found.as_array().unwrap().len(), usize::from(fits), "{tag}");
        }
        let id = user["id"].as_str().unwrap();
        assert_eq!(core.get(&format!("/user/id?userId={id}")).await.json()["user"], *user, "of the app");
    }
    assert_eq!(core.get("/users/count?includeAllTenants=true").await.json()["count"], 2);
    let refused = t1.get("/users/count?includeAllTenants=true").await;
    assert_eq!(
        (refused.status, refused.text().as_str()),
        (403, "Only public tenantId can call this app specific API\n")
    );
}

#[tokio::test]
async fn before_4_0_a_list_names_the_recipe_beside_the_user() {
    let core = TestCore::start().await;
    let user = core.sign_up("ann@example.com", "password1").await;
    let listed = core.cdi("3.1").get("/users").await.json()["users"].clone();
    let old = json!({"id": user["id"], "timeJoined": user["timeJoined"], "tenantIds": ["public"],
        "email": "ann@example.com"});
    assert_eq!(listed, json!([{"recipeId": "emailpassword", "user": old}]));
    let listed = core.cdi("2.21").get("/users").await.json()["users"].clone();
    assert!(listed[0]["user"].get("tenantIds").is_none());
}

#[tokio::test]
async fn whoever_signed_up_or_in_counts_as_active_since() {
    let core = TestCore::start().await;
    let count = async |since: i64| -> Value {
        core.get(&format!("/users/count/active?since={since}")).await.json()["count"].clone()
    };
    let start = core.clock.now();
    assert_eq!(count(0).await, 0);
    let ann = core.sign_up("ann@example.com", "password1").await;
    core.sign_up("bob@example.com", "password1").await;
    assert_eq!((count(start).await, count(start + 1).await), (json!(2), json!(0)));
    core.advance(5000);
    let sign_in = json!({"email": "ann@example.com", "password": "password1"});
    core.post("/recipe/signin", sign_in).await;
    assert_eq!((count(0).await, count(start + 1).await), (json!(2), json!(1)));
    core.post("/user/remove", json!({"userId": ann["id"]})).await;
    assert_eq!(count(0).await, 1, "a removed user was never active");
    for (query, text) in [
        ("?since=-1", "'since' query parameter must be >= 0\n"),
        ("", "Field name 'since' is missing in GET request\n"),
        ("?since=x", "Field name 'since' must be a long in the GET request\n"),
    ] {
        let reply = core.get(&format!("/users/count/active{query}")).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text));
    }
}

#[tokio::test]
async fn an_approximate_count_knows_new_users_at_once_and_others_after_ten_minutes() {
    let core = TestCore::start().await;
    let approximate = async || core.get("/users/count?allowApproximate=true").await.json();
    let all = three(&core).await;
    core.advance(60_000);
    let as_of = core.clock.now() - 60_000;
    let counted = |count: i64| json!({"status": "OK", "count": count, "approximate": true, "asOf": as_of});
    assert_eq!(approximate().await, counted(3));
    core.sign_up("d@example.com", "password1").await;
    core.advance(1000);
    assert_eq!(approximate().await, counted(4));
    core.post("/user/remove", json!({"userId": all[0]})).await;
    link(&core, &all[1], &all[2]).await;
    assert_eq!(approximate().await, counted(4));
    assert_eq!(core.get("/users/count").await.json(), json!({"status": "OK", "count": 2}));
    core.advance(598_999);
    approximate().await;
    core.advance(1);
    assert_eq!(approximate().await, counted(4), "nobody waits for the next count");
    let (begun, renewed) = (std::time::Instant::now(), core.clock.now() - 60_000);
    loop {
        let now = approximate().await;
        if now["asOf"] == json!(renewed) {
            assert_eq!(now["count"], 2);
            break;
        }
        assert_eq!(now, counted(4));
        assert!(begun.elapsed() < std::time::Duration::from_secs(20));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

async fn link(core: &TestCore, primary: &str, other: &str) {
    let path = "/recipe/accountlinking/user";
    core.post(&format!("{path}/primary"), json!({"recipeUserId": primary})).await.json();
    let both = json!({"recipeUserId": other, "primaryUserId": primary});
    assert_eq!(core.post(&format!("{path}/link"), both).await.status_word(), "OK");
}

#[tokio::test]
async fn a_count_is_exact_unless_all_users_of_one_tenant_are_asked_for() {
    let core = TestCore::start().await;
    core.sign_up("ann@example.com", "password1").await;
    let exact = json!({"status": "OK", "count": 1, "approximate": false, "asOf": core.clock.now()});
    for query in ["includeAllTenants=true", "includeRecipeIds=emailpassword"] {
        let count = core.get(&format!("/users/count?allowApproximate=true&{query}")).await.json();
        assert_eq!(count, exact, "{query}");
    }
    for query in ["", "?allowApproximate=false", "?allowApproximate=x"] {
        let count = core.get(&format!("/users/count{query}")).await.json();
        assert_eq!(count, json!({"status": "OK", "count": 1}), "{query}");
    }
    let old = core.cdi("5.5").get("/users/count?allowApproximate=true").await.json();
    assert_eq!(old, json!({"status": "OK", "count": 1}));
}

#[tokio::test]
async fn a_tenant_that_is_made_anew_is_counted_anew() {
    let core = TestCore::start().await;
    let count = async || core.get("/t1/users/count?allowApproximate=true").await.json()["count"].clone();
    let make = || core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"}));
    make().await.json();
    core.post("/t1/recipe/signup", json!({"email": "ann@example.com", "password": "password1"})).await.json();
    core.advance(120_000);
    assert_eq!(count().await, 1);
    core.post("/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await.json();
    make().await.json();
    assert_eq!(count().await, 0);
}

#[tokio::test]
async fn an_id_with_a_blank_at_its_end_is_another_one() {
    let core = TestCore::start().await;
    let user = core.sign_up("ann@example.com", "password1").await;
    let id = user["id"].as_str().unwrap();
    let found = core.get(&format!("/user/id?userId={id}%20%20")).await;
    assert_eq!(found.status_word(), "UNKNOWN_USER_ID_ERROR");
    core.post("/user/remove", json!({"userId": format!("{id} ")})).await;
    assert_eq!(core.get(&format!("/user/id?userId={id}")).await.status_word(), "OK");
}

#[tokio::test]
async fn text_that_a_table_cannot_hold_is_refused_alike_on_both_engines() {
    let core = TestCore::start().await;
    let sign_up = |email: &str| core.post("/recipe/signup", json!({"email": email, "password": "password1"}));
    let long = format!("{}@example.com", "a".repeat(300));
    for (reply, text) in [
        (sign_up("a\0b@example.com").await, "Field name 'email' is invalid in JSON input"),
        (sign_up(&long).await, "Field name 'email' can have at most 256 characters"),
        // One letter that is two in lower case, as addresses are stored.
        (sign_up(&"\u{130}".repeat(129)).await, "Field name 'email' can have at most 256 characters"),
        (
            core.get("/user/id?userId=a%00b").await,
            "Field name 'userId' must not contain NUL in the GET request",
        ),
        (core.get("/users?paginationToken=YQBiOzU=").await, "invalid pagination token"),
        (
            core.put("/recipe/role", json!({"role": "r", "permissions": ["p".repeat(256)]})).await,
            "Field name 'permissions' can have at most 255 characters",
        ),
        (
            core.put("/recipe/user/metadata", json!({"userId": "u".repeat(129), "metadataUpdate": {}})).await,
            "Field name 'userId' can have at most 128 characters",
        ),
    ] {
        assert_eq!((reply.status, reply.text().trim_end()), (400, text));
    }
    assert_eq!(core.get("/users/count").await.json()["count"], 0);
}
