//! In memory: for one node, and for a node whose store does not answer.

use std::collections::HashMap;
use std::future::ready;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;
use uuid::Uuid;

use crate::kernel::Fault;
use crate::limits::stores::measure::{Cells, Reading, signed};
use crate::limits::stores::{Answer, Ask, LimitStore, Milestone, NotGivenBack, Unused};
use crate::platform::clock::Clock;

/// Counters kept at once; a million strangers cannot take more memory than this many.
const MOST_COUNTERS: usize = 500_000;

/// A store of this process alone.
pub struct MemoryStore {
    clock: Clock,
    counters: Mutex<HashMap<Uuid, Counted>>,
    births: AtomicI64,
}

#[derive(Default)]
struct Counted {
    born: i64,
    cells: Cells,
    /// What was told, and in which cell.
    told: Option<(i64, Milestone)>,
    over_at_us: i64,
}

impl MemoryStore {
    /// A store by this clock.
    pub fn new(clock: Clock) -> Self {
        Self { clock, counters: Mutex::default(), births: AtomicI64::default() }
    }

    /// Counts what goes ahead, be there room for it or not. What is too much to be kept is not.
    pub(in crate::limits) fn note(&self, asks: impl Iterator<Item = Ask>) {
        let mut counters = self.held();
        let now_us = self.clock.now().timestamp_micros();
        for ask in asks {
            if counters.len() < MOST_COUNTERS || counters.contains_key(&ask.counter.key) {
                counters.entry(ask.counter.key).or_insert_with(|| self.fresh()).count(&ask, now_us, 0);
            }
        }
    }

    /// What every question comes to, without waiting.
    pub(in crate::limits) fn ask(&self, asks: &[Ask], takes: bool) -> Result<Vec<Answer>, Fault> {
        let mut counters = self.held();
        // By the clock as it is now that nobody else counts, so that no cell is written that was already read.
        let now_us = self.clock.now().timestamp_micros();
        if takes {
            make_room(&mut counters, asks.len(), now_us)?;
            asks.iter().filter_map(|ask| ask.back.as_ref()).for_each(|back| take_back(&mut counters, back));
        }
        let nothing = Cells::new();
        let fits: Vec<bool> = asks
            .iter()
            .map(|ask| {
                let cells = counters.get(&ask.counter.key).map_or(&nothing, |counted| &counted.cells);
                ask.measure.fits(cells, now_us, signed(ask.quota), signed(ask.amount))
            })
            .collect();
        let all_fit = fits.iter().all(|fits| *fits);
        let answer = |(ask, fits): (&Ask, bool)| {
            if !takes {
                let cells = counters.get(&ask.counter.key).map(|counted| counted.cells.clone());
                let reading = Reading { now_us, cells: cells.unwrap_or_default() };
                return Answer { fits, beyond: 0, reading, milestone: None, born: 0 };
            }
            counters.entry(ask.counter.key).or_insert_with(|| self.fresh()).take(ask, now_us, fits, all_fit)
        };
        Ok(asks.iter().zip(fits).map(answer).collect())
    }

