//! What an operator may set, read from loosely typed values into types that cannot be wrong.
//!
//! Settings keep SuperTokens' names. A tenant's settings are laid over those of its app, of its domain
//! and of the operator.

mod checked;
mod database;
mod keys;
mod ranges;
mod values;
mod webhooks;

pub use checked::{CoreConfig, ReuseBehaviour};
pub use database::{Postgres, pool_size, postgres};
pub use keys::{Key, Kind, Owner, Pool, Scope, Standard, find_key, keys, nearest_key};
pub use values::effective;
pub use webhooks::Webhooks;

use portcullis_wire::Object;

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
    find_key(name).and_then(|key| key.protected)
}

fn fault(text: impl Into<String>) -> ConfigError {
    ConfigError(text.into())
}

/// Lays settings over others. A `null` says nothing, unless it is a value of its own: it must not take
/// away a guard that lies below.
pub fn merge(below: &Object, above: &Object) -> Object {
    let mut merged = below.clone();
    for (name, value) in above {
        let key = find_key(name);
        if !value.is_null() || key.is_some_and(|key| key.kind == Kind::OptionalInteger) {
            merged.insert(key.map_or(name.as_str(), |key| key.name).to_owned(), value.clone());
        }
    }
    merged
}

/// Whose settings are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// A connection URI domain other than the default one.
    Domain,
    /// An app: its public tenant.
    App,
    /// Another tenant.
    Tenant,
}

/// Checks the settings that a domain, an app or a tenant is given, over those that it inherits: each key
/// must be known, of its kind and allowed there. [`CoreConfig::from_values`] checks the rest.
pub fn check_tenant_values(values: &Object, holder: Holder, inherited: &Object) -> Result<(), ConfigError> {
    let unknown = |name: &str| fault(format!("Invalid config key: {name}"));
    let keys: Result<Vec<&Key>, _> =
        values.keys().map(|name| find_key(name).ok_or_else(|| unknown(name))).collect();
    let keys = keys?;
    for (key, value) in keys.iter().zip(values.values()).filter(|(_, value)| !value.is_null()) {
        values::check(key, value)?;
    }
    let merged = merge(inherited, values);
    for key in keys {
        let differs = || effective(&merged, key) != effective(inherited, key);
        let name = key.name;
        if key.scope == Scope::Operator {
            return Err(fault(format!("{name} can only be set via the core's base config setting")));
        } else if key.scope == Scope::App && holder == Holder::Tenant && differs() {
            return Err(fault(format!("You cannot set different values for {name} for the same appId")));
        } else if key.pool == Some(Pool::Common) && differs() {
            return Err(fault(format!("You cannot set different values for {name} for the same user pool")));
        } else if key.pool == Some(Pool::Identity) && holder != Holder::Domain && differs() {
            // To accept it would keep the tenant's users where its owner does not expect them.
            if postgres(&merged, |_| {})?.is_none() {
                return Err(fault(database::without_effect(name)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(value: Value) -> Object {
        let Value::Object(object) = value else { unreachable!() };
        object
    }

    #[test]
    fn a_null_takes_nothing_away() {
        let below = object(json!({"ip_deny_regex": "10\\..*", "port": 1}));
        let merged = merge(&below, &object(json!({"ip_deny_regex": null, "port": 2})));
        assert_eq!(Value::Object(merged), json!({"ip_deny_regex": "10\\..*", "port": 2}));
        let rest = object(json!({"bulk_migration_sleep_between_rounds_in_batch_ms": null}));
        assert_eq!(merge(&below, &rest).len(), 3);
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
        let check = |values, is_public| {
            let holder = if is_public { Holder::App } else { Holder::Tenant };
            check_tenant_values(&object(values), holder, &Object::new())
        };
        assert_eq!(check(json!({"password_reset_token_lifetime": 5}), false), Ok(()));
        for (values, is_public, text) in [
            (json!({"unknown": null}), true, "Invalid config key: unknown"),
            (json!({"port": 1}), true, "port can only be set via the core's base config setting"),
            (
                json!({"password_hashing_alg": "ARGON2"}),
                false,
                "You cannot set different values for password_hashing_alg for the same appId",
            ),
            (json!({"port": null}), true, "port can only be set via the core's base config setting"),
            (json!({"bcrypt_log_rounds": "x"}), true, "'bcrypt_log_rounds' must be of type int"),
            (json!({"port": 1, "totp_max_attempts": "x"}), true, "'totp_max_attempts' must be of type int"),
            (
                json!({"postgresql_table_names_prefix": "x"}),
                true,
                "You cannot set different values for postgresql_table_names_prefix for the same user pool",
            ),
            (
                json!({"postgresql_host": "elsewhere"}),
                true,
                "'postgresql_host' has no effect alone; set 'postgresql_user' or 'postgresql_connection_uri' to use PostgreSQL",
            ),
        ] {
            assert_eq!(check(values, is_public), Err(ConfigError(text.to_owned())));
        }
        for (values, is_public) in [
            (json!({"password_hashing_alg": "ARGON2"}), true),
            (json!({"core_config_version": 1, "ip_deny_regex": null}), false),
            (json!({"postgresql_connection_pool_size": 3, "postgresql_host": "localhost"}), false),
            (json!({"postgresql_user": "u", "postgresql_host": "elsewhere"}), false),
        ] {
            assert_eq!(check(values, is_public), Ok(()));
        }
    }

    #[test]
    fn a_domain_may_have_a_database_of_its_own() {
        let of_domain = |values| check_tenant_values(&object(values), Holder::Domain, &Object::new());
        assert_eq!(
            of_domain(json!({"postgresql_host": "elsewhere", "postgresql_table_schema": "s"})),
            Ok(())
        );
        assert!(of_domain(json!({"postgresql_table_names_prefix": "x"})).is_err());
    }

    #[test]
    fn tenants_of_an_app_agree_whatever_way_a_value_is_written() {
        let app = object(json!({"access_token_validity": 100, "api_keys": "b,a"}));
        for same in [
            json!({"access_token_validity": "100"}),
            json!({"access_token_validity": null}),
            json!({"api_keys": "a, b"}),
            json!({"refresh_token_validity": 144_000}),
            json!({"access_token_signing_key_update_interval": "168"}),
        ] {
            assert_eq!(check_tenant_values(&object(same), Holder::Tenant, &app), Ok(()));
        }
        for (other, name) in [
            (json!({"access_token_validity": 3600}), "access_token_validity"),
            (json!({"api_keys": "a"}), "api_keys"),
            (
                json!({"access_token_signing_key_update_interval": 169}),
                "access_token_dynamic_signing_key_update_interval",
            ),
        ] {
            let text = format!("You cannot set different values for {name} for the same appId");
            assert_eq!(check_tenant_values(&object(other), Holder::Tenant, &app), Err(ConfigError(text)));
        }
    }
}
