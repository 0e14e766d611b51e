//! Reads the whole log as if nobody wrote meanwhile, computes every hash anew, and says what is not as it was sealed:
//! the first thing, since what follows rests on it. However long the log is, it holds two batches in memory.

use std::collections::{BTreeSet, VecDeque};

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use crate::audit::chain::canonical::{BatchHash, Hash, hexadecimal};
use crate::audit::chain::checkpoint::{Checkpoint, Row, Statement};
use crate::audit::chain::flaw::{Flaw, Named};
use crate::audit::chain::link::{Leaf, Link, Place, Sealable, digest, month_of};
use crate::audit::chain::sealer::{BATCH, Standing};
use crate::audit::chain::store;
use crate::kernel::Fault;
use crate::platform::db::Connection;

/// Links and checkpoints that are read at once.
const PAGE: i64 = 256;

/// What is verified.
pub struct Scope<'a> {
    /// Only the events sealed from here on are read; the links are all.
    pub from: Option<DateTime<Utc>>,
    /// Only the events sealed before this, likewise.
    pub to: Option<DateTime<Utc>>,
    /// The months that the database has events of.
    pub kept: Kept<'a>,
    /// Whether a checkpoint is signed by one of our keys; an error says what is wrong with it.
    pub signed: &'a dyn Fn(&Checkpoint) -> Result<bool, String>,
    /// Checkpoints that were kept elsewhere.
    pub elsewhere: &'a [Statement],
    /// Whether there is time for more.
    pub may_go_on: &'a dyn Fn() -> bool,
}

/// Which months there are.
pub struct Kept<'a> {
    /// Those that have a partition.
    pub months: BTreeSet<NaiveDate>,
    /// Whether a month may be gone by now.
    pub may_be_gone: &'a dyn Fn(NaiveDate) -> bool,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Links that hold.
    pub batches: i64,
    /// Events that were read, and are as they were sealed.
    pub events: i64,
    /// Sealed events whose month was dropped; their links hold.
    pub dropped: i64,
    /// Sealed events that were not asked for.
    pub skipped: i64,
    /// Events that are not sealed yet,
    pub waiting: i64,
    /// and since when the first of them waits.
    pub oldest: Option<DateTime<Utc>>,
    /// Checkpoints that hold and are signed by one of our keys.
    pub checkpoints: i64,
    /// Checkpoints that hold, signed by a key that cannot be vouched for.
    pub unvouched: i64,
    /// Checkpoints kept elsewhere that hold.
    pub elsewhere: i64,
    /// Time ran out before all was read: what was read is as it says, and nothing is said of the rest.
    pub is_cut_short: bool,
    /// What is wrong, if anything is.
    pub flaw: Option<Flaw>,
}

impl Report {
    /// For how many seconds the first event waits for its seal, where that is too long: nothing vouches for it.
    pub fn late(&self, now: DateTime<Utc>) -> Option<i64> {
        let waits = self.oldest.map(|oldest| now - oldest);
        waits.filter(|waits| *waits > Standing::WELL).map(|waits| waits.num_seconds())
    }

    /// Whether all of it is as it was written.
    pub fn is_well(&self, now: DateTime<Utc>) -> bool {
        self.flaw.is_none() && self.late(now).is_none() && !self.is_cut_short
    }

    /// The same for programs.
    pub fn json(&self, now: DateTime<Utc>) -> Value {
        json!({
            "ok": self.is_well(now), "late_s": self.late(now),
            "events": self.events, "batches": self.batches, "dropped": self.dropped,
            "skipped": self.skipped, "waiting": self.waiting,
            "checkpoints": self.checkpoints, "unvouched_checkpoints": self.unvouched,
            "checkpoints_elsewhere": self.elsewhere,
            "flaw": self.flaw.as_ref().map(Flaw::json),
        })
    }
}

/// Verifies the log.
pub fn verify(connection: &mut Connection, scope: &Scope<'_>) -> Result<Report, Fault> {
    store::in_one_view(connection, |connection| {
        let mut verifier = Verifier { connection, scope, report: Report::default(), rows: Rows::default() };
        let found = verifier.all()?;
        Ok(Report { flaw: found.err(), ..verifier.report })
    })
}

/// A flaw ends the work; a fault, too, but says nothing of the log.
type Found = Result<Result<(), Flaw>, Fault>;

/// Goes on, or returns the flaw.
macro_rules! holds {
    ($found:expr) => {
        if let Err(flaw) = $found {
            return Ok(Err(flaw));
        }
    };
}

struct Verifier<'a> {
    connection: &'a mut Connection,
    scope: &'a Scope<'a>,
    report: Report,
    rows: Rows,
}

