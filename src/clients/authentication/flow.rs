//! The story of client authentication: load, decide, count the failures.

use std::sync::Arc;

use crate::clients::authentication::{Presented, rules};
use crate::clients::{Client, Directory, Known};
use crate::kernel::{Denial, Outcome};
use crate::limits::guard::{Failed, Guard};
use crate::platform::client_ip::Network;
use crate::platform::context::Context;

/// What client authentication needs.
#[derive(Clone)]
pub struct Clients {
    /// Who knows the clients.
    pub directory: Directory,
    /// Who fails too often.
    pub guard: Arc<Guard>,
}

impl Clients {
    /// The client that made this request, once it has proven so.
    pub async fn authenticate(
        &self,
        context: &Context,
        presented: Result<Presented, Denial>,
    ) -> Outcome<Arc<Client>> {
        let decision = match presented {
            Ok(presented) => self.decide(context, presented).await?,
            Err(denial) => Err(denial),
        };
        if let (Err(denial), Some(ip)) = (&decision, context.ip)
            && denial.code() == "invalid_client"
        {
            self.guard.failed(Failed::ClientAuthentication, Network::of(ip), context);
        }
        Ok(decision)
    }

    async fn decide(&self, context: &Context, presented: Presented) -> Outcome<Arc<Client>> {
        let proven = |known: Arc<Known>| {
            rules::authenticate(&known.client, &known.secrets, &presented, context.now)
                .map(|()| Arc::clone(&known.client))
        };
        let mut decision = self.directory.find(&presented.client_id).await?.map(proven);
        // Nobody is refused from memory: another node may just have given this client a new secret.
        if !matches!(decision, Some(Ok(_))) {
            decision = self.directory.find_anew(&presented.client_id).await?.map(proven);
        }
        let decision = decision.unwrap_or(Err(Denial::ClientUnknown));
        Ok(decision.and_then(|client| self.may_present_bearers(context, &client).map(|()| client)))
    }

    /// A client that proves nothing waits where too many unknown bearers came from; others need not, also not
    /// beside it in one network.
    fn may_present_bearers(&self, context: &Context, client: &Client) -> Result<(), Denial> {
        if client.confidential { Ok(()) } else { self.stranger_may_present(context) }
    }

    /// The same of somebody who is no client at all.
    pub fn stranger_may_present(&self, context: &Context) -> Result<(), Denial> {
        let network = context.ip.map(Network::of);
        network.map_or(Ok(()), |network| self.guard.check(Failed::UnknownBearer, network, context.now))
    }

    /// Counts a code or token that nobody issued, if its bearer proved nothing by presenting it.
    pub fn unknown_bearer(&self, context: &Context, client: &Client) {
        if !client.confidential {
            self.unknown_bearer_of_stranger(context);
        }
    }

    /// Counts the same, presented by somebody who is no client at all.
    pub fn unknown_bearer_of_stranger(&self, context: &Context) {
        if let Some(ip) = context.ip {
            self.guard.failed(Failed::UnknownBearer, Network::of(ip), context);
        }
    }
}
