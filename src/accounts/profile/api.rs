//! `/api/v1/me/sessions`: the browsers in which a person is signed in.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use crate::accounts::Accounts;
use crate::accounts::access::person;
use crate::accounts::profile::flow::end_one_of;
use crate::accounts::sessions::{Session, store};
use crate::accounts::store::lock_user;
use crate::kernel::{Denial, SessionId};
use crate::platform::api::{self, Answers, By, Endpoint, Form, Member, PageQuery, Shape};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;

const SESSION: Shape = &[
    Member::new("id", Form::Id, "Its id; worth nothing as a cookie."),
    Member::new("device", Form::Text, "The browser, as far as it said."),
    Member::new("ip", Form::Maybe(&Form::Text), "From which address it was last seen."),
    Member::new("signed_in_at", Form::Moment, "When the password was typed."),
    Member::new("last_seen_at", Form::Moment, "When a request last came with it."),
    Member::new("expires_at", Form::Moment, "When it ends in any case."),
];

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    let at = Endpoint::new;
    vec![
        at(Method::GET, "/me/sessions", || web::to(list), "Lists where the person who calls is signed in.")
            .answers(Answers::Many(SESSION)),
        at(Method::DELETE, "/me/sessions/{id}", || web::to(end), "Signs the person out of one browser.")
            .scope("users:write"),
    ]
}

fn shown(session: &Session) -> Value {
    json!({
        "id": session.id, "device": session.device(), "ip": session.ip,
        "signed_in_at": session.authenticated_at, "last_seen_at": session.last_seen_at,
        "expires_at": session.expires_at,
    })
}

async fn list(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    query: PageQuery,
) -> Result<HttpResponse, ProblemFace> {
    let user = person(&caller)?;
    let seen_since = context.now - accounts.sessions.idle();
    let act = accounts.ledger.act(&context, move |work| {
        work.nothing_to_tell("a look");
        store::list_living(work, user, seen_since, i64::MAX).map(Ok)
    });
    let mut sessions = act.await??;
    sessions.sort_by_key(|session| session.id.to_string());
    Ok(api::ok(&query.of_all(sessions, |session| session.id.to_string(), |session| shown(&session))))
}

async fn end(
    accounts: web::Data<Accounts>,
    context: Context,
    By(caller): By,
    id: web::Path<String>,
) -> Result<HttpResponse, ProblemFace> {
    let user = person(&caller)?;
    let session = SessionId::parse(&id).ok_or(Denial::NotFound)?;
    let act = accounts.ledger.act(&context, move |work| {
        lock_user(work, user)?;
        let found = store::find_of(work, user, session)?;
        end_one_of(work, user, found)
    });
    act.await??;
    Ok(api::done())
}
