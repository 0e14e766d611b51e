//! The story of an introspection: may the caller ask? Is the bearer good? Is it the caller's business? And, if asked, may
//! it make this call?

use crate::clients::Client;
use crate::decision::calls::{Bearer, Call, Decision, Holder};
use crate::decision::{Active, NotGood};
use crate::kernel::{Fault, Outcome, PlainSecret};
use crate::oauth::OAuth;
use crate::oauth::introspect::rules;
use crate::platform::context::Context;
use crate::settle;

/// What is said of a bearer that is good and the caller's business.
pub(super) enum Found {
    /// A token, of which nothing more was asked.
    Token(Active),
    /// A key or personal token, of which nothing more was asked.
    Key(Box<Key>),
    /// Any bearer, and what is decided of the call.
    Decided(Box<(Holder, Decision)>),
}

/// A key or personal token, and for whom it is.
pub(super) struct Key {
    pub(super) holder: Holder,
    /// The audiences of the services that it may call.
    pub(super) audience: Vec<String>,
}

/// A bearer that is good and the caller's business.
enum Heard {
    Token(Active),
    Key(Box<Key>),
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
    let Some(call) = call else { return Ok(Ok(plain(oauth, context, caller, &token).await?)) };
    let holder = match holder(oauth, context, caller, &token, &call).await {
        Ok(holder) => settle!(holder),
        Err(fault) => {
            oauth.calls.log_unknowable(context, &call, &fault).await?;
            return Err(fault);
        }
    };
    let Some(holder) = holder else { return Ok(Ok(None)) };
    let decision = oauth.calls.decide(&holder, &call, context).await?;
    Ok(Ok(Some(Found::Decided(Box::new((holder, decision))))))
}

/// RFC 7662, and nothing more: it is no call, whatever the bearer is. No limit is looked at, and nothing is logged, since
/// there are thousands a second; it counts for whoever asks.
async fn plain(
    oauth: &OAuth,
    context: &Context,
    caller: &Client,
    token: &PlainSecret,
) -> Result<Option<Found>, Fault> {
    oauth.introspections.note(caller.account, context.now);
    match heard(oauth, context, caller, token, &Call::default()).await? {
        Ok(Heard::Token(active)) => {
            oauth.calls.used_token(&active, context);
            Ok(Some(Found::Token(active)))
        }
        Ok(Heard::Key(key)) => {
            oauth.calls.used(&key.holder.bearer, None, context);
            Ok(Some(Found::Key(key)))
        }
        Err(_) => Ok(None),
    }
}

/// Who holds the bearer, for a call that is asked about. That there is nobody is logged: it is a no.
async fn holder(
    oauth: &OAuth,
    context: &Context,
    caller: &Client,
    token: &PlainSecret,
    call: &Call,
) -> Outcome<Option<Holder>> {
    let catalogue = oauth.bearers.services.catalogue().await?;
    settle!(rules::may_ask_about(caller, call, &catalogue));
    match heard(oauth, context, caller, token, call).await? {
        Ok(Heard::Token(active)) => Ok(Ok(Some(oauth.calls.holder(Bearer::Token(active)).await?))),
        Ok(Heard::Key(key)) => Ok(Ok(Some(key.holder))),
        Err(reason) => {
            oauth.calls.log_stranger(context, call, reason).await?;
            Ok(Ok(None))
        }
    }
}

async fn heard(
    oauth: &OAuth,
    context: &Context,
    caller: &Client,
    token: &PlainSecret,
    call: &Call,
) -> Result<Result<Heard, NotGood>, Fault> {
    let heard = match oauth.calls.good(token.expose(), call.ip, context).await? {
        Err(reason) => Err(reason),
        Ok(Bearer::Token(active)) if rules::concerns(caller, &active) => Ok(Heard::Token(active)),
        Ok(Bearer::Token(_)) => Err(NotGood::NotTheirs),
        Ok(bearer @ Bearer::Credential(_)) => {
            let catalogue = oauth.bearers.services.catalogue().await?;
            let holder = oauth.calls.holder(bearer).await?;
            let services = oauth.calls.granted(&holder, &catalogue).await?;
            if rules::concerns_key(caller, &holder, &services) {
                let open = services.iter().filter(|service| service.disabled_at.is_none());
                let audience = open.map(|service| service.audience.clone()).collect();
                Ok(Heard::Key(Box::new(Key { holder, audience })))
            } else {
                Err(NotGood::NotTheirs)
            }
        }
    };
    if let Err(reason) = &heard {
        log::debug!("introspected a bearer that is not good: {reason:?}");
    }
    Ok(heard)
}
