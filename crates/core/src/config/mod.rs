//! What an operator may set, read from loosely typed values into types that cannot be wrong.
//!
//! Settings keep SuperTokens' names. A tenant's settings are laid over those of its app, of its domain
//! and of the operator.

mod checked;
mod raw;

pub use checked::{CoreConfig, ReuseBehaviour};
pub use raw::{KEYS, Key, Kind, Scope, find_key, nearest_key};

use portcullis_wire::Object;
use serde_json::Value;

/// A setting that cannot be used. `Display` names the key and the rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Why a caller without the operator's own secret may neither see nor change a setting. `Display` is the
/// text of the 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Protected {
    /// It says where a tenant's data lie.
    #[error("Not allowed to modify DB related configs.")]
    Database,
    /// It guards the core, or says where its other services are.
    #[error("Not allowed to modify protected configs.")]
    Core,
}

/// Whether a setting is the operator's own where `supertokens_saas_secret` is set.
pub fn protected(name: &str) -> Option<Protected> {
    if raw::PROTECTED_DATABASE.contains(&name) {
        Some(Protected::Database)
    } else {
        raw::PROTECTED_CORE.contains(&name).then_some(Protected::Core)
    }
}

/// Lays settings over others. A `null` says nothing: it must not take away a guard that lies below.
pub fn merge(below: &Object, above: &Object) -> Object {
    let mut merged = below.clone();
    for (name, value) in above.iter().filter(|(_, value)| !value.is_null()) {
        merged.insert(find_key(name).map_or(name.as_str(), |key| key.name).to_owned(), value.clone());
    }
    merged
}

/// Checks the settings that a tenant is given: each key must be known and allowed there.
/// `is_public` is true for the tenant that stands for the whole app.
pub fn check_tenant_values(values: &Object, is_public: bool, inherited: &Object) -> Result<(), ConfigError> {
    for (name, value) in values {
        let key = find_key(name).ok_or_else(|| ConfigError(format!("Invalid config key: {name}")))?;
        if value.is_null() {
            continue;
        }
        raw::check_kind(key, value)?;
        let differs = inherited.get(key.name).unwrap_or(&Value::Null) != value;
        match key.scope {
            Scope::Operator => {
                let text = format!("{} can only be set via the core's base config setting", key.name);
                return Err(ConfigError(text));
            }
            Scope::App if !is_public && differs => {
                let text = format!("You cannot set different values for {} for the same appId", key.name);
                return Err(ConfigError(text));
            }
            Scope::App | Scope::Tenant => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else { unreachable!() };
        object
    }

    #[test]
    fn a_null_takes_nothing_away() {
        let below = object(json!({"ip_deny_regex": "10\\..*", "port": 1}));
        let merged = merge(&below, &object(json!({"ip_deny_regex": null, "port": 2})));
        assert_eq!(Value::Object(merged), json!({"ip_deny_regex": "10\\..*", "port": 2}));
    }

    #[test]
    fn what_a_saas_customer_may_not_touch() {
        for (name, refusal) in [
            ("postgresql_connection_uri", Some("Not allowed to modify DB related configs.")),
            ("ip_deny_regex", Some("Not allowed to modify protected configs.")),
            ("access_token_validity", None),
            ("postgresql_key_value_table_name", None),
        ] {
            assert_eq!(protected(name).map(|why| why.to_string()).as_deref(), refusal, "{name}");
        }
    }

    #[test]
    fn a_tenant_may_set_what_is_its_own() {
        let check = |values, is_public| check_tenant_values(&object(values), is_public, &Object::new());
        assert_eq!(check(json!({"password_reset_token_lifetime": 5}), false), Ok(()));
        for (values, is_public, text) in [
            (json!({"unknown": null}), true, "Invalid config key: unknown"),
            (json!({"port": 1}), true, "port can only be set via the core's base config setting"),
            (
                json!({"password_hashing_alg": "ARGON2"}),
                false,
                "You cannot set different values for password_hashing_alg for the same appId",
            ),
            (json!({"bcrypt_log_rounds": "x"}), true, "'bcrypt_log_rounds' must be of type int"),
        ] {
            assert_eq!(check(values, is_public), Err(ConfigError(text.to_owned())));
        }
        assert_eq!(check(json!({"password_hashing_alg": "ARGON2"}), true), Ok(()));
    }
}
