//! A day's tokens leave while requests go on: how long it takes, and who notices.

use std::cell::Cell;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures_util::future::try_join3;
use tokio::time::sleep;
use tokio_postgres::Client;

use crate::figures::Figures;
use crate::fill::Filler;
use crate::machine::connect;
use crate::round::{Plan, measure};
use crate::table::{Table, thousands};
use crate::target::Target;
use crate::workload::Workload;

/// What runs meanwhile: one that writes to the table, and one that reads it.
const MEANWHILE: [Workload; 2] = [Workload::Opaque, Workload::Introspect];
/// How often Postgres is asked who waits.
const LOOK: Duration = Duration::from_millis(5);
/// Requests that wait for a lock: any connection but ours.
const WAITING: &str = "
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND wait_event_type = 'Lock' AND application_name <> 'bench'";

/// What it took.
struct Purge {
    detached: Duration,
    dropped: Duration,
    waiting: i64,
}

/// Drops one expired day for each workload that goes on meanwhile.
pub async fn under_load(target: &mut Target, rows: u64, plan: Plan) -> Result<Table> {
    let mut table = Table::new([
        &*format!("while a day of {} tokens goes", thousands(rows as f64)),
        "/s before",
        "/s meanwhile",
        "p99 ms before",
        "meanwhile",
        "longest ms before",
        "meanwhile",
        "detached in ms",
        "dropped in ms",
        "requests seen waiting for a lock",
        "errors",
    ]);
    for workload in MEANWHILE {
        let day = expired_day(target, rows).await?;
        let before = measure(target, workload, plan).await?;
        let (meanwhile, purge) = drop_during(target, workload, plan, &day).await?;
        table.row(row(workload, &before, &meanwhile, &purge));
    }
    Ok(table)
}

fn row(workload: Workload, before: &Figures, meanwhile: &Figures, purge: &Purge) -> [String; 11] {
    let millis = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1000.0);
    [
        workload.name().to_owned(),
        thousands(before.rate),
        thousands(meanwhile.rate),
        format!("{:.1}", before.p99),
        format!("{:.1}", meanwhile.p99),
        format!("{:.1}", before.max),
        format!("{:.1}", meanwhile.max),
        millis(purge.detached),
        millis(purge.dropped),
        purge.waiting.to_string(),
        (before.errors + meanwhile.errors).to_string(),
    ]
}

/// Makes the partition of the day before yesterday, and fills it; its name.
async fn expired_day(target: &mut Target, rows: u64) -> Result<String> {
    let filler = Filler::again(target).await?;
    let day = "SELECT make_partitions(current_date - 1),
                      'access_tokens_' || to_char(current_date - 2, 'YYYYMMDD'),
                      (SELECT expires_on FROM bench.template) - (current_date - 2)";
    let made = filler.client.query_one(day, &[]).await.context("the partition of an expired day")?;
    filler.copies(0, rows, made.get(2)).await.context("an expired day's tokens")?;
    filler.settle().await?;
    Ok(made.get(1))
}

/// Measures, and drops the day in the middle of it.
async fn drop_during(
    target: &mut Target,
    workload: Workload,
    plan: Plan,
    day: &str,
) -> Result<(Figures, Purge)> {
    let database = target.grantor.database()?;
    let (purger, watcher) = (connect(&database).await?, connect(&database).await?);
    let over = Cell::new(false);
    let dropping = async {
        sleep(plan.warm_up + plan.counted / 2).await;
        let dropped = drop_day(&purger, day).await;
        over.set(true);
        dropped
    };
    let watching = async {
        let mut most = 0;
        while !over.get() {
            most = most.max(watcher.query_one(WAITING, &[]).await?.get(0));
            sleep(LOOK).await;
        }
        Ok(most)
    };
    let (figures, (detached, dropped), waiting) =
        try_join3(measure(target, workload, plan), dropping, watching).await?;
    Ok((figures, Purge { detached, dropped, waiting }))
}

/// As the server drops one: taken away first without a lock on the table, then dropped by itself.
async fn drop_day(client: &Client, day: &str) -> Result<(Duration, Duration)> {
    let started = Instant::now();
    let detach = format!("ALTER TABLE access_tokens DETACH PARTITION partitions.{day} CONCURRENTLY");
    client.batch_execute(&detach).await.context("the expired day cannot be detached")?;
    let (detached, started) = (started.elapsed(), Instant::now());
    client.batch_execute(&format!("DROP TABLE partitions.{day}")).await?;
    Ok((detached, started.elapsed()))
}
