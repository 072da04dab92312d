//! The only door to the core: typed calls, in the newest version that both sides speak, to whichever of
//! the cores answers.

mod http_transport;
#[cfg(test)]
mod tests;
mod transport;

pub use http_transport::HttpTransport;
pub use transport::{Transport, TransportError};

use crate::app_info::{App, normalise_domain, normalise_path};
use crate::{BuildError, Cx, Error, Result};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_wire::keys::JwksResponse;
use portcullis_wire::{Cdi, Endpoint, Method, Object, admin};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

/// The versions that the SDK speaks, newest first.
const VERSIONS: [Cdi; 3] = [Cdi::V5_6, Cdi::V5_5, Cdi::V5_4];
/// How long one call to a core may take, unless the app says otherwise.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
/// How often a call is tried again that a core is too busy for.
const BUSY_RETRIES: u64 = 5;
/// A core that wants to be left alone for longer than the retries take, in seconds, is not asked again.
const BUSY_SECONDS: u64 = 2;

/// Why the core did not serve a call.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoreError {
    /// No core could be reached.
    #[error("no core is reachable: {0}")]
    Unreachable(String),
    /// A core may have got the call, but its answer did not come. As the call may have changed something, it
    /// was sent to no other core.
    #[error("no answer from the core to {method} {path}, which it may have served: {reason}")]
    Unanswered {
        /// The method.
        method: http::Method,
        /// The path.
        path: String,
        /// Why there is no answer.
        reason: String,
    },
    /// A core refused the call or broke down.
    #[error("the core answered {method} {path} with {status}: {message}")]
    Refused {
        /// The method.
        method: http::Method,
        /// The path.
        path: String,
        /// The status.
        status: u16,
        /// The core's words.
        message: String,
    },
    /// A core refuses the call for a time: too many attempts at a secret failed, or it has too much to do.
    #[error("the core is to be asked again in {seconds} s: {message}")]
    TryAgainLater {
        /// How long, in seconds.
        seconds: u64,
        /// The core's words.
        message: String,
    },
    /// Core and SDK have no version in common.
    #[error("the core speaks none of the protocol versions of this SDK ({0}); update the older of the two")]
    NoCommonVersion(String),
    /// The core's answer has another shape than the protocol says.
    #[error("the core's answer to {path} could not be read: {reason}")]
    Malformed {
        /// The path.
        path: String,
        /// What is wrong.
        reason: String,
    },
}

/// Where the cores are and how they are reached.
pub(crate) struct Core {
    hosts: Vec<String>,
    api_key: Option<HeaderValue>,
    transport: Arc<dyn Transport>,
    timeout: Duration,
    next: AtomicUsize,
    version: OnceCell<Cdi>,
    domains: Object,
    remembers: bool,
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("hosts", &self.hosts).finish_non_exhaustive()
    }
}

impl Core {
    pub(crate) fn new(
        hosts: Vec<String>,
        api_key: Option<&str>,
        transport: Arc<dyn Transport>,
        timeout: Duration,
        app: &App,
    ) -> std::result::Result<Self, BuildError> {
        let api_key = api_key.map(secret_header).transpose()?;
        let mut domains = Object::new();
        domains.insert("apiDomain".to_owned(), app.api_domain.clone().into());
        domains.insert("websiteDomain".to_owned(), app.website(None).into());
        let next = AtomicUsize::new(0);
        let version = OnceCell::new();
        Ok(Self { hosts, api_key, transport, timeout, next, version, domains, remembers: true })
    }

    /// Remembers no answer.
    pub(crate) fn forgetful(self) -> Self {
        Self { remembers: false, ..self }
    }

    /// Makes a call: about a tenant, or without one about the whole app.
    pub(crate) async fn call<E: Endpoint>(
        &self,
        cx: &Cx,
        tenant: Option<&str>,
        request: &E::Request,
    ) -> Result<E::Response> {
        let fields =
            match serde_json::to_value(request).map_err(|error| Error::Internal(error.to_string()))? {
                Value::Object(fields) => fields,
                _ => Object::new(),
            };
        let path = tenant.map_or_else(|| Ok(E::PATH.to_owned()), |tenant| path_of_tenant(tenant, E::PATH))?;
        let call = Call { method: method(E::METHOD), fields, rid: E::RID, ..Call::get(&path) };
        let cache = cx.core_cache();
        if call.method != http::Method::GET {
            cache.clear();
        } else if let Some(known) = cache.find(&call.key()) {
            return read(&call.path, &known);
        }
        let version = *self.version.get_or_try_init(|| self.negotiate()).await?;
        let call = Call { version: Some(version), caller: cx.caller(), ..call };
        let reply = self.send(&call).await?.into_body();
        if call.method == http::Method::GET && self.remembers {
            cache.insert(call.key(), reply.clone());
        }
        read(&call.path, &reply)
    }

