//! Whether the request log is as it was written.
//!
//! The log of events says how each chain of batches ended, and its own chain vouches for that; from there on all can be
//! computed: the digests of the batches, and those of their rows.

use chrono::{DateTime, NaiveTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audit::{Kind, between};
use crate::kernel::Fault;
use crate::platform::db::{Connection, LogRetention, partitions};
use crate::platform::entropy::moment_of;
use crate::traffic::seal::{digest, hexadecimal, link, start};
use crate::traffic::store::batches::{Written, of_seal, seals, strays};
use crate::traffic::store::log::of_batch;

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
    digest: String,
}

/// A chain is sealed soon after its last batch; nodes whose clocks are apart may write a little later.
const SOON: TimeDelta = TimeDelta::hours(1);

/// Verifies what was written between these moments.
pub fn verify(
    connection: &mut Connection,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Verified, Fault> {
    let oldest = oldest(connection)?;
    let since = since.max(oldest);
    let mut search = Search { connection, oldest, found: Verified::default() };
    search.by_events(since, until)?;
    search.strays(since, until)?;
    Ok(search.found)
}

/// The moment before which all has left with its partition.
fn oldest(connection: &mut Connection) -> Result<DateTime<Utc>, Fault> {
    let all = partitions(connection, DateTime::<Utc>::UNIX_EPOCH.date_naive(), LogRetention::ForEver)?;
    let own = all.iter().filter(|part| part.parent == "request_log" && !part.name.is_empty());
    let oldest = own.map(|part| part.starts.and_time(NaiveTime::MIN).and_utc()).min();
    Ok(oldest.unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// A verification under way.
struct Search<'a> {
    connection: &'a mut Connection,
    oldest: DateTime<Utc>,
    found: Verified,
}

impl Search<'_> {
    /// First the chains that events vouch for, then the others.
    fn by_events(&mut self, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<(), Fault> {
        let mut known = Vec::new();
        for event in between(self.connection, Kind::TrafficSealed, since, until + SOON)? {
            match serde_json::from_value::<Sealed>(event.data) {
                Ok(sealed) => {
                    known.push(sealed.seal);
                    self.sealed(&sealed, event.occurred_at)?;
                }
                Err(_) => self.blame(format!("the event {} does not say what it seals", event.id)),
            }
        }
        for (seal, last) in seals(self.connection, since, until)? {
            if !known.contains(&seal) {
                let batches = self.batches(seal, last)?;
                self.found.unsealed += batches.len();
                self.chain(seal, &batches)?;
            }
        }
        Ok(())
    }

    fn sealed(&mut self, sealed: &Sealed, told_at: DateTime<Utc>) -> Result<(), Fault> {
        let batches = self.batches(sealed.seal, told_at + SOON)?;
        self.found.seals += 1;
        if batches.len() != sealed.batches {
            let (seal, said, are) = (sealed.seal, sealed.batches, batches.len());
            self.blame(format!("the seal {seal} is over {said} batches, and there are {are}"));
        }
        let is_whole = self.chain(sealed.seal, &batches)?;
        let end = batches.last().map(|batch| hexadecimal(&batch.digest));
        if is_whole && end.as_deref() != Some(sealed.digest.as_str()) {
            self.blame(format!("the seal {} is not that of its batches: they were exchanged", sealed.seal));
        }
        Ok(())
    }

    /// The id of a chain says when it began.
    fn batches(&mut self, seal: Uuid, until: DateTime<Utc>) -> Result<Vec<Written>, Fault> {
        let began = moment_of(seal).unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        of_seal(self.connection, seal, began, until)
    }

    /// Whether each digest follows from the one before and from the rows, as far as these are kept.
    fn chain(&mut self, seal: Uuid, batches: &[Written]) -> Result<bool, Fault> {
        let mut before = start(seal).to_vec();
        let mut is_whole = true;
        for (place, batch) in (1..).zip(batches) {
            if batch.first_ts >= self.oldest {
                is_whole &= self.batch(batch, place, &before)?;
            }
            before.clone_from(&batch.digest);
        }
        Ok(is_whole)
    }

    fn batch(&mut self, batch: &Written, place: i32, before: &[u8]) -> Result<bool, Fault> {
        let rows = of_batch(self.connection, batch.id, batch.first_ts, batch.last_ts)?;
        self.found.batches += 1;
        self.found.rows += rows.len();
        let is_well = batch.place == place && link(before, batch.id, &digest(&rows)?) == *batch.digest;
        if !is_well {
            self.blame(broken(batch, rows.len()));
        }
        Ok(is_well)
    }

    fn strays(&mut self, since: DateTime<Utc>, until: DateTime<Utc>) -> Result<(), Fault> {
        let many = strays(self.connection, since, until)?;
        if many > 0 {
            self.blame(format!("{many} calls belong to no batch: they were added, or it was deleted"));
        }
        Ok(())
    }

    fn blame(&mut self, problem: String) {
        self.found.problems.push(problem);
    }
}

fn broken(batch: &Written, rows: usize) -> String {
    let (first, last) = (batch.first_ts.to_rfc3339(), batch.last_ts.to_rfc3339());
    let what = match i32::try_from(rows).unwrap_or(i32::MAX) - batch.logged {
        0 => "is not as it was written: a call in it was edited, or it stands elsewhere".to_owned(),
        missing @ ..0 => format!("lacks {} calls", -missing),
        more => format!("has {more} calls more than were written"),
    };
    format!("the batch {} of {} calls, {first} to {last}, {what}", batch.id, batch.logged)
}
