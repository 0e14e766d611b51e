//! The table `request_batches`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Timestamptz};
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

#[derive(QueryableByName)]
struct Many {
    #[diesel(sql_type = BigInt)]
    many: i64,
}

/// How many calls of this time name a batch that there is not. A batch is put together after its calls, and may have
/// waited for the database for as long as the server ran.
pub(in crate::traffic) fn strays(
    connection: &mut Connection,
    since: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<i64, Fault> {
    let strays: Many = diesel::sql_query(
        "SELECT count(*) AS many FROM request_log l WHERE l.ts >= $1 AND l.ts < $2 \
           AND NOT EXISTS (SELECT FROM request_batches b WHERE b.id = l.batch_id AND b.at >= $1 - interval '1 hour')",
    )
    .bind::<Timestamptz, _>(since)
    .bind::<Timestamptz, _>(until)
    .get_result(connection)?;
    Ok(strays.many)
}
