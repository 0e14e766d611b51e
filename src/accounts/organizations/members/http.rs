//! `/api/v1/orgs/{id}/members`.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::accounts::access::allow;
use crate::accounts::organizations::http::{find, id_of};
use crate::accounts::organizations::members::{self, store};
use crate::accounts::organizations::rules::appointing;
use crate::accounts::organizations::{Action, Member as Person, OrganizationProblem, Organizing, Role};
use crate::accounts::store::{find_user_by_name, lock_principal};
use crate::audit::{Actor, Work};
use crate::kernel::{Caller, Denial, Outcome, PrincipalId, PrincipalKind};
use crate::platform::api::{
    self, Answers, Body, By, Endpoint, Form, IfMatch, Member, Members, PageQuery, Shape, versioned,
};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;

const ROLES: Form = Form::OneOf(&["viewer", "developer", "admin", "owner"]);
const MEMBER: Shape = &[
    Member::new("user", Form::Id, "The person."),
    Member::new("identifier", Form::Text, "What they type to sign in."),
    Member::new("name", Form::Text, "Their name, as people read it."),
    Member::new("role", ROLES, "What they may do."),
    Member::new("created_at", Form::Moment, "Since when they are a member."),
    Member::new("updated_at", Form::Moment, "When that last changed."),
];
const NEW: Shape = &[
    Member::optional("identifier", Form::Text, "What the person types to sign in, or their e-mail address."),
    Member::optional("user", Form::Id, "Or the person's id; for administrators, since ids go to every API."),
    Member::new("role", ROLES, "What they may do."),
];
const CHANGE: Shape = &[Member::new("role", ROLES, "What they may do.")];

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    const ONE: &str = "/orgs/{id}/members/{user}";
    let at = Endpoint::new;
    vec![
        at(Method::GET, "/orgs/{id}/members", || web::to(list), "Lists the members of an organization.")
            .scope("orgs:read")
            .answers(Answers::Many(MEMBER)),
        at(Method::POST, "/orgs/{id}/members", || web::to(add), "Makes a person a member.")
            .scope("orgs:write")
            .reads(NEW)
            .answers(Answers::Made(MEMBER)),
        at(Method::GET, ONE, || web::to(get), "Shows a member.")
            .scope("orgs:read")
            .answers(Answers::One(MEMBER)),
        at(Method::PATCH, ONE, || web::to(change), "Gives a member another role.")
            .scope("orgs:write")
            .reads(CHANGE)
            .versioned()
            .answers(Answers::One(MEMBER)),
        at(Method::DELETE, ONE, || web::to(remove), "Makes a member none; everybody may leave.")
            .scope("orgs:write")
            .versioned(),
    ]
}

fn shown(member: &Person) -> Value {
    json!({
        "user": member.user, "identifier": member.identifier, "name": member.name, "role": member.role.as_str(),
        "created_at": member.created_at, "updated_at": member.updated_at,
    })
}

fn role_of(word: &str) -> Result<Role, Denial> {
    Role::parse(word).ok_or_else(|| Denial::Unfit("there is no such role".to_owned()))
}

/// The member, as they are now.
fn member(work: &mut Work<'_>, org: PrincipalId, user: PrincipalId) -> Outcome<Person> {
    let found = store::list(work, org)?.into_iter().find(|member| member.user == user);
    Ok(found.ok_or(Denial::NotFound))
}

