//! Whether the request log is as it was written.
//!
//! The log of events says how each chain of batches ended, and its own chain vouches for that; from there on all can be
//! computed: the digests of the batches, and those of their rows. It is read day by day, however long it is.

mod chain;
mod days;

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use self::days::Days;
use crate::audit::{Kind, between};
use crate::kernel::Fault;
use crate::platform::db::{Connection, LogRetention};
use crate::traffic::store::batches::{seals, strays};

/// What is verified.
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    /// What was written from here on
    pub since: DateTime<Utc>,
    /// until here.
    pub until: DateTime<Utc>,
    /// The present moment,
    pub now: DateTime<Utc>,
    /// and how long calls are kept: what is older may be gone, and nothing else.
    pub retention: LogRetention,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Chains that an event vouches for.
    pub seals: usize,
    /// Batches in all.
    pub batches: usize,
    /// Rows in all.
    pub rows: usize,
    /// Of the batches those that no event vouches for, yet or any more: the chain is under way, or its node was killed.
    pub unsealed: usize,
    /// What is not as it was written, in plain words.
    pub problems: Vec<String>,
}

/// What `traffic.sealed` says of a chain.
#[derive(Deserialize)]
struct Sealed {
    seal: Uuid,
    batches: usize,
    rows: i64,
    digest: String,
}

/// A chain is sealed soon after its last batch; nodes whose clocks are apart may write a little later.
const SOON: TimeDelta = TimeDelta::hours(1);

/// Verifies what was written in a time.
pub fn verify(connection: &mut Connection, scope: &Scope) -> Result<Verified, Fault> {
    let days = Days::of(connection, scope)?;
    let times = days.times(scope);
    let mut search = Search {
        connection,
        days,
        told: HashSet::new(),
        sealed: HashSet::new(),
        chains: BTreeMap::new(),
        lost: BTreeSet::new(),
        found: Verified::default(),
    };
    for (since, until) in times {
        search.sealed(since, until)?;
        search.chains.extend(seals(search.connection, since, until)?);
        search.strays(since, until)?;
    }
    search.unsealed()?;
    Ok(search.end())
}

/// A verification under way.
struct Search<'a> {
    connection: &'a mut Connection,
    days: Days,
    /// The events that were read.
    told: HashSet<Uuid>,
    /// The chains that they vouch for.
    sealed: HashSet<Uuid>,
    /// All chains, each with its last batch.
    chains: BTreeMap<Uuid, DateTime<Utc>>,
    /// Days that are gone, and were to be kept.
    lost: BTreeSet<NaiveDate>,
    found: Verified,
}

impl Search<'_> {
    /// The chains that events vouch for: of what was written late, they tell on the day after.
    fn sealed(&mut self, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<(), Fault> {
        for event in between(self.connection, Kind::TrafficSealed, since, until + SOON)? {
            if !self.told.insert(event.id) {
                continue;
            }
            match serde_json::from_value::<Sealed>(event.data) {
                Ok(sealed) => {
                    self.sealed.insert(sealed.seal);
                    self.whole_chain(&sealed, event.occurred_at)?;
                }
                Err(_) => self.blame(format!("the event {} does not say what it seals", event.id)),
            }
        }
        Ok(())
    }

    /// And the others: an event may tell of a chain long after it began, so they are known in the end.
    fn unsealed(&mut self) -> Result<(), Fault> {
        for (seal, last) in std::mem::take(&mut self.chains) {
            if !self.sealed.contains(&seal) {
                let batches = self.batches(seal, last + TimeDelta::days(1))?;
                self.found.unsealed += batches.len();
                self.chain(seal, &batches)?;
            }
        }
        Ok(())
    }

    fn strays(&mut self, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<(), Fault> {
        let many = strays(self.connection, since, until)?;
        if many > 0 {
            self.blame(format!(
                "{many} calls of {} belong to no batch: they were added, or it was deleted",
                since.date_naive()
            ));
        }
        Ok(())
    }

    fn end(mut self) -> Verified {
        for day in std::mem::take(&mut self.lost) {
            self.blame(format!("calls of {day} are gone, with all of their day, and were to be kept"));
        }
        self.found
    }

    fn blame(&mut self, problem: String) {
        self.found.problems.push(problem);
    }
}
