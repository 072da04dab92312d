//! What e-mails say.

use super::{Email, EmailSubject};
use crate::{Cx, Error, Result};
use askama::Template;

/// An e-mail's words: HTML, and the same as text for those who do not want HTML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailContent {
    /// The subject.
    pub subject: String,
    /// The body in HTML.
    pub html: String,
    /// The body as text.
    pub text: String,
}

/// A template with what each of them says.
macro_rules! template {
    ($name:ident, $path:literal) => {
        #[derive(Template)]
        #[template(path = $path)]
        struct $name<'e> {
            app_name: &'e str,
            to: &'e str,
            link: &'e str,
        }
    };
}

template!(PasswordResetHtml, "password_reset.html");
template!(PasswordResetText, "password_reset.txt");
template!(EmailVerificationHtml, "email_verification.html");
template!(EmailVerificationText, "email_verification.txt");

impl EmailContent {
    /// The SDK's own words for an e-mail.
    pub fn of(cx: &Cx, email: &Email) -> Result<Self> {
        let (app_name, to, link) = (cx.sdk().app().name.as_str(), email.to.as_str(), email.subject.link());
        let (subject, html, text) = match email.subject {
            EmailSubject::PasswordReset { .. } => (
                "Reset your password",
                PasswordResetHtml { app_name, to, link }.render(),
                PasswordResetText { app_name, to, link }.render(),
            ),
            EmailSubject::EmailVerification { .. } => (
                "Verify your e-mail address",
                EmailVerificationHtml { app_name, to, link }.render(),
                EmailVerificationText { app_name, to, link }.render(),
            ),
        };
        let rendered =
            |text: askama::Result<String>| text.map_err(|error| Error::Delivery(error.to_string()));
        Ok(Self {
            subject: format!("{subject} – {app_name}"), html: rendered(html)?, text: rendered(text)?
        })
    }
}
