//! Webhooks: what an endpoint is told, in which order, and what becomes of what it does not take.

use portcullis_core::ground::webhooks::{Delivery, State, deliver, service};
use portcullis_core::jobs;
use portcullis_db::args;
use portcullis_testkit::{Answer, Received, Receiver, START, TestCore, WEBHOOK_SECRET};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// Settings that name a receiver.
pub(super) fn settings(receiver: &Receiver) -> Value {
    json!({"webhook_url": receiver.url(), "webhook_secret": WEBHOOK_SECRET})
}

async fn start(receiver: &Receiver, more: Value) -> TestCore {
    let mut settings = settings(receiver);
    let (all, more) = (settings.as_object_mut().unwrap(), more.as_object().unwrap().clone());
    all.extend(more);
    TestCore::start_with(&settings).await
}

/// Seals what has happened, and posts what is due.
pub(super) async fn tell(core: &TestCore) {
    jobs::run_all(&core.app, core.clock.now()).await.unwrap();
    while deliver(&core.app).await.unwrap() {}
}

/// The oldest events first.
pub(super) async fn deliveries(core: &TestCore) -> Vec<Delivery> {
    let mut all = service::list(&core.app.db, None, 100_000).await.unwrap();
    all.reverse();
    all
}

async fn states(core: &TestCore) -> Vec<(State, i64)> {
    deliveries(core).await.iter().map(|delivery| (delivery.state, delivery.attempts)).collect()
}

/// Something happens to a user.
async fn happen(core: &TestCore, kind: &str, user: &str) {
    let sql = "insert into activity_log (event_type, status, recipe_user_id, primary_or_recipe_user_id, created_at, payload)
        values ($1, 'success', $2, $2, $3, '{\"v\":1,\"by\":\"cdi\"}')";
    let mut tx = core.app.db.write().await.unwrap();
    tx.execute(sql, args![kind, user, core.clock.now()]).await.unwrap();
    tx.commit().await.unwrap();
}

/// Something of one kind happens to a user.
async fn change(core: &TestCore, user: &str) {
    happen(core, "metadata_updated", user).await;
}

/// The numbers of a user's events, in the order in which the endpoint took them.
fn taken(received: &[(Received, bool)], user: &str) -> Vec<i64> {
    let of_user = received.iter().filter(|(request, taken)| *taken && request.user_id() == user);
    of_user.map(|(request, _)| request.event_id()).collect()
}

#[tokio::test]
async fn an_event_is_posted_once_and_signed() {
    let receiver = Receiver::of_all();
    let core = start(&receiver, json!({})).await;
    tell(&core).await;
    let of_the_start = receiver.received().len();
    happen(&core, "user_deleted", "ann").await;
    happen(&core, "user_deleted", "bob").await;
    deliver(&core.app).await.unwrap();
    assert_eq!(receiver.received().len(), of_the_start, "nothing is posted before it is sealed");
    core.advance(1500);
    tell(&core).await;
    tell(&core).await;
    let received = receiver.received();
    let about_ann: Vec<&Received> = received.iter().filter(|request| request.user_id() == "ann").collect();
    let [request] = about_ann[..] else { panic!("{received:?}") };
    assert_eq!((request.kind(), request.timestamp), ("user_deleted", START / 1000 + 1));
    assert_eq!(request.body["timestamp"], "2023-11-14T22:13:20.000Z");
    let mut data = request.body["data"].clone();
    assert!(data.as_object_mut().unwrap().remove("id").unwrap().as_i64().unwrap() > 0);
    assert_eq!(
        data,
        json!({"connectionUriDomain": "", "appId": "public", "tenantId": "public", "userId": "ann",
            "recipeUserId": "ann", "status": "success", "payload": {"v": 1, "by": "cdi"}})
    );
    let ids: HashSet<&str> = received.iter().map(|request| request.id.as_str()).collect();
    assert_eq!(ids.len(), received.len(), "each has an id of its own");
    assert!(ids.iter().all(|id| id.len() == 36 && !id.contains('.')), "{ids:?}");
    for delivery in deliveries(&core).await {
        assert_eq!((delivery.state, delivery.attempts), (State::Delivered, 1));
        assert_eq!(delivery.last_error, None);
        assert!(delivery.ended_at.unwrap() >= START);
    }
}

