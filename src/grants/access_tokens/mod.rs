//! Access tokens: opaque, short-lived, looked up by hash in the partition of the day they carry.

mod directory;
pub mod store;

pub use directory::AccessTokens;

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::grants::{BearerKey, FamilyKey, Lineage};
use crate::kernel::{PrincipalId, Scope, TokenId};

/// An access token. Of all this only its revocation ever changes.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// Where.
    pub key: BearerKey,
    /// Its id.
    pub id: TokenId,
    /// Who it acts for: the person, or the client itself.
    pub subject: PrincipalId,
    /// The client it was given to.
    pub client: PrincipalId,
    /// What it carries.
    pub scope: Scope,
    /// For whom it is.
    pub audience: Arc<[String]>,
    /// Since when.
    pub issued_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// The family it descends from; client credentials have none.
    pub family: Option<FamilyKey>,
}

/// An access token that was found.
#[derive(Clone, Debug)]
pub struct FoundAccessToken {
    /// The token.
    pub token: Arc<AccessToken>,
    /// Its family and grant, as they are now.
    pub lineage: Option<Lineage>,
}
