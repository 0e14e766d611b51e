//! How the request log does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::platform::metrics::Metrics;
use crate::traffic::batch::Missing;

/// What is counted.
pub(super) struct Counts {
    queue: Gauge,
    rows: Counter,
    dropped: Counter,
    refused: Counter,
    unwritable: Counter,
    seconds: Histogram,
    is_dropping: AtomicBool,
}

impl Counts {
    /// All at nothing, and shown in these metrics.
    pub(super) fn shown_in(metrics: &Metrics) -> Self {
        let counts = Self {
            queue: Gauge::default(),
            rows: Counter::default(),
            dropped: Counter::default(),
            refused: Counter::default(),
            unwritable: Counter::default(),
            seconds: Histogram::new([0.001, 0.005, 0.02, 0.1, 0.5, 2.0]),
            is_dropping: AtomicBool::default(),
        };
        metrics.register("traffic_queue", "Calls that wait to be logged", counts.queue.clone());
        metrics.register("traffic_rows", "Calls that were logged", counts.rows.clone());
        metrics.register(
            "traffic_dropped",
            "Calls that the log had no room for, or that were lost at the end of the process",
            counts.dropped.clone(),
        );
        metrics.register(
            "traffic_refused",
            "Calls that were told 503 since the log had no room for them",
            counts.refused.clone(),
        );
        metrics.register(
            "traffic_unwritable",
            "Calls that the database would not take",
            counts.unwritable.clone(),
        );
        metrics.register(
            "traffic_batch_seconds",
            "Time to write a batch, commit included",
            counts.seconds.clone(),
        );
        counts
    }

    pub(super) fn queued(&self) {
        self.queue.inc();
    }

    pub(super) fn taken(&self, many: usize) {
        self.queue.dec_by(i64::try_from(many).unwrap_or(i64::MAX));
    }

    pub(super) fn written(&self, rows: usize, took: Duration) {
        self.rows.inc_by(rows as u64);
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts one that there was no room for; the first after a while is warned of.
    pub(super) fn drop_one(&self) {
        self.dropped.inc();
        if !self.is_dropping.swap(true, Ordering::Relaxed) {
            log::warn!(
                "the request log cannot keep up, and calls are missing in it; traffic.dropped tells how many"
            );
        }
    }

    pub(super) fn refuse_one(&self) {
        self.refused.inc();
    }

    pub(super) fn lose(&self, many: usize) {
        self.dropped.inc_by(many as u64);
    }

    pub(super) fn cannot_write(&self, many: usize) {
        self.unwritable.inc_by(many as u64);
    }

    /// What is missing and not told of yet, counted from what was told before.
    pub(super) fn missing(&self, told: Missing) -> Missing {
        Missing {
            dropped: self.dropped.get() - told.dropped,
            unwritable: self.unwritable.get() - told.unwritable,
        }
    }

    /// It is told: the next that is dropped is warned of again.
    pub(super) fn told(&self) {
        self.is_dropping.store(false, Ordering::Relaxed);
    }
}
