//! What is asked for when a passkey is to be made: the site's origin, the relying party's id, and whether the
//! user is to be verified.

use crate::input::lines;
use portcullis_core::recipes::fuzzing::webauthn::{Offer, browser_origin};
use url::{Host, Url};

/// A site gets options only for its own domain, or one above it.
pub fn run(data: &[u8]) {
    let Some([origin, relying_party_id, user_verification]) = lines(data) else { return };
    let offer = Offer { challenge: "", origin, relying_party_id, user_verification };
    if !offer.is_made() {
        return;
    }
    assert!(["required", "preferred", "discouraged"].contains(&user_verification));
    let written = browser_origin(origin).expect("an origin that options are made for can be written");
    assert_eq!(browser_origin(&written).as_ref(), Some(&written));
    if let Some(hash) = origin.strip_prefix("android:apk-key-hash:") {
        assert_eq!(hash.len(), 43);
        return;
    }
    let url = Url::parse(&written).expect("an origin is a URL");
    match url.host().expect("a site has a host") {
        Host::Domain(host) => {
            let is_below = host.strip_suffix(relying_party_id).is_some_and(|rest| rest.ends_with('.'));
            assert!(host == relying_party_id || is_below, "{host} {relying_party_id}");
        }
        Host::Ipv4(_) | Host::Ipv6(_) => {
            assert_eq!(url.host_str(), Some(relying_party_id), "an address is below nothing");
        }
    }
}
