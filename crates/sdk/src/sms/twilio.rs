//! Text messages by way of Twilio.

use super::{Sms, SmsDelivery};
use crate::{BuildError, Cx, Error, HttpTransport, Result, Transport as _};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Request, Uri};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long Twilio may take to accept a message.
const TIMEOUT: Duration = Duration::from_secs(30);

type MakeText = dyn Fn(&Cx, &Sms) -> Result<String> + Send + Sync;

/// Sends text messages by way of Twilio.
///
/// ```no_run
/// use portcullis::sms::Twilio;
///
/// let twilio = Twilio::from_number("AC…", "the auth token", "+15005550006")?;
/// // Or with a pool of senders that Twilio chooses from:
/// let twilio = Twilio::from_messaging_service("AC…", "the auth token", "MG…")?;
/// # Ok::<(), portcullis::BuildError>(())
/// ```
#[derive(Clone)]
pub struct Twilio {
    account_sid: String,
    authorization: HeaderValue,
    /// The name and the value of the field that says whom messages are from.
    sender: (&'static str, String),
    api: String,
    http: HttpTransport,
    text: Arc<MakeText>,
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { account_sid, sender, .. } = self;
        f.debug_struct("Twilio")
            .field("account_sid", account_sid)
            .field("sender", sender)
            .finish_non_exhaustive()
    }
}

impl Twilio {
    /// Messages from a phone number, a short code or a name that the account may use.
    pub fn from_number(
        account_sid: &str,
        auth_token: &str,
        from: &str,
    ) -> std::result::Result<Self, BuildError> {
        Self::new(account_sid, auth_token, ("From", from))
    }

    /// Messages from whichever sender of a messaging service Twilio chooses.
    pub fn from_messaging_service(
        account_sid: &str,
        auth_token: &str,
        messaging_service_sid: &str,
    ) -> std::result::Result<Self, BuildError> {
        Self::new(account_sid, auth_token, ("MessagingServiceSid", messaging_service_sid))
    }

