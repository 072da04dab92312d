//! Connection URI domains with databases of their own: made, changed, removed, and kept apart. They need a
//! PostgreSQL server, whatever the core's own database is, so without `TEST_DATABASE_URL` only refusals run.

use super::session::{DAY, create, handle, verify};
use super::webhooks;
use portcullis_core::ground::webhooks::{State, deliver, service};
use portcullis_core::jobs;
use portcullis_db::{Db, args};
use portcullis_testkit::{Cluster, Received, Receiver, TestCore};
use serde_json::{Value, json};
use std::collections::HashSet;

const DOMAIN: &str = "/recipe/multitenancy/connectionuridomain/v2";
const REMOVE: &str = "/recipe/multitenancy/connectionuridomain/remove";
const APP: &str = "/recipe/multitenancy/app/v2";
const TENANT: &str = "/recipe/multitenancy/tenant/v2";

/// Makes or changes a domain; answers whether it is new.
async fn put(core: &TestCore, domain: &str, settings: &Value) -> bool {
    let reply = core.put(DOMAIN, json!({"connectionUriDomain": domain, "coreConfig": settings})).await.json();
    assert_eq!(reply["status"], "OK");
    reply["createdNew"].as_bool().unwrap()
}

async fn refusal(core: &TestCore, path: &str, body: Value) -> (u16, String) {
    let reply = core.put(path, body).await;
    (reply.status, reply.text().trim_end().to_owned())
}

fn at(core: &TestCore, domain: &str) -> TestCore {
    core.header("host", &format!("{domain}:3567"))
}

/// The domain's database, as the core has opened it.
fn database(core: &TestCore, domain: &str) -> Db {
    let mut open = core.app.open_databases().into_iter();
    open.find(|(name, _)| name == domain).unwrap().1
}

async fn count(db: &Db, table: &str) -> i64 {
    let sql = format!("select count(*) from {table}");
    db.read().await.unwrap().fetch_all::<(i64,)>(sql, &[]).await.unwrap()[0].0
}

async fn users(core: &TestCore, app: &str) -> Value {
    core.get(&format!("{app}/users/count")).await.json()["count"].clone()
}

#[tokio::test]
async fn domains_with_one_app_id_and_one_address_keep_users_sessions_and_keys_apart() {
    let core = TestCore::start().await;
    let Some(first) = core.another_database("_a") else { return };
    let second = core.another_database("_b").unwrap();
    assert!(put(&core, "A.example.com:80", &first).await);
    assert!(put(&core, "b.example.com", &second).await);
    let places = [core.clone(), at(&core, "a.example.com"), at(&core, "b.example.com")];
    let body = json!({"email": "ann@example.com", "password": "password1"});
    let mut sessions = Vec::new();
    let mut keys = Vec::new();
    for place in &places {
        assert_eq!(place.put(APP, json!({"appId": "a1"})).await.json()["createdNew"], true);
        for app in ["", "/appid-a1"] {
            assert_eq!(place.post(&format!("{app}/recipe/signup"), body.clone()).await.status_word(), "OK");
            assert_eq!(users(place, app).await, 1);
            keys.push(place.get(&format!("{app}/.well-known/jwks.json")).await.json());
        }
        sessions.push(create(&place.cdi("5.4"), json!({})).await);
    }
    for (at, place) in places.iter().enumerate() {
        for (of, session) in sessions.iter().enumerate() {
            let status = if at == of { "OK" } else { "UNAUTHORISED" };
            let path = format!("/recipe/session?sessionHandle={}", handle(session));
            assert_eq!(place.get(&path).await.status_word(), status);
            let status = if at == of { "OK" } else { "TRY_REFRESH_TOKEN" };
            assert_eq!(verify(&place.cdi("5.4"), session, false).await["status"], status);
        }
    }
    for (at, key) in keys.iter().enumerate() {
        assert!(!keys[..at].contains(key));
    }
}

