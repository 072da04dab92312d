//! Which database is meant: SuperTokens' single settings and its address, as one address.

use super::{ConfigError, effective, fault, find_key};
use portcullis_wire::Object;
use std::fmt;

/// Where PostgreSQL is, and who connects to it. Its `Debug` tells no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Postgres {
    /// The whole address, with the password.
    pub url: String,
    /// The schema, unless the address names one.
    pub schema: Option<String>,
    /// Connections at most.
    pub pool_size: usize,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("schema", &self.schema).finish_non_exhaustive()
    }
}

/// The parameters that the driver understands, beside those that say how the connection is protected.
const UNDERSTOOD: [&str; 11] = [
    "application_name",
    "channel_binding",
    "connect_timeout",
    "currentSchema",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "options",
    "target_session_attrs",
    "tcp_user_timeout",
];

/// The database that the settings name, if they name one. An address wins over single settings, which
/// fill in what it leaves out. `warn` is told of what has no effect.
pub fn postgres(values: &Object, warn: impl Fn(&str)) -> Result<Option<Postgres>, ConfigError> {
    let uri = text(values, "postgresql_connection_uri");
    let user = text(values, "postgresql_user");
    if uri.is_none() && user.is_none() {
        return no_database(values, warn);
    }
    let uri = uri.unwrap_or_else(|| "postgresql://".to_owned());
    let (scheme, rest) =
        uri.split_once("://").ok_or_else(|| fault("'postgresql_connection_uri' has no scheme"))?;
    // As the driver does: all before the first `@` is user and password.
    let (login, rest) = rest.split_once('@').unwrap_or(("", rest));
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (host, path) = place.split_once('/').unwrap_or((place, ""));
    let database =
        if path.is_empty() { encode(&standard(values, "postgresql_database_name")) } else { path.to_owned() };
    let attributes = text(values, "postgresql_connection_attributes").unwrap_or_default();
    let parameters = parameters(if query.is_empty() { &attributes } else { query }, warn);
    let (login, host) = (login_part(login, values), host_part(host, values));
    let schema = Some(standard(values, "postgresql_table_schema"))
        .filter(|schema| schema != "public" && !parameters.contains("currentSchema="));
    let url = format!("{scheme}://{login}{host}/{database}{parameters}");
    Ok(Some(Postgres { url, schema, pool_size: pool_size(values) }))
}

/// How many connections a database may have at most.
pub fn pool_size(values: &Object) -> usize {
    let value = find_key("postgresql_connection_pool_size").map(|key| effective(values, key));
    value.and_then(|value| usize::try_from(value.as_u64()?).ok()).unwrap_or_default()
}

const NEEDED: &str = "set 'postgresql_user' or 'postgresql_connection_uri' to use PostgreSQL";

/// What is said of a setting that names no database without others.
pub(super) fn without_effect(name: &str) -> String {
    format!("'{name}' has no effect alone; {NEEDED}")
}

/// Half a description of a database must not end in another database.
fn no_database(values: &Object, warn: impl Fn(&str)) -> Result<Option<Postgres>, ConfigError> {
    if text(values, "postgresql_password").is_some() {
        return Err(fault(format!("'postgresql_password' is set, but not for whom; {NEEDED}")));
    }
    for name in ["postgresql_host", "postgresql_port", "postgresql_database_name"] {
        let unset = find_key(name).is_none_or(|key| effective(values, key) == key.standard_value());
        if !unset {
            warn(&without_effect(name));
        }
    }
    Ok(None)
}

/// `user:password@`, as far as they are known.
fn login_part(login: &str, values: &Object) -> String {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let or = |given: &str, name| match given {
        "" => text(values, name).map(|text| encode(&text)).unwrap_or_default(),
        given => given.to_owned(),
    };
    let (user, password) = (or(user, "postgresql_user"), or(password, "postgresql_password"));
    match (user.as_str(), password.as_str()) {
        ("", _) => String::new(),
        (user, "") => format!("{user}@"),
        (user, password) => format!("{user}:{password}@"),
    }
}

/// `host:port`; an address may name several hosts, each with its port.
fn host_part(host: &str, values: &Object) -> String {
    let host = if host.is_empty() { standard(values, "postgresql_host") } else { host.to_owned() };
    let after_brackets = host.rsplit(']').next().unwrap_or_default();
    if after_brackets.contains([':', ',']) {
        host
    } else {
        format!("{host}:{}", standard(values, "postgresql_port"))
    }
}

/// What stands behind the address' question mark and is meant for this driver, with the mark.
fn parameters(query: &str, warn: impl Fn(&str)) -> String {
    let mut kept = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter.split('=').next().unwrap_or_default() {
            "allowPublicKeyRetrieval" => {}
            name if UNDERSTOOD.contains(&name) || name.starts_with("ssl") => kept.push(parameter),
            name => warn(&format!("'{name}' in PostgreSQL's address is ignored: it is for another driver")),
        }
    }
    if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) }
}

fn standard(values: &Object, name: &str) -> String {
    let value = find_key(name).map(|key| effective(values, key)).unwrap_or_default();
    value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned())
}

