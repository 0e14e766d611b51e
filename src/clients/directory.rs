//! Clients with their secrets, as every request of a machine asks.

use std::sync::Arc;

use crate::audit::Ledger;
use crate::clients::Client;
use crate::clients::store::Find;
use crate::credentials::client_secrets::ClientSecret;
use crate::kernel::{ClientId, Fault, PrincipalId, Stale};
use crate::platform::cache::{Cache, Caches};

/// A client, and the secrets by which it proves who it is.
#[derive(Debug)]
pub struct Known {
    /// The client.
    pub client: Arc<Client>,
    /// Those that were not revoked.
    pub secrets: Vec<ClientSecret>,
}

/// Knows the clients.
#[derive(Clone)]
pub struct Directory {
    ledger: Ledger,
    /// Who goes by which id; that never changes.
    ids: Arc<Cache<ClientId, PrincipalId>>,
    known: Arc<Cache<PrincipalId, Arc<Known>>>,
}

impl Directory {
    /// Over this ledger.
    pub fn new(ledger: Ledger, caches: &Caches) -> Self {
        let ids = caches.open("client_ids", |_| None);
        let known = caches.open("clients", |stale| match stale {
            Stale::Client(id) => Some(*id),
            _ => None,
        });
        Self { ledger, ids, known }
    }

    /// The client of this id.
    pub async fn find(&self, id: &ClientId) -> Result<Option<Arc<Known>>, Fault> {
        match self.ids.get(id).and_then(|principal| self.known.get(&principal)) {
            Some(known) => Ok(Some(known)),
            None => self.find_anew(id).await,
        }
    }

    /// The same, asked of the database, for whoever would say no.
    pub async fn find_anew(&self, id: &ClientId) -> Result<Option<Arc<Known>>, Fault> {
        self.look_up(Find::Id(id.clone())).await
    }

    /// The client that is this principal.
    pub async fn find_by_principal(&self, id: PrincipalId) -> Result<Option<Arc<Client>>, Fault> {
        let known = match self.known.get(&id) {
            Some(known) => Some(known),
            None => self.look_up(Find::Principal(id)).await?,
        };
        Ok(known.map(|known| Arc::clone(&known.client)))
    }

    async fn look_up(&self, key: Find) -> Result<Option<Arc<Known>>, Fault> {
        let claim = self.known.claim();
        let found = self.ledger.look_up(key).await?;
        if let Some(known) = &found {
            let client = &known.client;
            self.ids.put(claim, client.id.clone(), client.principal);
            self.known.put(claim, client.principal, Arc::clone(known));
        }
        Ok(found)
    }
}
