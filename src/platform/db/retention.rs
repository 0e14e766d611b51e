//! Dropping the partitions that are over, so that nobody who works with the others notices.
//!
//! A partition is marked, detached and dropped. Detaching `CONCURRENTLY` waits for those who are at the table without
//! keeping anybody else from it; it is no transaction, so whatever breaks off leaves something begun, which the next
//! round finds: a detaching that is pending is finished, and a marked table that is part of nothing is dropped.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use diesel::connection::SimpleConnection as _;
use diesel::sql_types::{Bool, Text};
use diesel::{QueryableByName, RunQueryDsl, sql_query};

use super::partitions::{LogRetention, MARK, Partition, detached_partitions, partitions};
use super::{Connection, database_time, quoted};
use crate::kernel::Fault;

/// How far our clock and the database's may be apart: whose is right nobody knows, and what is dropped is gone.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::hours(1);

/// Who looks after the partitions. Of nodes that hold it one at a time is at work.
const LOCK: &str = "grantor.drop_partitions";

/// A lock that is not to be had is asked for again in the next round. (Autovacuum gives way after a second.) A session
/// that stands still, as its node does, ends, or it would hold up the others.
const PATIENCE: &str = "SET lock_timeout = '2s'; SET idle_session_timeout = '60s'";

/// What a round of dropping did.
#[derive(Debug)]
pub enum Round {
    /// Nothing: another node is at it.
    Elsewhere,
    /// All that could be done.
    Done {
        /// The partitions that are gone.
        dropped: Vec<String>,
        /// Those that stay until the next round, and why.
        left: Vec<(String, Fault)>,
    },
}

/// Today, as our clock and the database's have it, the earlier of both; or how far they are apart, if it is too far
/// to drop anything by.
pub fn agreed_day(
    connection: &mut Connection,
    now: DateTime<Utc>,
) -> Result<Result<NaiveDate, TimeDelta>, Fault> {
    Ok(agree(now, database_time(connection)?))
}

fn agree(ours: DateTime<Utc>, theirs: DateTime<Utc>) -> Result<NaiveDate, TimeDelta> {
    let apart = ours - theirs;
    if apart.abs() > CLOCK_TOLERANCE { Err(apart) } else { Ok(ours.min(theirs).date_naive()) }
}

