//! Whether the core stays calm.

#![expect(
    clippy::print_stdout,
    clippy::expect_used,
    reason = "a bench prints what it finds and stops at the first surprise"
)]

use clap::{Parser, Subcommand};
use portcullis_bench_calm::{Cores, Plan, disturbed, run};
use portcullis_db::{Db, Settings};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Refreshes with lost answers, eight tabs and three cores, half of them in each regime
    Sessions {
        /// Refreshes in all
        #[arg(long, default_value_t = 1_000_000)]
        refreshes: u64,
        /// `postgres://…`; a SQLite file of its own otherwise
        #[arg(long)]
        database: Option<String>,
        /// Where chance begins
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// What disturbs the binary, one after the other
    Scenarios {
        /// The binary `portcullis`
        #[arg(long)]
        binary: PathBuf,
        /// Those to run; all by default
        names: Vec<String>,
    },
    /// Mixed load with people who come and go, on both engines at once
    Soak {
        /// The binary `portcullis`
        #[arg(long)]
        binary: PathBuf,
        /// How long
        #[arg(long, default_value_t = 30.0)]
        minutes: f64,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { what } = Arguments::parse();
    let calm = match what {
        What::Sessions { refreshes, database, seed } => sessions(refreshes, database.as_deref(), seed).await,
        What::Scenarios { binary, names } => scenarios(&binary, names).await,
        What::Soak { binary, minutes } => {
            disturbed::soak(&binary, std::time::Duration::from_secs_f64(minutes * 60.0)).await
        }
    };
    if calm { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn scenarios(binary: &Path, mut names: Vec<String>) -> bool {
    if names.is_empty() {
        names = disturbed::NAMES.map(str::to_owned).to_vec();
    }
    let mut calm = true;
    for name in names {
        calm &= disturbed::run(&name, binary).await;
    }
    calm
}

async fn sessions(refreshes: u64, database: Option<&str>, seed: u64) -> bool {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let file = format!("sqlite:{}", folder.path().join("calm.db").display());
    let open =
        async || Db::open(database.unwrap_or(&file), &Settings::default()).await.expect("the database opens");
    let first = open().await;
    // One process has one connection that writes to a SQLite file; PostgreSQL's cores have pools of their own.
    let (second, third) = match database {
        Some(_) => (open().await, open().await),
        None => (first.clone(), first.clone()),
    };
    let cores = Arc::new(Cores::open([first, second, third], 30).await);
    let mut calm = true;
    for cdi in ["5.4", "5.6"] {
        let plan = Plan {
            cdi: cdi.to_owned(),
            refreshes: refreshes / 2,
            browsers: 64,
            tabs: 8,
            lost: 0.05,
            stolen: 0.005,
            seed,
        };
        let began = Instant::now();
        let tally = run(&cores, &plan).await;
        println!(
            "CDI {cdi}: {} refreshes in {:.0} s, {} of them retries; requests lost {}, calls cut off {}, answers lost {}; {} verifications",
            tally.refreshes,
            began.elapsed().as_secs_f64(),
            tally.retries,
            tally.unsent,
            tally.cut,
            tally.unheard,
            tally.verified
        );
        println!(
            "CDI {cdi}: false sign-outs {}, replays {}, found {}, sessions that survived one {}",
            tally.false_sign_outs.len(),
            tally.replays,
            tally.found,
            tally.survived
        );
        for answer in tally.false_sign_outs.iter().take(10) {
            println!("  {answer}");
        }
        calm &= tally.false_sign_outs.is_empty() && tally.found == tally.replays && tally.survived == 0;
    }
    cores.stop().await;
    calm
}
