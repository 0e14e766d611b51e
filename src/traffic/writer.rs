//! Who writes the request log: what has gathered in memory, many in one commit.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, sleep_until, timeout_at};

use crate::audit::Ledger;
use crate::kernel::{Fault, FaultKind};
use crate::platform::clock::Clock;
use crate::platform::context::Context;
use crate::platform::entropy::Entropy;
use crate::traffic::batch::{Batch, Missing};
use crate::traffic::metrics::Counts;
use crate::traffic::sampling::Sampling;
use crate::traffic::seal::Seal;
use crate::traffic::{Story, TrafficSettings};

/// Calls in one commit, at most.
const BATCH: usize = 500;

/// How long calls gather for one.
const GATHER: Duration = Duration::from_millis(500);

/// The pauses between attempts to write, while the database is away.
const BACK_OFF: std::ops::Range<Duration> = Duration::from_millis(50)..Duration::from_secs(1);

/// How long the last ones are tried to be written, once the process is to end.
const FAREWELL: Duration = Duration::from_secs(10);

/// Whether a batch ends its chain.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sealing {
    Never,
    WhenDue,
    Now,
}

/// Writes until it is told to end, and then what is left.
pub struct Writer {
    stories: mpsc::Receiver<Story>,
    ledger: Ledger,
    clock: Clock,
    sampling: Sampling,
    seal_after: Duration,
    counts: Arc<Counts>,
    /// The chain under way, and since when.
    chain: Option<(Seal, Instant)>,
    told: Missing,
    over: Arc<Notify>,
    /// Until when the last ones are tried.
    farewell: Option<Instant>,
    has_given_up: bool,
}

impl Writer {
    pub(super) fn new(
        settings: &TrafficSettings,
        stories: mpsc::Receiver<Story>,
        ledger: Ledger,
        clock: Clock,
        counts: Arc<Counts>,
    ) -> Self {
        Self {
            stories,
            ledger,
            clock,
            sampling: Sampling::new(settings.calls_percent, settings.questions_percent),
            seal_after: Duration::from_secs(settings.seal_s),
            counts,
            chain: None,
            told: Missing::default(),
            over: Arc::default(),
            farewell: None,
            has_given_up: false,
        }
    }

    /// Writes what comes until `over` is notified, and then what is left.
    pub async fn write_until(mut self, over: Arc<Notify>) {
        self.over = over;
        while let Some(stories) = self.gather().await {
            self.counts.taken(stories.len());
            self.write(stories, Sealing::WhenDue).await;
        }
        self.write(Vec::new(), Sealing::Now).await;
    }

    /// Waits for calls, and for more of them; none, if it is time to seal or to end; nothing once all is over.
    async fn gather(&mut self) -> Option<Vec<Story>> {
        let mut stories = Vec::new();
        let sealing = self.chain.as_ref().map(|(_, since)| *since + self.seal_after);
        tokio::select! {
            many = self.stories.recv_many(&mut stories, BATCH) => if many == 0 { return None },
            () = sleep_until(sealing.unwrap_or_else(Instant::now).into()), if sealing.is_some() => {}
            () = self.over.notified(), if self.farewell.is_none() => self.begin_to_end(),
        }
        let until = Instant::now() + GATHER;
        while !stories.is_empty() && stories.len() < BATCH && self.farewell.is_none() {
            let room = BATCH - stories.len();
            match timeout_at(until.into(), self.stories.recv_many(&mut stories, room)).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => break,
            }
        }
        Some(stories)
    }

    fn begin_to_end(&mut self) {
        self.stories.close();
        self.farewell = Some(Instant::now() + FAREWELL);
    }

    /// Writes these; and if the database will not have them, without their seal, and then each by itself, so that a bad
    /// one fails alone.
    async fn write(&mut self, stories: Vec<Story>, sealing: Sealing) {
        let Err(fault) = self.attempt(&stories, sealing).await else { return };
        if fault.kind() == FaultKind::Unavailable {
            log::error!("the end of the request log is missing, {} calls: {fault}", stories.len());
            return self.counts.lose(stories.len());
        }
        match stories.as_slice() {
            [] => {
                log::error!("what was logged lately is not sealed: {fault}");
                self.chain = None;
            }
            _ if sealing != Sealing::Never => {
                log::warn!("a batch of the request log is written without a seal: {fault}");
                Box::pin(self.write(stories, Sealing::Never)).await;
            }
            [_] => {
                log::error!("a call is missing in the request log: {fault}");
                self.counts.cannot_write(1);
            }
            _ => {
                log::warn!("a batch of the request log is written one by one: {fault}");
                for story in stories {
                    Box::pin(self.write(vec![story], Sealing::Never)).await;
                }
            }
        }
    }

    async fn attempt(&mut self, stories: &[Story], sealing: Sealing) -> Result<(), Fault> {
        let (chain, since) = match self.chain.clone() {
            Some(chain) => chain,
            None if stories.is_empty() => return Ok(()),
            None => (self.open_chain(), Instant::now()),
        };
        let seals = match sealing {
            Sealing::Never => false,
            Sealing::WhenDue => since.elapsed() >= self.seal_after,
            Sealing::Now => true,
        };
        if stories.is_empty() && !seals {
            return Ok(());
        }
        let now = self.clock.now();
        let (batch, chain) = Batch::of(Entropy.id(now), now, stories, &mut self.sampling, &chain)?;
        let missing = self.counts.missing(self.told);
        let batch = if seals { batch.sealing(&chain, missing) } else { batch };
        self.store(Arc::new(batch)).await?;
        self.chain = (!seals).then_some((chain, since));
        if seals {
            self.told = self.told.and(missing);
            self.counts.told();
        }
        Ok(())
    }

    fn open_chain(&self) -> Seal {
        let now = self.clock.now();
        Seal::open(Entropy.id(now), now)
    }

    /// Tries until it is known that the batch is in, or will never be, for what is in it: a database that is away or
    /// full, or does not let us, is waited for. A batch that is in is not written again.
    async fn store(&mut self, batch: Arc<Batch>) -> Result<(), Fault> {
        let (mut pause, mut is_away) = (BACK_OFF.start, false);
        while !self.has_given_up {
            let began = Instant::now();
            let context = Context::operator(self.clock.now());
            match self.ledger.write(&context, Arc::clone(&batch)).await {
                Ok(_) => {
                    if is_away {
                        log::info!("the request log is written again");
                    }
                    self.counts.written(batch.rows.len(), began.elapsed());
                    return Ok(());
                }
                // No seal is worth waiting for with the calls under it.
                Err(fault) if fault.kind() == FaultKind::Internal && batch.seals() => return Err(fault),
                Err(fault) if fault.is_of_the_values() => return Err(fault),
                Err(fault) => {
                    if !is_away {
                        log::warn!("the request log waits: {fault}");
                    }
                    is_away = true;
                    self.has_given_up = self.farewell.is_some_and(|farewell| Instant::now() >= farewell);
                }
            }
            self.pause(pause).await;
            pause = (pause * 2).min(BACK_OFF.end);
        }
        Err(Fault::unavailable("the database is away, and the process ends"))
    }

    async fn pause(&mut self, pause: Duration) {
        tokio::select! {
            () = sleep(pause) => {}
            () = self.over.notified(), if self.farewell.is_none() => self.begin_to_end(),
        }
    }
}
