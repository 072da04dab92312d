//! An app to test: the SDK with a core of its own, and requests to it as the frontend sends them.

#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its own part")]

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use portcullis::email::{Email, EmailContent, EmailDelivery};
use portcullis::{AppInfo, Builder, CoreAddress, Cx, Exchange, Portcullis, Transport};
use portcullis_embedded::Embedded;
use portcullis_wire::Object;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// The SDK, and the core behind it.
pub(crate) struct TestApp {
    pub(crate) sdk: Portcullis,
    core: Arc<Embedded>,
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Reply {
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

    /// The token of the one link that was sent, which leads to a page.
    pub(crate) fn token(&self, page: &str) -> String {
        let [(email, _)] = self.take().try_into().expect("one e-mail");
        token_of(email.subject.link(), page)
    }
}

/// The token of a link to a page, for the public tenant.
pub(crate) fn token_of(link: &str, page: &str) -> String {
    let token = link.strip_prefix(&format!("http://localhost:3000/auth/{page}?token=")).expect(link);
    token.strip_suffix("&tenantId=public").expect(link).to_owned()
}

/// A core of its own for each test, on the engine that `TEST_ENGINE` names.
fn core() -> Embedded {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    if std::env::var("TEST_ENGINE").as_deref() != Ok("postgres") {
        return Embedded::in_memory();
    }
    let url = std::env::var("TEST_DATABASE_URL").unwrap();
    let at = std::time::UNIX_EPOCH.elapsed().unwrap().as_micros();
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    Embedded::postgres(url).schema(format!("sdk_{at}_{}_{number}", std::process::id()))
}

impl TestApp {
    pub(crate) fn new(describe: impl FnOnce(Builder) -> Builder) -> Self {
        let core = Arc::new(core());
        let transport: Arc<dyn Transport> = Arc::clone(&core) as _;
        let builder = Portcullis::builder(info()).core(CoreAddress::Transport(transport));
        Self { sdk: describe(builder).build().unwrap(), core }
    }

    /// A request to one of the frontend APIs.
    pub(crate) async fn send(&self, request: http::request::Builder, body: impl Into<Bytes>) -> Reply {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let cx = Cx::of_request(&self.sdk, Arc::new(Exchange::new(&head, body.into())));
        let response = self.sdk.handle(&cx).await.expect("the path is one of the SDK's");
        let status = response.status().as_u16();
        let (head, body) = response.into_parts();
        Reply { status, headers: head.headers, body: serde_json::from_slice(&body).unwrap() }
    }

    /// A `POST` with a JSON body.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Request::post(path), body.to_string()).await
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

    /// A call to the core itself.
    pub(crate) async fn core(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = Request::builder().method(method).uri(format!("http://core{path}"));
        let request = request.header("cdi-version", "5.4").body(Bytes::from(body.to_string())).unwrap();
        let reply = self.core.send(request).await.unwrap();
        assert_eq!(reply.status(), 200, "{:?}", reply.body());
        serde_json::from_slice(reply.body()).unwrap()
    }
}
