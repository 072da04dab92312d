//! The settings that hold for a tenant, checked: ranges as in the reference, units in the names.

use super::raw::{self, check_kind, find_key};
use super::{ConfigError, nearest_key};
use crate::crypto::digest::Secret;
use crate::crypto::password_hash::HashSettings;
use portcullis_wire::{Cdi, Object};
use regex::Regex;
use serde_json::Value;
use std::time::Duration;

/// What a core answers to a refresh token that was used recently (CDI 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReuseBehaviour {
    /// Treat it as theft.
    TokenTheft,
    /// Only refuse it.
    Unauthorised,
}

/// Every setting, checked. Times are in the unit that the name ends with.
#[derive(Clone, Debug)]
pub struct CoreConfig {
    /// Where the core listens.
    pub host: String,
    /// The port it listens on.
    pub port: u16,
    /// What every path begins with: empty, or `/…` without a slash at its end.
    pub base_path: String,
    /// The largest body of a request.
    pub max_request_body_bytes: usize,
    /// The longest time for one request, its body included.
    pub request_timeout: Duration,
    /// The port of the listener for metrics, if they are wanted.
    pub metrics_port: Option<u16>,
    /// The keys that callers may show; none means that no key is needed.
    pub api_keys: Vec<Secret>,
    /// A key that only the operator has.
    pub saas_secret: Option<Secret>,
    /// The oldest version served.
    pub min_cdi: Option<String>,
    /// The newest version served.
    pub max_cdi: Option<String>,
    /// Only addresses that match may call.
    pub ip_allow: Option<Regex>,
    /// Addresses that match may not call.
    pub ip_deny: Option<Regex>,
    /// Lifetime of access tokens.
    pub access_token_validity_ms: i64,
    /// How much of the lifetime may be taken off at random, as a fraction.
    pub access_token_validity_jitter: f64,
    /// Before CDI 2.21: whether verification asks the database.
    pub access_token_blacklisting: bool,
    /// Before CDI 2.21: whether sessions use the keys that change.
    pub access_token_signing_key_dynamic: bool,
    /// How long a signing key signs.
    pub signing_key_update_interval_ms: i64,
    /// How long a new signing key is shown before it signs.
    pub signing_key_overlap_ms: i64,
    /// Lifetime of refresh tokens.
    pub refresh_token_validity_ms: i64,
    /// How long the previous refresh token still works (CDI 5.6).
    pub refresh_token_rotation_grace_ms: i64,
    /// What the reuse of a refresh token means (CDI 5.6).
    pub recent_token_reuse: ReuseBehaviour,
    /// Lifetime of password reset tokens.
    pub password_reset_token_lifetime_ms: i64,
    /// Lifetime of e-mail verification tokens.
    pub email_verification_token_lifetime_ms: i64,
    /// How new passwords are hashed.
    pub hashing: HashSettings,
    /// Hashes at a time, at least.
    pub argon2_hashing_pool_size: usize,
    /// The key that Firebase hashes need.
    pub firebase_signer_key: Option<Secret>,
}

