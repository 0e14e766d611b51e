//! Making plans, and giving them to accounts.

use serde_json::json;

use crate::accounts::plans::{Plan, PlanProblem, store};
use crate::accounts::{find_account, store::lock_principal};
use crate::audit::{Actor, Event, Kind, Work};
use crate::kernel::{DisplayText, Fault, PlanId, PrincipalId};
use crate::settle;

/// What becomes of a plan, what is wrong with that, or a fault.
type Planning<T> = Result<Result<T, PlanProblem>, Fault>;

/// Makes a plan. Without a name, the id is the name.
pub fn add(work: &mut Work<'_>, by: Actor, id: &str, name: Option<&str>) -> Planning<Plan> {
    let id = settle!(PlanId::parse(id));
    let name = settle!(DisplayText::parse(name.unwrap_or(id.as_str()), DisplayText::MOST_OF_A_NAME));
    let plan = Plan { id, name: name.as_str().to_owned(), created_at: work.now(), disabled_at: None };
    if !store::insert(work, &plan)? {
        return Ok(Err(PlanProblem::Taken));
    }
    work.tell(Event::new(Kind::PlanCreated, by).on("plan", &plan.id).with(json!({ "name": plan.name })));
    Ok(Ok(plan))
}

/// Closes a plan, or opens it again; who has it keeps it. `false`: it already was so.
pub fn set_disabled(work: &mut Work<'_>, by: Actor, id: &PlanId, disabled: bool) -> Planning<bool> {
    if disabled && *id == PlanId::first() {
        return Ok(Err(PlanProblem::Stays));
    }
    if !store::set_disabled(work, id, disabled)? {
        work.nothing_to_tell("it already was so");
        let is_there = store::find(work, id)?.is_some();
        return Ok(if is_there { Ok(false) } else { Err(PlanProblem::Unknown) });
    }
    let kind = if disabled { Kind::PlanDisabled } else { Kind::PlanEnabled };
    work.tell(Event::new(kind, by).on("plan", id));
    Ok(Ok(true))
}

/// Gives an account a plan. `false`: it has that plan.
pub fn give(work: &mut Work<'_>, by: Actor, account: PrincipalId, plan: &PlanId) -> Planning<bool> {
    lock_principal(work, account)?;
    let Some(before) = find_account(work, account)? else {
        return Ok(Err(PlanProblem::NoAccount));
    };
    if before.id != account {
        return Ok(Err(PlanProblem::Belongs));
    }
    if before.plan == *plan {
        work.nothing_to_tell("it already was so");
        return Ok(Ok(false));
    }
    settle!(hold_open(work, plan)?);
    store::give(work, account, plan)?;
    let data = json!({ "before": before.plan, "plan": plan });
    work.tell(Event::new(Kind::AccountPlanChanged, by).on(before.kind.as_str(), account).with(data));
    Ok(Ok(true))
}

/// Holds a plan that accounts may change to, so that it is not closed before this act ends.
pub(in crate::accounts) fn hold_open(work: &mut Work<'_>, plan: &PlanId) -> Planning<()> {
    Ok(match store::hold(work, plan)? {
        None => Err(PlanProblem::Unknown),
        Some(plan) if plan.disabled_at.is_some() => Err(PlanProblem::Closed),
        Some(_) => Ok(()),
    })
}
