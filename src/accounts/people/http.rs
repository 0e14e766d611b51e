//! `/api/v1/users`: listing, making and showing people.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use crate::accounts::Accounts;
use crate::accounts::access::administer;
use crate::accounts::people::shown::{USER, as_json};
use crate::accounts::registration::{NewUser, register};
use crate::accounts::store::{find_user, page_of_users};
use crate::audit::Actor;
use crate::kernel::{Denial, Password, PrincipalId};
use crate::platform::api::{
    self, Answers, Body, By, Endpoint, Form, Member, Members, PageQuery, Shape, current, version_of,
    versioned,
};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;

const NEW: Shape = &[
    Member::new("identifier", Form::Text, "What they type to sign in."),
    Member::new("password", Form::Text, "Their password; it is kept as a hash, and shown to nobody."),
    Member::optional("name", Form::Text, "Their name; the identifier, if not given."),
    Member::optional("email", Form::Text, "An e-mail address, which they may type, too."),
];

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    let at = Endpoint::new;
    vec![
        at(Method::GET, "/users", || web::to(list), "Lists everybody; for administrators.")
            .scope("users:read")
            .answers(Answers::Many(USER)),
        at(Method::POST, "/users", || web::to(make), "Makes a person who can sign in; for administrators.")
            .scope("users:write")
            .reads(NEW)
            .answers(Answers::Made(USER)),
        at(Method::GET, "/users/{id}", || web::to(get), "Shows a person; for administrators.")
            .scope("users:read")
            .answers(Answers::One(USER)),
    ]
}

async fn list(
    accounts: web::Data<Accounts>,
    By(caller): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let (after, most) = (query.after.as_deref().and_then(PrincipalId::parse), query.to_load());
    let users = accounts.ledger.read(move |connection| page_of_users(connection, after, most)).await?;
    Ok(api::ok(&query.of(users, |user| user.id.to_string(), |user| as_json(&user))))
}

async fn make(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let (user, password) = wanted(&body.fit(NEW)?, accounts.passwords.min_chars())?;
    let hash = accounts.passwords.hash(accounts.passwords.place()?, password).await?;
    let act = accounts.ledger.act(&context, move |work| {
        let taken = |_| Denial::Conflict("the identifier or the e-mail address is taken");
        let id = settle!(register(work, Actor::of(&caller), &user, &hash)?.map_err(taken));
        Ok(find_user(work, id)?.ok_or(Denial::NotFound))
    });
    let user = as_json(&act.await??);
    Ok(versioned(api::created(&user), version_of(&user)))
}

fn wanted(body: &Members, min_chars: usize) -> Result<(NewUser, Password), Denial> {
    let user = NewUser::check(body.required("identifier")?, body.text("name"), body.text("email"))
        .map_err(|problem| Denial::Unfit(problem.to_string()))?;
    let password = Password::choose(body.required("password")?.to_owned(), min_chars)
        .map_err(|problem| Denial::Unfit(problem.to_string()))?;
    Ok((user, password))
}

async fn get(
    accounts: web::Data<Accounts>,
    By(caller): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    administer(&caller)?;
    let id = PrincipalId::parse(&id).ok_or(Denial::NotFound)?;
    let user = accounts.ledger.read(move |connection| find_user(connection, id)).await?;
    Ok(current(&as_json(&user.ok_or(Denial::NotFound)?)))
}
