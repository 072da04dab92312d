//! The recipe's endpoints.

use super::model::{Contact, Device, DeviceId, LinkCode, Proof, Update, Which};
use super::service::{self, NewCode, Refusal, Resent, UpdateOutcome};
use crate::crypto::digest::Secret;
use crate::ground::tenancy::{LoginRecipe, service as tenancy};
use crate::ground::users::model::{InfoKind, User, normalise_email, normalise_phone_number};
use crate::ground::users::routes::to_wire;
use crate::ground::users::service::InfoChange;
use crate::http::Routes;
use crate::{Cx, Error, Result};
use portcullis_wire::admin::StatusOk;
use portcullis_wire::{Cdi, Nullable, Status, passwordless as wire};

/// The endpoints.
pub(super) fn routes() -> Routes {
    Routes::new()
        .at::<wire::CreateCode>(create_code)
        .at::<wire::ConsumeCode>(consume_code)
        .at::<wire::CheckCode>(check_code)
        .at::<wire::RemoveCode>(remove_code)
        .at::<wire::RemoveCodes>(remove_codes)
        .at::<wire::GetCodes>(get_codes)
        .at::<wire::UpdateUser>(update_user)
        .at::<wire::GetUser>(get_user)
}

fn check_enabled(cx: &Cx) -> Result<()> {
    if cx.tenant.stored.serves(LoginRecipe::Passwordless, cx.cdi) {
        return Ok(());
    }
    Err(Error::forbidden("Passwordless login not enabled for tenant"))
}

fn email(text: &str) -> Contact {
    Contact::Email(normalise_email(text))
}

fn phone(text: &str) -> Contact {
    Contact::Phone(normalise_phone_number(text))
}

fn device_id(text: &str) -> Result<DeviceId> {
    DeviceId::decode(text).ok_or_else(|| Error::bad_input("Input encoding error in deviceId"))
}

async fn create_code(cx: Cx, input: wire::CreateCodeRequest) -> Result<wire::CreateCodeResponse> {
    let (contact, device) = match (input.email, input.phone_number, input.device_id) {
        (Some(text), None, None) => (Some(email(&text)), None),
        (None, Some(text), None) => (Some(phone(&text)), None),
        (None, None, Some(text)) => (None, Some(text)),
        _ => return Err(Error::bad_input("Please provide exactly one of email, phoneNumber or deviceId")),
    };
    if input.user_input_code.as_deref() == Some("") {
        return Err(Error::bad_input("userInputCode cannot be an empty string."));
    }
    check_enabled(&cx)?;
    let wanted = input.user_input_code.map(Secret::new);
    if let Some(contact) = contact {
        return Ok(new_code(&cx, &service::create_code(&cx, contact, wanted.as_ref()).await?));
    }
    let device_id = device_id(&device.unwrap_or_default())?;
    Ok(match service::resend_code(&cx, device_id, wanted.as_ref()).await? {
        Resent::Made(new) => new_code(&cx, &new),
        Resent::UnknownDevice => wire::CreateCodeResponse::RestartFlow,
        Resent::AlreadyUsed => wire::CreateCodeResponse::UserInputCodeAlreadyUsed,
    })
}

fn new_code(cx: &Cx, new: &NewCode) -> wire::CreateCodeResponse {
    wire::CreateCodeResponse::Ok {
        pre_auth_session_id: new.code.device_hash.clone(),
        code_id: new.code.id.clone(),
        device_id: new.device_id.encode(),
        user_input_code: new.user_input_code.reveal().to_owned(),
        link_code: new.link_code.encode(),
        time_created: new.code.created_at,
        code_lifetime: cx.config().passwordless_code_lifetime_ms,
    }
}

fn proof(cx: &Cx, input: wire::CodeRequest) -> Result<(Proof, String)> {
    check_enabled(cx)?;
    let proof = match input.proof {
        wire::CodeProof::Link { link_code } => {
            let link_code = LinkCode::decode(&link_code);
            Proof::Link(link_code.ok_or_else(|| Error::bad_input("Input encoding error in linkCode"))?)
        }
        wire::CodeProof::Entered { device_id: id, user_input_code } => {
            Proof::Entered { device_id: device_id(&id)?, user_input_code: Secret::new(user_input_code) }
        }
    };
    Ok((proof, input.pre_auth_session_id))
}

