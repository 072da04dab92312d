//! Apps and tenants with databases of their own: where their users are, and how the app finds them. They need a
//! PostgreSQL server, whatever the core's own database is, so without `TEST_DATABASE_URL` only refusals run.

use super::session::{DAY, create, verify};
use super::{bulkimport, webhooks};
use portcullis_core::jobs;
use portcullis_db::{Db, args};
use portcullis_testkit::{Cluster, Receiver, TestCore};
use serde_json::{Value, json};
use std::collections::HashSet;

const DOMAIN: &str = "/recipe/multitenancy/connectionuridomain/v2";
const APP: &str = "/recipe/multitenancy/app/v2";
const TENANT: &str = "/recipe/multitenancy/tenant/v2";

/// A core whose tenant `t1` has a database of its own, and one of that core's tenants with the public one's; without a
/// server there is none.
pub(super) async fn start() -> Option<TestCore> {
    let core = TestCore::start().await.cdi("5.4");
    let settings = core.another_database("_t1")?;
    put_tenant(&core, "t1", &settings).await;
    put_tenant(&core, "t2", &json!({})).await;
    Some(core)
}

/// Makes or changes a tenant, who serves every recipe; answers whether it is new.
pub(super) async fn put_tenant(core: &TestCore, id: &str, settings: &Value) -> bool {
    let reply = core.put(TENANT, json!({"tenantId": id, "coreConfig": settings})).await.json();
    assert_eq!(reply["status"], "OK", "{reply}");
    reply["createdNew"].as_bool().unwrap()
}

/// The databases that are open beside the core's own.
pub(super) fn others(core: &TestCore) -> Vec<Db> {
    core.app.open_databases().into_iter().skip(1).map(|(_, db)| db).collect()
}

pub(super) async fn count(db: &Db, table: &str) -> i64 {
    let sql = format!("select count(*) from {table}");
    db.read().await.unwrap().fetch_all::<(i64,)>(sql, &[]).await.unwrap()[0].0
}

pub(super) async fn users(core: &TestCore, query: &str) -> i64 {
    core.get(&format!("/users/count{query}")).await.json()["count"].as_i64().unwrap()
}

pub(super) fn id(user: &Value) -> String {
    user["id"].as_str().unwrap().to_owned()
}

async fn refusal(core: &TestCore, path: &str, body: Value) -> String {
    let reply = core.put(path, body).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    reply.text().trim_end().to_owned()
}

#[tokio::test]
async fn an_app_with_a_database_of_its_own_is_wholly_there() {
    let core = TestCore::start().await.cdi("5.4");
    let Some(settings) = core.another_database("_a1") else { return };
    let made = core.put(APP, json!({"appId": "a1", "coreConfig": settings})).await.json();
    assert_eq!(made["createdNew"], true, "{made}");
    let app = core.at("/appid-a1");
    put_tenant(&app, "t1", &json!({})).await;
    put_tenant(&app, "t2", &core.another_database("_t2").unwrap()).await;
    put_tenant(&app, "t3", &json!({"postgresql_connection_pool_size": 3})).await;
    let places = ["", "/t1", "/t2", "/t3"].map(|tenant| core.at(&format!("/appid-a1{tenant}")));
    let mut ids = Vec::new();
    for place in &places {
        ids.push(id(&place.sign_up("ann@example.com", "password1").await));
        create(place, json!({"userId": ids.last().unwrap()})).await;
    }
    let open = others(&core);
    let mut counts = Vec::new();
    for db in &open {
        counts.push((count(db, "tenants").await, count(db, "emailpassword_users").await));
    }
    counts.sort_unstable();
    assert_eq!(counts, [(1, 1), (3, 3)], "t3 sets no database");
    assert_eq!((count(&core.app.db, "apps").await, count(&core.app.db, "tenants").await), (1, 1));
    assert_eq!(count(&core.app.db, "session_info").await, 0);
    assert_eq!(users(&app, "?includeAllTenants=true").await, 4);
    assert_eq!(users(&core, "?includeAllTenants=true").await, 0);
    for user in &ids {
        assert_eq!(app.get(&format!("/user/id?userId={user}")).await.status_word(), "OK");
        assert_eq!(core.get(&format!("/user/id?userId={user}")).await.status_word(), "UNKNOWN_USER_ID_ERROR");
    }
    assert_ne!(
        app.get("/.well-known/jwks.json").await.json(),
        core.get("/.well-known/jwks.json").await.json()
    );
    let usage = app.get("/ee/featureflag").await.json();
    let pools = usage["usageStats"]["multi_tenancy"]["tenants"].as_array().unwrap().clone();
    let pools: HashSet<_> = pools.iter().map(|of| of["userPoolId"].as_str().unwrap().to_owned()).collect();
    assert_eq!(pools, open.iter().map(|db| db.place().unwrap().to_string()).collect());

    let gone = core.post("/recipe/multitenancy/app/remove", json!({"appId": "a1"})).await;
    assert_eq!(gone.status, 403, "it has tenants");
    for tenant in ["t1", "t2", "t3"] {
        let gone = app.post("/recipe/multitenancy/tenant/remove", json!({"tenantId": tenant})).await.json();
        assert_eq!(gone["didExist"], true);
    }
    let gone = core.post("/recipe/multitenancy/app/remove", json!({"appId": "a1"})).await.json();
    assert_eq!(gone["didExist"], true);
    let mut left = Vec::new();
    for db in &open {
        left.push((count(db, "tenants").await, count(db, "session_info").await));
    }
    assert_eq!(left, [(0, 0), (0, 0)]);
    assert_eq!(app.get("/users/count").await.status, 400);
    core.get("/users/count").await.json();
    assert_eq!(others(&core).len(), 0, "their pools are let go");
}

