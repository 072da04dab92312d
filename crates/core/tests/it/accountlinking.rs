//! Account linking: every endpoint with all its answers, and what linking does to sessions, lists and deletion.

use super::locks::until_waited_for;
use portcullis_db::{Engine, Tx, args};
use portcullis_testkit::{Reply, TestCore};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) const EMAIL: &str = "ann@example.com";
const PRIMARY: &str = "/recipe/accountlinking/user/primary";
const LINK: &str = "/recipe/accountlinking/user/link";
const UNLINK: &str = "/recipe/accountlinking/user/unlink";

/// The id of a new emailpassword user.
pub(crate) async fn with_password(core: &TestCore, email: &str) -> String {
    id_of(&core.sign_up(email, "password1").await)
}

/// The id of a provider's new user, in a tenant (`""` or `/t1`).
pub(crate) async fn with_provider(core: &TestCore, tenant: &str, user: &str, email: &str) -> String {
    let body = json!({
        "thirdPartyId": "google", "thirdPartyUserId": user, "email": {"id": email, "isVerified": false},
    });
    id_of(&core.post(&format!("{tenant}/recipe/signinup"), body).await.json()["user"])
}

/// The id of a new user who signed in by a code.
pub(crate) async fn with_phone(core: &TestCore, phone: &str) -> String {
    let code = core.post("/recipe/signinup/code", json!({"phoneNumber": phone})).await.json();
    let body = json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]});
    id_of(&core.post("/recipe/signinup/code/consume", body).await.json()["user"])
}