impl CoreConfig {
    /// Checks settings given by SuperTokens' names. Test mode leaves out a few range checks, as the
    /// official test suites need.
    pub fn from_values(values: &Object, test_mode: bool) -> Result<Self, ConfigError> {
        for (name, value) in values.iter().filter(|(_, value)| !value.is_null()) {
            let unknown = || format!("Invalid config key: {name} (did you mean {}?)", nearest_key(name));
            check_kind(find_key(name).ok_or_else(|| ConfigError(unknown()))?, value)?;
        }
        let read = Reader(values);
        let (interval, overlap) = signing_key_times(&read, test_mode)?;
        let config = Self {
            host: read.text("host").unwrap_or_else(|| "localhost".to_owned()),
            port: port(&read, "port")?.unwrap_or(3567),
            base_path: base_path(&read.text("base_path").unwrap_or_default())?,
            max_request_body_bytes: at_least_one(&read, "max_request_body_bytes", 1 << 20)? as usize,
            request_timeout: Duration::from_secs(at_least_one(&read, "request_timeout_seconds", 60)?.into()),
            metrics_port: port(&read, "metrics_port")?,
            api_keys: api_keys(&read.text("api_keys").unwrap_or_default())?,
            saas_secret: saas_secret(&read)?,
            min_cdi: cdi(&read, "supertokens_min_cdi_version")?,
            max_cdi: cdi(&read, "supertokens_max_cdi_version")?,
            ip_allow: pattern(&read, "ip_allow_regex")?,
            ip_deny: pattern(&read, "ip_deny_regex")?,
            access_token_validity_ms: access_token_validity(&read)?,
            access_token_validity_jitter: jitter(&read)?,
            access_token_blacklisting: read.boolean("access_token_blacklisting", false),
            access_token_signing_key_dynamic: read.boolean("access_token_signing_key_dynamic", true),
            signing_key_update_interval_ms: interval,
            signing_key_overlap_ms: overlap,
            refresh_token_validity_ms: read.milliseconds("refresh_token_validity", 144_000.0, 60_000.0),
            refresh_token_rotation_grace_ms: grace(&read, test_mode)?,
            recent_token_reuse: reuse(&read)?,
            password_reset_token_lifetime_ms: lifetime(&read, "password_reset_token_lifetime", 3_600_000)?,
            email_verification_token_lifetime_ms: lifetime(
                &read,
                "email_verification_token_lifetime",
                86_400_000,
            )?,
            hashing: hashing(&read)?,
            argon2_hashing_pool_size: usize::try_from(read.integer("argon2_hashing_pool_size", 1))
                .unwrap_or(1),
            firebase_signer_key: read.text("firebase_password_hashing_signer_key").map(Secret::new),
        };
        if !test_mode && config.refresh_token_validity_ms <= config.access_token_validity_ms {
            return Err(fault(
                "'refresh_token_validity' must be strictly greater than 'access_token_validity'.",
            ));
        }
        Ok(config)
    }
}

fn fault(text: impl Into<String>) -> ConfigError {
    ConfigError(text.into())
}

/// Reads values whose kinds have been checked.
struct Reader<'a>(&'a Object);

impl Reader<'_> {
    fn value(&self, name: &str) -> Option<&Value> {
        let older =
            find_key(name).is_some_and(|key| key.name == "access_token_dynamic_signing_key_update_interval");
        let older = older.then(|| self.0.get("access_token_signing_key_update_interval")).flatten();
        self.0.get(name).or(older).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<String> {
        self.value(name)
            .and_then(raw::text)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    fn integer(&self, name: &str, default: i64) -> i64 {
        self.value(name).and_then(raw::integer).unwrap_or(default)
    }

    fn double(&self, name: &str, default: f64) -> f64 {
        self.value(name).and_then(raw::double).unwrap_or(default)
    }

    fn boolean(&self, name: &str, default: bool) -> bool {
        self.value(name).and_then(raw::boolean).unwrap_or(default)
    }

    fn milliseconds(&self, name: &str, default: f64, unit: f64) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "fractions of a millisecond do not matter")]
        let milliseconds = (self.double(name, default) * unit) as i64;
        milliseconds
    }
}

fn port(read: &Reader<'_>, name: &str) -> Result<Option<u16>, ConfigError> {
    let Some(port) = read.value(name).and_then(raw::integer) else { return Ok(None) };
    u16::try_from(port).map(Some).map_err(|_| fault(format!("'{name}' must be between 0 and 65535")))
}

fn access_token_validity(read: &Reader<'_>) -> Result<i64, ConfigError> {
    let seconds = read.integer("access_token_validity", 3600);
    if !(1..=86_400_000).contains(&seconds) {
        return Err(fault(
            "'access_token_validity' must be between 1 and 86400000 seconds inclusive. The config file can be found here: config.yaml",
        ));
    }
    Ok(seconds * 1000)
}

fn jitter(read: &Reader<'_>) -> Result<f64, ConfigError> {
    let jitter = read.double("access_token_validity_jitter", 0.05);
    let fits = (0.0..=0.25).contains(&jitter);
    if fits {
        Ok(jitter)
    } else {
        Err(fault("'access_token_validity_jitter' must be between 0 and 0.25 inclusive"))
    }
}

