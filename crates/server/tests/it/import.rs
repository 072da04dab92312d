//! A bulk import that `kill -9` breaks off again and again: each user is there once, and none is missing; each has one
//! event, which an endpoint is told of.

use crate::caller::Caller;
use crate::place::Place;
use crate::webhooks;
use portcullis_core::crypto::random;
use portcullis_testkit::Receiver;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

const USERS: usize = 1000;
const PATIENCE: Duration = Duration::from_mins(3);
const BCRYPT: &str = "$2a$10$GzEm3vKoAqnJCTWesRARCe/ovjt/07qjvcH9jbLUg44Fn77gMZkmm";

#[test]
fn an_import_goes_on_where_kill_9_broke_it_off() {
    let receiver = Receiver::of_all();
    let place = webhooks::place("import", &receiver, &[("WEBHOOK_EVENTS", "user_imported")]);
    let core = place.start();
    let users: Vec<Value> = (0..USERS).map(user).collect();
    let added = Caller::new(&core.address).post("5.6", "/bulk-import/users", &json!({"users": users}));
    assert_eq!(added.expect("answers")["users"].as_array().map(Vec::len), Some(USERS));
    core.kill();
    let (mut kills, mut left, begun) = (0, USERS, Instant::now());
    loop {
        let core = place.start();
        let caller = Caller::new(&core.address);
        // Killed by how far it has come and not by the time that passed: a machine with nothing else to do is not
        // through before, and one with much to do gets through as well.
        let [step] = random::bytes();
        let until = left.saturating_sub(usize::from(step / 2));
        while left > until {
            assert!(begun.elapsed() < PATIENCE, "{left} users are still waiting after {kills} kills");
            left = count(&caller, "/bulk-import/users/count");
        }
        thread::sleep(Duration::from_millis(10).mul_f64(random::unit_interval()));
        left = count(&caller, "/bulk-import/users/count");
        if left == 0 {
            check(&caller);
            // What the last core that was killed was posting is posted again after half a minute.
            wait_for_deliveries(&place, Duration::from_mins(2));
            let posts = check_events(&receiver);
            println!("{posts} posts told of {USERS} events");
            let (clean, log) = core.stop();
            assert!(clean, "{log}");
            break;
        }
        core.kill();
        kills += 1;
    }
    assert!(kills > 1, "the import was over before it was broken off");
    println!("{USERS} users were imported through {kills} kills");
}

/// Waits until all users have an event that was delivered, and nothing is pending.
fn wait_for_deliveries(place: &Place, within: Duration) {
    let begun = Instant::now();
    loop {
        let (delivered, pending) = (webhooks::list(place, "delivered"), webhooks::list(place, "pending"));
        if delivered.len() >= USERS && pending.is_empty() {
            return;
        }
        assert!(begun.elapsed() < within, "{} delivered, {} pending", delivered.len(), pending.len());
        thread::sleep(Duration::from_millis(500));
    }
}

/// The endpoint was told of each user, and of none by two events; how many posts it got.
fn check_events(receiver: &Receiver) -> usize {
    let mut events: BTreeMap<String, BTreeSet<i64>> = BTreeMap::new();
    let received = receiver.received();
    for request in &received {
        events.entry(request.user_id().to_owned()).or_default().insert(request.event_id());
    }
    assert_eq!(events.len(), USERS);
    let twice: Vec<_> = events.iter().filter(|(_, events)| events.len() > 1).collect();
    assert!(twice.is_empty(), "{twice:?}");
    received.len()
}

fn user(number: usize) -> Value {
    json!({
        "externalUserId": format!("ext-{number}"), "userMetadata": {"number": number},
        "loginMethods": [
            {"recipeId": "emailpassword", "email": format!("{number}@example.com"), "isPrimary": true,
                "passwordHash": BCRYPT, "hashingAlgorithm": "bcrypt"},
            {"recipeId": "thirdparty", "email": format!("{number}@example.com"), "thirdPartyId": "google",
                "thirdPartyUserId": number.to_string()},
        ],
    })
}

fn count(caller: &Caller, path: &str) -> usize {
    let reply: Value = serde_json::from_str(&caller.get(path).expect("answers").text).expect("JSON");
    usize::try_from(reply["count"].as_u64().expect("a count")).expect("a small one")
}

/// Linked login methods are one user; none failed, so nobody was tried twice.
fn check(caller: &Caller) {
    assert_eq!(count(caller, "/bulk-import/users/count?status=FAILED"), 0);
    assert_eq!(count(caller, "/users/count"), USERS);
    for number in (0..USERS).step_by(97) {
        let reply = caller.get(&format!("/user/id?userId=ext-{number}")).expect("answers");
        let reply: Value = serde_json::from_str(&reply.text).expect("JSON");
        assert_eq!(reply["user"]["loginMethods"].as_array().map(Vec::len), Some(2), "{number}: {reply}");
        let metadata = caller.get(&format!("/recipe/user/metadata?userId=ext-{number}")).expect("answers");
        assert!(metadata.text.contains(&format!("\"number\":{number}")), "{}", metadata.text);
    }
}