pub(crate) fn id_of(user: &Value) -> String {
    user["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn make_primary(core: &TestCore, id: &str) -> Value {
    core.post(PRIMARY, json!({"recipeUserId": id})).await.json()
}

pub(crate) async fn link(core: &TestCore, id: &str, primary: &str) -> Value {
    core.post(LINK, json!({"recipeUserId": id, "primaryUserId": primary})).await.json()
}

pub(crate) async fn unlink(core: &TestCore, id: &str) -> Value {
    core.post(UNLINK, json!({"recipeUserId": id})).await.json()
}

async fn can_be_primary(core: &TestCore, id: &str) -> Value {
    core.get(&format!("/recipe/accountlinking/user/primary/check?recipeUserId={id}")).await.json()
}

async fn can_link(core: &TestCore, id: &str, primary: &str) -> Value {
    let path = format!("/recipe/accountlinking/user/link/check?recipeUserId={id}&primaryUserId={primary}");
    core.get(&path).await.json()
}

pub(crate) async fn user(core: &TestCore, id: &str) -> Value {
    core.get(&format!("/user/id?userId={id}")).await.json()["user"].clone()
}

/// A session of a login method.
pub(crate) async fn session(core: &TestCore, id: &str) -> Value {
    let body = json!({
        "userId": id, "userDataInJWT": {}, "userDataInDatabase": {}, "enableAntiCsrf": false,
        "useDynamicSigningKey": true,
    });
    core.post("/recipe/session", body).await.json()["session"].clone()
}

pub(crate) async fn sessions(core: &TestCore, id: &str) -> usize {
    let path = format!("/recipe/session/user?userId={id}&fetchSessionsForAllLinkedAccounts=false");
    core.get(&path).await.json()["sessionHandles"].as_array().unwrap().len()
}

pub(crate) async fn map_id(core: &TestCore, id: &str, external: &str) {
    let mut tx = core.app.db.write().await.unwrap();
    let sql = "insert into userid_mapping (app_id, supertokens_user_id, external_user_id)
        values ('public', $1, $2)";
    tx.execute(sql, args![id, external]).await.unwrap();
    tx.commit().await.unwrap();
}

/// What is reserved for primary users: tenant, kind, value, whose.
pub(crate) async fn reserved(core: &TestCore) -> Vec<(String, String, String, String)> {
    let sql = "select tenant_id, account_info_type, account_info_value, primary_user_id
        from primary_user_tenants order by 1, 2, 3";
    core.app.db.read().await.unwrap().fetch_all(sql, &[]).await.unwrap()
}

pub(crate) async fn make_tenant(core: &TestCore, id: &str) {
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": id})).await;
}

pub(crate) async fn join(core: &TestCore, tenant: &str, id: &str) -> Value {
    core.post(&format!("/{tenant}/recipe/multitenancy/tenant/user"), json!({"recipeUserId": id})).await.json()
}

pub(crate) async fn leave(core: &TestCore, tenant: &str, id: &str) -> Value {
    let path = format!("/{tenant}/recipe/multitenancy/tenant/user/remove");
    core.post(&path, json!({"recipeUserId": id})).await.json()
}

fn info_taken(primary: &str, what: &str) -> Value {
    json!({
        "status": "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR",
        "primaryUserId": primary,
        "description": format!("This user's {what} is already associated with another user ID"),
    })
}

#[tokio::test]
async fn a_login_method_becomes_primary_once() {
    let core = TestCore::start().await;
    let ann = with_password(&core, EMAIL).await;
    let before = user(&core, &ann).await;
    assert_eq!(can_be_primary(&core, &ann).await, json!({"status": "OK", "wasAlreadyAPrimaryUser": false}));
    assert_eq!(user(&core, &ann).await, before, "asking changes nothing");
    assert_eq!(reserved(&core).await, []);
    let made = make_primary(&core, &ann).await;
    let mut after = before.clone();
    after["isPrimaryUser"] = json!(true);
    assert_eq!(made, json!({"status": "OK", "wasAlreadyAPrimaryUser": false, "user": after}));
    assert_eq!(user(&core, &ann).await, after);
    assert_eq!(reserved(&core).await, [("public".into(), "email".into(), EMAIL.into(), ann.clone())]);
    let again = make_primary(&core, &ann).await;
    assert_eq!(again, json!({"status": "OK", "wasAlreadyAPrimaryUser": true, "user": after}));
    assert_eq!(can_be_primary(&core, &ann).await["wasAlreadyAPrimaryUser"], true);
    let old = core.cdi("4.0").post(PRIMARY, json!({"recipeUserId": ann})).await.json();
    assert_eq!(old["user"].as_object().unwrap().len(), 8, "without passkeys before 5.3");
}

#[tokio::test]
async fn what_another_primary_user_has_in_a_tenant_is_taken_there() {
    let core = TestCore::start().await;
    make_tenant(&core, "t1").await;
    let ann = with_password(&core, EMAIL).await;
    let by_google = with_provider(&core, "", "1", EMAIL).await;
    let elsewhere = with_provider(&core, "/t1", "2", EMAIL).await;
    assert_eq!(make_primary(&core, &ann).await["status"], "OK");
    assert_eq!(can_be_primary(&core, &by_google).await, info_taken(&ann, "email"));
    assert_eq!(make_primary(&core, &by_google).await, info_taken(&ann, "email"));
    assert_eq!(user(&core, &by_google).await["isPrimaryUser"], false);
    assert_eq!(make_primary(&core, &elsewhere).await["status"], "OK", "they have no tenant in common");
    map_id(&core, &ann, "ext-ann").await;
    assert_eq!(make_primary(&core, &by_google).await, info_taken("ext-ann", "email"));
}

#[tokio::test]
async fn an_address_is_named_before_a_number_and_a_number_before_a_providers_user() {
    let core = TestCore::start().await;
    make_tenant(&core, "t1").await;
    let primary = with_password(&core, "p@example.com").await;
    make_primary(&core, &primary).await;
    let phone = with_phone(&core, "+442071838750").await;
    make_primary(&core, &phone).await;
    // The same provider's user in two tenants, of which one holds it for its primary user.
    let google = with_provider(&core, "", "1", "g@example.com").await;
    let other = with_provider(&core, "/t1", "1", "o@example.com").await;
    make_primary(&core, &google).await;
    assert_eq!(join(&core, "t1", &primary).await["status"], "OK");
    assert_eq!(join(&core, "t1", &google).await, json!({"status": "THIRD_PARTY_USER_ALREADY_EXISTS_ERROR"}));
    let mut tx = core.app.db.write().await.unwrap();
    let sql = "insert into recipe_user_tenants select app_id, recipe_user_id, 'public', recipe_id,
        account_info_type, account_info_value, third_party_id, 'x' from recipe_user_tenants
        where recipe_user_id = $1 and tenant_id = 't1'";
    tx.execute(sql, args![&other]).await.unwrap();
    tx.commit().await.unwrap();
    let description = |reply: &Value| reply["description"].as_str().unwrap().to_owned();
    let taken = link(&core, &other, &primary).await;
    assert_eq!(taken, info_taken(&google, "third party login"));
    // Now a number, then an address, is another one's too.
    for (kind, value, owner, what) in
        [("phone", "+442071838750", &phone, "phone number"), ("email", "g@example.com", &google, "email")]
    {
        let mut tx = core.app.db.write().await.unwrap();
        let sql =
            "insert into recipe_user_account_infos (app_id, recipe_user_id, recipe_id, account_info_type,
            account_info_value, third_party_id, third_party_user_id)
            values ('public', $1, 'thirdparty', $2, $3, 'google', 'x')";
        tx.execute(sql, args![&other, kind, value]).await.unwrap();
        tx.commit().await.unwrap();
        let taken = can_link(&core, &other, &primary).await;
        assert_eq!(
            (description(&taken), &taken["primaryUserId"]),
            (description(&info_taken(owner, what)), &json!(owner))
        );
    }
}

