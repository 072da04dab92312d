//! `script/bench`: drives a core on PostgreSQL and on SQLite, and prints what each path costs beside its limit,
//! which is measured in the same run.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark stops at the first surprise, prints, and waits for nothing at its end"
)]

mod client;
mod core;
mod cpu;
mod engine;
mod floors;
mod instructions;
mod load;
mod measure;
mod million;
mod passwords;
mod paths;
mod plot;
mod round_trips;
mod table;
mod tenants;

use crate::core::{Core, Hashing};
use clap::{Parser, Subcommand};
use floors::{Crypto, Database, Floors, HttpFloor, Postgres, Sqlite};
use measure::{Bench, Measured, Times};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What each path of a core costs, beside its limit.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures
    Run(Run),
    /// Counts instructions under callgrind
    Instructions(Instructions),
    /// Sign-ups through the core in this process, on SQLite
    Engine {
        /// How long, in seconds
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Makes a filter of breached passwords, and looks passwords up in it
    Passwords {
        /// The core's binary
        #[arg(long)]
        core: PathBuf,
        /// How many are in the list
        #[arg(long, default_value_t = 10_000_000)]
        number: u64,
    },
    /// Imports users into PostgreSQL, and measures calls with a tenth of them and with all
    Million {
        /// The core's binary
        #[arg(long)]
        core: PathBuf,
        /// A server of PostgreSQL, `postgres://user@host:port`
        #[arg(long)]
        postgres: String,
        /// How many users
        #[arg(long, default_value_t = 1_000_000)]
        number: usize,
    },
    /// Makes tenants of one app on PostgreSQL, and measures what they cost
    Tenants {
        /// The core's binary
        #[arg(long)]
        core: PathBuf,
        /// A server of PostgreSQL, `postgres://user@host:port`
        #[arg(long)]
        postgres: String,
        /// How many
        #[arg(long, default_value_t = 10_000)]
        number: usize,
    },
    /// Serves fixed bytes
    ServeFloor,
}

#[derive(Debug, clap::Args)]
struct Instructions {
    /// The core's binary
    #[arg(long)]
    core: PathBuf,
    /// A server of PostgreSQL, `postgres://user@host:port`
    #[arg(long)]
    postgres: String,
    /// The table that is compared with
    #[arg(long)]
    kept: PathBuf,
    /// Writes what is counted over what was kept
    #[arg(long)]
    keep: bool,
}

impl Instructions {
    fn count(&self) {
        let runtime = runtime();
        let mut now = instructions::Counts::new();
        for is_postgres in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let url = if is_postgres {
                create_database(&runtime, &self.postgres, "instructions")
            } else {
                format!("sqlite:{}", folder.path().join("instructions.db").display())
            };
            let counts = instructions::count(&runtime, &self.core, &url, folder.path(), &paths::PATHS);
            let names = paths::PATHS.iter().map(|path| measure::name(path, is_postgres));
            now.extend(names.zip(counts));
        }
        println!("{}", instructions::table(&now, &instructions::read(&self.kept)));
        if self.keep {
            instructions::write(&self.kept, &now);
        }
    }
}

#[derive(Debug, clap::Args)]
struct Run {
    /// The core's binary
    #[arg(long)]
    core: PathBuf,
    /// A server of PostgreSQL, `postgres://user@host:port`
    #[arg(long)]
    postgres: String,
    /// Its first process
    #[arg(long)]
    postgres_pid: i32,
    /// Where the table and the plots go
    #[arg(long)]
    out: PathBuf,
    /// Only these paths
    #[arg(long, value_delimiter = ',', value_parser = known)]
    only: Vec<String>,
    /// Shorter
    #[arg(long)]
    quick: bool,
}

/// The name of a path; another one would be measured by nothing, and that without a word.
fn known(name: &str) -> Result<String, String> {
    let names = || paths::PATHS.iter().chain([&paths::WITH_HASH]).map(|path| path.name);
    if names().any(|path| path == name) {
        return Ok(name.to_owned());
    }
    Err(format!("there are {}", names().collect::<Vec<_>>().join(", ")))
}

impl Run {
    fn times(&self) -> Times {
        let millis = Duration::from_millis;
        if self.quick {
            Times { rounds: 3, closed: millis(700), http: millis(250), open: millis(1500) }
        } else {
            Times { rounds: 7, closed: millis(1500), http: millis(500), open: millis(8000) }
        }
    }

    fn paths(&self) -> Vec<paths::Path> {
        let wanted =
            |path: &paths::Path| self.only.is_empty() || self.only.iter().any(|name| name == path.name);
        paths::PATHS.into_iter().chain([paths::WITH_HASH]).filter(wanted).collect()
    }
}

