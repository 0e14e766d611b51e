//! The tables `event_chain`, `event_leaves` and `event_checkpoints`, and `events` in the order of the chain.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::audit::Work;
use crate::audit::chain::canonical::Hash;
use crate::audit::chain::checkpoint::Checkpoint;
use crate::audit::chain::link::{Leaf, Link, Place, Sealable};
use crate::kernel::Fault;
use crate::platform::db::Connection;
use crate::schema::{event_chain, event_checkpoints, event_leaves};

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

/// Whether nobody else seals; held until the act ends.
pub(super) fn lock(work: &mut Work<'_>) -> Result<bool, Fault> {
    let answer: Answer =
        sql_query("SELECT pg_try_advisory_xact_lock(hashtext('grantor.seal_events')) AS yes")
            .get_result(&mut **work)?;
    Ok(answer.yes)
}

/// Keeps transactions of a dumped and restored database above those before; whether it was restored. To be asked before
/// anything is written.
pub fn heed_restored(connection: &mut Connection) -> Result<bool, Fault> {
    let answer: Answer = sql_query("SELECT heed_restored_events() AS yes").get_result(connection)?;
    Ok(answer.yes)
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = BigInt)]
    transaction: i64,
    #[diesel(sql_type = Timestamptz)]
    occurred_at: DateTime<Utc>,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    kind: String,
    #[diesel(sql_type = Text)]
    outcome: String,
    #[diesel(sql_type = Text)]
    actor_kind: String,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    actor_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    target_kind: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    target_id: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    client_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    request_id: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    ip: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    user_agent: Option<String>,
    #[diesel(sql_type = Text)]
    data: String,
}

impl From<EventRow> for Sealable {
    fn from(row: EventRow) -> Self {
        Self {
            place: Place { transaction: row.transaction, at: row.occurred_at, id: row.id },
            kind: row.kind,
            outcome: row.outcome,
            actor_kind: row.actor_kind,
            actor_id: row.actor_id,
            target_kind: row.target_kind,
            target_id: row.target_id,
            client_id: row.client_id,
            request_id: row.request_id,
            ip: row.ip,
            user_agent: row.user_agent,
            data: row.data,
        }
    }
}

/// The columns of a [`Sealable`], of the events after a place.
macro_rules! events_after {
    ($rest:literal) => {
        concat!(
            "SELECT transaction, occurred_at, id, kind, outcome, actor_kind, actor_id, target_kind, target_id, \
                    client_id, request_id, ip, user_agent, data::text AS data \
             FROM events WHERE (transaction, occurred_at, id) > ($1, $2, $3) ",
            $rest
        )
    };
}

fn load(connection: &mut Connection, query: &str, after: Place, most: i64) -> Result<Vec<Sealable>, Fault> {
    let rows: Vec<EventRow> = sql_query(query)
        .bind::<BigInt, _>(after.transaction)
        .bind::<Timestamptz, _>(after.at)
        .bind::<SqlUuid, _>(after.id)
        .bind::<BigInt, _>(most)
        .load(connection)?;
    Ok(rows.into_iter().map(Sealable::from).collect())
}

/// The next events after a place, in order.
pub(super) fn events(connection: &mut Connection, after: Place, most: i64) -> Result<Vec<Sealable>, Fault> {
    load(connection, events_after!("ORDER BY transaction, occurred_at, id LIMIT $4"), after, most)
}

/// The same of those before which none can appear any more.
pub(super) fn settled(connection: &mut Connection, after: Place, most: i64) -> Result<Vec<Sealable>, Fault> {
    let query =
        events_after!("AND transaction < event_horizon() ORDER BY transaction, occurred_at, id LIMIT $4");
    load(connection, query, after, most)
}

#[derive(QueryableByName)]
struct Waiting {
    #[diesel(sql_type = BigInt)]
    many: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    oldest: Option<DateTime<Utc>>,
}

