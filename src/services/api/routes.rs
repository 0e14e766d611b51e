//! `/api/v1/services/{id}/routes`: the parts of a service that ask for something of their own.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use uuid::Uuid;

use crate::accounts::Accounts;
use crate::accounts::access::administer;
use crate::audit::Actor;
use crate::kernel::Denial;
use crate::platform::api::{self, Answers, Body, By, Endpoint, Form, Member, Members, PageQuery, Shape};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::services::api::flow;
use crate::services::api::shown::{ROUTE, route};
use crate::services::routes::registration::{NewRoute, add, remove};
use crate::settle;

const NEW: Shape = &[
    Member::new("path", Form::Text, "Which paths: /orders, /orders/{id}, /files/**."),
    Member::optional("methods", Form::Texts, "Its methods, in upper case; every one, if not given."),
    Member::optional(
        "required_scope",
        Form::Text,
        "The scopes it asks for, all of them; as the method says, if not given. An empty text asks for none.",
    ),
    Member::optional("cost", Form::Number, "What a call costs, of limits that count costs; 1, if not given."),
    Member::optional(
        "position",
        Form::Number,
        "Its place among the others, from 0; behind them, if not given.",
    ),
];

/// What this file answers.
pub(super) fn endpoints() -> Vec<Endpoint> {
    const ALL: &str = "/services/{id}/routes";
    let at = Endpoint::new;
    vec![
        at(
            Method::GET,
            ALL,
            || web::to(list),
            "Lists the routes of a service, in the order in which they count.",
        )
        .scope("services:read")
        .answers(Answers::Many(ROUTE)),
        at(
            Method::POST,
            ALL,
            || web::to(make),
            "Has a part of a service ask for something of its own; for administrators.",
        )
        .scope("services:write")
        .reads(NEW)
        .answers(Answers::Made(ROUTE)),
        at(
            Method::DELETE,
            "/services/{id}/routes/{route}",
            || web::to(end),
            "Removes a route; for administrators.",
        )
        .scope("services:write"),
    ]
}

async fn list(
    accounts: web::Data<Accounts>,
    By(caller): By,
    id: web::Path<String>,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let found = accounts.ledger.read(move |connection| flow::find(connection, &caller, &id)).await?;
    let place = |own: &crate::services::Route| format!("{:010}", own.position);
    Ok(api::ok(&query.of_all(found?.routes, place, |own| route(&own))))
}

async fn make(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let new = wanted(&body.fit(NEW)?)?;
    let act = accounts.ledger.act(&context, move |work| {
        let service = settle!(flow::find(work, &caller, &id)?);
        let made = add(work, Actor::of(&caller), &service.name, &new)?;
        Ok(made.map_err(|problem| Denial::Unfit(problem.to_string())))
    });
    Ok(api::created(&route(&act.await??)))
}

fn wanted(body: &Members) -> Result<NewRoute, Denial> {
    let no_cost = |_| Denial::Unfit("cost: a call costs nothing or more".to_owned());
    let no_place = |_| Denial::Unfit("position: there is no such place".to_owned());
    Ok(NewRoute {
        pattern: body.required("path")?.to_owned(),
        methods: body.texts("methods"),
        required: body.text("required_scope").map(str::to_owned),
        cost: body.number("cost").map(u64::try_from).transpose().map_err(no_cost)?,
        position: body.number("position").map(i32::try_from).transpose().map_err(no_place)?,
    })
}

async fn end(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let (service, route) = path.into_inner();
    let act = accounts.ledger.act(&context, move |work| {
        let service = settle!(flow::find(work, &caller, &service)?);
        let id = service.routes.iter().map(|own| own.id).find(|own: &Uuid| own.to_string() == route);
        let id = settle!(id.ok_or(Denial::NotFound));
        // Whoever was faster left nothing to remove.
        Ok(remove(work, Actor::of(&caller), &service.name, id)?.map_err(|_| Denial::NotFound))
    });
    act.await??;
    Ok(api::done())
}
