//! The passwordless recipe: codes and links for an address or a phone number, and signing in with them.

use crate::admin::StatusOk;
use crate::endpoint::endpoint;
use crate::input::request;
use crate::users::User;
use crate::{Cdi, FromInput, Input, InputError, Nullable, Status};
use serde::{Deserialize, Serialize};
use std::fmt;

request! {
    /// For whom a code is made: exactly one of address, number and device.
    CreateCodeRequest {
        /// The e-mail address.
        email: Option<String> = "email",
        /// The phone number.
        phone_number: Option<String> = "phoneNumber",
        /// A device that has codes already, as standard base64: it gets a further one.
        device_id: Option<String> = "deviceId",
        /// The code that is to be entered; without it one is made.
        user_input_code: Option<String> = "userInputCode",
    }
    /// What is to be forgotten: exactly one of code and device.
    RemoveCodeRequest {
        /// The code. Required before CDI 5.0.
        code_id: Option<String> = "codeId",
        /// The hash of the device's id (from CDI 5.0 on).
        pre_auth_session_id: Option<Option<String>> = "preAuthSessionId" if |cdi| cdi >= Cdi::V5_0,
    }
    /// Whose codes are to be forgotten: exactly one of address and number.
    RemoveCodesRequest {
        /// The e-mail address.
        email: Option<String> = "email",
        /// The phone number.
        phone_number: Option<String> = "phoneNumber",
    }
    /// Which devices are listed, by exactly one of these.
    GetCodesRequest {
        /// The e-mail address.
        email: Option<String> = "email",
        /// The phone number.
        phone_number: Option<String> = "phoneNumber",
        /// The device, as standard base64.
        device_id: Option<String> = "deviceId",
        /// The hash of the device's id.
        pre_auth_session_id: Option<String> = "preAuthSessionId",
    }
    /// What is changed about a user.
    UpdateRequest {
        /// The user (from CDI 4.0 on).
        recipe_user_id: Option<String> = "recipeUserId" if |cdi| cdi >= Cdi::V4_0,
        /// The user (before CDI 4.0).
        user_id: Option<String> = "userId" if |cdi| cdi < Cdi::V4_0,
        /// The new address; `null` takes it away.
        email: Nullable<String> = "email",
        /// The new phone number; `null` takes it away.
        phone_number: Nullable<String> = "phoneNumber",
    }
    /// A user by exactly one of these.
    GetUserRequest {
        /// Internal or external.
        user_id: Option<String> = "userId",
        /// The e-mail address.
        email: Option<String> = "email",
        /// The phone number.
        phone_number: Option<String> = "phoneNumber",
    }
}

/// A code that was received.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeRequest {
    /// The hash of the device's id.
    pub pre_auth_session_id: String,
    /// What shows it.
    #[serde(flatten)]
    pub proof: CodeProof,
}

/// What shows that a code was received.
#[derive(Clone, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum CodeProof {
    /// The link was followed.
    Link {
        /// The code in it, as URL-safe base64.
        link_code: String,
    },
    /// The code was entered.
    Entered {
        /// Where: the device, as standard base64.
        device_id: String,
        /// The code.
        user_input_code: String,
    },
}

impl fmt::Debug for CodeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeRequest").finish_non_exhaustive()
    }
}

impl fmt::Debug for CodeProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CodeProof").finish_non_exhaustive()
    }
}

/// Which fields are there decides, whatever they hold.
impl FromInput for CodeRequest {
    fn from_input(mut input: Input) -> Result<Self, InputError> {
        let pre_auth_session_id = input.take("preAuthSessionId")?;
        let proof = match ["linkCode", "deviceId", "userInputCode"].map(|name| input.has(name)) {
            [true, false, false] => CodeProof::Link { link_code: input.take("linkCode")? },
            [false, true, true] => CodeProof::Entered {
                device_id: input.take("deviceId")?,
                user_input_code: input.take("userInputCode")?,
            },
            _ => return Err(InputError::NotOneOf("linkCode or deviceId+userInputCode")),
        };
        Ok(Self { pre_auth_session_id, proof })
    }
}

