//! What runs beside the requests, for as long as the server does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::app::partitions::Partitions;
use crate::audit::Ledger;
use crate::grants::usage::Usage;
use crate::limits::Limits;
use crate::platform::clock::Clock;
use crate::platform::db::Db;
use crate::signing::Keys;

/// How often the notes of which grants were used are written.
const NOTES: Duration = Duration::from_secs(1);

/// How often the signing keys are looked after.
const KEYS: Duration = Duration::from_secs(1);

/// How often leases of limits are looked after, and after how many times room is made in the store.
const LEASES: Duration = Duration::from_secs(1);
const TIDY_EVERY: u32 = 600;

/// The tasks, and what is to be done at their end.
pub(super) struct Background {
    partitions: Partitions,
    calendar: JoinHandle<()>,
    notes: JoinHandle<()>,
    keys: JoinHandle<()>,
    leases: JoinHandle<()>,
    limits: Arc<Limits>,
    over: Arc<Notify>,
}

impl Background {
    /// Starts them.
    pub(super) fn start(
        db: Db,
        clock: Clock,
        usage: Arc<Usage>,
        keys: Arc<Keys>,
        partitions: Partitions,
        limits: Arc<Limits>,
    ) -> Self {
        let over = Arc::new(Notify::new());
        let notes = Notes { usage, ledger: Ledger::new(db), clock: clock.clone() };
        Self {
            keys: tokio::spawn(tend_keys(keys, clock)),
            calendar: tokio::spawn(partitions.clone().look_after()),
            partitions,
            leases: tokio::spawn(tend_limits(Arc::clone(&limits))),
            limits,
            notes: tokio::spawn(notes.write_until(Arc::clone(&over))),
            over,
        }
    }

    /// Ends them, once nothing more is answered.
    pub(super) async fn end(self) {
        self.partitions.end();
        self.calendar.abort();
        self.keys.abort();
        self.leases.abort();
        if let Err(fault) = self.limits.end().await {
            log::warn!("giving back what was taken of limits: {fault}");
        }
        self.over.notify_one();
        if let Err(error) = self.notes.await {
            log::error!("the notes of which apps were used: {error}");
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

/// Gives back what leases of limits had left; what that needs of the store is no more than calls need, who say if it is
/// away.
async fn tend_limits(limits: Arc<Limits>) {
    for round in 1u32.. {
        sleep(LEASES).await;
        if let Err(fault) = limits.tend().await {
            log::debug!("giving back what was taken of limits: {fault}");
        }
        if round % TIDY_EVERY == 0
            && let Err(fault) = limits.tidy().await
        {
            log::warn!("making room in the store of limits: {fault}");
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
