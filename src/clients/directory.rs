//! Clients with their secrets, as every request of a machine asks.

use std::sync::Arc;

use crate::audit::Ledger;
use crate::clients::{Client, store};
use crate::credentials::Credential;
use crate::credentials::store::client_secrets;
use crate::kernel::{ClientId, Fault, PrincipalId};

/// A client, and the secrets by which it proves who it is.
#[derive(Debug)]
pub struct Known {
    /// The client.
    pub client: Arc<Client>,
    /// Those that were not revoked.
    pub secrets: Vec<Credential>,
}

/// Knows the clients.
#[derive(Clone)]
pub struct Directory {
    ledger: Ledger,
}

impl Directory {
    /// Over this ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// The client of this id, as it is now.
    pub async fn find(&self, id: &ClientId) -> Result<Option<Arc<Known>>, Fault> {
        let id = id.clone();
        let found = self.ledger.read(move |connection| {
            let Some(client) = store::find(connection, &id)? else { return Ok(None) };
            let secrets = client_secrets(connection, client.principal)?;
            Ok(Some(Known { client: Arc::new(client), secrets }))
        });
        Ok(found.await?.map(Arc::new))
    }

    /// The client that is this principal, as it is now.
    pub async fn find_by_principal(&self, id: PrincipalId) -> Result<Option<Arc<Client>>, Fault> {
        let found = self.ledger.read(move |connection| store::find_by_principal(connection, id));
        Ok(found.await?.map(Arc::new))
    }
}
