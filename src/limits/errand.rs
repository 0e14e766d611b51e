//! What is asked of the store for a call. It is done to its end, whoever waits for it: what it took for nobody goes back.

use std::sync::Arc;
use std::time::Instant;

use crate::kernel::Fault;
use crate::limits::leases::Leases;
use crate::limits::owner::Counter;
use crate::limits::returns::Return;
use crate::limits::stores::{Answer, Ask, LimitStore, Milestone, Unused};

/// What a call has in hand. What it has not spent when it ends, however it ends, goes back.
pub(super) struct Hand {
    leases: Arc<Leases>,
    unused: Vec<Unused>,
    untold: Vec<(Counter, i64, Milestone)>,
}

impl Hand {
    /// An empty one.
    pub(super) fn of(leases: &Arc<Leases>) -> Self {
        Self { leases: Arc::clone(leases), unused: Vec::new(), untold: Vec::new() }
    }

    /// Takes something up.
    pub(super) fn take_up(&mut self, unused: Unused) {
        self.unused.push(unused);
    }

    /// The call goes ahead, or took nothing; and what the store said was heard.
    pub(super) fn spend(mut self) {
        self.unused.clear();
        self.untold.clear();
    }

    /// The call went ahead without hearing the store, and used this of these counters.
    pub(super) fn spend_unheard(mut self, counters: &[Counter]) {
        self.unused.retain(|unused| !counters.contains(&unused.counter));
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        self.unused.drain(..).for_each(|unused| self.leases.put_back(unused));
        for (counter, cell, milestone) in self.untold.drain(..) {
            self.leases.keep_untold(counter, cell, milestone);
        }
    }
}

/// What the store said, and what it gave.
pub(super) struct Taken {
    pub(super) answers: Vec<Answer>,
    pub(super) hand: Hand,
}

/// Something to be taken.
pub(super) struct Errand {
    leases: Arc<Leases>,
    /// Until it begins.
    asks: Vec<Ask>,
}

impl Errand {
    /// For what was drawn too little of.
    pub(super) fn new(leases: &Arc<Leases>, asks: Vec<Ask>) -> Self {
        Self { leases: Arc::clone(leases), asks }
    }

    /// Asks the store.
    pub(super) async fn run(mut self, store: Arc<dyn LimitStore>) -> Result<Taken, Fault> {
        let (asks, asked_at) = (std::mem::take(&mut self.asks), Instant::now());
        match store.take(&asks).await {
            Ok(answers) => Ok(self.keep(&asks, answers, asked_at)),
            Err(fault) => {
                self.come_back(&asks, !fault.is_lost_connection());
                Err(fault)
            }
        }
    }

    fn keep(&self, asks: &[Ask], answers: Vec<Answer>, asked_at: Instant) -> Taken {
        let mut hand = Hand::of(&self.leases);
        let allowed = answers.iter().all(|answer| answer.fits);
        for (ask, answer) in asks.iter().zip(&answers) {
            let taken = ask.taken(answer);
            hand.untold.extend(answer.milestone.map(|milestone| (ask.counter, taken.cell, milestone)));
            if allowed {
                self.leases.keep(ask, answer, asked_at);
                hand.take_up(taken);
            } else {
                self.leases.come_back(ask.counter);
            }
        }
        Taken { answers, hand }
    }

    fn come_back(&self, asks: &[Ask], unchanged: bool) {
        for ask in asks {
            self.leases.come_back(ask.counter);
        }
        let back = asks.iter().filter_map(|ask| ask.back).filter(|_| unchanged);
        self.leases.keep_unused(back.map(|unused| Return::of(unused, Instant::now())));
    }
}

impl Drop for Errand {
    /// If it never began.
    fn drop(&mut self) {
        self.come_back(&self.asks, true);
    }
}
