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
use std::fmt::Display;
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
    let base = opened.map_err(|error| format!("database: {error}"))?;
    let databases = list_databases(&base, &settings.values).await.map_err(|error| error.to_string())?;
    let open = Open { base, settings };
    let found = look(&open, databases).await;
    if found.faults > 0 {
        return Err("this stands in the way: nothing was changed".to_owned());
    }
    if found.theirs.is_empty() {
        // Whoever starts a core next would begin with nobody.
        let is_nothing = found.empty > 0 && (asked.apply || asked.finish);
        return if is_nothing { Err("there is nothing to take over".to_owned()) } else { Ok(()) };
    }
    if asked.finish {
        return finish(&open, &found.theirs, asked).await;
    }
    if asked.apply {
        return prepare(&open, &found.theirs).await;
    }
    if found.theirs.len() > 1 {
        let (beside, stopped) = (duration(found.beside_secs), duration(found.stopped_secs));
        say(&format!(
            "\nall databases: about {beside} while SuperTokens' core runs, about {stopped} once it is stopped"
        ));
    }
    say(&format!("\n{WAY_BACK}"));
    say("\nnothing was changed; `portcullis adopt --apply` does the first part");
    Ok(())
}

/// What there is.
#[derive(Default)]
struct Found {
    /// What is to be taken over. The one in which all tenants are described comes last: it is what the start looks at.
    theirs: Vec<Database>,
    empty: usize,
    faults: usize,
    beside_secs: i64,
    stopped_secs: i64,
}

/// Looks at each of them, and says what it finds.
async fn look(open: &Open<'_>, databases: Vec<Database>) -> Found {
    let mut found = Found::default();
    for (number, database) in databases.into_iter().enumerate() {
        if number > 0 {
            say("");
        }
        let report = match open.with(&database, async |db| examine(db, &database).await).await {
            Ok(report) => report,
            Err(error) => {
                say(&format!("FAULT: {error}"));
                found.faults += 1;
                continue;
            }
        };
        show(&database, &report);
        found.faults += report.faults.len();
        found.empty += usize::from(report.state == State::Empty);
        if report.state == State::Theirs {
            found.beside_secs += report.beside_secs;
            found.stopped_secs += report.stopped_secs;
            found.theirs.insert(0, database);
        }
    }
    found
}

async fn prepare(open: &Open<'_>, theirs: &[Database]) -> Result<(), String> {
    for database in theirs {
        say(&format!("\n{}: adding what is missing", database.title()));
        let mut bar = Bar::default();
        open.with(database, async |db| adoption::prepare(db, database, &mut |step| bar.show(step)).await)
            .await?;
    }
    say(
        "\nnow stop SuperTokens' core, and run `portcullis adopt --finish`; until then this may be run again, so that less is left to do",
    );
    Ok(())
}

async fn finish(open: &Open<'_>, theirs: &[Database], asked: AdoptArguments) -> Result<(), String> {
    for database in theirs {
        let connected = open.with(database, async |db| count_other_programs(db).await).await?;
        if connected > 0 && !asked.although_connected {
            return Err(format!(
                "{}: {connected} connections of programs in Java are open: stop SuperTokens' core; if none of them is SuperTokens', add --although-connected",
                database.title()
            ));
        }
    }
    for database in theirs {
        say(&format!("\n{}: taking over", database.title()));
        let (mut bar, now) = (Bar::default(), Clock::system().now());
        open.with(database, async |db| {
            adoption::take_over(db, database, now, &mut |step| bar.show(step)).await
        })
        .await?;
    }
    say(&format!("\nit is Portcullis' database now: run `portcullis start`\n\n{WAY_BACK}"));
    Ok(())
}

/// It is looked at only, so that a schema is not made; and work goes on beside a lock that is held all the time.
fn theirs_settings(settings: &Settings) -> DbSettings {
    let own = db_settings(settings);
    DbSettings { is_there: true, pool_size: own.pool_size.max(CONNECTIONS), ..own }
}

/// What it takes to get at each of them.
struct Open<'a> {
    /// The one in which all tenants are described.
    base: Db,
    settings: &'a Settings,
}

impl Open<'_> {
    /// Does something with a database, which is open as long as that takes: there may be very many.
    async fn with<T>(
        &self,
        database: &Database,
        work: impl AsyncFnOnce(&Db) -> portcullis_core::Result<T>,
    ) -> Result<T, String> {
        let fault = |error: &dyn Display| format!("{}: {error}", database.title());
        let Some(postgres) = &database.postgres else {
            return work(&self.base).await.map_err(|error| fault(&error));
        };
        let settings = DbSettings { schema: postgres.schema.clone(), ..theirs_settings(self.settings) };
        let db = Db::open(&postgres.url, &settings).await.map_err(|error| fault(&error))?;
        let outcome = work(&db).await;
        db.close().await;
        outcome.map_err(|error| fault(&error))
    }
}

fn show(database: &Database, report: &Report) {
    let name = database.title();
    match report.state {
        State::Empty => return say(&format!("{name}: there are no tables of SuperTokens")),
        State::Adopted => return say(&format!("{name}: it is Portcullis' already")),
        State::Theirs => {}
    }
    say(&format!("{name}: tables of SuperTokens {}, {} users", report.version, report.users));
    say(&format!("apps in it, with their tenants: {}", database.residents()));
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
    say(&format!("\n{when}, about {}:", duration(seconds)));
    for step in steps {
        say(&format!("  {step}"));
    }
}

fn duration(seconds: i64) -> HumanDuration {
    HumanDuration(Duration::from_secs(seconds.try_into().unwrap_or_default()))
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
