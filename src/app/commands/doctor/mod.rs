//! `grantor doctor`: what a careful operator checks before the first request, and when something is wrong.
//!
//! A check that cannot be made says why, and the others go on. None of them changes anything, but that a private
//! Postgres which is down runs for their while.

mod audit;
mod contents;
mod database;
mod files;
mod finding;
mod partitions;
mod postgres;
mod private;
mod server;
mod settings;
mod signing;

use std::process::ExitCode;

use serde_json::json;

use self::finding::Finding;
use self::private::State;
use crate::app::commands::Shell;

/// Says what was found. The settings were read before it, or it would not run.
pub(super) fn run(shell: &Shell) -> ExitCode {
    let findings = examine(shell);
    let good = findings.iter().all(Finding::is_good);
    let said = shell.say(&json!({ "ok": good, "checks": findings }), || {
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    });
    if good && said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn examine(shell: &Shell) -> Vec<Finding> {
    let mut findings = settings::check(&shell.settings);
    findings.push(files::check(&shell.files));
    let (served, is_serving) = server::check(&shell.settings);
    findings.extend(served);
    if !shell.settings.database.url.is_empty() {
        findings.extend(database::check(shell, is_serving));
        return findings;
    }
    let (found, state) = private::check(shell, is_serving);
    findings.extend(found);
    findings.extend(match state {
        State::Absent => vec![Finding::ok("database", "none yet, so there is nothing in it to check")],
        State::Made => database::check(shell, false),
        State::Running => database::check(shell, is_serving),
    });
    findings
}
