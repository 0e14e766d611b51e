//! `/api/v1/clients`, and each of them.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::accounts::organizations::Action;
use crate::clients::Known;
use crate::clients::api::shown::{CLIENT, client};
use crate::clients::api::wanted::NEW;
use crate::clients::api::{flow, wanted};
use crate::credentials::lifetime::Overlap;
use crate::kernel::{ClientId, Denial, PrincipalId};
use crate::platform::api::{
    self, Answers, Body, By, Endpoint, Form, IfMatch, Member, PageQuery, Shape, current, version_of,
    versioned,
};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;
use crate::signing::Keys;

const CHANGE: Shape = &[Member::new(
    "disabled",
    Form::Flag,
    "Whether it may not act. Whoever manages it may say so; only an administrator takes it back.",
)];
const ROTATION: Shape = &[Member::optional(
    "overlap",
    Form::OneOf(&Overlap::ALL),
    "How long its other secrets work on; 24h, if not given.",
)];
const ROTATED: Shape = &[
    Member::new("client_id", Form::Text, "What the client goes by."),
    Member::secret("client_secret", "Its new secret, told this once."),
    Member::new("old_secrets_end_at", Form::Moment, "Until when its other secrets are good at most."),
];

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    const ONE: &str = "/clients/{id}";
    let at = Endpoint::new;
    vec![
        at(Method::GET, "/clients", || web::to(list), "Lists the clients that the caller sees.")
            .scope("clients:read")
            .answers(Answers::Many(CLIENT)),
        at(Method::POST, "/clients", || web::to(make), "Registers a client; its secret is told this once.")
            .scope("clients:write")
            .reads(NEW)
            .answers(Answers::Made(CLIENT)),
        at(Method::GET, ONE, || web::to(get), "Shows a client, by its client_id.")
            .scope("clients:read")
            .answers(Answers::One(CLIENT)),
        at(Method::PATCH, ONE, || web::to(change), "Disables or enables a client.")
            .scope("clients:write")
            .reads(CHANGE)
            .versioned()
            .answers(Answers::One(CLIENT)),
        at(
            Method::POST,
            "/clients/{id}/secrets",
            || web::to(rotate),
            "Gives a client a new secret, told this once; the others work on for a while.",
        )
        .scope("clients:write")
        .reads(ROTATION)
        .answers(Answers::Made(ROTATED)),
    ]
}

fn id_of(text: &str) -> Result<ClientId, Denial> {
    ClientId::parse(text).map_err(|_| Denial::NotFound)
}

async fn list(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let (after, most) = (query.after.as_deref().and_then(PrincipalId::parse), query.to_load());
    let clients =
        accounts.ledger.read(move |connection| flow::list(connection, &caller, after, most)).await?;
    let page = query.of(clients, |own| own.client.principal.to_string(), |own| client(&own, context.now));
    Ok(api::ok(&page))
}

async fn make(
    accounts: web::Data<Accounts>,
    keys: web::Data<Keys>,
    context: Context,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let new = wanted::read(&body.fit(NEW)?, &caller)?;
    keys.can_issue(new.access_token_format.as_deref())?;
    let act = accounts.ledger.act(&context, move |work| {
        let made = settle!(flow::register(work, &caller, new)?);
        let known = settle!(flow::find(work, &caller, &made.client.id, Action::See)?);
        Ok(Ok((known, made.secret)))
    });
    let (known, secret) = act.await??;
    let mut shown = client(&known, context.now);
    let version = version_of(&shown);
    if let (Value::Object(members), Some(secret)) = (&mut shown, secret) {
        members.insert("client_secret".to_owned(), secret.expose().into());
    }
    Ok(versioned(api::created(&shown), version))
}

async fn get(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let id = id_of(&id)?;
    let read =
        accounts.ledger.read(move |connection| flow::find(connection, &caller, &id, Action::See)).await?;
    Ok(current(&client(&*read?, context.now)))
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
    let disabled = body.fit(CHANGE)?.flag("disabled").unwrap_or_default();
    let now = context.now;
    let act = accounts.ledger.act(&context, move |work| {
        let is_seen = |known: &Known| version.check(version_of(&client(known, now)));
        flow::set_disabled(work, &caller, &id, disabled, is_seen)
    });
    Ok(current(&client(&*act.await??, now)))
}

async fn rotate(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let id = id_of(&id)?;
    let overlap = Overlap::typed(body.fit(ROTATION)?.text("overlap").unwrap_or("24h"));
    let overlap = overlap.map_err(|problem| Denial::Unfit(problem.to_string()))?;
    let named = id.clone();
    let act = accounts.ledger.act(&context, move |work| flow::rotate(work, &caller, &id, overlap));
    let secret = act.await??;
    Ok(api::created(&json!({
        "client_id": named.as_str(), "client_secret": secret.expose(),
        "old_secrets_end_at": context.now + overlap.span(),
    })))
}
