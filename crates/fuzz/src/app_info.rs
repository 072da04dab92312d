//! Where an app says it lives: its API's domain and its website's, their paths, a gateway's path; and an
//! `Origin` that a request shows.

use crate::input::lines;
use bytes::Bytes;
use http::{Request, Response};
use portcullis::recipes::session::SessionRecipe;
use portcullis::{AppInfo, Portcullis, Transport, TransportError, async_trait};

/// Addresses have a normal form, which stays as it is; an origin leads to one of the app's own websites.
pub fn run(data: &[u8]) {
    let Some([api, website, api_path, website_path, gateway, origin]) = lines(data) else { return };
    let Some(sdk) = build([api, website, api_path, website_path, gateway]) else { return };
    let app = sdk.app();
    let first = app.website(None);
    for domain in [&*app.api_domain, &first] {
        assert!(domain.starts_with("http://") || domain.starts_with("https://"), "{domain}");
        assert!(!domain.ends_with('/'), "{domain}");
    }
    for path in [&app.api_base_path, &app.website_base_path] {
        assert!(path.is_empty() || path.starts_with('/'), "{path}");
        assert!(!path.contains(['?', '#']), "{path}");
        assert!(!path.split('/').any(|part| part == ".."), "{path}");
    }
    assert_eq!(app.website(Some(origin)), first);
    assert_eq!(app.website(Some(&first)), first);
    for (_, path) in sdk.frontend_apis() {
        assert!(app.api_base_path.is_empty() || path.starts_with('/'), "{path}");
    }
    // Of several slashes at the end one is taken off, as the Node SDK does.
    if app.api_base_path.ends_with('/') || app.website_base_path.ends_with('/') {
        return;
    }
    let normal = [&app.api_domain, &*first, &app.api_base_path, &app.website_base_path, ""];
    let again = build(normal).expect("the normal form is accepted");
    let again = again.app();
    let website = again.website(None);
    let parts = [&again.api_domain, &*website, &again.api_base_path, &again.website_base_path, ""];
    assert_eq!(parts, normal);
}

fn build([api, website, api_path, website_path, gateway]: [&str; 5]) -> Option<Portcullis> {
    let info = AppInfo::new("Demo", api, website)
        .api_base_path(api_path)
        .website_base_path(website_path)
        .api_gateway_path(gateway);
    Portcullis::builder(info).core(Nowhere).recipe(SessionRecipe::new()).build().ok()
}

/// No core is asked.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        Err(TransportError::not_sent("no core"))
    }
}
