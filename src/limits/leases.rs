//! What this node took beyond what it was asked for, to be spent without asking the store again.
//!
//! It is spent only until the end of the cell it was taken from, by a clock that never jumps and from before the store
//! was asked: so it counts in the window it is used in, however many nodes there are. What is left then is given back:
//! with the next question about it, or by itself if nobody asks.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use uuid::Uuid;

use crate::limits::owner::Counter;
use crate::limits::returns::{Return, Returns};
use crate::limits::stores::measure::{Level, Measure};
use crate::limits::stores::{Answer, Ask, Milestone, Unused};

/// A day's lease ends after this time all the same, so that a node that is asked no more keeps nothing.
const LONGEST: Duration = Duration::from_secs(60);

/// How long after its end a lease is given back at the latest, if its node lives and the store answers.
const TENDED: Duration = Duration::from_secs(1);

/// The leases of this node, and all else that it took and did not use.
pub(super) struct Leases {
    nodes: u64,
    /// Whether it takes anything beforehand.
    takes: bool,
    held: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    leases: HashMap<Uuid, Lease>,
    returns: Returns,
}

struct Lease {
    counter: Counter,
    measure: Measure,
    cell: i64,
    born: i64,
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
    /// When it was last heard from.
    heard_at: Instant,
}

/// What a lease had for somebody.
pub(super) enum Drawn {
    /// All of it; so the limit stands, and this was taken of it.
    All(Level, Unused),
    /// Too little, or nothing: the store is to be asked for the rest.
    Part(Option<Unused>),
}

impl Leases {
    /// For one of so many nodes.
    pub(super) fn new(nodes: u32, takes: bool) -> Self {
        Self { nodes: u64::from(nodes.max(1)), takes, held: Mutex::default() }
    }

    /// Draws on a lease, and says in the ask what to take besides, and what goes back.
    pub(super) fn draw(&self, ask: &mut Ask, now: Instant) -> Drawn {
        let mut book = self.book();
        let Book { leases, returns } = &mut *book;
        let mut part = None;
        if let Some(lease) = leases.get_mut(&ask.counter.key).filter(|_| ask.most > 0) {
            if lease.until <= now {
                returns.add(Return::of(lease.take(lease.left), now));
            } else if lease.left >= ask.amount {
                let drawn = lease.draw(ask.amount);
                return Drawn::All(lease.level(now, returns.of(ask.counter.key)), drawn);
            } else if lease.left > 0 {
                ask.amount -= lease.left;
                part = Some(lease.draw(lease.left));
            }
            if !lease.is_asking {
                lease.is_asking = true;
                ask.at_most = lease.appetite.min(ask.most);
                ask.share = 4 * self.nodes;
            }
        }
        ask.back = returns.pop(ask.counter.key);
        Drawn::Part(part)
    }

    /// Puts back what was taken for a call that did not go ahead.
    pub(super) fn put_back(&self, unused: Unused) {
        let mut book = self.book();
        let Book { leases, returns } = &mut *book;
        let lease = leases.get_mut(&unused.counter.key);
        match lease.filter(|lease| (lease.cell, lease.born) == (unused.cell, unused.born)) {
            Some(lease) => {
                lease.left += unused.amount;
                lease.spent = lease.spent.saturating_sub(unused.amount);
            }
            None => returns.add(Return::of(unused, Instant::now())),
        }
    }

    /// Keeps what the store gave beyond the ask. `asked_at`: before the store was.
    pub(super) fn keep(&self, ask: &Ask, answer: &Answer, asked_at: Instant) {
        if !self.takes || ask.most == 0 {
            return;
        }
        let mut book = self.book();
        let Book { leases, returns } = &mut *book;
        let fresh = Lease::of(ask, answer, asked_at);
        let Some(lease) = leases.get_mut(&ask.counter.key) else {
            leases.insert(ask.counter.key, fresh);
            return;
        };
        let over = match lease.cell.cmp(&fresh.cell) {
            Ordering::Equal if lease.born == fresh.born => return lease.top_up(fresh, asked_at),
            Ordering::Equal | Ordering::Less => {
                let appetite = lease.spent / 2;
                std::mem::replace(lease, Lease { appetite, ..fresh })
            }
            // Asked for in a cell that is over: somebody else was faster.
            Ordering::Greater => fresh,
        };
        returns.add(Return::of(over.unused(over.left), Instant::now()));
    }

    /// Nobody is out for more any longer.
    pub(super) fn come_back(&self, counter: Counter) {
        if let Some(lease) = self.book().leases.get_mut(&counter.key) {
            lease.is_asking = false;
        }
    }

