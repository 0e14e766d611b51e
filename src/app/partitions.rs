//! The calendar's work, soon after the start and hourly: the coming partitions are made, the expired ones dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::NaiveDate;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::time::sleep;

use crate::kernel::Fault;
use crate::platform::clock::Clock;
use crate::platform::db::{self, Connection, Db, LogRetention, Round};
use crate::platform::metrics::Metrics;

const INTERVAL: Duration = Duration::from_secs(3600);

/// Whoever looks after the partitions.
#[derive(Clone)]
pub struct Partitions {
    db: Db,
    clock: Clock,
    logs: LogRetention,
    rounds: Counter,
    made: Counter,
    dropped: Counter,
    last_success: Gauge,
    is_over: Arc<AtomicBool>,
}

impl Partitions {
    /// Over this database, counted in these metrics.
    pub fn new(db: Db, clock: Clock, logs: LogRetention, metrics: &Metrics) -> Self {
        let (rounds, made, dropped) = (Counter::default(), Counter::default(), Counter::default());
        let last_success = Gauge::default();
        metrics.register("partitions_rounds", "Rounds of looking after the partitions", rounds.clone());
        metrics.register("partitions_made", "Partitions made ahead", made.clone());
        metrics.register("partitions_dropped", "Expired partitions dropped", dropped.clone());
        metrics.register(
            "partitions_last_success_timestamp_seconds",
            "When this node last looked after the partitions and left nothing undone",
            last_success.clone(),
        );
        Self { db, clock, logs, rounds, made, dropped, last_success, is_over: Arc::default() }
    }

    /// Round after round, until it is aborted.
    pub(super) async fn look_after(self) {
        loop {
            self.round().await;
            sleep(INTERVAL).await;
        }
    }

    /// Lets a round that is under way end early.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    /// One round; whether nothing was left undone.
    pub async fn round(&self) -> bool {
        let me = self.clone();
        let is_done = match self.db.run_apart(move |connection| me.look(connection)).await {
            Ok(is_done) => is_done,
            Err(fault) => {
                log::error!("looking after the partitions: {fault}");
                false
            }
        };
        self.rounds.inc();
        if is_done {
            self.last_success.set(self.clock.now().timestamp());
        }
        is_done
    }

    /// Makes by our own clock, since by that our rows are written; drops by what it and the database's agree on.
    fn look(&self, connection: &mut Connection) -> Result<bool, Fault> {
        let now = self.clock.now();
        let made = db::make_partitions(connection, now.date_naive())?;
        if made > 0 {
            log::info!("made {made} partitions");
            self.made.inc_by(u64::try_from(made).map_err(Fault::internal)?);
        }
        match db::agreed_day(connection, now)? {
            Ok(today) => self.drop_expired(connection, today),
            Err(apart) => {
                let seconds = apart.num_seconds();
                log::error!(
                    "expired partitions stay: our clock is {seconds} s off the database's; synchronise both (NTP)"
                );
                Ok(false)
            }
        }
    }

    fn drop_expired(&self, connection: &mut Connection, today: NaiveDate) -> Result<bool, Fault> {
        if !db::rights(connection)?.own {
            log::debug!("what expired is dropped by the owner of the tables");
            return Ok(true);
        }
        let may_go_on = || !self.is_over.load(Ordering::SeqCst);
        let Round::Done { dropped, left } = db::drop_expired(connection, today, self.logs, may_go_on)? else {
            log::info!("another node drops the expired partitions");
            return Ok(true);
        };
        if !dropped.is_empty() {
            log::info!("dropped {} expired partitions: {}", dropped.len(), dropped.join(", "));
            self.dropped.inc_by(u64::try_from(dropped.len()).map_err(Fault::internal)?);
        }
        for (partition, fault) in &left {
            log::warn!("dropping the partition {partition} waits for the next round: {fault}");
        }
        Ok(left.is_empty())
    }
}
