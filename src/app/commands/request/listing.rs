//! `grantor request list`

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::app::commands::moment::Moment;
use crate::app::commands::{Refusal, Shell, table};
use crate::traffic::store::{Cursor, Filter, Logged, list};
use crate::traffic::{Ruling, Statuses};

#[derive(clap::Args)]
pub(in crate::app::commands) struct Args {
    /// Only of this account.
    #[arg(long, value_name = "ID")]
    account: Option<Uuid>,
    /// Only by this key or personal token.
    #[arg(long, value_name = "ID")]
    credential: Option<Uuid>,
    /// Only on the service with this id.
    #[arg(long, value_name = "ID")]
    service: Option<Uuid>,
    /// Only answered so: 403, or 4xx.
    #[arg(long)]
    status: Option<Statuses>,
    /// Only decided so: allow, deny, limit or error.
    #[arg(long)]
    decision: Option<String>,
    /// Not before: a moment, or how long ago, as in 30m, 24h or 7d.
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Before, likewise.
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// How many.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,
    /// Where the page before ended.
    #[arg(long)]
    cursor: Option<String>,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<(), Refusal> {
    let filter = filter(args, shell.clock.now())?;
    let most = usize::from(args.limit);
    let (calls, next) = shell.open()?.ledger.read_here(|connection| list(connection, &filter, most))?;
    let next = next.map(|cursor| cursor.to_string());
    shell.say(&json!({ "data": calls, "next_cursor": next }), || {
        let heads = ["WHEN", "STATUS", "DECISION", "METHOD", "PATH", "WHY", "ACCOUNT", "REQUEST"];
        let text = table(&heads, &calls.iter().map(row).collect::<Vec<_>>());
        let more = next.map(|next| format!("\nThere are more: --cursor {next}")).unwrap_or_default();
        text + &more
    })
}

fn filter(args: &Args, now: DateTime<Utc>) -> Result<Filter, Refusal> {
    let known = Ruling::ALL.map(Ruling::as_str);
    if let Some(decision) = args.decision.as_deref().filter(|decision| !known.contains(decision)) {
        return Err(Refusal(format!("there is no decision {decision}; there are {}", known.join(", "))));
    }
    let read = |text: &String| Cursor::parse(text).ok_or_else(|| Refusal(format!("{text} is no cursor")));
    Ok(Filter {
        account: args.account,
        accounts: None,
        credential: args.credential,
        service: args.service,
        status_from: args.status.map(|status| status.from),
        status_to: args.status.map(|status| status.to),
        decision: args.decision.clone(),
        since: args.since.map(|since| since.at(now)),
        until: args.until.map(|until| until.at(now)),
        after: args.cursor.as_ref().map(read).transpose()?,
    })
}

fn row(call: &Logged) -> Vec<String> {
    vec![
        call.ts.format("%Y-%m-%d %H:%M:%S").to_string(),
        call.status_code.to_string(),
        call.decision.clone(),
        call.method.clone(),
        call.path.clone(),
        call.error_code.clone().unwrap_or_default(),
        call.account_id.map(|id| id.to_string()).unwrap_or_default(),
        call.request_id.to_string(),
    ]
}
