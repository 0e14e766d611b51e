//! The table `plans`, and which plan an account has.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use crate::accounts::plans::Plan;
use crate::audit::Work;
use crate::kernel::{Fault, PlanId, PrincipalId, Stale};
use crate::platform::db::Connection;
use crate::schema::{plans, principals};

#[derive(Queryable, Selectable)]
#[diesel(table_name = plans)]
struct Row {
    id: String,
    name: String,
    created_at: DateTime<Utc>,
    disabled_at: Option<DateTime<Utc>>,
}

impl From<Row> for Plan {
    fn from(row: Row) -> Self {
        Self {
            id: PlanId::from_stored(row.id),
            name: row.name,
            created_at: row.created_at,
            disabled_at: row.disabled_at,
        }
    }
}

/// Every plan, by id.
pub fn list(connection: &mut Connection) -> Result<Vec<Plan>, Fault> {
    let rows: Vec<Row> = plans::table.order(plans::id).select(Row::as_select()).load(connection)?;
    Ok(rows.into_iter().map(Plan::from).collect())
}

/// Finds a plan.
pub fn find(connection: &mut Connection, id: &PlanId) -> Result<Option<Plan>, Fault> {
    let row = plans::table.find(id.as_str()).select(Row::as_select()).first(connection).optional()?;
    Ok(row.map(Plan::from))
}

/// The same, and whoever else changes it waits until the act ends.
pub(super) fn lock(work: &mut Work<'_>, id: &PlanId) -> Result<Option<Plan>, Fault> {
    let query = plans::table.find(id.as_str()).select(Row::as_select()).for_no_key_update();
    Ok(query.first(&mut **work).optional()?.map(Plan::from))
}

/// The same, and whoever closes it waits until the act ends.
pub(super) fn hold(work: &mut Work<'_>, id: &PlanId) -> Result<Option<Plan>, Fault> {
    let query = plans::table.find(id.as_str()).select(Row::as_select()).for_share();
    Ok(query.first(&mut **work).optional()?.map(Plan::from))
}

/// Makes a plan. `false`: there is one of this id.
pub(super) fn insert(work: &mut Work<'_>, plan: &Plan) -> Result<bool, Fault> {
    let made = diesel::insert_into(plans::table)
        .values((
            plans::id.eq(plan.id.as_str()),
            plans::name.eq(&plan.name),
            plans::created_at.eq(plan.created_at),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    Ok(made == 1)
}

/// Closes a plan, or opens it. `false`: it already was so, or there is none.
pub(super) fn set_disabled(work: &mut Work<'_>, id: &PlanId, disabled: bool) -> Result<bool, Fault> {
    let now = work.now();
    let changed = diesel::update(plans::table.find(id.as_str()))
        .filter(plans::disabled_at.is_null().eq(disabled))
        .set(plans::disabled_at.eq(disabled.then_some(now)))
        .execute(&mut **work)?;
    Ok(changed == 1)
}

/// Gives an account a plan.
pub(super) fn give(work: &mut Work<'_>, account: PrincipalId, plan: &PlanId) -> Result<(), Fault> {
    let now = work.now();
    diesel::update(principals::table.find(account.uuid()))
        .set((principals::plan_id.eq(plan.as_str()), principals::updated_at.eq(now)))
        .execute(&mut **work)?;
    work.stale(Stale::Account(account));
    Ok(())
}
