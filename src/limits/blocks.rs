//! Whom this node shut out is told in the log of events: by and by, so that no request waits for it, and once an hour of
//! each, so that a flood of failures is no flood of events.
//!
//! It is noted in memory. What was not told yet when the hour began is told after it; with the process it is lost.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::audit::{Event, Ledger};
use crate::kernel::Fault;
use crate::limits::guard::Failed;
use crate::platform::client_ip::Network;
use crate::platform::context::Context;

/// Who are told of in an hour, at most: whoever has a million networks does not get a million events.
const MOST: usize = 1024;

/// Nobody is told of again before that.
const PAUSE: TimeDelta = TimeDelta::hours(1);

/// Who is shut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shut {
    /// A network that failed at this too often.
    Network(Failed, Network),
    /// A caller who went on far beyond their limits.
    Caller(Uuid),
}

/// Whom this node shut out within the hour.
#[derive(Default)]
pub struct Blocks {
    noted: Mutex<HashMap<Shut, Noted>>,
    /// How often it was somebody for whom there was no room.
    untold: AtomicU64,
}

struct Noted {
    /// The event, and the first request that it is to tell of.
    event: Event,
    context: Context,
    /// How often they were shut out since it was told.
    times: u32,
    told_at: Option<DateTime<Utc>>,
}

impl Blocks {
    /// Notes that somebody is shut out from this request on. It is told as `event`, with `data.times`.
    pub fn note(&self, who: Shut, context: &Context, event: impl FnOnce() -> Event) {
        let mut noted = self.held();
        if noted.len() >= MOST && !noted.contains_key(&who) {
            noted.retain(|_, one| !one.is_over(context.now));
            if noted.len() >= MOST {
                self.untold.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        let new = || Noted { event: event(), context: context.clone(), times: 0, told_at: None };
        let one = noted.entry(who).or_insert_with(new);
        if one.times == 0 {
            one.context = context.clone();
        }
        one.times = one.times.saturating_add(1);
    }

    /// Tells what is due.
    pub async fn flush(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), Fault> {
        let untold = self.untold.swap(0, Ordering::Relaxed);
        if untold > 0 {
            log::warn!("shut out {untold} times whom no event tells of: too many others were");
        }
        let mut due = self.take(now).into_iter();
        while let Some(one) = due.next() {
            if let Err(fault) = one.tell(ledger).await {
                [one].into_iter().chain(due).for_each(|one| self.put_back(one));
                return Err(fault);
            }
        }
        Ok(())
    }

    /// Takes out what is due. What is noted meanwhile is told another time.
    fn take(&self, now: DateTime<Utc>) -> Vec<Due> {
        let mut noted = self.held();
        let due = noted.iter_mut().filter(|(_, one)| one.is_due(now));
        due.map(|(who, one)| Due {
            who: *who,
            event: one.event.clone(),
            context: one.context.clone(),
            times: std::mem::take(&mut one.times),
            told_before: one.told_at.replace(now),
        })
        .collect()
    }

    fn put_back(&self, due: Due) {
        if let Some(one) = self.held().get_mut(&due.who) {
            one.times = one.times.saturating_add(due.times);
            (one.context, one.told_at) = (due.context, due.told_before);
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Shut, Noted>> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be told of somebody now.
struct Due {
    who: Shut,
    event: Event,
    context: Context,
    times: u32,
    told_before: Option<DateTime<Utc>>,
}

impl Due {
    async fn tell(&self, ledger: &Ledger) -> Result<(), Fault> {
        let mut event = self.event.clone();
        if let Some(data) = event.data.as_object_mut() {
            data.insert("times".to_owned(), json!(self.times));
        }
        let told = ledger.act(&self.context, move |work| work.tell_once(vec![event]).map(Ok)).await?;
        told.map_err(|_| Fault::internal("an event was refused"))
    }
}

impl Noted {
    fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.times > 0 && self.told_at.is_none_or(|told| now - told >= PAUSE)
    }

    fn is_over(&self, now: DateTime<Utc>) -> bool {
        self.times == 0 && self.told_at.is_none_or(|told| now - told >= PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Actor, Kind};

    fn at(seconds: i64) -> Context {
        Context::operator(DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds))
    }

    fn event() -> Event {
        Event::new(Kind::CallerShutOut, Actor::Anonymous)
    }

    #[test]
    fn a_million_who_are_shut_out_take_bounded_memory() {
        let blocks = Blocks::default();
        for who in 0..u128::try_from(MOST).unwrap() + 5 {
            blocks.note(Shut::Caller(Uuid::from_u128(who)), &at(0), event);
            blocks.note(Shut::Caller(Uuid::from_u128(0)), &at(1), event);
        }
        assert_eq!(blocks.held().len(), MOST);
        assert_eq!(blocks.untold.load(Ordering::Relaxed), 5);
        // Who was told of makes room, an hour later.
        for one in blocks.held().values_mut() {
            (one.times, one.told_at) = (0, Some(at(0).now));
        }
        for (seconds, many) in [(3599, MOST), (3600, 1)] {
            blocks.note(Shut::Caller(Uuid::from_u128(u128::MAX)), &at(seconds), event);
            assert_eq!(blocks.held().len(), many, "{seconds}");
        }
    }

    #[test]
    fn who_was_told_of_is_due_again_after_an_hour_and_with_the_request_that_came_first() {
        let (blocks, who) = (Blocks::default(), Shut::Caller(Uuid::from_u128(1)));
        let due = |seconds: i64| blocks.held().values().any(|one| one.is_due(at(seconds).now));
        blocks.note(who, &at(0), event);
        assert!(due(0));
        for one in blocks.held().values_mut() {
            (one.times, one.told_at) = (0, Some(at(5).now));
        }
        assert!(!due(9999), "nothing is to be told");
        blocks.note(who, &at(60), event);
        blocks.note(who, &at(120), event);
        assert_eq!((due(3604), due(3605)), (false, true));
        let held = blocks.held();
        let one = held.values().next().unwrap();
        assert_eq!((one.times, one.context.now), (2, at(60).now));
    }
}
