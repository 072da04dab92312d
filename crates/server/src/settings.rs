//! Where settings come from: flags win over the environment, the environment over `config.yaml`.

use crate::cli::{Arguments, Command, complain};
use portcullis_core::config::{
    CoreConfig, Key, Pool, effective, find_key, keys, nearest_key, pool_size, postgres,
};
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
    pub(crate) pool_size: usize,
    pub(crate) log_level: String,
    pub(crate) test_mode: bool,
}

impl Settings {
    /// Reads the file, the environment and the flags.
    pub(crate) fn read(arguments: &Arguments) -> Result<Self, String> {
        let environment = |name: &str| std::env::var(name).ok();
        let beside = std::env::current_exe().ok().and_then(|binary| Some(binary.parent()?.join(FILE)));
        let places: Vec<PathBuf> = [Some(FILE.into()), beside].into_iter().flatten().collect();
        Self::merge(arguments, environment, &places)
    }

    fn merge(
        arguments: &Arguments,
        environment: impl Fn(&str) -> Option<String>,
        places: &[PathBuf],
    ) -> Result<Self, String> {
        let file = arguments.config.clone().or_else(|| places.iter().find(|place| is_ours(place)).cloned());
        let mut values = file.as_deref().map(read_file).transpose()?.unwrap_or_default();
        values.extend(from_environment(&environment)?);
        values.extend(from_flags(arguments));
        let test_mode = arguments.test_mode || environment("TEST_MODE").is_some_and(|mode| is_on(&mode));
        let is_adoption = matches!(arguments.command, Some(Command::Adopt(_)));
        if !is_adoption {
            refuse_renamed_tables(&values)?;
        }
        let config = CoreConfig::from_values(&values, test_mode).map_err(|error| {
            file.as_ref().map_or(error.to_string(), |file| {
                format!("{error} The config file can be found here: {}", file.display())
            })
        })?;
        if !is_adoption {
            tell_of_unused(&values);
        }
        let named = match &arguments.database {
            Some(_) => None,
            None => postgres(&values, complain).map_err(|error| error.to_string())?,
        };
        let (named, schema) = match named {
            Some(postgres) => (Some(postgres.url), postgres.schema),
            None => (None, text(&values, "postgresql_table_schema").filter(|schema| schema != "public")),
        };
        let flag = arguments.database.as_deref();
        let base_values = flag.map_or_else(|| values.clone(), |flag| on_database(&values, flag));
        let text = |name| text(&values, name);
        Ok(Self {
            host: arguments
                .host
                .clone()
                .or_else(|| text("host").map(|_| config.host.clone()))
                .unwrap_or_else(|| "127.0.0.1".to_owned()),
            port: arguments.port.unwrap_or(config.port),
            database: arguments
                .database
                .clone()
                .or(named)
                .unwrap_or_else(|| "sqlite:portcullis.db".to_owned()),
            schema,
            pool_size: pool_size(&values),
            log_level: arguments
                .log_level
                .clone()
                .or_else(|| text("log_level"))
                .unwrap_or_else(|| "info".to_owned()),
            config_path: file.and_then(|path| path.canonicalize().ok()),
            values: base_values,
            config,
            test_mode,
        })
    }
}

/// The settings with the flag's database in place of theirs, for domains inherit them.
fn on_database(values: &Map<String, Value>, flag: &str) -> Map<String, Value> {
    let mut values = values.clone();
    let is_place = |name: &str| find_key(name).is_some_and(|key| key.pool == Some(Pool::Identity));
    let is_login = |name: &str| ["postgresql_user", "postgresql_password"].contains(&name);
    values.retain(|name, _| name == "postgresql_table_schema" || !(is_place(name) || is_login(name)));
    if !flag.starts_with("sqlite:") {
        values.insert("postgresql_connection_uri".to_owned(), flag.into());
    }
    values
}

/// `TEST_MODE=false` and `TEST_MODE=0` mean what they say.
fn is_on(mode: &str) -> bool {
    !["", "0", "false", "off", "no"].contains(&mode.trim().to_lowercase().as_str())
}

/// The name of a file that is read without being asked for.
const FILE: &str = "config.yaml";

/// Many programs have a `config.yaml`; SuperTokens' has its version in it.
fn is_ours(path: &Path) -> bool {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().any(|line| line.starts_with("core_config_version"))
}

/// An operator who renamed tables must hear so, instead of finding no users.
fn refuse_renamed_tables(values: &Map<String, Value>) -> Result<(), String> {
    let renamed = keys()
        .filter(|key| key.pool == Some(Pool::Common))
        .find(|key| is_set(values, key.name) && effective(values, key) != key.standard_value());
    renamed.map_or(Ok(()), |key| {
        Err(format!("'{}' is not supported: the tables have SuperTokens' default names here, which `portcullis adopt` gives them", key.name))
    })
}

/// What an operator has set must not be without effect in silence.
fn tell_of_unused(values: &Map<String, Value>) {
    let unused = unused(values);
    if !unused.is_empty() {
        complain(&format!("without effect here: {}", unused.join(", ")));
    }
}

