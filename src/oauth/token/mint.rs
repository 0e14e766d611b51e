//! What is minted at this endpoint, and how it is told (RFC 6749 §5.1).

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::clients::Client;
use crate::grants::{BearerKey, Lineage, NewAccessToken, NewRefreshToken};
use crate::kernel::{
    AccessTokenFormat, DatedTag, Denial, Fault, Outcome, PlainSecret, Scope, SecretHash, TokenId,
};
use crate::oauth::OAuth;
use crate::platform::entropy::Entropy;
use crate::services::Meant;
use crate::signing::Claims;

/// An access token that is promised to nobody yet: its text, and what is to be stored of it.
pub(super) struct AccessToken {
    text: PlainSecret,
    pub(super) row: NewAccessToken,
    /// Its signature vouches for all that the row says.
    pub(super) is_jwt: bool,
}

/// Mints an access token for a client: in the name of a person, or in its own.
pub(super) async fn access_token(
    oauth: &OAuth,
    client: &Client,
    lineage: Option<&Lineage>,
    meant: Meant,
    now: DateTime<Utc>,
) -> Outcome<AccessToken> {
    let expires_at = now + oauth.tokens.access_lifetime(client);
    // Nothing outlives its family, however often it is refreshed.
    let expires_at = lineage.map_or(expires_at, |lineage| expires_at.min(lineage.family.expires_at));
    let text = Entropy.dated_bearer(DatedTag::AccessToken, expires_at.date_naive());
    // The client's word counts; where it has none, that of the services.
    let is_jwt =
        client.access_token_format.map_or(meant.wants_jwt, |format| format == AccessTokenFormat::Jwt);
    let row = NewAccessToken {
        key: BearerKey { day: expires_at.date_naive(), hash: text.hash() },
        id: TokenId::from_uuid(Entropy.id(now)),
        subject: lineage.map_or(client.principal, |lineage| lineage.grant.user_id),
        client: client.principal,
        family: lineage.map(|lineage| lineage.family.key),
        scope: meant.scope,
        audience: meant.audience,
        issued_at: now,
        expires_at,
    };
    if is_jwt { signed(oauth, client, row).await } else { Ok(Ok(AccessToken { text, row, is_jwt })) }
}

/// A JWT (RFC 9068) that says what the row does, in the place of the text that was minted for it.
async fn signed(oauth: &OAuth, client: &Client, row: NewAccessToken) -> Outcome<AccessToken> {
    let claims = Claims {
        subject: match row.family {
            Some(_) => row.subject.to_string(),
            None => client.id.to_string(),
        },
        client: client.id.clone(),
        audience: row.audience.clone(),
        scope: row.scope.clone(),
        id: row.id,
        issued_at: row.issued_at,
        expires_at: row.expires_at,
    };
    let jwt = oauth.keys.sign(&claims, row.issued_at).await?;
    if !jwt.is_presentable {
        return Ok(Err(Denial::TokenTooLong));
    }
    let key = BearerKey { hash: jwt.hash, ..row.key };
    Ok(Ok(AccessToken { text: jwt.text, row: NewAccessToken { key, ..row }, is_jwt: true }))
}

/// A refresh token that is promised to nobody yet.
pub(super) struct RefreshToken {
    text: PlainSecret,
    pub(super) row: NewRefreshToken,
}

/// Mints a refresh token of a family.
pub(super) fn refresh_token(
    lineage: &Lineage,
    scope: &Scope,
    predecessor: Option<SecretHash>,
) -> RefreshToken {
    let family = lineage.family.key;
    let text = Entropy.dated_bearer(DatedTag::RefreshToken, family.day);
    let key = BearerKey { day: family.day, hash: text.hash() };
    RefreshToken { text, row: NewRefreshToken { key, family, scope: scope.clone(), predecessor } }
}

#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Scope::is_empty")]
    scope: &'a Scope,
}

/// The successful answer: kept as a secret, since it holds some.
pub(super) fn answer(access: &AccessToken, refresh: Option<&RefreshToken>) -> Result<PlainSecret, Fault> {
    let response = TokenResponse {
        access_token: access.text.expose(),
        token_type: "Bearer",
        expires_in: (access.row.expires_at - access.row.issued_at).num_seconds(),
        refresh_token: refresh.map(|refresh| refresh.text.expose()),
        scope: &access.row.scope,
    };
    serde_json::to_string(&response).map(PlainSecret::new).map_err(Fault::internal)
}
