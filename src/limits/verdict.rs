//! What is answered: whether a call is within its limits, and how much is left.

use crate::limits::limit::Kind;
use crate::limits::rules::Applied;
use crate::limits::stores::measure::Level;
use crate::limits::stores::{Milestone, Unused};

/// Whether a call is within its limits.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Whether it is.
    pub allowed: bool,
    /// How each limit stands. One that nobody can know of, and that is open then, is left out.
    pub policies: Vec<Policy>,
    /// The names of those that the call is too much for.
    pub violated: Vec<String>,
    /// Seconds until the call would be within all of them, if it is not.
    pub retry_after_s: Option<u64>,
    /// What somebody should be told: each once a window.
    pub warnings: Vec<Warning>,
    /// What the call holds until it ends; for `Limits::release`.
    pub held: Held,
}

/// How a limit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// How it is measured.
    pub kind: Kind,
    /// How much there is.
    pub quota: u64,
    /// Within how many seconds.
    pub window_s: u32,
    /// How much is left.
    pub remaining: u64,
    /// Seconds until there is more.
    pub reset_in_s: u64,
}

/// Most or all of a calendar's quota is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The limit's name.
    pub name: String,
    /// How much there is.
    pub quota: u64,
    /// How much is used.
    pub used: Milestone,
}

/// What a call holds of concurrent limits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub(super) in_store: Vec<Unused>,
    pub(super) on_this_node: Vec<Unused>,
}

impl Held {
    /// Whether there is nothing to release.
    pub fn is_empty(&self) -> bool {
        self.in_store.is_empty() && self.on_this_node.is_empty()
    }
}

impl Verdict {
    pub(super) fn yes() -> Self {
        Self { allowed: true, ..Self::default() }
    }

    /// Notes how one limit stands, and whether the call fits.
    pub(super) fn note(&mut self, applied: &Applied, level: Level, fits: bool) {
        let window_s = applied.terms.kind().window_s();
        self.policies.push(Policy {
            name: applied.label.clone(),
            kind: applied.terms.kind(),
            quota: applied.quota,
            window_s,
            remaining: level.remaining,
            reset_in_s: seconds(level.rises_in_us),
        });
        if !fits {
            self.allowed = false;
            self.violated.push(applied.label.clone());
            // What never fits may be tried when everything else would.
            let wait_s = level.fits_in_us.map_or(u64::from(window_s), seconds);
            self.retry_after_s = self.retry_after_s.max(Some(wait_s.max(1)));
        }
    }
}

/// Whole seconds, never too early.
fn seconds(us: i64) -> u64 {
    u64::try_from(us).unwrap_or(0).div_ceil(1_000_000)
}
