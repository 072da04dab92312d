//! Where a PostgreSQL server is and how it is spoken to, from a URL as `libpq` and JDBC know it.

use super::tls::{Mode, Protection, Roots};
use crate::{Error, Result};
use std::str::FromStr;
use tokio_postgres::Config;

/// A URL, taken apart.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) protection: Protection,
    /// JDBC's `currentSchema`.
    pub(super) schema: Option<String>,
}

/// Parameters that say nothing to PostgreSQL but stand in SuperTokens' default settings.
const MEANINGLESS: &str = "allowPublicKeyRetrieval";

impl Address {
    pub(super) fn parse(url: &str) -> Result<Self> {
        let (place, parameters) = split_query(url);
        let mut asked = Asked::default();
        let others: Vec<&str> =
            parameters.split('&').filter(|pair| !pair.is_empty() && !asked.take(pair)).collect();
        let protection = asked.protection()?;
        let url = if others.is_empty() { place.to_owned() } else { format!("{place}?{}", others.join("&")) };
        let mut config = Config::from_str(&url).map_err(|error| not_valid(&error, &others))?;
        config.ssl_mode(protection.negotiation());
        Ok(Self { config, protection, schema: asked.schema })
    }
}

/// The driver takes all before the first `@` for the user and the password, which may hold a `?`.
fn split_query(url: &str) -> (&str, &str) {
    let host = url.find('@').unwrap_or(0);
    url[host..].find('?').map_or((url, ""), |at| (&url[..host + at], &url[host + at + 1..]))
}

/// The driver's message may quote the URL, which holds a password. A parameter's name does not.
fn not_valid(error: &tokio_postgres::Error, parameters: &[&str]) -> Error {
    let reason = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    let names = parameters.iter().filter_map(|pair| Some(pair.split_once('=')?.0));
    let named = names.into_iter().find(|name| !name.is_empty() && reason.contains(*name));
    Error::Engine(match named {
        Some(name) => format!("the PostgreSQL URL is not valid: the parameter {name}"),
        None => "the PostgreSQL URL is not valid".to_owned(),
    })
}

/// The parameters that the driver does not know, or knows only in part.
#[derive(Debug, Default)]
struct Asked {
    mode: Option<String>,
    roots: Option<String>,
    /// JDBC's `ssl`.
    ssl: Option<String>,
    schema: Option<String>,
}

impl Asked {
    /// Takes a parameter out, if it is one of these.
    fn take(&mut self, pair: &str) -> bool {
        // In this part of a URL a plus is a plus.
        let pair = pair.replace('+', "%2B");
        let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else { return false };
        let slot = match &*name {
            "sslmode" => &mut self.mode,
            "sslrootcert" => &mut self.roots,
            "ssl" => &mut self.ssl,
            "currentSchema" => &mut self.schema,
            other => return other == MEANINGLESS,
        };
        *slot = Some(value.into_owned());
        true
    }

    fn protection(&self) -> Result<Protection> {
        let roots = match self.roots.as_deref() {
            None | Some("") => None,
            Some("system") => Some(Roots::System),
            Some(path) => Some(Roots::File(path.into())),
        };
        let mode = match (self.mode.as_deref(), self.ssl.as_deref(), &roots) {
            (Some("disable"), ..) => Mode::Disable,
            (Some("require"), ..) => Mode::Require,
            (Some("verify-ca"), ..) => Mode::VerifyCa,
            (Some("verify-full"), ..) | (None, Some("true" | ""), _) | (None, _, Some(Roots::System)) => {
                Mode::VerifyFull
            }
            (Some("allow" | "prefer"), ..) | (None, None | Some("false"), _) => Mode::Prefer,
            (Some(_), ..) => return Err(wrong("sslmode")),
            (None, Some(_), _) => return Err(wrong("ssl")),
        };
        if mode != Mode::VerifyFull && roots == Some(Roots::System) {
            // Anyone can have a certificate from a public authority: only the name tells.
            let text = "sslrootcert=system is of use only with sslmode=verify-full".to_owned();
            return Err(Error::Engine(text));
        }
        Ok(Protection { mode, roots })
    }
}

fn wrong(parameter: &str) -> Error {
    Error::Engine(format!("the PostgreSQL URL is not valid: the value of {parameter} is none of those known"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn protection(parameters: &str) -> Protection {
        Address::parse(&format!("postgres://u:p?w@h/d{parameters}")).unwrap().protection
    }

    #[test]
    fn without_a_word_encryption_is_tried() {
        for parameters in ["", "?", "?allowPublicKeyRetrieval=true", "?sslmode=allow", "?ssl=false"] {
            assert_eq!(
                protection(parameters),
                Protection { mode: Mode::Prefer, roots: None },
                "{parameters}"
            );
        }
    }

    #[test]
    fn each_mode_and_root_is_understood() {
        let file = Some(Roots::File("/a b+c.pem".into()));
        for (parameters, mode, roots) in [
            ("?sslmode=disable", Mode::Disable, None),
            ("?sslmode=require", Mode::Require, None),
            ("?sslmode=verify-ca&sslrootcert=/a%20b+c.pem", Mode::VerifyCa, file.clone()),
            ("?sslrootcert=/a%20b+c.pem&connect_timeout=3", Mode::Prefer, file),
            ("?sslmode=verify-full", Mode::VerifyFull, None),
            ("?ssl=true", Mode::VerifyFull, None),
            ("?ssl=true&sslmode=require", Mode::Require, None),
            ("?sslrootcert=system", Mode::VerifyFull, Some(Roots::System)),
        ] {
            assert_eq!(protection(parameters), Protection { mode, roots }, "{parameters}");
        }
    }

    #[test]
    fn the_rest_of_the_url_stays() {
        let url =
            "postgres://u:p?w@h:5/d?connect_timeout=3&sslmode=require&currentSchema=s&application_name=a";
        let address = Address::parse(url).unwrap();
        assert_eq!(address.schema.as_deref(), Some("s"));
        assert_eq!(address.config.get_password(), Some(b"p?w".as_slice()));
        assert_eq!(address.config.get_dbname(), Some("d"));
        assert_eq!(address.config.get_application_name(), Some("a"));
        assert_eq!(address.config.get_ports(), [5]);
    }

    #[test]
    fn what_is_wrong_is_named_and_no_password_is_told() {
        for (url, text) in [
            ("postgres://u:secret@h/d?sslmode=on", "the value of sslmode is none of those known"),
            ("postgres://u:secret@h/d?ssl=maybe", "the value of ssl is none of those known"),
            ("postgres://u:secret@h/d?sslkey=/x", "the parameter sslkey"),
            ("postgres://u:secret@h:port/d", "the PostgreSQL URL is not valid"),
            ("secret", "the PostgreSQL URL is not valid"),
            (
                "postgres://u:secret@h/d?sslmode=require&sslrootcert=system",
                "sslrootcert=system is of use only with sslmode=verify-full",
            ),
        ] {
            let error = Address::parse(url).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(text) && !error.contains("secret"), "{error}");
        }
    }
}
