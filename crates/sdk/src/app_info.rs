//! Where the app lives: its name, the addresses of its API and website, and the paths below them.

use crate::BuildError;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use url::{Host, Url};

/// What the app is called and where it lives. Addresses are checked by
/// [`Builder::build`](crate::Builder::build).
///
/// ```
/// let app = portcullis::AppInfo::new("Demo", "https://api.example.com", "https://example.com")
///     .api_base_path("/auth");
/// ```
#[derive(Clone, Debug)]
pub struct AppInfo {
    name: String,
    api_domain: String,
    website_domains: Vec<String>,
    further_websites: Option<IsWebsite>,
    api_base_path: String,
    website_base_path: String,
    api_gateway_path: String,
}

/// Tells the app's websites that are not named from those of others.
#[derive(Clone)]
struct IsWebsite(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl fmt::Debug for IsWebsite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IsWebsite")
    }
}

impl AppInfo {
    /// An app whose API is served at `api_domain` and whose pages are served at `website_domain`. Both
    /// paths default to `/auth`.
    pub fn new(
        name: impl Into<String>,
        api_domain: impl Into<String>,
        website_domain: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            api_domain: api_domain.into(),
            website_domains: vec![website_domain.into()],
            further_websites: None,
            api_base_path: "/auth".to_owned(),
            website_base_path: "/auth".to_owned(),
            api_gateway_path: String::new(),
        }
    }

    /// A further website that uses this API. Links in e-mails lead to the site that asked for them, if it
    /// is one of these, else to the first.
    #[must_use]
    pub fn also_website(mut self, domain: impl Into<String>) -> Self {
        self.website_domains.push(domain.into());
        self
    }

    /// Further websites that cannot all be named, such as one for each customer. Gets the origin that a request
    /// shows, such as `https://acme.example.com`, in lower case, and says whether it is one of the app's. It must
    /// look at the whole of it: links with tokens lead to whatever it takes for the app's own.
    ///
    /// ```
    /// let app = portcullis::AppInfo::new("Demo", "https://api.example.com", "https://example.com")
    ///     .websites_if(|origin| {
    ///         let customer = origin.strip_prefix("https://").and_then(|host| host.strip_suffix(".example.com"));
    ///         customer.is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'))
    ///     });
    /// ```
    #[must_use]
    pub fn websites_if(mut self, is_website: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.further_websites = Some(IsWebsite(Arc::new(is_website)));
        self
    }

    /// What the paths of the frontend APIs begin with.
    #[must_use]
    pub fn api_base_path(mut self, path: impl Into<String>) -> Self {
        self.api_base_path = path.into();
        self
    }

    /// What the paths of the sign-in pages begin with.
    #[must_use]
    pub fn website_base_path(mut self, path: impl Into<String>) -> Self {
        self.website_base_path = path.into();
        self
    }

    /// The path at which a gateway serves the API, and which it takes away before it passes a request on:
    /// addresses and cookies have it, the requests that this server gets do not.
    #[must_use]
    pub fn api_gateway_path(mut self, path: impl Into<String>) -> Self {
        self.api_gateway_path = path.into();
        self
    }

    pub(crate) fn normalise(self) -> Result<App, BuildError> {
        if self.name.trim().is_empty() {
            return Err(BuildError::MissingAppName);
        }
        let domain = |field: &'static str, text: &str| {
            normalise_domain(text).ok_or_else(|| BuildError::InvalidDomain { field, value: text.to_owned() })
        };
        let path = |field: &'static str, text: &str| {
            normalise_path(text).ok_or_else(|| BuildError::InvalidPath { field, value: text.to_owned() })
        };
        let websites = self.website_domains.iter().map(|text| domain("website_domain", text));
        let gateway = path("api_gateway_path", &self.api_gateway_path)?;
        let base_path = path("api_base_path", &self.api_base_path)?;
        Ok(App {
            name: self.name,
            api_domain: domain("api_domain", &self.api_domain)?,
            websites: websites.collect::<Result<_, _>>()?,
            further_websites: self.further_websites,
            api_base_path: gateway + &base_path,
            base_path_behind_gateway: base_path,
            website_base_path: path("website_base_path", &self.website_base_path)?,
        })
    }
}

/// [`AppInfo`], checked: domains without a slash at their end, paths empty or beginning with a slash.
#[derive(Clone, Debug)]
pub struct App {
    /// What e-mails call the app.
    pub name: String,
    /// For example `https://api.example.com`.
    pub api_domain: String,
    websites: Vec<String>,
    further_websites: Option<IsWebsite>,
    /// The gateway's path and the API's own, for example `/auth`.
    pub api_base_path: String,
    /// What the paths of requests begin with when they have passed the gateway.
    pub(crate) base_path_behind_gateway: String,
    /// For example `/auth`.
    pub website_base_path: String,
}