    /// The keys that verify access tokens, and for how many seconds they may be kept, if the core says
    /// so; answered by any core, to anybody.
    pub(crate) async fn jwks(&self) -> Result<(JwksResponse, Option<u64>)> {
        let call = Call::get("/.well-known/jwks.json");
        let reply = self.send(&call).await?;
        let max_age = max_age(reply.headers());
        Ok((read(&call.path, reply.body())?, max_age))
    }

    async fn negotiate(&self) -> Result<Cdi> {
        let fields = self.domains.clone();
        let call = Call { fields, ..Call::get(<admin::ApiVersion as Endpoint>::PATH) };
        let reply = self.send(&call).await?;
        let offered: admin::ApiVersionResponse = read(&call.path, reply.body())?;
        let offers = |version: &&Cdi| offered.versions.iter().any(|text| text.parse() == Ok(**version));
        let common = VERSIONS.iter().find(offers).copied();
        common.ok_or_else(|| CoreError::NoCommonVersion(VERSIONS.map(|v| v.to_string()).join(", ")).into())
    }

    /// Asks one core after the other until one answers. One that is too busy is asked again, which does
    /// not use up the tries for cores that are not there. What may change something is not sent to a second
    /// core if a first one may have served it.
    async fn send(&self, call: &Call) -> Result<Response<Bytes>> {
        let mut unreachable = None;
        let mut busy = 0;
        let mut hosts_left = self.hosts.len();
        while hosts_left > 0 {
            let at = self.next.fetch_add(1, Ordering::Relaxed) % self.hosts.len();
            let request = self.request(&self.hosts[at], call)?;
            let sent = tokio::time::timeout(self.timeout, self.transport.send(request)).await;
            match sent.unwrap_or_else(|_| Err(TransportError::new("no answer in time"))) {
                Ok(reply) if is_busy(&reply) && busy < BUSY_RETRIES => {
                    tokio::time::sleep(Duration::from_millis(10 + 250 * busy)).await;
                    busy += 1;
                }
                Ok(reply) => return call.accept(reply),
                Err(error) if call.method != http::Method::GET && !error.is_not_sent() => {
                    return Err(call.unanswered(&error).into());
                }
                Err(error) => {
                    hosts_left -= 1;
                    unreachable = Some(error);
                }
            }
        }
        let reason = unreachable.map(|error| error.to_string()).unwrap_or_default();
        Err(CoreError::Unreachable(reason).into())
    }

    fn request(&self, host: &str, call: &Call) -> Result<Request<Bytes>> {
        let mut request = Request::builder().method(&call.method).uri(call.uri(host));
        if let Some(version) = call.version {
            request = request.header("cdi-version", version.to_string());
        }
        if let Some(caller) = call.caller {
            request = request.header("caller-address", caller.to_string());
        }
        if let Some(key) = self.api_key.as_ref().filter(|_| !call.path.starts_with("/.well-known")) {
            request = request.header("api-key", key);
        }
        if let Some(rid) = call.rid {
            request = request.header("rid", rid);
        }
        let mut body = Bytes::new();
        if call.has_body() {
            request = request.header(CONTENT_TYPE, "application/json; charset=utf-8");
            body = Value::Object(call.fields.clone()).to_string().into();
        }
        request.body(body).map_err(|error| Error::Internal(error.to_string()))
    }
}

/// One call, before it is known which core serves it.
struct Call {
    method: http::Method,
    path: String,
    fields: Object,
    rid: Option<&'static str>,
    version: Option<Cdi>,
    /// Who asks the app that asks the core.
    caller: Option<IpAddr>,
}

impl Call {
    fn get(path: &str) -> Self {
        Self {
            method: http::Method::GET,
            path: path.to_owned(),
            fields: Object::new(),
            rid: None,
            version: None,
            caller: None,
        }
    }

    fn has_body(&self) -> bool {
        self.method != http::Method::GET && self.method != http::Method::DELETE
    }

    fn uri(&self, host: &str) -> String {
        let mut uri = format!("{host}{}", self.path);
        if !self.has_body() && !self.fields.is_empty() {
            let pairs = self.fields.iter().filter(|(_, value)| !value.is_null());
            let pairs = pairs.map(|(name, value)| match value {
                Value::String(text) => (name.as_str(), text.clone()),
                other => (name.as_str(), other.to_string()),
            });
            let query: String = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            uri = format!("{uri}?{query}");
        }
        uri
    }

