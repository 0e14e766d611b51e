//! The table `request_batches`.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::kernel::Fault;
use crate::platform::db::Connection;
use crate::schema::request_batches;

/// What was written together.
#[derive(Clone, Debug, PartialEq, Eq, Insertable, Queryable, Selectable)]
#[diesel(table_name = request_batches)]
pub struct Written {
    /// When it was put together.
    pub at: DateTime<Utc>,
    /// Its id.
    pub id: Uuid,
    /// The chain it is part of.
    pub seal_id: Uuid,
    /// Its place there, from 1.
    pub place: i32,
    /// How many rows it has.
    pub logged: i32,
    /// The moment of its first row.
    pub first_ts: DateTime<Utc>,
    /// And of its last.
    pub last_ts: DateTime<Utc>,
    /// The digest of the chain up to here.
    pub digest: Vec<u8>,
    /// That of its rows; a batch that has none was written when its digest did not cover the other columns.
    pub rows_digest: Option<Vec<u8>>,
}

/// Puts it in; `false` if it is there already.
pub(in crate::traffic) fn insert(connection: &mut Connection, batch: &Written) -> Result<bool, Fault> {
    let inserted = diesel::insert_into(request_batches::table)
        .values(batch)
        .on_conflict_do_nothing()
        .execute(connection)?;
    Ok(inserted == 1)
}

/// The batches of a chain, between these moments, in order.
pub(in crate::traffic) fn of_seal(
    connection: &mut Connection,
    seal: Uuid,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<Written>, Fault> {
    Ok(request_batches::table
        .filter(request_batches::at.between(since, until))
        .filter(request_batches::seal_id.eq(seal))
        .order(request_batches::place)
        .select(Written::as_select())
        .load(connection)?)
}

/// The chains of what was written between these moments, each with its last.
pub(in crate::traffic) fn seals(
    connection: &mut Connection,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, Fault> {
    let rows: Vec<(Uuid, Option<DateTime<Utc>>)> = request_batches::table
        .filter(request_batches::at.ge(since))
        .filter(request_batches::at.lt(until))
        .group_by(request_batches::seal_id)
        .order(request_batches::seal_id)
        .select((request_batches::seal_id, diesel::dsl::max(request_batches::at)))
        .load(connection)?;
    Ok(rows.into_iter().filter_map(|(seal, last)| Some((seal, last?))).collect())
}

/// Calls that are not in the batch they name.
#[derive(QueryableByName)]
struct Stray {
    #[diesel(sql_type = SqlUuid)]
    batch_id: Uuid,
    #[diesel(sql_type = BigInt)]
    many: i64,
    #[diesel(sql_type = Timestamptz)]
    first: DateTime<Utc>,
    #[diesel(sql_type = Timestamptz)]
    last: DateTime<Utc>,
}

/// Nodes whose clocks are apart.
const APART: TimeDelta = TimeDelta::hours(1);

/// How many calls of this time, a day at most, name a batch that there is not, or that was over before or began after
/// them. Nearly all find theirs nearby; a batch may have waited for the database as long as its server ran, so the others
/// look for it in all that came later.
pub(in crate::traffic) fn strays(
    connection: &mut Connection,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<i64, Fault> {
    let far: Vec<Stray> = diesel::sql_query(
        "SELECT l.batch_id, count(*) AS many, min(l.ts) AS first, max(l.ts) AS last FROM request_log l \
         WHERE l.ts >= $1 AND l.ts < $2 AND NOT EXISTS (SELECT FROM request_batches b WHERE b.id = l.batch_id \
             AND b.at >= $3 AND b.at < $4 AND l.ts BETWEEN b.first_ts AND b.last_ts) GROUP BY l.batch_id",
    )
    .bind::<Timestamptz, _>(since)
    .bind::<Timestamptz, _>(until)
    .bind::<Timestamptz, _>(since - APART)
    .bind::<Timestamptz, _>(until + APART)
    .load(connection)?;
    if far.is_empty() {
        return Ok(0);
    }
    let late = waited(connection, since - APART, &far)?;
    Ok(far.iter().filter(|stray| !late.contains(&stray.batch_id)).map(|stray| stray.many).sum())
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Of these batches those that were put together long after their calls.
fn waited(connection: &mut Connection, since: DateTime<Utc>, far: &[Stray]) -> Result<HashSet<Uuid>, Fault> {
    let found: Vec<Found> = diesel::sql_query(
        "SELECT f.id FROM unnest($2, $3, $4) AS f (id, first, last) WHERE EXISTS (SELECT FROM request_batches b \
             WHERE b.at >= $1 AND b.id = f.id AND b.first_ts <= f.first AND b.last_ts >= f.last)",
    )
    .bind::<Timestamptz, _>(since)
    .bind::<Array<SqlUuid>, _>(far.iter().map(|stray| stray.batch_id).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(far.iter().map(|stray| stray.first).collect::<Vec<_>>())
    .bind::<Array<Timestamptz>, _>(far.iter().map(|stray| stray.last).collect::<Vec<_>>())
    .load(connection)?;
    Ok(found.into_iter().map(|found| found.id).collect())
}
