//! An event with everything that its row holds.

use super::model::{Event, cut};
use crate::Cx;
use portcullis_db::Value;
use std::borrow::Cow;

/// An event of a call, as it is to be stored.
#[derive(Debug)]
pub struct Entry<'c> {
    pub(super) cx: &'c Cx,
    event: Event,
    payload: String,
}

/// An event of the call.
pub fn entry(cx: &Cx, event: Event) -> Entry<'_> {
    let payload = event.payload(cx.origin, cx.caller);
    Entry { cx, event, payload }
}

impl Entry<'_> {
    /// App, tenant, login method, user, kind, status, principal and identifier, none longer than its column. Ids and
    /// addresses are as long in the tables that they come from; what is longer is not worth a call that fails.
    pub(super) fn texts(&self) -> [Option<&str>; 8] {
        let Event { kind, tenant_id, recipe_user_id, user_id, principal, identifier, .. } = &self.event;
        [
            Some(self.cx.app_id()),
            Some(tenant_id.as_deref().unwrap_or_else(|| self.cx.tenant_id())),
            recipe_user_id.as_deref().map(|id| cut(id, 128)),
            user_id.as_deref().map(|id| cut(id, 128)),
            Some(kind.name()),
            Some("success"),
            principal.as_ref().map(|principal: &Cow<'_, str>| cut(principal, 256)),
            identifier.as_deref().map(|identifier| cut(identifier, 256)),
        ]
    }

    pub(super) fn created_at(&self) -> i64 {
        self.cx.now
    }

    pub(super) fn payload(&self) -> &str {
        &self.payload
    }

    pub(super) fn values(&self) -> [Value<'_>; 10] {
        let [app, tenant, recipe_user, user, kind, status, principal, identifier] =
            self.texts().map(Value::from);
        let (at, payload) = (self.created_at().into(), self.payload().into());
        [app, tenant, recipe_user, user, kind, status, principal, identifier, at, payload]
    }
}
