//! The command line.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use portcullis_core::ground::audit::Kind;
use std::io::Write as _;
use std::path::PathBuf;

/// User authentication that a team adds to its own backend: the core.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version)]
pub(crate) struct Arguments {
    /// What to do; `start` if nothing is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// The address to listen on [default: 127.0.0.1]
    #[arg(long, global = true)]
    pub(crate) host: Option<String>,
    /// The port to listen on [default: 3567]
    #[arg(long, global = true)]
    pub(crate) port: Option<u16>,
    /// `sqlite:<file>`, `sqlite::memory:` or `postgres://…` [default: sqlite:portcullis.db]
    #[arg(long, global = true)]
    pub(crate) database: Option<String>,
    /// A `config.yaml` with SuperTokens' key names [default: one here or beside the binary]
    #[arg(long, global = true)]
    pub(crate) config: Option<PathBuf>,
    /// The largest body of a request, in bytes [default: 1048576]
    #[arg(long, global = true)]
    pub(crate) max_request_body_bytes: Option<u32>,
    /// The longest time for one request [default: 60]
    #[arg(long, global = true)]
    pub(crate) request_timeout_seconds: Option<u32>,
    /// Shows metrics for Prometheus on this port, at /metrics
    #[arg(long, global = true)]
    pub(crate) metrics_port: Option<u16>,
    /// Relaxes range checks for test suites; never in production
    #[arg(long, global = true)]
    pub(crate) test_mode: bool,
    /// How log lines look
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// The least important lines to log: error, warn, info, debug [default: info]
    #[arg(long, global = true)]
    pub(crate) log_level: Option<String>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum Command {
    /// Serves the core
    Start,
    /// Brings the database's tables up to date
    Migrate,
    /// Says whether the core could start here, and what is wrong if not
    Doctor,
    /// Prints what happened, oldest first
    Audit(AuditArguments),
    /// Lists of passwords that are known from breaches
    #[command(subcommand)]
    Passwords(PasswordsCommand),
    /// What became of webhooks, and having them posted again
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Writes all users of an app into a file that `import` reads; with the hashes of their passwords
    Export(ExportArguments),
    /// Imports users from a file: of `export`, or of another system
    Import(ImportArguments),
    /// Takes over a PostgreSQL database of SuperTokens' own core; says what it would do unless it is told to do it
    Adopt(AdoptArguments),
    /// Moves the whole database from SQLite to PostgreSQL, or back, while a core uses it
    Move(MoveArguments),
}

/// Which database is moved, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct MoveArguments {
    /// The database that is moved, in the form of `--database`
    #[arg(long)]
    pub(crate) from: String,
    /// An empty database of the other engine; a move that was broken off goes on
    #[arg(long, required_unless_present = "cancel", conflicts_with = "cancel")]
    pub(crate) to: Option<String>,
    /// Gives up a move that was begun; after one, the old database takes changes again
    #[arg(long)]
    pub(crate) cancel: bool,
}

/// Which users are exported, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct ExportArguments {
    /// The file to write; an export that was broken off goes on
    pub(crate) file: PathBuf,
    /// The app
    #[arg(long, default_value = portcullis_core::PUBLIC)]
    pub(crate) app: String,
    /// The connection URI domain
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) domain: String,
}

/// Which users are imported, and where to.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct ImportArguments {
    /// The files; an import that was broken off goes on with those that are not there yet
    #[arg(required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// The system that they are from
    #[arg(long, value_enum, default_value_t = Source::Portcullis)]
    pub(crate) from: Source,
    /// The app
    #[arg(long, default_value = portcullis_core::PUBLIC)]
    pub(crate) app: String,
    /// The connection URI domain
    #[arg(long, default_value = "", hide_default_value = true)]
    pub(crate) domain: String,
    /// The tenant that users of another system come into; may be given several times
    #[arg(long = "tenant", default_value = portcullis_core::PUBLIC)]
    pub(crate) tenants: Vec<String>,
    /// Where rows go that are refused, with the reasons [default: beside the first file, with `.refused.jsonl`]
    #[arg(long)]
    pub(crate) refused: Option<PathBuf>,
    /// Says what would be refused for what is in the row, and imports nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Imports users without the second factors that cannot be brought along, instead of refusing them
    #[arg(long)]
    pub(crate) drop_second_factors: bool,
    /// Auth0: the file with the hashes of the passwords, if it is another one
    #[arg(long)]
    pub(crate) hashes: Option<PathBuf>,
    /// Firebase: `base64_salt_separator` of the project
    #[arg(long, default_value = "Bw==")]
    pub(crate) salt_separator: String,
    /// Firebase: `rounds` of the project
    #[arg(long, default_value_t = 8)]
    pub(crate) rounds: u32,
    /// Firebase: `mem_cost` of the project
    #[arg(long, default_value_t = 14)]
    pub(crate) mem_cost: u32,
}

