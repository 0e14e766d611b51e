//! What is read: limits by whom they bind, by whom they are seen, and by whom they are asked for.

use diesel::prelude::*;
use uuid::Uuid;

use super::{Row, Stored};
use crate::kernel::{CredentialId, Fault, LimitId, PrincipalId, ServiceId};
use crate::limits::limit::{Limit, LimitName};
use crate::limits::owner::{Caller, LimitOwner};
use crate::platform::db::Connection;
use crate::schema::limits;

/// Which limits are asked for. Of what is not said: all.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Those of this plan.
    pub plan: Option<String>,
    /// Those of this principal.
    pub principal: Option<PrincipalId>,
    /// Those of this credential.
    pub credential: Option<CredentialId>,
    /// Those that stand on this service or a route of it.
    pub service: Option<ServiceId>,
    /// Those on that route.
    pub route: Option<Uuid>,
    /// Those that somebody sees.
    pub seen: Option<Seen>,
    /// Those behind this one.
    pub after: Option<LimitId>,
    /// So many at most.
    pub most: Option<i64>,
}

/// Whose limits somebody sees, besides those of plans and services.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Those of these principals.
    pub principals: Vec<PrincipalId>,
    /// Those of these credentials.
    pub credentials: Vec<CredentialId>,
    /// Of those that stand on a service, only those on these.
    pub services: Vec<ServiceId>,
}

/// The limits that are asked for, in the order of their ids, which is that of their making.
pub fn list(connection: &mut Connection, asked: &Asked) -> Result<Vec<Stored>, Fault> {
    let mut query = limits::table.order(limits::id).select(Row::as_select()).into_boxed();
    if let Some(plan) = &asked.plan {
        query = query.filter(limits::plan_id.eq(plan));
    }
    if let Some(principal) = asked.principal {
        query = query.filter(limits::principal_id.eq(principal.uuid()));
    }
    if let Some(credential) = asked.credential {
        query = query.filter(limits::credential_id.eq(credential.uuid()));
    }
    if let Some(service) = asked.service {
        query = query.filter(limits::service_id.eq(service.uuid()));
    }
    if let Some(route) = asked.route {
        query = query.filter(limits::route_id.eq(route));
    }
    if let Some(Seen { principals, credentials, services }) = &asked.seen {
        let principals = principals.iter().map(|id| id.uuid()).collect::<Vec<_>>();
        let credentials = credentials.iter().map(|id| id.uuid()).collect::<Vec<_>>();
        let is_common = limits::principal_id.is_null().and(limits::credential_id.is_null());
        let is_own = limits::principal_id.eq_any(principals).or(limits::credential_id.eq_any(credentials));
        let services = services.iter().map(|id| id.uuid()).collect::<Vec<_>>();
        let is_there = limits::service_id.is_null().or(limits::service_id.eq_any(services));
        query = query.filter(is_common.or(is_own)).filter(is_there);
    }
    if let Some(after) = asked.after {
        query = query.filter(limits::id.gt(after.uuid()));
    }
    if let Some(most) = asked.most {
        query = query.limit(most);
    }
    let rows: Vec<Row> = query.load(connection)?;
    rows.into_iter().map(Row::stored).collect()
}

/// One of them.
pub fn find(connection: &mut Connection, id: LimitId) -> Result<Option<Stored>, Fault> {
    let row: Option<Row> =
        limits::table.find(id.uuid()).select(Row::as_select()).first(connection).optional()?;
    row.map(Row::stored).transpose()
}

/// The one of this name that binds them there.
pub fn find_at(
    connection: &mut Connection,
    owner: &LimitOwner,
    name: &LimitName,
) -> Result<Option<Stored>, Fault> {
    let (plan, principal, credential) = super::whom(&owner.whose);
    let (service, route) = super::place(owner.place);
    let row: Option<Row> = limits::table
        .filter(limits::plan_id.is_not_distinct_from(plan))
        .filter(limits::principal_id.is_not_distinct_from(principal))
        .filter(limits::credential_id.is_not_distinct_from(credential))
        .filter(limits::service_id.is_not_distinct_from(service))
        .filter(limits::route_id.is_not_distinct_from(route))
        .filter(limits::name.eq(name.as_str()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    row.map(Row::stored).transpose()
}

/// Those that may bind a caller, as they stand in the database at this moment.
pub fn binding(connection: &mut Connection, caller: &Caller) -> Result<Vec<Limit>, Fault> {
    let principals = vec![caller.principal.uuid(), caller.account.uuid()];
    let is_common = limits::principal_id.is_null().and(limits::credential_id.is_null());
    let mut query = limits::table
        .filter(is_common.or(limits::principal_id.eq_any(principals)))
        .select(Row::as_select())
        .into_boxed();
    if let Some(credential) = caller.credential {
        query = query.or_filter(limits::credential_id.eq(credential.uuid()));
    }
    let rows: Vec<Row> = query.load(connection)?;
    rows.into_iter().map(Row::limit).collect()
}
