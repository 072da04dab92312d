//! A core on a throw-away database, in each way in which the SDK can reach it.

use crate::{Home, POOL_SIZE, TestCore};
use bytes::Bytes;
use http::{Request, Response, Uri};
use portcullis::{CoreAddress, HttpTransport, Transport, TransportError, async_trait};
use portcullis_core::Clock;
use portcullis_embedded::Embedded;
use serde_json::{Value, json};
use std::sync::Arc;

/// How the SDK reaches the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A core of its own, over HTTP.
    Http,
    /// The core in the same process.
    Embedded,
}

impl Shape {
    /// Starts a core with settings by SuperTokens' names, by a clock, until the test ends.
    pub async fn start_core(self, settings: &Value, clock: Clock) -> ShapedCore {
        let home = Home::new();
        let (url, transport): (_, Arc<dyn Transport>) = match self {
            Self::Http => {
                let core = TestCore::open(Arc::clone(&home), settings, clock).await;
                let url = core.serve_over_http().await;
                (Some(url), Arc::new(HttpTransport::new().expect("an HTTP client")))
            }
            Self::Embedded => (None, Arc::new(embedded(&home, settings, clock))),
        };
        ShapedCore { url, transport, _kept: home }
    }
}

/// As [`TestCore`], but for the time that deletes what is old and the pool's size, which are as in service.
fn embedded(home: &Home, settings: &Value, clock: Clock) -> Embedded {
    let core = match home {
        Home::Postgres(database) => {
            Embedded::postgres(database.url()).setting("postgresql_connection_pool_size", POOL_SIZE)
        }
        Home::Sqlite(directory) => Embedded::sqlite(crate::file_in(directory)),
    };
    let settings = crate::with_cheap_passwords(settings);
    settings.into_iter().fold(core.clock(clock), |core, (name, value)| core.setting(name, value))
}

/// A core that was started by [`Shape::start_core`]. As a [`Transport`] it takes requests for any host.
#[derive(Debug)]
pub struct ShapedCore {
    url: Option<String>,
    transport: Arc<dyn Transport>,
    _kept: Arc<Home>,
}

impl ShapedCore {
    /// What the SDK is told about where the core is.
    pub fn address(&self) -> CoreAddress {
        match &self.url {
            Some(url) => url.clone().into(),
            None => CoreAddress::Transport(Arc::clone(&self.transport)),
        }
    }

    /// A call in the newest version that every SDK speaks: `(status, body)`.
    pub async fn call(&self, method: http::Method, path: &str, body: &Value) -> (u16, Value) {
        self.call_in("5.4", method, path, body).await
    }

    /// A call in a version of the protocol: `(status, body)`.
    pub async fn call_in(
        &self,
        version: &str,
        method: http::Method,
        path: &str,
        body: &Value,
    ) -> (u16, Value) {
        let request = Request::builder().method(method).uri(format!("http://core{path}"));
        let request = request.header("cdi-version", version).body(Bytes::from(body.to_string()));
        let reply = self.send(request.expect("a request")).await.expect("the core answers");
        let body = serde_json::from_slice(reply.body());
        let body = body.unwrap_or_else(|_| json!(String::from_utf8_lossy(reply.body())));
        (reply.status().as_u16(), body)
    }
}

#[async_trait]
impl Transport for ShapedCore {
    async fn send(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if let Some(url) = &self.url {
            let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
            *request.uri_mut() = format!("{url}{path}").parse::<Uri>().map_err(TransportError::new)?;
        }
        self.transport.send(request).await
    }
}
