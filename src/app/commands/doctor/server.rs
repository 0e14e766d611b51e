//! Whether the server runs, and as whom.

use std::net::SocketAddr;

use super::finding::Finding;
use crate::app::neighbours::{self, Neighbour};
use crate::app::settings::Settings;

/// Asks at both addresses; also whether a Grantor answers at the front.
pub(super) fn check(settings: &Settings) -> (Vec<Finding>, bool) {
    let front = settings.server.front;
    let at_front = neighbours::at(front);
    let is_serving = matches!(at_front, Neighbour::Grantor { .. });
    let mut findings = vec![listener("front", front, at_front)];
    if is_serving {
        findings.push(issuer(settings, front));
    }
    findings.push(match settings.server.ops {
        Some(ops) => listener("ops", ops, neighbours::at(ops)),
        None => Finding::ok("ops", "server.ops is empty: there is no /metrics"),
    });
    (findings, is_serving)
}

fn listener(check: &'static str, at: SocketAddr, neighbour: Neighbour) -> Finding {
    match neighbour {
        Neighbour::Nobody => Finding::ok(check, format!("not running: nobody listens at {at}")),
        Neighbour::Grantor { is_ready: true } => {
            Finding::ok(check, format!("Grantor runs at {at}, and is ready"))
        }
        Neighbour::Grantor { is_ready: false } => Finding::bad(
            check,
            format!(
                "Grantor runs at {at}, and its database does not answer it: see the database, and its log"
            ),
        ),
        Neighbour::Stranger => Finding::bad(
            check,
            format!("another program listens at {at}: stop it, or set server.{check} to another address"),
        ),
    }
}

/// Apps compare the issuer to the byte, so a server that was started with another one serves nobody.
fn issuer(settings: &Settings, front: SocketAddr) -> Finding {
    let ours = &settings.issuer;
    match neighbours::issuer_at(front) {
        Some(theirs) if theirs == *ours => {
            Finding::ok("issuer", format!("the server calls itself {ours}, too"))
        }
        Some(theirs) => Finding::bad(
            "issuer",
            format!(
                "the server at {front} calls itself {theirs}, and these settings {ours}: start it again with these, \
                 or give this command the server's (--config, GRANTOR_ISSUER)"
            ),
        ),
        None => Finding::bad("issuer", format!("the server at {front} shows no metadata")),
    }
}
