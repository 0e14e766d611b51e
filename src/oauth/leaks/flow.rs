//! The story of a leak: what was found, whose is it, end it.

use std::collections::HashSet;

use crate::audit::{Actor, Work};
use crate::credentials::revoking::leaked;
use crate::credentials::rules::hash_to_find;
use crate::credentials::{client_secrets, store};
use crate::grants::BearerKey;
use crate::kernel::{Denial, Outcome, PlainSecret, Tag};
use crate::limits::guard::{Failed, Guard};
use crate::oauth::OAuth;
use crate::oauth::leaks::rules::{self, Found};
use crate::oauth::revoke::ending::{self, By};
use crate::platform::client_ip::Network;
use crate::platform::context::Context;
use crate::settle;

/// Ends whatever of these is ours. Nobody learns which that was; each report counts the same against its network, with
/// each text that could be a guess.
pub(super) async fn end(
    oauth: &OAuth,
    guard: &Guard,
    context: &Context,
    found: Vec<PlainSecret>,
) -> Outcome<()> {
    let key_tag = &oauth.calls.credentials.settings.key_tag;
    let mut seen = HashSet::new();
    let found = found.into_iter().filter(|text| seen.insert(text.hash()));
    let (guesses, others): (Vec<_>, Vec<_>) =
        found.partition(|text| rules::may_be_guessed(text.expose(), key_tag));
    settle!(may_go_on(guard, context));
    if guesses.is_empty() {
        count(guard, context);
    }
    // First what nobody guesses: however much else was found with it, it ends.
    for text in others {
        settle!(end_one(oauth, context, text).await?);
    }
    for text in guesses {
        settle!(may_go_on(guard, context));
        count(guard, context);
        settle!(end_one(oauth, context, text).await?);
    }
    Ok(Ok(()))
}

fn may_go_on(guard: &Guard, context: &Context) -> Result<(), Denial> {
    match context.ip.map(Network::of) {
        Some(network) => guard.check(Failed::UnknownBearer, network, context.now),
        None => Ok(()),
    }
}

fn count(guard: &Guard, context: &Context) {
    if let Some(network) = context.ip.map(Network::of) {
        guard.failed(Failed::UnknownBearer, network, context);
    }
}

async fn end_one(oauth: &OAuth, context: &Context, text: PlainSecret) -> Outcome<()> {
    let key = |tag| BearerKey::of(&text, tag);
    match rules::found(text.expose(), &oauth.calls.credentials.settings.key_tag) {
        Found::AccessToken => {
            if let Some(key) = key(Tag::AccessToken) {
                ending::access_token(oauth, context, By::Finder, key).await?;
            }
        }
        Found::RefreshToken => {
            if let Some(key) = key(Tag::RefreshToken) {
                ending::family(oauth, context, By::Finder, key).await?;
            }
        }
        Found::ClientSecret => return client_secret(oauth, context, text).await,
        Found::Credential => return credential(oauth, context, text).await,
        Found::Foreign => {
            if !ending::jwt(oauth, context, By::Finder, &text).await? {
                return credential(oauth, context, text).await;
            }
        }
        Found::Nothing => {}
    }
    Ok(Ok(()))
}

async fn client_secret(oauth: &OAuth, context: &Context, text: PlainSecret) -> Outcome<()> {
    let act = move |work: &mut Work<'_>| {
        client_secrets::leaked(work, &text, Actor::Anonymous)?;
        Ok(Ok(()))
    };
    oauth.ledger.act(context, act).await
}

/// An API key or a personal token: looked up first, since most of what is reported is nobody's.
async fn credential(oauth: &OAuth, context: &Context, text: PlainSecret) -> Outcome<()> {
    let settings = oauth.calls.credentials.settings.clone();
    let Some(hash) = hash_to_find(text.expose(), &settings.key_tag) else { return Ok(Ok(())) };
    if oauth.ledger.look_up(store::Find(hash)).await?.is_none() {
        return Ok(Ok(()));
    }
    let act = move |work: &mut Work<'_>| {
        leaked(work, &settings, text.expose(), Actor::Anonymous)?;
        Ok(Ok(()))
    };
    oauth.ledger.act(context, act).await
}
