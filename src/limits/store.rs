//! The table `limits`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

use crate::audit::{Actor, Event, Kind as EventKind, Lookup, Work};
use crate::kernel::{CredentialId, Fault, LimitId, PrincipalId, ServiceId, Stale};
use crate::limits::limit::{Limit, Terms, Wording};
use crate::limits::owner::{LimitOwner, Place, Whose};
use crate::platform::db::Connection;
use crate::platform::entropy::Entropy;
use crate::schema::limits;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = limits)]
struct Row {
    id: Uuid,
    plan_id: Option<String>,
    principal_id: Option<Uuid>,
    credential_id: Option<Uuid>,
    service_id: Option<Uuid>,
    route_id: Option<Uuid>,
    name: String,
    kind: String,
    quota: Option<i64>,
    window_s: i64,
    unit: String,
    on_error: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

impl Row {
    fn of(limit: &Limit, now: DateTime<Utc>) -> Self {
        let Limit { id, owner, terms } = limit;
        let (service_id, route_id) = match owner.place {
            Place::Anywhere => (None, None),
            Place::Service(service) => (Some(service.uuid()), None),
            Place::Route(service, route) => (Some(service.uuid()), Some(route)),
        };
        let (plan_id, principal_id, credential_id) = match &owner.whose {
            Whose::Everyone => (None, None, None),
            Whose::Plan(plan) => (Some(plan.clone()), None, None),
            Whose::Principal(id) => (None, Some(id.uuid()), None),
            Whose::Credential(id) => (None, None, Some(id.uuid())),
        };
        Self {
            id: id.uuid(),
            plan_id,
            principal_id,
            credential_id,
            service_id,
            route_id,
            name: terms.name().as_str().to_owned(),
            kind: terms.kind().as_str().to_owned(),
            quota: terms.quota().and_then(|quota| i64::try_from(quota).ok()),
            window_s: terms.kind().window_s().into(),
            unit: terms.unit().as_str().to_owned(),
            on_error: terms.on_error().as_str().to_owned(),
            created_at: now,
            updated_at: now,
        }
    }

    /// A row that makes no sense is a fault: without it, somebody might do more than they may.
    fn limit(self) -> Result<Limit, Fault> {
        let wording = Wording {
            name: &self.name,
            kind: &self.kind,
            quota: self.quota,
            window_s: self.window_s,
            unit: &self.unit,
            on_error: &self.on_error,
        };
        let nonsense = |why: &str| Fault::internal(format!("the limit {} makes no sense: {why}", self.id));
        let terms = Terms::read(&wording).map_err(|error| nonsense(&error.to_string()))?;
        let owner = LimitOwner::new(self.whose(), self.place()).ok_or_else(|| nonsense("it is nobody's"))?;
        Ok(Limit { id: LimitId::from_uuid(self.id), owner, terms })
    }

    fn whose(&self) -> Whose {
        match (&self.plan_id, self.principal_id, self.credential_id) {
            (Some(plan), _, _) => Whose::Plan(plan.clone()),
            (_, Some(id), _) => Whose::Principal(PrincipalId::from_uuid(id)),
            (_, _, Some(id)) => Whose::Credential(CredentialId::from_uuid(id)),
            (None, None, None) => Whose::Everyone,
        }
    }