fn signing_key_times(read: &Reader<'_>, test_mode: bool) -> Result<(i64, i64), ConfigError> {
    const NAME: &str = "access_token_dynamic_signing_key_update_interval";
    let interval = read.milliseconds(NAME, 168.0, 3_600_000.0);
    if interval < 3_600_000 && !test_mode {
        return Err(fault(format!("'{NAME}' must be greater than, equal to 1 hour")));
    }
    let overlap = if test_mode && interval < 60_000 { interval / 5 } else { 60_000 };
    Ok((interval, overlap))
}

fn grace(read: &Reader<'_>, test_mode: bool) -> Result<i64, ConfigError> {
    let seconds = read.integer("refresh_token_rotation_grace_period", 30);
    if !test_mode && !(0..=300).contains(&seconds) {
        return Err(fault(
            "'refresh_token_rotation_grace_period' must be between 0 and 300 seconds inclusive",
        ));
    }
    Ok(seconds * 1000)
}

fn reuse(read: &Reader<'_>) -> Result<ReuseBehaviour, ConfigError> {
    const TEXT: &str = "recent_token_reuse_behaviour property is not set correctly. It must be one of [TOKEN_THEFT, UNAUTHORISED]";
    match read.text("recent_token_reuse_behaviour").map(|text| text.to_uppercase()).as_deref() {
        None | Some("TOKEN_THEFT") => Ok(ReuseBehaviour::TokenTheft),
        Some("UNAUTHORISED") => Ok(ReuseBehaviour::Unauthorised),
        Some(_) => Err(fault(TEXT)),
    }
}

fn lifetime(read: &Reader<'_>, name: &str, default: i64) -> Result<i64, ConfigError> {
    let lifetime = read.integer(name, default);
    if lifetime > 0 { Ok(lifetime) } else { Err(fault(format!("'{name}' must be >= 0"))) }
}

fn at_least_one(read: &Reader<'_>, name: &str, default: i64) -> Result<u32, ConfigError> {
    let number = read.integer(name, default);
    if number < 1 {
        return Err(fault(format!("'{name}' must be >= 1")));
    }
    u32::try_from(number).map_err(|_| fault(format!("'{name}' is too large")))
}

fn hashing(read: &Reader<'_>) -> Result<HashSettings, ConfigError> {
    match read.text("password_hashing_alg").map(|text| text.to_uppercase()).as_deref() {
        None | Some("BCRYPT") => {
            Ok(HashSettings::Bcrypt { rounds: at_least_one(read, "bcrypt_log_rounds", 11)? })
        }
        Some("ARGON2") => Ok(HashSettings::Argon2 {
            iterations: at_least_one(read, "argon2_iterations", 1)?,
            memory_kb: at_least_one(read, "argon2_memory_kb", 87_795)?,
            parallelism: at_least_one(read, "argon2_parallelism", 2)?,
        }),
        Some(_) => Err(fault("'password_hashing_alg' must be one of 'ARGON2' or 'BCRYPT'")),
    }
}

fn api_keys(text: &str) -> Result<Vec<Secret>, ConfigError> {
    let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty());
    keys.map(|key| {
        if key.len() < 20 {
            return Err(fault("One of the API keys is too short. Please use at least 20 characters"));
        }
        check_key_characters(key)?;
        Ok(Secret::new(key))
    })
    .collect()
}

fn check_key_characters(key: &str) -> Result<(), ConfigError> {
    let fits = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'=' || b == b'-');
    if fits {
        Ok(())
    } else {
        Err(fault(
            "Invalid characters in API key. Please only use '=', '-' and alpha-numeric (including capitals)",
        ))
    }
}

fn saas_secret(read: &Reader<'_>) -> Result<Option<Secret>, ConfigError> {
    let Some(secret) = read.text("supertokens_saas_secret") else { return Ok(None) };
    if read.text("api_keys").is_none() {
        return Err(fault("supertokens_saas_secret can only be used when api_key is also defined"));
    }
    if secret.len() < 40 {
        return Err(fault("supertokens_saas_secret is too short. Please use at least 40 characters"));
    }
    check_key_characters(&secret)?;
    Ok(Some(Secret::new(secret)))
}