#[tokio::test]
async fn a_tenant_or_an_app_may_move_and_leaves_behind_what_it_kept() {
    let Some(core) = start().await else { return };
    let t1 = core.at("/t1");
    t1.sign_up("ann@example.com", "password1").await;
    let first = core.another_database("_t1").unwrap();
    assert!(
        !put_tenant(
            &core,
            "t1",
            &json!({"access_token_validity": null, "postgresql_connection_pool_size": 1})
        )
        .await
    );
    assert_eq!(users(&t1, "").await, 1, "it is where it was, with another pool");
    assert_eq!(others(&core).len(), 1);
    assert!(!put_tenant(&core, "t1", &core.another_database("_b").unwrap()).await);
    assert_eq!(users(&t1, "").await, 0);
    t1.sign_up("ann@example.com", "password1").await;
    let unset: Value = first.as_object().unwrap().keys().map(|name| (name.clone(), Value::Null)).collect();
    assert!(!put_tenant(&core, "t1", &unset).await);
    assert_eq!(
        (users(&t1, "").await, users(&core, "?includeAllTenants=true").await),
        (0, 0),
        "it is with the app"
    );
    t1.sign_up("bob@example.com", "password1").await;
    assert_eq!(users(&core, "?includeAllTenants=true").await, 1);
    assert_eq!(others(&core).len(), 0);
    put_tenant(&core, "t1", &first).await;
    assert_eq!(users(&t1, "").await, 1, "what was left behind is there");

    // An app takes its tenants along, but for those that have their own.
    core.put(APP, json!({"appId": "a1"})).await.json();
    let app = core.at("/appid-a1");
    put_tenant(&app, "t1", &json!({})).await;
    put_tenant(&app, "t2", &core.another_database("_c").unwrap()).await;
    let places = ["", "/t1", "/t2"].map(|tenant| core.at(&format!("/appid-a1{tenant}")));
    for place in &places {
        place.sign_up("ann@example.com", "password1").await;
    }
    for (settings, left) in [(core.another_database("_d").unwrap(), [0, 0, 1]), (unset, [1, 1, 1])] {
        core.put(APP, json!({"appId": "a1", "coreConfig": settings})).await.json();
        for (place, left) in places.iter().zip(left) {
            assert_eq!(users(place, "").await, left);
        }
        for place in &places[..2] {
            place
                .post("/recipe/signup", json!({"email": "bob@example.com", "password": "password1"}))
                .await
                .json();
        }
    }
}

