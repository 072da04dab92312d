//! Loosely typed values, read as the reference reads them: numbers may come as text, and the other way
//! round.

use super::keys::{Key, Kind, find_key};
use super::{ConfigError, fault};
use portcullis_wire::Object;
use serde_json::Value;

/// The name that SAML service providers show where no other is set.
const SAML_ENTITY_ID: &str = "https://saml.supertokens.com";

/// The longest time that is told apart, in milliseconds: it may be added to any time of day.
const LONGEST_MS: i64 = 1_000_000_000_000_000;

/// Whether a value is what its key wants.
pub(super) fn check(key: &Key, value: &Value) -> Result<(), ConfigError> {
    let kind = match key.kind {
        Kind::Text => "String",
        Kind::Integer => "int",
        Kind::OptionalInteger => "Integer",
        Kind::Long => "long",
        Kind::Double => "double",
        Kind::Boolean => "boolean",
    };
    match typed(key, value) {
        Some(_) => Ok(()),
        None => Err(fault(format!("'{}' must be of type {kind}", key.name))),
    }
}

/// The value as its key wants it, or `None` if it cannot be read so.
fn typed(key: &Key, value: &Value) -> Option<Value> {
    match key.kind {
        Kind::Text => text(value).map(Value::from),
        Kind::Integer | Kind::OptionalInteger => {
            integer(value).filter(|number| i32::try_from(*number).is_ok()).map(Value::from)
        }
        Kind::Long => integer(value).map(Value::from),
        Kind::Double => double(value).map(Value::from),
        Kind::Boolean => boolean(value).map(Value::from),
    }
}

/// The value that holds for a key: what is set, or else what holds without. Two settings are the same
/// if their effective values are.
pub fn effective(values: &Object, key: &Key) -> Value {
    let older = || key.older_name.and_then(|name| values.get(name));
    let given = values.get(key.name).or_else(older);
    if key.kind == Kind::OptionalInteger && given.is_some_and(Value::is_null) {
        return Value::Null;
    }
    let value = given.and_then(|value| typed(key, value)).unwrap_or_else(|| key.standard_value());
    match (key.name, value) {
        ("saml_sp_entity_id", Value::Null) => SAML_ENTITY_ID.into(),
        ("oauth_provider_url_configured_in_oauth_provider", Value::Null) => {
            values.get("oauth_provider_public_service_url").cloned().unwrap_or_default()
        }
        ("ip_allow_regex" | "ip_deny_regex", Value::String(pattern)) => match pattern.trim() {
            "" => Value::Null,
            pattern => pattern.into(),
        },
        ("api_keys", Value::String(keys)) => sorted(&keys).into(),
        (_, value) => value,
    }
}

/// The keys of a list; a comma at its end adds none.
pub(super) fn api_keys(list: &str) -> impl Iterator<Item = &str> {
    list.trim().trim_end_matches(',').split(',').map(str::trim)
}

/// API keys are the same in any order.
fn sorted(keys: &str) -> String {
    let mut keys: Vec<&str> = api_keys(keys).collect();
    keys.sort_unstable();
    keys.join(",")
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| {
            let number = number.as_f64()?;
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
            (number.fract() == 0.0 && number.abs() < 1e15).then_some(number as i64)
        }),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Reads the effective values of keys.
pub(super) struct Reader<'a>(pub(super) &'a Object);

