//! Users who are brought along, and taken away, where an app has several databases.

use super::bulkimport::{count as queued, sign_in, with_hash, work_off};
use super::own_databases::{count, others, start};
use portcullis_core::PUBLIC;
use portcullis_core::recipes::bulkimport::{Exporter, Importer, Outcome};
use portcullis_testkit::TestCore;
use serde_json::{Map, Value, json};

type Row = Map<String, Value>;

/// A user of a tenant with everything that may belong to one.
fn whole(tenants: &Value, name: &str) -> Value {
    let mut method = with_hash(&format!("{name}@example.com"));
    method["tenantIds"] = tenants.clone();
    method["isVerified"] = json!(true);
    let mut other = json!({
        "recipeId": "passwordless", "phoneNumber": "+36301234567", "tenantIds": tenants, "isPrimary": true,
    });
    other["email"] = json!(format!("{name}@example.org"));
    json!({
        "externalUserId": format!("ext-{name}"), "userMetadata": {"of": name},
        "userRoles": [{"role": "admin", "tenantIds": ["public", "t1"]}],
        "totpDevices": [{"secretKey": "JBSWY3DPEHPK3PXP", "deviceName": "phone"}],
        "loginMethods": [method, other],
    })
}

async fn with_role() -> Option<TestCore> {
    let core = start().await?;
    core.put("/recipe/role", json!({"role": "admin"})).await.json();
    Some(core)
}

async fn check_ann(core: &TestCore) {
    let db = &others(core)[0];
    for table in ["user_metadata", "totp_users", "userid_mapping"] {
        assert_eq!((count(&core.app.db, table).await, count(db, table).await), (0, 1), "{table}");
    }
    for (place, db) in [("", &core.app.db), ("/t1", db)] {
        assert_eq!(count(db, "user_roles").await, 1);
        let roles = core.get(&format!("{place}/recipe/user/roles?userId=ext-ann")).await.json();
        assert_eq!(roles["roles"], json!(["admin"]));
    }
    let found = core.get("/user/id?userId=ext-ann").await.json();
    assert_eq!(found["user"]["loginMethods"].as_array().unwrap().len(), 2);
    assert_eq!(sign_in(core, "/t1", "ann@example.com", "testing").await, "WRONG_CREDENTIALS_ERROR");
}

#[tokio::test]
async fn a_user_of_another_database_is_imported_there_at_once_or_from_the_queue() {
    for is_queued in [true, false] {
        let Some(core) = with_role().await else { return };
        let user = whole(&json!(["t1"]), "ann");
        if is_queued {
            let own = json!({"loginMethods": [with_hash("bob@example.com")]});
            let users = json!({"users": [user, own]});
            assert_eq!(core.post("/bulk-import/users", users).await.status_word(), "OK");
            assert_eq!(count(&core.app.db, "bulk_import_users").await, 2);
            work_off(&core).await;
            assert_eq!(queued(&core, "").await, 0);
            assert_eq!(core.get("/users/count").await.json()["count"], 1);
        } else {
            let made = core.post("/bulk-import/import", user).await.json();
            assert_eq!((&made["status"], &made["user"]["id"]), (&json!("OK"), &json!("ext-ann")));
        }
        check_ann(&core).await;
        // The same once more is refused by what is there.
        let mut again = whole(&json!(["public"]), "ann");
        again["userRoles"] = json!([]);
        let refused = core.post("/bulk-import/import", again).await;
        assert_eq!(
            refused.text(),
            "{\"errors\":[\"E031: A user with externalId ext-ann already exists\"]}\n"
        );
        let again = json!({"users": [whole(&json!(["t1"]), "ann")]});
        assert_eq!(core.post("/bulk-import/users", again).await.status_word(), "OK");
        work_off(&core).await;
        assert_eq!(queued(&core, "?status=FAILED").await, 1);
    }
}

