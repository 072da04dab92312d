//! From a path to an endpoint, an app and a tenant: `[/appid-<app>][/<tenant>]<endpoint>[/]`.

use crate::PUBLIC;

/// Words that begin an endpoint's path and so can never be a tenant's id.
pub(crate) const STOP_WORDS: [&str; 4] = ["recipe", "config", "users", "hello"];

/// A path, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) app_id: String,
    pub(super) tenant_id: String,
    pub(super) endpoint: String,
}

/// Lower-cases the path, drops base path and trailing slash, and takes it apart. An endpoint's own path
/// is tried before any prefix is taken for an app or a tenant. `None`: outside the base path.
pub(super) fn take_apart(path: &str, base_path: &str, is_endpoint: impl Fn(&str) -> bool) -> Option<Parts> {
    let lower = path.to_ascii_lowercase();
    let inside = match base_path {
        "" => lower.as_str(),
        _ => lower.strip_prefix(&base_path.to_ascii_lowercase())?,
    };
    let inside = inside.strip_suffix('/').unwrap_or(inside);
    let (app_id, tenant_id, endpoint) = if is_endpoint(inside) {
        (PUBLIC, PUBLIC, inside)
    } else {
        let (app_id, rest) = take_app(inside);
        let (tenant_id, rest) = if is_endpoint(rest) { (PUBLIC, rest) } else { take_tenant(rest) };
        (app_id, tenant_id, if rest.is_empty() { "/" } else { rest })
    };
    Some(Parts { app_id: app_id.to_owned(), tenant_id: tenant_id.to_owned(), endpoint: endpoint.to_owned() })
}

fn take_app(path: &str) -> (&str, &str) {
    let Some(after) = path.strip_prefix("/appid-") else { return (PUBLIC, path) };
    let (app_id, rest) = split_segment(after);
    match app_id {
        "" => (PUBLIC, rest),
        _ if is_id(app_id) => (app_id, rest),
        _ => (PUBLIC, path),
    }
}

fn take_tenant(path: &str) -> (&str, &str) {
    let Some(after) = path.strip_prefix('/') else { return (PUBLIC, path) };
    let (tenant_id, rest) = split_segment(after);
    let usable = is_id(tenant_id) && !STOP_WORDS.contains(&tenant_id);
    if usable { (tenant_id, rest) } else { (PUBLIC, path) }
}

fn split_segment(text: &str) -> (&str, &str) {
    text.split_at(text.find('/').unwrap_or(text.len()))
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(path: &str) -> (String, String, String) {
        let known = ["/recipe/signup", "/users", "/hello", "/.well-known/jwks.json"];
        let found = take_apart(path, "", |endpoint| known.contains(&endpoint)).unwrap();
        (found.app_id, found.tenant_id, found.endpoint)
    }

    #[test]
    fn app_and_tenant_are_optional_and_case_does_not_matter() {
        for (path, app_id, tenant_id, endpoint) in [
            ("/recipe/signup", "public", "public", "/recipe/signup"),
            ("/public/recipe/signup", "public", "public", "/recipe/signup"),
            ("/T1/Recipe/SignUp/", "public", "t1", "/recipe/signup"),
            ("/appid-a1/t1/recipe/signup", "a1", "t1", "/recipe/signup"),
            ("/appid-/recipe/signup", "public", "public", "/recipe/signup"),
            ("/appid-appid-x/users", "appid-x", "public", "/users"),
            ("/appid-a/hello", "a", "public", "/hello"),
            ("/appid-a", "a", "public", "/"),
            ("/", "public", "public", "/"),
            ("", "public", "public", "/"),
            ("/t1/.well-known/jwks.json", "public", "t1", "/.well-known/jwks.json"),
            ("/users/hello", "public", "public", "/users/hello"),
        ] {
            assert_eq!(parts(path), (app_id.into(), tenant_id.into(), endpoint.into()), "{path}");
        }
    }

    #[test]
    fn a_base_path_must_be_there() {
        assert!(take_apart("/hello", "/auth-core", |_| true).is_none());
        assert_eq!(
            take_apart("/auth-core/hello", "/auth-core", |e| e == "/hello").unwrap().endpoint,
            "/hello"
        );
    }
}
