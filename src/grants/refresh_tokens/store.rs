//! The tables `refresh_tokens` and `refresh_answers`.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::audit::{Event, Lookup, WriteValue};
use crate::grants::refresh_tokens::FoundRefreshToken;
use crate::grants::store::{Consumed, Doing, FamilyRow, GrantRow, each, eligible, in_order, scope, stored};
use crate::grants::{BearerKey, FamilyKey, Lineage, NewAccessToken, NewRefreshToken, access_tokens};
use crate::kernel::{AttemptId, Fault, SecretHash, Stale};
use crate::platform::db::{Connection, Statement, by_day};
use crate::platform::seal::Sealed;
use crate::schema::{families, grants, refresh_answers, refresh_tokens};

/// Stores refresh tokens, within the write values that decided them, and since when they are.
pub(in crate::grants) fn insertion(new: &[(&NewRefreshToken, DateTime<Utc>)]) -> Statement {
    Statement::new(
        "INSERT INTO refresh_tokens (expires_on, hash, family_id, scopes, issued_at, predecessor) \
         SELECT day, hash, family, string_to_array(scope, ' '), issued_at, predecessor \
         FROM unnest(?, ?, ?, ?, ?, ?) AS new(day, hash, family, scope, issued_at, predecessor)",
    )
    .bind::<Array<Date>, _>(each(new, |(token, _)| token.key.day))
    .bind::<Array<Binary>, _>(each(new, |(token, _)| token.key.hash.as_bytes().to_vec()))
    .bind::<Array<SqlUuid>, _>(each(new, |(token, _)| token.family.id.uuid()))
    .bind::<Array<Text>, _>(each(new, |(token, _)| token.scope.to_string()))
    .bind::<Array<Timestamptz>, _>(each(new, |(_, now)| *now))
    .bind::<Array<Nullable<Binary>>, _>(each(new, |(token, _)| {
        token.predecessor.map(|hash| hash.as_bytes().to_vec())
    }))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
struct Row {
    expires_on: NaiveDate,
    hash: Vec<u8>,
    scopes: Vec<Option<String>>,
    issued_at: DateTime<Utc>,
    consumed_at: Option<DateTime<Utc>>,
    consumed_by: Option<Uuid>,
    successor: Option<Vec<u8>>,
    predecessor: Option<Vec<u8>>,
}

impl Row {
    fn found(self, unused: &HashSet<Vec<u8>>, lineage: Lineage) -> Result<FoundRefreshToken, Fault> {
        let predecessor = self.predecessor.map(|hash| BearerKey::from_stored(self.expires_on, hash));
        Ok(FoundRefreshToken {
            key: BearerKey::from_stored(self.expires_on, self.hash)?,
            scope: scope(self.scopes),
            issued_at: self.issued_at,
            consumed_at: self.consumed_at,
            consumed_by: self.consumed_by.map(AttemptId::from_uuid),
            successor_used: self.successor.is_some_and(|successor| !unused.contains(&successor)),
            predecessor: predecessor.transpose()?.map(|key| key.hash),
            lineage,
        })
    }
}

/// A refresh token to be found, whatever its state.
pub struct Find(pub BearerKey);

impl Lookup for Find {
    type Found = Option<FoundRefreshToken>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let mut found = Vec::with_capacity(keys.len());
        for (day, hashes) in stored(keys, |Self(key)| *key) {
            let rows: Vec<(Row, FamilyRow, GrantRow)> = refresh_tokens::table
                .inner_join(families::table.on(families::id.eq(refresh_tokens::family_id)))
                .inner_join(grants::table.on(grants::id.eq(families::grant_id)))
                .filter(refresh_tokens::expires_on.eq(day))
                .filter(families::expires_on.eq(day))
                .filter(refresh_tokens::hash.eq_any(hashes))
                .select((Row::as_select(), FamilyRow::as_select(), GrantRow::as_select()))
                .load(connection)?;
            let successors = rows.iter().filter_map(|(row, ..)| row.successor.clone()).collect();
            let unused = unused_of(connection, day, successors)?;
            for (row, family, grant) in rows {
                found.push(row.found(&unused, Lineage::from((family, grant)))?);
            }
        }
        Ok(in_order(keys, |Self(key)| *key, found, |token| token.key))
    }
}