/// Drops the partitions that are over, and finishes what an earlier round began; stops early when `may_go_on` says so.
/// The connection is the caller's own: its session gets other timeouts.
pub fn drop_expired(
    connection: &mut Connection,
    today: NaiveDate,
    logs: LogRetention,
    may_go_on: impl Fn() -> bool,
) -> Result<Round, Fault> {
    connection.batch_execute(PATIENCE)?;
    if !ask(connection, "SELECT pg_try_advisory_lock(hashtext($1)) AS yes")? {
        return Ok(Round::Elsewhere);
    }
    let done = sweep(connection, today, logs, may_go_on);
    ask(connection, "SELECT pg_advisory_unlock(hashtext($1)) AS yes")?;
    done
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

fn ask(connection: &mut Connection, question: &str) -> Result<bool, Fault> {
    let answer: Answer = sql_query(question).bind::<Text, _>(LOCK).get_result(connection)?;
    Ok(answer.yes)
}

fn sweep(
    connection: &mut Connection,
    today: NaiveDate,
    logs: LogRetention,
    may_go_on: impl Fn() -> bool,
) -> Result<Round, Fault> {
    unmark_what_stayed(connection, today, logs)?;
    let (mut dropped, mut left) = (Vec::new(), Vec::new());
    // One detaching at a time can be pending of a table, and who is in the way of one is in that of the next.
    let mut held_up = BTreeSet::new();
    for going in all_going(connection, today, logs)? {
        if !may_go_on() {
            break;
        }
        if going.parent().is_some_and(|parent| held_up.contains(parent)) {
            continue;
        }
        match going.let_go(connection) {
            Ok(true) => dropped.push(going.name().to_owned()),
            Ok(false) => {}
            Err(fault) if fault.is_lost_connection() => return Err(fault),
            Err(fault) => {
                held_up.extend(going.parent().map(str::to_owned));
                left.push((going.name().to_owned(), fault));
            }
        }
    }
    Ok(Round::Done { dropped, left })
}

/// What is to go.
enum Going {
    /// It was detached, and only has to be dropped.
    Detached(String),
    /// It has its whole way before it, or began to be detached.
    Attached(Partition),
}

fn all_going(connection: &mut Connection, today: NaiveDate, logs: LogRetention) -> Result<Vec<Going>, Fault> {
    let detached = detached_partitions(connection)?.into_iter().map(Going::Detached);
    let attached = to_let_go(partitions(connection, today, logs)?, today).into_iter().map(Going::Attached);
    Ok(detached.chain(attached).collect())
}

/// What was begun comes before what is over.
fn to_let_go(found: Vec<Partition>, today: NaiveDate) -> Vec<Partition> {
    let (mut begun, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|part| part.is_pending);
    begun.extend(others.into_iter().filter(|part| part.is_planned() && part.is_over(today)));
    begun
}

impl Going {
    fn name(&self) -> &str {
        match self {
            Self::Detached(name) => name,
            Self::Attached(partition) => &partition.name,
        }
    }

    fn parent(&self) -> Option<&str> {
        match self {
            Self::Detached(_) => None,
            Self::Attached(partition) => Some(&partition.parent),
        }
    }

    /// Goes the rest of the way; `false`: somebody else had begun to detach it, and it is theirs now.
    fn let_go(&self, connection: &mut Connection) -> Result<bool, Fault> {
        if let Self::Attached(partition) = self {
            detach(connection, partition)?;
            if partition.is_pending && !partition.is_marked {
                return Ok(false);
            }
        }
        drop_table(connection, self.name())?;
        Ok(true)
    }
}

fn detach(connection: &mut Connection, partition: &Partition) -> Result<(), Fault> {
    let (parent, child) = (quoted(&partition.parent), quoted(&partition.name));
    let detach = format!("ALTER TABLE public.{parent} DETACH PARTITION partitions.{child}");
    if partition.is_pending {
        return Ok(connection.batch_execute(&format!("{detach} FINALIZE"))?);
    }
    connection.batch_execute(&format!("COMMENT ON TABLE partitions.{child} IS '{MARK}'"))?;
    let detached = connection.batch_execute(&format!("{detach} CONCURRENTLY"));
    if detached.is_err() && is_attached(connection, &partition.name)? {
        // Where that fails, too, the next round does it.
        let _ = unmark(connection, &partition.name);
    }
    Ok(detached?)
}

/// A table that carries the mark is dropped once it is part of nothing, and what stays may be detached by an operator who
/// wants to keep it. A round that broke off may have left its mark.
fn unmark_what_stayed(
    connection: &mut Connection,
    today: NaiveDate,
    logs: LogRetention,
) -> Result<(), Fault> {
    for partition in partitions(connection, today, logs)? {
        if partition.is_marked && !partition.is_pending {
            match unmark(connection, &partition.name) {
                Err(fault) if fault.is_lost_connection() => return Err(fault),
                // Somebody is at it: the next round tries again.
                Ok(()) | Err(_) => {}
            }
        }
    }
    Ok(())
}

fn unmark(connection: &mut Connection, name: &str) -> Result<(), Fault> {
    Ok(connection.batch_execute(&format!("COMMENT ON TABLE partitions.{} IS NULL", quoted(name)))?)
}

/// Whether it is a part of its table as before; one whose detaching was begun is not.
fn is_attached(connection: &mut Connection, name: &str) -> Result<bool, Fault> {
    let question = "SELECT EXISTS (SELECT FROM pg_inherits WHERE NOT inhdetachpending \
                    AND inhrelid = to_regclass('partitions.' || quote_ident($1))) AS yes";
    let answer: Answer = sql_query(question).bind::<Text, _>(name).get_result(connection)?;
    Ok(answer.yes)
}

fn drop_table(connection: &mut Connection, name: &str) -> Result<(), Fault> {
    Ok(connection.batch_execute(&format!("DROP TABLE partitions.{}", quoted(name)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earlier_clock_says_which_day_it_is_unless_they_are_far_apart() {
        let midnight: DateTime<Utc> = "2026-11-21T00:00:00Z".parse().unwrap();
        let (before, after) = (midnight - TimeDelta::minutes(1), midnight + TimeDelta::minutes(59));
        let day = before.date_naive();
        assert_eq!(agree(before, after), Ok(day));
        assert_eq!(agree(after, before), Ok(day));
        assert_eq!(agree(after, midnight), Ok(midnight.date_naive()));
        let far = after + TimeDelta::seconds(1);
        assert_eq!(agree(far, before), Err(TimeDelta::seconds(3601)));
        assert_eq!(agree(before, far), Err(TimeDelta::seconds(-3601)));
    }

    fn part(name: &str, is_pending: bool, over_on: Option<&str>) -> Partition {
        let day = |text: &str| text.parse().unwrap();
        Partition {
            parent: "codes".to_owned(),
            name: name.to_owned(),
            starts: day("2026-11-01"),
            ends: day("2026-12-01"),
            wanted: day("2027-01-01"),
            over_on: over_on.map(day),
            is_pending,
            is_marked: false,
            bytes: 0,
        }
    }

    #[test]
    fn only_what_the_plan_made_and_what_is_over_goes_and_what_was_begun_goes_first() {
        let over = Some("2026-12-03");
        let found = || {
            vec![
                part("codes_20261101", false, over),
                part("codes_20261101", false, Some("2026-12-04")),
                part("codes_20261101", false, None),
                part("codes_of_ada", false, over),
                part("codes_20261101", true, None),
            ]
        };
        let going = to_let_go(found(), "2026-12-03".parse().unwrap());
        let going: Vec<_> = going.iter().map(|part| (part.is_pending, part.over_on.is_some())).collect();
        assert_eq!(going, [(true, false), (false, true)]);
        assert_eq!(to_let_go(found(), "2026-12-02".parse().unwrap()).len(), 1);
    }
}
