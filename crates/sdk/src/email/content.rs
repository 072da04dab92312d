//! What e-mails say.

use super::{Email, EmailSubject};
use crate::recipes::passwordless::LoginCode;
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

/// What the templates are filled with. A link or a code that is empty is left out.
#[derive(Clone, Copy)]
struct Words<'e> {
    app_name: &'e str,
    to: &'e str,
    link: &'e str,
    code: &'e str,
    /// How long the code works.
    lifetime: &'e str,
}

/// A template of HTML and one of text.
macro_rules! templates {
    ($render:ident, $html:literal, $text:literal) => {
        fn $render(words: Words<'_>) -> askama::Result<(String, String)> {
            #[derive(Template)]
            #[template(path = $html)]
            struct Html<'e> {
                words: Words<'e>,
            }
            #[derive(Template)]
            #[template(path = $text)]
            struct Text<'e> {
                words: Words<'e>,
            }
            Ok((Html { words }.render()?, Text { words }.render()?))
        }
    };
}

templates!(password_reset, "password_reset.html", "password_reset.txt");
templates!(email_verification, "email_verification.html", "email_verification.txt");
templates!(passwordless_login, "passwordless_login.html", "passwordless_login.txt");
templates!(recover_account, "recover_account.html", "recover_account.txt");

impl EmailContent {
    /// The SDK's own words for an e-mail.
    pub fn of(cx: &Cx, email: &Email) -> Result<Self> {
        let app_name = cx.sdk().app().name.as_str();
        let lifetime = match &email.subject {
            EmailSubject::PasswordlessLogin(code) => code.lifetime(),
            _ => String::new(),
        };
        let words = Words {
            app_name,
            to: &email.to,
            link: email.subject.link().unwrap_or_default(),
            code: email.subject.user_input_code().unwrap_or_default(),
            lifetime: &lifetime,
        };
        let (subject, bodies) = match &email.subject {
            EmailSubject::PasswordReset { .. } => ("Reset your password", password_reset(words)),
            EmailSubject::EmailVerification { .. } => {
                ("Verify your e-mail address", email_verification(words))
            }
            EmailSubject::PasswordlessLogin(code) => (login_subject(code), passwordless_login(words)),
            EmailSubject::RecoverAccount { .. } => ("Get your account back", recover_account(words)),
        };
        let (html, text) = bodies.map_err(|error| Error::Delivery(error.to_string()))?;
        Ok(Self { subject: format!("{subject} – {app_name}"), html, text })
    }
}

fn login_subject(code: &LoginCode) -> &'static str {
    if code.user_input_code.is_some() { "Your code to sign in" } else { "Your link to sign in" }
}
