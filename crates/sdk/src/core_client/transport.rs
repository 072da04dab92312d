//! How a request reaches a core.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use std::fmt;
use std::sync::Arc;

/// Carries requests to a core: over HTTP, or to a core in the same process.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole response. An error says whether a core can have served the
    /// request: see [`TransportError::not_sent`].
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// Several SDKs may share one way to a core.
#[async_trait]
impl<T: Transport> Transport for Arc<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.as_ref().send(request).await
    }
}

/// There is no answer from a core.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct TransportError {
    reason: String,
    is_not_sent: bool,
}

impl TransportError {
    /// With the reason. A core may have served the request, so that one that may change something is sent to
    /// no other.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string(), is_not_sent: false }
    }

    /// With the reason. No core has got anything of the request, for example because there was no connection
    /// to one, so that another core may be asked.
    pub fn not_sent(reason: impl fmt::Display) -> Self {
        Self { is_not_sent: true, ..Self::new(reason) }
    }

    pub(super) fn is_not_sent(&self) -> bool {
        self.is_not_sent
    }
}
