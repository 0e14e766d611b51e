//! The story of a revocation: what is it, whose is it, end it.

use crate::audit::Actor;
use crate::clients::Client;
use crate::credentials::revoking::given_up;
use crate::credentials::rules::hash_to_find;
use crate::grants::BearerKey;
use crate::kernel::{Bearer, Outcome, PlainSecret, SecretHash};
use crate::oauth::OAuth;
use crate::oauth::revoke::ending::{self, By};
use crate::oauth::revoke::rules::{self, Target};
use crate::platform::context::Context;
use crate::settle;

/// Revokes a token. The answer comes after the commit, and is the same whether there was something to revoke.
pub(super) async fn revoke(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    token: PlainSecret,
) -> Outcome<()> {
    let key_tag = &oauth.calls.credentials.settings.key_tag;
    let bearer = Bearer::parse_with(token.expose(), key_tag).ok();
    if bearer.is_none() && ending::jwt(oauth, context, By::Client(client), &token).await? {
        return Ok(Ok(()));
    }
    let (is_of_our_form, target) = (bearer.is_some(), settle!(rules::target(bearer.as_ref())));
    let key = bearer.and_then(|bearer| Some(BearerKey { day: bearer.day()?, hash: bearer.hash() }));
    let found = match (target, key) {
        (Target::AccessToken, Some(key)) => {
            ending::access_token(oauth, context, By::Client(client), key).await?
        }
        (Target::RefreshToken, Some(key)) => ending::family(oauth, context, By::Client(client), key).await?,
        // What has not our form can be guessed, and who proved to be a client is not counted: to end a key that was
        // brought along is for whoever asks without.
        (Target::Credential, _) if is_of_our_form || !client.confidential => {
            match hash_to_find(token.expose(), key_tag) {
                Some(hash) => {
                    settle!(credential(oauth, context, hash, Actor::Client(client.principal)).await?)
                }
                None => false,
            }
        }
        _ => false,
    };
    if !found {
        oauth.clients.unknown_bearer(context, client);
    }
    Ok(Ok(()))
}

/// Revokes an API key or a personal token for whoever holds it: who has it may end it, and need not say who they are.
/// `false`: it is none, and so for a client to ask.
pub(super) async fn by_holder(oauth: &OAuth, context: &Context, token: &PlainSecret) -> Outcome<bool> {
    let key_tag = &oauth.calls.credentials.settings.key_tag;
    let Some(hash) = hash_to_find(token.expose(), key_tag) else { return Ok(Ok(false)) };
    settle!(oauth.clients.stranger_may_present(context));
    let found = settle!(credential(oauth, context, hash, Actor::Anonymous).await?);
    if !found {
        oauth.clients.unknown_bearer_of_stranger(context);
    }
    // What has our form and is nobody's is revoked already (RFC 7009 §2.2). Anything else may be what a client holds.
    Ok(Ok(found || Bearer::parse_with(token.expose(), key_tag).is_ok()))
}

/// Ends an API key or a personal token. `false`: it is nobody's.
async fn credential(oauth: &OAuth, context: &Context, hash: SecretHash, by: Actor) -> Outcome<bool> {
    oauth.ledger.act(context, move |work| given_up(work, hash, by).map(Ok)).await
}
