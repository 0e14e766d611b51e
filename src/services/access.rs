//! Who may call a service: letting principals, taking that back, and shutting a service for everybody.

use serde_json::json;

use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{Denial, Outcome, PrincipalId};
use crate::services::Service;
use crate::services::store::{catalogue, grant, set_disabled, ungrant};

/// Lets a principal call a service with its keys; it may do so already.
pub fn let_call(work: &mut Work<'_>, service: &str, principal: PrincipalId) -> Outcome<Service> {
    let Some(service) = find(work, service)? else { return Ok(Err(Denial::NotFound)) };
    if grant(work, principal, service.id)? {
        tell(work, Kind::ServiceGranted, &service, principal);
    } else {
        work.nothing_to_tell("it was so");
    }
    Ok(Ok(service))
}

/// Takes that back; it may be so already.
pub fn forbid(work: &mut Work<'_>, service: &str, principal: PrincipalId) -> Outcome<Service> {
    let Some(service) = find(work, service)? else { return Ok(Err(Denial::NotFound)) };
    if ungrant(work, principal, service.id)? {
        tell(work, Kind::ServiceWithdrawn, &service, principal);
    } else {
        work.nothing_to_tell("it was so");
    }
    Ok(Ok(service))
}

/// Shuts a service for everybody, or opens it again; it may be so already.
pub fn disable(work: &mut Work<'_>, service: &str, disabled: bool) -> Outcome<Service> {
    let Some(service) = find(work, service)? else { return Ok(Err(Denial::NotFound)) };
    if set_disabled(work, service.id, disabled)? {
        let kind = if disabled { Kind::ServiceDisabled } else { Kind::ServiceEnabled };
        work.tell(Event::new(kind, Actor::Operator).on("service", service.id));
    } else {
        work.nothing_to_tell("it was so");
    }
    Ok(Ok(service))
}

fn find(work: &mut Work<'_>, name: &str) -> Result<Option<Service>, crate::kernel::Fault> {
    Ok(catalogue(work)?.named(name).cloned())
}

fn tell(work: &mut Work<'_>, kind: Kind, service: &Service, principal: PrincipalId) {
    let data = json!({ "principal": principal });
    work.tell(Event::new(kind, Actor::Operator).on("service", service.id).with(data));
}
