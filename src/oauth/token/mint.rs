//! What is minted at this endpoint, and how it is told (RFC 6749 §5.1).

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::clients::Client;
use crate::grants::{BearerKey, Lineage, NewAccessToken, NewRefreshToken};
use crate::kernel::{DatedTag, Fault, PlainSecret, Scope, SecretHash, TokenId};
use crate::oauth::OAuth;
use crate::platform::entropy::Entropy;
use crate::services::Meant;

/// An access token that is promised to nobody yet: its text, and what is to be stored of it.
pub(super) struct AccessToken {
    text: PlainSecret,
    pub(super) row: NewAccessToken,
}

/// Mints an access token for a client: in the name of a person, or in its own.
pub(super) fn access_token(
    oauth: &OAuth,
    client: &Client,
    lineage: Option<&Lineage>,
    meant: Meant,
    now: DateTime<Utc>,
) -> AccessToken {
    let expires_at = now + oauth.tokens.access_lifetime(client);
    // Nothing outlives its family, however often it is refreshed.
    let expires_at = lineage.map_or(expires_at, |lineage| expires_at.min(lineage.family.expires_at));
    let text = Entropy.dated_bearer(DatedTag::AccessToken, expires_at.date_naive());
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
    AccessToken { text, row }
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
