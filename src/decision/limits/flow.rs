//! Setting, changing and deleting limits, for commands and for the management API; and who sees which.

use crate::accounts::access::visible_principals;
use crate::accounts::organizations::Action;
use crate::audit::{Actor, Work};
use crate::credentials;
use crate::decision::limits::named::{Named, no_service};
use crate::kernel::{Caller, Denial, Fault, LimitId, Outcome};
use crate::limits::limit::{Limit, LimitName, Terms};
use crate::limits::owner::{LimitOwner, Place, Whose};
use crate::limits::store::{self, Seen, Stored};
use crate::platform::db::Connection;
use crate::platform::entropy::Entropy;
use crate::services::access::callable;
use crate::settle;

/// Sets a limit: a new one, or what the one of this name says that binds the same.
pub fn set(work: &mut Work<'_>, actor: Actor, named: &Named, terms: Terms) -> Outcome<Stored> {
    let owner = settle!(named.owner(work)?);
    let limit = new(work, owner, terms);
    let id = store::set(work, &limit, actor)?;
    Ok(store::find(work, id)?.ok_or(Denial::NotFound))
}

/// Makes a limit; there must be none of its name that binds the same.
pub fn make(work: &mut Work<'_>, actor: Actor, named: &Named, terms: Terms) -> Outcome<Stored> {
    let owner = settle!(named.owner(work)?);
    let limit = new(work, owner, terms);
    if !store::insert(work, &limit, actor)? {
        return Ok(Err(Denial::Conflict("there is a limit of that name already: change that one")));
    }
    Ok(store::find(work, limit.id)?.ok_or(Denial::NotFound))
}

fn new(work: &Work<'_>, owner: LimitOwner, terms: Terms) -> Limit {
    Limit { id: LimitId::from_uuid(Entropy.id(work.now())), owner, terms }
}

/// Changes what a limit says, as it was when it was looked at.
pub fn change(work: &mut Work<'_>, actor: Actor, before: &Stored, terms: &Terms) -> Outcome<Stored> {
    if *terms == before.limit.terms {
        work.nothing_to_tell("it said so before");
        return Ok(Ok(before.clone()));
    }
    if !store::update(work, (before.limit.id, before.version), terms, actor)? {
        return Ok(Err(Denial::Changed));
    }
    Ok(store::find(work, before.limit.id)?.ok_or(Denial::NotFound))
}

/// Deletes a limit.
pub fn remove(work: &mut Work<'_>, actor: Actor, id: LimitId) -> Outcome<()> {
    Ok(if store::remove(work, id, actor)? { Ok(()) } else { Err(Denial::NotFound) })
}

/// The limit of this name that binds what is named.
pub fn named(connection: &mut Connection, named: &Named, name: &LimitName) -> Outcome<Stored> {
    let owner = settle!(named.owner(connection)?);
    Ok(store::find_at(connection, &owner, name)?.ok_or(Denial::NotFound))
}

/// Whose limits a caller sees, besides those of plans and services; `None`: everybody's.
pub fn seen(connection: &mut Connection, caller: &Caller) -> Result<Option<Seen>, Fault> {
    let Some(principals) = visible_principals(connection, caller)? else { return Ok(None) };
    let credentials = credentials::access::visible(connection, caller)?.unwrap_or_default();
    let services = callable(connection, &principals)?.iter().map(|service| service.id).collect();
    Ok(Some(Seen { principals, credentials, services }))
}

/// Finds a limit that a caller sees.
pub fn find(connection: &mut Connection, caller: &Caller, id: LimitId) -> Outcome<Stored> {
    let stored = settle!(store::find(connection, id)?.ok_or(Denial::NotFound));
    if let (Place::Service(service) | Place::Route(service, _), Some(principals)) =
        (stored.limit.owner.place, visible_principals(connection, caller)?)
        && !callable(connection, &principals)?.iter().any(|own| own.id == service)
    {
        return Ok(Err(Denial::NotFound));
    }
    let named = match stored.limit.owner.whose {
        Whose::Everyone | Whose::Plan(_) => return Ok(Ok(stored)),
        Whose::Principal(id) => Named { principal: Some(id), ..Named::default() },
        Whose::Credential(id) => Named { credential: Some(id), ..Named::default() },
    };
    settle!(see(connection, caller, &named)?);
    Ok(Ok(stored))
}

/// Refuses whoever does not see the principal, credential or service that is named: to them there is none.
pub fn see(connection: &mut Connection, caller: &Caller, named: &Named) -> Outcome<()> {
    if caller.is_administrator {
        return Ok(Ok(()));
    }
    if let (Some(name), Some(principals)) = (&named.service, visible_principals(connection, caller)?)
        && !callable(connection, &principals)?.iter().any(|service| service.name == *name)
    {
        return Ok(Err(no_service(name)));
    }
    if let Some(id) = named.principal {
        let seen = visible_principals(connection, caller)?;
        return Ok(if seen.is_none_or(|seen| seen.contains(&id)) { Ok(()) } else { Err(Denial::NotFound) });
    }
    let Some(id) = named.credential else { return Ok(Ok(())) };
    let found = settle!(credentials::store::find(connection, id)?.ok_or(Denial::NotFound));
    credentials::access::may(connection, caller, (found.kind, found.owner), Action::See)
}
