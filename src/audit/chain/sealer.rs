//! The sealer: gives events their sequence, batch by batch, and signs the head of the chain now and then.
//!
//! Writers leave nothing for it but the number of their transaction. What lies below the oldest transaction under way is
//! complete, so it takes events in the order of transactions up to there, and none can appear behind it. A transaction
//! that stays open holds up the sealing of what came after it began, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::sleep;

use crate::audit::chain::checkpoint::{Checkpoint, Signature, Statement};
use crate::audit::chain::link::{Leaf, Link, Place, Sealable, month_of};
use crate::audit::chain::store;
use crate::audit::{Ledger, Work};
use crate::kernel::Fault;
use crate::platform::clock::Clock;
use crate::platform::context::Context;
use crate::platform::db::Connection;
use crate::platform::metrics::Metrics;

/// Events of a batch, at most.
pub(super) const BATCH: i64 = 4096;

/// The pause after a round that left nothing to seal.
const PAUSE: Duration = Duration::from_millis(250);

/// Signs the text of a statement; `None`: there is no key, by the operator's choice.
pub type Signer = Arc<dyn Fn(&str, DateTime<Utc>) -> Result<Option<Signature>, Fault> + Send + Sync>;

/// What a round did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// Another node is at it.
    Elsewhere,
    /// So many events.
    Some {
        /// How many.
        events: usize,
        /// Whether more wait that are complete.
        is_more: bool,
    },
    /// There were none.
    Nothing,
}

/// Whoever seals. Of the nodes that have one, one at a time is at work.
#[derive(Clone)]
pub struct Sealer {
    ledger: Ledger,
    clock: Clock,
    signer: Signer,
    every: TimeDelta,
    seen: Seen,
}

/// What is counted of it.
#[derive(Clone)]
struct Seen {
    events: Counter,
    checkpoints: Counter,
    rows: Histogram,
    lag: Gauge,
}

impl Sealer {
    /// Over this ledger, with a checkpoint this often; counted in these metrics.
    pub fn new(ledger: Ledger, clock: Clock, signer: Signer, every: TimeDelta, metrics: &Metrics) -> Self {
        let seen = Seen {
            events: Counter::default(),
            checkpoints: Counter::default(),
            rows: Histogram::new([1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0]),
            lag: Gauge::default(),
        };
        metrics.register("audit_sealed_events", "Events sealed by this node", seen.events.clone());
        metrics.register("audit_checkpoints", "Checkpoints signed by this node", seen.checkpoints.clone());
        metrics.register("audit_batch_rows", "Events sealed at once", seen.rows.clone());
        metrics.register(
            "audit_sealing_lag_seconds",
            "Age of the oldest event that is not sealed, as this node last saw it",
            seen.lag.clone(),
        );
        Self { ledger, clock, signer, every, seen }
    }

    /// Round after round, until it is aborted. Says once what is wrong, and once that it is over.
    pub async fn seal_for_ever(self) {
        let mut well = true;
        loop {
            let done = self.round().await;
            match &done {
                Err(fault) if well => log::warn!("sealing the audit log: {fault}"),
                Ok(_) if !well => log::info!("the audit log is sealed again"),
                _ => {}
            }
            well = done.is_ok();
            // At each pause more comes together, so that busy writers make large batches, and not many.
            if !matches!(done, Ok(Sealed::Some { is_more: true, .. })) {
                sleep(PAUSE).await;
            }
        }
    }

    /// One batch, and a checkpoint when it is due.
    pub async fn round(&self) -> Result<Sealed, Fault> {
        let (me, context) = (self.clone(), Context::operator(self.clock.now()));
        let done = self.ledger.act(&context, move |work| {
            work.nothing_to_tell("a seal is of the log, and not in it");
            me.work(work).map(Ok)
        });
        let done = match done.await {
            Ok(done) => done.map_err(|denial| Fault::internal(format!("{denial:?}")))?,
            Err(fault) => {
                self.look_behind().await;
                return Err(fault);
            }
        };
        self.count(&done);
        // What was sealed is sealed, signed or not.
        done.signed?;
        Ok(done.sealed)
    }

    /// What cannot be sealed grows older all the same, and that must be seen.
    async fn look_behind(&self) {
        let now = self.clock.now();
        if let Ok(standing) = self.ledger.read(standing).await {
            self.seen.lag.set(standing.lag(now).num_seconds());
        }
    }

    fn work(&self, work: &mut Work<'_>) -> Result<Done, Fault> {
        let (sealed, signed) = if store::lock(work)? {
            (seal(work)?, self.sign_if_due(work)?)
        } else {
            (Sealed::Elsewhere, Ok(None))
        };
        let after = store::head(work)?.map_or(Place::START, |head| head.until);
        let (_, oldest) = store::waiting(work, after, 1)?;
        Ok(Done { sealed, signed, lag: lag(oldest, work.now()) })
    }

