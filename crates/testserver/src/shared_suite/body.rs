//! What the suite sends: JSON, whose fields it knows by the names of the Node SDK.

use portcullis::{Cx, Error, PUBLIC_TENANT, Result};
use serde_json::{Map, Value};

/// The body of a call. What is missing is empty.
#[derive(Clone, Debug, Default)]
pub(crate) struct Body(Map<String, Value>);

impl Body {
    pub(crate) fn read(bytes: &[u8]) -> Self {
        Self(serde_json::from_slice(bytes).unwrap_or_default())
    }

    /// The JSON in a text, of which the suite makes its settings.
    pub(crate) fn nested(text: &str) -> Result<Self> {
        serde_json::from_str(text).map(Self).map_err(|error| Error::Internal(error.to_string()))
    }

    pub(crate) fn into_fields(self) -> Map<String, Value> {
        self.0
    }

    /// The object in a field.
    pub(crate) fn inner(&self, name: &str) -> Self {
        Self(self.object(name))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.optional(name).unwrap_or_default()
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    pub(crate) fn object(&self, name: &str) -> Map<String, Value> {
        self.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    pub(crate) fn list(&self, name: &str) -> Vec<Value> {
        self.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        self.list(name).iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
    }

    pub(crate) fn tenant(&self) -> &str {
        self.optional("tenantId").unwrap_or(PUBLIC_TENANT)
    }

    /// A login method, which is a text or an object with one.
    pub(crate) fn recipe_user_id(&self) -> &str {
        let told = self.get("recipeUserId");
        let inside = told.and_then(|value| value.get("recipeUserId")).or(told);
        inside.and_then(Value::as_str).unwrap_or_default()
    }

    /// Passes on what the suite passes along.
    pub(crate) fn pass_user_context(&self, cx: &Cx) {
        for (name, value) in self.object("userContext") {
            cx.user_context().set(name, value);
        }
    }
}

impl From<Value> for Body {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(fields) => Self(fields),
            _ => Self::default(),
        }
    }
}

/// What a call is answered for a function that this server does not know.
pub(crate) fn unknown(function: &str) -> Error {
    Error::Internal(format!("this server knows no function '{function}'"))
}
