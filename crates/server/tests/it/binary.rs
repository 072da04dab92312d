//! Sources of settings, doctor, start and graceful stop.

use crate::place::{Folder, Place, Running, is_postgres};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// The binary in this folder, with nothing but a database in memory.
fn portcullis(folder: &Folder) -> Command {
    let mut command = folder.portcullis();
    command.args(["--database", "sqlite::memory:"]);
    command
}

fn shown(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

fn post(core: &Running, path: &str, header: &str, body: &str) -> String {
    send(core, &format!("POST {path}"), header, body)
}

fn get(core: &Running, request_line: &str, header: &str) -> String {
    send(core, request_line, header, "")
}

fn send(core: &Running, request_line: &str, header: &str, body: &str) -> String {
    let (address, _) = core.address.split_once('/').unwrap_or((&core.address, ""));
    let mut stream = TcpStream::connect(address).expect("connects");
    let request = format!("{request_line} HTTP/1.1\r\nhost: core\r\n{header}connection: close\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answers");
    answer
}

#[test]
fn an_unknown_key_stops_the_start_and_names_the_nearest() {
    let folder = Folder::new("unknown-key");
    let path = folder.file("config.yaml", "acess_token_validity: 10\n");
    let output = portcullis(&folder).arg("--config").arg(path).output().expect("runs");
    assert!(!output.status.success());
    let text = shown(&output);
    assert!(text.contains("'acess_token_validity'") && text.contains("'access_token_validity'"), "{text}");
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let folder = Folder::new("precedence");
    let path = folder.file("config.yaml", "base_path: /from-file\nhost: 203.0.113.1\n");
    let mut command = portcullis(&folder);
    command
        .arg("--config")
        .arg(path)
        .env("BASE_PATH", "\"/from-env\"")
        .env("SUPERTOKENS_HOST", "203.0.113.2");
    command.args(["--host", "127.0.0.1"]);
    let core = Running::start(command, &folder);
    assert!(get(&core, "GET /from-env/hello", "").starts_with("HTTP/1.1 200"));
    assert!(get(&core, "GET /from-file/hello", "").starts_with("HTTP/1.1 404"));
}

#[test]
fn api_keys_from_the_environment_guard_the_core() {
    let folder = Folder::new("api-keys");
    let mut command = portcullis(&folder);
    command.env("API_KEYS", "abcdefghijklmnopqrstuv");
    let core = Running::start(command, &folder);
    assert!(get(&core, "GET /apiversion", "").starts_with("HTTP/1.1 401"));
    assert!(get(&core, "GET /apiversion", "api-key: abcdefghijklmnopqrstuv\r\n").starts_with("HTTP/1.1 200"));
    let (clean, log) = core.stop();
    assert!(clean && !log.contains("abcdefghijklmnopqrstuv"), "{log}");
}

#[test]
fn the_port_of_a_kubernetes_service_is_ignored_and_the_stop_is_graceful() {
    let folder = Folder::new("tcp-port");
    let mut command = portcullis(&folder);
    command.env("SUPERTOKENS_PORT", "tcp://10.0.0.1:3567").arg("--test-mode");
    let core = Running::start(command, &folder);
    assert!(get(&core, "GET /hello", "").ends_with("Hello\n"));
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    for text in ["SUPERTOKENS_PORT", "TEST MODE", "stopped"] {
        assert!(log.contains(text), "{text} is not in: {log}");
    }
}

#[test]
fn doctor_says_what_is_wrong_and_fails() {
    let folder = Folder::new("doctor");
    let free = portcullis(&folder).args(["doctor", "--port", "0"]).output().expect("runs");
    assert!(free.status.success(), "{}", shown(&free));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = portcullis(&folder).args(["doctor", "--port", &port]).output().expect("runs");
    assert!(!output.status.success());
    assert!(shown(&output).contains("port: WRONG"), "{}", shown(&output));
}

#[test]
fn a_wrong_value_stops_the_start_with_its_rule() {
    let folder = Folder::new("wrong-value");
    let output = portcullis(&folder).env("ACCESS_TOKEN_VALIDITY", "0").output().expect("runs");
    assert!(!output.status.success());
    assert!(
        shown(&output).contains("'access_token_validity' must be between 1 and 86400000 seconds inclusive.")
    );
}

#[tokio::test]
async fn doctor_names_a_signing_key_that_cannot_be_used_and_changes_nothing() {
    let place = Place::new("doctor_keys", &[]);
    let report = |place: &Place| shown(&place.command(&["doctor", "--port", "0"]).output().expect("runs"));
    let before = report(&place);
    let first = if is_postgres() { "keys: fine" } else { "is not there yet; the start makes it" };
    assert!(before.contains(first) && !before.contains("WRONG"), "{before}");
    let core = place.start();
    get(&core, "GET /.well-known/jwks.json", "");
    core.stop();
    assert!(report(&place).contains("keys: fine"), "{}", report(&place));

    let db = place.open_database().await;
    let mut tx = db.write().await.expect("the database answers");
    let swap = "update jwt_signing_keys set key_string = 'public|private'";
    assert_eq!(tx.execute(swap, &[]).await.expect("a row"), 1);
    tx.commit().await.expect("kept");
    db.close().await;
    let text = report(&place);
    assert!(text.contains("keys: WRONG: signing key s-") && text.contains("of app public"), "{text}");
    assert!(text.contains("1 of the checks failed"), "{text}");
}

#[test]
fn it_starts_though_nobody_reads_what_it_says() {
    let folder = Folder::new("deaf");
    let port =
        std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = portcullis(&folder);
    command.args(["--host", "127.0.0.1", "--port", &port.to_string()]).stdout(writer);
    let mut core = command.spawn().expect("runs");
    let end = Instant::now() + Duration::from_secs(30);
    let serves = loop {
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            // What it says, it says once it listens.
            std::thread::sleep(Duration::from_millis(300));
            break core.try_wait().expect("asked").is_none();
        }
        if Instant::now() > end || core.try_wait().expect("asked").is_some() {
            break false;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    core.kill().expect("stops");
    core.wait().expect("stopped");
    assert!(serves);
}

#[test]
fn a_list_of_breached_passwords_becomes_a_file_that_the_core_reads() {
    let folder = Folder::new("passwords");
    let list = folder.file("list.txt", "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8:3\ntr0ub4dor&3\n");
    let build = |list: &std::path::Path| {
        folder.portcullis().args(["passwords", "build"]).arg(list).output().expect("runs")
    };
    let built = build(&list);
    assert!(built.status.success() && shown(&built).starts_with("2 passwords, "), "{}", shown(&built));
    let missing = build(&folder.path("no-such-list"));
    assert!(!missing.status.success() && shown(&missing).contains("no-such-list"), "{}", shown(&missing));
    let start = |file: &std::path::Path| {
        let mut command = portcullis(&folder);
        command.env("BREACHED_PASSWORDS_FILE", file);
        command
    };
    let refused = start(&list).output().expect("runs");
    assert!(
        !refused.status.success() && shown(&refused).contains("breached_passwords_file"),
        "{}",
        shown(&refused)
    );
    let core = Running::start(start(&folder.path("breached-passwords.bin")), &folder);
    for (password, word) in [("password", "PASSWORD_POLICY_VIOLATED_ERROR"), ("a good one", "\"OK\"")] {
        let body = format!("{{\"password\":\"{password}\"}}");
        let header = format!("content-length: {}\r\n", body.len());
        let answer = post(&core, "/recipe/user/password/check", &header, &body);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(word), "{answer}");
    }
}
