//! `portcullis adopt`: what it takes to go on with a database of SuperTokens' own core, and doing it.

use crate::cli::{AdoptArguments, say};
use crate::serve::{db_settings, open_existing};
use crate::settings::Settings;
use indicatif::{ProgressBar, ProgressStyle};
use portcullis_core::Clock;
use portcullis_core::adoption::{
    self, Database, Progress, Report, State, count_other_programs, examine, list_databases,
};
use portcullis_db::{Db, Settings as DbSettings};
use std::io::IsTerminal as _;

const WAY_BACK: &str = "way back until `--finish`: none is needed. SuperTokens' core of this version goes on, and does not read what was added
way back after it: SuperTokens' core 12.1 with migration_mode MIGRATED, and without settings of tables' names, goes on with what Portcullis wrote
more: docs/moving-from-supertokens.md";

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: AdoptArguments) -> Result<(), String> {
    let opened = open_existing(settings).await;
    let opened = opened.ok_or_else(|| format!("{} is not there", settings.database))?;
    let db = opened.map_err(|error| format!("database: {error}"))?;
    let mut theirs = Vec::new();
    let mut faults = 0;
    for database in list_databases(&db, &settings.values).await.map_err(|error| error.to_string())? {
        let own = open(&db, &database, settings).await?;
        let report = examine(&own, &database).await.map_err(|error| error.to_string())?;
        show(&database, &report);
        faults += report.faults.len();
        if report.state == State::Theirs {
            theirs.push((own, database));
        }
    }
    if faults > 0 {
        return Err("this stands in the way: nothing was changed".to_owned());
    }
    if theirs.is_empty() {
        return Ok(());
    }
    // The one in which all tenants are described comes last: it is what the start looks at.
    theirs.reverse();
    if asked.finish {
        return finish(&theirs, asked).await;
    }
    if asked.apply {
        for (db, database) in &theirs {
            say(&format!("\n{}: adding what is missing", name(database)));
            let mut bar = Bar::default();
            adoption::prepare(db, database, &mut |progress| bar.show(progress))
                .await
                .map_err(|error| error.to_string())?;
        }
        say(
            "\nnow stop SuperTokens' core, and run `portcullis adopt --finish`; until then this may be run again, so that less is left to do",
        );
        return Ok(());
    }
    say(&format!("\n{WAY_BACK}"));
    say("\nnothing was changed; `portcullis adopt --apply` does the first part");
    Ok(())
}

async fn finish(theirs: &[(Db, Database)], asked: AdoptArguments) -> Result<(), String> {
    for (db, database) in theirs {
        let connected = count_other_programs(db).await.map_err(|error| error.to_string())?;
        if connected > 0 && !asked.although_connected {
            return Err(format!(
                "{}: {connected} connections of programs in Java are open: stop SuperTokens' core; if none of them is SuperTokens', add --although-connected",
                name(database)
            ));
        }
    }
    for (db, database) in theirs {
        say(&format!("\n{}: taking over", name(database)));
        let mut bar = Bar::default();
        let now = Clock::system().now();
        adoption::take_over(db, database, now, &mut |progress| bar.show(progress))
            .await
            .map_err(|error| error.to_string())?;
    }
    say(&format!("\nit is Portcullis' database now: run `portcullis start`\n\n{WAY_BACK}"));
    Ok(())
}

/// The domain's own database, or that in which all tenants are described.
async fn open(base: &Db, database: &Database, settings: &Settings) -> Result<Db, String> {
    let Some(postgres) = &database.postgres else { return Ok(base.clone()) };
    let settings = DbSettings { schema: postgres.schema.clone(), ..db_settings(settings) };
    Db::open(&postgres.url, &settings).await.map_err(|error| format!("{}: {error}", name(database)))
}

fn name(database: &Database) -> String {
    if database.domain.is_empty() {
        "database".to_owned()
    } else {
        format!("database of {}", database.domain)
    }
}

fn show(database: &Database, report: &Report) {
    let name = name(database);
    match report.state {
        State::Empty => return say(&format!("{name}: there are no tables of SuperTokens")),
        State::Adopted => return say(&format!("{name}: it is Portcullis' already")),
        State::Theirs => {}
    }
    say(&format!("{name}: tables of SuperTokens {}, {} users", report.version, report.users));
    if !report.memberships.is_empty() {
        say(&format!("who is in which tenant stands {}", report.memberships));
    }
    for note in &report.notes {
        say(&format!("note: {note}"));
    }
    for fault in &report.faults {
        say(&format!("FAULT: {fault}"));
    }
    if report.faults.is_empty() {
        list("while SuperTokens' core runs (--apply)", &report.beside, report.beside_secs);
        list("once it is stopped (--finish)", &report.stopped, report.stopped_secs);
    }
}

fn list(when: &str, steps: &[String], seconds: i64) {
    let time = if seconds < 120 { format!("{seconds} seconds") } else { format!("{} minutes", seconds / 60) };
    say(&format!("\n{when}, about {time}:"));
    for step in steps {
        say(&format!("  {step}"));
    }
}

/// How far it has come: a bar where somebody looks at it, or else a line now and then.
#[derive(Default)]
struct Bar {
    bar: Option<ProgressBar>,
    told: u64,
}

impl Bar {
    fn show(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Step(step) => {
                self.end();
                say(&format!("  {step}"));
            }
            Progress::Users(done, all) => self.count(done, all),
        }
    }

    fn count(&mut self, done: u64, all: u64) {
        if std::io::stderr().is_terminal() {
            let style = || {
                ProgressStyle::with_template("    {wide_bar} {pos} of {len} users, {eta} left")
                    .unwrap_or_else(|_| ProgressStyle::default_bar())
            };
            self.bar.get_or_insert_with(|| ProgressBar::new(all).with_style(style())).set_position(done);
        } else if done.saturating_mul(10) / all.max(1) > self.told {
            self.told = done.saturating_mul(10) / all.max(1);
            say(&format!("    {done} of {all} users"));
        }
    }

    fn end(&mut self) {
        self.told = 0;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}
