//! `portcullis audit`, beside a core that runs.

use crate::caller::Caller;
use crate::place::{Place, is_postgres};
use portcullis_core::ground::audit::Kind;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

fn shown(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

fn audit(place: &Place, arguments: &[&str]) -> Output {
    let all: Vec<&str> = std::iter::once("audit").chain(arguments.iter().copied()).collect();
    place.command(&all).output().expect("runs")
}

/// The events as JSON.
fn events(place: &Place, arguments: &[&str]) -> Vec<Value> {
    let output = audit(place, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", shown(&output));
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn sign_up(caller: &Caller, email: &str) -> String {
    let credentials = json!({"email": email, "password": "password1"});
    let signed_up = caller.post("5.4", "/recipe/signup", &credentials).expect("answers");
    signed_up["user"]["id"].as_str().expect("a user").to_owned()
}

/// Verifies until every event is sealed: the job runs at the start, and then every ten seconds.
fn verify_sealed(place: &Place, arguments: &[&str]) -> Output {
    let begun = Instant::now();
    loop {
        let output = audit(place, &[&["verify"], arguments].concat());
        if shown(&output).contains(" 0 not sealed yet") {
            return output;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{}", shown(&output));
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[tokio::test]
async fn what_happened_is_printed_followed_and_verified_beside_a_running_core() {
    // In test mode the first run of a job comes at once.
    let place = Place::new("audit", &[("TEST_MODE", "true")]);
    if !is_postgres() {
        let output = audit(&place, &[]);
        assert!(!output.status.success() && shown(&output).contains("is not there"), "{}", shown(&output));
    }
    let core = place.start();
    let caller = Caller::new(&core.address);
    let ann = sign_up(&caller, "ann@example.com");
    let bob = sign_up(&caller, "bob@example.com");

    let text = shown(&audit(&place, &["--type", "emailpassword_sign_up"]));
    assert_eq!(text.lines().count(), 2, "{text}");
    assert!(
        text.contains(&format!("emailpassword_sign_up user={ann} by=email name=ann@example.com {{")),
        "{text}"
    );
    let of_bob = events(&place, &["--user", &bob]);
    assert_eq!((of_bob.len(), &of_bob[0]["identifier"]), (1, &json!("bob@example.com")));
    assert_eq!(of_bob[0]["payload"]["by"], "cdi");
    assert_eq!(events(&place, &["--since", "1h", "--app", "public", "--tenant", "public"]).len(), 2);
    assert_eq!(events(&place, &["--tenant", "t1"]), [] as [Value; 0]);
    assert_eq!(events(&place, &["--tenant", "PUBLIC", "--app", "Public"]).len(), 2);
    let none = audit(&place, &["--user", "nobody"]);
    assert!(none.status.success() && shown(&none).contains("no event fits"), "{}", shown(&none));
    assert_eq!(events(&place, &["--type", "user_last_active"]), [] as [Value; 0], "of SuperTokens' core");
    let wrong = audit(&place, &["--type", "nonsense"]);
    assert!(!wrong.status.success() && shown(&wrong).contains("nonsense"), "{}", shown(&wrong));
    for kind in Kind::ALL {
        assert!(shown(&wrong).contains(kind.name()), "{}: {}", kind.name(), shown(&wrong));
    }
    for filter in ["--type", "--user", "--tenant", "--app", "--since"] {
        let wrong = audit(&place, &[filter, ""]);
        assert!(!wrong.status.success() && shown(&wrong).contains(filter), "{}", shown(&wrong));
    }
    let wrong = audit(&place, &["--since", "yesterday"]);
    assert!(!wrong.status.success() && shown(&wrong).contains("--since yesterday"), "{}", shown(&wrong));

    let mut command = place.command(&["audit", "--follow"]);
    let mut follower = command.stdout(Stdio::piped()).spawn().expect("runs");
    let mut lines = BufReader::new(follower.stdout.take().expect("piped")).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("bob@example.com")));
    sign_up(&caller, "cat@example.com");
    let next = lines.next().expect("a line");
    assert!(next.contains("cat@example.com"), "{next}");
    follower.kill().expect("ends");
    follower.wait().expect("ended");

    let whole = verify_sealed(&place, &[]);
    assert!(whole.status.success(), "{}", shown(&whole));
    let noted = String::from_utf8(whole.stdout).expect("text");
    let noted = noted.lines().last().expect("the end of the chain");
    assert!(verify_sealed(&place, &["--expect", noted]).status.success());
    let position = noted.split(':').next().expect("a position");
    let other = format!("{position}:{}", "0".repeat(64));
    assert_eq!(verify_sealed(&place, &["--expect", &other]).status.code(), Some(1));

    let db = place.open_database().await;
    let mut tx = db.write().await.expect("the database answers");
    let forge = "update activity_log set identifier = 'eve@example.com' where identifier = 'bob@example.com'";
    assert_eq!(tx.execute(forge, &[]).await.expect("a row"), 1);
    tx.commit().await.expect("kept");
    let found = verify_sealed(&place, &[]);
    assert_eq!(found.status.code(), Some(1));
    let text = shown(&found);
    assert!(text.contains(&format!("event {}: was changed", of_bob[0]["id"])), "{text}");
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
}

#[tokio::test]
async fn a_database_without_tables_is_told_how_to_get_them() {
    let place = Place::new("audit_empty", &[]);
    place.open_database().await.close().await;
    let output = audit(&place, &[]);
    assert!(!output.status.success() && shown(&output).contains("portcullis migrate"), "{}", shown(&output));
}
