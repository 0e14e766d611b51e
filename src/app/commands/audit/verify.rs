//! `grantor audit verify`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, Days, Months, NaiveDate, Utc};
use serde_json::json;

use super::moment;
use crate::app::checkpoints::is_signed;
use crate::app::commands::{Refusal, Shell};
use crate::app::database::known_master_key;
use crate::audit::chain::{Kept, Report, Scope, Standing, Statement, verify};
use crate::kernel::Fault;
use crate::platform::db::{self, Connection, LogRetention};
use crate::signing::store::all as all_keys;

#[derive(clap::Args)]
pub(in crate::app::commands) struct Args {
    /// Read only events that were sealed from this day (2026-11-21) or moment (2026-11-21T12:00:00Z) on. Seals and
    /// checkpoints are verified all the same.
    #[arg(long, value_parser = moment)]
    from: Option<DateTime<Utc>>,
    /// Read only events that were sealed before this day or moment.
    #[arg(long, value_parser = moment)]
    to: Option<DateTime<Utc>>,
    /// A file of checkpoints that were kept elsewhere, one a line: the log must still lead to each.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// Months may be gone after so many days, where audit.retention_days was another once; 0: none may.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500))]
    retention_days: Option<u32>,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<ExitCode, Refusal> {
    let elsewhere = args.against.as_deref().map(read_checkpoints).transpose()?.unwrap_or_default();
    let mut settings = shell.settings.audit.clone();
    settings.retention_days = args.retention_days.unwrap_or(settings.retention_days);
    let (retention, today) = (settings.retention(), shell.clock.now().date_naive());
    let open = shell.open()?;
    let master = known_master_key(&shell.settings)?;
    let report = open.ledger.read_here(|connection| {
        let (months, keys) = (months(connection, today, retention)?, all_keys(connection)?);
        let scope = Scope {
            from: args.from,
            to: args.to,
            kept: Kept { months, may_be_gone: &|month| may_be_gone(month, today, retention) },
            signed: &|checkpoint| is_signed(checkpoint, &keys, master.as_ref()),
            elsewhere: &elsewhere,
        };
        verify(connection, &scope)
    })?;
    let late = late(&report, shell.clock.now());
    shell.say(&as_json(&report, late), || words(&report, late))?;
    Ok(if is_well(&report, late) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// For how many seconds the first event waits for its seal, where that is too long: so long nothing vouches for it.
fn late(report: &Report, now: DateTime<Utc>) -> Option<i64> {
    let waits = report.oldest.map(|oldest| now - oldest);
    waits.filter(|waits| *waits > Standing::WELL).map(|waits| waits.num_seconds())
}

fn is_well(report: &Report, late: Option<i64>) -> bool {
    report.flaw.is_none() && late.is_none()
}

fn read_checkpoints(path: &Path) -> Result<Vec<Statement>, Refusal> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Refusal(format!("{} cannot be read: {error}", path.display())))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let read = lines.map(|(number, line)| {
        let wrong = || Refusal(format!("{}:{}: this is no checkpoint", path.display(), number + 1));
        Statement::of_jws(line).ok_or_else(wrong)
    });
    let read = read.collect::<Result<Vec<_>, _>>()?;
    if read.is_empty() {
        Err(Refusal(format!("there is no checkpoint in {}", path.display())))
    } else {
        Ok(read)
    }
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

fn as_json(report: &Report, late: Option<i64>) -> serde_json::Value {
    json!({
        "ok": is_well(report, late), "late_s": late,
        "events": report.events, "batches": report.batches, "dropped": report.dropped,
        "skipped": report.skipped, "waiting": report.waiting,
        "checkpoints": report.checkpoints, "unvouched_checkpoints": report.unvouched,
        "checkpoints_elsewhere": report.elsewhere,
        "flaw": report.flaw.as_ref().map(|flaw| flaw.json()),
    })
}

fn words(report: &Report, late: Option<i64>) -> String {
    let mut lines = vec![match (&report.flaw, late) {
        (Some(flaw), _) => format!("NOT as it was written: {flaw}."),
        (None, Some(seconds)) => format!(
            "NOT sealed to its end: an event has waited for its seal for {seconds} s, and nothing vouches for what waits. \
             What is sealed is as it was written. `grantor doctor` says what holds up the seal."
        ),
        (None, None) => "The log is as it was written.".to_owned(),
    }];
    let verb = if report.flaw.is_none() { "" } else { " before that" };
    lines.push(format!("{} events in {} batches are good{verb}.", report.events, report.batches));
    for (many, what) in [
        (report.dropped, "events were dropped with their months; their seals are good"),
        (report.skipped, "events were not asked for; their seals are good"),
        (report.waiting, "events are not sealed yet"),
        (report.checkpoints, "checkpoints are good"),
        (
            report.unvouched,
            "checkpoints fit, and nobody can vouch for who signed them (no master key, or the key was revoked)",
        ),
        (report.elsewhere, "checkpoints that were kept elsewhere fit"),
    ] {
        if many > 0 {
            lines.push(format!("{many} {what}."));
        }
    }
    if report.flaw.is_none() && report.checkpoints + report.elsewhere == 0 {
        lines.push("No checkpoint that counts: nothing would show that the end was cut off.".to_owned());
    }
    lines.join("\n")
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