#[tokio::test]
async fn a_linked_login_method_is_the_primary_user() {
    let core = TestCore::start().await;
    let old = with_phone(&core, "+442071838750").await;
    let first_joined = core.clock.now();
    core.advance(1000);
    let ann = with_password(&core, EMAIL).await;
    let refused = json!({"status": "INPUT_USER_IS_NOT_A_PRIMARY_USER"});
    assert_eq!(link(&core, &old, &ann).await, refused);
    assert_eq!(can_link(&core, &old, &ann).await, refused);
    make_primary(&core, &ann).await;
    assert_eq!(can_link(&core, &old, &ann).await, json!({"status": "OK", "accountsAlreadyLinked": false}));
    let linked = link(&core, &old, &ann).await;
    assert_eq!((&linked["status"], &linked["accountsAlreadyLinked"]), (&json!("OK"), &json!(false)));
    let both = &linked["user"];
    assert_eq!((&both["id"], &both["isPrimaryUser"]), (&json!(ann), &json!(true)));
    assert_eq!(both["timeJoined"], json!(first_joined), "the oldest login method's");
    let ids: Vec<&Value> =
        both["loginMethods"].as_array().unwrap().iter().map(|method| &method["recipeUserId"]).collect();
    assert_eq!(ids, [&json!(old), &json!(ann)]);
    assert_eq!((&both["emails"], &both["phoneNumbers"]), (&json!([EMAIL]), &json!(["+442071838750"])));
    for id in [&old, &ann] {
        assert_eq!(&user(&core, id).await, both);
    }
    let by_member = link(&core, &ann, &old).await;
    assert_eq!(by_member, json!({"status": "OK", "accountsAlreadyLinked": true, "user": both}));
    assert_eq!(can_link(&core, &old, &ann).await["accountsAlreadyLinked"], true);
    // Another one is linked by the id of a member that is not the primary one.
    let third = with_provider(&core, "", "1", "else@example.com").await;
    assert_eq!(link(&core, &third, &old).await["user"]["id"], json!(ann));
    let sees_linked = can_be_primary(&core, &old).await;
    assert_eq!(
        sees_linked,
        json!({
            "status": "RECIPE_USER_ID_ALREADY_LINKED_WITH_PRIMARY_USER_ID_ERROR", "primaryUserId": ann,
            "description": "This user ID is already linked to another user ID",
        })
    );
    assert_eq!(make_primary(&core, &old).await, sees_linked);
    assert_eq!(reserved(&core).await.len(), 4, "two addresses, a number and a provider's user");
}

