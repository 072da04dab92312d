//! The totp recipe: devices that make one-time codes, and the check of such codes.

use crate::Status;
use crate::endpoint::endpoint;
use crate::input::request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

request! {
    /// A device that is to be made.
    CreateDeviceRequest {
        /// Whose it is; kept as it is sent.
        user_id: String = "userId",
        /// Its name; without one it gets one.
        device_name: Option<String> = "deviceName",
        /// How many periods before and after the current one count.
        skew: i32 = "skew",
        /// How long a code lasts, in seconds.
        period: i32 = "period",
    }
    /// A device that brings its secret along.
    ImportDeviceRequest {
        /// Whose it is; kept as it is sent.
        user_id: String = "userId",
        /// Its name; without one it gets one.
        device_name: Option<String> = "deviceName",
        /// How many periods before and after the current one count.
        skew: i32 = "skew",
        /// How long a code lasts, in seconds.
        period: i32 = "period",
        /// The secret, in base32.
        secret_key: String = "secretKey",
    }
    /// A device's other name.
    RenameDeviceRequest {
        /// Whose it is.
        user_id: String = "userId",
        /// Its name until now.
        existing_device_name: String = "existingDeviceName",
        /// Its name from now on.
        new_device_name: String = "newDeviceName",
    }
    /// Whose devices are listed.
    ListDevicesRequest {
        /// The user.
        user_id: String = "userId",
    }
    /// Which device goes.
    RemoveDeviceRequest {
        /// Whose it is.
        user_id: String = "userId",
        /// Its name.
        device_name: String = "deviceName",
    }
    /// Whose devices are looked at.
    DeviceStatusRequest {
        /// At most 500 texts.
        user_ids: Vec<Value> = "userIds",
    }
    /// The first code of a device.
    VerifyDeviceRequest {
        /// Whose it is.
        user_id: String = "userId",
        /// Its name.
        device_name: String = "deviceName",
        /// The code.
        totp: String = "totp",
    }
    /// A code of any of the user's verified devices.
    VerifyRequest {
        /// The user.
        user_id: String = "userId",
        /// The code.
        totp: String = "totp",
    }
}

/// The outcome of making a device.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CreateDeviceResponse {
    /// Made; it is to be verified.
    #[serde(rename = "OK")]
    Ok {
        /// Its name.
        #[serde(rename = "deviceName")]
        device_name: String,
        /// Its secret, in base32.
        secret: String,
    },
    /// A verified device of the user has this name.
    #[serde(rename = "DEVICE_ALREADY_EXISTS_ERROR")]
    DeviceAlreadyExists,
}

/// The outcome of an import.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum ImportDeviceResponse {
    /// It is there, and counts as verified.
    #[serde(rename = "OK")]
    Ok {
        /// Its name.
        #[serde(rename = "deviceName")]
        device_name: String,
    },
    /// A verified device of the user has this name.
    #[serde(rename = "DEVICE_ALREADY_EXISTS_ERROR")]
    DeviceAlreadyExists,
}

/// The outcome of giving a device another name.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RenameDeviceResponse {
    /// It has the name.
    #[serde(rename = "OK")]
    Ok,
    /// The user has no such device.
    #[serde(rename = "UNKNOWN_DEVICE_ERROR")]
    UnknownDevice,
    /// Another device of the user has this name.
    #[serde(rename = "DEVICE_ALREADY_EXISTS_ERROR")]
    DeviceAlreadyExists,
}

/// A device.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// How long a code lasts, in seconds.
    pub period: i64,
    /// How many periods before and after the current one count.
    pub skew: i64,
    /// Whether the user has shown a code of it.
    pub verified: bool,
}

/// A user's devices.
#[derive(Debug, Deserialize, Serialize)]
pub struct DevicesResponse {
    /// Always `OK`.
    pub status: Status,
    /// The devices, oldest first.
    pub devices: Vec<Device>,
}

