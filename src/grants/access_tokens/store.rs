//! The table `access_tokens`.

use chrono::{DateTime, NaiveDate, Utc};
use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use uuid::Uuid;

use crate::audit::{Actor, Event, Kind, WriteValue};
use crate::grants::access_tokens::FoundAccessToken;
use crate::grants::store::{lineage, scope};
use crate::grants::{BearerKey, FamilyKey, NewAccessToken};
use crate::kernel::{FamilyId, Fault, PrincipalId, TokenId};
use crate::platform::db::Connection;
use crate::schema::access_tokens;

#[diesel::declare_sql_function]
extern "SQL" {
    /// Whether a principal may act: the condition of a write, as the migration of `accounts` has it.
    fn principal_may_act(principal: SqlUuid) -> Bool;
}

/// Stores an access token, within the write value that decided it.
pub(in crate::grants) fn insert(connection: &mut Connection, token: &NewAccessToken) -> Result<(), Fault> {
    diesel::insert_into(access_tokens::table)
        .values((
            access_tokens::expires_on.eq(token.key.day),
            access_tokens::hash.eq(token.key.hash.as_bytes().to_vec()),
            access_tokens::id.eq(token.id.uuid()),
            access_tokens::subject_id.eq(token.subject.uuid()),
            access_tokens::client_id.eq(token.client.uuid()),
            access_tokens::family_expires_on.eq(token.family.map(|family| family.day)),
            access_tokens::family_id.eq(token.family.map(|family| family.id.uuid())),
            access_tokens::scopes.eq(token.scope.to_vec()),
            access_tokens::audience.eq(&token.audience),
            access_tokens::issued_at.eq(token.issued_at),
            access_tokens::expires_at.eq(token.expires_at),
        ))
        .execute(connection)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = access_tokens)]
struct Row {
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

/// Finds an access token, whatever its state.
pub fn find(connection: &mut Connection, key: BearerKey) -> Result<Option<FoundAccessToken>, Fault> {
    let row = access_tokens::table
        .find((key.day, key.hash.as_bytes().to_vec()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let lineage = match (row.family_expires_on, row.family_id) {
        (Some(day), Some(id)) => {
            let found = lineage(connection, FamilyKey { day, id: FamilyId::from_uuid(id) })?;
            Some(found.ok_or_else(|| Fault::internal("an access token without its family"))?)
        }
        _ => None,
    };
    Ok(Some(FoundAccessToken {
        key,
        id: TokenId::from_uuid(row.id),
        subject: PrincipalId::from_uuid(row.subject_id),
        client: PrincipalId::from_uuid(row.client_id),
        scope: scope(row.scopes),
        audience: row.audience.into_iter().flatten().collect(),
        issued_at: row.issued_at,
        expires_at: row.expires_at,
        revoked_at: row.revoked_at,
        lineage,
    }))
}

/// Write value: issue a token by client credentials. Traffic, not an event: the row is its record.
pub struct Issue(pub NewAccessToken);

impl WriteValue for Issue {
    /// Whether its client may act, and so it was stored.
    type Verdict = bool;

    fn execute(rows: &[Self], connection: &mut Connection) -> Result<Vec<bool>, Fault> {
        rows.iter()
            .map(|Self(token)| {
                let may_act: bool =
                    diesel::select(principal_may_act(token.client.uuid())).get_result(connection)?;
                if may_act {
                    insert(connection, token)?;
                }
                Ok(may_act)
            })
            .collect()
    }

    fn events(&self, _: &bool) -> Vec<Event> {
        Vec::new()
    }
}

/// Write value: revoke one access token.
pub struct Revoke {
    /// Which.
    pub key: BearerKey,
    /// When.
    pub now: DateTime<Utc>,
    /// Its id, for the log.
    pub id: TokenId,
    /// Who revokes it.
    pub client: PrincipalId,
}

impl WriteValue for Revoke {
    /// Whether it was good until now.
    type Verdict = bool;

    fn execute(rows: &[Self], connection: &mut Connection) -> Result<Vec<bool>, Fault> {
        rows.iter()
            .map(|row| {
                let key = (row.key.day, row.key.hash.as_bytes().to_vec());
                let revoked = diesel::update(access_tokens::table.find(key))
                    .filter(access_tokens::revoked_at.is_null())
                    .set(access_tokens::revoked_at.eq(row.now))
                    .execute(connection)?;
                Ok(revoked == 1)
            })
            .collect()
    }

    fn events(&self, was_good: &bool) -> Vec<Event> {
        if !was_good {
            return Vec::new();
        }
        vec![
            Event::new(Kind::TokenRevoked, Actor::Client(self.client))
                .on("access_token", self.id)
                .about(self.client),
        ]
    }
}
