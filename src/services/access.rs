//! Who may call a service: letting principals, taking that back, and shutting a service for everybody.

use serde_json::json;

use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{Denial, Fault, Outcome, PrincipalId};
use crate::platform::db::Connection;
use crate::services::Service;
use crate::services::store::{catalogue, grant, granted, set_disabled, ungrant};

/// Lets a principal call a service with its keys; it may do so already.
pub fn let_call(work: &mut Work<'_>, by: Actor, service: &str, principal: PrincipalId) -> Outcome<Service> {
    let Some(service) = find(work, service)? else { return Ok(Err(Denial::NotFound)) };
    if grant(work, principal, service.id)? {
        tell(work, (Kind::ServiceGranted, by), &service, principal);
    } else {
        work.nothing_to_tell("it was so");
    }
    Ok(Ok(service))
}

/// Takes that back; it may be so already.
pub fn forbid(work: &mut Work<'_>, by: Actor, service: &str, principal: PrincipalId) -> Outcome<Service> {
    let Some(service) = find(work, service)? else { return Ok(Err(Denial::NotFound)) };
    if ungrant(work, principal, service.id)? {
        tell(work, (Kind::ServiceWithdrawn, by), &service, principal);
    } else {
        work.nothing_to_tell("it was so");
    }
    Ok(Ok(service))
}

/// Shuts a service for everybody, or opens it again; it may be so already.
pub fn disable(work: &mut Work<'_>, by: Actor, service: &str, disabled: bool) -> Outcome<Service> {
    let Some(service) = find(work, service)? else { return Ok(Err(Denial::NotFound)) };
    if set_disabled(work, service.id, disabled)? {
        let kind = if disabled { Kind::ServiceDisabled } else { Kind::ServiceEnabled };
        work.tell(Event::new(kind, by).on("service", service.id));
    } else {
        work.nothing_to_tell("it was so");
    }
    Ok(Ok(service))
}

/// The services that any of these principals may call with its keys: those that are open, and those granted to one.
pub fn callable(connection: &mut Connection, by: &[PrincipalId]) -> Result<Vec<Service>, Fault> {
    let granted = granted(connection, by)?;
    let may = |service: &&Service| service.is_open || granted.contains(&service.id);
    Ok(catalogue(connection)?.services().filter(may).cloned().collect())
}

fn find(work: &mut Work<'_>, name: &str) -> Result<Option<Service>, Fault> {
    Ok(catalogue(work)?.named(name).cloned())
}

fn tell(work: &mut Work<'_>, (kind, by): (Kind, Actor), service: &Service, principal: PrincipalId) {
    let data = json!({ "principal": principal });
    work.tell(Event::new(kind, by).on("service", service.id).with(data));
}
