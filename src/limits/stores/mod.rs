//! Where use is counted. One trait and three stores; one suite of tests holds for all (`tests/api/limits`).

pub mod measure;
pub mod memory;
pub mod postgres;
pub mod redis;

use futures_util::future::BoxFuture;

use crate::kernel::Fault;
use crate::limits::owner::Counter;
use crate::limits::stores::measure::{Measure, Reading};

/// Counts what is used, by a clock of its own, for as many nodes as there are. A fault means that nothing changed; one
/// that is a lost connection, that nobody knows.
pub trait LimitStore: Send + Sync {
    /// Takes what is asked, all of it or nothing; one answer each, in order. What does not fit says so.
    fn take<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>>;

    /// Says what [`LimitStore::take`] would, and takes nothing. Of nothing: only whether the store counts.
    fn peek<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>>;

    /// Takes back what was taken and not used, into the cell it was taken from.
    fn give_back<'a>(&'a self, unused: &'a [Unused]) -> BoxFuture<'a, Result<(), NotGivenBack>>;

    /// Forgets what was used under these.
    fn reset<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<(), Fault>>;

    /// Makes room: lets go of what counts no more. Called now and then, by any node.
    fn tidy(&self) -> BoxFuture<'_, Result<(), Fault>>;
}

/// What is asked of a store about one limit.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// Under which key.
    pub counter: Counter,
    /// How.
    pub measure: Measure,
    /// How much there is.
    pub quota: u64,
    /// How much of it.
    pub amount: u64,
    /// The most that may ever be taken beyond it, to be spent later; 0 where each counts.
    pub most: u64,
    /// What is taken beyond it this time, if there is enough: at most so much …
    pub at_most: u64,
    /// … and this part of what is left.
    pub share: u64,
    /// Whether to say so when most of it, and when all of it is used.
    pub warns: bool,
    /// What was taken earlier and goes back first, whatever becomes of the rest.
    pub back: Option<Unused>,
}

/// What a store answers.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whether there is as much as was asked for.
    pub fits: bool,
    /// What was taken beyond it.
    pub beyond: u64,
    /// What the store saw, what it took included.
    pub reading: Reading,
    /// How much was used for the first time in this window.
    pub milestone: Option<Milestone>,
    /// Since when it is counted, as a number: a counter that was forgotten begins anew with another.
    pub born: i64,
}

/// How much of a quota is used. Each is told once a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Milestone {
    /// Four fifths.
    Most,
    /// All of it; or there was too little for somebody.
    All,
}

/// What was taken and not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Unused {
    /// Under which key.
    pub counter: Counter,
    /// How it is measured.
    pub measure: Measure,
    /// The cell it was taken from.
    pub cell: i64,
    /// Since when that was counted: into a counter that was forgotten meanwhile nothing goes back.
    pub born: i64,
    /// How much.
    pub amount: u64,
}

/// What could not be given back.
#[derive(Debug)]
pub struct NotGivenBack {
    /// What was certainly not, and may be tried again. What is not in here nobody knows of, and it stays used.
    pub unused: Vec<Unused>,
    /// Why.
    pub why: Fault,
}

impl NotGivenBack {
    /// Of all of these, for this reason.
    pub fn all(unused: &[Unused], why: Fault) -> Self {
        let unused = if why.is_lost_connection() { Vec::new() } else { unused.to_vec() };
        Self { unused, why }
    }

    /// Adds this to what failed before.
    fn add_to(self, failed: &mut Option<Self>) {
        match failed {
            Some(failed) => failed.unused.extend(self.unused),
            None => *failed = Some(self),
        }
    }
}

impl Ask {
    /// What is taken for it by such an answer.
    pub fn taken(&self, answer: &Answer) -> Unused {
        let cell = self.measure.cell(answer.reading.now_us);
        let Self { counter, measure, amount, .. } = *self;
        Unused { counter, measure, cell, born: answer.born, amount }
    }

    /// What may be taken beyond the amount, of what would be left.
    fn beyond(&self, left: i64) -> i64 {
        (left / measure::signed(self.share).max(1)).clamp(0, measure::signed(self.at_most))
    }
}

impl Milestone {
    /// The one at this percentage.
    pub fn of_percent(percent: i32) -> Option<Self> {
        match percent {
            80 => Some(Self::Most),
            100 => Some(Self::All),
            _ => None,
        }
    }

    /// What is reached by this use.
    fn reached(used: i64, quota: i64, fits: bool) -> Option<Self> {
        match () {
            () if !fits || used >= quota => Some(Self::All),
            () if used * 5 >= quota * 4 => Some(Self::Most),
            () => None,
        }
    }
}
