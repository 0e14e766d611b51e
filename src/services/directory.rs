//! Every service, as every token that is issued asks, and who may call it, as every key does.

use std::collections::HashSet;
use std::sync::Arc;

use crate::audit::Ledger;
use crate::kernel::{Fault, PrincipalId, ServiceId, Stale};
use crate::platform::cache::{Cache, Caches};
use crate::services::Catalogue;
use crate::services::store::{FindAll, FindGranted};

/// Knows the services.
#[derive(Clone)]
pub struct Services {
    ledger: Ledger,
    remembered: Arc<Cache<(), Arc<Catalogue>>>,
    granted: Arc<Cache<PrincipalId, Arc<HashSet<ServiceId>>>>,
}

impl Services {
    /// Over this ledger.
    pub fn new(ledger: Ledger, caches: &Caches) -> Self {
        let remembered = caches.open("services", |stale| (*stale == Stale::Catalogue).then_some(()));
        let granted = caches.open("service_grants", |stale| match stale {
            Stale::ServiceGrants(principal) => Some(*principal),
            _ => None,
        });
        Self { ledger, remembered, granted }
    }

    /// All of them, as they are now.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, Fault> {
        if let Some(catalogue) = self.remembered.get(&()) {
            return Ok(catalogue);
        }
        let claim = self.remembered.claim();
        let catalogue = self.ledger.look_up(FindAll).await?;
        self.remembered.put(claim, (), Arc::clone(&catalogue));
        Ok(catalogue)
    }

    /// The services that a principal was let to call, as it is now.
    pub async fn granted(&self, principal: PrincipalId) -> Result<Arc<HashSet<ServiceId>>, Fault> {
        if let Some(granted) = self.granted.get(&principal) {
            return Ok(granted);
        }
        let claim = self.granted.claim();
        let granted = self.ledger.look_up(FindGranted(principal)).await?;
        self.granted.put(claim, principal, Arc::clone(&granted));
        Ok(granted)
    }
}
