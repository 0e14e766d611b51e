//! Penalties: whoever goes on far beyond their limits is shut out for a while, and the store is spared.
//!
//! They live in memory, a node for itself. Off, unless the settings say how many refusals are too many.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// Callers that are watched at once; a million of them cannot take more memory than this many.
const MOST: usize = 65_536;

/// Refusals are counted by the minute.
const MINUTE: TimeDelta = TimeDelta::seconds(60);

#[derive(Clone, Copy)]
struct Watched {
    since: DateTime<Utc>,
    refusals: u32,
    shut_out_until: Option<DateTime<Utc>>,
}

/// Those of this node.
pub struct Penalties {
    refusals: u32,
    length: TimeDelta,
    watched: Mutex<HashMap<Uuid, Watched>>,
    /// When the last penalty is over, in microseconds. Most of the time that is past, and nobody has to look.
    quiet_from: AtomicI64,
}

impl Penalties {
    /// For more refusals than this within a minute, this many seconds. 0 refusals: there are no penalties.
    pub fn new(refusals: u32, seconds: u32) -> Self {
        Self {
            refusals,
            length: TimeDelta::seconds(seconds.into()),
            watched: Mutex::default(),
            quiet_from: AtomicI64::new(i64::MIN),
        }
    }

    /// Whether anybody can be shut out.
    pub fn are_on(&self) -> bool {
        self.refusals > 0
    }

    /// Seconds that a caller is shut out for yet.
    pub fn left(&self, caller: Uuid, now: DateTime<Utc>) -> Option<u32> {
        if now.timestamp_micros() >= self.quiet_from.load(Ordering::Acquire) {
            return None;
        }
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let left = watched.get(&caller)?.shut_out_until? - now;
        let seconds = u32::try_from(left.num_milliseconds()).ok()?.div_ceil(1000);
        (seconds > 0).then_some(seconds)
    }

    /// Counts a call that was too much; whether the caller is shut out from now on.
    pub fn refused(&self, caller: Uuid, now: DateTime<Utc>) -> bool {
        if !self.are_on() {
            return false;
        }
        let mut all = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= MOST && !all.contains_key(&caller) {
            make_room(&mut all, now);
        }
        let anew = Watched { since: now, refusals: 0, shut_out_until: None };
        let watched = all.entry(caller).or_insert(anew);
        if watched.is_over(now) {
            *watched = anew;
        }
        watched.refusals = watched.refusals.saturating_add(1);
        let is_shut_out = watched.refusals > self.refusals && watched.shut_out_until.is_none();
        if is_shut_out {
            let until = now + self.length;
            watched.shut_out_until = Some(until);
            self.quiet_from.fetch_max(until.timestamp_micros(), Ordering::Release);
        }
        is_shut_out
    }
}

impl Watched {
    fn is_over(&self, now: DateTime<Utc>) -> bool {
        now >= self.shut_out_until.unwrap_or(self.since + MINUTE)
    }
}

/// Forgets who is free; where all are shut out, everybody.
fn make_room(all: &mut HashMap<Uuid, Watched>, now: DateTime<Utc>) {
    all.retain(|_, watched| !watched.is_over(now));
    if all.len() >= MOST {
        all.retain(|_, watched| watched.shut_out_until.is_some());
    }
    if all.len() >= MOST {
        all.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BAD: Uuid = Uuid::from_u128(1);
    const GOOD: Uuid = Uuid::from_u128(2);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    #[test]
    fn whoever_goes_on_is_shut_out_for_a_while_and_others_are_not() {
        let penalties = Penalties::new(2, 30);
        for second in 0..2 {
            assert!(!penalties.refused(BAD, at(second)));
            assert_eq!(penalties.left(BAD, at(second)), None);
        }
        assert!(penalties.refused(BAD, at(2)));
        assert_eq!((penalties.left(BAD, at(2)), penalties.left(GOOD, at(2))), (Some(30), None));
        // Asking on makes it no longer.
        assert!(!penalties.refused(BAD, at(20)), "once a time");
        assert_eq!((penalties.left(BAD, at(31)), penalties.left(BAD, at(32))), (Some(1), None));
        penalties.refused(BAD, at(33));
        assert_eq!(penalties.left(BAD, at(33)), None, "it begins anew");
    }

    #[test]
    fn refusals_count_by_the_minute_and_not_at_all_when_off() {
        let (slow, off) = (Penalties::new(1, 30), Penalties::new(0, 30));
        for minute in 0..5 {
            slow.refused(BAD, at(minute * 60));
            off.refused(BAD, at(minute));
            assert_eq!((slow.left(BAD, at(minute * 60)), off.left(BAD, at(minute))), (None, None));
        }
    }

    #[test]
    fn a_million_callers_take_bounded_memory() {
        let penalties = Penalties::new(1, 30);
        for caller in 0..u128::try_from(MOST).unwrap() + 1000 {
            penalties.refused(Uuid::from_u128(caller), at(0));
        }
        assert!(penalties.watched.lock().unwrap().len() <= MOST);
    }
}
