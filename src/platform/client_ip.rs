//! Who is calling, when proxies stand between.
//!
//! `X-Forwarded-For` is believed only from peers in `trusted_proxies`, and of it only the rightmost address
//! that is not itself a trusted proxy: everything further left was written by a stranger. `Forwarded` and the
//! vendors' headers are never read.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use actix_web::http::header::HeaderMap;
use ipnet::IpNet;

/// The caller's address.
pub fn client_ip(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|net| net.contains(ip));
    let mut believed = peer.to_canonical();
    if !is_trusted(&believed) {
        return believed;
    }
    // Several headers are one list, in order (RFC 9110 §5.3). A stranger's bytes must not hide what a proxy
    // wrote behind them.
    let values: Vec<_> =
        headers.get_all("x-forwarded-for").map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    for hop in values.join(",").rsplit(',') {
        // What cannot be read ends the chain: the last address we could believe stands.
        let Ok(ip) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        believed = ip.to_canonical();
        if !is_trusted(&believed) {
            break;
        }
    }
    believed
}

/// The unit in which strangers are counted: one IPv4 address, or one IPv6 /64, since whoever has one address
/// of a /64 has them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network(IpAddr);

impl Network {
    /// The network an address belongs to.
    pub fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            ip @ IpAddr::V4(_) => ip,
        })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => write!(f, "{ip}"),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_str(value).unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|net| net.parse().unwrap()).collect();
        client_ip(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn a_stranger_s_forwarded_header_is_ignored() {
        assert_eq!(seen("203.0.113.9", &["1.2.3.4"], &["127.0.0.0/8"]), "203.0.113.9");
        assert_eq!(seen("203.0.113.9", &["1.2.3.4"], &[]), "203.0.113.9");
    }

    #[test]
    fn the_rightmost_untrusted_hop_counts() {
        let trusted = &["127.0.0.0/8", "10.0.0.0/8"];
        assert_eq!(seen("127.0.0.1", &["6.6.6.6, 203.0.113.9, 10.0.0.2"], trusted), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["6.6.6.6", "203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["6.6.6.6, nonsense"], trusted), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &["é, 203.0.113.9"], trusted), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &[], trusted), "127.0.0.1");
        assert_eq!(seen("::ffff:127.0.0.1", &["203.0.113.9"], trusted), "203.0.113.9");
    }

    #[test]
    fn one_ipv6_slash_64_is_one_stranger() {
        let network = |ip: &str| Network::of(ip.parse().unwrap());
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
    }
}