/// A system that users come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    /// `portcullis export`, or lines with what `POST /bulk-import/import` takes
    Portcullis,
    /// Auth0: users, or the hashes of their passwords, a JSON object on each line
    Auth0,
    /// Firebase: the JSON of `firebase auth:export`
    Firebase,
    /// Keycloak: the JSON of `kc.sh export`, in one file or several
    Keycloak,
    /// Supabase: rows of `auth.users` with their identities
    Supabase,
    /// Ory Kratos: identities with their credentials
    Kratos,
    /// Better Auth: rows of `user` with their accounts
    BetterAuth,
}

/// How far a database is taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct AdoptArguments {
    /// Only looks, and changes nothing: so it is without any flag
    #[arg(long, conflicts_with_all = ["apply", "finish"])]
    pub(crate) dry_run: bool,
    /// Does what can be done while SuperTokens' core runs, which is nearly all
    #[arg(long, conflicts_with = "finish")]
    pub(crate) apply: bool,
    /// Does the rest; SuperTokens' core must be stopped
    #[arg(long)]
    pub(crate) finish: bool,
    /// Finishes although programs in Java are connected to the database, none of which is SuperTokens' core
    #[arg(long, requires = "finish")]
    pub(crate) although_connected: bool,
}

/// Which events are printed, and how.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct AuditArguments {
    #[command(subcommand)]
    pub(crate) command: Option<AuditCommand>,
    /// Of this user, or login method
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) user: Option<String>,
    /// In this tenant
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) tenant: Option<String>,
    /// In this app
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) app: Option<String>,
    /// Of this kind, as in `password_changed`
    #[arg(long = "type", value_parser = kinds(), hide_possible_values = true)]
    pub(crate) kind: Option<String>,
    /// Since then: `90s`, `15m`, `2h` or `7d` ago, or milliseconds since 1970
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Goes on with what happens from now on
    #[arg(long)]
    pub(crate) follow: bool,
    /// A line of JSON for each
    #[arg(long)]
    pub(crate) json: bool,
}

/// Kinds of events that SuperTokens' core writes and this one does not.
const KINDS_OF_SUPERTOKENS: [&str; 2] = ["saml_callback", "user_last_active"];

/// The kinds of events that there can be.
fn kinds() -> PossibleValuesParser {
    let own = Kind::ALL.iter().map(|kind| kind.name());
    PossibleValuesParser::new(own.chain(KINDS_OF_SUPERTOKENS))
}

/// What else to do with the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum AuditCommand {
    /// Says whether anything was changed, taken away or added; then the exit code is 1
    Verify {
        /// A link of the chain that was noted before, as POSITION:HASH
        #[arg(long)]
        expect: Option<String>,
    },
}

/// What to do with lists of passwords.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum PasswordsCommand {
    /// Makes a file for `breached_passwords_file` from a list
    Build {
        /// The list: a password, or its SHA-1 hash in hex, on each line; what follows a `:` after a hash is left out
        list: PathBuf,
        /// The file to write
        #[arg(long, default_value = "breached-passwords.bin")]
        out: PathBuf,
    },
}

/// What to do with webhooks.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// Shows deliveries, the newest events first
    List {
        /// Only those in this state
        #[arg(long, value_enum)]
        state: Option<DeliveryState>,
        /// So many at most
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// A JSON object on each line, with what is posted
        #[arg(long)]
        json: bool,
    },
    /// Has deliveries posted again, as if for the first time
    Replay {
        /// That of the event with this number; may be given several times
        #[arg(long, required_unless_present = "dead", conflicts_with = "dead")]
        id: Vec<i64>,
        /// All that were given up
        #[arg(long)]
        dead: bool,
    },
}

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeliveryState {
    /// It is to be posted.
    Pending,
    /// The endpoint has taken it.
    Delivered,
    /// It was given up.
    Dead,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Says on standard error why the command failed.
#[expect(clippy::print_stderr, reason = "the log may not be running yet")]
pub(crate) fn complain(reason: &str) {
    eprintln!("portcullis: {reason}");
}

/// Says something on standard output. Whether anybody listens is not the core's concern: `println!` would end
/// it when its reader has gone, as with `portcullis start | head`.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
