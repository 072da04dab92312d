//! Which PostgreSQL database is meant, however one connects to it.

use super::address::Address;
use crate::Result;
use std::fmt;
use tokio_postgres::config::Host;

/// A schema of a database of a server. What two users of the library keep in one place, they share.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    servers: Vec<(String, u16)>,
    database: String,
    schema: String,
}

impl Place {
    /// The place that a URL names; `schema` wins over the URL's own.
    pub fn of(url: &str, schema: Option<&str>) -> Result<Self> {
        Ok(Self::at(&Address::parse(url)?, schema))
    }

    pub(super) fn at(address: &Address, schema: Option<&str>) -> Self {
        let config = &address.config;
        let ports = config.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let servers = config.get_hosts().iter().enumerate().map(|(at, host)| (name(host), port(at)));
        let database = config.get_dbname().or(config.get_user()).unwrap_or_default().to_owned();
        let schema = schema.or(address.schema.as_deref()).unwrap_or("public").to_owned();
        Self { servers: servers.collect(), database, schema }
    }
}

/// As SuperTokens writes the id of a user pool: `|host|port|database|schema`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join =
            |part: fn(&(String, u16)) -> String| self.servers.iter().map(part).collect::<Vec<_>>().join(",");
        let (hosts, ports) = (join(|(host, _)| host.clone()), join(|(_, port)| port.to_string()));
        write!(f, "|{hosts}|{ports}|{}|{}", self.database, self.schema)
    }
}

/// Names of hosts are the same in any case.
fn name(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.to_ascii_lowercase(),
        Host::Unix(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_connects_and_how_does_not_matter() {
        let place = |url| Place::of(url, None).unwrap();
        let one = place("postgres://u:p@h:5432/d");
        for same in ["postgresql://v@H/d", "postgres://u@h/d?sslmode=require&currentSchema=public"] {
            assert_eq!(place(same), one, "{same}");
        }
        for other in
            ["postgres://u@i/d", "postgres://u@h:1/d", "postgres://u@h/e", "postgres://u@h/d?currentSchema=s"]
        {
            assert_ne!(place(other), one, "{other}");
        }
        assert_eq!(
            Place::of("postgres://u@h/d", Some("s")).unwrap(),
            place("postgres://u@h/d?currentSchema=s")
        );
        assert_eq!(one.to_string(), "|h|5432|d|public");
    }
}