fn consumed_device(device: Device) -> wire::ConsumedDevice {
    let (email, phone_number) = parts(device.contact);
    wire::ConsumedDevice {
        pre_auth_session_id: device.hash,
        failed_code_input_attempt_count: device.failed_attempts,
        email,
        phone_number,
    }
}

/// Address and number, of which there is one.
fn parts(contact: Contact) -> (Option<String>, Option<String>) {
    match contact {
        Contact::Email(email) => (Some(email), None),
        Contact::Phone(number) => (None, Some(number)),
    }
}

async fn consume_code(cx: Cx, input: wire::CodeRequest) -> Result<wire::ConsumeCodeResponse> {
    let (proof, session_id) = proof(&cx, input)?;
    let maximum_code_input_attempts = cx.config().passwordless_max_code_input_attempts;
    Ok(match service::consume(&cx, &proof, &session_id, cx.cdi >= Cdi::V4_0).await? {
        Ok(signed_in) => wire::ConsumeCodeResponse::Ok {
            created_new_user: signed_in.is_new,
            user: to_wire(&signed_in.found.user, cx.cdi),
            recipe_user_id: (cx.cdi >= Cdi::V4_0).then_some(signed_in.found.recipe_user_id),
            consumed_device: (cx.cdi >= Cdi::V5_0).then(|| consumed_device(signed_in.device)),
        },
        Err(Refusal::Incorrect(failed_code_input_attempt_count)) => {
            wire::ConsumeCodeResponse::IncorrectUserInputCode {
                failed_code_input_attempt_count,
                maximum_code_input_attempts,
            }
        }
        Err(Refusal::Expired(failed_code_input_attempt_count)) => {
            wire::ConsumeCodeResponse::ExpiredUserInputCode {
                failed_code_input_attempt_count,
                maximum_code_input_attempts,
            }
        }
        Err(Refusal::Restart) => wire::ConsumeCodeResponse::RestartFlow,
    })
}

async fn check_code(cx: Cx, input: wire::CodeRequest) -> Result<wire::CheckCodeResponse> {
    let (proof, session_id) = proof(&cx, input)?;
    let maximum_code_input_attempts = cx.config().passwordless_max_code_input_attempts;
    Ok(match service::check(&cx, &proof, &session_id).await? {
        Ok(device) => wire::CheckCodeResponse::Ok { consumed_device: consumed_device(device) },
        Err(Refusal::Incorrect(failed_code_input_attempt_count)) => {
            wire::CheckCodeResponse::IncorrectUserInputCode {
                failed_code_input_attempt_count,
                maximum_code_input_attempts,
            }
        }
        Err(Refusal::Expired(failed_code_input_attempt_count)) => {
            wire::CheckCodeResponse::ExpiredUserInputCode {
                failed_code_input_attempt_count,
                maximum_code_input_attempts,
            }
        }
        Err(Refusal::Restart) => wire::CheckCodeResponse::RestartFlow,
    })
}

async fn remove_code(cx: Cx, input: wire::RemoveCodeRequest) -> Result<StatusOk> {
    match (input.code_id, input.pre_auth_session_id.flatten()) {
        (Some(code_id), None) => service::remove_code(&cx, &code_id).await?,
        (None, Some(hash)) => service::remove_devices(&cx, &Which::Hash(hash)).await?,
        (None, None) if cx.cdi < Cdi::V5_0 => {
            return Err(Error::bad_input("Field name 'codeId' is invalid in JSON input"));
        }
        (None, None) => return Err(Error::bad_input("Please provide either 'codeId' or 'preAuthSessionId'")),
        (Some(_), Some(_)) => {
            return Err(Error::bad_input("Please provide only one of 'codeId' or 'preAuthSessionId'"));
        }
    }
    Ok(StatusOk::default())
}

async fn remove_codes(cx: Cx, input: wire::RemoveCodesRequest) -> Result<StatusOk> {
    let contact = match (input.email, input.phone_number) {
        (Some(text), None) => email(&text),
        (None, Some(text)) => phone(&text),
        _ => return Err(Error::bad_input("Please provide exactly one of email or phoneNumber")),
    };
    service::remove_devices(&cx, &Which::Of(contact)).await?;
    Ok(StatusOk::default())
}

