//! The `portcullis` binary: read configuration, open the database, migrate, serve, stop cleanly.

mod adopt;
mod audit;
mod cli;
mod export;
mod import;
mod move_database;
mod passwords;
mod progress;
mod serve;
mod settings;
mod webhooks;

use clap::Parser as _;
use std::process::ExitCode;

// Without huge pages (`no_thp`): each of the few places that a core at rest touches would hold 2 MiB.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    let outcome = match &arguments.command {
        Some(cli::Command::Passwords(command)) => passwords::run(command),
        _ => settings::Settings::read(&arguments).and_then(|settings| serve::run(&arguments, settings)),
    };
    if let Err(reason) = outcome {
        cli::complain(&reason);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
