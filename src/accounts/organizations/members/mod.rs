//! Who belongs to an organization. Its row is held while that changes, so that of two owners who leave at the same
//! moment the second finds that there is no other.

pub mod http;
pub mod store;

use serde_json::json;

use crate::accounts::organizations::flow::hold;
use crate::accounts::organizations::{OrganizationProblem as Problem, Organizing, Role};
use crate::accounts::store::find_user;
use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::PrincipalId;
use crate::settle;

/// Makes a person a member.
pub fn add(
    work: &mut Work<'_>,
    by: Actor,
    org: PrincipalId,
    user: PrincipalId,
    role: Role,
) -> Organizing<()> {
    settle!(hold(work, org)?);
    if find_user(work, user)?.is_none() {
        return Ok(Err(Problem::NoUser));
    }
    if !store::insert(work, org, user, role)? {
        return Ok(Err(Problem::MemberAlready));
    }
    tell(work, Kind::MembershipAdded, by, (org, user), (None, Some(role)));
    Ok(Ok(()))
}

/// Gives a member another role. `false`: they have that role.
pub fn change(
    work: &mut Work<'_>,
    by: Actor,
    org: PrincipalId,
    user: PrincipalId,
    role: Role,
) -> Organizing<bool> {
    settle!(hold(work, org)?);
    let Some(before) = store::role_of(work, org, user)? else {
        return Ok(Err(Problem::NoMember));
    };
    if before == role {
        work.nothing_to_tell("it already was so");
        return Ok(Ok(false));
    }
    if !store::set_role(work, org, user, role)? {
        return Ok(Err(Problem::LastOwner));
    }
    tell(work, Kind::MembershipChanged, by, (org, user), (Some(before), Some(role)));
    Ok(Ok(true))
}

/// Makes a member none.
pub fn remove(work: &mut Work<'_>, by: Actor, org: PrincipalId, user: PrincipalId) -> Organizing<()> {
    settle!(hold(work, org)?);
    let Some(before) = store::role_of(work, org, user)? else {
        return Ok(Err(Problem::NoMember));
    };
    if !store::remove(work, org, user)? {
        return Ok(Err(Problem::LastOwner));
    }
    tell(work, Kind::MembershipRemoved, by, (org, user), (Some(before), None));
    Ok(Ok(()))
}

fn tell(
    work: &mut Work<'_>,
    kind: Kind,
    by: Actor,
    (org, user): (PrincipalId, PrincipalId),
    (before, role): (Option<Role>, Option<Role>),
) {
    let data = json!({ "user": user, "before": before.map(Role::as_str), "role": role.map(Role::as_str) });
    work.tell(Event::new(kind, by).on("org", org).with(data));
}
