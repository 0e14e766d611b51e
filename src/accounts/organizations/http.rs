//! `/api/v1/orgs`: organizations and their plans.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::accounts::access::{administer, allow, visible};
use crate::accounts::organizations::{
    Action, NewOrganization, Organization, OrganizationName, create, rename, set_disabled, store,
};
use crate::accounts::plans::give;
use crate::accounts::store::lock_principal;
use crate::audit::{Actor, Work};
use crate::kernel::{Caller, Denial, Outcome, PlanId, PrincipalId};
use crate::platform::api::{
    self, Answers, Body, By, Endpoint, Form, IfMatch, Member, Members, PageQuery, Shape,
};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;

const ORG: Shape = &[
    Member::new("id", Form::Id, "Its id."),
    Member::new("name", Form::Text, "Its name, as people read it; no two have the same."),
    Member::new("plan", Form::Text, "Its plan."),
    Member::new("created_at", Form::Moment, "Since when it exists."),
    Member::new("updated_at", Form::Moment, "When it last changed."),
    Member::new("disabled_at", Form::Maybe(&Form::Moment), "Since when nothing of it may act."),
];
const NEW: Shape = &[
    Member::new("name", Form::Text, "Its name."),
    Member::optional("plan", Form::Text, "Its plan; what accounts begin with, if not given."),
    Member::optional("owner", Form::Id, "The person who becomes its first owner."),
];
const CHANGE: Shape = &[
    Member::optional("name", Form::Text, "Another name."),
    Member::optional("disabled", Form::Flag, "Whether nothing of it may act; for administrators."),
];
const PLAN: Shape = &[Member::new("plan", Form::Text, "The plan.")];

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    let at = Endpoint::new;
    vec![
        at(Method::GET, "/orgs", || web::to(list), "Lists the organizations that the caller sees.")
            .scope("orgs:read")
            .answers(Answers::Many(ORG)),
        at(Method::POST, "/orgs", || web::to(make), "Makes an organization; for administrators.")
            .scope("orgs:write")
            .reads(NEW)
            .answers(Answers::Made(ORG)),
        at(Method::GET, "/orgs/{id}", || web::to(get), "Shows an organization.")
            .scope("orgs:read")
            .answers(Answers::One(ORG)),
        at(Method::PATCH, "/orgs/{id}", || web::to(change), "Renames, disables or enables an organization.")
            .scope("orgs:write")
            .reads(CHANGE)
            .versioned()
            .answers(Answers::One(ORG)),
        at(Method::GET, "/orgs/{id}/plan", || web::to(plan), "Shows an organization's plan.")
            .scope("orgs:read")
            .answers(Answers::One(PLAN)),
        at(Method::PUT, "/orgs/{id}/plan", || web::to(set_plan), "Gives it a plan; for administrators.")
            .scope("orgs:write")
            .reads(PLAN)
            .answers(Answers::One(PLAN)),
    ]
}

fn shown(org: &Organization) -> Value {
    json!({
        "id": org.id, "name": org.name.as_str(), "plan": org.plan, "created_at": org.created_at,
        "updated_at": org.updated_at, "disabled_at": org.disabled_at,
    })
}

/// Reads an id out of a path: what is none names nothing.
pub(super) fn id_of(text: &str) -> Result<PrincipalId, Denial> {
    PrincipalId::parse(text).ok_or(Denial::NotFound)
}

fn name_of(text: &str) -> Result<OrganizationName, Denial> {
    OrganizationName::parse(text).map_err(|problem| Denial::Unfit(format!("name: {problem}")))
}

fn plan_of(text: &str) -> Result<PlanId, Denial> {
    PlanId::parse(text).map_err(|problem| Denial::Unfit(format!("plan: {problem}")))
}

/// Finds an organization for which the caller may do this.
pub(super) fn find(
    work: &mut Work<'_>,
    caller: &Caller,
    id: PrincipalId,
    action: Action,
) -> Outcome<Organization> {
    settle!(allow(work, caller, id, action)?);
    Ok(store::find(work, id)?.ok_or(Denial::NotFound))
}

async fn list(
    accounts: web::Data<Accounts>,
    By(caller): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let load = accounts.ledger.read(move |connection| {
        let mut orgs = store::list(connection)?;
        if let Some(seen) = visible(connection, &caller)? {
            orgs.retain(|org| seen.contains(&org.id));
        }
        Ok(orgs)
    });
    Ok(api::ok(&query.of_all(load.await?, |org| org.id.to_string(), |org| shown(&org))))
}

async fn make(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let new = wanted(&body.fit(NEW)?)?;
    let act = accounts.ledger.act(&context, move |work| {
        let id = settle!(create(work, Actor::of(&caller), &new)?);
        Ok(store::find(work, id)?.ok_or(Denial::NotFound))
    });
    let org = act.await??;
    Ok(api::versioned(api::created(&shown(&org)), org.version))
}

fn wanted(body: &Members) -> Result<NewOrganization, Denial> {
    let owner = body.text("owner").map(|id| PrincipalId::parse(id).ok_or(unfit("owner is no id")));
    Ok(NewOrganization {
        name: name_of(body.required("name")?)?,
        plan: body.text("plan").map_or(Ok(PlanId::first()), plan_of)?,
        owner: owner.transpose()?,
    })
}

fn unfit(words: &str) -> Denial {
    Denial::Unfit(words.to_owned())
}

/// Reads for a caller, in a transaction of its own.
async fn seen(
    accounts: &Accounts,
    context: &Context,
    caller: Caller,
    id: &str,
) -> Result<Organization, ProblemFace> {
    let id = id_of(id)?;
    let act = accounts.ledger.act(context, move |work| {
        work.nothing_to_tell("a look");
        find(work, &caller, id, Action::See)
    });
    Ok(act.await??)
}

async fn get(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let org = seen(&accounts, &context, caller, &id).await?;
    Ok(api::versioned(api::ok(&shown(&org)), org.version))
}

async fn change(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
    version: IfMatch,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let id = id_of(&id)?;
    let body = body.fit(CHANGE)?;
    let name = body.text("name").map(name_of).transpose()?;
    let disabled = body.flag("disabled");
    let act = accounts.ledger.act(&context, move |work| {
        lock_principal(work, id)?;
        let org = settle!(find(work, &caller, id, Action::Rename)?);
        settle!(version.check(org.version));
        work.nothing_to_tell("nothing of it may be new");
        if let Some(name) = &name {
            settle!(rename(work, Actor::of(&caller), id, name)?);
        }
        if let Some(disabled) = disabled {
            settle!(administer(&caller));
            settle!(set_disabled(work, Actor::of(&caller), id, disabled)?);
        }
        Ok(store::find(work, id)?.ok_or(Denial::NotFound))
    });
    let org = act.await??;
    Ok(api::versioned(api::ok(&shown(&org)), org.version))
}

async fn plan(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let org = seen(&accounts, &context, caller, &id).await?;
    Ok(api::ok(&json!({ "plan": org.plan })))
}

async fn set_plan(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let id = id_of(&id)?;
    let plan = plan_of(body.fit(PLAN)?.required("plan")?)?;
    let told = plan.clone();
    let act = accounts.ledger.act(&context, move |work| {
        settle!(find(work, &caller, id, Action::See)?);
        settle!(administer(&caller));
        let given = give(work, Actor::of(&caller), id, &plan)?;
        Ok(given.map_err(|problem| Denial::Unfit(problem.to_string())))
    });
    act.await??;
    Ok(api::ok(&json!({ "plan": told })))
}
