//! `/api/v1/limits`.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::accounts::access::administer;
use crate::audit::Actor;
use crate::decision::calls::Calls;
use crate::decision::limits::flow;
use crate::decision::limits::named::Named;
use crate::decision::limits::read::{CHANGE, NEW, RESET, changed, wanted};
use crate::decision::limits::shown::{LIMIT, STATUS, as_json, status_as_json};
use crate::decision::limits::standing::{self, Standpoint, standpoint};
use crate::kernel::{Caller, Denial, LimitId};
use crate::limits::rules::Applied;
use crate::limits::store::{self, Asked, Stored};
use crate::limits::verdict::Verdict;
use crate::platform::api::{self, Answers, Body, By, Endpoint, IfMatch, PageQuery};
use crate::platform::context::Context;
use crate::platform::form::Params;
use crate::platform::problem::ProblemFace;
use crate::services::store::catalogue;
use crate::settle;

/// What this file answers. The fixed words of a path come before its ids.
pub fn endpoints() -> Vec<Endpoint> {
    use Answers as A;
    const LISTS: &str = "Lists the limits: of plans and services, and of whom the caller sees.";
    const SHOWS: &str = "Shows what is left of each limit that binds a principal or a credential.";
    const RESETS: &str = "Gives back what was used of those limits; for administrators.";
    let (read, write) = ("limits:read", "limits:write");
    let at = Endpoint::new;
    vec![
        at(Method::GET, "/limits", || web::to(list), LISTS)
            .scope(read)
            .filters(&["plan", "principal", "credential", "service", "route"])
            .answers(A::Many(LIMIT)),
        at(Method::POST, "/limits", || web::to(make), "Makes a limit; for administrators.")
            .scope(write)
            .reads(NEW)
            .answers(A::Made(LIMIT)),
        at(Method::GET, "/limits/status", || web::to(status), SHOWS)
            .scope(read)
            .filters(&["principal", "credential", "service", "route"])
            .answers(A::One(STATUS)),
        at(Method::POST, "/limits/reset", || web::to(reset), RESETS)
            .scope(write)
            .reads(RESET)
            .answers(A::One(STATUS)),
        at(Method::GET, "/limits/{id}", || web::to(get), "Shows a limit.").scope(read).answers(A::One(LIMIT)),
        at(Method::PATCH, "/limits/{id}", || web::to(change), "Changes a limit; for administrators.")
            .scope(write)
            .reads(CHANGE)
            .versioned()
            .answers(A::One(LIMIT)),
        at(Method::DELETE, "/limits/{id}", || web::to(remove), "Deletes a limit; for administrators.")
            .scope(write)
            .versioned(),
    ]
}

fn id_of(text: &str) -> Result<LimitId, Denial> {
    LimitId::parse(text).ok_or(Denial::NotFound)
}

async fn shown(calls: &Calls, stored: &Stored) -> Result<serde_json::Value, ProblemFace> {
    Ok(as_json(stored, &calls.bearers.ledger.read(catalogue).await?))
}

async fn list(
    calls: web::Data<Calls>,
    By(caller): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let named = Named::read(|name| query.filters.get(name))?;
    let (after, most) = (query.after.as_deref().and_then(LimitId::parse), Some(query.to_load()));
    let load = calls.bearers.ledger.read(move |connection| {
        let catalogue = catalogue(connection)?;
        let service = named.service.as_deref().map(|name| catalogue.named(name).map(|service| service.id));
        let Named { plan, principal, credential, route, .. } = named;
        let seen = flow::seen(connection, &caller)?;
        let asked =
            Asked { plan, principal, credential, service: service.flatten(), route, seen, after, most };
        // On a service that there is not, there are no limits.
        let rows = if service == Some(None) { Vec::new() } else { store::list(connection, &asked)? };
        Ok((rows, catalogue))
    });
    let (rows, catalogue) = load.await?;
    let page = query.of(rows, |row| row.limit.id.to_string(), |row| as_json(&row, &catalogue));
    Ok(api::ok(&page))
}

async fn make(
    calls: web::Data<Calls>,
    context: Context,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let body = body.fit(NEW)?;
    let (named, terms) = (Named::read(|name| body.text(name))?, wanted(&body)?);
    let act =
        calls.bearers.ledger.act(&context, move |work| flow::make(work, Actor::of(&caller), &named, terms));
    let stored = act.await??;
    Ok(api::versioned(api::created(&shown(&calls, &stored).await?), stored.version))
}

async fn get(
    calls: web::Data<Calls>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let id = id_of(&id)?;
    let act = calls.bearers.ledger.act(&context, move |work| {
        work.nothing_to_tell("a look");
        flow::find(work, &caller, id)
    });
    let stored = act.await??;
    Ok(api::versioned(api::ok(&shown(&calls, &stored).await?), stored.version))
}

async fn change(
    calls: web::Data<Calls>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
    version: IfMatch,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let (id, body) = (id_of(&id)?, body.fit(CHANGE)?);
    let act = calls.bearers.ledger.act(&context, move |work| {
        let before = settle!(flow::find(work, &caller, id)?);
        settle!(administer(&caller));
        settle!(version.check(before.version));
        let terms = settle!(changed(&before.limit.terms, &body));
        flow::change(work, Actor::of(&caller), &before, &terms)
    });
    let stored = act.await??;
    Ok(api::versioned(api::ok(&shown(&calls, &stored).await?), stored.version))
}

async fn remove(
    calls: web::Data<Calls>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
    version: IfMatch,
) -> Result<HttpResponse, ProblemFace> {
    let id = id_of(&id)?;
    let act = calls.bearers.ledger.act(&context, move |work| {
        let before = settle!(flow::find(work, &caller, id)?);
        settle!(administer(&caller));
        settle!(version.check(before.version));
        flow::remove(work, Actor::of(&caller), id)
    });
    act.await??;
    Ok(api::done())
}

/// Who is meant and which limits bind them, if the caller sees them.
async fn binding(
    calls: &Calls,
    caller: Caller,
    named: Named,
) -> Result<(Standpoint, Vec<Applied>), ProblemFace> {
    let look = calls.bearers.ledger.read(move |connection| {
        settle!(flow::see(connection, &caller, &named)?);
        let from = settle!(standpoint(connection, named)?);
        let applied = standing::applied(connection, &from)?;
        Ok(Ok::<_, Denial>((from, applied)))
    });
    Ok(look.await??)
}

async fn status(
    calls: web::Data<Calls>,
    By(caller): By,
    request: HttpRequest,
) -> Result<HttpResponse, ProblemFace> {
    let params = Params::parse(request.query_string().as_bytes())?;
    let named = Named::read(|name| params.get(name))?;
    let (from, applied) = binding(&calls, caller, named).await?;
    let verdict: Verdict = calls.limits.status(&applied).await?;
    Ok(api::ok(&status_as_json(&from, &applied, &verdict)))
}

/// What the store forgot it forgot, so that comes first: a reset that nobody tells of is done again.
async fn reset(
    calls: web::Data<Calls>,
    context: Context,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let body = body.fit(RESET)?;
    let named = Named::read(|name| body.text(name))?;
    let (from, applied) = binding(&calls, caller.clone(), named).await?;
    calls.limits.reset(&applied).await?;
    let (told, labels) = (from.clone(), applied.clone());
    let act = calls.bearers.ledger.act(&context, move |work| {
        standing::tell_reset(work, Actor::of(&caller), &told, &labels);
        Ok(Ok(()))
    });
    act.await??;
    let verdict = calls.limits.status(&applied).await?;
    Ok(api::ok(&status_as_json(&from, &applied, &verdict)))
}
