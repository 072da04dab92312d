//! Reading a call's fields, with the reference's error texts and in its order.
//!
//! The order matters because callers see which field is reported first; a derive of `Deserialize`
//! would report whichever comes first in the caller's JSON. `request!` declares a struct whose
//! fields are read top to bottom.

use crate::{Cdi, Object};
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;

/// The fields of one call: its query string, or the object in its body.
#[derive(Debug)]
pub struct Input {
    source: Source,
    cdi: Cdi,
}

#[derive(Debug)]
enum Source {
    Query(HashMap<String, String>),
    Body(Object),
}

impl Input {
    /// The input of a `GET` or `DELETE`; of a name that is given twice, the first counts.
    pub fn query(pairs: impl IntoIterator<Item = (String, String)>, cdi: Cdi) -> Self {
        let mut fields = HashMap::new();
        for (name, value) in pairs {
            fields.entry(name).or_insert(value);
        }
        Self { source: Source::Query(fields), cdi }
    }

    /// The input of a `POST` or `PUT`: the body must be a JSON object.
    pub fn body(bytes: &[u8], cdi: Cdi) -> Result<Self, InputError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self { source: Source::Body(fields), cdi }),
            _ => Err(InputError::InvalidJson),
        }
    }

    /// The protocol version of the call: some fields are required only from a version on.
    pub fn cdi(&self) -> Cdi {
        self.cdi
    }

    /// Whether a field is there at all, `null` included.
    pub fn has(&self, name: &str) -> bool {
        match &self.source {
            Source::Query(fields) => fields.contains_key(name),
            Source::Body(fields) => fields.contains_key(name),
        }
    }

    /// The whole object of a body, for the few calls whose body is one value.
    pub fn into_object(self) -> Object {
        match self.source {
            Source::Query(fields) => {
                fields.into_iter().map(|(name, value)| (name, Value::String(value))).collect()
            }
            Source::Body(fields) => fields,
        }
    }

    /// Reads one field and takes it out of the input.
    pub fn take<T: Field>(&mut self, name: &'static str) -> Result<T, InputError> {
        match &mut self.source {
            Source::Query(fields) => T::from_query(name, fields.remove(name)),
            Source::Body(fields) => {
                let value = fields.get_mut(name).map(Value::take);
                check_length(name, value.as_ref())?;
                T::from_json(value).ok_or(InputError::InvalidField(name))
            }
        }
    }

    /// Reads a field that is an object with fields of its own.
    pub fn take_object(&mut self, name: &'static str) -> Result<Self, InputError> {
        let fields = self.take(name)?;
        Ok(self.of(fields))
    }

    /// An object in this input, to be read field by field as well.
    #[must_use]
    pub fn of(&self, fields: Object) -> Self {
        Self { source: Source::Body(fields), cdi: self.cdi }
    }

    /// Reads a field that this call's version may not know: `None` when `known` is false, whatever was sent.
    pub fn take_if<T: Field>(&mut self, known: bool, name: &'static str) -> Result<Option<T>, InputError> {
        if known { self.take(name).map(Some) } else { Ok(None) }
    }
}

