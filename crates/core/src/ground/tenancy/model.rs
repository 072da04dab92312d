//! What is stored about a tenant, the tenant as calls see it, and how ids are written.

use crate::config::CoreConfig;
use crate::http::STOP_WORDS;
use crate::{Error, Result, Scope};
use portcullis_db::Db;
use portcullis_wire::Object;
use portcullis_wire::providers::Provider;
use std::sync::Arc;

/// What is stored about a tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantConfig {
    /// The tenant's own settings; those of its app and domain lie below them.
    pub core_config: Object,
    /// Whether the emailpassword recipe is on (only asked before CDI 5.1).
    pub email_password_enabled: bool,
    /// Whether the thirdparty recipe is on (only asked before CDI 5.1).
    pub third_party_enabled: bool,
    /// Whether the passwordless recipe is on (only asked before CDI 5.1).
    pub passwordless_enabled: bool,
    /// The first factors allowed; `None` leaves it to the SDK.
    pub first_factors: Option<Vec<String>>,
    /// The second factors of which one is required; `None` for none.
    pub required_secondary_factors: Option<Vec<String>>,
    /// The providers that its users may sign in with; changed by calls of their own.
    pub providers: Vec<Provider>,
}

impl Default for TenantConfig {
    fn default() -> Self {
        Self {
            core_config: Object::new(),
            email_password_enabled: true,
            third_party_enabled: true,
            passwordless_enabled: true,
            first_factors: None,
            required_secondary_factors: None,
            providers: Vec::new(),
        }
    }
}

impl TenantConfig {
    /// A new tenant that allows no recipe: what the first version makes before CDI 5.0 with an empty
    /// list of factors, later without a list.
    pub fn all_off(first_factors: Option<Vec<String>>) -> Self {
        Self {
            email_password_enabled: false,
            third_party_enabled: false,
            passwordless_enabled: false,
            first_factors,
            ..Self::default()
        }
    }

    /// A new tenant of the second version: every recipe, no first factor.
    pub fn no_first_factor() -> Self {
        Self { first_factors: Some(Vec::new()), ..Self::default() }
    }

    /// Lays settings over the stored ones. A `null` removes a setting that is there.
    pub fn merge_core_config(&mut self, changes: Object) {
        for (name, value) in changes {
            if value.is_null() && self.core_config.contains_key(&name) {
                self.core_config.remove(&name);
            } else {
                self.core_config.insert(name, value);
            }
        }
    }
}

/// A tenant as calls see it.
#[derive(Debug)]
pub struct Tenant {
    /// Which one it is.
    pub scope: Scope,
    /// What is stored about it.
    pub stored: TenantConfig,
    /// All settings that hold for it, as given.
    pub values: Object,
    /// All settings that hold for it, checked.
    pub config: Arc<CoreConfig>,
    /// The database in which it lives.
    pub db: Db,
    /// That of its app's public tenant, with what belongs to the app as a whole; mostly the same.
    pub app_db: Db,
}

impl Tenant {
    /// Whether it lives in another database than its app's public tenant.
    pub fn is_apart(&self) -> bool {
        self.db.number() != self.app_db.number() && self.db.place() != self.app_db.place()
    }
}

/// A tenant's id as it is stored; 400 if it can be none.
pub(super) fn parse_tenant_id(text: &str) -> Result<String> {
    let id = text.trim().to_lowercase();
    if STOP_WORDS.contains(&id.as_str()) {
        return Err(Error::BadInput(format!("Cannot use '{id}' as a tenantId")));
    }
    parse_id("tenantId", id)
}

/// An app's id as it is stored; 400 if it can be none.
pub(super) fn parse_app_id(text: &str) -> Result<String> {
    parse_id("appId", text.trim().to_lowercase())
}

/// The width of the columns that hold ids.
const ID_MAX: usize = 64;

fn parse_id(field: &str, id: String) -> Result<String> {
    let fault = |text: &str| Err(Error::BadInput(format!("{field} {text}")));
    if id.is_empty() {
        return fault("should not be an empty String");
    }
    if id.starts_with("appid-") {
        return fault("must not start with 'appid-'");
    }
    if !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return fault("can only contain letters, numbers and hyphens");
    }
    // The reference answers 500.
    if id.len() > ID_MAX {
        return fault("can have at most 64 characters");
    }
    Ok(id)
}

/// A connection URI domain as it is stored: a host name or IPv4 address; a port is dropped.
pub(super) fn parse_domain(text: &str) -> Result<String> {
    let domain = text.trim().to_lowercase();
    if domain.is_empty() {
        return Err(Error::bad_input("connectionUriDomain should not be an empty String"));
    }
    let (host, port) = domain.split_once(':').unwrap_or((&domain, "0"));
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let fits = host.split('.').all(is_label) && port.parse::<u16>().is_ok() && host.len() <= 256;
    if fits { Ok(host.to_owned()) } else { Err(Error::bad_input("connectionUriDomain is invalid")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_are_trimmed_lower_case_and_plain() {
        assert_eq!(parse_tenant_id(" T-1 ").unwrap(), "t-1");
        for (text, fault) in [
            (" ", "tenantId should not be an empty String"),
            ("Recipe", "Cannot use 'recipe' as a tenantId"),
            ("appid-x", "tenantId must not start with 'appid-'"),
            ("a_b", "tenantId can only contain letters, numbers and hyphens"),
        ] {
            assert_eq!(parse_tenant_id(text).unwrap_err().to_string(), fault);
        }
        assert_eq!(parse_app_id("recipe").unwrap(), "recipe");
        assert!(parse_app_id(&"a".repeat(65)).is_err());
    }

    #[test]
    fn a_domain_is_a_host_without_its_port() {
        for (text, host) in
            [("Example.COM", "example.com"), ("127.0.0.1:3567", "127.0.0.1"), ("localhost", "localhost")]
        {
            assert_eq!(parse_domain(text).unwrap(), host);
        }
        for text in ["http://a.b", "abc.", "a/b", "*", "host:", "host:x", ".a"] {
            assert_eq!(
                parse_domain(text).unwrap_err().to_string(),
                "connectionUriDomain is invalid",
                "{text}"
            );
        }
    }

    #[test]
    fn a_null_removes_a_setting_that_is_there() {
        let object = |value: serde_json::Value| value.as_object().cloned().unwrap();
        let mut tenant =
            TenantConfig { core_config: object(json!({"a": 1, "b": 2})), ..TenantConfig::default() };
        tenant.merge_core_config(object(json!({"a": null, "b": 3, "c": null})));
        assert_eq!(tenant.core_config, object(json!({"b": 3, "c": null})));
    }
}
