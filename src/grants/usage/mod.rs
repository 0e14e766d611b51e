//! When an app last used what a person allowed it, and how many calls it made with that (what a call is,
//! `decision::calls` says): noted in memory, and written every few seconds, one row a grant.

mod store;

use chrono::{DateTime, Utc};

use crate::audit::{Ledger, Notes};
use crate::kernel::{Fault, GrantId};

pub use store::uses;

/// How a grant was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Use {
    /// When last.
    pub last_at: DateTime<Utc>,
    /// In how many calls.
    pub calls: i64,
}

/// The uses that are not written yet.
pub struct Usage(Notes<GrantId, Use>);

impl Default for Usage {
    fn default() -> Self {
        Self(Notes::new(Use::and))
    }
}

impl Use {
    fn and(self, other: Self) -> Self {
        Self { last_at: self.last_at.max(other.last_at), calls: self.calls.saturating_add(other.calls) }
    }
}

impl Usage {
    /// Notes that a grant is used now: tokens are got under it.
    pub fn note(&self, grant: GrantId, now: DateTime<Utc>) {
        self.0.note(grant, Use { last_at: now, calls: 0 });
    }

    /// Notes that a call is made under it.
    pub fn note_call(&self, grant: GrantId, now: DateTime<Utc>) {
        self.0.note(grant, Use { last_at: now, calls: 1 });
    }

    /// Writes the notes.
    pub async fn flush(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), Fault> {
        self.0.flush(ledger, now, store::write).await
    }
}
