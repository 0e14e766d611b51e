//! The way into the request log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::audit::Ledger;
use crate::kernel::Fault;
use crate::platform::clock::Clock;
use crate::platform::metrics::Metrics;
use crate::traffic::metrics::Counts;
use crate::traffic::{Overflow, Story, TrafficSettings, Writer};

/// Takes stories into memory. Cheap to clone.
#[derive(Clone)]
pub struct RequestLog {
    stories: mpsc::Sender<Story>,
    overflow: Overflow,
    wait: Duration,
    counts: Arc<Counts>,
}

impl RequestLog {
    /// A log, and who writes it through a ledger of its own: its batches share a connection with nothing else.
    pub fn new(
        settings: &TrafficSettings,
        ledger: Ledger,
        clock: Clock,
        metrics: &Metrics,
    ) -> (Self, Writer) {
        let (stories, queue) = mpsc::channel(settings.queue);
        let counts = Arc::new(Counts::shown_in(metrics));
        let writer = Writer::new(settings, queue, ledger, clock, Arc::clone(&counts));
        let wait = Duration::from_millis(settings.wait_ms);
        (Self { stories, overflow: settings.overflow, wait, counts }, writer)
    }

    /// Has this call logged soon: once, when all is known of it and before it is answered. Where it cannot be and the
    /// operator wants none to be missing (`traffic.overflow = "block"`), this is a fault, and the call is told 503.
    pub async fn record(&self, mut story: Story) -> Result<(), Fault> {
        story.ends();
        self.counts.queued();
        let Err(problem) = self.stories.try_send(story) else { return Ok(()) };
        match (problem, self.overflow) {
            (TrySendError::Full(story), Overflow::Block) => self.wait_for_room(story).await,
            (TrySendError::Closed(_), Overflow::Block) => self.refuse(),
            (_, Overflow::Drop) => {
                self.counts.taken(1);
                self.counts.drop_one();
                Ok(())
            }
        }
    }

    async fn wait_for_room(&self, story: Story) -> Result<(), Fault> {
        let sent = tokio::time::timeout(self.wait, self.stories.send(story)).await;
        if matches!(sent, Ok(Ok(()))) {
            return Ok(());
        }
        self.refuse()
    }

    fn refuse(&self) -> Result<(), Fault> {
        self.counts.taken(1);
        self.counts.refuse_one();
        Err(Fault::unavailable("the request log has no room"))
    }
}
