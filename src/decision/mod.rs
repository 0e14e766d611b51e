//! Is this bearer good? The one function that says so, whatever asks. And may it make this call: `calls`.

pub mod calls;
pub mod limits;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::accounts::Standings;
use crate::audit::Ledger;
use crate::clients::{Client, Directory};
use crate::credentials;
use crate::grants::access_tokens::{AccessToken, AccessTokens, FoundAccessToken};
use crate::grants::refresh_tokens::{self, FoundRefreshToken};
use crate::grants::{BearerKey, Lineage};
use crate::kernel::{Bearer, Fault, GrantId, Inactive, PrincipalId, Scope, Standing, Tag, TokenId};
use crate::services::Services;
use crate::signing::{Keys, Verified};

/// What a good bearer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BearerKind {
    /// An access token.
    AccessToken,
    /// A refresh token: good to the client it belongs to, and to nobody else.
    RefreshToken,
}

/// A bearer that is good now.
#[derive(Clone, Debug)]
pub struct Active {
    /// What it is.
    pub kind: BearerKind,
    /// Its id, where it has one.
    pub id: Option<TokenId>,
    /// The person it acts for; without one it acts for the client itself.
    pub user: Option<PrincipalId>,
    /// What a person allowed, if it acts for one.
    pub grant: Option<GrantId>,
    /// The client it was given to.
    pub client: Arc<Client>,
    /// What it may do now: what it carries, within the grant, within the client.
    pub scope: Scope,
    /// For whom it is.
    pub audience: Arc<[String]>,
    /// Since when.
    pub issued_at: DateTime<Utc>,
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// Who a bearer acts for, as `sub` on the wire; a person's principal and a client's own id never coincide
/// (RFC 9700 §4.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Subject<'a> {
    /// A person.
    User(PrincipalId),
    /// The client itself.
    Client(&'a str),
}

impl Active {
    /// Who it acts for.
    pub fn subject(&self) -> Subject<'_> {
        self.user.map_or(Subject::Client(self.client.id.as_str()), Subject::User)
    }
}

/// Why a bearer is not good, or not to whoever asks. For the log; the wire never tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotGood {
    /// Not of our form, or its checksum is wrong.
    Malformed,
    /// Of a kind that opens nothing: a code, a client secret, a session.
    NotABearer,
    /// Nobody issued it.
    Unknown,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
    /// All that it could do was taken back.
    NothingLeft,
    /// It was used, and has a successor.
    Consumed,
    /// Somebody or something it depends on may not act.
    Inactive(Inactive),
    /// It is an API key or a personal token, and not good.
    Credential(credentials::rules::NotGood),
    /// It is good, and none of the business of whoever asks.
    NotTheirs,
}

impl NotGood {
    /// Whether nobody ever issued it: then it may be a guess. Whoever sends one that has ended has it from somewhere.
    pub fn is_strange(self) -> bool {
        matches!(self, Self::Malformed | Self::NotABearer | Self::Unknown)
    }

    /// Whether it was good until its time was over, which whoever holds it may know: that of a key, or of the overlap
    /// with its successor.
    pub fn is_expired(self) -> bool {
        use credentials::rules::NotGood as OfCredential;
        matches!(self, Self::Expired | Self::Credential(OfCredential::Expired | OfCredential::RotatedAndOver))
    }
}

/// Who judges bearers, and where it learns of them.
#[derive(Clone)]
pub struct Bearers {
    /// The door to the database.
    pub ledger: Ledger,
    /// Who knows the access tokens.
    pub access_tokens: AccessTokens,
    /// Who verifies JWTs.
    pub keys: Arc<Keys>,
    /// Who knows the clients.
    pub clients: Directory,
    /// Who knows how people stand.
    pub standings: Standings,
    /// Who knows the services.
    pub services: Services,
}

