//! What is minted at this endpoint, and how it is told (RFC 6749 §5.1).

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::grants::BearerKey;
use crate::kernel::{Fault, PlainSecret, Scope};

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

/// Where the row of a bearer will be found, whose day is that of `until`.
pub(super) fn key(bearer: &PlainSecret, until: DateTime<Utc>) -> BearerKey {
    BearerKey { day: until.date_naive(), hash: bearer.hash() }
}
