//! The listener: accepts connections, and on shutdown lets the requests in flight finish.

use super::call::handle;
use super::reply::Reply;
use crate::{App, Error};
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

/// How long a client may take to send a request's head, from the connection or the last answer on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// What Prometheus calls the form of the page.
const METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// How long requests in flight may take to finish after the shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves the core on the listener until `shutdown` is done, then waits for the requests in flight.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: impl Future<Output = ()>) {
    accept(listener, shutdown, move |request, peer| handle(Arc::clone(&app), request, Some(peer))).await;
}

/// Serves `GET /metrics` on the listener until `shutdown` is done; does not keep the core alive.
pub async fn serve_metrics(listener: TcpListener, app: Weak<App>, shutdown: impl Future<Output = ()>) {
    let show = move |request, _| std::future::ready(show_metrics(app.upgrade().as_deref(), &request));
    accept(listener, shutdown, show).await;
}

fn show_metrics(app: Option<&App>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let is_get = request.method() == http::Method::GET && request.uri().path() == "/metrics";
    let page = app.and_then(|app| app.metrics.as_ref().filter(|_| is_get)?.render(app).ok());
    let found = page.map(|page| Reply::text(page.trim_end()).of_type(METRICS));
    found.unwrap_or_else(|| Reply::error(&Error::NotFound)).into_response()
}

async fn accept<H, F>(listener: TcpListener, shutdown: impl Future<Output = ()>, handler: H)
where
    H: Fn(Request<Incoming>, IpAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let connections = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => spawn_connection(stream, peer.ip(), handler.clone(), &connections),
                Err(error) => {
                    // Out of file descriptors, for instance: waiting is better than spinning.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            () = &mut shutdown => break,
        }
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
}

fn spawn_connection<H, F>(stream: TcpStream, peer: IpAddr, handler: H, connections: &GracefulShutdown)
where
    H: Fn(Request<Incoming>, IpAddr) -> F + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let answer = handler(request, peer);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    // The official SDKs speak HTTP/1.1; a second version would need its own guard against silent peers.
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    let watched = connections.watch(connection);
    #[expect(clippy::disallowed_methods, reason = "connections are waited for by `GracefulShutdown`")]
    tokio::spawn(async move {
        if let Err(error) = watched.await {
            tracing::debug!(%error, "a connection broke off");
        }
    });
}
