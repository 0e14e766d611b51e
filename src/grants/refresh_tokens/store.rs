//! The tables `refresh_tokens` and `refresh_answers`.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::audit::{Event, Lookup, WriteValue};
use crate::grants::codes::store::Consumed;
use crate::grants::refresh_tokens::FoundRefreshToken;
use crate::grants::store::{Doing, each, eligible, in_order, lineages, scope, stored};
use crate::grants::{BearerKey, FamilyKey, Lineage, NewAccessToken, NewRefreshToken, access_tokens};
use crate::kernel::{AttemptId, FamilyId, Fault, SecretHash, Stale};
use crate::platform::db::{Connection, Statement, by_day};
use crate::platform::seal::Sealed;
use crate::schema::{refresh_answers, refresh_tokens};

/// Stores refresh tokens, within the write values that decided them, and since when they are.
pub(in crate::grants) fn insert(
    connection: &mut Connection,
    new: &[(&NewRefreshToken, DateTime<Utc>)],
) -> Result<(), Fault> {
    if new.is_empty() {
        return Ok(());
    }
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
    .execute(connection)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
struct Row {
    expires_on: NaiveDate,
    hash: Vec<u8>,
    family_id: Uuid,
    scopes: Vec<Option<String>>,
    issued_at: DateTime<Utc>,
    consumed_at: Option<DateTime<Utc>>,
    consumed_by: Option<Uuid>,
    successor: Option<Vec<u8>>,
    predecessor: Option<Vec<u8>>,
}

impl Row {
    fn family(&self) -> FamilyKey {
        FamilyKey { day: self.expires_on, id: FamilyId::from_uuid(self.family_id) }
    }

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
        let mut rows: Vec<Row> = Vec::with_capacity(keys.len());
        let mut unused = HashSet::new();
        for (day, hashes) in stored(keys, |Self(key)| *key) {
            let found: Vec<Row> = refresh_tokens::table
                .filter(refresh_tokens::expires_on.eq(day))
                .filter(refresh_tokens::hash.eq_any(hashes))
                .select(Row::as_select())
                .load(connection)?;
            let successors = found.iter().filter_map(|row| row.successor.clone()).collect();
            unused.extend(unused_of(connection, day, successors)?);
            rows.extend(found);
        }
        let lineages = lineages(connection, each(&rows, Row::family))?;
        let found = rows
            .into_iter()
            .map(|row| {
                let lineage = lineages.get(&row.family()).cloned();
                let lineage = lineage.ok_or_else(|| Fault::internal("a refresh token without its family"))?;
                row.found(&unused, lineage)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(in_order(keys, |Self(key)| *key, found, |token| token.key))
    }
}

/// Those of these tokens that are there and were not used.
fn unused_of(
    connection: &mut Connection,
    day: NaiveDate,
    hashes: Vec<Vec<u8>>,
) -> Result<Vec<Vec<u8>>, Fault> {
    if hashes.is_empty() {
        return Ok(Vec::new());
    }
    Ok(refresh_tokens::table
        .filter(refresh_tokens::expires_on.eq(day))
        .filter(refresh_tokens::hash.eq_any(hashes))
        .filter(refresh_tokens::consumed_at.is_null())
        .select(refresh_tokens::hash)
        .load(connection)?)
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
        let won = consume(rows, connection)?;
        let winners: Vec<&Self> =
            rows.iter().copied().filter(|row| won.contains(&row.attempt.uuid())).collect();
        access_tokens::store::insert(connection, &each(&winners, |row| &row.access))?;
        insert(connection, &each(&winners, |row| (&row.refresh, row.now)))?;
        keep_answers(connection, &winners)?;
        wipe_answers(connection, &winners)?;
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

/// Consumes tokens that may be; of two attempts at one, in one batch or in two, one does. Says which.
fn consume(rows: &[&Rotate], connection: &mut Connection) -> Result<HashSet<Uuid>, Fault> {
    let doing = |row: &Rotate| Doing { family: row.family, client: row.access.client, now: row.now };
    let rows = eligible(connection, rows, doing)?;
    let mut consumed: Vec<Consumed> = Vec::with_capacity(rows.len());
    for (day, rows) in by_day(&rows, |row| row.old.day) {
        let of_the_day = Statement::new(
            "UPDATE refresh_tokens AS token \
             SET consumed_at = attempt.at, consumed_by = attempt.id, successor = attempt.successor \
             FROM (SELECT * FROM unnest(?, ?, ?, ?, ?) AS attempt(hash, family, id, successor, at) ORDER BY hash) \
                 AS attempt \
             WHERE token.hash = attempt.hash AND token.expires_on = ? AND token.family_id = attempt.family \
                 AND token.consumed_at IS NULL AND token.hash = ANY(?) \
             RETURNING token.consumed_by",
        )
        .bind::<Array<Binary>, _>(each(&rows, |row| row.old.hash.as_bytes().to_vec()))
        .bind::<Array<SqlUuid>, _>(each(&rows, |row| row.family.id.uuid()))
        .bind::<Array<SqlUuid>, _>(each(&rows, |row| row.attempt.uuid()))
        .bind::<Array<Binary>, _>(each(&rows, |row| row.refresh.key.hash.as_bytes().to_vec()))
        .bind::<Array<Timestamptz>, _>(each(&rows, |row| row.now))
        .bind::<Date, _>(day)
        // Again, so that whatever the plan no other rows are looked at.
        .bind::<Array<Binary>, _>(each(&rows, |row| row.old.hash.as_bytes().to_vec()))
        .load(connection)?;
        consumed.extend(of_the_day);
    }
    Ok(consumed.into_iter().map(|token| token.consumed_by).collect())
}

/// Keeps the answers to repeat.
fn keep_answers(connection: &mut Connection, rows: &[&Rotate]) -> Result<(), Fault> {
    let kept: Vec<(&Rotate, &Answer)> =
        rows.iter().filter_map(|row| Some((*row, row.answer.as_ref()?))).collect();
    if kept.is_empty() {
        return Ok(());
    }
    Statement::new(
        "INSERT INTO refresh_answers (sealed_on, hash, parameters, sealed, expires_at) \
         SELECT * FROM unnest(?, ?, ?, ?, ?)",
    )
    .bind::<Array<Date>, _>(each(&kept, |(row, _)| row.now.date_naive()))
    .bind::<Array<Binary>, _>(each(&kept, |(row, _)| row.old.hash.as_bytes().to_vec()))
    .bind::<Array<Binary>, _>(each(&kept, |(_, answer)| answer.parameters.to_vec()))
    .bind::<Array<Binary>, _>(each(&kept, |(_, answer)| answer.sealed.as_bytes().to_vec()))
    .bind::<Array<Timestamptz>, _>(each(&kept, |(_, answer)| answer.expires_at))
    .execute(connection)?;
    Ok(())
}

/// Forgets the answers that the predecessors could still repeat: whoever used the successor has his.
fn wipe_answers(connection: &mut Connection, rows: &[&Rotate]) -> Result<(), Fault> {
    let wiped: Vec<(SecretHash, NaiveDate)> = rows.iter().filter_map(|row| row.wiped).collect();
    for (day, wiped) in by_day(&wiped, |(_, day)| day) {
        diesel::update(refresh_answers::table)
            .filter(refresh_answers::sealed_on.eq(day))
            .filter(refresh_answers::hash.eq_any(each(&wiped, |(hash, _)| hash.as_bytes().to_vec())))
            .set(refresh_answers::sealed.eq(None::<Vec<u8>>))
            .execute(connection)?;
    }
    Ok(())
}
