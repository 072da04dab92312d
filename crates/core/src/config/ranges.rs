//! Which numbers and texts a setting may have, in the reference's order and words.

use super::values::{Reader, api_keys};
use super::{ConfigError, fault};
use http::Uri;
use portcullis_wire::Cdi;

/// Whole numbers with a least value, and what is said of smaller ones.
const AT_LEAST: &[(&str, i64, &str)] = &[
    ("password_reset_token_lifetime", 1, "'password_reset_token_lifetime' must be >= 0"),
    ("email_verification_token_lifetime", 1, "'email_verification_token_lifetime' must be >= 0"),
    ("passwordless_code_lifetime", 1, "'passwordless_code_lifetime' must be > 0"),
    ("passwordless_max_code_input_attempts", 1, "'passwordless_max_code_input_attempts' must be > 0"),
    ("totp_max_attempts", 1, "'totp_max_attempts' must be > 0"),
    ("totp_rate_limit_cooldown_sec", 1, "'totp_rate_limit_cooldown_sec' must be > 0"),
    ("max_server_pool_size", 1, "'max_server_pool_size' must be >= 1."),
    ("max_request_body_bytes", 1, "'max_request_body_bytes' must be >= 1"),
    ("request_timeout_seconds", 1, "'request_timeout_seconds' must be >= 1"),
    ("max_connections", 1, "'max_connections' must be >= 1"),
    ("webhook_max_attempts", 1, "'webhook_max_attempts' must be >= 1"),
    ("max_failed_attempts_per_account", 0, "'max_failed_attempts_per_account' must be >= 0"),
    ("max_failed_attempts_per_caller", 0, "'max_failed_attempts_per_caller' must be >= 0"),
    ("failed_attempts_window_seconds", 1, "'failed_attempts_window_seconds' must be >= 1"),
    ("audit_retention_days", 1, "'audit_retention_days' must be >= 1"),
];

const ARGON2_AT_LEAST: &[(&str, i64, &str)] = &[
    ("argon2_iterations", 1, "'argon2_iterations' must be >= 1"),
    ("argon2_parallelism", 1, "'argon2_parallelism' must be >= 1"),
    ("argon2_memory_kb", 1, "'argon2_memory_kb' must be >= 1"),
    ("argon2_hashing_pool_size", 1, "'argon2_hashing_pool_size' must be >= 1"),
];

const LATER_AT_LEAST: &[(&str, i64, &str)] = &[
    ("bulk_migration_parallelism", 1, "Provided bulk_migration_parallelism must be >= 1"),
    ("bulk_migration_batch_size", 1, "Provided bulk_migration_batch_size must be >= 1"),
    (
        "webauthn_recover_account_token_lifetime",
        1,
        "Provided webauthn_recover_account_token_lifetime must be > 0",
    ),
    (
        "postgresql_connection_pool_size",
        1,
        "'postgresql_connection_pool_size' in the config.yaml file must be > 0",
    ),
];

/// Checks everything that is not a type of its own. Test mode leaves out a few checks, as the official
/// test suites need.
pub(super) fn check(read: &Reader<'_>, test_mode: bool) -> Result<(), ConfigError> {
    tokens(read, test_mode)?;
    at_least(read, AT_LEAST)?;
    secrets(read)?;
    hashing(read)?;
    server(read)?;
    versions(read)?;
    at_least(read, LATER_AT_LEAST)?;
    reuse(read)?;
    only_domain(read)?;
    urls(read)?;
    postgres(read)
}

fn ensure(holds: bool, text: &str) -> Result<(), ConfigError> {
    if holds { Ok(()) } else { Err(fault(text)) }
}

fn at_least(read: &Reader<'_>, limits: &[(&str, i64, &str)]) -> Result<(), ConfigError> {
    limits.iter().try_for_each(|(name, least, text)| ensure(read.integer(name) >= *least, text))
}

fn tokens(read: &Reader<'_>, test_mode: bool) -> Result<(), ConfigError> {
    const INTERVAL: &str = "access_token_dynamic_signing_key_update_interval";
    ensure(
        (1..=86_400_000).contains(&read.integer("access_token_validity")),
        "'access_token_validity' must be between 1 and 86400000 seconds inclusive.",
    )?;
    let longer =
        read.milliseconds("refresh_token_validity", 60_000.0) > read.integer("access_token_validity") * 1000;
    ensure(
        longer || test_mode,
        "'refresh_token_validity' must be strictly greater than 'access_token_validity'.",
    )?;
    ensure(
        read.double(INTERVAL) >= 1.0 || test_mode,
        &format!("'{INTERVAL}' must be greater than, equal to 1 hour."),
    )?;
    ensure(
        (0..=300).contains(&read.integer("refresh_token_rotation_grace_period")) || test_mode,
        "'refresh_token_rotation_grace_period' must be between 0 and 300 seconds inclusive.",
    )?;
    ensure(
        (0.0..=0.25).contains(&read.double("access_token_validity_jitter")),
        "'access_token_validity_jitter' must be between 0 and 0.25 inclusive.",
    )
}