#[tokio::test]
async fn a_domain_is_listed_changed_and_removed_with_what_its_public_app_keeps() {
    let core = TestCore::start().await;
    let Some(settings) = core.another_database("_a") else { return };
    assert!(put(&core, "a.example.com", &settings).await);
    assert!(!put(&core, "a.example.com", &json!({"access_token_validity": 7200})).await);
    let domain = at(&core, "a.example.com");
    domain.sign_up("ann@example.com", "password1").await;
    domain.put(APP, json!({"appId": "a1"})).await.json();
    domain.put(&format!("/appid-a1{TENANT}"), json!({"tenantId": "t1"})).await.json();
    let of_app = domain.get(&format!("/appid-a1/t1{TENANT}")).await.json();
    assert_eq!(of_app["tenantId"], "t1");

    let listed = core.get("/recipe/multitenancy/connectionuridomain/list/v2").await.json();
    let listed = &listed["connectionUriDomains"];
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!(listed[1]["connectionUriDomain"], "a.example.com");
    assert_eq!(listed[1]["apps"][0]["tenants"][1]["tenantId"], "t1");
    let stored = &listed[1]["apps"][1]["tenants"][0]["coreConfig"];
    assert_eq!(stored["access_token_validity"], 7200);
    assert_eq!(stored["postgresql_table_schema"], settings["postgresql_table_schema"]);
    assert_eq!(count(&core.app.db, "apps").await, 1, "the domain's apps are in its own database");

    let db = database(&core, "a.example.com");
    assert_eq!((count(&db, "apps").await, count(&db, "tenants").await), (2, 3));
    let remove = || async { core.post(REMOVE, json!({"connectionUriDomain": "a.example.com"})).await };
    assert_eq!(remove().await.status, 403, "it has another app");
    let gone = domain.post("/appid-a1/recipe/multitenancy/tenant/remove", json!({"tenantId": "t1"})).await;
    assert_eq!(gone.json()["didExist"], true);
    let gone = domain.post("/recipe/multitenancy/app/remove", json!({"appId": "a1"})).await;
    assert_eq!(gone.json()["didExist"], true);
    assert_eq!((count(&db, "apps").await, count(&db, "emailpassword_users").await), (1, 1));
    assert_eq!(remove().await.json()["didExist"], true);
    assert_eq!(remove().await.json()["didExist"], false);
    assert_eq!(core.app.open_databases().len(), 1, "its database is closed");

    assert!(put(&core, "a.example.com", &settings).await);
    assert_eq!(users(&domain, "").await, 0, "its users went with it");
    assert_eq!(users(&core, "").await, 0);
}

#[tokio::test]
async fn no_two_domains_share_a_database() {
    let core = TestCore::start().await;
    let refused = |other: &str| {
        let text = format!(
            "Invalid core config: ConnectionUriDomain: {other} cannot be mapped to the same user pool as b.example.com"
        );
        (400, text)
    };
    let with = |settings: &Value| json!({"connectionUriDomain": "b.example.com", "coreConfig": settings});
    assert_eq!(refusal(&core, DOMAIN, with(&json!({}))).await, refused(""));
    let alone = json!({"postgresql_table_schema": "s"});
    assert_eq!(refusal(&core, DOMAIN, with(&alone)).await, refused(""), "whose server is not told");
    let Some(settings) = core.another_database("_a") else { return };
    if core.app.db.place().is_some() {
        let own = core.another_database("").unwrap();
        assert_eq!(refusal(&core, DOMAIN, with(&own)).await, refused(""));
    }
    put(&core, "a.example.com", &settings).await;
    assert_eq!(refusal(&core, DOMAIN, with(&settings)).await, refused("a.example.com"));
    let mut same = settings.clone();
    same["postgresql_connection_pool_size"] = json!(1);
    let url = same["postgresql_connection_uri"].as_str().unwrap().replace("://postgres@", "://other@");
    same["postgresql_connection_uri"] = url.into();
    assert_eq!(refusal(&core, DOMAIN, with(&same)).await, refused("a.example.com"), "whoever connects");
    assert_eq!(at(&core, "b.example.com").get("/users/count").await.json()["count"], 0, "it is no domain");
    assert!(put(&core, "b.example.com", &core.another_database("_b").unwrap()).await);
}

#[tokio::test]
async fn of_two_domains_that_are_given_one_database_at_once_one_gets_it() {
    let core = TestCore::start().await;
    let Some(settings) = core.another_database("_a") else { return };
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let body = |domain| json!({"connectionUriDomain": domain, "coreConfig": settings});
    let calls = names.map(|domain| core.put(DOMAIN, body(domain)));
    let replies = futures_util::future::join_all(calls).await;
    let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    let winner = names[statuses.iter().position(|status| *status == 200).unwrap()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 400, 400]);
    at(&core, winner).sign_up("ann@example.com", "password1").await;
    assert_eq!(core.app.open_databases().len(), 2);
    assert_eq!(users(&core, "").await, 0);
}

