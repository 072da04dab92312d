//! E-mails that nobody gets but the log's readers.

use super::{Email, EmailDelivery};
use crate::{Cx, Result};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};

/// Logs the links instead of sending them: for the time before a way to send e-mails is chosen, and what
/// the SDK does by default.
#[derive(Debug, Default)]
pub struct LogEmails {
    has_warned: AtomicBool,
}

impl LogEmails {
    /// Logs the links with `tracing`.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl EmailDelivery for LogEmails {
    async fn send(&self, _: &Cx, email: &Email) -> Result<()> {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "e-mails are logged and not sent: call .email_delivery(Smtp::new(…)) before .build()"
            );
        }
        let (link, code) = (email.subject.link(), email.subject.user_input_code());
        tracing::info!(to = email.to, about = ?email.subject, link, code, "e-mail");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::email::EmailSubject;
    use crate::recipes::session::SessionRecipe;
    use crate::{AppInfo, Portcullis};
    use std::io;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn every_link_is_logged_and_once_that_none_is_sent() {
        let info = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
        let sdk = Portcullis::builder(info).core("http://localhost:1").recipe(SessionRecipe::new());
        let cx = Cx::new(&sdk.build().unwrap());
        let (written, log) = (Written::default(), LogEmails::new());
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        for number in 1..=2 {
            let subject = EmailSubject::PasswordReset { link: format!("http://x/y?token={number}") };
            let email = Email::new("ann@example.com", subject, "public");
            log.send(&cx, &email).await.unwrap();
        }
        drop(guard);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("not sent").count(), 1, "{text}");
        assert!(text.contains("token=1") && text.contains("token=2"), "{text}");
    }
}