/// A new code.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum CreateCodeResponse {
    /// Made.
    #[serde(rename = "OK")]
    Ok {
        /// The hash of the device's id, as URL-safe base64.
        pre_auth_session_id: String,
        /// The code's id.
        code_id: String,
        /// The device, as standard base64.
        device_id: String,
        /// What the user enters; only a hash of what follows from it is kept.
        user_input_code: String,
        /// What the link holds, as URL-safe base64; only a hash of it is kept.
        link_code: String,
        /// Milliseconds since 1970.
        time_created: i64,
        /// How long the code works, in milliseconds.
        code_lifetime: i64,
    },
    /// There is no such device any more.
    #[serde(rename = "RESTART_FLOW_ERROR")]
    RestartFlow,
    /// The device has this very code.
    #[serde(rename = "USER_INPUT_CODE_ALREADY_USED_ERROR")]
    UserInputCodeAlreadyUsed,
}

/// The device whose code was right.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumedDevice {
    /// The hash of the device's id.
    pub pre_auth_session_id: String,
    /// How often a wrong code was entered.
    pub failed_code_input_attempt_count: i64,
    /// The e-mail address, unless it is a phone number's device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The phone number, unless it is an address' device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
}

/// The outcome of a sign-in with a code.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum ConsumeCodeResponse {
    /// The code was right, and is gone.
    #[serde(rename = "OK")]
    Ok {
        /// Whether the user was made by this.
        created_new_user: bool,
        /// The user.
        user: User,
        /// The recipe user (from CDI 4.0 on).
        #[serde(skip_serializing_if = "Option::is_none")]
        recipe_user_id: Option<String>,
        /// The device, which is gone (from CDI 5.0 on).
        #[serde(skip_serializing_if = "Option::is_none")]
        consumed_device: Option<ConsumedDevice>,
    },
    /// The code that was entered is another one.
    #[serde(rename = "INCORRECT_USER_INPUT_CODE_ERROR")]
    IncorrectUserInputCode {
        /// How often that happened on this device.
        failed_code_input_attempt_count: i64,
        /// How often it may happen.
        maximum_code_input_attempts: i64,
    },
    /// The code that was entered is too old.
    #[serde(rename = "EXPIRED_USER_INPUT_CODE_ERROR")]
    ExpiredUserInputCode {
        /// How often that happened on this device.
        failed_code_input_attempt_count: i64,
        /// How often it may happen.
        maximum_code_input_attempts: i64,
    },
    /// Only a new code helps.
    #[serde(rename = "RESTART_FLOW_ERROR")]
    RestartFlow,
}

/// Whether a code is right.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status", rename_all_fields = "camelCase")]
pub enum CheckCodeResponse {
    /// It is, and stays.
    #[serde(rename = "OK")]
    Ok {
        /// The device, which stays.
        consumed_device: ConsumedDevice,
    },
    /// The code that was entered is another one.
    #[serde(rename = "INCORRECT_USER_INPUT_CODE_ERROR")]
    IncorrectUserInputCode {
        /// How often that happened on this device.
        failed_code_input_attempt_count: i64,
        /// How often it may happen.
        maximum_code_input_attempts: i64,
    },
    /// The code that was entered is too old.
    #[serde(rename = "EXPIRED_USER_INPUT_CODE_ERROR")]
    ExpiredUserInputCode {
        /// How often that happened on this device.
        failed_code_input_attempt_count: i64,
        /// How often it may happen.
        maximum_code_input_attempts: i64,
    },
    /// Only a new code helps.
    #[serde(rename = "RESTART_FLOW_ERROR")]
    RestartFlow,
}

/// A code, without what is secret about it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedCode {
    /// The code's id.
    pub code_id: String,
    /// Milliseconds since 1970.
    pub time_created: i64,
    /// How long it works, in milliseconds.
    pub code_lifetime: i64,
}

