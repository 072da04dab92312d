//! The settings that hold for a tenant, checked, with units in their names.

use super::keys::find_key;
use super::ranges::{self, name_and_port};
use super::values::{self, Reader, api_keys};
use super::{ConfigError, Webhooks, fault};
use crate::crypto::digest::{ApiKey, Secret};
use crate::crypto::password_hash::HashSettings;
use fancy_regex::{Regex, RegexBuilder};
use portcullis_wire::Object;
use std::path::PathBuf;
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
    /// How many callers may be connected.
    pub max_connections: usize,
    /// The port of the listener for metrics, if they are wanted.
    pub metrics_port: Option<u16>,
    /// The keys that callers may show; none means that no key is needed.
    pub api_keys: Vec<ApiKey>,
    /// A key that only the operator has.
    pub saas_secret: Option<ApiKey>,
    /// The only connection URI domain that is served beside the default one, if not all are.
    pub only_domain: Option<String>,
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
    /// The audit trail.
    pub audit: AuditSettings,
    /// Lifetime of password reset tokens.
    pub password_reset_token_lifetime_ms: i64,
    /// Lifetime of e-mail verification tokens.
    pub email_verification_token_lifetime_ms: i64,
    /// The attempt to enter a passwordless code that is the last one if it fails.
    pub passwordless_max_code_input_attempts: i64,
    /// Lifetime of passwordless codes.
    pub passwordless_code_lifetime_ms: i64,
    /// How many wrong TOTP codes in a row are answered.
    pub totp_max_attempts: usize,
    /// How long the user then has to wait.
    pub totp_rate_limit_cooldown_ms: i64,
    /// How many workers import users.
    pub bulk_migration_parallelism: usize,
    /// Lifetime of WebAuthn account recovery tokens.
    pub webauthn_recover_account_token_lifetime_ms: i64,
    /// How new passwords are hashed.
    pub hashing: HashSettings,
    /// Hashes at a time, at least.
    pub argon2_hashing_pool_size: usize,
    /// How many failed attempts at secrets are let pass.
    pub guesses: Guesses,
    /// Whether the most common passwords are refused.
    pub refuse_common_passwords: bool,
    /// The file with passwords known from breaches.
    pub breached_passwords_file: Option<PathBuf>,
    /// The key that Firebase hashes need.
    pub firebase_signer_key: Option<Secret>,
    /// Where events are told, if anywhere.
    pub webhooks: Option<Webhooks>,
}

/// What the audit trail holds.
#[derive(Clone, Copy, Debug)]
pub struct AuditSettings {
    /// How long events are kept.
    pub retention_ms: i64,
    /// Whether each exchange of a refresh token is an event.
    pub session_refreshes: bool,
}

/// How many failed attempts at secrets are let pass within a time; 0 stands for any number.
#[derive(Clone, Copy, Debug)]
pub struct Guesses {
    /// At the secrets of one account.
    pub per_account: i64,
    /// By one caller.
    pub per_caller: i64,
    /// The time, from the first of them on.
    pub window_ms: i64,
}

