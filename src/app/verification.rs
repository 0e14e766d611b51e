//! Verifying the log of events, by the command and by the server: with the months that are to be there, and with the keys
//! that sign checkpoints.

use std::collections::BTreeSet;

use chrono::{DateTime, Days, Months, NaiveDate, Utc};

use crate::app::checkpoints::is_signed;
use crate::app::database::known_master_key;
use crate::app::settings::Settings;
use crate::audit::api::Auditor;
use crate::audit::chain::{Kept, Report, Scope, Statement, verify};
use crate::kernel::Fault;
use crate::platform::clock::Clock;
use crate::platform::db::{self, Connection, Db, LogRetention};
use crate::signing::MasterKey;
use crate::signing::store::all as all_keys;

/// What we know, and the database need not say.
pub(super) struct Ours {
    /// How long events are kept.
    pub(super) retention: LogRetention,
    /// What opens our signing keys.
    pub(super) master: Option<MasterKey>,
}

/// What is to be verified.
pub(super) struct Asked<'a> {
    /// Only the events sealed from here on are read.
    pub(super) from: Option<DateTime<Utc>>,
    /// Only the events sealed before this.
    pub(super) to: Option<DateTime<Utc>>,
    /// Checkpoints that were kept elsewhere.
    pub(super) elsewhere: &'a [Statement],
    /// Whether there is time for more.
    pub(super) may_go_on: &'a dyn Fn() -> bool,
}

/// Verifies the log.
pub(super) fn verified(
    connection: &mut Connection,
    ours: &Ours,
    today: NaiveDate,
    asked: &Asked<'_>,
) -> Result<Report, Fault> {
    let retention = ours.retention;
    let (months, keys) = (months(connection, today, retention)?, all_keys(connection)?);
    let scope = Scope {
        from: asked.from,
        to: asked.to,
        kept: Kept { months, may_be_gone: &|month| may_be_gone(month, today, retention) },
        signed: &|checkpoint| is_signed(checkpoint, &keys, ours.master.as_ref()),
        elsewhere: asked.elsewhere,
        may_go_on: asked.may_go_on,
    };
    verify(connection, &scope)
}

/// Who verifies for callers of the management API.
pub(super) fn auditor(settings: &Settings, db: Db, clock: Clock) -> Result<Auditor, Fault> {
    let ours = Ours { retention: settings.audit.retention(), master: known_master_key(settings)? };
    Ok(Auditor::new(db, move |connection, (from, to), may_go_on| {
        let asked = Asked { from, to, elsewhere: &[], may_go_on };
        verified(connection, &ours, clock.now().date_naive(), &asked)
    }))
}

/// The months that have a partition, by their first day.
fn months(
    connection: &mut Connection,
    today: NaiveDate,
    retention: LogRetention,
) -> Result<BTreeSet<NaiveDate>, Fault> {
    let partitions = db::partitions(connection, today, retention)?;
    let attached = partitions.into_iter().filter(|part| part.parent == "events" && !part.is_pending);
    Ok(attached.map(|part| part.starts).collect())
}

fn may_be_gone(month: NaiveDate, today: NaiveDate, retention: LogRetention) -> bool {
    let LogRetention::Days(days) = retention else { return false };
    let over =
        month.checked_add_months(Months::new(1)).and_then(|end| end.checked_add_days(Days::new(days.into())));
    over.is_some_and(|over| over <= today)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_may_be_gone_when_its_last_day_is_old_enough() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let gone = |today, retention| may_be_gone(day("2026-11-01"), day(today), retention);
        assert!(!gone("2026-12-30", LogRetention::Days(30)));
        assert!(gone("2026-12-31", LogRetention::Days(30)));
        assert!(!gone("9999-01-01", LogRetention::ForEver));
    }
}
