//! Users of an app whose tenants have several databases: each recipe finds them where they are.

use super::own_databases::{count, id, others, start, users};
use super::session::{create, handle, refresh, verify};
use portcullis_core::ground::audit::{self, Filter};
use portcullis_db::Db;
use portcullis_testkit::TestCore;
use serde_json::{Value, json};
use std::collections::HashSet;

#[tokio::test]
async fn one_address_signs_up_in_both_databases_and_the_app_knows_both_users() {
    let Some(core) = start().await else { return };
    let t1 = core.at("/t1");
    let ann = id(&core.sign_up("ann@example.com", "password1").await);
    let there = id(&t1.sign_up("ann@example.com", "password2").await);
    let taken = json!({"email": "ann@example.com", "password": "password3"});
    assert_eq!(t1.post("/recipe/signup", taken).await.status_word(), "EMAIL_ALREADY_EXISTS_ERROR");
    for (place, password, word) in
        [(&core, "password1", "OK"), (&t1, "password2", "OK"), (&t1, "password1", "WRONG_CREDENTIALS_ERROR")]
    {
        let body = json!({"email": "ann@example.com", "password": password});
        assert_eq!(place.post("/recipe/signin", body).await.status_word(), word);
    }
    let db = &others(&core)[0];
    for table in ["emailpassword_users", "app_id_to_user_id"] {
        assert_eq!((count(&core.app.db, table).await, count(db, table).await), (1, 1), "{table}");
    }
    assert_eq!((count(db, "apps").await, count(db, "tenants").await), (1, 1));
    assert_eq!(count(&core.app.db, "tenants").await, 2, "t1 is not here");

    for (user, tenant) in [(&ann, "public"), (&there, "t1")] {
        let found = core.get(&format!("/user/id?userId={user}")).await.json();
        assert_eq!((&found["user"]["id"], &found["user"]["tenantIds"]), (&json!(user), &json!([tenant])));
        let found = core.header("rid", "emailpassword").get(&format!("/recipe/user?userId={user}")).await;
        assert_eq!(found.status_word(), "OK");
    }
    assert_eq!(core.get("/user/id?userId=nobody").await.status_word(), "UNKNOWN_USER_ID_ERROR");
    assert_eq!((users(&core, "").await, users(&t1, "").await), (1, 1));
    assert_eq!(users(&core, "?includeAllTenants=true").await, 2);
    assert_eq!(users(&core, "/active?since=0").await, 2, "each counts once");
    assert_eq!(count(db, "user_last_active").await, 0, "that is with the app");
    for (place, user) in [(&core, &ann), (&t1, &there)] {
        let listed = place.get("/users").await.json();
        assert_eq!(listed["users"].as_array().unwrap().len(), 1);
        assert_eq!(listed["users"][0]["id"], json!(user));
        let path = "/users/by-accountinfo?email=ann@example.com&doUnionOfAccountInfo=false";
        assert_eq!(place.get(path).await.json()["users"][0]["id"], json!(user));
    }
    // Before 5.0 calls about the app may come by way of any tenant.
    for place in [core.cdi("4.0"), t1.cdi("4.0"), core.at("/t2").cdi("4.0")] {
        for user in [&ann, &there] {
            assert_eq!(place.get(&format!("/user/id?userId={user}")).await.status_word(), "OK");
        }
    }
}

