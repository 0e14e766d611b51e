//! The table `access_tokens`.

use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Date, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

use crate::accounts::store::acting;
use crate::audit::{Event, Lookup, WriteValue};
use crate::grants::access_tokens::{AccessToken, FoundAccessToken};
use crate::grants::store::{each, in_order, lineages, scope, stored};
use crate::grants::{BearerKey, FamilyKey, Lineage, NewAccessToken};
use crate::kernel::{FamilyId, Fault, PrincipalId, Stale, TokenId};
use crate::platform::db::{Connection, Statement, by_day};
use crate::schema::access_tokens;

/// Stores access tokens, within the write values that decided them.
pub(in crate::grants) fn insertion(new: &[&NewAccessToken]) -> Statement {
    Statement::new(
        "INSERT INTO access_tokens (expires_on, hash, id, subject_id, client_id, family_expires_on, family_id, \
             scopes, audience, issued_at, expires_at) \
         SELECT day, hash, id, subject, client, family_day, family, \
             string_to_array(scope, ' '), string_to_array(audience, ' '), issued_at, expires_at \
         FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             AS new(day, hash, id, subject, client, family_day, family, scope, audience, issued_at, expires_at)",
    )
    .bind::<Array<Date>, _>(each(new, |token| token.key.day))
    .bind::<Array<Binary>, _>(each(new, |token| token.key.hash.as_bytes().to_vec()))
    .bind::<Array<SqlUuid>, _>(each(new, |token| token.id.uuid()))
    .bind::<Array<SqlUuid>, _>(each(new, |token| token.subject.uuid()))
    .bind::<Array<SqlUuid>, _>(each(new, |token| token.client.uuid()))
    .bind::<Array<Nullable<Date>>, _>(each(new, |token| token.family.map(|family| family.day)))
    .bind::<Array<Nullable<SqlUuid>>, _>(each(new, |token| token.family.map(|family| family.id.uuid())))
    .bind::<Array<Text>, _>(each(new, |token| token.scope.to_string()))
    .bind::<Array<Text>, _>(each(new, |token| token.audience.join(" ")))
    .bind::<Array<Timestamptz>, _>(each(new, |token| token.issued_at))
    .bind::<Array<Timestamptz>, _>(each(new, |token| token.expires_at))
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = access_tokens)]
struct Row {
    expires_on: NaiveDate,
    hash: Vec<u8>,
    id: Uuid,
    subject_id: Uuid,
    client_id: Uuid,
    family_expires_on: Option<NaiveDate>,
    family_id: Option<Uuid>,
    scopes: Vec<Option<String>>,
    audience: Vec<Option<String>>,
    issued_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    revoked_at: Option<DateTime<Utc>>,
}

impl Row {
    fn family(&self) -> Option<FamilyKey> {
        let id = FamilyId::from_uuid(self.family_id?);
        Some(FamilyKey { day: self.family_expires_on?, id })
    }

    fn found(self, lineage: Option<Lineage>) -> Result<FoundAccessToken, Fault> {
        if self.family_id.is_some() && lineage.is_none() {
            return Err(Fault::internal("an access token without its family"));
        }
        let token = AccessToken {
            key: BearerKey::from_stored(self.expires_on, self.hash)?,
            id: TokenId::from_uuid(self.id),
            subject: PrincipalId::from_uuid(self.subject_id),
            client: PrincipalId::from_uuid(self.client_id),
            scope: scope(self.scopes),
            audience: self.audience.into_iter().flatten().collect(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            revoked_at: self.revoked_at,
            family: lineage.as_ref().map(|lineage| lineage.family.key),
        };
        Ok(FoundAccessToken { token: Arc::new(token), lineage })
    }
}

/// An access token to be found, whatever its state.
pub struct Find(pub BearerKey);

impl Lookup for Find {
    type Found = Option<FoundAccessToken>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let mut rows: Vec<Row> = Vec::with_capacity(keys.len());
        for (day, hashes) in stored(keys, |Self(key)| *key) {
            let found = access_tokens::table
                .filter(access_tokens::expires_on.eq(day))
                .filter(access_tokens::hash.eq_any(hashes))
                .select(Row::as_select())
                .load(connection)?;
            rows.extend(found);
        }
        let lineages = lineages(connection, rows.iter().filter_map(Row::family).collect())?;
        let found = rows
            .into_iter()
            .map(|row| {
                let lineage = row.family().and_then(|family| lineages.get(&family).cloned());
                row.found(lineage)
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(in_order(keys, |Self(key)| *key, found, |found| found.token.key))
    }
}

/// Write value: issue a token by client credentials. Traffic, not an event: the row is its record.
pub struct Issue(pub NewAccessToken);

impl WriteValue for Issue {
    /// Whether its client may act, and so it was stored.
    type Verdict = bool;

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<bool>, Fault> {
        let acting = acting(connection, rows.iter().map(|Self(token)| token.client))?;
        let verdicts = each(rows, |Self(token)| acting.contains(&token.client));
        let tokens: Vec<&NewAccessToken> = rows
            .iter()
            .zip(&verdicts)
            .filter(|(_, may_act)| **may_act)
            .map(|(Self(token), _)| token)
            .collect();
        if !tokens.is_empty() {
            insertion(&tokens).execute(connection)?;
        }
        Ok(verdicts)
    }

