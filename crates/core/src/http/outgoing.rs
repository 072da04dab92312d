//! Requests that the core makes itself, with connections that are kept for a while.

use crate::crypto::webhook_signature::WebhookSecret;
use bytes::Bytes;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{ConfigBuilderExt as _, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How much of an answer is read, so that its connection can be used again.
const ANSWER_MAX: usize = 64 << 10;
/// How long it may take.
const BODY: Duration = Duration::from_secs(1);
/// How long a connection is kept.
const IDLE: Duration = Duration::from_secs(20);

/// Sends requests over HTTP and HTTPS. Redirections are not followed.
#[derive(Clone)]
pub(crate) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// How long the other side asks to be left alone, if it says so in seconds.
    pub(crate) retry_after: Option<Duration>,
}

/// What a webhook's endpoint is sent.
#[derive(Debug)]
pub(crate) struct WebhookRequest<'a> {
    /// Where it goes.
    pub(crate) url: &'a Uri,
    /// The message's, the same in each attempt.
    pub(crate) id: &'a str,
    /// When it is sent, in seconds since 1970.
    pub(crate) timestamp: i64,
    /// JSON.
    pub(crate) body: &'a str,
    /// Each of them signs it.
    pub(crate) secrets: &'a [WebhookSecret],
}

impl WebhookRequest<'_> {
    /// With the headers of the Standard Webhooks specification.
    fn build(&self) -> http::Result<Request<Full<Bytes>>> {
        let Self { url, id, timestamp, body, secrets } = *self;
        let signatures: Vec<String> = secrets.iter().map(|secret| secret.sign(id, timestamp, body)).collect();
        Request::post(url)
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::USER_AGENT, concat!("Portcullis/", env!("CARGO_PKG_VERSION")))
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signatures.join(" "))
            .body(Full::new(Bytes::copy_from_slice(body.as_bytes())))
    }
}

impl HttpClient {
    /// A client that checks certificates against the system's, or against `SSL_CERT_FILE`; if it is for plain HTTP
    /// alone, none are read, as images without certificates are common.
    pub(crate) fn new(plain: bool) -> std::io::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?;
        let tls =
            if plain { tls.with_root_certificates(RootCertStore::empty()) } else { tls.with_native_roots()? };
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls.with_no_client_auth())
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector);
        Ok(Self(client))
    }

    /// Sends a webhook and waits so long for the answer's head; `Err` says why there is none.
    pub(crate) async fn post_webhook(
        &self,
        webhook: &WebhookRequest<'_>,
        longest: Duration,
    ) -> Result<Answer, String> {
        let request = webhook.build().map_err(|error| error.to_string())?;
        let answer = timeout(longest, self.0.request(request)).await;
        let answer = answer.map_err(|_| format!("no answer within {} seconds", longest.as_secs()))?;
        let (head, body) = answer.map_err(|error| with_cause(&error))?.into_parts();
        // The head is what counts: the body is read for the connection's sake.
        let _ = timeout(BODY, Limited::new(body, ANSWER_MAX).collect()).await;
        let retry_after =
            head.headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer { status: head.status, retry_after: retry_after.map(Duration::from_secs) })
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpClient")
    }
}

/// The client's own text does not tell why.
fn with_cause(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", with_cause(source)))
}
