//! `/api/v1/services`, and each of them.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use crate::accounts::Accounts;
use crate::accounts::access::administer;
use crate::audit::Actor;
use crate::kernel::Denial;
use crate::platform::api::{
    self, Answers, Body, By, Endpoint, Form, IfMatch, Member, Members, PageQuery, Shape, current, version_of,
    versioned,
};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::services::access::disable;
use crate::services::api::flow;
use crate::services::api::shown::{FORMATS, SERVICE, service};
use crate::services::registration::{Registration, register};
use crate::services::store::hold;
use crate::settle;
use crate::signing::Keys;

const NEW: Shape = &[
    Member::new("name", Form::Text, "Its name: lower case, digits, - and _; it never changes."),
    Member::optional(
        "audience",
        Form::Text,
        "What tokens for it name as their audience; the name, if not given.",
    ),
    Member::optional("display_name", Form::Text, "Its name, as people read it; the name, if not given."),
    Member::optional("access_token_format", FORMATS, "What it wants tokens for it to look like."),
    Member::optional("open", Form::Flag, "Whether every account may call it; no, if not given."),
    Member::optional("scopes", Form::Objects(NEW_SCOPE), "What may be asked of it."),
];
const NEW_SCOPE: Shape = &[
    Member::new("value", Form::Text, "The scope, as apps ask for it."),
    Member::new("sentence", Form::Text, "What it lets an app do, in a sentence that people read."),
    Member::optional("optional", Form::Flag, "Whether a person may untick it; no, if not given."),
];
const CHANGE: Shape = &[Member::new("disabled", Form::Flag, "Whether nobody may call it.")];

/// What this file answers.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let at = Endpoint::new;
    vec![
        at(Method::GET, "/services", || web::to(list), "Lists the services that the caller may call.")
            .scope("services:read")
            .answers(Answers::Many(SERVICE)),
        at(Method::POST, "/services", || web::to(make), "Makes a service; for administrators.")
            .scope("services:write")
            .reads(NEW)
            .answers(Answers::Made(SERVICE)),
        at(Method::GET, "/services/{id}", || web::to(get), "Shows a service, by its id or its name.")
            .scope("services:read")
            .answers(Answers::One(SERVICE)),
        at(
            Method::PATCH,
            "/services/{id}",
            || web::to(change),
            "Shuts a service for everybody, or opens it again; for administrators.",
        )
        .scope("services:write")
        .reads(CHANGE)
        .versioned()
        .answers(Answers::One(SERVICE)),
    ]
}

async fn list(
    accounts: web::Data<Accounts>,
    By(caller): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let services = accounts.ledger.read(move |connection| flow::list(connection, &caller)).await?;
    Ok(api::ok(&query.of_all(services, |own| own.name.clone(), |own| service(&own))))
}

async fn get(
    accounts: web::Data<Accounts>,
    By(caller): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let found = accounts.ledger.read(move |connection| flow::find(connection, &caller, &id)).await?;
    Ok(current(&service(&found?)))
}

async fn make(
    accounts: web::Data<Accounts>,
    keys: web::Data<Keys>,
    context: Context,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let new = wanted(&body.fit(NEW)?)?;
    keys.can_issue(new.access_token_format.as_deref())?;
    // A JWT that is for no service in particular names the issuer; a service of that name would take it for its own.
    if new.audience.as_deref() == Some(keys.issuer()) {
        return Err(unfit("audience: that is this server's own name").into());
    }
    let act = accounts.ledger.act(&context, move |work| {
        let made = settle!(register(work, Actor::of(&caller), &new)?.map_err(Denial::from));
        flow::found(work, made.id)
    });
    let made = service(&act.await??);
    Ok(versioned(api::created(&made), version_of(&made)))
}

fn wanted(body: &Members) -> Result<Registration, Denial> {
    let text = |name: &str| body.text(name).map(str::to_owned);
    let mut new = Registration {
        name: body.required("name")?.to_owned(),
        audience: text("audience"),
        display_name: text("display_name"),
        access_token_format: text("access_token_format"),
        is_open: body.flag("open").unwrap_or(false),
        ..Registration::default()
    };
    for scope in body.objects("scopes") {
        let (value, sentence) = (scope.required("value")?, scope.required("sentence")?);
        if value.contains('=') {
            return Err(unfit("scopes: a scope of a service has no = in it"));
        }
        let typed = format!("{value}={sentence}");
        let is_optional = scope.flag("optional").unwrap_or(false);
        if is_optional { new.optional_scopes.push(typed) } else { new.scopes.push(typed) }
    }
    Ok(new)
}

fn unfit(words: &str) -> Denial {
    Denial::Unfit(words.to_owned())
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
    let disabled = body.fit(CHANGE)?.flag("disabled").unwrap_or_default();
    let act = accounts.ledger.act(&context, move |work| {
        let found = settle!(flow::find(work, &caller, &id)?);
        hold(work, found.id)?;
        settle!(version.check(version_of(&service(&settle!(flow::found(work, found.id)?)))));
        settle!(disable(work, Actor::of(&caller), &found.name, disabled)?);
        flow::found(work, found.id)
    });
    Ok(current(&service(&act.await??)))
}
