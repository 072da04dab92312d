//! What can be done with devices and codes. Each function can be replaced.

use super::types::{
    Attempts, CreatedDevice, Device, DeviceCode, DeviceSecret, NewDevice, UpdatedDevice, UserIdentifierInfo,
    VerifiedDevice, VerifiedTotp,
};
use crate::{Cx, Error, Result};
use async_trait::async_trait;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_wire::totp as wire;

/// The functions of the totp recipe. A replacement implements [`Functions::original`] and what it changes;
/// everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// What an authenticator app calls a user's account.
    async fn user_identifier_info(&self, cx: &Cx, user_id: &str) -> Result<UserIdentifierInfo> {
        self.original().user_identifier_info(cx, user_id).await
    }

    /// Makes a device, in place of an unverified one of its name.
    async fn create_device(&self, cx: &Cx, device: &NewDevice) -> Result<CreatedDevice> {
        self.original().create_device(cx, device).await
    }

    /// Gives a device another name.
    async fn update_device(
        &self,
        cx: &Cx,
        user_id: &str,
        existing_name: &str,
        new_name: &str,
    ) -> Result<UpdatedDevice> {
        self.original().update_device(cx, user_id, existing_name, new_name).await
    }

    /// A user's devices, oldest first.
    async fn list_devices(&self, cx: &Cx, user_id: &str) -> Result<Vec<Device>> {
        self.original().list_devices(cx, user_id).await
    }

    /// Removes a device; true if it was there.
    async fn remove_device(&self, cx: &Cx, user_id: &str, name: &str) -> Result<bool> {
        self.original().remove_device(cx, user_id, name).await
    }

    /// Verifies a device by its first code.
    async fn verify_device(&self, cx: &Cx, code: &DeviceCode) -> Result<VerifiedDevice> {
        self.original().verify_device(cx, code).await
    }

    /// Checks a code of any of a user's verified devices, and uses it up.
    async fn verify_totp(&self, cx: &Cx, tenant: &str, user_id: &str, totp: &str) -> Result<VerifiedTotp> {
        self.original().verify_totp(cx, tenant, user_id, totp).await
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

    async fn user_identifier_info(&self, cx: &Cx, user_id: &str) -> Result<UserIdentifierInfo> {
        let Some(user) = cx.sdk().find_user(cx, user_id).await? else {
            return Ok(UserIdentifierInfo::UnknownUser);
        };
        let primary = user.login_methods.iter().find(|method| method.recipe_user_id == user.id);
        let of_primary = primary.and_then(|method| method.email.as_ref().or(method.phone_number.as_ref()));
        let info = of_primary.or(user.emails.first()).or(user.phone_numbers.first());
        Ok(info.map_or(UserIdentifierInfo::Missing, |info| UserIdentifierInfo::Known(info.clone())))
    }

    async fn create_device(&self, cx: &Cx, device: &NewDevice) -> Result<CreatedDevice> {
        let recipe = cx.sdk().totp()?;
        let account = match &device.user_identifier_info {
            Some(info) => Some(info.clone()),
            None => match recipe.functions.user_identifier_info(cx, &device.user_id).await? {
                UserIdentifierInfo::Known(info) => Some(info),
                UserIdentifierInfo::Missing => None,
                UserIdentifierInfo::UnknownUser => return Ok(CreatedDevice::UnknownUser),
            },
        };
        let period = device.period.unwrap_or(recipe.default_period);
        let request = wire::CreateDeviceRequest {
            user_id: device.user_id.clone(),
            device_name: device.name.clone(),
            skew: device.skew.unwrap_or(recipe.default_skew),
            period,
        };
        Ok(match cx.sdk().core().call::<wire::CreateDevice>(cx, None, &request).await? {
            wire::CreateDeviceResponse::Ok { device_name, secret } => {
                let issuer = recipe.issuer.as_ref().unwrap_or(&cx.sdk().app().name);
                let qr_code_string = otpauth(issuer, account.as_deref(), &secret, period);
                CreatedDevice::Ok(DeviceSecret { device_name, secret, qr_code_string })
            }
            wire::CreateDeviceResponse::DeviceAlreadyExists => CreatedDevice::DeviceAlreadyExists,
        })
    }

    async fn update_device(
        &self,
        cx: &Cx,
        user_id: &str,
        existing_name: &str,
        new_name: &str,
    ) -> Result<UpdatedDevice> {
        let request = wire::RenameDeviceRequest {
            user_id: user_id.to_owned(),
            existing_device_name: existing_name.to_owned(),
            new_device_name: new_name.to_owned(),
        };
        Ok(match cx.sdk().core().call::<wire::RenameDevice>(cx, None, &request).await? {
            wire::RenameDeviceResponse::Ok => UpdatedDevice::Ok,
            wire::RenameDeviceResponse::UnknownDevice => UpdatedDevice::UnknownDevice,
            wire::RenameDeviceResponse::DeviceAlreadyExists => UpdatedDevice::DeviceAlreadyExists,
        })
    }

    async fn list_devices(&self, cx: &Cx, user_id: &str) -> Result<Vec<Device>> {
        let request = wire::ListDevicesRequest { user_id: user_id.to_owned() };
        Ok(cx.sdk().core().call::<wire::ListDevices>(cx, None, &request).await?.devices)
    }

    async fn remove_device(&self, cx: &Cx, user_id: &str, name: &str) -> Result<bool> {
        let request = wire::RemoveDeviceRequest { user_id: user_id.to_owned(), device_name: name.to_owned() };
        Ok(cx.sdk().core().call::<wire::RemoveDevice>(cx, None, &request).await?.did_device_exist)
    }

    async fn verify_device(&self, cx: &Cx, code: &DeviceCode) -> Result<VerifiedDevice> {
        let request = wire::VerifyDeviceRequest {
            user_id: code.user_id.clone(),
            device_name: code.device_name.clone(),
            totp: code.totp.clone(),
        };
        Ok(match cx.sdk().core().call::<wire::VerifyDevice>(cx, Some(&code.tenant), &request).await? {
            wire::VerifyDeviceResponse::Ok { was_already_verified } => {
                VerifiedDevice::Ok { was_already_verified }
            }
            wire::VerifyDeviceResponse::UnknownDevice => VerifiedDevice::UnknownDevice,
            wire::VerifyDeviceResponse::InvalidTotp { attempts } => {
                VerifiedDevice::InvalidTotp(counted(attempts)?)
            }
            wire::VerifyDeviceResponse::LimitReached { retry_after_ms, .. } => {
                VerifiedDevice::LimitReached { retry_after_ms }
            }
        })
    }

    async fn verify_totp(&self, cx: &Cx, tenant: &str, user_id: &str, totp: &str) -> Result<VerifiedTotp> {
        let request = wire::VerifyRequest { user_id: user_id.to_owned(), totp: totp.to_owned() };
        Ok(match cx.sdk().core().call::<wire::Verify>(cx, Some(tenant), &request).await? {
            wire::VerifyResponse::Ok => VerifiedTotp::Ok,
            wire::VerifyResponse::UnknownUserId => VerifiedTotp::UnknownUser,
            wire::VerifyResponse::InvalidTotp { attempts } => VerifiedTotp::InvalidTotp(counted(attempts)?),
            wire::VerifyResponse::LimitReached { retry_after_ms, .. } => {
                VerifiedTotp::LimitReached { retry_after_ms }
            }
        })
    }
}

