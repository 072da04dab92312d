//! Between actix's HTTP types and those of the `http` crate, which are of two generations.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{StatusCode, header};
use bytes::Bytes;
use http::request::Parts;
use portcullis::{Exchange, Peer, Portcullis};

/// The request headers that the frontend SDKs send: a CORS setting must allow them, beside `content-type`.
/// Leave `expose_headers` alone, or name [`Portcullis::cors_expose_headers`] in it.
pub fn cors_headers(sdk: &Portcullis) -> Vec<HeaderName> {
    sdk.cors_headers().iter().filter_map(|name| HeaderName::from_bytes(name.as_ref()).ok()).collect()
}

/// A request's head, with whom it came from.
pub(crate) fn head_of(request: &ServiceRequest) -> Result<Parts, http::Error> {
    let mut head = http::Request::builder().method(request.method().as_str()).uri(request.uri().to_string());
    for (name, value) in request.headers() {
        head = head.header(name.as_str(), value.as_bytes());
    }
    let (mut head, ()) = head.body(())?.into_parts();
    request.peer_addr().map(|peer| head.extensions.insert(Peer(peer.ip())));
    Ok(head)
}

/// One of the SDK's responses.
pub(crate) fn response_of(response: http::Response<Bytes>) -> HttpResponse {
    let (head, body) = response.into_parts();
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::with_body(status, body).map_into_boxed_body();
    append(response.headers_mut(), &head.headers);
    response
}

/// Writes what an exchange adds to the app's own response.
pub(crate) fn write(exchange: &Exchange, headers: &mut HeaderMap) {
    let mut added = http::HeaderMap::new();
    // The one header that the exchange adds to, instead of setting it.
    let exposed = headers.get(header::ACCESS_CONTROL_EXPOSE_HEADERS);
    if let Some(value) = exposed.and_then(|value| http::HeaderValue::from_bytes(value.as_bytes()).ok()) {
        added.insert(http::header::ACCESS_CONTROL_EXPOSE_HEADERS, value);
    }
    exchange.write_to(&mut added);
    for name in added.keys().filter(|name| **name != http::header::SET_COOKIE) {
        headers.remove(name.as_str());
    }
    append(headers, &added);
}

fn append(headers: &mut HeaderMap, added: &http::HeaderMap) {
    for (name, value) in added {
        let name = HeaderName::from_bytes(name.as_str().as_bytes());
        if let (Ok(name), Ok(mut copy)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            copy.set_sensitive(value.is_sensitive());
            headers.append(name, copy);
        }
    }
}
