//! Ending a token, as its client wants it or because somebody found it.

use serde_json::json;

use crate::audit::{Actor, Event, Kind};
use crate::clients::Client;
use crate::grants::store::RevokeFamily;
use crate::grants::{BearerKey, Lineage, access_tokens, refresh_tokens};
use crate::kernel::{Fault, PlainSecret, PrincipalId, TokenId};
use crate::oauth::OAuth;
use crate::oauth::revoke::rules;
use crate::platform::context::Context;

/// Who has a token ended.
#[derive(Clone, Copy)]
pub(in crate::oauth) enum By<'a> {
    /// A client, which ends its own (RFC 7009 §2.1).
    Client(&'a Client),
    /// Whoever found it where it does not belong.
    Finder,
}

impl By<'_> {
    fn may_end(self, issued_to: PrincipalId) -> bool {
        match self {
            Self::Client(client) => rules::is_own(client, issued_to),
            Self::Finder => true,
        }
    }

    /// What is told of an access token, and whose it is.
    fn of_token(self, token: TokenId, (client, user): (PrincipalId, Option<PrincipalId>)) -> Event {
        match self {
            Self::Client(by) => Event::new(Kind::TokenRevoked, Actor::Client(by.principal)),
            Self::Finder => found("access_token", user),
        }
        .on("access_token", token)
        .about(client)
    }

    /// What is told of a refresh token, with which its family goes.
    fn of_family(self, lineage: &Lineage) -> Event {
        match self {
            Self::Client(by) => Event::new(Kind::FamilyRevoked, Actor::Client(by.principal)),
            Self::Finder => found("refresh_token", Some(lineage.grant.user_id)),
        }
        .on("family", lineage.family.key.id)
        .about(lineage.grant.client_id)
    }

    fn reason(self) -> &'static str {
        match self {
            Self::Client(_) => "revoked",
            Self::Finder => "leaked",
        }
    }
}

fn found(kind: &'static str, user: Option<PrincipalId>) -> Event {
    Event::new(Kind::TokenLeaked, Actor::Anonymous).with(json!({ "kind": kind, "user": user }))
}

/// An access token dies alone. `false`: it is nobody's.
pub(in crate::oauth) async fn access_token(
    oauth: &OAuth,
    context: &Context,
    by: By<'_>,
    key: BearerKey,
) -> Result<bool, Fault> {
    let found = oauth.bearers.access_tokens.find(key).await?;
    let Some(found) = found else { return Ok(false) };
    if by.may_end(found.token.client) {
        let user = found.lineage.as_ref().map(|lineage| lineage.grant.user_id);
        let event = by.of_token(found.token.id, (found.token.client, user));
        let revoke = access_tokens::store::Revoke { key, now: context.now, event };
        oauth.ledger.write(context, revoke).await?;
    }
    Ok(true)
}

/// A JWT dies as any other access token; one that has no row gets one that says so. `false`: it is none of ours.
pub(in crate::oauth) async fn jwt(
    oauth: &OAuth,
    context: &Context,
    by: By<'_>,
    token: &PlainSecret,
) -> Result<bool, Fault> {
    let Some(jwt) = oauth.keys.verified(token.expose(), context.now).await? else { return Ok(false) };
    if access_token(oauth, context, by, BearerKey::of_jwt(&jwt)).await? {
        return Ok(true);
    }
    let Some(unstored) = oauth.bearers.unstored(&jwt).await? else { return Ok(false) };
    let token = unstored.token;
    let is_alive = context.now < token.expires_at;
    if is_alive && by.may_end(token.client) {
        let event = by.of_token(token.id, (token.client, None));
        let refuse = access_tokens::store::RevokeUnstored { token, now: context.now, event };
        oauth.ledger.write(context, refuse).await?;
    }
    Ok(true)
}

/// A refresh token takes its family with it, also one that was consumed already. `false`: it is nobody's.
pub(in crate::oauth) async fn family(
    oauth: &OAuth,
    context: &Context,
    by: By<'_>,
    key: BearerKey,
) -> Result<bool, Fault> {
    let found = oauth.ledger.look_up(refresh_tokens::store::Find(key)).await?;
    let Some(found) = found else { return Ok(false) };
    if by.may_end(found.lineage.grant.client_id) {
        let (family, event) = (found.lineage.family.key, by.of_family(&found.lineage));
        let kill = RevokeFamily { family, now: context.now, reason: by.reason(), event };
        oauth.ledger.write(context, kill).await?;
    }
    Ok(true)
}
