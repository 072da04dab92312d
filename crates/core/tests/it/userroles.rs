//! The userroles recipe: every endpoint, every refusal.

use portcullis_testkit::TestCore;
use serde_json::{Value, json};

async fn create(core: &TestCore, permissions: Value) -> bool {
    let reply = core.put("/recipe/role", json!({"role": " admin ", "permissions": permissions})).await;
    reply.json()["createdNewRole"].as_bool().unwrap()
}

#[tokio::test]
async fn a_role_gathers_permissions_until_they_are_taken() {
    let core = TestCore::start().await;
    assert!(create(&core, json!(["read"])).await && !create(&core, json!(["write", "read"])).await);
    let path = "/recipe/role/permissions?role=admin";
    assert_eq!(core.get(path).await.json()["permissions"], json!(["read", "write"]));
    assert_eq!(core.get("/recipe/permission/roles?permission=read").await.json()["roles"], json!(["admin"]));
    let remove = "/recipe/role/permissions/remove";
    for (permissions, left) in
        [(json!([]), json!(["read", "write"])), (json!(["read", "none"]), json!(["write"]))]
    {
        let reply = core.post(remove, json!({"role": "admin", "permissions": permissions})).await;
        assert_eq!(
            (reply.status_word().as_str(), &core.get(path).await.json()["permissions"]),
            ("OK", &left)
        );
    }
    assert_eq!(core.post(remove, json!({"role": "admin"})).await.status_word(), "OK");
    assert_eq!(core.get(path).await.json()["permissions"], json!([]));
}

#[tokio::test]
async fn users_have_roles_until_the_role_is_gone() {
    let core = TestCore::start().await;
    create(&core, json!([])).await;
    let body = json!({"userId": "ann", "role": "admin"});
    for had in [false, true] {
        let reply = core.put("/recipe/user/role", body.clone()).await.json();
        assert_eq!(reply, json!({"status": "OK", "didUserAlreadyHaveRole": had}));
    }
    assert_eq!(core.get("/recipe/user/roles?userId=ann").await.json()["roles"], json!(["admin"]));
    assert_eq!(core.get("/recipe/role/users?role=admin").await.json()["users"], json!(["ann"]));
    for had in [true, false] {
        let reply = core.post("/recipe/user/role/remove", body.clone()).await.json();
        assert_eq!(reply, json!({"status": "OK", "didUserHaveRole": had}));
    }
    core.put("/recipe/user/role", body).await;
    for existed in [true, false] {
        let reply = core.post("/recipe/role/remove", json!({"role": "admin"})).await.json();
        assert_eq!(reply["didRoleExist"], existed);
    }
    assert_eq!(core.get("/recipe/user/roles?userId=ann").await.json()["roles"], json!([]));
    assert_eq!(core.get("/recipe/roles").await.json()["roles"], json!([]));
}

#[tokio::test]
async fn roles_are_the_app_s_and_who_has_them_is_the_tenant_s() {
    let core = TestCore::start().await;
    for id in ["t1", "t2"] {
        core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": id})).await.json();
    }
    create(&core, json!([])).await;
    let (t1, t2) = (core.at("/t1"), core.at("/t2"));
    let roles =
        async |core: &TestCore| core.get("/recipe/user/roles?userId=ann").await.json()["roles"].clone();
    for place in [&core, &t1] {
        assert_eq!(roles(place).await, json!([]));
        let body = json!({"userId": "ann", "role": "admin"});
        assert_eq!(place.put("/recipe/user/role", body).await.json()["didUserAlreadyHaveRole"], false);
        assert_eq!(roles(place).await, json!(["admin"]));
    }
    assert_eq!(roles(&t2).await, json!([]));
    let of_role =
        async |core: &TestCore| core.get("/recipe/role/users?role=admin").await.json()["users"].clone();
    assert_eq!((of_role(&t1).await, of_role(&t2).await), (json!(["ann"]), json!([])));
    let gone = core.post("/recipe/role/remove", json!({"role": "admin"})).await.json();
    assert_eq!(gone, json!({"status": "OK", "didRoleExist": true}));
    create(&core, json!([])).await;
    for place in [&core, &t1] {
        assert_eq!((roles(place).await, of_role(place).await), (json!([]), json!([])));
    }
}

#[tokio::test]
async fn an_unknown_role_is_told_apart() {
    let core = TestCore::start().await;
    let body = json!({"userId": "ann", "role": "none"});
    for reply in [
        core.put("/recipe/user/role", body.clone()).await,
        core.post("/recipe/user/role/remove", body).await,
        core.get("/recipe/role/users?role=none").await,
        core.get("/recipe/role/permissions?role=none").await,
        core.post("/recipe/role/permissions/remove", json!({"role": "none"})).await,
    ] {
        assert_eq!(reply.status_word(), "UNKNOWN_ROLE_ERROR");
    }
}

#[tokio::test]
async fn empty_names_are_refused() {
    let core = TestCore::start().await;
    for (body, text) in [
        (json!({"role": " "}), "Field name 'role' cannot be an empty String\n"),
        (
            json!({"role": "a", "permissions": ["b", ""]}),
            "Field name 'permissions' cannot contain an empty string\n",
        ),
        (json!({"role": "a", "permissions": null}), "Field name 'permissions' is invalid in JSON input\n"),
        (json!({}), "Field name 'role' is invalid in JSON input\n"),
    ] {
        let reply = core.put("/recipe/role", body).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, text));
    }
    let refused = core.get("/recipe/permission/roles?permission=%20").await;
    assert_eq!(refused.text(), "Field name 'permission' cannot be an empty String\n");
    assert_eq!(core.get("/t1/recipe/roles").await.status, 403);
}

#[tokio::test]
async fn a_removed_user_has_no_role() {
    let core = TestCore::start().await;
    create(&core, json!([])).await;
    let id = core.sign_up("ann@example.com", "password1").await["id"].clone();
    core.put("/recipe/user/role", json!({"userId": id, "role": "admin"})).await;
    core.post("/user/remove", json!({"userId": id})).await;
    assert_eq!(core.get("/recipe/role/users?role=admin").await.json()["users"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_role_made_fifty_times_at_once_is_new_once() {
    let core = TestCore::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let core = core.clone();
        tasks.spawn(async move { create(&core, json!(["read"])).await });
    }
    assert_eq!(tasks.join_all().await.iter().filter(|is_new| **is_new).count(), 1);
}
