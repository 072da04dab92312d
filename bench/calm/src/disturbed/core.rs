//! A core in a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A running core; killed when it is dropped.
#[derive(Debug)]
pub(super) struct Core {
    process: Child,
    pub(super) address: SocketAddr,
    folder: TempDir,
}

impl Core {
    /// Starts the binary on a database, a SQLite file of its own if there is none, with settings by their
    /// variables' names.
    pub(super) fn start(binary: &Path, database: Option<&str>, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let log = fs::File::create(folder.path().join("log")).expect("a log");
        let mut command = Command::new(binary);
        command.current_dir(folder.path()).args(["--host", "127.0.0.1", "--port", "0"]);
        command.args(["--database", database.unwrap_or("sqlite:calm.db")]);
        command.envs(settings.iter().copied()).stdout(Stdio::piped()).stderr(log);
        let mut process = command.spawn().expect("the binary runs");
        let lines = BufReader::new(process.stdout.as_mut().expect("a pipe")).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("Portcullis listens on ")?.split(". ").next()?.parse().ok());
        Self { process, address: address.expect("the core starts"), folder }
    }

    /// MiB in memory: now, and at most until now.
    pub(super) fn memory(&self) -> (u64, u64) {
        (self.resident_kib() / 1024, self.status_kib("VmHWM:") / 1024)
    }

    /// KiB in memory.
    pub(super) fn resident_kib(&self) -> u64 {
        self.status_kib("VmRSS:")
    }

    fn status_kib(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
    }

    /// Files and connections that are open.
    pub(super) fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.id())).map_or(0, Iterator::count)
    }

    /// What a small write that is made durable takes beside the database, without the core.
    pub(super) fn disk(&self) -> String {
        let file = fs::File::create(self.folder.path().join("probe")).expect("a file");
        let mut times: Vec<Duration> = (0..100_u64)
            .map(|number| {
                let began = Instant::now();
                file.write_all_at(&[1; 4096], number * 4096).expect("a write");
                file.sync_data().expect("a durable write");
                began.elapsed()
            })
            .collect();
        times.sort_unstable();
        let ms = |at: usize| times[at].as_secs_f64() * 1000.0;
        format!("p50 {:.1} p99 {:.1} ms", ms(50), ms(98))
    }

    /// Whether it is the process that was started: nothing restarts it.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None)) && self.folder.path().exists()
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
