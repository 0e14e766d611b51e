//! The story of an introspection: may the caller ask? Is the bearer good? Is it the caller's business?

use crate::clients::Client;
use crate::decision::Active;
use crate::kernel::{Outcome, PlainSecret};
use crate::oauth::OAuth;
use crate::oauth::introspect::rules;
use crate::platform::context::Context;
use crate::settle;

/// The token, if it is good and the caller's business.
pub(super) async fn introspect(
    oauth: &OAuth,
    context: &Context,
    caller: &Client,
    token: PlainSecret,
) -> Outcome<Option<Active>> {
    settle!(rules::may_introspect(caller));
    let now = context.now;
    let decision = oauth.bearers.decide(token.expose(), now).await?;
    Ok(Ok(match decision {
        Ok(active) if rules::concerns(caller, &active) => {
            active.grant.into_iter().for_each(|grant| oauth.usage.note(grant, now));
            Some(active)
        }
        Ok(_) => None,
        Err(reason) => {
            log::debug!("introspected a token that is not good: {reason:?}");
            None
        }
    }))
}