#[tokio::test]
async fn a_database_that_cannot_be_opened_leaves_nothing_behind_and_tells_no_password() {
    let core = TestCore::start().await;
    for (url, status) in [
        ("postgresql://u:secret@127.0.0.1:1/d", 503),
        ("postgresql://u:secret@127.0.0.1:port/d", 400),
        ("postgresql://u:secret@127.0.0.1/d?sslmode=no", 400),
        ("secret", 400),
    ] {
        let settings = json!({"postgresql_connection_uri": url});
        let body = json!({"connectionUriDomain": "a.example.com", "coreConfig": settings});
        let (given, text) = refusal(&core, DOMAIN, body).await;
        assert_eq!(given, status, "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    let listed = core.get("/recipe/multitenancy/connectionuridomain/list/v2").await.json();
    assert_eq!(listed["connectionUriDomains"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_the_host_that_is_called_names_a_domain() {
    let core = TestCore::start().await;
    let Some(settings) = core.another_database("_a") else { return };
    put(&core, "a.example.com", &settings).await;
    let there = at(&core, "a.example.com");
    let ann = there.sign_up("ann@example.com", "password1").await["id"].clone();
    for host in ["A.example.com", "a.example.com", "a.example.com:80", "a.example.com:3567"] {
        assert_eq!(users(&core.header("host", host), "").await, 1, "{host}");
    }
    for host in ["b.example.com", "example.com", "a.example.com.", "x.a.example.com"] {
        assert_eq!(users(&core.header("host", host), "").await, 0, "{host}");
    }
    for name in ["x-forwarded-host", "forwarded", "origin", "cdi-host"] {
        assert_eq!(users(&core.header(name, "a.example.com"), "").await, 0, "{name}");
    }
    // A user of another database is nobody here.
    let path = "/recipe/multitenancy/tenant/user";
    for path in [path.to_owned(), format!("{path}/remove")] {
        let reply = core.post(&path, json!({"recipeUserId": ann})).await;
        assert_eq!(reply.json(), json!({"status": "UNKNOWN_USER_ID_ERROR"}), "{path}");
    }
}

#[tokio::test]
async fn a_core_may_be_given_one_domain_alone() {
    let core = TestCore::start().await;
    let mut tx = core.app.db.write().await.unwrap();
    for domain in ["a.example.com", "b.example.com"] {
        let sql = "insert into tenant_configs (connection_uri_domain, app_id, tenant_id, core_config)
            values ($1, 'public', 'public', '{}')";
        tx.execute(sql, args![domain]).await.unwrap();
    }
    tx.commit().await.unwrap();
    let only = json!({"supertokens_saas_load_only_cud": " A.example.com:3567"});
    let core = core.another_with(&only).await;
    let reply = at(&core, "b.example.com").get("/users/count").await;
    assert_eq!((reply.status, reply.text().as_str()), (400, "Connection URI domain is disallowed\n"));
    assert_eq!(at(&core, "a.example.com").get("/users/count").await.status, 500, "it has no database");
    assert_eq!(users(&at(&core, "c.example.com"), "").await, 0, "the default domain");
    let refused = (400, "Creation of connection uri domain or app or tenant is disallowed".to_owned());
    for domain in ["b.example.com", "c.example.com"] {
        for path in [DOMAIN, "/recipe/multitenancy/connectionuridomain"] {
            assert_eq!(refusal(&core, path, json!({"connectionUriDomain": domain})).await, refused);
        }
    }
    assert_eq!(core.put(APP, json!({"appId": "a1"})).await.status_word(), "OK");
    let listed = core.get("/recipe/multitenancy/connectionuridomain/list/v2").await.json();
    let names: Vec<_> = listed["connectionUriDomains"].as_array().unwrap().iter().collect();
    let names: Vec<_> = names.iter().map(|domain| domain["connectionUriDomain"].clone()).collect();
    assert_eq!(names, ["", "a.example.com"]);
    let migrated = core.get("/migration/mode").await.json();
    assert_eq!(migrated["cuds"].as_array().unwrap().len(), 2);
    let Some(settings) = core.another_database("_a") else { return };
    assert!(!put(&core, "a.example.com", &settings).await);
    at(&core, "a.example.com").sign_up("ann@example.com", "password1").await;
    assert_eq!(core.app.open_databases().len(), 2);
}

#[tokio::test]
async fn a_domain_without_its_database_fails_alone() {
    let core = TestCore::start().await;
    let sql = "insert into tenant_configs (connection_uri_domain, app_id, tenant_id, core_config)
        values ($1, 'public', 'public', $2)";
    let mut tx = core.app.db.write().await.unwrap();
    let nowhere = r#"{"postgresql_connection_uri": "postgresql://u:secret@127.0.0.1:1/d"}"#;
    for (domain, settings) in [("down.example.com", nowhere), ("none.example.com", "{}")] {
        tx.execute(sql, args![domain, settings]).await.unwrap();
    }
    tx.commit().await.unwrap();
    for (domain, status) in [("down.example.com", 503), ("none.example.com", 500)] {
        let domain = at(&core, domain);
        let calls = [domain.get("/users/count"), domain.get("/users/count")];
        for reply in futures_util::future::join_all(calls).await {
            assert_eq!(reply.status, status);
            assert!(!reply.text().contains("secret"), "{}", reply.text());
        }
    }
    assert_eq!(users(&core, "").await, 0);
    let listed = core.get("/recipe/multitenancy/connectionuridomain/list/v2").await.json();
    assert_eq!(listed["connectionUriDomains"].as_array().unwrap().len(), 3);
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    let Some(settings) = core.another_database("_a") else { return };
    assert!(!put(&core, "down.example.com", &settings).await, "it is given another database");
    assert_eq!(users(&at(&core, "down.example.com"), "").await, 0);
}

#[tokio::test]
async fn a_call_that_broke_off_before_the_domain_s_database_was_written_is_repeated() {
    let core = TestCore::start().await;
    let Some(settings) = core.another_database("_a") else { return };
    put(&core, "a.example.com", &settings).await;
    let domain = at(&core, "a.example.com");
    domain.put(TENANT, json!({"tenantId": "t1"})).await.json();
    let mut tx = database(&core, "a.example.com").write().await.unwrap();
    tx.execute("delete from apps", &[]).await.unwrap();
    tx.commit().await.unwrap();
    assert!(!put(&core, "a.example.com", &settings).await);
    domain.sign_up("ann@example.com", "password1").await;
    assert_eq!(users(&domain, "/t1").await, 0, "the tenant is there again");
}

#[tokio::test]
async fn a_domain_that_is_given_another_database_takes_its_tenants_along() {
    let core = TestCore::start().await;
    let Some(settings) = core.another_database("_a") else { return };
    put(&core, "a.example.com", &settings).await;
    let domain = at(&core, "a.example.com");
    domain.put(APP, json!({"appId": "a1"})).await.json();
    domain.sign_up("ann@example.com", "password1").await;
    let keys = domain.get("/.well-known/jwks.json").await.json();
    assert!(!put(&core, "a.example.com", &core.another_database("_b").unwrap()).await);
    assert_eq!(users(&domain, "").await, 0);
    let body = json!({"email": "ann@example.com", "password": "password1"});
    assert_eq!(domain.post("/appid-a1/recipe/signup", body).await.status_word(), "OK");
    assert_ne!(domain.get("/.well-known/jwks.json").await.json(), keys);
    put(&core, "a.example.com", &settings).await;
    assert_eq!(users(&domain, "").await, 1, "what was left behind is there");
}

#[tokio::test]
async fn jobs_run_in_every_open_database() {
    let core = TestCore::start().await.cdi("5.4");
    let Some(settings) = core.another_database("_a") else { return };
    put(&core, "a.example.com", &settings).await;
    let domain = at(&core, "a.example.com");
    create(&core, json!({})).await;
    create(&domain, json!({})).await;
    let db = database(&core, "a.example.com");
    let left = || async {
        let tables = ["session_info", "session_access_token_signing_keys"];
        let mut left = Vec::new();
        for (db, table) in
            [(&core.app.db, tables[0]), (&db, tables[0]), (&core.app.db, tables[1]), (&db, tables[1])]
        {
            left.push(count(db, table).await);
        }
        left
    };
    assert_eq!(left().await, [1, 1, 1, 1]);
    core.advance(101 * DAY);
    jobs::run_all(&core.app, core.app.clock.now()).await.unwrap();
    assert_eq!(left().await, [0, 0, 0, 0]);
    core.app.stop().await;
    assert!(db.ping().await.is_err(), "a stop closes it");
}

#[tokio::test]
async fn another_core_learns_of_a_domain_and_of_its_end_within_a_minute() {
    let core = TestCore::start().await;
    let Some(settings) = core.another_database("_a") else { return };
    let other = core.another().await;
    let there = at(&other, "a.example.com");
    assert_eq!(users(&there, "").await, 0);
    other.sign_up("ann@example.com", "password1").await;
    put(&core, "a.example.com", &settings).await;
    core.advance(60_000);
    assert_eq!(users(&there, "").await, 0, "the domain has no user");
    assert_eq!(other.app.open_databases().len(), 2);
    core.post(REMOVE, json!({"connectionUriDomain": "a.example.com"})).await.json();
    core.advance(60_000);
    assert_eq!(users(&there, "").await, 1, "the host is the default domain's again");
    assert_eq!(other.app.open_databases().len(), 1);
}

#[tokio::test]
async fn what_happens_in_a_domain_is_told_from_its_own_database() {
    let receiver = Receiver::of_all();
    let core = TestCore::start_with(&webhooks::settings(&receiver)).await;
    let Some(settings) = core.another_database("_a") else { return };
    put(&core, "a.example.com", &settings).await;
    let ann = at(&core, "a.example.com").sign_up("ann@example.com", "password1").await["id"].clone();
    let bob = core.sign_up("bob@example.com", "password1").await["id"].clone();
    webhooks::tell(&core).await;
    let received = receiver.received();
    for (user, domain, other) in [(&ann, "a.example.com", &bob), (&bob, "", &ann)] {
        let told: Vec<&Received> = received.iter().filter(|request| request.user_id() == user).collect();
        assert!(!told.is_empty(), "{received:?}");
        for request in told {
            assert_eq!(request.body["data"]["connectionUriDomain"], domain, "{request:?}");
        }
        let kept = service::list(&database(&core, domain), Some(State::Delivered), 1000).await.unwrap();
        let is_about = |user: &Value| kept.iter().any(|delivery| delivery.body.contains(&user.to_string()));
        assert!(is_about(user) && !is_about(other), "{kept:?}");
    }
    // Both databases number their events from 1 on, and the clock stands still.
    let ids: HashSet<&str> = received.iter().map(|request| request.id.as_str()).collect();
    assert_eq!(ids.len(), received.len(), "each has an id of its own: {received:?}");
}

#[tokio::test]
async fn a_domain_whose_database_is_down_keeps_no_other_from_its_turn() {
    let receiver = Receiver::of_all();
    let mut settings = webhooks::settings(&receiver);
    settings["webhook_events"] = "metadata_updated".into();
    let core = TestCore::start_with(&settings).await;
    for (domain, name) in [("a.example.com", "_a"), ("b.example.com", "_b")] {
        let Some(settings) = core.another_database(name) else { return };
        put(&core, domain, &settings).await;
    }
    // Whichever of them has its turn first is to go down: it moves to a server of its own.
    let open = core.app.open_databases();
    let [_, (down, _), (other, _)] = &open[..] else { panic!("{open:?}") };
    let cluster = Cluster::new();
    cluster.start(&[]);
    put(&core, down, &json!({"postgresql_connection_uri": cluster.url()})).await;
    for host in ["", down.as_str(), other.as_str()] {
        let body = json!({"userId": format!("user of {host}"), "metadataUpdate": {"n": 1}});
        assert_eq!(at(&core, host).put("/recipe/user/metadata", body).await.status_word(), "OK");
    }
    assert_eq!(core.app.open_databases()[1].0, *down, "it still has its turn before the other");
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
    let told = || {
        let mut users: Vec<String> =
            receiver.received().iter().map(|request| request.user_id().to_owned()).collect();
        users.sort();
        users
    };
    let user = |host: &str| format!("user of {host}");

    cluster.stop();
    let fault = format!("{down}: database error");
    let failed = deliver(&core.app).await.unwrap_err().to_string();
    assert!(failed.starts_with(&fault), "{failed}");
    assert_eq!(told(), [user(""), user(other)]);
    let failed = jobs::run_all(&core.app, core.clock.now()).await.unwrap_err().to_string();
    assert!(failed.starts_with(&fault), "{failed}");

    cluster.start(&[]);
    deliver(&core.app).await.unwrap();
    assert_eq!(told(), [user(""), user("a.example.com"), user("b.example.com")], "each is told once");
}