fn secrets(read: &Reader<'_>) -> Result<(), ConfigError> {
    let keys = read.text("api_keys");
    for key in keys.iter().flat_map(|keys| api_keys(keys)) {
        ensure(key.len() >= 20, "One of the API keys is too short. Please use at least 20 characters")?;
        ensure(
            key.bytes().all(is_key_byte),
            "Invalid characters in API key. Please only use '=', '-' and alpha-numeric (including capitals)",
        )?;
    }
    let Some(secret) = read.text("supertokens_saas_secret") else { return Ok(()) };
    ensure(keys.is_some(), "supertokens_saas_secret can only be used when api_key is also defined")?;
    ensure(secret.len() >= 40, "supertokens_saas_secret is too short. Please use at least 40 characters")?;
    ensure(
        secret.bytes().all(is_key_byte),
        "Invalid characters in supertokens_saas_secret key. Please only use '=', '-' and alpha-numeric (including capitals)",
    )
}

fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'=' || byte == b'-'
}

fn hashing(read: &Reader<'_>) -> Result<(), ConfigError> {
    match read.text("password_hashing_alg").unwrap_or_default().to_uppercase().as_str() {
        "ARGON2" => {
            at_least(read, ARGON2_AT_LEAST)?;
            ensure(
                read.integer("argon2_hashing_pool_size") <= read.integer("max_server_pool_size"),
                "'argon2_hashing_pool_size' must be <= 'max_server_pool_size'",
            )
        }
        "BCRYPT" => ensure(read.integer("bcrypt_log_rounds") >= 1, "'bcrypt_log_rounds' must be >= 1"),
        _ => Err(fault("'password_hashing_alg' must be one of 'ARGON2' or 'BCRYPT'")),
    }
}

fn server(read: &Reader<'_>) -> Result<(), ConfigError> {
    ensure(
        read.integer("failed_attempts_window_seconds") <= 86_400,
        "'failed_attempts_window_seconds' must be <= 86400",
    )?;
    for name in ["port", "metrics_port"] {
        let is_port = u16::try_from(read.integer(name)).is_ok();
        ensure(is_port, &format!("'{name}' must be between 0 and 65535"))?;
    }
    let spaced = read.text("base_path").is_some_and(|path| path.contains(' '));
    ensure(!spaced, "Invalid characters in base_path config")?;
    let level = read.text("log_level").unwrap_or_default().to_uppercase();
    ensure(
        ["NONE", "DEBUG", "INFO", "WARN", "ERROR"].contains(&level.as_str()),
        "'log_level' config must be one of \"NONE\",\"DEBUG\", \"INFO\", \"WARN\" or \"ERROR\".",
    )
}

fn versions(read: &Reader<'_>) -> Result<(), ConfigError> {
    let max = version(read, "supertokens_max_cdi_version")?;
    let min = version(read, "supertokens_min_cdi_version")?;
    ensure(
        min.zip(max).is_none_or(|(min, max)| min <= max),
        "supertokens_min_cdi_version cannot be greater than supertokens_max_cdi_version",
    )
}

fn version(read: &Reader<'_>, name: &str) -> Result<Option<Cdi>, ConfigError> {
    let Some(text) = read.text(name) else { return Ok(None) };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    ensure(text.split('.').all(is_number), &format!("{name} is not a valid semantic version"))?;
    match text.parse::<Cdi>() {
        Ok(version) if version.is_supported() => Ok(Some(version)),
        _ => Err(fault(format!("{name} is not a supported version"))),
    }
}

fn reuse(read: &Reader<'_>) -> Result<(), ConfigError> {
    const TEXT: &str = "recent_token_reuse_behaviour property is not set correctly. It must be one of [TOKEN_THEFT, UNAUTHORISED]";
    let behaviour = read.text("recent_token_reuse_behaviour").unwrap_or_default().to_uppercase();
    ensure(["TOKEN_THEFT", "UNAUTHORISED"].contains(&behaviour.as_str()), TEXT)
}

