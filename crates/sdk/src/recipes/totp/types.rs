//! What the functions take, and what comes of them.

use std::fmt;

pub use portcullis_wire::totp::{Attempts, Device};

/// A device that is to be made.
///
/// ```
/// use portcullis::recipes::totp::NewDevice;
///
/// let device = NewDevice::of("a user's id").name("phone").period(60);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NewDevice {
    /// Whose it is: the primary user.
    pub user_id: String,
    /// Its name; without one it gets one.
    pub name: Option<String>,
    /// How many periods before and after the current one count; that of the recipe unless set.
    pub skew: Option<i32>,
    /// How long a code lasts, in seconds; that of the recipe unless set.
    pub period: Option<i32>,
    /// What the authenticator app calls the account; the user's address or number unless set.
    pub user_identifier_info: Option<String>,
}

impl NewDevice {
    /// A device as the recipe makes them.
    pub fn of(user_id: impl Into<String>) -> Self {
        let user_id = user_id.into();
        Self { user_id, name: None, skew: None, period: None, user_identifier_info: None }
    }

    /// Its name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// How many periods before and after the current one count.
    pub fn skew(mut self, periods: i32) -> Self {
        self.skew = Some(periods);
        self
    }

    /// How long a code lasts, in seconds.
    pub fn period(mut self, seconds: i32) -> Self {
        self.period = Some(seconds);
        self
    }

    /// What the authenticator app calls the account.
    pub fn user_identifier_info(mut self, info: impl Into<String>) -> Self {
        self.user_identifier_info = Some(info.into());
        self
    }
}

/// The first code of a device.
#[derive(Clone)]
pub struct DeviceCode {
    /// The tenant whose rules for wrong codes apply.
    pub tenant: String,
    /// Whose the device is: the primary user.
    pub user_id: String,
    /// The device's name.
    pub device_name: String,
    /// The code.
    pub totp: String,
}

impl fmt::Debug for DeviceCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceCode").field("device_name", &self.device_name).finish_non_exhaustive()
    }
}

impl DeviceCode {
    /// A code that was shown for a device.
    pub fn new(
        tenant: impl Into<String>,
        user_id: impl Into<String>,
        device_name: impl Into<String>,
        totp: impl Into<String>,
    ) -> Self {
        Self {
            tenant: tenant.into(),
            user_id: user_id.into(),
            device_name: device_name.into(),
            totp: totp.into(),
        }
    }
}

/// The outcome of making a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreatedDevice {
    /// Made; it is to be verified.
    Ok(DeviceSecret),
    /// A verified device of the user has this name.
    DeviceAlreadyExists,
    /// There is no such user.
    UnknownUser,
}

/// What the authenticator app is to know. Whoever has it has the factor.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceSecret {
    /// The device's name.
    pub device_name: String,
    /// The secret, in base32.
    pub secret: String,
    /// All of it as an `otpauth` address, for a QR code.
    pub qr_code_string: String,
}

impl fmt::Debug for DeviceSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceSecret").field("device_name", &self.device_name).finish_non_exhaustive()
    }
}

/// The outcome of giving a device another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdatedDevice {
    /// It has the name.
    Ok,
    /// The user has no such device.
    UnknownDevice,
    /// Another device of the user has this name.
    DeviceAlreadyExists,
}

/// The outcome of a device's first code.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum VerifiedDevice {
    /// The device is verified.
    Ok {
        /// Whether it was before: then the code was not looked at, and says nothing about who showed it.
        was_already_verified: bool,
    },
    /// The user has no such device.
    UnknownDevice,
    /// The code is wrong, or was used.
    InvalidTotp(Attempts),
    /// Too many wrong codes: whatever is shown now is not looked at.
    LimitReached {
        /// When the user may try again, in milliseconds from now.
        retry_after_ms: i64,
    },
}

/// The outcome of a code.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum VerifiedTotp {
    /// It is right, and used up.
    Ok,
    /// The user has no device.
    UnknownUser,
    /// The code is wrong, or was used.
    InvalidTotp(Attempts),
    /// Too many wrong codes: whatever is shown now is not looked at.
    LimitReached {
        /// When the user may try again, in milliseconds from now.
        retry_after_ms: i64,
    },
}

/// What tells a user's accounts apart in an authenticator app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserIdentifierInfo {
    /// The user's address or number.
    Known(String),
    /// The user has neither.
    Missing,
    /// There is no such user.
    UnknownUser,
}
