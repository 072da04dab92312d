//! Cookies: the first byte says whether a request's header follows, with a name to look for, or the parts of
//! a cookie that is to be set: eight bytes of its time, name, domain, path, value.

use crate::input::{choice, lines};
use bytes::Bytes;
use http::header::{COOKIE, HeaderValue, SET_COOKIE};
use http::{HeaderMap, Request};
use portcullis::{Cookie, Exchange, SameSite};

/// What is written is read back, whatever is in it, and nothing gets out of its cookie.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = choice(data) else { return };
    if form % 2 == 0 {
        let Some([name, header]) = lines(rest) else { return };
        let Ok(header) = HeaderValue::from_str(header) else { return };
        let pieces = header.as_bytes().split(|byte| *byte == b';').count();
        let exchange = showing(header);
        let found = exchange.cookies(name);
        assert!(found.len() <= pieces);
        assert_eq!(exchange.cookie(name), found.into_iter().next());
        return;
    }
    let Some((time, rest)) = rest.split_first_chunk() else { return };
    let Some([name, domain, path, value]) = lines(rest) else { return };
    let cookie = Cookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: Some(domain.to_owned()).filter(|domain| !domain.is_empty()),
        path: path.to_owned(),
        expires_at: i64::from_le_bytes(*time),
        secure: form & 2 != 0,
        same_site: [SameSite::None, SameSite::Lax, SameSite::Strict][form / 4 % 3],
    };
    let attributes = 5 + usize::from(cookie.domain.is_some()) + usize::from(cookie.secure);
    let exchange = showing(HeaderValue::from_static(""));
    if exchange.set_cookie(cookie).is_err() {
        return;
    }
    let mut headers = HeaderMap::new();
    exchange.write_to(&mut headers);
    let Ok(written) = headers[SET_COOKIE].to_str() else { return };
    assert_eq!(written.split(';').count(), attributes, "{written}");
    let pair = written.split(';').next().unwrap_or_default();
    let shown = HeaderValue::from_str(&format!("a=b; {pair}; c")).unwrap();
    assert_eq!(showing(shown).cookies(name).last().map(String::as_str), Some(value));
}

/// A request with such cookies.
fn showing(cookies: HeaderValue) -> Exchange {
    let request = Request::builder().header(COOKIE, cookies).body(()).unwrap();
    Exchange::new(&request.into_parts().0, Bytes::new())
}
