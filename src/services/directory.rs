//! Every service, as every token that is issued asks.

use std::sync::Arc;

use crate::audit::Ledger;
use crate::kernel::Fault;
use crate::services::{Catalogue, store};

/// Knows the services.
#[derive(Clone)]
pub struct Services {
    ledger: Ledger,
}

impl Services {
    /// Over this ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// All of them, as they are now.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, Fault> {
        self.ledger.read(store::catalogue).await.map(Arc::new)
    }
}
