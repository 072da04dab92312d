//! Where settings come from: flags win over the environment, the environment over `config.yaml`.

use crate::cli::Arguments;
use portcullis_core::config::{CoreConfig, KEYS, find_key, nearest_key};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// Everything that was set, checked.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) values: Map<String, Value>,
    pub(crate) config: CoreConfig,
    pub(crate) config_path: Option<PathBuf>,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) database: String,
    pub(crate) schema: Option<String>,
    pub(crate) test_mode: bool,
}

impl Settings {
    /// Reads the file, the environment and the flags.
    pub(crate) fn read(arguments: &Arguments) -> Result<Self, String> {
        let environment = |name: &str| std::env::var(name).ok();
        Self::merge(arguments, environment)
    }

    fn merge(arguments: &Arguments, environment: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let mut values = arguments.config.as_deref().map(read_file).transpose()?.unwrap_or_default();
        values.extend(from_environment(&environment)?);
        values.extend(from_flags(arguments));
        let test_mode = arguments.test_mode || environment("TEST_MODE").is_some_and(|mode| is_on(&mode));
        refuse_renamed_tables(&values, &environment)?;
        let config = CoreConfig::from_values(&values, test_mode).map_err(|error| error.to_string())?;
        let named = is_set(&values, "host").then(|| config.host.clone());
        Ok(Self {
            host: arguments.host.clone().or(named).unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: arguments.port.unwrap_or(config.port),
            database: arguments
                .database
                .clone()
                .or_else(|| postgres_url(&values))
                .unwrap_or_else(sqlite_file),
            schema: text(&values, "postgresql_table_schema").filter(|schema| schema != "public"),
            config_path: arguments.config.as_ref().and_then(|path| path.canonicalize().ok()),
            values,
            config,
            test_mode,
        })
    }
}

/// `TEST_MODE=false` and `TEST_MODE=0` mean what they say.
fn is_on(mode: &str) -> bool {
    !["", "0", "false", "off", "no"].contains(&mode.trim().to_lowercase().as_str())
}

/// Tables whose full names the reference lets an operator choose.
const RENAMABLE: [&str; 7] = [
    "POSTGRESQL_KEY_VALUE_TABLE_NAME",
    "POSTGRESQL_SESSION_INFO_TABLE_NAME",
    "POSTGRESQL_EMAILPASSWORD_USERS_TABLE_NAME",
    "POSTGRESQL_EMAILPASSWORD_PSWD_RESET_TOKENS_TABLE_NAME",
    "POSTGRESQL_EMAILVERIFICATION_TOKENS_TABLE_NAME",
    "POSTGRESQL_EMAILVERIFICATION_VERIFIED_EMAILS_TABLE_NAME",
    "POSTGRESQL_THIRDPARTY_USERS_TABLE_NAME",
];

/// An operator who renamed tables must hear so, instead of finding no users.
fn refuse_renamed_tables(
    values: &Map<String, Value>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<(), String> {
    let prefix = is_set(values, "postgresql_table_names_prefix").then_some("postgresql_table_names_prefix");
    let is_given = |name: &&str| environment(name).is_some_and(|value| !value.is_empty());
    match prefix.or_else(|| RENAMABLE.into_iter().find(is_given)) {
        Some(key) => Err(format!("'{key}' is not supported: the tables keep SuperTokens' default names")),
        None => Ok(()),
    }
}

fn sqlite_file() -> String {
    "sqlite:portcullis.db".to_owned()
}

fn is_set(values: &Map<String, Value>, key: &str) -> bool {
    text(values, key).is_some()
}

fn text(values: &Map<String, Value>, key: &str) -> Option<String> {
    match values.get(key)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        other => Some(other.to_string()),
    }
}

fn read_file(path: &Path) -> Result<Map<String, Value>, String> {
    let fault = |reason: String| format!("{}: {reason}", path.display());
    let yaml = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    let values: Option<Map<String, Value>> =
        serde_saphyr::from_str(&yaml).map_err(|error| fault(error.to_string()))?;
    let values = values.unwrap_or_default();
    match values.keys().find(|name| find_key(name).is_none()) {
        Some(name) => Err(fault(format!("unknown key '{name}'; did you mean '{}'?", nearest_key(name)))),
        None => Ok(values),
    }
}

