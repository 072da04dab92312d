//! What can be done with codes and links. Each function can be replaced.

use super::types::{
    Attempt, Change, Changed, Code, CodeFault, CodeProof, CodeRequest, ConsumedDevice, Contact, Device,
    Field, NewCode, Revocation, SignInUp,
};
use crate::recipes::accountlinking::EmailChange;
use crate::recipes::emailpassword::check_email_change;
use crate::recipes::flow::{self, Linked};
use crate::users::full;
use crate::{CoreError, Cx, Error, Result};
use async_trait::async_trait;
use portcullis_wire::Nullable;
use portcullis_wire::passwordless as wire;

/// The functions of the passwordless recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// Makes a code and a link, for a device of their own.
    async fn create_code(&self, cx: &Cx, request: &CodeRequest) -> Result<Code> {
        self.original().create_code(cx, request).await
    }

    /// Makes a further code and link for a device.
    async fn create_new_code_for_device(
        &self,
        cx: &Cx,
        tenant: &str,
        device_id: &str,
        user_input_code: Option<&str>,
    ) -> Result<NewCode> {
        self.original().create_new_code_for_device(cx, tenant, device_id, user_input_code).await
    }

    /// Uses a code up: the user is found, or made.
    async fn consume_code(&self, cx: &Cx, attempt: &Attempt) -> Result<SignInUp> {
        self.original().consume_code(cx, attempt).await
    }

    /// Whether a code would do. It stays, but a wrong one counts.
    async fn check_code(
        &self,
        cx: &Cx,
        tenant: &str,
        pre_auth_session_id: &str,
        proof: &CodeProof,
    ) -> Result<std::result::Result<ConsumedDevice, CodeFault>> {
        self.original().check_code(cx, tenant, pre_auth_session_id, proof).await
    }

    /// Changes address or number.
    async fn update_user(&self, cx: &Cx, change: &Change) -> Result<Changed> {
        self.original().update_user(cx, change).await
    }

    /// Forgets every code of an address or a number.
    async fn revoke_all_codes(&self, cx: &Cx, tenant: &str, contact: &Contact) -> Result<()> {
        self.original().revoke_all_codes(cx, tenant, contact).await
    }

    /// Forgets a code or a device.
    async fn revoke_code(&self, cx: &Cx, tenant: &str, what: &Revocation) -> Result<()> {
        self.original().revoke_code(cx, tenant, what).await
    }

    /// The devices of an address, each with its codes.
    async fn list_codes_by_email(&self, cx: &Cx, tenant: &str, email: &str) -> Result<Vec<Device>> {
        self.original().list_codes_by_email(cx, tenant, email).await
    }

    /// The devices of a number, each with its codes.
    async fn list_codes_by_phone_number(&self, cx: &Cx, tenant: &str, number: &str) -> Result<Vec<Device>> {
        self.original().list_codes_by_phone_number(cx, tenant, number).await
    }

    /// A device with its codes, by what only it knows.
    async fn list_codes_by_device_id(
        &self,
        cx: &Cx,
        tenant: &str,
        device_id: &str,
    ) -> Result<Option<Device>> {
        self.original().list_codes_by_device_id(cx, tenant, device_id).await
    }

    /// A device with its codes.
    async fn list_codes_by_pre_auth_session_id(
        &self,
        cx: &Cx,
        tenant: &str,
        pre_auth_session_id: &str,
    ) -> Result<Option<Device>> {
        self.original().list_codes_by_pre_auth_session_id(cx, tenant, pre_auth_session_id).await
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

    async fn create_code(&self, cx: &Cx, request: &CodeRequest) -> Result<Code> {
        let (email, phone_number) = request.contact.parts();
        let user_input_code = request.user_input_code.clone();
        let call = wire::CreateCodeRequest { email, phone_number, device_id: None, user_input_code };
        match create(cx, &request.tenant, &call).await? {
            NewCode::Ok(code) => Ok(code),
            outcome => Err(Error::Internal(format!("the core made no code for a new device: {outcome:?}"))),
        }
    }

    async fn create_new_code_for_device(
        &self,
        cx: &Cx,
        tenant: &str,
        device_id: &str,
        user_input_code: Option<&str>,
    ) -> Result<NewCode> {
        let call = wire::CreateCodeRequest {
            email: None,
            phone_number: None,
            device_id: Some(device_id.to_owned()),
            user_input_code: user_input_code.map(str::to_owned),
        };
        create(cx, tenant, &call).await.map_err(as_bad_input)
    }

    async fn consume_code(&self, cx: &Cx, attempt: &Attempt) -> Result<SignInUp> {
        use wire::ConsumeCodeResponse as Answer;
        let Attempt { tenant, pre_auth_session_id, proof, .. } = attempt;
        let call =
            wire::CodeRequest { pre_auth_session_id: pre_auth_session_id.clone(), proof: proof.clone() };
        let answer = cx.sdk().core().call::<wire::ConsumeCode>(cx, Some(tenant), &call).await;
        Ok(match answer.map_err(as_bad_input)? {
            Answer::Ok { created_new_user: is_new, user, recipe_user_id, consumed_device } => {
                let user = full(user)?;
                let recipe_user_id = recipe_user_id.unwrap_or_else(|| user.id.clone());
                let device = consumed_device
                    .ok_or_else(|| Error::Internal("the core did not tell whose code it was".to_owned()))?;
                match flow::link(cx, &attempt.caller(), user, &recipe_user_id).await? {
                    Linked::Ok(user) => SignInUp::Ok { user, recipe_user_id, is_new, device },
                    Linked::Failed(failure) => SignInUp::LinkingFailed(failure),
                }
            }
            Answer::IncorrectUserInputCode {
                failed_code_input_attempt_count: failed_attempts,
                maximum_code_input_attempts: max_attempts,
            } => SignInUp::Refused(CodeFault::Incorrect { failed_attempts, max_attempts }),
            Answer::ExpiredUserInputCode {
                failed_code_input_attempt_count: failed_attempts,
                maximum_code_input_attempts: max_attempts,
            } => SignInUp::Refused(CodeFault::Expired { failed_attempts, max_attempts }),
            Answer::RestartFlow => SignInUp::Refused(CodeFault::RestartFlow),
        })
    }

    async fn check_code(
        &self,
        cx: &Cx,
        tenant: &str,
        pre_auth_session_id: &str,
        proof: &CodeProof,
    ) -> Result<std::result::Result<ConsumedDevice, CodeFault>> {
        use wire::CheckCodeResponse as Answer;
        let call =
            wire::CodeRequest { pre_auth_session_id: pre_auth_session_id.to_owned(), proof: proof.clone() };
        let answer = cx.sdk().core().call::<wire::CheckCode>(cx, Some(tenant), &call).await;
        Ok(match answer.map_err(as_bad_input)? {
            Answer::Ok { consumed_device } => Ok(consumed_device),
            Answer::IncorrectUserInputCode {
                failed_code_input_attempt_count: failed_attempts,
                maximum_code_input_attempts: max_attempts,
            } => Err(CodeFault::Incorrect { failed_attempts, max_attempts }),
            Answer::ExpiredUserInputCode {
                failed_code_input_attempt_count: failed_attempts,
                maximum_code_input_attempts: max_attempts,
            } => Err(CodeFault::Expired { failed_attempts, max_attempts }),
            Answer::RestartFlow => Err(CodeFault::RestartFlow),
        })
    }

    async fn update_user(&self, cx: &Cx, change: &Change) -> Result<Changed> {
        use wire::UpdateResponse as Answer;
        if let Some(email) = change.new_email() {
            let Some(allowed) = check_email_change(cx, &change.recipe_user_id, email).await? else {
                return Ok(Changed::UnknownUser);
            };
            if let Some(reason) = allowed.reason() {
                return Ok(Changed::EmailChangeNotAllowed { reason: reason.to_owned() });
            }
        }
        let call = wire::UpdateRequest {
            recipe_user_id: Some(change.recipe_user_id.clone()),
            user_id: None,
            email: nullable(&change.email),
            phone_number: nullable(&change.phone_number),
        };
        Ok(match cx.sdk().core().call::<wire::UpdateUser>(cx, None, &call).await? {
            Answer::Ok => {
                let Some(user) = cx.sdk().find_user(cx, &change.recipe_user_id).await? else {
                    return Ok(Changed::UnknownUser);
                };
                let accounts = cx.sdk().account_linking();
                accounts.verify_email_if_proven_elsewhere(cx, &user, &change.recipe_user_id).await?;
                Changed::Ok
            }
            Answer::UnknownUserId => Changed::UnknownUser,
            Answer::EmailAlreadyExists => Changed::EmailAlreadyExists,
            Answer::PhoneNumberAlreadyExists => Changed::PhoneNumberAlreadyExists,
            Answer::EmailChangeNotAllowed { .. } => email_taken(),
            Answer::PhoneNumberChangeNotAllowed { reason } => Changed::PhoneNumberChangeNotAllowed { reason },
        })
    }

    async fn revoke_all_codes(&self, cx: &Cx, tenant: &str, contact: &Contact) -> Result<()> {
        let (email, phone_number) = contact.parts();
        let call = wire::RemoveCodesRequest { email, phone_number };
        cx.sdk().core().call::<wire::RemoveCodes>(cx, Some(tenant), &call).await.map(drop)
    }

    async fn revoke_code(&self, cx: &Cx, tenant: &str, what: &Revocation) -> Result<()> {
        let call = match what {
            Revocation::Code { code_id } => {
                wire::RemoveCodeRequest { code_id: Some(code_id.clone()), pre_auth_session_id: None }
            }
            Revocation::Device { pre_auth_session_id } => wire::RemoveCodeRequest {
                code_id: None,
                pre_auth_session_id: Some(Some(pre_auth_session_id.clone())),
            },
        };
        cx.sdk().core().call::<wire::RemoveCode>(cx, Some(tenant), &call).await.map(drop)
    }

    async fn list_codes_by_email(&self, cx: &Cx, tenant: &str, email: &str) -> Result<Vec<Device>> {
        devices(cx, tenant, wire::GetCodesRequest { email: Some(email.to_owned()), ..NO_CODES }).await
    }

    async fn list_codes_by_phone_number(&self, cx: &Cx, tenant: &str, number: &str) -> Result<Vec<Device>> {
        devices(cx, tenant, wire::GetCodesRequest { phone_number: Some(number.to_owned()), ..NO_CODES }).await
    }

    async fn list_codes_by_device_id(
        &self,
        cx: &Cx,
        tenant: &str,
        device_id: &str,
    ) -> Result<Option<Device>> {
        let which = wire::GetCodesRequest { device_id: Some(device_id.to_owned()), ..NO_CODES };
        Ok(devices(cx, tenant, which).await.map_err(as_bad_input)?.pop())
    }

    async fn list_codes_by_pre_auth_session_id(
        &self,
        cx: &Cx,
        tenant: &str,
        pre_auth_session_id: &str,
    ) -> Result<Option<Device>> {
        let pre_auth_session_id = Some(pre_auth_session_id.to_owned());
        let which = wire::GetCodesRequest { pre_auth_session_id, ..NO_CODES };
        Ok(devices(cx, tenant, which).await?.pop())
    }
}