impl App {
    /// The website that a request with this `Origin` belongs to; the first one if it is of none.
    pub fn website(&self, origin: Option<&str>) -> Cow<'_, str> {
        let first = self.websites.first().map_or("", String::as_str);
        origin.and_then(|origin| self.known_website(origin)).unwrap_or(Cow::Borrowed(first))
    }

    /// The website with this origin.
    pub(crate) fn known_website(&self, origin: &str) -> Option<Cow<'_, str>> {
        let named = |asked: &str| {
            let named = self.websites.iter().find(|website| *website == asked);
            named.map(|website| Cow::Borrowed(website.as_str()))
        };
        // Browsers write origins as they are kept here.
        if let Some(website) = named(origin) {
            return Some(website);
        }
        let origin = normalise_domain(origin)?;
        let is_further = || self.further_websites.as_ref().is_some_and(|further| (further.0)(&origin));
        named(&origin).or_else(|| is_further().then(|| Cow::Owned(origin.clone())))
    }

    /// Whether every website is named.
    pub(crate) fn names_all_websites(&self) -> bool {
        self.further_websites.is_none()
    }

    /// Whether this is the origin of one of the app's websites, or of its API.
    pub(crate) fn is_own_origin(&self, origin: &str) -> bool {
        self.known_website(origin).is_some()
            || normalise_domain(origin).is_some_and(|origin| origin == self.api_domain)
    }

    pub(crate) fn websites(&self) -> &[String] {
        &self.websites
    }
}

/// An origin, as the official SDKs write it: scheme and host in lower case, no path. Without a scheme it
/// is `https`, or `http` for `localhost` and IPv4 addresses.
pub(crate) fn normalise_domain(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    if text.starts_with("http://") || text.starts_with("https://") {
        return origin(&text);
    }
    let bare = text.strip_prefix('.').unwrap_or(&text);
    if bare.starts_with('/') || !(bare.contains('.') || bare.starts_with("localhost")) {
        return None;
    }
    let url = Url::parse(&format!("https://{bare}")).ok()?;
    let scheme = if is_local(&url) { "http" } else { "https" };
    origin(&format!("{scheme}://{bare}"))
}

fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host_str().filter(|host| !host.is_empty())?;
    let port = url.port().map_or_else(String::new, |port| format!(":{port}"));
    Some(format!("{}://{host}{port}", url.scheme()))
}

/// Whether the host is `localhost` or an IPv4 address, which need no certificate.
fn is_local(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(_)) => true,
        Some(Host::Domain(domain)) => domain.starts_with("localhost"),
        _ => false,
    }
}

/// A path, as the official SDKs write it: a slash at its beginning, one less at its end; of a whole URL only
/// its path counts.
pub(crate) fn normalise_path(text: &str) -> Option<String> {
    let text = text.trim();
    let lower = text.to_lowercase();
    let has_scheme = lower.starts_with("http://") || lower.starts_with("https://");
    let url = if has_scheme {
        Url::parse(text).ok()?
    } else if names_a_domain(&lower) {
        Url::parse(&format!("http://{text}")).ok()?
    } else {
        let slash = if text.starts_with('/') { "" } else { "/" };
        Url::parse(&format!("http://example.com{slash}{text}")).ok()?
    };
    let path = url.path();
    Some(path.strip_suffix('/').unwrap_or(path).to_owned())
}

