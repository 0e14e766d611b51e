//! What was taken of limits and not used, until the store has it again, or until it would count no more.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::limits::stores::measure::Measure;
use crate::limits::stores::{Milestone, Unused};

/// Kept at most while the store is away; what is more stays used until its window is over.
const MOST: usize = 100_000;

/// What is to be given back, by its key.
#[derive(Default)]
pub(super) struct Returns {
    waiting: HashMap<Uuid, Vec<Return>>,
    many: usize,
    /// What a store said to a call that was broken off: the next one tells it, if it is of the same window.
    untold: HashMap<Uuid, (i64, Milestone)>,
}

/// Something to be given back.
pub(super) struct Return {
    pub(super) unused: Unused,
    counts_until: Instant,
}

impl Return {
    /// Of something that was taken until now.
    pub(super) fn of(unused: Unused, now: Instant) -> Self {
        let lasts = Duration::from_micros(u64::try_from(unused.measure.lasts_us()).unwrap_or(0));
        Self { unused, counts_until: now + lasts }
    }
}

impl Returns {
    /// Adds what is to be given back. A bucket fills by itself.
    pub(super) fn add(&mut self, fresh: Return) {
        let Unused { counter, measure, cell, born, amount } = fresh.unused;
        if amount == 0 || matches!(measure, Measure::Bucket { .. }) {
            return;
        }
        let of_key = self.waiting.entry(counter.key).or_default();
        let same = |one: &&mut Return| (one.unused.cell, one.unused.born) == (cell, born);
        if let Some(same) = of_key.iter_mut().find(same) {
            same.unused.amount += amount;
        } else if self.many < MOST {
            of_key.push(fresh);
            self.many += 1;
        }
    }

    /// How much waits under a key.
    pub(super) fn of(&self, key: Uuid) -> u64 {
        self.waiting.get(&key).into_iter().flatten().map(|one| one.unused.amount).sum()
    }

    /// Takes out something of a key.
    pub(super) fn pop(&mut self, key: Uuid) -> Option<Unused> {
        let of_key = self.waiting.get_mut(&key)?;
        let popped = of_key.pop();
        if of_key.is_empty() {
            self.waiting.remove(&key);
        }
        self.many -= usize::from(popped.is_some());
        popped.map(|one| one.unused)
    }

    /// Takes out all that counts still.
    pub(super) fn drain(&mut self, now: Instant) -> Vec<Return> {
        self.many = 0;
        let all = std::mem::take(&mut self.waiting).into_values().flatten();
        all.filter(|one| one.counts_until > now).collect()
    }

    /// Forgets what waits under a key.
    pub(super) fn forget(&mut self, key: Uuid) {
        self.many -= self.waiting.remove(&key).map_or(0, |of_key| of_key.len());
        self.untold.remove(&key);
    }

    /// Keeps what nobody was told.
    pub(super) fn keep_untold(&mut self, key: Uuid, cell: i64, milestone: Milestone) {
        if self.untold.len() < MOST {
            let kept = self.untold.entry(key).or_insert((cell, milestone));
            *kept = (cell, milestone).max(*kept);
        }
    }

    /// What is to be told in this cell, of what was said now and before.
    pub(super) fn told(&mut self, key: Uuid, cell: i64, said: Option<Milestone>) -> Option<Milestone> {
        match self.untold.remove(&key) {
            Some((kept_in, kept)) if kept_in == cell => said.max(Some(kept)),
            _ => said,
        }
    }
}
