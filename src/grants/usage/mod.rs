//! When an app last used what a person allowed it.
//!
//! A token is looked at thousands of times a second, and its owner looks at the page of connected apps now and
//! then. So a use is noted in memory, and the notes are written once a second in one statement, the latest of each
//! grant: at most a second's worth is lost when a process dies, and no row is locked because somebody looked.

mod store;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::audit::Ledger;
use crate::kernel::{Fault, FaultKind, GrantId};
use crate::platform::context::Context;

pub use store::last_used;

/// Grants noted at once. Beyond it a note is dropped: the next use brings another.
const MOST: usize = 100_000;

/// The notes of this process that are not written yet.
#[derive(Default)]
pub struct Usage {
    notes: Mutex<HashMap<GrantId, DateTime<Utc>>>,
}

impl Usage {
    /// Notes that a grant is used now.
    pub fn note(&self, grant: GrantId, now: DateTime<Utc>) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() < MOST || notes.contains_key(&grant) {
            let latest = notes.entry(grant).or_insert(now);
            *latest = now.max(*latest);
        }
    }

    /// Writes the notes. What could not be written now is noted again; what cannot be at all is dropped.
    pub async fn flush(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), Fault> {
        let notes = self.take();
        if notes.is_empty() {
            return Ok(());
        }
        let rows = notes.clone();
        let written = ledger
            .act(&Context::operator(now), move |work| {
                work.nothing_to_tell("traffic, not an act");
                store::write(work, &rows).map(Ok)
            })
            .await;
        if written.as_ref().is_err_and(|fault| fault.kind() == FaultKind::Unavailable) {
            for (grant, at) in notes {
                self.note(grant, at);
            }
        }
        written.map(drop)
    }

    /// Sorted, so that two nodes lock rows in the same order.
    fn take(&self) -> Vec<(GrantId, DateTime<Utc>)> {
        let notes = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        let mut notes: Vec<_> = notes.into_iter().collect();
        notes.sort_unstable();
        notes
    }
}

#[cfg(test)]
mod tests {
    use chrono::Duration;
    use uuid::Uuid;

    use super::*;

    fn grant(number: u128) -> GrantId {
        GrantId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn the_latest_use_of_each_grant_is_kept() {
        let (usage, start) = (Usage::default(), DateTime::UNIX_EPOCH);
        let at = |seconds| start + Duration::seconds(seconds);
        for (number, seconds) in [(2, 5), (1, 9), (1, 7), (2, 6)] {
            usage.note(grant(number), at(seconds));
        }
        assert_eq!(usage.take(), [(grant(1), at(9)), (grant(2), at(6))]);
        assert_eq!(usage.take(), []);
    }

    #[test]
    fn notes_are_bounded_and_what_is_noted_goes_on() {
        let (usage, start) = (Usage::default(), DateTime::UNIX_EPOCH);
        for number in 0..=MOST as u128 {
            usage.note(grant(number), start);
        }
        usage.note(grant(0), start + Duration::seconds(1));
        let notes = usage.take();
        assert_eq!(notes.len(), MOST);
        assert_eq!(notes.first(), Some(&(grant(0), start + Duration::seconds(1))));
    }
}
