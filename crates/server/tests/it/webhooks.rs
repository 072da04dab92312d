//! Webhooks of the real binary: killed while it delivers, its commands beside it, and what its log tells.

use crate::caller::Caller;
use crate::place::Place;
use portcullis_testkit::{Answer, Received, Receiver, WEBHOOK_SECRET};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A core that tells a receiver.
pub(crate) fn place(name: &str, receiver: &Receiver, more: &[(&'static str, &'static str)]) -> Place {
    // In test mode jobs begin with the core, not some time after.
    let url: &'static str = Box::leak(receiver.url().into_boxed_str());
    let own = [("TEST_MODE", "true"), ("WEBHOOK_URL", url), ("WEBHOOK_SECRET", WEBHOOK_SECRET)];
    Place::new(name, &[&own, more].concat())
}

/// Deliveries in a state, as the command shows them.
pub(crate) fn list(place: &Place, state: &str) -> Vec<Value> {
    let (succeeded, text) = place.run(&["webhooks", "list", "--limit", "100000", "--json", "--state", state]);
    assert!(succeeded, "{text}");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn wait_until(within: Duration, what: &str, reached: impl Fn() -> bool) {
    let begun = Instant::now();
    while !reached() {
        assert!(begun.elapsed() < within, "{what}");
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn dead_events_are_listed_and_replayed_beside_a_running_core() {
    let status = Arc::new(AtomicU16::new(410));
    let answer = Arc::clone(&status);
    let receiver = Receiver::start(move |_| Answer::status(answer.load(Ordering::SeqCst)));
    let place = place("webhooks", &receiver, &[("WEBHOOK_EVENTS", "emailpassword_sign_up")]);
    let (succeeded, text) = place.run(&["webhooks", "list"]);
    assert!(!succeeded, "there is no database yet: {text}");
    let core = place.start();
    let caller = Caller::new(&core.address);
    for name in ["ann", "bob"] {
        let credentials = json!({"email": format!("{name}@example.com"), "password": "password1"});
        assert_eq!(caller.post("5.4", "/recipe/signup", &credentials).expect("answers")["status"], "OK");
    }
    wait_until(Duration::from_secs(20), "both are given up", || list(&place, "dead").len() == 2);
    let (_, text) = place.run(&["webhooks", "list"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].contains("emailpassword_sign_up") && lines[0].contains("dead, attempts: 1"), "{text}");
    assert!(lines[0].ends_with("the endpoint answered 410"), "{text}");

    status.store(204, Ordering::SeqCst);
    let id = list(&place, "dead")[0]["id"].to_string();
    let (succeeded, text) = place.run(&["webhooks", "replay", "--id", &id]);
    assert!(succeeded && text == "pending again: 1\n", "{text}");
    let (succeeded, text) = place.run(&["webhooks", "replay", "--id", "123456"]);
    assert!(!succeeded && text.contains("there is no delivery of event 123456"), "{text}");
    let (succeeded, text) = place.run(&["webhooks", "replay", "--dead"]);
    assert!(succeeded && text == "pending again: 1\n", "{text}");
    wait_until(Duration::from_secs(20), "both are delivered", || list(&place, "delivered").len() == 2);
    assert_eq!(receiver.received().len(), 4);
    assert!(!place.run(&["webhooks", "replay"]).0, "it must be said what");
    for wrong in [["--limit", "0"], ["--state", "nonsense"]] {
        let (succeeded, text) = place.run(&[&["webhooks", "list"][..], &wrong].concat());
        assert!(!succeeded && text.contains(wrong[1]), "{text}");
    }
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    assert!(log.contains("webhook given up"), "{log}");
}

#[test]
fn neither_secret_nor_address_is_logged() {
    let receiver = Receiver::start(|_| Answer::status(500));
    let place = place("webhook_log", &receiver, &[("LOG_LEVEL", "DEBUG")]);
    let core = place.start();
    let caller = Caller::new(&core.address);
    for n in 0..6 {
        let credentials = json!({"email": format!("{n}@example.com"), "password": "password1"});
        caller.post("5.4", "/recipe/signup", &credentials).expect("answers");
    }
    wait_until(Duration::from_secs(20), "the endpoint is found to be down", || {
        core.log().contains("the webhook endpoint is down")
    });
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    assert!(log.contains("webhook failed: event"), "{log}");
    for hidden in [&WEBHOOK_SECRET["whsec_".len()..], "from=portcullis", "/hooks"] {
        assert!(!log.contains(hidden), "{hidden} is in the log: {log}");
    }
}

#[test]
fn a_core_that_is_killed_between_post_and_note_posts_again() {
    const EVENTS: usize = 8;
    // Long enough to be killed before the answer, and short enough to be answered in time.
    let receiver = Receiver::start(|_| Answer { delay: Duration::from_millis(700), ..Answer::status(200) });
    let place = place("webhook_kill", &receiver, &[("WEBHOOK_EVENTS", "metadata_updated")]);
    let core = place.start();
    let caller = Caller::new(&core.address);
    for n in 0..EVENTS {
        let body = json!({"userId": format!("user{}", n % 2), "metadataUpdate": {"n": n}});
        assert_eq!(caller.put("5.4", "/recipe/user/metadata", &body).expect("answers")["status"], "OK");
    }
    wait_until(Duration::from_mins(1), "something is posted", || !receiver.received().is_empty());
    core.kill();
    let before = receiver.received().len();
    let core = place.start();
    wait_until(Duration::from_mins(1), "something more is posted", || receiver.received().len() > before);
    core.kill();
    let last = place.start();
    wait_until(Duration::from_mins(2), "all are delivered", || list(&place, "delivered").len() == EVENTS);
    let (clean, log) = last.stop();
    assert!(clean, "{log}");
    let received = receiver.received();
    assert!(received.len() > EVENTS, "nothing was posted twice");
    let mut of_users: BTreeMap<&str, Vec<&Received>> = BTreeMap::new();
    for request in &received {
        of_users.entry(request.user_id()).or_default().push(request);
    }
    for (user, requests) in of_users {
        let mut events: Vec<i64> = requests.iter().map(|request| request.event_id()).collect();
        assert!(events.is_sorted(), "{user}: {events:?}");
        events.dedup();
        assert_eq!(events.len(), EVENTS / 2, "{user}");
    }
}
