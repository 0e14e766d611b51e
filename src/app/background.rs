//! What runs beside the requests, for as long as the server does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::audit::Ledger;
use crate::grants::usage::Usage;
use crate::platform::clock::Clock;
use crate::platform::db::{self, Db};
use crate::signing::Keys;

/// How often the coming partitions are looked after.
const PARTITIONS: Duration = Duration::from_secs(3600);

/// How often the notes of which grants were used are written.
const NOTES: Duration = Duration::from_secs(1);

/// How often the signing keys are looked after.
const KEYS: Duration = Duration::from_secs(1);

/// The tasks, and what is to be done at their end.
pub(super) struct Background {
    partitions: JoinHandle<()>,
    notes: JoinHandle<()>,
    keys: JoinHandle<()>,
    over: Arc<Notify>,
}

impl Background {
    /// Starts them.
    pub(super) fn start(db: Db, clock: Clock, usage: Arc<Usage>, keys: Arc<Keys>) -> Self {
        let over = Arc::new(Notify::new());
        let notes = Notes { usage, ledger: Ledger::new(db.clone()), clock: clock.clone() };
        Self {
            partitions: tokio::spawn(make_partitions(db, clock.clone())),
            keys: tokio::spawn(tend_keys(keys, clock)),
            notes: tokio::spawn(notes.write_until(Arc::clone(&over))),
            over,
        }
    }

    /// Ends them, once nothing more is answered.
    pub(super) async fn end(self) {
        self.partitions.abort();
        self.keys.abort();
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

/// Makes the coming partitions; every node tries, one at a time does.
async fn make_partitions(db: Db, clock: Clock) {
    loop {
        sleep(PARTITIONS).await;
        let today = clock.now().date_naive();
        match db.run(move |connection| db::make_partitions(connection, today)).await {
            Ok(0) => {}
            Ok(made) => log::info!("made {made} partitions"),
            Err(fault) => log::error!("making partitions: {fault}"),
        }
    }
}
