//! The page: it loads the bundle, and tells it where the APIs are.

use crate::{Cx, Error, Result};
use askama::Template;
use async_trait::async_trait;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use serde_json::{Value, json};
use url::Url;

/// The page, and what browsers may fetch for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The page.
    pub html: String,
    /// The header `Content-Security-Policy`.
    pub content_security_policy: String,
}

/// The page of the dashboard recipe. A replacement implements [`Apis::original`] and [`Apis::dashboard`].
#[async_trait]
pub trait Apis: Send + Sync {
    /// The page below.
    fn original(&self) -> &dyn Apis;

    /// The page that `GET /dashboard` answers, to everybody: it must tell nothing.
    async fn dashboard(&self, cx: &Cx) -> Result<Page> {
        self.original().dashboard(cx).await
    }
}

/// What the APIs do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseApis;

#[derive(Template)]
#[template(path = "dashboard.html")]
struct Html<'h> {
    nonce: &'h str,
    settings: &'h str,
    bundle: &'h str,
}

#[async_trait]
impl Apis for BaseApis {
    fn original(&self) -> &dyn Apis {
        self
    }

    async fn dashboard(&self, cx: &Cx) -> Result<Page> {
        let recipe = cx.sdk().dashboard()?;
        let location = recipe.functions.dashboard_bundle_location(cx).await?;
        let source = source_of(&location);
        let source =
            source.ok_or_else(|| Error::Internal(format!("'{location}' is no place for a bundle")))?;
        let bundle = location.trim_end_matches('/');
        let app = cx.sdk().app();
        let settings = json!({
            "staticBasePath": format!("{bundle}/static"),
            "dashboardAppPath": format!("{}/dashboard", app.api_base_path),
            // Where the core is concerns nobody who is not signed in, and the bundle only uses it in commands
            // that it shows.
            "connectionURI": "",
            "authMode": if recipe.api_key.is_some() { "api-key" } else { "email-password" },
            "isSearchEnabled": "true",
        });
        let nonce = nonce()?;
        let html = Html { nonce: &nonce, settings: &in_script(&settings), bundle };
        let html = html.render().map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Page { html, content_security_policy: policy(&nonce, &source, &recipe.sources) })
    }
}

/// JSON that can stand in a script: a `</script>` would end it.
fn in_script(json: &Value) -> String {
    json.to_string().replace('<', "\\u003c")
}

fn nonce() -> Result<String> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| Error::Internal("there is no randomness".to_owned()))?;
    Ok(STANDARD.encode(bytes))
}

/// Scripts are the page's own and the bundle's; calls go to where the page is from; nobody frames it.
fn policy(nonce: &str, bundle: &str, others: &[String]) -> String {
    let content =
        std::iter::once(bundle).chain(others.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
    format!(
        "default-src 'none'; script-src 'nonce-{nonce}' {bundle}; style-src {content}; font-src {content}; img-src data: {content}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// What a policy calls the place of a bundle: `'self'` or its server.
pub(super) fn source_of(bundle: &str) -> Option<String> {
    if bundle.starts_with('/') && !bundle.starts_with("//") && is_plain(bundle) {
        return Some("'self'".to_owned());
    }
    let url = Url::parse(bundle).ok().filter(|_| is_plain(bundle))?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.username().is_empty();
    is_web.then(|| url.origin().ascii_serialization())
}

/// Whether a text is the address of a server and nothing else.
pub(super) fn is_server(text: &str) -> bool {
    source_of(text).is_some_and(|source| source == text.trim_end_matches('/'))
}

/// Whether a text can stand in an attribute, and its server in a policy.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>\\;,?#".contains(&byte))
}

pub(super) async fn dashboard(cx: &Cx) -> Result<Response<Bytes>> {
    let page = cx.sdk().dashboard()?.apis.dashboard(cx).await?;
    let policy = HeaderValue::from_str(&page.content_security_policy);
    let policy = policy.map_err(|error| Error::Internal(error.to_string()))?;
    let mut response = Response::new(Bytes::from(page.html));
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_script() {
        let value = json!({"path": "/</script><script>alert(1)//"});
        let text = in_script(&value);
        assert!(!text.contains('<'), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_bundle_is_at_a_server_or_a_path() {
        for (bundle, source) in [
            ("https://cdn.example.com/build", "https://cdn.example.com"),
            ("https://cdn.jsdelivr.net/gh/supertokens/dashboard@v0.15/build/", "https://cdn.jsdelivr.net"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("/bundle", "'self'"),
        ] {
            assert_eq!(source_of(bundle).as_deref(), Some(source), "{bundle}");
        }
        for bad in
            ["", "bundle", "//evil.example.com", "javascript:x", "data:,x", "/a\"b", "https://a b", "/a;b"]
        {
            assert_eq!(source_of(bad), None, "{bad}");
        }
        assert!(is_server("https://fonts.gstatic.com") && is_server("https://fonts.gstatic.com/"));
        assert!(
            !is_server("https://fonts.gstatic.com/css") && !is_server("'unsafe-inline'") && !is_server("/")
        );
    }
}
