//! The listener: accepts connections, and on shutdown lets the requests in flight finish.

use super::call::handle;
use super::reply::Reply;
use crate::{App, Error};
use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::future::ready;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// How long a client may take to say anything, and then to send a request's head; after an answer, both.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a caller for whom there is no place may take to send a request's head.
const REFUSED_HEAD_TIMEOUT: Duration = Duration::from_secs(1);
/// How many of them are told so at a time; further ones are cut off.
const REFUSED_AT_A_TIME: usize = 256;
/// How many callers may ask for metrics at a time.
const METRICS_CONNECTIONS: usize = 64;
/// What Prometheus calls the form of the page.
const METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// How long requests in flight may take to finish after the shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves the core on the listener until `shutdown` is done, then waits for the requests in flight.
pub async fn serve(listener: TcpListener, app: Arc<App>, shutdown: impl Future<Output = ()>) {
    let places = app.base_config.max_connections;
    accept(listener, places, shutdown, move |request, peer| handle(Arc::clone(&app), request, Some(peer)))
        .await;
}

/// Serves `GET /metrics` on the listener until `shutdown` is done; does not keep the core alive.
pub async fn serve_metrics(listener: TcpListener, app: Weak<App>, shutdown: impl Future<Output = ()>) {
    let show = move |request, _| ready(show_metrics(app.upgrade().as_deref(), &request));
    accept(listener, METRICS_CONNECTIONS, shutdown, show).await;
}

fn show_metrics(app: Option<&App>, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let is_get = request.method() == http::Method::GET && request.uri().path() == "/metrics";
    let page = app.and_then(|app| app.metrics.as_ref().filter(|_| is_get)?.render(app).ok());
    let found = page.map(|page| Reply::text(page.trim_end()).of_type(METRICS));
    found.unwrap_or_else(|| Reply::error(&Error::NotFound, None)).into_response()
}

async fn accept<H, F>(listener: TcpListener, places: usize, shutdown: impl Future<Output = ()>, handler: H)
where
    H: Fn(Request<Incoming>, IpAddr) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let connections = Connections::default();
    let mut shutdown = pin!(shutdown);
    let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
    let refusals = Arc::new(Semaphore::new(REFUSED_AT_A_TIME));
    let mut is_full = false;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                        is_full = false;
                        let handler = handler.clone();
                        // In a box: a connection that says nothing shall not hold the memory of a call.
                        let service =
                            service_fn(move |request| answered(Box::pin(handler(request, peer.ip()))));
                        spawn_connection(stream, service, &connections, Terms { place, refused: false });
                        continue;
                    }
                    if !std::mem::replace(&mut is_full, true) {
                        tracing::warn!("every place for a connection is taken: further callers are refused");
                    }
                    if let Ok(place) = Arc::clone(&refusals).try_acquire_owned() {
                        let service = service_fn(|_| answered(ready(Reply::no_place().into_response())));
                        spawn_connection(stream, service, &connections, Terms { place, refused: true });
                    }
                }
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
    if tokio::time::timeout(DRAIN_TIMEOUT, connections.end()).await.is_err() {
        tracing::warn!("some requests did not finish in time and were cut off");
    }
}

async fn answered<R>(answer: impl Future<Output = R>) -> Result<R, Infallible> {
    Ok(answer.await)
}

/// The connections that are open.
#[derive(Debug, Default)]
struct Connections {
    speaking: GracefulShutdown,
    /// Ends those that have said nothing yet.
    silent: CancellationToken,
}

impl Connections {
    /// Lets requests in flight finish.
    async fn end(self) {
        self.silent.cancel();
        self.speaking.shutdown().await;
    }
}

/// On what terms a connection is served.
struct Terms {
    /// Given back at the connection's end.
    place: OwnedSemaphorePermit,
    /// Whether its one request will be refused.
    refused: bool,
}

fn spawn_connection<S, F>(stream: TcpStream, service: S, connections: &Connections, terms: Terms)
where
    S: HttpService<Incoming, ResBody = Full<Bytes>, Error = Infallible, Future = F> + Send + 'static,
    F: Future<Output = Result<Response<Full<Bytes>>, Infallible>> + Send + 'static,
{
    let _ = stream.set_nodelay(true);
    let Terms { place, refused } = terms;
    let head_timeout = if refused { REFUSED_HEAD_TIMEOUT } else { HEAD_TIMEOUT };
    let (silent, watcher) = (connections.silent.clone(), connections.speaking.watcher());
    #[expect(clippy::disallowed_methods, reason = "connections are waited for by `GracefulShutdown`")]
    tokio::spawn(async move {
        // hyper sets 16 KiB aside for a connection, which one that says nothing shall not hold.
        let mut byte = [0];
        let speaks = tokio::time::timeout(head_timeout, stream.peek(&mut byte));
        if let Some(Ok(Ok(1..))) = silent.run_until_cancelled(speaks).await {
            // The official SDKs speak HTTP/1.1; a second version would need its own guard against silent peers.
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(head_timeout).keep_alive(!refused);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = Box::pin(watcher.watch(connection)).await {
                tracing::debug!(%error, "a connection broke off");
            }
        }
        drop(place);
    });
}