#[tokio::test]
async fn an_entry_whose_worker_died_once_the_user_was_there_leaves_the_queue() {
    let Some(core) = with_role().await else { return };
    let added = json!({"users": [whole(&json!(["t1"]), "ann")]});
    assert_eq!(core.post("/bulk-import/users", added).await.status_word(), "OK");
    let sql = "select id, raw_data from bulk_import_users";
    let mut tx = core.app.db.read().await.unwrap();
    let rows: Vec<(String, String)> = tx.fetch_all(sql, &[]).await.unwrap();
    drop(tx);
    let (id, data) = rows.into_iter().next().unwrap();
    work_off(&core).await;
    let mut tx = core.app.db.write().await.unwrap();
    let sql = "insert into bulk_import_users (app_id, id, raw_data, status, created_at, updated_at)
        values ('public', $1, $2, 'PROCESSING', 1, 1)";
    tx.execute(sql, portcullis_db::args![&id, &data]).await.unwrap();
    tx.commit().await.unwrap();
    work_off(&core).await;
    assert_eq!(queued(&core, "").await, 0);
    check_ann(&core).await;
}

#[tokio::test]
async fn a_user_of_two_databases_is_refused() {
    let Some(core) = with_role().await else { return };
    let text =
        |recipe: &str| format!("All tenants for a user must share the same database for {recipe} recipe.");
    let refused = core.post("/bulk-import/import", whole(&json!(["public", "t1"]), "ann")).await;
    let told: Value = serde_json::from_str(refused.text().trim_end()).unwrap();
    assert_eq!(told["errors"], json!([text("emailpassword"), text("passwordless")]));
    let mut user = whole(&json!(["public", "t2"]), "ann");
    user["userRoles"] = json!([]);
    user["loginMethods"][1]["tenantIds"] = json!(["t1"]);
    let refused = core.post("/bulk-import/users", json!({"users": [user.clone()]})).await;
    let told: Value = serde_json::from_str(refused.text().trim_end()).unwrap();
    assert_eq!(told["users"][0]["errors"], json!([text("passwordless")]));
    user["loginMethods"][1]["tenantIds"] = json!(["t2"]);
    assert_eq!(core.post("/bulk-import/import", user).await.status_word(), "OK");
}

#[tokio::test]
async fn an_app_is_exported_from_all_its_databases_and_imported_into_them() {
    let Some(core) = with_role().await else { return };
    let own = json!({"loginMethods": [with_hash("bob@example.com")]});
    for user in [own, whole(&json!(["t1"]), "ann")] {
        assert_eq!(core.post("/bulk-import/import", user).await.status_word(), "OK");
    }
    let exporter = Exporter::open(&core.app, "", PUBLIC).await.unwrap();
    assert_eq!(exporter.count().await.unwrap(), 2);
    let (mut rows, mut from): (Vec<Row>, _) = (Vec::new(), None);
    loop {
        let page = exporter.page(from.as_deref()).await.unwrap();
        assert_eq!(page.left_out, []);
        rows.extend(page.lines.iter().map(|line| serde_json::from_str::<Row>(line).unwrap()));
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["userRoles"], json!([{"role": "admin", "tenantIds": ["t1", "public"]}]));
    assert!(exporter.page(Some("t9:")).await.is_err());

    let Some(other) = with_role().await else { return };
    let importer = Importer::open(&other.app, "", PUBLIC).await.unwrap();
    assert_eq!(importer.import(&rows).await.unwrap(), [Outcome::Imported, Outcome::Imported]);
    assert_eq!(importer.import(&rows).await.unwrap(), [Outcome::WasThere, Outcome::WasThere]);
    check_ann_after_export(&other).await;
}

async fn check_ann_after_export(core: &TestCore) {
    let db = &others(core)[0];
    assert_eq!((count(db, "user_metadata").await, count(db, "user_roles").await), (1, 1));
    assert_eq!(count(&core.app.db, "user_roles").await, 1);
    assert_eq!(core.get("/user/id?userId=ext-ann").await.status_word(), "OK");
}
