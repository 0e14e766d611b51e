//! `POST /api/v1/leaks`: one, as anybody sends it, or several, as the secret scanning of GitHub does.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use crate::kernel::{Denial, PlainSecret};
use crate::limits::guard::Guard;
use crate::oauth::OAuth;
use crate::oauth::leaks::flow;
use crate::platform::api::{Answers, Bodies, Endpoint, Form, Member, Members, Shape};
use crate::platform::context::Context;
use crate::platform::faces::no_store;
use crate::platform::problem::ProblemFace;

/// What GitHub's secret scanning partner programme sends of each; whoever else writes needs say no more than the token.
const LEAK: Shape = &[
    Member::new("token", Form::Text, "What was found, whole: a key, token or client secret."),
    Member::optional("type", Form::Maybe(&Form::Text), "What the finder takes it for; not looked at."),
    Member::optional("url", Form::Maybe(&Form::Text), "Where it was found; not kept."),
    Member::optional("source", Form::Maybe(&Form::Text), "In what it was found; not kept."),
];

/// How many may be reported at once.
const MOST: usize = 100;

/// What this file answers.
pub fn endpoints() -> Vec<Endpoint> {
    const ABOUT: &str =
        "Takes back keys, tokens and client secrets that were found somewhere, whoever found them.";
    let leaks = Endpoint::new(Method::POST, "/leaks", || web::to(post), ABOUT);
    vec![leaks.open().reads_some(LEAK, MOST).answers(Answers::Thanks)]
}

/// Whoever holds a bearer may end it: that they have it is the proof, and GitHub's signature would prove no more. The answer
/// is the same whatever was sent.
async fn post(
    oauth: web::Data<OAuth>,
    guard: web::Data<Guard>,
    context: Context,
    bodies: Bodies,
) -> Result<HttpResponse, ProblemFace> {
    let text = |leak: &Members| -> Result<PlainSecret, Denial> {
        Ok(PlainSecret::new(leak.required("token")?.trim().to_owned()))
    };
    let found: Result<Vec<PlainSecret>, Denial> = bodies.fit(LEAK, MOST)?.iter().map(text).collect();
    flow::end(&oauth, &guard, &context, found?).await??;
    Ok(no_store(&mut HttpResponse::Accepted()).finish())
}
