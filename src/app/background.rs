//! What runs beside the requests, for as long as the server does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::app::partitions::Partitions;
use crate::audit::Ledger;
use crate::grants::usage::Usage;
use crate::platform::clock::Clock;
use crate::platform::db::Db;
use crate::signing::Keys;
use crate::traffic::Writer;

/// How often the notes of which grants were used are written.
const NOTES: Duration = Duration::from_secs(1);

/// How often the signing keys are looked after.
const KEYS: Duration = Duration::from_secs(1);

/// The tasks, and what is to be done at their end.
pub(super) struct Background {
    partitions: Partitions,
    calendar: JoinHandle<()>,
    notes: JoinHandle<()>,
    keys: JoinHandle<()>,
    traffic: JoinHandle<()>,
    over: Arc<Notify>,
    traffic_over: Arc<Notify>,
}

impl Background {
    /// Starts them.
    pub(super) fn start(
        db: Db,
        clock: Clock,
        usage: Arc<Usage>,
        keys: Arc<Keys>,
        partitions: Partitions,
        traffic: Writer,
    ) -> Self {
        let (over, traffic_over) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let notes = Notes { usage, ledger: Ledger::new(db), clock: clock.clone() };
        Self {
            keys: tokio::spawn(tend_keys(keys, clock)),
            calendar: tokio::spawn(partitions.clone().look_after()),
            partitions,
            notes: tokio::spawn(notes.write_until(Arc::clone(&over))),
            traffic: tokio::spawn(traffic.write_until(Arc::clone(&traffic_over))),
            over,
            traffic_over,
        }
    }

    /// Ends them, once nothing more is answered.
    pub(super) async fn end(self) {
        self.partitions.end();
        self.calendar.abort();
        self.keys.abort();
        self.over.notify_one();
        self.traffic_over.notify_one();
        if let Err(error) = self.notes.await {
            log::error!("the notes of which apps were used: {error}");
        }
        if let Err(error) = self.traffic.await {
            log::error!("the request log: {error}");
        }
    }
}

/// When grants were used, on its way from memory to the database.
struct Notes {
    usage: Arc<Usage>,
    ledger: Ledger,
    clock: Clock,
}

impl Notes {
    /// Every second, and once more when it is over.
    async fn write_until(self, over: Arc<Notify>) {
        while timeout(NOTES, over.notified()).await.is_err() {
            self.write().await;
        }
        self.write().await;
    }

    async fn write(&self) {
        if let Err(fault) = self.usage.flush(&self.ledger, self.clock.now()).await {
            log::warn!("noting which apps were used: {fault}");
        }
    }
}

/// Looks after the signing keys; says once what is wrong, and once that it is over.
async fn tend_keys(keys: Arc<Keys>, clock: Clock) {
    let mut well = true;
    loop {
        sleep(KEYS).await;
        let tended = keys.tend(clock.now()).await;
        match &tended {
            Err(fault) if well => log::warn!("looking after the signing keys: {fault}"),
            Ok(()) if !well => log::info!("the signing keys are looked after again"),
            _ => {}
        }
        well = tended.is_ok();
    }
}
