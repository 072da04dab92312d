//! What a session is, and what a refresh token that is shown means for it.

use crate::PUBLIC;
use crate::crypto::digest::{secrets_equal, sha256_hex};
use crate::crypto::random;
use portcullis_wire::Object;
use portcullis_wire::session::ReuseSubtype;
use serde_json::Value;

/// A session as stored.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub(super) user_id: String,
    /// Hash of the hash of the refresh token that counts as current.
    pub(super) current: String,
    pub(super) data: Object,
    pub(super) expires_at: i64,
    pub(super) created_at: i64,
    pub(super) payload: Object,
    pub(super) use_static_key: bool,
    /// The one that was current before.
    pub(super) previous: Option<String>,
    /// When it was replaced, in milliseconds.
    pub(super) rotated_at: Option<i64>,
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

/// How a refresh token stands to the stored hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lineage {
    /// It is the current one.
    Current,
    /// It was made from the current one.
    Child,
    /// It was current before, and is shown again at a time that may be excused.
    Previous,
    /// It was replaced.
    Replaced(ReuseSubtype),
}

/// Places a refresh token, by its text's first hash and the one of its parent. `grace` in milliseconds.
pub(super) fn lineage(
    row: &Stored,
    hash1: &str,
    parent_hash1: Option<&str>,
    now: i64,
    grace: i64,
) -> Lineage {
    let is = |hash1: &str, stored: &str| secrets_equal(&sha256_hex(hash1), stored);
    let was_previous = |hash1: &str| row.previous.as_deref().is_some_and(|previous| is(hash1, previous));
    if is(hash1, &row.current) {
        Lineage::Current
    } else if parent_hash1.is_some_and(|parent| is(parent, &row.current)) {
        Lineage::Child
    } else if was_previous(hash1) {
        let excused = row.rotated_at.is_some_and(|rotated_at| now <= rotated_at.saturating_add(grace));
        if excused { Lineage::Previous } else { Lineage::Replaced(ReuseSubtype::RecentPrev) }
    } else if parent_hash1.is_some_and(was_previous) {
        Lineage::Replaced(ReuseSubtype::OrphanedBranch)
    } else {
        Lineage::Replaced(ReuseSubtype::StaleLineage)
    }
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

    fn row(current: &str, previous: Option<&str>) -> Stored {
        Stored {
            user_id: "u".into(),
            current: sha256_hex(current),
            data: Object::new(),
            expires_at: 0,
            created_at: 0,
            payload: Object::new(),
            use_static_key: false,
            previous: previous.map(sha256_hex),
            rotated_at: previous.map(|_| 1000),
        }
    }

    #[test]
    fn every_place_in_the_lineage() {
        let row = row("b", Some("a"));
        let place = |hash: &str, parent: Option<&str>, now| lineage(&row, hash, parent, now, 30);
        assert_eq!(place("b", Some("a"), 9000), Lineage::Current);
        assert_eq!(place("c", Some("b"), 9000), Lineage::Child);
        assert_eq!(place("a", None, 1030), Lineage::Previous);
        assert_eq!(place("a", None, 1031), Lineage::Replaced(ReuseSubtype::RecentPrev));
        assert_eq!(place("x", Some("a"), 1000), Lineage::Replaced(ReuseSubtype::OrphanedBranch));
        assert_eq!(place("x", Some("y"), 1000), Lineage::Replaced(ReuseSubtype::StaleLineage));
        assert_eq!(place("x", None, 1000), Lineage::Replaced(ReuseSubtype::StaleLineage));
    }

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