impl Reader<'_> {
    fn value(&self, name: &str) -> Value {
        let key = find_key(name);
        debug_assert!(key.is_some_and(|key| key.name == name), "no key is named {name}");
        key.map(|key| effective(self.0, key)).unwrap_or_default()
    }

    /// The text, if there is one; it may be empty.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        text(&self.value(name))
    }

    /// A whole number; 0 if there is none.
    pub(super) fn integer(&self, name: &str) -> i64 {
        integer(&self.value(name)).unwrap_or_default()
    }

    /// A number; 0 if there is none.
    pub(super) fn double(&self, name: &str) -> f64 {
        double(&self.value(name)).unwrap_or_default()
    }

    /// The truth; `false` if there is none.
    pub(super) fn boolean(&self, name: &str) -> bool {
        boolean(&self.value(name)).unwrap_or_default()
    }

    /// A time in milliseconds, from one that is counted in `unit` milliseconds.
    pub(super) fn milliseconds(&self, name: &str, unit: f64) -> i64 {
        #[expect(clippy::cast_possible_truncation, reason = "fractions of a millisecond do not matter")]
        let milliseconds = (self.double(name) * unit) as i64;
        milliseconds.clamp(-LONGEST_MS, LONGEST_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind_fault(name: &str, value: &Value) -> Option<String> {
        check(find_key(name).unwrap(), value).err().map(|error| error.to_string())
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_named_with_the_reference_s_word_for_the_kind() {
        for (name, wrong, kind) in [
            ("port", json!("x"), "int"),
            ("port", json!(1.5), "int"),
            ("port", json!("1.5"), "int"),
            ("port", json!(" 1"), "int"),
            ("port", json!(true), "int"),
            ("port", json!(3_000_000_000_i64), "int"),
            ("access_token_validity", json!("1h"), "long"),
            ("access_token_validity", json!(1e300), "long"),
            ("password_reset_token_lifetime", json!([1]), "long"),
            ("refresh_token_validity", json!("x"), "double"),
            ("refresh_token_validity", json!("NaN"), "double"),
            ("access_token_validity_jitter", json!(false), "double"),
            ("disable_telemetry", json!(1), "boolean"),
            ("disable_telemetry", json!("yes"), "boolean"),
            ("api_keys", json!(["a"]), "String"),
            ("postgresql_user", json!({}), "String"),
            ("postgresql_idle_connection_timeout", json!("x"), "long"),
            ("postgresql_minimum_idle_connections", json!("x"), "Integer"),
            ("bulk_migration_sleep_between_rounds_in_batch_ms", json!(""), "Integer"),
        ] {
            assert_eq!(kind_fault(name, &wrong), Some(format!("'{name}' must be of type {kind}")), "{wrong}");
        }
        let older = kind_fault("access_token_signing_key_update_interval", &json!("x")).unwrap();
        assert_eq!(older, "'access_token_dynamic_signing_key_update_interval' must be of type double");
    }

    #[test]
    fn numbers_and_truths_may_be_text_and_text_may_be_a_number() {
        for (name, value) in [
            ("port", json!("3567")),
            ("port", json!(3567.0)),
            ("port", json!("-1")),
            ("access_token_validity", json!(3_000_000_000_i64)),
            ("refresh_token_validity", json!("0.5")),
            ("refresh_token_validity", json!(1)),
            ("disable_telemetry", json!("TRUE")),
            ("supertokens_max_cdi_version", json!(5.0)),
            ("base_path", json!(12)),
        ] {
            assert_eq!(kind_fault(name, &value), None, "{name} {value}");
        }
    }

    #[test]
    fn settings_are_the_same_if_their_effective_values_are() {
        let of = |name: &str, value: Value| {
            let values = Object::from_iter([(name.to_owned(), value)]);
            effective(&values, find_key(name).unwrap())
        };
        for (name, left, right) in [
            ("access_token_validity", json!("100"), json!(100)),
            ("access_token_validity", json!(null), json!(3600)),
            ("refresh_token_validity", json!("144000"), json!(144_000.0)),
            ("disable_telemetry", json!("False"), json!(null)),
            ("api_keys", json!("b, a"), json!("a,b")),
            ("ip_deny_regex", json!("  "), json!(null)),
            ("saml_sp_entity_id", json!(null), json!(SAML_ENTITY_ID)),
        ] {
            assert_eq!(of(name, left), of(name, right), "{name}");
        }
        assert_ne!(of("access_token_validity", json!("100")), of("access_token_validity", json!(101)));
        assert_eq!(of("bulk_migration_sleep_between_rounds_in_batch_ms", json!(null)), Value::Null);
        let older = Object::from_iter([("access_token_signing_key_update_interval".to_owned(), json!(5))]);
        let key = find_key("access_token_dynamic_signing_key_update_interval").unwrap();
        assert_eq!(effective(&older, key), json!(5.0));
    }
}
