//! Cookies as the official SDKs read and write them: values are percent-encoded, and a request may hold
//! several of one name.

use crate::{Error, Result};
use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::fmt;
use std::time::{Duration, UNIX_EPOCH};

/// What JavaScript's `encodeURIComponent` leaves as it is.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// When a browser sends a cookie along with a request from another site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Always; browsers want such a cookie to be secure.
    None,
    /// When the user follows a link.
    Lax,
    /// Never.
    Strict,
}

/// A cookie of the response. It can never be read by scripts.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie {
    /// The name.
    pub name: String,
    /// The value, not yet encoded.
    pub value: String,
    /// The hosts that get it; `None` for only this one.
    pub domain: Option<String>,
    /// The paths that get it.
    pub path: String,
    /// Until when it is kept, in milliseconds since 1970; 0 takes it away.
    pub expires_at: i64,
    /// Whether it is only sent over TLS.
    pub secure: bool,
    /// When it is sent from other sites.
    pub same_site: SameSite,
}

// Without the value, which is a token.
impl fmt::Debug for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, domain, path, .. } = self;
        let mut shown = f.debug_struct("Cookie");
        shown.field("name", name).field("domain", domain).field("path", path).finish_non_exhaustive()
    }
}

impl Cookie {
    /// Whether a browser keeps only one of the two.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.domain, &self.path) == (&other.name, &other.domain, &other.path)
    }

    /// The cookie as a `Set-Cookie` header, which is kept out of logs. An error if its name, its domain or
    /// its path can be none.
    pub(crate) fn to_header(&self) -> Result<HeaderValue> {
        let places = [self.domain.as_deref().unwrap_or_default(), &self.path];
        if !is_cookie_name(&self.name) || places.iter().any(|place| place.contains(';')) {
            return Err(self.fault());
        }
        let mut text = format!("{}={}", self.name, utf8_percent_encode(&self.value, COMPONENT));
        if let Some(domain) = &self.domain {
            text.push_str(&format!("; Domain={domain}"));
        }
        text.push_str(&format!("; Path={}; Expires={}; HttpOnly", self.path, http_date(self.expires_at)));
        if self.secure {
            text.push_str("; Secure");
        }
        text.push_str(match self.same_site {
            SameSite::None => "; SameSite=None",
            SameSite::Lax => "; SameSite=Lax",
            SameSite::Strict => "; SameSite=Strict",
        });
        let mut header = HeaderValue::from_str(&text).map_err(|_| self.fault())?;
        header.set_sensitive(true);
        Ok(header)
    }

    fn fault(&self) -> Error {
        Error::Internal(format!("name, domain or path of a cookie cannot be written: {self:?}"))
    }
}

/// RFC 6265, section 4.1.1, and without the `%` that both sides of the web read differently in names.
pub(crate) fn is_cookie_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}%".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// The last moment of the year 9999, after which the form of dates has no more digits.
const LATEST_MS: i64 = 253_402_300_799_999;

/// RFC 9110, section 5.6.7.
fn http_date(milliseconds: i64) -> String {
    let milliseconds = u64::try_from(milliseconds.min(LATEST_MS)).unwrap_or_default();
    let since = Duration::from_millis(milliseconds);
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}

