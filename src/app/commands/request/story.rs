//! The story of one call in plain words.

use uuid::Uuid;

use crate::traffic::store::Logged;
use crate::traffic::{Check, LimitState, Outcome, Ruling, Step};

/// How it ended, by whom and from where, and the checks in order.
pub(super) fn words(logged: &Logged) -> String {
    let mut lines = vec![
        format!("{} {}, {}", logged.method, logged.path, logged.ts.format("%Y-%m-%d %H:%M:%S%.3f UTC")),
        ending(logged),
        String::new(),
    ];
    lines.extend(facts(logged).into_iter().map(|(name, value)| format!("{name:12}{value}")));
    let checks: Vec<Check> = logged.checks.read();
    if !checks.is_empty() {
        lines.extend([String::new(), "What was looked at, in order:".to_owned()]);
        lines.extend(checks.iter().map(told));
    }
    let limits: Vec<LimitState> = logged.limits.read();
    if !limits.is_empty() {
        lines.extend([String::new(), "The limits, as they stood then:".to_owned()]);
        lines.extend(limits.iter().map(state));
    }
    lines.join("\n")
}

fn ending(logged: &Logged) -> String {
    let because = logged.error_code.as_ref().map(|code| format!(", {code}")).unwrap_or_default();
    let what = match logged.decision.as_str() {
        word if word == Ruling::Allow.as_str() => "It was allowed",
        word if word == Ruling::Deny.as_str() => "It was refused",
        word if word == Ruling::Limit.as_str() => "It was refused, since it was too much",
        _ => "It could not be decided",
    };
    format!("{what}, and answered {}{because}.", logged.status_code)
}

fn facts(logged: &Logged) -> Vec<(&'static str, String)> {
    let id = |id: &Option<Uuid>| id.map(|id| id.to_string());
    let took = match logged.upstream_ms {
        Some(upstream) => format!("{} ms, {upstream} of them the service", logged.response_time_ms),
        None if logged.response_time_ms == 0 => "less than 1 ms".to_owned(),
        None => format!("{} ms", logged.response_time_ms),
    };
    let facts = [
        ("request", Some(logged.request_id.to_string())),
        ("account", id(&logged.account_id)),
        ("principal", id(&logged.principal_id)),
        ("credential", id(&logged.credential_id)),
        ("token", id(&logged.token_id)),
        ("client", id(&logged.client_id)),
        ("service", id(&logged.service_id)),
        ("route", logged.route.clone()),
        ("decided by", logged.policy.clone()),
        ("from", logged.ip_address.clone()),
        ("with", logged.user_agent.clone()),
        ("trace", logged.trace_id.clone()),
        ("took", Some(took)),
        ("bytes", Some(format!("{} in, {} out", logged.bytes_in, logged.bytes_out))),
        ("cost", Some(logged.cost_units.to_string())),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn told(check: &Check) -> String {
    let outcome = match check.outcome {
        Outcome::Passed => "yes",
        Outcome::Refused => "NO",
        Outcome::Skipped => "-",
    };
    let question = Step::parse(&check.check).map_or(&*check.check, |step| step.question());
    let why = check.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
    format!("  {outcome:4}{question}{why}")
}

fn state(limit: &LimitState) -> String {
    let quota = limit.quota.map_or_else(|| "any number".to_owned(), |quota| quota.to_string());
    let end = if limit.exceeded { ", and this refused the call" } else { "" };
    format!(
        "  {}: {} left of {quota} in {} s, more in {} s{end}",
        limit.name, limit.remaining, limit.window, limit.reset_in
    )
}