/// The keys that are set to something, but are without effect.
fn unused(values: &Map<String, Value>) -> Vec<&'static str> {
    let is_unused = |key: &&Key| !key.used && !key.name.ends_with("_config_version");
    // The log goes to standard error, which is what `null` asks for.
    let asks = |key: &&Key| ![key.standard_value(), "null".into()].contains(&effective(values, key));
    keys().filter(is_unused).filter(|key| is_set(values, key.name)).filter(asks).map(|key| key.name).collect()
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

/// SuperTokens' variables; an empty one is as good as unset.
fn from_environment(environment: impl Fn(&str) -> Option<String>) -> Result<Map<String, Value>, String> {
    let mut values = Map::new();
    for (key, variable) in keys().filter_map(|key| Some((key, key.variable()?))) {
        let Some(given) = environment(&variable) else { continue };
        let value = unquoted(&given);
        if value.starts_with("tcp://") {
            // Kubernetes sets such variables for every service by itself.
            complain(&format!("{variable}={value} is ignored: it was not meant for the core"));
        } else if !value.is_empty() {
            values.insert(key.name.to_owned(), value.into());
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

/// One pair of double quotes is taken off, and what is escaped between them is put in.
fn unquoted(given: &str) -> String {
    let Some(inner) = given.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return given.to_owned();
    };
    [("\\n", "\n"), ("\\t", "\t"), ("\\r", "\r"), ("\\\"", "\""), ("\\'", "'"), ("\\\\", "\\")]
        .into_iter()
        .fold(inner.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    fn merge(flags: &[&str], variables: &[(&str, &str)]) -> Result<Settings, String> {
        let arguments = Arguments::parse_from(std::iter::once(&"portcullis").chain(flags));
        let find = |name: &str| variables.iter().find(|(variable, _)| *variable == name);
        Settings::merge(&arguments, |name| find(name).map(|(_, value)| (*value).to_owned()), &[])
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
    fn postgres_variables_name_the_database() {
        let variables = [("POSTGRESQL_USER", "u"), ("POSTGRESQL_PASSWORD", "p"), ("POSTGRESQL_HOST", "db")];
        let settings = merge(&[], &variables).unwrap();
        assert_eq!(settings.database, "postgresql://u:p@db:5432/supertokens");
        assert_eq!(settings.pool_size, 10);
        let variables = [
            ("POSTGRESQL_CONNECTION_URI", "\"postgresql://u@h/d\""),
            ("POSTGRESQL_TABLE_SCHEMA", "s"),
            ("POSTGRESQL_CONNECTION_POOL_SIZE", "3"),
        ];
        let settings = merge(&[], &variables).unwrap();
        assert_eq!(settings.database, "postgresql://u@h:5432/d");
        assert_eq!((settings.schema.as_deref(), settings.pool_size), (Some("s"), 3));
        let own = [("POSTGRESQL_CONNECTION_URI", "postgresql://u@h/d?currentSchema=own"), variables[1]];
        assert_eq!(merge(&[], &own).unwrap().schema, None, "the address says which");
        let flag = ["--database", "sqlite::memory:"];
        assert_eq!(merge(&flag, &variables).unwrap().database, "sqlite::memory:");
        let secret = file("p w\n");
        let variables =
            [("POSTGRESQL_USER", "u"), ("POSTGRESQL_PASSWORD_FILE", secret.path().to_str().unwrap())];
        assert_eq!(
            merge(&[], &variables).unwrap().database,
            "postgresql://u:p%20w@localhost:5432/supertokens"
        );
        assert!(merge(&[], &[("POSTGRESQL_PASSWORD", "p")]).is_err());
    }

    /// What stands in a file or variable for the value that holds without it.
    fn written(key: &Key) -> String {
        match key.standard_value() {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        }
    }

    #[test]
    fn a_file_with_every_key_loads_empty_and_with_what_holds_without_it() {
        for value in [|_: &Key| String::new(), written] {
            let lines: Vec<String> = keys().map(|key| format!("{}: {}\n", key.name, value(key))).collect();
            let config = file(&lines.concat());
            let settings = merge(&["--config", config.path().to_str().unwrap()], &[]).unwrap();
            let plain = merge(&[], &[]).unwrap();
            assert_eq!(format!("{:?}", settings.config), format!("{:?}", plain.config));
            assert_eq!(settings.database, plain.database);
            assert_eq!(unused(&settings.values), Vec::<&str>::new());
        }
    }

    #[test]
    fn the_variables_of_a_container_are_taken() {
        let file = file(
            "core_config_version: 0\n# api_keys:\nrefresh_token_validity: 100000\nlog_level: \"WARN\"\n",
        );
        let variables = [
            ("SUPERTOKENS_HOST", "0.0.0.0"),
            ("SUPERTOKENS_PORT", "4567"),
            ("API_KEYS", "\"first-key-of-20-chars,second-key-of-20-char\""),
            ("ACCESS_TOKEN_VALIDITY", "1800"),
            ("ACCESS_TOKEN_BLACKLISTING", "true"),
            ("ACCESS_TOKEN_DYNAMIC_SIGNING_KEY_UPDATE_INTERVAL", "24"),
            ("ACCESS_TOKEN_VALIDITY_JITTER", "0"),
            ("REFRESH_TOKEN_ROTATION_GRACE_PERIOD", "10"),
            ("PASSWORD_RESET_TOKEN_LIFETIME", "1000"),
            ("PASSWORD_HASHING_ALG", "ARGON2"),
            ("ARGON2_ITERATIONS", "3"),
            ("ARGON2_MEMORY_KB", "65536"),
            ("ARGON2_PARALLELISM", "1"),
            ("ARGON2_HASHING_POOL_SIZE", "4"),
            ("IP_DENY_REGEX", "\"10\\\\.0\\\\..*\""),
            ("BASE_PATH", "auth"),
            ("SUPERTOKENS_MAX_CDI_VERSION", "5.2"),
            ("DISABLE_TELEMETRY", "true"),
            ("INFO_LOG_PATH", "null"),
            ("SAML_CLAIMS_VALIDITY", "60000"),
            ("POSTGRESQL_KEY_VALUE_TABLE_NAME", "key_value"),
            ("SUPERTOKENS_SERVICE_HOST", "10.0.0.7"),
            ("POSTGRESQL_PORT", "tcp://10.0.0.8:5432"),
            ("POSTGRESQL_CONNECTION_URI", "postgresql://u:p@db:5432/app?allowPublicKeyRetrieval=true"),
        ];
        let settings = merge(&["--config", file.path().to_str().unwrap()], &variables).unwrap();
        let config = &settings.config;
        assert_eq!((settings.host.as_str(), settings.port), ("0.0.0.0", 4567));
        assert_eq!(
            (settings.database.as_str(), settings.log_level.as_str()),
            ("postgresql://u:p@db:5432/app", "WARN")
        );
        assert_eq!((config.api_keys.len(), config.base_path.as_str()), (2, "/auth"));
        assert_eq!(
            (config.access_token_validity_ms, config.refresh_token_validity_ms),
            (1_800_000, 6_000_000_000)
        );
        assert_eq!((config.signing_key_update_interval_ms, config.argon2_hashing_pool_size), (86_400_000, 4));
        assert!(config.access_token_blacklisting);
        assert!(config.ip_deny.as_ref().unwrap().is_match("10.0.3.4").unwrap());
        assert_eq!(unused(&settings.values), ["saml_claims_validity"]);
    }

    #[test]
    fn a_file_in_its_usual_place_is_read_if_it_is_ours() {
        let arguments = Arguments::parse_from(["portcullis"]);
        let merge = |places: &[PathBuf]| Settings::merge(&arguments, |_| None, places).unwrap();
        let (other, ours) = (file("port: 1\nreplicas: 3\n"), file("core_config_version: 0\nport: 2\n"));
        let places = [PathBuf::from("/nonexistent"), other.path().to_owned(), ours.path().to_owned()];
        assert_eq!(merge(&places).port, 2);
        assert_eq!(merge(&places).config_path, Some(ours.path().canonicalize().unwrap()));
        let none = merge(&places[..2]);
        assert_eq!((none.port, none.config_path), (3567, None));
    }

    #[test]
    fn a_value_that_cannot_be_used_is_named_with_its_file() {
        let config = file("access_token_validity: 0\n");
        let error = merge(&["--config", config.path().to_str().unwrap()], &[]).unwrap_err();
        let path = config.path().display();
        assert_eq!(
            error,
            format!(
                "'access_token_validity' must be between 1 and 86400000 seconds inclusive. The config file can be found here: {path}"
            )
        );
        let error = merge(&[], &[("ACCESS_TOKEN_VALIDITY", "1h")]).unwrap_err();
        assert_eq!(error, "'access_token_validity' must be of type long");
    }

    #[test]
    fn quoted_variables_are_unquoted_as_the_reference_does() {
        for (given, value) in
            [("plain", "plain"), ("\"a\"", "a"), ("\"a\\\\d\\n\"", "a\\d\n"), ("\"\"", ""), ("a\\n", "a\\n")]
        {
            assert_eq!(unquoted(given), value, "{given}");
        }
    }

    #[test]
    fn renamed_tables_are_refused_and_test_mode_can_be_said_to_be_off() {
        assert!(merge(&[], &[("POSTGRESQL_SESSION_INFO_TABLE_NAME", "s")]).is_err());
        assert!(merge(&[], &[("POSTGRESQL_SESSION_INFO_TABLE_NAME", "session_info")]).is_ok());
        for (mode, is_on) in [("true", true), ("1", true), ("false", false), ("0", false), ("", false)] {
            assert_eq!(merge(&[], &[("TEST_MODE", mode)]).unwrap().test_mode, is_on, "{mode}");
        }
    }
}
