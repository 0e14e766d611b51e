//! What a caller of the management API may do, and for whom. Asked within the act, so that a role that was just taken
//! away counts no longer.

use crate::accounts::find_account;
use crate::accounts::organizations::members::store::{role_of, roles_of};
use crate::accounts::organizations::{Action, Role};
use crate::accounts::store::belonging_to;
use crate::kernel::{Caller, Denial, Fault, Outcome, PrincipalId, PrincipalKind};
use crate::platform::db::Connection;

/// What a caller is to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Nothing: to them it does not exist.
    Stranger,
    /// What this member is.
    Member(Role),
    /// An administrator, or the account itself.
    Master,
}

/// Whether a caller may do this for the account that a principal belongs to. What they may not see does not exist.
pub fn allow(
    connection: &mut Connection,
    caller: &Caller,
    principal: PrincipalId,
    action: Action,
) -> Outcome<()> {
    let Some(account) = find_account(connection, principal)? else { return Ok(Err(Denial::NotFound)) };
    Ok(match standing(connection, caller, account.id)? {
        Standing::Stranger => Err(Denial::NotFound),
        Standing::Member(role) if !role.may(action) => Err(Denial::Forbidden),
        Standing::Member(_) | Standing::Master => Ok(()),
    })
}

/// Whether a caller may do what only administrators of the server may.
pub fn administer(caller: &Caller) -> Result<(), Denial> {
    if caller.is_administrator { Ok(()) } else { Err(Denial::Forbidden) }
}

/// The person who calls by a personal token of their own. An app that acts for somebody is not them, and learns
/// nothing of where else they are signed in, or what other apps they use.
pub fn person(caller: &Caller) -> Result<PrincipalId, Denial> {
    let is_own = caller.kind == PrincipalKind::User && caller.credential.is_some();
    if is_own { Ok(caller.principal) } else { Err(Denial::Forbidden) }
}

/// A key of an organization, or a client of it, may do no more for it than its developers, whoever made the key.
fn standing(connection: &mut Connection, caller: &Caller, account: PrincipalId) -> Result<Standing, Fault> {
    if caller.is_administrator {
        return Ok(Standing::Master);
    }
    if caller.kind == PrincipalKind::User && caller.principal != account {
        let role = role_of(connection, account, caller.principal)?;
        return Ok(role.map_or(Standing::Stranger, Standing::Member));
    }
    Ok(match caller.kind {
        _ if caller.account != account => Standing::Stranger,
        PrincipalKind::User => Standing::Master,
        PrincipalKind::Org | PrincipalKind::Client => Standing::Member(Role::Developer),
    })
}

/// Some of the accounts that a caller sees.
#[derive(Clone, Debug, Default)]
pub struct Division {
    /// Those for which they may do what they want.
    pub open: Vec<PrincipalId>,
    /// Those for which they may not.
    pub barred: Vec<PrincipalId>,
}

/// The accounts that a caller sees, by whether they may do this for them; `None`: they may for every one.
pub fn divided(
    connection: &mut Connection,
    caller: &Caller,
    action: Action,
) -> Result<Option<Division>, Fault> {
    if caller.is_administrator {
        return Ok(None);
    }
    let standings = match caller.kind {
        PrincipalKind::User => {
            let roles = roles_of(connection, caller.principal)?.into_iter();
            let orgs = roles.map(|(org, role)| (org, Standing::Member(role)));
            [(caller.account, Standing::Master)].into_iter().chain(orgs).collect()
        }
        PrincipalKind::Org | PrincipalKind::Client => {
            vec![(caller.account, Standing::Member(Role::Developer))]
        }
    };
    let mut division = Division::default();
    for (account, standing) in standings {
        let may = match standing {
            Standing::Master => true,
            Standing::Member(role) => role.may(action),
            Standing::Stranger => false,
        };
        if may { division.open.push(account) } else { division.barred.push(account) }
    }
    Ok(Some(division))
}

/// The accounts that a caller sees; `None`: every one.
pub fn visible(connection: &mut Connection, caller: &Caller) -> Result<Option<Vec<PrincipalId>>, Fault> {
    if caller.is_administrator {
        return Ok(None);
    }
    let mut accounts = vec![caller.account];
    if caller.kind == PrincipalKind::User {
        let roles = roles_of(connection, caller.principal)?;
        accounts.extend(roles.into_iter().map(|(org, _)| org));
    }
    Ok(Some(accounts))
}

/// The principals that a caller sees: those accounts, and what belongs to them; `None`: every one.
pub fn visible_principals(
    connection: &mut Connection,
    caller: &Caller,
) -> Result<Option<Vec<PrincipalId>>, Fault> {
    visible(connection, caller)?.map(|accounts| belonging_to(connection, &accounts)).transpose()
}