#[tokio::test]
async fn whose_a_login_method_is_already_is_told_with_that_user() {
    let core = TestCore::start().await;
    let ann = with_password(&core, EMAIL).await;
    let eve = with_password(&core, "eve@example.com").await;
    let phone = with_phone(&core, "+442071838750").await;
    make_primary(&core, &ann).await;
    make_primary(&core, &eve).await;
    link(&core, &phone, &ann).await;
    map_id(&core, &ann, "ext-ann").await;
    let refusal = |user: &Value| {
        json!({
            "status": "RECIPE_USER_ID_ALREADY_LINKED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR",
            "primaryUserId": "ext-ann", "user": user,
            "description": "The input recipe user ID is already linked to another user ID",
        })
    };
    let whole = user(&core, "ext-ann").await;
    assert_eq!(link(&core, &phone, &eve).await, refusal(&whole));
    assert_eq!(link(&core, &ann, &eve).await, refusal(&whole), "a primary user itself cannot be linked");
    let mut asked = refusal(&whole);
    asked.as_object_mut().unwrap().remove("user");
    assert_eq!(can_link(&core, "ext-ann", &eve).await, asked);
    // An unlinked primary user is named before anything that is taken.
    let other = with_provider(&core, "", "1", EMAIL).await;
    let alone = with_provider(&core, "", "2", "x@example.com").await;
    assert_eq!(link(&core, &other, &alone).await["status"], "INPUT_USER_IS_NOT_A_PRIMARY_USER");
    assert_eq!(link(&core, &other, &eve).await, info_taken("ext-ann", "email"));
}

#[tokio::test]
async fn unknown_users_are_bad_input() {
    let core = TestCore::start().await;
    let ann = with_password(&core, EMAIL).await;
    let unknown = "Unknown user ID provided\n";
    for reply in [
        core.post(PRIMARY, json!({"recipeUserId": "x"})).await,
        core.post(LINK, json!({"recipeUserId": "x", "primaryUserId": ann})).await,
        core.post(LINK, json!({"recipeUserId": ann, "primaryUserId": "x"})).await,
        core.post(UNLINK, json!({"recipeUserId": "x"})).await,
        core.get("/recipe/accountlinking/user/primary/check?recipeUserId=x").await,
        core.get(&format!("/recipe/accountlinking/user/link/check?recipeUserId={ann}&primaryUserId=x")).await,
    ] {
        assert_eq!((reply.status, reply.text().as_str()), (400, unknown));
    }
    let missing = core.post(LINK, json!({"recipeUserId": ann})).await;
    assert_eq!(missing.text(), "Field name 'primaryUserId' is invalid in JSON input\n");
    make_tenant(&core, "t1").await;
    let of_tenant = core.post("/t1/recipe/accountlinking/user/primary", json!({"recipeUserId": ann})).await;
    assert_eq!(of_tenant.status, 403);
}

