//! A caller with one connection, which is made again when it broke.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(70);

#[derive(Debug)]
pub(super) struct Caller {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    /// 0: nothing.
    pub(super) status: u16,
    pub(super) may_retry: bool,
    pub(super) body: Bytes,
    pub(super) took: Duration,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Caller {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    pub(super) async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, body.to_string().into(), Instant::now()).await
    }

    /// The time counts from when the request was due.
    pub(super) async fn send(&mut self, method: Method, path: &str, body: Bytes, due: Instant) -> Answer {
        let answer = tokio::time::timeout(PATIENCE, self.try_send(method, path, body)).await;
        let answer = answer.ok().flatten();
        if answer.is_none() {
            self.sender = None;
        }
        let (status, may_retry, body) = answer.unwrap_or_default();
        Answer { status, may_retry, body, took: due.elapsed() }
    }

    async fn try_send(&mut self, method: Method, path: &str, body: Bytes) -> Option<(u16, bool, Bytes)> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            let stream = TcpStream::connect(self.address).await.ok()?;
            stream.set_nodelay(true).ok()?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
            tokio::spawn(connection);
            self.sender = Some(sender);
        }
        let host = HeaderValue::try_from(self.address.to_string()).ok()?;
        let request = Request::builder().method(method).uri(path).header(header::HOST, host);
        let request = request.header("cdi-version", "5.4").body(Full::new(body)).ok()?;
        let sender = self.sender.as_mut()?;
        sender.ready().await.ok()?;
        let answer = sender.send_request(request).await.ok()?;
        let (status, may_retry) =
            (answer.status().as_u16(), answer.headers().contains_key(header::RETRY_AFTER));
        Some((status, may_retry, answer.into_body().collect().await.ok()?.to_bytes()))
    }
}
