//! What is posted to a webhook, after the Standard Webhooks specification.

use crate::Object;
use serde::Serialize;

/// One event, as the body of a request.
#[derive(Clone, Debug, Serialize)]
pub struct Message<'a> {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: &'a str,
    /// When it happened, in the form of RFC 3339.
    pub timestamp: String,
    /// What there is to know about it.
    pub data: EventData<'a>,
}

/// An event.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventData<'a> {
    /// Its number in the audit trail.
    pub id: i64,
    /// The connection URI domain; empty for the default one.
    pub connection_uri_domain: &'a str,
    /// The app.
    pub app_id: &'a str,
    /// The tenant.
    pub tenant_id: &'a str,
    /// The user: the primary one, if the login method is linked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<&'a str>,
    /// The login method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe_user_id: Option<&'a str>,
    /// `success`, unless the event tells of something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<&'a str>,
    /// What kind of thing `identifier` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_principal: Option<&'a str>,
    /// What the event is about, or what somebody signed in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<&'a str>,
    /// Who asked for it, and details of the event.
    pub payload: Object,
}
