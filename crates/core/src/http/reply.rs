//! What is answered: JSON or text, each ending with one newline, as the reference's clients expect.

use crate::{Error, Result, Scope};
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::Full;
use portcullis_db::Error as DbError;
use serde::Serialize;
use tracing::field::display;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");

const A_SECOND: HeaderValue = HeaderValue::from_static("1");

/// The answer to a call.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    content_type: HeaderValue,
    cache_control: Option<HeaderValue>,
    retry_after: Option<HeaderValue>,
    body: Bytes,
}

impl Reply {
    /// 200 with a JSON body.
    pub fn json(value: &impl Serialize) -> Result<Self> {
        let mut body = serde_json::to_vec(value).map_err(Error::internal)?;
        body.push(b'\n');
        Ok(Self::new(StatusCode::OK, JSON, body))
    }

    /// 200 with a JSON body that was written before.
    pub(crate) fn ready_json(body: Bytes) -> Self {
        Self { status: StatusCode::OK, content_type: JSON, cache_control: None, retry_after: None, body }
    }

    /// What is sent, without status and headers.
    pub(crate) fn into_body(self) -> Bytes {
        self.body
    }

    /// 200 with a text body.
    pub fn text(text: &str) -> Self {
        Self::status(StatusCode::OK, text)
    }

    /// Says another type of body.
    #[must_use]
    pub(super) fn of_type(mut self, content_type: HeaderValue) -> Self {
        self.content_type = content_type;
        self
    }

    /// Adds a `Cache-Control` header.
    #[must_use]
    pub fn cached(mut self, cache_control: &str) -> Self {
        self.cache_control = HeaderValue::from_str(cache_control).ok();
        self
    }

    pub(super) fn status(status: StatusCode, text: &str) -> Self {
        Self::new(status, TEXT, format!("{text}\n").into_bytes())
    }

    fn new(status: StatusCode, content_type: HeaderValue, body: Vec<u8>) -> Self {
        Self { status, content_type, cache_control: None, retry_after: None, body: body.into() }
    }

    /// The answer to a call that could not be served; breakdowns are logged here, once, with the tenant that the
    /// call addressed, if that is known.
    pub(super) fn error(error: &Error, scope: Option<&Scope>) -> Self {
        let status = status_of(error);
        if status.is_server_error() {
            let tenant = scope.map(|scope| display(scope.in_log()));
            tracing::error!(status = status.as_u16(), tenant, error = %chain(error), "call failed: {}", chain(error));
        }
        let mut reply = Self::status(status, &chain(error));
        reply.retry_after = match error {
            // Whoever comes a fraction of a second early would be refused again.
            Error::TooManyGuesses(wait) => Some(HeaderValue::from(wait.as_secs() + 1)),
            Error::Busy(wait) => Some(HeaderValue::from(wait.as_secs().max(1))),
            Error::Db(DbError::PoolFull | DbError::Locked | DbError::Unavailable(_)) => Some(A_SECOND),
            _ => None,
        };
        reply
    }

    /// The answer to a caller for whom there is no place.
    pub(super) fn no_place() -> Self {
        let mut reply =
            Self::status(StatusCode::SERVICE_UNAVAILABLE, "Too many connections: try again later");
        reply.retry_after = Some(A_SECOND);
        reply
    }

    /// The HTTP status.
    pub fn status_code(&self) -> StatusCode {
        self.status
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, self.content_type);
        let optional = [(header::CACHE_CONTROL, self.cache_control), (header::RETRY_AFTER, self.retry_after)];
        headers.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
        response
    }
}

fn status_of(error: &Error) -> StatusCode {
    match error {
        Error::BadInput(_) | Error::UnknownTenant(..) => StatusCode::BAD_REQUEST,
        Error::Unauthorized => StatusCode::UNAUTHORIZED,
        Error::Forbidden(_) => StatusCode::FORBIDDEN,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::MethodNotSupported => StatusCode::METHOD_NOT_ALLOWED,
        Error::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Error::Timeout => StatusCode::REQUEST_TIMEOUT,
        Error::Busy(_) | Error::TooManyGuesses(_) => StatusCode::TOO_MANY_REQUESTS,
        Error::Db(DbError::PoolFull | DbError::Locked | DbError::Unavailable(_)) => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        Error::Db(_) | Error::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The error with what caused it; an error's own text never repeats its source.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}
