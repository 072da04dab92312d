//! `portcullis adopt`: what it takes to go on with a database of SuperTokens' own core, and doing it.

use crate::cli::{AdoptArguments, say};
use crate::progress::Progress;
use crate::serve::{db_settings, is_missing};
use crate::settings::Settings;
use indicatif::HumanDuration;
use portcullis_core::Clock;
use portcullis_core::adoption::{
    self, Database, Report, State, Step, count_other_programs, examine, list_databases,
};
use portcullis_db::{Db, Settings as DbSettings};
use std::time::Duration;

/// Connections that it takes at least.
const CONNECTIONS: usize = 3;
const WAY_BACK: &str = "way back until `--finish`: none is needed. SuperTokens' core of this version goes on, and does not read what was added
way back after it: SuperTokens' core 12.1 with migration_mode MIGRATED, and without settings of tables' names, goes on with what Portcullis wrote
more: docs/moving-from-supertokens.md";

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: AdoptArguments) -> Result<(), String> {
    if is_missing(&settings.database) {
        return Err(format!("{} is not there", settings.database));
    }
    let opened = Db::open(&settings.database, &theirs_settings(settings)).await;
    let db = opened.map_err(|error| format!("database: {error}"))?;
    let mut theirs = Vec::new();
    let (mut faults, mut empty) = (0, 0);
    for database in list_databases(&db, &settings.values).await.map_err(|error| error.to_string())? {
        let own = open(&db, &database, settings).await?;
        let report = examine(&own, &database).await.map_err(|error| error.to_string())?;
        show(&database, &report);
        faults += report.faults.len();
        empty += usize::from(report.state == State::Empty);
        if report.state == State::Theirs {
            theirs.push((own, database));
        }
    }
    if faults > 0 {
        return Err("this stands in the way: nothing was changed".to_owned());
    }
    if theirs.is_empty() {
        // Whoever starts a core next would begin with nobody.
        let is_nothing = empty > 0 && (asked.apply || asked.finish);
        return if is_nothing { Err("there is nothing to take over".to_owned()) } else { Ok(()) };
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
            adoption::prepare(db, database, &mut |step| bar.show(step))
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
        adoption::take_over(db, database, now, &mut |step| bar.show(step))
            .await
            .map_err(|error| error.to_string())?;
    }
    say(&format!("\nit is Portcullis' database now: run `portcullis start`\n\n{WAY_BACK}"));
    Ok(())
}

/// It is looked at only, so that a schema is not made; and work goes on beside a lock that is held all the time.
fn theirs_settings(settings: &Settings) -> DbSettings {
    let own = db_settings(settings);
    DbSettings { is_there: true, pool_size: own.pool_size.max(CONNECTIONS), ..own }
}

/// The domain's own database, or that in which all tenants are described.
async fn open(base: &Db, database: &Database, settings: &Settings) -> Result<Db, String> {
    let Some(postgres) = &database.postgres else { return Ok(base.clone()) };
    let settings = DbSettings { schema: postgres.schema.clone(), ..theirs_settings(settings) };
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
    let time = HumanDuration(Duration::from_secs(seconds.try_into().unwrap_or_default()));
    say(&format!("\n{when}, about {time}:"));
    for step in steps {
        say(&format!("  {step}"));
    }
}

/// How far it has come: its steps, and of a step that goes through users how many are through.
#[derive(Default)]
struct Bar(Option<Progress>);

impl Bar {
    fn show(&mut self, step: Step<'_>) {
        match step {
            Step::Begun(step) => {
                self.end();
                say(&format!("  {step}"));
            }
            Step::Users(done, all) => {
                let progress = self.0.get_or_insert_with(|| Progress::begin(done));
                progress.show(done, all, || format!("{done} of {all} users"));
            }
        }
    }

    fn end(&mut self) {
        if let Some(progress) = self.0.take() {
            progress.end();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}
