//! The core below the SDK: over HTTP, or in this process.

use crate::record::{Record, Side};
use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use portcullis::{CoreAddress, HttpTransport, Transport, TransportError, async_trait};
use portcullis_embedded::Embedded;
use serde_json::{Map, Value, json};
use std::fmt;
use std::sync::Arc;

const JWKS: &str = "/.well-known/jwks.json";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How the SDK reaches the core.
#[derive(Clone, Debug)]
pub(crate) enum Core {
    /// Wherever the suite says.
    Http(Arc<HttpTransport>),
    /// In this process, whatever the suite says of host and port.
    Embedded(Arc<Embedded>),
}

impl Core {
    /// Somewhere else.
    pub(crate) fn over_http() -> Result<Self> {
        Ok(Self::Http(Arc::new(HttpTransport::new()?)))
    }

    /// In this process, on a database of its own. The suite makes its apps at the core itself, so that it is
    /// served over HTTP too.
    pub(crate) fn embedded() -> Self {
        let core = match std::env::var("DATABASE_URL") {
            Ok(url) => Embedded::postgres(url),
            Err(_) => Embedded::in_memory(),
        };
        // The suite counts calls of many sign-ups, and none of them needs a password that is dear to guess.
        let core = core.setting("bcrypt_log_rounds", 4).setting("access_token_validity_jitter", 0);
        Self::Embedded(Arc::new(core))
    }

    /// Answers the suite's own calls of a core in this process, on this port.
    pub(crate) async fn serve(&self, port: u16) -> Result<()> {
        let Self::Embedded(core) = self else { return Ok(()) };
        core.open().await?;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(core));
        #[expect(clippy::disallowed_methods, reason = "the core ends with the server")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(())
    }

    /// How the SDK reaches the app at an address, with its calls written down.
    pub(crate) fn app(&self, url: &str, record: Arc<Record>, counts: bool) -> CoreAddress {
        let (base, transport): (_, Arc<dyn Transport>) = match self {
            Self::Http(http) => (url.to_owned(), Arc::clone(http) as _),
            // An address in this process is a path alone.
            Self::Embedded(core) => (format!("http://core{}", path_of(url)), Arc::clone(core) as _),
        };
        CoreAddress::Transport(Arc::new(App { base, transport, record, counts }))
    }
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

async fn pass_on(State(core): State<Arc<Embedded>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST.into_response() };
    match core.send(Request::from_parts(head, body.to_bytes())).await {
        Ok(response) => response.map(axum::body::Body::from),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// An app in a core.
struct App {
    base: String,
    transport: Arc<dyn Transport>,
    record: Arc<Record>,
    counts: bool,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What the suite looks at: the call as the Node SDK hands it to an interceptor.
fn shown(request: &http::Request<Bytes>) -> Value {
    let uri = request.uri();
    let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
    let params: Map<String, Value> = query.map(|(name, value)| (name.into_owned(), json!(value))).collect();
    let url = format!(
        "{}://{}{}",
        uri.scheme_str().unwrap_or("http"),
        uri.authority().map_or("", |a| a.as_str()),
        uri.path()
    );
    json!({"url": url, "method": request.method().as_str().to_lowercase(), "params": params})
}

#[async_trait]
impl Transport for App {
    async fn send(
        &self,
        mut request: http::Request<Bytes>,
    ) -> std::result::Result<http::Response<Bytes>, TransportError> {
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).to_owned();
        *request.uri_mut() = format!("{}{path}", self.base).parse().map_err(TransportError::new)?;
        // The Node SDK's interceptor does not see it ask for keys.
        if !path.ends_with(JWKS) {
            if self.counts {
                self.record.count_core_call();
            }
            self.record.log(Side::Returned, "networkInterceptor", &shown(&request));
        }
        self.transport.send(request).await
    }
}
