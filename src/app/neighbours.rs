//! Who listens at an address that we want: another Grantor, or somebody else?

use std::io::{Error, ErrorKind};
use std::net::SocketAddr;

use serde_json::Value;

use crate::kernel::Fault;
use crate::platform::probe::{self, Heard};

/// Who was found there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Neighbour {
    /// Nobody.
    Nobody,
    /// A Grantor, and whether it can do its work.
    Grantor { is_ready: bool },
    /// Some other program.
    Stranger,
}

/// Looks who is there.
pub(super) fn at(address: SocketAddr) -> Neighbour {
    match probe::get(address, "/health") {
        Heard::Nobody => Neighbour::Nobody,
        Heard::Answer { status, body } if is_our_health(&body) && has_our_pages(address) => {
            Neighbour::Grantor { is_ready: status == 200 }
        }
        Heard::Noise | Heard::Answer { .. } => Neighbour::Stranger,
    }
}

fn is_our_health(body: &str) -> bool {
    let health: Value = serde_json::from_str(body).unwrap_or_default();
    ["status", "database"].iter().all(|member| health.get(member).is_some_and(Value::is_string))
}

/// Others answer about their health likewise; what only we say is the metadata at the front, and our metrics.
fn has_our_pages(address: SocketAddr) -> bool {
    issuer_at(address).is_some()
        || matches!(
            probe::get(address, "/metrics"),
            Heard::Answer { status: 200, body } if body.contains(" grantor_http_requests ")
        )
}

/// The issuer that the Grantor there calls itself.
pub(super) fn issuer_at(address: SocketAddr) -> Option<String> {
    let Heard::Answer { status: 200, body } = probe::get(address, "/.well-known/oauth-authorization-server")
    else {
        return None;
    };
    let metadata: Value = serde_json::from_str(&body).ok()?;
    let member = |name: &str| metadata.get(name)?.as_str();
    let issuer = member("issuer")?;
    let is_ours = member("introspection_endpoint")? == format!("{issuer}/oauth/introspect");
    is_ours.then(|| issuer.to_owned())
}

/// What is wrong with an issuer on this machine that is not where the server listens.
pub(super) fn astray(issuer: &str, front: SocketAddr) -> String {
    format!(
        "the issuer is {issuer}, but the server listens at {front}: unless one leads to the other, apps find nobody, \
         and forms are refused. Set GRANTOR_ISSUER and GRANTOR_SERVER__FRONT together"
    )
}

/// Why a listener could not be had, and what to do.
pub(super) fn cannot_listen(setting: &str, at: SocketAddr, error: &Error) -> Fault {
    let variable = format!("GRANTOR_{}", setting.to_uppercase().replace('.', "__"));
    let with_it = if setting == "server.front" { ", and the issuer (GRANTOR_ISSUER) with it" } else { "" };
    let elsewhere = format!("set {setting} ({variable}) to another address{with_it}");
    let advice = match error.kind() {
        ErrorKind::AddrInUse => match self::at(at) {
            Neighbour::Grantor { .. } => format!("another Grantor listens there. Stop it, or {elsewhere}"),
            _ => format!("another program listens there. Stop it, or {elsewhere}"),
        },
        ErrorKind::PermissionDenied => {
            format!("this user may not have that port. Choose one above 1023: {elsewhere}")
        }
        ErrorKind::AddrNotAvailable => {
            format!("this machine does not have that address. To fix it, {elsewhere}")
        }
        _ => format!("{error}. To go on, {elsewhere}"),
    };
    Fault::internal(format!("cannot listen at {at} ({setting}): {advice}"))
}
