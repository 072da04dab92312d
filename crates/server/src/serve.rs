//! Opening the database, serving, and stopping without losing anything.

use crate::adopt;
use crate::audit;
use crate::cli::{Arguments, Command, LogFormat, complain, say};
use crate::settings::Settings;
use crate::webhooks;
use crate::{export, import, move_database};
use portcullis_core::ground::keys::service::find_faults as find_key_faults;
use portcullis_core::{App, AppSettings, Clock, adoption, jobs, migrations};
use portcullis_db::{Db, Error as DbError, MoveState, Settings as DbSettings};
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// The longest pause between two attempts to reach the database.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The pause between two looks whether a database has arrived: meanwhile nobody can change anything.
const ARRIVAL_PAUSE: Duration = Duration::from_millis(20);

/// Files that are open beside callers' connections: databases, logs, callers who are refused.
const OTHER_FILES: u64 = 1024;

/// Runs the command.
pub(crate) fn run(arguments: &Arguments, settings: Settings) -> Result<(), String> {
    start_log(arguments, &settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(async {
        match &arguments.command {
            Some(Command::Migrate) => migrate(&settings).await,
            Some(Command::Doctor) => doctor(&settings).await,
            Some(Command::Audit(asked)) => audit::run(&settings, asked).await,
            Some(Command::Webhooks(command)) => webhooks::run(&settings, command).await,
            Some(Command::Export(asked)) => export::run(&settings, asked).await,
            Some(Command::Import(asked)) => import::run(&settings, asked).await,
            Some(Command::Adopt(asked)) => adopt::run(&settings, *asked).await,
            Some(Command::Move(asked)) => move_database::run(&settings, asked).await,
            // Lists of passwords need no core.
            Some(Command::Start | Command::Passwords(_)) | None => start(settings).await,
        }
    })
}

/// SuperTokens' level names are understood.
fn start_log(arguments: &Arguments, settings: &Settings) {
    let level = settings.log_level.to_lowercase();
    let filter = EnvFilter::new(log_filter(&level));
    let is_read_by_people = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(is_read_by_people);
    match arguments.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

/// The level is for the core's own lines. Below a warning, the libraries' lines stay out: drivers write the
/// arguments of statements, which are hashes and keys.
fn log_filter(level: &str) -> String {
    let of_libraries = match level {
        "none" | "off" => return "off".to_owned(),
        "error" => "error",
        _ => "warn",
    };
    // A passkey that is refused is the caller's affair, and told to the caller.
    format!(
        "{of_libraries},webauthn_rs_core=off,portcullis={level},portcullis_core={level},portcullis_db={level}"
    )
}

async fn start(mut settings: Settings) -> Result<(), String> {
    if settings.test_mode {
        warn_of_test_mode();
    }
    allow_files(settings.config.max_connections);
    let listener = bind(&settings.host, settings.port).await?;
    let metrics = match settings.config.metrics_port {
        Some(port) => Some(bind(&settings.host, port).await?),
        None => None,
    };
    // Port 0 asks for any free port: tell the one that it is.
    settings.port = listener.local_addr().map_err(|error| error.to_string())?.port();
    if let Some(path) = &settings.config_path {
        tracing::info!(path = %path.display(), "configuration read");
    }
    // Heard from here on: the first process of a container ignores what it does not listen for.
    let mut stop = Box::pin(stop_signal()?);
    let db = tokio::select! {
        db = open_whole(&settings) => db?,
        () = &mut stop => return Ok(()),
    };
    let app = build_app(&settings, db).await?;
    if let Some(listener) = metrics {
        show_metrics(listener, &app);
    }
    jobs::start(&app);
    say(&welcome(&settings));
    portcullis_core::http::serve(listener, Arc::clone(&app), stop).await;
    app.stop().await;
    tracing::info!("stopped");
    Ok(())
}

async fn build_app(settings: &Settings, db: Db) -> Result<Arc<App>, String> {
    let app = App::open(AppSettings {
        db,
        base_values: settings.values.clone(),
        config_path: settings.config_path.clone(),
        test_mode: settings.test_mode,
        clock: Clock::system(),
    });
    app.await.map_err(|error| error.to_string())
}

/// A core for a command, beside another one that may run, on a database that is there.
pub(crate) async fn open_app(settings: &Settings) -> Result<Arc<App>, String> {
    if is_missing(&settings.database) {
        return Err(format!("{} is not there: `portcullis migrate` makes it", settings.database));
    }
    let is_there = DbSettings { is_there: true, ..db_settings(settings) };
    let db = Db::open(&settings.database, &is_there).await;
    build_app(settings, db.map_err(|error| format!("database: {error}"))?).await
}

/// Each connection is an open file. Systems allow few at first, and more to those who ask.
fn allow_files(connections: usize) {
    let needed = (connections as u64).saturating_add(OTHER_FILES);
    match rlimit::increase_nofile_limit(needed) {
        Ok(allowed) if allowed < needed => {
            tracing::warn!(allowed, needed, "fewer files may be open than max_connections needs");
        }
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "how many files may be open is not known"),
    }
}

async fn bind(host: &str, port: u16) -> Result<TcpListener, String> {
    let bound = TcpListener::bind((host, port)).await;
    bound.map_err(|error| format!("{host}:{port} cannot be used: {error}"))
}

/// On a listener of its own, so that what guards the core need not let Prometheus through.
fn show_metrics(listener: TcpListener, app: &Arc<App>) {
    if let Ok(address) = listener.local_addr() {
        tracing::info!("metrics at http://{address}/metrics");
    }
    let stopping = app.tasks.stopping().cancelled_owned();
    app.tasks.spawn(portcullis_core::http::serve_metrics(listener, Arc::downgrade(app), stopping));
}

fn warn_of_test_mode() {
    for line in [
        "############################################################",
        "TEST MODE: range checks are relaxed. Anyone who can reach this",
        "core can make it insecure. Never use it in production.",
        "############################################################",
    ] {
        complain(line);
    }
    tracing::warn!("test mode: range checks are relaxed; never use it in production");
}

fn welcome(settings: &Settings) -> String {
    let key = if settings.config.api_keys.is_empty() { "" } else { "\n    apiKey: \"one of API_KEYS\"," };
    let (host, port, base) = (&settings.host, settings.port, &settings.config.base_path);
    let host = match host.as_str() {
        "0.0.0.0" | "::" => "localhost".to_owned(),
        address if address.contains(':') => format!("[{address}]"),
        name => name.to_owned(),
    };
    format!(
        "Portcullis listens on {host}:{port}. Put this into your backend's init:\n\n  supertokens: {{\n    connectionURI: \"http://{host}:{port}{base}\",{key}\n  }}\n"
    )
}

fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    let wait = |kind| signal(kind).map_err(|error| error.to_string());
    let (mut interrupt, mut terminate) = (wait(SignalKind::interrupt())?, wait(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping: requests in flight are finished first");
    })
}

