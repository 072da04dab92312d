//! Where a core of a test runs: a folder, a database and a log of its own.
//!
//! The engine is chosen by the environment: `TEST_ENGINE=postgres` with `TEST_DATABASE_URL`, else a
//! SQLite file. On PostgreSQL the tables are to be in a schema that is not there yet.

use portcullis_db::{Db, Settings};
use portcullis_testkit::Database;
pub(crate) use portcullis_testkit::is_postgres;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// A directory of one test, removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// The binary in this folder, with nothing of the caller's environment.
    pub(crate) fn portcullis(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.current_dir(&self.0).env_clear();
        command
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What was logged here until now.
    pub(crate) fn read_log(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }

    fn log(&self) -> PathBuf {
        self.0.join("log")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A folder with a database that outlives the cores which are started on it.
pub(crate) struct Place {
    folder: Folder,
    database: String,
    schema: Option<String>,
    _kept: Option<Database>,
    settings: Vec<(&'static str, &'static str)>,
}

impl Place {
    /// Cores are started with these settings, by their variables' names.
    pub(crate) fn new(name: &str, settings: &[(&'static str, &'static str)]) -> Self {
        Self::on(name, settings, is_postgres())
    }

    /// As [`Place::new`], on SQLite whatever the environment says.
    pub(crate) fn on_sqlite(name: &str, settings: &[(&'static str, &'static str)]) -> Self {
        Self::on(name, settings, false)
    }

    fn on(name: &str, settings: &[(&'static str, &'static str)], is_postgres: bool) -> Self {
        let folder = Folder::new(name);
        let kept = is_postgres.then(Database::empty);
        let (database, schema) = match &kept {
            Some(kept) => (kept.url().to_owned(), Some(name.to_owned())),
            None => (format!("sqlite:{}", folder.0.join("test.db").display()), None),
        };
        Self { folder, database, schema, settings: settings.to_vec(), _kept: kept }
    }

    pub(crate) fn start(&self) -> Running {
        Running::start(self.command(&[]), &self.folder)
    }

    /// The binary on this database.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.portcullis();
        command.args(["--database", &self.database]).envs(self.settings.iter().copied()).args(arguments);
        if let Some(schema) = &self.schema {
            command.env("POSTGRESQL_TABLE_SCHEMA", schema);
        }
        command
    }

    /// A command beside the cores, or without one: whether it succeeded, and what it said.
    pub(crate) fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.command(arguments).output().expect("the binary runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// The database's URL.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// The schema, on PostgreSQL.
    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// A file in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Where the database is, and in which schema of it.
    pub(crate) fn address(&self) -> (&str, Option<&str>) {
        (&self.database, self.schema.as_deref())
    }

    /// The database itself, beside the cores.
    pub(crate) async fn open_database(&self) -> Db {
        let settings = Settings { pool_size: 1, schema: self.schema.clone(), ..Settings::default() };
        Db::open(&self.database, &settings).await.expect("the database answers")
    }
}

/// A started core; killed if a test fails before it stopped it.
pub(crate) struct Running {
    child: Child,
    log: PathBuf,
    /// `host:port` and the base path, if there is one.
    pub(crate) address: String,
}

impl Running {
    /// Starts the command on a free port; its log is added to the folder's.
    pub(crate) fn start(mut command: Command, folder: &Folder) -> Self {
        let log = folder.log();
        let mut child = command
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(append(&log))
            .spawn()
            .expect("the binary runs");
        let lines = BufReader::new(child.stdout.as_mut().expect("piped")).lines();
        let quoted = |line: String| Some(line.split_once("http://")?.1.split('"').next()?.to_owned());
        let address = lines.map_while(Result::ok).find_map(quoted);
        let mut core = Self { child, log, address: String::new() };
        core.address = address.ok_or_else(|| core.log()).expect("the core starts");
        core
    }

    /// What was logged in this folder until now.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).expect("a log")
    }

    /// Asks for a graceful stop; does not wait for it.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("ends");
        (status, self.log())
    }

    /// A graceful stop.
    pub(crate) fn stop(self) -> (bool, String) {
        self.terminate();
        let (status, log) = self.wait();
        (status.success(), log)
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("kills");
        self.child.wait().expect("ends");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn append(log: &Path) -> File {
    OpenOptions::new().create(true).append(true).open(log).expect("a log")
}
