//! A refresh token for a new pair (RFC 6749 §6), rotated at every use (RFC 9700 §4.14.2).

use chrono::{DateTime, Utc};

use crate::audit::{Actor, Event, Kind};
use crate::clients::Client;
use crate::decision::effective;
use crate::grants::BearerKey;
use crate::grants::refresh_tokens::store::{Answer, Find, Rotate, Rotated, find_answer};
use crate::grants::refresh_tokens::{ANSWER, FoundRefreshToken, parameters};
use crate::grants::store::RevokeFamily;
use crate::kernel::{AttemptId, Denial, Fault, Outcome, PlainSecret, Scope, Standing, Tag};
use crate::oauth::OAuth;
use crate::oauth::engine::{self, Refreshment};
use crate::oauth::token::flow::Asked;
use crate::oauth::token::mint;
use crate::oauth::token::rules::{self, Presented};
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::platform::seal::Sealed;
use crate::settle;

/// Answers a refresh: a new pair, the same answer again, or no.
pub(super) async fn refresh(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    token: PlainSecret,
    asked: Asked,
) -> Outcome<PlainSecret> {
    let Some(key) = BearerKey::of(&token, Tag::RefreshToken) else {
        oauth.clients.unknown_bearer(context, client);
        return Ok(Err(Denial::RefreshUnknown));
    };
    // Whoever loses the race for the token looks once more, and then finds it consumed.
    for _ in 0..2 {
        let Some((found, standing)) = load(oauth, client, key).await? else {
            oauth.clients.unknown_bearer(context, client);
            return Ok(Err(Denial::RefreshUnknown));
        };
        let presented = rules::refreshable(&found, client, oauth.tokens.refresh_grace(), context.now);
        let presented = match presented {
            Err(Denial::RefreshReused) => return reused(oauth, context, client, &found).await,
            other => settle!(other),
        };
        settle!(standing.may_act(context.now).map_err(Denial::Inactive));
        let decision = match presented {
            Presented::WithinGrace => Some(again(oauth, context, &found, &token, &asked).await?),
            Presented::Living => rotate(oauth, context, client, &found, &token, &asked).await?,
        };
        if let Some(decision) = decision {
            if decision.is_ok() {
                oauth.usage.note(found.lineage.grant.id, context.now);
            }
            return Ok(decision);
        }
    }
    // Nobody consumes it and nobody gets it: something it depends on ended a moment ago, which is not heard here yet.
    Ok(Err(Denial::NothingLeft))
}

/// The token, and all that the eligibility rule asks of it.
async fn load(
    oauth: &OAuth,
    client: &Client,
    key: BearerKey,
) -> Result<Option<(FoundRefreshToken, Standing)>, Fault> {
    let Some(found) = oauth.ledger.look_up(Find(key)).await? else { return Ok(None) };
    let standing = oauth.bearers.standing(client, Some(&found.lineage)).await?;
    Ok(Some((found, standing)))
}

/// The family dies: of two who hold the same token, one is a thief, and nobody can tell which.
async fn reused(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    found: &FoundRefreshToken,
) -> Outcome<PlainSecret> {
    let family = found.lineage.family.key;
    let event = Event::new(Kind::RefreshReused, Actor::Client(client.principal))
        .on("family", family.id)
        .about(client.principal);
    let kill = RevokeFamily { family, now: context.now, reason: "refresh_reuse", event };
    oauth.ledger.write(context, kill).await?;
    Ok(Err(Denial::RefreshReused))
}

/// The very same answer again, for whoever lost it.
async fn again(
    oauth: &OAuth,
    context: &Context,
    found: &FoundRefreshToken,
    token: &PlainSecret,
    asked: &Asked,
) -> Outcome<PlainSecret> {
    let consumed_on = found.consumed_at.unwrap_or(context.now).date_naive();
    let (hash, parameters, now) =
        (found.key.hash, parameters(asked.scope.as_ref(), &asked.resources), context.now);
    let sealed = oauth
        .ledger
        .read(move |connection| find_answer(connection, consumed_on, hash, parameters, now))
        .await?;
    Ok(sealed.and_then(|sealed| sealed.open(token, ANSWER)).ok_or(Denial::RefreshDiffers))
}

/// Replaces the token; `None` if somebody was faster.
async fn rotate(
    oauth: &OAuth,
    context: &Context,
    client: &Client,
    found: &FoundRefreshToken,
    token: &PlainSecret,
    asked: &Asked,
) -> Result<Option<Result<PlainSecret, Denial>>, Fault> {
    let now = context.now;
    let lineage = &found.lineage;
    let effective = effective(&found.scope, Some(lineage), client).ok_or(Denial::NothingLeft);
    let scope = effective.and_then(|effective| rules::narrowed(&effective, asked.scope.as_ref()));
    let catalogue = oauth.bearers.services.catalogue().await?;
    let meant = scope
        .and_then(|scope| rules::meant(&catalogue, &scope, &asked.resources, &lineage.family.resources))
        .and_then(|meant| verdict(client, found, &meant.scope).map(|()| meant));
    let meant = match meant {
        Ok(meant) => meant,
        Err(denial) => return Ok(Some(Err(denial))),
    };
    let access = match mint::access_token(oauth, client, Some(lineage), meant, now).await? {
        Ok(access) => access,
        Err(denial) => return Ok(Some(Err(denial))),
    };
    // RFC 6749 §6: the new one has the scope of the old one, whatever this access token has.
    let successor = mint::refresh_token(lineage, &found.scope, Some(found.key.hash));
    let answer = mint::answer(&access, Some(&successor))?;
    let write = Rotate {
        old: found.key,
        family: lineage.family.key,
        attempt: AttemptId::from_uuid(Entropy.id(now)),
        now,
        access: access.row,
        refresh: successor.row,
        answer: kept(oauth, &answer, token, asked, now)?,
        // Its predecessor was consumed in the moment it was issued.
        wiped: found.predecessor.map(|hash| (hash, found.issued_at.date_naive())),
    };
    let attempt = write.attempt;
    match oauth.ledger.write(context, write).await {
        Ok(Rotated::Done) => Ok(Some(Ok(answer))),
        Ok(Rotated::Lost) => Ok(None),
        // The commit may have happened all the same; then the next attempt would pass for reuse.
        Err(fault) => match load(oauth, client, found.key).await {
            Ok(Some((found, _))) if found.consumed_by == Some(attempt) => Ok(Some(Ok(answer))),
            _ => Err(fault),
        },
    }
}

fn verdict(client: &Client, found: &FoundRefreshToken, scope: &Scope) -> Result<(), Denial> {
    engine::refresh(&Refreshment {
        client: &client.id,
        issued_to: &client.id,
        scope: &found.scope,
        asked: Some(scope).filter(|scope| !scope.is_empty()),
        owner: &found.lineage.grant.user_id.to_string(),
    })
}

/// The answer, sealed for the holder of the old token; none without a grace.
fn kept(
    oauth: &OAuth,
    answer: &PlainSecret,
    token: &PlainSecret,
    asked: &Asked,
    now: DateTime<Utc>,
) -> Result<Option<Answer>, Fault> {
    let grace = oauth.tokens.refresh_grace();
    if grace.is_zero() {
        return Ok(None);
    }
    let sealed = Sealed::seal(answer.expose(), token, ANSWER, Entropy)
        .ok_or_else(|| Fault::internal("sealing a refresh answer"))?;
    Ok(Some(Answer {
        sealed,
        parameters: parameters(asked.scope.as_ref(), &asked.resources),
        expires_at: now + grace,
    }))
}
