//! A core that ends at any statement or commit: nothing is lost, nothing is there twice, what was done has its event
//! and nothing else has one, and it can be done again.
//!
//! Each test goes on in one database with a fresh core after each crash: what a core only remembers is gone.

use super::accountlinking::{
    link, make_primary, session, sessions, unlink, user, with_password, with_provider,
};
use super::webhooks::{deliveries, settings, tell};
use portcullis_core::ground::audit;
use portcullis_core::ground::webhooks::{State, deliver};
use portcullis_core::{App, Chore};
use portcullis_db::{Engine, FromRow, Value as Arg, args, crash_at};
use portcullis_testkit::{Received, Receiver, TestCore};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const BCRYPT: &str = "$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm";

async fn run_job(app: &Arc<App>, name: &str) {
    let job = app.recipes.iter().flat_map(|recipe| recipe.jobs).find(|job| job.name == name).unwrap();
    let Chore::InDatabase(work) = job.chore else { unreachable!("{name} is one statement") };
    work(app, "", &app.db, app.clock.now()).await.unwrap();
}

async fn rows<R: FromRow>(core: &TestCore, sql: &'static str, args: &[Arg<'_>]) -> Vec<R> {
    core.app.db.read().await.unwrap().fetch_all(sql, args).await.unwrap()
}

async fn count(core: &TestCore, sql: &'static str, args: &[Arg<'_>]) -> i64 {
    rows::<(i64,)>(core, sql, args).await[0].0
}

/// How many events of a kind are about a user or a login method.
async fn events(core: &TestCore, kind: &str, id: &str) -> i64 {
    let sql = "select count(*) from activity_log
        where event_type = $1 and (recipe_user_id = $2 or primary_or_recipe_user_id = $2)";
    count(core, sql, args![kind, id]).await
}

