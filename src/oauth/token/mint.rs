//! What is minted at this endpoint, and how it is told (RFC 6749 §5.1).

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::clients::Client;
use crate::grants::{BearerKey, FamilyKey, NewAccessToken};
use crate::kernel::{
    AccessTokenFormat, Denial, Fault, Outcome, PlainSecret, PrincipalId, Scope, SecretHash, TokenId,
};
use crate::oauth::OAuth;
use crate::platform::entropy::Entropy;
use crate::services::Catalogue;
use crate::signing::Claims;

/// The successful answer.
#[derive(Serialize)]
pub(super) struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    #[serde(skip_serializing_if = "Scope::is_empty")]
    scope: &'a Scope,
}

impl<'a> TokenResponse<'a> {
    /// An answer with an access token that lives from `now` until `expires_at`.
    pub(super) fn new(
        access: &'a PlainSecret,
        scope: &'a Scope,
        now: DateTime<Utc>,
        expires_at: DateTime<Utc>,
    ) -> Self {
        let expires_in = (expires_at - now).num_seconds();
        Self { access_token: access.expose(), token_type: "Bearer", expires_in, refresh_token: None, scope }
    }

    /// With a refresh token beside it.
    pub(super) fn refreshed_by(mut self, refresh: Option<&'a PlainSecret>) -> Self {
        self.refresh_token = refresh.map(PlainSecret::expose);
        self
    }

    /// Its text.
    pub(super) fn text(&self) -> Result<PlainSecret, Fault> {
        serde_json::to_string(self).map(PlainSecret::new).map_err(Fault::internal)
    }
}

/// An access token that is about to be: all but its text.
pub(super) struct Draft<'a> {
    /// To whom it is given.
    pub(super) client: &'a Client,
    /// For whom it acts, if not for the client itself, and the family it descends from.
    pub(super) of: Option<(PrincipalId, FamilyKey)>,
    /// What it carries.
    pub(super) scope: &'a Scope,
    /// For whom it is.
    pub(super) audience: Vec<String>,
    /// Since when.
    pub(super) now: DateTime<Utc>,
    /// Until when.
    pub(super) expires_at: DateTime<Utc>,
}

/// An access token: its text, and its row.
pub(super) struct AccessToken {
    pub(super) text: PlainSecret,
    pub(super) row: NewAccessToken,
    /// Whether the text says all that the row does.
    pub(super) is_jwt: bool,
}

impl Draft<'_> {
    /// Makes the token: what was `minted` for it, or a JWT in its place (RFC 9068).
    pub(super) fn finish(self, oauth: &OAuth, minted: PlainSecret, is_jwt: bool) -> Outcome<AccessToken> {
        let id = TokenId::from_uuid(Entropy.id(self.now));
        if !is_jwt {
            let hash = minted.hash();
            return Ok(Ok(AccessToken { text: minted, row: self.row(id, hash), is_jwt }));
        }
        let signed = oauth.keys.sign(&self.claims(id), self.now)?;
        if !signed.is_presentable {
            return Ok(Err(Denial::TokenTooLong));
        }
        Ok(Ok(AccessToken { text: signed.text, row: self.row(id, signed.hash), is_jwt }))
    }

    fn claims(&self, id: TokenId) -> Claims {
        Claims {
            subject: match self.of {
                Some((person, _)) => person.to_string(),
                None => self.client.id.to_string(),
            },
            client: self.client.id.clone(),
            audience: self.audience.clone(),
            scope: self.scope.clone(),
            id,
            issued_at: self.now,
            expires_at: self.expires_at,
        }
    }

    fn row(self, id: TokenId, hash: SecretHash) -> NewAccessToken {
        NewAccessToken {
            key: BearerKey { day: self.expires_at.date_naive(), hash },
            id,
            subject: self.of.map_or(self.client.principal, |(person, _)| person),
            client: self.client.principal,
            family: self.of.map(|(_, family)| family),
            scope: self.scope.clone(),
            audience: self.audience,
            issued_at: self.now,
            expires_at: self.expires_at,
        }
    }
}

/// Whether a token is to be a JWT: as the client says, and where it has no say, if all services want it that it is for.
pub(super) fn is_jwt(client: &Client, catalogue: &Catalogue, audience: &[String]) -> bool {
    match client.access_token_format {
        Some(format) => format == AccessTokenFormat::Jwt,
        None => catalogue.wants_jwt(audience),
    }
}