impl Verifier<'_> {
    fn all(&mut self) -> Found {
        let mut last = None::<Link>;
        loop {
            let next = last.as_ref().map_or(1, |link| link.batch + 1);
            let links = store::links(self.connection, if last.is_none() { i64::MIN } else { next }, PAGE)?;
            if links.is_empty() {
                break;
            }
            for link in links {
                if self.is_over() {
                    return Ok(Ok(()));
                }
                holds!(follows(last.as_ref(), &link));
                holds!(self.batch(last.as_ref(), &link)?);
                self.report.batches += 1;
                last = Some(link);
            }
        }
        let end = last.as_ref().map_or(Place::START, |link| link.until);
        (self.report.waiting, self.report.oldest) = store::waiting(self.connection, end, i64::MAX)?;
        holds!(self.checkpoints(last.as_ref())?);
        self.elsewhere(last.as_ref())
    }

    /// Whether there is no time for more.
    fn is_over(&mut self) -> bool {
        self.report.is_cut_short |= !(self.scope.may_go_on)();
        self.report.is_cut_short
    }

    /// The events of a batch.
    fn batch(&mut self, before: Option<&Link>, link: &Link) -> Found {
        let many = link.last_seq - link.first_seq + 1;
        let is_early = self.scope.from.is_some_and(|from| link.sealed_at < from);
        if is_early || self.scope.to.is_some_and(|to| link.sealed_at >= to) {
            self.report.skipped += many;
            return Ok(Ok(()));
        }
        self.rows.go_to(before.map_or(Place::START, |link| link.until));
        if self.scope.kept.months.contains(&link.month) {
            holds!(self.rows_of(link)?);
            self.report.events += many;
            return Ok(Ok(()));
        }
        // Only a month that is over may be missing, and nothing may have slipped in where it was.
        if let Some(row) = self.rows.next_until(self.connection, link.until)? {
            return Ok(Err(Flaw::Inserted(Named::event(&row, link, link.first_seq))));
        }
        if !(self.scope.kept.may_be_gone)(link.month) {
            return Ok(Err(Flaw::MonthGone { month: link.month, batch: link.batch }));
        }
        self.report.dropped += many;
        Ok(Ok(()))
    }

    fn rows_of(&mut self, link: &Link) -> Found {
        let stored = store::leaves(self.connection, link)?;
        // Hashes of single events count only as far as the chain vouches for them.
        let leaves = stored.filter(|leaves| leaves.len() == link.len() && digest(leaves) == link.digest);
        let (mut batch, mut seq) = (BatchHash::default(), link.first_seq);
        while let Some(row) = self.rows.next_until(self.connection, link.until)? {
            let leaf = row.leaf();
            let is_foreign = seq > link.last_seq || month_of(row.place.at) != link.month;
            match &leaves {
                Some(leaves) if leaves.get(position(seq, link)) != Some(&leaf) => {
                    return self.name(link, leaves, seq, &row).map(Err);
                }
                None if is_foreign => return Ok(Err(Flaw::Inserted(Named::event(&row, link, seq)))),
                _ => {}
            }
            batch = batch.with(&leaf.hash);
            seq += 1;
        }
        if let Some(gone) = leaves.as_ref().and_then(|leaves| leaves.get(position(seq, link))) {
            return Ok(Err(Flaw::Deleted(Named::leaf(gone, link, seq))));
        }
        if batch.end() != link.digest {
            let found = seq - link.first_seq;
            return Ok(Err(Flaw::Batch {
                batch: link.batch,
                first: link.first_seq,
                last: link.last_seq,
                found,
            }));
        }
        Ok(Ok(()))
    }

    /// What became of the event with this number, where another row stands in its place.
    fn name(&mut self, link: &Link, leaves: &[Leaf], seq: i64, row: &Sealable) -> Result<Flaw, Fault> {
        let event = Named::event(row, link, seq);
        let Some(expected) = leaves.get(position(seq, link)) else { return Ok(Flaw::Inserted(event)) };
        if expected.id == row.place.id {
            return Ok(Flaw::Edited(event));
        }
        let later = leaves.iter().skip(position(seq, link));
        if !later.map(|leaf| leaf.id).any(|id| id == row.place.id) {
            return Ok(Flaw::Inserted(event));
        }
        // It belongs to the batch, and stands too early: the one before it is elsewhere, or nowhere.
        for _ in 0..link.len() {
            match self.rows.next_until(self.connection, link.until)? {
                Some(other) if other.place.id == expected.id => return Ok(Flaw::Reordered(event)),
                Some(_) => {}
                None => break,
            }
        }
        Ok(Flaw::Deleted(Named::leaf(expected, link, seq)))
    }

    fn checkpoints(&mut self, head: Option<&Link>) -> Found {
        let (mut after, mut row) = (i64::MIN, Row::default());
        loop {
            let page = store::checkpoints(self.connection, after, PAGE)?;
            let Some(last) = page.last() else { return Ok(Ok(())) };
            after = last.batch;
            for checkpoint in &page {
                if self.is_over() {
                    return Ok(Ok(()));
                }
                if !checkpoint.is_what_it_says() {
                    return Ok(Err(Flaw::Checkpoint {
                        seq: checkpoint.seq,
                        why: "it was edited".to_owned(),
                    }));
                }
                let said = (checkpoint.batch, checkpoint.seq, hexadecimal(&checkpoint.hash));
                holds!(self.is_in_the_chain(head, said, checkpoint.created_at.timestamp())?);
                match (self.scope.signed)(checkpoint) {
                    Ok(true) => self.report.checkpoints += 1,
                    Ok(false) => self.report.unvouched += 1,
                    Err(why) => return Ok(Err(Flaw::Checkpoint { seq: checkpoint.seq, why })),
                }
                if let Err(why) = row.take(checkpoint) {
                    return Ok(Err(Flaw::Checkpoint { seq: checkpoint.seq, why }));
                }
            }
        }
    }

    fn elsewhere(&mut self, head: Option<&Link>) -> Found {
        for kept in self.scope.elsewhere {
            let said = (kept.batch, kept.seq, kept.hash.clone());
            holds!(self.is_in_the_chain(head, said, kept.iat)?);
            holds!(self.is_stored(kept)?);
            self.report.elsewhere += 1;
        }
        Ok(Ok(()))
    }

    /// Whether a checkpoint that has a number is still one of ours: the last one can be deleted, and none of ours tells.
    fn is_stored(&mut self, kept: &Statement) -> Found {
        if kept.number.is_none() {
            return Ok(Ok(()));
        }
        let stored = store::checkpoints(self.connection, kept.batch - 1, 1)?.pop();
        let said = stored.and_then(|stored| Statement::of_jws(&stored.signature));
        let why = "it was kept elsewhere, and here it is gone, or another".to_owned();
        Ok(if said.as_ref() == Some(kept) { Ok(()) } else { Err(Flaw::Checkpoint { seq: kept.seq, why }) })
    }

    /// Whether the chain has what was signed.
    fn is_in_the_chain(&mut self, head: Option<&Link>, said: (i64, i64, String), iat: i64) -> Found {
        let (batch, seq, hash) = said;
        let left = head.map_or(0, |head| head.last_seq);
        let at = DateTime::from_timestamp(iat, 0).unwrap_or_default();
        Ok(match store::links(self.connection, batch, 1)?.pop() {
            Some(link) if (link.batch, link.last_seq) == (batch, seq) && hexadecimal(&link.hash) == hash => {
                Ok(())
            }
            _ if seq > left => Err(Flaw::Cut { left, signed: seq, at }),
            _ => Err(Flaw::Rewritten { seq, at }),
        })
    }
}