/// Does something until it has come through without a crash, with a crash at each of its points before that. What
/// `prepare` makes in each round, with the round's number, is told to all others; `work` is cut off, and then `check`
/// says whether it was done; then `work` is done once more, and `check` must say that it was.
pub(super) async fn crash_everywhere<P>(
    mut core: TestCore,
    prepare: impl AsyncFn(&TestCore, usize) -> P,
    work: impl AsyncFn(&TestCore, &P),
    check: impl AsyncFn(&TestCore, &P) -> bool,
) {
    let mut crashes = [0, 0];
    for point in 1.. {
        let prepared = prepare(&core, point).await;
        assert!(!check(&core, &prepared).await, "it is still to be done");
        let ended = crash_at(point, work(&core, &prepared)).await;
        core = after_crash(&core).await;
        let is_done = check(&core, &prepared).await;
        if ended.is_some() {
            assert!(is_done);
            break;
        }
        crashes[usize::from(is_done)] += 1;
        let begun = Instant::now();
        // On PostgreSQL the locks of the core that crashed may be held for a moment, and jobs pass over what is locked.
        loop {
            work(&core, &prepared).await;
            if check(&core, &prepared).await {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "after a crash at point {point}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    assert!(crashes[0] > 4 && crashes[1] > 0, "before and after it was done: {crashes:?}");
}

/// Another core, once nothing of what the one before did is on its way to the database any more: a commit that was cut
/// off may still come to pass.
async fn after_crash(core: &TestCore) -> TestCore {
    let another = core.another().await;
    match another.app.db.engine() {
        // Its one writer takes this after all that was begun.
        Engine::Sqlite => drop(core.app.db.write().await.unwrap()),
        Engine::Postgres => {
            let busy = "select count(*) from pg_stat_activity where datname = current_database()
                and backend_type = 'client backend' and state <> 'idle' and pid <> pg_backend_pid()";
            let begun = Instant::now();
            let mut quiet = 0;
            // What was sent before the crash may not have arrived yet: one look is not enough.
            while quiet < 3 {
                tokio::time::sleep(Duration::from_millis(10)).await;
                quiet = if count(&another, busy, &[]).await > 0 { 0 } else { quiet + 1 };
                assert!(begun.elapsed() < Duration::from_secs(10), "something goes on that was cut off");
            }
        }
    }
    another
}

fn whole(name: &str) -> Value {
    json!({
        "externalUserId": format!("ext-{name}"),
        "userMetadata": {"plan": name},
        "userRoles": [{"role": "admin", "tenantIds": ["public", "t1"]}],
        "totpDevices": [{"secretKey": "JBSWY3DPEHPK3PXP", "deviceName": "phone"}],
        "loginMethods": [
            {"recipeId": "emailpassword", "email": format!("{name}@example.com"), "isPrimary": true,
                "isVerified": true, "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt", "tenantIds": ["public", "t1"]},
            {"recipeId": "thirdparty", "email": format!("{name}@gmail.com"), "thirdPartyId": "google",
                "thirdPartyUserId": name},
        ],
    })
}

async fn start() -> TestCore {
    let core = TestCore::start().await;
    core.put("/recipe/multitenancy/tenant/v2", json!({"tenantId": "t1"})).await;
    core.put("/recipe/role", json!({"role": "admin"})).await;
    core
}

async fn queue(core: &TestCore, users: &[Value]) {
    assert_eq!(core.post("/bulk-import/users", json!({"users": users})).await.status_word(), "OK");
}

/// The states of a user's entries in the queue.
async fn queued(core: &TestCore, name: &str) -> Vec<String> {
    let sql = "select status from bulk_import_users where raw_data like $1";
    let found: Vec<(String,)> = rows(core, sql, args![&format!("%\"ext-{name}\"%")]).await;
    found.into_iter().map(|(state,)| state).collect()
}

/// Whether a user was imported; then all of it is there, with one event, and else nothing but an entry that waits.
async fn is_imported(core: &TestCore, name: &str) -> bool {
    is_imported_from(core, name, &["NEW"]).await
}

/// As [`is_imported`], with the states in which the entry may wait.
async fn is_imported_from(core: &TestCore, name: &str, states: &[&str]) -> bool {
    let id = format!("ext-{name}");
    let found = core.get(&format!("/user/id?userId={id}")).await.json();
    let there = found["status"] == "OK";
    let queued = queued(core, name).await;
    assert_eq!(queued.len(), usize::from(!there), "{name}: {queued:?}");
    assert!(queued.iter().all(|state| states.contains(&state.as_str())), "{name}: {queued:?}");
    assert_eq!(events(core, "user_imported", &id).await, i64::from(there), "{name}");
    let devices = core.get(&format!("/recipe/totp/device/list?userId={id}")).await.json();
    assert_eq!(devices["devices"].as_array().map_or(0, Vec::len), usize::from(there), "{name}");
    let metadata = core.get(&format!("/recipe/user/metadata?userId={id}")).await.json();
    assert_eq!(metadata["metadata"], if there { json!({"plan": name}) } else { json!({}) });
    let roles = core.get(&format!("/t1/recipe/user/roles?userId={id}")).await.json();
    assert_eq!(roles["roles"].as_array().map_or(0, Vec::len), usize::from(there), "{name}");
    let methods: i64 = ["emailpassword_users", "thirdparty_users"].len().try_into().unwrap();
    let reserved = "select count(*) from primary_user_tenants where account_info_value like $1";
    let reserved = count(core, reserved, args![&format!("%{name}@%")]).await;
    assert_eq!(reserved > 0, there, "{name}");
    if there {
        assert_eq!(
            found["user"]["loginMethods"].as_array().unwrap().len(),
            usize::try_from(methods).unwrap()
        );
        assert_eq!(found["user"]["tenantIds"], json!(["public", "t1"]));
    }
    there
}

#[tokio::test]
async fn an_import_of_several_users_in_one_unit_of_work() {
    let prepare = async |core: &TestCore, round: usize| {
        let names = [format!("ann{round}x"), format!("bob{round}x")];
        queue(core, &names.each_ref().map(|name| whole(name))).await;
        names
    };
    let check = async |core: &TestCore, names: &[String; 2]| {
        let [ann, bob] = [is_imported(core, &names[0]).await, is_imported(core, &names[1]).await];
        assert_eq!(ann, bob, "they share a unit of work");
        ann
    };
    let work = async |core: &TestCore, _: &[String; 2]| run_job(&core.app, "import of users").await;
    crash_everywhere(start().await, prepare, work, check).await;
}

#[tokio::test]
async fn an_import_one_by_one_since_one_of_them_cannot_be_imported() {
    let prepare = async |core: &TestCore, round: usize| {
        let name = format!("ann{round}x");
        let taken = format!("bob{round}@example.com");
        with_password(core, &taken).await;
        let mut bob = whole(&format!("bob{round}x"));
        bob["loginMethods"][0]["email"] = taken.into();
        queue(core, &[bob, whole(&name)]).await;
        name
    };
    let check = async |core: &TestCore, name: &String| {
        let bob = name.replace("ann", "bob");
        assert!(core.get(&format!("/user/id?userId=ext-{bob}")).await.json()["status"] != "OK");
        assert_eq!(events(core, "user_imported", &format!("ext-{bob}")).await, 0);
        let [state] = &queued(core, &bob).await[..] else { panic!("one entry of {bob}") };
        is_imported(core, name).await && state == "FAILED"
    };
    let work = async |core: &TestCore, _: &String| run_job(&core.app, "import of users").await;
    crash_everywhere(start().await, prepare, work, check).await;
}

#[tokio::test]
async fn an_import_that_hashes_a_password_first() {
    let prepare = async |core: &TestCore, round: usize| {
        let name = format!("ann{round}x");
        let mut ann = whole(&name);
        let method = ann["loginMethods"][0].as_object_mut().unwrap();
        method.retain(|field, _| !["passwordHash", "hashingAlgorithm"].contains(&field.as_str()));
        method.insert("plainTextPassword".to_owned(), "secret 1".into());
        queue(core, &[ann]).await;
        name
    };
    let check = async |core: &TestCore, name: &String| {
        let there = is_imported_from(core, name, &["NEW", "PROCESSING"]).await;
        let body = json!({"email": format!("{name}@example.com"), "password": "secret 1"});
        let status = core.post("/recipe/signin", body).await.status_word();
        assert_eq!(status, if there { "OK" } else { "WRONG_CREDENTIALS_ERROR" });
        there
    };
    let work = async |core: &TestCore, _: &String| {
        // What a worker that has died had claimed is taken again a minute later.
        core.advance(60_001);
        run_job(&core.app, "import of users").await;
    };
    crash_everywhere(start().await, prepare, work, check).await;
}

#[tokio::test]
async fn an_import_of_one_user_at_once() {
    let prepare = async |_: &TestCore, round: usize| format!("ann{round}x");
    let check = async |core: &TestCore, name: &String| {
        let id = format!("ext-{name}");
        let there = core.get(&format!("/user/id?userId={id}")).await.json()["status"] == "OK";
        assert_eq!(events(core, "user_imported", &id).await, i64::from(there));
        there
    };
    let work = async |core: &TestCore, name: &String| {
        let reply = core.post("/bulk-import/import", whole(name)).await;
        assert!(
            [200, 400].contains(&reply.status),
            "it was done before the crash, or is done now: {}",
            reply.text()
        );
    };
    crash_everywhere(start().await, prepare, work, check).await;
}

/// Two login methods with a session each.
async fn two(core: &TestCore, round: usize) -> [String; 2] {
    let ann = with_password(core, &format!("ann{round}@example.com")).await;
    let google = with_provider(core, "", &format!("g{round}"), &format!("ann{round}@gmail.com")).await;
    session(core, &ann).await;
    session(core, &google).await;
    [ann, google]
}

async fn two_linked(core: &TestCore, round: usize) -> [String; 2] {
    let [ann, google] = two(core, round).await;
    assert_eq!(make_primary(core, &ann).await["status"], "OK");
    assert_eq!(link(core, &google, &ann).await["status"], "OK");
    // To link it has signed it out.
    session(core, &google).await;
    [ann, google]
}

#[tokio::test]
async fn a_login_method_that_becomes_primary() {
    let check = async |core: &TestCore, [ann, _]: &[String; 2]| {
        let is_primary = user(core, ann).await["isPrimaryUser"] == json!(true);
        assert_eq!(events(core, "primary_user_created", ann).await, i64::from(is_primary));
        let reserved = "select count(*) from primary_user_tenants where primary_user_id = $1";
        assert_eq!(count(core, reserved, args![ann]).await, i64::from(is_primary));
        is_primary
    };
    let work = async |core: &TestCore, [ann, _]: &[String; 2]| {
        assert_eq!(make_primary(core, ann).await["status"], "OK");
    };
    crash_everywhere(TestCore::start().await, two, work, check).await;
}

#[tokio::test]
async fn a_login_method_that_is_linked() {
    let prepare = async |core: &TestCore, round: usize| {
        let both = two(core, round).await;
        assert_eq!(make_primary(core, &both[0]).await["status"], "OK");
        both
    };
    let check = async |core: &TestCore, [ann, google]: &[String; 2]| {
        let linked = user(core, google).await["id"] == json!(ann);
        let methods = user(core, ann).await["loginMethods"].as_array().unwrap().len();
        assert_eq!(methods, if linked { 2 } else { 1 });
        assert_eq!(events(core, "user_linked", google).await, i64::from(linked));
        assert_eq!((sessions(core, ann).await, sessions(core, google).await), (1, usize::from(!linked)));
        linked
    };
    let work = async |core: &TestCore, [ann, google]: &[String; 2]| {
        assert_eq!(link(core, google, ann).await["status"], "OK");
    };
    crash_everywhere(TestCore::start().await, prepare, work, check).await;
}

#[tokio::test]
async fn a_login_method_that_is_unlinked() {
    let check = async |core: &TestCore, [ann, google]: &[String; 2]| {
        let alone = user(core, google).await["id"] == json!(google);
        let methods = user(core, ann).await["loginMethods"].as_array().unwrap().len();
        assert_eq!(methods, if alone { 1 } else { 2 });
        assert_eq!(events(core, "user_unlinked", google).await, i64::from(alone));
        assert_eq!((sessions(core, ann).await, sessions(core, google).await), (1, usize::from(!alone)));
        alone
    };
    let work = async |core: &TestCore, [_, google]: &[String; 2]| {
        assert_eq!(unlink(core, google).await["status"], "OK");
    };
    crash_everywhere(TestCore::start().await, two_linked, work, check).await;
}

#[tokio::test]
async fn a_login_method_that_is_deleted_as_others_are_linked_to_its_id() {
    let check = async |core: &TestCore, [ann, google]: &[String; 2]| {
        let left = user(core, google).await;
        assert_eq!(left["id"], json!(ann), "the group outlives it");
        let deleted = left["loginMethods"].as_array().unwrap().len() == 1;
        let rows =
            count(core, "select count(*) from emailpassword_users where user_id = $1", args![ann]).await;
        assert_eq!(rows, i64::from(!deleted));
        assert_eq!(events(core, "user_unlinked", ann).await, i64::from(deleted));
        assert_eq!((sessions(core, ann).await, sessions(core, google).await), (usize::from(!deleted), 1));
        deleted
    };
    let work = async |core: &TestCore, [ann, _]: &[String; 2]| {
        assert_eq!(unlink(core, ann).await["status"], "OK");
    };
    crash_everywhere(TestCore::start().await, two_linked, work, check).await;
}

/// Events of three users, two of each.
async fn six_events(core: &TestCore, round: usize) -> Vec<String> {
    let users: Vec<String> = (0..3).map(|n| format!("user{round}-{n}")).collect();
    for user in users.iter().chain(&users) {
        let body = json!({"userId": user, "metadataUpdate": {"round": round}});
        assert_eq!(core.put("/recipe/user/metadata", body).await.status_word(), "OK");
    }
    users
}

const AUDIT_SEALS: &str = "audit seals";

#[tokio::test]
async fn sealing_and_the_outbox() {
    let receiver = Receiver::of_all();
    let settings = settings(&receiver);
    let mut core = TestCore::start_with(&settings).await;
    let check = async |core: &TestCore| {
        let head = "select highest_id from portcullis_audit_head";
        let highest = count(core, head, &[]).await;
        let unsealed = count(core, "select count(*) from activity_log where id > $1", args![highest]).await;
        let sealed = "select cast(coalesce(sum(event_count), 0) as bigint) from portcullis_audit_seals";
        let logged = count(core, "select count(*) from activity_log", &[]).await;
        assert_eq!(count(core, sealed, &[]).await, logged - unsealed, "each is sealed once");
        let without = "select count(*) from activity_log event where id <= $1 and not exists (
            select 1 from portcullis_webhook_deliveries delivery where delivery.event_id = event.id)";
        assert_eq!(count(core, without, args![highest]).await, 0, "what is sealed is in the outbox");
        let early = "select count(*) from portcullis_webhook_deliveries where event_id > $1";
        assert_eq!(count(core, early, args![highest]).await, 0, "what is in the outbox is sealed");
        unsealed == 0
    };
    let mut crashes = [0, 0];
    for point in 1.. {
        six_events(&core, point).await;
        assert!(!check(&core).await);
        let ended = crash_at(point, run_job(&core.app, AUDIT_SEALS)).await;
        core = core.another_with(&settings).await;
        let done = check(&core).await;
        crashes[usize::from(done)] += 1;
        if ended.is_some() {
            assert!(done);
            break;
        }
        let begun = Instant::now();
        while !check(&core).await {
            // The head may still be locked for the core that crashed.
            assert!(begun.elapsed() < Duration::from_secs(10), "after a crash at point {point}");
            run_job(&core.app, AUDIT_SEALS).await;
        }
    }
    assert!(crashes[0] > 4 && crashes[1] > 1, "{crashes:?}");
    let report = audit::verify(&core.app.db, 0, None).await.unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
    tell(&core).await;
    assert_eq!(receiver.received().len(), deliveries(&core).await.len());
}

#[tokio::test]
async fn deliveries_are_taken_and_noted() {
    let receiver = Receiver::of_all();
    let mut settings = settings(&receiver);
    settings["webhook_events"] = "metadata_updated".into();
    let mut core = TestCore::start_with(&settings).await;
    let (mut crashes, mut twice) = (0, 0);
    for point in 1.. {
        let users = six_events(&core, point).await;
        run_job(&core.app, AUDIT_SEALS).await;
        let before = receiver.received().len();
        let ended = crash_at(point, async { while deliver(&core.app).await.unwrap() {} }).await;
        core = core.another_with(&settings).await;
        let received = receiver.received();
        let delivered =
            deliveries(&core).await.into_iter().filter(|delivery| delivery.state == State::Delivered);
        for delivery in delivered {
            let is_known = received.iter().any(|request| request.event_id() == delivery.event_id);
            assert!(is_known, "noted as taken, but never posted: {delivery:?}");
        }
        if ended.is_none() {
            crashes += 1;
            // So long a core is taken to be at it; PostgreSQL may still hold what it had locked.
            core.advance(30_001);
            let begun = Instant::now();
            while deliveries(&core).await.iter().any(|delivery| delivery.state != State::Delivered) {
                assert!(begun.elapsed() < Duration::from_secs(10), "after a crash at point {point}");
                tell(&core).await;
            }
        }
        let received = &receiver.received()[before..];
        let mut posts: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
        for request in received {
            posts.entry(request.user_id()).or_default().push(request.event_id());
        }
        assert_eq!(posts.len(), users.len(), "{posts:?}");
        for events in posts.values_mut() {
            assert!(events.is_sorted(), "each user's in order: {events:?}");
            twice += events.len() - 2;
            events.dedup();
            assert_eq!(events.len(), 2, "each is posted");
        }
        let ids: Vec<&Received> = received.iter().filter(|request| request.user_id() == users[0]).collect();
        assert!(
            ids.windows(2).all(|two| (two[0].id == two[1].id) == (two[0].event_id() == two[1].event_id()))
        );
        if ended.is_some() {
            break;
        }
    }
    assert!(crashes > 8 && twice > 0, "{crashes} crashes, {twice} events posted twice");
}
