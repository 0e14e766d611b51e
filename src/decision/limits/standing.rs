//! How the limits of somebody stand, and giving back what was used of them.

use serde_json::json;

use crate::accounts::find_account;
use crate::audit::{Actor, Event, Kind, Work};
use crate::credentials;
use crate::decision::limits::named::Named;
use crate::kernel::{Denial, Fault, Outcome};
use crate::limits::owner::{Caller, Place, Target};
use crate::limits::rules::{self, Applied};
use crate::limits::store::binding;
use crate::platform::db::Connection;
use crate::settle;

/// Somebody who may call, and what they may call: what limits are asked about.
#[derive(Clone, Debug)]
pub struct Standpoint {
    /// What was named.
    pub named: Named,
    /// Who would call.
    pub caller: Caller,
    /// What would be called.
    pub target: Target,
}

/// Who would call and what, of what is named. What does not exist is not found.
pub fn standpoint(connection: &mut Connection, named: Named) -> Outcome<Standpoint> {
    let (principal, credential) = match (named.principal, named.credential) {
        (Some(principal), None) => (principal, None),
        (None, Some(id)) => {
            let found = credentials::store::find(connection, id)?;
            (settle!(found.ok_or(Denial::NotFound)).owner, Some(id))
        }
        _ => return Ok(Err(Denial::Unfit("name either a principal or a credential".to_owned()))),
    };
    let account = settle!(find_account(connection, principal)?.ok_or(Denial::NotFound));
    let target = match settle!(named.place(connection)?) {
        Place::Anywhere => Target::default(),
        Place::Service(service) => Target { service: Some(service), route: None },
        Place::Route(service, route) => Target { service: Some(service), route: Some(route) },
    };
    let plan = Some(account.plan.to_string());
    Ok(Ok(Standpoint { named, caller: Caller { plan, account: account.id, principal, credential }, target }))
}

/// The limits that bind a call from there, as they are set at this moment.
pub fn applied(connection: &mut Connection, from: &Standpoint) -> Result<Vec<Applied>, Fault> {
    Ok(rules::applied(&binding(connection, &from.caller)?, &from.caller, from.target))
}

/// Tells that what was used of these limits was given back.
pub fn tell_reset(work: &mut Work<'_>, actor: Actor, from: &Standpoint, applied: &[Applied]) {
    let labels: Vec<&str> = applied.iter().map(|limit| limit.label.as_str()).collect();
    let event = Event::new(Kind::LimitReset, actor);
    let event = match from.caller.credential {
        Some(id) => event.on("credential", id),
        None => event.on("principal", from.caller.principal),
    };
    work.tell(event.with(json!({
        "account": from.caller.account, "service": from.target.service, "route": from.target.route, "limits": labels,
    })));
}
