//! A code for tokens (RFC 6749 §4.1.3).

use crate::audit::{Actor, Event, Kind};
use crate::clients::{Client, GrantType};
use crate::decision::effective;
use crate::grants::codes::store::{Redeem, Redeemed};
use crate::grants::codes::{self, FoundCode};
use crate::grants::store::RevokeFamily;
use crate::grants::{BearerKey, NewRefreshToken};
use crate::kernel::{AttemptId, DatedTag, Denial, Fault, Outcome, PlainSecret, Scope, Standing, Tag};
use crate::oauth::OAuth;
use crate::oauth::engine::{self, Redemption};
use crate::oauth::token::mint::{AccessToken, Draft, TokenResponse, is_jwt};
use crate::oauth::token::rules::{self, CodeProof};
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::services::Catalogue;
use crate::settle;

/// A code, as a client presents it.
pub(super) struct Presented {
    pub(super) code: PlainSecret,
    pub(super) redirect_uri: Option<String>,
    pub(super) verifier: Option<PlainSecret>,
}

/// Exchanges a code for tokens, once.
pub(super) async fn redeem(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    presented: Presented,
) -> Outcome<PlainSecret> {
    let Some(key) = BearerKey::of(&presented.code, Tag::AuthorizationCode) else {
        oauth.clients.unknown_bearer(context, client);
        return Ok(Err(Denial::CodeUnknown));
    };
    let Some((found, standing)) = load(oauth, client, key).await? else {
        oauth.clients.unknown_bearer(context, client);
        return Ok(Err(Denial::CodeUnknown));
    };
    let proof =
        CodeProof { redirect_uri: presented.redirect_uri.as_deref(), verifier: presented.verifier.as_ref() };
    if let Err(denial) = rules::redeemable(&found, client, &proof, context.now) {
        return refuse(oauth, context, client, &found, denial).await;
    }
    settle!(standing.may_act(context.now).map_err(Denial::Inactive));

    let scope = effective(&found.code.scope, Some(&found.lineage), client);
    let scope = settle!(scope.ok_or(Denial::NothingLeft));
    let catalogue = oauth.bearers.services.catalogue().await?;
    let issued = settle!(mint(oauth, context, client, &found, &scope, &catalogue)?);
    let answer = issued.answer(&scope, context)?;
    let write = issued.into_write(&found, client, context);
    let attempt = write.attempt;
    match oauth.ledger.write(context, write).await {
        Ok(Redeemed::Done) => {
            oauth.usage.note(found.lineage.grant.id, context.now);
            Ok(Ok(answer))
        }
        Ok(Redeemed::Lost) => lost(oauth, context, client, key).await,
        // The commit may have happened all the same; then the next attempt would pass for a replay.
        Err(fault) => match load(oauth, client, key).await {
            Ok(Some((found, _))) if found.consumed_by == Some(attempt) => Ok(Ok(answer)),
            _ => Err(fault),
        },
    }
}

/// The code, and all that the eligibility rule asks of it.
async fn load(
    oauth: &OAuth,
    client: &Client,
    key: BearerKey,
) -> Result<Option<(FoundCode, Standing)>, Fault> {
    let Some(found) = oauth.ledger.look_up(codes::store::Find(key)).await? else { return Ok(None) };
    let standing = oauth.bearers.standing(client, Some(&found.lineage)).await?;
    Ok(Some((found, standing)))
}

/// Says no, and kills the family where whoever presented the code should not have held it (RFC 6749 §4.1.2:
/// "SHOULD revoke (when possible) all tokens previously issued based on that authorization code").
async fn refuse(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    found: &FoundCode,
    denial: Denial,
) -> Outcome<PlainSecret> {
    if rules::burns(&denial) {
        let (kind, reason) = match denial {
            Denial::CodeReplayed => (Kind::CodeReplayed, "code_replay"),
            _ => (Kind::CodeBurned, "code_burned"),
        };
        let family = found.lineage.family.key;
        let event = Event::new(kind, Actor::Client(client.principal))
            .on("family", family.id)
            .about(found.lineage.grant.client_id);
        oauth.ledger.write(context, RevokeFamily { family, now: context.now, reason, event }).await?;
    }
    Ok(Err(denial))
}

/// Somebody was faster: that is a replay, whoever was first. Or what it depends on ended in between.
async fn lost(oauth: &OAuth, context: &Context, client: &Client, key: BearerKey) -> Outcome<PlainSecret> {
    let Some((found, standing)) = load(oauth, client, key).await? else {
        return Ok(Err(Denial::CodeUnknown));
    };
    if found.consumed_at.is_some() {
        return refuse(oauth, context, client, &found, Denial::CodeReplayed).await;
    }
    let now = standing.may_act(context.now);
    Ok(Err(now.err().map_or(Denial::CodeExpired, Denial::Inactive)))
}

/// The tokens of one redemption, promised to nobody yet.
struct Issued {
    access: AccessToken,
    refresh: Option<PlainSecret>,
}

fn mint(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    found: &FoundCode,
    scope: &Scope,
    catalogue: &Catalogue,
) -> Outcome<Issued> {
    let family = &found.lineage.family;
    // Nothing outlives its family.
    let expires_at = (context.now + oauth.tokens.access_lifetime(client)).min(family.expires_at);
    let redemption = Redemption {
        client: &client.id,
        issued_to: &client.id,
        redirect_uri: &found.code.redirect_uri,
        scope,
        owner: &found.lineage.grant.user_id.to_string(),
    };
    let mut mint = || Entropy.dated_bearer(DatedTag::AccessToken, expires_at.date_naive());
    let minted = settle!(engine::redeem(&redemption, &mut mint));
    let audience = catalogue.audience(scope);
    let is_jwt = is_jwt(client, catalogue, &audience);
    let of = Some((found.lineage.grant.user_id, family.key));
    let draft = Draft { client, of, scope, audience, now: context.now, expires_at };
    let access = settle!(draft.finish(oauth, minted, is_jwt)?);
    let refresh = client
        .may_use(GrantType::RefreshToken)
        .then(|| Entropy.dated_bearer(DatedTag::RefreshToken, family.key.day));
    Ok(Ok(Issued { access, refresh }))
}

impl Issued {
    fn answer(&self, scope: &Scope, context: &Context) -> Result<PlainSecret, Fault> {
        TokenResponse::new(&self.access.text, scope, context.now, self.access.row.expires_at)
            .refreshed_by(self.refresh.as_ref())
            .text()
    }

    fn into_write(self, found: &FoundCode, client: &Client, context: &Context) -> Redeem {
        let family = found.lineage.family.key;
        Redeem {
            code: found.code.key,
            family,
            attempt: AttemptId::from_uuid(Entropy.id(context.now)),
            now: context.now,
            refresh: self.refresh.map(|refresh| NewRefreshToken {
                key: BearerKey { day: family.day, hash: refresh.hash() },
                family,
                scope: found.code.scope.clone(),
                predecessor: None,
            }),
            access: self.access.row,
            client: client.principal,
        }
    }
}
