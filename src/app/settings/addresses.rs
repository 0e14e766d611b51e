//! Texts that must be addresses or networks.

use std::net::SocketAddr;

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
