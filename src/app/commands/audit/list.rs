//! `grantor audit list`

use super::known;
use crate::app::commands::{Refusal, Shell, table};
use crate::audit::{Filter, Listed, newest};

#[derive(clap::Args)]
pub(in crate::app::commands) struct Args {
    /// Only of this kind, e.g. code.replayed.
    #[arg(long)]
    kind: Option<String>,
    /// How many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
    limit: i64,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<(), Refusal> {
    let kind = args.kind.as_deref().map(known).transpose()?.map(str::to_owned);
    let filter = Filter { kind, ..Filter::default() };
    let events = shell.open()?.ledger.read_here(|connection| newest(connection, &filter, args.limit))?;
    shell.say(&events, || {
        table(
            &["WHEN", "WHAT", "OUTCOME", "WHO", "ON", "IP", "REQUEST"],
            &events.iter().map(row).collect::<Vec<_>>(),
        )
    })
}

fn row(event: &Listed) -> Vec<String> {
    let who =
        event.actor_id.map_or_else(|| event.actor_kind.clone(), |id| format!("{} {id}", event.actor_kind));
    let on = match (&event.target_kind, &event.target_id) {
        (Some(kind), Some(id)) => format!("{kind} {id}"),
        _ => String::new(),
    };
    vec![
        event.occurred_at.format("%Y-%m-%d %H:%M:%S").to_string(),
        event.kind.clone(),
        event.outcome.clone(),
        who,
        on,
        event.ip.clone().unwrap_or_default(),
        event.request_id.clone().unwrap_or_default(),
    ]
}
