//! What may be wrong with a log, in words.

use std::fmt;

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

/// An event that is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its id.
    pub id: Uuid,
    /// Its number, or that which it stands at.
    pub seq: i64,
    /// The batch it is in.
    pub batch: i64,
    /// What and when, as the row has it; nothing is known of one that is gone.
    pub what: Option<(String, DateTime<Utc>)>,
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} ({}", self.id, self.seq)?;
        if let Some((kind, at)) = &self.what {
            write!(f, ", {kind} at {}", moment(*at))?;
        }
        write!(f, ", batch {})", self.batch)
    }
}

/// The first thing that is not as it was sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// A row is not what it was.
    Edited(Named),
    /// A row is gone.
    Deleted(Named),
    /// A row was not there when its neighbours were sealed.
    Inserted(Named),
    /// A row stands before one that was sealed before it.
    Reordered(Named),
    /// The rows of a batch are not what they were, and the hashes that would tell which were changed, too, or are gone.
    Batch {
        /// Which.
        batch: i64,
        /// Its first event
        first: i64,
        /// and its last.
        last: i64,
        /// How many rows there are.
        found: i64,
    },
    /// A month is gone that is to be kept.
    MonthGone {
        /// Which.
        month: NaiveDate,
        /// The first batch in it.
        batch: i64,
    },
    /// A link of the chain was edited.
    Link {
        /// Which.
        batch: i64,
        /// Its first event
        first: i64,
        /// and its last.
        last: i64,
    },
    /// A link is gone.
    LinkGone {
        /// Which.
        batch: i64,
    },
    /// The chain has less than was signed.
    Cut {
        /// The events it has.
        left: i64,
        /// The events that were signed,
        signed: i64,
        /// and when.
        at: DateTime<Utc>,
    },
    /// The chain has other hashes than were signed.
    Rewritten {
        /// Up to which event it was signed,
        seq: i64,
        /// and when.
        at: DateTime<Utc>,
    },
    /// A checkpoint is not ours.
    Checkpoint {
        /// Up to which event it speaks.
        seq: i64,
        /// What is wrong with it.
        why: String,
    },
}

impl Flaw {
    /// One word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Edited(_) => "edited",
            Self::Deleted(_) => "deleted",
            Self::Inserted(_) => "inserted",
            Self::Reordered(_) => "reordered",
            Self::Batch { .. } => "batch",
            Self::MonthGone { .. } => "month_gone",
            Self::Link { .. } => "link",
            Self::LinkGone { .. } => "link_gone",
            Self::Cut { .. } => "cut",
            Self::Rewritten { .. } => "rewritten",
            Self::Checkpoint { .. } => "checkpoint",
        }
    }

    /// The same for programs.
    pub fn json(&self) -> Value {
        let (word, message) = (self.word(), self.to_string());
        if let Self::Edited(event) | Self::Deleted(event) | Self::Inserted(event) | Self::Reordered(event) =
            self
        {
            return json!({
                "flaw": word, "message": message, "event": event.id, "seq": event.seq, "batch": event.batch,
            });
        }
        json!({ "flaw": word, "message": message })
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited(event) => write!(f, "{event} was edited"),
            Self::Deleted(event) => write!(f, "{event} was deleted"),
            Self::Inserted(event) => write!(f, "{event} was inserted afterwards"),
            Self::Reordered(event) => write!(f, "{event} was put before others that came before it"),
            Self::Batch { batch, first, last, found } => write!(
                f,
                "the events {first} to {last} (batch {batch}) are not what was sealed; there are {found} of them"
            ),
            Self::MonthGone { month, batch } => write!(
                f,
                "the events of {} are gone (batch {batch} and on), and they were to be kept",
                month.format("%Y-%m")
            ),
            Self::Link { batch, first, last } => {
                write!(f, "the seal of the events {first} to {last} (batch {batch}) was edited")
            }
            Self::LinkGone { batch } => write!(f, "the seal of batch {batch} is gone"),
            Self::Cut { left, signed, at } => write!(
                f,
                "the log was cut: it has {left} sealed events, and there were {signed} when they were signed at {}",
                moment(*at)
            ),
            Self::Rewritten { seq, at } => write!(
                f,
                "the log was written anew: its first {seq} events are not those that were signed at {}",
                moment(*at)
            ),
            Self::Checkpoint { seq, why } => write!(f, "the checkpoint after event {seq} is not ours: {why}"),
        }
    }
}

fn moment(at: DateTime<Utc>) -> impl fmt::Display {
    at.format("%Y-%m-%d %H:%M:%S UTC")
}
