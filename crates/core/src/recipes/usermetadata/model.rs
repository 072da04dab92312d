//! How an update is laid over what is there.

use portcullis_wire::Object;

/// At the top a `null` deletes its key and everything else replaces it; deeper `null`s are kept.
pub(super) fn merge(stored: &mut Object, update: Object) {
    for (name, value) in update {
        if value.is_null() {
            stored.shift_remove(&name);
        } else {
            stored.insert(name, value);
        }
    }
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
    fn only_the_top_is_merged() {
        let mut stored = object(json!({"a": 1, "b": {"x": 1}, "c": 1}));
        merge(&mut stored, object(json!({"a": null, "b": {"y": null}, "d": 2, "e": null})));
        assert_eq!(Value::Object(stored), json!({"b": {"y": null}, "c": 1, "d": 2}));
    }
}