#[tokio::test]
async fn ids_that_callers_know_go_in_and_come_out() {
    let core = TestCore::start().await;
    let ann = with_password(&core, EMAIL).await;
    core.advance(1);
    let phone = with_phone(&core, "+442071838750").await;
    map_id(&core, &ann, "ext-ann").await;
    map_id(&core, &phone, "ext-phone").await;
    assert_eq!(make_primary(&core, "ext-ann").await["user"]["id"], "ext-ann");
    // One id of each kind.
    let linked = link(&core, &phone, "ext-ann").await;
    assert_eq!(linked["user"]["id"], "ext-ann");
    let ids: Vec<_> = linked["user"]["loginMethods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["recipeUserId"].clone())
        .collect();
    assert_eq!(ids, ["ext-ann", "ext-phone"]);
    assert_eq!(can_be_primary(&core, &phone).await["primaryUserId"], "ext-ann");
    assert_eq!(unlink(&core, "ext-phone").await["wasLinked"], true);
    assert_eq!(user(&core, &phone).await["id"], "ext-phone");
}

#[tokio::test]
async fn linking_and_unlinking_sign_only_the_login_method_out() {
    let core = TestCore::start().await;
    let (ann, phone) = (with_password(&core, EMAIL).await, with_phone(&core, "+442071838750").await);
    map_id(&core, &phone, "ext-phone").await;
    make_primary(&core, &ann).await;
    session(&core, &ann).await;
    session(&core, "ext-phone").await;
    assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 2);
    link(&core, &phone, &ann).await;
    assert_eq!((sessions(&core, &ann).await, sessions(&core, "ext-phone").await), (1, 0));
    assert_eq!(core.get("/users/count/active?since=0").await.json()["count"], 1, "they are one user");
    let of_member = session(&core, "ext-phone").await;
    assert_eq!(of_member["userId"], json!(ann));
    assert_eq!(of_member["recipeUserId"], "ext-phone");
    link(&core, &phone, &ann).await;
    assert_eq!(sessions(&core, "ext-phone").await, 1, "nothing changed the second time");
    unlink(&core, &phone).await;
    assert_eq!((sessions(&core, &ann).await, sessions(&core, "ext-phone").await), (1, 0));
    session(&core, "ext-phone").await;
    unlink(&core, &phone).await;
    assert_eq!(sessions(&core, "ext-phone").await, 1, "who is not linked stays signed in");
    unlink(&core, &ann).await;
    assert_eq!(sessions(&core, &ann).await, 0);
}

#[tokio::test]
async fn an_unlinked_login_method_is_a_user_by_itself_and_its_identities_are_free() {
    let core = TestCore::start().await;
    let old = with_provider(&core, "", "1", "g@example.com").await;
    core.advance(1000);
    let ann = with_password(&core, EMAIL).await;
    let joined = core.clock.now();
    make_primary(&core, &ann).await;
    link(&core, &old, &ann).await;
    let nothing = json!({"status": "OK", "wasRecipeUserDeleted": false, "wasLinked": false});
    let done = json!({"status": "OK", "wasRecipeUserDeleted": false, "wasLinked": true});
    assert_eq!(unlink(&core, &old).await, done);
    assert_eq!(unlink(&core, &old).await, nothing);
    let (alone, rest) = (user(&core, &old).await, user(&core, &ann).await);
    assert_eq!((&alone["id"], &alone["isPrimaryUser"]), (&json!(old), &json!(false)));
    assert_eq!(alone["timeJoined"], json!(joined - 1000));
    assert_eq!((&rest["timeJoined"], &rest["isPrimaryUser"]), (&json!(joined), &json!(true)));
    assert_eq!(rest["loginMethods"].as_array().unwrap().len(), 1);
    assert_eq!(reserved(&core).await, [("public".into(), "email".into(), EMAIL.into(), ann.clone())]);
    let other = with_password(&core, "g@example.com").await;
    assert_eq!(make_primary(&core, &other).await["status"], "OK");
    // A primary user that is alone is none any more.
    assert_eq!(unlink(&core, &ann).await, done);
    assert_eq!(unlink(&core, &ann).await, nothing);
    assert_eq!(user(&core, &ann).await["isPrimaryUser"], false);
    assert_eq!(reserved(&core).await.len(), 1);
}