/// Whether a link is whole and follows the one before.
fn follows(before: Option<&Link>, link: &Link) -> Result<(), Flaw> {
    const NOTHING: Hash = [0; 32];
    let (batch, seq, hash) = before.map_or((0, 0, &NOTHING), |link| (link.batch, link.last_seq, &link.hash));
    if link.batch != batch + 1 {
        return Err(Flaw::LinkGone { batch: batch + 1 });
    }
    let is_after = before.is_none_or(|before| before.until < link.until);
    let is_whole = link.computed() == link.hash && link.previous == *hash;
    if is_whole && is_after && link.first_seq == seq + 1 && link.last_seq >= link.first_seq {
        Ok(())
    } else {
        Err(Flaw::Link { batch: link.batch, first: link.first_seq, last: link.last_seq })
    }
}

fn position(seq: i64, link: &Link) -> usize {
    usize::try_from(seq - link.first_seq).unwrap_or(usize::MAX)
}

/// The events in their order, read page by page.
struct Rows {
    page: VecDeque<Sealable>,
    at: Place,
    is_over: bool,
}

impl Default for Rows {
    fn default() -> Self {
        Self { page: VecDeque::new(), at: Place::START, is_over: false }
    }
}

impl Rows {
    /// Goes on after this place.
    fn go_to(&mut self, place: Place) {
        while self.take_until(place).is_some() {}
        if self.page.is_empty() && self.at < place {
            *self = Self { at: place, ..Self::default() };
        }
    }

    fn next_until(&mut self, connection: &mut Connection, until: Place) -> Result<Option<Sealable>, Fault> {
        if self.page.is_empty() && !self.is_over && self.at < until {
            self.page = store::events(connection, self.at, BATCH)?.into();
            self.is_over = self.page.is_empty();
            self.at = self.page.back().map_or(self.at, |row| row.place);
        }
        Ok(self.take_until(until))
    }

    fn take_until(&mut self, place: Place) -> Option<Sealable> {
        let is_within = self.page.front().is_some_and(|row| row.place <= place);
        if is_within { self.page.pop_front() } else { None }
    }
}

/// An event that is named: its id, its number.
impl Named {
    fn event(row: &Sealable, link: &Link, seq: i64) -> Self {
        Self { id: row.place.id, seq, batch: link.batch, what: Some((row.kind.clone(), row.place.at)) }
    }

    fn leaf(leaf: &Leaf, link: &Link, seq: i64) -> Self {
        Self { id: leaf.id, seq, batch: link.batch, what: None::<(String, DateTime<Utc>)> }
    }
}
