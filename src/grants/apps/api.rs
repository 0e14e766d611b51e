//! `/api/v1/me/grants`: the apps that a person connected.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::accounts::access::person;
use crate::accounts::store::lock_user;
use crate::clients;
use crate::grants::apps::flow::{Connected, connected, take_back};
use crate::grants::store::list_living;
use crate::kernel::{ClientId, Denial};
use crate::platform::api::{self, Answers, By, Endpoint, Form, Member, PageQuery, Shape};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;

const APP: Shape = &[
    Member::new("client_id", Form::Text, "What the app goes by."),
    Member::new("client_name", Form::Text, "Its name, as people read it."),
    Member::new("publisher", Form::Maybe(&Form::Text), "Who publishes it."),
    Member::new("verified", Form::Flag, "Whether that was checked."),
    Member::new("scope", Form::Text, "What the person allowed it."),
    Member::new("granted_at", Form::Moment, "When they did."),
    Member::new("in_use", Form::Flag, "Whether it holds tokens now; if not, it may still come back unasked."),
    Member::new("last_used_at", Form::Maybe(&Form::Moment), "When it last used that."),
    Member::new(
        "calls",
        Form::Number,
        "How often it was let through with that: by this API, by forward-auth, or by an introspection.",
    ),
];

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    const WITHDRAW: &str = "Takes back all that the person allowed an app, by its client_id.";
    let at = Endpoint::new;
    vec![
        at(
            Method::GET,
            "/me/grants",
            || web::to(list),
            "Lists what the person who calls allowed to which apps.",
        )
        .answers(Answers::Many(APP)),
        at(Method::DELETE, "/me/grants/{client}", || web::to(withdraw), WITHDRAW).scope("users:write"),
    ]
}

fn shown(app: &Connected) -> Value {
    json!({
        "client_id": app.client.id.as_str(), "client_name": app.client.name,
        "publisher": app.client.publisher, "verified": app.client.verified || app.client.first_party,
        "scope": app.grant.scope, "granted_at": app.grant.granted_at, "in_use": app.in_use,
        "last_used_at": app.used.map(|used| used.last_at), "calls": app.used.map_or(0, |used| used.calls),
    })
}

async fn list(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let user = person(&caller)?;
    let act = accounts.ledger.act(&context, move |work| {
        work.nothing_to_tell("a look");
        connected(work, user).map(Ok)
    });
    let mut apps = act.await??;
    apps.sort_by(|one, other| one.client.id.cmp(&other.client.id));
    Ok(api::ok(&query.of_all(apps, |app| app.client.id.to_string(), |app| shown(&app))))
}

async fn withdraw(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    client: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let user = person(&caller)?;
    let client = ClientId::parse(&client).map_err(|_| Denial::NotFound)?;
    let act = accounts.ledger.act(&context, move |work| {
        lock_user(work, user)?;
        let client = settle!(clients::store::find(work, &client)?.ok_or(Denial::NotFound));
        let mine = list_living(work, user)?.into_iter().find(|own| own.client_id == client.principal);
        let mine = settle!(mine.ok_or(Denial::NotFound));
        take_back(work, user, mine.id, None)
    });
    act.await??;
    Ok(api::done())
}
