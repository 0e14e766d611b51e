//! How the request log is kept.

use serde::Deserialize;

use crate::platform::db::LogRetention;

/// What becomes of a call that the log has no room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Overflow {
    /// It is answered, and missing in the log, which is counted and told.
    Drop,
    /// It waits, and is told 503 if it waits for too long.
    Block,
}

/// Section `traffic`.
#[derive(Clone, Debug, Deserialize)]
pub struct TrafficSettings {
    /// Days that calls are kept; 0: for ever.
    pub retention_days: u32,
    /// What becomes of calls beyond the queue.
    pub overflow: Overflow,
    /// Calls that wait to be written.
    pub queue: usize,
    /// Milliseconds that a call waits for room.
    pub wait_ms: u64,
    /// Share of the allowed calls that are logged, in percent.
    pub calls_percent: u32,
    /// And of those that took nothing from the limits.
    pub questions_percent: u32,
    /// Seconds after which what was written is sealed.
    pub seal_s: u64,
}

impl TrafficSettings {
    /// How long calls are kept, as whoever drops partitions wants to know it.
    pub fn retention(&self) -> LogRetention {
        match self.retention_days {
            0 => LogRetention::ForEver,
            days => LogRetention::Days(days),
        }
    }
    /// What is wrong with them.
    pub fn complaints(&self) -> Vec<String> {
        let demands = [
            (
                self.retention_days == 0 || (2..=36_500).contains(&self.retention_days),
                "traffic.retention_days must be 2 to 36500, or 0",
            ),
            ((1..=1_000_000).contains(&self.queue), "traffic.queue must be 1 to 1000000"),
            ((1..=60_000).contains(&self.wait_ms), "traffic.wait_ms must be 1 to 60000"),
            (
                self.calls_percent <= 100 && self.questions_percent <= 100,
                "traffic.calls_percent and traffic.questions_percent must be 0 to 100",
            ),
            ((1..=3600).contains(&self.seal_s), "traffic.seal_s must be 1 to 3600"),
        ];
        demands.into_iter().filter(|(holds, _)| !holds).map(|(_, words)| words.to_owned()).collect()
    }
}
