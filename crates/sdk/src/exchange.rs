//! One HTTP exchange: the request as it came, and what the SDK adds to the response.

use crate::Result;
use crate::caller::{self, Peer};
use crate::cookies::{self, Cookie};
use bytes::Bytes;
use http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, HeaderName, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The request, and what is to be added to its response. Shared by everything that serves the request.
pub struct Exchange {
    method: Method,
    path: String,
    query: Option<String>,
    headers: HeaderMap,
    peer: Option<Peer>,
    body: Bytes,
    outgoing: Mutex<Outgoing>,
}

/// What is to be added to the response.
#[derive(Default)]
struct Outgoing {
    headers: Vec<(HeaderName, HeaderValue)>,
    exposed: Vec<String>,
    /// With what is written of them.
    cookies: Vec<(Cookie, HeaderValue)>,
    /// Whether tokens of a session that was made for this request are among them.
    has_new_session: bool,
}

// Without headers, cookies and body, which hold tokens and passwords.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, path, .. } = self;
        f.debug_struct("Exchange").field("method", method).field("path", path).finish_non_exhaustive()
    }
}

impl Exchange {
    /// The exchange that a request begins. `body` is empty unless the request is for the SDK. A [`Peer`] among
    /// the request's extensions tells who sent it.
    pub fn new(head: &Parts, body: Bytes) -> Self {
        Self {
            method: head.method.clone(),
            path: head.uri.path().to_owned(),
            query: head.uri.query().map(str::to_owned),
            headers: head.headers.clone(),
            peer: head.extensions.get().copied(),
            body,
            outgoing: Mutex::default(),
        }
    }

    /// The request's method.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The request's path, as it came.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The request's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A request header, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        text_of(self.headers.get(name)?)
    }

    /// As [`Exchange::header`], where the name need not be read.
    pub(crate) fn known_header(&self, name: &HeaderName) -> Option<&str> {
        text_of(self.headers.get(name)?)
    }

    /// The address of whoever sent the request by way of so many proxies.
    pub(crate) fn caller(&self, proxies: usize) -> Option<IpAddr> {
        caller::address(self.peer, &self.headers, proxies)
    }

    /// The request's body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The value of a query parameter; `None` also if it is given several times, which says nothing clear.
    pub fn query(&self, name: &str) -> Option<String> {
        let query = self.query.as_deref().unwrap_or_default();
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        let (_, value) = values.next()?;
        values.next().is_none().then(|| value.into_owned())
    }

    /// The value of the first cookie with a name, decoded.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies(name).into_iter().next()
    }

    /// The values of all cookies with a name, decoded.
    pub fn cookies(&self, name: &str) -> Vec<String> {
        let headers = self.headers.get_all(http::header::COOKIE);
        // Another service's cookie may be no text; those beside it are read all the same.
        let texts = headers.iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        texts.flat_map(|text| cookies::values(&text, name)).collect()
    }

    fn outgoing(&self) -> MutexGuard<'_, Outgoing> {
        self.outgoing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a header of the response; a later call wins.
    pub fn set_header(&self, name: HeaderName, value: HeaderValue) {
        let mut outgoing = self.outgoing();
        outgoing.headers.retain(|(known, _)| *known != name);
        outgoing.headers.push((name, value));
    }

    /// Takes back a header that was set.
    pub fn remove_header(&self, name: &HeaderName) {
        self.outgoing().headers.retain(|(known, _)| known != name);
    }

    /// Lets scripts of other origins read a header of the response.
    pub fn expose_header(&self, name: &str) {
        let mut outgoing = self.outgoing();
        if !outgoing.exposed.iter().any(|known| known == name) {
            outgoing.exposed.push(name.to_owned());
        }
    }

    /// Sets a cookie; a later one with the same name, domain and path wins. An error if no browser would
    /// read it: its name, its domain or its path holds what these cannot hold.
    pub fn set_cookie(&self, cookie: Cookie) -> Result<()> {
        let header = cookie.to_header()?;
        let mut outgoing = self.outgoing();
        outgoing.cookies.retain(|(known, _)| !known.is_same(&cookie));
        outgoing.cookies.push((cookie, header));
        Ok(())
    }

    /// Takes back cookies that were set, whatever their domains and paths.
    pub(crate) fn remove_cookies(&self, name: &str) {
        self.outgoing().cookies.retain(|(known, _)| known.name != name);
    }

    /// Tokens of a session that was made for this request have been added.
    pub(crate) fn note_new_session(&self) {
        self.outgoing().has_new_session = true;
    }

    /// Whether there are such tokens; answered once.
    pub(crate) fn take_new_session(&self) -> bool {
        std::mem::take(&mut self.outgoing().has_new_session)
    }

    /// Writes everything into a response's headers.
    pub fn write_to(&self, headers: &mut HeaderMap) {
        let outgoing = self.outgoing();
        for (name, value) in &outgoing.headers {
            headers.insert(name, value.clone());
        }
        for (_, header) in &outgoing.cookies {
            headers.append(SET_COOKIE, header.clone());
        }
        if !outgoing.exposed.is_empty() {
            expose(headers, &outgoing.exposed);
        }
    }
}

/// `HeaderValue::to_str` would look at one byte at a time: an access token has a thousand.
fn text_of(value: &HeaderValue) -> Option<&str> {
    std::str::from_utf8(value.as_bytes()).ok()
}

/// Adds to what the app exposes itself.
fn expose(headers: &mut HeaderMap, names: &[String]) {
    let known = headers.get(ACCESS_CONTROL_EXPOSE_HEADERS).and_then(|value| value.to_str().ok());
    let mut all: Vec<&str> = known.into_iter().flat_map(|list| list.split(',').map(str::trim)).collect();
    for name in names {
        if !all.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            all.push(name);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&all.join(", ")) {
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[test]
    fn a_cookie_is_found_beside_others_that_are_no_text() {
        let request = Request::get("/").header("cookie", b"theme=caf\xe9; sAccessToken=a%20b".as_slice());
        let request = request.header("cookie", "name=José; other=1").header("x-name", "José");
        let (head, ()) = request.header("x-bytes", b"\xe9".as_slice()).body(()).unwrap().into_parts();
        let exchange = Exchange::new(&head, Bytes::new());
        assert_eq!(exchange.cookie("sAccessToken").as_deref(), Some("a b"));
        assert_eq!(
            (exchange.cookie("name"), exchange.cookie("other")),
            (Some("José".into()), Some("1".into()))
        );
        assert_eq!((exchange.header("x-name"), exchange.header("x-bytes")), (Some("José"), None));
    }
}
