//! API keys and personal tokens, as every request of a machine asks.

use std::sync::Arc;

use crate::audit::Ledger;
use crate::credentials::Credential;
use crate::credentials::store::Find;
use crate::kernel::{Fault, SecretHash, Stale};
use crate::platform::cache::{Cache, Caches};

/// Knows the credentials.
#[derive(Clone)]
pub struct Directory {
    ledger: Ledger,
    known: Arc<Cache<SecretHash, Arc<Credential>>>,
}

impl Directory {
    /// Over this ledger.
    pub fn new(ledger: Ledger, caches: &Caches) -> Self {
        let known = caches.open("credentials", |stale| match stale {
            Stale::Credential(hash) => Some(*hash),
            _ => None,
        });
        Self { ledger, known }
    }

    /// The credential of this hash, whatever its state now.
    pub async fn find(&self, hash: SecretHash) -> Result<Option<Arc<Credential>>, Fault> {
        if let Some(known) = self.known.get(&hash) {
            return Ok(Some(known));
        }
        let claim = self.known.claim();
        let found = self.ledger.look_up(Find(hash)).await?;
        if let Some(found) = &found
            && found.revoked_at.is_none()
        {
            self.known.put(claim, hash, Arc::clone(found));
        }
        Ok(found)
    }
}