    fn new(
        account_sid: &str,
        auth_token: &str,
        (field, sender): (&'static str, &str),
    ) -> std::result::Result<Self, BuildError> {
        let is_sid = !account_sid.is_empty() && account_sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_sid {
            return Err(BuildError::InvalidTwilio("the account's SID is letters and digits"));
        }
        if auth_token.is_empty() || sender.is_empty() {
            return Err(BuildError::InvalidTwilio("the auth token and the sender must not be empty"));
        }
        let credentials = STANDARD.encode(format!("{account_sid}:{auth_token}"));
        let authorization = HeaderValue::from_str(&format!("Basic {credentials}"));
        let mut authorization =
            authorization.map_err(|_| BuildError::InvalidTwilio("the auth token cannot be sent"))?;
        authorization.set_sensitive(true);
        let http = HttpTransport::new().map_err(|error| BuildError::NoCertificates(error.to_string()))?;
        Ok(Self {
            account_sid: account_sid.to_owned(),
            authorization,
            sender: (field, sender.to_owned()),
            api: "https://api.twilio.com".to_owned(),
            http,
            text: Arc::new(|cx, sms| Ok(sms.text(cx))),
        })
    }

    /// Another address of the API: that of one of Twilio's regions, such as
    /// `https://api.dublin.ie1.twilio.com`, or of a stand-in for tests.
    pub fn api(mut self, address: &str) -> std::result::Result<Self, BuildError> {
        let uri = address.parse::<Uri>().ok();
        if !uri.is_some_and(|uri| uri.scheme().is_some() && uri.host().is_some()) {
            return Err(BuildError::InvalidTwilio("the API's address begins with https://"));
        }
        address.trim_end_matches('/').clone_into(&mut self.api);
        Ok(self)
    }

    /// Other words than [`Sms::text`].
    #[must_use]
    pub fn text(mut self, text: impl Fn(&Cx, &Sms) -> Result<String> + Send + Sync + 'static) -> Self {
        self.text = Arc::new(text);
        self
    }

    fn request(&self, to: &str, text: &str) -> Result<Request<Bytes>> {
        let (field, sender) = &self.sender;
        let mut form = form_urlencoded::Serializer::new(String::new());
        let form = form.append_pair("To", to).append_pair(field, sender).append_pair("Body", text).finish();
        Request::post(format!("{}/2010-04-01/Accounts/{}/Messages.json", self.api, self.account_sid))
            .header(AUTHORIZATION, self.authorization.clone())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .map_err(|error| fault(&error))
    }
}

fn fault(error: &dyn fmt::Display) -> Error {
    Error::Delivery(format!("Twilio: {error}"))
}

#[async_trait]
impl SmsDelivery for Twilio {
    async fn send(&self, cx: &Cx, sms: &Sms) -> Result<()> {
        let request = self.request(&sms.to, &(self.text)(cx, sms)?)?;
        let sent = tokio::time::timeout(TIMEOUT, self.http.send(request)).await;
        let reply = sent.map_err(|_| fault(&"no answer in time"))?.map_err(|error| fault(&error))?;
        if reply.status().is_success() {
            return Ok(());
        }
        // Twilio's own number for what is wrong; its text may hold the phone number.
        let code = serde_json::from_slice::<Value>(reply.body()).ok().and_then(|body| body["code"].as_i64());
        let code = code.map_or_else(String::new, |code| format!(", error {code}"));
        Err(fault(&format!("status {}{code}", reply.status().as_u16())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::passwordless::LoginCode;
    use crate::recipes::session::SessionRecipe;
    use crate::sms::SmsSubject;
    use crate::{AppInfo, Portcullis};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    fn call() -> Cx {
        let info = AppInfo::new("Demo & Co", "http://localhost:3001", "http://localhost:3000");
        let sdk = Portcullis::builder(info).core("http://localhost:1").recipe(SessionRecipe::new());
        Cx::new(&sdk.build().unwrap())
    }

    fn sms() -> Sms {
        let code = LoginCode {
            link: None,
            user_input_code: Some("123456".to_owned()),
            code_lifetime: 900_000,
            pre_auth_session_id: "x".to_owned(),
            is_first_factor: true,
        };
        Sms::new("+442071838750", SmsSubject::PasswordlessLogin(code), "public")
    }

    /// Takes one request, gives this answer, and tells what was asked.
    async fn serve(listener: TcpListener, answer: &str) -> String {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = String::new();
        let mut buffer = [0; 4096];
        while !asked.contains("Body=") {
            let length = stream.read(&mut buffer).await.unwrap();
            asked += std::str::from_utf8(&buffer[..length]).unwrap();
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        asked
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
    }

    #[tokio::test]
    async fn a_message_is_handed_over() {
        for (twilio, sender) in [
            (Twilio::from_number("AC1", "secret", "+15005550006"), "From=%2B15005550006"),
            (Twilio::from_messaging_service("AC1", "secret", "MG2"), "MessagingServiceSid=MG2"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let twilio = twilio.unwrap().api(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
            let (cx, sms, answer) = (call(), sms(), answer("201 Created", "{}"));
            let (sent, asked) = tokio::join!(twilio.send(&cx, &sms), serve(listener, &answer));
            sent.unwrap();
            assert!(asked.starts_with("POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\n"), "{asked}");
            assert!(asked.contains("authorization: Basic QUMxOnNlY3JldA==\r\n"), "{asked}");
            let (_, form) = asked.split_once("\r\n\r\n").unwrap();
            let text = "123456+is+your+code+for+Demo+%26+Co.+It+works+for+15+minutes.";
            assert_eq!(form, format!("To=%2B442071838750&{sender}&Body={text}"));
        }
    }

    #[tokio::test]
    async fn what_twilio_refuses_is_an_error_without_the_number() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let twilio = Twilio::from_number("AC1", "secret", "Demo").unwrap();
        let twilio = twilio.api(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let twilio = twilio.text(|_, _| Ok("Hello".to_owned()));
        let refusal = r#"{"code": 21211, "message": "Invalid 'To' Phone Number: +442071838750"}"#;
        let (cx, sms, answer) = (call(), sms(), answer("400 Bad Request", refusal));
        let (sent, asked) = tokio::join!(twilio.send(&cx, &sms), serve(listener, &answer));
        assert!(asked.ends_with("&Body=Hello"), "{asked}");
        let error = sent.unwrap_err();
        assert_eq!(error.to_string(), "delivery: Twilio: status 400, error 21211");

        let nowhere = twilio.api("http://127.0.0.1:1").unwrap();
        let error = nowhere.send(&cx, &sms).await.unwrap_err();
        assert!(matches!(error, Error::Delivery(_)), "{error:?}");
    }

    #[test]
    fn settings_are_checked_and_secrets_kept() {
        for (account, token, from) in [("", "t", "f"), ("A/C", "t", "f"), ("AC1", "", "f"), ("AC1", "t", "")]
        {
            let error = Twilio::from_number(account, token, from).unwrap_err();
            assert!(matches!(error, BuildError::InvalidTwilio(_)), "{error}");
        }
        let twilio = Twilio::from_number("AC1", "secret", "f").unwrap();
        assert!(!format!("{twilio:?} {:?}", sms()).contains("secret"));
        assert!(!format!("{:?}", sms()).contains("123456"));
        for address in ["", "api.twilio.com", "not an address"] {
            let error = twilio.clone().api(address).unwrap_err();
            assert!(matches!(error, BuildError::InvalidTwilio(_)), "{error}");
        }
    }
}
