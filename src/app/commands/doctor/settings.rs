//! Settings that are accepted, and what they mean. What may not be was refused when they were read.

use std::net::{IpAddr, SocketAddr};

use super::finding::Finding;
use crate::app::neighbours::astray;
use crate::app::settings::Settings;

/// Checks that need nothing but the settings.
pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    vec![issuer(settings), limits(settings), proxies(settings), exposure(settings), transport(settings)]
}

fn issuer(settings: &Settings) -> Finding {
    let issuer = &settings.issuer;
    if let Some(front) = settings.is_astray() {
        return Finding::warn("settings", astray(issuer, front));
    }
    Finding::ok(
        "settings",
        if settings.is_https() {
            format!("issuer {issuer}: cookies are Secure and __Host-")
        } else {
            format!("issuer {issuer}: plain http, for this machine only")
        },
    )
}

fn limits(settings: &Settings) -> Finding {
    let odd: Vec<&str> =
        oddities(settings).into_iter().filter_map(|(is_odd, words)| is_odd.then_some(words)).collect();
    if odd.is_empty() {
        Finding::ok("limits", "of tokens, sessions and requests are as usual")
    } else {
        Finding::warn("limits", odd.join("\n"))
    }
}

/// What is allowed, and mostly not meant.
fn oddities(settings: &Settings) -> [(bool, &'static str); 6] {
    let (tokens, sessions) = (&settings.tokens, &settings.sessions);
    [
        (
            tokens.access_lifetime_s > 3600,
            "tokens.access_lifetime_s is more than an hour: a stolen token lives as long",
        ),
        (
            tokens.refresh_lifetime_s < tokens.access_lifetime_s,
            "tokens.refresh_lifetime_s is less than tokens.access_lifetime_s: nobody can refresh",
        ),
        (
            tokens.refresh_grace_s > 60,
            "tokens.refresh_grace_s is more than a minute: a stolen refresh token goes unnoticed as long",
        ),
        (
            sessions.idle_s > 30 * 86_400,
            "sessions.idle_s is more than 30 days: a browser left behind stays signed in",
        ),
        (
            sessions.interaction_s < 300,
            "sessions.interaction_s is less than five minutes: people type slowly, and start over",
        ),
        (
            settings.server.body_limit > 1 << 20,
            "server.body_limit is more than 1 MiB: no request of OAuth needs that",
        ),
    ]
}

fn proxies(settings: &Settings) -> Finding {
    let trusted = &settings.server.trusted_proxies;
    if settings.believes_nobody() {
        return Finding::bad(
            "proxies",
            "the issuer is https, so a proxy stands before us: set server.trusted_proxies to its address, or one \
             guesser makes everybody wait",
        );
    }
    if trusted.iter().any(|network| network.prefix_len() == 0) {
        return Finding::bad(
            "proxies",
            "server.trusted_proxies is all the world: whoever guesses passwords takes a new address for each. Name \
             the proxy's own",
        );
    }
    Finding::ok("proxies", format!("{} trusted", trusted.len()))
}

fn exposure(settings: &Settings) -> Finding {
    match settings.server.ops {
        Some(ops) if !is_among_us(ops) => Finding::warn(
            "exposure",
            format!(
                "server.ops is {ops}, which others may reach: /metrics is not for the public. Use 127.0.0.1 or a \
                 private address, or let a firewall see to it"
            ),
        ),
        Some(ops) if !ops.ip().is_loopback() => {
            Finding::ok("exposure", format!("metrics are at {ops}, an address of a private network"))
        }
        Some(_) => Finding::ok("exposure", "metrics are reachable from this machine only"),
        None => Finding::ok("exposure", "metrics are nowhere: server.ops is empty"),
    }
}

/// Whether an address is of this machine or a private network. One that stands for all is neither.
fn is_among_us(address: SocketAddr) -> bool {
    match address.ip() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

fn transport(settings: &Settings) -> Finding {
    if settings.reaches_database_safely() {
        Finding::ok(
            "transport",
            "the way to the database stays on this machine, or is under TLS that is checked",
        )
    } else {
        Finding::warn(
            "transport",
            "database.url names another machine, and nobody checks with whom we speak: use sslmode=verify-full",
        )
    }
}