#[tokio::test]
async fn no_two_domains_share_a_database_through_an_app_or_a_tenant() {
    let core = TestCore::start().await;
    let alone = json!({"postgresql_table_schema": "elsewhere"});
    let half = "Invalid core config: 'postgresql_table_schema' has no effect alone; set 'postgresql_user' or 'postgresql_connection_uri' to use PostgreSQL";
    for (path, name) in [(APP, "appId"), (TENANT, "tenantId")] {
        assert_eq!(refusal(&core, path, json!({name: "x", "coreConfig": alone})).await, half);
    }
    let Some(settings) = core.another_database("_a") else { return };
    let shared = |one: &str, other: &str| {
        let text = "cannot be mapped to the same user pool as";
        format!("Invalid core config: ConnectionUriDomain: {one} {text} {other}").trim_end().to_owned()
    };
    put_tenant(&core, "t1", &settings).await;
    assert!(put_tenant(&core, "t2", &settings).await, "tenants of one domain may share one");
    assert_eq!(core.put(APP, json!({"appId": "a1", "coreConfig": settings})).await.status_word(), "OK");
    let domain = json!({"connectionUriDomain": "a.example.com", "coreConfig": settings});
    assert_eq!(refusal(&core, DOMAIN, domain).await, shared("", "a.example.com"));
    let own = core.another_database("_b").unwrap();
    let domain = json!({"connectionUriDomain": "a.example.com", "coreConfig": own});
    assert_eq!(core.put(DOMAIN, domain).await.status_word(), "OK");
    for (path, name) in [(APP, "appId"), (TENANT, "tenantId")] {
        assert_eq!(
            refusal(&core, path, json!({name: "x", "coreConfig": own})).await,
            shared("a.example.com", "")
        );
        let there = core.header("host", "a.example.com");
        let of_other = json!({name: "x", "coreConfig": settings});
        assert_eq!(refusal(&there, path, of_other).await, shared("", "a.example.com"));
        if core.app.db.place().is_some() {
            let base = json!({name: "x", "coreConfig": core.another_database("").unwrap()});
            assert_eq!(core.put(path, base.clone()).await.status_word(), "OK", "it says where it is");
            assert_eq!(refusal(&there, path, base).await, shared("", "a.example.com"));
        }
    }
    let prefix = json!({"tenantId": "x", "coreConfig": {"postgresql_table_names_prefix": "p"}});
    let text = "Invalid core config: You cannot set different values for postgresql_table_names_prefix for the same user pool";
    assert_eq!(refusal(&core, TENANT, prefix).await, text);
}

#[tokio::test]
async fn of_a_domain_and_a_tenant_that_are_given_one_database_at_once_one_gets_it() {
    let core = TestCore::start().await;
    let Some(settings) = core.another_database("_a") else { return };
    let domain = json!({"connectionUriDomain": "a.example.com", "coreConfig": settings});
    let tenant = json!({"tenantId": "t1", "coreConfig": settings});
    let (domain, tenant) = futures_util::join!(core.put(DOMAIN, domain), core.put(TENANT, tenant));
    let winner = match (domain.status, tenant.status) {
        (200, 400) => core.header("host", "a.example.com"),
        (400, 200) => core.at("/t1"),
        statuses => panic!("{statuses:?}"),
    };
    winner.sign_up("ann@example.com", "password1").await;
    assert_eq!((users(&winner, "").await, users(&core, "").await), (1, 0));
    assert_eq!(others(&core).len(), 1);
}

#[tokio::test]
async fn a_tenant_whose_database_does_not_answer_fails_alone() {
    let core = TestCore::start().await.cdi("5.4");
    let ann = id(&core.sign_up("ann@example.com", "password1").await);
    let nowhere = json!({"postgresql_connection_uri": "postgresql://u:secret@127.0.0.1:1/d"});
    let refused = core.put(TENANT, json!({"tenantId": "t1", "coreConfig": nowhere})).await;
    assert_eq!(refused.status, 503);
    assert!(!refused.text().contains("secret"), "{}", refused.text());
    let listed = core.get("/recipe/multitenancy/tenant/list/v2").await.json();
    assert_eq!(listed["tenants"].as_array().unwrap().len(), 1, "nothing is left behind");
    let sql = "insert into tenant_configs (connection_uri_domain, app_id, tenant_id, core_config)
        values ('', 'public', 't1', $1)";
    let mut tx = core.app.db.write().await.unwrap();
    tx.execute(sql, args![&nowhere.to_string()]).await.unwrap();
    tx.commit().await.unwrap();
    core.advance(60_000);
    let body = json!({"email": "ann@example.com", "password": "password1"});
    assert_eq!(core.post("/recipe/signin", body.clone()).await.status_word(), "OK");
    assert_eq!(core.at("/t1").post("/recipe/signin", body).await.status, 503);
    assert_eq!(core.get("/users/count").await.json()["count"], 1);
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
    assert_eq!(core.get(&format!("/user/id?userId={ann}")).await.status_word(), "OK");
    assert_eq!(core.get("/user/id?userId=nobody").await.status, 503, "who may be there");
    let Some(settings) = core.another_database("_a") else { return };
    assert!(!put_tenant(&core, "t1", &settings).await, "it is given another database");
    assert_eq!(core.get("/user/id?userId=nobody").await.status_word(), "UNKNOWN_USER_ID_ERROR");
    let (server, _) = settings["postgresql_connection_uri"].as_str().unwrap().rsplit_once('/').unwrap();
    let missing = json!({"postgresql_connection_uri": format!("{server}/portcullis_missing")});
    let refused = core.put(TENANT, json!({"tenantId": "t2", "coreConfig": missing})).await;
    assert_eq!(refused.status, 503, "{}", refused.text());
}

