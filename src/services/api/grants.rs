//! `/api/v1/services/{id}/grants`: who was let to call a service with their keys.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::accounts::access::administer;
use crate::accounts::store::find_kind;
use crate::audit::{Actor, Work};
use crate::kernel::{Denial, Outcome, PrincipalId};
use crate::platform::api::{self, Answers, By, Endpoint, Form, Member, PageQuery, Shape};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::services::Service;
use crate::services::access::{forbid, let_call};
use crate::services::api::flow::{self, Granted};
use crate::settle;

const GRANT: Shape = &[
    Member::new("principal", Form::Id, "The organization, client or person that may call it."),
    Member::new("name", Form::Text, "Its name, as people read it."),
    Member::new("granted_at", Form::Moment, "Since when."),
];

/// What this file answers.
pub(super) fn endpoints() -> Vec<Endpoint> {
    const ONE: &str = "/services/{id}/grants/{principal}";
    let at = Endpoint::new;
    vec![
        at(
            Method::GET,
            "/services/{id}/grants",
            || web::to(list),
            "Lists those whom a service was granted to, as far as the caller sees them.",
        )
        .scope("services:read")
        .answers(Answers::Many(GRANT)),
        at(
            Method::PUT,
            ONE,
            || web::to(give),
            "Lets somebody call a service with their keys; for administrators. It may be so already.",
        )
        .scope("services:write"),
        at(
            Method::DELETE,
            ONE,
            || web::to(withdraw),
            "Takes that back; for administrators. It may be so already.",
        )
        .scope("services:write"),
    ]
}

fn shown(granted: &Granted) -> Value {
    json!({ "principal": granted.principal, "name": granted.name, "granted_at": granted.since })
}

async fn list(
    accounts: web::Data<Accounts>,
    By(caller): By,
    id: web::Path<String>,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let found = accounts.ledger.read(move |connection| flow::grants(connection, &caller, &id)).await?;
    Ok(api::ok(&query.of_all(found?, |own| own.principal.to_string(), |own| shown(&own))))
}

async fn give(
    accounts: web::Data<Accounts>,
    context: Context,
    by: By,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ProblemFace> {
    change(&accounts, &context, by, path.into_inner(), let_call).await
}

async fn withdraw(
    accounts: web::Data<Accounts>,
    context: Context,
    by: By,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ProblemFace> {
    change(&accounts, &context, by, path.into_inner(), forbid).await
}

/// Letting somebody call, or taking that back.
type Change = fn(&mut Work<'_>, Actor, &str, PrincipalId) -> Outcome<Service>;

async fn change(
    accounts: &Accounts,
    context: &Context,
    By(caller): By,
    (service, principal): (String, String),
    change: Change,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let principal = PrincipalId::parse(&principal).ok_or(Denial::NotFound)?;
    let act = accounts.ledger.act(context, move |work| {
        let service = settle!(flow::find(work, &caller, &service)?);
        settle!(find_kind(work, principal)?.ok_or(Denial::NotFound));
        change(work, Actor::of(&caller), &service.name, principal)
    });
    act.await??;
    Ok(api::done())
}
