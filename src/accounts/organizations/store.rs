//! The table `organizations`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error as DieselError};
use uuid::Uuid;

use crate::accounts::organizations::{Organization, OrganizationName};
use crate::audit::Work;
use crate::kernel::{Fault, PlanId, PrincipalId};
use crate::platform::db::Connection;
use crate::schema::{organizations, principals};

#[derive(Queryable, Selectable)]
#[diesel(table_name = principals)]
struct Row {
    id: Uuid,
    name: String,
    plan_id: Option<String>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
    disabled_at: Option<DateTime<Utc>>,
}

impl From<Row> for Organization {
    fn from(row: Row) -> Self {
        Self {
            id: PrincipalId::from_uuid(row.id),
            name: OrganizationName::from_stored(row.name),
            plan: row.plan_id.map_or_else(PlanId::first, PlanId::from_stored),
            created_at: row.created_at,
            updated_at: row.updated_at,
            version: row.version,
            disabled_at: row.disabled_at,
        }
    }
}

/// Every organization, by name.
pub fn list(connection: &mut Connection) -> Result<Vec<Organization>, Fault> {
    let rows: Vec<Row> = organizations::table
        .inner_join(principals::table)
        .order(organizations::name_key)
        .select(Row::as_select())
        .load(connection)?;
    Ok(rows.into_iter().map(Organization::from).collect())
}

/// Finds an organization.
pub fn find(connection: &mut Connection, id: PrincipalId) -> Result<Option<Organization>, Fault> {
    let row = organizations::table
        .inner_join(principals::table)
        .filter(organizations::principal_id.eq(id.uuid()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Organization::from))
}

/// Finds the organization of this name.
pub fn find_by_name(
    connection: &mut Connection,
    name: &OrganizationName,
) -> Result<Option<Organization>, Fault> {
    let row = organizations::table
        .inner_join(principals::table)
        .filter(organizations::name_key.eq(name.key()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    Ok(row.map(Organization::from))
}

/// Makes an organization out of a principal. `false`: the name is taken.
pub(super) fn insert(work: &mut Work<'_>, id: PrincipalId, name: &OrganizationName) -> Result<bool, Fault> {
    let made = diesel::insert_into(organizations::table)
        .values((organizations::principal_id.eq(id.uuid()), organizations::name_key.eq(name.key())))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    Ok(made == 1)
}

/// Gives an organization the key of another name. `false`: the name is taken.
pub(super) fn set_key(work: &mut Work<'_>, id: PrincipalId, name: &OrganizationName) -> Result<bool, Fault> {
    let renamed = diesel::update(organizations::table.find(id.uuid()))
        .set(organizations::name_key.eq(name.key()))
        .execute(&mut **work);
    match renamed {
        Err(DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _)) => Ok(false),
        other => Ok(other? == 1),
    }
}
