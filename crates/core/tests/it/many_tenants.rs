//! Hundreds of tenants of one app: each works, and none of them has a task or a database of its own.

use portcullis_testkit::TestCore;
use serde_json::json;
use tokio::runtime::Handle;

const TENANTS: usize = 300;

#[tokio::test]
async fn hundreds_of_tenants_share_the_app_s_tasks_and_its_database() {
    let core = TestCore::start().await;
    core.sign_up("first@example.com", "password1").await;
    let (tasks, max) = (Handle::current().metrics().num_alive_tasks(), core.app.db.load().max);
    let names: Vec<String> = (0..TENANTS).map(|at| format!("t{at:03}")).collect();
    for name in &names {
        let made = core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": name})).await.json();
        assert_eq!(made["createdNew"], true);
    }
    // The same person is another user in each of them.
    let credentials = json!({"email": "ann@example.com", "password": "password1"});
    for name in &names {
        let tenant = core.at(&format!("/{name}"));
        let user = tenant.sign_up("ann@example.com", "password1").await;
        assert_eq!(user["tenantIds"], json!([name]));
    }
    let listed = core.get("/recipe/multitenancy/tenant/list/v2").await.json()["tenants"].clone();
    let listed: Vec<&str> =
        listed.as_array().unwrap().iter().map(|tenant| tenant["tenantId"].as_str().unwrap()).collect();
    assert_eq!(listed[0], "public");
    assert_eq!(listed[1..], names);
    // A core that has just started knows none of them.
    let another = core.another().await;
    for name in names.iter().rev() {
        let tenant = another.at(&format!("/{name}"));
        assert_eq!(tenant.post("/recipe/signin", credentials.clone()).await.status_word(), "OK");
        assert_eq!(tenant.get("/users/count").await.json()["count"], 1);
    }
    assert_eq!(another.get("/users/count?includeAllTenants=true").await.json()["count"], TENANTS + 1);
    for core in [&core, &another] {
        assert_eq!(core.app.open_databases().len(), 1);
        assert_eq!(core.app.db.load().max, max);
    }
    // The connections of either core have a task each.
    let more = Handle::current().metrics().num_alive_tasks().saturating_sub(tasks);
    assert!(more <= 2 * max + 10, "{more} more tasks for {TENANTS} tenants");
}
