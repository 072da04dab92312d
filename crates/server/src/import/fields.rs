//! Fields of what other systems tell, whose databases write one value in several ways.

use super::Object;
use portcullis_core::Clock;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// The first of some fields that has a value.
pub(super) fn value<'a>(object: &'a Object, names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| object.get(*name).filter(|value| !value.is_null()))
}

/// A text that is not blank.
pub(super) fn text<'a>(object: &'a Object, names: &[&str]) -> Option<&'a str> {
    value(object, names)?.as_str().filter(|text| !text.trim().is_empty())
}

/// Whether a field is set to true; databases without a type for it have a number.
pub(super) fn flag(object: &Object, names: &[&str]) -> bool {
    value(object, names).is_some_and(|value| match value {
        Value::Bool(is_set) => *is_set,
        Value::String(text) => text == "true",
        other => other.as_i64() == Some(1),
    })
}

/// The objects in an array.
pub(super) fn objects<'a>(object: &'a Object, name: &str) -> impl Iterator<Item = &'a Object> {
    object.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object)
}

/// An object that is not empty.
pub(super) fn object<'a>(object: &'a Object, name: &str) -> Option<&'a Object> {
    object.get(name).and_then(Value::as_object).filter(|inner| !inner.is_empty())
}

/// An object that is written as a text.
pub(super) fn json(object: &Object, name: &str) -> Option<Object> {
    serde_json::from_str(object.get(name)?.as_str()?).ok()
}

/// Milliseconds until March 1973: as a number of seconds it is a time that comes in three thousand years.
const SECONDS_TO: i64 = 100_000_000_000;

/// A time in milliseconds since 1970: RFC 3339, without an offset in UTC, or a number, be it written as a text, of
/// milliseconds or of seconds.
pub(super) fn time(object: &Object, names: &[&str]) -> Option<i64> {
    let number = match value(object, names)? {
        Value::String(text) => match text.parse() {
            Ok(number) => number,
            Err(_) => return read_time(text),
        },
        other => other.as_i64()?,
    };
    Some(if (0..SECONDS_TO).contains(&number) { number * 1000 } else { number })
}

/// Whether a time is still to come. One that cannot be read, such as `infinity`, is.
pub(super) fn is_ahead(object: &Object, names: &[&str]) -> bool {
    let is_past = || time(object, names).is_some_and(|time| time <= Clock::system().now());
    value(object, names).is_some() && !is_past()
}

fn read_time(text: &str) -> Option<i64> {
    let text = text.trim().replacen(' ', "T", 1).replace(' ', "");
    let read = |text: &str| OffsetDateTime::parse(text, &Rfc3339);
    let time =
        read(&text).or_else(|_| read(&format!("{text}Z"))).or_else(|_| read(&format!("{text}:00"))).ok()?;
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_are_read_as_databases_write_them() {
        for (written, millis) in [
            (json!("2024-01-02T03:04:05.678Z"), Some(1_704_164_645_678)),
            (json!("2024-01-02T04:04:05.678123+01:00"), Some(1_704_164_645_678)),
            (json!("2024-01-02 03:04:05.678+00"), Some(1_704_164_645_678)),
            (json!("2024-01-02T03:04:05"), Some(1_704_164_645_000)),
            (json!(1_704_164_645_678_i64), Some(1_704_164_645_678)),
            (json!("1704164645678"), Some(1_704_164_645_678)),
            (json!(1_704_164_645), Some(1_704_164_645_000)),
            (json!("2024-01-02 03:04:05.678 +00:00"), Some(1_704_164_645_678)),
            (json!(-1), Some(-1)),
            (json!("yesterday"), None),
            (json!(null), None),
        ] {
            let object = Object::from_iter([("at".to_owned(), written.clone())]);
            assert_eq!(time(&object, &["on", "at"]), millis, "{written}");
        }
    }

    #[test]
    fn a_time_is_ahead_unless_it_is_past_or_missing() {
        for (written, is_it) in [
            (json!("2999-01-02T03:04:05Z"), true),
            (json!("infinity"), true),
            (json!("2024-01-02T03:04:05Z"), false),
            (json!(1_704_164_645), false),
            (json!(null), false),
        ] {
            let object = Object::from_iter([("until".to_owned(), written.clone())]);
            assert_eq!(is_ahead(&object, &["until"]), is_it, "{written}");
        }
    }

    #[test]
    fn flags_are_read_as_databases_write_them() {
        for (written, is_set) in
            [(json!(true), true), (json!(1), true), (json!(0), false), (json!("false"), false)]
        {
            let object = Object::from_iter([("set".to_owned(), written.clone())]);
            assert_eq!(flag(&object, &["set"]), is_set, "{written}");
        }
    }
}
