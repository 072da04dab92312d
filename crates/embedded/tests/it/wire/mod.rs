//! What goes over the wire: each frontend API's request and response as it is written, for every answer
//! that it has.
//!
//! The clocks stand still, so that times are written out; what is random is given a name when it is first
//! seen, so that what is the same is seen to be so.

mod emailpassword;
mod emailverification;
mod multifactorauth;
mod multitenancy;
mod openid;
mod passwordless;
mod session;
mod thirdparty;
mod webauthn;

use crate::app::{Mails, TestApp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, Method, Request};
use portcullis::Builder;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::session::SessionRecipe;
use portcullis_testkit::Shape;
use regex::{Captures, Regex};
use serde_json::{Value, json};
use std::cell::RefCell;

/// What is another one in each run, by the name that it gets.
const RANDOM: [&str; 9] = [
    r"(?<access_token>eyJ[\w-]+\.[\w-]+\.[\w-]+)",
    r"(?<refresh_token>[\w%/+-]+\.[0-9a-f]{64}\.V2)",
    r"(?<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})",
    r"(?<hash>\b[0-9a-f]{64}\b)",
    r"(?<modulus>[\w-]{300,})",
    r"(?<mailed_token>[\w-]{64,200})",
    r"(?<secret>\b[A-Z2-7]{32}\b)",
    r"(?<device_id>[\w+/]{43}=)",
    r"(?<challenge>[\w-]{43}(?:[\w-]{5})?)",
];

/// Compares with what is written in the test: the same in both shapes and on both engines.
macro_rules! golden {
    ($exchange:expr, @$expected:literal) => {
        let written = &$exchange.text;
        insta::allow_duplicates! { insta::assert_snapshot!(written, @$expected) }
    };
}
use golden;

/// An app, and the random things that were seen, by kind.
struct Wire {
    app: TestApp,
    mails: Mails,
    random: Regex,
    seen: RefCell<Vec<(String, String)>>,
}

/// A request and its response.
struct Exchange {
    text: String,
    headers: HeaderMap,
    body: Value,
}

impl Wire {
    async fn new(shape: Shape) -> Self {
        Self::with_session(shape, SessionRecipe::new()).await
    }

    async fn with_session(shape: Shape, session: SessionRecipe) -> Self {
        Self::with(shape, |builder| {
            builder.recipe(EmailPassword::new()).recipe(EmailVerification::optional()).recipe(session)
        })
        .await
    }

    async fn with(shape: Shape, describe: impl FnOnce(Builder) -> Builder) -> Self {
        let mails = Mails::default();
        let app = TestApp::new(shape, |builder| describe(builder.email_delivery(mails.clone()))).await;
        let random = Regex::new(&format!("(?-u:{})", RANDOM.join("|"))).unwrap();
        Self { app, mails, random, seen: RefCell::default() }
    }

    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Exchange {
        self.send(Method::GET, path, headers, "").await
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
        self.send(Method::POST, path, headers, body).await
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Exchange {
        let mut lines = vec![format!("{method} {path}")];
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        lines.extend(written(request.headers_ref().unwrap()));
        lines.push(body.to_owned());
        let reply = self.app.send(request, body.to_owned()).await;
        lines.push(format!("→ {}", reply.status));
        lines.extend(written(&reply.headers));
        lines.extend((!reply.body.is_null()).then(|| reply.body.to_string()));
        lines.retain(|line| !line.is_empty());
        Exchange { text: self.with_names(&lines.join("\n")), headers: reply.headers, body: reply.body }
    }

    /// Ann, who is new.
    async fn sign_up(&self, mode: &str) -> Exchange {
        self.post("/auth/signup", &[("st-auth-mode", mode)], ANN).await
    }

    fn with_names(&self, text: &str) -> String {
        let named = self.random.replace_all(text, |found: &Captures<'_>| {
            let mut kinds = self.random.capture_names().flatten();
            let kind = kinds.find(|kind| found.name(kind).is_some()).unwrap();
            let value = found[0].replace("%2F", "/").replace("%2B", "+").replace("%3D", "=");
            let mut seen = self.seen.borrow_mut();
            if !seen.iter().any(|(other, known)| other == kind && *known == value) {
                seen.push((kind.to_owned(), value.clone()));
            }
            let of_kind = seen.iter().filter(|(other, _)| other == kind);
            let number = of_kind.take_while(|(_, other)| *other != value).count() + 1;
            format!("<{} {number}>", kind.replace('_', " "))
        });
        named.into_owned()
    }
}

const ANN: &str =
    r#"{"formFields":[{"id":"email","value":"ann@example.com"},{"id":"password","value":"correct1horse"}]}"#;

/// A form's body.
fn form(fields: &[(&str, &str)]) -> String {
    let fields: Vec<_> = fields.iter().map(|(id, value)| json!({"id": id, "value": value})).collect();
    json!({"formFields": fields}).to_string()
}

impl Exchange {
    fn bearer(&self, name: &str) -> String {
        format!("Bearer {}", self.headers[name].to_str().unwrap())
    }

    /// `name=value` of a cookie that was set.
    fn cookie(&self, name: &str) -> String {
        let cookies = self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let mut pairs = cookies.map(|cookie| cookie.split(';').next().unwrap());
        pairs.find(|pair| pair.starts_with(&format!("{name}="))).unwrap().to_owned()
    }

    /// Both cookies, as a browser sends them to the refresh API.
    fn cookies(&self) -> String {
        format!("{}; {}", self.cookie("sAccessToken"), self.cookie("sRefreshToken"))
    }
}

/// In order, those of one name as they came.
fn written(headers: &HeaderMap) -> Vec<String> {
    let mut lines: Vec<_> = headers
        .iter()
        .map(|(name, value)| {
            let text = value.to_str().unwrap();
            match STANDARD.decode(text) {
                Ok(decoded) if name == "front-token" && text != "remove" => {
                    format!("{name}: base64({})", String::from_utf8(decoded).unwrap())
                }
                _ => format!("{name}: {text}").trim_end().to_owned(),
            }
        })
        .collect();
    lines.sort_by_key(|line| line.split(':').next().unwrap().to_owned());
    lines
}
