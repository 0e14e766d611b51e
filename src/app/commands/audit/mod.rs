//! `grantor audit …`

mod checkpoints;
mod export;
mod list;
mod verify;

use std::process::ExitCode;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::app::commands::{Refusal, Shell};
use crate::audit::Kind;

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// List the latest events, newest first.
    List(list::Args),
    /// Compute every seal anew, and say whether the log is as it was written; 1 if it is not.
    Verify(verify::Args),
    /// Write all events to standard output, oldest first.
    Export(export::Args),
    /// Write the signed heads of the log, oldest first, to be kept elsewhere.
    Checkpoints,
}

pub(super) fn run(shell: &Shell, command: &Command) -> Result<ExitCode, Refusal> {
    match command {
        Command::List(args) => list::run(shell, args).map(|()| ExitCode::SUCCESS),
        Command::Verify(args) => verify::run(shell, args),
        Command::Export(args) => export::run(shell, args).map(|()| ExitCode::SUCCESS),
        Command::Checkpoints => checkpoints::run(shell).map(|()| ExitCode::SUCCESS),
    }
}

/// A kind that there is.
fn known(kind: &str) -> Result<&str, Refusal> {
    if Kind::ALL.iter().any(|known| known.as_str() == kind) {
        return Ok(kind);
    }
    let known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.as_str()).collect();
    Err(Refusal(format!("there are no events {kind}; there are {}", known.join(", "))))
}

/// A moment (RFC 3339), or the beginning of a day.
fn moment(text: &str) -> Result<DateTime<Utc>, String> {
    let day = || text.parse::<NaiveDate>().map(|day| day.and_time(NaiveTime::MIN).and_utc());
    let moment = text.parse::<DateTime<Utc>>().or_else(|_| day());
    moment.map_err(|_| "a day (2026-11-21) or a moment (2026-11-21T12:00:00Z)".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc() {
        assert_eq!(moment("2026-11-21").unwrap(), moment("2026-11-21T00:00:00Z").unwrap());
        assert_eq!(moment("2026-11-21T02:00:00+02:00").unwrap(), moment("2026-11-21").unwrap());
        for bad in ["", "yesterday", "2026-13-01", "2026-11-21 12:00"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }
}
