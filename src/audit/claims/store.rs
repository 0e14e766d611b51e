//! The table `idempotency_keys`.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Text, Timestamptz, Uuid as SqlUuid};
use diesel::{QueryableByName, sql_query};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::Answered;
use crate::audit::Work;
use crate::kernel::{Fault, PrincipalId};
use crate::platform::claim::Claim;
use crate::platform::db::Connection;
use crate::schema::idempotency_keys;

/// How long a key stands for what was done under it; its row goes with its partition.
const LIFE: TimeDelta = TimeDelta::hours(24);

/// What is kept of a key.
pub(super) struct Kept {
    pub(super) fingerprint: Vec<u8>,
    pub(super) answered: Option<Answered>,
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    is_free: bool,
}

/// Writes a claim into the transaction at hand. `false`: somebody did it, or is about to. The lock sees to it that there
/// is one of a key over all partitions, and that nobody waits for who has it.
pub(in crate::audit) fn take(
    connection: &mut Connection,
    claim: &Claim,
    now: DateTime<Utc>,
) -> Result<bool, Fault> {
    let locked: Locked = sql_query("SELECT pg_try_advisory_xact_lock($1) AS is_free")
        .bind::<BigInt, _>(lock_of(claim))
        .get_result(connection)?;
    if !locked.is_free {
        return Ok(false);
    }
    let taken = sql_query(
        "INSERT INTO idempotency_keys (caller_id, key, at, fingerprint, attempt_id) SELECT $1, $2, $3, $4, $5 \
         WHERE NOT EXISTS (SELECT FROM idempotency_keys WHERE caller_id = $1 AND key = $2 AND at > $6) \
         ON CONFLICT DO NOTHING",
    )
    .bind::<SqlUuid, _>(claim.caller.uuid())
    .bind::<Text, _>(&claim.key)
    .bind::<Timestamptz, _>(now)
    .bind::<Binary, _>(claim.fingerprint.as_slice())
    .bind::<SqlUuid, _>(claim.attempt)
    .bind::<Timestamptz, _>(now - LIFE)
    .execute(connection)?;
    Ok(taken == 1)
}

fn lock_of(claim: &Claim) -> i64 {
    let hash = Sha256::new()
        .chain_update("grantor.idempotency_key")
        .chain_update(claim.caller.uuid())
        .chain_update(&claim.key)
        .finalize();
    hash.iter().take(8).fold(0, |number, byte| (number << 8) | i64::from(*byte))
}

/// What is kept of a caller's key.
pub(super) fn find(
    connection: &mut Connection,
    caller: PrincipalId,
    key: &str,
    now: DateTime<Utc>,
) -> Result<Option<Kept>, Fault> {
    type Row = (Vec<u8>, Option<i16>, Option<String>, Option<Value>);
    let row: Option<Row> = idempotency_keys::table
        .filter(idempotency_keys::caller_id.eq(caller.uuid()))
        .filter(idempotency_keys::key.eq(key))
        .filter(idempotency_keys::at.gt(now - LIFE))
        .order(idempotency_keys::at.desc())
        .select((
            idempotency_keys::fingerprint,
            idempotency_keys::status,
            idempotency_keys::etag,
            idempotency_keys::body,
        ))
        .first(connection)
        .optional()?;
    Ok(row.map(|(fingerprint, status, etag, body)| {
        let status = status.and_then(|status| u16::try_from(status).ok());
        Kept { fingerprint, answered: status.map(|status| Answered { status, etag, body }) }
    }))
}

/// Keeps what was answered by this attempt.
pub(super) fn keep(
    work: &mut Work<'_>,
    (caller, key, attempt): (PrincipalId, &str, Uuid),
    answered: &Answered,
) -> Result<(), Fault> {
    let oldest = work.now() - LIFE;
    diesel::update(idempotency_keys::table)
        .filter(idempotency_keys::caller_id.eq(caller.uuid()))
        .filter(idempotency_keys::key.eq(key))
        .filter(idempotency_keys::at.gt(oldest))
        .filter(idempotency_keys::attempt_id.eq(attempt))
        .set((
            idempotency_keys::status.eq(i16::try_from(answered.status).ok()),
            idempotency_keys::etag.eq(&answered.etag),
            idempotency_keys::body.eq(&answered.body),
        ))
        .execute(&mut **work)?;
    Ok(())
}