/// Changes what somebody is to an organization, if the caller may: whoever makes or unmakes an owner is one.
fn appoint(
    work: &mut Work<'_>,
    caller: &Caller,
    (org, user): (PrincipalId, PrincipalId),
    after: Option<Role>,
    change: impl FnOnce(&mut Work<'_>) -> Organizing<()>,
) -> Outcome<()> {
    let before = store::role_of(work, org, user)?;
    // Whoever does not want to be a member any longer is none.
    let leaves = after.is_none() && caller.kind == PrincipalKind::User && caller.principal == user;
    let action = if leaves { Action::See } else { appointing(before, after) };
    settle!(allow(work, caller, org, action)?);
    Ok(change(work)?.map_err(|problem| match problem {
        OrganizationProblem::NoUser => Denial::Unfit(problem.to_string()),
        other => other.into(),
    }))
}

async fn list(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    org: web::Path<String>,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let org = id_of(&org)?;
    let act = accounts.ledger.act(&context, move |work| {
        work.nothing_to_tell("a look");
        settle!(find(work, &caller, org, Action::See)?);
        Ok(Ok(store::list(work, org)?))
    });
    Ok(api::ok(&query.of_all(act.await??, |member| member.user.to_string(), |member| shown(&member))))
}

/// The person who is to become a member. Whoever knows what somebody types knows them; an id is no secret, and would
/// tell it.
fn meant(work: &mut Work<'_>, caller: &Caller, body: &Members) -> Outcome<PrincipalId> {
    match (body.text("identifier"), body.text("user")) {
        (Some(identifier), None) => {
            let found = find_user_by_name(work, identifier)?;
            let nobody = || Denial::Unfit(OrganizationProblem::NoUser.to_string());
            Ok(found.map(|user| user.id).ok_or_else(nobody))
        }
        (None, Some(_)) if !caller.is_administrator => Ok(Err(Denial::Forbidden)),
        (None, Some(id)) => {
            Ok(PrincipalId::parse(id).ok_or_else(|| Denial::Unfit("user is no id".to_owned())))
        }
        _ => Ok(Err(Denial::Unfit("send either identifier or user".to_owned()))),
    }
}

async fn add(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    org: web::Path<String>,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let org = id_of(&org)?;
    let body = body.fit(NEW)?;
    let role = role_of(body.required("role")?)?;
    let act = accounts.ledger.act(&context, move |work| {
        lock_principal(work, org)?;
        settle!(find(work, &caller, org, Action::ManageMembers)?);
        let user = settle!(meant(work, &caller, &body)?);
        let by = Actor::of(&caller);
        let add = |work: &mut Work<'_>| members::add(work, by, org, user, role);
        settle!(appoint(work, &caller, (org, user), Some(role), add)?);
        member(work, org, user)
    });
    let member = act.await??;
    Ok(versioned(api::created(&shown(&member)), member.version))
}

async fn get(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, ProblemFace> {
    let (org, user) = (id_of(&path.0)?, id_of(&path.1)?);
    let act = accounts.ledger.act(&context, move |work| {
        work.nothing_to_tell("a look");
        settle!(find(work, &caller, org, Action::See)?);
        member(work, org, user)
    });
    let member = act.await??;
    Ok(versioned(api::ok(&shown(&member)), member.version))
}

async fn change(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    path: web::Path<(String, String)>,
    version: IfMatch,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    let (org, user) = (id_of(&path.0)?, id_of(&path.1)?);
    let role = role_of(body.fit(CHANGE)?.required("role")?)?;
    let act = accounts.ledger.act(&context, move |work| {
        lock_principal(work, org)?;
        settle!(find(work, &caller, org, Action::See)?);
        settle!(version.check(settle!(member(work, org, user)?).version));
        let by = Actor::of(&caller);
        let change = |work: &mut Work<'_>| Ok(members::change(work, by, org, user, role)?.map(drop));
        settle!(appoint(work, &caller, (org, user), Some(role), change)?);
        member(work, org, user)
    });
    let member = act.await??;
    Ok(versioned(api::ok(&shown(&member)), member.version))
}

async fn remove(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    path: web::Path<(String, String)>,
    version: IfMatch,
) -> Result<HttpResponse, ProblemFace> {
    let (org, user) = (id_of(&path.0)?, id_of(&path.1)?);
    let act = accounts.ledger.act(&context, move |work| {
        lock_principal(work, org)?;
        settle!(find(work, &caller, org, Action::See)?);
        settle!(version.check(settle!(member(work, org, user)?).version));
        let by = Actor::of(&caller);
        appoint(work, &caller, (org, user), None, |work| members::remove(work, by, org, user))
    });
    act.await??;
    Ok(api::done())
}