/// What was removed.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoveDeviceResponse {
    /// Always `OK`.
    pub status: Status,
    /// Whether it was there.
    pub did_device_exist: bool,
}

/// What devices a user has.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceStatus {
    /// The user.
    pub user_id: String,
    /// Whether one of the devices is verified; `null` if there is none.
    pub has_verified_device: Option<bool>,
}

/// What devices users have.
#[derive(Debug, Deserialize, Serialize)]
pub struct DeviceStatusResponse {
    /// Always `OK`.
    pub status: Status,
    /// In the order in which they were asked for.
    pub users: Vec<DeviceStatus>,
}

/// How often a wrong code was shown (from CDI 5.0 on).
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct Attempts {
    /// Since the last right one.
    #[serde(rename = "currentNumberOfFailedAttempts")]
    pub current: usize,
    /// Before the user has to wait.
    #[serde(rename = "maxNumberOfFailedAttempts")]
    pub max: usize,
}

/// The outcome of a device's first code.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum VerifyDeviceResponse {
    /// The device is verified.
    #[serde(rename = "OK")]
    Ok {
        /// Whether it was before, so that the code was not looked at.
        #[serde(rename = "wasAlreadyVerified")]
        was_already_verified: bool,
    },
    /// The user has no such device.
    #[serde(rename = "UNKNOWN_DEVICE_ERROR")]
    UnknownDevice,
    /// The code is wrong, or was used.
    #[serde(rename = "INVALID_TOTP_ERROR")]
    InvalidTotp {
        /// How often.
        #[serde(flatten)]
        attempts: Option<Attempts>,
    },
    /// Too many wrong codes: whatever is shown now is not looked at.
    #[serde(rename = "LIMIT_REACHED_ERROR")]
    LimitReached {
        /// When the user may try again, in milliseconds from now.
        #[serde(rename = "retryAfterMs")]
        retry_after_ms: i64,
        /// How often.
        #[serde(flatten)]
        attempts: Option<Attempts>,
    },
}

/// The outcome of a code.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum VerifyResponse {
    /// It is right, and used up.
    #[serde(rename = "OK")]
    Ok,
    /// The user has no device.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
    /// The code is wrong, or was used.
    #[serde(rename = "INVALID_TOTP_ERROR")]
    InvalidTotp {
        /// How often.
        #[serde(flatten)]
        attempts: Option<Attempts>,
    },
    /// Too many wrong codes: whatever is shown now is not looked at.
    #[serde(rename = "LIMIT_REACHED_ERROR")]
    LimitReached {
        /// When the user may try again, in milliseconds from now.
        #[serde(rename = "retryAfterMs")]
        retry_after_ms: i64,
        /// How often.
        #[serde(flatten)]
        attempts: Option<Attempts>,
    },
}

endpoint! {
    /// Makes a device, in place of an unverified one of its name.
    CreateDevice: Post "/recipe/totp/device" App, CreateDeviceRequest => CreateDeviceResponse;
    /// Gives a device another name.
    RenameDevice: Put "/recipe/totp/device" App, RenameDeviceRequest => RenameDeviceResponse;
    /// A user's devices.
    ListDevices: Get "/recipe/totp/device/list" App, ListDevicesRequest => DevicesResponse;
    /// Removes a device.
    RemoveDevice: Post "/recipe/totp/device/remove" App, RemoveDeviceRequest => RemoveDeviceResponse;
    /// Makes a verified device from a secret.
    ImportDevice: Post "/recipe/totp/device/import" App, ImportDeviceRequest => ImportDeviceResponse;
    /// Who has devices.
    DeviceStatuses: Post "/recipe/totp/device/status/bulk" App, DeviceStatusRequest => DeviceStatusResponse;
    /// Verifies a device by its first code.
    VerifyDevice: Post "/recipe/totp/device/verify" Tenant, VerifyDeviceRequest => VerifyDeviceResponse;
    /// Checks a code and uses it up.
    Verify: Post "/recipe/totp/verify" Tenant, VerifyRequest => VerifyResponse;
}