/// A setting that is not empty.
fn text(values: &Object, name: &str) -> Option<String> {
    let value = values.get(name).filter(|value| !value.is_null())?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Some(text).filter(|text| !text.is_empty())
}

fn encode(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::cell::RefCell;

    fn read(values: Value) -> (Result<Option<Postgres>, ConfigError>, Vec<String>) {
        let Value::Object(values) = values else { unreachable!() };
        let warnings = RefCell::new(Vec::new());
        let read = postgres(&values, |warning| warnings.borrow_mut().push(warning.to_owned()));
        (read, warnings.into_inner())
    }

    fn url(values: Value) -> String {
        let (read, warnings) = read(values);
        assert_eq!(warnings, Vec::<String>::new());
        read.unwrap().unwrap().url
    }

    #[test]
    fn single_settings_make_an_address() {
        let values =
            json!({"postgresql_user": "a b", "postgresql_password": "p@ss:/", "postgresql_host": "db"});
        assert_eq!(url(values), "postgresql://a%20b:p%40ss%3A%2F@db:5432/supertokens");
        assert_eq!(url(json!({"postgresql_user": "u"})), "postgresql://u@localhost:5432/supertokens");
        let values = json!({
            "postgresql_user": "u", "postgresql_port": "6543", "postgresql_database_name": "a/b",
            "postgresql_connection_attributes": "allowPublicKeyRetrieval=true&sslmode=require",
        });
        assert_eq!(url(values), "postgresql://u@localhost:6543/a%2Fb?sslmode=require");
    }

    #[test]
    fn an_address_wins_and_single_settings_fill_in_what_it_leaves_out() {
        let with = |uri: &str| {
            url(json!({
                "postgresql_connection_uri": uri, "postgresql_user": "eve", "postgresql_password": "secret",
                "postgresql_host": "db", "postgresql_port": 1, "postgresql_database_name": "d",
            }))
        };
        assert_eq!(with("postgresql://u:p@h:2/e"), "postgresql://u:p@h:2/e");
        assert_eq!(with("postgres://u@h/e"), "postgres://u:secret@h:1/e");
        assert_eq!(with("postgresql://h:2"), "postgresql://eve:secret@h:2/d");
        assert_eq!(with("postgresql://"), "postgresql://eve:secret@db:1/d");
        assert_eq!(with("postgresql://u:p@h1:2,h2:3/e"), "postgresql://u:p@h1:2,h2:3/e");
        assert_eq!(with("postgresql://u:p?/w@h/e"), "postgresql://u:p?/w@h:1/e");
        assert_eq!(with("postgresql://u:p@[::1]/e"), "postgresql://u:p@[::1]:1/e");
        assert_eq!(with("postgresql://u:p@[::1]:2/e"), "postgresql://u:p@[::1]:2/e");
        let alone =
            url(json!({"postgresql_connection_uri": "postgresql://u@h/d?connect_timeout=3&sslmode=prefer"}));
        assert_eq!(alone, "postgresql://u@h:5432/d?connect_timeout=3&sslmode=prefer");
    }

    #[test]
    fn another_driver_s_parameters_are_told_and_the_address_schema_wins() {
        let with = |attributes| {
            read(json!({"postgresql_connection_uri": format!("postgresql://u@h/d?{attributes}")}))
        };
        let (named, warnings) = with("allowPublicKeyRetrieval=true&ssl=true&prepareThreshold=0");
        assert_eq!(named.unwrap().unwrap().url, "postgresql://u@h:5432/d?ssl=true");
        assert_eq!(
            warnings,
            ["'prepareThreshold' in PostgreSQL's address is ignored: it is for another driver"]
        );
        let own = json!({
            "postgresql_connection_uri": "postgresql://u@h/d?currentSchema=a", "postgresql_table_schema": "b",
        });
        let named = read(own).0.unwrap().unwrap();
        assert_eq!((named.url.as_str(), named.schema), ("postgresql://u@h:5432/d?currentSchema=a", None));
        let schema = read(json!({"postgresql_user": "u", "postgresql_table_schema": " s "})).0;
        assert_eq!(schema.unwrap().unwrap().schema.as_deref(), Some("s"));
    }

    #[test]
    fn no_password_is_told() {
        let named = read(json!({"postgresql_connection_uri": "postgresql://u:secret@h/d"})).0;
        assert!(!format!("{named:?}").contains("secret"));
    }

    #[test]
    fn half_a_description_is_not_passed_over_in_silence() {
        assert_eq!(read(json!({})), (Ok(None), Vec::new()));
        let defaults =
            json!({"postgresql_host": "localhost", "postgresql_port": "5432", "postgresql_user": ""});
        assert_eq!(read(defaults), (Ok(None), Vec::new()));
        assert!(
            read(json!({"postgresql_password": "p"}))
                .0
                .unwrap_err()
                .to_string()
                .contains("'postgresql_user'")
        );
        let (named, warnings) = read(json!({"postgresql_host": "db"}));
        assert_eq!(named, Ok(None));
        assert!(warnings[0].starts_with("'postgresql_host' has no effect alone"), "{warnings:?}");
    }
}
