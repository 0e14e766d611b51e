//! What callers do with clients, and whether they may.

use std::sync::Arc;

use crate::accounts::access::{administer, allow, visible_principals};
use crate::accounts::organizations::Action;
use crate::accounts::store::lock_principal;
use crate::audit::{Actor, Work};
use crate::clients::registration::{self, Registered, Registration};
use crate::clients::{Known, store};
use crate::credentials::lifetime::Overlap;
use crate::kernel::{
    Caller, ClientId, Denial, Fault, Outcome, PlainSecret, PrincipalId, PrincipalKind, Scope,
};
use crate::platform::db::Connection;
use crate::services::access::callable;
use crate::settle;

/// The clients that a caller sees, behind one of them.
pub(super) fn list(
    connection: &mut Connection,
    caller: &Caller,
    after: Option<PrincipalId>,
    most: i64,
) -> Result<Vec<Arc<Known>>, Fault> {
    let seen = visible_principals(connection, caller)?;
    store::page(connection, seen.as_deref(), after, most)
}

/// Finds a client for which the caller may do this.
pub(super) fn find(
    connection: &mut Connection,
    caller: &Caller,
    id: &ClientId,
    action: Action,
) -> Outcome<Arc<Known>> {
    let found = settle!(store::find_known(connection, id)?.ok_or(Denial::NotFound));
    settle!(allow(connection, caller, found.client.principal, action)?);
    Ok(Ok(found))
}

/// Registers a client: an administrator any, others one of an account for which they may.
pub(super) fn register(work: &mut Work<'_>, caller: &Caller, new: Registration) -> Outcome<Registered> {
    let new = if caller.is_administrator { new } else { settle!(of_tenant(work, caller, new)?) };
    Ok(registration::register(work, Actor::of(caller), &new, None)?.map_err(Denial::from))
}

fn of_tenant(work: &mut Work<'_>, caller: &Caller, new: Registration) -> Outcome<Registration> {
    let own = (caller.kind != PrincipalKind::User).then_some(caller.account);
    let required = || Denial::Unfit("the member account is required".to_owned());
    let account = settle!(new.account.or(own).ok_or_else(required));
    settle!(allow(work, caller, account, Action::ManageClients)?);
    settle!(within_reach(work, account, &new.scope)?);
    Ok(Ok(Registration { account: Some(account), ..new }))
}

/// By its own tokens a client gets wherever its scope reaches: no tenant gets further than an operator let them.
fn within_reach(work: &mut Work<'_>, account: PrincipalId, scope: &str) -> Outcome<()> {
    let scope = settle!(Scope::parse(scope).map_err(|problem| Denial::Unfit(format!("scope: {problem}"))));
    let services = callable(work, &[account])?;
    let reached: Scope = services.iter().flat_map(|own| &own.scopes).map(|own| own.value.clone()).collect();
    // What is our own management nobody registers, and that is said where everybody registers.
    let beyond = scope.difference(&reached);
    Ok(match beyond.iter().find(|value| !value.is_management()) {
        None => Ok(()),
        Some(value) => {
            Err(Denial::Unfit(format!("scope: no service that this account may call has the scope {value}")))
        }
    })
}

/// Lets a client act, or no longer. Whoever may shut out a client does not undo what an administrator did.
pub(super) fn set_disabled(
    work: &mut Work<'_>,
    caller: &Caller,
    id: &ClientId,
    disabled: bool,
    is_seen: impl FnOnce(&Known) -> Result<(), Denial>,
) -> Outcome<Arc<Known>> {
    let found = settle!(find(work, caller, id, Action::ManageClients)?);
    lock_principal(work, found.client.principal)?;
    settle!(is_seen(&*settle!(find(work, caller, id, Action::ManageClients)?)));
    if !disabled {
        settle!(administer(caller));
    }
    settle!(registration::disable(work, Actor::of(caller), id, disabled)?.map_err(Denial::from));
    find(work, caller, id, Action::See)
}

/// Gives a client a new secret, which the caller gets to see.
pub(super) fn rotate(
    work: &mut Work<'_>,
    caller: &Caller,
    id: &ClientId,
    overlap: Overlap,
) -> Outcome<PlainSecret> {
    settle!(find(work, caller, id, Action::ManageClients)?);
    let rotated = registration::rotate_secret(work, Actor::of(caller), id, overlap.span())?;
    Ok(rotated.map_err(Denial::from))
}
