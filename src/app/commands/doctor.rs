//! `grantor doctor`: what an operator would check first.

use std::process::ExitCode;

use serde_json::json;

use crate::app::commands::{Open, Shell};
use crate::kernel::Fault;
use crate::platform::db;

/// Seconds that our clock and the database's may differ.
const CLOCK_TOLERANCE: i64 = 2;

struct Finding {
    what: &'static str,
    good: bool,
    words: String,
}

/// Checks everything it can reach; the settings were read before it, or it would not run.
pub(super) fn run(shell: &Shell) -> ExitCode {
    let mut findings = vec![settings(shell), proxies(shell)];
    match shell.open() {
        Ok(open) => findings.extend(database(shell, &open)),
        Err(refusal) => findings.push(Finding { what: "database", good: false, words: refusal.0 }),
    }
    let good = findings.iter().all(|finding| finding.good);
    let values: Vec<_> = findings
        .iter()
        .map(|finding| json!({ "check": finding.what, "ok": finding.good, "message": finding.words }))
        .collect();
    let said = shell.say(&json!({ "ok": good, "checks": values }), || {
        let line = |finding: &Finding| {
            format!("{:5} {:12} {}", if finding.good { "ok" } else { "BAD" }, finding.what, finding.words)
        };
        findings.iter().map(line).collect::<Vec<_>>().join("\n")
    });
    if good && said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn settings(shell: &Shell) -> Finding {
    let words = if shell.settings.is_https() {
        format!("issuer {}", shell.settings.issuer)
    } else {
        format!("issuer {}: plain http, for this machine only", shell.settings.issuer)
    };
    Finding { what: "settings", good: true, words }
}

fn proxies(shell: &Shell) -> Finding {
    let words = if shell.settings.believes_nobody() {
        Err("the issuer is https, so a proxy stands before us: set server.trusted_proxies to its address, or one \
             guesser makes everybody wait"
            .to_owned())
    } else {
        Ok(format!("{} trusted", shell.settings.server.trusted_proxies.len()))
    };
    finding("proxies", words)
}

fn database(shell: &Shell, open: &Open) -> Vec<Finding> {
    let kind = if open.database.is_private() { "private" } else { "outside" };
    vec![
        finding("database", Ok(format!("{kind}, answers, migrated"))),
        finding("permissions", permissions(open)),
        finding("clock", clock(shell, open)),
    ]
}

fn finding(what: &'static str, result: Result<String, String>) -> Finding {
    match result {
        Ok(words) => Finding { what, good: true, words },
        Err(words) => Finding { what, good: false, words },
    }
}

/// Partitions are made by the role we connect as: without that right the server would stop one day.
fn permissions(open: &Open) -> Result<String, String> {
    open.db
        .run_here(db::may_make_partitions)
        .map_err(|fault| fault.to_string())?
        .then(|| "may read, write and make partitions".to_owned())
        .ok_or_else(|| "the database role may not make partitions: it must own the tables".to_owned())
}

fn clock(shell: &Shell, open: &Open) -> Result<String, String> {
    let theirs = open.db.run_here(db::database_time).map_err(|fault: Fault| fault.to_string())?;
    let apart = (shell.clock.now() - theirs).num_seconds();
    if apart.abs() <= CLOCK_TOLERANCE {
        Ok(format!("within {CLOCK_TOLERANCE} s of the database's"))
    } else {
        Err(format!("{apart} s off the database's: synchronise both (NTP)"))
    }
}