fn names_a_domain(text: &str) -> bool {
    if text.starts_with("localhost") {
        return true;
    }
    let has_dot = |url: Url| url.host_str().is_some_and(|host| host.contains('.'));
    text.contains('.') && !text.starts_with('/') && Url::parse(&format!("http://{text}")).is_ok_and(has_dot)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn domains_are_origins() {
        for (text, origin) in [
            ("http://API.example.com", "http://api.example.com"),
            ("https://api.example.com/path?q#h", "https://api.example.com"),
            ("api.example.com:3000/path", "https://api.example.com:3000"),
            ("localhost:4000", "http://localhost:4000"),
            ("127.0.0.1", "http://127.0.0.1"),
            (".example.com", "https://example.com"),
            ("http://localhost:80", "http://localhost"),
        ] {
            assert_eq!(normalise_domain(text).as_deref(), Some(origin), "{text}");
        }
        for text in ["", "/one", "example", "http://"] {
            assert_eq!(normalise_domain(text), None, "{text}");
        }
    }

    #[test]
    fn paths_begin_with_a_slash_and_do_not_end_with_one() {
        for (text, path) in [
            ("", ""),
            ("/", ""),
            ("auth", "/auth"),
            ("/Auth/", "/Auth"),
            ("http://a.b/one/two/", "/one/two"),
            ("a.b.com/one", "/one"),
            ("localhost:3000/x", "/x"),
            ("/a.b", "/a.b"),
        ] {
            assert_eq!(normalise_path(text).as_deref(), Some(path), "{text}");
        }
    }

    /// Each line is an input, and what `NormalisedURLDomain` and `NormalisedURLPath` of `supertokens-node`
    /// 24.0.2 make of it; `null` for an error.
    #[test]
    fn addresses_are_read_as_the_node_sdk_reads_them() {
        let lines = include_str!("../testdata/node_addresses.jsonl").lines();
        for line in lines.clone() {
            let (text, domain, path): (String, Option<String>, Option<String>) =
                serde_json::from_str(line).unwrap();
            assert_eq!((normalise_domain(&text), normalise_path(&text)), (domain, path), "{text:?}");
        }
        assert_eq!(lines.count(), 400);
    }

    /// The Node SDK takes such an address for `https` until it has taken the port away, and so answers
    /// an origin that no browser sends.
    #[test]
    fn a_port_that_goes_without_saying_is_not_said() {
        assert_eq!(normalise_domain("localhost:80").as_deref(), Some("http://localhost"));
        assert_eq!(normalise_domain("localhost:443").as_deref(), Some("http://localhost:443"));
        assert_eq!(normalise_domain("example.com:443").as_deref(), Some("https://example.com"));
    }

    #[test]
    fn links_lead_to_the_site_that_asked_if_it_is_known() {
        let app = AppInfo::new("Demo", "https://api.example.com", "https://example.com");
        let app = app.also_website("https://other.example.com").normalise().unwrap();
        assert_eq!(app.website(Some("https://OTHER.example.com")), "https://other.example.com");
        assert_eq!(app.website(Some("https://evil.example")), "https://example.com");
        assert_eq!(app.website(None), "https://example.com");
    }

    #[test]
    fn websites_that_are_not_named_are_those_that_the_app_takes_for_its_own() {
        let app = AppInfo::new("Demo", "https://api.example.com", "https://example.com");
        let app = app.websites_if(|origin| origin == "https://acme.example.com").normalise().unwrap();
        assert_eq!(app.website(Some("https://ACME.example.com")), "https://acme.example.com");
        for stranger in [
            "https://acme.example.com.evil.example",
            "http://acme.example.com",
            "null",
            "https://evil.example",
        ] {
            assert_eq!(app.website(Some(stranger)), "https://example.com");
            assert!(!app.is_own_origin(stranger), "{stranger}");
        }
        assert!(app.is_own_origin("https://acme.example.com") && !app.names_all_websites());
    }

    /// Addresses as people write them, and as they should not.
    fn address() -> impl Strategy<Value = String> {
        let scheme = prop::sample::select(vec!["", "http://", "https://", "HTTPS://", "ftp://", "//", "."]);
        let host = prop::sample::select(vec![
            "localhost",
            "127.0.0.1",
            "api.Example.com",
            "[::1]",
            "example",
            "bücher.example.com",
            "",
            "a..b",
            "user:secret@a.com",
        ]);
        let port = prop::sample::select(vec!["", ":80", ":443", ":3001", ":99999", ":x"]);
        let path = prop_oneof![Just(String::new()), "(/[a-zA-Z0-9.%? #-]{0,6}){0,3}/?", any::<String>()];
        (scheme, host, port, path)
            .prop_map(|(scheme, host, port, path)| format!("{scheme}{host}{port}{path}"))
    }

    proptest! {
        #[test]
        fn a_domain_is_an_origin_and_stays_one(text in prop_oneof![address(), any::<String>()]) {
            if let Some(origin) = normalise_domain(&text) {
                prop_assert_eq!(normalise_domain(&origin), Some(origin.clone()));
                let url = Url::parse(&origin).unwrap();
                prop_assert!(["http", "https"].contains(&url.scheme()));
                prop_assert_eq!((url.path(), url.query(), url.username()), ("/", None, ""), "{}", origin);
                prop_assert!(!origin.ends_with('/') && origin == origin.to_lowercase(), "{}", origin);
            }
        }

        #[test]
        fn a_path_is_empty_or_begins_with_a_slash(text in prop_oneof![address(), any::<String>()]) {
            if let Some(path) = normalise_path(&text) {
                prop_assert!(path.is_empty() || path.starts_with('/'), "{}", path);
                prop_assert!(!path.contains(['?', '#', ' ']), "{}", path);
            }
        }

        #[test]
        fn a_plain_path_stays_as_it_is(path in "(/[a-zA-Z0-9_-]{1,8}){0,4}") {
            prop_assert_eq!(normalise_path(&path), Some(path.clone()));
            prop_assert_eq!(normalise_path(&format!("{path}/")), Some(path));
        }

        #[test]
        fn every_link_leads_to_a_website_of_the_app(origin in prop_oneof![address(), any::<String>()]) {
            let app = AppInfo::new("Demo", "https://api.example.com", "https://example.com");
            let app = app.also_website("localhost:3000").normalise().unwrap();
            prop_assert!(["https://example.com", "http://localhost:3000"].contains(&&*app.website(Some(&origin))));
        }
    }
}
