//! `/api/v1/keys` and `/api/v1/pats`.

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use crate::accounts::organizations::Action;
use crate::credentials::api::flow::{self, Asked};
use crate::credentials::lifetime::{Lifetime, Overlap};
use crate::credentials::making::{Imported, Made};
use crate::credentials::shown::{self, ENVIRONMENTS, as_json};
use crate::credentials::store::{Place, find_use};
use crate::credentials::wish::Wish;
use crate::credentials::{Credential, CredentialKind, CredentialProblem, Credentials};
use crate::kernel::{
    Caller, CredentialId, Denial, DisplayText, PlainSecret, PrincipalId, PrincipalKind, SecretHash,
};
use crate::limits::guard::{Failed, Guard};
use crate::platform::api::{self, Answers, Body, By, Endpoint, Form, Member, Members, PageQuery, Shape};
use crate::platform::client_ip::Network;
use crate::platform::clock::moment_of_micros;
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;

/// Characters that a reason has at most.
const MOST_OF_A_REASON: usize = 200;

const OWNER: Member = Member::optional(
    "owner",
    Form::Id,
    "The organization or client that it is for; needed, unless one of these asks.",
);
const NAME: Member = Member::new("name", Form::Text, "What its owner calls it.");
const SCOPE: Member = Member::optional("scope", Form::Text, "What it may do, with spaces between.");
const ENVIRONMENT: Member =
    Member::optional("environment", ENVIRONMENTS, "Whether it is in earnest; live, if not given.");
const IP_ALLOW: Member = Member::optional("ip_allow", Form::Texts, "Networks or addresses it may come from.");
const LIFETIME: Member =
    Member::optional("lifetime", Form::Text, "How long it lives: 90d, 12h, 30m or never.");

const NEW_KEY: Shape = &[OWNER, NAME, SCOPE, ENVIRONMENT, IP_ALLOW, LIFETIME];
const NEW_TOKEN: Shape = &[NAME, SCOPE, ENVIRONMENT, IP_ALLOW, LIFETIME];
const TEXT: Member = Member::optional("key", Form::Text, "Its text as it stands; either this or its hash.");
const HASH: Member =
    Member::optional("sha256", Form::Text, "The SHA-256 of its text, in 64 hexadecimal digits.");
const IMPORTED_KEY: Shape = &[OWNER, NAME, SCOPE, ENVIRONMENT, IP_ALLOW, LIFETIME, TEXT, HASH];
const IMPORTED_TOKEN: Shape = &[NAME, SCOPE, ENVIRONMENT, IP_ALLOW, LIFETIME, TEXT, HASH];
const ROTATION: Shape = &[Member::optional(
    "overlap",
    Form::OneOf(&Overlap::ALL),
    "How long the old one works on; 24h, if not given.",
)];
const REVOCATION: Shape = &[Member::optional("reason", Form::Text, "Why, for the record.")];

/// The endpoints of a kind: where, what one is called, and what is read of whoever makes one.
macro_rules! endpoints_of {
    ($at:literal, $a:literal, $what:literal, $new:expr, $import:expr) => {{
        use Answers as A;
        const READ: &str = concat!($at, ":read");
        const WRITE: &str = concat!($at, ":write");
        let at = Endpoint::new;
        vec![
            at(
                Method::GET,
                concat!("/", $at),
                || web::to(list),
                concat!("Lists the ", $what, "s that the caller sees, newest first."),
            )
            .scope(READ)
            .filters(&["owner"])
            .answers(A::Many(shown::SHAPE)),
            at(
                Method::POST,
                concat!("/", $at),
                || web::to(make),
                concat!("Makes ", $a, " ", $what, "; its text is told this once."),
            )
            .scope(WRITE)
            .reads($new)
            .answers(A::Made(shown::SHAPE)),
            at(
                Method::POST,
                concat!("/", $at, "/import"),
                || web::to(import),
                concat!("Brings ", $a, " ", $what, " along from elsewhere."),
            )
            .scope(WRITE)
            .reads($import)
            .answers(A::Made(shown::SHAPE)),
            at(
                Method::GET,
                concat!("/", $at, "/self"),
                || web::to(get_own),
                concat!("Shows the ", $what, " that asks."),
            )
            .answers(A::One(shown::SHAPE)),
            at(
                Method::POST,
                concat!("/", $at, "/self/rotate"),
                || web::to(rotate_own),
                concat!("Gives the ", $what, " that asks a successor."),
            )
            .reads(ROTATION)
            .answers(A::Made(shown::SHAPE)),
            at(
                Method::GET,
                concat!("/", $at, "/{id}"),
                || web::to(get),
                concat!("Shows ", $a, " ", $what, "."),
            )
            .scope(READ)
            .answers(A::One(shown::SHAPE)),
            at(
                Method::POST,
                concat!("/", $at, "/{id}/rotate"),
                || web::to(rotate),
                concat!("Gives ", $a, " ", $what, " a successor."),
            )
            .scope(WRITE)
            .reads(ROTATION)
            .answers(A::Made(shown::SHAPE)),
            at(
                Method::POST,
                concat!("/", $at, "/{id}/revoke"),
                || web::to(revoke),
                concat!("Takes ", $a, " ", $what, " back, with the successors that it gave itself."),
            )
            .scope(WRITE)
            .reads(REVOCATION)
            .answers(A::One(shown::SHAPE)),
        ]
    }};
}