impl Bearers {
    /// Decides whether a bearer is good at this moment.
    pub async fn decide(
        &self,
        presented: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<Active, NotGood>, Fault> {
        let Ok(bearer) = Bearer::parse(presented) else {
            return self.jwt(presented, now).await;
        };
        let Some(day) = bearer.day() else {
            return Ok(Err(NotGood::NotABearer));
        };
        let key = BearerKey { day, hash: bearer.hash() };
        match bearer.tag() {
            Tag::AccessToken => match self.access_tokens.find(key).await? {
                Some(found) => self.access_token(found, now).await,
                None => Ok(Err(NotGood::Unknown)),
            },
            Tag::RefreshToken => match self.ledger.look_up(refresh_tokens::store::Find(key)).await? {
                Some(found) => self.refresh_token(found, now).await,
                None => Ok(Err(NotGood::Unknown)),
            },
            Tag::AuthorizationCode
            | Tag::ClientSecret
            | Tag::BrowserSession
            | Tag::ApiKey
            | Tag::PersonalToken => Ok(Err(NotGood::NotABearer)),
        }
    }

    /// A JWT is judged by its row, as any other. Only those that a client got for itself have none, unless they were
    /// revoked.
    async fn jwt(&self, presented: &str, now: DateTime<Utc>) -> Result<Result<Active, NotGood>, Fault> {
        let Some(jwt) = self.keys.verified(presented, now).await? else {
            return Ok(Err(NotGood::Malformed));
        };
        if now >= jwt.claims.expires_at {
            return Ok(Err(NotGood::Expired));
        }
        if let Some(found) = self.access_tokens.find(BearerKey::of_jwt(&jwt)).await? {
            return self.access_token(found, now).await;
        }
        match self.unstored(&jwt).await? {
            Some(found) => self.access_token(found, now).await,
            None => Ok(Err(NotGood::Unknown)),
        }
    }

    /// What the row of a JWT would say that needs none: one that its client got for itself.
    pub async fn unstored(&self, jwt: &Verified) -> Result<Option<FoundAccessToken>, Fault> {
        let claims = &jwt.claims;
        if claims.subject != claims.client.as_str() {
            return Ok(None);
        }
        let Some(known) = self.clients.find(&claims.client).await? else { return Ok(None) };
        let token = AccessToken {
            key: BearerKey::of_jwt(jwt),
            id: claims.id,
            subject: known.client.principal,
            client: known.client.principal,
            scope: claims.scope.clone(),
            audience: claims.audience.clone().into(),
            issued_at: claims.issued_at,
            expires_at: claims.expires_at,
            revoked_at: None,
            family: None,
        };
        Ok(Some(FoundAccessToken { token: Arc::new(token), lineage: None }))
    }

    async fn access_token(
        &self,
        FoundAccessToken { token, lineage }: FoundAccessToken,
        now: DateTime<Utc>,
    ) -> Result<Result<Active, NotGood>, Fault> {
        if token.revoked_at.is_some() {
            return Ok(Err(NotGood::Revoked));
        }
        if now >= token.expires_at {
            return Ok(Err(NotGood::Expired));
        }
        let client = self.client_of(token.client).await?;
        if let Err(inactive) = self.standing(&client, lineage.as_ref()).await?.may_act(now) {
            return Ok(Err(NotGood::Inactive(inactive)));
        }
        let Some(scope) = effective(&token.scope, lineage.as_ref(), &client) else {
            return Ok(Err(NotGood::NothingLeft));
        };
        let audience = if scope == token.scope {
            Arc::clone(&token.audience)
        } else {
            // A scope was taken back: who only understands that one is no longer meant.
            let meant = self.services.catalogue().await?.audience(&scope);
            token.audience.iter().filter(|audience| meant.contains(audience)).cloned().collect()
        };
        let Some(audience) = self.open_still(audience).await? else {
            return Ok(Err(NotGood::NothingLeft));
        };
        Ok(Ok(Active {
            kind: BearerKind::AccessToken,
            id: Some(token.id),
            user: lineage.as_ref().map(|lineage| lineage.grant.user_id),
            grant: lineage.map(|lineage| lineage.grant.id),
            client,
            scope,
            audience,
            issued_at: token.issued_at,
            expires_at: token.expires_at,
        }))
    }

    /// Those of these audiences whose service takes calls. `None`: there were some, and none of them does.
    async fn open_still(&self, audience: Arc<[String]>) -> Result<Option<Arc<[String]>>, Fault> {
        let catalogue = self.services.catalogue().await?;
        if !audience.iter().any(|audience| catalogue.is_shut(audience)) {
            return Ok(Some(audience));
        }
        let open: Arc<[String]> =
            audience.iter().filter(|audience| !catalogue.is_shut(audience)).cloned().collect();
        Ok((!open.is_empty()).then_some(open))
    }

    async fn refresh_token(
        &self,
        found: FoundRefreshToken,
        now: DateTime<Utc>,
    ) -> Result<Result<Active, NotGood>, Fault> {
        if found.consumed_at.is_some() {
            return Ok(Err(NotGood::Consumed));
        }
        let client = self.client_of(found.lineage.grant.client_id).await?;
        if let Err(inactive) = self.standing(&client, Some(&found.lineage)).await?.may_act(now) {
            return Ok(Err(NotGood::Inactive(inactive)));
        }
        let Some(scope) = effective(&found.scope, Some(&found.lineage), &client) else {
            return Ok(Err(NotGood::NothingLeft));
        };
        Ok(Ok(Active {
            kind: BearerKind::RefreshToken,
            id: None,
            grant: Some(found.lineage.grant.id),
            user: Some(found.lineage.grant.user_id),
            scope,
            audience: Arc::default(),
            issued_at: found.issued_at,
            expires_at: found.lineage.family.expires_at,
            client,
        }))
    }

    async fn client_of(&self, id: PrincipalId) -> Result<Arc<Client>, Fault> {
        self.clients.find_by_principal(id).await?.ok_or_else(|| Fault::internal("a token of no client"))
    }

    /// All that the eligibility rule asks of a token, or of what becomes one.
    pub async fn standing(&self, client: &Client, lineage: Option<&Lineage>) -> Result<Standing, Fault> {
        let Some(lineage) = lineage else {
            return Ok(Standing { client_disabled_at: client.disabled_at, ..Standing::default() });
        };
        let user = self.standings.of(lineage.grant.user_id).await?;
        Ok(lineage.standing(client, user))
    }
}

/// What a token may do now, so that taking one scope back works at once. `None`: it carried something, and
/// nothing is left of it; it must not pass for a token that never carried anything.
pub fn effective(carried: &Scope, lineage: Option<&Lineage>, client: &Client) -> Option<Scope> {
    let within_client = carried.intersection(&client.scope);
    let scope = match lineage {
        Some(lineage) => within_client.intersection(&lineage.grant.scope),
        None => within_client,
    };
    (carried.is_empty() || !scope.is_empty()).then_some(scope)
}
