//! What the frontend may ask. Each API can be replaced or taken away.

use super::types::{
    CreatedDevice, Device, DeviceCode, DeviceSecret, NewDevice, VerifiedDevice, VerifiedTotp,
};
use super::{Devices, Functions};
use crate::handle::{ApiMethod, ApiRoute, Route, enabled_routes, json_body, ok};
use crate::recipes::factors;
use crate::recipes::multifactorauth::has_completed_mfa_requirements_for_auth;
use crate::recipes::session::Session;
use crate::{Cx, Error, Result, SessionError};
use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

/// The frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Api {
    /// `POST /totp/device`
    CreateDevice,
    /// `GET /totp/device/list`
    ListDevices,
    /// `POST /totp/device/remove`
    RemoveDevice,
    /// `POST /totp/device/verify`
    VerifyDevice,
    /// `POST /totp/verify`
    VerifyTotp,
}

/// What `POST /totp/device` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateDeviceOutcome {
    /// Made; it is to be verified.
    Ok(DeviceSecret),
    /// A verified device of the user has this name.
    DeviceAlreadyExists,
}

/// The frontend APIs of the totp recipe. A replacement implements [`Apis::original`] and what it changes. Any
/// of them may answer [`Error::General`], whose text the frontend shows.
#[async_trait]
pub trait Apis: Send + Sync {
    /// The APIs below.
    fn original(&self) -> &dyn Apis;

    /// Makes a device of the session's user, who may set the factor up.
    async fn create_device(
        &self,
        cx: &Cx,
        session: &Session,
        name: Option<&str>,
    ) -> Result<CreateDeviceOutcome> {
        self.original().create_device(cx, session, name).await
    }

    /// The devices of the session's user.
    async fn list_devices(&self, cx: &Cx, session: &Session) -> Result<Vec<Device>> {
        self.original().list_devices(cx, session).await
    }

    /// Removes a device of the session's user; true if it was there. A verified one needs a session that has
    /// gone through what signing in asks.
    async fn remove_device(&self, cx: &Cx, session: &Session, name: &str) -> Result<bool> {
        self.original().remove_device(cx, session, name).await
    }

    /// Verifies a device of the session's user, who may set the factor up. The session has gone through the
    /// factor then.
    async fn verify_device(
        &self,
        cx: &Cx,
        session: &Session,
        name: &str,
        totp: &str,
    ) -> Result<VerifiedDevice> {
        self.original().verify_device(cx, session, name, totp).await
    }

    /// Checks a code of the session's user. The session has gone through the factor then.
    async fn verify_totp(&self, cx: &Cx, session: &Session, totp: &str) -> Result<VerifiedTotp> {
        self.original().verify_totp(cx, session, totp).await
    }
}

/// What the APIs do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseApis;

fn functions(cx: &Cx) -> Result<&dyn Functions> {
    Ok(&*cx.sdk().totp()?.functions)
}

#[async_trait]
impl Apis for BaseApis {
    fn original(&self) -> &dyn Apis {
        self
    }

    async fn create_device(
        &self,
        cx: &Cx,
        session: &Session,
        name: Option<&str>,
    ) -> Result<CreateDeviceOutcome> {
        may_set_up(cx, session).await?;
        let mut device = NewDevice::of(session.user_id());
        device.name = name.map(str::to_owned);
        match functions(cx)?.create_device(cx, &device).await? {
            CreatedDevice::Ok(secret) => Ok(CreateDeviceOutcome::Ok(secret)),
            CreatedDevice::DeviceAlreadyExists => Ok(CreateDeviceOutcome::DeviceAlreadyExists),
            CreatedDevice::UnknownUser => Err(SessionError::over("Session user not found").into()),
        }
    }

    async fn list_devices(&self, cx: &Cx, session: &Session) -> Result<Vec<Device>> {
        functions(cx)?.list_devices(cx, session.user_id()).await
    }

    async fn remove_device(&self, cx: &Cx, session: &Session, name: &str) -> Result<bool> {
        let devices = functions(cx)?.list_devices(cx, session.user_id()).await?;
        if devices.iter().any(|device| device.name == name && device.verified) {
            session.assert_claims(cx, &[has_completed_mfa_requirements_for_auth()]).await?;
        }
        functions(cx)?.remove_device(cx, session.user_id(), name).await
    }

    async fn verify_device(
        &self,
        cx: &Cx,
        session: &Session,
        name: &str,
        totp: &str,
    ) -> Result<VerifiedDevice> {
        may_set_up(cx, session).await?;
        let code = DeviceCode::new(session.tenant_id(), session.user_id(), name, totp);
        let outcome = functions(cx)?.verify_device(cx, &code).await?;
        // The code of a device that was verified before was not looked at.
        if let VerifiedDevice::Ok { was_already_verified: false } = outcome {
            complete(cx, session).await?;
        }
        Ok(outcome)
    }

    async fn verify_totp(&self, cx: &Cx, session: &Session, totp: &str) -> Result<VerifiedTotp> {
        let (tenant, user_id) = (session.tenant_id(), session.user_id());
        let outcome = functions(cx)?.verify_totp(cx, tenant, user_id, totp).await?;
        if let VerifiedTotp::Ok = outcome {
            complete(cx, session).await?;
        }
        Ok(outcome)
    }
}

