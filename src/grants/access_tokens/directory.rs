//! Access tokens, as every introspection asks.

use std::sync::Arc;

use crate::audit::Ledger;
use crate::grants::access_tokens::store::Find;
use crate::grants::access_tokens::{AccessToken, FoundAccessToken};
use crate::grants::{BearerKey, Family, Grant, Lineage};
use crate::kernel::{FamilyId, Fault, GrantId, SecretHash, Stale};
use crate::platform::cache::{Cache, Caches};
use crate::platform::hearing::Claim;

/// Knows the access tokens, and what they descend from: each is remembered by itself, so that whatever ends is
/// forgotten by one key.
#[derive(Clone)]
pub struct AccessTokens {
    ledger: Ledger,
    tokens: Arc<Cache<SecretHash, Arc<AccessToken>>>,
    families: Arc<Cache<FamilyId, (Arc<Family>, GrantId)>>,
    grants: Arc<Cache<GrantId, Arc<Grant>>>,
}

impl AccessTokens {
    /// Over this ledger.
    pub fn new(ledger: Ledger, caches: &Caches) -> Self {
        let tokens = caches.open("access_tokens", |stale| match stale {
            Stale::AccessToken(hash) => Some(*hash),
            _ => None,
        });
        let families = caches.open("families", |stale| match stale {
            Stale::Family(id) => Some(*id),
            _ => None,
        });
        let grants = caches.open("grants", |stale| match stale {
            Stale::Grant(id) => Some(*id),
            _ => None,
        });
        Self { ledger, tokens, families, grants }
    }

    /// An access token, whatever its state now.
    pub async fn find(&self, key: BearerKey) -> Result<Option<FoundAccessToken>, Fault> {
        if let Some(found) = self.remembered(&key.hash) {
            return Ok(Some(found));
        }
        let claim = self.tokens.claim();
        let found = self.ledger.look_up(Find(key)).await?;
        if let Some(found) = &found {
            self.remember(claim, found);
        }
        Ok(found)
    }

    fn remembered(&self, hash: &SecretHash) -> Option<FoundAccessToken> {
        let token = self.tokens.get(hash)?;
        let lineage = match token.family {
            None => None,
            Some(family) => {
                let (family, grant) = self.families.get(&family.id)?;
                Some(Lineage { family, grant: self.grants.get(&grant)? })
            }
        };
        Some(FoundAccessToken { token, lineage })
    }

    fn remember(&self, claim: Claim, found: &FoundAccessToken) {
        if found.token.revoked_at.is_none() {
            self.tokens.put(claim, found.token.key.hash, Arc::clone(&found.token));
        }
        if let Some(Lineage { family, grant }) = &found.lineage {
            self.families.put(claim, family.key.id, (Arc::clone(family), grant.id));
            self.grants.put(claim, grant.id, Arc::clone(grant));
        }
    }
}
