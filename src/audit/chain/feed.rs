//! Events by their number: what a reader that stopped goes on with.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::audit::Listed;
use crate::audit::chain::link::{Link, Place};
use crate::audit::chain::store;
use crate::audit::store::{listed_between, transaction_of};
use crate::kernel::Fault;
use crate::platform::db::Connection;

/// An event and its number.
pub struct Numbered {
    /// Its number, from 1.
    pub seq: i64,
    /// The event.
    pub event: Listed,
}

/// The next events after a number, in order, at most so many; events are left out when their month was dropped. Fewer
/// than that: there are no more yet.
pub fn numbered_after(connection: &mut Connection, seq: i64, most: usize) -> Result<Vec<Numbered>, Fault> {
    let mut found = Vec::new();
    let mut next = store::batch_of(connection, seq.saturating_add(1))?;
    while let Some(batch) = next.filter(|_| found.len() < most) {
        let Some((after, link)) = link_and_start(connection, batch)? else { break };
        let skipped = (seq + 1 - link.first_seq).max(0);
        let left = i64::try_from(most - found.len()).map_err(Fault::internal)?;
        let from = (after.transaction, after.at, after.id);
        let until = (link.until.transaction, link.until.at, link.until.id);
        let events = listed_between(connection, from, until, (skipped, left))?;
        let numbers = link.first_seq + skipped..;
        found.extend(numbers.zip(events).map(|(seq, event)| Numbered { seq, event }));
        next = Some(batch + 1);
    }
    Ok(found)
}

/// The number of an event; `None`: it is not sealed yet, or there is no such event.
pub fn sequence_of(
    connection: &mut Connection,
    (occurred_at, id): (DateTime<Utc>, Uuid),
) -> Result<Option<i64>, Fault> {
    let Some(transaction) = transaction_of(connection, (occurred_at, id))? else { return Ok(None) };
    let place = Place { transaction, at: occurred_at, id };
    let Some(batch) = store::batch_at(connection, place)? else { return Ok(None) };
    let Some((after, link)) = link_and_start(connection, batch)? else { return Ok(None) };
    let before = store::events(connection, after, i64::try_from(link.len()).map_err(Fault::internal)?)?;
    let position = before.iter().position(|event| event.place == place);
    Ok(position.and_then(|position| i64::try_from(position).ok()).map(|position| link.first_seq + position))
}

/// A batch, and where it begins.
fn link_and_start(connection: &mut Connection, batch: i64) -> Result<Option<(Place, Link)>, Fault> {
    let mut links = store::links(connection, batch - 1, 2)?.into_iter();
    let (first, second) = (links.next(), links.next());
    Ok(match (first, second) {
        (Some(before), Some(link)) if link.batch == batch => Some((before.until, link)),
        (Some(link), _) if link.batch == batch => Some((Place::START, link)),
        _ => None,
    })
}