#[tokio::test]
async fn codes_and_providers_sign_up_where_the_tenant_is() {
    let Some(core) = start().await else { return };
    let mut ids = Vec::new();
    for place in [&core, &core.at("/t1")] {
        let code = place.post("/recipe/signinup/code", json!({"phoneNumber": "+36301234567"})).await.json();
        let body = json!({"preAuthSessionId": code["preAuthSessionId"], "linkCode": code["linkCode"]});
        let by_code = place.post("/recipe/signinup/code/consume", body).await.json();
        assert_eq!(by_code["createdNewUser"], true);
        let told = json!({
            "thirdPartyId": "google", "thirdPartyUserId": "1", "email": {"id": "a@example.com", "isVerified": true},
        });
        for is_new in [true, false] {
            let by_provider = place.post("/recipe/signinup", told.clone()).await.json();
            assert_eq!(by_provider["createdNewUser"], is_new);
            ids.push((id(&by_provider["user"]), "thirdparty"));
        }
        ids.push((id(&by_code["user"]), "passwordless"));
    }
    for (user, recipe) in &ids {
        let path = format!("/recipe/user?userId={user}");
        assert_eq!(core.header("rid", recipe).get(&path).await.status_word(), "OK", "{recipe}");
    }
    assert_eq!(users(&core, "?includeAllTenants=true").await, 4);
    assert_eq!(users(&core, "/active?since=0").await, 4);
    let (last, _) = ids.last().unwrap();
    let change = json!({"recipeUserId": last, "email": "b@example.com"});
    assert_eq!(core.header("rid", "passwordless").put("/recipe/user", change).await.status_word(), "OK");
    let found = core.at("/t1").header("rid", "passwordless").get("/recipe/user?email=b@example.com").await;
    assert_eq!(id(&found.json()["user"]), *last);
}

#[tokio::test]
async fn sessions_are_where_their_tenant_is_and_found_from_everywhere() {
    let Some(core) = start().await else { return };
    let t1 = core.at("/t1");
    let there = id(&t1.sign_up("ann@example.com", "password1").await);
    let own = create(&t1, json!({"userId": there})).await;
    let other = create(&core, json!({"userId": there})).await;
    let db = &others(&core)[0];
    assert_eq!((count(&core.app.db, "session_info").await, count(db, "session_info").await), (1, 1));
    for place in [&core, &t1] {
        for session in [&own, &other] {
            assert_eq!(verify(place, session, true).await["status"], "OK");
            let found = place.get(&format!("/recipe/session?sessionHandle={}", handle(session))).await.json();
            assert_eq!((&found["status"], &found["userId"]), (&json!("OK"), &json!(there)));
        }
    }
    let jwks = core.get("/.well-known/jwks.json").await.json();
    assert_eq!(t1.get("/.well-known/jwks.json").await.json(), jwks, "keys are the app's");
    assert_eq!(count(db, "jwt_signing_keys").await, 0);
    let refreshed = refresh(&core, &own).await;
    assert_eq!((&refreshed["status"], &refreshed["session"]["tenantId"]), (&json!("OK"), &json!("t1")));
    assert_eq!(verify(&core, &refreshed, true).await["status"], "OK");
    let data = json!({"sessionHandle": handle(&own), "userDataInDatabase": {"n": 1}});
    assert_eq!(core.put("/recipe/session/data", data).await.status_word(), "OK");

    let list = |place: TestCore, query: &'static str| {
        let path = format!("/recipe/session/user?userId={there}{query}");
        async move {
            let listed = place.get(&path).await.json();
            let handles = listed["sessionHandles"].as_array().unwrap().clone();
            handles.into_iter().map(|handle| handle.as_str().unwrap().to_owned()).collect::<HashSet<_>>()
        }
    };
    let both: HashSet<_> = [&own, &other].map(|session| handle(session).to_owned()).into();
    assert_eq!(list(core.clone(), "").await, both);
    let of_tenant = "&fetchAcrossAllTenants=false";
    assert_eq!(list(t1.clone(), of_tenant).await, [handle(&own).to_owned()].into());
    assert_eq!(list(core.clone(), of_tenant).await, [handle(&other).to_owned()].into());

    let remove = |body: Value| async { core.post("/recipe/session/remove", body).await.json() };
    let gone = remove(json!({"sessionHandles": both.iter().collect::<Vec<_>>()})).await;
    assert_eq!(gone["sessionHandlesRevoked"].as_array().unwrap().len(), 2);
    assert_eq!(verify(&core, &refreshed, true).await["status"], "UNAUTHORISED");
    for place in [&core, &t1] {
        create(place, json!({"userId": there})).await;
    }
    let gone = remove(json!({"userId": there})).await;
    assert_eq!(gone["sessionHandlesRevoked"].as_array().unwrap().len(), 2);
    assert_eq!(list(core.clone(), "").await, HashSet::new());
}

