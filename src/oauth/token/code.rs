//! A code for tokens (RFC 6749 §4.1.3).

use std::time::Duration;

use crate::audit::{Actor, Event, Kind};
use crate::clients::{Client, GrantType};
use crate::decision::effective;
use crate::grants::BearerKey;
use crate::grants::codes::store::{Redeem, Redeemed};
use crate::grants::codes::{self, FoundCode};
use crate::grants::store::RevokeFamily;
use crate::kernel::{AttemptId, Denial, Fault, Outcome, PlainSecret, Resources, Standing, Tag};
use crate::oauth::OAuth;
use crate::oauth::engine::{self, Redemption};
use crate::oauth::token::mint;
use crate::oauth::token::rules::{self, CodeProof};
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::settle;

/// Between looks at what became of a code when nobody knows.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(400),
    Duration::from_millis(400),
];

/// A code, as a client presents it.
pub(super) struct Presented {
    pub(super) code: PlainSecret,
    pub(super) redirect_uri: Option<String>,
    pub(super) verifier: Option<PlainSecret>,
    pub(super) resources: Resources,
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
    let granted = &found.lineage.family.resources;
    let meant = settle!(rules::meant(&catalogue, &scope, &presented.resources, granted));
    settle!(engine::redeem(&Redemption {
        client: &client.id,
        issued_to: &client.id,
        redirect_uri: &found.code.redirect_uri,
        scope: &meant.scope,
        owner: &found.lineage.grant.user_id.to_string(),
    }));
    let access = settle!(mint::access_token(oauth, client, Some(&found.lineage), meant, context.now).await?);
    let refresh = client
        .may_use(GrantType::RefreshToken)
        .then(|| mint::refresh_token(&found.lineage, &found.code.scope, None));
    let answer = mint::answer(&access, refresh.as_ref())?;
    let write = Redeem {
        code: found.code.key,
        family: found.lineage.family.key,
        attempt: AttemptId::from_uuid(Entropy.id(context.now)),
        now: context.now,
        access: access.row,
        refresh: refresh.map(|refresh| refresh.row),
        client: client.principal,
    };
    let attempt = write.attempt;
    match oauth.ledger.write(context, write).await {
        Ok(Redeemed::Done) => {
            oauth.usage.note(found.lineage.grant.id, context.now);
            Ok(Ok(answer))
        }
        Ok(Redeemed::Lost) => lost(oauth, context, client, key).await,
        // The commit may have happened all the same; then the client's next attempt would pass for a replay.
        Err(fault) => match look_again(oauth, client, key).await {
            Some(found) if found.consumed_by == Some(attempt) => Ok(Ok(answer)),
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

/// What became of a code, as soon as the database says so again; within what a client may be kept waiting.
async fn look_again(oauth: &OAuth, client: &Client, key: BearerKey) -> Option<FoundCode> {
    for pause in PAUSES {
        match load(oauth, client, key).await {
            Ok(found) => return found.map(|(code, _)| code),
            Err(_) => tokio::time::sleep(pause).await,
        }
    }
    None
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
