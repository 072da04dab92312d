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

/// Lays settings over others; a `null` hides what lies below.
pub fn merge(below: &Object, above: &Object) -> Object {
    let mut merged = below.clone();
    for (name, value) in above {
        merged.insert(find_key(name).map_or(name.as_str(), |key| key.name).to_owned(), value.clone());
    }
    merged
}

/// Checks the settings that a tenant is given: each key must be known and allowed there.
/// `is_public` is true for the tenant that stands for the whole app.
pub fn check_tenant_values(values: &Object, is_public: bool, inherited: &Object) -> Result<(), ConfigError> {
    for (name, value) in values.iter().filter(|(_, value)| !value.is_null()) {
        let key = find_key(name).ok_or_else(|| ConfigError(format!("Invalid config key: {name}")))?;
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
