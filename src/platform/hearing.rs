//! How lately this process heard what is stale. What its caches hold is trusted as far as that, and no further.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whoever heard nothing for longer than this may have missed something: the way to the database hangs, or the
/// process slept. With the time it takes to hear, it keeps what was promised: a second, on every node.
const TRUSTED: Duration = Duration::from_millis(700);

/// What this process has heard, shared by its caches and by whoever listens for them.
///
/// Loads race with forgetting: one that began before something changed may end after it was forgotten. So each
/// forgetting has a number, and a load begins with a [`Claim`] on the number at that moment.
#[derive(Debug)]
pub struct Hearing {
    born: Instant,
    /// Nanoseconds since then; 0: never.
    heard: AtomicU64,
    forgettings: AtomicU64,
}

/// When a load began, good for every cache of this process.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    pub(super) forgettings: u64,
    pub(super) began: Instant,
}

/// The moment until which everything has been heard, if anything was ever.
#[derive(Clone, Copy, Debug)]
pub struct Heard(Option<Instant>);

impl Default for Hearing {
    fn default() -> Self {
        Self { born: Instant::now(), heard: AtomicU64::new(0), forgettings: AtomicU64::new(0) }
    }
}

impl Hearing {
    /// Says that whatever was committed before `moment` has been forgotten.
    pub fn heard_until(&self, moment: Instant) {
        let nanoseconds = moment.duration_since(self.born).as_nanos();
        self.heard.store(u64::try_from(nanoseconds).unwrap_or(u64::MAX).max(1), Ordering::SeqCst);
    }

    /// Says that nobody listens any more.
    pub fn hears_no_more(&self) {
        self.heard.store(0, Ordering::SeqCst);
    }

    /// Until when everything has been heard.
    pub fn heard(&self) -> Heard {
        let nanoseconds = self.heard.load(Ordering::SeqCst);
        Heard((nanoseconds > 0).then(|| self.born + Duration::from_nanos(nanoseconds)))
    }

    /// How long it is since; since the beginning, if never.
    pub fn silence(&self) -> Duration {
        self.heard().0.unwrap_or(self.born).elapsed()
    }

    /// To be called before something is loaded that shall be remembered.
    pub fn claim(&self) -> Claim {
        Claim { forgettings: self.forgettings.load(Ordering::SeqCst), began: Instant::now() }
    }

    /// The number of one more forgetting.
    pub(super) fn forgetting(&self) -> u64 {
        self.forgettings.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Heard {
    /// Whether that is enough at this moment.
    pub fn suffices(self, now: Instant) -> bool {
        self.0.is_some_and(|heard| now.duration_since(heard) < TRUSTED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_never_heard_anything_or_not_lately_is_not_trusted() {
        let hearing = Hearing::default();
        let start = Instant::now();
        assert!(!hearing.heard().suffices(start), "nobody listens yet");
        hearing.heard_until(start);
        assert!(hearing.heard().suffices(start) && hearing.heard().suffices(start + TRUSTED / 2));
        assert!(!hearing.heard().suffices(start + TRUSTED));
        hearing.hears_no_more();
        assert!(!hearing.heard().suffices(start));
    }
}