#[tokio::test]
async fn jobs_webhooks_and_other_cores_reach_the_database() {
    let receiver = Receiver::of_all();
    let core = TestCore::start_with(&webhooks::settings(&receiver)).await.cdi("5.4");
    let Some(settings) = core.another_database("_t1") else { return };
    let other = core.another().await.cdi("5.4");
    assert_eq!(users(&other, "?includeAllTenants=true").await, 0);
    put_tenant(&core, "t1", &settings).await;
    let ann = id(&core.sign_up("ann@example.com", "password1").await);
    let there = id(&core.at("/t1").sign_up("ann@example.com", "password1").await);
    assert_eq!(users(&other.at("/t1"), "").await, 1, "a new tenant is found at once");
    core.advance(60_000);
    assert_eq!(other.get(&format!("/user/id?userId={there}")).await.status_word(), "OK");
    let again = core.another().await.cdi("5.4");
    assert_eq!(again.get(&format!("/user/id?userId={there}")).await.status_word(), "OK", "after a start");

    webhooks::tell(&core).await;
    let received = receiver.received();
    for user in [&ann, &there] {
        assert!(received.iter().any(|request| request.user_id() == user), "{received:?}");
    }
    let ids: HashSet<&str> = received.iter().map(|request| request.id.as_str()).collect();
    assert_eq!(ids.len(), received.len(), "each has an id of its own: {received:?}");

    create(&core.at("/t1"), json!({"userId": there})).await;
    let db = &others(&core)[0];
    assert_eq!(count(db, "session_info").await, 1);
    core.advance(101 * DAY);
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
    assert_eq!(count(db, "session_info").await, 0);

    let gone = core.post("/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await.json();
    assert_eq!(gone["didExist"], true);
    assert_eq!(count(db, "tenants").await, 0);
    core.advance(60_000);
    for core in [&core, &other] {
        assert_eq!(users(core, "?includeAllTenants=true").await, 1);
        assert_eq!(core.at("/t1").get("/users/count").await.status, 400);
        assert_eq!(others(core).len(), 0);
    }
}

#[tokio::test]
async fn an_app_goes_on_while_the_database_of_a_tenant_is_away_and_finds_it_again() {
    let core = TestCore::start().await.cdi("5.4");
    if core.another_database("").is_none() {
        return;
    }
    let cluster = Cluster::new();
    cluster.start(&[]);
    put_tenant(&core, "t1", &json!({"postgresql_connection_uri": cluster.url()})).await;
    let t1 = core.at("/t1");
    let there = id(&t1.sign_up("ann@example.com", "password1").await);
    let ann = id(&core.sign_up("ann@example.com", "password1").await);
    let afar = create(&t1, json!({"userId": ann})).await;
    cluster.stop();
    assert_eq!(core.get(&format!("/user/id?userId={ann}")).await.status_word(), "OK");
    assert_eq!(core.get(&format!("/user/id?userId={there}")).await.status, 503);
    let session = create(&core, json!({"userId": ann})).await;
    assert_eq!(verify(&core, &session, true).await["status"], "OK");
    let remove = || core.post("/user/remove", json!({"userId": ann}));
    assert_eq!(remove().await.status, 503);
    assert_eq!(
        core.get(&format!("/user/id?userId={ann}")).await.status_word(),
        "OK",
        "not without her sessions"
    );
    let revoked = core.post("/recipe/session/remove", json!({"userId": ann})).await;
    assert_eq!(revoked.status, 503, "one is left");
    assert_eq!(verify(&core, &session, true).await["status"], "UNAUTHORISED", "what could be ended was");

    let entry = |email: &str, tenant: &str| {
        let mut method = bulkimport::with_hash(email);
        method["tenantIds"] = json!([tenant]);
        json!({"loginMethods": [method]})
    };
    let entries = json!({"users": [entry("b@example.com", "t1"), entry("c@example.com", "public")]});
    assert_eq!(core.post("/bulk-import/users", entries).await.status_word(), "OK");
    assert!(jobs::run_all(&core.app, core.clock.now()).await.is_err());
    assert_eq!((users(&core, "").await, bulkimport::count(&core, "?status=FAILED").await), (2, 0));
    assert_eq!(bulkimport::count(&core, "").await, 1, "who belongs there waits, and keeps no other waiting");

    cluster.start(&[]);
    assert_eq!(core.get(&format!("/user/id?userId={there}")).await.status_word(), "OK");
    assert_eq!(verify(&core, &afar, true).await["status"], "OK");
    assert_eq!(remove().await.status_word(), "OK");
    assert_eq!(verify(&core, &afar, true).await["status"], "UNAUTHORISED");
    core.advance(61_000);
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
    assert_eq!((users(&t1, "").await, bulkimport::count(&core, "").await), (2, 0));
}
