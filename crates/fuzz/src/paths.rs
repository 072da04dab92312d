//! Paths of requests to the core: the first byte chooses a base path, the path follows.

use crate::input::choice;
use http::Uri;
use portcullis_core::http::{RouteTable, fuzzing::take_apart};
use portcullis_core::recipes;
use std::collections::HashSet;
use std::sync::LazyLock;

static ROUTES: LazyLock<RouteTable> = LazyLock::new(|| RouteTable::new(recipes::ALL));
/// The paths of endpoints, as they are taken out of a request's.
static KNOWN: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let paths =
        ROUTES.names().into_iter().filter_map(|name| Some(name.split_once(' ')?.1.to_ascii_lowercase()));
    paths.filter(|path| path != "/").collect()
});

/// Takes a path apart, and what was taken apart once more.
pub fn run(data: &[u8]) {
    let Some((base, rest)) = choice(data) else { return };
    let base = ["", "/auth-core", "/A/b"][base % 3];
    let Some(uri) = Uri::try_from(rest).ok().filter(|uri| uri.path().starts_with('/')) else { return };
    let path = uri.path();
    let read = |path: &str| take_apart(&ROUTES, path, base);
    let Some(parts) = read(path) else {
        assert!(!path.to_ascii_lowercase().starts_with(&base.to_ascii_lowercase()), "{path}");
        return;
    };
    assert_eq!(read(&path.to_ascii_uppercase()).as_ref(), Some(&parts), "letter case does not matter");
    let [app, tenant, endpoint] = &parts;
    for id in [app, tenant] {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        assert!(!id.is_empty() && id.bytes().all(is_plain), "{id}");
    }
    assert!(!endpoint.is_empty());
    if KNOWN.contains(endpoint) {
        let whole = format!("{base}/appid-{app}/{tenant}{endpoint}");
        assert_eq!(read(&whole), Some(parts), "{path}");
    }
}
