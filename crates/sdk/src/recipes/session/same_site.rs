//! Whether API and website count as one site for a browser, which decides how cookies must be marked.

use super::config::{AntiCsrf, Config};
use crate::app_info::App;
use crate::{Cx, SameSite};
use std::borrow::Cow;
use url::{Host, Url};

/// When the cookies of a call must be sent.
pub(super) fn of_call(cx: &Cx, config: &Config) -> SameSite {
    config.cookie_same_site.unwrap_or_else(|| of_website(cx, config, &website(cx)))
}

fn of_website(cx: &Cx, config: &Config, website: &str) -> SameSite {
    let known = config.same_site_of.iter().find(|(known, _)| known == website);
    known.map_or_else(|| for_website(cx.sdk().app(), website), |(_, same_site)| *same_site)
}

/// What the cookies of the API need for each website that the app names.
pub(super) fn of_websites(app: &App) -> Vec<(String, SameSite)> {
    app.websites().iter().map(|website| (website.clone(), for_website(app, website))).collect()
}

fn for_website(app: &App, website: &str) -> SameSite {
    let api = &app.api_domain;
    let is_one_site = site(api) == site(website) && scheme(api) == scheme(website);
    if is_one_site { SameSite::Lax } else { SameSite::None }
}

/// How requests that other sites made are told apart in a call.
pub(super) fn anti_csrf(cx: &Cx, config: &Config) -> AntiCsrf {
    let cookies_hold_off = || {
        if let Some(same_site) = config.cookie_same_site {
            return same_site != SameSite::None;
        }
        let app = cx.sdk().app();
        let asking = origin(cx).and_then(|origin| app.known_website(origin));
        // A site that is none of the app's may show a cookie that was made for any of the app's websites. What the
        // cookies of those needed that are not named nobody knows.
        let mut named = config.same_site_of.iter();
        let by_all = || app.names_all_websites() && named.all(|(_, same_site)| *same_site != SameSite::None);
        asking.map_or_else(by_all, |website| of_website(cx, config, &website) != SameSite::None)
    };
    let by_cookies = || if cookies_hold_off() { AntiCsrf::None } else { AntiCsrf::ViaCustomHeader };
    config.anti_csrf.unwrap_or_else(by_cookies)
}

/// Whether browsers take an insecure cookie that is sent from other sites: only on one's own machine.
pub(super) fn is_own_machine(cx: &Cx) -> bool {
    let local = |site: Option<String>| site.is_some_and(|site| site == LOCAL);
    local(site(&cx.sdk().app().api_domain)) && local(site(&website(cx)))
}

fn origin(cx: &Cx) -> Option<&str> {
    cx.exchange()?.header("origin")
}

fn website(cx: &Cx) -> Cow<'_, str> {
    cx.sdk().app().website(origin(cx))
}

/// `localhost` and IP addresses count as one site.
const LOCAL: &str = "localhost";

fn scheme(origin: &str) -> Option<&str> {
    origin.split_once("://").map(|(scheme, _)| scheme)
}

/// The part of a host that one owner registered, private suffixes included: those of `a.vercel.app` and
/// `b.vercel.app` differ.
fn site(origin: &str) -> Option<String> {
    let url = Url::parse(origin).ok()?;
    match url.host()? {
        Host::Ipv4(_) | Host::Ipv6(_) => Some(LOCAL.to_owned()),
        Host::Domain(domain) if domain == LOCAL || domain.starts_with("localhost.") => Some(LOCAL.to_owned()),
        Host::Domain(domain) => Some(registered(domain)),
    }
}

