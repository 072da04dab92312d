//! Whether API and website count as one site for a browser, which decides how cookies must be marked.

use super::config::{AntiCsrf, Config};
use crate::app_info::App;
use crate::{Cx, SameSite};
use url::{Host, Url};

/// When the cookies of a call must be sent.
pub(super) fn of_call(cx: &Cx, config: &Config) -> SameSite {
    let by_website = || {
        let website = website(cx);
        let known = config.same_site_of.iter().find(|(known, _)| known == website);
        known.map_or(SameSite::None, |(_, same_site)| *same_site)
    };
    config.cookie_same_site.unwrap_or_else(by_website)
}

/// What the cookies of the API need for each of the app's websites.
pub(super) fn of_websites(app: &App) -> Vec<(String, SameSite)> {
    let (api_site, api_scheme) = (site(&app.api_domain), scheme(&app.api_domain));
    let same_site = |website: &String| {
        let is_one_site = api_site == site(website) && api_scheme == scheme(website);
        (website.clone(), if is_one_site { SameSite::Lax } else { SameSite::None })
    };
    app.websites().iter().map(same_site).collect()
}

/// How requests that other sites made are told apart in a call.
pub(super) fn anti_csrf(cx: &Cx, config: &Config) -> AntiCsrf {
    config.anti_csrf.unwrap_or_else(|| match of_call(cx, config) {
        SameSite::None => AntiCsrf::ViaCustomHeader,
        SameSite::Lax | SameSite::Strict => AntiCsrf::None,
    })
}

/// Whether browsers take an insecure cookie that is sent from other sites: only on one's own machine.
pub(super) fn is_own_machine(cx: &Cx) -> bool {
    let local = |site: Option<String>| site.is_some_and(|site| site == LOCAL);
    local(site(&cx.sdk().app().api_domain)) && local(site(website(cx)))
}

fn website(cx: &Cx) -> &str {
    let origin = cx.exchange().and_then(|exchange| exchange.header("origin"));
    cx.sdk().app().website(origin)
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
}