/// The values of every cookie with a name in a `Cookie` header.
pub(crate) fn values(header: &str, name: &str) -> Vec<String> {
    let pairs = header.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs
        .filter(|(key, _)| decode(key.trim()) == name)
        .map(|(_, value)| decode(unquoted(value.trim())))
        .collect()
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

/// What does not decode is taken as it is.
fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8().map_or_else(|_| text.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_cookie_is_written_in_full() {
        let cookie = Cookie {
            name: "sAccessToken".into(),
            value: "a b/c".into(),
            domain: Some("example.com".into()),
            path: "/".into(),
            expires_at: 784_111_777_000,
            secure: true,
            same_site: SameSite::None,
        };
        assert_eq!(
            cookie.to_header().unwrap(),
            "sAccessToken=a%20b%2Fc; Domain=example.com; Path=/; Expires=Sun, 06 Nov 1994 08:49:37 GMT; HttpOnly; Secure; SameSite=None"
        );
    }

    fn plain() -> Cookie {
        Cookie {
            name: "sAccessToken".into(),
            value: "a-secret-token".into(),
            domain: None,
            path: "/".into(),
            expires_at: 0,
            secure: false,
            same_site: SameSite::Lax,
        }
    }

    #[test]
    fn any_expiry_can_be_written() {
        for (expires_at, date) in [
            (i64::MIN, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (LATEST_MS, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (LATEST_MS + 1, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (i64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            let header = Cookie { expires_at, ..plain() }.to_header().unwrap();
            assert!(header.to_str().unwrap().contains(&format!("; Expires={date};")), "{header:?}");
        }
    }

    #[test]
    fn no_debug_text_tells_a_cookie_s_value() {
        let (cookie, header) = (plain(), plain().to_header().unwrap());
        assert!(header.to_str().unwrap().contains("a-secret-token"));
        let headers: http::HeaderMap = [(http::header::SET_COOKIE, header.clone())].into_iter().collect();
        for text in [format!("{cookie:?}"), format!("{header:?}"), format!("{headers:?}")] {
            assert!(!text.contains("secret"), "{text}");
        }
    }

    #[test]
    fn what_would_not_be_read_as_it_is_meant_is_no_cookie() {
        let named = |name: &str| Cookie { name: name.into(), ..plain() };
        for name in ["", "a b", "a=b", "a;b", "a,b", "a\nb", "\"a\"", "ä", "a%20b", "a\t"] {
            assert!(named(name).to_header().is_err(), "{name:?}");
        }
        assert!(named("__Host-a_1.b!#$&'*+^`|~").to_header().is_ok());
        for place in ["/;", "/; Secure", "/\r\nx: y", "/\u{e4}\0"] {
            assert!(Cookie { path: place.into(), ..plain() }.to_header().is_err(), "{place:?}");
            assert!(Cookie { domain: Some(place.into()), ..plain() }.to_header().is_err(), "{place:?}");
        }
        let told = named("a;b").to_header().unwrap_err().to_string();
        assert!(told.contains("a;b") && !told.contains("secret"), "{told}");
    }

    #[test]
    fn every_cookie_of_a_name_is_found_and_no_other() {
        let header = "sAccessTokenX=0; sAccessToken=a%20b; other; =x; sAccessToken=\"c\";sAccessToken=%zz";
        assert_eq!(values(header, "sAccessToken"), ["a b", "c", "%zz"]);
        assert!(values("", "sAccessToken").is_empty());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(values_in in prop::collection::vec(any::<String>(), 0..4)) {
            let cookie = |value: &String| Cookie { value: value.clone(), ..plain() };
            let written = values_in.iter().map(|value| cookie(value).to_header().unwrap());
            let pairs: Vec<_> =
                written.map(|header| header.to_str().unwrap().split(';').next().unwrap().to_owned()).collect();
            let others = pairs.join("; other=sAccessToken; ");
            // Every duplicate is found, in its order, whatever was in it.
            prop_assert_eq!(values(&others, "sAccessToken"), values_in);
        }

        #[test]
        fn no_value_gets_out_of_its_cookie(value in any::<String>()) {
            let cookie = Cookie { value, secure: true, ..plain() };
            let header = cookie.to_header().unwrap();
            let text = header.to_str().unwrap();
            prop_assert_eq!(text.split(';').count(), 6, "value, path, expiry, and three attributes: {}", text);
        }

        #[test]
        fn no_header_is_a_panic(header in any::<String>(), name in "[a-zA-Z%=; \"]{0,6}") {
            let found = values(&header, &name);
            prop_assert!(found.len() <= header.split(';').count());
        }

        #[test]
        fn pieces_of_cookies_are_read_like_whole_ones(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["a=1", "a", "=", ";", "a==", "a=%", "a=%ff", "a=\"", "b=a=1", " ", "%61=2"]),
                0..12,
            ),
        ) {
            let header = pieces.concat();
            let found = values(&header, "a");
            let named = header.split(';').filter_map(|pair| pair.split_once('='));
            let named = named.filter(|(key, _)| ["a", "%61"].contains(&key.trim())).count();
            prop_assert_eq!(found.len(), named, "{}", header);
        }
    }
}
