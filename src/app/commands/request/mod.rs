//! `grantor request …`

mod listing;
mod story;

use crate::app::commands::moment::Moment;
use crate::app::commands::{Refusal, Shell};
use crate::kernel::RequestId;
use crate::traffic::store::find;
use crate::traffic::{Scope, TrafficSettings, Verified, verify};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    /// Tell the story of one call: what was looked at, and why it ended as it did.
    Show {
        /// Its id, as its answer named it in X-Request-Id.
        request_id: String,
    },
    /// List calls, newest first.
    List(listing::Args),
    /// Find out whether the request log is as it was written.
    Verify {
        /// From when: a moment, or how long ago, as in 24h or 7d.
        #[arg(long, value_name = "WHEN", default_value = "24h")]
        since: Moment,
        /// Until when; now, if not given.
        #[arg(long, value_name = "WHEN")]
        until: Option<Moment>,
        /// Calls may be gone after so many days, where traffic.retention_days was another lately; 0: none may.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(0..=36_500))]
        retention_days: Option<u32>,
    },
}

pub(super) fn run(shell: &Shell, command: Command) -> Result<(), Refusal> {
    match command {
        Command::Show { request_id } => show(shell, &request_id),
        Command::List(args) => listing::run(shell, &args),
        Command::Verify { since, until, retention_days } => {
            let now = shell.clock.now();
            let (since, until) = (since.at(now), until.map_or(now, |until| until.at(now)));
            let own = &shell.settings.traffic;
            let retention_days = retention_days.unwrap_or(own.retention_days);
            let retention = TrafficSettings { retention_days, ..own.clone() }.retention();
            show_verified(shell, Scope { since, until, now, retention })
        }
    }
}

fn show(shell: &Shell, text: &str) -> Result<(), Refusal> {
    let request = RequestId::parse(text).ok_or_else(|| Refusal(format!("{text} is no request id")))?;
    let found = shell.open()?.ledger.read_here(|connection| find(connection, request))?;
    let logged = found.ok_or_else(|| {
        Refusal(format!(
            "the request log does not know {text}. It keeps calls for {}, half a second after they were answered; calls \
             that take nothing from a limit only if traffic.questions_percent says so",
            match shell.settings.traffic.retention_days {
                0 => "ever".to_owned(),
                days => format!("{days} days"),
            }
        ))
    })?;
    shell.say(&logged, || story::words(&logged))
}

fn show_verified(shell: &Shell, scope: Scope) -> Result<(), Refusal> {
    let found = shell.open()?.ledger.read_apart(|connection| verify(connection, &scope))?;
    shell.say(&found, || verified(&found))?;
    match found.problems.len() {
        0 => Ok(()),
        many => Err(Refusal(format!("the request log is not as it was written, in {many} places"))),
    }
}

fn verified(found: &Verified) -> String {
    let Verified { seals, batches, rows, unsealed, problems } = found;
    let mut lines = vec![format!("{rows} calls in {batches} batches under {seals} seals were looked at.")];
    if *unsealed > 0 {
        lines.push(format!(
            "{unsealed} of the batches are under no seal: they are the last ones, or their node was killed."
        ));
    }
    lines.extend(problems.iter().cloned());
    lines.join("\n")
}
