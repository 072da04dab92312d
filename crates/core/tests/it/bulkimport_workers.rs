//! Bulk import by several workers and cores: each user once, and each password hashed once.

use super::bulkimport::{add, count, sign_in, start, with_hash, work_off};
use portcullis_core::jobs;
use portcullis_db::Engine;
use portcullis_testkit::TestCore;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A little longer than a worker is taken to be at what it has claimed, in milliseconds.
const LATER: i64 = 60_001;

async fn run(core: &TestCore, statements: &[&'static str]) {
    let mut tx = core.app.db.write().await.unwrap();
    for sql in statements {
        tx.execute(*sql, &[]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Three runs of every job at once, on two cores.
async fn work_off_thrice(core: &TestCore, other: &TestCore) {
    let now = core.clock.now();
    let (first, second, third) = tokio::join!(
        jobs::run_all(&core.app, now),
        jobs::run_all(&other.app, now),
        jobs::run_all(&core.app, now)
    );
    first.and(second).and(third).unwrap();
}

#[tokio::test]
async fn several_cores_import_each_user_once() {
    let core = start().await;
    let other = core.another().await;
    let users: Vec<Value> =
        (0..300).map(|number| json!({"loginMethods": [with_hash(&format!("{number}@x.y"))]})).collect();
    add(&core, json!(users)).await;
    core.sign_up("250@x.y", "password1").await;
    // What a core of the reference was at when it was stopped.
    run(&core, &["update bulk_import_users set status = 'PROCESSING'"]).await;
    assert_eq!(count(&core, "?status=PROCESSING").await, 300);
    core.advance(LATER);
    work_off_thrice(&core, &other).await;
    work_off(&core).await;
    assert_eq!((count(&core, "?status=NEW").await, count(&core, "?status=FAILED").await), (0, 1));
    assert_eq!(core.get("/users/count").await.json()["count"], 300);
}

fn with_password(email: &str) -> Value {
    json!({"loginMethods": [{"recipeId": "emailpassword", "email": email, "plainTextPassword": "secret 1"}]})
}

/// Notes which entries are claimed: a password is hashed by whoever has claimed its entry.
async fn note_claims(core: &TestCore) {
    run(core, &["create table claims (id text)"]).await;
    let statements: &[&str] = match core.app.db.engine() {
        Engine::Sqlite => {
            &["create trigger note after update on bulk_import_users when new.status = 'PROCESSING'
               begin insert into claims values (new.id); end"]
        }
        Engine::Postgres => &[
            "create function note() returns trigger language plpgsql
             as 'begin insert into claims values (new.id); return new; end'",
            "create trigger note after update on bulk_import_users for each row
             when (new.status = 'PROCESSING') execute function note()",
        ],
    };
    run(core, statements).await;
}

#[tokio::test]
async fn a_password_is_hashed_once_however_many_workers_there_are() {
    let core = TestCore::start_with(&json!({"bulk_migration_parallelism": 4})).await;
    let other = core.another_with(&json!({"bulk_migration_parallelism": 4})).await;
    note_claims(&core).await;
    let mut users: Vec<Value> = (0..50).map(|number| with_password(&format!("{number}@x.y"))).collect();
    users.push(json!({"loginMethods": [with_hash("ready@x.y")]}));
    add(&core, json!(users)).await;
    work_off_thrice(&core, &other).await;
    work_off(&core).await;
    assert_eq!(count(&core, "").await, 0);
    assert_eq!(core.get("/users/count").await.json()["count"], 51);
    let mut tx = core.app.db.read().await.unwrap();
    let claims: Vec<(String,)> = tx.fetch_all("select id from claims", &[]).await.unwrap();
    assert_eq!((claims.len(), claims.iter().collect::<BTreeSet<_>>().len()), (50, 50));
    assert_eq!(sign_in(&core, "", "49@x.y", "secret 1").await, "OK");
}

#[tokio::test]
async fn what_a_worker_has_claimed_is_left_to_it_for_a_minute() {
    let core = start().await;
    add(&core, json!([with_password("a@x.y")])).await;
    run(&core, &["update bulk_import_users set status = 'PROCESSING'"]).await;
    core.advance(LATER - 1);
    work_off(&core).await;
    assert_eq!(count(&core, "?status=PROCESSING").await, 1);
    core.advance(1);
    work_off(&core).await;
    assert_eq!(count(&core, "").await, 0);
    assert_eq!(sign_in(&core, "", "a@x.y", "secret 1").await, "OK");
}
