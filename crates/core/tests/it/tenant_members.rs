//! Users in several tenants: how they join and leave, and what may keep them from it.

use crate::accountlinking::{
    EMAIL, id_of, join, leave, link, make_primary, make_tenant, map_id, reserved, session, sessions, unlink,
    user, with_password, with_phone, with_provider,
};
use portcullis_testkit::TestCore;
use serde_json::json;

#[tokio::test]
async fn a_user_joins_and_leaves_tenants() {
    let core = TestCore::start().await;
    make_tenant(&core, "t1").await;
    let ann = with_password(&core, EMAIL).await;
    map_id(&core, &ann, "ext-ann").await;
    let is = |key: &str, value: bool| json!({"status": "OK", key: value});
    assert_eq!(join(&core, "t1", "ext-ann").await, is("wasAlreadyAssociated", false));
    assert_eq!(join(&core, "t1", &ann).await, is("wasAlreadyAssociated", true));
    assert_eq!(user(&core, &ann).await["tenantIds"], json!(["public", "t1"]));
    let signed_in = core.post("/t1/recipe/signin", json!({"email": EMAIL, "password": "password1"})).await;
    assert_eq!(signed_in.status_word(), "OK");
    let body = json!({"userId": "ext-ann", "userDataInJWT": {}, "userDataInDatabase": {},
        "enableAntiCsrf": false, "useDynamicSigningKey": true});
    core.post("/t1/recipe/session", body).await;
    session(&core, "ext-ann").await;
    core.put("/recipe/role", json!({"role": "admin"})).await;
    core.put("/t1/recipe/user/role", json!({"userId": "ext-ann", "role": "admin"})).await;
    assert_eq!(leave(&core, "t1", &ann).await, is("wasAssociated", true));
    assert_eq!(sessions(&core, "ext-ann").await, 1, "only the session of the other tenant is left");
    assert_eq!(core.get("/t1/recipe/user/roles?userId=ext-ann").await.json()["roles"], json!([]));
    assert_eq!(leave(&core, "t1", "ext-ann").await, is("wasAssociated", false));
    assert_eq!(leave(&core, "public", &ann).await, is("wasAssociated", true));
    assert_eq!(user(&core, &ann).await["tenantIds"], json!([]), "the user is still there");
    assert_eq!(core.get("/users").await.json()["users"], json!([]));
    assert_eq!(
        core.post("/recipe/signin", json!({"email": EMAIL, "password": "password1"})).await.status_word(),
        "WRONG_CREDENTIALS_ERROR"
    );
    assert_eq!(join(&core, "public", &ann).await, is("wasAlreadyAssociated", false));
    assert_eq!(core.get("/users").await.json()["users"][0]["id"], "ext-ann");
    for reply in [join(&core, "t1", "x").await, leave(&core, "t1", "x").await] {
        assert_eq!(reply, json!({"status": "UNKNOWN_USER_ID_ERROR"}));
    }
    let empty = core.post("/t1/recipe/multitenancy/tenant/user", json!({"recipeUserId": " "})).await;
    assert_eq!(
        (empty.status, empty.text().as_str()),
        (400, "Field name 'userId' cannot be an empty String\n")
    );
    let old = core.cdi("3.1").post("/t1/recipe/multitenancy/tenant/user", json!({"userId": ann})).await;
    assert_eq!(old.json(), is("wasAlreadyAssociated", false));
    let old =
        core.cdi("3.1").post("/t1/recipe/multitenancy/tenant/user/remove", json!({"userId": ann})).await;
    assert_eq!(old.json(), is("wasAssociated", true));
    let named = core.post("/t1/recipe/multitenancy/tenant/user", json!({"userId": ann})).await;
    assert_eq!(named.text(), "Field name 'recipeUserId' is invalid in JSON input\n");
}

#[tokio::test]
async fn what_is_kept_under_an_id_that_nobody_has_goes_with_its_tenant() {
    let core = TestCore::start().await;
    make_tenant(&core, "t1").await;
    core.put("/recipe/role", json!({"role": "admin"})).await;
    core.put("/t1/recipe/user/role", json!({"userId": "nobody", "role": "admin"})).await;
    assert_eq!(leave(&core, "t1", "nobody").await, json!({"status": "OK", "wasAssociated": true}));
    assert_eq!(leave(&core, "t1", "nobody").await, json!({"status": "UNKNOWN_USER_ID_ERROR"}));
}