#[tokio::test]
async fn what_is_kept_about_a_user_is_where_the_user_is() {
    let Some(core) = start().await else { return };
    let t1 = core.at("/t1");
    let there = id(&t1.sign_up("ann@example.com", "password1").await);
    let db = others(&core).remove(0);
    for user in [there.as_str(), "nobody"] {
        let body = json!({"userId": user, "metadataUpdate": {"of": user}});
        assert_eq!(core.put("/recipe/user/metadata", body).await.status_word(), "OK");
        let found = core.get(&format!("/recipe/user/metadata?userId={user}")).await.json();
        assert_eq!(found["metadata"], json!({"of": user}));
        let device = json!({
            "userId": user, "deviceName": "a", "skew": 1, "period": 30, "secretKey": "GEZDGNBVGY3TQOJQ",
        });
        assert_eq!(core.post("/recipe/totp/device/import", device).await.status_word(), "OK");
        let listed = core.get(&format!("/recipe/totp/device/list?userId={user}")).await.json();
        assert_eq!(listed["devices"].as_array().unwrap().len(), 1);
    }
    for table in ["user_metadata", "totp_users"] {
        assert_eq!((count(&core.app.db, table).await, count(&db, table).await), (1, 1), "{table}");
    }
    let both = json!({"userIds": [there, "nobody"]});
    let listed = core.post("/recipe/user/metadata/bulk", both.clone()).await.json();
    assert_eq!(listed["users"][0]["metadata"]["of"], json!(there));
    assert_eq!(listed["users"][1]["metadata"]["of"], "nobody");
    let listed = core.post("/recipe/totp/device/status/bulk", both).await.json();
    assert_eq!(
        (&listed["users"][0]["hasVerifiedDevice"], &listed["users"][1]["hasVerifiedDevice"]),
        (&json!(true), &json!(true))
    );
    let rename = json!({"userId": there, "existingDeviceName": "a", "newDeviceName": "b"});
    assert_eq!(core.put("/recipe/totp/device", rename).await.status_word(), "OK");

    let email = json!({"userId": there, "email": "ann@example.com"});
    let made = t1.post("/recipe/user/email/verify/token", email.clone()).await.json();
    let body = json!({"method": "token", "token": made["token"]});
    assert_eq!(
        core.post("/recipe/user/email/verify", body.clone()).await.status_word(),
        "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"
    );
    assert_eq!(t1.post("/recipe/user/email/verify", body).await.status_word(), "OK");
    let is_verified = format!("/recipe/user/email/verify?userId={there}&email=ann@example.com");
    assert_eq!(core.get(&is_verified).await.json()["isVerified"], true);
    assert_eq!(core.post("/recipe/user/email/verify/remove", email).await.status_word(), "OK");
    assert_eq!(core.get(&is_verified).await.json()["isVerified"], false);

    let change = json!({"recipeUserId": there, "email": "new@example.com", "password": "password2"});
    assert_eq!(core.put("/recipe/user", change).await.status_word(), "OK");
    let body = json!({"email": "new@example.com", "password": "password2"});
    assert_eq!(t1.post("/recipe/signin", body).await.status_word(), "OK");

    // Gone with the user: also what is in other databases.
    create(&core, json!({"userId": there})).await;
    core.put("/recipe/role", json!({"role": "admin"})).await.json();
    assert_eq!(
        core.put("/recipe/user/role", json!({"userId": there, "role": "admin"})).await.status_word(),
        "OK"
    );
    assert_eq!(core.post("/user/remove", json!({"userId": there})).await.status_word(), "OK");
    for table in ["app_id_to_user_id", "emailpassword_users", "user_metadata", "totp_users"] {
        assert_eq!(count(&db, table).await, 0, "{table}");
    }
    for table in ["session_info", "user_roles", "user_last_active"] {
        assert_eq!(count(&core.app.db, table).await, 0, "{table}");
    }
    assert_eq!(count(&core.app.db, "user_metadata").await, 1, "nobody's");
    let kinds = |db: Db| async move {
        let events = audit::list(&db, 0, &Filter::default(), 1000).await.unwrap();
        events.into_iter().map(|event| event.kind).collect::<Vec<_>>()
    };
    assert!(kinds(db).await.contains(&"user_deleted".to_owned()));
    assert!(!kinds(core.app.db.clone()).await.contains(&"user_deleted".to_owned()));
}

