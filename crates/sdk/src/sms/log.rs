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
