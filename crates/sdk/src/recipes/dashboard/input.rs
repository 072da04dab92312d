//! What calls of the dashboard bring along.

use crate::{Cx, Error, Result};
use portcullis_wire::Object;
use serde_json::Value;

pub(super) fn missing(name: &str) -> Error {
    Error::bad_input(format!("Missing required parameter '{name}'"))
}

fn wrong(name: &str) -> Error {
    Error::bad_input(format!("Required parameter '{name}' is missing or has an invalid type"))
}

/// A parameter of the query, which is not empty.
pub(super) fn query(cx: &Cx, name: &str) -> Result<String> {
    optional_query(cx, name).filter(|value| !value.is_empty()).ok_or_else(|| missing(name))
}

/// A parameter of the query; it is the core's to say whether it may be empty.
pub(super) fn any_query(cx: &Cx, name: &str) -> Result<String> {
    optional_query(cx, name).ok_or_else(|| wrong(name))
}

/// A parameter of the query that may be left out.
pub(super) fn optional_query(cx: &Cx, name: &str) -> Option<String> {
    cx.exchange()?.query(name)
}

/// A text of the body.
pub(super) fn text<'b>(body: &'b Object, name: &str) -> Result<&'b str> {
    body.get(name).and_then(Value::as_str).ok_or_else(|| wrong(name))
}

/// A yes or no of the body.
pub(super) fn flag(body: &Object, name: &str) -> Result<bool> {
    body.get(name).and_then(Value::as_bool).ok_or_else(|| wrong(name))
}

/// A list of texts of the body.
pub(super) fn texts(body: &Object, name: &str) -> Result<Vec<String>> {
    let list = body.get(name).and_then(Value::as_array).ok_or_else(|| wrong(name))?;
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(name));
    list.iter().map(text).collect()
}
