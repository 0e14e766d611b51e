//! Making organizations, and what is done to them as a whole.

use serde_json::json;

use crate::accounts::organizations::{
    OrganizationName, OrganizationProblem, Organizing, Role, members, store,
};
use crate::accounts::plans::hold_open;
use crate::accounts::store as principals;
use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{PlanId, PrincipalId, PrincipalKind};
use crate::platform::entropy::Entropy;
use crate::settle;

/// An organization that is to be.
#[derive(Clone, Debug)]
pub struct NewOrganization {
    /// Its name.
    pub name: OrganizationName,
    /// Its plan.
    pub plan: PlanId,
    /// Its first owner, if it is to have one.
    pub owner: Option<PrincipalId>,
}

/// Makes an organization.
pub fn create(work: &mut Work<'_>, by: Actor, new: &NewOrganization) -> Organizing<PrincipalId> {
    settle!(hold_open(work, &new.plan)?);
    let id = PrincipalId::from_uuid(Entropy.id(work.now()));
    let name = new.name.as_str();
    let made = principals::insert_account(work, id, PrincipalKind::Org, name, &new.plan)?
        && store::insert(work, id, &new.name)?;
    if !made {
        return Ok(Err(OrganizationProblem::NameTaken));
    }
    let data = json!({ "name": name, "plan": new.plan });
    work.tell(Event::new(Kind::OrgCreated, by).on("org", id).with(data));
    if let Some(owner) = new.owner {
        settle!(members::add(work, by, id, owner, Role::Owner)?);
    }
    Ok(Ok(id))
}

/// Gives an organization another name. `false`: it has that name.
pub fn rename(work: &mut Work<'_>, by: Actor, id: PrincipalId, name: &OrganizationName) -> Organizing<bool> {
    let before = settle!(hold(work, id)?);
    if before == *name {
        work.nothing_to_tell("it already was so");
        return Ok(Ok(false));
    }
    if !store::set_key(work, id, name)? {
        return Ok(Err(OrganizationProblem::NameTaken));
    }
    principals::rename_principal(work, id, name.as_str())?;
    let data = json!({ "name": name.as_str(), "before": before.as_str() });
    work.tell(Event::new(Kind::OrgUpdated, by).on("org", id).with(data));
    Ok(Ok(true))
}

/// Lets an organization act, or no longer, and its clients and keys with it. `false`: it already was so.
pub fn set_disabled(work: &mut Work<'_>, by: Actor, id: PrincipalId, disabled: bool) -> Organizing<bool> {
    settle!(hold(work, id)?);
    if !principals::set_disabled(work, id, disabled)? {
        work.nothing_to_tell("it already was so");
        return Ok(Ok(false));
    }
    let kind = if disabled { Kind::OrgDisabled } else { Kind::OrgEnabled };
    work.tell(Event::new(kind, by).on("org", id));
    Ok(Ok(true))
}

/// Holds an organization alone until the act ends; its name.
pub(super) fn hold(work: &mut Work<'_>, id: PrincipalId) -> Organizing<OrganizationName> {
    principals::lock_principal(work, id)?;
    let found = store::find(work, id)?;
    Ok(found.map(|org| org.name).ok_or(OrganizationProblem::Unknown))
}
