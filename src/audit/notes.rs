//! What is neither an act nor promised to anybody: noted in memory, and written by and by.
//!
//! A bearer is looked at thousands of times a second, and its owner looks at when that was now and then. So a use is
//! noted here, and the notes are written together in one statement: at most what is noted since is lost when a process
//! dies, and no row is locked because somebody looked.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::audit::{Ledger, Work};
use crate::kernel::{Fault, FaultKind};
use crate::platform::context::Context;

/// Keys noted at once. Beyond it a note is dropped: the next use brings another.
const MOST: usize = 100_000;

/// What writes them, in one act.
type Write<K, V> = fn(&mut Work<'_>, &[(K, V)]) -> Result<(), Fault>;

/// The notes of this process that are not written yet, one a key.
pub struct Notes<K, V> {
    notes: Mutex<HashMap<K, V>>,
    merge: fn(V, V) -> V,
}

impl<K: Copy + Ord + Hash + Send + 'static, V: Clone + Send + 'static> Notes<K, V> {
    /// No notes yet; `merge` makes one of two.
    pub fn new(merge: fn(V, V) -> V) -> Self {
        Self { notes: Mutex::default(), merge }
    }

    /// Notes this of a key.
    pub fn note(&self, key: K, value: V) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let value = match notes.remove(&key) {
            Some(before) => (self.merge)(before, value),
            None => value,
        };
        if notes.len() < MOST {
            notes.insert(key, value);
        }
    }

    /// Writes the notes. What could not be written now is noted again; what cannot be at all is dropped.
    pub async fn flush(&self, ledger: &Ledger, now: DateTime<Utc>, write: Write<K, V>) -> Result<(), Fault> {
        let notes = self.take();
        if notes.is_empty() {
            return Ok(());
        }
        let rows = notes.clone();
        let written = ledger
            .act(&Context::operator(now), move |work| {
                work.nothing_to_tell("traffic, not an act");
                write(work, &rows).map(Ok)
            })
            .await;
        if written.as_ref().is_err_and(|fault| fault.kind() == FaultKind::Unavailable) {
            for (key, value) in notes {
                self.note(key, value);
            }
        }
        written.map(drop)
    }

    /// Sorted, so that two nodes lock rows in the same order.
    fn take(&self) -> Vec<(K, V)> {
        let notes = std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner));
        let mut notes: Vec<_> = notes.into_iter().collect();
        notes.sort_unstable_by_key(|(key, _)| *key);
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_notes_of_a_key_are_one_and_they_come_in_order() {
        let notes = Notes::new(u32::max);
        for (key, value) in [(2, 5), (1, 9), (1, 7), (2, 6)] {
            notes.note(key, value);
        }
        assert_eq!(notes.take(), [(1, 9), (2, 6)]);
        assert_eq!(notes.take(), []);
    }

    #[test]
    fn notes_are_bounded_and_what_is_noted_goes_on() {
        let notes = Notes::new(u32::max);
        for key in 0..=MOST {
            notes.note(key, 1);
        }
        notes.note(0, 2);
        let notes = notes.take();
        assert_eq!((notes.len(), notes.first()), (MOST, Some(&(0, 2))));
    }
}