#[tokio::test]
async fn a_group_outlives_the_login_method_that_it_is_named_after() {
    let core = TestCore::start().await;
    let ann = with_password(&core, EMAIL).await;
    core.advance(1000);
    let phone = with_phone(&core, "+442071838750").await;
    make_primary(&core, &ann).await;
    link(&core, &phone, &ann).await;
    map_id(&core, &ann, "ext-ann").await;
    core.put("/recipe/user/metadata", json!({"userId": "ext-ann", "metadataUpdate": {"a": 1}})).await;
    session(&core, "ext-ann").await;
    session(&core, &phone).await;
    assert_eq!(
        unlink(&core, &ann).await,
        json!({"status": "OK", "wasRecipeUserDeleted": true, "wasLinked": true})
    );
    assert_eq!((sessions(&core, "ext-ann").await, sessions(&core, &phone).await), (0, 1));
    let left = user(&core, "ext-ann").await;
    assert_eq!((&left["id"], &left["emails"]), (&json!("ext-ann"), &json!([])));
    assert_eq!((&left["isPrimaryUser"], &left["timeJoined"]), (&json!(true), &json!(core.clock.now())));
    assert_eq!(user(&core, &phone).await, left);
    let metadata = || core.get("/recipe/user/metadata?userId=ext-ann");
    assert_eq!(metadata().await.json()["metadata"], json!({"a": 1}));
    let mut tx = core.app.db.read().await.unwrap();
    let rows: Vec<(String,)> = tx.fetch_all("select user_id from emailpassword_users", &[]).await.unwrap();
    assert_eq!(rows, [], "its password is gone");
    drop(tx);
    let again = with_password(&core, EMAIL).await;
    assert_eq!(make_primary(&core, &again).await["status"], "OK", "and its address is free");
    let gone = core.post("/recipe/signin", json!({"email": EMAIL, "password": "password2"})).await;
    assert_eq!(gone.status_word(), "WRONG_CREDENTIALS_ERROR");
    assert_eq!(join(&core, "public", &ann).await["status"], "UNKNOWN_USER_ID_ERROR");
    assert_eq!(unlink(&core, &ann).await["wasLinked"], false, "it is only a name");
    let third = with_provider(&core, "", "1", "g@example.com").await;
    assert_eq!(link(&core, &third, "ext-ann").await["user"]["id"], "ext-ann");
    core.post("/user/remove", json!({"userId": third, "removeAllLinkedAccounts": false})).await;
    assert_eq!(metadata().await.json()["metadata"], json!({"a": 1}));
    // The last one takes the name along, and all that is kept under it.
    core.post("/user/remove", json!({"userId": phone, "removeAllLinkedAccounts": false})).await;
    assert_eq!(core.get("/user/id?userId=ext-ann").await.status_word(), "UNKNOWN_USER_ID_ERROR");
    assert_eq!(metadata().await.json()["metadata"], json!({}));
    assert_eq!(reserved(&core).await.len(), 1, "only what the new user has");
}

#[tokio::test]
async fn the_last_login_method_that_is_unlinked_leaves_no_name_behind() {
    let core = TestCore::start().await;
    let (ann, phone) = (with_password(&core, EMAIL).await, with_phone(&core, "+442071838750").await);
    make_primary(&core, &ann).await;
    link(&core, &phone, &ann).await;
    core.put("/recipe/user/metadata", json!({"userId": ann, "metadataUpdate": {"a": 1}})).await;
    assert_eq!(unlink(&core, &ann).await["wasRecipeUserDeleted"], true);
    assert_eq!(user(&core, &phone).await["id"], json!(ann));
    let done = json!({"status": "OK", "wasRecipeUserDeleted": false, "wasLinked": true});
    assert_eq!(unlink(&core, &phone).await, done);
    assert_eq!(user(&core, &phone).await["id"], json!(phone));
    assert_eq!(core.get(&format!("/user/id?userId={ann}")).await.status_word(), "UNKNOWN_USER_ID_ERROR");
    let metadata = core.get(&format!("/recipe/user/metadata?userId={ann}")).await.json();
    assert_eq!((&metadata["metadata"], reserved(&core).await), (&json!({}), vec![]));
}

