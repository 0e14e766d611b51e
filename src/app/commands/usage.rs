//! `grantor usage`

use uuid::Uuid;

use crate::app::commands::moment::Moment;
use crate::app::commands::{Refusal, Shell, table};
use crate::traffic::latency::quantile;
use crate::traffic::store::{By, Grain, Used, Wanted, usage};

#[derive(clap::Args)]
pub(super) struct Args {
    /// Told apart by account, credential or service.
    #[arg(long, value_enum)]
    by: Option<What>,
    /// In pieces of a minute, an hour or a day.
    #[arg(long, value_enum, default_value_t = Piece::Hour)]
    grain: Piece,
    /// Only of this account.
    #[arg(long, value_name = "ID")]
    account: Option<Uuid>,
    /// From when: a moment, or how long ago, as in 30m, 24h or 7d.
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    since: Moment,
    /// Until when; now, if not given.
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum What {
    Account,
    Credential,
    Service,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Piece {
    Minute,
    Hour,
    Day,
}

impl From<Piece> for Grain {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::Minute => Self::Minute,
            Piece::Hour => Self::Hour,
            Piece::Day => Self::Day,
        }
    }
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<(), Refusal> {
    let now = shell.clock.now();
    let grain = Grain::from(args.grain);
    let by = match args.by {
        None => By::Time,
        Some(What::Account) => By::Account,
        Some(What::Credential) => By::Credential,
        Some(What::Service) => By::Service,
    };
    let (since, until) = (args.since.at(now), args.until.map_or(now, |until| until.at(now)));
    let wanted = Wanted {
        accounts: args.account.map(|account| vec![account]),
        ..Wanted::of_all(grain, by, since, until)
    };
    let mut used = shell.open()?.ledger.read_here(|connection| usage(connection, &wanted))?;
    used.sort_by_key(|used| (used.bucket, std::cmp::Reverse(used.requests), used.id));
    shell.say(&used, || {
        let heads = ["FROM", "OF", "CALLS", "ERRORS", "LIMITED", "COST", "MEAN ms", "P50 ms", "P99 ms"];
        table(&heads, &used.iter().map(row).collect::<Vec<_>>())
    })
}

fn row(used: &Used) -> Vec<String> {
    let at_most = |per_mille| match quantile(&used.latency_hist, per_mille) {
        Some(bound) => format!("<= {bound}"),
        None => "more".to_owned(),
    };
    vec![
        used.bucket.format("%Y-%m-%d %H:%M").to_string(),
        used.id.map(|id| id.to_string()).unwrap_or_default(),
        used.requests.to_string(),
        used.errors.to_string(),
        used.limited.to_string(),
        used.cost_units.to_string(),
        (used.latency_ms_sum / used.requests.max(1)).to_string(),
        at_most(500),
        at_most(990),
    ]
}
