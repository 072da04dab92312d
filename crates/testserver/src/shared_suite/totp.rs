//! Codes of authenticator apps.

use crate::body::{Body, unknown};
use portcullis::recipes::totp::{CreatedDevice, DeviceCode, NewDevice, Totp, VerifiedDevice};
use portcullis::{Cx, Error, Result};
use serde_json::{Value, json};

/// The recipe as the suite describes it.
pub(crate) fn recipe(config: &Body) -> Totp {
    let number = |name: &str| config.number(name).and_then(|number| i32::try_from(number).ok());
    let mut recipe = Totp::new();
    if let Some(issuer) = config.optional("issuer") {
        recipe = recipe.issuer(issuer);
    }
    if let Some(skew) = number("defaultSkew") {
        recipe = recipe.default_skew(skew);
    }
    if let Some(period) = number("defaultPeriod") {
        recipe = recipe.default_period(period);
    }
    recipe
}

pub(crate) async fn call(cx: &Cx, function: &str, body: &Body) -> Result<Value> {
    let (recipe, user_id, name) = (cx.sdk().totp()?, body.text("userId"), body.text("deviceName"));
    Ok(match function {
        "createdevice" => match recipe.create_device(cx, &device(body)).await? {
            CreatedDevice::Ok(device) => json!({"status": "OK", "deviceName": device.device_name,
                "secret": device.secret, "qrCodeString": device.qr_code_string}),
            CreatedDevice::DeviceAlreadyExists => json!({"status": "DEVICE_ALREADY_EXISTS_ERROR"}),
            CreatedDevice::UnknownUser => json!({"status": "UNKNOWN_USER_ID_ERROR"}),
            other => return Err(Error::Internal(format!("{other:?}"))),
        },
        "verifydevice" => {
            let code = DeviceCode::new(body.tenant(), user_id, name, body.text("totp"));
            verified(recipe.verify_device(cx, &code).await?)?
        }
        _ => return Err(unknown(function)),
    })
}

fn device(body: &Body) -> NewDevice {
    let number = |name: &str| body.number(name).and_then(|number| i32::try_from(number).ok());
    let mut device = NewDevice::of(body.text("userId"));
    device.name = body.optional("deviceName").map(str::to_owned);
    device.skew = number("skew");
    device.period = number("period");
    device.user_identifier_info = body.optional("userIdentifierInfo").map(str::to_owned);
    device
}

fn verified(outcome: VerifiedDevice) -> Result<Value> {
    Ok(match outcome {
        VerifiedDevice::Ok { was_already_verified } => {
            json!({"status": "OK", "wasAlreadyVerified": was_already_verified})
        }
        VerifiedDevice::UnknownDevice => json!({"status": "UNKNOWN_DEVICE_ERROR"}),
        VerifiedDevice::InvalidTotp(attempts) => {
            let mut shown = json!(attempts);
            shown["status"] = "INVALID_TOTP_ERROR".into();
            shown
        }
        VerifiedDevice::LimitReached { retry_after_ms } => {
            json!({"status": "LIMIT_REACHED_ERROR", "retryAfterMs": retry_after_ms})
        }
        other => return Err(Error::Internal(format!("{other:?}"))),
    })
}