fn main() {
    match Arguments::parse().command {
        Command::ServeFloor => floors::serve(),
        Command::Engine { seconds } => {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("engine.db");
            let rate = runtime().block_on(engine::sign_ups(&file, Duration::from_secs(seconds)));
            println!("sign-ups through the engine, 64 callers, durable: {rate:.0} a second");
        }
        Command::Passwords { core, number } => passwords::run(&core, number),
        Command::Million { core, postgres, number } => {
            let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
            let url = create_database(&runtime, &postgres, "million");
            let place = million::Place { core: &core, url: &url, folder: folder.path() };
            runtime.block_on(million::run(&place, number));
        }
        Command::Tenants { core, postgres, number } => {
            let (runtime, folder) = (runtime(), tempfile::tempdir().unwrap());
            let url = create_database(&runtime, &postgres, "tenants");
            let place = million::Place { core: &core, url: &url, folder: folder.path() };
            runtime.block_on(tenants::run(&place, number));
        }
        Command::Instructions(instructions) => instructions.count(),
        Command::Run(run) => measure_all(&run),
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn create_database(runtime: &Runtime, server: &str, name: &str) -> String {
    runtime.block_on(async {
        let url = format!("{server}/postgres");
        let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("create database {name}")).await.unwrap();
    });
    format!("{server}/{name}")
}

fn measure_all(run: &Run) {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let http = HttpFloor::start();
    let mut all = Vec::new();
    for hashing in [Hashing::Cheapest, Hashing::AsItComes] {
        for is_postgres in [true, false] {
            let place = Place { run, runtime: &runtime, folder: folder.path(), hashing };
            all.extend(place.measure(is_postgres, &http));
        }
    }
    all.sort_by_key(|one| !one.is_postgres);
    let report = format!("{}\n{}", table::costs(&all), table::latencies(&all));
    fs::create_dir_all(&run.out).unwrap();
    fs::write(run.out.join("table.md"), &report).unwrap();
    plot::ratios(&run.out.join("ratios.svg"), &all);
    plot::latencies(&run.out.join("latencies.svg"), &all);
    println!("{report}");
    for one in &all {
        println!("ratio {} {:.3}", one.name(), one.ratio());
    }
}

/// Where the paths with one kind of hashing are measured.
struct Place<'a> {
    run: &'a Run,
    runtime: &'a Runtime,
    folder: &'a Path,
    hashing: Hashing,
}

impl Place<'_> {
    fn measure(&self, is_postgres: bool, http: &HttpFloor) -> Vec<Measured> {
        let with_hash = |path: &paths::Path| path.name == paths::WITH_HASH.name;
        let is_here = |path: &paths::Path| with_hash(path) == matches!(self.hashing, Hashing::AsItComes);
        let paths: Vec<_> = self.run.paths().into_iter().filter(is_here).collect();
        if paths.is_empty() {
            return Vec::new();
        }
        let name = format!("bench_{:?}", self.hashing).to_lowercase();
        let file = self.folder.join(format!("{name}.db"));
        let url = if is_postgres {
            create_database(self.runtime, &self.run.postgres, &name)
        } else {
            format!("sqlite:{}", file.display())
        };
        let core = Core::start(&self.run.core, &url, self.folder, self.hashing);
        let number = if matches!(self.hashing, Hashing::AsItComes) { 8 } else { 1000 };
        let users = self.runtime.block_on(core.sign_up(number));
        let server = is_postgres.then_some(self.run.postgres_pid);
        let database = if let Some(server) = server {
            Database::Postgres(Postgres::open(&url, server, users.clone()))
        } else {
            let copy = self.folder.join(format!("{name}-floor.db"));
            Database::Sqlite(Sqlite::copy(&file, &copy, users.clone()))
        };
        let floors = Floors { crypto: Crypto::new(), database };
        let (runtime, times) = (self.runtime, self.run.times());
        let mut bench = Bench { runtime, core: &core, users: &users, http, floors, server, times };
        let mut measured: Vec<Measured> = paths.into_iter().map(|path| bench.measure(path)).collect();
        if is_postgres {
            self.count_round_trips(&url, &mut measured);
        }
        measured
    }

    /// With another core, whose users are new to it, so that its counts are not disturbed.
    fn count_round_trips(&self, url: &str, measured: &mut [Measured]) {
        let config: tokio_postgres::Config = url.parse().unwrap();
        let port = config.get_ports()[0];
        let server = ([127, 0, 0, 1], port).into();
        let counter = self.runtime.block_on(round_trips::Counter::before(server));
        let url = url.replace(&format!(":{port}"), &format!(":{}", counter.address.port()));
        let core = Core::start(&self.run.core, &url, self.folder, self.hashing);
        let users = self.runtime.block_on(core.sign_up(4));
        for one in measured {
            let counting = measure::round_trips(one.path, &core, &users, || counter.trips());
            one.round_trips = Some(self.runtime.block_on(counting));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_refused() {
        let parse = |only: &str| {
            let options =
                ["", "run", "--core", "c", "--postgres", "p", "--postgres-pid", "1", "--out", "o", "--only"];
            Arguments::try_parse_from(options.into_iter().chain([only]))
        };
        assert!(parse("get-user,sign-in-hash").is_ok());
        assert!(parse("get-user,refrehs").unwrap_err().to_string().contains("there are jwks, get-user"));
    }
}
