//! A graceful stop: requests in flight are answered, new ones are refused, nothing acknowledged is lost.

use crate::caller::Caller;
use crate::place::{Place, Running};
use serde_json::{Value, json};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for a core to read what was sent, or to hear a signal.
const A_MOMENT: Duration = Duration::from_millis(500);
const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_body_that_arrives_late_is_still_served() {
    let place = Place::new("late_body", &[]);
    let core = place.start();
    let idle = idle_connection(&core);
    let body = credentials("late@example.com").to_string();
    let mut stream = TcpStream::connect(&core.address).expect("connects");
    let head =
        format!("POST /recipe/signup HTTP/1.1\r\nhost: core\r\ncontent-length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).expect("sends");
    stream.write_all(&body.as_bytes()[..10]).expect("sends");
    thread::sleep(A_MOMENT);

    core.terminate();
    wait_until_refused(&core);
    assert_is_closed(idle);
    stream.write_all(&body.as_bytes()[10..]).expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers, and closes the connection");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"status\":\"OK\""), "{answer}");
    assert_ended_well(core);

    assert_signs_in(&place, "late@example.com");
}

#[test]
fn a_slow_hash_is_still_waited_for() {
    // Half a gigabyte takes far longer than a moment.
    let slow =
        [("PASSWORD_HASHING_ALG", "ARGON2"), ("ARGON2_MEMORY_KB", "524288"), ("ARGON2_ITERATIONS", "4")];
    let place = Place::new("slow_hash", &slow);
    let core = place.start();
    let address = core.address.clone();
    let sign_up = thread::spawn(move || {
        let begun = Instant::now();
        let body = credentials("slow@example.com");
        let reply = Caller::new(&address).post("5.4", "/recipe/signup", &body).expect("answers");
        (begun.elapsed(), reply)
    });
    thread::sleep(A_MOMENT);
    core.terminate();
    wait_until_refused(&core);
    assert!(!sign_up.is_finished(), "the hash was not slow enough to be in flight");
    let (took, reply) = sign_up.join().expect("a reply");
    assert_eq!(reply["status"], "OK", "after {took:?}");
    assert_ended_well(core);

    assert_signs_in(&place, "slow@example.com");
}

fn credentials(email: &str) -> Value {
    json!({"email": email, "password": "a-Secret-1"})
}

/// A connection that has served one call and waits for the next.
fn idle_connection(core: &Running) -> TcpStream {
    let mut stream = TcpStream::connect(&core.address).expect("connects");
    stream.write_all(b"GET /hello HTTP/1.1\r\nhost: core\r\n\r\n").expect("sends");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("answers");
    assert_eq!(&answer, b"HTTP/1.1 200");
    stream
}

fn assert_is_closed(mut stream: TcpStream) {
    stream.set_read_timeout(Some(SOON)).expect("a timeout");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("an idle connection is closed at once");
}

fn wait_until_refused(core: &Running) {
    let begun = Instant::now();
    while !TcpStream::connect(&core.address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    {
        assert!(begun.elapsed() < SOON, "new connections are still accepted");
        thread::sleep(Duration::from_millis(5));
    }
}

fn assert_ended_well(core: Running) {
    let (status, log) = core.wait();
    assert!(status.success() && log.contains("stopped"), "{status}: {log}");
    assert!(!log.contains("cut off"), "{log}");
}

fn assert_signs_in(place: &Place, email: &str) {
    let core = place.start();
    let reply =
        Caller::new(&core.address).post("5.4", "/recipe/signin", &credentials(email)).expect("answers");
    assert_eq!(reply["status"], "OK");
}