fn counted(attempts: Option<Attempts>) -> Result<Attempts> {
    attempts.ok_or_else(|| Error::Internal("the core did not tell how often a code was wrong".to_owned()))
}

/// What stays as it is in an `otpauth` address; nothing that parts it, so that an issuer such as `A&B` comes
/// out whole.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'@');

fn otpauth(issuer: &str, account: Option<&str>, secret: &str, period: i32) -> String {
    let issuer = utf8_percent_encode(issuer, PLAIN).to_string();
    let account = account.map(|account| format!(":{}", utf8_percent_encode(account, PLAIN)));
    let label = format!("{issuer}{}", account.unwrap_or_default());
    format!("otpauth://totp/{label}?secret={secret}&issuer={issuer}&digits=6&period={period}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_and_an_account_stay_what_they_are() {
        assert_eq!(
            otpauth("Demo App", Some("ann@example.com"), "ABC", 30),
            "otpauth://totp/Demo%20App:ann@example.com?secret=ABC&issuer=Demo%20App&digits=6&period=30"
        );
        let odd = otpauth("A&B: #1/ä", Some("a+b?c=d@example.com"), "ABC", 60);
        let parsed = url::Url::parse(&odd).unwrap();
        let pairs: Vec<_> = parsed.query_pairs().into_owned().collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let expected =
            [pair("secret", "ABC"), pair("issuer", "A&B: #1/ä"), pair("digits", "6"), pair("period", "60")];
        assert_eq!(pairs, expected);
        let label = percent_encoding::percent_decode_str(parsed.path().trim_start_matches('/'));
        assert_eq!(label.decode_utf8().unwrap(), "A&B: #1/ä:a+b?c=d@example.com");
        let bare = otpauth("Demo", None, "ABC", 30);
        assert_eq!(bare, "otpauth://totp/Demo?secret=ABC&issuer=Demo&digits=6&period=30");
    }
}
