//! Who may learn what about which token.

use crate::clients::Client;
use crate::decision::{Active, BearerKind};
use crate::kernel::Denial;

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
