//! What is left of somebody's limits, and giving back what was used of them.

use serde_json::Value;

use super::whom::Whose;
use crate::app::commands::{Open, Refusal, Shell, in_words, table};
use crate::audit::Actor;
use crate::decision::limits::shown::status_as_json;
use crate::decision::limits::standing::{self, Standpoint, standpoint};
use crate::limits::rules::Applied;
use crate::limits::{LimitSettings, Limits};
use crate::settle;

/// A command has time, and opens connections first.
const PATIENCE_MS: u32 = 5000;

pub(super) fn status(shell: &Shell, whose: &Whose) -> Result<(), Refusal> {
    let open = shell.open()?;
    let (from, applied) = binding(shell, &open, whose)?;
    let limits = limits(shell, &open)?;
    say(shell, &wait(look(&limits, &from, &applied))?)
}

pub(super) fn reset(shell: &Shell, whose: &Whose) -> Result<(), Refusal> {
    let open = shell.open()?;
    let (from, applied) = binding(shell, &open, whose)?;
    let limits = limits(shell, &open)?;
    let left = wait(async {
        limits.answers().await?;
        limits.reset(&applied).await?;
        open.act(shell, |work| {
            standing::tell_reset(work, Actor::Operator, &from, &applied);
            Ok(Ok(()))
        })?;
        look(&limits, &from, &applied).await
    });
    say(shell, &left?)
}

fn binding(shell: &Shell, open: &Open, whose: &Whose) -> Result<(Standpoint, Vec<Applied>), Refusal> {
    let named = whose.named(open)?;
    open.act(shell, |work| {
        work.nothing_to_tell("a look");
        let from = settle!(standpoint(work, named)?);
        let applied = standing::applied(work, &from)?;
        Ok(Ok((from, applied)))
    })
}

/// What counts, where it can be seen from here.
fn limits(shell: &Shell, open: &Open) -> Result<Limits, Refusal> {
    if shell.settings.limits.store == "memory" {
        return Err(Refusal::new(
            "with limits.store = \"memory\" only the server knows what was used: ask it, at /api/v1/limits/status",
        ));
    }
    let settings = LimitSettings { leases: false, timeout_ms: PATIENCE_MS, ..shell.settings.limits.clone() };
    Ok(Limits::open(&settings, &shell.settings.redis, &open.ledger, &shell.clock)?)
}

fn wait<T>(what: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    actix_web::rt::System::new().block_on(what)
}

async fn look(limits: &Limits, from: &Standpoint, applied: &[Applied]) -> Result<Value, Refusal> {
    limits.answers().await?;
    let verdict = limits.status(applied).await?;
    Ok(status_as_json(from, applied, &verdict))
}

fn say(shell: &Shell, value: &Value) -> Result<(), Refusal> {
    let left = value.get("limits").and_then(Value::as_array).cloned().unwrap_or_default();
    shell.say(value, || {
        if left.is_empty() {
            return "No limit binds such a call.".to_owned();
        }
        let row = |limit: &Value| {
            let text = |member: &str| limit.get(member).map(in_words).unwrap_or_default();
            let members = ["name", "kind", "unit", "quota", "window_s", "remaining", "reset_in_s"];
            members.iter().map(|member| text(member)).collect::<Vec<_>>()
        };
        let heads = ["LIMIT", "KIND", "COUNTS", "QUOTA", "IN s", "LEFT", "MORE IN s"];
        table(&heads, &left.iter().map(row).collect::<Vec<_>>())
    })
}