/// Names of a local network have no public suffix.
fn registered(domain: &str) -> String {
    let is_of_local_network = domain.rsplit('.').next() == Some("local");
    let registered = psl::domain_str(domain).filter(|_| !is_of_local_network);
    registered.unwrap_or(domain).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::session::SessionRecipe;
    use crate::{AppInfo, Exchange, Portcullis};
    use bytes::Bytes;
    use http::Request;
    use proptest::prelude::*;
    use std::sync::Arc;

    #[test]
    fn sites_are_what_one_owner_registered() {
        for (left, right, same) in [
            ("https://api.example.com", "https://example.com", true),
            ("https://a.example.co.uk", "https://b.example.co.uk", true),
            ("https://a.co.uk", "https://b.co.uk", false),
            ("https://a.vercel.app", "https://b.vercel.app", false),
            ("http://localhost:3000", "http://127.0.0.1:4000", true),
            ("http://a.local", "http://b.local", false),
        ] {
            assert_eq!(site(left) == site(right), same, "{left} {right}");
        }
    }

    /// What cookies need for a website, of an API.
    fn needed(api: &str, website: &str) -> SameSite {
        let app = AppInfo::new("Demo", api, website).normalise().unwrap();
        let [(_, same_site)] = of_websites(&app).try_into().unwrap();
        same_site
    }

    /// What one owner can register below.
    const SUFFIXES: [&str; 6] = ["com", "org", "co.uk", "com.au", "vercel.app", "github.io"];

    fn suffix() -> impl Strategy<Value = &'static str> {
        prop::sample::select(SUFFIXES.to_vec())
    }

    /// Not one that the list of public suffixes knows below some of these, such as `uk.com`.
    fn owner() -> impl Strategy<Value = String> {
        "[a-z]{3}-[a-z0-9]{1,8}[a-z]"
    }

    /// Nothing, or a part of a host with its dot.
    fn below() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), "[a-z][a-z0-9]{0,6}\\.", "[a-z]{1,3}\\.[a-z]{1,3}\\."]
    }

    fn scheme() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["http", "https"])
    }

    fn port() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), (1024..60000u16).prop_map(|port| format!(":{port}"))]
    }

    fn host() -> impl Strategy<Value = String> {
        let named =
            (below(), owner(), suffix()).prop_map(|(below, owner, end)| format!("{below}{owner}.{end}"));
        let local = prop::sample::select(vec!["localhost", "a.localhost", "127.0.0.1", "[::1]", "nas.local"]);
        prop_oneof![3 => named, 1 => local.prop_map(str::to_owned), 1 => suffix().prop_map(str::to_owned)]
    }

    fn address() -> impl Strategy<Value = String> {
        (scheme(), host(), port()).prop_map(|(scheme, host, port)| format!("{scheme}://{host}{port}"))
    }

    proptest! {
        #[test]
        fn all_hosts_of_an_owner_are_one_site_whatever_their_ports(
            (owner, suffix, scheme) in (owner(), suffix(), scheme()),
            (api, website) in (below(), below()),
            (api_port, website_port) in (port(), port()),
        ) {
            let api = format!("{scheme}://{api}{owner}.{suffix}{api_port}");
            let website = format!("{scheme}://{website}{owner}.{suffix}{website_port}");
            prop_assert_eq!(needed(&api, &website), SameSite::Lax, "{} {}", api, website);
            prop_assert_eq!(needed(&api.to_uppercase(), &website), SameSite::Lax, "{} {}", api, website);
        }

        #[test]
        fn hosts_of_two_owners_are_two_sites(
            (api, website, suffix) in (owner(), owner(), suffix()),
            (api_below, website_below, scheme) in (below(), below(), scheme()),
        ) {
            prop_assume!(api != website);
            let api = format!("{scheme}://{api_below}{api}.{suffix}");
            let website = format!("{scheme}://{website_below}{website}.{suffix}");
            prop_assert_eq!(needed(&api, &website), SameSite::None, "{} {}", api, website);
        }

        /// `example.com.evil.org` is none of `example.com`'s, and neither is `evilexample.com`.
        #[test]
        fn a_name_inside_another_is_no_relation(
            (owner, evil) in (owner(), owner()),
            (suffix, evil_suffix) in (suffix(), suffix()),
        ) {
            let api = format!("https://{owner}.{suffix}");
            for website in [
                format!("https://{owner}.{suffix}.{evil}.{evil_suffix}"),
                format!("https://{evil}{owner}.{suffix}"),
                format!("https://{owner}{evil}.{suffix}"),
                format!("https://localhost-{owner}.{suffix}"),
            ] {
                prop_assert_eq!(needed(&api, &website), SameSite::None, "{} {}", api, website);
            }
        }

        #[test]
        fn two_schemes_are_two_sites(
            (api, website) in (host(), host()),
            (api_port, website_port) in (port(), port()),
        ) {
            let (http, https) = (format!("http://{api}{api_port}"), format!("https://{website}{website_port}"));
            for (api, website) in [(&http, &https), (&https, &http)] {
                if normalises(api) && normalises(website) {
                    prop_assert_eq!(needed(api, website), SameSite::None, "{} {}", api, website);
                }
            }
        }

        #[test]
        fn being_one_site_goes_both_ways_and_is_never_strict(api in address(), website in address()) {
            if normalises(&api) && normalises(&website) {
                prop_assert_eq!(needed(&api, &website), needed(&website, &api), "{} {}", api, website);
                prop_assert_eq!(needed(&api, &api), SameSite::Lax, "{}", api);
                prop_assert_ne!(needed(&api, &website), SameSite::Strict);
            }
        }

        /// No request gets by without the header if its cookies can come from other sites, whatever it says
        /// of its origin; unless a browser says that it comes from a page of the API's own site.
        #[test]
        fn cookies_of_another_site_want_a_header(
            websites in prop::collection::vec(address(), 1..4),
            stranger in prop_oneof![address().prop_map(Some), Just(Some("null".to_owned())), Just(None)],
            own in any::<prop::sample::Index>(),
        ) {
            let mut info = AppInfo::new("Demo", "https://api.example.com", &*websites[0]);
            for website in &websites[1..] {
                info = info.also_website(&**website);
            }
            let sdk = Portcullis::builder(info).core("http://localhost:3567").recipe(SessionRecipe::new());
            let Ok(sdk) = sdk.build() else { return Ok(()) };
            let all = sdk.app().websites();
            let of_other_sites = all.iter().any(|website| needed("https://api.example.com", website) == SameSite::None);
            let asks = |origin: Option<&str>| {
                let request = Request::post("/x");
                let request = if let Some(origin) = origin { request.header("origin", origin) } else { request };
                let (head, ()) = request.body(()).unwrap().into_parts();
                let cx = Cx::of_request(&sdk, Arc::new(Exchange::new(&head, Bytes::new())));
                anti_csrf(&cx, &sdk.session().unwrap().config) == AntiCsrf::ViaCustomHeader
            };
            let own = own.get(all);
            prop_assert_eq!(asks(Some(own)), needed("https://api.example.com", own) == SameSite::None);
            if stranger.as_deref().is_none_or(|stranger| sdk.app().known_website(stranger).is_none()) {
                prop_assert_eq!(asks(stranger.as_deref()), of_other_sites, "{:?} {:?}", all, stranger);
            }
        }
    }

    fn normalises(address: &str) -> bool {
        crate::app_info::normalise_domain(address).is_some()
    }
}