#[tokio::test]
async fn a_user_is_deleted_with_all_login_methods_or_with_one() {
    let core = TestCore::start().await;
    let ann = with_password(&core, EMAIL).await;
    let (phone, google) =
        (with_phone(&core, "+442071838750").await, with_provider(&core, "", "1", "g@example.com").await);
    make_primary(&core, &ann).await;
    for id in [&phone, &google] {
        link(&core, id, &ann).await;
        session(&core, id).await;
    }
    session(&core, &ann).await;
    core.post("/user/remove", json!({"userId": google, "removeAllLinkedAccounts": false})).await;
    assert_eq!(user(&core, &ann).await["loginMethods"].as_array().unwrap().len(), 2);
    assert_eq!((sessions(&core, &google).await, sessions(&core, &phone).await), (0, 1));
    assert_eq!(reserved(&core).await.len(), 2);
    core.post("/user/remove", json!({"userId": ann, "removeAllLinkedAccounts": false})).await;
    assert_eq!(sessions(&core, &ann).await, 1, "the group's sessions go on");
    core.post("/user/remove", json!({"userId": phone})).await;
    for id in [&ann, &phone] {
        assert_eq!(core.get(&format!("/user/id?userId={id}")).await.status_word(), "UNKNOWN_USER_ID_ERROR");
        assert_eq!(sessions(&core, id).await, 0);
    }
    assert_eq!(reserved(&core).await, []);
}

#[tokio::test]
async fn a_list_shows_a_group_once_where_its_oldest_login_method_stands() {
    let core = TestCore::start().await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(with_password(&core, &format!("{name}@example.com")).await);
        core.advance(1000);
    }
    make_primary(&core, &ids[3]).await;
    link(&core, &ids[0], &ids[3]).await;
    let list = async |order: &str| {
        let (mut seen, mut token) = (Vec::new(), String::new());
        loop {
            let page = core.get(&format!("/users?limit=1&timeJoinedOrder={order}{token}")).await.json();
            seen.extend(page["users"].as_array().unwrap().iter().map(id_of));
            let Some(next) = page["nextPaginationToken"].as_str() else { return seen };
            token = format!("&paginationToken={next}");
        }
    };
    assert_eq!(list("ASC").await, [&ids[3], &ids[1], &ids[2]].map(Clone::clone));
    assert_eq!(list("DESC").await, [&ids[2], &ids[1], &ids[3]].map(Clone::clone));
    assert_eq!(core.get("/users/count").await.json()["count"], 3);
    unlink(&core, &ids[0]).await;
    assert_eq!(list("ASC").await, ids);
}

#[tokio::test]
async fn an_address_can_change_to_nothing_that_another_primary_user_has() {
    let core = TestCore::start().await;
    let (ann, eve) = (with_password(&core, EMAIL).await, with_password(&core, "eve@example.com").await);
    let google = with_provider(&core, "", "1", "g@example.com").await;
    for id in [&ann, &eve] {
        make_primary(&core, id).await;
    }
    link(&core, &google, &ann).await;
    let recipe = core.header("rid", "emailpassword");
    let change = async |id: &str, email: &str| {
        recipe.put("/recipe/user", json!({"recipeUserId": id, "email": email})).await.status_word()
    };
    assert_eq!(change(&eve, "g@example.com").await, "EMAIL_CHANGE_NOT_ALLOWED_ERROR");
    assert_eq!(change(&ann, "g@example.com").await, "OK", "a linked login method may have the same");
    let whose = reserved(&core).await;
    assert!(!whose.iter().any(|(_, _, value, _)| value == EMAIL), "the old one is free: {whose:?}");
    assert_eq!(change(&eve, EMAIL).await, "OK");
    // What the sibling has stays reserved when this one changes.
    assert_eq!(change(&ann, "new@example.com").await, "OK");
    assert_eq!(change(&eve, "g@example.com").await, "EMAIL_CHANGE_NOT_ALLOWED_ERROR");
    let told = json!({
        "thirdPartyId": "google", "thirdPartyUserId": "1", "email": {"id": EMAIL, "isVerified": false},
    });
    let moved = core.post("/recipe/signinup", told).await;
    assert_eq!(moved.status_word(), "EMAIL_CHANGE_NOT_ALLOWED_ERROR");
}

