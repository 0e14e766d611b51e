//! What clients asked and what they were told, to be held against what the servers made of it.

mod clients;
mod rules;
mod world;

use std::sync::Mutex;
use std::time::{Duration, Instant};

pub use clients::Load;
pub use rules::{Report, check};
pub use world::{Access, Single, World};

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// A token by client credentials.
    Issue,
    /// Tokens for this code.
    Redeem(String),
    /// Tokens for this refresh token.
    Refresh(String),
    /// The end of this token.
    Revoke(String),
    /// Whether this token is good.
    Introspect(String),
}

/// What it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// An access token, and what refreshes it.
    Tokens(String, Option<String>),
    /// It is revoked.
    Revoked,
    /// Whether it is good.
    Good(bool),
    /// No, and why.
    Refused(String),
    /// 503, or nothing at all: it may have happened or not.
    Unknown,
    /// What no client should ever hear.
    Nonsense(String),
}

/// One request, and when.
#[derive(Clone, Debug)]
pub struct Entry {
    pub asked: Asked,
    pub heard: Heard,
    pub began: Duration,
    pub ended: Duration,
}

/// All requests of a run.
pub struct History {
    since: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl History {
    pub fn new() -> Self {
        Self { since: Instant::now(), entries: Mutex::default() }
    }

    /// The moment, as entries tell it.
    fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn write(&self, entry: Entry) {
        self.entries.lock().expect("a list").push(entry);
    }

    /// The entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.entries.lock().expect("a list").clone()
    }

    /// How many were answered in earnest.
    pub fn acknowledged(&self) -> usize {
        let entries = self.entries.lock().expect("a list");
        entries.iter().filter(|entry| matches!(entry.heard, Heard::Tokens(..) | Heard::Revoked)).count()
    }

    /// How many do not know what became of their request.
    pub fn unknown(&self) -> usize {
        self.entries.lock().expect("a list").iter().filter(|entry| entry.heard == Heard::Unknown).count()
    }
}