    /// What is left under a key, be it on lease or on its way back.
    pub(super) fn left(&self, counter: Counter) -> u64 {
        let book = self.book();
        book.leases.get(&counter.key).map_or(0, |lease| lease.left) + book.returns.of(counter.key)
    }

    /// What is left in all, once a call's answer from this cell was kept: never more than there is, however many answers
    /// were on their way with it.
    pub(super) fn left_in_all(&self, counter: Counter, cell: i64, born: i64) -> Option<u64> {
        let book = self.book();
        let lease = book.leases.get(&counter.key).filter(|lease| (lease.cell, lease.born) == (cell, born));
        lease.map(|lease| lease.in_store + lease.left + book.returns.of(counter.key))
    }

    /// In how many microseconds there may be so much, because another node gives back what it has on lease; of what is
    /// left.
    pub(super) fn may_come_back_in_us(&self, ask: &Ask, amount: u64, left: u64) -> Option<i64> {
        let elsewhere = if self.takes { (self.nodes - 1) * ask.most } else { 0 };
        let is_enough = elsewhere > 0 && amount <= ask.quota.min(left + elsewhere);
        let us = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        let life_us = match ask.measure {
            Measure::Cells { unit_us, .. } => unit_us.min(us(LONGEST)),
            Measure::Months | Measure::Bucket { .. } => us(LONGEST),
        };
        is_enough.then_some(life_us + us(TENDED))
    }

    /// Keeps what a store said to a call that was broken off.
    pub(super) fn keep_untold(&self, counter: Counter, cell: i64, milestone: Milestone) {
        self.book().returns.keep_untold(counter.key, cell, milestone);
    }

    /// What is to be told, of what was said now and what nobody was told.
    pub(super) fn told(&self, counter: Counter, cell: i64, said: Option<Milestone>) -> Option<Milestone> {
        self.book().returns.told(counter.key, cell, said)
    }

    /// Forgets what is left under a key.
    pub(super) fn forget(&self, counter: Counter) {
        let mut book = self.book();
        book.leases.remove(&counter.key);
        book.returns.forget(counter.key);
    }

    /// Takes out what is to be given back: of leases that are over, or of all.
    pub(super) fn unused(&self, over_at: Option<Instant>) -> Vec<Return> {
        let mut book = self.book();
        let Book { leases, returns } = &mut *book;
        let now = Instant::now();
        let is_over = |lease: &Lease| over_at.is_none_or(|at| lease.until <= at);
        for (_, lease) in leases.extract_if(|_, lease| is_over(lease)) {
            returns.add(Return::of(lease.unused(lease.left), now));
        }
        returns.drain(now)
    }

    /// Keeps what could not be given back.
    pub(super) fn keep_unused(&self, unused: impl IntoIterator<Item = Return>) {
        let mut book = self.book();
        unused.into_iter().for_each(|one| book.returns.add(one));
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
            born: answer.born,
            until: asked_at + lasts(measure.ends_in_us(reading.now_us)).min(LONGEST),
            left: answer.beyond,
            spent: ask.amount,
            appetite: (ask.at_most * 2).max(1),
            is_asking: false,
            in_store: level.remaining,
            rises_at: asked_at + lasts(level.rises_in_us),
            heard_at: Instant::now(),
        }
    }

    fn top_up(&mut self, fresh: Self, asked_at: Instant) {
        self.left += fresh.left;
        self.spent += fresh.spent;
        self.until = self.until.max(fresh.until);
        self.appetite = self.appetite.max(fresh.appetite);
        self.is_asking = false;
        // Of two that were under way together the store answered the one later that it had less for.
        if asked_at >= self.heard_at || fresh.in_store <= self.in_store {
            self.in_store = fresh.in_store;
            self.rises_at = fresh.rises_at;
        }
        self.heard_at = fresh.heard_at;
    }

    fn draw(&mut self, amount: u64) -> Unused {
        self.spent += amount;
        self.take(amount)
    }

    fn take(&mut self, amount: u64) -> Unused {
        self.left -= amount;
        self.unused(amount)
    }

    /// `returning`: what else is this node's, and on its way back.
    fn level(&self, now: Instant, returning: u64) -> Level {
        let rises_in = self.rises_at.saturating_duration_since(now).as_micros();
        Level {
            remaining: self.in_store + self.left + returning,
            rises_in_us: i64::try_from(rises_in).unwrap_or(i64::MAX),
            fits_in_us: Some(0),
        }
    }

    fn unused(&self, amount: u64) -> Unused {
        Unused { counter: self.counter, measure: self.measure, cell: self.cell, born: self.born, amount }
    }
}
