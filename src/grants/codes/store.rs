//! The table `authorization_codes`.

use std::collections::HashSet;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Bool, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::accounts::sessions::store::{Seat, hold_living};
use crate::audit::{Actor, Event, Kind, Lookup, Work, WriteValue};
use crate::grants::codes::{Code, FoundCode};
use crate::grants::store::{
    Consumed, Doing, FamilyRow, GrantRow, Opening, each, eligible, in_order, open_families, scope, stored,
};
use crate::grants::{
    BearerKey, Family, FamilyKey, Lineage, NewAccessToken, NewRefreshToken, access_tokens, refresh_tokens,
};
use crate::kernel::{AttemptId, CodeChallenge, FamilyId, Fault, GrantId, PrincipalId, Stale};
use crate::platform::db::{Connection, Statement, by_day};
use crate::schema::{authorization_codes, families, grants};

/// Stores a new code of an act.
pub fn insert(work: &mut Work<'_>, code: &Code, family: FamilyKey) -> Result<(), Fault> {
    let now = work.now();
    insert_all(work, &[(code, family, now)])
}

fn insert_all(connection: &mut Connection, new: &[(&Code, FamilyKey, DateTime<Utc>)]) -> Result<(), Fault> {
    if new.is_empty() {
        return Ok(());
    }
    Statement::new(
        "INSERT INTO authorization_codes (expires_on, hash, family_id, redirect_uri, redirect_uri_sent, \
             code_challenge, scopes, created_at, expires_at) \
         SELECT day, hash, family, redirect_uri, was_sent, challenge, string_to_array(scope, ' '), at, expires_at \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?) \
             AS new(day, hash, family, redirect_uri, was_sent, challenge, scope, at, expires_at)",
    )
    .bind::<Array<Date>, _>(each(new, |(code, ..)| code.key.day))
    .bind::<Array<Binary>, _>(each(new, |(code, ..)| code.key.hash.as_bytes().to_vec()))
    .bind::<Array<SqlUuid>, _>(each(new, |(_, family, _)| family.id.uuid()))
    .bind::<Array<Text>, _>(each(new, |(code, ..)| code.redirect_uri.clone()))
    .bind::<Array<Bool>, _>(each(new, |(code, ..)| code.redirect_uri_sent))
    .bind::<Array<Text>, _>(each(new, |(code, ..)| code.challenge.as_str().to_owned()))
    .bind::<Array<Text>, _>(each(new, |(code, ..)| code.scope.to_string()))
    .bind::<Array<Timestamptz>, _>(each(new, |(.., now)| *now))
    .bind::<Array<Timestamptz>, _>(each(new, |(code, ..)| code.expires_at))
    .execute(connection)?;
    Ok(())
}

/// Write value: give a code to an app for somebody who is signed in and allowed all of it before.
pub struct Give {
    /// The code.
    pub code: Code,
    /// The family it opens.
    pub family: Family,
    /// The grant that allows it.
    pub grant: GrantId,
    /// The client that asked.
    pub client: PrincipalId,
    /// Where its person is signed in.
    pub seat: Seat,
}

impl WriteValue for Give {
    /// Whether session, person, client and grant still allowed it, and so it was stored.
    type Verdict = bool;

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<bool>, Fault> {
        let living = hold_living(connection, &each(rows, |row| &row.seat))?;
        let present = rows.iter().zip(living).filter(|(_, lives)| *lives).map(|(row, _)| *row);
        let opening: Vec<Opening<'_>> = present.map(Self::opening).collect();
        let opened = open_families(connection, &opening)?;
        let given = rows.iter().filter(|row| opened.contains(&row.family.key.id));
        let codes: Vec<_> = given.map(|row| (&row.code, row.family.key, row.seat.now)).collect();
        insert_all(connection, &codes)?;
        Ok(each(rows, |row| opened.contains(&row.family.key.id)))
    }

    fn events(&self, was_given: &bool) -> Vec<Event> {
        if !was_given {
            return Vec::new();
        }
        vec![code_issued(self.seat.user, self.client, self.family.key.id)]
    }

    fn stale(&self) -> Option<Stale> {
        None
    }
}

impl Give {
    fn opening(&self) -> Opening<'_> {
        Opening {
            family: &self.family,
            grant: self.grant,
            user: self.seat.user,
            client: self.client,
            scope: &self.code.scope,
            now: self.seat.now,
        }
    }
}

/// The event of a code that was given.
pub fn code_issued(user: PrincipalId, client: PrincipalId, family: FamilyId) -> Event {
    Event::new(Kind::CodeIssued, Actor::User(user)).on("family", family).about(client)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = authorization_codes)]
struct Row {
    expires_on: NaiveDate,
    hash: Vec<u8>,
    redirect_uri: String,
    redirect_uri_sent: bool,
    code_challenge: String,
    scopes: Vec<Option<String>>,
    expires_at: DateTime<Utc>,
    consumed_at: Option<DateTime<Utc>>,
    consumed_by: Option<Uuid>,
}

impl Row {
    fn found(self, lineage: Lineage) -> Result<FoundCode, Fault> {
        let code = Code {
            key: BearerKey::from_stored(self.expires_on, self.hash)?,
            redirect_uri: self.redirect_uri,
            redirect_uri_sent: self.redirect_uri_sent,
            challenge: CodeChallenge::parse(&self.code_challenge).map_err(Fault::internal)?,
            scope: scope(self.scopes),
            expires_at: self.expires_at,
        };
        let consumed_by = self.consumed_by.map(AttemptId::from_uuid);
        Ok(FoundCode { code, consumed_at: self.consumed_at, consumed_by, lineage })
    }
}

