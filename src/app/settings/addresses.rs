//! Texts that must be addresses or networks.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use toml::{Table, Value};

/// Complains of each that is none, with an example of what is.
pub(super) fn check(settings: &Table, complaints: &mut Vec<String>) {
    let Some(server) = settings.get("server").and_then(Value::as_table) else { return };
    let text = |key: &str| server.get(key).and_then(Value::as_str).unwrap_or_default();
    for (key, is_needed) in [("front", true), ("ops", false)] {
        let text = text(key);
        if (is_needed || !text.is_empty()) && text.parse::<SocketAddr>().is_err() {
            complaints.push(format!(
                "server.{key} must be an IP address and a port, like 127.0.0.1:8080 or [::1]:8080; it is {text:?}"
            ));
        }
    }
    for proxy in server.get("trusted_proxies").and_then(Value::as_array).into_iter().flatten() {
        if proxy.as_str().is_none_or(|text| text.parse::<IpNet>().is_err()) {
            complaints.push(format!(
                "server.trusted_proxies must be networks like 10.0.0.0/8 or 127.0.0.1/32; one is {proxy}"
            ));
        }
    }
}

/// Whether two listeners would want the same address. One that stands for all of a kind is every one of them, and
/// `[::]` takes IPv4 along on most machines.
pub(super) fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let is_all_of = |all: IpAddr, of: IpAddr| all.is_unspecified() && (all.is_ipv6() || of.is_ipv4());
    let (ip, theirs) = (one.ip(), other.ip());
    one.port() != 0
        && one.port() == other.port()
        && (ip == theirs || is_all_of(ip, theirs) || is_all_of(theirs, ip))
}

#[cfg(test)]
mod tests {
    use super::overlap;

    #[test]
    fn listeners_that_would_meet_are_known_before() {
        for (one, other, expected) in [
            ("127.0.0.1:80", "127.0.0.1:80", true),
            ("0.0.0.0:80", "127.0.0.1:80", true),
            ("[::]:80", "127.0.0.1:80", true),
            ("[::]:80", "0.0.0.0:80", true),
            ("[::]:80", "[::1]:80", true),
            ("0.0.0.0:80", "[::1]:80", false),
            ("127.0.0.1:80", "127.0.0.2:80", false),
            ("0.0.0.0:80", "127.0.0.1:81", false),
            ("127.0.0.1:0", "127.0.0.1:0", false),
        ] {
            let (one, other) = (one.parse().unwrap(), other.parse().unwrap());
            assert_eq!((overlap(one, other), overlap(other, one)), (expected, expected), "{one} {other}");
        }
    }
}
