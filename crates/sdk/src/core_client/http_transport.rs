//! Cores that are reached over HTTP, with connections that are kept.

use super::{Transport, TransportError};
use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};
use std::sync::Arc;
use std::time::Duration;

/// The largest answer of a core that is read, in bytes: a page of 500 users fits many times.
const ANSWER_MAX: usize = 32 << 20;

/// HTTP and HTTPS; certificates are checked against the system's, or against `SSL_CERT_FILE`.
#[derive(Clone, Debug)]
pub struct HttpTransport {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    answer_max: usize,
}

impl HttpTransport {
    /// A transport without a connection; they are made when they are needed. An error if the system has no
    /// certificates.
    pub fn new() -> Result<Self, TransportError> {
        let tls = tls()?.with_native_roots().map_err(TransportError::new)?;
        Ok(Self::with(tls.with_no_client_auth()))
    }

    /// For cores that are reached over HTTP alone: images without certificates are common.
    pub(crate) fn without_certificates() -> Result<Self, TransportError> {
        Ok(Self::with(tls()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth()))
    }

    fn with(tls: ClientConfig) -> Self {
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client =
            Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(20)).build(connector);
        Self { client, answer_max: ANSWER_MAX }
    }

    /// The same, which reads no larger answers than these, in bytes.
    pub(crate) fn answers_up_to(self, answer_max: usize) -> Self {
        Self { answer_max, ..self }
    }
}

fn tls() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, TransportError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider);
    tls.with_safe_default_protocol_versions().map_err(TransportError::new)
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let reply = self.client.request(request.map(Full::new)).await.map_err(|error| with_cause(&error))?;
        let (head, body) = reply.into_parts();
        let body = Limited::new(body, self.answer_max).collect().await.map_err(TransportError::new)?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }
}

/// The client's own text does not tell why.
fn with_cause(error: &hyper_util::client::legacy::Error) -> TransportError {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    if error.is_connect() { TransportError::not_sent(text) } else { TransportError::new(text) }
}
