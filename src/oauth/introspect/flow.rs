//! The story of an introspection: may the caller ask? Is the bearer good? Is it the caller's business? And, if asked, may
//! it make this call?

use crate::clients::Client;
use crate::decision::calls::{Bearer, Call, Decision, Holder};
use crate::kernel::{Outcome, PlainSecret};
use crate::oauth::OAuth;
use crate::oauth::introspect::rules;
use crate::platform::context::Context;
use crate::settle;

/// What is said of a bearer that is good and the caller's business.
pub(super) enum Found {
    /// A token, of which nothing more was asked.
    Token(crate::decision::Active),
    /// Any bearer, and what is decided of the call.
    Decided(Box<(Holder, Decision)>),
}

/// What there is to say of the bearer, if it is good and the caller's business.
pub(super) async fn introspect(
    oauth: &OAuth,
    context: &Context,
    caller: &Client,
    token: PlainSecret,
    call: Option<Call>,
) -> Outcome<Option<Found>> {
    settle!(rules::may_introspect(caller));
    match &call {
        None => oauth.introspections.note(caller.account, context.now),
        Some(call) => {
            let catalogue = oauth.bearers.services.catalogue().await?;
            settle!(rules::may_ask_about(caller, call, &catalogue));
        }
    }
    let ip = call.as_ref().and_then(|call| call.ip);
    let bearer = match oauth.calls.good(token.expose(), ip, context).await? {
        Ok(bearer) => bearer,
        Err(reason) => {
            log::debug!("introspected a bearer that is not good: {reason:?}");
            if let Some(call) = &call {
                oauth.calls.log_stranger(context, call, reason).await?;
            }
            return Ok(Ok(None));
        }
    };
    match (bearer, call) {
        (Bearer::Token(active), _) if !rules::concerns(caller, &active) => Ok(Ok(None)),
        (Bearer::Token(active), None) => {
            note(oauth, context, &active);
            Ok(Ok(Some(Found::Token(active))))
        }
        (bearer, call) => decided(oauth, context, caller, bearer, call.unwrap_or_default()).await,
    }
}

async fn decided(
    oauth: &OAuth,
    context: &Context,
    caller: &Client,
    bearer: Bearer,
    call: Call,
) -> Outcome<Option<Found>> {
    let catalogue = oauth.bearers.services.catalogue().await?;
    let holder = oauth.calls.holder(bearer).await?;
    // What is not the caller's business is not counted either.
    if let Bearer::Credential(credential) = &holder.bearer {
        let services = oauth.calls.granted(&holder, &catalogue).await?;
        if !rules::concerns_credential(caller, credential, &services) {
            return Ok(Ok(None));
        }
    }
    let decision = oauth.calls.decide(&holder, &call, context).await?;
    if let Bearer::Token(active) = &holder.bearer {
        note(oauth, context, active);
    }
    Ok(Ok(Some(Found::Decided(Box::new((holder, decision))))))
}

fn note(oauth: &OAuth, context: &Context, active: &crate::decision::Active) {
    active.grant.into_iter().for_each(|grant| oauth.usage.note_call(grant, context.now));
}
