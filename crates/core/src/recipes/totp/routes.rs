//! The recipe's endpoints.

use super::model::SKEW_MAX;
use super::service::{self, NewDevice, Outcome, Renaming};
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::{Cdi, Status, totp as wire};

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CreateDevice>(create_device)
        .at::<wire::RenameDevice>(rename_device)
        .at::<wire::ListDevices>(list_devices)
        .at::<wire::RemoveDevice>(remove_device)
        .at::<wire::ImportDevice>(import_device)
        .at::<wire::DeviceStatuses>(device_statuses)
        .at::<wire::VerifyDevice>(verify_device)
        .at::<wire::Verify>(verify)
}

fn check_filled(fields: &[(&str, &str)]) -> Result<()> {
    match fields.iter().find(|(_, value)| value.is_empty()) {
        Some((name, _)) => Err(Error::BadInput(format!("{name} cannot be empty"))),
        None => Ok(()),
    }
}

fn check_times(skew: i32, period: i32) -> Result<()> {
    if skew < 0 {
        return Err(Error::bad_input("skew must be >= 0"));
    }
    // The reference takes any, and computes as many codes at each check.
    if i64::from(skew) > SKEW_MAX {
        return Err(Error::BadInput(format!("skew must be <= {SKEW_MAX}")));
    }
    if period <= 0 { Err(Error::bad_input("period must be > 0")) } else { Ok(()) }
}

async fn create_device(cx: Cx, input: wire::CreateDeviceRequest) -> Result<wire::CreateDeviceResponse> {
    let wire::CreateDeviceRequest { user_id, device_name: name, skew, period } = input;
    check_filled(&[("userId", &user_id), ("deviceName", name.as_deref().unwrap_or("-"))])?;
    check_times(skew, period)?;
    let cx = cx.of_user(&user_id).await?;
    let new = NewDevice { user_id, name, skew: skew.into(), period: period.into() };
    Ok(match service::create_device(&cx, new).await? {
        Some((device_name, secret)) => wire::CreateDeviceResponse::Ok { device_name, secret },
        None => wire::CreateDeviceResponse::DeviceAlreadyExists,
    })
}

async fn import_device(cx: Cx, input: wire::ImportDeviceRequest) -> Result<wire::ImportDeviceResponse> {
    let wire::ImportDeviceRequest { user_id, device_name: name, skew, period, secret_key } = input;
    check_filled(&[
        ("userId", &user_id),
        ("deviceName", name.as_deref().unwrap_or("-")),
        ("secretKey", &secret_key),
    ])?;
    check_times(skew, period)?;
    let cx = cx.of_user(&user_id).await?;
    let new = NewDevice { user_id, name, skew: skew.into(), period: period.into() };
    Ok(match service::import_device(&cx, new, secret_key).await? {
        Some(device_name) => wire::ImportDeviceResponse::Ok { device_name },
        None => wire::ImportDeviceResponse::DeviceAlreadyExists,
    })
}

async fn rename_device(cx: Cx, input: wire::RenameDeviceRequest) -> Result<wire::RenameDeviceResponse> {
    let (from, to) = (&input.existing_device_name, &input.new_device_name);
    check_filled(&[("userId", &input.user_id), ("existingDeviceName", from), ("newDeviceName", to)])?;
    let cx = cx.of_user(&input.user_id).await?;
    Ok(match service::rename_device(&cx, &input.user_id, from, to).await? {
        Renaming::Renamed => wire::RenameDeviceResponse::Ok,
        Renaming::UnknownDevice => wire::RenameDeviceResponse::UnknownDevice,
        Renaming::NameTaken => wire::RenameDeviceResponse::DeviceAlreadyExists,
    })
}

async fn list_devices(cx: Cx, input: wire::ListDevicesRequest) -> Result<wire::DevicesResponse> {
    check_filled(&[("userId", &input.user_id)])?;
    let cx = cx.of_user(&input.user_id).await?;
    let devices = service::list_devices(&cx, &input.user_id).await?.into_iter().map(|device| wire::Device {
        name: device.name,
        period: device.period,
        skew: device.skew,
        verified: device.verified,
    });
    Ok(wire::DevicesResponse { status: Status::Ok, devices: devices.collect() })
}

async fn remove_device(cx: Cx, input: wire::RemoveDeviceRequest) -> Result<wire::RemoveDeviceResponse> {
    check_filled(&[("userId", &input.user_id), ("deviceName", &input.device_name)])?;
    let cx = cx.of_user(&input.user_id).await?;
    let did_device_exist = service::remove_device(&cx, &input.user_id, &input.device_name).await?;
    Ok(wire::RemoveDeviceResponse { status: Status::Ok, did_device_exist })
}

/// How many users may be asked for at a time.
const USERS_MAX: usize = 500;

async fn device_statuses(cx: Cx, input: wire::DeviceStatusRequest) -> Result<wire::DeviceStatusResponse> {
    if input.user_ids.len() > USERS_MAX {
        return Err(Error::BadInput(format!("You can only query up to {USERS_MAX} users at a time.")));
    }
    let text = |value: &serde_json::Value| {
        // PostgreSQL cannot hold a NUL, and so knows no such user.
        let text = value.as_str().filter(|text| !text.contains('\0'));
        text.map(str::to_owned).ok_or_else(|| Error::bad_input("userIds array must contain only strings"))
    };
    let user_ids = input.user_ids.iter().map(text).collect::<Result<Vec<_>>>()?;
    let users = service::device_statuses(&cx, user_ids).await?;
    let users = users.into_iter();
    let users =
        users.map(|(user_id, has_verified_device)| wire::DeviceStatus { user_id, has_verified_device });
    Ok(wire::DeviceStatusResponse { status: Status::Ok, users: users.collect() })
}

/// How often a wrong code was shown, for callers who know of it.
fn attempts(cx: &Cx, current: usize) -> Option<wire::Attempts> {
    (cx.cdi >= Cdi::V5_0).then_some(wire::Attempts { current, max: cx.config().totp_max_attempts })
}

async fn verify_device(cx: Cx, input: wire::VerifyDeviceRequest) -> Result<wire::VerifyDeviceResponse> {
    use wire::VerifyDeviceResponse as Response;
    check_filled(&[("userId", &input.user_id), ("deviceName", &input.device_name)])?;
    Ok(match service::verify_device(&cx, &input.user_id, &input.device_name, &input.totp).await? {
        Outcome::Right => Response::Ok { was_already_verified: false },
        Outcome::AlreadyVerified => Response::Ok { was_already_verified: true },
        Outcome::Unknown => Response::UnknownDevice,
        Outcome::Wrong { failed } => Response::InvalidTotp { attempts: attempts(&cx, failed) },
        Outcome::LimitReached { retry_after_ms } => {
            let attempts = attempts(&cx, cx.config().totp_max_attempts);
            Response::LimitReached { retry_after_ms, attempts }
        }
    })
}

async fn verify(cx: Cx, input: wire::VerifyRequest) -> Result<wire::VerifyResponse> {
    use wire::VerifyResponse as Response;
    check_filled(&[("userId", &input.user_id)])?;
    Ok(match service::verify(&cx, &input.user_id, &input.totp).await? {
        Outcome::Right | Outcome::AlreadyVerified => Response::Ok,
        Outcome::Unknown => Response::UnknownUserId,
        Outcome::Wrong { failed } => Response::InvalidTotp { attempts: attempts(&cx, failed) },
        Outcome::LimitReached { retry_after_ms } => {
            let attempts = attempts(&cx, cx.config().totp_max_attempts);
            Response::LimitReached { retry_after_ms, attempts }
        }
    })
}
