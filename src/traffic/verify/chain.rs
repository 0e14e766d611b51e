//! One chain of batches, from its first to its last.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::days::Day;
use super::{SOON, Sealed, Search};
use crate::kernel::Fault;
use crate::platform::entropy::moment_of;
use crate::traffic::seal::{digest, follows, hexadecimal, start};
use crate::traffic::store::Logged;
use crate::traffic::store::batches::{Written, of_seal};
use crate::traffic::store::log::of_batch;

/// How long before a batch its first call was, at most, where its digest does not cover that.
const EARLY: TimeDelta = TimeDelta::days(1);

impl Search<'_> {
    /// A chain that an event vouches for. Where days were dropped, its beginning may be gone, and never its end.
    pub(super) fn whole_chain(&mut self, sealed: &Sealed, told_at: DateTime<Utc>) -> Result<(), Fault> {
        let seal = sealed.seal;
        let batches = self.batches(seal, told_at + SOON)?;
        self.found.seals += 1;
        let began = began(seal);
        if batches.is_empty() && self.days.batches(began) != Day::There {
            self.misses(self.days.batches(began), began);
            return Ok(());
        }
        let dropped = self.dropped(seal, &batches);
        let is_whole = self.chain(seal, &batches)?;
        let (said, are) = (sealed.batches, batches.len());
        if are + dropped != said {
            self.blame(format!("the seal {seal} is over {said} batches, and there are {are}"));
        }
        let logged: i64 = batches.iter().map(|batch| i64::from(batch.logged)).sum();
        let has_all = dropped > 0 || logged == sealed.rows;
        let end = batches.last().map(|batch| hexadecimal(&batch.digest));
        if is_whole && !(has_all && end.as_deref() == Some(sealed.digest.as_str())) {
            self.blame(format!("the seal {seal} is not that of its batches: they were exchanged"));
        }
        Ok(())
    }

    /// The id of a chain says when it began.
    pub(super) fn batches(&mut self, seal: Uuid, until: DateTime<Utc>) -> Result<Vec<Written>, Fault> {
        of_seal(self.connection, seal, began(seal), until)
    }

    /// How many batches at its beginning left with their day.
    fn dropped(&self, seal: Uuid, batches: &[Written]) -> usize {
        let before = batches.first().map_or(0, |first| usize::try_from(first.place - 1).unwrap_or(0));
        if self.days.batches(began(seal)) == Day::Dropped { before } else { 0 }
    }

    /// Whether each batch follows the one before, from the first that may be there.
    pub(super) fn chain(&mut self, seal: Uuid, batches: &[Written]) -> Result<bool, Fault> {
        let dropped = self.dropped(seal, batches);
        let mut before = (dropped == 0).then(|| start(seal).to_vec());
        let mut is_whole = true;
        for (place, batch) in (dropped + 1..).zip(batches) {
            let is_in_its_place = usize::try_from(batch.place) == Ok(place);
            is_whole &= self.batch(batch, is_in_its_place, before.as_deref())?;
            before = Some(batch.digest.clone());
        }
        Ok(is_whole)
    }

    fn batch(
        &mut self,
        batch: &Written,
        is_in_its_place: bool,
        before: Option<&[u8]>,
    ) -> Result<bool, Fault> {
        let rows = self.rows(batch)?;
        self.found.batches += 1;
        self.found.rows += rows.as_ref().map_or(0, Vec::len);
        let of_rows = rows.as_deref().map(digest).transpose()?;
        let has_all = rows.as_ref().is_none_or(|rows| i32::try_from(rows.len()) == Ok(batch.logged));
        let is_well =
            is_in_its_place && has_all && is_of_its_time(batch) && follows(before, batch, of_rows.as_ref());
        if !is_well {
            self.blame(broken(batch, rows.map_or(batch.logged, |rows| many(&rows))));
        }
        Ok(is_well)
    }

    /// Its rows; none, where they left with their day, or a part of them did.
    fn rows(&mut self, batch: &Written) -> Result<Option<Vec<Logged>>, Fault> {
        let day = self.days.calls(batch.first_ts);
        if day != Day::There && batch.logged > 0 {
            self.misses(day, batch.first_ts);
            return Ok(None);
        }
        of_batch(self.connection, batch.id, batch.first_ts, batch.last_ts).map(Some)
    }

    fn misses(&mut self, day: Day, at: DateTime<Utc>) {
        if day == Day::Lost {
            self.lost.insert(at.date_naive());
        }
    }
}

fn began(seal: Uuid) -> DateTime<Utc> {
    moment_of(seal).unwrap_or(DateTime::<Utc>::UNIX_EPOCH)
}

/// Whether its times can be: calls come before the batch they are put into, if not always soon.
fn is_of_its_time(batch: &Written) -> bool {
    let is_early = batch.rows_digest.is_none() && batch.at - batch.first_ts > EARLY;
    batch.first_ts <= batch.last_ts && batch.last_ts <= batch.at + SOON && !is_early
}

fn many(rows: &[Logged]) -> i32 {
    i32::try_from(rows.len()).unwrap_or(i32::MAX)
}

fn broken(batch: &Written, rows: i32) -> String {
    let (first, last) = (batch.first_ts.to_rfc3339(), batch.last_ts.to_rfc3339());
    let what = match rows - batch.logged {
        0 => "is not as it was written: it or a call in it was edited, or it stands elsewhere".to_owned(),
        missing @ ..0 => format!("lacks {} calls", -missing),
        more => format!("has {more} calls more than were written"),
    };
    format!("the batch {} of {} calls, {first} to {last}, {what}", batch.id, batch.logged)
}