    fn fresh(&self) -> Counted {
        Counted { born: self.births.fetch_add(1, Ordering::Relaxed), ..Counted::default() }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Uuid, Counted>> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take_back(counters: &mut HashMap<Uuid, Counted>, unused: &Unused) {
    let counted = counters.get_mut(&unused.counter.key).filter(|counted| counted.born == unused.born);
    let cells = counted.into_iter().flat_map(|counted| counted.cells.iter_mut());
    for (_, used) in cells.filter(|(cell, _)| *cell == unused.cell) {
        *used = (*used - signed(unused.amount)).max(0);
    }
}

fn make_room(counters: &mut HashMap<Uuid, Counted>, more: usize, now_us: i64) -> Result<(), Fault> {
    if counters.len() + more > MOST_COUNTERS {
        counters.retain(|_, counted| counted.over_at_us > now_us);
    }
    if counters.len() + more > MOST_COUNTERS {
        return Err(Fault::unavailable("too many are counted at once"));
    }
    Ok(())
}

impl Counted {
    fn take(&mut self, ask: &Ask, now_us: i64, fits: bool, all_fit: bool) -> Answer {
        let (measure, quota, at_hand) = (ask.measure, signed(ask.quota), ask.measure.cell(now_us));
        self.cells.retain(|(cell, _)| measure.counts(*cell, at_hand));
        let mut beyond = 0;
        if all_fit {
            beyond = ask.beyond(quota - measure.used(&self.cells, now_us) - signed(ask.amount));
            self.count(ask, now_us, beyond);
        }
        self.over_at_us = self.over_at_us.max(now_us + measure.lasts_us());
        Answer {
            fits,
            beyond: u64::try_from(beyond).unwrap_or(0),
            milestone: self.milestone(ask, now_us, fits),
            born: self.born,
            reading: Reading { now_us, cells: self.cells.clone() },
        }
    }

    fn count(&mut self, ask: &Ask, now_us: i64, beyond: i64) {
        let at_hand = ask.measure.cell(now_us);
        self.cells.retain(|(cell, _)| ask.measure.counts(*cell, at_hand));
        ask.measure.add(&mut self.cells, now_us, signed(ask.amount) + beyond);
        self.over_at_us = self.over_at_us.max(now_us + ask.measure.lasts_us());
    }

    fn milestone(&mut self, ask: &Ask, now_us: i64, fits: bool) -> Option<Milestone> {
        let at_hand = ask.measure.cell(now_us);
        let told = self.told.filter(|(cell, _)| *cell == at_hand).map(|(_, told)| told);
        let used = ask.measure.used(&self.cells, now_us);
        let reached = Milestone::reached(used, signed(ask.quota), fits).filter(|_| ask.warns)?;
        (told < Some(reached)).then(|| {
            self.told = Some((at_hand, reached));
            reached
        })
    }
}

impl LimitStore for MemoryStore {
    fn take<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
        Box::pin(ready(self.ask(asks, true)))
    }

    fn peek<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<Vec<Answer>, Fault>> {
        Box::pin(ready(self.ask(asks, false)))
    }

    fn give_back<'a>(&'a self, unused: &'a [Unused]) -> BoxFuture<'a, Result<(), NotGivenBack>> {
        let mut counters = self.held();
        for unused in unused {
            take_back(&mut counters, unused);
        }
        Box::pin(ready(Ok(())))
    }

    fn reset<'a>(&'a self, asks: &'a [Ask]) -> BoxFuture<'a, Result<(), Fault>> {
        let mut counters = self.held();
        for ask in asks {
            counters.remove(&ask.counter.key);
        }
        Box::pin(ready(Ok(())))
    }

    fn tidy(&self) -> BoxFuture<'_, Result<(), Fault>> {
        let now_us = self.clock.now().timestamp_micros();
        self.held().retain(|_, counted| counted.over_at_us > now_us);
        Box::pin(ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use proptest::prelude::*;

    use super::*;
    use crate::limits::limit::{Kind, Period};
    use crate::limits::owner::Counter;
    use crate::limits::stores::measure::Measure;
    use crate::platform::clock::TestClock;

    /// A store and its clock, which stands at noon.
    fn noon() -> (MemoryStore, TestClock) {
        let clock = TestClock::starting_at(DateTime::from_timestamp(1_795_262_400, 0).expect("noon"));
        (MemoryStore::new(Clock::Test(clock.clone())), clock)
    }

    fn ask(kind: Kind, quota: u64, amount: u64) -> Ask {
        let counter = Counter { account: Uuid::nil(), key: Uuid::from_u128(1) };
        let measure = Measure::of(kind, quota);
        Ask { counter, measure, quota, amount, most: 0, at_most: 0, share: 1, warns: false, back: None }
    }

    fn takes(store: &MemoryStore, ask: Ask) -> bool {
        store.ask(&[ask], true).expect("an answer").iter().all(|answer| answer.fits)
    }

    proptest! {
        #[test]
        fn no_window_holds_more_than_its_quota(
            quota in 1u64..60,
            window_s in 1u32..100,
            calls in prop::collection::vec((0i64..9_000_000, 1u64..6), 1..200),
        ) {
            let (store, clock) = noon();
            let mut allowed: Vec<(i64, u64)> = Vec::new();
            for (pause_us, amount) in calls {
                clock.advance(TimeDelta::microseconds(pause_us));
                if takes(&store, ask(Kind::Sliding(window_s), quota, amount)) {
                    allowed.push((clock.now().timestamp_micros(), amount));
                }
            }
            let window_us = i64::from(window_s) * 1_000_000;
            for (from, _) in &allowed {
                let within = allowed.iter().filter(|(at, _)| (*from..=*from + window_us).contains(at));
                prop_assert!(within.map(|(_, amount)| amount).sum::<u64>() <= quota);
            }
        }

        #[test]
        fn what_is_refused_fits_when_it_was_said_to(
            quota in 1u64..60,
            kind in prop::sample::select(vec![
                Kind::Sliding(60), Kind::Bucket(60), Kind::Calendar(Period::Hour), Kind::Calendar(Period::Month),
            ]),
            calls in prop::collection::vec((0i64..9_000_000, 1u64..6), 1..100),
        ) {
            let (store, clock) = noon();
            for (pause_us, amount) in calls {
                clock.advance(TimeDelta::microseconds(pause_us));
                let ask = ask(kind, quota, amount);
                let answer = store.ask(&[ask], true).expect("an answer").remove(0);
                let level = ask.measure.level(&answer.reading, quota, amount);
                let Some(wait_us) = level.fits_in_us.filter(|_| !answer.fits) else { continue };
                prop_assert!(level.rises_in_us <= wait_us);
                clock.advance(TimeDelta::microseconds(wait_us - 1));
                prop_assert!(!takes(&store, ask), "not before");
                clock.advance(TimeDelta::microseconds(1));
                prop_assert!(takes(&store, ask), "but then");
            }
        }
    }

    #[test]
    fn a_clock_that_jumps_gives_at_most_one_window_and_blocks_nobody_for_ever() {
        for kind in [Kind::Sliding(60), Kind::Calendar(Period::Minute), Kind::Bucket(60)] {
            let (store, clock) = noon();
            let mut allowed = 0;
            for jump in [0, -3600, 7200, -3600, 0] {
                clock.advance(TimeDelta::seconds(jump));
                allowed += (0..10).filter(|_| takes(&store, ask(kind, 3, 1))).count();
            }
            assert!((3..=12).contains(&allowed), "{allowed} by {kind:?}");
            clock.advance(TimeDelta::seconds(2 * 3600 + 130));
            assert!(takes(&store, ask(kind, 3, 3)), "{kind:?}");
        }
    }

    #[test]
    fn a_million_strangers_take_bounded_memory() {
        let (store, clock) = noon();
        let stranger = |number: u128| {
            let counter = Counter { account: Uuid::nil(), key: Uuid::from_u128(number) };
            store.ask(&[Ask { counter, ..ask(Kind::Sliding(60), 3, 1) }], true).is_ok()
        };
        let most = MOST_COUNTERS as u128;
        assert!((0..most).all(stranger));
        assert!(!stranger(most), "nobody is forgotten for a stranger's sake");
        clock.advance(TimeDelta::seconds(66));
        assert!(stranger(most));
        assert!(store.held().len() < MOST_COUNTERS);
    }
}
