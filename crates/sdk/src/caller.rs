//! Who sent a request: the address at the other end of its connection, or the one that trusted proxies tell.

use http::HeaderMap;
use std::net::{IpAddr, SocketAddr};

/// The address at the other end of a request's connection. Servers put it into the request's extensions; the
/// adapters say how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The address of whoever sent a request that came by way of so many proxies, each of which has added the one
/// that it got the request from to `X-Forwarded-For`. What stands before these was written by anybody. A header
/// that does not hold enough is no reason to believe the rest of it: the peer then counts as the caller.
pub(crate) fn address(peer: Option<Peer>, headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let told = proxies.checked_sub(1).and_then(|from_the_end| forwarded(headers, from_the_end));
    told.or(peer.map(|Peer(address)| address))
}

fn forwarded(headers: &HeaderMap, from_the_end: usize) -> Option<IpAddr> {
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    // A line that is no text has as many entries as nobody knows.
    let entries = lines.map(|line| line.to_str().ok()).take_while(Option::is_some).flatten();
    parse(entries.flat_map(|line| line.rsplit(',')).nth(from_the_end)?.trim())
}

/// Some proxies add the port, and write IPv6 addresses in brackets.
fn parse(text: &str) -> Option<IpAddr> {
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().map(IpAddr::V6).ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(in_brackets).or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn caller(lines: &[&str], proxies: usize) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        let peer = Peer("10.0.0.9".parse().unwrap());
        address(Some(peer), &headers, proxies).map(|address| address.to_string())
    }

    #[test]
    fn the_header_counts_only_as_far_as_proxies_have_written_it() {
        let spoofed = ["203.0.113.1, 203.0.113.2, 198.51.100.7, 10.0.0.1"];
        for (proxies, expected) in
            [(0, "10.0.0.9"), (1, "10.0.0.1"), (2, "198.51.100.7"), (3, "203.0.113.2"), (5, "10.0.0.9")]
        {
            assert_eq!(caller(&spoofed, proxies).as_deref(), Some(expected), "{proxies}");
        }
        // Proxies may add a line instead of an entry.
        let lines = ["203.0.113.1", "203.0.113.2,198.51.100.7", "10.0.0.1"];
        assert_eq!(caller(&lines, 2).as_deref(), Some("198.51.100.7"));
        assert_eq!(caller(&lines, 3).as_deref(), Some("203.0.113.2"));
        assert_eq!(caller(&lines, 4).as_deref(), Some("203.0.113.1"));
    }

    #[test]
    fn what_is_no_address_is_not_passed_over_but_leaves_the_peer() {
        for line in
            ["", "unknown", "198.51.100.7, ", "198.51.100.7, example.com", "198.51.100.7,1.2.3", "::g"]
        {
            assert_eq!(caller(&[line], 1).as_deref(), Some("10.0.0.9"), "{line}");
        }
        assert_eq!(caller(&[], 1).as_deref(), Some("10.0.0.9"));
        assert_eq!(caller(&["198.51.100.7", "\u{e9}"], 2).as_deref(), Some("10.0.0.9"));
        assert_eq!(address(None, &HeaderMap::new(), 1), None);
        assert_eq!(address(None, &HeaderMap::new(), 0), None);
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (text, expected) in [
            ("198.51.100.7", "198.51.100.7"),
            ("\t198.51.100.7:443 ", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("::ffff:198.51.100.7", "::ffff:198.51.100.7"),
        ] {
            assert_eq!(caller(&[text], 1).as_deref(), Some(expected), "{text}");
        }
    }
}