fn base_path(text: &str) -> Result<String, ConfigError> {
    if text.contains(' ') {
        return Err(fault("Invalid characters in base_path config"));
    }
    let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty()).collect();
    Ok(parts.iter().fold(String::new(), |path, part| format!("{path}/{part}")))
}

fn cdi(read: &Reader<'_>, name: &str) -> Result<Option<String>, ConfigError> {
    let Some(text) = read.text(name) else { return Ok(None) };
    let known = text.parse::<Cdi>().is_ok_and(Cdi::is_supported);
    if known { Ok(Some(text)) } else { Err(fault(format!("{name} is not a supported CDI version"))) }
}

/// The whole address must match, as in the reference.
fn pattern(read: &Reader<'_>, name: &str) -> Result<Option<Regex>, ConfigError> {
    let Some(text) = read.text(name) else { return Ok(None) };
    let whole = Regex::new(&format!("^(?:{text})$"));
    whole
        .map(Some)
        .map_err(|error| fault(format!("Provided regular expression is invalid for {name} config: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(values: Value, test_mode: bool) -> Result<CoreConfig, String> {
        let Value::Object(values) = values else { unreachable!() };
        CoreConfig::from_values(&values, test_mode).map_err(|error| error.0)
    }

    #[test]
    fn defaults_are_the_reference_s() {
        let config = read(json!({}), false).unwrap();
        assert_eq!(config.access_token_validity_ms, 3_600_000);
        assert_eq!(config.refresh_token_validity_ms, 8_640_000_000);
        assert_eq!(config.signing_key_update_interval_ms, 604_800_000);
        assert_eq!(config.hashing, HashSettings::Bcrypt { rounds: 11 });
        assert_eq!((config.port, config.base_path.as_str()), (3567, ""));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (values, text) in [
            (
                json!({"acess_token_validity": 1}),
                "Invalid config key: acess_token_validity (did you mean access_token_validity?)",
            ),
            (json!({"access_token_validity": "x"}), "'access_token_validity' must be of type int"),
            (
                json!({"access_token_validity": 0}),
                "'access_token_validity' must be between 1 and 86400000 seconds inclusive. The config file can be found here: config.yaml",
            ),
            (
                json!({"password_hashing_alg": "MD5"}),
                "'password_hashing_alg' must be one of 'ARGON2' or 'BCRYPT'",
            ),
            (
                json!({"password_hashing_alg": "argon2", "argon2_iterations": 0}),
                "'argon2_iterations' must be >= 1",
            ),
            (
                json!({"api_keys": "short"}),
                "One of the API keys is too short. Please use at least 20 characters",
            ),
            (json!({"base_path": "/a b"}), "Invalid characters in base_path config"),
            (
                json!({"refresh_token_validity": 1}),
                "'refresh_token_validity' must be strictly greater than 'access_token_validity'.",
            ),
            (
                json!({"supertokens_saas_secret": "x"}),
                "supertokens_saas_secret can only be used when api_key is also defined",
            ),
        ] {
            assert_eq!(read(values, false).map(|_| ()), Err(text.to_owned()));
        }
    }

    #[test]
    fn test_mode_allows_tiny_times_and_numbers_may_be_text() {
        let values = json!({"access_token_dynamic_signing_key_update_interval": "0.0014", "access_token_validity": "2"});
        assert!(read(values.clone(), false).is_err());
        let config = read(values, true).unwrap();
        assert_eq!((config.signing_key_update_interval_ms, config.signing_key_overlap_ms), (5040, 1008));
        assert_eq!(config.access_token_validity_ms, 2000);
    }

    #[test]
    fn paths_keys_and_patterns_are_normalised() {
        let keys = "aaaaaaaaaaaaaaaaaaaa, bbbbbbbbbbbbbbbbbbbb";
        let config = read(
            json!({"base_path": "core//v1/", "api_keys": keys, "ip_deny_regex": "127\\.0\\.0\\..*"}),
            false,
        );
        let config = config.unwrap();
        assert_eq!((config.base_path.as_str(), config.api_keys.len()), ("/core/v1", 2));
        let deny = config.ip_deny.unwrap();
        assert!(deny.is_match("127.0.0.1") && !deny.is_match("x127.0.0.1"));
    }
}
