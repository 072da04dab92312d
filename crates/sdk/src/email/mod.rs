//! E-mails to users: what they say, and how they get there. Unless the app names a way, they are only
//! logged; no other party ever gets them.

mod content;
mod log;
mod smtp;

pub use content::EmailContent;
pub use log::LogEmails;
pub use smtp::Smtp;

use crate::recipes::passwordless::LoginCode;
use crate::{Cx, Result};
use async_trait::async_trait;
use std::fmt;
use std::sync::Arc;

/// An e-mail that a user is to get.
#[derive(Clone)]
#[non_exhaustive]
pub struct Email {
    /// The address.
    pub to: String,
    /// What it is about.
    pub subject: EmailSubject,
    /// The tenant.
    pub tenant: String,
    /// The primary user; none if whoever gets it may not be one yet.
    pub user_id: Option<String>,
    /// The login method, if it is there already.
    pub recipe_user_id: Option<String>,
}

impl Email {
    /// An e-mail to somebody who may not be a user yet.
    pub fn new(to: impl Into<String>, subject: EmailSubject, tenant: impl Into<String>) -> Self {
        Self { to: to.into(), subject, tenant: tenant.into(), user_id: None, recipe_user_id: None }
    }

    /// Names the user, and the login method if it is there already.
    #[must_use]
    pub fn of_user(mut self, user_id: impl Into<String>, recipe_user_id: Option<&str>) -> Self {
        self.user_id = Some(user_id.into());
        self.recipe_user_id = recipe_user_id.map(str::to_owned);
        self
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Who has the link has the account.
        f.debug_struct("Email").field("to", &self.to).field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// What an e-mail is about. Who has a link can use it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmailSubject {
    /// A link to choose a new password.
    PasswordReset {
        /// The link.
        link: String,
    },
    /// A link that proves that the address is the user's.
    EmailVerification {
        /// The link.
        link: String,
    },
    /// A code, a link or both to sign in with.
    PasswordlessLogin(LoginCode),
    /// A link to add a passkey to an account whose passkeys are gone.
    RecoverAccount {
        /// The link.
        link: String,
    },
}

impl EmailSubject {
    /// The link in it; none if it only has a code.
    pub fn link(&self) -> Option<&str> {
        match self {
            Self::PasswordReset { link }
            | Self::EmailVerification { link }
            | Self::RecoverAccount { link } => Some(link),
            Self::PasswordlessLogin(code) => code.link.as_deref(),
        }
    }

    /// The code in it that is to be entered.
    pub fn user_input_code(&self) -> Option<&str> {
        match self {
            Self::PasswordlessLogin(code) => code.user_input_code.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Debug for EmailSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PasswordReset { .. } => "PasswordReset",
            Self::EmailVerification { .. } => "EmailVerification",
            Self::PasswordlessLogin(_) => "PasswordlessLogin",
            Self::RecoverAccount { .. } => "RecoverAccount",
        })
    }
}

/// A way to send e-mails.
///
/// ```
/// use async_trait::async_trait;
/// use portcullis::email::{Email, EmailContent, EmailDelivery};
/// use portcullis::{Cx, Result};
///
/// struct Queue(tokio::sync::mpsc::UnboundedSender<(String, EmailContent)>);
///
/// #[async_trait]
/// impl EmailDelivery for Queue {
///     async fn send(&self, cx: &Cx, email: &Email) -> Result<()> {
///         let content = EmailContent::of(cx, email)?;
///         self.0.send((email.to.clone(), content)).ok();
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait EmailDelivery: Send + Sync {
    /// Sends an e-mail. The request that brought it forth waits, and fails with an error; but not a request
    /// for a link to reset a password, which is answered before (an error is logged): neither time nor
    /// failure is to tell a stranger who is known.
    async fn send(&self, cx: &Cx, email: &Email) -> Result<()>;
}

#[async_trait]
impl<D: EmailDelivery + ?Sized> EmailDelivery for Arc<D> {
    async fn send(&self, cx: &Cx, email: &Email) -> Result<()> {
        (**self).send(cx, email).await
    }
}

impl fmt::Debug for dyn EmailDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailDelivery")
    }
}

/// Sends an e-mail in a recipe's own way, or else in the app's.
pub(crate) async fn send(cx: &Cx, own: Option<&Arc<dyn EmailDelivery>>, email: &Email) -> Result<()> {
    own.unwrap_or(cx.sdk().email_delivery()).send(cx, email).await
}

/// The address of one of the website's pages that takes a token.
pub(crate) fn link(cx: &Cx, page: &str, token: &str, tenant: &str) -> String {
    link_with(cx, page, &[("token", token), ("tenantId", tenant)])
}

/// The address of one of the website's pages, on the site that the call's request came from.
pub(crate) fn link_with(cx: &Cx, page: &str, query: &[(&str, &str)]) -> String {
    let app = cx.sdk().app();
    let website = app.website(cx.exchange().and_then(|exchange| exchange.header("origin")));
    let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
    format!("{website}{}{page}?{query}", app.website_base_path)
}