/// Those of these tokens that are there and were not used.
fn unused_of(
    connection: &mut Connection,
    day: NaiveDate,
    hashes: Vec<Vec<u8>>,
) -> Result<HashSet<Vec<u8>>, Fault> {
    if hashes.is_empty() {
        return Ok(HashSet::new());
    }
    let unused: Vec<Vec<u8>> = refresh_tokens::table
        .filter(refresh_tokens::expires_on.eq(day))
        .filter(refresh_tokens::hash.eq_any(hashes))
        .filter(refresh_tokens::consumed_at.is_null())
        .select(refresh_tokens::hash)
        .load(connection)?;
    Ok(unused.into_iter().collect())
}

/// The sealed answer to repeat for a token consumed on this day with these parameters, if it is kept still.
pub fn find_answer(
    connection: &mut Connection,
    consumed_on: NaiveDate,
    token: SecretHash,
    parameters: [u8; 32],
    now: DateTime<Utc>,
) -> Result<Option<Sealed>, Fault> {
    let sealed: Option<Option<Vec<u8>>> = refresh_answers::table
        .find((token.as_bytes().to_vec(), consumed_on))
        .filter(refresh_answers::parameters.eq(parameters.to_vec()))
        .filter(refresh_answers::expires_at.gt(now))
        .select(refresh_answers::sealed)
        .first(connection)
        .optional()?;
    Ok(sealed.flatten().map(Sealed::from_bytes))
}

/// Write value: replace a refresh token and issue an access token. Traffic, not an event.
pub struct Rotate {
    /// The token presented.
    pub old: BearerKey,
    /// Its family.
    pub family: FamilyKey,
    /// This attempt.
    pub attempt: AttemptId,
    /// When.
    pub now: DateTime<Utc>,
    /// The access token it becomes.
    pub access: NewAccessToken,
    /// The refresh token that replaces it.
    pub refresh: NewRefreshToken,
    /// The answer to repeat within the grace.
    pub answer: Option<Answer>,
    /// The answer that its predecessor could still repeat, and no longer may: hash and day of consumption.
    pub wiped: Option<(SecretHash, NaiveDate)>,
}

/// An answer to repeat.
pub struct Answer {
    /// The answer, sealed for the holder of the old token.
    pub sealed: Sealed,
    /// To which parameters.
    pub parameters: [u8; 32],
    /// Until when.
    pub expires_at: DateTime<Utc>,
}

/// What became of a refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotated {
    /// It was consumed and the new pair is stored.
    Done,
    /// Somebody was faster, or something it depends on may no longer act: nothing was stored.
    Lost,
}

impl WriteValue for Rotate {
    type Verdict = Rotated;

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<Rotated>, Fault> {
        let doing = |row: &Self| Doing { family: row.family, client: row.access.client, now: row.now };
        let eligible = eligible(connection, rows, doing)?;
        let mut won: HashSet<Uuid> = HashSet::with_capacity(rows.len());
        let wiped_on = |row: &Self| row.wiped.map_or(row.old.day, |(_, day)| day);
        for ((day, wiped_on), rows) in by_day(&eligible, |row| (row.old.day, wiped_on(row))) {
            let consumed: Vec<Consumed> = rotation(day, wiped_on, &rows).load(connection)?;
            won.extend(consumed.into_iter().map(|token| token.attempt));
        }
        let has_won = |row: &&Self| won.contains(&row.attempt.uuid());
        Ok(each(rows, |row| if has_won(row) { Rotated::Done } else { Rotated::Lost }))
    }

    fn stale(&self) -> Option<Stale> {
        None
    }

    fn events(&self, _: &Rotated) -> Vec<Event> {
        Vec::new()
    }
}

/// Consumes tokens of one day; of two attempts at one, in one batch or in two, one does. What follows from it is stored
/// in the same statement: the new pair, the answer to repeat, and that the predecessor's may not be any more.
fn rotation(day: NaiveDate, wiped_on: NaiveDate, rows: &[&Rotate]) -> Statement {
    let refresh = each(rows, |row| (&row.refresh, row.now));
    consumption(day, rows)
        .text(", access AS (")
        .then(access_tokens::store::insertion(&each(rows, |row| &row.access)))
        .text(" WHERE (id IN (SELECT access FROM consumed)) IS TRUE), refresh AS (")
        .then(insertion(&refresh))
        .text(" WHERE (hash IN (SELECT successor FROM consumed)) IS TRUE), kept AS (")
        .then(keeping(rows))
        .text("), wiped AS (")
        .then(wiping(wiped_on, rows))
        .text(") SELECT attempt FROM consumed")
}

