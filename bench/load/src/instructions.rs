//! Instructions that the core executes for one request, counted by callgrind: they hardly depend on the machine's
//! load, so that a change can be compared with a table that is kept.

use crate::core::{Core, Hashing};
use crate::load::{Worker, turns};
use crate::paths::{self, Users};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use tokio::runtime::Runtime;

/// Measured requests of each path.
const REQUESTS: u32 = 60;
/// The round with the least counts: others are mixed with what the core does by itself now and then. On a busy
/// machine that may go on for a while, so there are as many as it takes to have seen the least one twice.
const ROUNDS: std::ops::RangeInclusive<usize> = 3..=20;
/// What two seconds of doing nothing are at most.
const IDLE: u64 = 3_000_000;
/// So few users, as a password's hash takes long under callgrind.
const USERS: usize = 30;

/// A core whose instructions are counted.
struct Counted {
    core: Core,
    folder: PathBuf,
    dumps: u32,
}

impl Counted {
    fn start(binary: &Path, database: &str, folder: &Path) -> Self {
        let mut valgrind = Command::new("valgrind");
        let file = folder.join("callgrind.out");
        valgrind.args(["--quiet", "--tool=callgrind"]);
        valgrind.arg(format!("--callgrind-out-file={}", file.display()));
        valgrind.arg(binary);
        let core = Core::start_by(valgrind, database, folder, Hashing::Cheapest);
        Self { core, folder: folder.to_owned(), dumps: 0 }
    }

    /// What was executed since this was asked last.
    fn instructions(&mut self) -> u64 {
        let mut control = Command::new("callgrind_control");
        control.args(["--dump", &self.core.id().to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(control.status().unwrap().success(), "callgrind_control");
        self.dumps += 1;
        let dump = fs::read_to_string(self.folder.join(format!("callgrind.out.{}", self.dumps))).unwrap();
        let totals = dump.lines().find_map(|line| line.strip_prefix("totals: "));
        totals.unwrap().trim().parse().unwrap()
    }

    /// Waits until the core has nothing to do by itself: it makes keys for later first.
    fn settle(&mut self) {
        self.instructions();
        loop {
            thread::sleep(Duration::from_secs(2));
            if self.instructions() < IDLE {
                return;
            }
        }
    }

    async fn each(&mut self, path: paths::Path, users: &Users) -> u64 {
        let mut workers: Vec<Worker> = self.core.workers(1, |n| (path.driver)(users.clone(), n)).await;
        turns(&mut workers, path.warm_up + 10).await;
        self.instructions();
        let mut rounds = Vec::new();
        while rounds.len() < *ROUNDS.end() && least(&mut rounds).is_none() {
            turns(&mut workers, usize::try_from(REQUESTS).unwrap()).await;
            rounds.push(self.instructions());
        }
        rounds[0] / u64::from(REQUESTS)
    }
}

/// The least of enough rounds, if the next one is hardly more; they are sorted.
fn least(rounds: &mut [u64]) -> Option<u64> {
    rounds.sort_unstable();
    let is_seen_twice = rounds.len() >= *ROUNDS.start() && rounds[1] - rounds[0] <= rounds[0] / 50;
    is_seen_twice.then(|| rounds[0])
}

/// Counts the paths on a database.
pub(crate) fn count(
    runtime: &Runtime,
    binary: &Path,
    database: &str,
    folder: &Path,
    paths: &[paths::Path],
) -> Vec<u64> {
    let mut core = Counted::start(binary, database, folder);
    let users = runtime.block_on(core.core.sign_up(USERS));
    core.settle();
    paths.iter().map(|path| runtime.block_on(core.each(*path, &users))).collect()
}

/// Counts by the name of the path, as they are kept: a line each, with a tab.
pub(crate) type Counts = BTreeMap<String, u64>;

pub(crate) fn read(file: &Path) -> Counts {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().map(|line| line.split_once('\t').unwrap());
    lines.map(|(name, count)| (name.to_owned(), count.parse().unwrap())).collect()
}

pub(crate) fn write(file: &Path, counts: &Counts) {
    let lines = counts.iter().map(|(name, count)| format!("{name}\t{count}\n"));
    fs::write(file, lines.collect::<String>()).unwrap();
}

/// What is counted now beside what is kept.
pub(crate) fn table(now: &Counts, kept: &Counts) -> String {
    let mut text = "| path | instructions | kept | change |\n|---|---|---|---|\n".to_owned();
    for (name, count) in now {
        let (kept, change) = kept.get(name).map_or(("-".to_owned(), "-".to_owned()), |kept| {
            #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
            let change = (*count as f64 / *kept as f64 - 1.0) * 100.0;
            (kept.to_string(), format!("{change:+.1} %"))
        });
        writeln!(text, "| {name} | {count} | {kept} | {change} |").unwrap();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_in_which_the_core_did_something_else_do_not_count() {
        assert_eq!(least(&mut [100, 101]), None, "too few");
        assert_eq!(least(&mut [9000, 5000, 7000]), None);
        assert_eq!(least(&mut [9000, 5000, 7000, 101]), None);
        assert_eq!(least(&mut [9000, 5000, 7000, 101, 100]), Some(100));
    }
}