    /// Signs the head of the chain, if there is one that is new, and the last one is old. That it cannot be signed is for
    /// the caller to tell, and no reason not to seal.
    fn sign_if_due(&self, work: &mut Work<'_>) -> Result<Result<Option<Checkpoint>, Fault>, Fault> {
        let (last, head, now) = (store::last_checkpoint(work)?, store::head(work)?, work.now());
        let is_due = last.as_ref().is_none_or(|last| now - last.created_at >= self.every);
        let is_new = |head: &Link| last.as_ref().is_none_or(|last| last.batch < head.batch);
        let Some(head) = head.filter(|head| is_due && is_new(head)) else {
            return Ok(Ok(None));
        };
        let statement = Statement::of(&head, now, store::count_checkpoints(work)?, last.as_ref());
        let text = serde_json::to_string(&statement).map_err(Fault::internal)?;
        let signature = match (self.signer)(&text, now) {
            Ok(Some(signature)) => signature,
            Ok(None) => return Ok(Ok(None)),
            Err(fault) => return Ok(Err(fault)),
        };
        let checkpoint = Checkpoint::new(&statement, &head, signature, now);
        store::insert_checkpoint(work, &checkpoint)?;
        Ok(Ok(Some(checkpoint)))
    }

    fn count(&self, done: &Done) {
        if let Sealed::Some { events, .. } = done.sealed {
            self.seen.events.inc_by(events as u64);
            self.seen.rows.observe(f64::from(u32::try_from(events).unwrap_or(u32::MAX)));
        }
        if let Ok(Some(checkpoint)) = &done.signed {
            self.seen.checkpoints.inc();
            // Whoever keeps the log of the server elsewhere keeps this with it.
            log::info!("audit checkpoint after {} events: {}", checkpoint.seq, checkpoint.signature);
        }
        self.seen.lag.set(done.lag.num_seconds());
    }
}

/// What came of a round.
struct Done {
    sealed: Sealed,
    signed: Result<Option<Checkpoint>, Fault>,
    lag: TimeDelta,
}

/// Seals the next batch: events of one month, as far as no transaction under way may still write among them.
fn seal(work: &mut Work<'_>) -> Result<Sealed, Fault> {
    let head = store::head(work)?;
    let after = head.as_ref().map_or(Place::START, |head| head.until);
    let mut events = store::settled(work, after, BATCH)?;
    let (found, most) = (events.len(), usize::try_from(BATCH).map_err(Fault::internal)?);
    keep_one_month(&mut events);
    let leaves: Vec<Leaf> = events.iter().map(Sealable::leaf).collect();
    let Some(link) = Link::after(head.as_ref(), &events, &leaves, work.now()) else {
        return Ok(Sealed::Nothing);
    };
    store::append(work, &link, &leaves)?;
    Ok(Sealed::Some { events: events.len(), is_more: found == most || events.len() < found })
}

fn keep_one_month(events: &mut Vec<Sealable>) {
    if let Some(month) = events.first().map(|first| month_of(first.place.at)) {
        let many = events.iter().take_while(|event| month_of(event.place.at) == month).count();
        events.truncate(many);
    }
}

/// How far the sealing is.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Events that have a sequence number.
    pub sealed: i64,
    /// Events that have none yet, counted up to [`Standing::MOST`].
    pub waiting: i64,
    /// Since when the next of them waits.
    pub oldest: Option<DateTime<Utc>>,
    /// The latest checkpoint: its last event, and when.
    pub checkpoint: Option<(i64, DateTime<Utc>)>,
}

impl Standing {
    /// How far is counted.
    pub const MOST: i64 = 10_000;

    /// How long an event waits for its seal where all is well.
    pub const WELL: TimeDelta = TimeDelta::seconds(60);

    /// Whether the next event waits for too long by now.
    pub fn is_late(&self, now: DateTime<Utc>) -> bool {
        self.waiting > 0 && self.lag(now) > Self::WELL
    }

    /// How long the next event waits by now.
    pub fn lag(&self, now: DateTime<Utc>) -> TimeDelta {
        lag(self.oldest, now)
    }
}

fn lag(oldest: Option<DateTime<Utc>>, now: DateTime<Utc>) -> TimeDelta {
    oldest.map_or_else(TimeDelta::zero, |oldest| (now - oldest).max(TimeDelta::zero()))
}

/// Looks how far the sealing is.
pub fn standing(connection: &mut Connection) -> Result<Standing, Fault> {
    let head = store::head(connection)?;
    let after = head.as_ref().map_or(Place::START, |head| head.until);
    let (waiting, oldest) = store::waiting(connection, after, Standing::MOST)?;
    let checkpoint = store::last_checkpoint(connection)?.map(|last| (last.seq, last.created_at));
    Ok(Standing { sealed: head.map_or(0, |head| head.last_seq), waiting, oldest, checkpoint })
}
