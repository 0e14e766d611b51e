//! The `host[:port]` of a web URI (RFC 3986 §3.2), taken apart as text.
//!
//! Redirect URIs and origins are compared as text, so they are also read as text: a parser that quietly
//! turns `0x7f.1` into `127.0.0.1` is what an attacker hopes for.

use std::net::Ipv6Addr;

/// A host and, after a colon, a port; both as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Authority<'a> {
    pub(super) host: &'a str,
    pub(super) port: Option<&'a str>,
}

impl<'a> Authority<'a> {
    /// Splits at the colon that is outside the brackets of an IPv6 literal.
    pub(super) fn split(text: &'a str) -> Authority<'a> {
        let colon = text.rfind(':').filter(|&at| text.rfind(']').is_none_or(|bracket| bracket < at));
        let halves = colon.and_then(|at| text.split_at_checked(at));
        let Some((host, port)) = halves else {
            return Authority { host: text, port: None };
        };
        Authority { host, port: port.strip_prefix(':') }
    }

    /// A lower-case name or IPv4 address, or a canonical IPv6 literal in brackets.
    ///
    /// Narrower than RFC 3986, which also lets `;`, `,`, `'` and `*` through: the host goes into a CSP
    /// header, where these would mean something.
    pub(super) fn has_plain_host(&self) -> bool {
        if let Some(literal) = self.host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return literal.parse::<Ipv6Addr>().is_ok_and(|address| address.to_string() == literal);
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'_');
        !self.host.is_empty() && self.host.bytes().all(plain)
    }

    /// A loopback IP literal: what RFC 8252 §7.3 lets a native app listen on, with any port.
    pub(super) fn is_loopback_literal(&self) -> bool {
        matches!(self.host, "127.0.0.1" | "[::1]")
    }

    /// This device, by number or by name.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_loopback_literal() || self.host == "localhost"
    }

    /// An IPv6 literal.
    pub(super) fn is_ipv6(&self) -> bool {
        self.host.starts_with('[')
    }
}

/// One to five digits, at most 65535.
pub(super) fn is_port(text: &str) -> bool {
    text.len() <= 5 && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_follows_the_last_colon_outside_brackets() {
        for (text, host, port) in [
            ("rp.example", "rp.example", None),
            ("rp.example:8443", "rp.example", Some("8443")),
            ("[::1]", "[::1]", None),
            ("[::1]:80", "[::1]", Some("80")),
            ("rp.example:", "rp.example", Some("")),
            ("", "", None),
        ] {
            assert_eq!(Authority::split(text), Authority { host, port }, "{text}");
        }
    }

    #[test]
    fn only_plain_hosts_pass() {
        for good in ["rp.example", "127.0.0.1", "[::1]", "xn--bcher-kva.example", "a_b"] {
            assert!(Authority::split(good).has_plain_host(), "{good}");
        }
        for bad in ["", "RP.example", "a;b", "*.a", "a'b", "[::1", "[0:0::1]", "[x]", "a@b", "a%2eb", "é"] {
            assert!(!Authority::split(bad).has_plain_host(), "{bad}");
        }
    }

    #[test]
    fn ports_are_one_to_five_digits() {
        assert!(is_port("0") && is_port("65535") && is_port("00080"));
        assert!(!is_port("") && !is_port("65536") && !is_port("+80") && !is_port("000080") && !is_port("8a"));
    }
}