/// What this file answers. The fixed words of a path come before its ids.
pub fn endpoints() -> Vec<Endpoint> {
    [
        endpoints_of!("keys", "an", "API key", NEW_KEY, IMPORTED_KEY),
        endpoints_of!("pats", "a", "personal token", NEW_TOKEN, IMPORTED_TOKEN),
    ]
    .concat()
}

/// Which of the two a request is about: by the route that it was admitted to, since a path has many spellings.
fn kind_of(request: &HttpRequest) -> CredentialKind {
    let route = request.match_pattern().unwrap_or_default();
    match route.strip_prefix(api::BASE) {
        Some(path) if path.starts_with("/pats") => CredentialKind::PersonalToken,
        _ => CredentialKind::ApiKey,
    }
}

fn id_of(text: &str) -> Result<CredentialId, Denial> {
    CredentialId::parse(text).ok_or(Denial::NotFound)
}

fn unfit(problem: CredentialProblem) -> Denial {
    Denial::Unfit(problem.to_string())
}

/// Adds a member to what is told.
fn put(mut value: Value, member: &str, what: impl Serialize) -> Value {
    if let (Value::Object(members), Ok(what)) = (&mut value, serde_json::to_value(what)) {
        members.insert(member.to_owned(), what);
    }
    value
}

/// What was made, with the one showing of its text.
fn with_secret(made: &Made, now: DateTime<Utc>) -> Value {
    put(as_json(&made.credential, None, now), "secret", made.secret.expose())
}

fn read_wish(body: &Members) -> Result<Wish, Denial> {
    let lifetime = body.text("lifetime").map(Lifetime::typed).transpose().map_err(unfit)?;
    Ok(Wish {
        name: body.required("name")?.to_owned(),
        scope: body.text("scope").unwrap_or_default().to_owned(),
        environment: body.text("environment").map(str::to_owned),
        ip_allow: body.texts("ip_allow"),
        lifetime: lifetime.unwrap_or_default(),
        with: None,
    })
}

/// Whose it shall be: what was said, or else the caller's own.
fn read_owner(body: &Members, caller: &Caller, kind: CredentialKind) -> Result<PrincipalId, Denial> {
    match body.text("owner") {
        Some(id) => PrincipalId::parse(id).ok_or_else(|| Denial::Unfit("owner is no id".to_owned())),
        None if kind == CredentialKind::ApiKey && caller.kind == PrincipalKind::User => {
            Err(Denial::Unfit("the member owner is required".to_owned()))
        }
        None => Ok(caller.principal),
    }
}

fn read_place(text: &str) -> Result<Place, Denial> {
    let read = || {
        let (at, id) = text.split_once('.')?;
        Some((moment_of_micros(at)?, CredentialId::parse(id)?))
    };
    read().ok_or_else(|| Denial::Unfit("the cursor is none of this listing's".to_owned()))
}

async fn list(
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
    By(caller): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let owner = query
        .filters
        .get("owner")
        .map(|id| PrincipalId::parse(id).ok_or_else(|| Denial::Unfit("owner is no id".to_owned())));
    let asked = Asked {
        kind: kind_of(&request),
        owner: owner.transpose()?,
        after: query.after.as_deref().map(read_place).transpose()?,
        most: query.to_load(),
    };
    let rows = credentials.ledger.read(move |connection| flow::list(connection, &caller, &asked)).await?;
    let place = |(own, _): &(Credential, _)| format!("{}.{}", own.created_at.timestamp_micros(), own.id);
    Ok(api::ok(&query.of(rows, place, |(own, used)| as_json(&own, used.as_ref(), context.now))))
}

async fn make(
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let kind = kind_of(&request);
    let body = body.fit(if kind == CredentialKind::ApiKey { NEW_KEY } else { NEW_TOKEN })?;
    let (owner, wish) = (read_owner(&body, &caller, kind)?, read_wish(&body)?);
    let settings = credentials.settings.clone();
    let act = credentials
        .ledger
        .act(&context, move |work| flow::create(work, &caller, &settings, (kind, owner), &wish));
    Ok(api::created(&with_secret(&act.await??, context.now)))
}