#[tokio::test]
async fn roles_are_the_app_s_and_their_assignments_the_tenant_s() {
    let Some(core) = start().await else { return };
    let t1 = core.at("/t1");
    let there = id(&t1.sign_up("ann@example.com", "password1").await);
    core.put("/recipe/role", json!({"role": "admin", "permissions": ["write"]})).await.json();
    let give = |role: &str| t1.put("/recipe/user/role", json!({"userId": there, "role": role}));
    assert_eq!(give("none").await.status_word(), "UNKNOWN_ROLE_ERROR");
    for had in [false, true] {
        assert_eq!(give("admin").await.json(), json!({"status": "OK", "didUserAlreadyHaveRole": had}));
    }
    let db = &others(&core)[0];
    assert_eq!((count(db, "roles").await, count(db, "user_roles").await), (0, 1));
    assert_eq!(count(&core.app.db, "user_roles").await, 0);
    let of_user = format!("/recipe/user/roles?userId={there}");
    assert_eq!(t1.get(&of_user).await.json()["roles"], json!(["admin"]));
    assert_eq!(core.get(&of_user).await.json()["roles"], json!([]));
    assert_eq!(t1.get("/recipe/role/users?role=admin").await.json()["users"], json!([there]));
    assert_eq!(t1.get("/recipe/role/users?role=none").await.status_word(), "UNKNOWN_ROLE_ERROR");
    assert_eq!(core.at("/t2").get("/recipe/role/users?role=admin").await.json()["users"], json!([]));
    let take = json!({"userId": there, "role": "admin"});
    assert_eq!(t1.post("/recipe/user/role/remove", take).await.json()["didUserHaveRole"], true);
    give("admin").await.json();
    assert_eq!(core.post("/recipe/role/remove", json!({"role": "admin"})).await.json()["didRoleExist"], true);
    assert_eq!(count(db, "user_roles").await, 0);
}

#[tokio::test]
async fn no_external_id_is_given_twice_in_an_app_s_databases() {
    let Some(core) = start().await else { return };
    let ann = id(&core.sign_up("ann@example.com", "password1").await);
    let there = id(&core.at("/t1").sign_up("ann@example.com", "password1").await);
    let map = |user: &str, external: &str| {
        let body = json!({"superTokensUserId": user, "externalUserId": external});
        async { core.post("/recipe/userid/map", body).await.json() }
    };
    assert_eq!(map(&there, "ext").await["status"], "OK");
    let exists = |internal: bool| {
        json!({
            "status": "USER_ID_MAPPING_ALREADY_EXISTS_ERROR", "doesSuperTokensUserIdExist": internal,
            "doesExternalUserIdExist": true,
        })
    };
    assert_eq!(map(&ann, "ext").await, exists(false));
    assert_eq!(map(&there, "ext").await, exists(true));
    assert_eq!(map("nobody", "ext").await, exists(false));
    assert_eq!(map("nobody", "new").await["status"], "UNKNOWN_SUPERTOKENS_USER_ID_ERROR");
    for (user, other) in [(&ann, &there), (&there, &ann)] {
        let body = json!({"superTokensUserId": user, "externalUserId": other});
        let refused = core.post("/recipe/userid/map", body).await;
        let text = "Cannot create a userId mapping where the externalId is also a SuperTokens userID\n";
        assert_eq!(
            (refused.status, refused.text().as_str()),
            (400, text),
            "whoever has it would be the other"
        );
    }
    for (user, kind) in
        [("ext", "EXTERNAL"), ("ext", "ANY"), (there.as_str(), "SUPERTOKENS"), (&there, "ANY")]
    {
        let found = core.get(&format!("/recipe/userid/map?userId={user}&userIdType={kind}")).await.json();
        assert_eq!((&found["superTokensUserId"], &found["externalUserId"]), (&json!(there), &json!("ext")));
    }
    assert_eq!(core.get("/user/id?userId=ext").await.json()["user"]["id"], "ext");
    let info = json!({"userId": "ext", "externalUserIdInfo": "x"});
    assert_eq!(core.put("/recipe/userid/external-user-id-info", info).await.status_word(), "OK");
    core.put("/recipe/user/metadata", json!({"userId": "ext", "metadataUpdate": {"n": 1}})).await.json();
    let db = &others(&core)[0];
    assert_eq!(count(db, "user_metadata").await, 1);
    let remove = json!({"userId": "ext", "userIdType": "EXTERNAL"});
    let refused = core.post("/recipe/userid/map/remove", remove.clone()).await;
    assert_eq!(refused.text(), "UserId is already in use in UserMetadata recipe\n");
    core.post("/recipe/user/metadata/remove", json!({"userId": "ext"})).await.json();
    assert_eq!(core.post("/recipe/userid/map/remove", remove).await.json()["didMappingExist"], true);
    assert_eq!(map(&ann, "ext").await["status"], "OK");
}

