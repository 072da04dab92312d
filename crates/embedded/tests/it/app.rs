//! An app to test: the SDK with a core of its own, and requests to it as the frontend sends them.

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use portcullis::email::{Email, EmailContent, EmailDelivery};
use portcullis::sms::{Sms, SmsDelivery};
use portcullis::{AppInfo, Builder, Clock, Cx, Error, Exchange, Portcullis};
use portcullis_testkit::{START, Shape, ShapedCore};
use portcullis_wire::Object;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The SDK, and the core behind it. Both go by clocks that stand still until they are moved.
pub(crate) struct TestApp {
    pub(crate) sdk: Portcullis,
    core: ShapedCore,
    clock: Clock,
    clock_of_core: portcullis_embedded::Clock,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
    fn of(response: Response<Bytes>) -> Self {
        let (head, body) = response.into_parts();
        // What is no JSON is a page, or nothing.
        let body = match serde_json::from_slice(&body) {
            Ok(body) => body,
            Err(_) if body.is_empty() => Value::Null,
            Err(_) => json!(String::from_utf8_lossy(&body)),
        };
        Self { status: head.status.as_u16(), headers: head.headers, body }
    }

    /// The cookies that were set, in full.
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// `name=value` of each cookie that was set, as a browser sends them.
    pub(crate) fn cookies(&self) -> String {
        let pairs = self.set_cookies().into_iter().map(|cookie| cookie.split(';').next().unwrap());
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Status and body in one.
    pub(crate) fn seen(&self) -> (u16, Value) {
        (self.status, self.body.clone())
    }

    /// The access token that was given.
    pub(crate) fn access_token(&self) -> &str {
        self.headers["st-access-token"].to_str().unwrap()
    }
}

/// Where the app says it lives.
pub(crate) fn info() -> AppInfo {
    AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000")
}

/// The fields of a JSON object.
pub(crate) fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap()
}

/// Keeps the e-mails that are sent, with their words.
#[derive(Clone, Default)]
pub(crate) struct Mails(Arc<Mutex<Vec<(Email, EmailContent)>>>);

#[async_trait]
impl EmailDelivery for Mails {
    async fn send(&self, cx: &Cx, email: &Email) -> portcullis::Result<()> {
        let content = EmailContent::of(cx, email)?;
        self.0.lock().unwrap().push((email.clone(), content));
        Ok(())
    }
}

impl Mails {
    /// Those that were sent since this was last asked.
    pub(crate) fn take(&self) -> Vec<(Email, EmailContent)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The one that is sent; some come after the answer to the request that they are about.
    pub(crate) async fn one(&self) -> (Email, EmailContent) {
        let came = async {
            while self.0.lock().unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), came).await.expect("an e-mail");
        let [mail] = self.take().try_into().expect("one e-mail");
        mail
    }

    /// The token of the one link that is sent, which leads to a page.
    pub(crate) async fn token(&self, page: &str) -> String {
        let (email, _) = self.one().await;
        token_of(email.subject.link().unwrap(), page)
    }
}

/// Keeps the text messages that are sent, with their words.
#[derive(Clone, Default)]
pub(crate) struct Messages(Arc<Mutex<Vec<(Sms, String)>>>);

#[async_trait]
impl SmsDelivery for Messages {
    async fn send(&self, cx: &Cx, sms: &Sms) -> portcullis::Result<()> {
        self.0.lock().unwrap().push((sms.clone(), sms.text(cx)));
        Ok(())
    }
}

impl Messages {
    /// Those that were sent since this was last asked.
    pub(crate) fn take(&self) -> Vec<(Sms, String)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The token of a link to a page, for the public tenant.
pub(crate) fn token_of(link: &str, page: &str) -> String {
    let token = link.strip_prefix(&format!("http://localhost:3000/auth/{page}?token=")).expect(link);
    token.strip_suffix("&tenantId=public").expect(link).to_owned()
}

impl TestApp {
    pub(crate) async fn new(shape: Shape, describe: impl FnOnce(Builder) -> Builder) -> Self {
        Self::of(info(), shape, &json!({}), describe).await
    }

    /// An app that lives elsewhere, on a core with settings.
    pub(crate) async fn of(
        info: AppInfo,
        shape: Shape,
        settings: &Value,
        describe: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let clock_of_core = portcullis_embedded::Clock::fixed(START);
        let core = shape.start_core(settings, clock_of_core.clone()).await;
        let clock = Clock::fixed(START);
        let builder = Portcullis::builder(info).core(core.address()).clock(clock.clone());
        Self { sdk: describe(builder).build().unwrap(), core, clock, clock_of_core }
    }

    /// The code of an authenticator app at the app's time.
    pub(crate) fn totp(&self, secret: &str) -> String {
        let secret = totp_rs::Secret::try_from_base32(secret).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build_noncompliant();
        totp.generate(u64::try_from(self.clock.now() / 1000).unwrap()).to_string()
    }

    /// Another SDK with the same core.
    pub(crate) fn another_sdk(&self, describe: impl FnOnce(Builder) -> Builder) -> Portcullis {
        let builder = Portcullis::builder(info()).core(self.core.address()).clock(self.clock.clone());
        describe(builder).build().unwrap()
    }

    /// Lets time pass.
    pub(crate) fn advance(&self, milliseconds: i64) {
        let now = self.clock.now() + milliseconds;
        self.clock.set(now);
        self.clock_of_core.set(now);
    }

    /// A call that a request to one of the app's own routes has begun.
    pub(crate) fn call(&self, request: http::request::Builder) -> Cx {
        let (head, ()) = request.body(()).unwrap().into_parts();
        Cx::of_request(&self.sdk, Arc::new(Exchange::new(&head, Bytes::new())))
    }

    /// A request to one of the frontend APIs.
    pub(crate) async fn send(&self, request: http::request::Builder, body: impl Into<Bytes>) -> Reply {
        let (head, ()) = request.body(()).unwrap().into_parts();
        assert!(self.serves(&head.method, head.uri.path()), "{} is not one of the SDK's", head.uri);
        let response = self.sdk.serve(&head, Full::new(body.into())).await;
        Reply::of(response)
    }

    /// What the app answers to a call of its own that failed.
    pub(crate) async fn refuse(&self, cx: &Cx, error: &Error) -> Reply {
        let mut response = self.sdk.error_response(cx, error).await;
        cx.exchange().unwrap().write_to(response.headers_mut());
        Reply::of(response)
    }

    /// A `POST` with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Request::post(path), body.to_string()).await
    }

    /// A call of a frontend API with a session.
    pub(crate) async fn with_session(&self, method: Method, path: &str, token: &str, body: &Value) -> Reply {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", format!("Bearer {token}"));
        self.send(request, if body.is_null() { String::new() } else { body.to_string() }).await
    }

    /// A `POST` of a form.
    pub(crate) async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let fields: Vec<_> = fields.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
        self.post(path, &json!({"formFields": fields})).await
    }

    /// Whether a path is served.
    pub(crate) fn serves(&self, method: &Method, path: &str) -> bool {
        self.sdk.is_for(method, path, None)
    }

    /// A call to the core itself, in an older version of its protocol.
    pub(crate) async fn core_in(&self, version: &str, method: Method, path: &str, body: &Value) -> Value {
        let (status, reply) = self.core.call_in(version, method, path, body).await;
        assert_eq!(status, 200, "{reply}");
        reply
    }

    /// A call to the core itself.
    pub(crate) async fn core(&self, method: Method, path: &str, body: &Value) -> Value {
        let (status, reply) = self.core.call(method, path, body).await;
        assert_eq!(status, 200, "{reply}");
        reply
    }
}
