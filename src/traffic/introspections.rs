//! Plain introspections, counted by the account that asked. They are no calls, and there are thousands a second: none is
//! told by itself. Noted in memory and written every few seconds, as uses of keys are.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::audit::{Ledger, Notes, Work};
use crate::kernel::{Fault, PrincipalId};
use crate::traffic::store::{Grain, rollups};

/// The introspections that are not written yet, by minute and account.
pub struct Introspections(Notes<(DateTime<Utc>, Uuid), i64>);

impl Default for Introspections {
    fn default() -> Self {
        Self(Notes::new(i64::saturating_add))
    }
}

impl Introspections {
    /// Notes that this account asks now.
    pub fn note(&self, account: PrincipalId, now: DateTime<Utc>) {
        self.0.note((Grain::Minute.bucket(now), account.uuid()), 1);
    }

    /// Writes the notes.
    pub async fn flush(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), Fault> {
        self.0.flush(ledger, now, write).await
    }
}

/// In the order of the grains, and within each in that of its keys, as the batches of calls are added.
fn write(work: &mut Work<'_>, notes: &[((DateTime<Utc>, Uuid), i64)]) -> Result<(), Fault> {
    Grain::ALL.into_iter().try_for_each(|grain| rollups::add_introspections(work, grain, notes))
}
