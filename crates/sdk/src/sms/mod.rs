//! Text messages to users: what they say, and how they get there. Unless the app names a way, they are only
//! logged; no other party ever gets them.

mod log;
mod twilio;

pub use log::LogSms;
pub use twilio::Twilio;

use crate::recipes::passwordless::LoginCode;
use crate::{Cx, Result};
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// A text message that somebody is to get.
#[derive(Clone)]
#[non_exhaustive]
pub struct Sms {
    /// The phone number, as E.164 unless the app's own rule lets others pass.
    pub to: String,
    /// What it is about.
    pub subject: SmsSubject,
    /// The tenant.
    pub tenant: String,
}

impl fmt::Debug for Sms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who has the code has the account.
        f.debug_struct("Sms").field("to", &self.to).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// What a text message is about. Who has a code or a link can use it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SmsSubject {
    /// A code, a link or both to sign in with.
    PasswordlessLogin(LoginCode),
}

impl fmt::Debug for SmsSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PasswordlessLogin(_) => "PasswordlessLogin",
        })
    }
}

impl Sms {
    /// A text message.
    pub fn new(to: impl Into<String>, subject: SmsSubject, tenant: impl Into<String>) -> Self {
        Self { to: to.into(), subject, tenant: tenant.into() }
    }

    /// The SDK's own words.
    pub fn text(&self, cx: &Cx) -> String {
        let SmsSubject::PasswordlessLogin(code) = &self.subject;
        let (app, lifetime) = (&cx.sdk().app().name, code.lifetime());
        match (&code.user_input_code, &code.link) {
            (Some(code), Some(link)) => {
                format!("{code} is your code for {app}. Or sign in here: {link}\nBoth work for {lifetime}.")
            }
            (None, Some(link)) => format!("Sign in to {app} here: {link}\nThe link works for {lifetime}."),
            (code, None) => {
                let code = code.as_deref().unwrap_or_default();
                format!("{code} is your code for {app}. It works for {lifetime}.")
            }
        }
    }
}

/// A way to send text messages.
///
/// ```
/// use async_trait::async_trait;
/// use portcullis::sms::{Sms, SmsDelivery};
/// use portcullis::{Cx, Result};
///
/// struct Queue(tokio::sync::mpsc::UnboundedSender<(String, String)>);
///
/// #[async_trait]
/// impl SmsDelivery for Queue {
///     async fn send(&self, cx: &Cx, sms: &Sms) -> Result<()> {
///         self.0.send((sms.to.clone(), sms.text(cx))).ok();
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait SmsDelivery: Send + Sync {
    /// Sends a text message. The request that brought it forth waits, and fails with an error.
    async fn send(&self, cx: &Cx, sms: &Sms) -> Result<()>;
}

#[async_trait]
impl<D: SmsDelivery + ?Sized> SmsDelivery for Arc<D> {
    async fn send(&self, cx: &Cx, sms: &Sms) -> Result<()> {
        (**self).send(cx, sms).await
    }
}

impl fmt::Debug for dyn SmsDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmsDelivery")
    }
}