/// A code to be found, whatever its state.
pub struct Find(pub BearerKey);

impl Lookup for Find {
    type Found = Option<FoundCode>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let mut found = Vec::with_capacity(keys.len());
        for (day, hashes) in stored(keys, |Self(key)| *key) {
            let rows: Vec<(Row, FamilyRow, GrantRow)> = authorization_codes::table
                .inner_join(families::table.on(families::id.eq(authorization_codes::family_id)))
                .inner_join(grants::table.on(grants::id.eq(families::grant_id)))
                .filter(authorization_codes::expires_on.eq(day))
                .filter(families::expires_on.eq(day))
                .filter(authorization_codes::hash.eq_any(hashes))
                .select((Row::as_select(), FamilyRow::as_select(), GrantRow::as_select()))
                .load(connection)?;
            for (row, family, grant) in rows {
                found.push(row.found(Lineage::from((family, grant)))?);
            }
        }
        Ok(in_order(keys, |Self(key)| *key, found, |found| found.code.key))
    }
}

/// Write value: exchange a code for tokens.
pub struct Redeem {
    /// The code.
    pub code: BearerKey,
    /// Its family.
    pub family: FamilyKey,
    /// This attempt.
    pub attempt: AttemptId,
    /// When.
    pub now: DateTime<Utc>,
    /// The access token it becomes.
    pub access: NewAccessToken,
    /// The refresh token beside it.
    pub refresh: Option<NewRefreshToken>,
    /// The client that presented it.
    pub client: PrincipalId,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// It was consumed and the tokens are stored.
    Done,
    /// Somebody was faster, or something it depends on may no longer act: nothing was stored.
    Lost,
}

impl WriteValue for Redeem {
    type Verdict = Redeemed;

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<Redeemed>, Fault> {
        let doing = |row: &Self| Doing { family: row.family, client: row.client, now: row.now };
        let eligible = eligible(connection, rows, doing)?;
        let mut won: HashSet<Uuid> = HashSet::with_capacity(rows.len());
        for (day, rows) in by_day(&eligible, |row| row.code.day) {
            let consumed: Vec<Consumed> = redemption(day, &rows).load(connection)?;
            won.extend(consumed.into_iter().map(|code| code.attempt));
        }
        let has_won = |row: &&Self| won.contains(&row.attempt.uuid());
        Ok(each(rows, |row| if has_won(row) { Redeemed::Done } else { Redeemed::Lost }))
    }

    fn stale(&self) -> Option<Stale> {
        None
    }

    fn events(&self, verdict: &Redeemed) -> Vec<Event> {
        match verdict {
            Redeemed::Lost => Vec::new(),
            Redeemed::Done => vec![
                Event::new(Kind::CodeRedeemed, Actor::Client(self.client))
                    .on("family", self.family.id)
                    .about(self.client),
            ],
        }
    }
}

/// Consumes codes of one day; of two attempts at one, in one batch or in two, one does. What follows from it is stored
/// in the same statement: the tokens.
fn redemption(day: NaiveDate, rows: &[&Redeem]) -> Statement {
    let refresh: Vec<_> = rows.iter().filter_map(|row| Some((row.refresh.as_ref()?, row.now))).collect();
    consumption(day, rows)
        .text(", access AS (")
        .then(access_tokens::store::insertion(&each(rows, |row| &row.access)))
        .text(" WHERE (id IN (SELECT access FROM consumed)) IS TRUE), refresh AS (")
        .then(refresh_tokens::store::insertion(&refresh))
        .text(" WHERE (hash IN (SELECT successor FROM consumed)) IS TRUE) SELECT attempt FROM consumed")
}

fn consumption(day: NaiveDate, rows: &[&Redeem]) -> Statement {
    Statement::new(
        "WITH consumed AS (UPDATE authorization_codes AS code SET consumed_at = attempt.at, consumed_by = attempt.id \
         FROM (SELECT * FROM unnest(?, ?, ?, ?, ?, ?) AS attempt(hash, family, id, access, successor, at) \
               ORDER BY hash) AS attempt \
         WHERE code.hash = attempt.hash AND code.expires_on = ? AND code.family_id = attempt.family \
             AND code.consumed_at IS NULL AND code.expires_at > attempt.at AND code.hash = ANY(?) \
         RETURNING attempt.id AS attempt, attempt.access, attempt.successor)",
    )
    .bind::<Array<Binary>, _>(each(rows, |row| row.code.hash.as_bytes().to_vec()))
    .bind::<Array<SqlUuid>, _>(each(rows, |row| row.family.id.uuid()))
    .bind::<Array<SqlUuid>, _>(each(rows, |row| row.attempt.uuid()))
    .bind::<Array<SqlUuid>, _>(each(rows, |row| row.access.id.uuid()))
    .bind::<Array<Nullable<Binary>>, _>(each(rows, |row| {
        row.refresh.as_ref().map(|token| token.key.hash.as_bytes().to_vec())
    }))
    .bind::<Array<Timestamptz>, _>(each(rows, |row| row.now))
    .bind::<Date, _>(day)
    // Again, so that whatever the plan no other rows are looked at.
    .bind::<Array<Binary>, _>(each(rows, |row| row.code.hash.as_bytes().to_vec()))
}
