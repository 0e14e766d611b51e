//! Whether people may act, as every bearer of theirs asks.

use std::sync::Arc;

use crate::accounts::store::FindStanding;
use crate::audit::Ledger;
use crate::kernel::{Fault, PrincipalId, Stale, UserStanding};
use crate::platform::cache::{Cache, Caches};

/// Knows how people stand.
#[derive(Clone)]
pub struct Standings {
    ledger: Ledger,
    remembered: Arc<Cache<PrincipalId, UserStanding>>,
}

impl Standings {
    /// Over this ledger.
    pub fn new(ledger: Ledger, caches: &Caches) -> Self {
        let remembered = caches.open("users", |stale| match stale {
            Stale::User(id) => Some(*id),
            _ => None,
        });
        Self { ledger, remembered }
    }

    /// How a person stands now.
    pub async fn of(&self, user: PrincipalId) -> Result<UserStanding, Fault> {
        if let Some(standing) = self.remembered.get(&user) {
            return Ok(standing);
        }
        let claim = self.remembered.claim();
        let found = self.ledger.look_up(FindStanding(user)).await?;
        let standing = found.ok_or_else(|| Fault::internal("nobody has this id"))?;
        self.remembered.put(claim, user, standing);
        Ok(standing)
    }
}
