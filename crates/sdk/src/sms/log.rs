//! Text messages that nobody gets but the log's readers.

use super::{Sms, SmsDelivery};
use crate::{Cx, Result};
use async_trait::async_trait;
use std::sync::atomic::{AtomicBool, Ordering};

/// Logs text messages instead of sending them: for the time before a way to send them is chosen, and what
/// the SDK does by default.
#[derive(Debug, Default)]
pub struct LogSms {
    has_warned: AtomicBool,
}

impl LogSms {
    /// Logs text messages with `tracing`.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl SmsDelivery for LogSms {
    async fn send(&self, cx: &Cx, sms: &Sms) -> Result<()> {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "text messages are logged and not sent: call .sms_delivery(Twilio::…) before .build()"
            );
        }
        tracing::info!(to = sms.to, about = ?sms.subject, text = sms.text(cx), "text message");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::passwordless::LoginCode;
    use crate::recipes::session::SessionRecipe;
    use crate::sms::SmsSubject;
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
    async fn every_message_is_logged_and_once_that_none_is_sent() {
        let info = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
        let sdk = Portcullis::builder(info).core("http://localhost:1").recipe(SessionRecipe::new());
        let cx = Cx::new(&sdk.build().unwrap());
        let (written, log) = (Written::default(), LogSms::new());
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        for (code, link) in
            [(Some("123456"), None), (None, Some("http://x/y#z")), (Some("654321"), Some("http://x/q"))]
        {
            let code = LoginCode {
                link: link.map(str::to_owned),
                user_input_code: code.map(str::to_owned),
                code_lifetime: 900_000,
                pre_auth_session_id: String::new(),
                is_first_factor: true,
            };
            let sms = Sms::new("+442071838750", SmsSubject::PasswordlessLogin(code), "public");
            log.send(&cx, &sms).await.unwrap();
        }
        drop(guard);
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(
            (text.matches("not sent").count(), text.matches("+442071838750").count()),
            (1, 3),
            "{text}"
        );
        for told in
            ["123456 is your code for Demo. It works for 15 minutes.", "http://x/y#z", "654321", "http://x/q"]
        {
            assert!(text.contains(told), "{told}: {text}");
        }
    }
}
