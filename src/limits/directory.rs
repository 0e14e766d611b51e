//! Which limits bind a call, as every call asks.

use std::sync::Arc;

use uuid::Uuid;

use crate::audit::Ledger;
use crate::kernel::{Fault, Stale};
use crate::limits::limit::Limit;
use crate::limits::owner::{Caller, Target};
use crate::limits::rules::{self, Applied};
use crate::limits::store::{FindCommon, FindOwn};
use crate::platform::cache::{Cache, Caches};

/// Knows the limits.
#[derive(Clone)]
pub struct LimitDirectory {
    ledger: Ledger,
    /// Those of plans and services.
    common: Arc<Cache<(), Arc<[Limit]>>>,
    /// Those of one principal or credential; mostly none, which is worth knowing too.
    own: Arc<Cache<Uuid, Arc<[Limit]>>>,
}

impl LimitDirectory {
    /// Over this ledger.
    pub fn new(ledger: Ledger, caches: &Caches) -> Self {
        let common = caches.open("limits", |stale| (*stale == Stale::Limits).then_some(()));
        let own = caches.open("own_limits", |stale| match stale {
            Stale::LimitsOf(owner) => Some(*owner),
            _ => None,
        });
        Self { ledger, common, own }
    }

    /// Those that bind a call, as they are now.
    pub async fn applied(&self, caller: &Caller, target: Target) -> Result<Vec<Applied>, Fault> {
        let mut sources = vec![self.common().await?, self.own(caller.principal.uuid()).await?];
        if caller.account != caller.principal {
            sources.push(self.own(caller.account.uuid()).await?);
        }
        if let Some(credential) = caller.credential {
            sources.push(self.own(credential.uuid()).await?);
        }
        Ok(rules::applied(sources.iter().flat_map(|limits| limits.iter()), caller, target))
    }

    async fn common(&self) -> Result<Arc<[Limit]>, Fault> {
        if let Some(limits) = self.common.get(&()) {
            return Ok(limits);
        }
        let claim = self.common.claim();
        let limits = self.ledger.look_up(FindCommon).await?;
        self.common.put(claim, (), Arc::clone(&limits));
        Ok(limits)
    }

    async fn own(&self, owner: Uuid) -> Result<Arc<[Limit]>, Fault> {
        if let Some(limits) = self.own.get(&owner) {
            return Ok(limits);
        }
        let claim = self.own.claim();
        let limits = self.ledger.look_up(FindOwn(owner)).await?;
        self.own.put(claim, owner, Arc::clone(&limits));
        Ok(limits)
    }
}
