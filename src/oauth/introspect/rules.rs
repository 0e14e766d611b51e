//! Who may learn what about which token.

use crate::clients::Client;
use crate::decision::calls::{Call, Holder};
use crate::decision::{Active, BearerKind};
use crate::kernel::Denial;
use crate::services::{Catalogue, Service};

/// The permission to introspect is a property of the client, none by default (RFC 7662 §2.1).
pub(super) fn may_introspect(caller: &Client) -> Result<(), Denial> {
    if caller.may_introspect() { Ok(()) } else { Err(Denial::IntrospectionNotAllowed) }
}

/// Whether this token is the caller's business; to everybody else it is not active (RFC 7662 §2.2).
pub(super) fn concerns(caller: &Client, token: &Active) -> bool {
    let own = token.client.principal == caller.principal;
    match token.kind {
        BearerKind::RefreshToken => own,
        BearerKind::AccessToken => own || caller.may_introspect_audience(&token.audience),
    }
}

/// The same for a key: it is for the services that its holder may call.
pub(super) fn concerns_key(caller: &Client, holder: &Holder, services: &[&Service]) -> bool {
    let audience: Vec<String> = services.iter().map(|service| service.audience.clone()).collect();
    holder.principal == caller.principal || caller.may_introspect_audience(&audience)
}

/// A caller asks about the services it stands for: what it asks may count against somebody's limits.
pub(super) fn may_ask_about(caller: &Client, call: &Call, catalogue: &Catalogue) -> Result<(), Denial> {
    let Some(name) = &call.service else { return Ok(()) };
    let audience = catalogue.named(name).map(|service| vec![service.audience.clone()]).unwrap_or_default();
    if caller.may_introspect_audience(&audience) { Ok(()) } else { Err(Denial::IntrospectionNotAllowed) }
}

/// Whether the call that is asked about counts. What the caller says goes before what it is registered for; that is for whole
/// questions alone, since whoever asks no more than RFC 7662 has it keeps answers and asks again (§2.2, §4).
pub(super) fn consumes(caller: &Client, names_a_service: bool, said: Option<bool>) -> bool {
    said.unwrap_or(caller.introspection_consumes && names_a_service)
}
