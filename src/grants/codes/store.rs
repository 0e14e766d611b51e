//! The table `authorization_codes`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::audit::{Actor, Event, Kind, Work, WriteValue};
use crate::grants::codes::{Code, FoundCode};
use crate::grants::store::{family_may_act, lineage, scope};
use crate::grants::{BearerKey, FamilyKey, NewAccessToken, NewRefreshToken, access_tokens, refresh_tokens};
use crate::kernel::{AttemptId, CodeChallenge, FamilyId, Fault, PrincipalId};
use crate::platform::db::Connection;
use crate::schema::authorization_codes;

/// Stores a new code.
pub fn insert(work: &mut Work<'_>, code: &Code, family: FamilyKey) -> Result<(), Fault> {
    let now = work.now();
    diesel::insert_into(authorization_codes::table)
        .values((
            authorization_codes::expires_on.eq(code.key.day),
            authorization_codes::hash.eq(code.key.hash.as_bytes().to_vec()),
            authorization_codes::family_id.eq(family.id.uuid()),
            authorization_codes::redirect_uri.eq(&code.redirect_uri),
            authorization_codes::redirect_uri_sent.eq(code.redirect_uri_sent),
            authorization_codes::code_challenge.eq(code.challenge.as_str()),
            authorization_codes::scopes.eq(code.scope.to_vec()),
            authorization_codes::created_at.eq(now),
            authorization_codes::expires_at.eq(code.expires_at),
        ))
        .execute(&mut **work)?;
    Ok(())
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = authorization_codes)]
struct Row {
    family_id: Uuid,
    redirect_uri: String,
    redirect_uri_sent: bool,
    code_challenge: String,
    scopes: Vec<Option<String>>,
    expires_at: DateTime<Utc>,
    consumed_at: Option<DateTime<Utc>>,
    consumed_by: Option<Uuid>,
}

/// Finds a code, whatever its state.
pub fn find(connection: &mut Connection, key: BearerKey) -> Result<Option<FoundCode>, Fault> {
    let row = authorization_codes::table
        .find((key.day, key.hash.as_bytes().to_vec()))
        .select(Row::as_select())
        .first(connection)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let family = FamilyKey { day: key.day, id: FamilyId::from_uuid(row.family_id) };
    let lineage = lineage(connection, family)?.ok_or_else(|| Fault::internal("a code without its family"))?;
    let code = Code {
        key,
        redirect_uri: row.redirect_uri,
        redirect_uri_sent: row.redirect_uri_sent,
        challenge: CodeChallenge::parse(&row.code_challenge).map_err(Fault::internal)?,
        scope: scope(row.scopes),
        expires_at: row.expires_at,
    };
    let consumed_by = row.consumed_by.map(AttemptId::from_uuid);
    Ok(Some(FoundCode { code, consumed_at: row.consumed_at, consumed_by, lineage }))
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

    fn execute(rows: &[Self], connection: &mut Connection) -> Result<Vec<Redeemed>, Fault> {
        rows.iter().map(|row| row.execute_one(connection)).collect()
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

impl Redeem {
    fn execute_one(&self, connection: &mut Connection) -> Result<Redeemed, Fault> {
        let key = (self.code.day, self.code.hash.as_bytes().to_vec());
        let consumed = diesel::update(authorization_codes::table.find(key))
            .filter(authorization_codes::consumed_at.is_null())
            .filter(authorization_codes::expires_at.gt(self.now))
            .filter(family_may_act(self.family.day, self.family.id.uuid(), self.now))
            .set((
                authorization_codes::consumed_at.eq(self.now),
                authorization_codes::consumed_by.eq(self.attempt.uuid()),
            ))
            .execute(connection)?;
        if consumed == 0 {
            return Ok(Redeemed::Lost);
        }
        access_tokens::store::insert(connection, &self.access)?;
        if let Some(refresh) = &self.refresh {
            refresh_tokens::store::insert(connection, refresh, self.now)?;
        }
        Ok(Redeemed::Done)
    }
}
