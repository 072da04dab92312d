//! Codes of authenticator apps: devices that make them, and their check.

mod apis;
mod config;
mod functions;
mod types;

pub use apis::{Api, Apis, CreateDeviceOutcome};
pub use config::Totp;
pub use functions::Functions;
pub use types::{
    Attempts, CreatedDevice, Device, DeviceCode, DeviceSecret, NewDevice, UpdatedDevice, UserIdentifierInfo,
    VerifiedDevice, VerifiedTotp,
};

pub(crate) use apis::routes;

use crate::{Cx, Result};
use std::collections::HashSet;
use std::sync::Arc;

/// The totp recipe at work. Users are named by the primary user's id.
#[derive(Debug)]
pub struct Devices {
    /// The app's name unless set.
    issuer: Option<String>,
    default_skew: i32,
    default_period: i32,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    pub(crate) disabled: HashSet<Api>,
}

impl Devices {
    /// Makes a device, in place of an unverified one of its name. It is to be verified.
    pub async fn create_device(&self, cx: &Cx, device: &NewDevice) -> Result<CreatedDevice> {
        self.functions.create_device(cx, device).await
    }

    /// Gives a device another name.
    pub async fn update_device(
        &self,
        cx: &Cx,
        user_id: &str,
        existing_name: &str,
        new_name: &str,
    ) -> Result<UpdatedDevice> {
        self.functions.update_device(cx, user_id, existing_name, new_name).await
    }

    /// A user's devices, oldest first.
    pub async fn list_devices(&self, cx: &Cx, user_id: &str) -> Result<Vec<Device>> {
        self.functions.list_devices(cx, user_id).await
    }

    /// Removes a device. Answers whether it was there.
    pub async fn remove_device(&self, cx: &Cx, user_id: &str, name: &str) -> Result<bool> {
        self.functions.remove_device(cx, user_id, name).await
    }

    /// Verifies a device by its first code.
    pub async fn verify_device(&self, cx: &Cx, code: &DeviceCode) -> Result<VerifiedDevice> {
        self.functions.verify_device(cx, code).await
    }

    /// Checks a code of any of a user's verified devices, and uses it up.
    pub async fn verify_totp(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        totp: &str,
    ) -> Result<VerifiedTotp> {
        self.functions.verify_totp(cx, tenant, user_id, totp).await
    }
}
