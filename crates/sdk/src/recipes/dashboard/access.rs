//! Who may use the dashboard, and for what.

use crate::handle::message;
use crate::{CoreError, Cx, Error, Result};
use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use bytes::Bytes;
use http::{Response, StatusCode};
use portcullis_wire::dashboard as wire;
use std::future::Future;

/// What a call is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// It looks.
    Read,
    /// It changes something.
    Change,
    /// It is about nothing but the caller's own session.
    OwnSession,
}

/// Whether a call may do that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    Allowed,
    /// Nobody is signed in: 401.
    Unauthorised,
    /// Somebody is, who may not do this: 403.
    NotPermitted,
}

/// The functions of the dashboard recipe. A replacement implements [`Functions::original`] and what it changes;
/// everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// Where scripts, styles and pictures of the dashboard are: the folder in which `static` lies.
    async fn dashboard_bundle_location(&self, cx: &Cx) -> Result<String> {
        self.original().dashboard_bundle_location(cx).await
    }

    /// Whether whoever sends the call's request may do something. Asked before anything of the request is looked
    /// at but its head.
    async fn should_allow_access(&self, cx: &Cx, needs: Needs) -> Result<Access> {
        self.original().should_allow_access(cx, needs).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn dashboard_bundle_location(&self, cx: &Cx) -> Result<String> {
        Ok(cx.sdk().dashboard()?.bundle.clone())
    }

    async fn should_allow_access(&self, cx: &Cx, needs: Needs) -> Result<Access> {
        let recipe = cx.sdk().dashboard()?;
        if recipe.api_key.is_some() {
            return Ok(if shows_key(cx)? { Access::Allowed } else { Access::Unauthorised });
        }
        let Some(session_id) = shown(cx) else { return Ok(Access::Unauthorised) };
        let request = wire::SessionRequest { session_id };
        let email = match cx.sdk().core().call::<wire::VerifySession>(cx, None, &request).await? {
            wire::VerifySessionResponse::Ok { email } => email,
            wire::VerifySessionResponse::InvalidSession => return Ok(Access::Unauthorised),
        };
        let admins = recipe.admins.as_ref().filter(|_| needs == Needs::Change);
        let is_permitted = admins.is_none_or(|admins| email.is_some_and(|email| admins.contains(&email)));
        Ok(if is_permitted { Access::Allowed } else { Access::NotPermitted })
    }
}

/// The key or the session that a request shows, as `Bearer …`.
pub(super) fn shown(cx: &Cx) -> Option<String> {
    let header = cx.exchange()?.header("authorization")?;
    let (_, shown) = header.split_once(' ')?;
    let shown = shown.trim();
    (!shown.is_empty()).then(|| shown.to_owned())
}

/// Whether a request shows the app's key.
pub(super) fn shows_key(cx: &Cx) -> Result<bool> {
    let (key, shown) = (cx.sdk().dashboard()?.api_key.as_ref(), shown(cx));
    let is_same =
        |(key, shown): (&String, String)| verify_slices_are_equal(key.as_bytes(), shown.as_bytes()).is_ok();
    Ok(key.zip(shown).is_some_and(is_same))
}

/// Serves a call if its caller may do what it needs.
pub(super) async fn guarded(
    cx: &Cx,
    needs: Needs,
    api: impl Future<Output = Result<Response<Bytes>>> + Send,
) -> Result<Response<Bytes>> {
    match cx.sdk().dashboard()?.functions.should_allow_access(cx, needs).await? {
        Access::Allowed => match api.await {
            // The caller looks after the app, and can do something about it.
            Err(Error::Core(CoreError::Refused { status: 400, message, .. })) => {
                Err(Error::BadInput(message))
            }
            answer => answer,
        },
        Access::Unauthorised => Ok(unauthorised()),
        Access::NotPermitted => Ok(not_permitted()),
    }
}

/// Whether whoever may look may change things as well.
pub(super) async fn may_change(cx: &Cx) -> Result<bool> {
    let access = cx.sdk().dashboard()?.functions.should_allow_access(cx, Needs::Change).await?;
    Ok(access == Access::Allowed)
}

pub(super) fn not_permitted() -> Response<Bytes> {
    message(StatusCode::FORBIDDEN, "You are not permitted to perform this operation")
}

pub(super) fn unauthorised() -> Response<Bytes> {
    message(StatusCode::UNAUTHORIZED, "Unauthorised access")
}
