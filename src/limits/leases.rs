//! What this node took beyond what it was asked for, to be spent without asking the store again.
//!
//! It is spent only until the end of the cell it was taken from, by a clock that never jumps and from before the store
//! was asked: so it counts in the window it is used in, however many nodes there are. What is left then is given back.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::limits::owner::Counter;
use crate::limits::stores::measure::{Level, Measure};
use crate::limits::stores::{Answer, Ask, Unused};

/// A day's lease ends after this time all the same, so that a node that is asked no more keeps nothing.
const LONGEST: Duration = Duration::from_secs(60);

/// The leases of this node.
pub(super) struct Leases {
    nodes: u64,
    held: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    leases: HashMap<Uuid, Lease>,
    unused: Vec<Unused>,
}

struct Lease {
    counter: Counter,
    measure: Measure,
    cell: i64,
    until: Instant,
    left: u64,
    /// What was spent of it, and so will be wanted again.
    spent: u64,
    /// What to take next: twice as much each time all was spent.
    appetite: u64,
    /// Somebody is out for more, and others take what they need alone.
    is_asking: bool,
    /// What the store had left, and when it will have more.
    in_store: u64,
    rises_at: Instant,
}

/// What a lease had for somebody.
pub(super) enum Drawn {
    /// All of it; so the limit stands, and it was taken from this cell.
    All(Level, i64),
    /// Nothing: the store is to be asked.
    Nothing,
}

impl Leases {
    /// For one of so many nodes.
    pub(super) fn new(nodes: u32) -> Self {
        Self { nodes: u64::from(nodes.max(1)), held: Mutex::default() }
    }

    /// Draws on a lease, or says in the ask what to take beyond it.
    pub(super) fn draw(&self, ask: &mut Ask, now: Instant) -> Drawn {
        if ask.most == 0 {
            return Drawn::Nothing;
        }
        let mut book = self.book();
        let Some(lease) = book.leases.get_mut(&ask.counter.key) else { return Drawn::Nothing };
        if lease.until > now && lease.left >= ask.amount {
            lease.left -= ask.amount;
            lease.spent += ask.amount;
            return Drawn::All(lease.level(now), lease.cell);
        }
        if !lease.is_asking {
            lease.is_asking = true;
            ask.at_most = lease.appetite.min(ask.most);
            ask.share = 4 * self.nodes;
        }
        Drawn::Nothing
    }

    /// Puts back what was drawn for a call that was refused.
    pub(super) fn put_back(&self, ask: &Ask, cell: i64) {
        let mut book = self.book();
        let unused = Unused { counter: ask.counter, measure: ask.measure, cell, amount: ask.amount };
        match book.leases.get_mut(&ask.counter.key).filter(|lease| lease.cell == cell) {
            Some(lease) => {
                lease.left += ask.amount;
                lease.spent = lease.spent.saturating_sub(ask.amount);
            }
            None => book.unused.push(unused),
        }
    }

    /// Keeps what the store gave beyond the ask. `asked_at`: before the store was.
    pub(super) fn keep(&self, ask: &Ask, answer: &Answer, asked_at: Instant) {
        if ask.most == 0 {
            return;
        }
        let mut book = self.book();
        let fresh = Lease::of(ask, answer, asked_at);
        let Some(lease) = book.leases.get_mut(&ask.counter.key) else {
            book.leases.insert(ask.counter.key, fresh);
            return;
        };
        match lease.cell.cmp(&fresh.cell) {
            Ordering::Equal => lease.top_up(fresh),
            Ordering::Less => {
                let appetite = lease.spent / 2;
                let old = std::mem::replace(lease, Lease { appetite, ..fresh });
                book.unused.extend(old.unused());
            }
            // Asked for in a cell that is over: somebody else was faster.
            Ordering::Greater => book.unused.extend(fresh.unused()),
        }
    }

    /// Nobody is out for more any longer: the store refused, or said nothing.
    pub(super) fn come_back(&self, ask: &Ask) {
        if let Some(lease) = self.book().leases.get_mut(&ask.counter.key) {
            lease.is_asking = false;
        }
    }

    /// What is left under a key.
    pub(super) fn left(&self, counter: Counter, now: Instant) -> u64 {
        self.book().leases.get(&counter.key).filter(|lease| lease.until > now).map_or(0, |lease| lease.left)
    }

    /// Forgets what is left under a key.
    pub(super) fn forget(&self, counter: Counter) {
        self.book().leases.remove(&counter.key);
    }

    /// Takes out what is to be given back: of leases that are over, or of all.
    pub(super) fn unused(&self, over_at: Option<Instant>) -> Vec<Unused> {
        let mut book = self.book();
        let is_over = |lease: &Lease| over_at.is_none_or(|now| lease.until <= now);
        let mut unused = std::mem::take(&mut book.unused);
        unused.extend(
            book.leases.extract_if(|_, lease| is_over(lease)).filter_map(|(_, lease)| lease.unused()),
        );
        unused
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    fn of(ask: &Ask, answer: &Answer, asked_at: Instant) -> Self {
        let (measure, reading) = (ask.measure, &answer.reading);
        let level = measure.level(reading, ask.quota, 0);
        let lasts = |us: i64| Duration::from_micros(u64::try_from(us).unwrap_or(0));
        Self {
            counter: ask.counter,
            measure,
            cell: measure.cell(reading.now_us),
            until: asked_at + lasts(measure.ends_in_us(reading.now_us)).min(LONGEST),
            left: answer.beyond,
            spent: ask.amount,
            appetite: (ask.at_most * 2).max(1),
            is_asking: false,
            in_store: level.remaining,
            rises_at: asked_at + lasts(level.rises_in_us),
        }
    }

    fn top_up(&mut self, fresh: Self) {
        self.left += fresh.left;
        self.spent += fresh.spent;
        self.until = self.until.max(fresh.until);
        self.appetite = self.appetite.max(fresh.appetite);
        self.is_asking = false;
        self.in_store = fresh.in_store;
        self.rises_at = fresh.rises_at;
    }

    fn level(&self, now: Instant) -> Level {
        let rises_in = self.rises_at.saturating_duration_since(now).as_micros();
        Level {
            remaining: self.in_store + self.left,
            rises_in_us: i64::try_from(rises_in).unwrap_or(i64::MAX),
            fits_in_us: Some(0),
        }
    }

    fn unused(self) -> Option<Unused> {
        let Self { counter, measure, cell, left: amount, .. } = self;
        (amount > 0).then_some(Unused { counter, measure, cell, amount })
    }
}