/// Calls again as long as the core has no turn at the database to give: on a slow machine some of fifty at once are told
/// to come back, and nothing may have happened then.
async fn until_served(call: impl AsyncFn() -> Reply) -> Value {
    let begun = Instant::now();
    loop {
        let reply = call().await;
        if reply.status != 503 {
            return reply.json();
        }
        assert!(reply.headers.contains_key("retry-after"));
        assert!(begun.elapsed() < Duration::from_mins(5), "never served");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn of_fifty_calls_at_once_one_gets_what_two_want() {
    let core = TestCore::start().await;
    let (ann, google) = (with_password(&core, EMAIL).await, with_provider(&core, "", "1", EMAIL).await);
    let ids: Vec<&str> = (0..50).map(|at| if at % 2 == 0 { &*ann } else { &*google }).collect();
    let make_primary =
        async |id: &str| until_served(async || core.post(PRIMARY, json!({"recipeUserId": id})).await).await;
    let replies = futures_util::future::join_all(ids.iter().map(|id| make_primary(id))).await;
    let winner = reserved(&core).await[0].3.clone();
    for (id, reply) in ids.iter().zip(&replies) {
        let word = if **id == winner {
            "OK"
        } else {
            "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR"
        };
        assert_eq!(reply["status"], word);
    }
    let first = |reply: &&Value| reply["wasAlreadyAPrimaryUser"] == false;
    assert_eq!(replies.iter().filter(first).count(), 1);
    let other = with_phone(&core, "+442071838750").await;
    let both = json!({"recipeUserId": other, "primaryUserId": winner});
    let link = async || until_served(async || core.post(LINK, both.clone()).await).await;
    let replies = futures_util::future::join_all((0..50).map(|_| link())).await;
    assert_eq!(replies.iter().filter(|reply| reply["accountsAlreadyLinked"] == false).count(), 1);
    assert!(replies.iter().all(|reply| reply["status"] == "OK"));
}

/// Has whoever has reserved something wait as long as a unit of work goes on, which is given back.
async fn hold_up_reservations(core: &TestCore) -> Tx {
    const LOCK: &str = "select pg_advisory_xact_lock(hashtext(current_schema()))::text";
    let mut tx = core.app.db.write().await.unwrap();
    for sql in [
        "create function wait() returns trigger language plpgsql
         as 'begin perform pg_advisory_xact_lock_shared(hashtext(current_schema())); return null; end'",
        "create trigger wait after insert on primary_user_tenants execute function wait()",
    ] {
        tx.execute(sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
    let mut tx = core.app.db.write().await.unwrap();
    tx.fetch_all::<(String,)>(LOCK, &[]).await.unwrap();
    tx
}

#[tokio::test]
async fn what_its_owner_gives_up_while_another_one_asks_for_it_is_reserved_or_refused() {
    let core = TestCore::start().await;
    let (ann, google) = (with_password(&core, EMAIL).await, with_provider(&core, "", "1", EMAIL).await);
    make_primary(&core, &ann).await;
    let has_many_writers = core.app.db.engine() == Engine::Postgres;
    let (made, given_up) = if has_many_writers {
        let mut tx = hold_up_reservations(&core).await;
        // All of it happens between what the other one reserves and what it reads next.
        let gives_up = async {
            until_waited_for(&mut tx).await;
            let given_up = unlink(&core, &ann).await;
            tx.commit().await.unwrap();
            given_up
        };
        tokio::join!(make_primary(&core, &google), gives_up)
    } else {
        // There is one writer: the first one is through before the second one begins.
        (make_primary(&core, &google).await, unlink(&core, &ann).await)
    };
    assert_eq!(given_up["wasLinked"], true);
    let is_made = made["status"] == "OK";
    assert_eq!(is_made, has_many_writers, "{made}");
    let own: Vec<_> = reserved(&core).await.into_iter().map(|(_, kind, _, owner)| (kind, owner)).collect();
    let wanted = ["email", "tparty"].map(|kind| (kind.to_owned(), google.clone()));
    assert_eq!(own, if is_made { wanted.to_vec() } else { Vec::new() });
}