fn consumption(day: NaiveDate, rows: &[&Rotate]) -> Statement {
    Statement::new(
        "WITH consumed AS (UPDATE refresh_tokens AS token \
         SET consumed_at = attempt.at, consumed_by = attempt.id, successor = attempt.successor \
         FROM (SELECT * FROM unnest(?, ?, ?, ?, ?, ?) AS attempt(hash, family, id, access, successor, at) \
               ORDER BY hash) AS attempt \
         WHERE token.hash = attempt.hash AND token.expires_on = ? AND token.family_id = attempt.family \
             AND token.consumed_at IS NULL AND token.hash = ANY(?) \
         RETURNING attempt.id AS attempt, attempt.access, attempt.successor)",
    )
    .bind::<Array<Binary>, _>(each(rows, |row| row.old.hash.as_bytes().to_vec()))
    .bind::<Array<SqlUuid>, _>(each(rows, |row| row.family.id.uuid()))
    .bind::<Array<SqlUuid>, _>(each(rows, |row| row.attempt.uuid()))
    .bind::<Array<SqlUuid>, _>(each(rows, |row| row.access.id.uuid()))
    .bind::<Array<Binary>, _>(each(rows, |row| row.refresh.key.hash.as_bytes().to_vec()))
    .bind::<Array<Timestamptz>, _>(each(rows, |row| row.now))
    .bind::<Date, _>(day)
    // Again, so that whatever the plan no other rows are looked at.
    .bind::<Array<Binary>, _>(each(rows, |row| row.old.hash.as_bytes().to_vec()))
}

/// Keeps the answers to repeat.
fn keeping(rows: &[&Rotate]) -> Statement {
    let kept: Vec<(&Rotate, &Answer)> =
        rows.iter().filter_map(|row| Some((*row, row.answer.as_ref()?))).collect();
    Statement::new(
        "INSERT INTO refresh_answers (sealed_on, hash, parameters, sealed, expires_at) \
         SELECT day, hash, parameters, sealed, expires_at \
         FROM unnest(?, ?, ?, ?, ?, ?) AS new(attempt, day, hash, parameters, sealed, expires_at) \
         WHERE (attempt IN (SELECT attempt FROM consumed)) IS TRUE",
    )
    .bind::<Array<SqlUuid>, _>(each(&kept, |(row, _)| row.attempt.uuid()))
    .bind::<Array<Date>, _>(each(&kept, |(row, _)| row.now.date_naive()))
    .bind::<Array<Binary>, _>(each(&kept, |(row, _)| row.old.hash.as_bytes().to_vec()))
    .bind::<Array<Binary>, _>(each(&kept, |(_, answer)| answer.parameters.to_vec()))
    .bind::<Array<Binary>, _>(each(&kept, |(_, answer)| answer.sealed.as_bytes().to_vec()))
    .bind::<Array<Timestamptz>, _>(each(&kept, |(_, answer)| answer.expires_at))
}

/// Forgets the answers that the predecessors could still repeat: whoever used the successor has his.
fn wiping(day: NaiveDate, rows: &[&Rotate]) -> Statement {
    let wiped: Vec<(Uuid, Vec<u8>)> = rows
        .iter()
        .filter_map(|row| row.wiped.map(|(hash, _)| (row.attempt.uuid(), hash.as_bytes().to_vec())))
        .collect();
    Statement::new(
        "UPDATE refresh_answers AS answer SET sealed = NULL \
         FROM (SELECT * FROM unnest(?, ?) AS wiped(attempt, hash) ORDER BY hash) AS wiped \
         WHERE answer.hash = wiped.hash AND answer.sealed_on = ? AND answer.hash = ANY(?) \
             AND (wiped.attempt IN (SELECT attempt FROM consumed)) IS TRUE",
    )
    .bind::<Array<SqlUuid>, _>(each(&wiped, |(attempt, _)| *attempt))
    .bind::<Array<Binary>, _>(each(&wiped, |(_, hash)| hash.clone()))
    .bind::<Date, _>(day)
    .bind::<Array<Binary>, _>(each(&wiped, |(_, hash)| hash.clone()))
}
