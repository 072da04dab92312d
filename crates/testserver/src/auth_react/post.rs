//! What would be sent to users, for the suite to ask for.

use portcullis::email::{Email, EmailDelivery, EmailSubject};
use portcullis::recipes::passwordless::LoginCode;
use portcullis::sms::{Sms, SmsDelivery, SmsSubject};
use portcullis::{Cx, Result, async_trait};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Sends nothing, and keeps it.
#[derive(Debug, Default)]
pub(crate) struct Post(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// Of the newest e-mail that proves an address or resets a password.
    link: String,
    /// The codes of each device, by its `preAuthSessionId`.
    codes: HashMap<String, Vec<Value>>,
    /// The newest token to get an account back with, by address.
    recovery_tokens: HashMap<String, String>,
}

impl Post {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn link(&self) -> String {
        self.kept().link.clone()
    }

    pub(crate) fn codes(&self, device: &str) -> Option<Vec<Value>> {
        self.kept().codes.get(device).cloned()
    }

    pub(crate) fn recovery_token(&self, email: &str) -> Option<String> {
        self.kept().recovery_tokens.get(email).cloned()
    }

    pub(crate) fn forget_codes(&self) {
        self.kept().codes.clear();
    }

    fn keep_code(&self, code: &LoginCode) {
        // The suite's tests want another parameter before this one.
        let link = code.link.as_ref().map(|link| link.replace("?pre", "?test=fix&pre"));
        let shown = json!({"urlWithLinkCode": link, "userInputCode": code.user_input_code});
        self.kept().codes.entry(code.pre_auth_session_id.clone()).or_default().push(shown);
    }
}

#[async_trait]
impl EmailDelivery for Post {
    async fn send(&self, _: &Cx, email: &Email) -> Result<()> {
        match &email.subject {
            EmailSubject::PasswordlessLogin(code) => self.keep_code(code),
            EmailSubject::RecoverAccount { link } => {
                let query = link.split_once('?').map_or("", |(_, query)| query);
                let mut params = form_urlencoded::parse(query.as_bytes());
                let token = params.find(|(name, _)| name == "token").map(|(_, token)| token.into_owned());
                self.kept().recovery_tokens.insert(email.to.clone(), token.unwrap_or_default());
            }
            subject => subject.link().unwrap_or_default().clone_into(&mut self.kept().link),
        }
        Ok(())
    }
}

#[async_trait]
impl SmsDelivery for Post {
    async fn send(&self, _: &Cx, sms: &Sms) -> Result<()> {
        if let SmsSubject::PasswordlessLogin(code) = &sms.subject {
            self.keep_code(code);
        }
        Ok(())
    }
}
