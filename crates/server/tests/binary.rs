//! The real binary, as an operator runs it: sources of settings, doctor, start and graceful stop.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A directory of one test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// The binary in this folder, with nothing but a database in memory.
    fn portcullis(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.current_dir(&self.0).env_clear().args(["--database", "sqlite::memory:"]);
        command
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn shown(output: &Output) -> String {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    format!("{out}{err}")
}

/// A started core; killed if a test fails before it stopped it.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let lines = BufReader::new(child.stdout.as_mut().expect("piped")).lines();
        let quoted = |line: String| Some(line.split_once("http://")?.1.split('"').next()?.to_owned());
        let address = lines.map_while(Result::ok).find_map(quoted).expect("says where it serves");
        Self { child, address }
    }

    fn get(&self, request_line: &str, header: &str) -> String {
        let (address, _) = self.address.split_once('/').unwrap_or((&self.address, ""));
        let mut stream = TcpStream::connect(address).expect("connects");
        let request = format!("{request_line} HTTP/1.1\r\nhost: core\r\n{header}connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("sends");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer
    }

    fn stop(mut self) -> (bool, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
        let status = self.child.wait().expect("ends");
        let mut log = String::new();
        self.child.stderr.take().expect("piped").read_to_string(&mut log).expect("a log");
        (status.success(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_unknown_key_stops_the_start_and_names_the_nearest() {
    let folder = Folder::new("unknown-key");
    let path = folder.file("config.yaml", "acess_token_validity: 10\n");
    let output = folder.portcullis().arg("--config").arg(path).output().expect("runs");
    assert!(!output.status.success());
    let text = shown(&output);
    assert!(text.contains("'acess_token_validity'") && text.contains("'access_token_validity'"), "{text}");
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let folder = Folder::new("precedence");
    let path = folder.file("config.yaml", "base_path: /from-file\nhost: 203.0.113.1\n");
    let mut command = folder.portcullis();
    command
        .arg("--config")
        .arg(path)
        .env("BASE_PATH", "\"/from-env\"")
        .env("SUPERTOKENS_HOST", "203.0.113.2");
    command.args(["--host", "127.0.0.1"]);
    let core = Running::start(command);
    assert!(core.get("GET /from-env/hello", "").starts_with("HTTP/1.1 200"));
    assert!(core.get("GET /from-file/hello", "").starts_with("HTTP/1.1 404"));
}

#[test]
fn api_keys_from_the_environment_guard_the_core() {
    let folder = Folder::new("api-keys");
    let mut command = folder.portcullis();
    command.env("API_KEYS", "abcdefghijklmnopqrstuv");
    let core = Running::start(command);
    assert!(core.get("GET /apiversion", "").starts_with("HTTP/1.1 401"));
    assert!(core.get("GET /apiversion", "api-key: abcdefghijklmnopqrstuv\r\n").starts_with("HTTP/1.1 200"));
    let (clean, log) = core.stop();
    assert!(clean && !log.contains("abcdefghijklmnopqrstuv"), "{log}");
}

#[test]
fn the_port_of_a_kubernetes_service_is_ignored_and_the_stop_is_graceful() {
    let folder = Folder::new("tcp-port");
    let mut command = folder.portcullis();
    command.env("SUPERTOKENS_PORT", "tcp://10.0.0.1:3567").arg("--test-mode");
    let core = Running::start(command);
    assert!(core.get("GET /hello", "").ends_with("Hello\n"));
    let (clean, log) = core.stop();
    assert!(clean, "{log}");
    for text in ["SUPERTOKENS_PORT", "TEST MODE", "stopped"] {
        assert!(log.contains(text), "{text} is not in: {log}");
    }
}

#[test]
fn doctor_says_what_is_wrong_and_fails() {
    let folder = Folder::new("doctor");
    let free = folder.portcullis().args(["doctor", "--port", "0"]).output().expect("runs");
    assert!(free.status.success(), "{}", shown(&free));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = folder.portcullis().args(["doctor", "--port", &port]).output().expect("runs");
    assert!(!output.status.success());
    assert!(shown(&output).contains("port: WRONG"), "{}", shown(&output));
}

#[test]
fn a_wrong_value_stops_the_start_with_its_rule() {
    let folder = Folder::new("wrong-value");
    let output = folder.portcullis().env("ACCESS_TOKEN_VALIDITY", "0").output().expect("runs");
    assert!(!output.status.success());
    assert!(
        shown(&output).contains("'access_token_validity' must be between 1 and 86400000 seconds inclusive.")
    );
}
