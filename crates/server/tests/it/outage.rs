//! A PostgreSQL that is not there: at the start it is waited for, later each call says so until it is back.
//! They run with `TEST_ENGINE=postgres`, on servers of their own.

use crate::caller::Caller;
use crate::place::{Folder, Running, is_postgres};
use portcullis_testkit::Cluster;
use serde_json::{Value, json};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

fn portcullis(folder: &Folder, url: &str) -> Command {
    let mut command = folder.portcullis();
    command.args(["--database", url]);
    command
}

fn sign_up(core: &Running, email: &str) -> Value {
    let body = json!({"email": email, "password": "password1"});
    Caller::new(&core.address).post("5.4", "/recipe/signup", &body).expect("answers")
}

/// The pauses that the log tells, in seconds.
fn pauses(log: &str) -> Vec<u64> {
    let lines = log.lines().filter(|line| line.contains("database not reachable"));
    lines
        .filter_map(|line| line.split_once("pause_secs=")?.1.split_whitespace().next()?.parse().ok())
        .collect()
}

#[test]
fn a_database_that_is_not_there_yet_is_waited_for() {
    if !is_postgres() {
        return;
    }
    let (cluster, folder) = (Cluster::new(), Folder::new("outage_start"));
    thread::scope(|scope| {
        let core = scope.spawn(|| Running::start(portcullis(&folder, &cluster.url()), &folder));
        let begun = Instant::now();
        while pauses(&folder.read_log()).len() < 3 && begun.elapsed() < Duration::from_secs(30) {
            thread::sleep(Duration::from_millis(50));
        }
        // The core comes up before anything is asserted, or nobody would end it.
        cluster.start(&[]);
        let core = core.join().expect("the core starts");
        assert!(pauses(&core.log()).starts_with(&[1, 2, 4]), "{}", core.log());
        assert_eq!(sign_up(&core, "ann@example.com")["status"], "OK");
        let (clean, log) = core.stop();
        assert!(clean, "{log}");
    });
}

#[test]
fn what_waiting_cannot_mend_ends_the_start() {
    if !is_postgres() {
        return;
    }
    let (cluster, folder) = (Cluster::new(), Folder::new("outage_refused"));
    cluster.write("pg_hba.conf", b"host all all all scram-sha-256\n");
    cluster.start(&[]);
    let url = cluster.url().replace("postgres@", "postgres:not-the-password@");
    let output = portcullis(&folder, &url).args(["--port", "0"]).output().expect("runs");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("password authentication failed"), "{text}");
    assert!(!text.contains("not-the-password"), "{text}");
}

#[test]
fn a_database_that_goes_away_fails_the_calls_and_is_used_again_once_it_is_back() {
    if !is_postgres() {
        return;
    }
    let (cluster, folder) = (Cluster::new(), Folder::new("outage"));
    cluster.start(&[]);
    let core = Running::start(portcullis(&folder, &cluster.url()), &folder);
    let caller = Caller::new(&core.address);
    let user = sign_up(&core, "ann@example.com")["user"]["id"].clone();
    let path = format!("/user/id?userId={}", user.as_str().expect("an id"));
    for round in 0..3 {
        assert_eq!(caller.get(&path).expect("answers").status, 200, "round {round}");
        cluster.stop();
        // Once in each round: more often, greetings would not ask the database.
        assert_eq!(caller.get("/hello").expect("answers").status, 503);
        for _ in 0..3 {
            let begun = Instant::now();
            let reply = caller.get(&path).expect("answers");
            assert_eq!(reply.status, 503, "{}", reply.text);
            assert!(
                reply.text.contains("database") && begun.elapsed() < Duration::from_secs(10),
                "{}",
                reply.text
            );
        }
        cluster.start(&[]);
        assert_eq!(caller.get(&path).expect("answers").status, 200, "round {round}: {}", core.log());
        assert_eq!(sign_up(&core, &format!("bob{round}@example.com"))["status"], "OK");
    }
    let (clean, log) = core.stop();
    assert!(clean && log.contains("call failed"), "{log}");
}

#[test]
fn a_core_that_waits_for_its_database_can_be_stopped() {
    // Nobody listens at this port, now and for the moment of the test.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let url = format!("postgres://postgres@{}/postgres", free.expect("a port"));
    let folder = Folder::new("outage_stop");
    let log = std::fs::File::create(folder.file("waiting", "")).expect("a log");
    let mut core =
        portcullis(&folder, &url).args(["--port", "0"]).stderr(log).spawn().expect("the binary runs");
    let read_log = || std::fs::read_to_string(folder.path("waiting")).expect("a log");
    let begun = Instant::now();
    while pauses(&read_log()).is_empty() && begun.elapsed() < Duration::from_secs(20) {
        thread::sleep(Duration::from_millis(20));
    }
    let told = Command::new("kill").args(["-TERM", &core.id().to_string()]).status();
    assert!(told.expect("kill runs").success());
    let status = core.wait().expect("ends");
    assert!(status.success() && read_log().contains("stopping"), "{status}: {}", read_log());
    assert!(begun.elapsed() < Duration::from_secs(20), "{}", read_log());
}