#[tokio::test]
async fn who_has_it_in_a_tenant_keeps_it() {
    let core = TestCore::start().await;
    make_tenant(&core, "t1").await;
    let t1 = |path: &str| format!("/t1{path}");
    let ann = with_password(&core, EMAIL).await;
    core.post(&t1("/recipe/signup"), json!({"email": EMAIL, "password": "password1"})).await;
    assert_eq!(join(&core, "t1", &ann).await, json!({"status": "EMAIL_ALREADY_EXISTS_ERROR"}));
    let phone = with_phone(&core, "+442071838750").await;
    let code = core.post(&t1("/recipe/signinup/code"), json!({"phoneNumber": "+442071838750"})).await.json();
    let body = json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]});
    core.post(&t1("/recipe/signinup/code/consume"), body).await;
    assert_eq!(join(&core, "t1", &phone).await, json!({"status": "PHONE_NUMBER_ALREADY_EXISTS_ERROR"}));
    let google = with_provider(&core, "", "1", "g@example.com").await;
    with_provider(&core, "/t1", "1", "else@example.com").await;
    assert_eq!(join(&core, "t1", &google).await, json!({"status": "THIRD_PARTY_USER_ALREADY_EXISTS_ERROR"}));
    for id in [&ann, &phone, &google] {
        assert_eq!(user(&core, id).await["tenantIds"], json!(["public"]), "nothing is left half done");
    }
    // Of another recipe, an address is only taken by a primary user, and only for one.
    let by_code = {
        let code = core.post("/recipe/signinup/code", json!({"email": EMAIL})).await.json();
        let body = json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]});
        id_of(&core.post("/recipe/signinup/code/consume", body).await.json()["user"])
    };
    let there = core.get("/t1/users").await.json()["users"].as_array().unwrap().clone();
    let owner = id_of(there.iter().find(|user| user["emails"] == json!([EMAIL])).unwrap());
    make_primary(&core, &owner).await;
    assert_eq!(join(&core, "t1", &by_code).await["status"], "OK");
    assert_eq!(leave(&core, "t1", &by_code).await["status"], "OK");
    make_primary(&core, &by_code).await;
    let reason = format!("Another primary user with email already exists: {owner}");
    assert_eq!(
        join(&core, "t1", &by_code).await,
        json!({"status": "ASSOCIATION_NOT_ALLOWED_ERROR", "reason": reason})
    );
    // Neither may anybody who is linked to one of them.
    make_primary(&core, &google).await;
    let linked = with_password(&core, "l@example.com").await;
    link(&core, &linked, &by_code).await;
    assert_eq!(join(&core, "t1", &linked).await["reason"], json!(reason));
    unlink(&core, &linked).await;
    assert_eq!(join(&core, "t1", &linked).await["status"], "OK");
}

#[tokio::test]
async fn a_sibling_holds_what_the_group_has_in_its_tenant() {
    let core = TestCore::start().await;
    make_tenant(&core, "t1").await;
    let (ann, phone) = (with_password(&core, EMAIL).await, with_phone(&core, "+442071838750").await);
    make_primary(&core, &ann).await;
    link(&core, &phone, &ann).await;
    for id in [&ann, &phone] {
        join(&core, "t1", id).await;
    }
    let in_t1 = async || reserved(&core).await.iter().filter(|(tenant, ..)| tenant == "t1").count();
    assert_eq!(in_t1().await, 2);
    leave(&core, "t1", &ann).await;
    assert_eq!(in_t1().await, 2, "the other one is still there");
    leave(&core, "t1", &phone).await;
    assert_eq!(in_t1().await, 0);
    let other = with_provider(&core, "/t1", "1", EMAIL).await;
    assert_eq!(make_primary(&core, &other).await["status"], "OK", "another group may have it there");
    assert_eq!(join(&core, "t1", &ann).await["status"], "ASSOCIATION_NOT_ALLOWED_ERROR");
}
