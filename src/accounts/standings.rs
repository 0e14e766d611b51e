//! Whether people may act, as every bearer of theirs asks.

use crate::accounts::store::find_user;
use crate::audit::Ledger;
use crate::kernel::{Fault, PrincipalId, UserStanding};

/// Knows how people stand.
#[derive(Clone)]
pub struct Standings {
    ledger: Ledger,
}

impl Standings {
    /// Over this ledger.
    pub fn new(ledger: Ledger) -> Self {
        Self { ledger }
    }

    /// How a person stands now.
    pub async fn of(&self, user: PrincipalId) -> Result<UserStanding, Fault> {
        let found = self.ledger.read(move |connection| find_user(connection, user)).await?;
        found.map(|user| user.standing()).ok_or_else(|| Fault::internal("nobody has this id"))
    }
}