/// The two parts of a host, the second of which may be missing.
pub(super) fn name_and_port(host: &str) -> (&str, Option<&str>) {
    let host = host.trim();
    host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)))
}

/// A name or an address, perhaps with a port.
fn only_domain(read: &Reader<'_>) -> Result<(), ConfigError> {
    let Some(domain) = read.text("supertokens_saas_load_only_cud") else { return Ok(()) };
    let (name, port) = name_and_port(&domain);
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_domain = name.split('.').all(is_label) && port.is_none_or(|port| port.parse::<u16>().is_ok());
    ensure(is_domain, "supertokens_saas_load_only_cud is invalid")
}

fn urls(read: &Reader<'_>) -> Result<(), ConfigError> {
    const TOGETHER: [&str; 3] = [
        "oauth_provider_public_service_url",
        "oauth_provider_admin_service_url",
        "oauth_provider_consent_login_base_url",
    ];
    for name in TOGETHER.into_iter().chain(["oauth_provider_url_configured_in_oauth_provider"]) {
        let is_url = read.text(name).is_none_or(|url| is_url(&url));
        ensure(is_url, &format!("{name} is not a valid URL"))?;
    }
    let set = TOGETHER.iter().filter(|name| read.text(name).is_some()).count();
    let text = format!("If any of the following is set, all of them has to be set: {}", TOGETHER.join(", "));
    ensure(set == 0 || set == TOGETHER.len(), &text)
}

fn is_url(text: &str) -> bool {
    text.trim()
        .parse::<Uri>()
        .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some())
}

fn postgres(read: &Reader<'_>) -> Result<(), ConfigError> {
    const FORMAT: &str = "The provided postgresql connection URI has an incorrect format. Please use a format like postgresql://[user[:[password]]@]host[:port][/dbname][?attr1=val1&attr2=val2...";
    const IDLE: &str = "postgresql_minimum_idle_connections";
    const MODES: [&str; 4] = ["LEGACY", "DUAL_WRITE_READ_OLD", "DUAL_WRITE_READ_NEW", "MIGRATED"];
    let uri = read.text("postgresql_connection_uri");
    ensure(uri.is_none_or(|uri| is_postgres_uri(&uri)), FORMAT)?;
    ensure(read.integer(IDLE) >= 0, &format!("'{IDLE}' must be >= 0"))?;
    ensure(
        read.integer(IDLE) <= read.integer("postgresql_connection_pool_size"),
        &format!("'{IDLE}' must be less than or equal to 'postgresql_connection_pool_size'"),
    )?;
    let mode = read.text("migration_mode").unwrap_or_default();
    ensure(
        MODES.contains(&mode.to_uppercase().as_str()),
        &format!("Invalid migration_mode value: '{mode}'. Must be one of: {}", MODES.join(", ")),
    )
}

fn is_postgres_uri(uri: &str) -> bool {
    let rest = uri.strip_prefix("postgresql://").or_else(|| uri.strip_prefix("postgres://"));
    let odd = |c: char| c.is_whitespace() || c.is_control() || "\"<>\\^`{|}".contains(c);
    rest.is_some_and(|rest| !rest.contains(odd))
}

#[cfg(test)]
mod tests {
    use crate::config::CoreConfig;
    use serde_json::{Value, json};

    fn refusal(values: Value, test_mode: bool) -> Option<String> {
        let Value::Object(values) = values else { unreachable!() };
        CoreConfig::from_values(&values, test_mode).err().map(|error| error.to_string())
    }

