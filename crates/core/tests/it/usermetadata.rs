//! The usermetadata recipe: every endpoint, every refusal, and many callers at once.

use portcullis_testkit::TestCore;
use serde_json::{Value, json};

const PATH: &str = "/recipe/user/metadata";

async fn update(core: &TestCore, metadata: Value) -> Value {
    let body = json!({"userId": "ann", "metadataUpdate": metadata});
    core.put(PATH, body).await.json()["metadata"].clone()
}

#[tokio::test]
async fn updates_are_merged_at_the_top() {
    let core = TestCore::start().await;
    let path = format!("{PATH}?userId=ann");
    assert_eq!(core.get(&path).await.json(), json!({"status": "OK", "metadata": {}}));
    assert_eq!(update(&core, json!({"a": 1, "b": {"x": 1}})).await, json!({"a": 1, "b": {"x": 1}}));
    let merged = json!({"b": {"y": null}});
    assert_eq!(update(&core, json!({"a": null, "b": {"y": null}})).await, merged);
    assert_eq!(update(&core, json!({})).await, merged);
    assert_eq!(core.get(&path).await.json()["metadata"], merged);
    assert_eq!(update(&core, json!({"b": null})).await, json!({}));
    let whole = core.post("/recipe/user/metadata/bulk", json!({"userIds": ["ann"]})).await.json();
    assert_eq!(whole["users"], json!([{"userId": "ann", "metadata": {}}]), "nothing, but not unknown");
    assert_eq!(core.post("/recipe/user/metadata/remove", json!({"userId": "ann"})).await.status_word(), "OK");
    assert_eq!(core.post("/recipe/user/metadata/remove", json!({"userId": "ann"})).await.status_word(), "OK");
    assert_eq!(core.get(&path).await.json()["metadata"], json!({}));
}

#[tokio::test]
async fn several_users_are_read_in_the_order_of_the_call() {
    let core = TestCore::start().await;
    update(&core, json!({"a": 1})).await;
    let bulk = "/recipe/user/metadata/bulk";
    let reply = core.post(bulk, json!({"userIds": ["bob", "ann"]})).await.json();
    assert_eq!(
        reply["users"],
        json!([{"userId": "bob", "metadata": null}, {"userId": "ann", "metadata": {"a": 1}}])
    );
    assert_eq!(core.post(bulk, json!({"userIds": []})).await.json()["users"], json!([]));
    let many = core.post(bulk, json!({"userIds": vec!["a"; 501]})).await;
    assert_eq!((many.status, many.text().as_str()), (400, "You can only query up to 500 users at a time.\n"));
    let mixed = core.post(bulk, json!({"userIds": ["a", 1]})).await;
    assert_eq!((mixed.status, mixed.text().as_str()), (400, "userIds array must contain only strings\n"));
    assert_eq!(core.put(PATH, json!({"userId": "a", "metadataUpdate": 1})).await.status, 400);
    assert_eq!(core.get(PATH).await.text(), "Field name 'userId' is missing in GET request\n");
}

#[tokio::test]
async fn a_removed_user_leaves_nothing() {
    let core = TestCore::start().await;
    let id = core.sign_up("ann@example.com", "password1").await["id"].clone();
    core.put(PATH, json!({"userId": id, "metadataUpdate": {"a": 1}})).await;
    core.post("/user/remove", json!({"userId": id})).await;
    let path = format!("{PATH}?userId={}", id.as_str().unwrap());
    assert_eq!(core.get(&path).await.json()["metadata"], json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_update_is_lost_when_many_come_at_once() {
    let core = TestCore::start().await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..30 {
        let core = core.clone();
        tasks.spawn(async move { update(&core, json!({format!("key-{number}"): number})).await });
    }
    tasks.join_all().await;
    let metadata = core.get(&format!("{PATH}?userId=ann")).await.json()["metadata"].clone();
    assert_eq!(metadata.as_object().unwrap().len(), 30);
}