pub(crate) fn db_settings(settings: &Settings) -> DbSettings {
    DbSettings { pool_size: settings.pool_size, schema: settings.schema.clone(), ..DbSettings::default() }
}

/// The database, beside a core that may have it open; `None` if it is a file that is not there.
pub(crate) async fn open_existing(settings: &Settings) -> Option<Result<Db, DbError>> {
    if is_missing(&settings.database) {
        return None;
    }
    Some(Db::open(&settings.database, &db_settings(settings)).await)
}

/// Whether it is a file that is not there.
pub(crate) fn is_missing(database: &str) -> bool {
    let file = database.strip_prefix("sqlite:").filter(|file| *file != ":memory:");
    file.is_some_and(|file| !std::path::Path::new(file).exists())
}

/// A database that is being moved to this place is waited for.
async fn open_whole(settings: &Settings) -> Result<Db, String> {
    let db = open(settings, true).await?;
    let mut is_told = false;
    loop {
        match db.move_state().await {
            Ok(Some(MoveState::Arriving)) | Err(DbError::Unavailable(_)) if is_told => {}
            Ok(Some(MoveState::Arriving)) => {
                is_told = true;
                tracing::info!("another database is being moved to this one: all of it is waited for");
            }
            Ok(_) => return Ok(db),
            Err(error) => return Err(format!("database: {error}")),
        }
        tokio::time::sleep(ARRIVAL_PAUSE).await;
    }
}

