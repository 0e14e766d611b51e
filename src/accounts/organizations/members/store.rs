//! The table `memberships`.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use diesel::dsl::sql;
use diesel::expression::SqlLiteral;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use uuid::Uuid;

use crate::accounts::organizations::{Member, Role};
use crate::audit::{Lookup, Work};
use crate::kernel::{Fault, PrincipalId, Stale};
use crate::platform::db::Connection;
use crate::schema::{memberships, principals, users};

type MemberRow = (Uuid, String, String, String, DateTime<Utc>, DateTime<Utc>, i64);

fn member(
    (user, identifier, name, role, created_at, updated_at, version): MemberRow,
) -> Result<Member, Fault> {
    Ok(Member {
        user: PrincipalId::from_uuid(user),
        identifier,
        name,
        role: role_named(&role)?,
        created_at,
        updated_at,
        version,
    })
}

fn role_named(name: &str) -> Result<Role, Fault> {
    Role::parse(name).ok_or_else(|| Fault::internal("a member of no role"))
}

/// The members of an organization, by identifier.
pub fn list(connection: &mut Connection, org: PrincipalId) -> Result<Vec<Member>, Fault> {
    let rows: Vec<MemberRow> = memberships::table
        .inner_join(users::table.inner_join(principals::table))
        .filter(memberships::org_id.eq(org.uuid()))
        .order(users::identifier)
        .select((
            memberships::user_id,
            users::identifier,
            principals::name,
            memberships::role,
            memberships::created_at,
            memberships::updated_at,
            memberships::version,
        ))
        .load(connection)?;
    rows.into_iter().map(member).collect()
}

/// The organizations that a person is a member of, and what they are to each.
pub fn roles_of(connection: &mut Connection, user: PrincipalId) -> Result<Vec<(PrincipalId, Role)>, Fault> {
    let rows: Vec<(Uuid, String)> = memberships::table
        .filter(memberships::user_id.eq(user.uuid()))
        .order(memberships::org_id)
        .select((memberships::org_id, memberships::role))
        .load(connection)?;
    rows.into_iter().map(|(org, role)| Ok((PrincipalId::from_uuid(org), role_named(&role)?))).collect()
}

/// What a person is to an organization.
pub fn role_of(
    connection: &mut Connection,
    org: PrincipalId,
    user: PrincipalId,
) -> Result<Option<Role>, Fault> {
    let found = FindRole::find(&[&FindRole { org, user }], connection)?;
    Ok(found.into_iter().next().flatten())
}

/// What a person is to an organization, to be found.
pub struct FindRole {
    /// The organization.
    pub org: PrincipalId,
    /// The person.
    pub user: PrincipalId,
}

impl Lookup for FindRole {
    type Found = Option<Role>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let rows: Vec<(Uuid, Uuid, String)> = memberships::table
            .filter(memberships::org_id.eq_any(keys.iter().map(|key| key.org.uuid())))
            .filter(memberships::user_id.eq_any(keys.iter().map(|key| key.user.uuid())))
            .select((memberships::org_id, memberships::user_id, memberships::role))
            .load(connection)?;
        let found = rows.into_iter().map(|(org, user, role)| Ok(((org, user), role_named(&role)?)));
        let found: HashMap<(Uuid, Uuid), Role> = found.collect::<Result<_, Fault>>()?;
        Ok(keys.iter().map(|key| found.get(&(key.org.uuid(), key.user.uuid())).copied()).collect())
    }
}

/// Makes a person a member. `false`: they are one.
pub(super) fn insert(
    work: &mut Work<'_>,
    org: PrincipalId,
    user: PrincipalId,
    role: Role,
) -> Result<bool, Fault> {
    let now = work.now();
    let made = diesel::insert_into(memberships::table)
        .values((
            memberships::org_id.eq(org.uuid()),
            memberships::user_id.eq(user.uuid()),
            memberships::role.eq(role.as_str()),
            memberships::created_at.eq(now),
            memberships::updated_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    work.stale(Stale::Membership { org, user });
    Ok(made == 1)
}

/// The condition under which this member may stop being an owner: they are none, or there is another. Whoever asks
/// holds the organization alone, or two who leave at once would each find the other.
fn leaves_an_owner() -> SqlLiteral<Bool> {
    sql("(memberships.role <> 'owner' OR EXISTS ( \
           SELECT 1 FROM memberships AS other \
           WHERE other.org_id = memberships.org_id AND other.user_id <> memberships.user_id AND other.role = 'owner'))")
}

/// Gives a member another role. `false`: they are no member, or the last owner.
pub(super) fn set_role(
    work: &mut Work<'_>,
    org: PrincipalId,
    user: PrincipalId,
    role: Role,
) -> Result<bool, Fault> {
    let now = work.now();
    let changed = diesel::update(memberships::table.find((org.uuid(), user.uuid())))
        .filter(leaves_an_owner())
        .set((memberships::role.eq(role.as_str()), memberships::updated_at.eq(now)))
        .execute(&mut **work)?;
    work.stale(Stale::Membership { org, user });
    Ok(changed == 1)
}

/// Makes a member none. `false`: they are none, or the last owner.
pub(super) fn remove(work: &mut Work<'_>, org: PrincipalId, user: PrincipalId) -> Result<bool, Fault> {
    let removed = diesel::delete(memberships::table)
        .filter(memberships::org_id.eq(org.uuid()))
        .filter(memberships::user_id.eq(user.uuid()))
        .filter(leaves_an_owner())
        .execute(&mut **work)?;
    work.stale(Stale::Membership { org, user });
    Ok(removed == 1)
}
