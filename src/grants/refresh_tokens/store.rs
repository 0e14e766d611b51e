//! The tables `refresh_tokens` and `refresh_answers`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::audit::{Event, WriteValue};
use crate::grants::refresh_tokens::FoundRefreshToken;
use crate::grants::store::{family_may_act, lineage, scope};
use crate::grants::{BearerKey, FamilyKey, NewAccessToken, NewRefreshToken, access_tokens};
use crate::kernel::{AttemptId, FamilyId, Fault, SecretHash};
use crate::platform::db::Connection;
use crate::platform::seal::Sealed;
use crate::schema::{refresh_answers, refresh_tokens};

/// Stores a refresh token, within the write value that decided it.
pub(in crate::grants) fn insert(
    connection: &mut Connection,
    token: &NewRefreshToken,
    now: DateTime<Utc>,
) -> Result<(), Fault> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::expires_on.eq(token.key.day),
            refresh_tokens::hash.eq(token.key.hash.as_bytes().to_vec()),
            refresh_tokens::family_id.eq(token.family.id.uuid()),
            refresh_tokens::scopes.eq(token.scope.to_vec()),
            refresh_tokens::issued_at.eq(now),
            refresh_tokens::predecessor.eq(token.predecessor.map(|hash| hash.as_bytes().to_vec())),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
struct Row {
    family_id: Uuid,
    scopes: Vec<Option<String>>,
    issued_at: DateTime<Utc>,
    consumed_at: Option<DateTime<Utc>>,
    consumed_by: Option<Uuid>,
    successor: Option<Vec<u8>>,
    predecessor: Option<Vec<u8>>,
}

/// Finds a refresh token, whatever its state.
pub fn find(connection: &mut Connection, key: BearerKey) -> Result<Option<FoundRefreshToken>, Fault> {
    let row = refresh_tokens::table
        .find((key.day, key.hash.as_bytes().to_vec()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let family = FamilyKey { day: key.day, id: FamilyId::from_uuid(row.family_id) };
    let lineage =
        lineage(connection, family)?.ok_or_else(|| Fault::internal("a refresh token without its family"))?;
    let successor_used = match row.successor {
        Some(successor) => refresh_tokens::table
            .find((key.day, successor))
            .select(refresh_tokens::consumed_at.is_not_null())
            .first(connection)
            .optional()?
            .unwrap_or(true),
        None => false,
    };
    Ok(Some(FoundRefreshToken {
        key,
        scope: scope(row.scopes),
        issued_at: row.issued_at,
        consumed_at: row.consumed_at,
        consumed_by: row.consumed_by.map(AttemptId::from_uuid),
        successor_used,
        predecessor: row.predecessor.map(hash).transpose()?,
        lineage,
    }))
}

fn hash(bytes: Vec<u8>) -> Result<SecretHash, Fault> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| Fault::internal("a hash is not 32 bytes"))?;
    Ok(SecretHash::from_bytes(bytes))
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
        .find((consumed_on, token.as_bytes().to_vec()))
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

    fn execute(rows: &[Self], connection: &mut Connection) -> Result<Vec<Rotated>, Fault> {
        rows.iter().map(|row| row.execute_one(connection)).collect()
    }

    fn events(&self, _: &Rotated) -> Vec<Event> {
        Vec::new()
    }
}

impl Rotate {
    fn execute_one(&self, connection: &mut Connection) -> Result<Rotated, Fault> {
        let key = (self.old.day, self.old.hash.as_bytes().to_vec());
        let consumed = diesel::update(refresh_tokens::table.find(key))
            .filter(refresh_tokens::consumed_at.is_null())
            .filter(family_may_act(self.family.day, self.family.id.uuid(), self.now))
            .set((
                refresh_tokens::consumed_at.eq(self.now),
                refresh_tokens::consumed_by.eq(self.attempt.uuid()),
                refresh_tokens::successor.eq(self.refresh.key.hash.as_bytes().to_vec()),
            ))
            .execute(connection)?;
        if consumed == 0 {
            return Ok(Rotated::Lost);
        }
        access_tokens::store::insert(connection, &self.access)?;
        insert(connection, &self.refresh, self.now)?;
        self.keep_answer(connection)?;
        Ok(Rotated::Done)
    }

    fn keep_answer(&self, connection: &mut Connection) -> Result<(), Fault> {
        if let Some(answer) = &self.answer {
            diesel::insert_into(refresh_answers::table)
                .values((
                    refresh_answers::sealed_on.eq(self.now.date_naive()),
                    refresh_answers::hash.eq(self.old.hash.as_bytes().to_vec()),
                    refresh_answers::parameters.eq(answer.parameters.to_vec()),
                    refresh_answers::sealed.eq(answer.sealed.as_bytes()),
                    refresh_answers::expires_at.eq(answer.expires_at),
                ))
                .execute(connection)?;
        }
        if let Some((predecessor, day)) = self.wiped {
            diesel::update(refresh_answers::table.find((day, predecessor.as_bytes().to_vec())))
                .set(refresh_answers::sealed.eq(None::<Vec<u8>>))
                .execute(connection)?;
        }
        Ok(())
    }
}
