//! What one call asks about each limit that binds it.

use crate::limits::limit::{Kind, Unit};
use crate::limits::rules::Applied;
use crate::limits::stores::measure::{Level, Measure};
use crate::limits::stores::{Answer, Ask, Unused};
use crate::limits::verdict::Verdict;

/// Not more than this part of a quota is taken at once.
const LEASED_PART: u64 = 20;

/// What a call uses.
#[derive(Clone, Copy)]
pub(super) struct Use {
    pub(super) requests: u64,
    pub(super) cost: u64,
}

/// A limit and what is asked about it.
pub(super) struct Asked<'a> {
    pub(super) applied: &'a Applied,
    /// Of the store: what a lease had of it is taken off.
    pub(super) ask: Ask,
    /// How much the call uses.
    pub(super) amount: u64,
    /// How the limit stands, if a lease had enough.
    pub(super) drawn: Option<Level>,
}

impl<'a> Asked<'a> {
    pub(super) fn of(applied: &'a Applied, call: Use) -> Self {
        let amount = match applied.terms.unit() {
            Unit::Requests => call.requests,
            Unit::Cost => call.cost,
        };
        let ask = ask(applied, amount);
        Self { applied, ask, amount: ask.amount, drawn: None }
    }

    /// Notes how a limit stands of which a lease had enough.
    pub(super) fn note_drawn(&self, verdict: &mut Verdict) {
        if let Some(mut level) = self.drawn {
            if !verdict.allowed {
                level.remaining += self.amount;
            }
            verdict.note(self.applied, level, true);
        }
    }

    /// The same of this node's share of the quota, of which there is always one.
    pub(super) fn on_this_node(&self, nodes: u64) -> Self {
        let quota = (self.ask.quota / nodes).max(self.ask.quota.min(1));
        let measure = Measure::of(self.applied.terms.kind(), quota);
        let ask =
            Ask { quota, measure, amount: self.amount, at_most: 0, warns: false, back: None, ..self.ask };
        Self { applied: self.applied, ask, amount: self.amount, drawn: None }
    }

    pub(super) fn level(&self, answer: &Answer) -> Level {
        self.ask.measure.level(&answer.reading, self.ask.quota, self.ask.amount)
    }

    /// What an answer to a concurrent limit is held under.
    pub(super) fn holds(&self, answer: &Answer) -> Option<Unused> {
        (self.is_concurrent() && self.amount > 0).then(|| self.ask.taken(answer))
    }

    /// Whether it is held, and not used up.
    pub(super) fn is_concurrent(&self) -> bool {
        matches!(self.applied.terms.kind(), Kind::Concurrent(_))
    }
}

/// What is asked about a limit for a call that uses so much of it.
pub(super) fn ask(applied: &Applied, amount: u64) -> Ask {
    let (kind, quota) = (applied.terms.kind(), applied.quota);
    let most = match kind {
        Kind::Sliding(_) | Kind::Calendar(_) => quota / LEASED_PART,
        Kind::Bucket(_) | Kind::Concurrent(_) => 0,
    };
    Ask {
        counter: applied.counter,
        measure: Measure::of(kind, quota),
        quota,
        // What is more than there ever is, is as much too much.
        amount: amount.min(quota + 1),
        most,
        at_most: 0,
        share: 1,
        warns: matches!(kind, Kind::Calendar(_)),
        back: None,
    }
}
