//! Time. Read once per request, at the door; below it, `now` is a value.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Datelike as _, Duration, Utc};

/// Where `now` comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that stands still until it is moved, for tests.
    Test(TestClock),
}

impl Clock {
    /// The present moment, at the microsecond precision Postgres keeps, so that what is stored and read back
    /// compares equal.
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    pub fn now(&self) -> DateTime<Utc> {
        let now = match self {
            Self::System => Utc::now(),
            Self::Test(clock) => clock.now(),
        };
        DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now)
    }
}

/// A hand-moved clock, shared by all who hold a clone.
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicI64>);

impl TestClock {
    /// Starts at the given moment.
    pub fn starting_at(start: DateTime<Utc>) -> Self {
        Self(Arc::new(AtomicI64::new(start.timestamp_micros())))
    }

    /// The moment it shows.
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }

    /// Moves it on (or back, by a negative span).
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.num_microseconds().unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

/// A moment that a stranger names in microseconds, within the years that the database knows, too.
pub fn moment_of_micros(text: &str) -> Option<DateTime<Utc>> {
    let moment = DateTime::from_timestamp_micros(text.parse().ok()?)?;
    (1970..10_000).contains(&moment.year()).then_some(moment)
}
