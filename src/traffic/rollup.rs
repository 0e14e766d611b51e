//! How much was asked, summed up: of one batch, by whom and on what, one row each.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::traffic::latency::{self, Histogram};
use crate::traffic::store::Grain;
use crate::traffic::{Ruling, Story};

/// What is counted together: a time, and who asked what. Whoever is not known is the nil UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub(super) bucket: DateTime<Utc>,
    pub(super) account: Uuid,
    pub(super) credential: Uuid,
    pub(super) service: Uuid,
}

/// How much that was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub(super) requests: i64,
    pub(super) errors: i64,
    pub(super) limited: i64,
    pub(super) cost_units: i64,
    pub(super) bytes_in: i64,
    pub(super) bytes_out: i64,
    pub(super) latency_ms_sum: i64,
    pub(super) latency_hist: Histogram,
}

impl Key {
    fn of(story: &Story, grain: Grain) -> Self {
        Self {
            bucket: grain.bucket(story.when),
            account: story.who.account.map(|id| id.uuid()).unwrap_or_default(),
            credential: story.who.credential.map(|id| id.uuid()).unwrap_or_default(),
            service: story.call.service.map(|id| id.uuid()).unwrap_or_default(),
        }
    }
}

impl Sums {
    fn count(&mut self, story: &Story) {
        let milliseconds = u64::try_from(story.took.unwrap_or_default().as_millis()).unwrap_or(u64::MAX);
        self.requests += 1;
        self.errors += i64::from(story.status >= 400);
        self.limited += i64::from(story.ruling == Ruling::Limit);
        self.cost_units = self.cost_units.saturating_add_unsigned(story.cost);
        self.bytes_in = self.bytes_in.saturating_add_unsigned(story.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add_unsigned(story.bytes_out);
        self.latency_ms_sum = self.latency_ms_sum.saturating_add_unsigned(milliseconds);
        if let Some(many) = self.latency_hist.get_mut(latency::place(milliseconds)) {
            *many += 1;
        }
    }
}

/// The sums of these stories, in the order of their keys.
pub(super) fn sum_up(stories: &[Story], grain: Grain) -> Vec<(Key, Sums)> {
    let mut sums = BTreeMap::<Key, Sums>::new();
    for story in stories {
        sums.entry(Key::of(story, grain)).or_default().count(story);
    }
    sums.into_iter().collect()
}
