//! Requests that the core makes itself, with connections that are kept for a while.

use bytes::Bytes;
use http::{Request, StatusCode, header};
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

    /// Sends a request and waits so long for the answer's head; `Err` says why there is none.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
        longest: Duration,
    ) -> Result<Answer, String> {
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