const NO_CODES: wire::GetCodesRequest =
    wire::GetCodesRequest { email: None, phone_number: None, device_id: None, pre_auth_session_id: None };

async fn devices(cx: &Cx, tenant: &str, which: wire::GetCodesRequest) -> Result<Vec<Device>> {
    Ok(cx.sdk().core().call::<wire::GetCodes>(cx, Some(tenant), &which).await?.devices)
}

async fn create(cx: &Cx, tenant: &str, call: &wire::CreateCodeRequest) -> Result<NewCode> {
    use wire::CreateCodeResponse as Answer;
    Ok(match cx.sdk().core().call::<wire::CreateCode>(cx, Some(tenant), call).await? {
        Answer::Ok {
            pre_auth_session_id,
            code_id,
            device_id,
            user_input_code,
            link_code,
            time_created,
            code_lifetime,
        } => NewCode::Ok(Code {
            code_id,
            device_id,
            pre_auth_session_id,
            user_input_code,
            link_code,
            time_created,
            code_lifetime,
        }),
        Answer::RestartFlow => NewCode::RestartFlow,
        Answer::UserInputCodeAlreadyUsed => NewCode::UserInputCodeAlreadyUsed,
    })
}

/// The core refuses a device or a link that it cannot decode. It comes from the frontend, so that the fault is
/// the caller's.
fn as_bad_input(error: Error) -> Error {
    match error {
        Error::Core(CoreError::Refused { status: 400, message, .. }) => Error::BadInput(message),
        error => error,
    }
}

fn email_taken() -> Changed {
    let reason = EmailChange::PrimaryUserConflict.reason().unwrap_or_default();
    Changed::EmailChangeNotAllowed { reason: reason.to_owned() }
}

fn nullable(field: &Field) -> Nullable<String> {
    match field {
        Field::Keep => Nullable::Absent,
        Field::Clear => Nullable::Null,
        Field::Set(text) => Nullable::Set(text.clone()),
    }
}