    /// What tells two calls of one request apart.
    fn key(&self) -> String {
        self.uri("")
    }

    fn unanswered(&self, error: &TransportError) -> CoreError {
        let (method, path) = (self.method.clone(), self.path.clone());
        CoreError::Unanswered { method, path, reason: error.to_string() }
    }

    fn accept(&self, reply: Response<Bytes>) -> Result<Response<Bytes>> {
        if reply.status().is_success() {
            return Ok(reply);
        }
        let message = String::from_utf8_lossy(reply.body()).trim_end().to_owned();
        if reply.status() == StatusCode::TOO_MANY_REQUESTS {
            return Err(CoreError::TryAgainLater { seconds: retry_after(&reply), message }.into());
        }
        let (method, path) = (self.method.clone(), self.path.clone());
        Err(CoreError::Refused { method, path, status: reply.status().as_u16(), message }.into())
    }
}

/// Whether a core has too much to do, and may have less in a moment.
fn is_busy(reply: &Response<Bytes>) -> bool {
    reply.status() == StatusCode::TOO_MANY_REQUESTS && retry_after(reply) <= BUSY_SECONDS
}

/// For how many seconds a core wants to be left alone; one if it does not say.
fn retry_after(reply: &Response<Bytes>) -> u64 {
    let header = reply.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    header.and_then(|text| text.trim().parse().ok()).unwrap_or(1)
}

/// What a tenant's id may hold as it is.
const ID: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-');

/// An endpoint's path for one tenant. Callers may have chosen the id, so it stays one segment whatever is in
/// it; and what the core or a proxy reads as something else than a tenant is refused: `/appid-x/…` is another
/// app, and no tenant may be called that.
fn path_of_tenant(tenant: &str, endpoint: &str) -> Result<String> {
    let names_an_app = tenant.to_ascii_lowercase().starts_with("appid-");
    if names_an_app || ["", ".", ".."].contains(&tenant) {
        return Err(Error::BadInput(format!("'{tenant}' cannot be the id of a tenant")));
    }
    Ok(format!("/{}{endpoint}", utf8_percent_encode(tenant, ID)))
}

fn secret_header(key: &str) -> std::result::Result<HeaderValue, BuildError> {
    let value = HeaderValue::from_str(key).ok().filter(|value| value.to_str().is_ok());
    let mut value = value.ok_or(BuildError::InvalidApiKey)?;
    value.set_sensitive(true);
    Ok(value)
}

fn method(method: Method) -> http::Method {
    match method {
        Method::Get => http::Method::GET,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
    }
}

/// The seconds of `Cache-Control: max-age=…`.
fn max_age(headers: &HeaderMap) -> Option<u64> {
    let directives = headers.get(CACHE_CONTROL)?.to_str().ok()?.split(',');
    directives.filter_map(|text| text.trim().strip_prefix("max-age=")).find_map(|text| text.parse().ok())
}

fn read<T: DeserializeOwned>(path: &str, reply: &[u8]) -> Result<T> {
    serde_json::from_slice(reply)
        .map_err(|error| CoreError::Malformed { path: path.to_owned(), reason: error.to_string() }.into())
}

/// The addresses in `http://a:3567;http://b:3567/base`. Without a scheme it is `https`, or `http` for
/// `localhost` and IPv4 addresses.
pub(crate) fn parse_hosts(addresses: &str) -> std::result::Result<Vec<String>, BuildError> {
    let parts = || addresses.split(';').map(str::trim).filter(|address| !address.is_empty());
    if parts().next().is_none() {
        return Err(BuildError::MissingCore);
    }
    let parse = |address: &str| Some(normalise_domain(address)? + &normalise_path(address)?);
    let fault = |address| BuildError::InvalidCore(without_credentials(address, addresses));
    parts().map(|address| parse(address).ok_or_else(|| fault(address))).collect()
}

/// What may be shown of an address that cannot be read: nothing before its last `@`, where user and password
/// are. As a password may hold a `;`, they may also begin in one address and end in a later one.
fn without_credentials(address: &str, all: &str) -> String {
    let mut schemes = ["http://", "https://"].into_iter();
    let scheme = schemes.find(|scheme| address.to_lowercase().starts_with(scheme)).unwrap_or_default();
    match address.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{host}"),
        None if all.contains('@') => format!("{scheme}…"),
        None => address.to_owned(),
    }
}