async fn get_codes(cx: Cx, input: wire::GetCodesRequest) -> Result<wire::GetCodesResponse> {
    let which = match (input.email, input.phone_number, input.device_id, input.pre_auth_session_id) {
        (Some(text), None, None, None) => Which::Of(email(&text)),
        (None, Some(text), None, None) => Which::Of(phone(&text)),
        (None, None, Some(text), None) => Which::Hash(device_id(&text)?.hash()),
        (None, None, None, Some(hash)) => Which::Hash(hash),
        _ => {
            return Err(Error::bad_input(
                "Please provide exactly one of email, phoneNumber, deviceId or preAuthSessionId",
            ));
        }
    };
    let code_lifetime = cx.config().passwordless_code_lifetime_ms;
    let devices = service::list_devices(&cx, &which).await?.into_iter().map(|(device, codes)| {
        let (email, phone_number) = parts(device.contact);
        let codes = codes.into_iter().map(|code| wire::ListedCode {
            code_id: code.id,
            time_created: code.created_at,
            code_lifetime,
        });
        wire::ListedDevice {
            pre_auth_session_id: device.hash,
            failed_code_input_attempt_count: device.failed_attempts,
            email,
            phone_number,
            codes: codes.collect(),
        }
    });
    Ok(wire::GetCodesResponse { status: Status::Ok, devices: devices.collect() })
}

fn update(field: Nullable<String>, normalise: fn(&str) -> String) -> Update {
    match field {
        Nullable::Absent => Update::Keep,
        Nullable::Null => Update::Clear,
        Nullable::Set(text) => Update::Set(normalise(&text)),
    }
}

async fn update_user(cx: Cx, input: wire::UpdateRequest) -> Result<wire::UpdateResponse> {
    let id = input.recipe_user_id.or(input.user_id).unwrap_or_default();
    let email = update(input.email, normalise_email);
    let phone_number = update(input.phone_number, normalise_phone_number);
    let cx = cx.of_user(&id).await?;
    Ok(match service::update_user(&cx, &id, &email, &phone_number).await? {
        UpdateOutcome::Updated => wire::UpdateResponse::Ok,
        UpdateOutcome::UnknownUser => wire::UpdateResponse::UnknownUserId,
        UpdateOutcome::Refused(InfoKind::Email, InfoChange::NotAllowed) => {
            wire::UpdateResponse::EmailChangeNotAllowed {
                reason: "New email is associated with another primary user ID".to_owned(),
            }
        }
        UpdateOutcome::Refused(InfoKind::Email, _) => wire::UpdateResponse::EmailAlreadyExists,
        UpdateOutcome::Refused(_, InfoChange::NotAllowed) => {
            wire::UpdateResponse::PhoneNumberChangeNotAllowed {
                reason: "New phone number is associated with another primary user ID".to_owned(),
            }
        }
        UpdateOutcome::Refused(..) => wire::UpdateResponse::PhoneNumberAlreadyExists,
    })
}

async fn get_user(cx: Cx, input: wire::GetUserRequest) -> Result<wire::GetUserResponse> {
    let cdi = cx.cdi;
    let shape = |user: User| wire::GetUserResponse::Ok { user: to_wire(&user, cdi) };
    let (contact, unknown) = match (input.user_id, input.email, input.phone_number) {
        (Some(id), None, None) => {
            cx.require_public_tenant()?;
            let cx = cx.of_user(&id).await?;
            let user = service::find_by_id(&cx, &id).await?;
            return Ok(user.map_or(wire::GetUserResponse::UnknownUserId, shape));
        }
        (None, Some(text), None) => (email(&text), wire::GetUserResponse::UnknownEmail),
        (None, None, Some(text)) => (phone(&text), wire::GetUserResponse::UnknownPhoneNumber),
        _ => return Err(Error::bad_input("Please provide exactly one of userId, email or phoneNumber")),
    };
    tenancy::require(&cx.app, &cx.scope).await?;
    Ok(service::find_by_contact(&cx, &contact).await?.map_or(unknown, shape))
}
