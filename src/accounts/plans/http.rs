//! `/api/v1/plans`.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::accounts::access::administer;
use crate::accounts::plans::{Plan, PlanProblem, add, set_disabled, store};
use crate::audit::Actor;
use crate::kernel::{Denial, PlanId};
use crate::platform::api::{
    self, Answers, Body, By, Endpoint, Form, IfMatch, Member, PageQuery, Shape, current, version_of,
    versioned,
};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;

const PLAN: Shape = &[
    Member::new("id", Form::Text, "Its id."),
    Member::new("name", Form::Text, "Its name, as people read it."),
    Member::new("created_at", Form::Moment, "Since when it exists."),
    Member::new("disabled_at", Form::Maybe(&Form::Moment), "Since when no account may change to it."),
];
const NEW: Shape = &[
    Member::new("id", Form::Text, "Its id."),
    Member::optional("name", Form::Text, "Its name; the id, if not given."),
];
const CHANGE: Shape = &[Member::new("disabled", Form::Flag, "Whether no account may change to it.")];

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    let at = Endpoint::new;
    vec![
        at(Method::GET, "/plans", || web::to(list), "Lists the plans.")
            .scope("limits:read")
            .answers(Answers::Many(PLAN)),
        at(Method::POST, "/plans", || web::to(make), "Makes a plan; for administrators.")
            .scope("limits:write")
            .reads(NEW)
            .answers(Answers::Made(PLAN)),
        at(Method::GET, "/plans/{id}", || web::to(get), "Shows a plan.")
            .scope("limits:read")
            .answers(Answers::One(PLAN)),
        at(Method::PATCH, "/plans/{id}", || web::to(change), "Closes or opens a plan; for administrators.")
            .scope("limits:write")
            .reads(CHANGE)
            .versioned()
            .answers(Answers::One(PLAN)),
    ]
}

fn shown(plan: &Plan) -> Value {
    json!({
        "id": plan.id, "name": plan.name, "created_at": plan.created_at, "disabled_at": plan.disabled_at,
    })
}

fn id_of(text: &str) -> Result<PlanId, Denial> {
    PlanId::parse(text).map_err(|_| Denial::NotFound)
}

fn refusal(problem: PlanProblem) -> Denial {
    match problem {
        PlanProblem::Id(_) | PlanProblem::Name(_) => Denial::Unfit(problem.to_string()),
        other => other.into(),
    }
}

async fn list(
    accounts: web::Data<Accounts>,
    By(_): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let plans = accounts.ledger.read(store::list).await?;
    Ok(api::ok(&query.of_all(plans, |plan| plan.id.to_string(), |plan| shown(&plan))))
}

async fn make(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let body = body.fit(NEW)?;
    let act = accounts.ledger.act(&context, move |work| {
        let id = settle!(body.required("id"));
        Ok(add(work, Actor::of(&caller), id, body.text("name"))?.map_err(refusal))
    });
    let plan = shown(&act.await??);
    Ok(versioned(api::created(&plan), version_of(&plan)))
}

async fn get(
    accounts: web::Data<Accounts>,
    By(_): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let id = id_of(&id)?;
    let plan = accounts.ledger.read(move |connection| store::find(connection, &id)).await?;
    Ok(current(&shown(&plan.ok_or(Denial::NotFound)?)))
}

async fn change(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
    version: IfMatch,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let id = id_of(&id)?;
    let disabled = body.fit(CHANGE)?.flag("disabled").unwrap_or_default();
    let act = accounts.ledger.act(&context, move |work| {
        let before = settle!(store::lock(work, &id)?.ok_or(Denial::NotFound));
        settle!(version.check(version_of(&shown(&before))));
        settle!(set_disabled(work, Actor::of(&caller), &id, disabled)?.map_err(refusal));
        Ok(store::find(work, &id)?.ok_or(Denial::NotFound))
    });
    Ok(current(&shown(&act.await??)))
}