    fn events(&self, _: &bool) -> Vec<Event> {
        Vec::new()
    }

    fn stale(&self) -> Option<Stale> {
        None
    }
}

#[derive(QueryableByName)]
struct Revoked {
    #[diesel(sql_type = Binary)]
    hash: Vec<u8>,
}

/// Write value: revoke one access token.
pub struct Revoke {
    /// Which.
    pub key: BearerKey,
    /// When.
    pub now: DateTime<Utc>,
    /// What the log tells.
    pub event: Event,
}

impl WriteValue for Revoke {
    /// Whether it was good until now.
    type Verdict = bool;

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<bool>, Fault> {
        let mut revoked = HashSet::new();
        for (day, rows) in by_day(rows, |row| row.key.day) {
            revoked.extend(revoke(connection, day, &rows)?);
        }
        // Of two who revoke the same, the first did, as the statement says.
        Ok(each(rows, |row| revoked.remove(row.key.hash.as_bytes().as_slice())))
    }

    fn stale(&self) -> Option<Stale> {
        Some(Stale::AccessToken(self.key.hash))
    }

    fn events(&self, was_good: &bool) -> Vec<Event> {
        if *was_good { vec![self.event.clone()] } else { Vec::new() }
    }
}

/// Revokes tokens of one day; of several who revoke one, the first is named. Says which were good.
fn revoke(
    connection: &mut Connection,
    day: NaiveDate,
    rows: &[&Revoke],
) -> Result<impl Iterator<Item = Vec<u8>>, Fault> {
    let revoked: Vec<Revoked> = Statement::new(
        "UPDATE access_tokens AS token SET revoked_at = revoking.at \
         FROM (SELECT DISTINCT ON (hash) * FROM unnest(?, ?) WITH ORDINALITY AS revoking(hash, at, place) \
               ORDER BY hash, place) AS revoking \
         WHERE token.hash = revoking.hash AND token.expires_on = ? AND token.revoked_at IS NULL AND token.hash = ANY(?) \
         RETURNING token.hash",
    )
    .bind::<Array<Binary>, _>(each(rows, |row| row.key.hash.as_bytes().to_vec()))
    .bind::<Array<Timestamptz>, _>(each(rows, |row| row.now))
    .bind::<Date, _>(day)
    // Again, so that whatever the plan no other rows are looked at.
    .bind::<Array<Binary>, _>(each(rows, |row| row.key.hash.as_bytes().to_vec()))
    .load(connection)?;
    Ok(revoked.into_iter().map(|token| token.hash))
}

/// Write value: revoke a JWT that has no row, by giving it one.
pub struct RevokeUnstored {
    /// What its row would have said.
    pub token: Arc<AccessToken>,
    /// When.
    pub now: DateTime<Utc>,
    /// What the log tells.
    pub event: Event,
}

impl WriteValue for RevokeUnstored {
    /// Whether it was good until now.
    type Verdict = bool;

    fn execute(rows: &[&Self], connection: &mut Connection) -> Result<Vec<bool>, Fault> {
        let revoked: Vec<Revoked> = Statement::new(
            "INSERT INTO access_tokens (expires_on, hash, id, subject_id, client_id, scopes, audience, issued_at, \
                 expires_at, revoked_at) \
             SELECT day, hash, id, subject, client, string_to_array(scope, ' '), string_to_array(audience, ' '), \
                 issued_at, expires_at, at \
             FROM unnest(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
                 AS new(day, hash, id, subject, client, scope, audience, issued_at, expires_at, at) \
             ORDER BY day, hash \
             ON CONFLICT DO NOTHING RETURNING hash",
        )
        .bind::<Array<Date>, _>(each(rows, |row| row.token.key.day))
        .bind::<Array<Binary>, _>(each(rows, |row| row.token.key.hash.as_bytes().to_vec()))
        .bind::<Array<SqlUuid>, _>(each(rows, |row| row.token.id.uuid()))
        .bind::<Array<SqlUuid>, _>(each(rows, |row| row.token.subject.uuid()))
        .bind::<Array<SqlUuid>, _>(each(rows, |row| row.token.client.uuid()))
        .bind::<Array<Text>, _>(each(rows, |row| row.token.scope.to_string()))
        .bind::<Array<Text>, _>(each(rows, |row| row.token.audience.join(" ")))
        .bind::<Array<Timestamptz>, _>(each(rows, |row| row.token.issued_at))
        .bind::<Array<Timestamptz>, _>(each(rows, |row| row.token.expires_at))
        .bind::<Array<Timestamptz>, _>(each(rows, |row| row.now))
        .load(connection)?;
        let mut revoked: HashSet<Vec<u8>> = revoked.into_iter().map(|token| token.hash).collect();
        Ok(each(rows, |row| revoked.remove(row.token.key.hash.as_bytes().as_slice())))
    }

    fn stale(&self) -> Option<Stale> {
        Some(Stale::AccessToken(self.token.key.hash))
    }

    fn events(&self, was_good: &bool) -> Vec<Event> {
        if *was_good { vec![self.event.clone()] } else { Vec::new() }
    }
}
