//! What runs beside the requests, for as long as the server does.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::app::partitions::Partitions;
use crate::audit::Ledger;
use crate::audit::chain::Sealer;
use crate::credentials::expiring::tell_expiring;
use crate::credentials::usage::Usage as CredentialUsage;
use crate::decision::calls::Teller;
use crate::grants::usage::Usage as GrantUsage;
use crate::kernel::Fault;
use crate::limits::{Blocks, Limits};
use crate::platform::clock::Clock;
use crate::platform::db::Db;
use crate::signing::Keys;
use crate::traffic::{Introspections, Writer};

/// How often what was noted is written. Uses are counted, so that each row that was used is written anew.
const NOTES: Duration = Duration::from_secs(5);

/// How often the signing keys are looked after.
const KEYS: Duration = Duration::from_secs(1);

/// How often it is looked for credentials that end soon.
const ENDS: Duration = Duration::from_secs(3600);

/// How often leases of limits are looked after, and after how many times room is made in the store.
const LEASES: Duration = Duration::from_secs(1);
const TIDY_EVERY: u32 = 600;

/// The tasks, and what is to be done at their end.
pub(super) struct Background {
    partitions: Partitions,
    /// Those that may break off at any moment.
    tasks: Vec<JoinHandle<()>>,
    /// Those that write once more when they are told that it is over.
    notes: Vec<(Arc<Notify>, JoinHandle<()>)>,
    limits: Arc<Limits>,
    /// The calls that wait to be logged.
    traffic: (Arc<Notify>, JoinHandle<()>),
}

impl Background {
    /// Starts them.
    pub(super) fn start(
        db: Db,
        clock: Clock,
        memory: impl IntoIterator<Item = Noted>,
        keys: Arc<Keys>,
        partitions: Partitions,
        (sealer, traffic, warnings): (Sealer, Writer, Teller),
        limits: Arc<Limits>,
    ) -> Self {
        let ledger = Ledger::new(db);
        let notes = memory.into_iter().map(|noted| {
            let over = Arc::new(Notify::new());
            let way = Way { noted, ledger: ledger.clone(), clock: clock.clone() };
            (Arc::clone(&over), tokio::spawn(way.write_until(over)))
        });
        let warned = Arc::new(Notify::new());
        let warnings = (Arc::clone(&warned), tokio::spawn(warnings.tell_until(warned)));
        let traffic_over = Arc::new(Notify::new());
        Self {
            notes: notes.chain([warnings]).collect(),
            tasks: vec![
                tokio::spawn(partitions.clone().look_after()),
                tokio::spawn(tend_keys(keys, clock.clone())),
                tokio::spawn(sealer.seal_for_ever()),
                tokio::spawn(look_for_ends(ledger, clock)),
                tokio::spawn(tend_limits(Arc::clone(&limits))),
            ],
            partitions,
            limits,
            traffic: (Arc::clone(&traffic_over), tokio::spawn(traffic.write_until(traffic_over))),
        }
    }

    /// Ends them, once nothing more is answered.
    pub(super) async fn end(self) {
        self.partitions.end();
        self.tasks.iter().for_each(JoinHandle::abort);
        if let Err(fault) = self.limits.end().await {
            log::warn!("giving back what was taken of limits: {fault}");
        }
        for (over, notes) in self.notes {
            over.notify_one();
            if let Err(error) = notes.await {
                log::error!("the notes of what was used: {error}");
            }
        }
        let (over, traffic) = self.traffic;
        over.notify_one();
        if let Err(error) = traffic.await {
            log::error!("the request log: {error}");
        }
    }
}

/// What is noted in memory while requests are answered.
pub(super) enum Noted {
    /// When and how often grants were used.
    Grants(Arc<GrantUsage>),
    /// When, from where and how often credentials were.
    Credentials(Arc<CredentialUsage>),
    /// How often it was asked whether a token is good.
    Introspections(Arc<Introspections>),
    /// Who was shut out.
    Blocks(Arc<Blocks>),
}

impl Noted {
    async fn flush(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<(), Fault> {
        match self {
            Self::Grants(usage) => usage.flush(ledger, now).await,
            Self::Credentials(usage) => usage.flush(ledger, now).await,
            Self::Introspections(introspections) => introspections.flush(ledger, now).await,
            Self::Blocks(blocks) => blocks.flush(ledger, now).await,
        }
    }
}

/// The way of notes from memory to the database.
struct Way {
    noted: Noted,
    ledger: Ledger,
    clock: Clock,
}

impl Way {
    /// Every so often, and once more when it is over.
    async fn write_until(self, over: Arc<Notify>) {
        while timeout(NOTES, over.notified()).await.is_err() {
            self.write().await;
        }
        self.write().await;
    }

    async fn write(&self) {
        if let Err(fault) = self.noted.flush(&self.ledger, self.clock.now()).await {
            let what = match self.noted {
                Noted::Grants(_) => "which apps were used",
                Noted::Credentials(_) => "which keys were used",
                Noted::Introspections(_) => "how often bearers were asked about",
                Noted::Blocks(_) => "who was shut out",
            };
            log::warn!("noting {what}: {fault}");
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

/// Tells which credentials end soon, soon after the start and hourly.
async fn look_for_ends(ledger: Ledger, clock: Clock) {
    loop {
        if let Err(fault) = tell_expiring(&ledger, clock.now()).await {
            log::warn!("telling which keys and tokens end soon: {fault}");
        }
        sleep(ENDS).await;
    }
}