/// How many events come after a place, counting no further than `most`, and since when the first of them waits.
pub(super) fn waiting(
    connection: &mut Connection,
    after: Place,
    most: i64,
) -> Result<(i64, Option<DateTime<Utc>>), Fault> {
    let waiting: Waiting = sql_query(
        "SELECT count(*) AS many, min(occurred_at) AS oldest FROM (SELECT occurred_at FROM events \
         WHERE (transaction, occurred_at, id) > ($1, $2, $3) ORDER BY transaction, occurred_at, id LIMIT $4) next",
    )
    .bind::<BigInt, _>(after.transaction)
    .bind::<Timestamptz, _>(after.at)
    .bind::<SqlUuid, _>(after.id)
    .bind::<BigInt, _>(most)
    .get_result(connection)?;
    Ok((waiting.many, waiting.oldest))
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = event_chain)]
struct LinkRow {
    batch: i64,
    first_seq: i64,
    last_seq: i64,
    month: NaiveDate,
    until_transaction: i64,
    until_at: DateTime<Utc>,
    until_id: Uuid,
    digest: Vec<u8>,
    previous: Vec<u8>,
    hash: Vec<u8>,
    sealed_at: DateTime<Utc>,
}

impl LinkRow {
    fn of(link: &Link) -> Self {
        Self {
            batch: link.batch,
            first_seq: link.first_seq,
            last_seq: link.last_seq,
            month: link.month,
            until_transaction: link.until.transaction,
            until_at: link.until.at,
            until_id: link.until.id,
            digest: link.digest.to_vec(),
            previous: link.previous.to_vec(),
            hash: link.hash.to_vec(),
            sealed_at: link.sealed_at,
        }
    }

    fn link(self) -> Result<Link, Fault> {
        Ok(Link {
            batch: self.batch,
            first_seq: self.first_seq,
            last_seq: self.last_seq,
            month: self.month,
            until: Place { transaction: self.until_transaction, at: self.until_at, id: self.until_id },
            digest: hash(&self.digest)?,
            previous: hash(&self.previous)?,
            hash: hash(&self.hash)?,
            sealed_at: self.sealed_at,
        })
    }
}

fn hash(bytes: &[u8]) -> Result<Hash, Fault> {
    bytes.try_into().map_err(|_| Fault::internal("a hash of the event chain has not 32 bytes"))
}

/// The end of the chain.
pub(super) fn head(connection: &mut Connection) -> Result<Option<Link>, Fault> {
    let row: Option<LinkRow> = event_chain::table
        .order(event_chain::batch.desc())
        .select(LinkRow::as_select())
        .first(connection)
        .optional()?;
    row.map(LinkRow::link).transpose()
}

/// The links from a batch on.
pub(super) fn links(connection: &mut Connection, from: i64, most: i64) -> Result<Vec<Link>, Fault> {
    let rows: Vec<LinkRow> = event_chain::table
        .filter(event_chain::batch.ge(from))
        .order(event_chain::batch)
        .limit(most)
        .select(LinkRow::as_select())
        .load(connection)?;
    rows.into_iter().map(LinkRow::link).collect()
}

/// The batch that holds a sequence number, or else the next one.
pub(super) fn batch_of(connection: &mut Connection, seq: i64) -> Result<Option<i64>, Fault> {
    let batch = event_chain::table
        .filter(event_chain::last_seq.ge(seq))
        .order(event_chain::last_seq)
        .select(event_chain::batch);
    Ok(batch.first(connection).optional()?)
}

/// The batch that an event at this place is in, if it is sealed.
pub(super) fn batch_at(connection: &mut Connection, place: Place) -> Result<Option<i64>, Fault> {
    let batch: Option<Batch> = sql_query(
        "SELECT batch FROM event_chain WHERE (until_transaction, until_at, until_id) >= ($1, $2, $3) \
         ORDER BY until_transaction, until_at, until_id LIMIT 1",
    )
    .bind::<BigInt, _>(place.transaction)
    .bind::<Timestamptz, _>(place.at)
    .bind::<SqlUuid, _>(place.id)
    .get_result(connection)
    .optional()?;
    Ok(batch.map(|batch| batch.batch))
}

