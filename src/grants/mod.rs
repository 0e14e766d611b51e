//! What people allowed, and everything that descends from it.
//!
//! A **grant** is what one person allowed one client. A **family** is one authorization under it: a code and
//! every token that descends from it. Withdrawing the grant kills all its families; replay and reuse kill one.

pub mod access_tokens;
pub mod apps;
pub mod codes;
pub mod ending;
pub mod refresh_tokens;
pub mod store;
pub mod usage;

use std::sync::Arc;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use serde::Deserialize;

use crate::clients::{Client, GrantType};
use crate::kernel::{
    Bearer, FamilyId, FamilyStanding, Fault, GrantId, GrantStanding, PlainSecret, PrincipalId, Resources,
    Scope, SecretHash, Tag, TokenId, UserStanding,
};
use crate::signing::Verified;

/// Settings of the section `tokens`: lifetimes in seconds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenSettings {
    /// A code (RFC 6749 §4.1.2 recommends ten minutes at most; one is plenty).
    pub code_lifetime_s: u32,
    /// An access token, unless its client says otherwise.
    pub access_lifetime_s: u32,
    /// A family, and with it its refresh tokens, however often they rotate, unless the client says otherwise.
    pub refresh_lifetime_s: u32,
    /// How long a consumed refresh token gets the same answer again; 0: not at all.
    pub refresh_grace_s: u32,
}

impl TokenSettings {
    /// How long a code lives.
    pub fn code_lifetime(&self) -> Duration {
        Duration::seconds(self.code_lifetime_s.into())
    }

    /// How long this client's access tokens live.
    pub fn access_lifetime(&self, client: &Client) -> Duration {
        Duration::seconds(client.access_token_lifetime.unwrap_or(self.access_lifetime_s).into())
    }

    /// How long this client's families live. Without refresh tokens nothing of a family outlives its first
    /// access token.
    pub fn family_lifetime(&self, client: &Client) -> Duration {
        if client.may_use(GrantType::RefreshToken) {
            Duration::seconds(client.refresh_token_lifetime.unwrap_or(self.refresh_lifetime_s).into())
        } else {
            self.code_lifetime() + self.access_lifetime(client)
        }
    }

    /// How long a consumed refresh token gets the same answer again.
    pub fn refresh_grace(&self) -> Duration {
        Duration::seconds(self.refresh_grace_s.into())
    }
}

/// What one person allowed one client.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// The person.
    pub user_id: PrincipalId,
    /// The client.
    pub client_id: PrincipalId,
    /// What is allowed.
    pub scope: Scope,
    /// Since when.
    pub granted_at: DateTime<Utc>,
    /// When the person took it back.
    pub withdrawn_at: Option<DateTime<Utc>>,
}

impl Grant {
    /// For the eligibility rule.
    pub fn standing(&self) -> GrantStanding {
        GrantStanding { withdrawn_at: self.withdrawn_at }
    }
}

/// Where a family is found: its partition and its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FamilyKey {
    /// The day it ends.
    pub day: NaiveDate,
    /// Its id.
    pub id: FamilyId,
}

/// One authorization under a grant.
#[derive(Clone, Debug)]
pub struct Family {
    /// Where it is found.
    pub key: FamilyKey,
    /// When all of it ends.
    pub expires_at: DateTime<Utc>,
    /// When it was killed.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Where its tokens may be used (RFC 8707 §2.1); none named: wherever their scope reaches.
    pub resources: Resources,
}

impl Family {
    /// For the eligibility rule.
    pub fn standing(&self) -> FamilyStanding {
        FamilyStanding { revoked_at: self.revoked_at, expires_at: self.expires_at }
    }
}

/// Where a bearer's row is found: its partition and its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BearerKey {
    /// The day the bearer carries.
    pub day: NaiveDate,
    /// Its SHA-256.
    pub hash: SecretHash,
}

impl BearerKey {
    /// As it is stored.
    pub(in crate::grants) fn from_stored(day: NaiveDate, hash: Vec<u8>) -> Result<Self, Fault> {
        let hash = hash.try_into().map_err(|_| Fault::internal("a hash is not 32 bytes"))?;
        Ok(Self { day, hash: SecretHash::from_bytes(hash) })
    }

    /// Where the row of a JWT is, if it has one.
    pub fn of_jwt(jwt: &Verified) -> Self {
        Self { day: jwt.claims.expires_at.date_naive(), hash: jwt.hash }
    }

    /// Where a presented bearer's row is, if it is of this kind.
    pub fn of(presented: &PlainSecret, tag: Tag) -> Option<Self> {
        let bearer = Bearer::parse(presented.expose()).ok().filter(|bearer| bearer.tag() == tag)?;
        Some(Self { day: bearer.day()?, hash: bearer.hash() })
    }
}

/// An access token to be stored.
#[derive(Clone, Debug)]
pub struct NewAccessToken {
    /// Where it will be found.
    pub key: BearerKey,
    /// Its id, which may be told.
    pub id: TokenId,
    /// Who it acts for.
    pub subject: PrincipalId,
    /// The client it is given to.
    pub client: PrincipalId,
    /// The family it descends from; client credentials have none.
    pub family: Option<FamilyKey>,
    /// What it carries.
    pub scope: Scope,
    /// For whom it is.
    pub audience: Vec<String>,
    /// Since when.
    pub issued_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// A refresh token to be stored.
#[derive(Clone, Debug)]
pub struct NewRefreshToken {
    /// Where it will be found.
    pub key: BearerKey,
    /// The family it descends from.
    pub family: FamilyKey,
    /// What it carries.
    pub scope: Scope,
    /// The one it replaces.
    pub predecessor: Option<SecretHash>,
}

/// A family with its grant, and the person behind them.
#[derive(Clone, Debug)]
pub struct Lineage {
    /// The family.
    pub family: Arc<Family>,
    /// The grant it is under.
    pub grant: Arc<Grant>,
}

impl Lineage {
    /// All that the eligibility rule asks of a token of this family.
    pub fn standing(&self, client: &Client, user: UserStanding) -> crate::kernel::Standing {
        crate::kernel::Standing {
            client_disabled_at: client.disabled_at,
            user: Some(user),
            grant: Some(self.grant.standing()),
            family: Some(self.family.standing()),
            session: None,
            account_disabled_at: None,
        }
    }
}
