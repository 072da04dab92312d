//! A PostgreSQL server of a test's own, for what a shared one cannot show: encryption, start and fall.
//! It needs an installed PostgreSQL, so it is only for tests that run with `TEST_ENGINE=postgres`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A server with a directory and a port of its own, both gone with it.
#[derive(Debug)]
pub struct Cluster {
    directory: TempDir,
    port: u16,
    programs: PathBuf,
}

impl Default for Cluster {
    fn default() -> Self {
        Self::new()
    }
}

impl Cluster {
    /// Makes a cluster; it does not run yet. Anyone on this machine may connect as `postgres`.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let open_to_all = fs::Permissions::from_mode(0o755);
        fs::set_permissions(directory.path(), open_to_all).expect("the directory is ours");
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = free.expect("a free port").port();
        let cluster = Self { directory, port, programs: programs() };
        fs::create_dir(cluster.data()).expect("a new directory");
        give_to_server(&cluster.data());
        let data = cluster.data();
        cluster.run("initdb", &["-D", &text(&data), "-U", "postgres", "-A", "trust", "--no-sync"]);
        cluster
    }

    /// Starts the server with further settings, like `ssl=on`, and waits until it answers.
    pub fn start(&self, settings: &[&str]) {
        let port = format!("port={}", self.port);
        let own = [&*port, "listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off"];
        let options: Vec<String> =
            own.iter().chain(settings).map(|setting| format!("-c {setting}")).collect();
        let (data, log) = (text(&self.data()), text(&self.data().join("log")));
        self.run("pg_ctl", &["-D", &data, "-l", &log, "-w", "-o", &options.join(" "), "start"]);
    }

    /// Stops the server at once, as a crash would.
    pub fn stop(&self) {
        self.run("pg_ctl", &["-D", &text(&self.data()), "-m", "immediate", "-w", "stop"]);
    }

    /// Writes a file into the server's directory, readable by the server alone; its whole path.
    pub fn write(&self, name: &str, contents: &[u8]) -> PathBuf {
        let path = self.data().join(name);
        fs::write(&path, contents).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("the file is ours");
        give_to_server(&path);
        path
    }

    /// `host:port` for a host name.
    pub fn at(&self, host: &str) -> String {
        format!("{host}:{}", self.port)
    }

    /// The server's URL, for the user and the database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.at("127.0.0.1"))
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = as_server(&self.programs.join(program));
        let output = command.args(arguments).current_dir(self.directory.path()).output();
        let output = output.expect("PostgreSQL's programs run");
        let log = fs::read_to_string(self.data().join("log")).unwrap_or_default();
        assert!(output.status.success(), "{program}: {}{log}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut stop = as_server(&self.programs.join("pg_ctl"));
        let _ = stop.args(["-D", &text(&self.data()), "-m", "immediate", "-w", "stop"]).output();
    }
}

/// The newest PostgreSQL that is installed.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let mut versions: Vec<(u32, PathBuf)> = versions
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    versions.pop().expect("PostgreSQL is installed").1
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// PostgreSQL refuses to run as root.
fn as_server(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--"]).arg(program);
    command
}

fn give_to_server(path: &Path) {
    if is_root() {
        let status = Command::new("chown").arg("postgres").arg(path).status();
        assert!(status.expect("chown runs").success());
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
