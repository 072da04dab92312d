//! A core in a process of its own.

use crate::client::Connection;
use crate::cpu::Snapshot;
use crate::load::{Driver, Worker};
use crate::paths::{self, User, Users};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

/// What hashes cost.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Hashing {
    /// As the settings of argon2 come.
    AsItComes,
    /// As little as argon2 allows.
    Cheapest,
}

/// A running core; killed when it is dropped.
pub(crate) struct Core {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Core {
    /// `folder` is where it runs: no configuration file may be there.
    pub(crate) fn start(binary: &Path, database: &str, folder: &Path, hashing: Hashing) -> Self {
        Self::start_by(Command::new(binary), database, folder, hashing)
    }

    /// `command` runs the binary, whose arguments are added to it.
    pub(crate) fn start_by(mut command: Command, database: &str, folder: &Path, hashing: Hashing) -> Self {
        command.args(["--host", "127.0.0.1", "--port", "0", "--database", database]);
        command.env("PASSWORD_HASHING_ALG", "ARGON2");
        if matches!(hashing, Hashing::Cheapest) {
            command.envs([
                ("ARGON2_MEMORY_KB", "8"),
                ("ARGON2_ITERATIONS", "1"),
                ("ARGON2_PARALLELISM", "1"),
            ]);
        }
        let mut process = command.current_dir(folder).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            let rest = line.strip_prefix("Portcullis listens on ")?;
            rest.split(". ").next()?.parse().ok()
        });
        Self { process, address: address.unwrap() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        Snapshot::of(i32::try_from(self.id()).unwrap())
    }

    /// Signs users up.
    pub(crate) async fn sign_up(&self, number: usize) -> Users {
        let mut connection = Connection::open(self.address).await;
        let mut users: Vec<User> = Vec::new();
        for _ in 0..number {
            users.push(paths::signed_up(&connection.send(paths::sign_up_call()).await));
        }
        Arc::new(users)
    }

    pub(crate) async fn workers(&self, number: usize, driver: impl Fn(usize) -> Driver) -> Vec<Worker> {
        let mut workers = Vec::new();
        for at in 0..number {
            workers.push(Worker::new(self.address, driver(at)).await);
        }
        workers
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