    /// A key, a value just outside its range, one just inside, and what is said of the first.
    #[rustfmt::skip]
    const RANGES: &[(&str, &str, &str, &str)] = &[
        ("access_token_validity", "0", "1", "'{}' must be between 1 and 86400000 seconds inclusive."),
        ("access_token_validity", "86400001", "8639999", "'{}' must be between 1 and 86400000 seconds inclusive."),
        ("access_token_validity", "8640000", "8639999", "'refresh_token_validity' must be strictly greater than 'access_token_validity'."),
        ("refresh_token_validity", "60", "60.1", "'{}' must be strictly greater than 'access_token_validity'."),
        ("access_token_dynamic_signing_key_update_interval", "0.99", "1", "'{}' must be greater than, equal to 1 hour."),
        ("refresh_token_rotation_grace_period", "-1", "0", "'{}' must be between 0 and 300 seconds inclusive."),
        ("refresh_token_rotation_grace_period", "301", "300", "'{}' must be between 0 and 300 seconds inclusive."),
        ("access_token_validity_jitter", "-0.01", "0", "'{}' must be between 0 and 0.25 inclusive."),
        ("access_token_validity_jitter", "0.26", "0.25", "'{}' must be between 0 and 0.25 inclusive."),
        ("password_reset_token_lifetime", "0", "1", "'{}' must be >= 0"),
        ("email_verification_token_lifetime", "0", "1", "'{}' must be >= 0"),
        ("passwordless_code_lifetime", "0", "1", "'{}' must be > 0"),
        ("passwordless_max_code_input_attempts", "0", "1", "'{}' must be > 0"),
        ("totp_max_attempts", "0", "1", "'{}' must be > 0"),
        ("totp_rate_limit_cooldown_sec", "-1", "1", "'{}' must be > 0"),
        ("max_server_pool_size", "0", "1", "'{}' must be >= 1."),
        ("max_request_body_bytes", "0", "1", "'{}' must be >= 1"),
        ("request_timeout_seconds", "0", "1", "'{}' must be >= 1"),
        ("max_connections", "0", "1", "'{}' must be >= 1"),
        ("webhook_max_attempts", "0", "1", "'{}' must be >= 1"),
        ("max_failed_attempts_per_account", "-1", "0", "'{}' must be >= 0"),
        ("max_failed_attempts_per_caller", "-1", "0", "'{}' must be >= 0"),
        ("failed_attempts_window_seconds", "0", "1", "'{}' must be >= 1"),
        ("audit_retention_days", "0", "1", "'{}' must be >= 1"),
        ("failed_attempts_window_seconds", "86401", "86400", "'{}' must be <= 86400"),
        ("bcrypt_log_rounds", "0", "4", "'{}' must be >= 1"),
        ("port", "65536", "65535", "'{}' must be between 0 and 65535"),
        ("metrics_port", "-1", "0", "'{}' must be between 0 and 65535"),
        ("log_level", "LOUD", "none", "'log_level' config must be one of \"NONE\",\"DEBUG\", \"INFO\", \"WARN\" or \"ERROR\"."),
        ("password_hashing_alg", "MD5", "Argon2", "'{}' must be one of 'ARGON2' or 'BCRYPT'"),
        ("password_hashing_alg", "", "bcrypt", "'{}' must be one of 'ARGON2' or 'BCRYPT'"),
        ("recent_token_reuse_behaviour", "x", "unauthorised", "{} property is not set correctly. It must be one of [TOKEN_THEFT, UNAUTHORISED]"),
        ("base_path", "/a b", "/a", "Invalid characters in base_path config"),
        ("ip_allow_regex", "(", " ", "Provided regular expression is invalid for ip_allow_regex config"),
        ("ip_deny_regex", "[", "::1", "Provided regular expression is invalid for ip_deny_regex config"),
        ("supertokens_max_cdi_version", "x", "5.0", "{} is not a valid semantic version"),
        ("supertokens_max_cdi_version", "5.99", "5.6", "{} is not a supported version"),
        ("supertokens_min_cdi_version", "2.", "2.21", "{} is not a valid semantic version"),
        ("supertokens_min_cdi_version", "2.6", "2.7", "{} is not a supported version"),
        ("supertokens_saas_load_only_cud", "a b", "Tenant-1.example.com:3567", "{} is invalid"),
        ("bulk_migration_parallelism", "0", "1", "Provided {} must be >= 1"),
        ("bulk_migration_batch_size", "0", "1", "Provided {} must be >= 1"),
        ("webauthn_recover_account_token_lifetime", "0", "1", "Provided {} must be > 0"),
        ("oauth_provider_url_configured_in_oauth_provider", "x", "http://x", "{} is not a valid URL"),
        ("postgresql_connection_pool_size", "0", "1", "'{}' in the config.yaml file must be > 0"),
        ("postgresql_minimum_idle_connections", "-1", "0", "'{}' must be >= 0"),
        ("postgresql_minimum_idle_connections", "11", "10", "'{}' must be less than or equal to 'postgresql_connection_pool_size'"),
        ("migration_mode", "DONE", "migrated", "Invalid migration_mode value: 'DONE'. Must be one of: LEGACY, DUAL_WRITE_READ_OLD, DUAL_WRITE_READ_NEW, MIGRATED"),
        ("postgresql_connection_uri", "mysql://h", "postgresql://u:p@h:1/d?x=y", "The provided postgresql connection URI has an incorrect format. Please use a format like postgresql://[user[:[password]]@]host[:port][/dbname][?attr1=val1&attr2=val2..."),
    ];

