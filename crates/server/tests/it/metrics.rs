//! What Prometheus is shown.

use crate::caller::Caller;
use crate::place::{Place, Running};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Calls to the listener whose address the log tells.
fn metrics_of(core: &Running) -> Caller {
    let log = core.log();
    let address = log.split_once("metrics at http://").and_then(|(_, rest)| rest.split('/').next());
    assert!(address.is_some(), "no metrics in: {log}");
    Caller::new(address.unwrap_or_default())
}

fn page(metrics: &Caller) -> String {
    let reply = metrics.get("/metrics").expect("answers");
    assert_eq!(reply.status, 200);
    reply.text
}

/// The number on the line that begins so.
fn number(page: &str, line: &str) -> Option<f64> {
    page.lines().find_map(|text| text.strip_prefix(line)?.trim().parse().ok())
}

#[test]
fn requests_are_counted_and_timed_by_endpoint_method_and_status() {
    let place = Place::new("metrics", &[("METRICS_PORT", "0"), ("API_KEYS", "abcdefghijklmnopqrstuv")]);
    let core = place.start();
    let (caller, metrics) = (Caller::new(&core.address), metrics_of(&core));
    for (path, status) in [("/hello", 200), ("/public/hello", 200), ("/users", 401), ("/x/y/z", 404)] {
        assert_eq!(caller.get(path).expect("answers").status, status);
    }
    let page = page(&metrics);
    assert!(page.ends_with("# EOF\n"), "{page}");
    for (line, expected) in [
        (r#"portcullis_http_requests_total{endpoint="/hello",method="GET",status="200"}"#, 2.0),
        (r#"portcullis_http_requests_total{endpoint="/users",method="GET",status="401"}"#, 1.0),
        (r#"portcullis_http_requests_total{endpoint="",method="GET",status="404"}"#, 1.0),
        (r#"portcullis_http_request_duration_seconds_count{endpoint="/hello",method="GET"}"#, 2.0),
        (r#"portcullis_http_request_duration_seconds_bucket{le="+Inf",endpoint="/hello",method="GET"}"#, 2.0),
        (r#"portcullis_password_jobs{state="queued"}"#, 0.0),
        (r#"portcullis_db_connections{state="awaited"}"#, 0.0),
    ] {
        assert_eq!(number(&page, line), Some(expected), "{line}: {page}");
    }
    assert!(number(&page, "portcullis_db_connections_max").is_some_and(|max| max > 1.0), "{page}");
    assert!(page.contains(&format!("portcullis_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"))));
    #[expect(clippy::disallowed_methods, reason = "the time is the binary's")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let started = number(&page, "process_start_time_seconds").expect("told");
    assert!((now - 60.0..now).contains(&started), "{started} {now}");
}

#[test]
fn the_two_listeners_serve_nothing_of_each_other_and_end_together() {
    let place = Place::new("metrics_apart", &[("METRICS_PORT", "0")]);
    let core = place.start();
    let (caller, metrics) = (Caller::new(&core.address), metrics_of(&core));
    assert_eq!(caller.get("/metrics").expect("answers").status, 404);
    assert_eq!(metrics.get("/hello").expect("answers").status, 404);
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    assert!(metrics.get("/metrics").is_err());
}

#[test]
fn without_the_setting_there_is_no_second_listener() {
    let place = Place::new("no_metrics", &[]);
    let core = place.start();
    assert_eq!(Caller::new(&core.address).get("/hello").expect("answers").status, 200);
    assert!(!core.log().contains("metrics at"), "{}", core.log());
}

#[test]
fn passwords_in_work_are_shown() {
    let slow = [
        ("METRICS_PORT", "0"),
        ("PASSWORD_HASHING_ALG", "ARGON2"),
        ("ARGON2_MEMORY_KB", "524288"),
        ("ARGON2_ITERATIONS", "4"),
    ];
    let place = Place::new("metrics_passwords", &slow);
    let core = place.start();
    let (caller, metrics) = (Caller::new(&core.address), metrics_of(&core));
    let sign_up = thread::spawn(move || {
        let body = json!({"email": "ann@example.com", "password": "password1"});
        caller.post("5.4", "/recipe/signup", &body).expect("answers")
    });
    let begun = Instant::now();
    let mut seen = false;
    while !seen && begun.elapsed() < Duration::from_secs(20) {
        seen = number(&page(&metrics), r#"portcullis_password_jobs{state="running"}"#) == Some(1.0);
    }
    assert!(seen, "{}", page(&metrics));
    assert_eq!(sign_up.join().expect("a reply")["status"], "OK");
    assert_eq!(number(&page(&metrics), r#"portcullis_password_jobs{state="running"}"#), Some(0.0));
}