/// SuperTokens' variables: a key's name in capitals, but `SUPERTOKENS_HOST` and `SUPERTOKENS_PORT`.
fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for key in KEYS {
        let variable = match key.name {
            "host" => "SUPERTOKENS_HOST".to_owned(),
            "port" => "SUPERTOKENS_PORT".to_owned(),
            name => name.to_uppercase(),
        };
        let Some(given) = environment(&variable) else { continue };
        let unquoted = given.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(&given);
        if unquoted.starts_with("tcp://") {
            // Kubernetes sets such variables for every service by itself.
            crate::cli::complain(&format!("{variable}={unquoted} is ignored: it was not meant for the core"));
        } else if !unquoted.is_empty() {
            values.insert(key.name.to_owned(), unquoted.into());
        }
    }
    if let Some(file) = environment("POSTGRESQL_PASSWORD_FILE").filter(|file| !file.is_empty()) {
        let password = std::fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
        values.insert("postgresql_password".to_owned(), password.trim_end().into());
    }
    Ok(values)
}

/// The flags that stand for keys.
fn from_flags(arguments: &Arguments) -> impl Iterator<Item = (String, Value)> {
    let given = [
        ("max_request_body_bytes", arguments.max_request_body_bytes),
        ("request_timeout_seconds", arguments.request_timeout_seconds),
        ("metrics_port", arguments.metrics_port.map(u32::from)),
    ];
    given.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into())))
}

/// The URI, its user and attributes filled from the single keys; `None` if neither names a database.
fn postgres_url(values: &Map<String, Value>) -> Option<String> {
    let url = postgres_place(values)?;
    match text(values, "postgresql_connection_attributes").filter(|_| !url.contains('?')) {
        Some(attributes) => Some(format!("{url}?{attributes}")),
        None => Some(url),
    }
}

fn postgres_place(values: &Map<String, Value>) -> Option<String> {
    if let Some(uri) = text(values, "postgresql_connection_uri") {
        return Some(with_user(uri, values));
    }
    let user = user_part(values)?;
    let or = |key: &str, default: &str| text(values, key).unwrap_or_else(|| default.to_owned());
    let (host, port) = (or("postgresql_host", "localhost"), or("postgresql_port", "5432"));
    let database = or("postgresql_database_name", "supertokens");
    Some(format!("postgres://{user}@{host}:{port}/{}", encode(&database)))
}

/// A URI that names no user takes that of the single keys.
fn with_user(uri: String, values: &Map<String, Value>) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else { return uri };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    match user_part(values).filter(|_| !authority.contains('@')) {
        Some(user) => format!("{scheme}://{user}@{rest}"),
        None => uri,
    }
}