#[tokio::test]
async fn users_of_two_databases_are_neither_linked_nor_brought_together_in_a_tenant() {
    let Some(core) = start().await else { return };
    let t1 = core.at("/t1");
    let ann = id(&core.sign_up("ann@example.com", "password1").await);
    let there = id(&t1.sign_up("ann@example.com", "password1").await);
    let bob = id(&t1.sign_up("bob@example.com", "password1").await);
    for user in [&ann, &there] {
        let made =
            core.post("/recipe/accountlinking/user/primary", json!({"recipeUserId": user})).await.json();
        assert_eq!((&made["status"], &made["user"]["id"]), (&json!("OK"), &json!(user)), "both may be");
    }
    let pool = Value::from(others(&core)[0].place().unwrap().to_string());
    let link = |recipe_user: &str, primary: &str| {
        core.post(
            "/recipe/accountlinking/user/link",
            json!({"recipeUserId": recipe_user, "primaryUserId": primary}),
        )
    };
    let reply = link(&bob, &ann).await;
    let text = "Cannot link users that are parts of different databases. Different pool IDs: ";
    assert_eq!(reply.status, 400);
    let own = core.app.db.place().map_or("default".to_owned(), ToString::to_string);
    assert_eq!(reply.text(), format!("{text}{own} AND {}\n", pool.as_str().unwrap()));
    let check = format!("/recipe/accountlinking/user/link/check?recipeUserId={bob}&primaryUserId={ann}");
    assert_eq!(core.get(&check).await.text(), reply.text());
    for (recipe_user, primary) in [("nobody", ann.as_str()), (&bob, "nobody"), ("nobody", &there)] {
        assert_eq!(link(recipe_user, primary).await.text(), "Unknown user ID provided\n");
    }
    create(&t1, json!({"userId": bob})).await;
    let linked = link(&bob, &there).await.json();
    assert_eq!((&linked["status"], &linked["accountsAlreadyLinked"]), (&json!("OK"), &json!(false)));
    assert_eq!(linked["user"]["loginMethods"].as_array().unwrap().len(), 2);
    assert_eq!(users(&core, "/active?since=0").await, 2, "of three login methods two are one user");
    assert_eq!(count(&others(&core)[0], "session_info").await, 0);
    let unlinked = core.post("/recipe/accountlinking/user/unlink", json!({"recipeUserId": bob})).await.json();
    assert_eq!(unlinked["wasLinked"], true);

    for path in ["/recipe/multitenancy/tenant/user", "/recipe/multitenancy/tenant/user/remove"] {
        for (place, user) in [(&t1, &ann), (&core, &bob), (&core.at("/t2"), &bob)] {
            let reply = place.post(path, json!({"recipeUserId": user})).await;
            assert_eq!(reply.status_word(), "UNKNOWN_USER_ID_ERROR", "{path}");
        }
        let own = t1.post(path, json!({"recipeUserId": bob})).await;
        assert_eq!(own.status_word(), "OK");
    }
    let usage = core.get("/ee/featureflag").await.json();
    let tenants = usage["usageStats"]["multi_tenancy"]["tenants"].as_array().unwrap().clone();
    let told: Vec<_> = tenants.iter().map(|of| (&of["userPoolId"], &of["usersCount"])).collect();
    let (default, none, one) = (json!("default"), json!(0), json!(1));
    assert_eq!(told, [(&default, &one), (&pool, &one), (&default, &none)]);
}
