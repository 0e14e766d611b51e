//! `POST /api/v1/leaks`: somebody found a key or token where it does not belong.

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use crate::audit::Actor;
use crate::credentials::Credentials;
use crate::credentials::revoking::leaked;
use crate::kernel::PlainSecret;
use crate::limits::guard::{Failed, Guard};
use crate::platform::api::{Answers, Body, Endpoint, Form, Member, Shape};
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::platform::faces::no_store;
use crate::platform::problem::ProblemFace;

const LEAK: Shape = &[Member::new("token", Form::Text, "The API key or personal token, whole.")];

/// What this file answers.
pub(super) fn endpoint() -> Endpoint {
    const ABOUT: &str = "Takes back a key or token that was found somewhere, whoever found it.";
    Endpoint::new(Method::POST, "/leaks", || web::to(post), ABOUT).open().reads(LEAK).answers(Answers::Thanks)
}

/// Whoever holds a bearer may end it. The answer is the same whatever was sent, and each call counts the same against
/// its network, so that nobody learns here what is good.
async fn post(
    credentials: web::Data<Credentials>,
    guard: web::Data<Guard>,
    context: Context,
    body: Body,
) -> Result<HttpResponse, ProblemFace> {
    if let Some(network) = context.ip.map(Network::of) {
        guard.check(Failed::UnknownBearer, network, context.now)?;
        guard.failed(Failed::UnknownBearer, network, &context);
    }
    let found = PlainSecret::new(body.fit(LEAK)?.required("token")?.trim().to_owned());
    let settings = credentials.settings.clone();
    let act = credentials.ledger.act(&context, move |work| {
        leaked(work, &settings, found.expose(), Actor::Anonymous)?;
        Ok(Ok(()))
    });
    act.await??;
    Ok(no_store(&mut HttpResponse::Accepted()).finish())
}