/// A device with its codes, expired ones too.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedDevice {
    /// The hash of the device's id.
    pub pre_auth_session_id: String,
    /// How often a wrong code was entered.
    pub failed_code_input_attempt_count: i64,
    /// The e-mail address, unless it is a phone number's device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The phone number, unless it is an address' device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number: Option<String>,
    /// Oldest first.
    pub codes: Vec<ListedCode>,
}

/// Devices with their codes.
#[derive(Debug, Deserialize, Serialize)]
pub struct GetCodesResponse {
    /// Always `OK`.
    pub status: Status,
    /// The devices.
    pub devices: Vec<ListedDevice>,
}

/// The outcome of a change.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum UpdateResponse {
    /// Changed.
    #[serde(rename = "OK")]
    Ok,
    /// There is no such passwordless user.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
    /// One of the user's tenants has another user with this address.
    #[serde(rename = "EMAIL_ALREADY_EXISTS_ERROR")]
    EmailAlreadyExists,
    /// One of the user's tenants has another user with this phone number.
    #[serde(rename = "PHONE_NUMBER_ALREADY_EXISTS_ERROR")]
    PhoneNumberAlreadyExists,
    /// Another primary user has this address.
    #[serde(rename = "EMAIL_CHANGE_NOT_ALLOWED_ERROR")]
    EmailChangeNotAllowed {
        /// In words.
        reason: String,
    },
    /// Another primary user has this phone number.
    #[serde(rename = "PHONE_NUMBER_CHANGE_NOT_ALLOWED_ERROR")]
    PhoneNumberChangeNotAllowed {
        /// In words.
        reason: String,
    },
}

/// A user by id, address or phone number.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum GetUserResponse {
    /// Found.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        user: User,
    },
    /// No such id.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
    /// No such address.
    #[serde(rename = "UNKNOWN_EMAIL_ERROR")]
    UnknownEmail,
    /// No such phone number.
    #[serde(rename = "UNKNOWN_PHONE_NUMBER_ERROR")]
    UnknownPhoneNumber,
}

endpoint! {
    /// Makes a code and a link.
    CreateCode: Post "/recipe/signinup/code" Tenant, CreateCodeRequest => CreateCodeResponse;
    /// Uses a code up and signs in, or up.
    ConsumeCode: Post "/recipe/signinup/code/consume" Tenant, CodeRequest => ConsumeCodeResponse;
    /// Whether a code is right; it stays.
    CheckCode: Post "/recipe/signinup/code/check" Tenant, CodeRequest => CheckCodeResponse;
    /// Forgets a code or a device.
    RemoveCode: Post "/recipe/signinup/code/remove" Tenant, RemoveCodeRequest => StatusOk;
    /// Forgets every code of an address or a phone number.
    RemoveCodes: Post "/recipe/signinup/codes/remove" Tenant, RemoveCodesRequest => StatusOk;
    /// Devices with their codes.
    GetCodes: Get "/recipe/signinup/codes" Tenant, GetCodesRequest => GetCodesResponse;
    /// Changes address or phone number.
    UpdateUser: Put "/recipe/user" App, UpdateRequest => UpdateResponse, RID: Option<&'static str> = Some("passwordless");
    /// A user by id, address or phone number.
    GetUser: Get "/recipe/user" Any, GetUserRequest => GetUserResponse, RID: Option<&'static str> = Some("passwordless");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_caller_sends_is_what_the_core_reads() {
        for body in [
            json!({"preAuthSessionId": "secret a", "linkCode": "secret b"}),
            json!({"preAuthSessionId": "secret a", "deviceId": "secret c", "userInputCode": "secret d"}),
        ] {
            let input = Input::body(body.to_string().as_bytes(), Cdi::LATEST).unwrap();
            let read = CodeRequest::from_input(input).unwrap();
            assert_eq!(serde_json::to_value(&read).unwrap(), body);
            let debug = format!("{read:?} {:?}", read.proof);
            assert!(!debug.contains("secret"), "{debug}");
        }
    }
}