impl CoreConfig {
    /// Checks settings given by SuperTokens' names; what is not known is passed over, for it was refused
    /// where it came in, unless another version wrote it. Test mode leaves out a few range checks, as
    /// the official test suites need.
    pub fn from_values(values: &Object, test_mode: bool) -> Result<Self, ConfigError> {
        for (name, value) in values.iter().filter(|(_, value)| !value.is_null()) {
            find_key(name).map_or(Ok(()), |key| values::check(key, value))?;
        }
        let read = Reader(values);
        ranges::check(&read, test_mode)?;
        let (interval, overlap) = signing_key_times(&read, test_mode);
        let hashing = hashing(&read);
        if !hashing.is_affordable() {
            let text = "one password hash would take many seconds or too much memory: lower 'bcrypt_log_rounds' (17 at most), or 'argon2_memory_kb' times 'argon2_iterations'";
            return Err(ConfigError(text.to_owned()));
        }
        Ok(Self {
            host: filled(&read, "host").unwrap_or_else(|| "localhost".to_owned()),
            port: port(&read, "port"),
            base_path: base_path(&read.text("base_path").unwrap_or_default()),
            max_request_body_bytes: whole(&read, "max_request_body_bytes"),
            request_timeout: Duration::from_secs(whole(&read, "request_timeout_seconds") as u64),
            max_connections: whole(&read, "max_connections"),
            metrics_port: read.text("metrics_port").map(|_| port(&read, "metrics_port")),
            api_keys: read
                .text("api_keys")
                .map(|keys| api_keys(&keys).map(ApiKey::new).collect())
                .unwrap_or_default(),
            saas_secret: read.text("supertokens_saas_secret").map(ApiKey::new),
            only_domain: read
                .text("supertokens_saas_load_only_cud")
                .map(|host| name_and_port(&host).0.to_lowercase()),
            min_cdi: read.text("supertokens_min_cdi_version"),
            max_cdi: read.text("supertokens_max_cdi_version"),
            ip_allow: pattern(&read, "ip_allow_regex")?,
            ip_deny: pattern(&read, "ip_deny_regex")?,
            access_token_validity_ms: read.milliseconds("access_token_validity", 1000.0),
            access_token_validity_jitter: read.double("access_token_validity_jitter"),
            access_token_blacklisting: read.boolean("access_token_blacklisting"),
            access_token_signing_key_dynamic: read.boolean("access_token_signing_key_dynamic"),
            signing_key_update_interval_ms: interval,
            signing_key_overlap_ms: overlap,
            refresh_token_validity_ms: read.milliseconds("refresh_token_validity", 60_000.0),
            refresh_token_rotation_grace_ms: read.milliseconds("refresh_token_rotation_grace_period", 1000.0),
            recent_token_reuse: reuse(&read),
            audit: AuditSettings {
                retention_ms: read.milliseconds("audit_retention_days", 86_400_000.0),
                session_refreshes: read.boolean("audit_session_refreshes"),
            },
            password_reset_token_lifetime_ms: read.milliseconds("password_reset_token_lifetime", 1.0),
            email_verification_token_lifetime_ms: read.milliseconds("email_verification_token_lifetime", 1.0),
            passwordless_max_code_input_attempts: read.integer("passwordless_max_code_input_attempts"),
            passwordless_code_lifetime_ms: read.milliseconds("passwordless_code_lifetime", 1.0),
            totp_max_attempts: whole(&read, "totp_max_attempts"),
            totp_rate_limit_cooldown_ms: read.milliseconds("totp_rate_limit_cooldown_sec", 1000.0),
            bulk_migration_parallelism: whole(&read, "bulk_migration_parallelism").max(1),
            webauthn_recover_account_token_lifetime_ms: read
                .milliseconds("webauthn_recover_account_token_lifetime", 1.0),
            hashing,
            argon2_hashing_pool_size: whole(&read, "argon2_hashing_pool_size").max(1),
            guesses: Guesses {
                per_account: read.integer("max_failed_attempts_per_account"),
                per_caller: read.integer("max_failed_attempts_per_caller"),
                window_ms: read.integer("failed_attempts_window_seconds") * 1000,
            },
            refuse_common_passwords: read.boolean("refuse_common_passwords"),
            breached_passwords_file: filled(&read, "breached_passwords_file").map(PathBuf::from),
            firebase_signer_key: filled(&read, "firebase_password_hashing_signer_key").map(Secret::new),
            webhooks: Webhooks::read(&read)?,
        })
    }
}