/// `user:password`, or only the user where no password is needed.
fn user_part(values: &Map<String, Value>) -> Option<String> {
    let user = encode(&text(values, "postgresql_user")?);
    let password = text(values, "postgresql_password").map(|password| format!(":{}", encode(&password)));
    Some(user + &password.unwrap_or_default())
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn merge(flags: &[&str], variables: &[(&str, &str)]) -> Result<Settings, String> {
        let arguments = Arguments::parse_from(std::iter::once(&"portcullis").chain(flags));
        let find = |name: &str| variables.iter().find(|(variable, _)| *variable == name);
        Settings::merge(&arguments, |name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn without_anything_a_durable_file_is_used() {
        let settings = merge(&[], &[]).unwrap();
        assert_eq!((settings.host.as_str(), settings.port), ("127.0.0.1", 3567));
        assert_eq!(settings.database, "sqlite:portcullis.db");
    }

    #[test]
    fn flags_win_over_variables_and_variables_over_the_file() {
        let config = file("port: 1\naccess_token_validity: 60\n");
        let path = config.path().to_str().unwrap();
        assert_eq!(merge(&["--config", path], &[]).unwrap().port, 1);
        let variables = [("SUPERTOKENS_PORT", "\"2\""), ("API_KEYS", "")];
        let settings = merge(&["--config", path], &variables).unwrap();
        assert_eq!((settings.port, settings.config.access_token_validity_ms), (2, 60_000));
        assert_eq!(merge(&["--config", path, "--port", "3"], &variables).unwrap().port, 3);
        assert_eq!(merge(&[], &[("SUPERTOKENS_PORT", "tcp://10.0.0.1:3567")]).unwrap().port, 3567);
    }

    #[test]
    fn what_a_request_may_take_is_set_by_flag_variable_or_file() {
        let limits = |settings: Result<Settings, String>| {
            let config = settings.unwrap().config;
            (config.max_request_body_bytes, config.request_timeout.as_secs())
        };
        assert_eq!(limits(merge(&[], &[])), (1 << 20, 60));
        let config = file("max_request_body_bytes: 10\nrequest_timeout_seconds: 11\n");
        let path = config.path().to_str().unwrap();
        assert_eq!(limits(merge(&["--config", path], &[])), (10, 11));
        let variables = [("MAX_REQUEST_BODY_BYTES", "20"), ("REQUEST_TIMEOUT_SECONDS", "21")];
        assert_eq!(limits(merge(&["--config", path], &variables)), (20, 21));
        let flags = ["--max-request-body-bytes", "30", "--request-timeout-seconds", "31"];
        assert_eq!(limits(merge(&flags, &variables)), (30, 31));
        let wrong = merge(&["--request-timeout-seconds", "0"], &[]).unwrap_err();
        assert_eq!(wrong, "'request_timeout_seconds' must be >= 1");
    }

    #[test]
    fn an_unknown_key_is_named_with_its_neighbour() {
        let config = file("acces_token_validity: 60\n");
        let error = merge(&["--config", config.path().to_str().unwrap()], &[]).unwrap_err();
        assert!(error.contains("'acces_token_validity'; did you mean 'access_token_validity'?"), "{error}");
        assert!(merge(&[], &[("POSTGRESQL_TABLE_NAMES_PREFIX", "x")]).is_err());
    }

    #[test]
    fn postgres_variables_make_a_url() {
        let variables =
            [("POSTGRESQL_USER", "a b"), ("POSTGRESQL_PASSWORD", "p@ss"), ("POSTGRESQL_HOST", "db")];
        assert_eq!(merge(&[], &variables).unwrap().database, "postgres://a%20b:p%40ss@db:5432/supertokens");
        let variables = [("POSTGRESQL_CONNECTION_URI", "postgresql://u@h/d")];
        assert_eq!(merge(&[], &variables).unwrap().database, "postgresql://u@h/d");
        let variables = [("POSTGRESQL_CONNECTION_URI", "postgresql://h/d?x=1"), ("POSTGRESQL_USER", "u")];
        assert_eq!(merge(&[], &variables).unwrap().database, "postgresql://u@h/d?x=1");
        let database = merge(&[], &[("POSTGRESQL_USER", "u")]).unwrap().database;
        assert_eq!(database, "postgres://u@localhost:5432/supertokens");
        let attributes = ("POSTGRESQL_CONNECTION_ATTRIBUTES", "sslmode=require");
        let database = merge(&[], &[("POSTGRESQL_USER", "u"), attributes]).unwrap().database;
        assert_eq!(database, "postgres://u@localhost:5432/supertokens?sslmode=require");
        let variables = [("POSTGRESQL_CONNECTION_URI", "postgresql://h/d?sslmode=disable"), attributes];
        assert_eq!(merge(&[], &variables).unwrap().database, "postgresql://h/d?sslmode=disable");
    }

    #[test]
    fn renamed_tables_are_refused_and_test_mode_can_be_said_to_be_off() {
        assert!(merge(&[], &[("POSTGRESQL_SESSION_INFO_TABLE_NAME", "s")]).is_err());
        for (mode, is_on) in [("true", true), ("1", true), ("false", false), ("0", false), ("", false)] {
            assert_eq!(merge(&[], &[("TEST_MODE", mode)]).unwrap().test_mode, is_on, "{mode}");
        }
    }
}
