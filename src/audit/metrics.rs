//! How the lanes do.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

use crate::platform::metrics::Metrics;

/// What is counted of one lane.
#[derive(Debug)]
pub struct LaneMetrics {
    depth: Gauge,
    rows: Counter,
    size: Histogram,
    seconds: Histogram,
}

impl Default for LaneMetrics {
    fn default() -> Self {
        Self {
            depth: Gauge::default(),
            rows: Counter::default(),
            size: Histogram::new([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0]),
            seconds: Histogram::new([0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.2, 1.0]),
        }
    }
}

impl LaneMetrics {
    pub(super) fn queued(&self) {
        self.depth.inc();
    }

    pub(super) fn taken(&self, many: usize) {
        self.depth.dec_by(i64::try_from(many).unwrap_or(i64::MAX));
    }

    pub(super) fn executed(&self, size: usize, took: Duration) {
        self.rows.inc_by(size as u64);
        self.size.observe(f64::from(u32::try_from(size).unwrap_or(u32::MAX)));
        self.seconds.observe(took.as_secs_f64());
    }

    /// Shows them, under names that begin with that of the lane.
    pub fn register(&self, lane: &str, metrics: &Metrics) {
        let name = |what: &str| format!("{lane}_{what}");
        metrics.register(&name("queue"), "What waits to be executed with others", self.depth.clone());
        metrics.register(&name("rows"), "What was executed", self.rows.clone());
        metrics.register(&name("batch_rows"), "How much was executed at once", self.size.clone());
        metrics.register(
            &name("batch_seconds"),
            "Time to execute a batch, commit included",
            self.seconds.clone(),
        );
    }
}