async fn may_set_up(cx: &Cx, session: &Session) -> Result<()> {
    cx.sdk().multi_factor_auth()?.assert_allowed_to_setup_factor(cx, session, factors::TOTP).await
}

async fn complete(cx: &Cx, session: &Session) -> Result<()> {
    let functions = &cx.sdk().multi_factor_auth()?.functions;
    functions.mark_factor_as_complete_in_session(cx, session, factors::TOTP).await
}

/// A field of the body that is text.
fn text(body: &portcullis_wire::Object, name: &str, rule: &str) -> Result<String> {
    let text = body.get(name).and_then(Value::as_str);
    text.map(str::to_owned)
        .ok_or_else(|| Error::bad_input(format!("{name} is required and must be a {rule}")))
}

async fn create_device(cx: &Cx) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let body = json_body(cx)?;
    let name = match body.get("deviceName") {
        None => None,
        Some(Value::String(name)) => Some(name.as_str()),
        Some(_) => return Err(Error::bad_input("deviceName must be a string")),
    };
    match cx.sdk().totp()?.apis.create_device(cx, &session, name).await? {
        CreateDeviceOutcome::Ok(DeviceSecret { device_name, secret, qr_code_string }) => ok(&json!({
            "status": "OK", "deviceName": device_name, "secret": secret, "qrCodeString": qr_code_string,
        })),
        CreateDeviceOutcome::DeviceAlreadyExists => ok(&json!({"status": "DEVICE_ALREADY_EXISTS_ERROR"})),
    }
}

async fn list_devices(cx: &Cx) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let devices = cx.sdk().totp()?.apis.list_devices(cx, &session).await?;
    ok(&json!({"status": "OK", "devices": devices}))
}

async fn remove_device(cx: &Cx) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let rule = "non-empty string";
    let name = text(&json_body(cx)?, "deviceName", rule)?;
    if name.is_empty() {
        return Err(Error::bad_input(format!("deviceName is required and must be a {rule}")));
    }
    let did_exist = cx.sdk().totp()?.apis.remove_device(cx, &session, &name).await?;
    ok(&json!({"status": "OK", "didDeviceExist": did_exist}))
}

async fn verify_device(cx: &Cx) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let body = json_body(cx)?;
    let (name, totp) = (text(&body, "deviceName", "string")?, text(&body, "totp", "string")?);
    let outcome = cx.sdk().totp()?.apis.verify_device(cx, &session, &name, &totp).await?;
    ok(&match outcome {
        VerifiedDevice::Ok { was_already_verified } => {
            json!({"status": "OK", "wasAlreadyVerified": was_already_verified})
        }
        VerifiedDevice::UnknownDevice => json!({"status": "UNKNOWN_DEVICE_ERROR"}),
        VerifiedDevice::InvalidTotp(attempts) => invalid(attempts),
        VerifiedDevice::LimitReached { retry_after_ms } => limit_reached(retry_after_ms),
    })
}

async fn verify_totp(cx: &Cx) -> Result<Response<Bytes>> {
    let session = cx.session()?.verify_unfinished(cx).await?;
    let totp = text(&json_body(cx)?, "totp", "string")?;
    ok(&match cx.sdk().totp()?.apis.verify_totp(cx, &session, &totp).await? {
        VerifiedTotp::Ok => json!({"status": "OK"}),
        VerifiedTotp::UnknownUser => json!({"status": "UNKNOWN_USER_ID_ERROR"}),
        VerifiedTotp::InvalidTotp(attempts) => invalid(attempts),
        VerifiedTotp::LimitReached { retry_after_ms } => limit_reached(retry_after_ms),
    })
}

fn invalid(attempts: super::Attempts) -> Value {
    json!({
        "status": "INVALID_TOTP_ERROR",
        "currentNumberOfFailedAttempts": attempts.current,
        "maxNumberOfFailedAttempts": attempts.max,
    })
}

fn limit_reached(retry_after_ms: i64) -> Value {
    json!({"status": "LIMIT_REACHED_ERROR", "retryAfterMs": retry_after_ms})
}

/// The routes that are not taken away.
pub(crate) fn routes(recipe: &Devices) -> Vec<Route> {
    use ApiMethod::{Get, Post};
    let all: [ApiRoute<Api>; 5] = [
        (Api::CreateDevice, Post, "/totp/device", |cx, _| Box::pin(create_device(cx))),
        (Api::ListDevices, Get, "/totp/device/list", |cx, _| Box::pin(list_devices(cx))),
        (Api::RemoveDevice, Post, "/totp/device/remove", |cx, _| Box::pin(remove_device(cx))),
        (Api::VerifyDevice, Post, "/totp/device/verify", |cx, _| Box::pin(verify_device(cx))),
        (Api::VerifyTotp, Post, "/totp/verify", |cx, _| Box::pin(verify_totp(cx))),
    ];
    enabled_routes(&recipe.disabled, "totp", all)
}