/// What is refused here may be a key of somebody else's, which whoever asks has guessed: that counts as a guess.
async fn import(
    credentials: web::Data<Credentials>,
    guard: web::Data<Guard>,
    context: Context,
    request: HttpRequest,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let kind = kind_of(&request);
    let network = context.ip.map(Network::of);
    if let Some(network) = network {
        guard.check(Failed::UnknownBearer, network, context.now)?;
    }
    let body = body.fit(if kind == CredentialKind::ApiKey { IMPORTED_KEY } else { IMPORTED_TOKEN })?;
    let (owner, wish) = (read_owner(&body, &caller, kind)?, read_wish(&body)?);
    let secret = read_import(&body)?;
    let settings = credentials.settings.clone();
    let act = credentials
        .ledger
        .act(&context, move |work| flow::import(work, &caller, &settings, (kind, owner), &secret, &wish));
    let imported = act.await?;
    if let (Err(_), Some(network)) = (&imported, network) {
        guard.failed(Failed::UnknownBearer, network, &context);
    }
    let (own, warning) = imported?;
    Ok(api::created(&put(as_json(&own, None, context.now), "warning", warning)))
}

fn read_import(body: &Members) -> Result<Imported, Denial> {
    match (body.text("key"), body.text("sha256")) {
        (Some(key), None) => Ok(Imported::Literal(PlainSecret::new(key.to_owned()))),
        (None, Some(hash)) => SecretHash::from_hexadecimal(hash).map(Imported::Hash).ok_or_else(|| {
            Denial::Unfit("sha256 is 64 hexadecimal digits: the SHA-256 of the whole text".to_owned())
        }),
        _ => Err(Denial::Unfit("send either key or sha256".to_owned())),
    }
}

async fn get(
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
    By(caller): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let (kind, id) = (kind_of(&request), id_of(&id)?);
    let act = credentials.ledger.act(&context, move |work| {
        work.nothing_to_tell("a look");
        let found = settle!(flow::find(work, &caller, kind, id, Action::See)?);
        let used = find_use(work, found.id)?;
        Ok(Ok((found, used)))
    });
    let (found, used) = act.await??;
    Ok(api::ok(&as_json(&found, used.as_ref(), context.now)))
}

async fn get_own(
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
    By(caller): By,
) -> Result<HttpResponse, ProblemFace> {
    let kind = kind_of(&request);
    let act = credentials.ledger.act(&context, move |work| {
        work.nothing_to_tell("a look");
        let found = settle!(flow::own(work, &caller, kind)?);
        let used = find_use(work, found.id)?;
        Ok(Ok((found, used)))
    });
    let (found, used) = act.await??;
    Ok(api::ok(&as_json(&found, used.as_ref(), context.now)))
}

fn read_overlap(body: Body) -> Result<Overlap, Denial> {
    Overlap::typed(body.fit(ROTATION)?.text("overlap").unwrap_or("24h")).map_err(unfit)
}

fn rotated((made, end): &(Made, DateTime<Utc>), now: DateTime<Utc>) -> HttpResponse {
    api::created(&put(with_secret(made, now), "old_ends_at", end))
}

async fn rotate(
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
    By(caller): By,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let (kind, id, overlap) = (kind_of(&request), id_of(&id)?, read_overlap(body)?);
    let settings = credentials.settings.clone();
    let act = credentials.ledger.act(&context, move |work| {
        let found = settle!(flow::find(work, &caller, kind, id, Action::ManageCredentials)?);
        // Whoever sees a personal token's text speaks for its owner, and nobody else does.
        if kind == CredentialKind::PersonalToken && found.owner != caller.principal {
            return Ok(Err(Denial::Forbidden));
        }
        flow::rotate(work, &caller, &settings, &found, overlap)
    });
    Ok(rotated(&act.await??, context.now))
}

async fn rotate_own(
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let (kind, overlap) = (kind_of(&request), read_overlap(body)?);
    let settings = credentials.settings.clone();
    let act = credentials.ledger.act(&context, move |work| {
        let own = settle!(flow::own(work, &caller, kind)?);
        flow::rotate_own(work, &caller, &settings, &own, overlap)
    });
    Ok(rotated(&act.await??, context.now))
}

async fn revoke(
    credentials: web::Data<Credentials>,
    context: Context,
    request: HttpRequest,
    By(caller): By,
    id: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let (kind, id) = (kind_of(&request), id_of(&id)?);
    let reason = read_reason(&body.fit(REVOCATION)?)?;
    let act = credentials.ledger.act(&context, move |work| {
        let found = settle!(flow::find(work, &caller, kind, id, Action::ManageCredentials)?);
        flow::revoke(work, &caller, &found, &reason)
    });
    Ok(api::ok(&as_json(&act.await??, None, context.now)))
}

fn read_reason(body: &Members) -> Result<String, Denial> {
    let reason = body.text("reason").unwrap_or("revoked through the API");
    let sound = DisplayText::parse(reason, MOST_OF_A_REASON);
    sound
        .map(|reason| reason.as_str().to_owned())
        .map_err(|problem| Denial::Unfit(format!("reason: {problem}")))
}
