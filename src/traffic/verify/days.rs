//! The days of the request log: which there are, and which may be gone.

use std::collections::BTreeSet;

use chrono::{DateTime, Days as Many, NaiveDate, NaiveTime, TimeDelta, Utc};

use crate::audit::{Kind, earliest};
use crate::kernel::Fault;
use crate::platform::db::{Connection, LogRetention, partitions};
use crate::traffic::verify::Scope;

/// Partitions are made for some days that are to come.
const AHEAD: TimeDelta = TimeDelta::days(8);

/// What became of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Day {
    /// It is there.
    There,
    /// It is gone, and may be.
    Dropped,
    /// It is gone, and was to be kept.
    Lost,
}

/// What there is.
pub(super) struct Days {
    /// The days of which calls are there,
    calls: BTreeSet<NaiveDate>,
    /// and those of which batches are.
    batches: BTreeSet<NaiveDate>,
    /// When the log began, as far as anything tells.
    began: Option<DateTime<Utc>>,
    /// Where reading begins, at the earliest,
    first: DateTime<Utc>,
    /// and the first moment of what nobody may have dropped yet.
    kept_since: DateTime<Utc>,
}

impl Days {
    /// Asks what there is. That a day is gone is no reason to believe that it was dropped: that is said by how long calls
    /// are kept, and by nothing in the database.
    pub(super) fn of(connection: &mut Connection, scope: &Scope) -> Result<Self, Fault> {
        let all = partitions(connection, scope.now.date_naive(), scope.retention)?;
        let of = |table: &str| -> BTreeSet<NaiveDate> {
            let own = all.iter().filter(|part| part.parent == table && !part.name.is_empty());
            own.filter(|part| !part.is_pending).map(|part| part.starts).collect()
        };
        let (calls, batches) = (of("request_log"), of("request_batches"));
        let first = calls.first().copied().map(midnight);
        let told = earliest(connection, Kind::TrafficSealed)?;
        let (kept_since, began) = (kept_since(scope), first.into_iter().chain(told).min());
        let first = first.map_or(kept_since, |first| first.min(kept_since));
        Ok(Self { calls, batches, began, first, kept_since })
    }

    /// The days to be read, and of the first and the last what was asked for.
    pub(super) fn times(&self, scope: &Scope) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let Some(began) = self.began else { return Vec::new() };
        let until = scope.until.min(scope.now + AHEAD);
        let mut since = scope.since.max(self.first).max(began);
        let mut times = Vec::new();
        while since < until {
            let next = midnight(since.date_naive() + Many::new(1));
            times.push((since, next.min(until)));
            since = next;
        }
        times
    }

    /// What became of the calls of this moment.
    pub(super) fn calls(&self, at: DateTime<Utc>) -> Day {
        self.day(&self.calls, at)
    }

    /// And of the batches.
    pub(super) fn batches(&self, at: DateTime<Utc>) -> Day {
        self.day(&self.batches, at)
    }

    fn day(&self, there: &BTreeSet<NaiveDate>, at: DateTime<Utc>) -> Day {
        match there.contains(&at.date_naive()) {
            true => Day::There,
            false if at < self.kept_since => Day::Dropped,
            false => Day::Lost,
        }
    }
}

/// The first moment of what nobody may have dropped yet.
fn kept_since(scope: &Scope) -> DateTime<Utc> {
    let LogRetention::Days(days) = scope.retention else { return DateTime::UNIX_EPOCH };
    let first = scope.now.date_naive().checked_sub_days(Many::new(days.into()));
    first.map_or(DateTime::UNIX_EPOCH, midnight)
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn scope(since: &str, until: &str) -> Scope {
        let now = at("2026-11-21T12:00:00Z");
        Scope { since: at(since), until: at(until), now, retention: LogRetention::Days(2) }
    }

    fn days(began: Option<&str>) -> Days {
        let kept_since = kept_since(&scope("2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"));
        let calls = BTreeSet::from(["2026-11-18", "2026-11-20"].map(|day| day.parse().unwrap()));
        Days { calls, batches: BTreeSet::new(), began: began.map(at), first: kept_since, kept_since }
    }

    #[test]
    fn a_day_may_be_gone_when_it_is_old_enough_and_no_earlier() {
        let days = days(None);
        let found = [17, 18, 19, 20].map(|day| days.calls(at(&format!("2026-11-{day}T12:00:00Z"))));
        assert_eq!(found, [Day::Dropped, Day::There, Day::Lost, Day::There]);
    }

    #[test]
    fn it_is_read_day_by_day_from_what_is_kept_on() {
        let days = days(Some("2026-01-01T00:00:00Z"));
        let times = days.times(&scope("2020-01-01T00:00:00Z", "2026-11-20T05:00:00Z"));
        let expected = [
            (at("2026-11-19T00:00:00Z"), at("2026-11-20T00:00:00Z")),
            (at("2026-11-20T00:00:00Z"), at("2026-11-20T05:00:00Z")),
        ];
        assert_eq!(times, expected);
        assert_eq!(days.times(&scope("2026-11-20T00:00:00Z", "9999-01-01T00:00:00Z")).len(), 10);
    }

    #[test]
    fn before_it_began_there_is_nothing_to_read() {
        let whole = scope("2020-01-01T00:00:00Z", "2026-11-22T00:00:00Z");
        assert_eq!(days(None).times(&whole), []);
        let began = "2026-11-21T11:00:00Z";
        assert_eq!(days(Some(began)).times(&whole), [(at(began), at("2026-11-22T00:00:00Z"))]);
    }
}