/// A field is missing or has the wrong type. `Display` is the text that callers see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputError {
    /// The body is not a JSON object.
    InvalidJson,
    /// A body field is missing, of the wrong type, or `null`.
    InvalidField(&'static str),
    /// A query field is missing.
    MissingQuery(&'static str),
    /// A query field is not a 32-bit integer.
    NotInt(&'static str),
    /// A query field is not a 64-bit integer.
    NotLong(&'static str),
    /// A query field holds a NUL.
    Nul(&'static str),
    /// A body field is longer than so many characters.
    TooLong(&'static str, usize),
    /// None, or more than one, of these fields is there.
    NotOneOf(&'static str),
    /// A tenant's provider lacks what it cannot be without.
    UselessProvider(&'static str),
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidJson => f.write_str("Invalid Json Input"),
            Self::InvalidField(name) => write!(f, "Field name '{name}' is invalid in JSON input"),
            Self::MissingQuery(name) => write!(f, "Field name '{name}' is missing in GET request"),
            Self::NotInt(name) => write!(f, "Field name '{name}' must be an int in the GET request"),
            Self::NotLong(name) => write!(f, "Field name '{name}' must be a long in the GET request"),
            Self::Nul(name) => write!(f, "Field name '{name}' must not contain NUL in the GET request"),
            Self::TooLong(name, max) => write!(f, "Field name '{name}' can have at most {max} characters"),
            Self::NotOneOf(fields) => write!(f, "Please provide exactly one of {fields}"),
            Self::UselessProvider(reason) => write!(f, "Invalid third party config: {reason}"),
        }
    }
}

impl std::error::Error for InputError {}

/// A type that a call's field can have.
pub trait Field: Sized {
    /// From the body; `None` means "invalid".
    fn from_json(value: Option<Value>) -> Option<Self>;

    /// From the query string.
    fn from_query(name: &'static str, text: Option<String>) -> Result<Self, InputError>;

    /// Whether a caller leaves the field out of the message.
    fn is_absent(&self) -> bool {
        false
    }
}

/// The longest texts that the tables hold, in characters, by field. The reference answers 500 above them.
const LENGTHS: &[(&str, usize)] = &[
    ("email", 256),
    ("newEmail", 256),
    ("phoneNumber", 256),
    ("thirdPartyId", 28),
    ("thirdPartyUserId", 256),
    ("userId", 128),
    ("recipeUserId", 128),
    ("passwordHash", 256),
    ("sessionHandle", 255),
    ("role", 255),
    ("permission", 255),
    ("permissions", 255),
    ("externalUserId", 128),
    ("deviceName", 256),
    ("existingDeviceName", 256),
    ("newDeviceName", 256),
    ("secretKey", 256),
    ("relyingPartyId", 256),
    ("relyingPartyName", 256),
    ("origin", 256),
];

/// Characters of an address as it is stored, which is in lower case: there, some letters become two.
pub(crate) fn length_of_email(text: &str) -> usize {
    text.chars().flat_map(char::to_lowercase).count()
}

fn check_length(name: &'static str, value: Option<&Value>) -> Result<(), InputError> {
    let Some((_, max)) = LENGTHS.iter().find(|(field, _)| *field == name) else { return Ok(()) };
    let is_email = ["email", "newEmail"].contains(&name);
    let length = |text: &str| if is_email { length_of_email(text) } else { text.chars().count() };
    let is_long = |value: &Value| value.as_str().is_some_and(|text| length(text) > *max);
    let too_long = match value {
        Some(Value::Array(items)) => items.iter().any(is_long),
        Some(value) => is_long(value),
        None => false,
    };
    if too_long { Err(InputError::TooLong(name, *max)) } else { Ok(()) }
}

/// Text without NUL, which PostgreSQL cannot hold.
impl Field for String {
    fn from_json(value: Option<Value>) -> Option<Self> {
        if let Some(Value::String(text)) = value {
            Some(text).filter(|text| !text.contains('\0'))
        } else {
            None
        }
    }

    fn from_query(name: &'static str, text: Option<String>) -> Result<Self, InputError> {
        let text = text.ok_or(InputError::MissingQuery(name))?;
        if text.contains('\0') { Err(InputError::Nul(name)) } else { Ok(text) }
    }
}

impl Field for bool {
    fn from_json(value: Option<Value>) -> Option<Self> {
        value?.as_bool()
    }

    fn from_query(name: &'static str, text: Option<String>) -> Result<Self, InputError> {
        text.map(|text| text.eq_ignore_ascii_case("true")).ok_or(InputError::MissingQuery(name))
    }
}

impl Field for i64 {
    /// Numeric strings count, decimals are cut towards zero, as in the reference.
    fn from_json(value: Option<Value>) -> Option<Self> {
        match value? {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::String(text) => text.parse().ok().or_else(|| text.parse().ok().and_then(whole)),
            _ => None,
        }
    }

    fn from_query(name: &'static str, text: Option<String>) -> Result<Self, InputError> {
        text.ok_or(InputError::MissingQuery(name))?.parse().map_err(|_| InputError::NotLong(name))
    }
}

impl Field for i32 {
    fn from_json(value: Option<Value>) -> Option<Self> {
        i64::from_json(value)?.try_into().ok()
    }

    fn from_query(name: &'static str, text: Option<String>) -> Result<Self, InputError> {
        text.ok_or(InputError::MissingQuery(name))?.parse().map_err(|_| InputError::NotInt(name))
    }
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "cut towards zero; the bounds are checked first")]
    (number.is_finite() && number.abs() < 9.2e18).then_some(number as i64)
}

impl Field for Object {
    fn from_json(value: Option<Value>) -> Option<Self> {
        if let Some(Value::Object(object)) = value { Some(object) } else { None }
    }

    fn from_query(name: &'static str, _: Option<String>) -> Result<Self, InputError> {
        Err(InputError::MissingQuery(name))
    }
}

impl Field for Value {
    fn from_json(value: Option<Value>) -> Option<Self> {
        value
    }

    fn from_query(name: &'static str, text: Option<String>) -> Result<Self, InputError> {
        String::from_query(name, text).map(Value::String)
    }
}

/// An array; every element must be of the type, else the whole field is invalid.
impl<T: Field> Field for Vec<T> {
    fn from_json(value: Option<Value>) -> Option<Self> {
        let Value::Array(items) = value? else { return None };
        items.into_iter().map(|item| T::from_json(Some(item))).collect()
    }

    fn from_query(name: &'static str, _: Option<String>) -> Result<Self, InputError> {
        Err(InputError::MissingQuery(name))
    }
}

/// A field that may be left out. An explicit `null` is invalid: see [`Nullable`] where it is not.
impl<T: Field> Field for Option<T> {
    fn from_json(value: Option<Value>) -> Option<Self> {
        match value {
            None => Some(None),
            present => T::from_json(present).map(Some),
        }
    }

    fn from_query(name: &'static str, text: Option<String>) -> Result<Self, InputError> {
        text.map(|text| T::from_query(name, Some(text))).transpose()
    }

    fn is_absent(&self) -> bool {
        self.as_ref().is_none_or(Field::is_absent)
    }
}

/// A field where "left out", `null` and a value mean three things: keep, clear, set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Nullable<T> {
    /// Left out.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// A value.
    Set(T),
}

impl<T: Field> Field for Nullable<T> {
    fn from_json(value: Option<Value>) -> Option<Self> {
        match value {
            None => Some(Self::Absent),
            Some(Value::Null) => Some(Self::Null),
            present => T::from_json(present).map(Self::Set),
        }
    }

    fn from_query(name: &'static str, text: Option<String>) -> Result<Self, InputError> {
        Ok(Option::<T>::from_query(name, text)?.map_or(Self::Absent, Self::Set))
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

impl<T: Serialize> Serialize for Nullable<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Set(value) => value.serialize(serializer),
            Self::Absent | Self::Null => serializer.serialize_none(),
        }
    }
}

/// A request: a struct of fields that are read in a fixed order.
pub trait FromInput: Sized {
    /// Whether the call carries no body, so that none is read.
    const EMPTY: bool = false;

    /// Reads every field; the first one that is wrong is reported.
    fn from_input(input: Input) -> Result<Self, InputError>;
}

/// A call without fields; a body, if there is one, is not looked at.
impl FromInput for () {
    const EMPTY: bool = true;

    fn from_input(_: Input) -> Result<Self, InputError> {
        Ok(())
    }
}

/// A call whose body is one object of free form.
impl FromInput for Object {
    fn from_input(input: Input) -> Result<Self, InputError> {
        Ok(input.into_object())
    }
}

/// Declares requests: each field with its type and its name on the wire, in reading order.
///
/// ```text
/// request! {
///     /// Who signs up.
///     SignUpRequest {
///         /// The address.
///         email: String = "email",
///         /// Only read when the version is at least 4.0 (`None` below).
///         recipe_user_id: Option<String> = "recipeUserId" if |cdi| cdi >= Cdi::V4_0,
///     }
/// }
/// ```
///
/// A field with `if` has type `Option<T>`: it is required when the condition holds and not read otherwise.
///
/// Debug texts hold no field: passwords, codes and tokens are among them.
macro_rules! request {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty = $wire:literal $(if $known:expr)?),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, serde::Serialize)]
            pub struct $name {
                $(
                    $(#[$field_doc])*
                    #[serde(rename = $wire, skip_serializing_if = "crate::Field::is_absent")]
                    pub $field: $kind,
                )*
            }
            impl std::fmt::Debug for $name {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.debug_struct(stringify!($name)).finish_non_exhaustive()
                }
            }
            impl $crate::FromInput for $name {
                #[allow(unused_mut, clippy::allow_attributes, reason = "a request may have no field")]
                fn from_input(mut input: $crate::Input) -> Result<Self, $crate::InputError> {
                    $(let $field = $crate::input::request!(@read input $wire $(, $known)?);)*
                    Ok(Self { $($field),* })
                }
            }
        )*
    };
    (@read $input:ident $wire:literal) => { $input.take($wire)? };
    (@read $input:ident $wire:literal, $known:expr) => {{
        let known: fn($crate::Cdi) -> bool = $known;
        let known = known($input.cdi());
        $input.take_if(known, $wire)?
    }};
}
pub(crate) use request;

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(unreachable_pub, reason = "requests are public wherever they are not a test's")]
    mod sample {
        use crate::{Cdi, Nullable};
        super::super::request! {
            /// A request with every kind of rule.
            Sample {
                /// Required.
                email: String = "email",
                /// Required from 4.0 on.
                recipe_user_id: Option<String> = "recipeUserId" if |cdi| cdi >= Cdi::V4_0,
                /// Optional.
                limit: Option<i64> = "limit",
                /// Three-valued.
                phone: Nullable<String> = "phone",
                /// Three-valued from 4.0 on.
                factors: Option<Nullable<Vec<String>>> = "factors" if |cdi| cdi >= Cdi::V4_0,
            }
        }
    }
    use sample::Sample;

    fn body(text: &str, cdi: Cdi) -> Result<Sample, InputError> {
        Sample::from_input(Input::body(text.as_bytes(), cdi)?)
    }

    #[test]
    fn fields_are_reported_in_declaration_order() {
        assert_eq!(body("{}", Cdi::V5_4).unwrap_err(), InputError::InvalidField("email"));
        assert_eq!(
            body(r#"{"email":"a"}"#, Cdi::V5_4).unwrap_err(),
            InputError::InvalidField("recipeUserId")
        );
        assert_eq!(body(r#"{"email":"a","recipeUserId":3}"#, Cdi::V3_1).unwrap().recipe_user_id, None);
    }

    #[test]
    fn null_is_invalid_unless_the_field_says_otherwise() {
        let read = body(r#"{"email":"a","phone":null}"#, Cdi::V3_1).unwrap();
        assert_eq!(read.phone, Nullable::Null);
        assert_eq!(body(r#"{"email":null}"#, Cdi::V3_1).unwrap_err(), InputError::InvalidField("email"));
        assert_eq!(
            body(r#"{"email":"a","limit":null}"#, Cdi::V3_1).unwrap_err(),
            InputError::InvalidField("limit")
        );
    }

    #[test]
    fn numbers_may_come_as_text_and_lose_their_fraction() {
        assert_eq!(body(r#"{"email":"a","limit":"12"}"#, Cdi::V3_1).unwrap().limit, Some(12));
        assert_eq!(body(r#"{"email":"a","limit":-1.9}"#, Cdi::V3_1).unwrap().limit, Some(-1));
        assert!(body(r#"{"email":"a","limit":"x"}"#, Cdi::V3_1).is_err());
        assert!(body(r#"{"email":"a","limit":1e300}"#, Cdi::V3_1).is_err());
    }

    #[test]
    fn only_an_object_is_a_body() {
        for text in ["", "[]", "null", "\"a\"", "{", "{} {}"] {
            assert_eq!(body(text, Cdi::V5_4).unwrap_err().to_string(), "Invalid Json Input", "{text}");
        }
    }

    #[test]
    fn what_a_caller_sends_leaves_absent_fields_out() {
        for (factors, sent) in [
            (None, r#"{"email":"a","phone":null}"#),
            (Some(Nullable::Absent), r#"{"email":"a","phone":null}"#),
            (Some(Nullable::Null), r#"{"email":"a","phone":null,"factors":null}"#),
        ] {
            let email = "a".into();
            let sample = Sample { email, recipe_user_id: None, limit: None, phone: Nullable::Null, factors };
            assert_eq!(serde_json::to_string(&sample).unwrap(), sent);
            assert_eq!(format!("{sample:?}"), "Sample { .. }", "a field may be a secret");
        }
    }
}