/// The text without the space around it, if that leaves any.
fn filled(read: &Reader<'_>, name: &str) -> Option<String> {
    read.text(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// A number that is not below 0.
fn whole(read: &Reader<'_>, name: &str) -> usize {
    usize::try_from(read.integer(name)).unwrap_or_default()
}

/// A port, which was found to be one.
fn port(read: &Reader<'_>, name: &str) -> u16 {
    u16::try_from(read.integer(name)).unwrap_or_default()
}

fn signing_key_times(read: &Reader<'_>, test_mode: bool) -> (i64, i64) {
    let interval = read.milliseconds("access_token_dynamic_signing_key_update_interval", 3_600_000.0);
    let overlap = if test_mode && interval < 60_000 { interval / 5 } else { 60_000 };
    (interval, overlap)
}

fn reuse(read: &Reader<'_>) -> ReuseBehaviour {
    match read.text("recent_token_reuse_behaviour") {
        Some(behaviour) if behaviour.eq_ignore_ascii_case("UNAUTHORISED") => ReuseBehaviour::Unauthorised,
        _ => ReuseBehaviour::TokenTheft,
    }
}

fn hashing(read: &Reader<'_>) -> HashSettings {
    let number = |name| u32::try_from(read.integer(name)).unwrap_or_default();
    match read.text("password_hashing_alg") {
        Some(algorithm) if algorithm.eq_ignore_ascii_case("ARGON2") => HashSettings::Argon2 {
            iterations: number("argon2_iterations"),
            memory_kb: number("argon2_memory_kb"),
            parallelism: number("argon2_parallelism"),
        },
        _ => HashSettings::Bcrypt { rounds: number("bcrypt_log_rounds") },
    }
}

fn base_path(text: &str) -> String {
    let parts = text.split('/').filter(|part| !part.is_empty());
    parts.fold(String::new(), |path, part| format!("{path}/{part}"))
}

/// How far a pattern may go back; addresses are short.
const BACKTRACK_LIMIT: usize = 10_000;

/// The whole address must match, as in the reference.
fn pattern(read: &Reader<'_>, name: &str) -> Result<Option<Regex>, ConfigError> {
    let Some(text) = filled(read, name) else { return Ok(None) };
    let whole = RegexBuilder::new(&format!("^(?:{text})$")).backtrack_limit(BACKTRACK_LIMIT).build();
    whole.map(Some).map_err(|_| fault(format!("Provided regular expression is invalid for {name} config")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

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
        assert_eq!((config.refresh_token_rotation_grace_ms, config.argon2_hashing_pool_size), (30_000, 1));
        assert_eq!(config.recent_token_reuse, ReuseBehaviour::TokenTheft);
        assert!(config.access_token_signing_key_dynamic && !config.access_token_blacklisting);
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
            json!({
                "base_path": "core//v1/", "api_keys": keys, "ip_deny_regex": "127\\.0\\.0\\..*",
            }),
            false,
        );
        let config = config.unwrap();
        assert_eq!((config.base_path.as_str(), config.api_keys.len()), ("/core/v1", 2));
        let deny = config.ip_deny.unwrap();
        assert!(deny.is_match("127.0.0.1").unwrap() && !deny.is_match("x127.0.0.1").unwrap());
    }

    #[test]
    fn patterns_may_look_around_and_go_back_only_so_far() {
        let config =
            read(json!({"ip_deny_regex": r"^(?!10\.).*", "ip_allow_regex": r"(?:(x+)\1*)+y"}), false);
        let config = config.unwrap();
        let deny = config.ip_deny.unwrap();
        assert!(deny.is_match("127.0.0.1").unwrap() && !deny.is_match("10.0.0.1").unwrap());
        assert!(config.ip_allow.unwrap().is_match(&"x".repeat(40)).is_err());
    }

    #[test]
    fn words_are_taken_in_any_case_and_numbers_as_text() {
        let values = json!({
            "password_hashing_alg": "argon2", "argon2_memory_kb": "1024", "argon2_parallelism": 1,
            "recent_token_reuse_behaviour": "unauthorised",
        });
        let config = read(values, false).unwrap();
        assert_eq!(config.hashing, HashSettings::Argon2 { iterations: 1, memory_kb: 1024, parallelism: 1 });
        assert_eq!(config.recent_token_reuse, ReuseBehaviour::Unauthorised);
    }

    #[test]
    fn times_stay_far_from_where_sums_overflow() {
        let config =
            read(json!({"refresh_token_validity": 1e300, "password_reset_token_lifetime": i64::MAX}), false);
        let config = config.unwrap();
        assert_eq!(config.refresh_token_validity_ms, config.password_reset_token_lifetime_ms);
        assert!(config.refresh_token_validity_ms.checked_mul(1000).is_some());
    }

    #[test]
    fn what_another_version_stored_is_passed_over() {
        assert!(read(json!({"a_key_of_another_version": {"x": 1}}), false).is_ok());
    }
}
