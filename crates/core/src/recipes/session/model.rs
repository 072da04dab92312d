//! What a session is.

use super::lineage::Lineage;
use crate::PUBLIC;
use crate::crypto::random;
use portcullis_wire::Object;
use serde_json::Value;

/// A session as stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) user_id: String,
    /// Its refresh tokens, and when it ends.
    pub(super) lineage: Lineage,
    pub(super) data: Object,
    pub(super) created_at: i64,
    pub(super) payload: Object,
    pub(super) use_static_key: bool,
}

/// The ids of a session's user, as callers know them.
#[derive(Clone, Debug)]
pub(super) struct UserIds {
    /// The login method.
    pub(super) recipe: String,
    /// The user whose login method it is.
    pub(super) primary: String,
    /// The same, as the core knows it.
    pub(super) primary_internal: String,
}

/// A handle for a new session; it tells the tenant.
pub(super) fn new_handle(tenant_id: &str) -> String {
    let id = random::uuid();
    if tenant_id == PUBLIC { id } else { format!("{id}_{tenant_id}") }
}

/// The tenant that a handle tells.
pub(super) fn tenant_of(handle: &str) -> &str {
    handle.split('_').nth(1).filter(|tenant| !tenant.is_empty()).unwrap_or(PUBLIC)
}

/// Whether two payloads mean the same: the order of keys does not count, 1 equals 1.0.
pub(super) fn same_payload(left: &Object, right: &Object) -> bool {
    left.len() == right.len()
        && left.iter().all(|(key, value)| right.get(key).is_some_and(|other| same(value, other)))
}

fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => same_payload(left, right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        _ => left == right,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn handles_tell_their_tenant() {
        assert_eq!(tenant_of(&new_handle("t1")), "t1");
        assert_eq!(tenant_of(&new_handle(PUBLIC)), PUBLIC);
        for odd in ["", "_", "__", "a__b"] {
            assert_eq!(tenant_of(odd), PUBLIC, "{odd}");
        }
        assert_eq!(tenant_of("a_t1_b"), "t1");
    }

    #[test]
    fn payloads_compare_by_meaning() {
        let same =
            |left: Value, right: Value| same_payload(left.as_object().unwrap(), right.as_object().unwrap());
        assert!(same(json!({"a": 1, "b": [1.0]}), json!({"b": [1], "a": 1.0})));
        assert!(!same(json!({"a": null}), json!({})));
        assert!(!same(json!({"a": [1, 2]}), json!({"a": [2, 1]})));
    }
}
