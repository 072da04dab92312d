//! Signing in to the dashboard and out of it.

use super::access::{shown, shows_key, unauthorised};
use super::input::{missing, text};
use crate::handle::{json_body, ok};
use crate::{Cx, Result};
use bytes::Bytes;
use http::Response;
use portcullis_wire::dashboard as wire;
use serde_json::json;

/// `POST /dashboard/api/signin`
pub(super) async fn sign_in(cx: &Cx) -> Result<Response<Bytes>> {
    let body = json_body(cx)?;
    for name in ["email", "password"] {
        if !body.contains_key(name) {
            return Err(missing(name));
        }
    }
    let (email, password) = (text(&body, "email")?.to_owned(), text(&body, "password")?.to_owned());
    let request = wire::SignInRequest { email, password };
    ok(&cx.sdk().core().call::<wire::SignIn>(cx, None, &request).await?)
}

/// `POST /dashboard/api/key/validate`
pub(super) fn validate_key(cx: &Cx) -> Result<Response<Bytes>> {
    if shows_key(cx)? { ok(&json!({"status": "OK"})) } else { Ok(unauthorised()) }
}

/// `POST /dashboard/api/signout`
pub(super) async fn sign_out(cx: &Cx) -> Result<Response<Bytes>> {
    let own = cx.sdk().dashboard()?.api_key.is_none().then(|| shown(cx)).flatten();
    if let Some(session_id) = own {
        let request = wire::SessionRequest { session_id };
        cx.sdk().core().call::<wire::RevokeSession>(cx, None, &request).await?;
    }
    ok(&json!({"status": "OK"}))
}

/// `POST /dashboard/api/analytics`: nothing is counted, and nobody is told.
pub(super) fn analytics() -> Result<Response<Bytes>> {
    ok(&json!({"status": "OK"}))
}
