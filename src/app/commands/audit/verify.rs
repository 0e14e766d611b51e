//! `grantor audit verify`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use chrono::{DateTime, Utc};

use super::moment;
use crate::app::commands::{Refusal, Shell};
use crate::app::database::known_master_key;
use crate::app::verification::{Asked, Ours, verified};
use crate::audit::chain::{Report, Statement};

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
    let elsewhere = elsewhere.as_slice();
    let asked = Asked { from: args.from, to: args.to, elsewhere, may_go_on: &|| true };
    let open = shell.open()?;
    let ours = Ours { retention: settings.retention(), master: known_master_key(&shell.settings)? };
    let now = shell.clock.now();
    let report = open.ledger.read_here(|connection| verified(connection, &ours, now.date_naive(), &asked))?;
    shell.say(&report.json(now), || words(&report, report.late(now)))?;
    Ok(if report.is_well(now) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
