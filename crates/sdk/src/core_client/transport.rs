//! How a request reaches a core.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use std::fmt;
use std::sync::Arc;

/// Carries requests to a core: over HTTP, or to a core in the same process.
#[async_trait]
pub trait Transport: fmt::Debug + Send + Sync + 'static {
    /// Sends one request and reads the whole response. An error means that no core was reached.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError>;
}

/// Several SDKs may share one way to a core.
#[async_trait]
impl<T: Transport> Transport for Arc<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        self.as_ref().send(request).await
    }
}

/// A core could not be reached.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct TransportError(String);

impl TransportError {
    /// With the reason.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self(reason.to_string())
    }
}
