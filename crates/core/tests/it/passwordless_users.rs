//! The passwordless recipe's users: in the shape of each version, on several tenants, found, changed, removed.

use super::passwordless::{EMAIL, PHONE, begin, consume, devices, entry, link};
use portcullis_testkit::{START, TestCore};
use serde_json::{Value, json};

/// The user, who is made by this if need be.
async fn sign_in(core: &TestCore, contact: Value) -> Value {
    consume(core, link(&begin(core, contact).await)).await.json()["user"].clone()
}

fn of_recipe(core: &TestCore) -> TestCore {
    core.header("rid", "passwordless")
}

#[tokio::test]
async fn who_signs_in_has_the_shape_of_the_version() {
    let core = TestCore::start().await;
    let user = sign_in(&core, json!({"email": EMAIL})).await;
    let (id, method) = (&user["id"], &user["loginMethods"][0]);
    assert_eq!(
        method,
        &json!({"tenantIds": ["public"], "recipeUserId": id, "verified": true, "timeJoined": START,
            "recipeId": "passwordless", "email": EMAIL})
    );
    for (version, keys, user_keys, device_keys) in [
        ("2.11", vec!["status", "createdNewUser", "user"], 3, 0),
        ("2.21", vec!["status", "createdNewUser", "user"], 3, 0),
        ("3.1", vec!["status", "createdNewUser", "user"], 4, 0),
        ("4.0", vec!["status", "createdNewUser", "user", "recipeUserId"], 8, 0),
        ("5.0", vec!["status", "createdNewUser", "user", "recipeUserId", "consumedDevice"], 8, 3),
        ("5.6", vec!["status", "createdNewUser", "user", "recipeUserId", "consumedDevice"], 9, 3),
    ] {
        let core = core.cdi(version);
        let reply = consume(&core, entry(&begin(&core, json!({"email": EMAIL})).await)).await.json();
        let mut names: Vec<_> = reply.as_object().unwrap().keys().map(String::as_str).collect();
        let mut keys = keys;
        names.sort_unstable();
        keys.sort_unstable();
        assert_eq!(names, keys, "{version}");
        assert_eq!(reply["user"].as_object().unwrap().len(), user_keys, "{version}");
        let device = reply.get("consumedDevice").map_or(0, |device| device.as_object().unwrap().len());
        assert_eq!(device, device_keys, "{version}");
        assert_eq!((&reply["user"]["id"], &reply["createdNewUser"]), (id, &json!(false)), "{version}");
    }
    let old = sign_in(&core.cdi("3.1"), json!({"phoneNumber": PHONE})).await;
    let shown = json!({"id": old["id"], "timeJoined": START, "tenantIds": ["public"], "phoneNumber": PHONE});
    assert_eq!(old, shown);
}

#[tokio::test]
async fn an_address_counts_as_verified_from_4_0_on_and_a_number_always() {
    let core = TestCore::start().await;
    let verified = async |id: &Value| -> Value {
        let path = format!("/user/id?userId={}", id.as_str().unwrap());
        core.get(&path).await.json()["user"]["loginMethods"][0]["verified"].clone()
    };
    let old = sign_in(&core.cdi("3.1"), json!({"email": EMAIL})).await;
    assert_eq!(verified(&old["id"]).await, false);
    assert_eq!(sign_in(&core.cdi("4.0"), json!({"email": EMAIL})).await["loginMethods"][0]["verified"], true);
    assert_eq!(verified(&old["id"]).await, true, "who comes back is verified too");
    let phone = sign_in(&core.cdi("3.1"), json!({"phoneNumber": PHONE})).await;
    assert_eq!(verified(&phone["id"]).await, true);
}

