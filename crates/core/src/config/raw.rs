//! Every key that is known, as data.

use super::ConfigError;
use serde_json::Value;

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Double,
    /// `true` or `false`.
    Boolean,
}

/// Who may set a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The operator only: file, environment, flags.
    Operator,
    /// Each app; the same for all its tenants.
    App,
    /// Each tenant.
    Tenant,
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in `config.yaml`; upper-cased it is the environment variable.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// Who may set it.
    pub scope: Scope,
    /// Whether it has an effect; some keys are accepted so that an existing file works as it is.
    pub used: bool,
}

const fn key(name: &'static str, kind: Kind, scope: Scope) -> Key {
    Key { name, kind, scope, used: true }
}

const fn ignored(name: &'static str, kind: Kind, scope: Scope) -> Key {
    Key { name, kind, scope, used: false }
}

use Kind::{Boolean, Double, Integer, Text};
use Scope::{App, Operator, Tenant};

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    key("core_config_version", Integer, Operator),
    key("host", Text, Operator),
    key("port", Integer, Operator),
    key("base_path", Text, Operator),
    key("max_request_body_bytes", Integer, Operator),
    key("request_timeout_seconds", Integer, Operator),
    key("metrics_port", Integer, Operator),
    key("api_keys", Text, App),
    key("supertokens_saas_secret", Text, Operator),
    key("supertokens_min_cdi_version", Text, App),
    key("supertokens_max_cdi_version", Text, App),
    key("ip_allow_regex", Text, Tenant),
    key("ip_deny_regex", Text, Tenant),
    key("access_token_validity", Integer, App),
    key("access_token_validity_jitter", Double, App),
    key("access_token_blacklisting", Boolean, App),
    key("access_token_signing_key_dynamic", Boolean, App),
    key("access_token_dynamic_signing_key_update_interval", Double, App),
    key("refresh_token_validity", Double, App),
    key("refresh_token_rotation_grace_period", Integer, App),
    key("recent_token_reuse_behaviour", Text, Operator),
    key("password_reset_token_lifetime", Integer, Tenant),
    key("email_verification_token_lifetime", Integer, Tenant),
    key("password_hashing_alg", Text, App),
    key("bcrypt_log_rounds", Integer, Operator),
    key("argon2_iterations", Integer, Operator),
    key("argon2_memory_kb", Integer, Operator),
    key("argon2_parallelism", Integer, Operator),
    key("argon2_hashing_pool_size", Integer, Operator),
    key("firebase_password_hashing_signer_key", Text, App),
    key("firebase_password_hashing_pool_size", Integer, Operator),
    ignored("passwordless_max_code_input_attempts", Integer, Tenant),
    ignored("passwordless_code_lifetime", Integer, Tenant),
    ignored("totp_max_attempts", Integer, Tenant),
    ignored("totp_rate_limit_cooldown_sec", Integer, Tenant),
    ignored("webauthn_recover_account_token_lifetime", Integer, App),
    ignored("max_server_pool_size", Integer, Operator),
    ignored("disable_telemetry", Boolean, App),
    ignored("info_log_path", Text, Operator),
    ignored("error_log_path", Text, Operator),
    key("log_level", Text, Operator),
    ignored("supertokens_saas_load_only_cud", Text, Operator),
    ignored("oauth_provider_public_service_url", Text, App),
    ignored("oauth_provider_admin_service_url", Text, App),
    ignored("oauth_provider_consent_login_base_url", Text, App),
    ignored("oauth_provider_url_configured_in_oauth_provider", Text, App),
    ignored("oauth_client_secret_encryption_key", Text, Operator),
    ignored("saml_legacy_acs_url", Text, App),
    ignored("saml_sp_entity_id", Text, Tenant),
    ignored("saml_claims_validity", Integer, Tenant),
    ignored("saml_relay_state_validity", Integer, Tenant),
    ignored("bulk_migration_parallelism", Integer, App),
    ignored("bulk_migration_batch_size", Integer, App),
    ignored("otel_collector_connection_uri", Text, Operator),
    ignored("deadlock_logger_enable", Boolean, Operator),
    ignored("webserver_https_enabled", Boolean, Operator),
    ignored("migration_mode", Text, Operator),
    ignored("postgresql_config_version", Integer, Operator),
    key("postgresql_connection_uri", Text, Operator),
    key("postgresql_user", Text, Operator),
    key("postgresql_password", Text, Operator),
    key("postgresql_host", Text, Operator),
    key("postgresql_port", Integer, Operator),
    key("postgresql_database_name", Text, Operator),
    key("postgresql_table_schema", Text, Operator),
    key("postgresql_connection_pool_size", Integer, Operator),
    ignored("postgresql_idle_connection_timeout", Integer, Operator),
    ignored("postgresql_minimum_idle_connections", Integer, Operator),
    key("postgresql_connection_attributes", Text, Operator),
    ignored("postgresql_connection_scheme", Text, Operator),
    key("postgresql_table_names_prefix", Text, Operator),
];

/// What says where data lie.
pub(super) const PROTECTED_DATABASE: &[&str] = &[
    "postgresql_connection_pool_size",
    "postgresql_connection_uri",
    "postgresql_host",
    "postgresql_port",
    "postgresql_user",
    "postgresql_password",
    "postgresql_database_name",
    "postgresql_table_schema",
    "postgresql_idle_connection_timeout",
    "postgresql_minimum_idle_connections",
    "postgresql_connection_attributes",
    "postgresql_connection_scheme",
    "postgresql_table_names_prefix",
];

/// What guards the core, or says where its other services are.
pub(super) const PROTECTED_CORE: &[&str] = &[
    "ip_allow_regex",
    "ip_deny_regex",
    "oauth_provider_public_service_url",
    "oauth_provider_admin_service_url",
    "oauth_provider_consent_login_base_url",
    "oauth_provider_url_configured_in_oauth_provider",
    "saml_legacy_acs_url",
];

/// The key of a name; the reference's older name for the update interval is known too.
pub fn find_key(name: &str) -> Option<&'static Key> {
    let name = match name {
        "access_token_signing_key_update_interval" => "access_token_dynamic_signing_key_update_interval",
        other => other,
    };
    KEYS.iter().find(|key| key.name == name)
}

/// The known key that looks most like a name.
pub fn nearest_key(name: &str) -> &'static str {
    let likeness = |key: &&Key| strsim::jaro_winkler(key.name, name);
    let nearest = KEYS.iter().max_by(|left, right| likeness(left).total_cmp(&likeness(right)));
    nearest.map_or("", |key| key.name)
}

/// Whether a value is what its key wants; numbers may come as text.
pub(super) fn check_kind(key: &Key, value: &Value) -> Result<(), ConfigError> {
    let (fits, kind) = match key.kind {
        Kind::Text => (!value.is_object() && !value.is_array(), "String"),
        Kind::Integer => (integer(value).is_some(), "int"),
        Kind::Double => (double(value).is_some(), "double"),
        Kind::Boolean => (boolean(value).is_some(), "boolean"),
    };
    if fits { Ok(()) } else { Err(ConfigError(format!("'{}' must be of type {kind}", key.name))) }
}

pub(super) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
        }),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

pub(super) fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

pub(super) fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
