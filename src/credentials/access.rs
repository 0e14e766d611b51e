//! Who may do what with an API key or a personal token, and which of them somebody sees.

use crate::accounts::access::{allow, visible_principals};
use crate::accounts::organizations::Action;
use crate::credentials::{CredentialKind, store};
use crate::kernel::{Caller, CredentialId, Denial, Fault, Outcome, PrincipalId};
use crate::platform::db::Connection;

/// Whether a caller may do this with a credential of this kind and owner. A personal token is its owner's own affair.
pub fn may(
    connection: &mut Connection,
    caller: &Caller,
    (kind, owner): (CredentialKind, PrincipalId),
    action: Action,
) -> Outcome<()> {
    match kind {
        CredentialKind::ApiKey => allow(connection, caller, owner, action),
        CredentialKind::PersonalToken if caller.is_administrator || owner == caller.principal => Ok(Ok(())),
        CredentialKind::PersonalToken => Ok(Err(Denial::NotFound)),
    }
}

/// Every credential that a caller sees; `None`: there is none that they do not see.
pub fn visible(connection: &mut Connection, caller: &Caller) -> Result<Option<Vec<CredentialId>>, Fault> {
    let Some(owners) = visible_principals(connection, caller)? else { return Ok(None) };
    let mut seen = store::ids_of(connection, &[CredentialKind::ApiKey], &owners)?;
    seen.extend(store::ids_of(connection, &[CredentialKind::PersonalToken], &[caller.principal])?);
    Ok(Some(seen))
}
