//! Who and what is registered, and the command that comes next where there is nothing yet.

use super::finding::Finding;
use crate::kernel::Fault;
use crate::platform::db::Connection;
use crate::{accounts, clients, services};

/// An empty database is as it should be on the first day.
pub(super) fn check(connection: &mut Connection) -> Result<Finding, Fault> {
    let next = if !services::store::has_services(connection)? {
        "no service yet: `grantor service add NAME --scope \"NAME:read=Read your …\"` registers an API"
    } else if !accounts::store::has_users(connection)? {
        "no user yet: `grantor user add NAME` makes one"
    } else if !clients::store::has_clients(connection)? {
        "no client yet: `grantor client add NAME --redirect-uri URI --scope SCOPES` registers an app"
    } else {
        "there are services, users and clients"
    };
    Ok(Finding::ok("accounts", next))
}
