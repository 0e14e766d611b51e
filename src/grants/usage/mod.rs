//! When an app last used what a person allowed it: noted in memory, and written once a second, the latest of each
//! grant.

mod store;

use chrono::{DateTime, Utc};

use crate::audit::{Ledger, Notes};
use crate::kernel::{Fault, GrantId};

pub use store::last_used;

/// The uses that are not written yet.
pub struct Usage(Notes<GrantId, DateTime<Utc>>);

impl Default for Usage {
    fn default() -> Self {
        Self(Notes::new(Ord::max))
    }
}

impl Usage {
    /// Notes that a grant is used now.
    pub fn note(&self, grant: GrantId, now: DateTime<Utc>) {
        self.0.note(grant, now);
    }

    /// Writes the notes.
    pub async fn flush(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), Fault> {
        self.0.flush(ledger, now, store::write).await
    }
}
