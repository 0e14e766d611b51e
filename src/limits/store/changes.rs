//! What is written: limits that are set, changed and deleted, each with its event.

use diesel::prelude::*;
use serde_json::json;
use uuid::Uuid;

use super::Row;
use crate::audit::{Actor, Event, Kind as EventKind, Work};
use crate::kernel::{CredentialId, Fault, LimitId, Stale};
use crate::limits::limit::{Limit, Terms};
use crate::limits::owner::{LimitOwner, Whose};
use crate::platform::entropy::Entropy;
use crate::schema::limits;

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
            limits::version.eq(limits::version + 1),
        ))
        .returning(limits::id)
        .get_result(&mut **work)?;
    tell(work, EventKind::LimitSet, LimitId::from_uuid(id), &row, actor);
    Ok(LimitId::from_uuid(id))
}

/// Makes a limit. `false`: its owner has one of this name.
pub fn insert(work: &mut Work<'_>, limit: &Limit, actor: Actor) -> Result<bool, Fault> {
    let row = Row::of(limit, work.now());
    let made =
        diesel::insert_into(limits::table).values(&row).on_conflict_do_nothing().execute(&mut **work)? == 1;
    if made {
        tell(work, EventKind::LimitSet, limit.id, &row, actor);
    }
    Ok(made)
}

/// Changes what a limit says, but for its name, if it still is of this version. `false`: it is not.
pub fn update(
    work: &mut Work<'_>,
    (id, version): (LimitId, i64),
    terms: &Terms,
    actor: Actor,
) -> Result<bool, Fault> {
    let now = work.now();
    let quota = terms.quota().and_then(|quota| i64::try_from(quota).ok());
    let row: Option<Row> = diesel::update(limits::table.find(id.uuid()))
        .filter(limits::version.eq(version))
        .set((
            limits::kind.eq(terms.kind().as_str()),
            limits::quota.eq(quota),
            limits::window_s.eq(i64::from(terms.kind().window_s())),
            limits::unit.eq(terms.unit().as_str()),
            limits::on_error.eq(terms.on_error().as_str()),
            limits::updated_at.eq(now),
            limits::version.eq(version + 1),
        ))
        .returning(Row::as_returning())
        .get_result(&mut **work)
        .optional()?;
    if let Some(row) = &row {
        tell(work, EventKind::LimitSet, id, row, actor);
    }
    Ok(row.is_some())
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
        insert(work, &Limit { id: LimitId::from_uuid(Entropy.id(work.now())), owner, terms }, actor)?;
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