    fn place(&self) -> Place {
        let service = self.service_id.map(ServiceId::from_uuid);
        match (service, self.route_id) {
            (None, _) => Place::Anywhere,
            (Some(service), None) => Place::Service(service),
            (Some(service), Some(route)) => Place::Route(service, route),
        }
    }
}

/// Every limit there is, by whom it binds, where, and its name.
pub fn list(connection: &mut Connection) -> Result<Vec<Limit>, Fault> {
    let rows: Vec<Row> = limits::table
        .order((
            (limits::plan_id, limits::principal_id, limits::credential_id),
            (limits::service_id, limits::route_id, limits::name),
        ))
        .select(Row::as_select())
        .load(connection)?;
    rows.into_iter().map(Row::limit).collect()
}

/// One of them.
pub fn find(connection: &mut Connection, id: LimitId) -> Result<Option<Limit>, Fault> {
    let row: Option<Row> =
        limits::table.find(id.uuid()).select(Row::as_select()).first(connection).optional()?;
    row.map(Row::limit).transpose()
}

/// Sets a limit: a new one, or what the one of this owner and name says. Its id, which the old one keeps.
pub fn set(work: &mut Work<'_>, limit: &Limit, actor: Actor) -> Result<LimitId, Fault> {
    let row = Row::of(limit, work.now());
    let id: Uuid = diesel::insert_into(limits::table)
        .values(&row)
        .on_conflict((
            limits::plan_id,
            limits::principal_id,
            limits::credential_id,
            limits::service_id,
            limits::route_id,
            limits::name,
        ))
        .do_update()
        .set((
            limits::kind.eq(&row.kind),
            limits::quota.eq(row.quota),
            limits::window_s.eq(row.window_s),
            limits::unit.eq(&row.unit),
            limits::on_error.eq(&row.on_error),
            limits::updated_at.eq(row.updated_at),
        ))
        .returning(limits::id)
        .get_result(&mut **work)?;
    tell(work, EventKind::LimitSet, LimitId::from_uuid(id), &row, actor);
    Ok(LimitId::from_uuid(id))
}

/// Deletes a limit. `false`: there is none of this id.
pub fn remove(work: &mut Work<'_>, id: LimitId, actor: Actor) -> Result<bool, Fault> {
    let row: Option<Row> = diesel::delete(limits::table.find(id.uuid()))
        .returning(Row::as_returning())
        .get_result(&mut **work)
        .optional()?;
    if let Some(row) = &row {
        tell(work, EventKind::LimitDeleted, id, row, actor);
    }
    Ok(row.is_some())
}

/// Has the successor of a credential bound by what bound that one.
pub fn hand_on(
    work: &mut Work<'_>,
    (from, to): (CredentialId, CredentialId),
    actor: Actor,
) -> Result<(), Fault> {
    let rows: Vec<Row> = limits::table
        .filter(limits::credential_id.eq(from.uuid()))
        .select(Row::as_select())
        .load(&mut **work)?;
    for row in rows {
        let Limit { owner, terms, .. } = row.limit()?;
        let owner = LimitOwner { whose: Whose::Credential(to), ..owner };
        set(work, &Limit { id: LimitId::from_uuid(Entropy.id(work.now())), owner, terms }, actor)?;
    }
    Ok(())
}

fn tell(work: &mut Work<'_>, kind: EventKind, id: LimitId, row: &Row, actor: Actor) {
    let own = row.principal_id.or(row.credential_id);
    work.stale(own.map_or(Stale::Limits, Stale::LimitsOf));
    let event = Event::new(kind, actor).on("limit", id).with(json!({
        "plan": row.plan_id, "principal": row.principal_id, "credential": row.credential_id,
        "service": row.service_id, "route": row.route_id, "name": row.name, "kind": row.kind, "quota": row.quota,
        "window_s": row.window_s, "unit": row.unit, "on_error": row.on_error,
    }));
    work.tell(event);
}

/// Those of plans and of services, to be found: all of them.
pub(super) struct FindCommon;

impl Lookup for FindCommon {
    type Found = Arc<[Limit]>;

    fn find(asking: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let rows: Vec<Row> = limits::table
            .filter(limits::principal_id.is_null().and(limits::credential_id.is_null()))
            .select(Row::as_select())
            .load(connection)?;
        let found: Arc<[Limit]> = rows.into_iter().map(Row::limit).collect::<Result<_, _>>()?;
        Ok(asking.iter().map(|_| Arc::clone(&found)).collect())
    }
}

/// Those of a principal or a credential, to be found.
pub(super) struct FindOwn(pub(super) Uuid);

impl Lookup for FindOwn {
    type Found = Arc<[Limit]>;

    fn find(asking: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let owners: Vec<Uuid> = asking.iter().map(|own| own.0).collect();
        let mut rows: Vec<Row> = limits::table
            .filter(limits::principal_id.eq_any(&owners))
            .select(Row::as_select())
            .load(connection)?;
        let of_credentials = limits::table.filter(limits::credential_id.eq_any(&owners));
        rows.extend(of_credentials.select(Row::as_select()).load::<Row>(connection)?);
        let found = rows.into_iter().map(|row| Ok((row.principal_id.or(row.credential_id), row.limit()?)));
        let found: Vec<(Option<Uuid>, Limit)> = found.collect::<Result<_, Fault>>()?;
        let of = |id: Uuid| found.iter().filter(move |(owner, _)| *owner == Some(id));
        Ok(asking.iter().map(|own| of(own.0).map(|(_, limit)| limit.clone()).collect()).collect())
    }
}
