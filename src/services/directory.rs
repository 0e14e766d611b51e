//! Every service, as every token that is issued asks.

use std::sync::Arc;

use crate::audit::Ledger;
use crate::kernel::{Fault, Stale};
use crate::platform::cache::{Cache, Caches};
use crate::services::Catalogue;
use crate::services::store::FindAll;

/// Knows the services.
#[derive(Clone)]
pub struct Services {
    ledger: Ledger,
    remembered: Arc<Cache<(), Arc<Catalogue>>>,
}

impl Services {
    /// Over this ledger.
    pub fn new(ledger: Ledger, caches: &Caches) -> Self {
        let remembered = caches.open("services", |stale| (*stale == Stale::Catalogue).then_some(()));
        Self { ledger, remembered }
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
}
