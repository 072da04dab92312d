//! What an event is, and where a call comes from.

use super::kinds::Kind;
use crate::crypto::digest::Fingerprint;
use portcullis_wire::Object;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;

/// What asked for a change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// A backend, over HTTP.
    #[default]
    Cdi,
    /// The backend in the core's own process.
    Embedded,
    /// The core itself, on a schedule.
    Job,
    /// The operator, with a command.
    Command,
}

impl By {
    fn name(self) -> &'static str {
        match self {
            Self::Cdi => "cdi",
            Self::Embedded => "embedded",
            Self::Job => "job",
            Self::Command => "command",
        }
    }
}

/// Where a call comes from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// What asked for it.
    pub by: By,
    /// The backend's address.
    pub peer: Option<IpAddr>,
    /// The API key that it showed.
    pub key: Option<Fingerprint>,
}

/// Entries of a list at most: as many as a call may take from the import's queue.
const ITEMS_MAX: usize = 500;
/// Characters of a text in a list at most.
const ITEM_LENGTH_MAX: usize = 255;

/// The beginning of a text, of so many characters at most.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// What happened, to whom. Nothing of it may be secret: see `docs/audit.md`.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) kind: Kind,
    pub(super) tenant_id: Option<String>,
    pub(super) recipe_user_id: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) principal: Option<Cow<'static, str>>,
    pub(super) identifier: Option<String>,
    details: Object,
}

impl Event {
    /// Something in the call's tenant.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            tenant_id: None,
            recipe_user_id: None,
            user_id: None,
            principal: None,
            identifier: None,
            details: Object::new(),
        }
    }

    /// Something about a login method and the user whose it is, by the ids that callers know.
    #[must_use]
    pub fn of(self, recipe_user_id: impl Into<String>, user_id: impl Into<String>) -> Self {
        Self { recipe_user_id: Some(recipe_user_id.into()), user_id: Some(user_id.into()), ..self }
    }

    /// Something about a user, by the id under which it is kept.
    #[must_use]
    pub fn of_user(self, user_id: impl Into<String>) -> Self {
        Self { user_id: Some(user_id.into()), ..self }
    }

    /// In another tenant than the call's.
    #[must_use]
    pub fn in_tenant(self, tenant_id: impl Into<String>) -> Self {
        Self { tenant_id: Some(tenant_id.into()), ..self }
    }

    /// What somebody signs in with, and its value.
    #[must_use]
    pub fn with(self, principal: impl Into<Cow<'static, str>>, identifier: impl Into<String>) -> Self {
        Self { principal: Some(principal.into()), identifier: Some(identifier.into()), ..self }
    }

    /// What it is about, by its name.
    #[must_use]
    pub fn about(self, identifier: impl Into<String>) -> Self {
        Self { identifier: Some(identifier.into()), ..self }
    }

    /// One more thing to know. Of a list that callers made long the rest is only counted: thousands of events are read
    /// at a time.
    #[must_use]
    pub fn detail(mut self, name: &str, value: impl Into<Value>) -> Self {
        let mut value = value.into();
        if let Value::Array(items) = &mut value {
            let more = items.len().saturating_sub(ITEMS_MAX);
            items.truncate(ITEMS_MAX);
            for item in items {
                if let Value::String(text) = item {
                    text.truncate(cut(text, ITEM_LENGTH_MAX).len());
                }
            }
            if more > 0 {
                self.details.insert("more".to_owned(), more.into());
            }
        }
        self.details.insert(name.to_owned(), value);
        self
    }

    /// JSON: who asked, and the details.
    pub(super) fn payload(&self, origin: Origin, client: Option<IpAddr>) -> String {
        let mut text = format!("{{\"v\":1,\"by\":\"{}\"", origin.by.name());
        let known = [
            ("key", origin.key.map(|key| key.to_string())),
            ("address", origin.peer.map(|peer| peer.to_canonical().to_string())),
            ("client", client.map(|client| client.to_canonical().to_string())),
        ];
        let mut before = ",\"caller\":{";
        for (name, value) in known {
            let Some(value) = value else { continue };
            let _ = write!(text, "{before}\"{name}\":\"{value}\"");
            before = ",";
        }
        if before == "," {
            text.push('}');
        }
        for (name, value) in &self.details {
            let _ = write!(text, ",{}:{value}", Value::from(name.as_str()));
        }
        text.push('}');
        text
    }
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number. Events that were written at the same time may be seen in another order than that of their numbers.
    pub id: i64,
    /// The app.
    pub app_id: String,
    /// The tenant.
    pub tenant_id: String,
    /// The login method.
    pub recipe_user_id: Option<String>,
    /// The user.
    pub user_id: Option<String>,
    /// What happened; the reference has kinds of its own.
    pub kind: String,
    /// How it ended.
    pub status: Option<String>,
    /// What somebody signed in with.
    pub principal: Option<String>,
    /// Its value, or the name of what the event is about.
    pub identifier: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// JSON.
    pub payload: Option<String>,
}

/// Which events are looked for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// About this user, or this login method.
    pub user_id: Option<String>,
    /// In this app.
    pub app_id: Option<String>,
    /// In this tenant.
    pub tenant_id: Option<String>,
    /// Of this kind, by its stored name.
    pub kind: Option<String>,
    /// Since then, in milliseconds.
    pub since: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!((cut("äöü", 2), cut("äöü", 3), cut("", 1)), ("äö", "äöü", ""));
    }

    #[test]
    fn of_a_long_list_the_rest_is_counted() {
        let event =
            |count: usize| Event::new(Kind::MetadataUpdated).detail("names", vec!["ä".repeat(300); count]);
        let read = |event: &Event| -> Object {
            serde_json::from_str(&event.payload(Origin::default(), None)).unwrap()
        };
        let (short, long) = (read(&event(500)), read(&event(502)));
        assert_eq!((short.get("more"), &long["more"]), (None, &Value::from(2)));
        assert_eq!(short["names"], long["names"]);
        assert_eq!(long["names"], Value::from(vec!["ä".repeat(255); 500]));
    }

    #[test]
    fn a_payload_tells_who_asked_and_the_details() {
        let event = Event::new(Kind::RoleUpdated).detail("added", vec!["a\"b"]);
        assert_eq!(event.payload(Origin::default(), None), r#"{"v":1,"by":"cdi","added":["a\"b"]}"#);
        let origin =
            Origin { by: By::Embedded, peer: Some([10, 0, 0, 1].into()), key: Some(Fingerprint::of("abc")) };
        let text = event.payload(origin, Some([192, 0, 2, 7].into()));
        let caller = r#""caller":{"key":"ba7816bf","address":"10.0.0.1","client":"192.0.2.7"}"#;
        assert!(text.starts_with(&format!("{{\"v\":1,\"by\":\"embedded\",{caller},")), "{text}");
        assert!(serde_json::from_str::<Object>(&text).is_ok(), "{text}");
    }
}
