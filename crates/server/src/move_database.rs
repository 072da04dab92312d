//! `portcullis move`: the whole database to the other engine, while a core uses it.

use crate::cli::{MoveArguments, complain, say};
use crate::progress::Progress;
use crate::serve::{db_settings, is_missing};
use crate::settings::Settings;
use portcullis_core::{Clock, adoption, migrations};
use portcullis_db::{Db, Move, MoveStep, Settings as DbSettings};

/// Runs the command; a core may run on the database that is moved.
pub(crate) async fn run(settings: &Settings, asked: &MoveArguments) -> Result<(), String> {
    if is_missing(&asked.from) {
        return Err(format!("{} is not there", asked.from));
    }
    let from = open(settings, &asked.from, false).await?;
    let outcome = match &asked.to {
        Some(to) => {
            let is_new = is_missing(to);
            let db = open(settings, to, true).await?;
            let outcome = move_all(&from, &db).await;
            // One that was refused leaves nothing behind; one that was broken off goes on.
            let is_begun = outcome.is_ok() || !matches!(db.move_state().await, Ok(None));
            db.close().await;
            if is_new && !is_begun {
                remove(to);
            }
            outcome
        }
        None => cancel(&from).await,
    };
    from.close().await;
    outcome
}

async fn open(settings: &Settings, database: &str, is_copy: bool) -> Result<Db, String> {
    let opened = Db::open(database, &DbSettings { is_copy, ..db_settings(settings) }).await;
    opened.map_err(|error| format!("database: {error}"))
}

/// Takes a file away that was made for nothing.
fn remove(database: &str) {
    let file = database.strip_prefix("sqlite:").unwrap_or(database);
    for ending in ["", "-wal", "-shm"] {
        // One that stays is empty, and in nobody's way.
        let _ = std::fs::remove_file(format!("{file}{ending}"));
    }
}

async fn cancel(from: &Db) -> Result<(), String> {
    let was_begun = Move::cancel(from).await.map_err(|error| error.to_string())?;
    say(if was_begun { "given up: the database takes changes" } else { "there is no move to give up" });
    Ok(())
}

async fn move_all(from: &Db, to: &Db) -> Result<(), String> {
    let fault = |error: portcullis_db::Error| error.to_string();
    for db in [from, to] {
        if adoption::is_unadopted(db).await.map_err(fault)? {
            return Err(adoption::ADVICE.to_owned());
        }
        let report = migrations::run(db, Clock::system().now()).await.map_err(fault)?;
        if !report.unknown.is_empty() {
            return Err(format!("the database is newer than this binary: {}", report.unknown.join(", ")));
        }
    }
    let (mut progress, mut is_compared) = (Progress::begin(0), false);
    let mut tell = |step| match step {
        MoveStep::Copied(done, all) => progress.show(done, all, || format!("{done} of {all} rows copied")),
        MoveStep::Compared(done, all) => {
            if !is_compared {
                (progress, is_compared) = (Progress::begin(0), true);
            }
            progress.show(done, all, || format!("{done} of {all} rows compared"));
        }
    };
    let moved = Move::begin(from, to).await.map_err(fault)?.run(&mut tell).await.map_err(fault)?;
    progress.end();
    let (rows, tables, pause) = (moved.rows, moved.tables, moved.pause.as_millis());
    say(&format!("moved: {rows} rows of {tables} tables, all compared; changes were held up for {pause} ms"));
    complain("cores on the old database refuse changes now: let the new one's take over");
    Ok(())
}