/// Makes a user primary, with what it signs in with reserved, and gives it an external id.
async fn make_primary(core: &TestCore, id: &Value, (kind, value): (&str, &str), external_id: &str) {
    let id = id.as_str().unwrap();
    let mut tx = core.app.db.write().await.unwrap();
    for sql in [
        format!("update app_id_to_user_id set is_linked_or_is_a_primary_user = true where user_id = '{id}'"),
        format!("insert into primary_user_tenants values ('public', 'public', '{kind}', '{value}', '{id}')"),
        format!(
            "insert into userid_mapping (app_id, supertokens_user_id, external_user_id)
             values ('public', '{id}', '{external_id}')"
        ),
    ] {
        tx.execute(sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn of_linked_login_methods_only_the_one_that_signed_in_is_verified_and_ids_are_external() {
    let core = TestCore::start().await;
    let other = core.sign_up(EMAIL, "password1").await;
    let own = sign_in(&core.cdi("3.1"), json!({"email": EMAIL})).await;
    make_primary(&core, &other["id"], ("email", EMAIL), "ext-other").await;
    let mut tx = core.app.db.write().await.unwrap();
    let (own_id, other_id) = (own["id"].as_str().unwrap(), other["id"].as_str().unwrap());
    for sql in [
        format!(
            "update app_id_to_user_id set is_linked_or_is_a_primary_user = true,
             primary_or_recipe_user_id = '{other_id}' where user_id = '{own_id}'"
        ),
        format!(
            "insert into userid_mapping (app_id, supertokens_user_id, external_user_id)
             values ('public', '{own_id}', 'ext-own')"
        ),
    ] {
        tx.execute(sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
    let reply = consume(&core, link(&begin(&core, json!({"email": EMAIL})).await)).await.json();
    assert_eq!((&reply["user"]["id"], &reply["recipeUserId"]), (&json!("ext-other"), &json!("ext-own")));
    let methods = reply["user"]["loginMethods"].as_array().unwrap();
    let verified =
        |recipe: &str| methods.iter().find(|m| m["recipeId"] == recipe).unwrap()["verified"].clone();
    assert_eq!((verified("passwordless"), verified("emailpassword")), (json!(true), json!(false)));
    let by_id = core.get("/user/id?userId=ext-own").await.json()["user"].clone();
    assert_eq!(by_id, reply["user"], "and so it is kept");
    let recipe = of_recipe(&core);
    let alone = recipe.get("/recipe/user?userId=ext-own").await.json()["user"].clone();
    assert_eq!((&alone["id"], alone["loginMethods"].as_array().unwrap().len()), (&json!("ext-own"), 1));
    let changed = recipe.put("/recipe/user", json!({"recipeUserId": "ext-own", "phoneNumber": PHONE})).await;
    assert_eq!(changed.status_word(), "OK");
}

#[tokio::test]
async fn users_are_found_by_id_address_or_number() {
    let core = TestCore::start().await;
    let (ann, bob) =
        (sign_in(&core, json!({"email": EMAIL})).await, sign_in(&core, json!({"phoneNumber": PHONE})).await);
    let other = core.sign_up("eve@example.com", "password1").await;
    let recipe = of_recipe(&core);
    let get = async |query: &str| recipe.get(&format!("/recipe/user?{query}")).await;
    assert_eq!(get(&format!("userId={}", ann["id"].as_str().unwrap())).await.json()["user"], ann);
    assert_eq!(get("email=ANN@example.com").await.json()["user"], ann);
    assert_eq!(get("phoneNumber=%2B44%2020%207183%208750").await.json()["user"], bob);
    for (query, found) in
        [("phone=%2B4420", &bob), ("phone=%2B4420&email=bob", &Value::Null), ("email=ann", &ann)]
    {
        let reply = core.get(&format!("/users?{query}")).await.json();
        assert_eq!(&reply["users"][0], found, "{query}");
    }
    let listed = core.get("/users?includeRecipeIds=passwordless").await.json();
    assert_eq!(listed["users"].as_array().unwrap().len(), 2);
    let of_other_recipe = format!("userId={}", other["id"].as_str().unwrap());
    assert_eq!(get(&of_other_recipe).await.status_word(), "UNKNOWN_USER_ID_ERROR");
    assert_eq!(get("userId=none").await.status_word(), "UNKNOWN_USER_ID_ERROR");
    assert_eq!(get("email=eve@example.com").await.status_word(), "UNKNOWN_EMAIL_ERROR");
    assert_eq!(get("phoneNumber=%2B1").await.status_word(), "UNKNOWN_PHONE_NUMBER_ERROR");
    for query in ["", "userId=a&email=b", "email=a&phoneNumber=b", "userId=a&email=b&phoneNumber=c"] {
        let reply = get(query).await;
        let text = "Please provide exactly one of userId, email or phoneNumber\n";
        assert_eq!((reply.status, reply.text().as_str()), (400, text), "{query}");
    }
    let forbidden = recipe.get("/t1/recipe/user?userId=a").await;
    assert_eq!(
        (forbidden.status, forbidden.text().as_str()),
        (403, "Only public tenantId can call this app specific API\n")
    );
    assert_eq!(
        recipe.cdi("4.0").get("/t1/recipe/user?userId=a").await.status_word(),
        "UNKNOWN_USER_ID_ERROR"
    );
    assert_eq!(recipe.get("/t1/recipe/user?email=a").await.status, 400);
    assert_eq!(core.get("/recipe/user?email=ann@example.com").await.status_word(), "UNKNOWN_EMAIL_ERROR");
}

#[tokio::test]
async fn address_and_number_are_set_kept_and_cleared() {
    let core = TestCore::start().await;
    let id = sign_in(&core, json!({"email": EMAIL})).await["id"].clone();
    let recipe = of_recipe(&core);
    let put = async |mut body: Value| {
        body["recipeUserId"] = id.clone();
        recipe.put("/recipe/user", body).await
    };
    let shown = async || -> (Value, Value) {
        let path = format!("/user/id?userId={}", id.as_str().unwrap());
        let method = core.get(&path).await.json()["user"]["loginMethods"][0].clone();
        assert_eq!(method["tenantIds"], json!(["public"]));
        (method["email"].clone(), method["phoneNumber"].clone())
    };
    let clears_all = "You cannot clear both email and phone number of a user\n";
    for body in [json!({"email": null}), json!({"email": null, "phoneNumber": null})] {
        let reply = put(body).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, clears_all));
    }
    assert_eq!(put(json!({})).await.json(), json!({"status": "OK"}));
    assert_eq!(put(json!({"phoneNumber": "+44 20 7183 8750"})).await.json(), json!({"status": "OK"}));
    assert_eq!(shown().await, (json!(EMAIL), json!(PHONE)));
    assert_eq!(put(json!({"email": "Ann@example.com", "phoneNumber": PHONE})).await.status_word(), "OK");
    assert_eq!(put(json!({"email": null, "phoneNumber": "+16502530000"})).await.status_word(), "OK");
    assert_eq!(shown().await, (Value::Null, json!("+16502530000")));
    assert_eq!(put(json!({"email": "NEW@example.com", "phoneNumber": null})).await.status_word(), "OK");
    assert_eq!(shown().await, (json!("new@example.com"), Value::Null));
    // The one signs in who has it now.
    assert_eq!(sign_in(&core, json!({"email": "new@example.com"})).await["id"], id);
    assert_ne!(sign_in(&core, json!({"email": EMAIL})).await["id"], id);
    assert_ne!(sign_in(&core, json!({"phoneNumber": PHONE})).await["id"], id);
}

#[tokio::test]
async fn a_change_of_an_address_makes_it_unverified() {
    let core = TestCore::start().await;
    let id = sign_in(&core, json!({"email": EMAIL})).await["id"].clone();
    let recipe = of_recipe(&core);
    for (email, verified) in [("new@example.com", false), (EMAIL, true)] {
        recipe.put("/recipe/user", json!({"recipeUserId": id, "email": email})).await.json();
        let user =
            core.get(&format!("/user/id?userId={}", id.as_str().unwrap())).await.json()["user"].clone();
        assert_eq!(user["loginMethods"][0]["verified"], verified, "{email}");
    }
}

#[tokio::test]
async fn what_another_user_has_cannot_be_taken() {
    let core = TestCore::start().await;
    let id = sign_in(&core, json!({"email": EMAIL})).await["id"].clone();
    let bob = sign_in(&core, json!({"email": "bob@example.com"})).await["id"].clone();
    let recipe = of_recipe(&core);
    recipe.put("/recipe/user", json!({"recipeUserId": bob, "phoneNumber": PHONE})).await.json();
    let put = async |mut body: Value| {
        body["recipeUserId"] = id.clone();
        recipe.put("/recipe/user", body).await.json()
    };
    assert_eq!(
        put(json!({"email": "Bob@example.com"})).await,
        json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"})
    );
    assert_eq!(
        put(json!({"phoneNumber": PHONE})).await,
        json!({"status": "PHONE_NUMBER_ALREADY_EXISTS_ERROR"})
    );
    let half = json!({"email": "new@example.com", "phoneNumber": PHONE});
    assert_eq!(put(half).await["status"], "PHONE_NUMBER_ALREADY_EXISTS_ERROR");
    assert_eq!(
        recipe.get("/recipe/user?email=new@example.com").await.status_word(),
        "UNKNOWN_EMAIL_ERROR",
        "all or nothing"
    );
    let other = core.sign_up("eve@example.com", "password1").await["id"].clone();
    assert_eq!(put(json!({"email": "eve@example.com"})).await["status"], "OK", "of another recipe");
    for unknown in [json!("none"), other] {
        let reply = recipe.put("/recipe/user", json!({"recipeUserId": unknown, "email": "x"})).await;
        assert_eq!(reply.json(), json!({"status": "UNKNOWN_USER_ID_ERROR"}));
    }
    for (body, field) in [(json!({"email": 1}), "email"), (json!({"phoneNumber": []}), "phoneNumber")] {
        let mut body = body;
        body["recipeUserId"] = id.clone();
        let reply = recipe.put("/recipe/user", body).await;
        let text = format!("Field name '{field}' is invalid in JSON input\n");
        assert_eq!((reply.status, reply.text()), (400, text));
    }
    let missing = recipe.put("/recipe/user", json!({"email": "x"})).await;
    assert_eq!(missing.text(), "Field name 'recipeUserId' is invalid in JSON input\n");
    let old = recipe.cdi("3.1");
    assert_eq!(
        old.put("/recipe/user", json!({"recipeUserId": id})).await.text(),
        "Field name 'userId' is invalid in JSON input\n"
    );
    assert_eq!(
        old.put("/recipe/user", json!({"userId": id, "email": "x@example.com"})).await.status_word(),
        "OK"
    );
}

#[tokio::test]
async fn what_is_reserved_for_another_primary_user_cannot_be_taken() {
    let core = TestCore::start().await;
    let id = sign_in(&core, json!({"email": EMAIL})).await["id"].clone();
    make_primary(&core, &id, ("email", EMAIL), "ext-ann").await;
    let bob = core.sign_up("bob@example.com", "password1").await["id"].clone();
    make_primary(&core, &bob, ("email", "bob@example.com"), "ext-bob").await;
    let carol = sign_in(&core, json!({"phoneNumber": PHONE})).await["id"].clone();
    make_primary(&core, &carol, ("phone", PHONE), "ext-carol").await;
    let recipe = of_recipe(&core);
    let put = async |mut body: Value| {
        body["recipeUserId"] = id.clone();
        recipe.put("/recipe/user", body).await.json()
    };
    let reason = "New email is associated with another primary user ID";
    let refusal = json!({"status": "EMAIL_CHANGE_NOT_ALLOWED_ERROR", "reason": reason});
    assert_eq!(put(json!({"email": "bob@example.com"})).await, refusal);
    let dave = sign_in(&core, json!({"email": "dave@example.com"})).await["id"].clone();
    recipe.put("/recipe/user", json!({"recipeUserId": dave, "phoneNumber": "+442071838751"})).await.json();
    assert_eq!(put(json!({"email": "dave@example.com"})).await, refusal, "of the recipe, who is not primary");
    let reason = "New phone number is associated with another primary user ID";
    let refusal = json!({"status": "PHONE_NUMBER_CHANGE_NOT_ALLOWED_ERROR", "reason": reason});
    assert_eq!(put(json!({"phoneNumber": PHONE})).await, refusal);
    assert_eq!(put(json!({"phoneNumber": "+442071838751"})).await, refusal);
    assert_eq!(
        put(json!({"email": "free@example.com", "phoneNumber": "+16502530000"})).await["status"],
        "OK"
    );
    let mut tx = core.app.db.read().await.unwrap();
    let sql = "select account_info_value from primary_user_tenants where primary_user_id = $1 order by 1";
    let rows: Vec<(String,)> = tx.fetch_all(sql, portcullis_db::args![id.as_str().unwrap()]).await.unwrap();
    assert_eq!(rows, [("+16502530000".to_owned(),), ("free@example.com".to_owned(),)]);
}

#[tokio::test]
async fn a_change_ends_the_devices_of_the_old_address_and_of_the_new_one() {
    let core = TestCore::start().await;
    let id = sign_in(&core, json!({"email": EMAIL})).await["id"].clone();
    let recipe = of_recipe(&core);
    let counts = async || -> Vec<usize> {
        let mut counts = Vec::new();
        for query in ["email=ann@example.com", "email=new@example.com", "phoneNumber=%2B442071838750"] {
            counts.push(devices(&core, query).await.len());
        }
        counts
    };
    for contact in
        [json!({"email": EMAIL}), json!({"email": "new@example.com"}), json!({"phoneNumber": PHONE})]
    {
        begin(&core, contact).await;
    }
    recipe.put("/recipe/user", json!({"recipeUserId": id, "email": EMAIL})).await.json();
    assert_eq!(counts().await, [1, 1, 1], "nothing changed");
    recipe.put("/recipe/user", json!({"recipeUserId": id, "email": "new@example.com"})).await.json();
    assert_eq!(counts().await, [0, 0, 1]);
    recipe.put("/recipe/user", json!({"recipeUserId": id, "phoneNumber": PHONE})).await.json();
    assert_eq!(counts().await, [0, 0, 0]);
}

#[tokio::test]
async fn who_signs_in_with_the_one_ends_the_devices_of_the_other() {
    let core = TestCore::start().await;
    let id = sign_in(&core, json!({"email": EMAIL})).await["id"].clone();
    of_recipe(&core).put("/recipe/user", json!({"recipeUserId": id, "phoneNumber": PHONE})).await.json();
    begin(&core, json!({"phoneNumber": PHONE})).await;
    let user = sign_in(&core, json!({"email": EMAIL})).await;
    assert_eq!((&user["id"], &user["phoneNumbers"]), (&id, &json!([PHONE])));
    assert!(devices(&core, "phoneNumber=%2B442071838750").await.is_empty());
    begin(&core, json!({"email": EMAIL})).await;
    assert_eq!(sign_in(&core, json!({"phoneNumber": PHONE})).await["id"], id);
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
}

#[tokio::test]
async fn a_user_who_is_removed_takes_devices_along() {
    let core = TestCore::start().await;
    let id = sign_in(&core, json!({"email": EMAIL})).await["id"].clone();
    of_recipe(&core).put("/recipe/user", json!({"recipeUserId": id, "phoneNumber": PHONE})).await.json();
    for contact in
        [json!({"email": EMAIL}), json!({"phoneNumber": PHONE}), json!({"email": "bob@example.com"})]
    {
        begin(&core, contact).await;
    }
    assert_eq!(core.post("/user/remove", json!({"userId": id})).await.status_word(), "OK");
    assert!(devices(&core, "email=ann@example.com").await.is_empty());
    assert!(devices(&core, "phoneNumber=%2B442071838750").await.is_empty());
    assert_eq!(devices(&core, "email=bob@example.com").await.len(), 1);
    let again = consume(&core, entry(&begin(&core, json!({"email": EMAIL})).await)).await.json();
    assert_eq!(again["createdNewUser"], true);
    assert_ne!(again["user"]["id"], id);
}

#[tokio::test]
async fn each_tenant_has_its_own_users_and_codes() {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant", json!({"tenantId": "t1", "passwordlessEnabled": true}))
        .await
        .json();
    let ann = sign_in(&core, json!({"email": EMAIL})).await;
    let code = core.post("/t1/recipe/signinup/code", json!({"email": EMAIL})).await.json();
    assert_eq!(consume(&core, link(&code)).await.status_word(), "RESTART_FLOW_ERROR");
    assert_eq!(consume(&core, entry(&code)).await.status_word(), "RESTART_FLOW_ERROR");
    let other = core.post("/t1/recipe/signinup/code/consume", entry(&code)).await.json();
    assert_eq!((&other["createdNewUser"], &other["user"]["tenantIds"]), (&json!(true), &json!(["t1"])));
    assert_ne!(other["user"]["id"], ann["id"]);
    let recipe = of_recipe(&core);
    assert_eq!(recipe.get("/recipe/user?email=ann@example.com").await.json()["user"]["id"], ann["id"]);
    let of_t1 = recipe.get("/t1/recipe/user?email=ann@example.com").await.json();
    assert_eq!(of_t1["user"]["id"], other["user"]["id"]);
    core.post("/t1/recipe/signinup/code", json!({"phoneNumber": PHONE})).await.json();
    let change = json!({"recipeUserId": other["user"]["id"], "phoneNumber": PHONE});
    assert_eq!(recipe.put("/recipe/user", change.clone()).await.status_word(), "OK");
    let left = core.get("/t1/recipe/signinup/codes?phoneNumber=%2B442071838750").await.json();
    assert_eq!(left["devices"], json!([]), "where the user is a member");
    assert_eq!(recipe.put("/t1/recipe/user", change).await.status, 403);
    assert_eq!(core.cdi("2.21").post("/t1/recipe/signinup/code", json!({"email": EMAIL})).await.status, 404);
    assert_eq!(core.post("/nowhere/recipe/signinup/code", json!({"email": EMAIL})).await.status, 400);
}
