//! `PATCH /api/v1/users/{id}`: disabling a person, which ends all that acts for them.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use crate::accounts::Accounts;
use crate::accounts::access::administer;
use crate::accounts::people::shown::{USER, as_json};
use crate::accounts::store::{User, acting, find_user, lock_user_and_administrators};
use crate::audit::{Actor, Work};
use crate::grants::ending::disable;
use crate::kernel::{Caller, Denial, Outcome, PrincipalId};
use crate::platform::api::{Answers, Body, By, Endpoint, Form, IfMatch, Member, Shape, current, version_of};
use crate::platform::context::Context;
use crate::platform::problem::ProblemFace;
use crate::settle;

const CHANGE: Shape = &[Member::new("disabled", Form::Flag, "Whether they may not act.")];
const LAST: &str = "this is the last administrator who may act: make somebody else one first";

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    const ABOUT: &str =
        "Disables a person, whose sessions and apps end with that, or enables them; for administrators.";
    vec![
        Endpoint::new(Method::PATCH, "/users/{id}", || web::to(change), ABOUT)
            .scope("users:write")
            .reads(CHANGE)
            .versioned()
            .answers(Answers::One(USER)),
    ]
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
    let id = PrincipalId::parse(&id).ok_or(Denial::NotFound)?;
    let disabled = body.fit(CHANGE)?.flag("disabled").unwrap_or_default();
    let act = accounts.ledger.act(&context, move |work| set(work, &caller, (id, &version), disabled));
    Ok(current(&as_json(&act.await??)))
}

fn set(
    work: &mut Work<'_>,
    caller: &Caller,
    (id, version): (PrincipalId, &IfMatch),
    disabled: bool,
) -> Outcome<User> {
    settle!(find_user(work, id)?.ok_or(Denial::NotFound));
    // Of two administrators who disable each other at once, one waits, and is then the last.
    let administrators = lock_user_and_administrators(work, id)?;
    let before = settle!(find_user(work, id)?.ok_or(Denial::NotFound));
    settle!(version.check(version_of(&as_json(&before))));
    if disabled && acting(work, administrators)?.into_iter().eq([id]) {
        return Ok(Err(Denial::Conflict(LAST)));
    }
    disable(work, Actor::of(caller), id, disabled)?;
    Ok(find_user(work, id)?.ok_or(Denial::NotFound))
}
