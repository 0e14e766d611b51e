//! Which services a caller sees, and who was let to call them as far as the caller sees those.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use crate::accounts::access::visible_principals;
use crate::accounts::store::find_principals;
use crate::kernel::{Caller, Denial, Fault, Outcome, PrincipalId, ServiceId};
use crate::platform::db::Connection;
use crate::services::Service;
use crate::services::access::callable;
use crate::services::store::{catalogue, granted_to};
use crate::settle;

/// Somebody who was let to call a service.
pub(super) struct Granted {
    pub(super) principal: PrincipalId,
    pub(super) name: String,
    pub(super) since: DateTime<Utc>,
}

/// An administrator sees every service, others those that they or whoever they see may call.
pub(super) fn list(connection: &mut Connection, caller: &Caller) -> Result<Vec<Service>, Fault> {
    let mut services = match visible_principals(connection, caller)? {
        None => catalogue(connection)?.services().cloned().collect(),
        Some(principals) => callable(connection, &principals)?,
    };
    // The database may have another order of texts.
    services.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(services)
}

/// The service that a path names, by its id or its name: an id begins with a digit and a name with a letter.
pub(super) fn find(connection: &mut Connection, caller: &Caller, named: &str) -> Outcome<Service> {
    let is_meant = |service: &Service| service.name == named || service.id.to_string() == named;
    Ok(list(connection, caller)?.into_iter().find(is_meant).ok_or(Denial::NotFound))
}

/// Those whom a service was granted to and whom the caller sees.
pub(super) fn grants(connection: &mut Connection, caller: &Caller, named: &str) -> Outcome<Vec<Granted>> {
    let service = settle!(find(connection, caller, named)?);
    let seen = visible_principals(connection, caller)?;
    let mut granted = granted_to(connection, service.id)?;
    granted.retain(|(id, _)| seen.as_ref().is_none_or(|seen| seen.contains(id)));
    granted.sort_by_key(|(id, _)| id.to_string());
    let ids: Vec<PrincipalId> = granted.iter().map(|(id, _)| *id).collect();
    let mut known: HashMap<_, _> = find_principals(connection, &ids)?.into_iter().collect();
    let shown = granted.into_iter().filter_map(|(principal, since)| {
        known.remove(&principal).map(|found| Granted { principal, name: found.name, since })
    });
    Ok(Ok(shown.collect()))
}

/// A service as it is now.
pub(super) fn found(connection: &mut Connection, id: ServiceId) -> Outcome<Service> {
    let catalogue = catalogue(connection)?;
    Ok(catalogue.services().find(|service| service.id == id).cloned().ok_or(Denial::NotFound))
}