/// A database that does not answer is waited for; anything else ends the start.
async fn open(settings: &Settings, exclusive: bool) -> Result<Db, String> {
    let mut pause = Duration::from_secs(1);
    loop {
        match Db::open(&settings.database, &DbSettings { exclusive, ..db_settings(settings) }).await {
            Ok(db) => return Ok(db),
            Err(DbError::Unavailable(reason)) => {
                tracing::warn!(
                    pause_secs = pause.as_secs(),
                    "database not reachable ({reason}); next try soon"
                );
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
            Err(error) => return Err(format!("database: {error}")),
        }
    }
}

async fn migrate(settings: &Settings) -> Result<(), String> {
    let db = open(settings, false).await?;
    if adoption::is_unadopted(&db).await.map_err(|error| error.to_string())? {
        return Err(adoption::ADVICE.to_owned());
    }
    let report =
        db.migrate(&migrations::all(), Clock::system().now()).await.map_err(|error| error.to_string())?;
    if !report.unknown.is_empty() {
        complain(&format!("the database is newer than this binary: {}", report.unknown.join(", ")));
    }
    let applied =
        if report.applied.is_empty() { "nothing to do".to_owned() } else { report.applied.join(", ") };
    say(&format!("migrations: {applied}"));
    db.close().await;
    Ok(())
}

async fn keys(db: &Db) -> Result<(), String> {
    let faults = find_key_faults(db).await.map_err(|error| error.to_string())?;
    let advice =
        "tokens of this app can be neither signed nor verified until the row is put right or deleted";
    if faults.is_empty() { Ok(()) } else { Err(format!("{}; {advice}", faults.join("; "))) }
}

/// Each line says what was looked at, and what is wrong with it.
async fn doctor(settings: &Settings) -> Result<(), String> {
    let mut faults = 0;
    let mut report = |what: &str, outcome: Result<(), String>| {
        if let Err(reason) = &outcome {
            faults += 1;
            say(&format!("{what}: WRONG: {reason}"));
        } else {
            say(&format!("{what}: fine"));
        }
    };
    report("configuration", Ok(()));
    let bound = bind(&settings.host, settings.port).await;
    report("port", bound.map(drop).map_err(|error| format!("{error}; choose another with --port")));
    if let Some(port) = settings.config.metrics_port {
        let bound = bind(&settings.host, port).await;
        let advice = |error| format!("{error}; choose another with --metrics-port");
        report("metrics port", bound.map(drop).map_err(advice));
    }
    match open_existing(settings).await {
        None => say(&format!("database: {} is not there yet; the start makes it", settings.database)),
        Some(Err(error)) => {
            report("database", Err(format!("{error}; check --database or POSTGRESQL_CONNECTION_URI")));
        }
        Some(Ok(db)) => {
            let unadopted = adoption::is_unadopted(&db).await.map_err(|error| error.to_string());
            let is_unadopted = unadopted == Ok(true);
            let advice = || if is_unadopted { Err(adoption::ADVICE.to_owned()) } else { Ok(()) };
            report("database", unadopted.and_then(|_| advice()));
            if !is_unadopted {
                report("place", App::check_is_here(&db).await.map_err(|error| error.to_string()));
                report("keys", keys(&db).await);
            }
            db.close().await;
        }
    }
    let year_2024 = 1_704_067_200_000;
    let clock =
        if Clock::system().now() > year_2024 { Ok(()) } else { Err("the clock is years behind".to_owned()) };
    report("clock", clock);
    if faults == 0 { Ok(()) } else { Err(format!("{faults} of the checks failed")) }
}
