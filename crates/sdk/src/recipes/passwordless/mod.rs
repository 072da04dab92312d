//! Sign-up and sign-in in one, with a code or a link that is sent.

mod apis;
mod config;
mod functions;
mod routes;
mod types;

pub use apis::{Api, Apis, ConsumeCodeOutcome, CreateCodeOutcome, ResendCodeInput, ResendCodeOutcome};
pub use config::{ContactMethod, FlowType, Passwordless};
pub use functions::Functions;
pub use types::{
    Attempt, Change, Changed, Code, CodeFault, CodeProof, CodeRequest, ConsumedDevice, Contact, Device,
    ListedCode, LoginCode, NewCode, Revocation, SignInUp,
};

pub(crate) use routes::routes;

use crate::email::{self, Email, EmailDelivery, EmailSubject};
use crate::sms::{Sms, SmsDelivery, SmsSubject};
use crate::{Cx, Result};
use config::Settings;
use std::collections::HashSet;
use std::sync::Arc;

/// The passwordless recipe at work.
#[derive(Debug)]
pub struct Codes {
    pub(crate) settings: Settings,
    pub(crate) email_delivery: Option<Arc<dyn EmailDelivery>>,
    pub(crate) sms_delivery: Option<Arc<dyn SmsDelivery>>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    pub(crate) disabled: HashSet<Api>,
}

impl Codes {
    /// Makes a code and a link, for a device of their own. Sends nothing.
    pub async fn create_code(&self, cx: &Cx, request: &CodeRequest) -> Result<Code> {
        self.functions.create_code(cx, request).await
    }

    /// Makes a further code and link for a device; a code of six digits unless another one is given.
    pub async fn create_new_code_for_device(
        &self,
        cx: &Cx,
        tenant: &str,
        device_id: &str,
        user_input_code: Option<&str>,
    ) -> Result<NewCode> {
        self.functions.create_new_code_for_device(cx, tenant, device_id, user_input_code).await
    }

    /// Uses a code up: the user is found, or made, and the address is proven. Makes no session.
    pub async fn consume_code(&self, cx: &Cx, attempt: &Attempt) -> Result<SignInUp> {
        self.functions.consume_code(cx, attempt).await
    }

    /// Whether a code would do. It stays, but a wrong one counts.
    pub async fn check_code(
        &self,
        cx: &Cx,
        tenant: &str,
        pre_auth_session_id: &str,
        proof: &CodeProof,
    ) -> Result<std::result::Result<ConsumedDevice, CodeFault>> {
        self.functions.check_code(cx, tenant, pre_auth_session_id, proof).await
    }

    /// Finds the user of an address or a number, or makes one, as if a code had come back. Makes no session.
    pub async fn sign_in_up(&self, cx: &Cx, request: &CodeRequest) -> Result<SignInUp> {
        let code = self.create_code(cx, request).await?;
        let Code { device_id, user_input_code, link_code, pre_auth_session_id, .. } = code;
        let proof = if self.settings.is_by_link() {
            CodeProof::Link { link_code }
        } else {
            CodeProof::Entered { device_id, user_input_code }
        };
        let CodeRequest { tenant, session, link_to_session_user, .. } = request.clone();
        let attempt = Attempt { tenant, pre_auth_session_id, proof, session, link_to_session_user };
        self.consume_code(cx, &attempt).await
    }

    /// Makes a link to sign in with.
    pub async fn create_magic_link(&self, cx: &Cx, tenant: &str, contact: Contact) -> Result<String> {
        let user_input_code = self.settings.user_input_code(cx, tenant).await?;
        let request = CodeRequest { user_input_code, ..CodeRequest::new(tenant, contact) };
        let code = self.create_code(cx, &request).await?;
        Ok(magic_link(cx, tenant, &code))
    }

    /// Changes address or number.
    pub async fn update_user(&self, cx: &Cx, change: &Change) -> Result<Changed> {
        self.functions.update_user(cx, change).await
    }

    /// Forgets every code of an address or a number.
    pub async fn revoke_all_codes(&self, cx: &Cx, tenant: &str, contact: &Contact) -> Result<()> {
        self.functions.revoke_all_codes(cx, tenant, contact).await
    }

    /// Forgets a code or a device.
    pub async fn revoke_code(&self, cx: &Cx, tenant: &str, what: &Revocation) -> Result<()> {
        self.functions.revoke_code(cx, tenant, what).await
    }

    /// The devices of an address, each with its codes, expired ones too.
    pub async fn list_codes_by_email(&self, cx: &Cx, tenant: &str, email: &str) -> Result<Vec<Device>> {
        self.functions.list_codes_by_email(cx, tenant, email).await
    }

    /// The devices of a number, each with its codes, expired ones too.
    pub async fn list_codes_by_phone_number(
        &self,
        cx: &Cx,
        tenant: &str,
        number: &str,
    ) -> Result<Vec<Device>> {
        self.functions.list_codes_by_phone_number(cx, tenant, number).await
    }

    /// A device with its codes, by what only it knows.
    pub async fn list_codes_by_device_id(
        &self,
        cx: &Cx,
        tenant: &str,
        device_id: &str,
    ) -> Result<Option<Device>> {
        self.functions.list_codes_by_device_id(cx, tenant, device_id).await
    }

    /// A device with its codes.
    pub async fn list_codes_by_pre_auth_session_id(
        &self,
        cx: &Cx,
        tenant: &str,
        pre_auth_session_id: &str,
    ) -> Result<Option<Device>> {
        self.functions.list_codes_by_pre_auth_session_id(cx, tenant, pre_auth_session_id).await
    }

    /// Sends an e-mail in this recipe's way.
    pub async fn send_email(&self, cx: &Cx, email: &Email) -> Result<()> {
        email::send(cx, self.email_delivery.as_ref(), email).await
    }

    /// Sends a text message in this recipe's way.
    pub async fn send_sms(&self, cx: &Cx, sms: &Sms) -> Result<()> {
        self.sms_delivery.as_ref().unwrap_or(cx.sdk().sms_delivery()).send(cx, sms).await
    }

    async fn send(&self, cx: &Cx, tenant: &str, contact: &Contact, code: LoginCode) -> Result<()> {
        match contact {
            Contact::Email(email) => {
                self.send_email(cx, &Email::new(email, EmailSubject::PasswordlessLogin(code), tenant)).await
            }
            Contact::PhoneNumber(number) => {
                self.send_sms(cx, &Sms::new(number, SmsSubject::PasswordlessLogin(code), tenant)).await
            }
        }
    }
}

/// The address of the page that takes a link's code. It stands behind the `#`, so that no server is told.
fn magic_link(cx: &Cx, tenant: &str, code: &Code) -> String {
    let query = [("preAuthSessionId", code.pre_auth_session_id.as_str()), ("tenantId", tenant)];
    format!("{}#{}", email::link_with(cx, "/verify", &query), code.link_code)
}
