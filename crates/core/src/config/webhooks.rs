//! Where events are told.

use super::values::Reader;
use super::{ConfigError, fault};
use crate::crypto::webhook_signature::WebhookSecret;
use crate::ground::audit::Kind;
use http::Uri;
use std::fmt;

/// The endpoint that events are told to.
#[derive(Clone)]
pub struct Webhooks {
    /// Where to post: HTTP or HTTPS.
    pub url: Uri,
    /// What requests are signed with: each with all of them.
    pub secrets: Vec<WebhookSecret>,
    /// The kinds of events that are told; all, if there are none.
    pub events: Vec<String>,
    /// After so many attempts a delivery is dead.
    pub max_attempts: i64,
}

impl Webhooks {
    /// `None` if there is no endpoint.
    pub(super) fn read(read: &Reader<'_>) -> Result<Option<Self>, ConfigError> {
        let filled =
            |name| read.text(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        let (url, secrets) = match (filled("webhook_url"), filled("webhook_secret")) {
            (None, None) => return Ok(None),
            (Some(url), Some(secrets)) => (url, secrets),
            _ => return Err(fault("'webhook_url' and 'webhook_secret' can only be set together")),
        };
        let events = filled("webhook_events").unwrap_or_default();
        let events: Vec<String> = parts(&events).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if let Some(unknown) = events.iter().find(|name| Kind::parse(name).is_none()) {
            return Err(fault(format!("'webhook_events' holds '{unknown}', which is no kind of event")));
        }
        Ok(Some(Self {
            url: parse_url(&url).ok_or_else(|| {
                fault("'webhook_url' must be a URL that begins with http:// or https://, without a user or password")
            })?,
            secrets: parts(&secrets).map(WebhookSecret::parse).collect::<Option<_>>().ok_or_else(|| {
                fault("'webhook_secret' must be 'whsec_' and 24 to 64 bytes as base64, or several such, separated by commas")
            })?,
            events,
            max_attempts: read.integer("webhook_max_attempts"),
        }))
    }
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// A user in the address would not be sent.
fn parse_url(text: &str) -> Option<Uri> {
    let url: Uri = text.parse().ok()?;
    let is_http = matches!(url.scheme_str(), Some("http" | "https"));
    let authority = url.authority()?;
    (is_http && !authority.host().is_empty() && !authority.as_str().contains('@')).then_some(url)
}

/// The address may hold a secret.
impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhooks").field("host", &self.url.host()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use crate::config::CoreConfig;
    use serde_json::{Value, json};

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn read(values: Value) -> Result<CoreConfig, String> {
        let Value::Object(values) = values else { unreachable!() };
        CoreConfig::from_values(&values, false).map_err(|error| error.to_string())
    }

    #[test]
    fn there_is_no_endpoint_unless_it_has_an_address_and_a_secret() {
        for none in
            [json!({}), json!({"webhook_url": " ", "webhook_secret": null}), json!({"webhook_events": "x"})]
        {
            assert!(read(none).unwrap().webhooks.is_none());
        }
        let together = "'webhook_url' and 'webhook_secret' can only be set together";
        for half in [json!({"webhook_url": "http://h"}), json!({"webhook_secret": SECRET})] {
            assert_eq!(read(half).unwrap_err(), together);
        }
    }

    #[test]
    fn an_endpoint_is_read_and_not_shown() {
        let values = json!({
            "webhook_url": "https://h.example.com/hooks?token=hidden", "webhook_secret": format!("{SECRET}, {SECRET}"),
            "webhook_events": "user_deleted, session_created,", "webhook_max_attempts": "3",
        });
        let config = read(values).unwrap();
        let webhooks = config.webhooks.as_ref().unwrap();
        assert_eq!((webhooks.secrets.len(), webhooks.max_attempts), (2, 3));
        assert_eq!(webhooks.events, ["user_deleted", "session_created"]);
        let shown = format!("{config:?}");
        assert!(
            shown.contains("h.example.com") && !shown.contains("hidden") && !shown.contains("MfKQ"),
            "{shown}"
        );
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let with = |name: &str, value: &str| {
            let mut values = json!({"webhook_url": "http://h", "webhook_secret": SECRET});
            values[name] = value.into();
            read(values).err().unwrap_or_default()
        };
        for url in ["h", "ftp://h", "http://", "http://ann:secret@h/", "/hooks", "http://h /"] {
            assert!(with("webhook_url", url).starts_with("'webhook_url' must be a URL"), "{url}");
        }
        for secret in ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_AAAA", &format!("{SECRET},")] {
            let said = with("webhook_secret", secret);
            assert!(said.starts_with("'webhook_secret' must be 'whsec_'"), "{said}");
            assert!(!said.contains("AAAA") && !said.contains("MfKQ"), "{said}");
        }
        assert_eq!(
            with("webhook_events", "user_delete"),
            "'webhook_events' holds 'user_delete', which is no kind of event"
        );
        assert_eq!(with("webhook_max_attempts", "0"), "'webhook_max_attempts' must be >= 1");
    }
}
