//! Access tokens, as every introspection asks.

use crate::audit::Ledger;
use crate::grants::BearerKey;
use crate::grants::access_tokens::FoundAccessToken;
use crate::grants::access_tokens::store::Find;
use crate::kernel::Fault;

/// Knows the access tokens.
#[derive(Clone)]
pub struct AccessTokens {
    ledger: Ledger,
}

impl AccessTokens {
    /// Over this ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// An access token, whatever its state now.
    pub async fn find(&self, key: BearerKey) -> Result<Option<FoundAccessToken>, Fault> {
        self.ledger.look_up(Find(key)).await
    }
}