    #[test]
    fn each_setting_has_its_range_and_its_text() {
        for (name, wrong, right, text) in RANGES {
            let said = text.replace("{}", name);
            assert_eq!(refusal(json!({*name: wrong}), false), Some(said), "{name} {wrong}");
            assert_eq!(refusal(json!({*name: right}), false), None, "{name} {right}");
        }
    }

    #[test]
    fn argon2_has_ranges_only_where_it_is_used() {
        for name in
            ["argon2_iterations", "argon2_memory_kb", "argon2_parallelism", "argon2_hashing_pool_size"]
        {
            assert_eq!(refusal(json!({name: 0}), false), None, "{name}");
            let values = json!({"password_hashing_alg": "argon2", name: 0});
            assert_eq!(refusal(values, false), Some(format!("'{name}' must be >= 1")));
        }
        let wide = json!({"password_hashing_alg": "ARGON2", "argon2_hashing_pool_size": 11});
        let text = "'argon2_hashing_pool_size' must be <= 'max_server_pool_size'";
        assert_eq!(refusal(wide, false).as_deref(), Some(text));
    }

    #[test]
    fn keys_and_the_operator_s_secret_have_a_form() {
        const SHORT: &str = "One of the API keys is too short. Please use at least 20 characters";
        const KEY: &str = "abcdefghijklmnop-=09";
        let secret = "s".repeat(40);
        for (values, text) in [
            (json!({"api_keys": "short"}), Some(SHORT)),
            (json!({"api_keys": ""}), Some(SHORT)),
            (json!({"api_keys": format!("{KEY},,{KEY}")}), Some(SHORT)),
            (
                json!({"api_keys": "abcdefghijklmnopqrs!"}),
                Some(
                    "Invalid characters in API key. Please only use '=', '-' and alpha-numeric (including capitals)",
                ),
            ),
            (json!({"api_keys": format!(" {KEY} , {KEY},")}), None),
            (
                json!({"supertokens_saas_secret": secret}),
                Some("supertokens_saas_secret can only be used when api_key is also defined"),
            ),
            (
                json!({"api_keys": KEY, "supertokens_saas_secret": "x"}),
                Some("supertokens_saas_secret is too short. Please use at least 40 characters"),
            ),
            (
                json!({"api_keys": KEY, "supertokens_saas_secret": format!("{secret}_")}),
                Some(
                    "Invalid characters in supertokens_saas_secret key. Please only use '=', '-' and alpha-numeric (including capitals)",
                ),
            ),
            (json!({"api_keys": KEY, "supertokens_saas_secret": secret}), None),
        ] {
            assert_eq!(refusal(values.clone(), false).as_deref(), text, "{values}");
        }
    }

    #[test]
    fn some_settings_go_together() {
        let versions = json!({"supertokens_min_cdi_version": "5.0", "supertokens_max_cdi_version": "4.0"});
        let text = "supertokens_min_cdi_version cannot be greater than supertokens_max_cdi_version";
        assert_eq!(refusal(versions, false).as_deref(), Some(text));
        let one = json!({"oauth_provider_admin_service_url": "http://localhost:4445"});
        let text = "If any of the following is set, all of them has to be set: oauth_provider_public_service_url, oauth_provider_admin_service_url, oauth_provider_consent_login_base_url";
        assert_eq!(refusal(one, false).as_deref(), Some(text));
        let all = json!({
            "oauth_provider_admin_service_url": "http://localhost:4445",
            "oauth_provider_public_service_url": "http://localhost:4444",
            "oauth_provider_consent_login_base_url": "http://localhost:3001/auth",
        });
        assert_eq!(refusal(all, false), None);
    }

    #[test]
    fn test_mode_leaves_out_the_checks_that_tiny_times_would_fail() {
        for values in [
            json!({"access_token_dynamic_signing_key_update_interval": "0.0014"}),
            json!({"refresh_token_validity": 0.01}),
            json!({"refresh_token_rotation_grace_period": 4000}),
        ] {
            assert!(refusal(values.clone(), false).is_some(), "{values}");
            assert_eq!(refusal(values.clone(), true), None, "{values}");
        }
        assert!(refusal(json!({"access_token_validity": 0}), true).is_some());
        assert!(refusal(json!({"access_token_validity_jitter": 0.3}), true).is_some());
    }
}
