//! The story of a revocation: what is it, whose is it, end it.

use crate::audit::{Actor, Event, Kind};
use crate::clients::Client;
use crate::credentials::revoking::given_up;
use crate::credentials::rules::hash_to_find;
use crate::grants::store::RevokeFamily;
use crate::grants::{BearerKey, access_tokens, refresh_tokens};
use crate::kernel::{Bearer, Fault, Outcome, PlainSecret, SecretHash};
use crate::oauth::OAuth;
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
    if bearer.is_none() && jwt(oauth, context, client, &token).await? {
        return Ok(Ok(()));
    }
    let (is_of_our_form, target) = (bearer.is_some(), settle!(rules::target(bearer.as_ref())));
    let key = bearer.and_then(|bearer| Some(BearerKey { day: bearer.day()?, hash: bearer.hash() }));
    let found = match (target, key) {
        (Target::AccessToken, Some(key)) => access_token(oauth, context, client, key).await?,
        (Target::RefreshToken, Some(key)) => family(oauth, context, client, key).await?,
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

/// An access token dies alone.
async fn access_token(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    key: BearerKey,
) -> Result<bool, Fault> {
    let found = oauth.bearers.access_tokens.find(key).await?;
    let Some(found) = found else { return Ok(false) };
    if rules::is_own(client, found.token.client) {
        let id = found.token.id;
        let revoke = access_tokens::store::Revoke { key, now: context.now, id, client: client.principal };
        oauth.ledger.write(context, revoke).await?;
    }
    Ok(true)
}

/// A JWT dies as any other access token; one that has no row gets one that says so.
async fn jwt(oauth: &OAuth, context: &Context, client: &Client, token: &PlainSecret) -> Result<bool, Fault> {
    let Some(jwt) = oauth.keys.verified(token.expose(), context.now).await? else { return Ok(false) };
    if access_token(oauth, context, client, BearerKey::of_jwt(&jwt)).await? {
        return Ok(true);
    }
    let Some(unstored) = oauth.bearers.unstored(&jwt).await? else { return Ok(false) };
    let is_alive = context.now < unstored.token.expires_at;
    if is_alive && rules::is_own(client, unstored.token.client) {
        let refuse = access_tokens::store::RevokeUnstored { token: unstored.token, now: context.now };
        oauth.ledger.write(context, refuse).await?;
    }
    Ok(true)
}

/// A refresh token takes its family with it, also one that was consumed already.
async fn family(oauth: &OAuth, context: &Context, client: &Client, key: BearerKey) -> Result<bool, Fault> {
    let found = oauth.ledger.look_up(refresh_tokens::store::Find(key)).await?;
    let Some(found) = found else { return Ok(false) };
    if rules::is_own(client, found.lineage.grant.client_id) {
        let family = found.lineage.family.key;
        let event = Event::new(Kind::FamilyRevoked, Actor::Client(client.principal))
            .on("family", family.id)
            .about(client.principal);
        let kill = RevokeFamily { family, now: context.now, reason: "revoked", event };
        oauth.ledger.write(context, kill).await?;
    }
    Ok(true)
}
