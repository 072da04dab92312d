//! Settings of domains, apps and tenants: the first byte says whose, a JSON object follows.

use crate::input::choice;
use portcullis_core::config::{
    CoreConfig, Holder, check_tenant_values, effective, keys, merge, nearest_key, postgres,
};
use portcullis_wire::Object;
use serde_json::Value;

/// What is checked holds, and means the same however it is written.
pub fn run(data: &[u8]) {
    let Some((holder, rest)) = choice(data) else { return };
    let holder = [Holder::Domain, Holder::App, Holder::Tenant][holder % 3];
    let Ok(values) = serde_json::from_slice::<Object>(rest) else { return };
    for name in values.keys().take(4) {
        nearest_key(name);
    }
    let is_accepted = check_tenant_values(&values, holder, &Object::new()).is_ok();
    let merged = merge(&Object::new(), &values);
    for key in keys() {
        let value = effective(&values, key);
        let alone = [(key.name.to_owned(), value.clone())].into_iter().collect();
        assert_eq!(effective(&alone, key), value, "{}", key.name);
        if is_accepted {
            assert_eq!(effective(&merged, key), value, "{}", key.name);
        }
    }
    for test_mode in [false, true] {
        let Ok(config) = CoreConfig::from_values(&values, test_mode) else { continue };
        assert!(config.base_path.is_empty() || config.base_path.starts_with('/'), "{}", config.base_path);
        assert!(!config.base_path.ends_with('/'), "{}", config.base_path);
        for pattern in config.ip_allow.iter().chain(&config.ip_deny) {
            // An error is a pattern that does not come to an end.
            let _: Result<bool, _> = pattern.is_match("127.0.0.1");
        }
    }
    if let Ok(Some(postgres)) = postgres(&values, |_| {}) {
        assert!(postgres.url.contains("://"));
        let debug = format!("{postgres:?}");
        let password = values.get("postgresql_password").and_then(Value::as_str).unwrap_or_default();
        assert!(password.len() < 8 || !debug.contains(password), "{debug}");
    }
}
