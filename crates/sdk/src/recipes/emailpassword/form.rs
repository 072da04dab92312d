//! The form's fields: which there are, what makes a value valid, and what a request's values are.

use crate::callback::Callback;
use crate::recipes::contact::is_email;
use crate::{Cx, Error, FieldError, Result};
use portcullis_wire::Object;
use serde_json::Value;
use std::fmt;
use std::future::Future;

pub(super) const EMAIL: &str = "email";
pub(super) const PASSWORD: &str = "password";

/// Gets the tenant and the value.
type Validate = Callback<(String, Value), Option<String>>;

/// A field of the sign-up form.
///
/// ```
/// use portcullis::recipes::emailpassword::FormField;
///
/// let age = FormField::new("age").optional().validator(|_cx, _tenant, value| async move {
///     let is_adult = value.as_str().and_then(|age| age.parse::<u8>().ok()).is_some_and(|age| age >= 18);
///     Ok((!is_adult).then(|| "You must be at least 18".to_owned()))
/// });
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct FormField {
    pub(super) id: String,
    is_optional: bool,
    validate: Validate,
}

impl FormField {
    /// A field that must be filled in. `email` and `password` come with the usual rules; any value of
    /// another field is valid.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        let validate: Validate = match id.as_str() {
            EMAIL => boxed(|value| email_fault(&value)),
            PASSWORD => boxed(|value| password_fault(&value)),
            _ => boxed(|_| None),
        };
        Self { id, is_optional: false, validate }
    }

    /// May be left empty. Has no effect on `email` and `password`.
    pub fn optional(mut self) -> Self {
        self.is_optional = self.id != EMAIL && self.id != PASSWORD;
        self
    }

    /// Another rule: gets the call, the tenant and the value, and answers what is wrong, for the user to
    /// read. A value is the JSON that the frontend sent; that of `email` and `password` is text.
    pub fn validator<V, F>(mut self, validate: V) -> Self
    where
        V: Fn(Cx, String, Value) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Option<String>>> + Send + 'static,
    {
        self.validate = Callback::new(move |cx, (tenant, value)| validate(cx, tenant, value));
        self
    }

    /// What is wrong with a value.
    pub(super) async fn fault(&self, cx: &Cx, tenant: &str, value: Value) -> Result<Option<String>> {
        self.validate.call(cx, (tenant.to_owned(), value)).await
    }

    /// The field of the sign-in form: a password that is there is good enough, as rules may have changed
    /// since it was chosen.
    pub(super) fn at_sign_in(&self) -> Self {
        if self.id == PASSWORD { Self { validate: boxed(|_| None), ..self.clone() } } else { self.clone() }
    }
}

fn boxed(fault: fn(Value) -> Option<String>) -> Validate {
    Callback::new(move |_, (_, value)| std::future::ready(Ok(fault(value))))
}

/// What a request's form holds.
#[derive(Clone)]
pub struct FormValues(Vec<(String, Value)>);

impl fmt::Debug for FormValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are the user's, a password among them.
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

impl FormValues {
    /// The value of a field.
    pub fn value(&self, id: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == id).map(|(_, value)| value)
    }

    /// The value of a field, if it is text; `email` and `password` always are.
    pub fn text(&self, id: &str) -> Option<&str> {
        self.value(id)?.as_str()
    }

    /// All fields, in the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(id, value)| (id.as_str(), value))
    }

    /// The text of a field that has been validated.
    pub(super) fn required(&self, id: &str) -> Result<&str> {
        self.text(id).ok_or_else(|| Error::Internal(format!("the form has no field '{id}'")))
    }
}

/// Reads `formFields` of a body, and checks them against the form's fields.
pub(super) async fn read(cx: &Cx, tenant: &str, fields: &[FormField], body: &Object) -> Result<FormValues> {
    let values = parse(body)?;
    if values.0.len() > fields.len() {
        return Err(Error::bad_input("Are you sending too many formFields?"));
    }
    let mut faults = Vec::new();
    for field in fields {
        let value = values.value(&field.id).filter(|value| !value.is_null() && value.as_str() != Some(""));
        let fault = match value {
            Some(value) => field.fault(cx, tenant, value.clone()).await?,
            None => (!field.is_optional).then(|| "Field is not optional".to_owned()),
        };
        faults.extend(fault.map(|error| FieldError { id: field.id.clone(), error }));
    }
    if faults.is_empty() { Ok(values) } else { Err(Error::Fields(faults)) }
}

fn parse(body: &Object) -> Result<FormValues> {
    let Some(fields) = body.get("formFields") else {
        return Err(Error::bad_input("Missing input param: formFields"));
    };
    let Some(fields) = fields.as_array() else {
        return Err(Error::bad_input("formFields must be an array"));
    };
    fields.iter().map(parse_field).collect::<Result<_>>().map(FormValues)
}

fn parse_field(field: &Value) -> Result<(String, Value)> {
    // To JavaScript an array is an object, one without these two fields.
    if !field.is_object() && !field.is_array() {
        return Err(Error::bad_input("All elements of formFields must be an object"));
    }
    let (Some(id), Some(value)) = (field.get("id").and_then(Value::as_str), field.get("value")) else {
        return Err(Error::bad_input("All elements of formFields must contain an 'id' and 'value' field"));
    };
    let value = match value {
        Value::String(text) if id == EMAIL => text.trim().into(),
        Value::String(_) => value.clone(),
        _ if id == EMAIL || id == PASSWORD => {
            return Err(Error::bad_input(format!("{id} value must be a string")));
        }
        _ => value.clone(),
    };
    Ok((id.to_owned(), value))
}

fn password_fault(value: &Value) -> Option<String> {
    let fault = match value.as_str() {
        None => "Development bug: Please make sure the password field yields a string",
        // Frontends count as JavaScript does.
        Some(password) if password.encode_utf16().count() < 8 => {
            "Password must contain at least 8 characters, including a number"
        }
        Some(password) if password.encode_utf16().count() >= 100 => {
            "Password's length must be lesser than 100 characters"
        }
        Some(password) if !password.contains(|c: char| c.is_ascii_alphabetic()) => {
            "Password must contain at least one alphabet"
        }
        Some(password) if !password.contains(|c: char| c.is_ascii_digit()) => {
            "Password must contain at least one number"
        }
        Some(_) => return None,
    };
    Some(fault.to_owned())
}

fn email_fault(value: &Value) -> Option<String> {
    let fault = match value.as_str() {
        None => "Development bug: Please make sure the email field yields a string",
        Some(email) if !is_email(email) => "Email is invalid",
        Some(_) => return None,
    };
    Some(fault.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_counted_in_utf16_units() {
        let fault = |text: &str| password_fault(&text.into());
        let short = "Password must contain at least 8 characters, including a number";
        let long = "Password's length must be lesser than 100 characters";
        assert_eq!(fault("abcde12").as_deref(), Some(short));
        assert_eq!(fault("a1😀😀😀"), None, "each of these counts twice");
        assert_eq!(fault(&"a1".repeat(50)).as_deref(), Some(long));
        assert_eq!(fault(&("a".to_owned() + &"1".repeat(98))), None);
        assert_eq!(fault("12345678").as_deref(), Some("Password must contain at least one alphabet"));
        assert_eq!(fault("abcdefgh").as_deref(), Some("Password must contain at least one number"));
        assert_eq!(
            password_fault(&Value::Bool(true)).as_deref(),
            Some("Development bug: Please make sure the password field yields a string")
        );
    }
}