#[tokio::test]
async fn without_an_endpoint_nothing_is_kept_for_it() {
    let core = TestCore::start().await;
    change(&core, "ann").await;
    tell(&core).await;
    assert!(core.app.webhooks.is_none());
    assert_eq!(deliveries(&core).await, []);
    let receiver = Receiver::of_all();
    let core = core.another_with(&settings(&receiver)).await;
    tell(&core).await;
    assert_eq!(receiver.received().len(), 0, "it is told of what happens from then on");
    change(&core, "ann").await;
    tell(&core).await;
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn only_the_kinds_that_are_wanted_are_posted() {
    let receiver = Receiver::of_all();
    let core = start(&receiver, json!({"webhook_events": "metadata_updated, user_deleted"})).await;
    for kind in ["user_linked", "metadata_updated", "user_deleted"] {
        happen(&core, kind, "ann").await;
    }
    tell(&core).await;
    let kinds: Vec<String> = receiver.received().iter().map(|request| request.kind().to_owned()).collect();
    assert_eq!(kinds, ["metadata_updated", "user_deleted"]);
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_told_when_it_is_back() {
    let receiver = Receiver::of_all();
    let core = start(&receiver, json!({"webhook_events": "metadata_updated"})).await;
    let address: SocketAddr = receiver.address();
    drop(receiver);
    change(&core, "ann").await;
    tell(&core).await;
    let [failed] = &deliveries(&core).await[..] else { panic!("one") };
    assert_eq!((failed.state, failed.attempts), (State::Pending, 1));
    assert!(failed.last_error.as_deref().unwrap().contains("refused"), "{failed:?}");
    assert!((5000..6000).contains(&(failed.next_attempt_at - START)), "{failed:?}");
    let receiver = Receiver::start_at(address, |_| Answer::status(200));
    core.advance(4999);
    tell(&core).await;
    assert_eq!(receiver.received().len(), 0, "it is too early");
    core.advance(1001);
    tell(&core).await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(states(&core).await, [(State::Delivered, 2)]);
}

#[tokio::test]
async fn one_that_is_not_answered_in_time_holds_nobody_else_up() {
    let receiver = Receiver::start(|request| match request.user_id() {
        "slow" => Answer { delay: Duration::from_secs(12), ..Answer::status(200) },
        _ => Answer::status(200),
    });
    let core = start(&receiver, json!({"webhook_events": "metadata_updated"})).await;
    for user in ["slow", "ann", "slow", "bob"] {
        change(&core, user).await;
    }
    let begun = Instant::now();
    tell(&core).await;
    assert!((10..12).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let all = deliveries(&core).await;
    let states: Vec<(State, i64)> = all.iter().map(|delivery| (delivery.state, delivery.attempts)).collect();
    let (done, later) = ((State::Delivered, 1), (State::Pending, 0));
    assert_eq!(states, [(State::Pending, 1), done, later, done]);
    assert_eq!(all[0].last_error.as_deref(), Some("no answer within 10 seconds"));
}

#[tokio::test]
async fn what_the_endpoint_does_not_take_dies_and_then_lets_the_user_s_next_events_pass() {
    let receiver =
        Receiver::start(|request| match (request.user_id(), request.body["data"]["id"].as_i64()) {
            ("gone", Some(id)) if id % 2 == 1 => Answer::status(410),
            ("bad", Some(id)) if id % 2 == 1 => Answer::status(500),
            _ => Answer::status(200),
        });
    let core =
        start(&receiver, json!({"webhook_events": "metadata_updated", "webhook_max_attempts": 3})).await;
    let first = next_event(&core).await;
    // The first event of each of them is odd.
    for user in ["gone", "gone", "bad", "bad"] {
        change(&core, user).await;
    }
    let odd = usize::try_from(first % 2).unwrap();
    assert_eq!(odd, 1, "so that the first of each is odd");
    tell(&core).await;
    let (dead, done) = (State::Dead, State::Delivered);
    assert_eq!(states(&core).await, [(dead, 1), (done, 1), (State::Pending, 1), (State::Pending, 0)]);
    for attempts in 2..=3 {
        core.advance(MINUTE);
        tell(&core).await;
        let state = if attempts == 3 { dead } else { State::Pending };
        assert_eq!(states(&core).await[2], (state, attempts));
    }
    assert_eq!(states(&core).await[3], (done, 1), "a dead one does not block");
    let all = deliveries(&core).await;
    assert_eq!(all[0].last_error.as_deref(), Some("the endpoint answered 410"));
    assert_eq!(all[2].last_error.as_deref(), Some("the endpoint answered 500"));
    core.advance(DAY);
    tell(&core).await;
    let posts = receiver.received().into_iter().filter(|request| request.user_id() != "somebody");
    assert_eq!(posts.count(), 1 + 1 + 3 + 1, "dead ones are posted no more");
}

/// The number of the next event, which is odd.
async fn next_event(core: &TestCore) -> i64 {
    loop {
        change(core, "somebody").await;
        tell(core).await;
        let last = deliveries(core).await.last().unwrap().event_id;
        let mut tx = core.app.db.write().await.unwrap();
        tx.execute("delete from portcullis_webhook_deliveries", &[]).await.unwrap();
        tx.commit().await.unwrap();
        if last % 2 == 0 {
            return last + 1;
        }
    }
}

#[tokio::test]
async fn an_endpoint_is_left_alone_as_long_as_it_asks() {
    let receiver = Receiver::start(|_| Answer { retry_after: Some(120), ..Answer::status(503) });
    let core = start(&receiver, json!({"webhook_events": "metadata_updated"})).await;
    change(&core, "ann").await;
    tell(&core).await;
    core.advance(2 * MINUTE - 1);
    tell(&core).await;
    assert_eq!(receiver.received().len(), 1);
    core.advance(1);
    tell(&core).await;
    assert_eq!(receiver.received().len(), 2);
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_not_stormed_and_attempts_are_not_used_up() {
    let receiver = Receiver::start(|_| Answer::status(503));
    let core = start(&receiver, json!({"webhook_events": "metadata_updated"})).await;
    for n in 0..60 {
        change(&core, &format!("user{n}")).await;
    }
    tell(&core).await;
    let first = receiver.received().len();
    assert!((5..=30).contains(&first), "{first}");
    for more in 1..=3 {
        tell(&core).await;
        assert_eq!(receiver.received().len(), first + more, "one at a time");
    }
    let attempts: i64 = deliveries(&core).await.iter().map(|delivery| delivery.attempts).sum();
    assert_eq!(usize::try_from(attempts).unwrap(), first + 3);
}

/// An endpoint that fails at random, and keeps each request with whether it was taken.
fn moody(share: u64) -> (Receiver, &'static Mutex<Vec<(Received, bool)>>) {
    let log: &'static Mutex<Vec<(Received, bool)>> = Box::leak(Box::default());
    let receiver = Receiver::start(move |request| {
        let mut log = log.lock().unwrap();
        // As good as chance, and the same in each run.
        let n = log.len() as u64;
        let fails = ((n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) & 0xff) < share;
        log.push((request.clone(), !fails));
        match (fails, n % 3) {
            (false, _) => Answer::status(200),
            (true, 0) => Answer::status(500),
            (true, 1) => Answer::status(400),
            (true, _) => Answer::status(0),
        }
    });
    (receiver, log)
}

#[tokio::test]
async fn a_user_s_events_are_taken_in_order_whatever_fails_and_however_many_cores_there_are() {
    const USERS: usize = 5;
    const EVENTS: usize = 12;
    let (receiver, log) = moody(100);
    let mut settings = settings(&receiver);
    settings["webhook_events"] = "metadata_updated".into();
    settings["webhook_max_attempts"] = 1000.into();
    let core = TestCore::start_with(&settings).await;
    let cores = [core.clone(), core.another_with(&settings).await];
    for n in 0..EVENTS {
        for user in 0..USERS {
            change(&cores[n % 2], &format!("user{user}")).await;
        }
        tokio::join!(tell(&cores[0]), tell(&cores[1]));
    }
    let mut rounds = 0;
    while states(&core).await.iter().any(|(state, _)| *state != State::Delivered) {
        core.advance(MINUTE);
        tokio::join!(tell(&cores[0]), tell(&cores[1]));
        rounds += 1;
        assert!(rounds < 1000, "{:?}", states(&core).await);
    }
    let log = log.lock().unwrap();
    assert!(log.iter().filter(|(_, taken)| !taken).count() > USERS, "hardly anything failed");
    for user in 0..USERS {
        let taken = taken(&log, &format!("user{user}"));
        assert_eq!(taken.len(), EVENTS, "each is taken once, as no core died");
        assert!(taken.is_sorted(), "{taken:?}");
    }
    // No event of a user is posted before the one before it was taken.
    let mut newest: HashMap<&str, i64> = HashMap::new();
    for (request, taken) in log.iter() {
        let last = newest.get(request.user_id()).copied().unwrap_or_default();
        assert!(request.event_id() > last, "{} after {last}", request.event_id());
        if *taken {
            newest.insert(request.user_id(), request.event_id());
        }
    }
    let ids: BTreeMap<i64, HashSet<&str>> = log.iter().fold(BTreeMap::new(), |mut ids, (request, _)| {
        ids.entry(request.event_id()).or_default().insert(&request.id);
        ids
    });
    assert!(ids.values().all(|ids| ids.len() == 1), "every attempt has the event's id: {ids:?}");
}

#[tokio::test]
async fn deliveries_are_replayed() {
    let status = Arc::new(AtomicU16::new(410));
    let answer = Arc::clone(&status);
    let receiver = Receiver::start(move |_| Answer::status(answer.load(Ordering::SeqCst)));
    let core = start(&receiver, json!({"webhook_events": "metadata_updated"})).await;
    for _ in 0..3 {
        change(&core, "ann").await;
    }
    tell(&core).await;
    let db = &core.app.db;
    let ids: Vec<i64> = deliveries(&core).await.iter().map(|delivery| delivery.event_id).collect();
    assert_eq!(states(&core).await, [(State::Dead, 1); 3]);
    assert_eq!(service::list(db, Some(State::Dead), 2).await.unwrap().len(), 2);
    assert_eq!(service::list(db, Some(State::Delivered), 2).await.unwrap(), []);

    let unknown = service::replay(db, &[ids[1], 1_000_000], core.clock.now()).await.unwrap();
    assert_eq!(unknown, [1_000_000]);
    assert_eq!(states(&core).await, [(State::Dead, 1), (State::Pending, 0), (State::Dead, 1)]);
    tell(&core).await;
    assert_eq!(receiver.received().len(), 4);
    status.store(200, Ordering::SeqCst);
    assert_eq!(service::replay_dead(db, core.clock.now()).await.unwrap(), 3);
    assert_eq!(service::replay_dead(db, core.clock.now()).await.unwrap(), 0);
    tell(&core).await;
    let told: Vec<i64> = receiver.received()[4..].iter().map(Received::event_id).collect();
    assert_eq!(told, ids, "in order");
    assert_eq!(states(&core).await, [(State::Delivered, 1); 3]);
    // What was taken can be told again too, under the same id.
    assert!(service::replay(db, &ids[..1], core.clock.now()).await.unwrap().is_empty());
    tell(&core).await;
    let received = receiver.received();
    assert_eq!(received.last().unwrap().id, received[0].id);
}

#[tokio::test]
async fn what_was_delivered_is_kept_for_a_day_and_what_is_dead_as_long_as_events() {
    let receiver = Receiver::start(|request| match request.user_id() {
        "ann" => Answer::status(200),
        _ => Answer::status(410),
    });
    let core =
        start(&receiver, json!({"webhook_events": "metadata_updated", "audit_retention_days": 3})).await;
    for user in ["ann", "bob"] {
        change(&core, user).await;
    }
    tell(&core).await;
    for (after, left) in [(DAY, 2), (1, 1), (2 * DAY - 1, 1), (1, 0)] {
        core.advance(after);
        tell(&core).await;
        assert_eq!(deliveries(&core).await.len(), left, "{after}");
    }
}

#[tokio::test]
async fn both_secrets_sign_while_one_takes_the_other_s_place() {
    let receiver = Receiver::of_all();
    let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let core = start(&receiver, json!({"webhook_secret": format!("{other},{WEBHOOK_SECRET}")})).await;
    change(&core, "ann").await;
    tell(&core).await;
    assert!(!receiver.received().is_empty(), "the receiver knows the second secret alone");
}

/// Through a call, whose event tells the core that there is something to seal.
#[tokio::test]
async fn a_running_core_tells_of_its_calls_by_itself_and_soon() {
    let receiver = Receiver::of_all();
    let core = start(&receiver, json!({"webhook_events": "emailpassword_sign_up, metadata_updated"})).await;
    jobs::start(&core.app);
    // The first runs of all jobs.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let user = core.sign_up("ann@example.com", "password1").await;
    wait_for(&receiver, 1).await;
    let body = json!({"userId": user["id"], "metadataUpdate": {"n": 1}});
    assert_eq!(core.put("/recipe/user/metadata", body).await.status_word(), "OK");
    wait_for(&receiver, 2).await;
    core.app.tasks.stop().await;
    let received = receiver.received();
    let kinds: Vec<&str> = received.iter().map(Received::kind).collect();
    assert_eq!(kinds, ["emailpassword_sign_up", "metadata_updated"]);
    assert!(received.iter().all(|request| request.user_id() == user["id"]), "{received:?}");
    assert!(!received.iter().any(|request| request.body.to_string().contains("password1")));
}

/// Sooner than the job that nobody wakes.
async fn wait_for(receiver: &Receiver, count: usize) {
    let begun = Instant::now();
    while receiver.received().len() < count {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