#[derive(QueryableByName)]
struct Batch {
    #[diesel(sql_type = BigInt)]
    batch: i64,
}

/// Appends a link, with the hashes of its events. A month of events may be older than the chain.
pub(super) fn append(work: &mut Work<'_>, link: &Link, leaves: &[Leaf]) -> Result<(), Fault> {
    sql_query("SELECT make_leaves($1)").bind::<Date, _>(link.month).execute(&mut **work)?;
    diesel::insert_into(event_chain::table).values(LinkRow::of(link)).execute(&mut **work)?;
    diesel::insert_into(event_leaves::table)
        .values((
            event_leaves::month.eq(link.month),
            event_leaves::batch.eq(link.batch),
            event_leaves::leaves.eq(Leaf::pack(leaves)),
        ))
        .execute(&mut **work)?;
    Ok(())
}

/// The hashes of a batch's events, if they are still there and whole.
pub(super) fn leaves(connection: &mut Connection, link: &Link) -> Result<Option<Vec<Leaf>>, Fault> {
    let stored: Option<Vec<u8>> = event_leaves::table
        .find((link.month, link.batch))
        .select(event_leaves::leaves)
        .first(connection)
        .optional()?;
    Ok(stored.and_then(|bytes| Leaf::unpack(&bytes)))
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = event_checkpoints)]
struct CheckpointRow {
    batch: i64,
    seq: i64,
    hash: Vec<u8>,
    signature: String,
    kid: String,
    created_at: DateTime<Utc>,
}

impl CheckpointRow {
    fn checkpoint(self) -> Result<Checkpoint, Fault> {
        let Self { batch, seq, signature, kid, created_at, .. } = self;
        Ok(Checkpoint { batch, seq, hash: hash(&self.hash)?, signature, kid, created_at })
    }
}

/// Stores a checkpoint.
pub(super) fn insert_checkpoint(work: &mut Work<'_>, checkpoint: &Checkpoint) -> Result<(), Fault> {
    let row = CheckpointRow {
        batch: checkpoint.batch,
        seq: checkpoint.seq,
        hash: checkpoint.hash.to_vec(),
        signature: checkpoint.signature.clone(),
        kid: checkpoint.kid.clone(),
        created_at: checkpoint.created_at,
    };
    diesel::insert_into(event_checkpoints::table).values(row).execute(&mut **work)?;
    Ok(())
}

/// The latest checkpoint.
pub(super) fn last_checkpoint(connection: &mut Connection) -> Result<Option<Checkpoint>, Fault> {
    let row: Option<CheckpointRow> = event_checkpoints::table
        .order(event_checkpoints::batch.desc())
        .select(CheckpointRow::as_select())
        .first(connection)
        .optional()?;
    row.map(CheckpointRow::checkpoint).transpose()
}

/// How many there are.
pub(super) fn count_checkpoints(connection: &mut Connection) -> Result<i64, Fault> {
    Ok(event_checkpoints::table.count().get_result(connection)?)
}

/// The checkpoints of the batches after one, oldest first.
pub(super) fn checkpoints(
    connection: &mut Connection,
    after: i64,
    most: i64,
) -> Result<Vec<Checkpoint>, Fault> {
    let rows: Vec<CheckpointRow> = event_checkpoints::table
        .filter(event_checkpoints::batch.gt(after))
        .order(event_checkpoints::batch)
        .limit(most)
        .select(CheckpointRow::as_select())
        .load(connection)?;
    rows.into_iter().map(CheckpointRow::checkpoint).collect()
}

/// Reads as if nobody wrote meanwhile.
pub(super) fn in_one_view<T>(
    connection: &mut Connection,
    read: impl FnOnce(&mut Connection) -> Result<T, Fault>,
) -> Result<T, Fault> {
    connection.build_transaction().repeatable_read().read_only().run(read)
}
