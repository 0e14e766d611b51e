//! `GET /api/v1/me`: who the caller is, as this server sees it.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::accounts::Accounts;
use crate::accounts::organizations::members::store::roles_of;
use crate::kernel::PrincipalKind;
use crate::platform::api::{self, Answers, By, Endpoint, Form, Member, Shape};
use crate::platform::problem::ProblemFace;

const ME: Shape = &[
    Member::new("id", Form::Id, "The principal that the bearer speaks for."),
    Member::new("kind", Form::OneOf(&["user", "client", "org"]), "What it is."),
    Member::new("name", Form::Text, "Its name, as people read it."),
    Member::new("account", Form::Id, "The account it belongs to."),
    Member::new("plan", Form::Text, "The plan of that account."),
    Member::new("scope", Form::Text, "What the bearer may do."),
    Member::new("credential", Form::Maybe(&Form::Id), "The key or personal token that was used."),
    Member::new("is_administrator", Form::Flag, "Whether it may do whatever an operator may."),
    Member::new("organizations", Form::Objects(MEMBERSHIP), "What it is a member of."),
];

const MEMBERSHIP: Shape = &[
    Member::new("org", Form::Id, "The organization."),
    Member::new("role", Form::Text, "What the person is to it."),
];

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    let about = "Tells who calls.";
    vec![Endpoint::new(Method::GET, "/me", || web::to(get), about).answers(Answers::One(ME))]
}

async fn get(accounts: web::Data<Accounts>, By(caller): By) -> Result<HttpResponse, ProblemFace> {
    let account = accounts.directory.of(caller.principal).await?;
    let (principal, kind) = (caller.principal, caller.kind);
    let roles = accounts.ledger.read(move |connection| match kind {
        PrincipalKind::User => roles_of(connection, principal),
        PrincipalKind::Client | PrincipalKind::Org => Ok(Vec::new()),
    });
    let roles = roles.await?;
    let shown = roles.iter().map(|(org, role)| json!({ "org": org, "role": role.as_str() }));
    Ok(api::ok(&json!({
        "id": caller.principal, "kind": caller.kind.as_str(), "name": caller.name, "account": account.id,
        "plan": account.plan, "scope": caller.scope, "credential": caller.credential,
        "is_administrator": caller.is_administrator, "organizations": shown.collect::<Vec<_>>(),
    })))
}
