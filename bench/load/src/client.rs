//! The client's end: one connection, one request in flight.

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) cdi: &'static str,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn get(path: String, cdi: &'static str) -> Self {
        Self { method: Method::GET, path, cdi, body: Bytes::new() }
    }

    pub(crate) fn post(path: &str, cdi: &'static str, body: &serde_json::Value) -> Self {
        Self { method: Method::POST, path: path.to_owned(), cdi, body: body.to_string().into() }
    }
}

/// A connection that is kept open.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    address: SocketAddr,
    host: HeaderValue,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender, address, host: HeaderValue::try_from(address.to_string()).unwrap() }
    }

    /// Opens it again if the server has closed it: nothing was asked for too long.
    pub(crate) async fn revive(&mut self) {
        if self.sender.ready().await.is_err() {
            *self = Self::open(self.address).await;
        }
    }

    /// The headers are those of SuperTokens' backend SDKs.
    pub(crate) async fn send(&mut self, call: Call) -> Bytes {
        let request = Request::builder()
            .method(call.method)
            .uri(&call.path)
            .header(header::HOST, self.host.clone())
            .header("cdi-version", call.cdi)
            .header("rid", "session")
            .header(header::CONTENT_TYPE, "application/json; charset=utf-8")
            .body(Full::new(call.body));
        self.sender.ready().await.unwrap();
        let answer = self.sender.send_request(request.unwrap()).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(status == StatusCode::OK, "{} answered {status}: {body:?}", call.path);
        body
    }
}
